//! The scenario that a case is: its catalogs and messages, written out.

use serde_json::{Map, Value, json};

use super::case::{self, CODES, Case, Ending, Event, Key, Mode, Row, Stream};
use crate::scenario::bulk::{Bulk, EMITTED_AT};
use crate::scenario::capability::Capability;
use crate::scenario::{Disturbance, Pace, Scenario, Sent, Step, Sync};

/// When the record before the first is emitted, in milliseconds since 1970: a minute after those of
/// recipes, so that neither is taken for the other.
const EMITTED: i64 = EMITTED_AT + 60_000;

/// No pace: whatever is written goes in one piece.
const AT_ONCE: Pace = Pace { bytes: 1 << 20, pause_ms: 0 };

impl Case {
    /// Whether this would take long in pieces.
    fn is_large(&self, event: &Event) -> bool {
        match event {
            Event::Row(row) => self.is_long(row),
            Event::Many { .. } => true,
            Event::State { .. } => false,
        }
    }

    /// Whether it has a value that is long.
    pub(super) fn is_long(&self, row: &Row) -> bool {
        let mut values = self.streams[row.stream].fields.iter().zip(&row.values);
        values.any(|(field, value)| field.kind.is_long(*value))
    }

    /// Whether what must be left of it depends on generations: where a stream is refreshed that is no
    /// overwrite, and where an overwrite is broken off.
    fn is_refreshed(&self) -> bool {
        let of_sync = |sync: &case::Sync| {
            let mut streams = sync.refreshed.iter().zip(&self.streams);
            streams.any(|(refreshed, stream)| *refreshed && stream.mode != Mode::Overwrite)
        };
        let overwrites = self.streams.iter().any(|stream| stream.mode == Mode::Overwrite);
        self.syncs.iter().any(of_sync) || overwrites && self.breaks()
    }

    /// The scenario, under this name. The error says what of it cannot be written.
    pub fn written(&self, id: &str) -> Result<Scenario, String> {
        let generations = Vec::new();
        let mut writer =
            Writer { case: self, emitted: EMITTED, states: 0, sync_id: 0, generations };
        writer.generations = self.streams.iter().map(|stream| (stream.generation, 0)).collect();
        let syncs = (0..self.syncs.len()).map(|nth| writer.sync(nth));
        Ok(Scenario {
            id: id.to_owned(),
            summary: "generated".to_owned(),
            alone: true,
            state_ids: true,
            // Each sync has its own.
            statuses: false,
            about: None,
            needs: if self.is_refreshed() { vec![Capability::Refreshes] } else { Vec::new() },
            breaks: self.breaks(),
            default_namespace: false,
            at_once: false,
            env: Vec::new(),
            full_disk: false,
            failed: Vec::new(),
            syncs: syncs.collect::<Result<_, _>>()?,
        })
    }
}

struct Writer<'a> {
    case: &'a Case,
    emitted: i64,
    states: u64,
    /// The platform's number of the sync; a further attempt is none of its own.
    sync_id: u64,
    /// For each stream, its generation, and the least that is to stay.
    generations: Vec<(u64, u64)>,
}

