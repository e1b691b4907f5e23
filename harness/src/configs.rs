//! Configs that must not work, made from the one that does.

use serde_json::{Value, json};

/// A config that violates the spec, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct BadConfig {
    /// In words: `required property "path" is missing`.
    pub note: String,
    /// The config.
    pub config: Value,
}

/// Configs that violate the spec, each in one way: a required property is missing, a property has
/// another type. None where the spec has nothing that could be violated.
#[must_use]
pub fn invalid(working: &Value, connection_specification: &Value) -> Vec<BadConfig> {
    let Ok(validator) = jsonschema::draft7::new(connection_specification) else {
        return Vec::new();
    };
    let mut made = Vec::new();
    made.extend(missing(working, connection_specification));
    made.extend(mistyped(working, connection_specification));
    made.retain(|bad| !validator.is_valid(&bad.config));
    made
}

fn missing(working: &Value, schema: &Value) -> Option<BadConfig> {
    let required = schema["required"].as_array()?.iter().filter_map(Value::as_str);
    let name = required.into_iter().find(|name| working.get(name).is_some())?;
    let mut config = working.clone();
    config.as_object_mut()?.shift_remove(name);
    Some(BadConfig { note: format!("the required property {name:?} is missing"), config })
}

fn mistyped(working: &Value, schema: &Value) -> Option<BadConfig> {
    let properties = schema["properties"].as_object()?;
    let is = |name: &str, kind: &str| properties[name]["type"] == kind;
    let (name, value) = working.as_object()?.keys().find_map(|name| {
        properties.get(name)?;
        if is(name, "string") || is(name, "boolean") {
            Some((name.clone(), json!({"not": "this"})))
        } else if is(name, "integer") || is(name, "number") || is(name, "object") {
            Some((name.clone(), json!("not this")))
        } else {
            None
        }
    })?;
    let mut config = working.clone();
    config.as_object_mut()?.insert(name.clone(), value);
    Some(BadConfig {
        note: format!("the property {name:?} has another type than the spec's"),
        config,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_config_breaks_one_rule_of_the_spec() {
        let schema = json!({"type": "object", "required": ["host"], "properties": {
            "host": {"type": "string"}, "port": {"type": "integer"}}});
        let working = json!({"port": 1, "host": "h"});
        let notes: Vec<_> = invalid(&working, &schema).into_iter().map(|bad| bad.note).collect();
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("\"host\" is missing"));
        assert!(notes[1].contains("\"port\""));
    }

    #[test]
    fn a_spec_that_takes_everything_cannot_be_violated() {
        assert_eq!(invalid(&json!({"a": 1}), &json!({"type": "object"})), []);
    }
}
