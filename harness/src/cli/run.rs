//! `touchdown run`.

use std::path::PathBuf;

use super::drive::{self, Chosen, Known, drive};
use super::{Exit, against, generation};
use crate::config::{PlanError, Selection};
use crate::report::terminal;
use crate::scenario::load;
use crate::snapshots::{Snapshots, What};

const EXAMPLES: &str = "\
Examples:
  touchdown run --reference
  touchdown run --command \"python main.py\" --workdir my-destination \\
      --config secrets/config.json --readback \"python read.py\"
  touchdown run --config config.json --run 'state-*' -- java -jar destination.jar
  touchdown run --image airbyte/destination-x:dev --config secrets/config.json \\
      --network my-services --readback \"python read.py\"
  touchdown run --reference --no-fixed --generate-for 10m -j 2
  touchdown run --reference --env FAULT=reorder-states";

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    drive: drive::Args,
    // What is flattened has left its heading.
    /// Run only these: a pattern that matches checks selects checks, any other selects scenarios
    #[arg(long = "run", value_name = "GLOB", help_heading = None)]
    run: Vec<String>,
    /// Leave these out: checks, or else scenarios, as for --run
    #[arg(long, value_name = "GLOB", help_heading = None)]
    skip: Vec<String>,
    /// Scenarios of your own, in place of those that come with touchdown
    #[arg(long, value_name = "DIR", help_heading = None)]
    scenarios: Option<PathBuf>,
    /// Draws the order of messages of scenarios that travel together, and the generated cases; 0:
    /// one after the other
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = None)]
    seed: u64,
    /// Reviewed snapshots: the spec has to be the one that is in there; see touchdown snapshot
    #[arg(long, value_name = "DIR", help_heading = None)]
    snapshots: Option<PathBuf>,
    /// The spec of the last release, which stored configs are held against: a file with a spec, an
    /// image, or a command
    #[arg(long, value_name = "FILE|IMAGE|COMMAND", help_heading = None)]
    against: Option<String>,
    #[command(flatten)]
    generation: generation::Args,
}

/// Carries out a run.
pub fn run(args: &Args) -> Exit {
    let report = match drive(&args.drive, chosen(args)) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    // A reader that has gone away is no error of ours.
    let _ = terminal::write(&report, &mut anstream::stdout());
    drive::end(&args.drive, &report)
}

fn chosen(args: &Args) -> Result<Chosen, PlanError> {
    let mut scenarios = match &args.scenarios {
        Some(path) => load::from_folder(path)?,
        None => load::built_in()?,
    };
    let saved = args.generation.saved()?;
    let generation = args.generation.plan(&saved, args.drive.image.image.is_some());
    if generation.no_fixed && generation.is_none() && saved.is_empty() {
        return Err(PlanError::NothingSelected);
    }
    scenarios.extend(saved);
    let selection = Selection::new(&args.run, &args.skip, &scenarios)?;
    let (is_brought, seed, out) = (args.scenarios.is_some(), args.seed, args.drive.out.clone());
    let known = known(args)?;
    Ok(Chosen { scenarios, is_brought, selection, seed, generation, out, known })
}

fn known(args: &Args) -> Result<Known, PlanError> {
    let mut known = Known::default();
    if let Some(folder) = &args.snapshots {
        let snapshots = Snapshots::within(folder);
        let held = snapshots.reviewed(What::Spec)?.ok_or_else(|| {
            let file = snapshots.file(What::Spec).display().to_string();
            PlanError::Other(format!(
                "--snapshots: there is no {file} (touchdown snapshot check makes one to review)"
            ))
        })?;
        known.reviewed = held.spec();
    }
    if let Some(named) = &args.against {
        known.released = Some(against::spec(&args.drive, named)?);
    }
    Ok(known)
}
