//! What is special about some rows: their names, their types, their metadata.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::Value;

use super::scene::{id_of, works};
use super::{Check, Finding, Judge, Level, Scene, VALUES, Verdict, WRITE};
use crate::compare::{Kind, fields};
use crate::evidence::Facts;
use crate::protocol::json::{self, Numbers};
use crate::protocol::message::Descriptor;
use crate::scenario::bulk::EMITTED_AT;
use crate::scenario::{Sent, SentBody, Step};

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "namespace-ignored",
        level: Level::Must,
        since: "0.1.0",
        summary: "one name in two namespaces stays two tables",
        platform: "shows the rows of one connection among those of another",
        docs: include_str!("docs/namespace-ignored.md"),
        proved_by: "find-by-name",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: TABLES, judge: works },
    },
    Check {
        id: "name-collision",
        level: Level::Should,
        since: "0.1.0",
        summary: "names that look alike once sanitised stay apart",
        platform: "shows two streams, or two columns, as one",
        docs: include_str!("docs/name-collision.md"),
        proved_by: "sanitise-names",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: TABLES, judge: works },
    },
    Check {
        id: "name-rejected",
        level: Level::Must,
        since: "0.1.0",
        summary: "any UTF-8 name of a stream or a field is taken",
        platform: "fails each sync of a source with such a name",
        docs: include_str!("docs/name-rejected.md"),
        proved_by: "plain-names-only",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "schema-evolution",
        level: Level::Should,
        since: "0.1.0",
        summary: "columns may come, go and change between syncs",
        platform: "fails, or loses values, once the source has changed",
        docs: include_str!("docs/schema-evolution.md"),
        proved_by: "freeze-columns",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: EVOLVED, judge: works },
    },
    Check {
        id: "type-boundary",
        level: Level::Must,
        since: "0.1.0",
        summary: "every type survives at its edges",
        platform: "shows values that the source never had",
        docs: include_str!("docs/type-boundary.md"),
        proved_by: "nanosecond-timestamps",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "metadata-columns",
        level: Level::Should,
        since: "0.1.0",
        summary: "each row has the metadata that the platform documents",
        platform: "shows rows whose origin and time nobody can tell",
        docs: include_str!("docs/metadata-columns.md"),
        proved_by: "extracted-at-now",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: &[], judge: metadata_columns },
    },
    Check {
        id: "meta-changes-lost",
        level: Level::Should,
        since: "0.1.0",
        summary: "the changes that came with a record are kept",
        platform: "shows a null in a row and not why it is one",
        docs: include_str!("docs/meta-changes-lost.md"),
        proved_by: "drop-record-meta",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: &[], judge: meta_changes_lost },
    },
];

/// What two tables in one show.
const TABLES: &[Kind] = &[Kind::Lost, Kind::Altered, Kind::Invented, Kind::Duplicated];
/// What a table of the wrong columns shows.
const EVOLVED: &[Kind] = &[Kind::Lost, Kind::Altered, Kind::AppendReplaced];

/// What a row of a scenario was sent with.
struct Origin {
    emitted_at: i64,
    generation: Option<i64>,
    changes: Vec<Value>,
    line: String,
}

/// What was sent of a stream.
#[derive(Default)]
struct Origins {
    /// Of records that were written out, by `id`.
    written: HashMap<String, Vec<Origin>>,
    /// Of those of recipes, by the range of their ids.
    recipes: Vec<(Range<f64>, Origin)>,
}

impl Origins {
    /// What a row may come from; nothing, where it was not sent.
    fn of(&self, row: &Value) -> Vec<&Origin> {
        // By its value: a read-back may print decimals.
        let id = row["id"].as_f64();
        let is_one = |ids: &Range<f64>| id.is_some_and(|id| id.fract() == 0.0 && ids.contains(&id));
        let of_recipes = self.recipes.iter().filter(|(ids, _)| is_one(ids));
        let written = self.written.get(&id_of(row)).into_iter().flatten();
        written.chain(of_recipes.map(|(_, origin)| origin)).collect()
    }
}

