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
use crate::scenario::capability::{Capability, Declared};
use crate::scenario::pack::{Manner, Member};
use crate::scenario::{Disturbance, Sent, SentBody, Status, Step};
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
    /// `write`s that need not succeed: ended by us on purpose, or refused; and those after them.
    WriteBroken,
    /// `write` with a sync mode that the spec does not list.
    WriteUndeclared,
    /// `check` with a config that points nowhere and leaves out what is optional; where it
    /// succeeds, `write` with that config.
    CheckSparse,
    /// `spec` and `write` of an image under other conditions than usual.
    Image,
}

impl Purpose {
    /// The operation that is launched, or launched first.
    #[must_use]
    pub fn operation(self) -> Operation {
        match self {
            Self::Spec | Self::SpecInputHeldOpen | Self::Image => Operation::Spec,
            Self::CheckWorking
            | Self::CheckInvalid
            | Self::CheckUnreachable
            | Self::CheckSparse => Operation::Check,
            Self::Write | Self::WriteInvalid | Self::WriteBroken | Self::WriteUndeclared => {
                Operation::Write
            }
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
    /// How its launches differed from the usual.
    pub manner: Manner,
    /// Whether the failure of its launches is told by those of its scenarios, run alone after it.
    pub explained: bool,
}

impl Evidence {
    /// The evidence of a trial without scenarios, launched as usual.
    #[must_use]
    pub fn new(trial: &str, purpose: Purpose, launches: Vec<Launch>) -> Self {
        Self {
            trial: trial.to_owned(),
            purpose,
            config_note: None,
            members: Vec::new(),
            launches,
            manner: Manner::default(),
            explained: false,
        }
    }
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
    /// The check whose matter it is, where it carries a scenario that has one.
    pub about: Option<String>,
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
            about: None,
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
            _ => false,
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

    /// Whether it failed by what came, and not by its exit code alone.
    pub fn failed(&self) -> bool {
        !self.succeeded() && (!self.everything_came() || self.errors().next().is_some())
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

    /// Whether it succeeded, and was not broken off: SIGTERM may well be answered by exit code 0,
    /// which says nothing of what was sent before it.
    pub fn completed(&self) -> bool {
        self.succeeded() && !self.broken_off()
    }

    /// Whether we ended it on purpose: by a signal, or by reading its output no longer.
    pub fn broken_off(&self) -> bool {
        let closed = |one| one == Disturbance::CloseOutput;
        self.transcript.end.killed.is_some()
            || self.asked_to_stop().is_some()
            || self.disturbances().any(closed)
    }

    /// When it was asked to end by SIGTERM; none where it had ended by itself before.
    pub fn asked_to_stop(&self) -> Option<Micros> {
        let end = &self.transcript.end;
        let is_stop = |step: &Step| matches!(step, Step::Disturb(Disturbance::Stop));
        let (_, at) = self.begun().find(|(step, _)| is_stop(step))?;
        // Nothing is written after the signal: input that was refused was refused before it.
        (end.stdin_refused.is_none() && at <= end.exited).then_some(at)
    }

    /// What was done to it: disturbances that its input got to.
    pub fn disturbances(&self) -> impl Iterator<Item = Disturbance> {
        self.begun().filter_map(|(step, _)| match step {
            Step::Disturb(disturbance) => Some(*disturbance),
            _ => None,
        })
    }

    /// The steps that were begun, each with its time.
    pub fn begun(&self) -> impl Iterator<Item = (&Step, Micros)> {
        self.steps.iter().zip(self.transcript.written.iter().copied())
    }

    /// The source's words on the streams that were sent.
    pub fn statuses_sent(&self) -> impl Iterator<Item = &Status> {
        self.begun().filter_map(|(step, _)| match step {
            Step::Message(Sent { body: SentBody::Status(status), .. }) => Some(status),
            _ => None,
        })
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
    /// The spec that was reviewed, where there is one.
    #[serde(default)]
    pub reviewed: Option<Value>,
    /// The spec of the last release, where there is one.
    #[serde(default)]
    pub released: Option<Value>,
    /// The answer of `check` to the working config.
    pub check: Option<ConnectionStatus>,
    /// The answer of `check` to a config that points nowhere.
    #[serde(default)]
    pub unreachable: Option<ConnectionStatus>,
    /// Whether rows were read back.
    pub readback: bool,
    /// Pointers of the config's secrets that were searched for in all output.
    pub secrets: Vec<String>,
    /// Pointers of secrets too short to be told from chance.
    pub short_secrets: Vec<String>,
    /// What is known of the image; none for a command.
    #[serde(default)]
    pub image: Option<ImageFacts>,
    /// Whether a plain write of records has succeeded.
    #[serde(default)]
    pub writes_work: bool,
    /// What the connector declares of itself.
    #[serde(default)]
    pub declared: Declared,
    /// What there was more after `check` than before it, or why that is not known; none where
    /// nobody looked.
    #[serde(default)]
    pub residue: Option<Result<Vec<String>, String>>,
    /// Scenarios that were left out, and why.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// Within how many seconds of the end of its output an operation has to exit.
    #[serde(default)]
    pub exit_within_s: f64,
    /// Within how many seconds `check` has to answer.
    pub check_within_s: f64,
    /// Within how many seconds of a sync the first acknowledgement is due.
    pub ack_within_s: f64,
}

/// A scenario that was not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The scenario.
    pub scenario: String,
    /// The check whose matter it is.
    pub about: Option<String>,
    /// What the connector would have to declare.
    pub needs: Vec<Capability>,
    /// Why it was not run.
    pub why: String,
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

#[cfg(test)]
mod tests {
    use crate::testing::{ERROR, write};

    #[test]
    fn broken_off_is_what_we_ended_on_purpose() {
        for (script, broken_off, completed) in [
            ("", false, true),
            ("! exit 1", false, false),
            ("! signal 9", false, false),
            ("! stopped 60", false, false),
            ("~ kill\n! killed", true, false),
            (
                r#"~ {"disturb":{"kill-at-states":1}}
                ! killed"#,
                true,
                false,
            ),
            // It had ended by itself before that.
            ("~ kill\n! exit 1", false, false),
            ("x~ kill\n! exit 1", false, false),
            ("~ stop\n! refused 1", false, false),
            ("x~ stop\n! refused 0", false, true),
            // However it answers.
            ("~ stop\n! signal 15", true, false),
            ("~ stop\n! exit 143", true, false),
            ("~ stop\n! exit 0", true, false),
            ("~ close-output\n! exit 1", true, false),
            ("~ close-output", true, false),
            ("x~ close-output\n! exit 1", false, false),
        ] {
            let launch = write(script);
            assert_eq!(
                (launch.broken_off(), launch.completed()),
                (broken_off, completed),
                "{script}"
            );
        }
        assert!(!write(&format!("> {ERROR}")).completed());
        let mut crashed = write("~ stop\n! exit 1");
        crashed.transcript.end.exited = 1;
        assert!(!crashed.broken_off());
    }
}
