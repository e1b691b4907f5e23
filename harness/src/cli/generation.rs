//! How much of a run is generated.

use std::time::Duration;

use super::run::seconds;
use crate::config::Generation;

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
    /// Make one generated case that fails smaller for so long, at most
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    shrink_time: f64,
}

impl Args {
    /// What they ask for.
    pub fn plan(&self, is_image: bool) -> Generation {
        Generation {
            examples: self.examples,
            no_fixed: self.no_fixed,
            shrink_time: Duration::from_secs_f64(self.shrink_time),
            shrink_launches: if is_image { LAUNCHES_OF_IMAGES } else { LAUNCHES },
        }
    }
}
