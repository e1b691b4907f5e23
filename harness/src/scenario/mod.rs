//! Scenarios: what is sent to a destination, and how it ends.
//!
//! A [`Scenario`] is written down as a folder ([`load`]): one catalog, one file of messages and
//! one of expected rows for each sync. Scenarios that need not be alone travel together, as
//! streams of their own in one launch: [`pack`] makes [`Trial`](pack::Trial)s of them, under the
//! run's own namespace ([`names`]). Bulk input is a recipe ([`bulk`]), never a list.

pub mod bulk;
pub mod load;
pub mod names;
pub mod pack;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::protocol::catalog::Catalog;
use crate::protocol::message::{Descriptor, State};
use bulk::Bulk;

/// What is sent, as its author wrote it.
#[derive(Debug, Clone)]
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
    /// The syncs, in order.
    pub syncs: Vec<Sync>,
}

impl Scenario {
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
}

impl Disturbance {
    /// Whether the sync cannot come to its own end after it.
    #[must_use]
    pub fn ends(self) -> bool {
        matches!(self, Self::Kill | Self::Stop)
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
    /// Anything else.
    Other,
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
                _ => SentBody::Other,
            },
            Err(_) => SentBody::Other,
        };
        Ok(Self { line: line.to_owned(), body })
    }
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
