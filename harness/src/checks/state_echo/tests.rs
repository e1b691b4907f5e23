use super::*;
use crate::testing::{
    assert_verdict, cases, counted, global, judge, nobody_accuses, record, state, state_without_id,
    write,
};

fn echo(sent: &str, came: &str) -> Launch {
    write(&format!("< {sent}\n> {came}"))
}

/// The verdicts of state-altered, state-number-altered and state-id-altered.
fn judged(sent: &str, came: &str, wanted: [&'static str; 3]) {
    for (id, wanted) in
        ["state-altered", "state-number-altered", "state-id-altered"].into_iter().zip(wanted)
    {
        let verdict = judge(id, echo(sent, came), &Facts::default());
        assert_verdict(&format!("{id}: {sent} {came}"), wanted, &verdict);
    }
}

const FINE: [&str; 3] = ["pass"; 3];

fn with(blob: &str) -> String {
    state(7, "a", blob)
}

#[test]
fn the_same_value_in_other_words_is_the_same() {
    let sent = with(r#"{"b":[1,{"x":null}],"a":"é"}"#);
    for came in [
        with(r#"{"a":"\u00e9","b":[1,{"x":null}]}"#),
        with(r#"{ "b" : [ 1, {"x": null} ] , "a":"é" }"#),
        sent.replace("1.0", "1"),
        sent.replace("1.0", "1.0,\"rejectedRecordCount\":null"),
        sent.replace(r#""name":"a""#, r#""namespace":null,"name":"a""#),
        sent.replace(r#""type":"STREAM""#, r#""type":"STREAM","data":null,"global":null"#),
        counted(&sent, r#"{"recordCount":1.0,"rejectedRecordCount":0.0,"bytes":12}"#),
        sent.replace(r#""type":"STREAM","id":7,"#, "")
            .replace("1.0}", r#"1.0},"id":7,"type":"STREAM""#),
    ] {
        judged(&sent, &came, FINE);
        judged(&came, &sent, FINE);
    }
}

#[test]
fn numbers_in_blobs_may_be_spelled_otherwise_but_not_changed() {
    let altered = ["pass", "fail: /stream/stream_state/n was", "pass"];
    for (sent, came, wanted) in [
        ("1e3", "1000.0", FINE),
        ("0.10", "0.1", FINE),
        ("-0.0", "0.0", FINE),
        ("1", "1.0", altered),
        ("1.0", "1", altered),
        ("9223372036854775808", "9223372036854775807", altered),
        ("9223372036854775807", "9.223372036854775807e18", altered),
        ("12345678901234567890123456789012345678.5", "1.2345678901234568e37", altered),
        ("9007199254740993", "\"9007199254740993\"", altered),
        ("10e9223372036854775807", "10e9223372036854775807", FINE),
        ("10e9223372036854775807", "1e400", altered),
        ("1e-99999999999999999999", "1e99999999999999999999", altered),
        ("1", "null", ["fail: /stream/stream_state/n was 1 and is null", "pass", "pass"]),
    ] {
        let blob = |n| with(&format!(r#"{{"n":{n}}}"#));
        judged(&blob(sent), &blob(came), wanted);
    }
}

#[test]
fn an_old_forms_blob_is_the_sources_own() {
    let legacy = |n| format!(r#"{{"type":"STATE","state":{{"data":{{"n":{n}}}}}}}"#);
    let wanted = ["pass", "fail: /data/n was 1 and is 1.0", "inconclusive"];
    judged(&legacy("1"), &legacy("1.0"), wanted);
}

#[test]
fn what_is_altered_is_named() {
    let sent = with(r#"{"a":{"x":null,"y":[1,2]},"s":"one "}"#)
        .replace("\"sourceStats\"", "\"new\":{\"k\":1},\"sourceStats\"");
    for (was, is, told) in [
        (r#""x":null,"#, "", "/stream/stream_state/a/x was null and is gone"),
        ("[1,2]", "[2,1]", ""),
        ("[1,2]", "[1,2,3]", "/stream/stream_state/a/y was [1,2] and is [1,2,3]"),
        ("one ", "one", "/stream/stream_state/s was \"one \" and is \"one\""),
        (r#""s":"#, r#""t":null,"s":"#, "/stream/stream_state/t"),
        (r#""new":{"k":1},"#, "", "/new was {\"k\":1} and is null"),
        (r#""k":1"#, r#""k":2"#, "/new/k was 1 and is 2"),
        (
            r#"{"recordCount":1.0}"#,
            r#"{"recordCount":2.0}"#,
            "/sourceStats/recordCount was 1.0 and is 2.0",
        ),
        (
            r#""name":"a""#,
            r#""name":"a","namespace":"""#,
            "/stream/stream_descriptor/namespace was null and is \"\"",
        ),
        (r#""name":"a""#, r#""name":"A""#, "/stream/stream_descriptor/name"),
        (r#""type":"STREAM""#, r#""x":1"#, "/type was \"STREAM\" and is null"),
    ] {
        let came = sent.replacen(was, is, 1);
        assert_ne!(sent, came, "{was}");
        let verdict = judge("state-altered", echo(&sent, &came), &Facts::default());
        if told.is_empty() {
            // Other numbers in the same places are numbers altered.
            assert_eq!(verdict, Verdict::Pass);
            continue;
        }
        let Verdict::Fail(findings) = verdict else { panic!("{came}: {verdict:?}") };
        assert!(findings[0].message.starts_with("a state of a (id 7): "));
        assert!(findings.iter().any(|f| f.message.contains(told)), "{findings:?}");
        assert!(findings[0].evidence.starts_with("sent: {"));
        assert!(findings[0].evidence.contains("; came: stdout line 1: {"));
    }
}

#[test]
fn global_states_are_compared_stream_by_stream() {
    let (a, b) = (("a", r#"{"c":1}"#), ("b", "null"));
    let sent = global(7, &[a, b]);
    judged(&sent, &global(7, &[b, a]), FINE);
    judged(&sent, &global(7, &[a]), ["fail: the state of b is missing", "pass", "pass"]);
    judged(
        &sent,
        &global(7, &[a, b, ("x", "{}")]),
        ["fail: /global/stream_states", "pass", "pass"],
    );
    judged(&sent, &global(7, &[a, b, b]), ["fail: the state of b stands 2 times", "pass", "pass"]);
    // As often as it was sent.
    judged(&global(7, &[b, b]), &global(7, &[b, b]), FINE);
    judged(&sent, &global(7, &[a, ("b", "{}")]), FINE); // state-null-blob-rejected
    judged(
        &sent,
        &global(7, &[("a", r#"{"c":2}"#), b]),
        ["pass", "fail: /global/stream_states/a/stream_state/c", "pass"],
    );
    judged(
        &sent,
        &sent.replace("\"lsn\":7", "\"lsn\":7.0"),
        ["pass", "fail: /global/shared_state/lsn", "pass"],
    );
    judged(
        &sent,
        &sent.replace("\"lsn\":7", ""),
        ["fail: /global/shared_state/lsn was 7 and is gone", "pass", "pass"],
    );
    // That a stream outside of the catalog is missing has a check of its own.
    judged(&global(7, &[a, ("x", "{}")]), &global(7, &[a]), FINE);
    // The other order, without an id to go by.
    let bare = |state: String| state.replace(r#""id":7,"#, "");
    for id in ["state-altered", "state-invented", "state-lost"] {
        cases(id, [("pass", echo(&bare(sent.clone()), &bare(global(7, &[b, a]))))]);
    }
}

#[test]
fn the_id_stays_as_it_is_written() {
    let sent = with("{}");
    let id = |id: &str| sent.replace("\"id\":7", &format!("\"id\":{id}"));
    for (spelled, told) in [
        ("7.0", "fail: a state of a (id 7) came back with id 7.0"),
        ("\"7\"", "fail: came back with id \"7\""),
        ("7e0", "fail: came back with id 7e0"),
        ("8", "fail: came back with id 8"),
        ("null", "fail: a state of a (id 7) came back without its id"),
        (" 7 ", "pass"),
    ] {
        judged(&sent, &id(spelled), ["pass", "pass", told]);
    }
    let bare = state_without_id("a", "{}");
    judged(&bare, &bare, ["pass", "pass", "inconclusive: with an id"]);
    judged(&sent, &state(9, "b", "{}"), ["inconclusive"; 3]);
    judged(&sent, r#"{"type":"LOG"}"#, ["inconclusive"; 3]);
}

#[test]
fn blobs_that_are_hard_to_read_are_compared_all_the_same() {
    let nested = |depth: usize, leaf: &str| {
        with(&format!(r#"{{"d":{}{leaf}{}}}"#, "[".repeat(depth), "]".repeat(depth)))
    };
    let lone = with(r#"{"s":"\ud800","n":[1]}"#);
    judged(&lone, &lone, FINE);
    judged(&lone, &with(r#"{"n":[1], "s":"\uD800"}"#), FINE);
    judged(
        &lone,
        &with(r#"{"s":"\ufffd","n":[1]}"#),
        ["fail: /stream/stream_state/s", "pass", "pass"],
    );
    judged(
        &lone,
        &with(r#"{"s":"\ud800","n":[2]}"#),
        ["pass", "fail: /stream/stream_state/n", "pass"],
    );
    let pair = with(r#"{"s":"\ud83e\udd80 \\ud800"}"#);
    judged(&pair, &with(r#"{"s":"🦀 \\ud800"}"#), FINE);
    judged(&nested(200, "1"), &nested(200, " 1 "), FINE);
    judged(
        &nested(200, "\"x\""),
        &nested(200, "\"y\""),
        ["fail: /stream/stream_state/d/0/0", "pass", "pass"],
    );
    judged(
        &nested(200, "1"),
        &nested(200, "1.0"),
        ["pass", "fail: /stream/stream_state/d/0/0", "pass"],
    );
    // Past all reason: the same text is the same, and another may be.
    judged(&nested(20_000, "1"), &nested(20_000, "1"), FINE);
    judged(&nested(20_000, "1"), &nested(20_000, "1 "), ["inconclusive", "inconclusive", "pass"]);
}

#[test]
fn a_long_state_is_compared() {
    let blob = |last| with(&format!(r#"{{"s":"{}{last}"}}"#, "é".repeat(10_000_000)));
    let (sent, other) = (blob(""), blob("x"));
    cases("state-altered", [("pass", echo(&sent, &sent))]);
    let Verdict::Fail(findings) = judge("state-altered", echo(&sent, &other), &Facts::default())
    else {
        panic!()
    };
    assert!(findings[0].message.len() < 1000 && findings[0].evidence.len() < 1000);
}

#[test]
fn a_right_echo_is_accused_by_nobody() {
    let sent = with(r#"{"b":1e3,"a":"é \ud800","n":123456789012345678901234567890}"#);
    let came = counted(
        &with(r#"{"n":123456789012345678901234567890,"a":"\u00e9 \uD800","b":1000.0}"#),
        r#"{"additional":{"bytes":1},"recordCount":1.0}"#,
    );
    let script = format!("< {}\n< {sent}\n> {came}\r\n", record("a"));
    nobody_accuses(|| write(&script), &Facts::default());
    let (a, b) = (("a", r#"{"c":1}"#), ("b", r#"{"c":2}"#));
    let script = format!(
        "< {}\n< {}\n> {}",
        record("a"),
        global(1, &[a, b]),
        counted(&global(1, &[b, a]), r#"{"recordCount":1.0}"#)
    );
    nobody_accuses(|| write(&script), &Facts::default());
}
