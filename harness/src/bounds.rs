//! Bounds: what may have landed after syncs that did not all succeed.
//!
//! Of a sync that was broken off nobody can say what it has stored: a record that is acknowledged
//! has to be there, another may be. What the next attempt sends again may be there twice, but in
//! `append_dedup`. So each row has a least and a most, and what is due for which reason:
//!
//! | row | least | most |
//! |---|---|---|
//! | of a sync that succeeded | 1 | 1 |
//! | of one that did not, before its stream's last state that came back | 1 | 1 |
//! | … after that | 0 | 1 |
//! | of a generation that a later sync, which succeeded, was to remove | 0 | 0 |
//! | … which did not succeed, but was told that the stream is complete | 0 | 1 |
//!
//! A sync that was broken off has not succeeded, whatever its exit code. Equal rows add up, each
//! generation for itself. In `append_dedup` the model's rows have to be there, once each, as soon
//! as a sync has succeeded after the broken ones; unless one of them was never sent again. A row
//! that was deleted may be there, marked as such.
//!
//! Rows are known by a hash: what is sent is there already, and is not kept once more. The few that
//! break their bounds are looked up again.

mod alike;

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use crate::compare::{self, Types};
use crate::evidence::{Launch, Rows};
use crate::model::{self, Input};
use crate::protocol::catalog::{ConfiguredStream, SyncMode};
use crate::protocol::message::{Descriptor, StateKind};
use crate::scenario::capability::Declared;
use crate::scenario::{SentBody, Step};

/// Why a row has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A state that covers it came back from this launch, which did not succeed.
    Acknowledged {
        /// The launch, from 0.
        launch: usize,
        /// What kind of state it was.
        by: StateKind,
    },
    /// It belongs to a sync that succeeded: this launch.
    Sent {
        /// The launch, from 0.
        launch: usize,
    },
}

impl Due {
    /// The launch that it was sent in.
    #[must_use]
    pub fn launch(self) -> usize {
        match self {
            Self::Acknowledged { launch, .. } | Self::Sent { launch } => launch,
        }
    }
}

/// How often a row may be there.
#[derive(Debug, Clone, Default)]
struct Bound {
    /// One entry a generation: equal rows come and go with theirs.
    shares: Vec<Share>,
}

/// What rows of one generation add to a bound.
#[derive(Debug, Clone)]
struct Share {
    generation: i64,
    least: u32,
    most: u32,
    due: Option<Due>,
    /// The launch that it was first sent in.
    launch: usize,
}

impl Share {
    /// What is due may be there, however much of it was written.
    fn at_most(&self) -> u32 {
        self.most.max(self.least)
    }
}

impl Bound {
    /// One of a single generation.
    fn between(least: u32, most: u32, due: Option<Due>) -> Self {
        let launch = due.map_or(0, Due::launch);
        Self { shares: vec![Share { generation: 0, least, most, due, launch }] }
    }

    fn least(&self) -> u32 {
        self.shares.iter().map(|share| share.least).sum()
    }

    fn most(&self) -> u32 {
        self.shares.iter().map(Share::at_most).sum()
    }

    fn dues(&self) -> impl Iterator<Item = Due> {
        self.shares.iter().filter_map(|share| share.due)
    }

    /// Why one more than so many has to be there: those that are there are taken for the first ones.
    fn due_after(&self, found: u32) -> Option<Due> {
        let mut before = 0;
        self.shares.iter().find_map(|share| {
            before += share.least;
            share.due.filter(|_| before > found)
        })
    }

    /// The launches that succeeded and have a row there for sure, if so many are there: more than
    /// all others can account for.
    fn kept(&self, found: u32) -> impl Iterator<Item = usize> {
        let most = self.most();
        self.shares.iter().filter_map(move |share| match share.due {
            Some(Due::Sent { launch }) => (found > most - share.at_most()).then_some(launch),
            _ => None,
        })
    }

    /// The launch that what can be there was first sent in.
    fn launch(&self) -> Option<usize> {
        let live = self.shares.iter().find(|share| share.most > 0);
        Some(live.or(self.shares.first())?.launch)
    }

    fn share(&mut self, generation: i64, launch: usize) -> &mut Share {
        let at = self.shares.iter().position(|share| share.generation == generation);
        let at = at.unwrap_or_else(|| {
            self.shares.push(Share { generation, least: 0, most: 0, due: None, launch });
            self.shares.len() - 1
        });
        &mut self.shares[at]
    }
}

/// What of a stream breaks its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// A row that has to be there is not.
    Missing {
        /// As it was sent.
        row: String,
        /// Why it has to be there.
        due: Due,
    },
    /// A row is there that was never sent.
    Unsent {
        /// As it was read back, but for what is left out of a comparison.
        row: String,
    },
    /// A row is there more often than it was sent, or although it was removed.
    Surplus {
        /// As it was read back.
        row: String,
        /// How often it may be there.
        most: u32,
        /// How often it is.
        found: u32,
    },
}

