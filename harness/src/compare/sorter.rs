//! Sorting: each difference is of the one kind that tells most.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::close_look::Row;
use super::index::Index;
use super::{Comparison, Difference, Kind, Place};
use crate::model::{self, Gone, Reason, Version};
use crate::protocol::catalog::SyncMode;
use crate::protocol::json;

/// Sorts rows that differ into kinds.
pub struct Sorter<'a> {
    place: &'a Place<'a>,
    /// Rows that must be there, by canonical text.
    known: HashMap<String, Version<'a>>,
    /// Rows that must not be there any more, by canonical text.
    gone: HashMap<String, Gone<'a>>,
}

impl<'a> Sorter<'a> {
    /// Of a stream, by the rows that are of interest among those that must be there, and those
    /// that must not.
    pub fn new(
        place: &'a Place<'a>,
        known: HashMap<String, Version<'a>>,
        gone: HashMap<String, Gone<'a>>,
    ) -> Self {
        Self { place, known, gone }
    }

    /// What is certain where not all rows that differ were looked at. A row's twin may be among the
    /// others; but a key stands for one row in a deduplicated stream, and that there are more rows
    /// than were sent, or fewer, is certain everywhere.
    pub fn certain(
        &self,
        missing: Vec<Row>,
        mut extra: Vec<Row>,
        comparison: &Comparison,
    ) -> Vec<Difference> {
        let keys: HashSet<&str> = missing.iter().map(|row| row.key.as_str()).collect();
        extra.retain(|row| self.is_dedup() && keys.contains(row.key.as_str()));
        let mut differences = self.sort(missing, extra);
        differences.retain(|one| one.wanted.is_some() && one.found.is_some());
        let count = match comparison.wanted.cmp(&comparison.found) {
            Ordering::Greater => Some(Kind::Lost),
            Ordering::Less => Some(Kind::Invented),
            Ordering::Equal => None,
        };
        differences.extend(count.map(|kind| Difference { kind, wanted: None, found: None }));
        differences
    }

    /// Sorts rows that are missing, and rows that are there and should not be.
    pub fn sort(&self, mut missing: Vec<Row>, extra: Vec<Row>) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut unknown = Vec::new();
        let mut marked = HashSet::new();
        let is_dedup = self.is_dedup();
        let replaced = if self.place.configured.replaces() {
            Kind::OverwriteKept
        } else {
            Kind::GenerationKept
        };
        let missing_keys: HashSet<String> = missing.iter().map(|row| row.key.clone()).collect();
        // A row of this sync that an earlier one sent as well is there twice for either of two
        // reasons; other rows of the earlier sync tell which.
        let is_replaced = |row: &Row| {
            self.gone.get(&row.canonical).is_some_and(|gone| gone.reason == Reason::Replaced)
        };
        let kept_replaced =
            extra.iter().any(|row| !self.known.contains_key(&row.canonical) && is_replaced(row));
        for row in extra {
            let kind = if kept_replaced && is_replaced(&row) {
                replaced
            } else if let Some(version) = self.known.get(&row.canonical) {
                match version {
                    version if is_dedup && version.deliveries > 1 => Kind::NotIdempotent,
                    _ if is_dedup => Kind::DedupKept,
                    _ => Kind::Duplicated,
                }
            } else {
                match self.gone.get(&row.canonical).map(|gone| gone.reason) {
                    Some(Reason::Replaced) => replaced,
                    // A soft delete keeps the row, marked as deleted: once.
                    Some(Reason::Deleted) if is_delete(&row) && marked.insert(row.key.clone()) => {
                        continue;
                    }
                    Some(Reason::Deleted) => Kind::DeleteIgnored,
                    Some(Reason::Outdated) if missing_keys.contains(&row.key) => Kind::WrongWinner,
                    Some(Reason::Outdated) => Kind::DedupKept,
                    None => {
                        unknown.push(row);
                        continue;
                    }
                }
            };
            // A row that had to go may also have kept the one out that was to take its place.
            let keeps_out = is_dedup && kind == replaced;
            let winner = (kind == Kind::WrongWinner || keeps_out)
                .then(|| take(&mut missing, |other| other.key == row.key))
                .flatten();
            differences.push(Difference {
                kind,
                wanted: winner.map(|row| row.text),
                found: Some(row.text),
            });
        }
        let index = Index::of(missing.iter().map(|row| row.traits.as_slice()));
        let mut missing: Vec<Option<Row>> = missing.into_iter().map(Some).collect();
        for row in unknown {
            let is_free = |at: usize| missing[at].is_some();
            let twin = twin(&row, &index, is_free).and_then(|at| missing[at].take());
            differences.push(Difference {
                kind: if twin.is_some() { Kind::Altered } else { Kind::Invented },
                wanted: twin.map(|twin| twin.text),
                found: Some(row.text),
            });
        }
        differences.extend(missing.into_iter().flatten().map(|row| Difference {
            kind: self.kind_of_missing(&row),
            wanted: Some(row.text),
            found: None,
        }));
        differences
    }

    fn is_dedup(&self) -> bool {
        self.place.configured.destination_sync_mode == SyncMode::AppendDedup
    }

    fn kind_of_missing(&self, row: &Row) -> Kind {
        let earlier = row.version.is_some_and(|version| version.origin.sync < self.place.sync);
        if !earlier {
            Kind::Lost
        } else if !self.place.in_catalog {
            Kind::NeighbourTouched
        } else if row.version.is_some_and(|version| self.place.is_older(&version)) {
            Kind::GenerationZeroDeleted
        } else if self.place.configured.destination_sync_mode == SyncMode::Append {
            Kind::AppendReplaced
        } else {
            Kind::Lost
        }
    }
}

fn take<'a>(rows: &mut Vec<Row<'a>>, is: impl Fn(&Row) -> bool) -> Option<Row<'a>> {
    let at = rows.iter().position(is)?;
    Some(rows.remove(at))
}

fn is_delete(row: &Row) -> bool {
    model::is_delete(&json::read(&row.canonical).unwrap_or(Value::Null))
}

/// The missing row that this one most likely was: that of the same primary key, or, without a key,
/// the one with which it shares what fewest rows have.
fn twin(row: &Row, missing: &Index, is_free: impl Fn(usize) -> bool) -> Option<usize> {
    let has_key = |at: &usize| row.key_trait.is_none_or(|key| missing.has(*at, key));
    let shares = |at: &usize| row.traits.iter().any(|one| missing.has(*at, *one));
    let near = missing.near(&row.traits, &is_free);
    near.into_iter().find(|at| is_free(*at) && has_key(at) && shares(at))
}
