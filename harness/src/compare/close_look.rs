//! The close look: rows that differ, one by one, each difference sorted into the one kind that it
//! is of.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::first::First;
use super::tally::Tally;
use super::twins::Twins;
use super::types::Types;
use super::{Bucket, Comparison, Difference, Kind, Place, canonical, fields, hash};
use crate::evidence::Rows;
use crate::model::{self, Expected, Gone, Reason, Version};
use crate::protocol::catalog::SyncMode;
use crate::protocol::json;

/// A row under the close look.
struct Row<'a> {
    text: String,
    canonical: String,
    /// Its primary key. A key within an object is found in the object's JSON as well.
    key: String,
    version: Option<Version<'a>>,
}

impl Row<'_> {
    fn bytes(&self) -> usize {
        self.text.len() + self.canonical.len()
    }

    fn is_delete(&self) -> bool {
        model::is_delete(&json::read(&self.canonical).unwrap_or(Value::Null))
    }
}

/// Looks at the rows of the buckets that do not cancel out: first at their hashes, to know which
/// differ, then at the first of those one by one.
pub fn close_look(
    expected: &Expected,
    landed: &Rows,
    place: &Place,
    buckets: &[Bucket],
    comparison: &mut Comparison,
) -> Result<(), String> {
    let types = &Types::of(&place.configured.stream.json_schema);
    let primary_key = &place.configured.primary_key;
    let row_of = |text: String, canonical: String, version| {
        let value = json::read(&canonical).unwrap_or(Value::Null);
        Row { text, canonical, key: model::key(&value, primary_key), version }
    };
    let suspect = |canonical: &str| {
        let (bucket, hash) = hash(canonical);
        (buckets[bucket] != Bucket::default()).then_some(hash)
    };
    let each_landed = |each: &mut dyn FnMut(&str, String, u64)| {
        let read = landed.for_each(|row| {
            // A row that cannot be read was told when all were counted.
            if let Ok(canonical) = canonical(row, types)
                && let Some(hash) = suspect(&canonical)
            {
                each(row, canonical, hash);
            }
        });
        read.map_err(|error| error.to_string())
    };
    let mut tally = Tally::new();
    for (row, _) in expected.rows() {
        if let Some(hash) = suspect(&canonical(&row, types)?) {
            tally.add(hash, 1);
        }
    }
    each_landed(&mut |_, _, hash| tally.add(hash, -1))?;

    let mut missing = First::default();
    for (row, version) in expected.rows() {
        if missing.is_cut {
            break;
        }
        let canonical = canonical(&row, types)?;
        if suspect(&canonical).is_some_and(|hash| tally.take_missing(hash)) {
            let row = row_of(row.into_owned(), canonical, Some(version));
            let bytes = row.bytes();
            missing.push(row, bytes);
        }
    }
    let missing_keys: HashSet<&str> = missing.rows.iter().map(|row| row.key.as_str()).collect();
    // A row of a missing one's key has precedence: it tells what became of that one.
    let (mut extra, mut others) = (First::default(), First::default());
    each_landed(&mut |row, canonical, hash| {
        if !(extra.is_cut && others.is_cut) && tally.take_extra(hash) {
            let row = row_of(row.to_owned(), canonical, None);
            let side =
                if missing_keys.contains(row.key.as_str()) { &mut extra } else { &mut others };
            let bytes = row.bytes();
            side.push(row, bytes);
        }
    })?;
    let is_cut = tally.is_sample() || missing.is_cut || extra.is_cut || others.is_cut;
    let mut extra = extra.rows;
    extra.append(&mut others.rows);
    // Where rows differ on one side alone, none has a twin that could have been passed over.
    comparison.is_cut = is_cut && !missing.rows.is_empty() && !extra.is_empty();
    let looked_at: HashSet<&str> = extra.iter().map(|row| row.canonical.as_str()).collect();
    let mut known = HashMap::new();
    for (row, version) in expected.rows() {
        let canonical = canonical(&row, types)?;
        if looked_at.contains(canonical.as_str()) {
            known.entry(canonical).or_insert(version);
        }
    }
    let mut missing = missing.rows;
    missing.sort_by(|a, b| a.text.cmp(&b.text));
    let gone = expected
        .gone
        .iter()
        .filter_map(|gone| Some((canonical(gone.data, types).ok()?, *gone)))
        .collect();
    let sorter = Sorter { place, known, gone };
    comparison.differences = sorter.sort(missing, extra, comparison);
    Ok(())
}

