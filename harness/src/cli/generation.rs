//! How much of a run is generated.

use std::path::PathBuf;
use std::time::Duration;

use super::drive::seconds;
use crate::config::{Amount, Generation};
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
    #[arg(long, value_name = "N", default_value_t = 100)]
    examples: usize,
    /// Run generated cases for so long, such as 90s or 10m, however many those are
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "examples")]
    generate_for: Option<Duration>,
    /// No generated cases: fixed scenarios alone
    #[arg(long, conflicts_with_all = ["examples", "generate_for", "no_fixed"])]
    no_generate: bool,
    /// No fixed scenarios: generated cases alone
    #[arg(long)]
    no_fixed: bool,
    /// Run the cases saved in this folder first, and save the small ones that fail there
    #[arg(long, value_name = "DIR")]
    save_regressions: Option<PathBuf>,
    /// Make generated cases that fail smaller for so long, at most
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    shrink_time: f64,
}

fn time(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|time| Duration::try_from(time).ok())
        .filter(|time| !time.is_zero() && time.as_secs() < 1_000_000)
        .ok_or_else(|| "it is no time such as 90s, 10m or 1h 30m".to_owned())
}

impl Args {
    /// The cases that earlier runs have saved, by name.
    pub fn saved(&self) -> Result<Vec<Scenario>, LoadError> {
        let is_there = |folder: &&PathBuf| {
            // What is no folder is told before anything is launched.
            if folder.exists() && !folder.is_dir() {
                return true;
            }
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
            amount: match self.generate_for {
                _ if self.no_generate => Amount::Cases(0),
                Some(time) => Amount::Time(time),
                None => Amount::Cases(self.examples),
            },
            no_fixed: self.no_fixed,
            regressions: self.save_regressions.clone(),
            saved: saved.iter().map(|one| one.id.clone()).collect(),
            shrink_time: Duration::from_secs_f64(self.shrink_time),
            shrink_launches: if is_image { LAUNCHES_OF_IMAGES } else { LAUNCHES },
        }
    }
}
