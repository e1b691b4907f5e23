//! Comparing what landed with what must have landed.
//!
//! Both sides are streamed. Rows are told apart by a hash into buckets, each of which sums up what
//! should be and what is; only rows of buckets that do not cancel out are looked at one by one. A
//! stream of any length takes the same memory as long as little is wrong with it.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::evidence::Rows;
use crate::model::{self, Expected, Gone, Reason, Version};
use crate::protocol::catalog::{ConfiguredStream, SyncMode};
use crate::protocol::json;

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
            Self::Lost | Self::Altered | Self::Invented | Self::Duplicated => None,
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
    (
        usize::try_from(first % BUCKETS as u64).unwrap_or(0),
        hasher.finish(),
    )
}

/// A row's text for comparison: without the destination's own columns and without nulls, since a
/// column cannot tell null from absent; moments that the schema declares are compared as moments.
fn canonical(row: &str, schema: &Value) -> Result<String, String> {
    let value: Value = serde_json::from_str(row)
        .map_err(|error| format!("a landed row is no JSON ({error}): {}", shorten(row)))?;
    let Value::Object(mut object) = value else {
        return Err(format!("a landed row is no JSON object: {}", shorten(row)));
    };
    object.retain(|key, value| !value.is_null() && !key.starts_with("_airbyte_"));
    for (key, value) in &mut object {
        let declared = &schema["properties"][key];
        if declared["format"] == "date-time"
            && let Value::String(text) = value
            && let Ok(moment) = text.parse::<jiff::Timestamp>()
        {
            *text = moment.to_string();
        }
    }
    let mut text = String::new();
    json::write_canonical(&Value::Object(object), &mut text);
    Ok(text)
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
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

fn close_look(
    expected: &Expected,
    landed: &Rows,
    place: &Place,
    buckets: &[Bucket],
) -> Result<Vec<Difference>, String> {
    let schema = &place.configured.stream.json_schema;
    let suspect = |canonical: &str| buckets[hash(canonical).0] != Bucket::default();
    let mut wanted: HashMap<String, Vec<Row>> = HashMap::new();
    let mut taken = 0;
    for (row, version) in expected.rows() {
        let canonical = canonical(&row, schema)?;
        if suspect(&canonical) && taken < CLOSE_LOOK {
            taken += 1;
            let row = Row {
                text: row.into_owned(),
                canonical: canonical.clone(),
                version: Some(version),
            };
            wanted.entry(canonical).or_default().push(row);
        }
    }
    let capped = taken == CLOSE_LOOK;
    let known: HashMap<String, Option<Version>> = wanted
        .iter()
        .map(|(canonical, rows)| (canonical.clone(), rows.first().and_then(|row| row.version)))
        .collect();
    let mut extra: Vec<Row> = Vec::new();
    landed
        .for_each(|row| {
            let Ok(canonical) = canonical(row, schema) else {
                return;
            };
            if !suspect(&canonical) || extra.len() >= CLOSE_LOOK {
                return;
            }
            if let Some(rows) = wanted.get_mut(&canonical)
                && rows.pop().is_some()
            {
                return;
            }
            // With more wanted rows than were looked at, a row may be wanted all the same.
            if !capped || known.contains_key(&canonical) {
                extra.push(Row {
                    text: row.to_owned(),
                    canonical,
                    version: None,
                });
            }
        })
        .map_err(|error| error.to_string())?;
    let mut missing: Vec<Row> = wanted.into_values().flatten().collect();
    missing.sort_by(|a, b| a.text.cmp(&b.text));
    let gone = expected
        .gone
        .iter()
        .filter_map(|gone| Some((canonical(gone.data, schema).ok()?, *gone)))
        .collect();
    Ok(Sorter { place, known, gone }.sort(missing, extra))
}

/// Sorts rows that differ into kinds.
struct Sorter<'a> {
    place: &'a Place<'a>,
    /// Rows that must be there, by canonical text.
    known: HashMap<String, Option<Version<'a>>>,
    /// Rows that must not be there any more, by canonical text.
    gone: HashMap<String, Gone<'a>>,
}