/// What came of holding landed rows against their bounds.
#[derive(Debug, Default)]
pub struct Held {
    /// Where they break them.
    pub breaches: Vec<Breach>,
    /// The launches that rows which are there were first sent in.
    pub present: BTreeSet<usize>,
    /// How many different rows are there of a launch that succeeded, and not of another that has
    /// sent them again; one entry a launch.
    pub kept: Vec<usize>,
}

/// The state of a stream after some launches.
#[derive(Debug)]
pub struct Bounds<'a> {
    stream: &'a Descriptor,
    launches: &'a [Launch],
    configured: &'a ConfiguredStream,
    declared: &'a Declared,
    types: Types<'a>,
    /// By the rows' fingerprints.
    rows: IndexMap<u64, Bound>,
}

impl<'a> Bounds<'a> {
    /// The bounds of a stream after these launches; none where they cannot be told: the stream is
    /// in no catalog; or it is deduplicated, and the last launch did not succeed, or what was lost
    /// before was not sent again.
    #[must_use]
    pub fn after(
        stream: &'a Descriptor,
        launches: &'a [Launch],
        declared: &'a Declared,
    ) -> Option<Self> {
        let last = launches.last()?;
        let configured = launches.iter().rev().find_map(|launch| launch.streams.find(stream))?;
        let types = Types::of(&configured.stream.json_schema);
        let rows = IndexMap::new();
        let mut bounds = Self { stream, launches, configured, declared, types, rows };
        if configured.destination_sync_mode != SyncMode::AppendDedup {
            for (nth, launch) in launches.iter().enumerate() {
                if let Some(configured) = launch.streams.find(stream) {
                    bounds.append(nth, launch, configured);
                }
            }
            return Some(bounds);
        }
        (last.completed() && bounds.dedup()).then_some(bounds)
    }

    fn append(&mut self, nth: usize, launch: &Launch, configured: &ConfiguredStream) {
        let succeeded = launch.completed();
        self.remove_replaced(launch, configured);
        let generation = configured.generation_id.unwrap_or(0);
        each_record(launch, &configured.descriptor(), |row, acknowledged, is_written| {
            let Ok(print) = compare::fingerprint(row, &self.types) else { return };
            let due = match acknowledged {
                _ if succeeded => Some(Due::Sent { launch: nth }),
                Some(by) => Some(Due::Acknowledged { launch: nth, by }),
                None => None,
            };
            let share = self.rows.entry(print).or_default().share(generation, nth);
            share.least += u32::from(due.is_some());
            share.most += u32::from(is_written);
            share.due = share.due.or(due);
        });
    }

    /// What a sync removes, or may have removed.
    fn remove_replaced(&mut self, launch: &Launch, configured: &ConfiguredStream) {
        let stream = configured.descriptor();
        let is_complete = || {
            launch.statuses_sent().any(|told| told.stream == stream && told.status == "COMPLETE")
        };
        let removed = launch.completed();
        if !removed && !is_complete() {
            return;
        }
        let minimum = configured.minimum_generation_id.unwrap_or(0);
        let all = configured.replaces() && configured.generation_id.is_none();
        for share in self.rows.values_mut().flat_map(|bound| &mut bound.shares) {
            if all || share.generation < minimum {
                (share.least, share.due) = (0, None);
                if removed {
                    share.most = 0;
                }
            }
        }
    }

    /// Whether it can be told.
    fn dedup(&mut self) -> bool {
        let (stream, launches) = (self.stream, self.launches);
        // What each row was last sent in, and whether that was acknowledged; none for one that is
        // neither due nor sent again.
        let mut dues: HashMap<u64, Option<Due>> = HashMap::new();
        for (nth, launch) in launches.iter().enumerate() {
            each_record(launch, stream, |row, acknowledged, _| {
                let due = match acknowledged {
                    _ if launch.completed() => Some(Due::Sent { launch: nth }),
                    Some(by) => Some(Due::Acknowledged { launch: nth, by }),
                    None => None,
                };
                if let Ok(print) = compare::fingerprint(row, &self.types) {
                    let last = dues.entry(print).or_default();
                    *last = due.or(*last);
                }
            });
        }
        if dues.values().any(Option::is_none) {
            return false;
        }
        let syncs: Vec<Input> =
            launches.iter().map(|launch| (&launch.streams, launch.steps.as_slice())).collect();
        let expected = model::expected(stream, &syncs);
        for (row, _) in expected.rows() {
            let Ok(print) = compare::fingerprint(&row, &self.types) else { continue };
            let due = dues.get(&print).copied().flatten();
            self.rows.insert(print, Bound::between(1, 1, due));
        }
        for gone in &expected.gone {
            if let Ok(print) = compare::fingerprint(gone.data, &self.types) {
                // A soft delete keeps the row, marked as deleted.
                let most = u32::from(gone.is_marked());
                self.rows.entry(print).or_insert_with(|| Bound::between(0, most, None));
            }
        }
        true
    }

