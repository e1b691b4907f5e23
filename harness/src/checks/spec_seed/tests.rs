use super::super::schema_walk::testing::{on, on_spec, table, word};
use super::*;

fn specs(id: &str, rows: &[(&str, Value)]) {
    for (expected, spec) in rows {
        let verdict = on_spec(CHECKS, id, spec);
        assert_eq!(word(&verdict), *expected, "{id} on {spec}: {verdict:?}");
    }
}

#[test]
fn secrets_are_marked_and_nothing_else() {
    let property = |name: &str, schema: Value| json!({name: schema});
    table(
        CHECKS,
        "spec-secret-unmarked",
        &[
            ("not applicable", json!({"host": {"type": "string"}})),
            ("not applicable", property("token_url", json!({"type": "string"}))),
            ("not applicable", property("use_password", json!({"type": "boolean"}))),
            ("not applicable", property("token", json!({"type": "integer"}))),
            ("not applicable", property("secret", json!({"type": "string", "const": "x"}))),
            ("not applicable", property("credentials", json!({"enum": ["iam", "key"]}))),
            ("not applicable", property("token", json!({"type": "string", "format": "uri"}))),
            ("not applicable", property("credentials", json!({"type": "object", "oneOf": []}))),
            ("not applicable", property("key", json!({"type": "string"}))),
            ("pass", property("password", json!({"type": "string", "airbyte_secret": true}))),
            ("pass", property("access_key_id", json!({"type": "string", "airbyte_secret": true}))),
            ("pass", property("pin", json!({"type": "integer", "airbyte_secret": true}))),
            ("fail", property("api_key", json!({"type": "string"}))),
            ("fail", property("apiKey", json!({"type": ["string", "null"]}))),
            ("fail", property("api_key", json!({"anyOf": [{"type": "string"}, {"type": "null"}]}))),
            (
                "pass",
                property(
                    "api_key",
                    json!({"anyOf": [{"type": "string", "airbyte_secret": true}, {"type": "null"}]}),
                ),
            ),
            (
                "not applicable",
                property("api_key", json!({"anyOf": [{"type": "string"}, {"type": "object"}]})),
            ),
            ("fail", property("password", json!({"type": "string", "airbyte_secret": false}))),
            ("fail", property("password", json!({"type": "string", "airbyte_secret": "true"}))),
            ("fail", property("use_ssl", json!({"type": "boolean", "airbyte_secret": true}))),
            ("fail", property("kind", json!({"const": "x", "airbyte_secret": true}))),
            ("fail", property("keys", json!({"type": "array", "airbyte_secret": true}))),
            ("fail", property("login", json!({"properties": {}, "airbyte_secret": true}))),
        ],
    );
    let nested = json!({"auth": {"type": "object", "oneOf": [
        {"properties": {"kind": {"const": "a"}, "token": {"type": "string"}}},
    ]}});
    let Verdict::Fail(findings) = on(CHECKS, "spec-secret-unmarked", &nested) else { panic!() };
    assert!(
        findings[0]
            .evidence
            .starts_with("/connectionSpecification/properties/auth/oneOf/0/properties/token: {")
    );
}