impl Sorter<'_> {
    fn sort(&self, mut missing: Vec<Row>, extra: Vec<Row>) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut unknown = Vec::new();
        let is_dedup = self.place.configured.destination_sync_mode == SyncMode::AppendDedup;
        let missing_keys: HashSet<String> = missing.iter().map(|row| self.key(row)).collect();
        // A row of this sync that an earlier one sent as well is there twice for either of two
        // reasons; other rows of the earlier sync tell which.
        let is_replaced = |row: &Row| {
            self.gone
                .get(&row.canonical)
                .is_some_and(|gone| gone.reason == Reason::Replaced)
        };
        let kept_replaced = extra
            .iter()
            .any(|row| !self.known.contains_key(&row.canonical) && is_replaced(row));
        for row in extra {
            let kind = if kept_replaced && is_replaced(&row) {
                Kind::OverwriteKept
            } else if let Some(version) = self.known.get(&row.canonical) {
                match version {
                    Some(version) if is_dedup && version.deliveries > 1 => Kind::NotIdempotent,
                    _ if is_dedup => Kind::DedupKept,
                    _ => Kind::Duplicated,
                }
            } else {
                match self.gone.get(&row.canonical).map(|gone| gone.reason) {
                    Some(Reason::Replaced) => Kind::OverwriteKept,
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
            let winner = (kind == Kind::WrongWinner)
                .then(|| take(&mut missing, |other| self.key(other) == self.key(&row)))
                .flatten();
            differences.push(Difference {
                kind,
                wanted: winner.map(|row| row.text),
                found: Some(row.text),
            });
        }
        for row in unknown {
            let twin = self.twin(&row, &missing).map(|at| missing.remove(at));
            let kind = if twin.is_some() {
                Kind::Altered
            } else {
                Kind::Invented
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
    fn twin(&self, row: &Row, missing: &[Row]) -> Option<usize> {
        if !self.place.configured.primary_key.is_empty() {
            let key = self.key(row);
            return missing.iter().position(|other| self.key(other) == key);
        }
        let value = row.value();
        let shared = |other: &Row| {
            let other = other.value();
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
        let earlier = row
            .version
            .is_some_and(|version| version.origin.sync < self.place.sync);
        if !earlier {
            Kind::Lost
        } else if !self.place.in_catalog {
            Kind::NeighbourTouched
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
mod tests {
    use super::*;
    use crate::protocol::catalog::Catalog;
    use crate::scenario::{Sent, Step};

    /// Sends rows in syncs of one mode, and gives the kinds of difference to what landed.
    fn kinds(mode: &str, syncs: &[&[&str]], landed: &[&str]) -> Vec<Kind> {
        let catalog: Catalog = serde_json::from_value(serde_json::json!({"streams": [{
            "stream": {"name": "s", "json_schema": {"properties": {
                "at": {"type": "string", "format": "date-time"}}}},
            "destination_sync_mode": mode,
            "primary_key": if mode == "append_dedup" { vec![vec!["id"]] } else { vec![] },
            "cursor_field": if mode == "append_dedup" { vec!["c"] } else { vec![] },
        }]}))
        .unwrap();
        let steps: Vec<Vec<Step>> = syncs
            .iter()
            .map(|rows| {
                rows.iter()
                    .map(|row| {
                        let line = format!(
                            r#"{{"type":"RECORD","record":{{"stream":"s","data":{row},"emitted_at":1}}}}"#
                        );
                        Step::Message(Sent::parse(&line).unwrap())
                    })
                    .collect()
            })
            .collect();
        let input: Vec<_> = steps
            .iter()
            .map(|steps| (&catalog, steps.as_slice()))
            .collect();
        let expected = model::expected(&catalog.streams[0].descriptor(), &input);
        let place = Place {
            configured: &catalog.streams[0],
            sync: syncs.len() - 1,
            in_catalog: true,
        };
        let rows = Rows::Lines(landed.iter().map(ToString::to_string).collect());
        let mut kinds: Vec<_> = compare(&expected, &rows, &place)
            .unwrap()
            .differences
            .iter()
            .map(|difference| difference.kind)
            .collect();
        kinds.sort_by_key(|kind| *kind as u8);
        kinds
    }

    const A: &str = r#"{"id":1,"v":"a","c":1}"#;
    const B: &str = r#"{"id":1,"v":"b","c":2}"#;
    const C: &str = r#"{"id":2,"v":"c","c":1}"#;

    #[test]
    fn each_kind_is_told_from_the_others() {
        for (mode, syncs, landed, wanted) in [
            ("append", &[&[A, C][..]][..], &[C, A][..], &[][..]),
            ("append", &[&[A, C]], &[A], &[Kind::Lost]),
            ("append", &[&[A, A]], &[A, A], &[]),
            ("append", &[&[A, A]], &[A], &[Kind::Lost]),
            ("append", &[&[A]], &[A, A], &[Kind::Duplicated]),
            (
                "append",
                &[&[A]],
                &[r#"{"id":1,"v":"A","c":1}"#],
                &[Kind::Altered],
            ),
            ("append", &[&[A]], &[A, r#"{"x":9}"#], &[Kind::Invented]),
            ("append", &[&[A], &[C]], &[C], &[Kind::AppendReplaced]),
            ("append", &[&[A], &[C]], &[A], &[Kind::Lost]),
            ("overwrite", &[&[A], &[C]], &[A, C], &[Kind::OverwriteKept]),
            (
                "overwrite",
                &[&[A, B], &[A]],
                &[A, A, B],
                &[Kind::OverwriteKept; 2],
            ),
            ("overwrite", &[&[A, B], &[A]], &[A, A], &[Kind::Duplicated]),
            ("append_dedup", &[&[A], &[B]], &[B], &[]),
            ("append_dedup", &[&[A], &[B]], &[A, B], &[Kind::DedupKept]),
            ("append_dedup", &[&[B], &[A]], &[A], &[Kind::WrongWinner]),
            (
                "append_dedup",
                &[&[A], &[A]],
                &[A, A],
                &[Kind::NotIdempotent],
            ),
            (
                "append_dedup",
                &[&[A, r#"{"id":1,"c":3,"_ab_cdc_deleted_at":"2026"}"#, C]],
                &[A, C],
                &[Kind::DeleteIgnored],
            ),
        ] {
            assert_eq!(
                kinds(mode, syncs, landed),
                wanted,
                "{mode} {syncs:?} {landed:?}"
            );
        }
    }

    #[test]
    fn what_a_column_cannot_tell_apart_is_no_difference() {
        for (sent, landed) in [
            (
                r#"{"a":null,"b":1}"#,
                r#"{"b":1,"_airbyte_raw_id":"x","c":null}"#,
            ),
            (
                r#"{"at":"2026-01-01T01:00:00+01:00"}"#,
                r#"{"at":"2026-01-01T00:00:00Z"}"#,
            ),
            (r#"{"b":1.0}"#, r#"{"b":1}"#),
        ] {
            assert_eq!(kinds("append", &[&[sent]], &[landed]), [], "{sent}");
        }
        assert_eq!(
            kinds(
                "append",
                &[&[r#"{"id":1,"n":0.1}"#]],
                &[r#"{"id":1,"n":0.10000000000000001}"#]
            ),
            [Kind::Altered]
        );
    }

    #[test]
    fn a_landed_row_that_is_no_object_cannot_be_compared() {
        let catalog: Catalog = serde_json::from_str(
            r#"{"streams":[{"stream":{"name":"s","json_schema":{}},"destination_sync_mode":"append"}]}"#,
        )
        .unwrap();
        let place = Place {
            configured: &catalog.streams[0],
            sync: 0,
            in_catalog: true,
        };
        let rows = Rows::Lines(vec!["[1]".into()]);
        assert!(compare(&Expected::default(), &rows, &place).is_err());
    }
}
