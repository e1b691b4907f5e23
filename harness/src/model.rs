//! The model: which rows must have landed.
//!
//! The executable definition of the sync modes, one stream at a time:
//!
//! - `append` adds this sync's records to what is there.
//! - `overwrite` leaves this sync's records alone.
//! - `append_dedup` leaves one row a primary key: the one with the greatest cursor, null lowest;
//!   on a tie, or with no cursor, the latest emitted. A version with `_ab_cdc_deleted_at` set
//!   deletes.
//! - a `minimum_generation_id` above 0 removes what belongs to lower generations.
//!
//! Fixtures carry their expected rows written by hand, and a test holds the model against them.

use std::borrow::Cow;
use std::cmp::Ordering;

use indexmap::IndexMap;
use serde_json::Value;

use crate::protocol::catalog::{Catalog, ConfiguredStream, SyncMode};
use crate::protocol::json;
use crate::protocol::message::Descriptor;
use crate::scenario::bulk::Bulk;
use crate::scenario::{SentBody, Step};

/// A sync as the model sees it: the catalog and what was sent.
pub type Input<'a> = (&'a Catalog, &'a [Step]);

/// What must be in a stream after some syncs, and what must not be there any more.
#[derive(Debug, Default)]
pub struct Expected<'a> {
    /// The rows that must have landed.
    pub rows: Vec<Part<'a>>,
    /// Versions that were sent and must not be there now.
    pub gone: Vec<Gone<'a>>,
}

/// Rows that must have landed.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// One row.
    Row(Version<'a>),
    /// All rows of a recipe.
    Bulk(&'a Bulk, Origin),
}

/// Where a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The sync, from 0.
    pub sync: usize,
    /// The generation that its stream had in that sync.
    pub generation: i64,
}

/// A row as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// Its fields, as written.
    pub data: &'a str,
    /// When the source emitted it, in milliseconds.
    emitted_at: i64,
    /// Where it comes from.
    pub origin: Origin,
    /// How often this very row, field for field, has been sent for its key.
    pub deliveries: u32,
}

/// Why a version that was sent must not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A later sync replaced it.
    Replaced,
    /// Another version of the same key won.
    Outdated,
    /// Its key was deleted.
    Deleted,
}

/// A version that was sent and must not be there.
#[derive(Debug, Clone, Copy)]
pub struct Gone<'a> {
    /// Its fields, as written.
    pub data: &'a str,
    /// Why.
    pub reason: Reason,
}

impl Gone<'_> {
    /// Whether it may be there all the same: a soft delete keeps the row, marked as deleted.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.reason == Reason::Deleted && is_delete(&json::read(self.data).unwrap_or(Value::Null))
    }
}

impl<'a> Part<'a> {
    /// What its rows have in common, without making them: all but the fields of a recipe's rows.
    #[must_use]
    pub fn version(&self) -> Version<'a> {
        match *self {
            Self::Row(version) => version,
            Self::Bulk(_, origin) => Version { data: "", emitted_at: 0, origin, deliveries: 1 },
        }
    }
}

impl<'a> Expected<'a> {
    /// All rows that must have landed, as JSON, with where they come from.
    pub fn rows(&self) -> impl Iterator<Item = (Cow<'a, str>, Version<'a>)> + '_ {
        self.rows.iter().flat_map(|part| -> Box<dyn Iterator<Item = _>> {
            let version = part.version();
            match *part {
                Part::Row(_) => Box::new(std::iter::once((Cow::Borrowed(version.data), version))),
                Part::Bulk(bulk, _) => {
                    Box::new(bulk.rows().map(move |row| (Cow::Owned(row), version)))
                }
            }
        })
    }
}

/// What must have landed in a stream after these syncs, each of which has succeeded.
#[must_use]
pub fn expected<'a>(stream: &Descriptor, syncs: &[Input<'a>]) -> Expected<'a> {
    let mut state = Expected::default();
    for (nth, (catalog, steps)) in syncs.iter().enumerate() {
        let Some(configured) = catalog.find(stream) else {
            continue;
        };
        let origin = Origin { sync: nth, generation: configured.generation_id.unwrap_or(0) };
        let sent = sent(stream, steps, origin);
        remove_replaced(&mut state, configured);
        if configured.destination_sync_mode == SyncMode::AppendDedup {
            dedup(&mut state, configured, sent);
        } else {
            state.rows.extend(sent);
        }
    }
    state
}