/// Sorts rows that differ into kinds.
struct Sorter<'a> {
    place: &'a Place<'a>,
    /// Rows that must be there, by canonical text.
    known: HashMap<String, Version<'a>>,
    /// Rows that must not be there any more, by canonical text.
    gone: HashMap<String, Gone<'a>>,
}

impl Sorter<'_> {
    fn sort(
        &self,
        mut missing: Vec<Row>,
        extra: Vec<Row>,
        comparison: &Comparison,
    ) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut unknown = Vec::new();
        let mut marked = HashSet::new();
        let is_dedup = self.place.configured.destination_sync_mode == SyncMode::AppendDedup;
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
                    Some(Reason::Deleted) if row.is_delete() && marked.insert(row.key.clone()) => {
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
        let (pairs, missing, extra) = self.pair(missing, unknown, comparison.is_cut);
        differences.extend(pairs.into_iter().map(|(wanted, found)| Difference {
            kind: Kind::Altered,
            wanted: Some(wanted.text),
            found: Some(found.text),
        }));
        // Where not all were looked at, a twin may be among the others; but that more rows are there
        // than were sent, or fewer, is certain.
        let certain = |more: u64, fewer: u64| {
            let count = usize::try_from(more.saturating_sub(fewer)).unwrap_or(usize::MAX);
            if comparison.is_cut { count } else { usize::MAX }
        };
        let (wanted, found) = (comparison.wanted, comparison.found);
        differences.extend(extra.into_iter().take(certain(found, wanted)).map(|row| Difference {
            kind: Kind::Invented,
            wanted: None,
            found: Some(row.text),
        }));
        differences.extend(missing.into_iter().take(certain(wanted, found)).map(|row| {
            Difference { kind: self.kind_of_missing(&row), wanted: Some(row.text), found: None }
        }));
        differences
    }

    /// Rows that landed with other values; and those, missing and extra, that are none of them.
    /// A row that is the same as one that is missing, but for what a destination may do to values,
    /// is no difference.
    fn pair<'r>(
        &self,
        missing: Vec<Row<'r>>,
        extra: Vec<Row<'r>>,
        is_cut: bool,
    ) -> (Vec<(Row<'r>, Row<'r>)>, Vec<Row<'r>>, Vec<Row<'r>>) {
        let Place { configured, declared, .. } = self.place;
        let canonical = missing.iter().map(|row| row.canonical.as_str());
        let mut twins = Twins::of(canonical, &configured.primary_key);
        let mut missing: Vec<Option<Row>> = missing.into_iter().map(Some).collect();
        let (mut others, mut pairs, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for row in extra {
            let is_same = |at: usize| {
                missing[at].as_ref().is_some_and(|sent: &Row| {
                    let schema = &configured.stream.json_schema;
                    fields::same_enough(&sent.text, &row.text, schema, declared)
                })
            };
            match twins.take_same(&row.canonical, is_same) {
                Some(at) => missing[at] = None,
                None => others.push(row),
            }
        }
        // Without a key, what looks like a twin proves nothing where the real one may be elsewhere.
        let is_guess = is_cut && configured.primary_key.is_empty();
        for row in others {
            let twin = (!is_guess).then(|| twins.take_likely(&row.canonical)).flatten();
            match twin.and_then(|at| missing[at].take()) {
                Some(twin) => pairs.push((twin, row)),
                None => left.push(row),
            }
        }
        (pairs, missing.into_iter().flatten().collect(), left)
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
