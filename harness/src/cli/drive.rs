//! Driving a destination: the flags that say which one and how, and a run from its plan to its report.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::target::Target;
use super::{Exit, complain, image};
use crate::checks::find;
use crate::checks::state_time::PLATFORM_WAITS_S;
use crate::config::{self, ConfigFile, Generation, Plan, PlanError, Selection};
use crate::event::Report;
use crate::protocol::Operation;
use crate::report::json as json_report;
use crate::report::progress::Progress;
use crate::scenario::Scenario;
use crate::scenario::capability::Declared;
use crate::scenario::names::Names;
use crate::session::{self, Listener};
use crate::subject::group::end_all;
use crate::subject::image::guard::Guard;
use crate::subject::{INTERRUPTED, Limits};

/// Flags of all that drives a destination.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "drive_flags")]
pub struct Args {
    /// Test the reference destination that comes with touchdown
    #[arg(long, conflicts_with_all =
        ["command", "words", "config", "unreachable_config", "readback", "readback_once",
         "inventory", "workdir"])]
    pub(super) reference: bool,
    /// The destination's command, split into words as a shell would
    #[arg(long, value_name = "CMD", conflicts_with = "words")]
    pub(super) command: Option<String>,
    /// The destination's command, word by word
    #[arg(last = true, value_name = "CMD ARG")]
    pub(super) words: Vec<OsString>,
    /// Where the destination runs; here by default
    #[arg(long, value_name = "DIR")]
    pub(super) workdir: Option<PathBuf>,
    /// A variable for the destination's environment, which holds PATH, HOME and LANG otherwise
    #[arg(long = "env", value_name = "K=V", value_parser = variable)]
    pub(super) env: Vec<(String, String)>,
    /// The destination's working config
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// A config that fits the spec and points nowhere
    #[arg(long, value_name = "FILE")]
    pub(super) unreachable_config: Option<PathBuf>,
    /// A command that prints landed rows as JSON lines; called with --config FILE --stream NAME
    /// [--namespace NS]
    #[arg(long, value_name = "CMD")]
    pub(super) readback: Option<String>,
    /// As --readback, but called once after each sync, with --config FILE --streams FILE; see the
    /// README
    #[arg(long, value_name = "CMD", conflicts_with = "readback")]
    pub(super) readback_once: Option<String>,
    /// A command that prints all that a user sees in the destination, one thing a line; called with
    /// --config FILE before and after check
    #[arg(long, value_name = "CMD")]
    pub(super) inventory: Option<String>,
    /// Something that the destination declares of itself, such as refreshes or
    /// unknown-streams=failed; touchdown list shows all
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(super) declare: Vec<String>,
    /// The destination knows no namespaces: streams are told apart by name
    #[arg(long)]
    no_namespaces: bool,
    /// Rules of level `should` fail the run, too
    #[arg(long)]
    strict: bool,
    /// How many launches at a time
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    jobs: usize,
    /// End a launch that makes no progress for so long
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub(super) timeout: f64,
    /// check has to answer within
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    check_within: f64,
    /// An operation has to exit within so long of closing its stdout
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    exit_within: f64,
    /// An acknowledgement is due within
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    ack_within: Option<f64>,
    /// Write a JSON report
    #[arg(long, value_name = "FILE")]
    report_json: Option<PathBuf>,
    /// Where the evidence of failures is kept
    #[arg(long, value_name = "DIR", default_value = "touchdown-out")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) image: image::Args,
}

impl Args {
    /// For another destination, a command or an image, of which only the spec is wanted.
    pub fn of_another(&self, is_command: bool, named: &str) -> Self {
        Self {
            reference: false,
            words: Vec::new(),
            command: is_command.then(|| named.to_owned()),
            config: None,
            unreachable_config: None,
            readback: None,
            readback_once: None,
            inventory: None,
            image: self.image.with(is_command, named),
            ..self.clone()
        }
    }

    /// Whether a destination is named.
    pub fn names_a_subject(&self) -> bool {
        let named = self.command.is_some() || self.image.image.is_some();
        named || self.reference || !self.words.is_empty()
    }
}

/// What is to be run against the destination.
pub struct Chosen {
    /// All scenarios there are.
    pub scenarios: Vec<Scenario>,
    /// Whether the user brings them.
    pub is_brought: bool,
    /// Those of them that are wanted, and the checks.
    pub selection: Selection,
    /// Draws the order of messages, and cases.
    pub seed: u64,
    /// How much is generated.
    pub generation: Generation,
    /// Where failures are kept.
    pub out: PathBuf,
    /// The spec that was reviewed, and that of the last release.
    pub known: Known,
}

/// Specs that a spec is compared with.
#[derive(Debug, Default)]
pub struct Known {
    /// What was reviewed.
    pub reviewed: Option<Value>,
    /// What was released.
    pub released: Option<Value>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is not of the form KEY=VALUE".to_owned()),
    }
}

/// Reads a number of seconds; the error is in words.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0 && *seconds < 1e6)
        .ok_or_else(|| "it is no number of seconds above 0".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "it is no number above 0".to_owned())
}

/// Carries out what is chosen, and gives the report; what keeps it from being carried out is told
/// here.
pub fn drive(args: &Args, chosen: Result<Chosen, PlanError>) -> Result<Report, Exit> {
    let report = with_plan(args, chosen, session::run).map_err(|error| refused(&error))?;
    let mut report = report.map_err(|error| {
        complain(error);
        Exit::Usage
    })?;
    report.strict = args.strict;
    Ok(report)
}

