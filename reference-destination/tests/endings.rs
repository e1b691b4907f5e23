//! Bad input, bad configurations, and what is said of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, Run, record, state, stream};
use serde_json::{Value, json};
use std::io::Write;

fn catalog() -> Vec<Value> {
    vec![stream("s", "append", &json!({}))]
}

fn row() -> String {
    record("s", 1, r#"{"id":1}"#)
}

#[test]
fn a_line_that_may_hold_a_record_ends_the_sync() {
    let bad = [
        r#"{"type":"RECORD","record":{"stream":"s","data":{"secret":"canary"#,
        r#"{"type":"RECORD","record":{"stream":"s","emitted_at":1}}"#,
        r#"{"type":"RECORD","record":{"stream":"t","data":{},"emitted_at":1}}"#,
        r#"{"type":"STATE"}"#,
    ];
    for line in bad {
        let bench = Bench::new();
        let lines = [row(), state("s", 1), row(), line.to_owned(), row(), state("s", 2)];
        let run = bench.write(&catalog(), &lines);
        assert_eq!((run.code, run.states().len(), run.stderr.as_str()), (Some(1), 1, ""), "{line}");
        assert_eq!(run.error()["failure_type"], "system_error");
        assert!(!run.lines.concat().contains("canary"));
        assert_eq!(bench.rows("s").len(), 2);
    }
}

#[test]
fn an_unknown_stream_is_named() {
    let run = Bench::new().write(&catalog(), &[record("unheard", 1, "{}")]);
    assert!(run.error()["message"].as_str().unwrap().contains("unheard"));
    assert_eq!(run.error()["stream_descriptor"], json!({"name": "unheard"}));
}

#[test]
fn what_is_no_record_is_passed_over() {
    let noise = [
        "plain text",
        "",
        "  ",
        r#"{"type":"LOG","log":{"level":"INFO"}}"#,
        r#"{"type":"NEW"}"#,
        r#"{"type":"CONTROL"}"#,
        r#"{"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":1.0}}"#,
        r#"{"type":"TRACE","trace":7}"#,
        r#"{"hello":"there"}"#,
    ];
    let bench = Bench::new();
    let lines: Vec<_> =
        noise.iter().flat_map(|noise| [(*noise).to_owned(), row() + "\r"]).collect();
    let run = bench.good(&catalog(), &lines);
    assert_eq!(bench.rows("s").len(), noise.len());
    assert!(!run.lines.concat().contains("plain text"));
}

#[test]
fn the_smallest_inputs_are_enough() {
    Bench::new().good(&catalog(), &[]);
    Bench::new().good(&[], &[]);
    let run = Bench::new().good(&catalog(), &[state("s", 1)]);
    assert_eq!(run.states().len(), 1);
    let bench = Bench::new();
    bench.write_bytes(&catalog(), row().as_bytes());
    assert_eq!(bench.rows("s").len(), 1, "the last line may lack its newline");
}

#[test]
fn input_may_come_in_any_pieces() {
    let bench = Bench::new();
    let mut child = bench.start(&catalog());
    let text = record("s", 1, r#"{"v":"🦀é"}"#) + "\n" + &state("s", 1);
    let mut stdin = child.stdin.take().unwrap();
    for byte in text.as_bytes() {
        stdin.write_all(&[*byte]).unwrap();
        stdin.flush().unwrap();
    }
    drop(stdin);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.states().len()), (Some(0), 1));
    assert_eq!(bench.column("s", "v"), ["🦀é"]);
}

#[test]
fn a_closed_stdout_is_a_failure() {
    let bench = Bench::new();
    let mut child = bench.start(&catalog());
    drop(child.stdout.take());
    let text = format!("{}\n{}\n", row(), state("s", 1)).repeat(1000);
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(1));
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

