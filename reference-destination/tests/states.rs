//! States: when they come back, in what order and how they are spelt.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, record, state, stream};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};

fn append(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| stream(name, "append", &json!({}))).collect()
}

fn row(stream: &str) -> String {
    record(stream, 1, r#"{"id":1}"#)
}

fn count(line: &str) -> String {
    let start = line.find(r#""recordCount":"#).unwrap() + 14;
    line[start..].trim_end_matches('}').to_owned()
}

#[test]
fn each_state_counts_the_records_of_its_scope() {
    let global = r#"{"type":"STATE","state":{"type":"GLOBAL","id":9,"global":{"stream_states":[{"stream_descriptor":{"name":"foreign"}}]}}}"#;
    let legacy = r#"{"type":"STATE","state":{"data":{"x":1}}}"#;
    let lines = [
        state("a", 1),
        row("a"),
        row("b"),
        row("a"),
        state("a", 2),
        row("b"),
        state("b", 3),
        state("b", 4),
        state("elsewhere", 5),
        global.to_owned(),
        row("a"),
        legacy.to_owned(),
        global.to_owned(),
        state("a", 6),
    ];
    let bench = Bench::new();
    let run = bench.good(&append(&["a", "b"]), &lines);
    let counts: Vec<_> = run.states().iter().map(|line| count(line)).collect();
    let expected = ["0.0", "2.0", "2.0", "0.0", "0.0", "4.0", "5.0", "1.0", "1.0"];
    assert_eq!(counts, expected);
}

#[test]
fn a_state_comes_back_as_it_was_written() {
    let states = [
        r#"{"type":"STREAM","id":7,"stream":{"stream_descriptor":{"name":"a","namespace":null,"x":1},"stream_state":{"n":1.0,"m":1e3,"k":18446744073709551617}},"sourceStats":{"recordCount":2.0},"new":[{}]}"#,
        r#"{"type":"STREAM","stream":{"stream_descriptor":{"namespace":"","name":"a"},"stream_state":null}}"#,
        r#"{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"}}}"#,
        r#"{"type":"GLOBAL","global":{"shared_state":{"\u0061":"\ud800"},"stream_states":[]}}"#,
        r#"{"type":"LEGACY","data":{}}"#,
        r#"{"data": {"a" : 1}}"#,
    ];
    let lines: Vec<_> =
        states.iter().map(|state| format!(r#"{{"state":{state},"type":"STATE"}}"#)).collect();
    let run = Bench::new().good(&append(&["a"]), &lines);
    let expected: Vec<_> = states
        .iter()
        .map(|state| {
            let open = state.strip_suffix('}').unwrap();
            format!(
                r#"{{"type":"STATE","state":{open},"destinationStats":{{"recordCount":0.0}}}}}}"#
            )
        })
        .collect();
    assert_eq!(run.states(), expected);
}

#[test]
fn a_long_record_and_a_long_state_pass() {
    let bench = Bench::new();
    let long = "x".repeat(20 << 20);
    let lines = [
        record("a", 1, &format!(r#"{{"v":"{long}"}}"#)),
        state("a", 1).replace(r#""cursor":1"#, &format!(r#""cursor":"{long}""#)),
    ];
    let run = bench.good(&append(&["a"]), &lines);
    assert!(run.states()[0].len() > 20 << 20);
    assert_eq!(bench.column("a", "v")[0].as_str().map(str::len), Some(20 << 20));
}

/// Sends lines and waits for the state that they end in, while the input stays open.
fn send_and_wait(child: &mut std::process::Child, lines: &[String]) -> String {
    let text = common::text(lines);
    child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    loop {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "no state came");
        if line.contains(r#""STATE""#) {
            child.stdout = Some(out.into_inner());
            return line;
        }
    }
}

#[test]
fn what_a_state_covers_survives_a_kill() {
    let bench = Bench::new();
    let mut child = bench.start(&append(&["a", "b"]));
    send_and_wait(&mut child, &[row("a"), row("b"), row("a"), state("a", 1)]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((bench.rows("a").len(), bench.rows("b").len()), (2, 1));
    bench.good(&append(&["a", "b"]), &[row("a"), state("a", 2)]);
    assert_eq!(bench.rows("a").len(), 3);
}

#[test]
fn an_idle_sync_keeps_nobody_from_writing() {
    let bench = Bench::new();
    let mut child = bench.start(&append(&["a"]));
    send_and_wait(&mut child, &[row("a"), state("a", 1)]);
    child.stdin.as_mut().unwrap().write_all((row("a") + "\n").as_bytes()).unwrap();
    bench.good(&append(&["b"]), &[row("b")]);
    let run = common::Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0));
    assert_eq!((bench.rows("a").len(), bench.rows("b").len()), (2, 1));
}

#[test]
fn syncs_may_run_at_the_same_time() {
    let bench = Bench::new();
    let many = |name: &str| {
        (0..3000).map(|id| record(name, 1, &format!(r#"{{"id":{id}}}"#))).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let other = Bench::new();
            other.configure(
                &json!({"path": bench.path("rows.db"), "flush": {"batch_records": 100}}),
            );
            scope.spawn(move || other.good(&append(&[name]), &many(name)));
        }
    });
    for name in ["a", "b", "c"] {
        assert_eq!(bench.rows(name).len(), 3000);
    }
}
