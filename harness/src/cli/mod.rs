//! The command line: one file a subcommand. The only place that prints, with [`crate::report`].

mod against;
mod clean;
mod drive;
mod explain;
mod generation;
mod image;
mod judge;
mod lint_spec;
mod list;
mod replay;
mod run;
mod snapshot;
mod spec;
mod target;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::event::{Report, Trouble};
use crate::subject::image::engine::EngineError;

/// Conformance tests for Airbyte destination connectors, in any language.
#[derive(Debug, Parser)]
#[command(name = "touchdown", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  touchdown run --reference
  touchdown run --command \"python main.py\" --config config.json --readback \"python read.py\"
  touchdown snapshot check --command \"python main.py\"
  touchdown explain state-lost
  touchdown judge touchdown-out/together

Exit codes:
  0 conformant · 1 a rule was broken · 2 usage or configuration ·
  3 the subject could not be run · 4 nothing selected, or nothing seen · 70 a bug of ours";

#[derive(Debug, Subcommand)]
enum Command {
    /// Drive a destination through spec, check and write, and judge it
    Run(Box<run::Args>),
    /// Run saved cases again, and say which are fixed
    Replay(Box<replay::Args>),
    /// Review what a destination says of itself, as files beside its code
    Snapshot(Box<snapshot::Args>),
    /// Print a destination's spec, or write it as the form that it is to a user
    Spec(Box<spec::Args>),
    /// Judge a spec in a file by all rules about specs, without a destination
    LintSpec(lint_spec::Args),
    /// List all checks and scenarios
    List(list::Args),
    /// Explain a check: the rule, why it exists, how it is broken
    Explain(explain::Args),
    /// Judge the evidence of a failure folder again, without the destination
    Judge(judge::Args),
    /// Remove containers, networks and volumes that runs have left which were killed
    Clean(clean::Args),
    /// Run the reference destination that comes with touchdown: spec, check, write, read
    #[command(disable_help_flag = true)]
    Reference {
        /// What it is given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// How a command ends; the numbers stand in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    Conformant = 0,
    Broken = 1,
    Usage = 2,
    Subject = 3,
    Nothing = 4,
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// For what went wrong with an engine or an image.
    fn of_engine(error: &EngineError) -> Self {
        match error {
            EngineError::Address { .. } => Self::Usage,
            _ => Self::Subject,
        }
    }

    fn of(report: &Report) -> Self {
        match &report.trouble {
            Some(Trouble::Subject(_)) => Self::Subject,
            // A broken rule stays one, whatever else went wrong.
            _ if report.failures().next().is_some() => Self::Broken,
            Some(Trouble::Readback(_) | Trouble::Evidence(_)) => Self::Usage,
            Some(Trouble::Interrupted) => Self::Subject,
            None if report.is_silent() => Self::Nothing,
            None => Self::Conformant,
        }
    }
}

/// Reads the command line and carries it out.
#[must_use]
pub fn main() -> ExitCode {
    // A panic is a bug of ours, and must not be taken for a verdict.
    let result = std::panic::catch_unwind(|| match Cli::parse().command {
        Command::Run(args) => run::run(&args).into(),
        Command::Replay(args) => replay::run(&args).into(),
        Command::Snapshot(args) => snapshot::run(&args).into(),
        Command::Spec(args) => spec::run(&args).into(),
        Command::LintSpec(args) => lint_spec::run(&args).into(),
        Command::List(args) => list::run(&args).into(),
        Command::Explain(args) => explain::run(&args).into(),
        Command::Judge(args) => judge::run(&args).into(),
        Command::Clean(args) => clean::run(&args).into(),
        Command::Reference { args } => {
            let name = OsString::from("touchdown reference");
            reference_destination::run(std::iter::once(name).chain(args))
        }
    });
    result.unwrap_or_else(|_| {
        complain("this is a bug of touchdown: please report it with the lines above");
        Exit::Bug.into()
    })
}

/// One clear error on stderr.
fn complain(what: impl std::fmt::Display) {
    use std::io::Write;
    let red = anstyle::AnsiColor::Red.on_default().bold();
    // Where nobody hears it, the exit code tells.
    let _ = writeln!(anstream::stderr(), "{red}error:{red:#} {what}");
}

/// Prints to stdout; a reader that has gone away is no error of ours.
fn print(text: &str) {
    use std::io::Write;
    let _ = anstream::stdout().write_all(text.as_bytes());
}