#[test]
fn a_full_disk_is_told_and_nothing_lost_is_acknowledged() {
    let bench = Bench::new();
    let mut child = bench.start_on_a_full_disk(&catalog());
    let long = format!(r#"{{"v":"{}"}}"#, "x".repeat(2000));
    let lines: Vec<_> =
        (1..=5000).flat_map(|id| [record("s", id, &long), state("s", id)]).collect();
    let _ = child.stdin.take().unwrap().write_all(common::text(&lines).as_bytes());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(1), "{:?}", run.lines);
    assert!(!run.error()["message"].is_null());
    assert!(bench.rows("s").len() >= run.states().len());
    assert!(run.states().len() < 5000);
}

fn status(run: &Run) -> (String, String) {
    let statuses = run.messages("CONNECTION_STATUS");
    assert_eq!((run.code, statuses.len()), (Some(0), 1), "{:?} {}", run.lines, run.stderr);
    let status = &statuses[0]["connectionStatus"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&status["status"]), text(&status["message"]))
}

#[test]
fn check_succeeds_and_leaves_nothing() {
    let bench = Bench::new();
    assert_eq!(status(&bench.run("check")).0, "SUCCEEDED");
    assert_eq!(std::fs::metadata(bench.path("rows.db")).unwrap().len(), 0);
    assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 2);
}

#[test]
fn check_fails_with_a_message_and_no_secret() {
    let bench = Bench::new();
    bench.put("text.db", "this is certainly not a database, and longer than a header");
    for (config, word) in [
        (json!({"path": 1}), "path"),
        (json!({"path": ""}), "path"),
        (json!({"path": "no/such/folder/a.db"}), "folder"),
        (json!({"path": "."}), "folder"),
        (json!({"path": "text.db"}), "not a SQLite database"),
        (json!({"flush": {"batch_records": 0}}), "flush.batch_records"),
        (json!({"durability": {"mode": "some"}}), "durability"),
        (json!({"durability": {}}), "durability"),
        (json!({"passphrase": {"canary": "canary"}}), "passphrase"),
    ] {
        bench.configure(&config);
        let (status, message) = status(&bench.run("check"));
        assert_eq!(status, "FAILED", "{config}");
        assert!(message.contains(word) && !message.contains("canary"), "{config}: {message}");
        let run = bench.write(&catalog(), &[row(), self::state("s", 1)]);
        assert_eq!((run.code, run.states().len()), (Some(1), 0), "{config}");
        assert_eq!(run.error()["failure_type"], "config_error", "{config}");
    }
    bench.put("config.json", "{");
    assert_eq!(status(&bench.run("check")).0, "FAILED");
    std::fs::remove_file(bench.path("config.json")).unwrap();
    let run = bench.run("check");
    assert_eq!((run.code, &run.error()["failure_type"]), (Some(1), &json!("config_error")));
}

#[test]
fn a_database_has_one_passphrase() {
    let bench = Bench::new();
    bench.good(&catalog(), &[row()]);
    for other in [json!({"passphrase": "guess"}), json!({"passphrase": null})] {
        let mut config = json!({"path": bench.path("rows.db"), "passphrase": other["passphrase"]});
        if other["passphrase"].is_null() {
            config.as_object_mut().unwrap().remove("passphrase");
        }
        bench.put("config.json", &config.to_string());
        assert_eq!(status(&bench.run("check")).0, "FAILED");
        let run = bench.write(&catalog(), &[row()]);
        assert_eq!(run.error()["failure_type"], "config_error");
        assert!(!run.lines.concat().contains("guess"));
    }
    let file = std::fs::read(bench.path("rows.db")).unwrap();
    assert!(!file.windows(6).any(|bytes| bytes == b"canary"));
    bench.configure(&json!({}));
    assert_eq!(status(&bench.run("check")).0, "SUCCEEDED");
}

#[test]
fn spec_is_one_message_and_needs_nothing() {
    let run = Bench::new().run("spec");
    assert_eq!((run.code, run.lines.len(), run.messages("SPEC").len()), (Some(0), 1, 1));
}

#[test]
fn an_unknown_fault_is_refused() {
    let run = Bench::faulty("swallow").run("spec");
    assert_eq!((run.code, run.lines.len()), (Some(2), 0));
    assert!(run.stderr.contains("swallow-last-state"));
}
