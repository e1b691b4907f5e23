//! `touchdown snapshot`: what a destination says of itself, reviewed as code is.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use regex::Regex;
use serde_json::Value;

use super::drive::{self, Chosen, refused, with_plan};
use super::{Exit, against, complain};
use crate::config::{PlanError, Selection};
use crate::report::snapshot::{Shown, decided, show};
use crate::session::ask::{Asked, Unanswered, ask};
use crate::snapshots::answers::{self, Varying};
use crate::snapshots::{Connector, Held, SnapshotError, Snapshots, What};
use crate::spec::canonical::printed;
use crate::spec::changes::{Changes, Incomparable};

/// How many configs of the spec before are held against the new one.
const CONFIGS: usize = 1000;

const EXAMPLES: &str = "\
Examples:
  touchdown snapshot check --command \"python main.py\"
  touchdown snapshot review
  touchdown snapshot accept --allow-breaking
  touchdown snapshot check --image airbyte/destination-x:dev --against airbyte/destination-x:1.2.0
  touchdown snapshot check --what spec,check --config secrets/config.json -- java -jar x.jar

A destination that is named to review, accept or reject is asked first. Where CI is set nothing is
written, and whatever differs fails.";

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Ask the destination, and keep what differs to be reviewed; exit code 1 if anything does
    Check,
    /// Show what differs, and ask what to do with it
    Review,
    /// Take what differs as reviewed
    Accept,
    /// Take away what differs
    Reject,
}

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[arg(value_enum)]
    action: Action,
    #[command(flatten)]
    drive: drive::Args,
    // What is flattened has left its heading.
    /// Where snapshots are kept
    #[arg(long, value_name = "DIR", default_value = "snapshots", help_heading = None)]
    snapshots: PathBuf,
    /// What it is about: spec, check (its answers to the working config, to bad and unreachable ones);
    /// by default the spec is asked, and all is gone through
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = what, help_heading = None)]
    what: Vec<What>,
    /// The spec of the last release, in place of the accepted one: a file with a spec, an image, or a
    /// command
    #[arg(long, value_name = "FILE|IMAGE|COMMAND", help_heading = None)]
    against: Option<String>,
    /// Take spec changes that break stored configurations, too
    #[arg(long, help_heading = None)]
    allow_breaking: bool,
    /// For review: accept all without asking
    #[arg(long, help_heading = None)]
    yes: bool,
    /// What matches is left out of check's answers, since it is another each time
    #[arg(long, value_name = "REGEX", help_heading = None)]
    redact: Vec<Regex>,
}

fn what(text: &str) -> Result<What, String> {
    let found = What::ALL.into_iter().find(|what| what.name() == text);
    found.ok_or_else(|| "it is spec or check".to_owned())
}

/// Why a command comes to its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Incomparable(#[from] Incomparable),
}

/// Carries it out.
pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(exit) => exit,
        Err(Stopped::Plan(error)) => refused(&error),
        Err(Stopped::Snapshot(error)) => {
            complain(error);
            Exit::Usage
        }
        Err(Stopped::Incomparable(error)) => {
            complain(format!("{error}\n(nothing was written)"));
            Exit::Broken
        }
        Err(Stopped::Unanswered(error)) => {
            complain(&error);
            Exit::of_unanswered(&error)
        }
    }
}