    /// How many rows have to be there for a reason like this.
    #[must_use]
    pub fn due(&self, like: impl Fn(Due) -> bool) -> usize {
        self.rows.values().filter(|bound| bound.dues().any(&like)).count()
    }

    /// Holds landed rows against the bounds. The error says why they cannot be read.
    pub fn hold(&self, landed: &Rows) -> Result<Held, String> {
        let mut found: HashMap<u64, u32> = HashMap::new();
        let mut broken = None;
        let read = landed.for_each(|row| match compare::fingerprint(row, &self.types) {
            Ok(print) => *found.entry(print).or_default() += 1,
            Err(why) => broken = broken.take().or(Some(why)),
        });
        read.map_err(|error| error.to_string())?;
        if let Some(why) = broken {
            return Err(why);
        }
        alike::settle(self, &mut found, landed)?;
        let mut held = Held { kept: vec![0; self.launches.len()], ..Held::default() };
        let mut off = Vec::new();
        for (print, bound) in &self.rows {
            let found = found.get(print).copied().unwrap_or(0);
            if found > 0 {
                held.present.extend(bound.launch());
                bound.kept(found).for_each(|launch| held.kept[launch] += 1);
            }
            if found < bound.least() || found > bound.most() {
                off.push((*print, bound, found));
            }
        }
        let texts = self.texts(&off.iter().map(|(print, ..)| *print).collect());
        for (print, bound, found) in off {
            let row = texts.get(&print).cloned().unwrap_or_default();
            if let Some(due) = bound.due_after(found) {
                held.breaches.push(Breach::Missing { row, due });
            } else if found > bound.most() {
                held.breaches.push(Breach::Surplus { row, most: bound.most(), found });
            }
        }
        found.retain(|print, _| !self.rows.contains_key(print));
        held.breaches.extend(self.unsent(&found, landed)?);
        Ok(held)
    }

    /// What rows of these fingerprints were sent as.
    fn texts(&self, prints: &HashSet<u64>) -> HashMap<u64, String> {
        let mut texts = HashMap::new();
        for launch in self.launches.iter().filter(|_| !prints.is_empty()) {
            each_record(launch, self.stream, |row, _, _| {
                if let Ok(print) = compare::fingerprint(row, &self.types)
                    && prints.contains(&print)
                {
                    texts.entry(print).or_insert_with(|| row.to_owned());
                }
            });
        }
        texts
    }

    /// The rows of these fingerprints, none of which was sent.
    fn unsent(&self, prints: &HashMap<u64, u32>, landed: &Rows) -> Result<Vec<Breach>, String> {
        let mut rows = BTreeSet::new();
        if !prints.is_empty() {
            let read = landed.for_each(|row| {
                if compare::fingerprint(row, &self.types)
                    .is_ok_and(|print| prints.contains_key(&print))
                {
                    rows.extend(compare::canonical(row, &self.types));
                }
            });
            read.map_err(|error| error.to_string())?;
        }
        Ok(rows.into_iter().map(|row| Breach::Unsent { row }).collect())
    }
}

/// Calls `each` with every record of a stream that was to be sent in a launch, the kind of the
/// state that acknowledges it, and whether its writing was begun.
pub fn each_record(
    launch: &Launch,
    stream: &Descriptor,
    mut each: impl FnMut(&str, Option<StateKind>, bool),
) {
    let ledger = launch.ledger();
    let covers = |at: usize| {
        let of = |kind: StateKind| kind != StateKind::Stream;
        ledger.sent.iter().skip(at).find_map(|sent| {
            let covers = of(sent.state.kind) || sent.state.descriptor() == Some(stream);
            (covers && !sent.came.is_empty()).then_some(sent.state.kind)
        })
    };
    // The states before this step, of all streams: a record is covered by those after it.
    let mut states = 0;
    let mut covered: Option<(usize, Option<StateKind>)> = None;
    let mut covered_at = |states: usize| {
        if covered.is_none_or(|(at, _)| at != states) {
            covered = Some((states, covers(states)));
        }
        covered.and_then(|(_, kind)| kind)
    };
    let begun = launch.transcript.written.len();
    for (at, step) in launch.steps.iter().enumerate() {
        match step {
            Step::Message(sent) => match &sent.body {
                SentBody::Record(record) if record.stream == *stream => {
                    each(record.data.get(), covered_at(states), at < begun);
                }
                SentBody::State(_) => states += 1,
                _ => {}
            },
            Step::Bulk(bulk) => {
                let count = usize::try_from(bulk.states()).unwrap_or(usize::MAX);
                if bulk.stream == *stream {
                    for (nth, row) in bulk.rows().enumerate() {
                        let passed = (nth as u64).checked_div(bulk.state_every).unwrap_or(0);
                        let passed = usize::try_from(passed).unwrap_or(usize::MAX).min(count);
                        each(&row, covered_at(states + passed), at < begun);
                    }
                }
                states += count;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