#[test]
fn dates_have_both_format_and_pattern() {
    let date = |rest: Value| json!({"since": rest});
    table(
        CHECKS,
        "spec-date-without-pattern",
        &[
            ("not applicable", date(json!({"type": "string", "format": "time"}))),
            ("not applicable", date(json!({"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}/.*$"}))),
            ("not applicable", json!({"format": {"type": "string"}, "pattern": {"enum": ["^$"]}})),
            ("pass", date(json!({"format": "date", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"}))),
            ("pass", date(json!({"format": "date-time", "pattern": "^[0-9T:Z-]+$"}))),
            ("fail", date(json!({"type": "string", "format": "date"}))),
            ("fail", date(json!({"type": "string", "format": "date-time"}))),
            ("fail", date(json!({"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}))),
            ("fail", date(json!({"pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$"}))),
        ],
    );
}

#[test]
fn the_documentation_is_somewhere() {
    let at = |url: Value| json!({"documentationUrl": url});
    specs(
        "spec-no-documentation-url",
        &[
            ("pass", at(json!("https://docs.example.com/destinations/x#setup"))),
            ("fail", json!({})),
            ("fail", at(Value::Null)),
            ("fail", at(json!(""))),
            ("fail", at(json!("/integrations/destinations/x"))),
            ("fail", at(json!("docs.example.com/x"))),
            ("fail", at(json!("https://"))),
            ("fail", at(json!(["https://docs.example.com"]))),
        ],
    );
}

#[test]
fn sync_modes_are_listed_once() {
    let modes = |modes: Value| json!({"supported_destination_sync_modes": modes});
    specs(
        "spec-no-sync-modes",
        &[
            ("pass", modes(json!(["append", "overwrite", "append_dedup"]))),
            ("pass", modes(json!(["update", "soft_delete"]))),
            ("fail", json!({})),
            ("fail", modes(Value::Null)),
            ("fail", modes(json!([]))),
            ("fail", modes(json!("append"))),
            ("fail", modes(json!(["append", "append"]))),
            ("fail", modes(json!(["APPEND"]))),
            ("fail", modes(json!(["full_refresh"]))),
        ],
    );
}

#[test]
fn flags_go_together() {
    let spec = |modes: Value, flag: Value| json!({"supported_destination_sync_modes": modes, "supportsIncremental": flag});
    specs(
        "spec-incremental-flag",
        &[
            ("not applicable", json!({})),
            ("not applicable", spec(json!(["overwrite"]), json!(false))),
            ("pass", spec(json!(["overwrite", "append"]), json!(true))),
            ("fail", spec(json!(["append_dedup"]), json!(false))),
            ("fail", spec(json!(["append"]), Value::Null)),
        ],
    );
    specs(
        "spec-normalization-without-dbt",
        &[
            ("not applicable", json!({})),
            ("not applicable", json!({"supportsNormalization": false})),
            ("pass", json!({"supportsNormalization": true, "supportsDBT": true})),
            ("fail", json!({"supportsNormalization": true, "supportsDBT": false})),
            ("fail", json!({"supportsNormalization": true})),
        ],
    );
}

#[test]
fn properties_are_titled_and_ordered() {
    let full = |order: u64| json!({"title": "T", "description": "D", "order": order});
    let grouped =
        |group: &str| json!({"title": "T", "description": "D", "order": 0, "group": group});
    table(
        CHECKS,
        "spec-property-untitled",
        &[
            ("not applicable", json!({})),
            ("not applicable", json!({"kind": {"const": "x"}})),
            ("pass", json!({"a": full(0), "b": full(1), "kind": {"const": "x", "order": 0}})),
            ("pass", json!({"a": grouped("x"), "b": grouped("y")})),
            ("pass", json!({"a": full(0), "mode": {"enum": ["x"], "default": "x"}})),
            ("pass", json!({"a": full(0), "b": {"airbyte_hidden": true, "order": 0}})),
            (
                "pass",
                json!({"a": {"title": "T", "description": "D", "properties": {"b": full(0)}},
                "c": full(0)}),
            ),
            ("fail", json!({"a": {"type": "string"}})),
            ("fail", json!({"a": {"title": " ", "description": "D"}})),
            ("fail", json!({"a": full(1), "b": full(1)})),
            ("fail", json!({"a": {"title": "T", "description": "D", "properties": {"b": {}}}})),
        ],
    );
}

#[test]
fn examples_fit_their_property() {
    let a = |schema: Value| json!({"a": schema});
    table(
        CHECKS,
        "spec-example-rejected",
        &[
            ("not applicable", a(json!({"type": "string"}))),
            ("not applicable", a(json!({"type": "object", "const": {"examples": [1]}}))),
            ("inconclusive", a(json!({"type": "strin", "default": "x"}))),
            ("pass", a(json!({"type": "integer", "default": 5, "examples": [1, 5]}))),
            ("pass", a(json!({"type": "string", "enum": ["", "eu"], "default": ""}))),
            (
                "pass",
                a(json!({"type": "string", "format": "date-time",
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2020-01-01"]})),
            ),
            (
                "pass",
                a(json!({"type": "object", "default": {"codec": "none"}, "oneOf": [
                    {"required": ["codec"], "properties": {"codec": {"const": "none"}}},
                    {"required": ["codec"], "properties": {"codec": {"const": "xz"}}},
                ]})),
            ),
            ("pass", json!({"a b/é%": {"type": "string", "default": "x"}})),
            ("fail", json!({"a b/é%": {"type": "string", "default": 1}})),
            ("fail", a(json!({"type": "integer", "examples": ["many"]}))),
            ("fail", a(json!({"type": "integer", "examples": [5432, "5432"]}))),
            ("fail", a(json!({"type": "string", "default": null}))),
            ("fail", a(json!({"type": "array", "items": {"type": "string"}, "examples": ["x"]}))),
            (
                "fail",
                a(json!({"type": "object", "properties": {"b": {"maximum": 1, "default": 2}}})),
            ),
        ],
    );
}

#[test]
fn references_are_followed_from_the_root() {
    let spec = |default: Value| {
        json!({"connectionSpecification": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"$ref": "#/definitions/count"}, "b": {
                "type": "object", "default": default,
                "properties": {"c": {"$ref": "#/definitions/count"}},
            }},
            "definitions": {"count": {"type": "integer", "default": "not shown, not judged"}},
        }})
    };
    specs(
        "spec-example-rejected",
        &[("pass", spec(json!({"c": 1}))), ("fail", spec(json!({"c": "one"})))],
    );
}
