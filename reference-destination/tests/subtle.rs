//! Each subtle fault shows where it is meant to, and in no small and plain sync.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, dedup, record, state, status, stream};
use reference_destination::faults::{Fault, Kind};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};

fn append(name: &str) -> Value {
    stream(name, "append", &json!({}))
}

/// Writes the records of one stream `s`, and yields its rows without their metadata.
fn rows_of(fault: &'static str, catalog: &Value, syncs: &[&[&str]]) -> Vec<Value> {
    let bench = Bench::faulty(fault);
    for data in syncs {
        let records: Vec<_> = data.iter().map(|data| record("s", 1000, data)).collect();
        bench.good(std::slice::from_ref(catalog), &records);
    }
    values(&bench, "s")
}

fn values(bench: &Bench, name: &str) -> Vec<Value> {
    let rows = bench.rows(name).into_iter().map(|mut row| {
        row.as_object_mut().unwrap().retain(|key, _| !key.starts_with("_airbyte_"));
        row
    });
    rows.collect()
}

/// The one row of an append.
fn row_of(fault: &'static str, data: &str) -> Value {
    rows_of(fault, &append("s"), &[&[data]]).pop().unwrap()
}

fn counted(stream: &str, ids: std::ops::Range<u64>) -> Vec<String> {
    ids.map(|id| record(stream, 1000, &format!(r#"{{"id":{id}}}"#))).collect()
}

#[test]
fn a_small_and_plain_sync_is_as_ever() {
    let names = ["appended", "replaced", "keyed"];
    let catalog = [append(names[0]), stream(names[1], "overwrite", &json!({})), dedup(names[2])];
    let row = |stream: &str, id: u64, c: u64| {
        let data = format!(r#"{{"id":{id},"c":{c},"v":"a b","n":1.5,"l":[1],"t":true}}"#);
        record(stream, 1000 * c, &data)
    };
    let see = |fault: Option<&'static str>| {
        let mut bench = Bench::new();
        bench.set_fault(fault);
        let mut states = Vec::new();
        for sync in [1, 2] {
            let mut lines = Vec::new();
            for name in names {
                lines.extend([row(name, 1, sync), row(name, 1 + sync, sync), state(name, sync)]);
            }
            let run = bench.good(&catalog, &lines);
            states.extend(run.states().into_iter().map(str::to_owned));
        }
        let rows = names.map(|name| {
            let mut rows = bench.rows(name);
            for row in &mut rows {
                row["_airbyte_raw_id"] = Value::Null;
            }
            rows
        });
        (states, rows)
    };
    let good = see(None);
    let subtle: Vec<_> = Fault::ALL.iter().filter(|f| f.kind() == Kind::Subtle).collect();
    assert!(subtle.len() >= 24);
    for fault in subtle {
        assert_eq!(see(Some(fault.name())), good, "{}", fault.name());
    }
}

#[test]
fn each_thousandth_record_is_lost() {
    let bench = Bench::faulty("lose-every-1000th");
    bench.good(&[append("s")], &counted("s", 1..2002));
    let ids = bench.column("s", "id");
    let lost: Vec<_> = (1..2002).filter(|id| !ids.contains(&json!(id))).collect();
    assert_eq!(lost, [1000, 2000]);
}

#[test]
fn the_last_batch_of_streams_beyond_the_twentieth_is_forgotten() {
    let bench = Bench::faulty("twentieth-stream-unflushed");
    let names: Vec<_> = (0..22).map(|number| format!("s{number}")).collect();
    let catalog: Vec<_> = names.iter().map(|name| append(name)).collect();
    let mut lines: Vec<_> = names.iter().flat_map(|name| counted(name, 0..250)).collect();
    lines.extend(names.iter().map(|name| state(name, 1)));
    bench.good(&catalog, &lines);
    let counts: Vec<_> = ["s0", "s19", "s20", "s21"].map(|name| bench.rows(name).len()).into();
    assert_eq!(counts, [250, 250, 200, 200]);
}

#[test]
fn the_buffer_of_an_idle_stream_is_dropped() {
    let run = |others: u64, lines: &[String]| {
        let bench = Bench::faulty("idle-stream-evicted");
        let all = [counted("idle", 0..3), lines.to_vec(), counted("busy", 0..others)].concat();
        bench.good(&[append("idle"), append("busy")], &[all, counted("idle", 3..4)].concat());
        assert_eq!(bench.rows("busy").len() as u64, others);
        bench.rows("idle").len()
    };
    assert_eq!(run(999, &[]), 4);
    assert_eq!(run(1000, &[]), 1);
    assert_eq!(run(1000, &[state("idle", 1)]), 4);
}

/// Writes lines that end in a state, kills the sync when it comes back, and counts the rows.
fn rows_after_a_kill(fault: &'static str, lines: &[String]) -> usize {
    let bench = Bench::faulty(fault);
    let mut child = bench.start(&[append("s")]);
    child.stdin.as_mut().unwrap().write_all(common::text(lines).as_bytes()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(r#""STATE""#) {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    bench.rows("s").len()
}

#[test]
fn a_state_does_not_wait_for_a_big_record_before_it() {
    let big = record("s", 1000, &format!(r#"{{"id":1,"v":"{}"}}"#, "x".repeat(1 << 20)));
    let small = || counted("s", 0..1).remove(0);
    let fault = "big-line-last";
    assert_eq!(rows_after_a_kill(fault, &[small(), big.clone(), state("s", 1)]), 1);
    assert_eq!(rows_after_a_kill(fault, &[big.clone(), small(), state("s", 1)]), 2);
    let bench = Bench::faulty(fault);
    bench.good(&[append("s")], &[small(), big, state("s", 1)]);
    assert_eq!(bench.rows("s").len(), 2);
}

#[test]
fn acknowledged_rows_of_a_broken_sync_are_removed() {
    let bench = Bench::faulty("restart-cleans-up");
    bench.good(&[append("s")], &counted("s", 0..2));
    let broken = [counted("s", 2..4), vec![state("s", 1), r#"{"broken"#.to_owned()]].concat();
    let run = bench.write(&[append("s")], &broken);
    assert_eq!((run.code, run.states().len(), bench.rows("s").len()), (Some(1), 1, 4));
    bench.good(&[append("s")], &counted("s", 4..5));
    bench.good(&[append("s")], &[]);
    assert_eq!(bench.column("s", "id"), [0, 1, 4]);
}

#[test]
fn an_older_version_wins_in_a_later_sync_only() {
    let [new, old] = [r#"{"id":1,"c":5}"#, r#"{"id":1,"c":4}"#];
    let winner = |syncs: &[&[&str]]| rows_of("late-older-wins", &dedup("s"), syncs)[0]["c"].clone();
    assert_eq!(winner(&[&[new, old]]), 5);
    assert_eq!(winner(&[&[new], &[old]]), 4);
    assert_eq!(winner(&[&[old, new], &[old, new]]), 5);
}

#[test]
fn a_null_cursor_wins() {
    let data = [r#"{"id":1,"c":null,"v":0}"#, r#"{"id":1,"c":5,"v":1}"#, r#"{"id":2,"c":1}"#];
    let rows = rows_of("null-cursor-wins", &dedup("s"), &[&data]);
    assert_eq!((rows.len(), &rows[0]["v"]), (2, &json!(0)));
}

#[test]
fn a_deletion_reaches_its_own_sync_only() {
    let row = |id: u64, c: u64| format!(r#"{{"id":{id},"c":{c}}}"#);
    let gone = |id: u64, c: u64| format!(r#"{{"id":{id},"c":{c},"_ab_cdc_deleted_at":"t"}}"#);
    let second = [gone(1, 2), row(2, 2), gone(2, 3)];
    let second: Vec<_> = second.iter().map(String::as_str).collect();
    let rows = rows_of("delete-same-sync-only", &dedup("s"), &[&[&row(1, 1)], &second]);
    assert_eq!(rows, [json!({"id": 1, "c": 1})]);
}

#[test]
fn keys_are_taken_for_equal_that_are_not() {
    let keyed = |key: Value| stream("s", "append_dedup", &json!({"primary_key": key}));
    let count = |fault, key, data: &[&str]| rows_of(fault, &keyed(key), &[data]).len();
    let nested = [r#"{"a":1,"b":{"c":1}}"#, r#"{"a":1,"b":{"c":2}}"#, r#"{"a":2}"#];
    assert_eq!(count("nested-key-ignored", json!([["a"], ["b", "c"]]), &nested), 2);
    assert_eq!(count("nested-key-ignored", json!([["b", "c"]]), &nested), 3);
    let texts =
        [r#"{"a":"x"}"#, r#"{"a":"X"}"#, r#"{"a":"x "}"#, r#"{"a":"\u00c9"}"#, r#"{"a":"é"}"#];
    assert_eq!(count("key-case-folded", json!([["a"]]), &texts), 3);
    assert_eq!(count("key-trimmed", json!([["a"]]), &texts), 4);
}

#[test]
fn the_tenth_generation_is_below_the_ninth() {
    let run = |old: u64, new: u64| {
        let bench = Bench::faulty("generations-as-text");
        for (generation, minimum) in [(old, 0), (new, new)] {
            let ids = json!({"generation_id": generation, "minimum_generation_id": minimum});
            let lines = [counted("s", 0..1), vec![status("s", "COMPLETE")]].concat();
            bench.good(&[stream("s", "append", &ids)], &lines);
        }
        bench.rows("s").len()
    };
    assert_eq!((run(8, 9), run(10, 11), run(9, 10)), (1, 1, 2));
}

#[test]
fn values_are_altered() {
    let row = row_of("alter-beyond-2-53", r#"{"n":[9007199254740993],"m":9007199254740991}"#);
    assert_eq!(row, json!({"n": [9_007_199_254_740_992_u64], "m": 9_007_199_254_740_991_u64}));
    assert_eq!(row_of("float-32", r#"{"n":1234567.891}"#), json!({"n": 1_234_567.9}));
    assert_eq!(row_of("empty-text-is-null", r#"{"v":""}"#)["v"], Value::Null);
    for falsy in ["0", "false"] {
        assert_eq!(row_of("falsy-is-null", &format!(r#"{{"v":{falsy}}}"#))["v"], Value::Null);
    }
    assert_eq!(row_of("line-ends-normalised", r#"{"v":"a\r\nb"}"#), json!({"v": "a\nb"}));
    let time = row_of("offset-dropped", r#"{"v":"2024-02-29T12:00:00+02:00"}"#);
    assert_eq!(time, json!({"v": "2024-02-29T12:00:00Z"}));
    assert_eq!(row_of("array-nulls-dropped", r#"{"v":[1,null]}"#), json!({"v": [1]}));
    assert_eq!(row_of("composed", "{\"v\":\"e\u{301}\"}"), json!({"v": "\u{e9}"}));
    let fields: Vec<_> = (0..101).map(|field| format!(r#""f{field}":1"#)).collect();
    let row = row_of("columns-over-100", &format!("{{{}}}", fields.join(",")));
    assert_eq!((row.as_object().unwrap().len(), &row["f100"]), (100, &Value::Null));
}

#[test]
fn long_text_is_cut_between_two_characters() {
    let length = |text: &str| {
        let row = row_of("cut-over-64k", &json!({"v": text}).to_string());
        row["v"].as_str().unwrap().len()
    };
    assert_eq!(length(&"x".repeat(65_535)), 65_535);
    assert_eq!(length(&"x".repeat(70_000)), 65_535);
    assert_eq!(length(&"é".repeat(40_000)), 65_534);
}

#[test]
fn a_character_that_lies_across_two_reads_is_replaced() {
    let bench = Bench::faulty("split-character");
    let line = record("s", 1000, r#"{"v":"🦀"}"#);
    let crab = line.find('🦀').unwrap();
    // The first line ends so that the crab of the second begins two bytes before the end of a read.
    let filled = record("s", 1000, r#"{"v":""}"#).len() + 1;
    let padding = "x".repeat((64 << 10) - 2 - crab - filled);
    let lines = [record("s", 1000, &json!({"v": padding}).to_string()), line.clone(), line];
    bench.good(&[append("s")], &lines);
    assert_eq!(bench.column("s", "v")[1..], ["\u{fffd}\u{fffd}", "🦀"]);
}

#[test]
fn the_time_of_extraction_loses_its_milliseconds() {
    let bench = Bench::faulty("seconds-only");
    bench.good(&[append("s")], &[record("s", 1_700_000_000_123, "{}")]);
    assert_eq!(bench.column("s", "_airbyte_extracted_at"), [1_700_000_000_000_u64]);
}

#[test]
fn fields_in_another_order_are_stored_by_position() {
    let data = [r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, r#"{"b":2,"c":1}"#];
    let rows = rows_of("undeclared-order", &append("s"), &[&data]);
    assert_eq!(rows, [json!({"a":1,"b":2}), json!({"a":2,"b":1}), json!({"b":2,"c":1})]);
}

#[test]
fn of_three_states_that_wait_the_last_is_sent() {
    let bench = Bench::faulty("coalesce-states");
    let mut lines = vec![state("t", 9), state("t", 10)];
    for id in 0..3 {
        lines.extend([counted("s", id..id + 1).remove(0), state("s", id)]);
    }
    let run = bench.good(&[append("s"), append("t")], &lines);
    let states = run.states();
    assert_eq!(states.len(), 3);
    assert!(states[2].contains(r#""id":2"#) && states[2].contains(r#""recordCount":3.0"#));
}

#[test]
fn one_counter_serves_all_streams() {
    let counts = |lines: &[String]| {
        let run = Bench::faulty("shared-count").good(&[append("a"), append("b")], lines);
        let count = |line: &&str| line.rsplit(':').next().map(|end| end[..3].to_owned());
        run.states().iter().filter_map(count).collect::<Vec<_>>()
    };
    let [a, b] = ["a", "b"].map(|name| counted(name, 0..2));
    let [after_a, after_b] = ["a", "b"].map(|name| vec![state(name, 1)]);
    let apart = [&a[..], &after_a, &b, &after_b].concat();
    assert_eq!(counts(&apart), ["2.0", "2.0"]);
    assert_eq!(counts(&[a, b, after_a, after_b].concat()), ["4.0", "0.0"]);
}

#[test]
fn a_state_comes_back_with_the_namespace_of_the_first_stream_of_its_name() {
    let mut streams = [append("s"), append("s"), append("t")];
    let namespaces = ["one", "two", "two"];
    for (stream, namespace) in streams.iter_mut().zip(namespaces) {
        stream["stream"]["namespace"] = json!(namespace);
    }
    let state = |name: &str, namespace: &str| {
        state(name, 1).replace(
            &format!(r#"{{"name":"{name}"}}"#),
            &json!({"name": name, "namespace": namespace}).to_string(),
        )
    };
    let lines = [state("s", "one"), state("s", "two"), state("t", "two")];
    let run = Bench::faulty("state-namespace-of-first").good(&streams, &lines);
    let of = |state: &Value| state["state"]["stream"]["stream_descriptor"]["namespace"].clone();
    let namespaces: Vec<_> = run.messages("STATE").iter().map(of).collect();
    assert_eq!(namespaces, ["one", "one", "two"]);
}
