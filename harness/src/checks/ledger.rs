//! The ledger of states: what was sent, what came back, and which belongs to which.

use std::collections::HashMap;

use serde_json::Value;

use crate::evidence::Launch;
use crate::protocol::json::{self, Numbers};
use crate::protocol::message::{Body, Descriptor, Object, State, StateKind};
use crate::scenario::{Sent, SentBody, Step};
use crate::transcript::Micros;

/// A state that was sent.
#[derive(Debug)]
pub struct SentState {
    /// The state.
    pub state: State,
    /// When its writing began; `None` if it was never written.
    pub at: Option<Micros>,
    /// Records that it covers since the state before it: of its stream, or of all.
    pub records: u64,
    /// Whether no record of its stream (of any stream, for a GLOBAL one) went before it.
    pub before_records: bool,
    /// Lines of stdout that gave it back.
    pub came: Vec<usize>,
}

/// A state that came.
#[derive(Debug)]
pub struct CameState {
    /// The line of stdout, from 0.
    pub line: usize,
    /// The state.
    pub state: State,
    /// The sent state that it is taken for.
    pub sent: Option<usize>,
}

/// States, sent and come.
#[derive(Debug, Default)]
pub struct Ledger {
    /// In the order in which they were sent.
    pub sent: Vec<SentState>,
    /// In the order in which they came.
    pub came: Vec<CameState>,
}

impl Ledger {
    /// Draws up the ledger of a launch.
    #[must_use]
    pub fn new(launch: &Launch) -> Self {
        let mut ledger = Self {
            sent: sent_states(launch),
            came: Vec::new(),
        };
        for (line, message) in launch.messages() {
            if let Body::State(state) = &message.body {
                let sent = ledger.owner(state);
                if let Some(sent) = sent {
                    ledger.sent[sent].came.push(line);
                }
                ledger.came.push(CameState {
                    line,
                    state: state.clone(),
                    sent,
                });
            }
        }
        ledger
    }

    /// The sent state that one which came is taken for: that of its id, or, where it has none,
    /// the first of equal content that has not come yet, or else the first that looks like it.
    fn owner(&self, came: &State) -> Option<usize> {
        if let Some(id) = came.id.as_deref().map(loose_id) {
            let same_id = self
                .sent
                .iter()
                .position(|s| s.state.id.as_deref().map(loose_id) == Some(id.clone()));
            if same_id.is_some() {
                return same_id;
            }
        }
        let candidates = |wanted: fn(&State, &State) -> bool| {
            let mut fitting = self
                .sent
                .iter()
                .enumerate()
                .filter(|(_, s)| wanted(&s.state, came));
            let first = fitting.clone().find(|(_, s)| s.came.is_empty());
            first.or_else(|| fitting.next_back()).map(|(at, _)| at)
        };
        candidates(same_content).or_else(|| candidates(same_content_but_numbers))
    }

    /// Sent states of one kind, with their place in the ledger.
    pub fn written(&self) -> impl Iterator<Item = (usize, &SentState)> {
        self.sent
            .iter()
            .enumerate()
            .filter(|(_, sent)| sent.at.is_some())
    }
}

/// An id without regard for its spelling: `7`, `7.0` and `"7"` are one.
fn loose_id(id: &str) -> String {
    let id = id.trim_matches('"');
    id.strip_suffix(".0").unwrap_or(id).to_owned()
}

/// A state's payload as a value, without what is matched or added elsewhere.
#[must_use]
pub fn content(state: &State) -> Value {
    let mut value: Value = serde_json::from_str(state.whole.get()).unwrap_or(Value::Null);
    if let Value::Object(object) = &mut value {
        object.retain(|key, value| {
            !value.is_null() && !matches!(key.as_str(), "id" | "destinationStats")
        });
    }
    value
}

/// What identifies a state besides its id: its streams and their blobs.
fn blobs(state: &State) -> Vec<(Option<Descriptor>, Value)> {
    let read = |raw: &str| serde_json::from_str(raw).unwrap_or(Value::Null);
    let object: Object = serde_json::from_str(state.whole.get()).unwrap_or_default();
    let mut blobs: Vec<_> = state
        .streams
        .iter()
        .map(|s| {
            (
                Some(s.descriptor.clone()),
                s.blob.as_ref().map_or(Value::Null, |b| read(b.get())),
            )
        })
        .collect();
    if state.kind != StateKind::Stream {
        let key = if state.kind == StateKind::Global {
            "global"
        } else {
            "data"
        };
        let mut rest: Value = object.get(key).map_or(Value::Null, |raw| read(raw.get()));
        if let Value::Object(rest) = &mut rest {
            rest.shift_remove("stream_states");
        }
        blobs.push((None, rest));
    }
    blobs
}

fn same_content(sent: &State, came: &State) -> bool {
    same_blobs(sent, came, |l, r| json::equal(l, r, Numbers::ByValue))
}

fn same_content_but_numbers(sent: &State, came: &State) -> bool {
    same_blobs(sent, came, |l, r| {
        json::equal(l, r, Numbers::ByValue) || json::differ_in_numbers_only(l, r)
    })
}

fn same_blobs(sent: &State, came: &State, same: impl Fn(&Value, &Value) -> bool) -> bool {
    let (sent_blobs, came_blobs) = (blobs(sent), blobs(came));
    sent.kind == came.kind
        && sent_blobs.len() == came_blobs.len()
        && sent_blobs
            .iter()
            .zip(&came_blobs)
            .all(|((of, l), (to, r))| of == to && same(l, r))
}

fn sent_states(launch: &Launch) -> Vec<SentState> {
    let mut counts: HashMap<Descriptor, (u64, u64)> = HashMap::new();
    let mut since_global = 0;
    let mut any = false;
    let mut sent = Vec::new();
    for (step, at) in launch.steps.iter().zip(
        launch
            .transcript
            .written
            .iter()
            .copied()
            .map(Some)
            .chain(std::iter::repeat(None)),
    ) {
        match step {
            Step::Gate => {}
            Step::Message(message) => match &message.body {
                SentBody::Record(record) => {
                    let (since, all) = counts.entry(record.stream.clone()).or_default();
                    *since += 1;
                    *all += 1;
                    since_global += 1;
                    any = true;
                }
                SentBody::State(state) => {
                    let (records, before_records) = match state.descriptor() {
                        Some(stream) => {
                            let (since, all) = counts.entry(stream.clone()).or_default();
                            (std::mem::take(since), *all == 0)
                        }
                        None => (std::mem::take(&mut since_global), !any),
                    };
                    let state = state.clone();
                    sent.push(SentState {
                        state,
                        at,
                        records,
                        before_records,
                        came: vec![],
                    });
                }
                SentBody::Other => {}
            },
            Step::Bulk(bulk) => {
                for nth in 0..bulk.states() {
                    let Ok(Sent {
                        body: SentBody::State(state),
                        ..
                    }) = Sent::parse(&bulk.state(nth))
                    else {
                        continue;
                    };
                    let earlier = counts.entry(bulk.stream.clone()).or_default();
                    let records = bulk.state_every + std::mem::take(&mut earlier.0);
                    // The time of a single state among bulk input is not known; that of the first
                    // record is never too late.
                    sent.push(SentState {
                        state,
                        at,
                        records,
                        before_records: false,
                        came: vec![],
                    });
                }
                let (since, all) = counts.entry(bulk.stream.clone()).or_default();
                *since += bulk.records - bulk.states() * bulk.state_every;
                *all += bulk.records;
                since_global += bulk.records;
                any = true;
            }
        }
    }
    sent
}
