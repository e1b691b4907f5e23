//! The faults that find something wrong with a record's values.

use crate::catalog::Stream;
use crate::error::{Failure, Stop};
use crate::faults::{Fault, Faults};
use crate::json;
use serde_json::{Map, Value};

/// Names that start like this are those of columns that the source has added.
const ADDED: &str = "_ab_";

/// The field of a deletion, which may lack all others.
const DELETED_AT: &str = "_ab_cdc_deleted_at";

/// A field's name and its value as text.
type Field<'d> = (String, &'d str);

/// Holds a record's values against the stream's schema, as the run's fault would.
pub fn examine(data: &str, stream: &Stream, faults: Faults) -> Result<(), Stop> {
    let looking = [Fault::RefuseExtraFields, Fault::RefuseMissingFields, Fault::WrongTypeCrashes];
    if !looking.iter().any(|fault| faults.has(*fault)) {
        return Ok(());
    }
    let (Some(properties), Ok(entries)) = (&stream.properties, json::entries(data)) else {
        return Ok(());
    };
    let named = |(key, value): (&str, _)| {
        (serde_json::from_str(key).unwrap_or_else(|_| key.to_owned()), value)
    };
    let fields: Vec<Field> = entries.into_iter().map(named).collect();
    let look = match faults {
        _ if faults.has(Fault::WrongTypeCrashes) => convert,
        _ if faults.has(Fault::RefuseExtraFields) => extra,
        _ => missing,
    };
    Ok(look(&fields, properties)
        .map_err(|failure| failure.of_stream(stream.namespace.as_deref(), &stream.name))?)
}

fn extra(fields: &[Field], properties: &Map<String, Value>) -> Result<(), Failure> {
    let stranger = fields
        .iter()
        .find(|(name, _)| !name.starts_with(ADDED) && !properties.contains_key(name.as_str()));
    stranger.map_or(Ok(()), |(name, _)| {
        let message = format!("A record has a field {name:?}, which its schema does not declare.");
        Err(Failure::system(message, "no such column"))
    })
}

fn missing(fields: &[Field], properties: &Map<String, Value>) -> Result<(), Failure> {
    if fields.iter().any(|(name, value)| name == DELETED_AT && *value != "null") {
        return Ok(());
    }
    let required = properties.iter().filter(|(_, schema)| {
        schema["type"].as_str().is_some_and(|of_one_type| of_one_type != "null")
    });
    let mut names = required.map(|(name, _)| name);
    let lacking = names.find(|required| !fields.iter().any(|(name, _)| name == *required));
    lacking.map_or(Ok(()), |name| {
        let message = format!("A record lacks the field {name:?}.");
        Err(Failure::system(message, "NOT NULL constraint failed"))
    })
}

fn convert(fields: &[Field], properties: &Map<String, Value>) -> Result<(), Failure> {
    let wrong = fields.iter().find(|(name, value)| {
        properties.get(name.as_str()).is_some_and(is_numeric) && !is_number(value)
    });
    wrong.map_or(Ok(()), |(name, _)| {
        let internal = format!("ValueError: could not convert the value of {name:?} to float");
        Err(Failure::system("Something went wrong in the connector.", internal))
    })
}

/// Whether a schema allows numbers, and nothing else but null.
fn is_numeric(schema: &Value) -> bool {
    let numeric = |kind: &Value| kind == "integer" || kind == "number";
    match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().any(numeric) && kinds.iter().all(|kind| numeric(kind) || kind == "null")
        }
        kind => numeric(kind),
    }
}

/// Whether a value would pass for a number: only text and objects are looked at.
fn is_number(value: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'"') => {
            let text = serde_json::from_str::<String>(value).unwrap_or_default();
            text.trim().parse::<f64>().is_ok()
        }
        Some(b'{') => false,
        _ => true,
    }
}
