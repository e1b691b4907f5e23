use super::super::schema_walk::testing::{on, on_spec, table, word};
use super::*;
use serde_json::json;

fn tables(id: &str, rows: &[(&str, Value)]) {
    table(CHECKS, id, rows);
}

#[test]
fn the_root_is_an_object() {
    for (schema, expected) in [
        (json!({"type": "object"}), "pass"),
        (json!({"properties": {}}), "fail"),
        (json!({"type": ["object", "null"]}), "fail"),
        (json!([]), "inconclusive"),
    ] {
        let spec = json!({"connectionSpecification": schema});
        assert_eq!(word(&on_spec(CHECKS, "spec-root-not-object", &spec)), expected, "{spec}");
    }
}

#[test]
fn names_and_values_are_no_keywords() {
    let named: Map<String, Value> = FORBIDDEN
        .iter()
        .chain(&["$ref", "enum", "type", "oneOf", "items", "properties", "additionalProperties"])
        .map(|name| {
            ((*name).to_owned(), json!({"type": "string", "default": {"$ref": "#", "not": 1}}))
        })
        .collect();
    for check in CHECKS {
        let verdict = word(&on(CHECKS, check.id, &Value::Object(named.clone())));
        assert!(["pass", "not applicable"].contains(&verdict), "{}: {verdict}", check.id);
    }
}

#[test]
fn a_common_spec_in_order_passes() {
    let tunnel = |kind: &str| json!({"type": "string", "const": kind, "order": 0});
    let properties = json!({
        "host": {"type": "string", "title": "Host", "order": 0, "group": "connection"},
        "region": {"type": "string", "enum": ["", "eu", "us"], "default": "", "always_show": true},
        "tags": {"type": "array", "items": {"type": "string"}, "airbyte_hidden": true},
        "tunnel_method": {"type": "object", "display_type": "dropdown", "oneOf": [
            {"title": "No Tunnel", "required": ["tunnel_method"],
             "properties": {"tunnel_method": tunnel("NO_TUNNEL")}},
            {"title": "Key", "type": "object", "additionalProperties": true, "properties": {
                "tunnel_method": tunnel("SSH_KEY_AUTH"),
                "ssh_key": {"type": ["string", "null"], "multiline": true, "airbyte_secret": true},
                "compression": {"type": "object", "default": {"codec": "none"}, "oneOf": [
                    {"properties": {"codec": {"type": "string", "const": "none"}}},
                    {"properties": {"codec": {"const": "xz"}, "level": {"type": "integer"}}},
                ]},
            }},
        ]},
    });
    for check in CHECKS {
        assert_eq!(word(&on(CHECKS, check.id, &properties)), "pass", "{}", check.id);
    }
}

#[test]
fn each_rule_has_its_breaches() {
    let a = |schema: Value| json!({"a": schema});
    tables(
        "spec-unresolved-ref",
        &[
            ("pass", json!({})),
            ("fail", a(json!({"$ref": "#/definitions/label"}))),
            ("fail", a(json!({"type": "array", "items": {"$ref": "#"}}))),
        ],
    );
    tables(
        "spec-forbidden-keyword",
        &[
            ("fail", a(json!({"anyOf": [{"type": "string"}, {"type": "null"}]}))),
            ("fail", a(json!({"type": "object", "oneOf": [{"properties": {}, "not": {}}]}))),
            ("fail", a(json!({"if": {}, "then": {}}))),
        ],
    );
    tables(
        "spec-type-list",
        &[
            ("not applicable", a(json!({"type": "string"}))),
            ("pass", a(json!({"type": ["null", "string"]}))),
            ("pass", a(json!({"type": ["integer"]}))),
            ("fail", a(json!({"type": ["string", "integer"]}))),
            ("fail", a(json!({"type": ["string", "integer", "null"]}))),
        ],
    );
    tables(
        "spec-empty-object",
        &[
            ("not applicable", json!({})),
            ("pass", a(json!({"type": "object", "oneOf": []}))),
            ("fail", a(json!({"type": "object"}))),
            ("fail", a(json!({"type": ["object", "null"], "properties": {}}))),
        ],
    );
    tables(
        "spec-array-items",
        &[
            ("not applicable", json!({"items": {"type": "string"}})),
            ("pass", a(json!({"type": "array", "items": {"enum": ["x"]}}))),
            ("pass", a(json!({"type": "array", "items": {"type": "object", "properties": {}}}))),
            ("fail", a(json!({"type": "array"}))),
            ("fail", a(json!({"type": "array", "items": {}}))),
            ("fail", a(json!({"type": "array", "items": [{"type": "string"}]}))),
            ("fail", a(json!({"type": "array", "items": {"type": "array"}}))),
        ],
    );
    tables(
        "spec-enum-repeats",
        &[
            ("not applicable", a(json!({"type": "string"}))),
            ("pass", a(json!({"enum": ["1", 1, "a", "A"]}))),
            ("fail", a(json!({"enum": ["daily", "weekly", "daily"]}))),
        ],
    );
    tables(
        "spec-additional-properties-false",
        &[
            ("not applicable", json!({})),
            ("pass", a(json!({"additionalProperties": true}))),
            ("fail", a(json!({"additionalProperties": false}))),
            ("fail", a(json!({"additionalProperties": {"type": "string"}}))),
        ],
    );
}

