//! A case: a generated scenario by its meaning, which is what is made smaller when it fails.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::kinds::Kind;
use crate::protocol::catalog::SyncMode;
use crate::protocol::message::Descriptor;
use crate::scenario::Pace;

/// A generated scenario.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    /// Its streams.
    pub streams: Vec<Stream>,
    /// Its syncs, in order; each has all the streams.
    pub syncs: Vec<Sync>,
    /// Whether its states are GLOBAL ones.
    pub global: bool,
}

/// A stream of a case. Its records have a key, a `version`, and these fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether the stream's schema has it.
    pub declared: bool,
}

/// One `write` of a case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

    /// The same with one more sync, in which nothing is sent.
    #[must_use]
    pub fn followed(&self) -> Self {
        let refreshed = vec![false; self.streams.len()];
        let next = Sync { events: Vec::new(), refreshed, ending: Ending::Success, pace: None };
        let mut followed = self.clone();
        followed.syncs.push(next);
        followed.settle();
        followed
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
            && self.streams.iter().all(has_fields_apart)
            && self.syncs.last().is_some_and(succeeds)
    }

    /// All in one: the streams of the first, then those of the next; what is sent by turns, so that the
    /// longest has the last word.
    #[must_use]
    pub fn together(cases: &[Self]) -> Self {
        let streams = cases.iter().flat_map(|case| case.streams.iter().cloned()).collect();
        let first = |nth: usize| cases[..nth].iter().map(|case| case.streams.len()).sum();
        let syncs = cases.first().map_or(0, |case| case.syncs.len());
        let sync = |nth: usize| {
            let all: Vec<&Sync> = cases.iter().map(|case| &case.syncs[nth]).collect();
            let parts = all.iter().enumerate().map(|(of, sync)| sync.split(first(of)));
            let (before, after): (Vec<_>, Vec<_>) = parts.unzip();
            let (mut events, mut after) = (by_turns(before), by_turns(after));
            let ending = ending_of_all(&all, events.len());
            events.append(&mut after);
            Sync {
                events,
                refreshed: all.iter().flat_map(|sync| sync.refreshed.iter().copied()).collect(),
                ending,
                pace: all.first().and_then(|sync| sync.pace),
            }
        };
        let global = cases.first().is_some_and(|case| case.global);
        Self { streams, syncs: (0..syncs).map(sync).collect(), global }
    }
}

/// Whether no two fields of a stream have one name.
fn has_fields_apart(stream: &Stream) -> bool {
    let mut seen = HashSet::new();
    stream.fields.iter().all(|field| seen.insert(&field.name))
}

/// How syncs end that are one: killed at the same part of all states, where one is killed at a state;
/// else as the first, and where it is killed before an event, that is the one of this number.
fn ending_of_all(all: &[&Sync], before: usize) -> Ending {
    let of_all: u64 = all.iter().map(|sync| states(&sync.events)).sum();
    let at_state = all.iter().find_map(|sync| match (sync.ending, states(&sync.events)) {
        // One without states is killed at a record, and the others decide.
        (Ending::KilledAtState(at), own) if own > 0 => {
            let of_all = (u64::from(at) * of_all).div_ceil(own);
            Some(Ending::KilledAtState(u32::try_from(of_all).unwrap_or(at)))
        }
        _ => None,
    });
    let first = all.first().map_or(Ending::Success, |sync| sync.ending);
    at_state.unwrap_or(match first {
        Ending::KilledBefore { gated, .. } => Ending::KilledBefore { at: before, gated },
        other => other,
    })
}

impl Sync {
    /// What is sent before it is killed at an event; else all.
    #[must_use]
    pub fn before_kill(&self) -> &[Event] {
        match self.ending {
            Ending::KilledBefore { at, .. } => &self.events[..at.min(self.events.len())],
            _ => &self.events,
        }
    }

    /// What is sent before it is killed, and what would be after; its streams numbered from here.
    fn split(&self, first: usize) -> (Vec<Event>, Vec<Event>) {
        let (before, after) = self.events.split_at(self.before_kill().len());
        let numbered = |events: &[Event]| -> Vec<Event> {
            events.iter().map(|event| event.clone().moved(first)).collect()
        };
        (numbered(before), numbered(after))
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

/// What is sent of several cases, by turns.
fn by_turns(cases: Vec<Vec<Event>>) -> Vec<Event> {
    let mut left: Vec<_> = cases.into_iter().map(Vec::into_iter).collect();
    let mut all = Vec::new();
    while left.iter().any(|events| events.len() > 0) {
        all.extend(left.iter_mut().filter_map(Iterator::next));
    }
    all
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
