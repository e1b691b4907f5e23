//! Faults that show in what is acknowledged, and in how a sync ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, Run, record, state, status, stream, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

const GLOBAL: &str =
    r#"{"type":"STATE","state":{"type":"GLOBAL","id":1,"global":{"stream_states":[]}}}"#;

fn catalog() -> Vec<Value> {
    ["s", "t"].map(|name| stream(name, "append", &json!({}))).to_vec()
}

fn refresh(minimum: u64) -> Vec<Value> {
    let ids = json!({"generation_id": 1, "minimum_generation_id": minimum});
    vec![stream("s", "append", &ids)]
}

fn rows(name: &str, count: u64) -> Vec<String> {
    (0..count).map(|id| record(name, 1, &format!(r#"{{"id":{id}}}"#))).collect()
}

/// Sends lines, waits for so many states, and kills.
fn killed(bench: &Bench, lines: &[String], states: usize) -> [usize; 2] {
    let mut child = bench.start(&catalog());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text(lines).as_bytes()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..states {
        skip_to(&mut out, r#""STATE""#);
    }
    end(&mut child);
    drop(stdin);
    ["s", "t"].map(|name| bench.rows(name).len())
}

fn skip_to(out: &mut impl BufRead, what: &str) {
    let mut line = String::new();
    while !line.contains(what) {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0);
    }
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// In a whole sync nothing is lost, and each state comes back.
fn whole(fault: &'static str, lines: &[String]) {
    let [good, bad] = ["", fault].map(|fault| {
        let bench = Bench::faulty(fault);
        let run = bench.good(&catalog(), lines);
        let mut states: Vec<_> = run.states().into_iter().map(str::to_owned).collect();
        states.sort();
        (states, ["s", "t"].map(|name| bench.rows(name).len()))
    });
    assert_eq!(good, bad, "{fault}");
}

#[test]
fn a_state_is_acknowledged_before_its_records_are_durable() {
    let lines = [rows("s", 2), vec![state("s", 1)]].concat();
    whole("acknowledge-on-receipt", &lines);
    assert_eq!(killed(&Bench::new(), &lines, 1), [2, 0]);
    assert_eq!(killed(&Bench::faulty("acknowledge-on-receipt"), &lines, 1), [0, 0]);
}

#[test]
fn a_full_buffer_acknowledges_for_all() {
    let lines = [rows("s", 2), vec![state("s", 1)], rows("t", 1001), vec![state("t", 2)]].concat();
    whole("flush-one-acknowledge-all", &lines);
    assert_eq!(killed(&Bench::new(), &lines, 2), [2, 1001]);
    assert_eq!(killed(&Bench::faulty("flush-one-acknowledge-all"), &lines, 1), [0, 1000]);
}

#[test]
fn a_global_state_stores_one_stream() {
    let global = [rows("s", 2), rows("t", 3), vec![GLOBAL.to_owned()]].concat();
    whole("global-flushes-latest", &global);
    assert_eq!(killed(&Bench::new(), &global, 1), [2, 3]);
    assert_eq!(killed(&Bench::faulty("global-flushes-latest"), &global, 1), [0, 3]);
    let of_stream = [rows("s", 2), rows("t", 3), vec![state("s", 1)]].concat();
    whole("global-flushes-latest", &of_stream);
    assert_eq!(killed(&Bench::faulty("global-flushes-latest"), &of_stream, 1), [2, 3]);
}

#[test]
fn a_failed_sync_acknowledges_what_is_lost() {
    let lines = [rows("s", 2), vec![state("s", 1), "{".to_owned()]].concat();
    whole("finally-acknowledge", &lines[..3]);
    let failed = |fault| {
        let bench = Bench::faulty(fault);
        let run = bench.write(&catalog(), &lines);
        assert_eq!((run.code, run.error().is_null()), (Some(1), false));
        (run.states().len(), bench.rows("s").len())
    };
    assert_eq!(failed(""), (1, 2));
    assert_eq!(failed("finally-acknowledge"), (1, 0));
}

#[test]
fn statuses_are_misread() {
    let code = |fault, minimum, statuses: &[&str]| {
        let bench = Bench::faulty(fault);
        let statuses = statuses.iter().map(|word| status("s", word));
        bench.write(&refresh(minimum), &statuses.collect::<Vec<_>>()).code
    };
    for (fault, told, silent, incomplete) in [
        ("", 0, 1, 1),
        ("ignore-complete", 1, 1, 1),
        ("eof-is-complete", 0, 0, 1),
        ("incomplete-is-complete", 0, 1, 0),
    ] {
        assert_eq!(code(fault, 1, &["STARTED", "COMPLETE"]), Some(told), "{fault}");
        assert_eq!(code(fault, 1, &["STARTED"]), Some(silent), "{fault}");
        assert_eq!(code(fault, 1, &["STARTED", "INCOMPLETE"]), Some(incomplete), "{fault}");
    }
    assert_eq!(code("ignore-complete", 0, &["COMPLETE"]), Some(0));
}

/// Starts a sync, and waits until it is ready.
fn ready(bench: &Bench, streams: &[Value]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = bench.start(streams);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    skip_to(&mut out, "ready to write");
    (child, out)
}

#[test]
fn a_request_to_end_is_ignored() {
    for (fault, survives) in [("", false), ("ignore-sigterm", true)] {
        let (mut child, _out) = ready(&Bench::faulty(fault), &catalog());
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        if survives {
            thread::sleep(Duration::from_millis(100));
            assert!(child.try_wait().unwrap().is_none());
            drop(child.stdin.take());
            assert!(child.wait().unwrap().success());
        } else {
            assert!(!child.wait().unwrap().success());
        }
    }
}

#[test]
fn a_marker_outlives_a_kill() {
    let bench = Bench::faulty("marker-of-running");
    bench.good(&catalog(), &rows("s", 1));
    assert_eq!(bench.write(&catalog(), &["{".to_owned()]).code, Some(1));
    let (mut child, _out) = ready(&bench, &catalog()[..1]);
    let run = bench.good(&catalog()[1..], &rows("t", 1));
    assert!(run.error().is_null());
    end(&mut child);
    let run = bench.write(&catalog(), &rows("s", 1));
    assert!(run.error()["message"].as_str().unwrap().contains("running"));
    assert_eq!(run.code, Some(1));
    bench.good(&catalog()[1..], &rows("t", 1));
}

#[test]
fn a_closed_stdout_is_no_failure() {
    let bench = Bench::faulty("ignore-broken-pipe");
    let mut child = bench.start(&catalog());
    drop(child.stdout.take());
    let lines = [rows("s", 2), vec![state("s", 1)]].concat();
    child.stdin.take().unwrap().write_all(text(&lines).as_bytes()).unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(bench.rows("s").len(), 2);
}

#[test]
fn the_process_lingers_when_stdout_is_closed() {
    let bench = Bench::faulty("linger-after-close");
    bench.put("catalog.json", &json!({"streams": catalog()}).to_string());
    let mut command = bench.command("write");
    command.args(["--catalog", "catalog.json"]).env("LINGER_MS", "1000");
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    skip_to(&mut out, "wrote 0 records");
    let mut line = String::new();
    assert_eq!(out.read_line(&mut line).unwrap(), 0);
    let closed = Instant::now();
    assert!(child.try_wait().unwrap().is_none());
    assert!(child.wait().unwrap().success());
    assert!(closed.elapsed() > Duration::from_millis(500));
}

#[test]
fn a_lock_is_on_the_whole_database() {
    let (first, second) = (catalog()[..1].to_vec(), catalog()[1..].to_vec());
    for (fault, code) in [("", Some(0)), ("lock-for-whole-sync", Some(1))] {
        let bench = Bench::faulty(fault);
        let (mut child, _out) = ready(&bench, &first);
        let run = bench.write(&second, &rows("t", 1));
        assert_eq!((run.code, run.error().is_null()), (code, fault.is_empty()), "{fault}");
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        bench.good(&second, &rows("t", 1));
    }
}

#[test]
fn errors_of_the_database_are_warnings() {
    let bench = Bench::faulty("ignore-commit-errors");
    let mut child = bench.start_on_a_full_disk(&catalog());
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        let long = format!(r#"{{"v":"{}"}}"#, "x".repeat(2000));
        for id in 1..=1000 {
            let lines = [record("s", id, &long), state("s", id)];
            stdin.write_all(text(&lines).as_bytes()).unwrap();
        }
    });
    let run = Run::from(child.wait_with_output().unwrap());
    writer.join().unwrap();
    assert_eq!((run.code, run.states().len()), (Some(0), 1000), "{:?}", run.lines.last());
    assert!(run.error().is_null() && run.lines.concat().contains("WARN"));
    assert!(bench.rows("s").len() < 1000);
}
