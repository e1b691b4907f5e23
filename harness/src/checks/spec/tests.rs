use super::super::schema_walk::testing::{launch, on_spec, word};
use super::*;
use crate::transcript::End;

fn judge(id: &str, launch: &Launch, facts: &Facts) -> &'static str {
    let check = CHECKS.iter().find(|check| check.id == id).unwrap();
    let Judge::Launch(judge) = check.judge else { panic!("{id}") };
    word(&judge(launch, facts))
}

fn table(id: &str, rows: &[(&str, Value)]) {
    for (expected, spec) in rows {
        let verdict = on_spec(CHECKS, id, spec);
        assert_eq!(word(&verdict), *expected, "{id} on {spec}: {verdict:?}");
    }
}

#[test]
fn one_spec_is_wanted_and_no_more() {
    let facts = Facts::default();
    let spec = json!({"type": "SPEC", "spec": {"connectionSpecification": {}}});
    let log = json!({"type": "LOG", "log": {"level": "INFO", "message": "loaded"}});
    let empty = json!({"type": "SPEC", "spec": null});
    for (lines, is_missing, is_repeated) in [
        (vec![log.clone(), spec.clone()], "pass", "pass"),
        (vec![log.clone()], "fail", "inconclusive"),
        (vec![empty], "fail", "pass"),
        (vec![spec.clone(), log, spec], "pass", "fail"),
    ] {
        let launch = launch(&lines);
        assert_eq!(judge("spec-missing", &launch, &facts), is_missing, "{lines:?}");
        assert_eq!(judge("spec-repeated", &launch, &facts), is_repeated, "{lines:?}");
    }
}

#[test]
fn waiting_for_input_is_told_from_having_no_spec() {
    let spec = json!({"type": "SPEC", "spec": {}});
    let known = Facts { spec: Some(json!({})), ..Facts::default() };
    let limit = Some(Stop::TimeLimit(20));
    for (lines, stopped, facts, expected) in [
        (vec![spec.clone()], None, &known, "pass"),
        (vec![], limit, &known, "fail"),
        (vec![spec.clone()], limit, &known, "fail"),
        (vec![], None, &known, "fail"),
        (vec![], limit, &Facts::default(), "inconclusive"),
        (vec![], Some(Stop::Interrupted), &known, "inconclusive"),
    ] {
        let mut launch = launch(&lines);
        launch.transcript.end = End { stopped, ..End::default() };
        assert_eq!(judge("spec-needs-input", &launch, facts), expected, "{lines:?} {stopped:?}");
    }
}

#[test]
fn two_specs_are_compared_as_values() {
    let first = json!({"a": 1, "b": [1, 2], "c": {"d/e": 1}});
    for (second, expected) in [
        (Some(json!({"c": {"d/e": 1}, "b": [1, 2], "a": 1})), "pass"),
        (Some(json!({"a": 1, "b": [2, 1], "c": {"d/e": 2}})), "fail"),
        (None, "inconclusive"),
    ] {
        let facts = Facts { spec: Some(first.clone()), spec_again: second, ..Facts::default() };
        assert_eq!(judge("spec-not-deterministic", &launch(&[]), &facts), expected);
    }
    let mut pointers = Vec::new();
    differences(Some(&first), Some(&json!({"b": [1, 3], "c": {}, "f": 0})), "", &mut pointers);
    assert_eq!(pointers, ["/a", "/b/1", "/c/d~1e", "/f"]);
}

#[test]
fn the_schema_is_judged_as_draft_07_whatever_it_claims() {
    let root = |schema: Value| json!({"connectionSpecification": schema});
    table(
        "spec-not-json-schema",
        &[
            ("pass", root(json!({"type": "object", "x": 1, "airbyte_secret": true}))),
            ("pass", root(json!({"$schema": "http://json-schema.org/draft-04/schema#"}))),
            ("pass", root(json!({"$schema": "http://json-schema.org/draft-07/schema"}))),
            ("pass", root(json!({"properties": {"type": {"enum": ["a", "a"]}}}))),
            ("fail", root(json!({"properties": {"type": {"type": "strin"}}}))),
            ("fail", root(json!({"properties": {"type": "string"}}))),
            ("fail", root(json!({"properties": {"a": {"required": true}}}))),
            ("fail", root(json!({"properties": {"a": {"pattern": "("}}}))),
            ("fail", root(json!({"properties": {"a": {"$ref": "#/definitions/gone"}}}))),
            ("fail", root(json!([]))),
            ("fail", json!({"documentationUrl": "https://example.com"})),
        ],
    );
    assert_eq!(judge("spec-not-json-schema", &launch(&[]), &Facts::default()), "inconclusive");
}

#[test]
fn protocol_versions_end_with_0_3_0() {
    let given = |version: Value| json!({"protocol_version": version});
    table(
        "spec-protocol-version",
        &[
            ("not applicable", json!({})),
            ("not applicable", given(Value::Null)),
            ("pass", given(json!("0.2.0"))),
            ("pass", given(json!("0.3.0+build.7"))),
            ("pass", given(json!("0.3.0-rc.1"))),
            ("fail", given(json!("0.3.1"))),
            ("fail", given(json!("1.4.0"))),
            ("fail", given(json!("0.2"))),
            ("fail", given(json!("v0.2.0"))),
            ("fail", given(json!("0.02.0"))),
            ("fail", given(json!(0.2))),
        ],
    );
}

#[test]
fn oauth_paths_lead_through_variants() {
    let with = |auth: Value| {
        json!({"advanced_auth": auth, "connectionSpecification": {
            "type": "object",
            "properties": {"credentials": {"type": "object", "oneOf": [
                {"properties": {"kind": {"const": "key"}}},
                {"properties": {"kind": {"const": "oauth"}, "token": {"type": "string"}}},
            ]}},
        }})
    };
    let output = |path: Value| {
        with(json!({"oauth_config_specification": {
            "oauth_user_input_from_connector_config_specification": null,
            "complete_oauth_output_specification": {"properties": {
                "refresh_token": {"type": "string", "path_in_connector_config": path},
            }},
        }}))
    };
    table(
        "spec-oauth-path",
        &[
            ("not applicable", json!({"connectionSpecification": {}, "advanced_auth": null})),
            ("not applicable", with(json!({"predicate_key": []}))),
            ("pass", with(json!({"predicate_key": ["credentials", "kind"]}))),
            ("pass", output(json!(["credentials", "token"]))),
            ("fail", with(json!({"predicate_key": ["credentials", "auth_type"]}))),
            ("fail", output(json!(["token"]))),
            ("fail", output(json!("credentials"))),
            ("inconclusive", json!({"advanced_auth": {}})),
        ],
    );
}
