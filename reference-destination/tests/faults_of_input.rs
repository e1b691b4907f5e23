//! Faults that show in what is sent: catalogs, lines and values.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, Run, record, state, stream};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;
use std::thread;
use std::time::Duration;

fn catalog() -> [Value; 1] {
    typed(&json!({"id": {"type": ["null", "integer"]}}))
}

fn typed(properties: &Value) -> [Value; 1] {
    let described = json!({"name": "s", "json_schema": {"properties": properties}});
    [stream("s", "append", &json!({"stream": described}))]
}

fn row(id: u64) -> String {
    record("s", 1, &format!(r#"{{"id":{id}}}"#))
}

/// What a fault makes of an input, and that nothing is wrong with it otherwise.
fn both(fault: &'static str, catalog: &[Value], lines: &[String]) -> (Run, Bench) {
    Bench::new().good(catalog, lines);
    let bench = Bench::faulty(fault);
    let run = bench.write(catalog, lines);
    (run, bench)
}

/// Whether the sync fails and says so.
fn refuses(fault: &'static str, catalog: &[Value], lines: &[String]) -> bool {
    let (run, _) = both(fault, catalog, lines);
    assert_eq!(run.code == Some(0), run.error().is_null(), "{:?}", run.lines);
    run.code == Some(1)
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_catalog_without_streams_crashes() {
    let (run, bench) = both("needs-a-stream", &[], &[]);
    assert_eq!((run.code, run.error()), (Some(101), Value::Null));
    bench.good(&catalog(), &[]);
}

#[test]
fn a_record_of_an_unknown_stream_is_dropped_without_a_word() {
    let bench = Bench::faulty("drop-unknown-streams");
    let quiet = bench.good(&catalog(), &[row(1), state("s", 1)]).lines;
    let lines = [record("t", 1, "{}"), row(1), state("s", 1)];
    assert_eq!(bench.good(&catalog(), &lines).lines, quiet);
    assert_eq!(Bench::new().write(&catalog(), &lines).code, Some(1));
}

#[test]
fn undeclared_fields_are_refused() {
    let lines = [record("s", 1, r#"{"id":1,"new":2}"#)];
    assert!(refuses("refuse-extra-fields", &catalog(), &lines));
    let cdc = [record("s", 1, r#"{"id":1,"_ab_cdc_lsn":2}"#)];
    assert!(!refuses("refuse-extra-fields", &catalog(), &cdc));
    let mut open = catalog();
    open[0]["stream"]["json_schema"] = json!({"type": "object"});
    assert!(!refuses("refuse-extra-fields", &open, &lines));
}

#[test]
fn missing_fields_are_refused_where_null_is_not_declared() {
    let declared =
        typed(&json!({"id": {"type": "integer"}, "v": {"type": ["null", "string"]}, "w": {}}));
    assert!(!refuses("refuse-missing-fields", &declared, &[row(1)]));
    assert!(refuses("refuse-missing-fields", &declared, &[record("s", 1, r#"{"v":"x"}"#)]));
    let deletion = record("s", 1, r#"{"_ab_cdc_deleted_at":"2024-01-01"}"#);
    assert!(!refuses("refuse-missing-fields", &declared, &[deletion]));
}

#[test]
fn a_value_that_is_no_number_crashes() {
    let declared = typed(&json!({
        "id": {"type": "integer"}, "n": {"type": ["null", "number"]},
        "u": {"type": ["string", "number"]}, "s": {"type": "string"},
    }));
    let code = |data: &str| both("wrong-type-crashes", &declared, &[record("s", 1, data)]).0.code;
    assert_eq!(code(r#"{"id":"x"}"#), Some(1));
    assert_eq!(code(r#"{"id":1,"n":{}}"#), Some(1));
    assert_eq!(code(r#"{"id":"7","n":"1e5","u":"x","s":7,"new":{}}"#), Some(0));
    assert_eq!(code(r#"{"id":[1],"n":null}"#), Some(0));
    let (run, _) = both("wrong-type-crashes", &declared, &[record("s", 1, r#"{"id":"x"}"#)]);
    let told = run.error()["internal_message"].as_str().unwrap_or_default().to_owned();
    assert!(told.contains("ValueError"), "{told}");
}

#[test]
fn garbage_ends_the_input_in_silence() {
    for garbage in ["plain text", r#"{"type":"RECORD","record":{"#] {
        let bench = Bench::faulty("garbage-ends-input");
        let lines = [row(1), state("s", 1), garbage.to_owned(), row(2), state("s", 2)];
        let run = bench.good(&catalog(), &lines);
        assert_eq!((bench.column("s", "id"), run.states().len()), (vec![json!(1)], 1));
        assert!(!run.lines.concat().contains("WARN"));
    }
    let bench = Bench::faulty("garbage-ends-input");
    bench.good(&catalog(), &[r#"{"type":"NEW"}"#, r#"{"a":1}"#, "", &row(1)].map(str::to_owned));
    assert_eq!(bench.column("s", "id"), [1]);
}

#[test]
fn unknown_types_are_refused() {
    let known = [r#"{"type":"LOG","log":{}}"#, r#"{"type":"CONTROL"}"#].map(str::to_owned);
    assert!(!refuses("refuse-unknown-types", &catalog(), &known));
    assert!(refuses("refuse-unknown-types", &catalog(), &[r#"{"type":"NEW"}"#.to_owned()]));
}

#[test]
fn integers_with_an_exponent_are_refused() {
    let trace = |time: &str| {
        format!(r#"{{"type":"TRACE","trace":{{"type":"ESTIMATE","emitted_at":{time}}}}}"#)
    };
    let counted = |count: &str| {
        state("s", 1).replace(
            r#""id":1"#,
            &format!(r#""id":1,"sourceStats":{{"recordCount":{count}}},"new":1E2"#),
        )
    };
    for line in [trace("1.7672256E12"), counted("5E0")] {
        assert!(refuses("strict-integers", &catalog(), &[line]));
    }
    for line in [trace("1767225600000.0"), counted("5.0"), record("s", 1, r#"{"id":1e2}"#)] {
        assert!(!refuses("strict-integers", &catalog(), &[line]));
    }
}

#[test]
fn data_is_decoded_in_the_locale() {
    for (locale, value) in [("C", "???"), ("POSIX", "???"), ("C.UTF-8", "é!"), ("", "é!")] {
        let bench = Bench::faulty("locale-encoding");
        bench.put(
            "catalog.json",
            &json!({"streams": [stream("é", "append", &json!({}))]}).to_string(),
        );
        bench.put("input", &record("é", 1, r#"{"v":"é!"}"#));
        let mut command = bench.command("write");
        command.args(["--catalog", "catalog.json"]).env("LC_ALL", locale);
        command.stdin(std::fs::File::open(bench.path("input")).unwrap());
        assert_eq!(command.output().unwrap().status.code(), Some(0));
        let value = if value == "???" { "??!" } else { value };
        assert_eq!(bench.column("é", "v"), [value], "{locale}");
    }
}

#[test]
fn a_long_line_ends_the_input_in_silence() {
    let bench = Bench::faulty("line-limit");
    let long = |length| record("s", 1, &format!(r#"{{"id":2,"v":"{}"}}"#, "x".repeat(length)));
    let lines = [row(1), state("s", 1), long(10 << 20), state("s", 2)];
    let run = bench.good(&catalog(), &lines);
    assert_eq!((bench.column("s", "id"), run.states().len()), (vec![json!(1)], 1));
    bench.good(&catalog(), &[long(10_000_000)]);
    assert_eq!(bench.column("s", "id"), [1, 2]);
}

#[test]
fn half_a_line_is_taken_for_one_after_a_pause() {
    let send = |fault, pause: u64| {
        let bench = Bench::faulty(fault);
        let mut child = bench.start(&catalog());
        let mut stdin = child.stdin.take().unwrap();
        let (start, rest) = (row(1) + "\n", row(2) + "\n");
        for piece in [&start, &rest[..20], &rest[20..]] {
            let _ = stdin.write_all(piece.as_bytes());
            let _ = stdin.flush();
            thread::sleep(Duration::from_millis(pause));
        }
        drop(stdin);
        (child.wait_with_output().unwrap().status.code(), bench.column("s", "id").len())
    };
    assert_eq!(send("half-line-is-a-line", 400), (Some(1), 1));
    assert_eq!(send("half-line-is-a-line", 2), (Some(0), 2));
    assert_eq!(send("", 400), (Some(0), 2));
}

#[test]
fn a_thousand_states_without_a_record_fill_the_queue() {
    let states = |count| (0..count).map(|id| state("s", id)).collect::<Vec<_>>();
    let between = [states(999), vec![row(1)], states(999)].concat();
    let bench = Bench::faulty("bounded-state-queue");
    let mut child = bench.start(&catalog());
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(common::text(&between).as_bytes()).is_ok());
    let run = Run::from(child.wait_with_output().unwrap());
    assert!(writer.join().unwrap());
    assert_eq!((run.code, run.states().len()), (Some(0), 2 * 999));
    let bench = Bench::faulty("bounded-state-queue");
    let mut child = bench.start(&catalog());
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds: whoever does not read on is seen by the writer.
    let text = common::text(&[states(1000), vec![row(1)], states(20_000)].concat());
    let writer = thread::spawn(move || stdin.write_all(text.as_bytes()).is_ok());
    thread::sleep(Duration::from_millis(500));
    assert!(!writer.is_finished() && child.try_wait().unwrap().is_none());
    end(&mut child);
    assert!(!writer.join().unwrap());
}

#[test]
fn what_does_not_fit_into_stdout_is_dropped() {
    let states = |fault| {
        let bench = Bench::faulty(fault);
        let mut child = bench.start(&catalog());
        let mut stdin = child.stdin.take().unwrap();
        let blob = |id| state("s", id).replace("cursor", &"c".repeat(1000));
        let lines = common::text(&(0..500).map(blob).collect::<Vec<_>>());
        let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()).is_ok());
        if fault.is_empty() {
            thread::sleep(Duration::from_millis(50));
        } else {
            // All is taken, though nobody has read a word.
            assert!(writer.join().unwrap());
            thread::sleep(Duration::from_millis(300));
        }
        let run = Run::from(child.wait_with_output().unwrap());
        assert!(run.lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        (run.code, run.states().len())
    };
    let (code, count) = states("drop-when-blocked");
    assert!(code == Some(0) && 0 < count && count < 500, "{count}");
    assert_eq!(states(""), (Some(0), 500));
}

#[test]
fn a_record_with_half_a_character_is_skipped() {
    let lines = [record("s", 1, r#"{"id":"\ud800"}"#), record("s", 1, r#"{"id":"\ud83e\udd80"}"#)];
    let (run, bench) =
        both("drop-lone-surrogates", &catalog(), &[&lines[..], &[state("s", 1)]].concat());
    assert_eq!((run.code, run.states().len()), (Some(0), 1));
    assert_eq!(bench.column("s", "id"), ["🦀"]);
    assert!(run.lines.concat().contains("WARN"));
}

#[test]
fn unknown_modes_are_done_as_append() {
    for mode in ["update", "soft_delete"] {
        let catalog = [stream("s", mode, &json!({"primary_key": [["id"]]}))];
        assert_eq!(Bench::new().write(&catalog, &[]).code, Some(1));
        let bench = Bench::faulty("unknown-mode-appends");
        bench.good(&catalog, &[row(1), row(1)]);
        assert_eq!(bench.column("s", "id"), [1, 1]);
    }
}

#[test]
fn unknown_properties_are_refused() {
    let fault = "deny-unknown-properties";
    let lines = [row(1)];
    let mut configured = catalog();
    configured[0]["new"] = json!(1);
    assert!(refuses(fault, &configured, &lines));
    let mut described = catalog();
    described[0]["stream"]["new"] = json!(1);
    assert!(refuses(fault, &described, &lines));
    for place in [r#"{"type""#, r#"{"stream""#] {
        let new = place.replace('{', r#"{"new":1,"#);
        assert!(refuses(fault, &catalog(), &[row(1).replace(place, &new)]), "{new}");
    }
    let state = state("s", 1).replacen('{', r#"{"new":1,"#, 2);
    let full = row(1).replace(r#""stream""#, r#""namespace":null,"meta":{"new":1},"stream""#);
    assert!(!refuses(fault, &catalog(), &[state, full]));
    let bench = Bench::faulty(fault);
    let mut child = bench.start(&catalog());
    child.kill().unwrap();
    child.wait().unwrap();
    bench.put("catalog.json", &json!({"streams": catalog(), "new": 1}).to_string());
    let mut command = bench.command("write");
    let run = Run::from(command.args(["--catalog", "catalog.json"]).output().unwrap());
    assert_eq!((run.code, &run.error()["failure_type"]), (Some(1), &json!("config_error")));
}

#[test]
fn all_records_are_kept() {
    let peak = |fault| {
        let bench = Bench::faulty(fault);
        bench.configure(&json!({"flush": {"batch_records": 100}}));
        let mut child = bench.start(&catalog());
        let mut stdin = child.stdin.take().unwrap();
        let line = record("s", 1, &format!(r#"{{"v":"{}"}}"#, "x".repeat(10_000))) + "\n";
        for _ in 0..5000 {
            stdin.write_all(line.as_bytes()).unwrap();
        }
        stdin.write_all((state("s", 1) + "\n").as_bytes()).unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while !text.contains(r#""STATE""#) {
            text.clear();
            assert!(out.read_line(&mut text).unwrap() > 0);
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        drop(stdin);
        out.read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success());
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    if cfg!(target_os = "linux") {
        let (without, with) = (peak(""), peak("keep-all-records"));
        assert!(with > without + 30_000, "{without} and {with} KiB");
    }
}
