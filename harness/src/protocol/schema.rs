//! The protocol's JSON Schema: ours, written from the protocol's facts and held against the
//! official models by a test.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The schema's text: draft-07, one definition for each of the protocol's classes.
pub const TEXT: &str = include_str!("schema.json");

/// The first thing that keeps a message from validating: where, and what.
pub struct Violation {
    /// JSON pointer into the message.
    pub pointer: String,
    /// What the schema wanted.
    pub wanted: String,
}

fn validator() -> Option<&'static Validator> {
    static VALIDATOR: OnceLock<Option<Validator>> = OnceLock::new();
    VALIDATOR.get_or_init(|| compile("AirbyteMessage")).as_ref()
}

/// The validator of one definition; `None` if there is no such definition.
#[must_use]
pub fn compile(definition: &str) -> Option<Validator> {
    let text: Value = serde_json::from_str(TEXT).ok()?;
    let definitions = text.get("definitions")?;
    definitions.get(definition)?;
    jsonschema::draft7::new(&json!({
        "$ref": format!("#/definitions/{definition}"),
        "definitions": definitions,
    }))
    .ok()
}

/// What the schema has against a message, one entry for each place.
#[must_use]
pub fn violations(message: &Value) -> Vec<Violation> {
    let Some(validator) = validator() else {
        return Vec::new();
    };
    validator
        .iter_errors(message)
        .map(|error| Violation {
            pointer: error.instance_path().to_string(),
            wanted: error.masked().to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_compiles_and_refuses() {
        assert!(validator().is_some());
        assert!(
            violations(&json!({"type": "LOG", "log": {"level": "INFO", "message": "m"}}))
                .is_empty()
        );
        assert!(
            !violations(&json!({"type": "LOG", "log": {"level": "LOUD", "message": "m"}}))
                .is_empty()
        );
        assert!(compile("NoSuchThing").is_none());
    }
}
