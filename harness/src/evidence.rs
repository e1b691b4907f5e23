//! Evidence: all that a run saw, in the form that the checks read.
//!
//! A check sees [`Evidence`] of one trial and the [`Facts`] that other launches established. It
//! never sees a process, so that evidence loaded from a folder gives the same verdicts.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger::Ledger;
use crate::protocol::Operation;
use crate::protocol::catalog::{Catalog, SyncMode};
use crate::protocol::line::Line;
use crate::protocol::message::{
    Body, ConnectionStatus, Descriptor, Message, StateKind, TraceError,
};
use crate::scenario::pack::Member;
use crate::scenario::{SentBody, Step};
use crate::transcript::{Micros, Transcript};

/// Why a launch was made: what it is asked, and what a right answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// `spec`, with empty stdin.
    Spec,
    /// `spec`, with a stdin that neither says anything nor ends.
    SpecInputHeldOpen,
    /// `check` with the working config.
    CheckWorking,
    /// `check` with a config that violates the spec.
    CheckInvalid,
    /// `check` with a config that fits the spec and points nowhere.
    CheckUnreachable,
    /// `write` with the working config.
    Write,
    /// `write` with a config that violates the spec: it has to fail.
    WriteInvalid,
    /// `write` that is ended by us on purpose: killed, or asked to stop.
    WriteBroken,
    /// `spec` and `write` of an image under other conditions than usual.
    Image,
}

impl Purpose {
    /// The operation that is launched, or launched first.
    #[must_use]
    pub fn operation(self) -> Operation {
        match self {
            Self::Spec | Self::SpecInputHeldOpen | Self::Image => Operation::Spec,
            Self::CheckWorking | Self::CheckInvalid | Self::CheckUnreachable => Operation::Check,
            Self::Write | Self::WriteInvalid | Self::WriteBroken => Operation::Write,
        }
    }
}

/// What one trial left behind.
#[derive(Debug)]
pub struct Evidence {
    /// The trial's name.
    pub trial: String,
    /// Why it was made.
    pub purpose: Purpose,
    /// What about the config is wrong, for a trial with a bad one.
    pub config_note: Option<String>,
    /// The scenarios that travelled in it; none for spec and check.
    pub members: Vec<Member>,
    /// Its launches, in order.
    pub launches: Vec<Launch>,
}

/// One launch: what was sent, what happened, and what had landed after it.
#[derive(Debug)]
pub struct Launch {
    /// What was launched.
    pub operation: Operation,
    /// The catalog's text; none for spec and check.
    pub catalog: Option<String>,
    /// The catalog, read.
    pub streams: Catalog,
    /// What was to be sent.
    pub steps: Vec<Step>,
    /// What happened.
    pub transcript: Transcript,
    /// What was read back after it; none where there is no read-back.
    pub landed: Vec<Landed>,
    lines: OnceCell<Vec<Line>>,
    ledger: OnceCell<Ledger>,
}

/// A stream's landed rows.
#[derive(Debug)]
pub struct Landed {
    /// The stream.
    pub stream: Descriptor,
    /// Its rows, or why they could not be read.
    pub rows: Result<Rows, String>,
}

/// Rows as JSON lines.
#[derive(Debug)]
pub enum Rows {
    /// In memory.
    Lines(Vec<String>),
    /// In a file.
    File(PathBuf),
}

impl Rows {
    /// Calls `each` with each row's text. The error is that of reading the file.
    pub fn for_each(&self, mut each: impl FnMut(&str)) -> std::io::Result<()> {
        use std::io::BufRead;
        match self {
            Self::Lines(lines) => lines.iter().for_each(|line| each(line)),
            Self::File(path) => {
                let mut reader = std::io::BufReader::new(std::fs::File::open(path)?);
                let mut line = String::new();
                while reader.read_line(&mut line)? > 0 {
                    each(line.trim_end_matches(['\n', '\r']));
                    line.clear();
                }
            }
        }
        Ok(())
    }
}

impl Launch {
    /// A launch; nothing has landed yet.
    #[must_use]
    pub fn new(
        operation: Operation,
        catalog: Option<String>,
        streams: Catalog,
        steps: Vec<Step>,
        transcript: Transcript,
    ) -> Self {
        Self {
            operation,
            catalog,
            streams,
            steps,
            transcript,
            landed: Vec::new(),
            lines: OnceCell::new(),
            ledger: OnceCell::new(),
        }
    }

    /// The lines of stdout, taken apart.
    pub fn lines(&self) -> &[Line] {
        self.lines
            .get_or_init(|| self.transcript.stdout.iter().map(|o| Line::read(&o.bytes)).collect())
    }

    /// When the nth line of stdout had been read.
    #[must_use]
    pub fn at(&self, line: usize) -> Micros {
        self.transcript.stdout.get(line).map_or(0, |output| output.at)
    }

    /// The messages of stdout, with the number of their line, from 0.
    pub fn messages(&self) -> impl Iterator<Item = (usize, &Message)> {
        self.lines().iter().enumerate().filter_map(|(at, line)| Some((at, line.message.as_ref()?)))
    }

    /// The states that were sent and those that came.
    pub fn ledger(&self) -> &Ledger {
        self.ledger.get_or_init(|| Ledger::new(self))
    }

