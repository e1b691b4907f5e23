use serde_json::json;

use super::*;
use crate::testing::{cases, check, record, state, with_facts, write};

fn trace(error: &str) -> String {
    format!(r#"{{"type":"TRACE","trace":{{"type":"ERROR","emitted_at":1,"error":{error}}}}}"#)
}

fn ok() -> String {
    trace(r#"{"message":"the table is gone"}"#)
}

/// A record and its state went in, and the state came back.
fn synced(end: &str) -> Launch {
    let state = state(1, "a", "{}");
    write(&format!("< {}\n< {state}\n> {state}\n{end}", record("a")))
}

#[test]
fn an_error_tells_what_it_is() {
    let out = |error: &str| check(&format!("> {}", trace(error)));
    cases(
        "error-trace-incomplete",
        [
            ("pass", out(r#"{"message":"no","failure_type":"transient_error"}"#)),
            ("pass", out(r#"{"message":"no","failure_type":null,"stack_trace":null,"x":1}"#)),
            ("pass", out(r#"{"message":"cut \ud83e"}"#)),
            ("fail: no error.message", out("{}")),
            ("fail: no error.message", out(r#"{"message":" ","internal_message":"no"}"#)),
            ("fail: no error.message", out(r#"{"message":null}"#)),
            ("fail: no error.message", out("null")),
            ("fail: no error.message", out("\"no\"")),
            (
                "fail: \"user_error\" is no failure_type",
                out(r#"{"message":"no","failure_type":"user_error"}"#),
            ),
            ("fail: is no failure_type", out(r#"{"message":"no","failure_type":5}"#)),
            (
                "inconclusive",
                check(r#"> {"type":"TRACE","trace":{"type":"ANALYTICS","emitted_at":1}}"#),
            ),
        ],
    );
}

#[test]
fn a_failure_is_told() {
    let told = ok();
    let sent = state(1, "a", "{}");
    cases(
        "failure-without-trace",
        [
            ("pass", write(&format!("< {sent}\n> {told}\n! exit 1"))),
            ("fail: without a TRACE ERROR", write(&format!("< {sent}\n2> no\n! exit 1"))),
            ("fail", write(&format!("< {sent}\n! signal 11"))),
            ("inconclusive: did not fail", write(&format!("< {sent}"))),
            ("inconclusive: did not fail", write(&format!("< {sent}\n! stopped 30"))),
            ("inconclusive: its exit code", synced("! exit 1")),
            ("elsewhere", write("! exit 1")),
        ],
    );
    cases(
        "failure-exits-zero",
        [
            ("pass", write(&format!("< {sent}\n> {told}\n! exit 1"))),
            ("pass", write(&format!("< {sent}\n> {told}\n! signal 6"))),
            ("fail: the exit code was 0", write(&format!("< {sent}\n> {told}"))),
            ("inconclusive: did not end by itself", write(&format!("> {told}\n! stopped 30"))),
            ("inconclusive: told of no failure", write(&format!("< {sent}\n! exit 1"))),
            // A log of level ERROR is no failure of the sync.
            (
                "inconclusive",
                write(r#"> {"type":"LOG","log":{"level":"ERROR","message":"retrying"}}"#),
            ),
        ],
    );
}

#[test]
fn a_success_exits_with_zero() {
    let status = |status| {
        format!(r#"> {{"type":"CONNECTION_STATUS","connectionStatus":{{"status":"{status}"}}}}"#)
    };
    let told = ok();
    cases(
        "success-exits-nonzero",
        [
            ("pass", synced("! exit 0")),
            (
                "fail: all came that a success brings, and it ended with exit code 1",
                synced("! exit 1"),
            ),
            ("fail: signal 11", synced("! signal 11")),
            ("inconclusive: did not end", synced("! stopped 30")),
            ("inconclusive: did not succeed", synced(&format!("> {told}\n! exit 1"))),
            (
                "inconclusive: did not succeed",
                write(&format!("< {}\n< {}\n! exit 1", record("a"), state(1, "a", "{}"))),
            ),
            ("pass", write(&format!("< {}", record("a")))),
            ("elsewhere", write("! exit 1")),
            ("pass", check(&status("SUCCEEDED"))),
            ("fail", check(&format!("{}\n! exit 1", status("SUCCEEDED")))),
            ("inconclusive", check(&format!("{}\n! exit 1", status("FAILED")))),
        ],
    );
}

#[test]
fn a_control_carries_a_config_that_fits() {
    let control = |config: &str| {
        write(&format!(
            r#"> {{"type":"CONTROL","control":{{"type":"CONNECTOR_CONFIG","emitted_at":1,"connectorConfig":{{"config":{config}}}}}}}"#
        ))
    };
    let secret = "[touchdown: secret /password]";
    let facts = Facts {
        spec: Some(json!({"connectionSpecification": {
            "type": "object",
            "required": ["path"],
            "properties": {
                "path": {"type": "string"},
                "password": {"type": "string", "airbyte_secret": true, "pattern": "^pw-[0-9]+$"},
                "login": {"oneOf": [
                    {"required": ["token"], "properties": {
                        "kind": {"const": "token"}, "token": {"type": "string", "maxLength": 9}}},
                    {"required": ["key"], "properties": {
                        "kind": {"const": "key"}, "key": {"type": "string"}}},
                ]},
            },
        }})),
        ..Facts::default()
    };
    with_facts(
        "control-config-invalid",
        &facts,
        [
            ("pass", control(r#"{"path":"p"}"#)),
            ("pass", control(r#"{"path":"p","new":1}"#)),
            // The secret has been replaced: whether it fits its pattern cannot be told.
            ("pass", control(&format!(r#"{{"path":"p","password":"{secret}"}}"#))),
            (
                "pass",
                control(&format!(
                    r#"{{"path":"p","login":{{"kind":"token","token":"{secret}"}}}}"#
                )),
            ),
            ("fail: violates the spec at \"\"", control("{}")),
            ("fail: violates the spec at \"\"", control(&format!(r#"{{"password":"{secret}"}}"#))),
            ("fail: violates the spec at \"/password\"", control(r#"{"path":"p","password":"x"}"#)),
            ("fail: at \"/login\"", control(r#"{"path":"p","login":{}}"#)),
            ("fail: at \"/path\"", control(r#"{"path":7}"#)),
            (
                "fail: carries no config",
                write(
                    r#"> {"type":"CONTROL","control":{"type":"CONNECTOR_CONFIG","emitted_at":1}}"#,
                ),
            ),
            ("not applicable", synced("")),
        ],
    );
    let broken = Facts {
        spec: Some(json!({"connectionSpecification": {"type": "strin"}})),
        ..Facts::default()
    };
    with_facts(
        "control-config-invalid",
        &broken,
        [("inconclusive: no JSON Schema", control("{}"))],
    );
    cases("control-config-invalid", [("inconclusive: no spec", control("{}"))]);
}

#[test]
fn it_ends_with_all_that_it_started() {
    let mut left = synced("");
    left.transcript.end.left_behind = vec!["17 sleep 1000".to_owned()];
    let mut stuck = synced("! stopped 30");
    stuck.transcript.end.stdin_closed = None;
    let mut flooded = synced("");
    flooded.transcript.end.stopped = Some(Stop::OutputLimit(1 << 30));
    cases(
        "hangs",
        [
            ("pass", synced("! exit 0")),
            ("pass", synced("! exit 1")),
            ("fail: not ended 30 s after the end of its input", synced("! stopped 30")),
            ("inconclusive: see write-stops-reading", stuck),
            ("fail: outlived it", left),
            ("inconclusive: interrupted", synced("! interrupted")),
            ("inconclusive", flooded),
        ],
    );
}
