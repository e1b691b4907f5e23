//! Comparing what landed with what must have landed.
//!
//! Both sides are streamed. Rows are told apart by a hash into buckets, each of which sums up what
//! should be and what is; only rows of buckets that do not cancel out are looked at one by one. A
//! stream of any length takes the same memory as long as little is wrong with it.

pub mod fields;
mod tally;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::evidence::Rows;
use crate::model::{self, Expected, Gone, Reason, Version};
use crate::protocol::catalog::{ConfiguredStream, SyncMode};
use crate::protocol::json;
use crate::scenario::capability::Declared;
use tally::Tally;

/// The kinds of difference, each the matter of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A row is not there.
    Lost,
    /// A row is there more often than it was sent.
    Duplicated,
    /// A row is there with other values.
    Altered,
    /// A row is there that was never sent.
    Invented,
    /// A row of an earlier sync is gone after an append.
    AppendReplaced,
    /// A row of an earlier sync is still there after an overwrite.
    OverwriteKept,
    /// A row of a generation below the minimum is still there after a refresh.
    GenerationKept,
    /// A row of an earlier sync is gone although no generation was to go.
    GenerationZeroDeleted,
    /// A row of a stream that the sync did not touch is gone.
    NeighbourTouched,
    /// An older version of a key is there beside the newer one.
    DedupKept,
    /// An older version is there in place of the newer one.
    WrongWinner,
    /// A deleted row is there.
    DeleteIgnored,
    /// The same row delivered again is there again.
    NotIdempotent,
}

impl Kind {
    /// The sync mode that a connector must offer to show it; `None` where any will do.
    #[must_use]
    pub fn mode(self) -> Option<SyncMode> {
        match self {
            Self::Lost
            | Self::Altered
            | Self::Invented
            | Self::Duplicated
            | Self::GenerationKept
            | Self::GenerationZeroDeleted => None,
            Self::AppendReplaced => Some(SyncMode::Append),
            Self::OverwriteKept | Self::NeighbourTouched => Some(SyncMode::Overwrite),
            Self::DedupKept | Self::WrongWinner | Self::DeleteIgnored | Self::NotIdempotent => {
                Some(SyncMode::AppendDedup)
            }
        }
    }
}

/// One difference.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// The row that ought to be there, as sent.
    pub wanted: Option<String>,
    /// The row that is there, as read back.
    pub found: Option<String>,
}

/// Where a comparison stands in its scenario.
pub struct Place<'a> {
    /// The stream's last entry in a catalog.
    pub configured: &'a ConfiguredStream,
    /// Which sync has just ended, from 0.
    pub sync: usize,
    /// Whether the stream is in that sync's catalog.
    pub in_catalog: bool,
    /// What the connector declares of itself.
    pub declared: &'a Declared,
}

impl Place<'_> {
    /// Whether a version belongs to an older generation than that of the stream's last sync.
    #[must_use]
    pub fn is_older(&self, version: &Version) -> bool {
        self.configured.generation_id.is_some_and(|now| version.origin.generation < now)
    }
}

/// The differences of one stream, the first thousand of them.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The differences.
    pub differences: Vec<Difference>,
    /// How many rows had to be there.
    pub wanted: u64,
    /// How many are.
    pub found: u64,
}

const BUCKETS: usize = 4096;
/// Rows of one side that are looked at one by one.
const CLOSE_LOOK: usize = 1000;

#[derive(Clone, Copy, Default, PartialEq)]
struct Bucket {
    rows: i64,
    sum: u64,
}

/// Compares a stream's landed rows with the model's. The error says why they cannot be compared.
pub fn compare(expected: &Expected, landed: &Rows, place: &Place) -> Result<Comparison, String> {
    let schema = &place.configured.stream.json_schema;
    let mut buckets = vec![Bucket::default(); BUCKETS];
    let mut comparison = Comparison::default();
    for (row, _) in expected.rows() {
        let hash = hash(&canonical(&row, schema)?);
        let bucket = &mut buckets[hash.0];
        bucket.rows += 1;
        bucket.sum = bucket.sum.wrapping_add(hash.1);
        comparison.wanted += 1;
    }
    let mut broken = None;
    let read = landed.for_each(|row| match canonical(row, schema) {
        Ok(text) => {
            let hash = hash(&text);
            let bucket = &mut buckets[hash.0];
            bucket.rows -= 1;
            bucket.sum = bucket.sum.wrapping_sub(hash.1);
            comparison.found += 1;
        }
        Err(error) => broken = broken.take().or(Some(error)),
    });
    read.map_err(|error| error.to_string())?;
    if let Some(broken) = broken {
        return Err(broken);
    }
    if buckets.iter().any(|bucket| *bucket != Bucket::default()) {
        comparison.differences = close_look(expected, landed, place, &buckets)?;
    }
    Ok(comparison)
}

