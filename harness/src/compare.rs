//! Comparing what landed with what must have landed.
//!
//! Both sides are streamed. Rows are told apart by a hash into buckets, each of which sums up what
//! should be and what is; only rows of buckets that do not cancel out are looked at one by one. A
//! stream of any length takes the same memory as long as little is wrong with it.

mod close_look;
pub mod fields;
mod first;
pub mod groups;
pub mod index;
pub mod matching;
mod moment;
mod names;
mod sorter;
mod tally;
pub mod traits;
mod types;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::evidence::Rows;
use crate::model::{Expected, Version};
use crate::protocol::catalog::{ConfiguredStream, SyncMode};
use crate::protocol::json;
use crate::scenario::capability::Declared;
use close_look::close_look;
pub use first::First;
use types::Type;
pub use types::Types;

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

impl Difference {
    /// Whether only texts stand where numbers ought to be: that may be the doing of the read-back.
    #[must_use]
    pub fn is_textual(&self) -> bool {
        let read = |row: &Option<String>| {
            let mut row = json::read(row.as_deref()?)?;
            row.as_object_mut()?
                .retain(|key, value| !key.starts_with("_airbyte_") && !value.is_null());
            loosen(&mut row);
            Some(row)
        };
        let (wanted, found) = (read(&self.wanted), read(&self.found));
        let are_equal =
            |(wanted, found): (Value, Value)| json::equal(&wanted, &found, json::Numbers::ByValue);
        self.kind == Kind::Altered && wanted.zip(found).is_some_and(are_equal)
    }
}

/// Reads texts that say a number as that number.
fn loosen(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(number) = json::read(text).filter(Value::is_number) {
                *value = number;
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(loosen),
        _ => {}
    }
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

/// The differences of one stream.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The differences.
    pub differences: Vec<Difference>,
    /// How many rows had to be there.
    pub wanted: u64,
    /// How many are.
    pub found: u64,
    /// Whether so many rows differ that only the first were looked at one by one.
    pub is_cut: bool,
}

const BUCKETS: usize = 4096;

#[derive(Clone, Copy, Default, PartialEq)]
struct Bucket {
    rows: i64,
    sum: u64,
}

/// Compares a stream's landed rows with the model's. The error says why they cannot be compared.
pub fn compare(expected: &Expected, landed: &Rows, place: &Place) -> Result<Comparison, String> {
    let types = &Types::of(&place.configured.stream.json_schema);
    let mut buckets = vec![Bucket::default(); BUCKETS];
    let mut comparison = Comparison::default();
    for (row, _) in expected.rows() {
        let hash = hash(&canonical(&row, types)?);
        let bucket = &mut buckets[hash.0];
        bucket.rows += 1;
        bucket.sum = bucket.sum.wrapping_add(hash.1);
        comparison.wanted += 1;
    }
    let mut broken = None;
    let read = landed.for_each(|row| match canonical(row, types) {
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
        close_look(expected, landed, place, &buckets, &mut comparison)?;
    }
    Ok(comparison)
}

/// A text's bucket, and the number that it is known by.
#[must_use]
pub fn hash(text: &str) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let first = hasher.finish();
    0x5bd1_e995_u32.hash(&mut hasher);
    (usize::try_from(first % BUCKETS as u64).unwrap_or(0), hasher.finish())
}

/// The number that rows of one canonical text share. The error says why it is no row.
pub fn fingerprint(row: &str, types: &Types) -> Result<u64, String> {
    canonical(row, types).map(|text| hash(&text).1)
}

/// A row's text for comparison: without the destination's own columns and without nulls, since a
/// column cannot tell null from absent; each value in its normal form.
///
/// Rows come by the million, so only values that can be written in several ways are taken apart.
/// The error says why it is no row.
pub fn canonical(row: &str, types: &Types) -> Result<String, String> {
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
        let kind = types.of_field(&key);
        let is_timed = matches!(kind, Type::Moment | Type::TimeOfDay);
        let is_plain = value.starts_with('"') && !value.contains('\\');
        if is_plain && !value.starts_with("\"{") && !value.starts_with("\"[") && !is_timed {
            text.push_str(value);
            continue;
        }
        let value =
            json::read(value).ok_or_else(|| format!("a row cannot be read: {}", shorten(row)))?;
        json::write_canonical(&fields::normal(value, kind), &mut text);
    }
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    Ok(text)
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
