//! `touchdown clean`.

use std::path::PathBuf;

use super::{Exit, complain};
use crate::subject::image::clean::{self, Run};
use crate::subject::image::engine::{Engine, EngineError};
use crate::subject::image::guard;

/// Flags.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the engine listens: docker, podman, or an address (unix:, tcp:); found by itself
    #[arg(long, value_name = "ADDRESS")]
    engine: Option<String>,
    /// Runs that are still going on, too, and those of other machines
    #[arg(long)]
    all: bool,
    /// Stand by a run until it ends
    #[arg(long, value_name = "RUN", hide = true)]
    guard: Option<String>,
    /// The run's folder on this disk
    #[arg(long, value_name = "DIR", hide = true, requires = "guard")]
    folder: Option<PathBuf>,
}

/// Removes containers, networks and volumes that earlier runs have left.
pub fn run(args: &Args) -> Exit {
    if let (Some(address), Some(run), Some(folder)) = (&args.engine, &args.guard, &args.folder) {
        guard::stand(address, run, folder);
        return Exit::Conformant;
    }
    match clean(args) {
        Ok(lines) => {
            super::print(&(lines.join("\n") + "\n"));
            Exit::Conformant
        }
        Err(error) => {
            complain(&error);
            Exit::of_engine(&error)
        }
    }
}

fn clean(args: &Args) -> Result<Vec<String>, EngineError> {
    let engine = Engine::connect(args.engine.as_deref(), Run::new("touchdown_clean"))?;
    let mut lines = Vec::new();
    for left in clean::left(&engine)? {
        let run = &left.run;
        match left.alive {
            Some(true) if !args.all => lines.push(format!("{run}: still going on; left alone")),
            None if !args.all => {
                lines.push(format!("{run}: of another machine; left alone (--all removes it)"));
            }
            _ => lines.push(match clean::remove_run(&engine, run)? {
                removed if removed == clean::Removed::default() => format!("{run}: already gone"),
                removed => format!("{run}: removed {removed}"),
            }),
        }
    }
    if lines.is_empty() {
        lines.push("nothing was left behind".to_owned());
    }
    Ok(lines)
}
