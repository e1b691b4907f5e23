use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::*;

fn drawn(schema: &Value, count: usize) -> Vec<Value> {
    Configs::of(schema, 1).unwrap().take(count).collect()
}

#[test]
fn all_that_a_schema_tells_apart_is_drawn() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "definitions": {"port": {"type": "integer", "minimum": 1, "maximum": 65535}},
        "type": "object",
        "required": ["host", "method"],
        "properties": {
            "host": {"type": "string", "minLength": 1, "examples": ["db.example.com"]},
            "port": {"$ref": "#/definitions/port"},
            "ratio": {"type": ["null", "number"], "exclusiveMinimum": 0, "maximum": 1},
            "size": {"type": "integer", "multipleOf": 64, "minimum": 1},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": true},
            "method": {"type": "object", "oneOf": [
                {"required": ["kind"], "properties": {"kind": {"const": "none"}}},
                {"required": ["kind", "key"], "properties": {
                    "kind": {"const": "key"}, "key": {"type": "string", "pattern": "^k-[0-9]+$"}}},
            ]},
        },
    });
    let all = drawn(&schema, 2000);
    assert_eq!(all.len(), 2000);
    let validator = jsonschema::draft7::new(&as_draft_07(&schema)).unwrap();
    assert!(all.iter().all(|config| validator.is_valid(config)));
    let seen = |pointer: &str| -> HashSet<String> {
        all.iter().filter_map(|config| config.pointer(pointer)).map(Value::to_string).collect()
    };
    assert_eq!(seen("/method/kind"), ["\"none\"", "\"key\""].map(str::to_owned).into());
    for (pointer, value) in [
        ("/host", "\"db.example.com\""),
        ("/port", "1"),
        ("/port", "65535"),
        ("/ratio", "null"),
        ("/ratio", "1.0"),
        ("/size", "64"),
        ("/tags", "[]"),
        ("/tags", "[\"a\",\"b\"]"),
    ] {
        assert!(seen(pointer).contains(value), "{pointer} {value}: {:?}", seen(pointer));
    }
    assert!(seen("/method/key").len() > 50);
    for (pointer, some) in [("/port", 100), ("/ratio", 20), ("/touchdown_unknown", 2)] {
        assert!(seen(pointer).len() >= some, "{pointer}: {:?}", seen(pointer));
        assert!(all.iter().any(|config| config.pointer(pointer).is_none()), "{pointer}");
    }
    assert_eq!(drawn(&schema, 50), all[..50]);
    let other: Vec<_> = Configs::of(&schema, 2).unwrap().take(50).collect();
    assert_ne!(other, all[..50]);
}

#[test]
fn keywords_that_are_not_planned_for_are_kept_all_the_same() {
    for schema in [
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "not": {"required": ["a"]}}),
        json!({"type": "object", "required": ["a"], "additionalProperties": {"type": "boolean"}}),
        json!({"allOf": [{"required": ["a"]}, {"properties": {"a": {"maxLength": 1, "type": "string"}}}]}),
        json!({"anyOf": [{"type": "null"}, {"type": "object", "minProperties": 1}]}),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": false},
            "if": {"required": ["a"]}, "then": {"properties": {"a": {"minLength": 3}}}}),
        json!({"type": "array", "items": [{"type": "integer"}, {"type": "string"}], "minItems": 1}),
        json!({"type": "array", "contains": {"const": 7}, "items": {"enum": [6, 7]}}),
        json!({"properties": {"a": {}}}),
        json!({}),
    ] {
        let all = drawn(&schema, 300);
        assert_eq!(all.len(), 300, "{schema}");
    }
}

#[test]
fn what_cannot_be_drawn_is_told() {
    let told = |schema: Value| Configs::of(&schema, 1).unwrap_err().to_string();
    for nothing in [
        json!(false),
        json!({"required": ["a"], "properties": {"a": false}}),
        json!({"type": "integer", "minimum": 3, "maximum": 2}),
        json!({"type": "string", "pattern": "^(?=x)y$"}),
    ] {
        assert!(told(nothing.clone()).contains("allows none"), "{nothing}");
    }
    assert!(told(json!({"type": "text"})).contains("text"));
    assert!(told(json!({"properties": {"a": {"$ref": "#"}}})).contains("leads back to itself"));
}

#[test]
fn ten_thousand_configs_of_each_spec_are_allowed_by_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/specs");
    let mut specs = 0;
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let spec: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let schema = &spec["connectionSpecification"];
        let oracle = jsonschema::draft7::new(schema).unwrap();
        let all = drawn(schema, 10_000);
        assert_eq!(all.len(), 10_000, "{}", file.display());
        if let Some(refused) = all.iter().find(|config| !oracle.is_valid(config)) {
            panic!("{}: {refused:#}", file.display());
        }
        let different: HashSet<_> = all.iter().map(Value::to_string).collect();
        assert!(different.len() > 5_000, "{}: {}", file.display(), different.len());
        specs += 1;
    }
    assert!(specs >= 5);
}