fn sent<'a>(stream: &Descriptor, steps: &'a [Step], origin: Origin) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for step in steps {
        match step {
            Step::Message(sent) => {
                if let SentBody::Record(record) = &sent.body
                    && record.stream == *stream
                {
                    parts.push(Part::Row(Version {
                        data: record.data.get(),
                        emitted_at: record.emitted_at,
                        origin,
                        deliveries: 1,
                    }));
                }
            }
            Step::Bulk(bulk) if bulk.stream == *stream => parts.push(Part::Bulk(bulk, origin)),
            _ => {}
        }
    }
    parts
}

/// Removes what this sync replaces: all for an overwrite without generations, and what belongs to
/// a generation below the minimum otherwise.
fn remove_replaced(state: &mut Expected, configured: &ConfiguredStream) {
    let minimum = configured.minimum_generation_id.unwrap_or(0);
    let stays = |origin: Origin| match (configured.replaces(), configured.generation_id) {
        (true, None) => false,
        _ => origin.generation >= minimum,
    };
    let Expected { rows, gone } = state;
    rows.retain(|part| match part {
        Part::Row(version) => {
            if !stays(version.origin) {
                gone.push(Gone { data: version.data, reason: Reason::Replaced });
            }
            stays(version.origin)
        }
        Part::Bulk(_, origin) => stays(*origin),
    });
}

/// A key's current version, with what decides between versions.
struct Current<'a> {
    version: Version<'a>,
    data: Value,
}

fn dedup<'a>(state: &mut Expected<'a>, configured: &ConfiguredStream, sent: Vec<Part<'a>>) {
    let mut current: IndexMap<String, Current<'a>> = IndexMap::new();
    let parts = std::mem::take(&mut state.rows).into_iter().chain(sent);
    for part in parts {
        // Bulk rows have keys of their own and no second version: they need no map.
        let Part::Row(mut version) = part else {
            state.rows.push(part);
            continue;
        };
        let data = json::read(version.data).unwrap_or(Value::Null);
        let key = key(&data, &configured.primary_key);
        let Some(held) = current.get_mut(&key) else {
            current.insert(key, Current { version, data });
            continue;
        };
        if json::equal(&held.data, &data, json::Numbers::ByValue) {
            held.version.deliveries += 1;
            held.version.emitted_at = held.version.emitted_at.max(version.emitted_at);
            continue;
        }
        let order = by_cursor(&data, &held.data, configured)
            .then(version.emitted_at.cmp(&held.version.emitted_at));
        if order == Ordering::Less {
            let reason = reason_to_go(&held.data);
            state.gone.push(Gone { data: version.data, reason });
        } else {
            let reason = reason_to_go(&data);
            state.gone.push(Gone { data: held.version.data, reason });
            version.deliveries = 1;
            *held = Current { version, data };
        }
    }
    for (_, Current { version, data }) in current {
        if is_delete(&data) {
            state.gone.push(Gone { data: version.data, reason: Reason::Deleted });
        } else {
            state.rows.push(Part::Row(version));
        }
    }
}

fn reason_to_go(winner: &Value) -> Reason {
    if is_delete(winner) { Reason::Deleted } else { Reason::Outdated }
}

/// Whether a version says that its row was deleted at the source.
#[must_use]
pub fn is_delete(data: &Value) -> bool {
    data.get("_ab_cdc_deleted_at").is_some_and(|at| !at.is_null())
}

/// The text that rows of the same primary key share.
#[must_use]
pub fn key(data: &Value, primary_key: &[Vec<String>]) -> String {
    let mut text = String::new();
    for path in primary_key {
        json::write_canonical(at(data, path), &mut text);
        text.push('\u{1f}');
    }
    text
}

fn at<'v>(data: &'v Value, path: &[String]) -> &'v Value {
    path.iter().fold(data, |value, step| value.get(step).unwrap_or(&Value::Null))
}

