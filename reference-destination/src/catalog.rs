//! The configured catalog: which streams are coming, and what is to become of them.

mod mistakes;

use crate::error::Failure;
use crate::faults::{Fault, Faults};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::path::Path;

/// A path to a field: the names to follow from the record's root.
pub type FieldPath = Vec<String>;

/// What happens to the rows that a stream already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They stay.
    Append,
    /// They make way for this sync's.
    Overwrite,
    /// They stay until a later version of them comes.
    Dedup,
}

/// A stream of the catalog, ready to be written.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The namespace as the catalog has it.
    pub namespace: Option<String>,
    /// The name as the catalog has it.
    pub name: String,
    /// The destination sync mode.
    pub mode: Mode,
    /// The primary key; not empty under [`Mode::Dedup`].
    pub key: Vec<FieldPath>,
    /// The cursor; empty if there is none.
    pub cursor: FieldPath,
    /// Tags the rows; present if the platform handles refreshes.
    pub generation: Option<i64>,
    /// Rows of earlier generations go when the sync has succeeded; 0 and none keep all.
    pub minimum_generation: Option<i64>,
    /// Tells one sync from another in the rows' `_airbyte_meta`.
    pub sync: Option<i64>,
    /// The schemas of the declared columns, by name; none if the schema does not say.
    pub properties: Option<Map<String, Value>>,
}

impl Stream {
    /// Whether rows of earlier generations are to go at the end.
    #[must_use]
    pub fn truncates(&self) -> bool {
        self.minimum_generation.is_some_and(|minimum| minimum > 0)
    }

    /// Whether this sync's rows replace all others, without the help of generations.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.mode == Mode::Overwrite && self.minimum_generation.is_none()
    }
}

#[derive(Deserialize)]
struct Catalog {
    #[serde(default)]
    streams: Vec<Configured>,
}

#[derive(Deserialize)]
struct Configured {
    stream: Described,
    destination_sync_mode: String,
    cursor_field: Option<FieldPath>,
    primary_key: Option<Vec<FieldPath>>,
    generation_id: Option<Integer>,
    minimum_generation_id: Option<Integer>,
    sync_id: Option<Integer>,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    namespace: Option<String>,
    default_cursor_field: Option<FieldPath>,
    source_defined_primary_key: Option<Vec<FieldPath>>,
    json_schema: Option<Box<RawValue>>,
}

/// An integer that may be written as `5.0`, as JSON libraries do that know only floats.
struct Integer(i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        #[expect(clippy::cast_possible_truncation, reason = "only whole floats are taken")]
        let whole = |float: f64| (float.fract() == 0.0).then_some(float as i64);
        let value = number.as_i64().or_else(|| number.as_f64().and_then(whole));
        value.map(Self).ok_or_else(|| serde::de::Error::custom("expected an integer"))
    }
}

/// Reads and examines a catalog; anything that could not be done as asked is refused here.
pub fn load(path: &Path, default_namespace: &str, faults: Faults) -> Result<Vec<Stream>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::config(format!("The catalog file {} cannot be read.", path.display()), error)
    })?;
    let catalog: Catalog = serde_json::from_str(&text)
        .map_err(|error| Failure::config("The catalog is not a configured catalog.", error))?;
    if faults.has(Fault::DenyUnknownProperties) {
        mistakes::deny_unknown(&text)?;
    }
    let examined = catalog.streams.into_iter().map(|configured| examine(configured, faults));
    let streams: Vec<_> = examined.collect::<Result<_, _>>()?;
    if faults.has(Fault::PlainNamesOnly) {
        streams.iter().try_for_each(mistakes::demand_identifier)?;
    }
    let mut seen = HashSet::new();
    for stream in &streams {
        let namespace = stream.namespace.as_deref().unwrap_or(default_namespace);
        if !seen.insert((namespace, &stream.name)) {
            let message = format!(
                "Two streams of the catalog would share a table: {:?} in namespace {namespace:?}.",
                stream.name
            );
            return Err(Failure::config(message, "duplicate stream descriptor")
                .of_stream(stream.namespace.as_deref(), &stream.name));
        }
    }
    Ok(streams)
}

fn examine(configured: Configured, faults: Faults) -> Result<Stream, Failure> {
    let Configured { stream, destination_sync_mode, .. } = configured;
    let refuse = |message: String| {
        let internal = format!("destination_sync_mode {destination_sync_mode}");
        Err(Failure::config(message, internal).of_stream(stream.namespace.as_deref(), &stream.name))
    };
    let mode = match destination_sync_mode.as_str() {
        "append" => Mode::Append,
        "overwrite" => Mode::Overwrite,
        "append_dedup" => Mode::Dedup,
        _ if faults.has(Fault::UnknownModeAppends) => Mode::Append,
        other => {
            return refuse(
                format!("Stream {:?} asks for the mode {other}.", stream.name)
                    + " This destination offers append, overwrite and append_dedup.",
            );
        }
    };
    let key = configured.primary_key.filter(|key| !key.is_empty());
    let key = key.or(stream.source_defined_primary_key).unwrap_or_default();
    if mode == Mode::Dedup && key.is_empty() {
        return refuse(format!("Stream {:?} needs a primary key for append_dedup.", stream.name));
    }
    let (generation, minimum) = (configured.generation_id, configured.minimum_generation_id);
    let (generation, minimum) = (generation.map(|id| id.0), minimum.map(|id| id.0));
    if minimum.is_some_and(|minimum| minimum > 0) && minimum > generation {
        // This sync's own rows would be older than what is to be kept.
        return refuse(format!("Stream {:?} has a minimum above its generation.", stream.name));
    }
    let cursor = configured.cursor_field.filter(|cursor| !cursor.is_empty());
    Ok(Stream {
        mode,
        key,
        cursor: cursor.or(stream.default_cursor_field).unwrap_or_default(),
        generation,
        minimum_generation: minimum,
        sync: configured.sync_id.map(|id| id.0),
        properties: properties(stream.json_schema.as_deref()),
        namespace: stream.namespace,
        name: stream.name,
    })
}

/// The declared columns; a schema of an unexpected shape declares none.
fn properties(schema: Option<&RawValue>) -> Option<Map<String, Value>> {
    match serde_json::from_str::<Value>(schema?.get()).ok()?.get_mut("properties")?.take() {
        Value::Object(properties) => Some(properties),
        _ => None,
    }
}
