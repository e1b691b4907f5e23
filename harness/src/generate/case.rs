//! A case: a generated scenario by its meaning, which is what is made smaller when it fails.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::kinds::Kind;
use crate::protocol::catalog::SyncMode;
use crate::protocol::message::Descriptor;
use crate::scenario::Pace;

/// A generated scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its streams.
    pub streams: Vec<Stream>,
    /// Its syncs, in order; each has all the streams.
    pub syncs: Vec<Sync>,
    /// Whether its states are GLOBAL ones.
    pub global: bool,
}

/// A stream of a case. Its records have a key, a `version`, and these fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// How it is synced.
    pub mode: Mode,
    /// What its rows are told apart by, where they are.
    pub key: Key,
    /// Its other fields.
    pub fields: Vec<Field>,
    /// So many more columns, each an integer.
    pub wide: u32,
    /// The generation of its first sync.
    pub generation: u64,
}

impl Stream {
    /// Its name and namespace.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor { name: self.name.clone(), namespace: self.namespace.clone() }
    }
}

/// What the rows of a stream are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// `id`, an integer.
    Id,
    /// `code`, a text: some differ in case or in blanks alone.
    Text,
    /// `id`, and `k` within `place`.
    Nested,
}

/// The texts of `code`, by a row's id from 1.
pub const CODES: [&str; 5] = ["a", "A", "a ", "b", "é"];

/// How a stream is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mode {
    /// Without a key.
    Append,
    /// The same, with generations that rise.
    Overwrite,
    /// By `id`; `version` decides.
    Dedup,
    /// The same, with `_ab_cdc_deleted_at`.
    DedupDeletes,
}

impl Mode {
    /// Whether rows are told apart by a key.
    #[must_use]
    pub fn is_keyed(self) -> bool {
        self.sync_mode() == SyncMode::AppendDedup
    }

    /// As the catalog has it.
    #[must_use]
    pub fn sync_mode(self) -> SyncMode {
        match self {
            Self::Append => SyncMode::Append,
            Self::Overwrite => SyncMode::Overwrite,
            Self::Dedup | Self::DedupDeletes => SyncMode::AppendDedup,
        }
    }
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether the stream's schema has it.
    pub declared: bool,
}

/// One `write` of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// What is sent, in order.
    pub events: Vec<Event>,
    /// Whether each stream's rows of earlier generations are to go; one entry a stream.
    pub refreshed: Vec<bool>,
    /// How it ends.
    pub ending: Ending,
    /// How slowly its input trickles in, up to the first thing that is large.
    pub pace: Option<Pace>,
}

/// One thing that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A record.
    Row(Row),
    /// Many records with ids of their own, and states among them.
    Many {
        /// Their stream.
        stream: usize,
        /// How many.
        count: u32,
        /// After how many of them comes a state; 0: none.
        state_every: u32,
    },
    /// A state: of this stream, or a GLOBAL one.
    State {
        /// The stream.
        stream: usize,
    },
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its stream.
    pub stream: usize,
    /// Its key.
    pub id: u32,
    /// Its cursor; 0 is null.
    pub version: u32,
    /// For each field, the number of its value, simplest first.
    pub values: Vec<usize>,
    /// Whether it says that the row was deleted.
    pub deleted: bool,
    /// Whether its fields are written the other way round.
    pub reversed: bool,
}

/// How a sync ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// With COMPLETE for each stream.
    Success,
    /// Without a word on its streams.
    Silent,
    /// By SIGKILL before this event.
    KilledBefore {
        /// Its number; that of events, where it is the end.
        at: usize,
        /// Whether the states before it may come back first.
        gated: bool,
    },
    /// By SIGKILL once so many states have come.
    KilledAtState(u32),
}

impl Ending {
    /// Whether the sync is broken off.
    #[must_use]
    pub fn kills(self) -> bool {
        matches!(self, Self::KilledBefore { .. } | Self::KilledAtState(_))
    }
}

impl Event {
    /// The stream that it is of.
    #[must_use]
    pub fn stream(&self) -> usize {
        match self {
            Self::Row(row) => row.stream,
            Self::Many { stream, .. } | Self::State { stream } => *stream,
        }
    }
}

impl Case {
    /// Whether one of its syncs need not succeed.
    #[must_use]
    pub fn breaks(&self) -> bool {
        self.syncs.iter().any(|sync| sync.ending != Ending::Success)
    }

