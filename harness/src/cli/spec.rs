//! `touchdown spec`.

use std::path::PathBuf;

use super::drive::{self, refused, with_plan};
use super::{Exit, against, complain, print};
use crate::config::PlanError;
use crate::session::ask::{Unanswered, ask};
use crate::spec::canonical::printed;
use crate::spec::form::page;

const EXAMPLES: &str = "\
Examples:
  touchdown spec --command \"python main.py\" --html form.html
  touchdown spec --spec spec.json --html form.html
  touchdown spec --image airbyte/destination-x:dev";

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    drive: drive::Args,
    // What is flattened has left its heading.
    /// A file with a spec, in place of a destination
    #[arg(long, value_name = "FILE", help_heading = None)]
    spec: Option<PathBuf>,
    /// Write the form that the spec is to a user, as a page to look at
    #[arg(long, value_name = "FILE", help_heading = None)]
    html: Option<PathBuf>,
}

/// Prints a spec in the one way in which it is reviewed, or writes it as a form.
pub fn run(args: &Args) -> Exit {
    let spec = match &args.spec {
        Some(path) => against::of_file(path),
        None => {
            match with_plan(&args.drive, against::for_spec(), |plan, on| ask(plan, on, false)) {
                Ok(Ok(asked)) => Ok(asked.spec),
                Ok(Err(error)) => {
                    complain(&error);
                    return Exit::of_unanswered(&error);
                }
                Err(error) => Err(error),
            }
        }
    };
    let spec = match spec {
        Ok(spec) => spec,
        Err(error) => return refused(&error),
    };
    let Some(file) = &args.html else {
        print(&format!("{}\n", printed(&spec)));
        return Exit::Conformant;
    };
    let page = page(&spec).map_err(|error| PlanError::Other(format!("the spec: {error}")));
    let written = page.and_then(|page| {
        let fail = |error| PlanError::Other(format!("--html {}: {error}", file.display()));
        std::fs::write(file, page).map_err(fail)
    });
    match written {
        Ok(()) => {
            print(&format!("{} shows the form\n", file.display()));
            Exit::Conformant
        }
        Err(error) => refused(&error),
    }
}

impl Exit {
    /// For a destination that gave no answer.
    pub(super) fn of_unanswered(error: &Unanswered) -> Self {
        match error {
            Unanswered::Spec(_) => Self::Broken,
            Unanswered::Session(_) => Self::Usage,
            Unanswered::Subject(_) | Unanswered::Interrupted => Self::Subject,
        }
    }
}
