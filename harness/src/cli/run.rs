//! `touchdown run`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::{Exit, complain};
use crate::config::{self, ConfigFile, Plan, PlanError, Selection};
use crate::event::Report;
use crate::protocol::Operation;
use crate::readback::command::Readback;
use crate::report::progress::Progress;
use crate::report::{json as json_report, terminal};
use crate::scenario::load;
use crate::scenario::names::Names;
use crate::session;
use crate::subject::command::Subject;
use crate::subject::group::end_all;
use crate::subject::{INTERRUPTED, Limits};

const EXAMPLES: &str = "\
Examples:
  touchdown run --reference
  touchdown run --command \"python main.py\" --workdir my-destination \\
      --config secrets/config.json --readback \"python read.py\"
  touchdown run --config config.json --run 'state-*' -- java -jar destination.jar
  touchdown run --reference --env FAULT=reorder-states";

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Test the reference destination that comes with touchdown
    #[arg(long, conflicts_with_all = ["command", "words", "config", "readback", "workdir"])]
    reference: bool,
    /// The destination's command, split into words as a shell would
    #[arg(long, value_name = "CMD", conflicts_with = "words")]
    command: Option<String>,
    /// The destination's command, word by word
    #[arg(last = true, value_name = "CMD ARG")]
    words: Vec<OsString>,
    /// Where the destination runs; here by default
    #[arg(long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// A variable for the destination's environment, which holds PATH, HOME and LANG otherwise
    #[arg(long = "env", value_name = "K=V", value_parser = variable)]
    env: Vec<(String, String)>,
    /// The destination's working config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A config that fits the spec and points nowhere
    #[arg(long, value_name = "FILE")]
    unreachable_config: Option<PathBuf>,
    /// A command that prints landed rows as JSON lines; called with --config FILE --stream NAME
    /// [--namespace NS]
    #[arg(long, value_name = "CMD")]
    readback: Option<String>,
    /// The destination knows no namespaces: streams are told apart by name
    #[arg(long)]
    no_namespaces: bool,
    /// Run only checks and scenarios of these names
    #[arg(long = "run", value_name = "GLOB")]
    run: Vec<String>,
    /// Leave out checks and scenarios of these names
    #[arg(long, value_name = "GLOB")]
    skip: Vec<String>,
    /// Scenarios of your own, in place of those that come with touchdown
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Rules of level `should` fail the run, too
    #[arg(long)]
    strict: bool,
    /// How many launches at a time
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    jobs: usize,
    /// Draws the order of messages of scenarios that travel together; 0: one after the other
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// End a launch that makes no progress for so long
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    timeout: f64,
    /// check has to answer within
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    check_within: f64,
    /// An acknowledgement is due within
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    ack_within: Option<f64>,
    /// Write a JSON report
    #[arg(long, value_name = "FILE")]
    report_json: Option<PathBuf>,
    /// Where the evidence of failures is kept
    #[arg(long, value_name = "DIR", default_value = "touchdown-out")]
    out: PathBuf,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is not of the form KEY=VALUE".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0 && *seconds < 1e6)
        .ok_or_else(|| "it is no number of seconds above 0".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "it is no number above 0".to_owned())
}

/// The platform waits this long for an acknowledgement.
const ACK_WITHIN_S: f64 = 900.0;

/// Carries out a run.
pub fn run(args: &Args) -> Exit {
    // The reference destination's database, for as long as the run lasts.
    let folder = match tempfile::Builder::new().prefix("touchdown-reference-").tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            complain(format!("no temporary folder can be made: {error}"));
            return Exit::Usage;
        }
    };
    let plan = match plan(args, &folder) {
        Ok(plan) => plan,
        Err(error) => {
            complain(&error);
            return match error {
                PlanError::NothingSelected => Exit::Nothing,
                _ => Exit::Usage,
            };
        }
    };
    let _ = ctrlc::set_handler(|| {
        // A second time, whoever waits has waited long enough.
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            end_all();
            std::process::exit(130);
        }
    });
    let progress = Progress::default();
    let mut report = match session::run(&plan, &|event| progress.on(event)) {
        Ok(report) => report,
        Err(error) => {
            complain(error);
            return Exit::Usage;
        }
    };
    report.strict = args.strict;
    tell(&report, args.report_json.as_deref())
}

fn tell(report: &Report, json: Option<&Path>) -> Exit {
    // A reader that has gone away is no error of ours.
    let _ = terminal::write(report, &mut anstream::stdout());
    let mut exit = Exit::of(report);
    if let Some(path) = json
        && let Err(error) = json_report::write(report, path)
    {
        complain(format!("the report could not be written to {}: {error}", path.display()));
        exit = Exit::Usage;
    }
    exit
}

