//! How much of a run is generated.

use std::path::PathBuf;
use std::time::Duration;

use super::run::seconds;
use crate::config::Generation;
use crate::scenario::Scenario;
use crate::scenario::load::{self, LoadError};

/// A container takes a second or so to start.
const LAUNCHES_OF_IMAGES: usize = 50;
const LAUNCHES: usize = 1000;

/// Flags.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Generated cases")]
#[group(id = "generation_flags")]
pub struct Args {
    /// Beside the fixed scenarios, run so many generated cases; --seed draws them
    #[arg(long, value_name = "N", default_value_t = 0)]
    examples: usize,
    /// No fixed scenarios: generated cases alone
    #[arg(long, requires = "examples")]
    no_fixed: bool,
    /// Run the cases saved in this folder first, and save the small ones that fail there
    #[arg(long, value_name = "DIR")]
    save_regressions: Option<PathBuf>,
    /// Make one generated case that fails smaller for so long, at most
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    shrink_time: f64,
}

impl Args {
    /// The cases that earlier runs have saved, by name.
    pub fn saved(&self) -> Result<Vec<Scenario>, LoadError> {
        let is_there = |folder: &&PathBuf| {
            let mut entries = folder.read_dir().into_iter().flatten().filter_map(Result::ok);
            entries.any(|entry| entry.path().join("scenario.json").is_file())
        };
        self.save_regressions
            .as_ref()
            .filter(is_there)
            .map_or(Ok(Vec::new()), |folder| load::from_folder(folder))
    }

    /// What they ask for.
    pub fn plan(&self, saved: &[Scenario], is_image: bool) -> Generation {
        Generation {
            examples: self.examples,
            no_fixed: self.no_fixed,
            regressions: self.save_regressions.clone(),
            saved: saved.iter().map(|one| one.id.clone()).collect(),
            shrink_time: Duration::from_secs_f64(self.shrink_time),
            shrink_launches: if is_image { LAUNCHES_OF_IMAGES } else { LAUNCHES },
        }
    }
}
