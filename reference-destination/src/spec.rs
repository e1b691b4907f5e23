//! The spec: what can be configured, and what this destination is able to do.

use crate::error::Stop;
use crate::faults::{Fault, Faults};
use crate::output::Output;
use crate::protocol::Level;
use serde_json::{Value, json};
use std::io::Read;

/// Prints the spec.
pub fn run(faults: Faults, output: &mut Output) -> Result<(), Stop> {
    if faults.has(Fault::SpecReadsStdin) {
        let mut input = Vec::new();
        // What comes is not used; the mistake is to wait for it.
        let _ = std::io::stdin().lock().read_to_end(&mut input);
    }
    if faults.has(Fault::SpecAbsent) {
        return Ok(output.log(Level::Info, "the spec was loaded")?);
    }
    output.message(&message(faults))?;
    if faults.has(Fault::SpecTwice) {
        output.message(&message(faults))?;
    }
    Ok(())
}

/// The SPEC message.
#[must_use]
pub fn message(faults: Faults) -> Value {
    let mut spec = json!({
        "documentationUrl": "https://docs.airbyte.com/integrations/destinations/sqlite",
        "changelogUrl": "https://docs.airbyte.com/integrations/destinations/sqlite#changelog",
        "connectionSpecification": schema(),
        "supportsIncremental": true,
        "supported_destination_sync_modes": ["append", "overwrite", "append_dedup"],
        "protocol_version": "0.2.0",
    });
    spoil(&mut spec, faults);
    json!({"type": "SPEC", "spec": spec})
}

/// The JSON Schema that a configuration is held against.
#[must_use]
pub fn schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "SQLite Reference Destination",
        "type": "object",
        "required": ["path"],
        "additionalProperties": true,
        "properties": {
            "path": {
                "type": "string",
                "title": "Database File",
                "description": "The SQLite file to write to. It is created if there is none; \
                                its folder must exist.",
                "minLength": 1,
                "examples": ["/local/warehouse.sqlite"],
                "order": 0,
            },
            "default_namespace": {
                "type": "string",
                "title": "Default Namespace",
                "description": "Where streams without a namespace of their own are kept.",
                "default": "main",
                "examples": ["main", "landing"],
                "order": 1,
            },
            "passphrase": {
                "type": "string",
                "title": "Passphrase",
                "description": "Guards the database: the first sync that has a passphrase sets \
                                it, and later ones must have the same.",
                "airbyte_secret": true,
                "order": 2,
            },
            "durability": {
                "type": "object",
                "title": "Durability",
                "description": "What has to survive before a state is acknowledged. Full if unset.",
                "order": 3,
                "oneOf": [
                    {
                        "title": "Full",
                        "description": "Acknowledged records survive a power cut.",
                        "required": ["mode"],
                        "properties": {
                            "mode": {
                                "type": "string",
                                "title": "Mode",
                                "description": "Each commit waits for the disk.",
                                "const": "full",
                                "order": 0,
                            },
                        },
                    },
                    {
                        "title": "Normal",
                        "description": "Acknowledged records survive the end of the process.",
                        "required": ["mode"],
                        "properties": {
                            "mode": {
                                "type": "string",
                                "title": "Mode",
                                "description": "Only checkpoints wait for the disk.",
                                "const": "normal",
                                "order": 0,
                            },
                            "checkpoint_pages": {
                                "type": "integer",
                                "title": "Checkpoint Pages",
                                "description": "Pages that the log may reach before they are \
                                                moved into the database.",
                                "minimum": 1,
                                "maximum": 1_000_000,
                                "examples": [1000],
                                "order": 1,
                            },
                        },
                    },
                ],
            },
            "flush": {
                "type": "object",
                "title": "Flushing",
                "description": "When records are made durable.",
                "order": 4,
                "properties": {
                    "batch_records": {
                        "type": "integer",
                        "title": "Records per Batch",
                        "description": "The most records that are committed together.",
                        "minimum": 1,
                        "default": 10_000,
                        "examples": [500],
                        "order": 0,
                    },
                },
            },
            "layout": {
                "type": "string",
                "title": "Layout",
                "description": "How new tables keep the fields of records: all as the text that \
                                they came as (raw), or each declared one in a column of its own \
                                (typed).",
                "enum": ["raw", "typed"],
                "default": "raw",
                "order": 5,
            },
        },
    })
}

