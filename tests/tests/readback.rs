//! `--readback-once`: one call that reads back all streams of a sync. What is wrong with it is
//! said once, and is nothing that the destination has done.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

#[path = "../bench/bench.rs"]
mod bench;

use std::fs;

use bench::{Bench, Ended, REFERENCE, assert_none};
use serde_json::Value;

/// Runs two scenarios of two syncs each over the reference destination.
fn run(bench: &Bench, readback: &str) -> Ended {
    let command = format!("'{REFERENCE}'");
    bench.run(&[
        "--command",
        &command,
        "--readback-once",
        readback,
        "--run",
        "append-twice",
        "--run",
        "overwrite-twice",
        "--timeout",
        "1",
        "--report-json",
        "report.json",
    ])
}

/// The outcomes of a check over all its rows.
fn outcomes<'a>(report: &'a Value, check: &str) -> Vec<&'a str> {
    let rows = report["results"].as_array().unwrap().iter();
    rows.filter(|row| row["check"] == check).filter_map(|row| row["outcome"].as_str()).collect()
}

#[test]
fn all_streams_of_a_sync_are_read_in_one_call() {
    let bench = Bench::new();
    bench.file("read.sh", &format!("cat \"$4\" >>asked; exec '{REFERENCE}' read \"$@\""));
    run(&bench, "sh read.sh").says(0, &["conformant"]);
    for check in ["data-lost", "append-replaced-data", "overwrite-kept-data"] {
        assert!(outcomes(&bench.report(), check).contains(&"passed"), "{check}");
    }
    let asked = fs::read_to_string(bench.path("asked")).unwrap();
    let asked: Vec<Value> = asked.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let name = |stream: &Value| stream["stream"].as_str().unwrap().to_owned();
    // Both scenarios travel together, so that each call asks for streams of both.
    let first = name(&asked[0]);
    assert_eq!(asked.iter().filter(|stream| name(stream) == first).count(), 2);
    assert!(asked[1..asked.len() / 2].iter().any(|stream| name(stream) != first), "{asked:?}");
}

#[test]
fn one_that_does_not_work_is_no_verdict() {
    let bench = Bench::new();
    for (script, what) in [
        (
            r#"echo '{"stream":"other","namespace":null,"data":{}}'"#,
            &["line 1 of its output is of a stream that was not asked for: {\"stream\":\"other\""]
                [..],
        ),
        ("echo hello", &["line 1 of its output is no {\"stream\": NAME", ": hello"]),
        ("echo no such table >&2; exit 3", &["no such table", "exit code 3"]),
        ("sleep 86441 & wait", &["printed nothing for 1 s"]),
    ] {
        bench.file("read.sh", script);
        let ended = run(&bench, "sh read.sh");
        ended.says(2, &["The read-back does not work:"]).says(2, what);
        let report = bench.report();
        assert_eq!(report["summary"]["failed"].as_u64().unwrap_or(0), 0, "{script}");
        // What needs no rows is judged all the same.
        assert!(outcomes(&report, "state-lost").contains(&"passed"), "{script}");
        assert!(!outcomes(&report, "data-lost").contains(&"passed"), "{script}");
        assert_none("cmdline", |line| line.starts_with(b"sleep\x0086441"));
    }
}

#[test]
fn there_is_one_way_to_read_back() {
    let bench = Bench::new();
    let both = ["--command", "true", "--readback", "a", "--readback-once", "b"];
    bench.run(&both).complains(2, &["--readback-once", "cannot be used with"]);
    let broken = ["--command", "true", "--readback-once", "\"x"];
    bench.run(&broken).complains(2, &["--readback-once", "quote"]);
}
