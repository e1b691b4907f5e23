use super::*;
use crate::testing::{
    assert_verdict, cases, check, counted, global, judge, nobody_accuses, record, state,
    with_facts, write,
};

const LOG: &str = r#"{"type":"LOG","log":{"level":"INFO","message":"ready"}}"#;
const TRACE: &str = r#"{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1.7E12,"error":{"message":"no","failure_type":"config_error"}}}"#;
const STATUS: &str = r#"{"type":"CONNECTION_STATUS","connectionStatus":{"status":"SUCCEEDED"}}"#;

fn log(message: &str) -> String {
    serde_json::json!({"type": "LOG", "log": {"level": "INFO", "message": message}}).to_string()
}

fn out(line: &str) -> Launch {
    write(&format!("> {line}"))
}

#[test]
fn what_is_no_json_object_is_told_by_its_look() {
    cases(
        "output-not-json",
        [
            ("pass", out(LOG)),
            ("pass", write(&format!(">\n> {LOG}\r\n>  \r\n>"))),
            ("inconclusive: printed nothing", write("2> started")),
            ("fail: a line is no JSON", out("took 12ms")),
            ("fail: text that is not JSON", out("3 rows written")),
            ("fail: JSON, but no object", out("[1,2]")),
            ("fail: JSON, but no object", out("null")),
            ("fail: terminal colours", out("\u{1b}[32mINFO\u{1b}[0m ready")),
            ("fail: Python traceback", out("Traceback (most recent call last):")),
            ("fail: without a type", out(r#"{"level":"info","msg":"ready"}"#)),
            (
                "fail: a state without its envelope",
                out(r#"{"type":null,"stream":{"stream_descriptor":{"name":"a"}}}"#),
            ),
            ("fail: no progress for 30 s", write("> {\"type\":\"LO\n! stopped 30")),
            // The matter of others.
            ("pass", out(r#"{"type":"METRIC"}"#)),
            ("pass", out(r#"{"type":"LOG","log":{"rate":NaN}}"#)),
            ("pass", out(&format!("{LOG}{LOG}"))),
        ],
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_json() {
    cases("output-not-json", [("fail", out(&format!("\u{feff}{LOG}")))]);
}

#[test]
fn one_message_stands_on_a_line() {
    let at = LOG.len();
    let two =
        judge("output-two-messages-on-a-line", out(&format!("{LOG}{LOG}")), &Facts::default());
    assert_verdict("two", "fail: a second message begins at byte", &two);
    let Verdict::Fail(findings) = two else { panic!() };
    assert!(findings[0].message.contains(&at.to_string()));
    assert!(findings[0].evidence.starts_with("stdout line 1: {"));
    cases(
        "output-two-messages-on-a-line",
        [
            ("pass", write(&format!("> {LOG}\n> {LOG}"))),
            ("pass", out(&log(r#"kept {"a":1}{"a":2} as they are"#))),
            ("fail", out(&format!("{LOG} and more"))),
            ("pass", out("plain text")),
            ("inconclusive", write("")),
        ],
    );
}

#[test]
fn types_are_the_nine_in_upper_case() {
    cases(
        "output-unknown-type",
        [
            ("pass", out(LOG)),
            ("pass", out(&LOG.replace("LOG", "log").replace("log\",", "Log\","))),
            ("fail: \"METRIC\" is none", out(r#"{"type":"METRIC","metric":{}}"#)),
            ("fail: \"\" is none", out(r#"{"type":""}"#)),
            ("pass", out(r#"{"type":7}"#)),
            ("inconclusive", write(">")),
        ],
    );
    cases(
        "output-type-case",
        [
            ("pass", out(LOG)),
            ("fail: spelled \"log\", not \"LOG\"", out(&LOG.replace("\"LOG\"", "\"log\""))),
            ("inconclusive: no protocol message", out("plain")),
        ],
    );
}

#[test]
fn the_payload_is_the_one_that_the_type_names() {
    cases(
        "output-payload-mismatch",
        [
            ("pass", out(LOG)),
            ("pass", out(&LOG.replace("\"log\"", "\"new\":{},\"log\""))),
            // A typed writer prints the other payloads as null.
            ("pass", out(&LOG.replace("\"log\"", "\"record\":null,\"log\""))),
            (
                "fail: no payload \"connectionStatus\" (it has \"connection_status\")",
                check(&format!("> {}", STATUS.replace("connectionStatus", "connection_status"))),
            ),
            ("fail: has no payload \"log\"", out(r#"{"type":"LOG"}"#)),
            ("fail: has no payload \"log\"", out(r#"{"type":"LOG","log":null}"#)),
            ("fail: carries \"trace\", too", out(&LOG.replace("\"log\"", "\"trace\":{},\"log\""))),
            ("inconclusive", out("plain")),
        ],
    );
}

#[test]
fn messages_fit_the_schema() {
    let trace = |rest: &str| format!(r#"{{"type":"TRACE","trace":{{"emitted_at":1,{rest}}}}}"#);
    cases(
        "output-schema-violation",
        [
            ("pass", out(LOG)),
            ("pass", out(TRACE)),
            ("pass", out(&trace(r#""type":"ANALYTICS","analytics":{"type":"rows","value":"7"}"#))),
            (
                "pass",
                out(&LOG.replace("\"level\"", "\"timestamp\":1,\"thread\":\"main\",\"level\"")),
            ),
            ("pass", out(&LOG.replace("\"level\"", "\"stack_trace\":null,\"level\""))),
            ("pass", out(&LOG.replace("\"LOG\"", "\"log\""))),
            ("pass", out(&counted(&state(1, "a", "{}"), r#"{"recordCount":0.0,"bytes":9}"#))),
            ("pass", out(&global(1, &[("a", "null")]))),
            ("pass", check(&format!("> {}", STATUS.replace("\"}", "\",\"message\":null}")))),
            ("fail: /trace/emitted_at", out(&TRACE.replace("1.7E12", "\"now\""))),
            ("fail: /state/type", out(&state(1, "a", "{}").replace("STREAM", "stream"))),
            (
                "fail: /log/stack_trace",
                out(&LOG.replace("\"level\"", "\"stack_trace\":[],\"level\"")),
            ),
            (
                "fail: /connectionStatus/status",
                check(&format!("> {}", STATUS.replace("SUCCEEDED", "OK"))),
            ),
            // The matter of log-level-missing, error-trace-incomplete, output-payload-mismatch.
            ("pass", out(r#"{"type":"LOG","log":{"message":"m"}}"#)),
            ("pass", out(&TRACE.replace("config_error", "user_error"))),
            ("pass", out(r#"{"type":"TRACE","trace_":{}}"#)),
            ("inconclusive", out("plain")),
        ],
    );
}

#[test]
fn bytes_and_numbers_are_those_of_json() {
    let mut latin1 = out(LOG);
    latin1.transcript.stdout[0].bytes =
        b"{\"type\":\"LOG\",\"log\":{\"level\":\"INFO\",\"message\":\"caf\xe9\"}}".to_vec();
    cases(
        "output-not-utf8",
        [
            ("pass", out(&log("café 🦀"))),
            ("pass", out(&LOG.replace("ready", r"caf\u00e9 \ud83e\udd80"))),
            ("fail: byte 50", latin1),
            ("inconclusive", write("")),
        ],
    );
    cases(
        "output-not-strict-json",
        [
            ("pass", out(&log("NaN, -Infinity and \"a\":1,\"a\":2"))),
            (
                "fail: NaN is no JSON number",
                out(r#"{"type":"LOG","log":{"level":"INFO","message":"","rate":NaN}}"#),
            ),
            ("fail: Infinity", out(r#"{"type":"STATE","state":{"x":[-Infinity]}}"#)),
            (
                "fail: \"level\" stands twice",
                out(&LOG.replace("\"level\"", "\"level\":\"INFO\",\"level\"")),
            ),
            ("fail: \"a\" stands twice", out(&state(1, "a", r#"{"a":1,"\u0061":1}"#))),
            ("pass", out(&state(1, "a", r#"{"a":{"b":1},"b":1,"A":1}"#))),
            ("pass", out("NaN rows")),
            ("inconclusive", write("")),
        ],
    );
}

#[test]
fn a_carriage_return_ends_a_line_or_spoils_it() {
    cases(
        "output-carriage-return",
        [
            ("pass", write(&format!("> {LOG}\r\n>\r\n> {LOG}\r"))),
            ("pass", out(&log("one\r\ntwo"))),
            ("fail", out(&LOG.replace(",\"log\"", ",\r\"log\""))),
            ("fail", out("10 %\r20 %\rdone")),
            ("inconclusive", write("")),
        ],
    );
}

#[test]
fn a_log_may_speak_of_records_but_not_repeat_them() {
    cases(
        "output-logged-record",
        [
            ("pass", out(&log("RECORD without data: field id is null, type RECORD"))),
            ("pass", out(&log(r#"ignored {"type":"STATE","state":{}}"#))),
            // A table's schema, as a warehouse prints it.
            (
                "pass",
                out(&log(
                    r#"table {"name":"x","type":"RECORD","fields":[]} for {"data":{"type":"object"}}"#,
                )),
            ),
            // A logger's JSON inside of the message.
            ("pass", out(&log(r#"{"logger":"Writer","event":"flush","rows":100}"#))),
            ("fail: repeats a RECORD", out(&log(&format!("storing {}", record("a"))))),
            ("fail", out(&log(&record("a").replace(':', ": ").replace(',', ",\n")))),
            ("fail", out(&log(&log(&record("a"))))),
            ("inconclusive", out("plain")),
        ],
    );
}

#[test]
fn stderr_is_for_logs() {
    let err = |line: &str| write(&format!("> {LOG}\n2> {line}"));
    cases(
        "output-protocol-on-stderr",
        [
            ("pass", err("panic: no")),
            ("pass", err(LOG)),
            ("pass", err(r#"{"level":"info","msg":"flushed"}"#)),
            // Loggers have types of their own.
            ("pass", err(r#"{"type":"record","msg":"wrote a batch","rows":5}"#)),
            ("pass", err(r#"{"type":"trace","trace":"4bf92f3577b34da6"}"#)),
            ("pass", err(r#"{"type":"record","record":17}"#)),
            ("fail: a STATE on stderr", err(&state(1, "a", "{}"))),
            ("fail: a TRACE on stderr", err(TRACE)),
            ("fail: a RECORD on stderr", err(&record("a"))),
            ("pass", write(&format!("2> {LOG}"))),
            ("inconclusive", write("")),
        ],
    );
}

#[test]
fn each_operation_has_its_messages() {
    let control = r#"{"type":"CONTROL","control":{"type":"CONNECTOR_CONFIG","emitted_at":1,"connectorConfig":{"config":{}}}}"#;
    cases(
        "output-unexpected-type",
        [
            ("pass", write(&format!("> {LOG}\n> {TRACE}\n> {control}\n> {}", state(1, "a", "{}")))),
            ("pass", check(&format!("> {STATUS}"))),
            ("fail: a RECORD during write", out(&record("a"))),
            ("fail: a STATE during check", check(&format!("> {}", state(1, "a", "{}")))),
            ("fail: a CONNECTION_STATUS during write", out(STATUS)),
            ("fail: a SPEC during write", out(r#"{"type":"SPEC","spec":{}}"#)),
            ("inconclusive", out("plain")),
        ],
    );
}

#[test]
fn secrets_are_found_by_their_marker() {
    let leak = log("connecting with [touchdown: secret /password]");
    let control = r#"{"type":"CONTROL","control":{"type":"CONNECTOR_CONFIG","emitted_at":1,"connectorConfig":{"config":{"password":"[touchdown: secret /password]"}}}}"#;
    let facts = Facts { secrets: vec!["/password".to_owned()], ..Facts::default() };
    with_facts(
        "output-secret-leaked",
        &facts,
        [
            ("pass", out(LOG)),
            ("pass", out(control)),
            ("fail: on stdout", out(&leak)),
            ("fail: on stdout", out("postgres://me:[touchdown: secret /password]@db")),
            ("fail: on stderr", write("2> at connect([touchdown: secret /password])")),
            ("inconclusive: printed nothing", write("")),
        ],
    );
    cases("output-secret-leaked", [("not applicable", out(&leak))]);
    let short = Facts { short_secrets: vec!["/pin".to_owned()], ..Facts::default() };
    with_facts("output-secret-leaked", &short, [("inconclusive: /pin", out(LOG))]);
}

#[test]
fn a_log_has_a_level_and_a_message() {
    let with = |log: &str| out(&format!(r#"{{"type":"LOG","log":{log}}}"#));
    cases(
        "log-level-missing",
        [
            ("pass", out(LOG)),
            ("pass", with(r#"{"level":"FATAL","message":"","thread":"main","ts":1.5}"#)),
            // A text cut between two halves of a character, as JavaScript and Java print it.
            ("pass", with(r#"{"level":"INFO","message":"cut: \ud83e"}"#)),
            ("fail: has no level", with(r#"{"message":"m"}"#)),
            ("fail: has no level", with(r#"{"level":null,"message":"m"}"#)),
            ("fail: has no message", with(r#"{"level":"INFO"}"#)),
            ("fail: \"WARNING\" is no level", with(r#"{"level":"WARNING","message":"m"}"#)),
            ("fail: \"info\" is no level", with(r#"{"level":"info","message":"m"}"#)),
            ("fail: no object", with("\"m\"")),
            ("inconclusive: no LOG", out(TRACE)),
            ("inconclusive: no protocol message", out("plain")),
        ],
    );
}

#[test]
fn statuses_of_streams_are_the_sources() {
    let status = r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{"stream_descriptor":{"name":"a"},"status":"COMPLETE"}}}"#;
    cases(
        "emitted-stream-status",
        [
            ("pass", out(LOG)),
            ("pass", out(TRACE)),
            ("fail", out(status)),
            ("inconclusive", out("plain")),
        ],
    );
}

#[test]
fn odd_output_of_a_right_destination_is_accused_by_nobody() {
    let sent = state(1, "a", r#"{"c":1}"#);
    let back = counted(&sent, r#"{"recordCount":1.0,"rejectedRecordCount":0.0,"bytes":20}"#);
    let analytics = r#"{"trace":{"analytics":{"type":"rows","value":"1"},"emitted_at":1.7E12,"type":"ANALYTICS"},"type":"TRACE"}"#;
    let java = log(r#"{"@timestamp":"2026-01-01","logger":"c.z.Pool","message":"RECORD id"}"#);
    let lone = LOG.replace("ready", r"half \udd80 a crab");
    let deep = LOG.replace(
        "\"level\"",
        &format!("\"context\":{}{},\"level\"", "[".repeat(300), "]".repeat(300)),
    );
    let script = format!(
        ">\r\n> {LOG}\r\n> {analytics}\n> {java}\n> {lone}\n> {deep}\n\
         < {}\n< {sent}\n> {back}\r\n>  \n2> {{\"type\":\"trace\"}}\n! exit 0",
        record("a")
    );
    nobody_accuses(|| write(&script), &Facts::default());
}
