//! Sorting: each difference is of the one kind that tells most.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::close_look::Row;
use super::index::Index;
use super::{Comparison, Difference, Kind, Place};
use crate::model::{Gone, Reason, Version};
use crate::protocol::catalog::SyncMode;

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
                let gone = self.gone.get(&row.canonical);
                // A soft delete keeps the row, marked as deleted: once.
                if gone.is_some_and(Gone::is_marked) && marked.insert(row.key.clone()) {
                    continue;
                }
                match gone.map(|gone| gone.reason) {
                    Some(Reason::Replaced) => replaced,
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
        let mut twins = Twins::of(&missing);
        for row in unknown {
            let twin = twins.take(&row);
            differences.push(Difference {
                kind: if twin.is_some() { Kind::Altered } else { Kind::Invented },
                wanted: twin.map(|twin| twin.text.clone()),
                found: Some(row.text),
            });
        }
        differences.extend(twins.left().map(|row| Difference {
            kind: self.kind_of_missing(row),
            wanted: Some(row.text.clone()),
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

/// Missing rows, to find what another row most likely was.
struct Twins<'m, 'a> {
    missing: &'m [Row<'a>],
    by_traits: Index<'m>,
    by_key: HashMap<u64, Vec<usize>>,
    is_taken: Vec<bool>,
}

impl<'m, 'a> Twins<'m, 'a> {
    fn of(missing: &'m [Row<'a>]) -> Self {
        let mut by_key: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, row) in missing.iter().enumerate() {
            if let Some(key) = row.key_trait {
                by_key.entry(key).or_default().push(at);
            }
        }
        let by_traits = Index::of(missing.iter().map(|row| &row.traits));
        Self { missing, by_traits, by_key, is_taken: vec![false; missing.len()] }
    }

    /// The one of the same primary key, or, without a key, the one with which a row shares what
    /// fewest rows have; each once.
    fn take(&mut self, row: &Row) -> Option<&'m Row<'a>> {
        let is_free = |at: usize| !self.is_taken[at];
        let twin = match row.key_trait {
            Some(key) => self.by_key.get(&key)?.iter().copied().find(|at| is_free(*at)),
            None => self.by_traits.nearest(&row.traits, is_free),
        }?;
        self.is_taken[twin] = true;
        Some(&self.missing[twin])
    }

    fn left(&self) -> impl Iterator<Item = &'m Row<'a>> {
        self.missing
            .iter()
            .zip(&self.is_taken)
            .filter(|(_, is_taken)| !**is_taken)
            .map(|(row, _)| row)
    }
}