fn plan(args: &Args, folder: &TempDir) -> Result<Plan, PlanError> {
    let other = |what: String| PlanError::Other(what);
    let scenarios = match &args.scenarios {
        Some(path) => load::from_folder(path),
        None => load::built_in(),
    }
    .map_err(|error| other(error.to_string()))?;
    let selection = Selection::new(&args.run, &args.skip, &scenarios)?;
    let subject = subject(args)?;
    if let Some(workdir) = &args.workdir
        && !workdir.is_dir()
    {
        return Err(other(format!("--workdir {}: no such folder", workdir.display())));
    }
    let (config, unreachable, readback) = if args.reference {
        let [working, unreachable] = reference_configs(folder).map_err(|e| other(e.to_string()))?;
        let words = subject.words.iter().cloned().chain(["read".into()]).collect();
        // Reading back is not what is tested: it gets no fault.
        let readback = Subject { words, workdir: None, env: Vec::new() };
        (Some(working), Some(unreachable), Some(readback))
    } else {
        (args.config.clone(), args.unreachable_config.clone(), readback(args)?)
    };
    let read = |path: &Option<PathBuf>, what| {
        path.as_ref().map(|path| ConfigFile::read(path, what)).transpose()
    };
    let gate = args.ack_within.map(|s| Duration::from_secs_f64(s + 0.5));
    let plan = Plan {
        is_reference: args.reference,
        config: read(&config, "the config")?,
        unreachable: read(&unreachable, "the unreachable config")?,
        readback: readback
            .map(|command| Readback { command, within: Duration::from_secs_f64(args.timeout) }),
        scenarios,
        selection,
        names: Names { run: config::run_name(), namespaces: !args.no_namespaces },
        seed: args.seed,
        jobs: args.jobs,
        limits: Limits {
            idle: Duration::from_secs_f64(args.timeout),
            gate: gate.unwrap_or(Limits::default().gate),
            ..Limits::default()
        },
        check_within_s: args.check_within,
        ack_within_s: args.ack_within.unwrap_or(ACK_WITHIN_S),
        out: args.out.clone(),
        subject,
    };
    if plan.config.is_none() && needs_config(&plan) {
        return Err(other(
            "--config FILE is missing: check and write need the destination's working config\n\
             (--run 'spec-*' judges the spec alone)"
                .to_owned(),
        ));
    }
    Ok(plan)
}

fn needs_config(plan: &Plan) -> bool {
    crate::checks::all()
        .filter(|check| plan.selection.check(check.id))
        .any(|check| check.on.iter().all(|on| on.operation() != Operation::Spec))
}

fn split(flag: &'static str, words: &str) -> Result<Vec<OsString>, PlanError> {
    let split = shell_words::split(words)
        .map_err(|_| PlanError::Words { flag, words: words.to_owned() })?;
    if split.is_empty() {
        return Err(PlanError::Other(format!("--{flag} is empty")));
    }
    Ok(split.into_iter().map(OsString::from).collect())
}

fn subject(args: &Args) -> Result<Subject, PlanError> {
    let words = if args.reference {
        let own = std::env::current_exe()
            .map_err(|error| PlanError::Other(format!("our own program is not found: {error}")))?;
        vec![own.into_os_string(), "reference".into()]
    } else if let Some(command) = &args.command {
        split("command", command)?
    } else if args.words.is_empty() {
        return Err(PlanError::Other(
            "what is to be tested? give --command \"CMD …\", -- CMD ARG…, or --reference"
                .to_owned(),
        ));
    } else {
        args.words.clone()
    };
    Ok(Subject { words, workdir: args.workdir.clone(), env: args.env.clone() })
}

fn readback(args: &Args) -> Result<Option<Subject>, PlanError> {
    let Some(command) = &args.readback else {
        return Ok(None);
    };
    let words = split("readback", command)?;
    Ok(Some(Subject { words, workdir: args.workdir.clone(), env: args.env.clone() }))
}

/// Configs for the reference destination: one that works, with a secret in it, and one that fits
/// the spec and points nowhere.
fn reference_configs(folder: &TempDir) -> std::io::Result<[PathBuf; 2]> {
    let write = |name: &str, database: &str| {
        let path = folder.path().join(name);
        let config = json!({
            "path": folder.path().join(database),
            "passphrase": "correct horse battery staple",
        });
        std::fs::write(&path, config.to_string()).map(|()| path)
    };
    Ok([
        write("config.json", "reference.sqlite")?,
        write("unreachable.json", "no/such/folder/reference.sqlite")?,
    ])
}