/// Spoils one rule of a spec. Nothing that was a valid configuration becomes an invalid one.
fn spoil(spec: &mut Value, faults: Faults) {
    if faults.has(Fault::SpecWithClock) {
        spec["generated_at"] = json!(std::time::UNIX_EPOCH.elapsed().map_or(0, |t| t.as_nanos()));
    }
    if faults.has(Fault::SpecUndocumented) {
        remove(spec, "documentationUrl");
    }
    if faults.has(Fault::SpecModesMissing) {
        remove(spec, "supported_destination_sync_modes");
    }
    if faults.has(Fault::SpecIncrementalUnsaid) {
        spec["supportsIncremental"] = json!(false);
    }
    if faults.has(Fault::SpecNormalizationAlone) {
        spec["supportsNormalization"] = json!(true);
    }
    if faults.has(Fault::SpecFutureProtocol) {
        spec["protocol_version"] = json!("1.4.0");
    }
    if faults.has(Fault::SpecOauthAstray) {
        spec["advanced_auth"] = json!({
            "auth_flow_type": "oauth2.0",
            "predicate_key": ["credentials", "auth_type"],
            "predicate_value": "oauth",
            "oauth_config_specification": {
                "complete_oauth_output_specification": {
                    "type": "object",
                    "properties": {
                        "refresh_token": {
                            "type": "string",
                            "path_in_connector_config": ["credentials", "refresh_token"],
                        },
                    },
                },
            },
        });
    }
    let schema = &mut spec["connectionSpecification"];
    if faults.has(Fault::SpecRootUntyped) {
        remove(schema, "type");
    }
    if faults.has(Fault::SpecWithRef) {
        schema["definitions"] = json!({"label": {"type": "string"}});
        add(schema, "label", json!({"$ref": "#/definitions/label"}));
    }
    if faults.has(Fault::SpecMisspeltType) {
        add(schema, "label", json!({"type": "strin"}));
    }
    if faults.has(Fault::SpecAnyOf) {
        let any_of = json!([{"type": "string"}, {"type": "null"}]);
        add(schema, "label", json!({"anyOf": any_of}));
    }
    if faults.has(Fault::SpecOneOfWithoutConst) {
        for variant in ["/oneOf/0", "/oneOf/1"] {
            let mode = format!("/properties/durability{variant}/properties/mode");
            if let Some(mode) = schema.pointer_mut(&mode) {
                // Still told apart, by a pattern that only people can read.
                let value = mode["const"].as_str().unwrap_or_default().to_owned();
                remove(mode, "const");
                mode["pattern"] = json!(format!("^{value}$"));
            }
        }
    }
    if faults.has(Fault::SpecTwoTypes) {
        add(schema, "label", json!({"type": ["string", "integer"]}));
    }
    if faults.has(Fault::SpecBareObject) {
        add(schema, "label", json!({"type": "object"}));
    }
    if faults.has(Fault::SpecUntypedItems) {
        add(schema, "label", json!({"type": "array"}));
    }
    if faults.has(Fault::SpecRepeatedEnum) {
        add(schema, "label", json!({"type": "string", "enum": ["daily", "weekly", "daily"]}));
    }
    if faults.has(Fault::SpecClosedProperties) {
        schema["properties"]["flush"]["additionalProperties"] = json!(false);
    }
    if faults.has(Fault::SpecUnmarkedSecret) {
        add(schema, "api_key", json!({"type": "string"}));
    }
    if faults.has(Fault::SpecDateUnpatterned) {
        add(schema, "not_after", json!({"type": "string", "format": "date"}));
    }
    if faults.has(Fault::SpecUntitledProperty) {
        add(schema, "label", json!({"type": "string"}));
        let property = &mut schema["properties"]["label"];
        remove(property, "title");
        remove(property, "description");
    }
    if faults.has(Fault::SpecReworded) {
        schema["properties"]["path"]["description"] = json!("Where the rows go.");
    }
    if faults.has(Fault::SpecRenamedProperty)
        && let Some(properties) = schema["properties"].as_object_mut()
        && let Some(property) = properties.shift_remove("default_namespace")
    {
        properties.insert("namespace_by_default".to_owned(), property);
    }
    if faults.has(Fault::SpecBadExample) {
        schema["properties"]["flush"]["properties"]["batch_records"]["examples"] = json!(["many"]);
    }
}

fn remove(object: &mut Value, key: &str) {
    if let Some(object) = object.as_object_mut() {
        object.shift_remove(key);
    }
}

/// Adds an optional property that is in order but for what `rest` says.
fn add(schema: &mut Value, name: &str, rest: Value) {
    let mut property = json!({"title": "Label", "description": "For your own notes.", "order": 9});
    if let (Some(property), Value::Object(rest)) = (property.as_object_mut(), rest) {
        property.extend(rest);
    }
    schema["properties"][name] = property;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spec_fault_changes_the_spec() {
        let whole = message(Faults::default());
        for fault in Fault::ALL.iter().filter(|fault| fault.name().starts_with("spec-")) {
            let printed_otherwise =
                [Fault::SpecAbsent, Fault::SpecTwice, Fault::SpecReadsStdin, Fault::SpecInWrite];
            let changed = message(Faults::one(*fault)) != whole;
            assert_eq!(changed, !printed_otherwise.contains(fault), "{}", fault.name());
        }
    }

    #[test]
    fn a_normal_config_is_valid_under_every_fault_whose_schema_compiles() {
        let config = json!({
            "path": "a.db", "passphrase": "p", "default_namespace": "d",
            "durability": {"mode": "normal", "checkpoint_pages": 5}, "flush": {"batch_records": 1},
            "layout": "typed",
        });
        for fault in Fault::ALL {
            let schema = &message(Faults::one(*fault))["spec"]["connectionSpecification"];
            let validator = jsonschema::draft7::new(schema);
            let compiles = *fault != Fault::SpecMisspeltType;
            assert_eq!(validator.is_ok(), compiles, "{}", fault.name());
            assert!(validator.is_ok_and(|v| v.is_valid(&config)) || !compiles, "{}", fault.name());
        }
    }
}