impl Writer<'_> {
    fn sync(&mut self, nth: usize) -> Result<Sync, String> {
        let case = self.case;
        let sync = &case.syncs[nth];
        let follows_a_break =
            nth.checked_sub(1).is_some_and(|before| case.syncs[before].ending != Ending::Success);
        for (generation, refreshed) in self.generations.iter_mut().zip(&sync.refreshed) {
            *generation = match (refreshed, follows_a_break) {
                (true, _) => (generation.0 + 1, generation.0 + 1),
                (false, true) => *generation,
                (false, false) => (generation.0, 0),
            };
        }
        self.sync_id += u64::from(!follows_a_break);
        let catalog = self.catalog().to_string();
        let streams = serde_json::from_str(&catalog).map_err(|error| error.to_string())?;
        let mut steps = Vec::new();
        if let Ending::KilledAtState(count) = sync.ending {
            steps.push(Step::Disturb(Disturbance::KillAtStates(u64::from(count))));
        }
        if follows_a_break {
            steps.push(Step::Replay);
        }
        let mut pace = sync.pace;
        steps.extend(pace.map(Step::Pace));
        for (at, event) in sync.events.iter().enumerate() {
            Self::kill(sync.ending, at, &mut steps);
            if pace.is_some() && case.is_large(event) {
                pace = None;
                steps.push(Step::Pace(AT_ONCE));
            }
            steps.push(self.event(event)?);
        }
        Self::kill(sync.ending, sync.events.len(), &mut steps);
        if sync.ending == Ending::Success {
            let complete = |stream: &Stream| {
                Step::Message(Sent::complete(&stream.descriptor(), self.emitted as f64))
            };
            steps.extend(case.streams.iter().map(complete));
        }
        Ok(Sync { catalog, streams, steps, expected: Vec::new() })
    }

    fn kill(ending: Ending, before: usize, steps: &mut Vec<Step>) {
        if let Ending::KilledBefore { at, gated } = ending
            && at == before
        {
            steps.extend(gated.then_some(Step::Gate));
            steps.push(Step::Disturb(Disturbance::Kill));
        }
    }

    fn catalog(&self) -> Value {
        let streams = self.case.streams.iter().zip(&self.generations).enumerate();
        let streams: Vec<Value> = streams
            .map(|(nth, (stream, (generation, minimum)))| {
                let is_dedup = stream.mode.is_keyed();
                let key = if is_dedup { stream.key.path() } else { json!([]) };
                let (sync_mode, cursor) = match stream.mode {
                    Mode::Overwrite => ("full_refresh", json!([])),
                    _ => ("incremental", json!(["version"])),
                };
                json!({
                    "stream": {
                        "name": stream.name,
                        "namespace": stream.namespace,
                        "json_schema": self.schema(nth, stream),
                        "supported_sync_modes": ["full_refresh", "incremental"],
                        "source_defined_cursor": stream.mode != Mode::Overwrite,
                        "default_cursor_field": cursor,
                        "source_defined_primary_key": key,
                        "is_resumable": true,
                        "is_file_based": false,
                    },
                    "sync_mode": sync_mode,
                    "cursor_field": cursor,
                    "destination_sync_mode": stream.mode.sync_mode().name(),
                    "primary_key": key,
                    "generation_id": generation,
                    "minimum_generation_id": minimum,
                    "sync_id": self.sync_id,
                })
            })
            .collect();
        json!({"streams": streams})
    }

    fn schema(&self, nth: usize, stream: &Stream) -> Value {
        let integer = json!({"type": ["null", "integer"]});
        let text = json!({"type": ["null", "string"]});
        let mut properties = Map::new();
        match stream.key {
            Key::Id => drop(properties.insert("id".into(), integer.clone())),
            Key::Text => drop(properties.insert("code".into(), text.clone())),
            Key::Nested => {
                properties.insert("id".into(), integer.clone());
                let place = json!({"type": ["null", "object"], "properties": {"k": integer}});
                properties.insert("place".into(), place);
            }
        }
        properties.insert("version".into(), integer.clone());
        for nth in 0..stream.wide {
            properties.insert(format!("column_{nth}"), integer.clone());
        }
        for field in stream.fields.iter().filter(|field| field.declared) {
            properties.insert(field.name.clone(), field.kind.schema());
        }
        if stream.mode == Mode::DedupDeletes {
            let deleted = json!({"type": ["null", "string"], "format": "date-time",
                "airbyte_type": "timestamp_with_timezone"});
            properties.insert("_ab_cdc_deleted_at".into(), deleted);
        }
        let is_many = |event: &Event| matches!(event, Event::Many { stream, .. } if *stream == nth);
        if self.case.syncs.iter().flat_map(|sync| &sync.events).any(is_many) {
            properties.insert("name".into(), text.clone());
            properties.insert("amount".into(), json!({"type": ["null", "number"]}));
            properties.insert("note".into(), text);
        }
        json!({"type": "object", "properties": properties, "additionalProperties": true})
    }

    fn event(&mut self, event: &Event) -> Result<Step, String> {
        let stream = &self.case.streams[event.stream()];
        let line = match event {
            Event::Row(row) => self.record(stream, row),
            Event::Many { count, state_every, .. } => {
                return Ok(Step::Bulk(Bulk {
                    before: 0,
                    stream: stream.descriptor(),
                    records: u64::from(*count),
                    state_every: u64::from(*state_every),
                    first_state_id: None,
                    line: 219,
                    state_line: 0,
                    skip: 0,
                }));
            }
            Event::State { .. } => {
                self.states += 1;
                self.state(stream).to_string()
            }
        };
        Ok(Step::Message(Sent::parse(&line)?))
    }

    /// Values go as they are written, so this is no work for a JSON library.
    fn record(&mut self, stream: &Stream, row: &Row) -> String {
        self.emitted += 1;
        let (id, version) = (row.id, row.version);
        let mut fields = match stream.key {
            Key::Id => vec![format!("\"id\":{id}")],
            Key::Text => {
                let code = usize::try_from(id.saturating_sub(1)).unwrap_or(0) % CODES.len();
                vec![format!("\"code\":{}", json!(CODES[code]))]
            }
            Key::Nested => {
                vec![format!("\"id\":{}", id / 2), format!("\"place\":{{\"k\":{}}}", id % 2)]
            }
        };
        let version = if version == 0 { "null".to_owned() } else { version.to_string() };
        fields.push(format!("\"version\":{version}"));
        fields.extend((0..stream.wide).map(|nth| format!("\"column_{nth}\":{nth}")));
        let values = stream.fields.iter().zip(&row.values);
        fields.extend(
            values.map(|(field, value)| {
                format!("{}:{}", json!(field.name), field.kind.value(*value))
            }),
        );
        if stream.mode == Mode::DedupDeletes {
            let at = if row.deleted { "\"2026-01-15T08:30:00Z\"" } else { "null" };
            fields.push(format!("\"_ab_cdc_deleted_at\":{at}"));
        }
        if row.reversed {
            fields.reverse();
        }
        let data = fields.join(",");
        let (name, emitted) = (json!(stream.name), self.emitted);
        let namespace = stream.namespace.as_ref();
        let namespace = namespace.map(|one| format!(r#""namespace":{},"#, json!(one)));
        let namespace = namespace.unwrap_or_default();
        format!(
            r#"{{"type":"RECORD","record":{{"stream":{name},{namespace}"data":{{{data}}},"emitted_at":{emitted}}}}}"#
        )
    }

    fn state(&self, stream: &Stream) -> Value {
        let of = |stream: &Stream| json!({"stream_descriptor": stream.descriptor(), "stream_state": {"n": self.states}});
        if self.case.global {
            let streams: Vec<Value> = self.case.streams.iter().map(of).collect();
            json!({"type": "STATE", "state": {"type": "GLOBAL", "global":
                {"shared_state": {"n": self.states}, "stream_states": streams}}})
        } else {
            json!({"type": "STATE", "state": {"type": "STREAM", "stream": of(stream)}})
        }
    }
}

impl Key {
    /// As the catalog has it.
    fn path(self) -> Value {
        match self {
            Self::Id => json!([["id"]]),
            Self::Text => json!([["code"]]),
            Self::Nested => json!([["id"], ["place", "k"]]),
        }
    }
}
