//! The command line, and how a command's end becomes an exit code.

use crate::error::Stop;
use crate::faults::{Fault, Faults};
use crate::output::Output;
use crate::{check, read, spec, write};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// An Airbyte destination on SQLite that keeps every rule, and breaks one on request.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Commits this violation of the protocol; the variable FAULT does the same.
    #[arg(long, global = true, value_name = "NAME")]
    fault: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints what can be configured.
    Spec,
    /// Checks a configuration.
    Check {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Writes the records that come on stdin.
    Write {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The configured catalog, a JSON file.
        #[arg(long, value_name = "FILE")]
        catalog: PathBuf,
        /// Accepted for the sake of platforms that give one, and not used.
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
    },
    /// Prints the rows of streams as JSON lines.
    Read {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The stream's name.
        #[arg(
            long,
            value_name = "NAME",
            allow_hyphen_values = true,
            required_unless_present_any = ["streams", "inventory"]
        )]
        stream: Option<String>,
        /// The stream's namespace; without one, the default namespace.
        #[arg(long, value_name = "NS", allow_hyphen_values = true)]
        namespace: Option<String>,
        /// Streams, a JSON line each: {"stream": NAME, "namespace": NS}. Each row is printed with
        /// its stream.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["stream", "namespace"])]
        streams: Option<PathBuf>,
        /// Lists what there is instead: a line each for the streams, NAMESPACE, a tab and NAME,
        /// and for the tables that are not this destination's.
        #[arg(long, conflicts_with_all = ["stream", "namespace", "streams"])]
        inventory: bool,
    },
}

/// Runs one command. The first argument is the program's name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help is asked for with an "error" too; it goes to stdout and ends well.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let asked = cli.fault.or_else(|| std::env::var("FAULT").ok()).unwrap_or_default();
    let faults = match Faults::parse(&asked) {
        Ok(faults) => faults,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let mut output = Output::new(faults);
    let outcome = match &cli.command {
        Command::Read { config, inventory: true, .. } => {
            return conclude_read(&read::inventory(config));
        }
        Command::Read { config, stream, namespace, streams, .. } => {
            return conclude_read(&match (stream, streams) {
                (Some(name), _) => read::one(config, namespace.as_deref(), name),
                (None, Some(list)) => read::listed(config, list),
                // The arguments have been refused before.
                (None, None) => Ok(()),
            });
        }
        Command::Spec => spec::run(faults, &mut output),
        Command::Check { config } => check::run(config, faults, &mut output),
        Command::Write { config, catalog, .. } => write::run(config, catalog, faults, &mut output),
    };
    let wrote = outcome.is_ok() && matches!(cli.command, Command::Write { .. });
    let code = conclude(outcome, faults, &mut output);
    if wrote && faults.has(Fault::ExitOne) {
        return ExitCode::from(1);
    }
    if wrote && faults.has(Fault::NeverExits) {
        let background = thread::spawn(|| {
            loop {
                thread::park();
            }
        });
        let _ = background.join();
    }
    if wrote && faults.has(Fault::LingerAfterClose) {
        linger();
    }
    code
}

/// `linger-after-close`: lets go of stdout, and of the process a good while later.
fn linger() {
    let nowhere = OpenOptions::new().write(true).open("/dev/null");
    let _ = nowhere.map(|nowhere| rustix::stdio::dup2_stdout(&nowhere));
    let millis = std::env::var("LINGER_MS").ok().and_then(|millis| millis.parse().ok());
    let background = thread::spawn(move || {
        thread::sleep(Duration::from_millis(millis.unwrap_or(12_000)));
    });
    let _ = background.join();
}

fn conclude(outcome: Result<(), Stop>, faults: Faults, output: &mut Output) -> ExitCode {
    let reported = match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Stop::Failure(failure)) => {
            let code = u8::from(!faults.has(Fault::FailWithZero));
            output.failure(&failure).map(|()| ExitCode::from(code))
        }
        Err(Stop::Crash(code)) => Ok(ExitCode::from(code)),
        Err(Stop::Stdout(error)) => Err(error),
    };
    match reported.and_then(|code| output.finish().map(|()| code)) {
        Ok(code) => code,
        Err(error) => {
            // Nobody hears the protocol any more; the exit code and stderr are what is left.
            eprintln!("error: stdout cannot be written to: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reading is no operation of the protocol: its failures are told to a person.
fn conclude_read(outcome: &Result<(), Stop>) -> ExitCode {
    match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Stop::Failure(failure)) => {
            eprintln!("error: {} ({})", failure.message, failure.internal);
        }
        Err(Stop::Stdout(error)) => eprintln!("error: stdout cannot be written to: {error}"),
        Err(Stop::Crash(code)) => return ExitCode::from(*code),
    }
    ExitCode::FAILURE
}