    /// The TRACE ERRORs that came, with the number of their line.
    pub fn errors(&self) -> impl Iterator<Item = (usize, Option<&TraceError>)> {
        self.messages().filter_map(|(at, message)| match &message.body {
            Body::Trace(trace) if trace.kind == "ERROR" => Some((at, trace.error.as_ref())),
            _ => None,
        })
    }

    /// The connection statuses that came.
    pub fn statuses(&self) -> impl Iterator<Item = (usize, &ConnectionStatus)> {
        self.messages().filter_map(|(at, message)| match &message.body {
            Body::ConnectionStatus(status) => Some((at, status)),
            _ => None,
        })
    }

    /// The specs that came.
    pub fn specs(&self) -> impl Iterator<Item = (usize, &Value)> {
        self.messages().filter_map(|(at, message)| match &message.body {
            Body::Spec(spec) => Some((at, spec)),
            _ => None,
        })
    }

    /// Whether records are among what was to be sent.
    #[must_use]
    pub fn sends_records(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Message(sent) => matches!(sent.body, SentBody::Record(_)),
            Step::Bulk(_) => true,
            Step::Gate | Step::Disturb(_) => false,
        })
    }

    /// Whether LEGACY or untyped states are among what was to be sent.
    pub fn sends_legacy_states(&self) -> bool {
        self.ledger().sent.iter().any(|sent| sent.state.kind == StateKind::Legacy)
    }

    /// Whether the platform would call it a success: exit code 0, and no TRACE ERROR.
    pub fn succeeded(&self) -> bool {
        self.transcript.end.is_success() && self.errors().next().is_none()
    }

    /// Whether all that a success has to bring came: the answer, or all states of a write that
    /// had any.
    pub fn everything_came(&self) -> bool {
        match self.operation {
            Operation::Spec => self.specs().next().is_some(),
            Operation::Check => self.statuses().any(|(_, status)| status.status == "SUCCEEDED"),
            Operation::Write => {
                let sent = &self.ledger().sent;
                self.transcript.end.stdin_closed.is_some()
                    && !sent.is_empty()
                    && sent.iter().all(|sent| !sent.came.is_empty())
            }
        }
    }

    /// How it ended, in words, with what it told of an error.
    pub fn describe_end(&self) -> String {
        let end = self.transcript.end.describe();
        let told = self.errors().find_map(|(_, error)| error?.message.clone());
        match told {
            Some(told) => format!("{end}, TRACE ERROR: {told:?}"),
            None => match self.transcript.stderr.iter().rev().find(|line| !line.bytes.is_empty()) {
                Some(line) => {
                    format!("{end}, stderr ends: {:?}", String::from_utf8_lossy(&line.bytes))
                }
                None => end,
            },
        }
    }

    /// Whether it answered with any protocol message at all.
    pub fn spoke(&self) -> bool {
        self.messages().next().is_some()
    }
}

/// What the whole run knows when one trial is judged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The `ConnectorSpecification` that `spec` printed.
    pub spec: Option<Value>,
    /// What it printed the second time, with its stdin held open.
    pub spec_again: Option<Value>,
    /// The answer of `check` to the working config.
    pub check: Option<ConnectionStatus>,
    /// Whether rows were read back.
    pub readback: bool,
    /// Pointers of the config's secrets that were searched for in all output.
    pub secrets: Vec<String>,
    /// Pointers of secrets too short to be told from chance.
    pub short_secrets: Vec<String>,
    /// What is known of the image; none for a command.
    #[serde(default)]
    pub image: Option<ImageFacts>,
    /// Within how many seconds `check` has to answer.
    pub check_within_s: f64,
    /// Within how many seconds of a sync the first acknowledgement is due.
    pub ack_within_s: f64,
}

/// What a run knows of an image, beside what its launches showed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The program that a container runs, with its first arguments.
    pub entrypoint: Vec<String>,
    /// `AIRBYTE_ENTRYPOINT`, where it is set.
    pub airbyte_entrypoint: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The architectures that the engine holds it for.
    pub architectures: Vec<String>,
    /// Whether it has `sh`; none where that was not tried.
    pub shell: Option<bool>,
    /// Why it was not to be run the platform's way: what its user, or the image itself, said.
    pub not_for_platform: Option<String>,
    /// The ways in which its spec was asked for until one of them worked.
    pub ways: Vec<WayTried>,
}

/// A way of running an image, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayTried {
    /// Whether it was run as the platform does, under a shell; attached to, otherwise.
    pub under_shell: bool,
    /// Whether it was run in the image's own working directory, not in the platform's.
    pub own_workdir: bool,
    /// Whether it answered.
    pub answered: bool,
    /// How it ended.
    pub end: String,
}

impl Facts {
    /// The sync modes that the spec lists.
    #[must_use]
    pub fn modes(&self) -> Vec<SyncMode> {
        let listed = self.spec.as_ref().and_then(|s| s.get("supported_destination_sync_modes"));
        listed
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|mode| serde_json::from_value(mode.clone()).ok())
            .collect()
    }

    /// `connectionSpecification`.
    #[must_use]
    pub fn connection_specification(&self) -> Option<&Value> {
        self.spec.as_ref()?.get("connectionSpecification")
    }
}
