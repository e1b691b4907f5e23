//! Scenarios: what is sent to a destination, and how it ends.
//!
//! A [`Scenario`] is written down as a folder ([`load`]): one catalog, one file of messages and
//! one of expected rows for each sync. Scenarios that need not be alone travel together, as
//! streams of their own in one launch: [`pack`] makes [`Trial`](pack::Trial)s of them, under the
//! run's own namespace ([`names`]). Bulk input is a recipe ([`bulk`]), never a list. What a
//! connector declares of itself decides which of them fit it ([`capability`],
//! [`fit`]).

pub mod bulk;
pub mod capability;
pub mod fit;
pub mod load;
pub mod names;
pub mod pack;
pub mod save;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::protocol::catalog::Catalog;
use crate::protocol::message::{Descriptor, State};
use bulk::Bulk;
use capability::Capability;

/// What is sent, as its author wrote it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in its file")]
pub struct Scenario {
    /// Its name: the folder's.
    pub id: String,
    /// One line on what it is about.
    pub summary: String,
    /// Whether it needs launches of its own.
    pub alone: bool,
    /// Whether the platform's `state.id`s are given to its states.
    pub state_ids: bool,
    /// Whether each stream's COMPLETE is sent at the end of each sync.
    pub statuses: bool,
    /// The check whose matter it is: what goes wrong in it is told by that one.
    pub about: Option<String>,
    /// What the connector has to declare for it.
    pub needs: Vec<Capability>,
    /// Whether its syncs need not succeed: they are ended by us, or may be refused.
    pub breaks: bool,
    /// Whether streams without a namespace go to the destination's default one.
    pub default_namespace: bool,
    /// Whether its syncs are launched at the same time.
    pub at_once: bool,
    /// Variables for its launches.
    pub env: Vec<(String, String)>,
    /// Whether what its launches write to this machine's disk is bounded.
    pub full_disk: bool,
    /// The checks that failed in it when it was saved as what is left of a generated case.
    pub failed: Vec<String>,
    /// The syncs, in order.
    pub syncs: Vec<Sync>,
}

impl Scenario {
    /// Whether it was saved as what is left of a generated case.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        !self.failed.is_empty()
    }

    /// What is done to the subject in it.
    pub fn disturbances(&self) -> impl Iterator<Item = Disturbance> {
        self.syncs.iter().flat_map(|sync| &sync.steps).filter_map(|step| match step {
            Step::Disturb(disturbance) => Some(*disturbance),
            _ => None,
        })
    }
}

/// One `write` of a scenario.
#[derive(Debug, Clone)]
pub struct Sync {
    /// The catalog's text.
    pub catalog: String,
    /// The catalog, read.
    pub streams: Catalog,
    /// What is sent.
    pub steps: Vec<Step>,
    /// The rows that must have landed after this sync, by stream, written by hand.
    pub expected: Vec<(Descriptor, Box<RawValue>)>,
}

/// One thing done to the subject's input.
#[derive(Debug, Clone)]
pub enum Step {
    /// A line is written.
    Message(Sent),
    /// Many records, and states among them, made on the fly.
    Bulk(Bulk),
    /// Nothing is written until all states so far have come back, or a deadline is over.
    Gate,
    /// Something is done to the subject itself.
    Disturb(Disturbance),
    /// Exactly this text is written, whatever it is: no newline is added.
    Raw(String),
    /// From here on the input is written in pieces.
    Pace(Pace),
    /// What the sync before has sent and is not acknowledged is sent again. It becomes other steps
    /// once that sync is over.
    Replay,
}

/// How slowly the input trickles in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// The length of a piece, in bytes: neither lines nor characters are spared.
    pub bytes: usize,
    /// How long nothing is written after a piece, in milliseconds.
    pub pause_ms: u64,
}

/// Something done to a subject while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disturbance {
    /// It is ended at once, as by a crash: SIGKILL. Nothing is written after it.
    Kill,
    /// It is asked to end, as by a deployment: SIGTERM. Nothing is written after it.
    Stop,
    /// It stands still for so many milliseconds, as on a machine that is overloaded.
    Pause(u64),
    /// Its network is gone for so many milliseconds.
    CutNetwork(u64),
    /// From now on it is killed as soon as so many states have come, in all; where they never come,
    /// at the end of the input. The input goes on meanwhile.
    KillAtStates(u64),
    /// What it prints is not read for so many milliseconds. The input goes on meanwhile.
    BlockOutput(u64),
    /// What it prints from now on nobody reads: our end of its stdout is closed.
    CloseOutput,
}