/// What was sent, by stream.
fn origins<'a>(scene: &Scene<'a>) -> HashMap<&'a Descriptor, Origins> {
    let mut origins: HashMap<_, Origins> = HashMap::new();
    let mut of = |stream: &'a Descriptor, add: &dyn Fn(&mut Origins)| {
        if scene.member.streams.contains(stream) {
            add(origins.entry(stream).or_default());
        }
    };
    for launch in scene.launches() {
        let generation = |stream| launch.streams.find(stream).and_then(|one| one.generation_id);
        for step in &launch.steps {
            match step {
                Step::Message(Sent { line, body: SentBody::Record(record) }) => {
                    of(&record.stream, &|origins| {
                        let row = json::read(record.data.get()).unwrap_or_default();
                        let whole = json::read(line).unwrap_or_default();
                        let changes = whole["record"]["meta"]["changes"].as_array().cloned();
                        origins.written.entry(id_of(&row)).or_default().push(Origin {
                            emitted_at: record.emitted_at,
                            generation: generation(&record.stream),
                            changes: changes.unwrap_or_default(),
                            line: line.clone(),
                        });
                    });
                }
                Step::Bulk(bulk) => of(&bulk.stream, &|origins| {
                    let origin = Origin {
                        emitted_at: EMITTED_AT,
                        generation: generation(&bulk.stream),
                        changes: Vec::new(),
                        line: String::new(),
                    };
                    let ids = bulk.ids();
                    #[expect(clippy::cast_precision_loss, reason = "ids have ten digits")]
                    let ids = ids.start as f64..ids.end as f64;
                    origins.recipes.push((ids, origin));
                }),
                _ => {}
            }
        }
    }
    origins
}

/// The columns of the metadata.
const COLUMNS: &[&str] =
    &["_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id"];

/// Calls `each` with every landed row that was sent, and what it may come from; the verdict says
/// why there is none to judge. A read-back need not print these columns: where no row has any of
/// them, nothing can be said.
fn each_row<'a>(
    scene: &Scene<'a>,
    facts: &Facts,
    columns: &[&str],
    mut each: impl FnMut(&'a Descriptor, &Value, &[&Origin]),
) -> Option<Verdict> {
    if let Some(failed) = scene.failed_sync() {
        return Some(match failed {
            Verdict::Fail(_) => Verdict::inconclusive("the sync failed"),
            doubt => doubt,
        });
    }
    if !facts.readback {
        return Some(Verdict::not_read_back());
    }
    let origins = origins(scene);
    let (mut rows, mut with_columns) = (0, 0);
    for landed in scene.landed() {
        let (Ok(of_rows), Some(of_stream)) = (&landed.rows, origins.get(&landed.stream)) else {
            continue;
        };
        let read = of_rows.for_each(|row| {
            let Some(row) = json::read(row).filter(Value::is_object) else { return };
            let origins = of_stream.of(&row);
            if origins.is_empty() {
                return;
            }
            rows += 1;
            with_columns += u64::from(columns.iter().any(|column| row.get(column).is_some()));
            each(&landed.stream, &row, &origins);
        });
        if let Err(error) = read {
            return Some(Verdict::inconclusive(format!("read-back of {}: {error}", landed.stream)));
        }
    }
    if rows == 0 {
        return Some(Verdict::inconclusive("no row of it was read back"));
    }
    (with_columns == 0).then(|| {
        let columns = columns.join(", ");
        Verdict::inconclusive(format!(
            "the read-back does not print {columns}: print it to have it judged"
        ))
    })
}