/// Which of two versions has the greater cursor; null is lowest, numbers by value, moments that
/// the schema declares by time, other text by codepoint.
fn by_cursor(left: &Value, right: &Value, configured: &ConfiguredStream) -> Ordering {
    let cursor = &configured.cursor_field;
    if cursor.is_empty() {
        return Ordering::Equal;
    }
    let declared = cursor
        .iter()
        .fold(&configured.stream.json_schema, |schema, step| &schema["properties"][step]);
    let is_moment = declared["format"] == "date-time";
    match (at(left, cursor), at(right, cursor)) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Number(l), Value::Number(r)) => json::compare_numbers(l.as_str(), r.as_str()),
        (Value::String(l), Value::String(r)) => match (l.parse(), r.parse()) {
            (Ok(l), Ok(r)) if is_moment => jiff::Timestamp::cmp(&l, &r),
            _ => l.cmp(r),
        },
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;

    /// Every fixture's rows, written by hand, against the model's.
    #[test]
    fn the_model_agrees_with_every_table_written_by_hand() {
        let mut compared = 0;
        for scenario in load::built_in().unwrap().iter().filter(|scenario| !scenario.breaks) {
            for last in 0..scenario.syncs.len() {
                let syncs: Vec<Input> = scenario.syncs[..=last]
                    .iter()
                    .map(|sync| (&sync.streams, sync.steps.as_slice()))
                    .collect();
                let streams: std::collections::HashSet<_> = scenario.syncs[..=last]
                    .iter()
                    .flat_map(|sync| sync.streams.streams.iter().map(ConfiguredStream::descriptor))
                    .collect();
                // Nobody writes down the rows of a recipe.
                let by_recipe = |stream: &Descriptor| {
                    let steps = syncs.iter().flat_map(|(_, steps)| *steps);
                    steps.into_iter().any(|s| matches!(s, Step::Bulk(b) if b.stream == *stream))
                };
                for stream in streams.into_iter().filter(|stream| !by_recipe(stream)) {
                    let mut model: Vec<String> =
                        expected(&stream, &syncs).rows().map(|(row, _)| canonical(&row)).collect();
                    let mut by_hand: Vec<String> = scenario.syncs[last]
                        .expected
                        .iter()
                        .filter(|(of, _)| *of == stream)
                        .map(|(_, row)| canonical(row.get()))
                        .collect();
                    model.sort();
                    by_hand.sort();
                    compared += by_hand.len();
                    assert_eq!(model, by_hand, "{}, sync {}, {stream}", scenario.id, last + 1);
                }
                for (stream, _) in &scenario.syncs[last].expected {
                    assert!(
                        syncs.iter().any(|(catalog, _)| catalog.find(stream).is_some()),
                        "{}: {stream} is in no catalog",
                        scenario.id
                    );
                }
            }
        }
        assert!(compared > 50, "only {compared} rows were compared");
    }

    /// The rows of a stream `s` after syncs of records, each with the time it was emitted at.
    fn left(stream: &Value, syncs: &[&[(i64, &str)]]) -> Vec<String> {
        let streams = serde_json::json!({"streams": [stream]});
        let catalog: Catalog = serde_json::from_value(streams).unwrap();
        let step = |(at, row): &(i64, &str)| {
            let line = format!(
                r#"{{"type":"RECORD","record":{{"stream":"s","data":{row},"emitted_at":{at}}}}}"#
            );
            Step::Message(crate::scenario::Sent::parse(&line).unwrap())
        };
        let steps: Vec<Vec<Step>> = syncs.iter().map(|s| s.iter().map(step).collect()).collect();
        let input: Vec<Input> = steps.iter().map(|s| (&catalog, s.as_slice())).collect();
        let expected = expected(&catalog.streams[0].descriptor(), &input);
        expected.rows().map(|(row, _)| row.into_owned()).collect()
    }

    fn dedup_by(cursor: Option<&str>) -> Value {
        serde_json::json!({
            "stream": {"name": "s", "json_schema": {"properties": {
                "at": {"type": "string", "format": "date-time"}}}},
            "destination_sync_mode": "append_dedup",
            "primary_key": [["id"]],
            "cursor_field": cursor.map_or(vec![], |cursor| vec![cursor]),
        })
    }

    #[test]
    fn the_greater_cursor_wins_whatever_it_is() {
        for (cursor, low, high) in [
            ("c", "null", "0"),
            ("c", "9", "10"),
            ("c", "-10.5", "-10"),
            ("c", "9223372036854775808", "9223372036854775809"),
            ("c", "0.1", "0.10000000000000001"),
            ("c", r#""a""#, r#""b""#),
            ("c", r#""10""#, r#""9""#),
            // The second is later, although its text is lower.
            ("at", r#""2026-01-01T01:00:00+02:00""#, r#""2026-01-01T00:00:00Z""#),
            ("at", "null", r#""0001-01-01T00:00:00Z""#),
            // Where no moment is declared it is a text like any other.
            ("c", r#""2026-01-01T00:00:00Z""#, r#""2026-01-01T01:00:00+02:00""#),
        ] {
            let row = |value| format!(r#"{{"id":1,"{cursor}":{value}}}"#);
            let (low, high) = (row(low), row(high));
            let stream = dedup_by(Some(cursor));
            // Neither the order of arrival nor the time of emission counts.
            let (low, high) = (&*low, &*high);
            for rows in [[(1, low), (2, high)], [(2, high), (9, low)], [(9, low), (2, high)]] {
                assert_eq!(left(&stream, &[&rows]), [high], "{rows:?}");
                assert_eq!(left(&stream, &[&rows[..1], &rows[1..]]), [high], "{rows:?}");
            }
        }
    }

    #[test]
    fn the_rows_of_a_recipe_belong_to_its_stream() {
        let line = |of: &str| {
            let recipe = format!(r#"{{"stream":{{"name":"{of}"}},"records":3,"state_every":0}}"#);
            Step::Bulk(serde_json::from_str(&recipe).unwrap())
        };
        let streams = serde_json::json!({"streams": [{"stream": {"name": "s", "json_schema": {}},
            "destination_sync_mode": "append"}]});
        let catalog: Catalog = serde_json::from_value(streams).unwrap();
        let stream = catalog.streams[0].descriptor();
        for (of, rows) in [("s", 3), ("t", 0)] {
            let steps = [line(of)];
            assert_eq!(expected(&stream, &[(&catalog, &steps)]).rows().count(), rows);
        }
    }

    #[test]
    fn of_equal_cursors_the_latest_emitted_wins() {
        let (a, b) = (r#"{"id":1,"v":"a","c":1}"#, r#"{"id":1,"v":"b","c":1.0}"#);
        for cursor in [None, Some("c"), Some("absent")] {
            let stream = dedup_by(cursor);
            assert_eq!(left(&stream, &[&[(1, a), (2, b)]]), [b]);
            assert_eq!(left(&stream, &[&[(2, a), (1, b)]]), [a]);
            assert_eq!(left(&stream, &[&[(1, a), (1, b)]]), [b]);
            // Delivered again, it was emitted later than the one between.
            assert_eq!(left(&stream, &[&[(1, a), (5, b), (9, a)]]), [a]);
            assert_eq!(left(&stream, &[&[(1, a), (9, a), (5, b)]]), [a]);
        }
    }

    #[test]
    fn a_key_is_a_value_and_a_delete_is_a_version() {
        let stream = dedup_by(Some("c"));
        let row = |id, c| format!(r#"{{"id":{id},"c":{c}}}"#);
        let same = [(1, &*row("1", 1)), (1, &*row("1.0", 2))];
        assert_eq!(left(&stream, &[&same]), [row("1.0", 2)]);
        let apart = [(1, &*row("1", 1)), (1, &*row("\"1\"", 2)), (1, &*row("null", 1))];
        assert_eq!(left(&stream, &[&apart]).len(), 3);
        let delete = r#"{"id":1,"c":5,"_ab_cdc_deleted_at":"2026-01-01"}"#;
        assert!(left(&stream, &[&[(1, &*row("1", 1)), (1, delete)]]).is_empty());
        assert!(left(&stream, &[&[(1, delete), (1, &*row("1", 1))]]).is_empty());
        let again = [(1, delete), (1, &*row("1", 6))];
        assert_eq!(left(&stream, &[&again]), [row("1", 6)]);
        let kept = r#"{"id":1,"c":5,"_ab_cdc_deleted_at":null}"#;
        assert_eq!(left(&stream, &[&[(1, kept)]]), [kept]);
    }

    fn canonical(row: &str) -> String {
        let mut text = String::new();
        json::write_canonical(&serde_json::from_str(row).unwrap(), &mut text);
        text
    }
}