fn hash(text: &str) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let first = hasher.finish();
    0x5bd1_e995_u32.hash(&mut hasher);
    (usize::try_from(first % BUCKETS as u64).unwrap_or(0), hasher.finish())
}

/// The number that rows of one canonical text share. The error says why it is no row.
pub fn fingerprint(row: &str, schema: &Value) -> Result<u64, String> {
    canonical(row, schema).map(|text| hash(&text).1)
}

/// A row's text for comparison: without the destination's own columns and without nulls, since a
/// column cannot tell null from absent; moments that the schema declares are compared as moments.
///
/// Rows come by the million, so only values that can be written in several ways are taken apart.
/// The error says why it is no row.
pub fn canonical(row: &str, schema: &Value) -> Result<String, String> {
    let broken = |error: serde_json::Error| {
        let row = shorten(row);
        if error.is_data() {
            format!("a landed row is no JSON object: {row}")
        } else {
            format!("a landed row is no JSON ({error}): {row}")
        }
    };
    let fields: BTreeMap<Cow<str>, &RawValue> = serde_json::from_str(row).map_err(broken)?;
    let mut text = String::with_capacity(row.len());
    for (key, value) in fields {
        let value = value.get();
        if value == "null" || key.starts_with("_airbyte_") {
            continue;
        }
        text.push(if text.is_empty() { '{' } else { ',' });
        json::write_canonical(&Value::String(key.to_string()), &mut text);
        text.push(':');
        let format = &schema["properties"][&*key]["format"];
        let is_moment = format == "date-time" || format == "time";
        if value.starts_with('"') && !value.contains('\\') && !is_moment {
            text.push_str(value);
            continue;
        }
        let mut value =
            json::read(value).ok_or_else(|| format!("a row cannot be read: {}", shorten(row)))?;
        if let Value::String(text) = &mut value
            && is_moment
            && let Some(read) = moment(text, format == "time")
        {
            *text = read;
        }
        json::write_canonical(&value, &mut text);
    }
    Ok(text)
}

/// The text that all spellings of a moment share, or of a time of day.
fn moment(text: &str, of_day: bool) -> Option<String> {
    if !of_day && let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment.to_string());
    }
    // Without a zone, or on the last day of all, which is no moment in every zone.
    let after_hours = text.find(':')?;
    let zone = text[after_hours..].find(['Z', 'z', '+', '-']);
    let (local, zone) = text.split_at(zone.map_or(text.len(), |zone| after_hours + zone));
    let local = if of_day {
        local.parse::<jiff::civil::Time>().ok()?.to_string()
    } else {
        local.parse::<jiff::civil::DateTime>().ok()?.to_string()
    };
    let is_utc = matches!(zone, "z" | "+00:00" | "-00:00" | "+0000" | "+00");
    Some(format!("{local}{}", if is_utc { "Z" } else { zone }))
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A row under the close look.
struct Row<'a> {
    text: String,
    canonical: String,
    version: Option<Version<'a>>,
}

impl Row<'_> {
    fn value(&self) -> Value {
        json::read(&self.text).unwrap_or(Value::Null)
    }
}

/// Looks at the rows of the buckets that do not cancel out: first at their hashes, to know which
/// differ, then at the first of those one by one.
fn close_look(
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
            missing.push(Row { text: row.into_owned(), canonical, version: Some(version) });
        }
    }
    let primary_key = &place.configured.primary_key;
    let key = |row: &Row| model::key(&row.value(), primary_key);
    let missing_keys: HashSet<String> = missing.iter().map(key).collect();
    // A row of a missing one's key has precedence: it tells what became of that one.
    let (mut extra, mut others): (Vec<Row>, Vec<Row>) = Default::default();
    each_landed(&mut |row, canonical, hash| {
        if tally.take_extra(hash) {
            let text = row.to_owned();
            let row = Row { text, canonical, version: None };
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
                        if model::is_delete(&row.value()) && marked.insert(self.key(&row)) =>
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
            let winner = (kind == Kind::WrongWinner || keeps_out)
                .then(|| take(&mut missing, |other| self.key(other) == self.key(&row)))
                .flatten();
            differences.push(Difference {
                kind,
                wanted: winner.map(|row| row.text),
                found: Some(row.text),
            });
        }
        // Taken apart once: each unknown row is held against each that is missing.
        let mut values: Vec<Value> = missing.iter().map(Row::value).collect();
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
        model::key(&row.value(), &self.place.configured.primary_key)
    }

    /// The missing row that an unknown one most likely was: that of the same primary key, or the
    /// one that shares most fields with it, at least one.
    fn twin(&self, row: &Row, missing: &[Value]) -> Option<usize> {
        let primary_key = &self.place.configured.primary_key;
        if !primary_key.is_empty() {
            let key = self.key(row);
            let has_key = |other: &Value| model::key(other, primary_key) == key;
            return missing.iter().position(has_key);
        }
        let value = row.value();
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

#[cfg(test)]
mod tests;