fn metadata_columns(scene: &Scene, facts: &Facts) -> Verdict {
    let mut findings = Vec::new();
    let mut ids = HashSet::new();
    let doubt = each_row(scene, facts, COLUMNS, |stream, row, origins| {
        let mut say = |what: String| {
            let shown = super::shown(row.to_string().as_bytes());
            findings.push(Finding::new(format!("{stream}: {what}"), shown));
        };
        match row.get("_airbyte_raw_id").and_then(Value::as_str) {
            None | Some("") => say("a row has no _airbyte_raw_id".to_owned()),
            Some(id) if !ids.insert(id.to_owned()) => {
                say(format!("two rows have one _airbyte_raw_id ({id})"));
            }
            Some(_) => {}
        }
        match row.get("_airbyte_extracted_at").map(|at| (at, millis(at))) {
            None | Some((Value::Null, _)) => say("a row has no _airbyte_extracted_at".to_owned()),
            Some((_, Some(at))) if origins.iter().any(|origin| at == origin.emitted_at) => {}
            Some((at, _)) => say(format!(
                "_airbyte_extracted_at is {at}, and the record was emitted at {}",
                origins[0].emitted_at
            )),
        }
        if !is_meta(row.get("_airbyte_meta")) {
            say("_airbyte_meta is no object with a list of changes".to_owned());
        }
        let landed = row.get("_airbyte_generation_id").unwrap_or(&Value::Null);
        let is_its = |origin: &&Origin| {
            let is = |one| json::equal(landed, &Value::from(one), Numbers::ByValue);
            origin.generation.is_none_or(is)
        };
        if let Some(generation) = origins[0].generation
            && !origins.iter().any(is_its)
        {
            say(format!("_airbyte_generation_id is {landed}, and was {generation}"));
        }
    });
    doubt.unwrap_or_else(|| Verdict::from_findings(super::durable::told(findings)))
}

/// A moment in milliseconds: a number, or a date-time with or without a zone.
fn millis(at: &Value) -> Option<i64> {
    match at {
        Value::Number(number) => {
            let value: f64 = number.as_str().parse().ok()?;
            #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
            Some(value as i64)
        }
        Value::String(text) => {
            let zoned = text.parse::<jiff::Timestamp>().or_else(|_| {
                // A column without a zone holds UTC.
                text.parse::<jiff::civil::DateTime>()
                    .and_then(|local| local.to_zoned(jiff::tz::TimeZone::UTC))
                    .map(|zoned| zoned.timestamp())
            });
            zoned.ok().map(jiff::Timestamp::as_millisecond)
        }
        _ => None,
    }
}

fn is_meta(meta: Option<&Value>) -> bool {
    let read = match meta {
        Some(Value::String(text)) => json::read(text),
        other => other.cloned(),
    };
    read.is_some_and(|meta| meta.is_object() && meta["changes"].is_array())
}

fn meta_changes_lost(scene: &Scene, facts: &Facts) -> Verdict {
    let mut findings = Vec::new();
    let mut seen = false;
    let doubt = each_row(scene, facts, &["_airbyte_meta"], |stream, row, origins| {
        let landed = fields::changes(row.get("_airbyte_meta"));
        let kept = |change: &Value| {
            let same = |other: &&Value| {
                ["field", "change", "reason"].iter().all(|key| change[*key] == other[*key])
            };
            landed.iter().any(|other| same(&other))
        };
        seen |= origins.iter().any(|origin| !origin.changes.is_empty());
        if origins.iter().any(|origin| origin.changes.iter().all(kept)) {
            return;
        }
        if let Some(lost) = origins[0].changes.iter().find(|change| !kept(change)) {
            let message = format!("{stream}: a record came with {lost}, which is not kept");
            findings.push(Finding::new(message, super::shown(origins[0].line.as_bytes())));
        }
    });
    match doubt {
        Some(doubt) => doubt,
        None if !seen => Verdict::inconclusive("no record that came with changes has landed"),
        None => Verdict::from_findings(super::durable::told(findings)),
    }
}

#[cfg(test)]
mod tests;