/// Tells what is wrong with what was asked for.
pub fn refused(error: &PlanError) -> Exit {
    complain(error);
    match error {
        PlanError::NothingSelected => Exit::Nothing,
        PlanError::Engine(error) => Exit::of_engine(error),
        _ => Exit::Usage,
    }
}

/// Makes a plan of what is chosen, and has it worked on, with progress shown.
pub fn with_plan<T>(
    args: &Args,
    chosen: Result<Chosen, PlanError>,
    work: impl FnOnce(&Plan, &Listener) -> T,
) -> Result<T, PlanError> {
    // All that lies on this disk for as long as the run lasts: configs, pipes, a database.
    let folder = tempfile::Builder::new()
        .prefix("touchdown-")
        .tempdir()
        .map_err(|error| PlanError::Other(format!("no temporary folder can be made: {error}")))?;
    let (plan, guard) = plan(args, chosen?, &folder)?;
    let ours = folder.path().to_owned();
    let _ = ctrlc::set_handler(move || {
        // A second time, whoever waits has waited long enough.
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            end_all();
            // There are secrets in it. What is just being written may stay.
            for _ in 0..10 {
                let _ = std::fs::remove_dir_all(&ours);
            }
            std::process::exit(130);
        }
    });
    let progress = Progress::default();
    let done = work(&plan, &|event| progress.on(event));
    progress.done();
    // With it goes all that the run has made of containers.
    drop(plan);
    if guard.is_some_and(|guard| !guard.done()) {
        complain("what the run has made of containers could not be removed: touchdown clean does");
    }
    Ok(done)
}

/// How a run ends that has been told, once its report for machines is written, too.
pub fn end(args: &Args, report: &Report) -> Exit {
    if let Some(path) = &args.report_json
        && let Err(error) = json_report::write(report, path)
    {
        complain(format!("the report could not be written to {}: {error}", path.display()));
        return Exit::Usage;
    }
    Exit::of(report)
}

fn plan(args: &Args, chosen: Chosen, folder: &TempDir) -> Result<(Plan, Option<Guard>), PlanError> {
    let other = |what: String| PlanError::Other(what);
    let Chosen { scenarios, is_brought, selection, seed, generation, out, known } = chosen;
    for scenario in &scenarios {
        let named = scenario.about.iter().map(|about| ("about", about));
        let named = named.chain(scenario.failed.iter().map(|failed| ("failed", failed)));
        let mut unknown = named.filter(|(_, check)| find(check).is_none());
        if let Some((what, check)) = unknown.next() {
            let id = &scenario.id;
            return Err(other(format!(
                "{id}/scenario.json: {what:?}: there is no check {check:?}"
            )));
        }
    }
    if let Some(workdir) = &args.workdir
        && !workdir.is_dir()
    {
        return Err(other(format!("--workdir {}: no such folder", workdir.display())));
    }
    let run = config::run_name();
    let Target { subject, config, unreachable, readback, inventory, declared, guard } =
        Target::find(args, folder, &run)?;
    let declared = declared.iter().chain(&args.declare).map(String::as_str);
    let declared = Declared::parse(declared).map_err(other)?;
    if let Some(image) = subject.image() {
        image.assume(args.image.io);
    }
    let wanted = || scenarios.iter().filter(|one| selection.scenario(&one.id));
    let unbearable = |one: &Scenario| Some((one.id.clone(), subject.cannot_bear(one)?));
    let refused: Vec<_> = wanted().filter_map(unbearable).collect();
    // Whoever brings it, or asks for nothing else, wants it to be run.
    if let Some((id, why)) = refused.first()
        && (is_brought || refused.len() == wanted().count())
    {
        return Err(other(format!("the scenario {id} {why}, or --skip {id}")));
    }
    let read = |path: &Option<PathBuf>, what| {
        let Some(path) = path else { return Ok(None) };
        let is_ours = path.starts_with(folder.path());
        ConfigFile::read(path, what).map(|config| Some(ConfigFile { is_ours, ..config }))
    };
    let gate = args.ack_within.map(|s| Duration::from_secs_f64(s + 0.5));
    let plan = Plan {
        io: args.image.io,
        is_reference: args.reference,
        config: read(&config, "the config")?,
        unreachable: read(&unreachable, "the unreachable config")?,
        readback,
        inventory,
        declared,
        scenarios,
        selection,
        names: Names { run, namespaces: !args.no_namespaces, default: false },
        seed,
        jobs: args.jobs,
        limits: Limits {
            idle: Duration::from_secs_f64(args.timeout),
            gate: gate.unwrap_or(Limits::default().gate),
            ..Limits::default()
        },
        exit_within_s: args.exit_within,
        check_within_s: args.check_within,
        ack_within_s: args.ack_within.unwrap_or(PLATFORM_WAITS_S),
        generation,
        out,
        reviewed: known.reviewed,
        released: known.released,
        folder: folder.path().to_owned(),
        subject,
    };
    if plan.config.is_none() && needs_config(&plan) {
        return Err(other(
            "--config FILE is missing: check and write need the destination's working config\n\
             (--run 'spec-*' judges the spec alone)"
                .to_owned(),
        ));
    }
    Ok((plan, guard))
}

fn needs_config(plan: &Plan) -> bool {
    crate::checks::all()
        .filter(|check| plan.selection.check(check.id))
        .any(|check| check.on.iter().all(|on| on.operation() != Operation::Spec))
}
