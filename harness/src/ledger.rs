//! The ledger of states: what was sent, what came back, and which belongs to which.

mod echo;

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::value::RawValue;
use serde_json::{Number, Value};

pub use echo::{Difference, Kind};

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
    /// What differs between the two; none where they cannot be compared.
    pub differences: Option<Vec<Difference>>,
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
        let mut ledger = Self { sent: sent_states(launch), came: Vec::new() };
        let mut matching = Matching::new(&ledger.sent);
        for (line, message) in launch.messages() {
            if let Body::State(state) = &message.body {
                let sent = matching.owner(state, &ledger.sent);
                if let Some(sent) = sent {
                    ledger.sent[sent].came.push(line);
                    matching.latest.insert(group(state), sent);
                }
                let differences = sent.and_then(|sent| {
                    echo::differences(&ledger.sent[sent].state, state, &launch.streams)
                });
                ledger.came.push(CameState { line, state: state.clone(), sent, differences });
            }
        }
        ledger
    }

    /// The states that came and belong to one that was sent, with that one.
    pub fn pairs(&self) -> impl Iterator<Item = (&CameState, &SentState)> {
        self.came.iter().filter_map(|came| Some((came, self.sent.get(came.sent?)?)))
    }

    /// The states whose writing was begun.
    pub fn written(&self) -> impl Iterator<Item = &SentState> {
        self.sent.iter().filter(|sent| sent.at.is_some())
    }
}

/// States that keep an order among themselves.
type Group = (bool, Option<Descriptor>);

fn group(state: &State) -> Group {
    (state.kind == StateKind::Global, state.descriptor().cloned())
}

/// What finds the sent state that one which came is taken for.
struct Matching {
    by_id: HashMap<String, usize>,
    /// Made when the first state comes that no id tells.
    by_content: Option<ByContent>,
    /// The sent state that was the last to be found, of each group.
    latest: HashMap<Group, usize>,
}

/// Sent states by what they hold.
struct ByContent {
    contents: Vec<Content>,
    same: HashMap<String, Vec<usize>>,
}

impl Matching {
    fn new(sent: &[SentState]) -> Self {
        let mut by_id = HashMap::new();
        for (at, sent) in sent.iter().enumerate() {
            if let Some(id) = &sent.state.id {
                by_id.entry(loose_id(id)).or_insert(at);
            }
        }
        Self { by_id, by_content: None, latest: HashMap::new() }
    }

    /// The sent state that one which came is taken for: that of its id, or, where it has none,
    /// one of equal content, or else one that looks like it.
    fn owner(&mut self, came: &State, sent: &[SentState]) -> Option<usize> {
        if let Some(id) = &came.id
            && let Some(at) = self.by_id.get(&loose_id(id))
        {
            return Some(*at);
        }
        let ByContent { contents, same } = self.by_content.get_or_insert_with(|| {
            let contents: Vec<_> = sent.iter().map(|sent| Content::of(&sent.state)).collect();
            let mut same: HashMap<String, Vec<usize>> = HashMap::new();
            for (at, content) in contents.iter().enumerate() {
                same.entry(content.key()).or_default().push(at);
            }
            ByContent { contents, same }
        });
        let latest = self.latest.get(&group(came)).copied();
        let content = Content::of(came);
        if let Some(equal) = same.get(&content.key()) {
            let waiting = first_to_come(equal.iter().copied(), |_| true, latest, sent);
            return waiting.or(equal.last().copied());
        }
        // What looks like one that has come already is something new.
        let alike = |at: usize| contents[at].is_like(&content);
        first_to_come(0..sent.len(), alike, latest, sent)
    }
}

/// Of the sent states that fit and have not come yet: the first, if it may be one sent after the
/// last that came.
fn first_to_come(
    among: impl Iterator<Item = usize> + Clone,
    fits: impl Fn(usize) -> bool,
    latest: Option<usize>,
    sent: &[SentState],
) -> Option<usize> {
    let mut waiting = among.filter(|at| sent[*at].came.is_empty());
    let after = |at: &usize| latest.is_none_or(|latest| latest < *at);
    waiting.clone().find(|at| after(at) && fits(*at)).or_else(|| waiting.find(|at| fits(*at)))
}

/// An id without regard for its spelling: `7`, `7.0` and `"7"` are one.
fn loose_id(id: &str) -> String {
    let id = id.trim_matches('"');
    match serde_json::from_str::<Number>(id) {
        Ok(number) => json::canonical_number(number.as_str()),
        Err(_) => id.to_owned(),
    }
}