fn carry_out(args: &Args) -> Result<Exit, Stopped> {
    let snapshots = Snapshots::within(&args.snapshots);
    let given = args.against.as_ref().map(|named| against::spec(&args.drive, named)).transpose()?;
    let is_named = args.drive.names_a_subject();
    let mut differ = Vec::new();
    if is_named || args.action == Action::Check {
        for (what, held) in held(args)? {
            let reviewed = snapshots.reviewed_of(what, &held.connector)?;
            differ.push(Shown::new(what, reviewed, held));
        }
    } else {
        for what in What::ALL.into_iter().filter(|what| args.wants(*what)) {
            if let Some(held) = snapshots.pending(what)? {
                let reviewed = snapshots.reviewed_of(what, &held.connector)?;
                differ.push(Shown::new(what, reviewed, held));
            }
        }
    }
    for shown in &mut differ {
        shown.changes = changes(given.as_ref(), shown)?;
    }
    let in_ci = std::env::var("CI").is_ok_and(|ci| !["", "0", "false"].contains(&ci.as_str()));
    if is_named || args.action == Action::Check {
        for shown in differ.iter().filter(|_| !in_ci) {
            if shown.differs() {
                snapshots.propose(shown.what, &shown.held)?;
            } else if snapshots.pending_of(shown.what, &shown.held.connector)?.is_some() {
                snapshots.reject(shown.what)?;
            }
        }
    }
    let mut out = anstream::stdout();
    let mut exit = Exit::Conformant;
    let differs = differ.iter().any(Shown::differs);
    if !differs && args.action != Action::Check {
        // A reader that has gone away is no error of ours, here and below.
        let _ = writeln!(out, "there is nothing to review in {}", args.snapshots.display());
    }
    for shown in &differ {
        if !shown.differs() && args.action != Action::Check {
            continue;
        }
        if args.action != Action::Reject {
            let _ = show(shown, &snapshots, &mut out);
        }
        let is_refused = !args.allow_breaking && breaks(shown, given.is_some())?;
        let done = match args.action {
            Action::Check => {
                if shown.differs() || is_refused {
                    exit = Exit::Broken;
                }
                continue;
            }
            Action::Reject => Decision::Reject,
            Action::Accept => Decision::Accept,
            Action::Review if args.yes => Decision::Accept,
            Action::Review => asked(&mut out),
        };
        let word = match done {
            Decision::Accept if is_refused => {
                exit = Exit::Broken;
                "refused: it breaks stored configurations (--allow-breaking takes it)"
            }
            Decision::Accept | Decision::Reject if in_ci => {
                exit = Exit::Broken;
                "left as it is: CI is set, where nothing is written"
            }
            Decision::Accept => {
                snapshots.accept(shown.what, &shown.held)?;
                "accepted"
            }
            Decision::Reject => {
                snapshots.reject(shown.what)?;
                "rejected"
            }
            Decision::Skip => "skipped",
        };
        let _ = decided(shown.what, word, &mut out);
    }
    if args.action == Action::Check && differs && !in_ci {
        let _ = writeln!(out, "\ntouchdown snapshot review goes through what differs");
    }
    Ok(exit)
}

impl Args {
    /// Whether this is to be gone through.
    fn wants(&self, what: What) -> bool {
        self.what.is_empty() || self.what.contains(&what)
    }
}

enum Decision {
    Accept,
    Reject,
    Skip,
}

/// Asks until there is an answer; the end of the input skips.
fn asked(out: &mut impl Write) -> Decision {
    let mut lines = std::io::stdin().lock().lines();
    loop {
        let _ = write!(out, "[a]ccept, [r]eject, [s]kip? ");
        let _ = out.flush();
        match lines.next() {
            Some(Ok(line)) => match line.trim().to_ascii_lowercase().as_str() {
                "a" | "accept" => return Decision::Accept,
                "r" | "reject" => return Decision::Reject,
                "s" | "skip" => return Decision::Skip,
                _ => {}
            },
            _ => return Decision::Skip,
        }
    }
}

/// What changed in the spec: from what was given to compare with, or from the accepted one.
fn changes(given: Option<&Value>, shown: &Shown) -> Result<Option<Changes>, Incomparable> {
    if shown.what != What::Spec {
        return Ok(None);
    }
    let before = given.cloned().or_else(|| shown.reviewed.as_ref()?.spec());
    let Some(now) = shown.held.spec() else { return Ok(None) };
    // Without anything to compare with, it is held against itself: it has to be a spec at all.
    let changes = Changes::between(before.as_ref().unwrap_or(&now), &now, CONFIGS, 0)?;
    Ok(before.is_some().then_some(changes))
}

/// Whether a spec breaks what was stored with the accepted one, or with that of the last release.
/// `is_released` says that it was compared with the latter.
fn breaks(shown: &Shown, is_released: bool) -> Result<bool, Incomparable> {
    let breaks = |changes: &Changes| changes.breaking().next().is_some();
    let accepted = if is_released { changes(None, shown)? } else { None };
    Ok(shown.changes.iter().chain(&accepted).any(breaks))
}

/// What the destination answers to all that is asked.
fn held(args: &Args) -> Result<Vec<(What, Held)>, Stopped> {
    let asked: &[What] = if args.what.is_empty() { &[What::Spec] } else { &args.what };
    let checks = asked.contains(&What::Check);
    let chosen = chosen(checks, args.drive.out.clone());
    let answers = with_plan(&args.drive, chosen, |plan, listener| ask(plan, listener, checks))?;
    let Asked { spec, checks } = answers?;
    let connector = Connector::of(&spec);
    let varying = Varying::new(&args.redact);
    let held = What::ALL.into_iter().filter(|what| asked.contains(what)).map(|what| {
        let text = match what {
            What::Spec => printed(&spec),
            What::Check => answers::printed(&checks, &varying),
        };
        (what, Held { text, connector: connector.clone() })
    });
    Ok(held.collect())
}

fn chosen(checks: bool, out: PathBuf) -> Result<Chosen, PlanError> {
    let patterns = ["spec-*", "check-*"].map(str::to_owned);
    let patterns = if checks { &patterns[..] } else { &patterns[..1] };
    Ok(Chosen { selection: Selection::new(patterns, &[], &[])?, out, ..against::for_spec()? })
}