#[test]
fn variants_have_one_constant_in_common() {
    let of = |variants: Value| json!({"a": {"type": "object", "oneOf": variants}});
    let mode = |mode: Value| json!({"properties": {"mode": mode, "other": {"type": "string"}}});
    let [x, y] = ["x", "y"].map(|name| mode(json!({"type": "string", "const": name})));
    tables(
        "spec-one-of-shape",
        &[
            ("not applicable", json!({"a": {"type": "string"}})),
            ("pass", of(json!([x, y]))),
            ("pass", of(json!([x]))),
            ("fail", json!({"a": {"oneOf": [x, y]}})),
            ("fail", of(json!([x, {"title": "nothing"}]))),
            ("fail", of(json!([x, mode(json!({"enum": ["y"]}))]))),
            ("fail", of(json!([x, {"properties": {"kind": {"const": "y"}}}]))),
            ("fail", of(json!([x, mode(json!({"const": "y", "default": "y"}))]))),
            ("fail", of(json!([x, mode(json!({"const": "y", "enum": ["y"]}))]))),
            ("fail", of(json!([{"properties": {"a": {"const": 1}, "b": {"const": 2}}}]))),
        ],
    );
}

/// What a check would have in place of what it finds in the one property `p` of a spec.
fn mends(id: &str, property: &Value) -> Vec<Option<String>> {
    let Verdict::Fail(findings) = on(CHECKS, id, &json!({"p": property})) else { return vec![] };
    findings.into_iter().map(|finding| finding.mended).collect()
}

#[test]
fn a_mend_keeps_what_else_is_said() {
    let at = "/connectionSpecification/properties/p";
    let variant = |mode: &str, api: &str| json!({"type": "object", "properties": {"api": {"const": api}, "mode": {"const": mode}}});
    let anyhow = json!({"type": "object", "oneOf": [variant("a", "v1"), variant("b", "v1")]});
    let told = mends("spec-one-of-shape", &anyhow);
    assert_eq!(told, [Some(format!("{at}/oneOf: const on `mode` alone"))]);
    let kind = json!({"const": "a", "enum": ["a"], "default": "a"});
    let both = json!({"type": "object", "oneOf": [{"properties": {"kind": kind}}]});
    let right = Some(format!("{at}/oneOf/0/properties/kind: {{\"const\":\"a\"}}"));
    assert_eq!(mends("spec-one-of-shape", &both), [right.clone(), right]);
    // What a $ref holds is another check's matter.
    let refs = json!({"type": "object", "oneOf": [{"$ref": "#/definitions/A"}]});
    assert_eq!(mends("spec-one-of-shape", &refs), []);
    let items = json!({"type": "array", "items": {"oneOf": [variant("a", "v1")]}});
    let told = mends("spec-array-items", &items).remove(0).unwrap();
    assert!(told.ends_with("\"type\":\"object\"}"), "{told}");
    // Nothing else says what these say.
    for property in [json!({"not": {"const": 1}}), json!({"patternProperties": {"^a": {}}})] {
        assert_eq!(mends("spec-forbidden-keyword", &property), [None], "{property}");
    }
    let around = json!({"title": "Mine", "allOf": [{"title": "Part", "type": "string"}]});
    let told = mends("spec-forbidden-keyword", &around).remove(0).unwrap();
    assert!(told.contains("Mine") && !told.contains("Part"), "{told}");
    let spec = json!({"connectionSpecification": {
        "type": "object",
        "definitions": {"S": {"type": "string", "title": "S"}},
        "properties": {"p": {"$ref": "#/definitions/S", "title": "Password", "airbyte_secret": true}},
    }});
    let Verdict::Fail(findings) = on_spec(CHECKS, "spec-unresolved-ref", &spec) else { panic!() };
    let told = findings[0].mended.clone().unwrap();
    assert!(told.contains("Password") && told.contains("\"airbyte_secret\":true"), "{told}");
}
