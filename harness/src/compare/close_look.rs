//! The close look: rows that differ, one by one, each difference sorted into the one kind that it
//! is of.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::tally::Tally;
use super::{Bucket, Difference, Kind, Place, canonical, fields, hash, loosen};
use crate::evidence::Rows;
use crate::model::{self, Expected, Gone, Reason, Version};
use crate::protocol::catalog::SyncMode;
use crate::protocol::json;

/// Rows of one side that are looked at one by one.
const CLOSE_LOOK: usize = 1000;

/// A row under the close look.
struct Row<'a> {
    text: String,
    canonical: String,
    /// Its fields, each in its normal form: a key within an object is found in its JSON as well.
    value: Value,
    version: Option<Version<'a>>,
}

impl<'a> Row<'a> {
    fn new(text: String, canonical: String, version: Option<Version<'a>>) -> Self {
        let value = json::read(&canonical).unwrap_or(Value::Null);
        Self { text, canonical, value, version }
    }

    /// Its fields, with texts that say a number read as that number: two rows that are alike but for
    /// it are one, altered.
    fn loose(&self) -> Value {
        let mut value = self.value.clone();
        loosen(&mut value);
        value
    }
}

/// Looks at the rows of the buckets that do not cancel out: first at their hashes, to know which
/// differ, then at the first of those one by one.
pub fn close_look(
    expected: &Expected,
    landed: &Rows,
    place: &Place,
    buckets: &[Bucket],
) -> Result<Vec<Difference>, String> {
    let schema = &place.configured.stream.json_schema;
    let suspect = |canonical: &str| {
        let (bucket, hash) = hash(canonical);
        (buckets[bucket] != Bucket::default()).then_some(hash)
    };
    let each_landed = |each: &mut dyn FnMut(&str, String, u64)| {
        let read = landed.for_each(|row| {
            // A row that cannot be read was told when all were counted.
            if let Ok(canonical) = canonical(row, schema)
                && let Some(hash) = suspect(&canonical)
            {
                each(row, canonical, hash);
            }
        });
        read.map_err(|error| error.to_string())
    };
    let mut tally = Tally::new();
    for (row, _) in expected.rows() {
        if let Some(hash) = suspect(&canonical(&row, schema)?) {
            tally.add(hash, 1);
        }
    }
    each_landed(&mut |_, _, hash| tally.add(hash, -1))?;

    let mut missing: Vec<Row> = Vec::new();
    for (row, version) in expected.rows() {
        let canonical = canonical(&row, schema)?;
        if missing.len() < CLOSE_LOOK
            && suspect(&canonical).is_some_and(|hash| tally.take_missing(hash))
        {
            missing.push(Row::new(row.into_owned(), canonical, Some(version)));
        }
    }
    let primary_key = &place.configured.primary_key;
    let key = |row: &Row| model::key(&row.loose(), primary_key);
    let missing_keys: HashSet<String> = missing.iter().map(key).collect();
    // A row of a missing one's key has precedence: it tells what became of that one.
    let (mut extra, mut others): (Vec<Row>, Vec<Row>) = Default::default();
    each_landed(&mut |row, canonical, hash| {
        if tally.take_extra(hash) {
            let row = Row::new(row.to_owned(), canonical, None);
            if extra.len() < CLOSE_LOOK && missing_keys.contains(&key(&row)) {
                extra.push(row);
            } else if others.len() < CLOSE_LOOK {
                others.push(row);
            }
        }
    })?;
    extra.append(&mut others);
    let looked_at: HashSet<&str> = extra.iter().map(|row| row.canonical.as_str()).collect();
    let mut known = HashMap::new();
    for (row, version) in expected.rows() {
        let canonical = canonical(&row, schema)?;
        if looked_at.contains(canonical.as_str()) {
            known.entry(canonical).or_insert(version);
        }
    }
    let is_cut = missing.len() == CLOSE_LOOK;
    missing.sort_by(|a, b| a.text.cmp(&b.text));
    let gone = expected
        .gone
        .iter()
        .filter_map(|gone| Some((canonical(gone.data, schema).ok()?, *gone)))
        .collect();
    let sorter = Sorter { place, known, gone, is_cut };
    let mut differences = sorter.sort(missing, extra);
    differences.retain(|difference| {
        match (difference.kind, &difference.wanted, &difference.found) {
            (Kind::Altered, Some(wanted), Some(found)) => {
                !fields::same_enough(wanted, found, schema, place.declared)
            }
            _ => true,
        }
    });
    Ok(differences)
}