impl Disturbance {
    /// Whether nothing is written after it.
    #[must_use]
    pub fn ends(self) -> bool {
        matches!(self, Self::Kill | Self::Stop)
    }

    /// Whether the sync cannot come to its own end after it.
    #[must_use]
    pub fn breaks(self) -> bool {
        self.ends() || matches!(self, Self::KillAtStates(_) | Self::CloseOutput)
    }
}

/// A line of input.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The line, without its newline.
    pub line: String,
    /// What it is.
    pub body: SentBody,
}

/// What a line of input is.
#[derive(Debug, Clone)]
pub enum SentBody {
    /// A RECORD.
    Record(Record),
    /// A STATE.
    State(State),
    /// The source's word on a stream.
    Status(Status),
    /// Anything else.
    Other,
}

/// A TRACE `STREAM_STATUS` that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its stream.
    pub stream: Descriptor,
    /// `STARTED`, `RUNNING`, `COMPLETE` or `INCOMPLETE`.
    pub status: String,
}

/// A RECORD that is sent.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its stream.
    pub stream: Descriptor,
    /// Its fields, as written.
    pub data: Box<RawValue>,
    /// When the source emitted it, in milliseconds since 1970.
    pub emitted_at: i64,
}

impl Sent {
    /// The source's word that a stream is complete, with when it was emitted, in milliseconds since
    /// 1970.
    #[must_use]
    pub fn complete(stream: &Descriptor, emitted_at: f64) -> Self {
        let status = "COMPLETE";
        let line = serde_json::json!({"type": "TRACE", "trace": {
            "type": "STREAM_STATUS", "emitted_at": emitted_at,
            "stream_status": {"stream_descriptor": stream, "status": status}}})
        .to_string();
        let status = Status { stream: stream.clone(), status: status.to_owned() };
        Self { line, body: SentBody::Status(status) }
    }

    /// Reads a line of input; the error is in words for its author.
    pub fn parse(line: &str) -> Result<Self, String> {
        use crate::protocol::message::{self, Body, Kind, Object};
        let object: Object =
            serde_json::from_str(line).map_err(|error| format!("no JSON object: {error}"))?;
        let body = match message::parse(&object) {
            Ok(message) => match (message.kind, message.body) {
                (Kind::Record, _) => SentBody::Record(record(object["record"])?),
                (Kind::State, Body::State(state)) => SentBody::State(state),
                (Kind::State, _) => return Err("a STATE without what its type calls for".into()),
                (Kind::Trace, _) => {
                    status(object["trace"]).map_or(SentBody::Other, SentBody::Status)
                }
                _ => SentBody::Other,
            },
            Err(_) => SentBody::Other,
        };
        Ok(Self { line: line.to_owned(), body })
    }
}

/// The status that a TRACE tells, if it tells one.
fn status(payload: &RawValue) -> Option<Status> {
    #[derive(serde::Deserialize)]
    struct Trace {
        stream_status: StreamStatus,
    }
    #[derive(serde::Deserialize)]
    struct StreamStatus {
        stream_descriptor: Descriptor,
        status: String,
    }
    let Trace { stream_status } = serde_json::from_str(payload.get()).ok()?;
    let StreamStatus { stream_descriptor, status } = stream_status;
    Some(Status { stream: stream_descriptor, status })
}

fn record(payload: &RawValue) -> Result<Record, String> {
    #[derive(serde::Deserialize)]
    struct Payload {
        stream: String,
        #[serde(default)]
        namespace: Option<String>,
        data: Box<RawValue>,
        emitted_at: i64,
    }
    let payload: Payload =
        serde_json::from_str(payload.get()).map_err(|error| format!("no RECORD: {error}"))?;
    Ok(Record {
        stream: Descriptor { name: payload.stream, namespace: payload.namespace },
        data: payload.data,
        emitted_at: payload.emitted_at,
    })
}