/// A state's payload as a value, without what is matched or added elsewhere; `None` if it is
/// nested too deep to be read.
fn content(state: &State) -> Option<Value> {
    let mut value = json::read(state.whole.get())?;
    if let Value::Object(object) = &mut value {
        object.retain(|key, value| {
            !value.is_null() && !matches!(key.as_str(), "id" | "destinationStats")
        });
    }
    Some(value)
}

/// What identifies a state besides its id: its streams and their blobs, in any order.
struct Content {
    kind: StateKind,
    /// Sorted; under no descriptor what belongs to no stream.
    blobs: Vec<(Option<Descriptor>, Blob)>,
}

/// A blob; as text if it is nested too deep to be read.
struct Blob(Result<Value, String>);

impl Blob {
    fn read(raw: Option<&RawValue>) -> Self {
        let text = raw.map_or("null", RawValue::get);
        Self(json::read(text).ok_or_else(|| text.to_owned()))
    }

    fn is_empty(&self) -> bool {
        match &self.0 {
            Ok(Value::Null) => true,
            Ok(Value::Object(blob)) => blob.is_empty(),
            _ => false,
        }
    }

    /// Whether one may be the other with other numbers, or an empty one in another form.
    fn is_like(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            _ if self.is_empty() && other.is_empty() => true,
            (Ok(left), Ok(right)) => {
                json::equal(left, right, Numbers::ByValue)
                    || json::differ_in_numbers_only(left, right)
            }
            (left, right) => left == right,
        }
    }
}

impl Content {
    fn of(state: &State) -> Self {
        let of_streams = state.streams.iter().map(|stream| {
            let blob = Blob::read(stream.blob.as_deref());
            (Some(stream.descriptor.clone()), blob)
        });
        let mut blobs: Vec<_> = of_streams.collect();
        let payload: Object = serde_json::from_str(state.whole.get()).unwrap_or_default();
        match state.kind {
            StateKind::Stream => {}
            StateKind::Legacy => blobs.push((None, Blob::read(payload.get("data").copied()))),
            StateKind::Global => {
                let global = payload.get("global").map_or("null", |global| global.get());
                let mut global: Object = serde_json::from_str(global).unwrap_or_default();
                global.shift_remove("stream_states");
                global.retain(|_, value| value.get() != "null");
                global.sort_unstable_keys();
                blobs.extend(global.into_values().map(|raw| (None, Blob::read(Some(raw)))));
            }
        }
        blobs.sort_by(|(of, _), (other, _)| of.cmp(other));
        Self { kind: state.kind, blobs }
    }

    /// The text that states of the same content share.
    fn key(&self) -> String {
        let mut key = format!("{:?}", self.kind);
        for (of, blob) in &self.blobs {
            // Writing to a string cannot fail.
            let _ = write!(key, "\u{1f}{of:?}\u{1f}");
            match &blob.0 {
                Ok(value) => json::write_canonical(value, &mut key),
                Err(text) => key.push_str(text),
            }
        }
        key
    }

    fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.blobs.len() == other.blobs.len()
            && self
                .blobs
                .iter()
                .zip(&other.blobs)
                .all(|((of, left), (to, right))| of == to && left.is_like(right))
    }
}

fn sent_states(launch: &Launch) -> Vec<SentState> {
    let mut counts: HashMap<Descriptor, (u64, u64)> = HashMap::new();
    let mut since_global = 0;
    let mut any = false;
    let mut sent = Vec::new();
    for (step, at) in launch
        .steps
        .iter()
        .zip(launch.transcript.written.iter().copied().map(Some).chain(std::iter::repeat(None)))
    {
        match step {
            Step::Gate | Step::Disturb(_) | Step::Raw(_) | Step::Pace(_) | Step::Replay => {}
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
                    sent.push(SentState { state, at, records, before_records, came: vec![] });
                }
                SentBody::Status(_) | SentBody::Other => {}
            },
            Step::Bulk(bulk) => {
                for nth in 0..bulk.states() {
                    let Ok(Sent { body: SentBody::State(state), .. }) =
                        Sent::parse(&bulk.state(nth))
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
                *since += bulk.sent() - bulk.states() * bulk.state_every;
                *all += bulk.sent();
                since_global += bulk.sent();
                any = true;
            }
        }
    }
    sent
}

#[cfg(test)]
mod tests;