/// Sorts rows that differ into kinds.
struct Sorter<'a> {
    place: &'a Place<'a>,
    /// Rows that must be there, by canonical text.
    known: HashMap<String, Version<'a>>,
    /// Rows that must not be there any more, by canonical text.
    gone: HashMap<String, Gone<'a>>,
    /// Whether more rows are missing than are looked at.
    is_cut: bool,
}

impl Sorter<'_> {
    fn sort(&self, mut missing: Vec<Row>, extra: Vec<Row>) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut unknown = Vec::new();
        let mut marked = HashSet::new();
        let is_dedup = self.place.configured.destination_sync_mode == SyncMode::AppendDedup;
        let replaced = if self.place.configured.replaces() {
            Kind::OverwriteKept
        } else {
            Kind::GenerationKept
        };
        let missing_keys: HashSet<String> = missing.iter().map(|row| self.key(row)).collect();
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
                    Some(Reason::Deleted)
                        if model::is_delete(&row.value) && marked.insert(self.key(&row)) =>
                    {
                        continue;
                    }
                    Some(Reason::Deleted) => Kind::DeleteIgnored,
                    Some(Reason::Outdated) if missing_keys.contains(&self.key(&row)) => {
                        Kind::WrongWinner
                    }
                    Some(Reason::Outdated) => Kind::DedupKept,
                    None => {
                        unknown.push(row);
                        continue;
                    }
                }
            };
            // A row that had to go may also have kept the one out that was to take its place.
            let keeps_out = is_dedup && kind == replaced;
            let key = self.key(&row);
            let winner = (kind == Kind::WrongWinner || keeps_out)
                .then(|| take(&mut missing, |other| self.key(other) == key))
                .flatten();
            differences.push(Difference {
                kind,
                wanted: winner.map(|row| row.text),
                found: Some(row.text),
            });
        }
        // Taken apart once: each unknown row is held against each that is missing.
        let mut values: Vec<Value> = missing.iter().map(Row::loose).collect();
        for row in unknown {
            let twin = self.twin(&row, &values).map(|at| {
                values.remove(at);
                missing.remove(at)
            });
            let kind = match twin {
                Some(_) => Kind::Altered,
                // Its twin may be among those that were not looked at.
                None if self.is_cut => continue,
                None => Kind::Invented,
            };
            differences.push(Difference {
                kind,
                wanted: twin.map(|twin| twin.text),
                found: Some(row.text),
            });
        }
        differences.extend(missing.into_iter().map(|row| Difference {
            kind: self.kind_of_missing(&row),
            wanted: Some(row.text),
            found: None,
        }));
        differences
    }

    fn key(&self, row: &Row) -> String {
        model::key(&row.value, &self.place.configured.primary_key)
    }

    /// The missing row that an unknown one most likely was: that of the same primary key, or the
    /// one that shares most fields with it, at least one.
    fn twin(&self, row: &Row, missing: &[Value]) -> Option<usize> {
        let primary_key = &self.place.configured.primary_key;
        let value = row.loose();
        if !primary_key.is_empty() {
            let key = model::key(&value, primary_key);
            let has_key = |other: &Value| model::key(other, primary_key) == key;
            return missing.iter().position(has_key);
        }
        let shared = |other: &Value| {
            let fields = value.as_object()?;
            Some(
                fields
                    .iter()
                    .filter(|(key, field)| {
                        !field.is_null()
                            && other
                                .get(key)
                                .is_some_and(|o| json::equal(o, field, json::Numbers::ByValue))
                    })
                    .count(),
            )
        };
        missing
            .iter()
            .enumerate()
            .map(|(at, other)| (shared(other).unwrap_or(0), at))
            .filter(|(shared, _)| *shared > 0)
            .max_by_key(|(shared, at)| (*shared, std::cmp::Reverse(*at)))
            .map(|(_, at)| at)
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
