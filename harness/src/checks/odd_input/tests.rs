use super::*;
use crate::protocol::Operation;
use crate::testing::{
    cases, judge, launch, read_back_facts, record, record_of, scene_verdict, state, with_catalog,
    with_facts, write,
};

const LOG: &str = r#"> {"type":"LOG","log":{"level":"WARN","message":"passed over"}}"#;
const ERROR: &str =
    r#"> {"type":"TRACE","trace":{"type":"ERROR","emitted_at":1,"error":{"message":"no"}}}"#;

/// A script of these lines.
fn script(lines: &[&str]) -> String {
    lines.join("\n")
}

fn row(id: u32) -> String {
    record_of("a", &format!(r#"{{"id":{id},"text":"x"}}"#))
}

#[test]
fn a_catalog_without_streams_is_no_crash() {
    let empty = serde_json::json!({"streams": []});
    let ended = |script: &str| with_catalog(&empty, write(script));
    cases(
        "write-empty-catalog",
        [
            ("pass", ended("")),
            ("pass", ended(LOG)),
            ("fail: the sync failed", ended("2> IndexError\n! exit 1")),
            ("fail: the sync failed", ended("! signal 11")),
            ("inconclusive: refused loudly (exit code 1", ended(&script(&[ERROR, "! exit 1"]))),
            // That is no refusal that the platform would see.
            ("fail: the sync failed", ended(ERROR)),
            ("inconclusive: see hangs", ended("! stopped 30")),
            ("inconclusive: see hangs", ended(&script(&[ERROR, "! stopped 30"]))),
            ("inconclusive: ended before", ended("! interrupted")),
        ],
    );
    let none = scene_verdict("write-empty-catalog", vec![], &Facts::default());
    assert_eq!(none, Verdict::Elsewhere);
}

/// A record of a stream that no catalog names, between two that one names.
fn with_unknown(after: &[&str]) -> Launch {
    let lines = [row(1), record("elsewhere"), row(2)].map(|line| format!("< {line}\n"));
    write(&(lines.concat() + &script(after)))
}

const BOTH: &str = "| a {\"id\":1,\"text\":\"x\"}\n| a {\"id\":2,\"text\":\"x\"}";

#[test]
fn an_unknown_stream_is_told_of() {
    let id = "write-unknown-stream";
    let early = |end: &str| write(&format!("< {}\n{end}\n< {}", row(1), record("elsewhere")));
    let before = write(&script(&[
        &format!("< {}", row(1)),
        ERROR,
        &format!("< {}", record("elsewhere")),
        "! exit 1",
    ]));
    with_facts(
        id,
        &read_back_facts(&[]),
        [
            ("pass", with_unknown(&[LOG, BOTH])),
            ("pass", with_unknown(&["2> skipped one", BOTH])),
            ("pass", with_unknown(&["> skipped one", BOTH])),
            ("pass", with_unknown(&[ERROR, "! exit 1"])),
            ("fail: dropped without a word", with_unknown(&[BOTH])),
            ("fail: dropped without a word", with_unknown(&["2> ", BOTH])),
            ("fail: own stream is gone", with_unknown(&[LOG, r#"| a {"id":1,"text":"x"}"#])),
            ("fail: no progress for 30 s", with_unknown(&["! stuck 30"])),
            ("inconclusive: see failure-without-trace", with_unknown(&["2> Error", "! exit 1"])),
            ("inconclusive: see failure-exits-zero", with_unknown(&[ERROR])),
            ("inconclusive: ended before it could end", with_unknown(&["! interrupted"])),
            ("inconclusive: before that record was sent: exit code 1", early("! exit 1")),
            // It was told before the record was sent: of something else.
            ("inconclusive: had failed before", before),
        ],
    );
    // A log that was there before the record tells nothing of it.
    let logged = format!("{LOG}\n< {}\n{BOTH}", record("elsewhere"));
    cases(id, [("fail: without a word", write(&logged))]);
    // Whether what it knows is lost is another check's matter, where nothing was read back.
    cases(id, [("pass", with_unknown(&[LOG])), ("fail", with_unknown(&[]))]);
}

#[test]
fn what_is_declared_of_unknown_streams_has_to_hold() {
    let id = "write-unknown-stream";
    let failed = || with_unknown(&[ERROR, "! exit 1"]);
    with_facts(
        id,
        &read_back_facts(&["unknown-streams=failed"]),
        [
            ("pass", failed()),
            ("fail: =failed is declared, and the sync succeeded", with_unknown(&[LOG, BOTH])),
        ],
    );
    with_facts(
        id,
        &read_back_facts(&["unknown-streams=ignored"]),
        [
            ("pass", with_unknown(&[LOG, BOTH])),
            ("fail: =ignored is declared, and the sync failed", failed()),
            ("fail: =ignored is declared, and the sync failed", with_unknown(&["! exit 1"])),
            ("fail: without a word", with_unknown(&[BOTH])),
            ("fail: no progress", with_unknown(&["! stuck 30"])),
            ("inconclusive", with_unknown(&["! interrupted"])),
        ],
    );
}

/// A piece of a line between two records, and a state after them.
fn with_garbage(after: &[&str]) -> Launch {
    let lines = [
        format!("< {}", row(1)),
        "<< {\"type\":\"RECORD\",\"rec".to_owned(),
        format!("< {}", row(2)),
        format!("< {}", state(1, "a", "{}")),
    ];
    write(&(lines.join("\n") + "\n" + &script(after)))
}

#[test]
fn garbage_never_ends_the_input_in_silence() {
    let id = "write-garbage-line";
    let back = format!("> {}", state(1, "a", "{}"));
    let before = write(&script(&[ERROR, "<< x", "! exit 1"]));
    with_facts(
        id,
        &read_back_facts(&[]),
        [
            ("pass", with_garbage(&[LOG, &back, BOTH])),
            ("pass", with_garbage(&["2> line 2 is no JSON", &back, BOTH])),
            ("pass", with_garbage(&[ERROR, "! exit 1"])),
            (
                "fail: came after the line is gone",
                with_garbage(&[LOG, &back, r#"| a {"id":1,"text":"x"}"#]),
            ),
            ("fail: no state that came after the line", with_garbage(&[LOG, BOTH])),
            ("fail: skipped without a word", with_garbage(&[&back, BOTH])),
            ("fail: no progress for 30 s", with_garbage(&["! stuck 30"])),
            ("fail: no progress for 30 s", with_garbage(&["! stopped 30"])),
            // Nothing was amiss until it had to end.
            ("inconclusive: see hangs", with_garbage(&[&back, "! stopped 30"])),
            ("inconclusive: see failure-without-trace", with_garbage(&["! exit 1"])),
            ("inconclusive: see failure-exits-zero", with_garbage(&[ERROR])),
            ("inconclusive: had failed before", before),
            (
                "inconclusive: ended before the line",
                write(&format!("< {}\n! exit 1\n<< x", row(1))),
            ),
            (
                "inconclusive: read-back of a: no such table",
                with_garbage(&[LOG, &back, "|! a no such table"]),
            ),
        ],
    );
    // Without rows the states alone can show that the input was at its end.
    cases(
        id,
        [
            ("not applicable: give --readback", with_garbage(&[LOG, &back])),
            ("fail: no state that came after the line", with_garbage(&[LOG])),
            ("fail: without a word", with_garbage(&[&back])),
            ("pass", with_garbage(&[ERROR, "! exit 1"])),
        ],
    );
}

#[test]
fn input_is_taken_to_its_end() {
    let sent = format!("< {}\n", row(1));
    cases(
        "write-stops-reading",
        [
            ("pass", write(&sent)),
            // A little input fits into a pipe unread.
            ("inconclusive: may have left input unread", write(&format!("{sent}! exit 1"))),
            ("inconclusive: may have left input unread", write(&format!("{sent}! stopped 30"))),
            // It hangs, and that is told by another check.
            ("pass", write(&format!("{sent}< {0}\n> {0}\n! stopped 30", state(1, "a", "{}")))),
            ("fail: it stopped reading its input for 30 s", write(&format!("{sent}! stuck 30"))),
            ("inconclusive: ended before its input did", write(&format!("{sent}! refused"))),
            ("elsewhere", write("! stuck 30")),
        ],
    );
}

#[test]
fn output_that_is_not_read_for_a_while_loses_nothing() {
    let id = "write-blocked-output";
    let (one, two) = (state(1, "a", r#"{"c":1}"#), state(2, "a", r#"{"c":2}"#));
    let sync = |after: &[&str]| {
        let sent = [&row(1), &one, &row(2), &two].map(|line| format!("< {line}\n"));
        write(&(sent.concat() + &script(after)))
    };
    let [first, second] = [&one, &two].map(|line| format!("> {line}"));
    with_facts(
        id,
        &read_back_facts(&[]),
        [
            ("pass", sync(&[&first, &second, BOTH])),
            ("fail: 1 of 2 states never came", sync(&[&first, BOTH])),
            ("fail: 2 of 2 states", sync(&[&first[..40], BOTH])),
            ("fail: has not landed", sync(&[&first, &second, r#"| a {"id":1,"text":"x"}"#])),
            ("fail: the sync failed", sync(&[&first, ERROR, "! exit 1"])),
            ("inconclusive: all states came", sync(&[&first, &second, "! exit 1"])),
            ("inconclusive: see hangs", sync(&["! stopped 30"])),
            (
                "inconclusive: no such table",
                sync(&[&first, &second, "|! a no such table", "|! b no such table"]),
            ),
        ],
    );
    cases(id, [("pass", sync(&[&first, &second])), ("fail: 1 of 2 states", sync(&[&second]))]);
}

/// Two records, one of them with half a character, a state, and a record behind it.
fn with_surrogate(after: &[&str]) -> Launch {
    let half = record_of("a", r#"{"id":2,"text":"\ud800"}"#);
    let lines = [row(1), half, state(1, "a", "{}"), row(3)].map(|line| format!("< {line}\n"));
    write(&(lines.concat() + &script(after)))
}

#[test]
fn half_a_character_loses_no_record() {
    let id = "write-lone-surrogate";
    let back = format!("> {}", state(1, "a", "{}"));
    let [one, two, three] = [("1", "x"), ("2", "?"), ("3", "x")]
        .map(|(id, x)| format!(r#"| a {{"id":{id},"text":"{x}"}}"#));
    with_facts(
        id,
        &read_back_facts(&[]),
        [
            ("pass", with_surrogate(&[&back, &one, &two, &three])),
            ("pass", with_surrogate(&[&one, r#"| a {"id":2.0}"#, &three])),
            ("pass", with_surrogate(&[r#"| a {"id":2,"text":"\uD800"}"#, &one, &three])),
            ("fail: a record is gone, and the sync succeeded", with_surrogate(&[&one, &three])),
            ("fail: a record is gone", with_surrogate(&[&one, &two])),
            // Refused, loudly enough.
            ("pass", with_surrogate(&[ERROR, "! exit 1"])),
            ("pass", with_surrogate(&["2> UnicodeEncodeError", "! exit 1"])),
            ("inconclusive: see failure-exits-zero", with_surrogate(&[ERROR])),
            // What is acknowledged has to be there all the same; what is behind the state has not.
            ("pass", with_surrogate(&[&back, "! exit 1", &one, &two])),
            ("fail: a state behind it came back", with_surrogate(&[&back, "! exit 1", &one])),
            ("fail: no progress", with_surrogate(&["! stuck 30"])),
            ("inconclusive: see hangs", with_surrogate(&[&back, "! stopped 30"])),
            ("inconclusive: read-back of a: broken", with_surrogate(&["|! a broken"])),
        ],
    );
    cases(
        id,
        [
            ("not applicable: give --readback", with_surrogate(&[&back])),
            ("inconclusive: no plain write succeeded", with_surrogate(&["! exit 1"])),
        ],
    );
    with_facts(
        id,
        &read_back_facts(&["failed-data=hidden"]),
        [
            ("inconclusive: hidden", with_surrogate(&[&back, "! exit 1"])),
            ("fail: gone", with_surrogate(&[&one])),
        ],
    );
}

#[test]
fn a_state_of_all_streams_acknowledges_half_a_character_as_well() {
    let half = record_of("a", r#"{"id":2,"text":"\ud800"}"#);
    let global = crate::testing::global(1, &[("a", "{}"), ("b", "{}")]);
    let script = format!("< {half}\n< {global}\n> {global}\n! exit 1\n");
    with_facts(
        "write-lone-surrogate",
        &read_back_facts(&[]),
        [
            ("pass", write(&format!("{script}| a {{\"id\":2}}"))),
            ("fail: a state behind it came back", write(&format!("{script}| a"))),
            ("fail: a state behind it came back", write(&format!("{script}| b {{\"id\":2}}"))),
        ],
    );
}

#[test]
fn a_mode_that_is_not_offered_is_refused() {
    let dedup = serde_json::json!({"streams": [{
        "stream": {"name": "a", "json_schema": {}},
        "destination_sync_mode": "append_dedup",
        "primary_key": [["id"]],
    }]});
    let sync = |end: &str| with_catalog(&dedup, write(&format!("< {}\n{end}", row(1))));
    let facts = Facts { writes_work: true, ..Facts::default() };
    with_facts(
        "undeclared-mode-accepted",
        &facts,
        [
            ("pass", sync(&script(&[ERROR, "! exit 1"]))),
            // That it tells why is another check's matter.
            ("pass", sync("! exit 1")),
            ("fail: the spec does not list append_dedup, and the sync succeeded", sync("")),
            ("inconclusive: did not end by itself", sync("! stopped 30")),
            ("inconclusive", sync("! interrupted")),
        ],
    );
    let spec = launch(Operation::Spec, "! exit 1");
    assert_eq!(judge("undeclared-mode-accepted", spec, &facts), Verdict::Pass);
    // What fails in every mode refuses none.
    cases(
        "undeclared-mode-accepted",
        [("inconclusive: no write with a mode that the spec lists", sync("! exit 1"))],
    );
}

/// A row that was sent into a stream with the columns `id`, `n` (an integer) and `v` (a text), and
/// what was there after it.
fn typed(sent: &str, landed: &str) -> Launch {
    let catalog = serde_json::json!({"streams": [{
        "stream": {"name": "a", "json_schema": {"properties": {
            "id": {"type": "integer"},
            "n": {"type": ["null", "integer"]},
            "v": {"type": ["null", "string"]},
        }}},
        "destination_sync_mode": "append",
    }]});
    with_catalog(&catalog, write(&format!("< {}\n| a {landed}", record_of("a", sent))))
}

#[test]
fn fields_may_be_more_or_fewer_than_declared() {
    let more = r#"{"id":1,"v":"x","u":[1]}"#;
    with_facts(
        "write-extra-field",
        &read_back_facts(&[]),
        [
            ("pass", typed(more, more)),
            ("pass", typed(more, r#"{"id":1,"v":"x"}"#)),
            ("pass", typed(more, r#"{"id":1,"v":"x","u":null}"#)),
            ("fail: with other values", typed(more, r#"{"id":1,"v":"x","u":[2]}"#)),
            ("fail: with other values", typed(more, r#"{"id":1,"u":[1]}"#)),
            ("fail: has not landed", typed(more, "")),
        ],
    );
    let fewer = r#"{"id":1,"v":"x"}"#;
    with_facts(
        "write-missing-field",
        &read_back_facts(&[]),
        [
            ("pass", typed(fewer, fewer)),
            ("pass", typed(fewer, r#"{"id":1,"v":"x","n":null}"#)),
            ("fail: with other values", typed(fewer, r#"{"id":1,"v":"x","n":0}"#)),
            ("fail: has not landed", typed(fewer, "")),
        ],
    );
}

#[test]
fn a_value_of_another_type_is_kept_or_nulled_and_told() {
    let sent = r#"{"id":1,"n":"many","v":"x"}"#;
    let with = |n: &str, meta: &str| typed(sent, &format!(r#"{{"id":1,"n":{n},"v":"x"{meta}}}"#));
    let told = r#","_airbyte_meta":{"changes":[{"field":"n","change":"NULLED"}]}"#;
    with_facts(
        "write-schema-violation-crash",
        &read_back_facts(&[]),
        [
            ("pass", with(r#""many""#, "")),
            ("pass", with("null", told)),
            // No column is printed that could tell.
            ("pass", with("null", "")),
            ("fail: with other values", with("null", r#","_airbyte_meta":{"changes":[]}"#)),
            ("fail: with other values", with("0", told)),
            ("fail: has not landed", typed(sent, "")),
            ("fail: with other values", typed(sent, r#"{"id":1,"n":"many"}"#)),
        ],
    );
    with_facts(
        "write-schema-violation-crash",
        &read_back_facts(&[]),
        [("pass", typed(r#"{"id":1,"v":7}"#, r#"{"id":1,"v":"7"}"#))],
    );
}