    /// The same with this after the names of its streams, to tell them from those of others.
    #[must_use]
    pub fn named(mut self, after: &str) -> Self {
        for stream in &mut self.streams {
            stream.name = format!("{}_{after}", stream.name);
        }
        self
    }

    /// Has rows go where a platform says so: in each sync of an overwrite, and in none that goes on
    /// with one that did not succeed. And has it be killed where that can come about.
    pub fn settle(&mut self) {
        for Sync { ending, events, .. } in &mut self.syncs {
            if let Ending::KilledAtState(at) = ending {
                match u32::try_from(states(events)).unwrap_or(u32::MAX) {
                    0 => *ending = Ending::KilledBefore { at: events.len(), gated: false },
                    most => *at = (*at).min(most),
                }
            }
        }
        let mut goes_on = false;
        for sync in &mut self.syncs {
            for (refreshed, stream) in sync.refreshed.iter_mut().zip(&self.streams) {
                *refreshed = !goes_on && (*refreshed || stream.mode == Mode::Overwrite);
            }
            goes_on = sync.ending != Ending::Success;
        }
    }

    /// Whether it is one that a platform could send; what is made smaller need not be.
    #[must_use]
    pub fn is_legal(&self) -> bool {
        let mut seen = HashSet::new();
        let mut settled = self.clone();
        settled.settle();
        let succeeds = |sync: &Sync| sync.ending == Ending::Success;
        settled == *self
            && self.streams.iter().all(|stream| seen.insert(stream.descriptor()))
            && self.syncs.last().is_some_and(succeeds)
    }

    /// Both in one: the streams of the other after its own, what is sent by turns.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        let first = self.streams.len();
        self.streams.extend(other.streams.iter().cloned());
        for (ours, theirs) in self.syncs.iter_mut().zip(&other.syncs) {
            ours.refreshed.extend(&theirs.refreshed);
            let (mut before, mut after) = ours.split();
            let (their_before, their_after) = theirs.clone().split();
            let (own, others) = (states(&before), states(&their_before));
            before = by_turns(before, their_before, first);
            after = by_turns(after, their_after, first);
            match (&mut ours.ending, theirs.ending) {
                // At the same part of all states.
                (Ending::KilledAtState(at), _) if own > 0 => {
                    *at = u32::try_from((u64::from(*at) * (own + others)).div_ceil(own))
                        .unwrap_or(*at);
                }
                // One without states is killed at a record, and the others decide.
                (_, Ending::KilledAtState(at)) => {
                    ours.ending = Ending::KilledAtState(at);
                    before.append(&mut after);
                }
                (Ending::KilledBefore { at, .. }, _) => *at = before.len(),
                _ => {}
            }
            ours.events = before;
            ours.events.append(&mut after);
        }
        self
    }
}

impl Sync {
    /// What is sent before it is killed, and what would be after.
    fn split(&mut self) -> (Vec<Event>, Vec<Event>) {
        let mut events = std::mem::take(&mut self.events);
        let at = match self.ending {
            Ending::KilledBefore { at, .. } => at.min(events.len()),
            _ => events.len(),
        };
        let after = events.split_off(at);
        (events, after)
    }
}

/// How many states these are.
#[must_use]
pub fn states(events: &[Event]) -> u64 {
    let count = |event: &Event| match event {
        Event::State { .. } => 1,
        Event::Many { count, state_every, .. } => {
            u64::from(count.checked_div(*state_every).unwrap_or(0))
        }
        Event::Row(_) => 0,
    };
    events.iter().map(count).sum()
}

/// What is sent of two cases, by turns; the streams of the second are numbered from here.
fn by_turns(ours: Vec<Event>, theirs: Vec<Event>, first: usize) -> Vec<Event> {
    let (mut ours, mut theirs) = (ours.into_iter(), theirs.into_iter());
    let mut all = Vec::new();
    loop {
        let (our, their) = (ours.next(), theirs.next());
        if our.is_none() && their.is_none() {
            return all;
        }
        all.extend(our);
        all.extend(their.map(|event| event.moved(first)));
    }
}

impl Event {
    fn moved(mut self, by: usize) -> Self {
        match &mut self {
            Self::Row(row) => row.stream += by,
            Self::Many { stream, .. } | Self::State { stream } => *stream += by,
        }
        self
    }
}
