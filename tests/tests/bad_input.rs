//! Bad input of every kind: bad flags, bad files, subjects and read-backs that misbehave. Each run
//! ends in bounded time and memory, with one clear message and the right exit code, leaves no
//! process behind, and never panics.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

#[path = "../bench/bench.rs"]
mod bench;

use std::fs;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bench::{Bench, LONGEST, REFERENCE, TOUCHDOWN, assert_none};
use serde_json::Value;

/// The outcomes of a check over all its rows.
fn outcomes<'a>(report: &'a Value, check: &str) -> Vec<&'a str> {
    let rows = report["results"].as_array().unwrap().iter();
    rows.filter(|row| row["check"] == check).filter_map(|row| row["outcome"].as_str()).collect()
}

// Flags and files.

#[test]
fn flags_that_cannot_be_meant() {
    let bench = Bench::new();
    for (args, what) in [
        (&["--command", "sh -c 'oops"][..], &["--command", "quote"][..]),
        (&["--command", ""], &["--command is empty"]),
        (&["--command", "true", "--readback", "\"x"], &["--readback", "quote"]),
        (&["--command", "true", "--workdir", "nowhere"], &["--workdir nowhere", "no such folder"]),
        (&["--command", "true", "--env", "NOVALUE"], &["NOVALUE", "KEY=VALUE"]),
        (&["--command", "true", "--env", "=x"], &["KEY=VALUE"]),
        (&["--command", "true", "--run", "state-reorderd"], &["did you mean \"state-reordered\"?"]),
        (&["--command", "true", "--skip", "nonsense"], &["\"nonsense\"", "touchdown list"]),
        (&["--command", "true", "--run", "[x"], &["\"[x\" is no pattern"]),
        (&["--command", "true", "--timeout=-1"], &["--timeout"]),
        (&["--command", "true", "--timeout", "soon"], &["soon", "number of seconds"]),
        (&["--command", "true", "--jobs", "0"], &["above 0"]),
        (&["--command", "true", "--scenarios", "nowhere"], &["nowhere", "No such file"]),
        (&["--command", "true", "--", "true"], &["--command"]),
        (&["--reference"], &["--reference", "--config"]),
        (&[], &["what is to be tested?"]),
    ] {
        bench.run(args).complains(2, what);
    }
    let everything = ["--command", "true", "--skip", "*"];
    bench.run(&everything).complains(4, &["nothing is selected"]);
    assert_eq!(bench.touchdown(&["run", "--command", "true"]).code, Some(2));
    assert_eq!(bench.touchdown(&["frobnicate"]).code, Some(2));
}

#[test]
fn configs_that_are_none() {
    let bench = Bench::new();
    bench
        .file("broken.json", "{\n  \"path\": oops\n}")
        .file("array.json", "[1]")
        .file("empty.json", "")
        .file("latin1.json", "");
    fs::write(bench.path("latin1.json"), b"{\"a\":\"\xe4\"}").unwrap();
    for (config, what) in [
        ("missing.json", &["the config missing.json", "No such file"][..]),
        ("broken.json", &["broken.json", "line 2 column"]),
        ("array.json", &["array.json", "no JSON object"]),
        ("empty.json", &["empty.json", "line 1"]),
        ("latin1.json", &["latin1.json", "UTF-8"]),
        (".", &["directory"]),
    ] {
        let args = ["run", "--command", "true", "--config", config];
        bench.touchdown(&args).complains(2, what);
    }
    let args = ["--command", "true", "--unreachable-config", "array.json"];
    bench.run(&args).complains(2, &["the unreachable config array.json"]);
}

#[test]
fn scenarios_that_are_none() {
    let bench = Bench::new();
    let stream = r#"{"streams":[{"stream":{"name":"s","json_schema":{}},
        "sync_mode":"incremental","destination_sync_mode":"append"}]}"#;
    bench
        .file("own/one/scenario.json", r#"{"summary":"one"}"#)
        .file("own/one/1.catalog.json", stream)
        .file("own/one/1.messages.jsonl", "{\"touchdown\":\"gate\"}\n{\"type\":\"RECORD\",\n")
        .file("empty/readme.txt", "")
        .file("unknown/one/scenario.json", r#"{"summary":"one","alnoe":true}"#)
        .file("twice/one/scenario.json", r#"{"summary":"one"}"#)
        .file("twice/one/1.catalog.json", stream)
        .file("twice/two/scenario.json", r#"{"summary":"two"}"#)
        .file("twice/two/1.catalog.json", stream)
        .file("twice/one/1.messages.jsonl", "")
        .file("twice/two/1.messages.jsonl", "")
        .file("bare/one/scenario.json", r#"{"summary":"one"}"#)
        .file("bare/one/1.catalog.json", stream)
        .file("cut/one/scenario.json", r#"{"summary":"one","alone":true}"#)
        .file("cut/one/1.catalog.json", stream)
        .file("cut/one/1.messages.jsonl", r#"{"touchdown":{"disturb":{"cut-network":5}}}"#);
    for (folder, what) in [
        ("own", &["own/one/1.messages.jsonl: line 2: "][..]),
        ("empty", &["empty: ", "scenario.json"]),
        ("unknown", &["unknown/one/scenario.json", "alnoe"]),
        ("twice", &["twice: one and two both have a stream \"s\""]),
        ("bare", &["bare/one/1.messages.jsonl: it is not there"]),
        ("cut", &["the scenario one cuts the network", "--skip one"]),
    ] {
        let args = ["--command", "true", "--scenarios", folder];
        bench.run(&args).complains(2, what);
    }
}

#[test]
fn folders_that_hold_no_evidence() {
    let bench = Bench::new();
    bench.touchdown(&["judge", "nowhere"]).complains(2, &["nowhere/trial.json"]);
    bench.touchdown(&["judge", "."]).complains(2, &["trial.json", "a folder of evidence"]);

    let failing = ["--run", "append-one-stream", "--env", "FAULT=invent-final-state"];
    let ended = bench.touchdown(&[&["run", "--reference"], &failing[..]].concat());
    ended.says(1, &["state-invented"]);
    let kept = "touchdown-out/together";
    let kept = if bench.path(kept).exists() { kept } else { "touchdown-out/append-one-stream" };
    bench.touchdown(&["judge", kept]).says(1, &["the verdicts are those that were kept"]);
    let damage = |file: &str, line: usize, with: &str| {
        let path = bench.path(kept).join(file);
        let whole = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<_> = whole.lines().collect();
        lines[line - 1] = with;
        fs::write(&path, lines.join("\n")).unwrap();
        let ended = bench.touchdown(&["judge", kept]);
        fs::write(&path, whole).unwrap();
        ended
    };
    let what = ["1.transcript.jsonl", "line 3: "];
    damage("1.transcript.jsonl", 3, "{\"stdin\":{\"at\":1").complains(2, &what);
    damage("1.transcript.jsonl", 3, "{\"stdin\":{\"at\":1,\"line\":\"no\"}}").complains(2, &what);
    damage("1.landed.jsonl", 2, "?").complains(2, &["1.landed.jsonl", "line 2: "]);
    damage("trial.json", 1, "?").complains(2, &["trial.json", "line 1"]);
    damage("verdicts.json", 1, "?").complains(2, &["verdicts.json", "line 1"]);
    damage("1.catalog.json", 1, "?").complains(2, &["1.catalog.json", "line 1"]);
}

#[test]
fn checks_that_do_not_exist() {
    let bench = Bench::new();
    let what = ["no check \"nonsense\"", "touchdown list"];
    bench.touchdown(&["explain", "nonsense"]).complains(2, &what);
    let what = ["did you mean \"state-reordered\"?"];
    bench.touchdown(&["explain", "state-reorder"]).complains(2, &what);
}

#[test]
fn places_that_cannot_be_written_to() {
    let bench = Bench::new();
    bench.file("file", "");
    let reference = ["run", "--reference", "--run", "append-one-stream"];
    let to = |more: &[&str]| bench.touchdown(&[&reference, more].concat());
    // The verdicts are there all the same.
    let verdict = ["no/such/report.json", "No such file", "conformant in all that was seen"];
    to(&["--report-json", "no/such/report.json"]).complains(2, &verdict);
    // This is known before anything is launched, and told then.
    for out in ["file", "file/out"] {
        to(&["--out", out]).complains(2, &[out]);
    }
    assert!(!bench.path("touchdown-out").exists(), "nothing failed, and something was kept");
}

// Subjects.

#[test]
fn subjects_that_cannot_be_started() {
    let bench = Bench::new();
    bench.file("plain-file", "no program");
    let run = |command: &str| bench.run(&["--command", command, "--report-json", "report.json"]);
    run("no-such-command").says(3, &["no-such-command", "no such command"]);
    run("./no/such/command").says(3, &["no such command"]);
    run("./plain-file").says(3, &["plain-file", "ermission denied"]);
    run(".").says(3, &["could not be started"]);
    let report = bench.report();
    assert_eq!(outcomes(&report, "state-lost"), ["could-not-run"]);
}

#[test]
fn subjects_that_say_nothing() {
    let bench = Bench::new();
    let dies = "sh -c 'echo No module named airbyte_cdk >&2; exit 1'";
    bench.run(&["--command", dies]).says(3, &["exit code 1", "No module named airbyte_cdk"]);
    bench.run(&["--command", "sh -c 'kill -SEGV $$'"]).says(3, &["signal 11"]);
    for quiet in ["true", "sh -c 'exec <&-'"] {
        let ended = bench.run(&["--command", quiet, "--report-json", "report.json"]);
        ended.says(1, &["not conformant", "spec-missing"]);
        assert_eq!(outcomes(&bench.report(), "spec-missing"), ["failed"]);
    }
}

#[test]
fn a_subject_that_never_ends() {
    let bench = Bench::new();
    let script = "trap '' TERM HUP INT; sleep 86411 & setsid sleep 86412 & wait; sleep 86413";
    bench.file("subject.sh", script);
    let ended = bench.run(&["--command", "sh subject.sh", "--timeout", "1"]);
    ended.says(3, &["made no progress for 1 s"]);
    assert_none("cmdline", |line| line.starts_with(b"sleep\x008641"));
}

#[test]
fn a_line_without_end() {
    let bench = Bench::new();
    let script = "head -c 1G /dev/zero | tr '\\0' x";
    bench.file("subject.sh", script);
    let ended = bench.run(&["--command", "sh subject.sh"]);
    ended.says(3, &["MiB without a newline and was killed"]);
    assert!(ended.peak < 300, "{} MiB", ended.peak);
    assert!(ended.stdout.len() < 100_000, "it told {} bytes", ended.stdout.len());
}

#[test]
fn lines_without_end() {
    let bench = Bench::new();
    let ended = bench.run(&["--command", "yes", "--report-json", "report.json"]);
    ended.says(3, &["and was killed"]);
    assert!(ended.stdout.len() < 100_000, "it told {} bytes", ended.stdout.len());
    let report = fs::metadata(bench.path("report.json")).unwrap().len();
    assert!(report < 10 << 20, "the report has {report} bytes");
}

// Subjects of which all but `write` is fine.

/// Runs such a subject; returns the report.
fn write_by(script: &str) -> Value {
    let bench = Bench::new();
    let command = bench.writes_by(script);
    let readback = format!("'{REFERENCE}' read");
    let ended = bench.run(&[
        "--command",
        &command,
        "--readback",
        &readback,
        "--run",
        "append-one-stream",
        "--timeout",
        "1",
        "--report-json",
        "report.json",
    ]);
    ended.says(1, &["not conformant"]);
    let report = bench.report();
    for fine in ["spec-missing", "spec-not-deterministic", "check-valid-config-failed"] {
        assert_eq!(outcomes(&report, fine), ["passed"], "{fine}");
    }
    let results = report["results"].as_array().unwrap();
    let counted: u64 =
        report["summary"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(counted, results.len() as u64);
    report
}

#[test]
fn a_write_that_never_ends() {
    let report = write_by("trap '' TERM; exec sleep 86421");
    assert!(outcomes(&report, "write-stops-reading").contains(&"failed"));
    assert_none("cmdline", |line| line.starts_with(b"sleep\x0086421"));
}

#[test]
fn a_write_that_never_ends_after_its_input() {
    let report = write_by("cat >/dev/null; sleep 86422 & wait");
    assert!(outcomes(&report, "hangs").contains(&"failed"));
    assert_none("cmdline", |line| line.starts_with(b"sleep\x0086422"));
}

#[test]
fn a_write_whose_child_hides_and_holds_the_output() {
    // It is in another session, its environment tells nothing, and stdout does not end.
    let report = write_by("env -i setsid sleep 33 & exit 0");
    assert!(outcomes(&report, "hangs").contains(&"failed"));
}

#[test]
fn a_write_that_floods() {
    let report = write_by(r#"exec yes '{"type":"LOG","log":{"level":"INFO","message":"x"}}'"#);
    let failed = outcomes(&report, "check-passes-write-fails");
    assert!(failed.contains(&"failed"));
    // The line at which it was cut off is not held against it.
    assert!(!outcomes(&report, "output-not-json").contains(&"failed"));
}

#[test]
fn a_write_that_closes_its_input() {
    let report = write_by("exec <&-; exit 0");
    assert!(outcomes(&report, "state-lost").contains(&"failed"), "{:#}", report["summary"]);
}

#[test]
fn a_write_that_dies() {
    let report = write_by("kill -KILL $$");
    assert!(outcomes(&report, "check-passes-write-fails").contains(&"failed"));
}

// Read-backs.

#[test]
fn readbacks_that_do_not_work() {
    let bench = Bench::new();
    let command = format!("'{REFERENCE}'");
    for (readback, what) in [
        ("sh -c 'echo no such table >&2; exit 3'", &["no such table", "exit code 3"][..]),
        ("sh -c 'echo hello'", &["line 1 of its output is no JSON object: hello"]),
        ("sh -c 'echo [1]'", &["no JSON object: [1]"]),
        ("no-such-readback", &["no-such-readback", "could not be started"]),
        ("sh -c 'yes '", &["no JSON object: y"]),
    ] {
        let args = ["--command", &command, "--readback", readback, "--run", "append-one-stream"];
        let ended = bench.run(&[&args[..], &["--report-json", "report.json"]].concat());
        ended.says(2, &["The read-back does not work:"]).says(2, what);
        // What needs no rows is judged all the same.
        assert!(outcomes(&bench.report(), "state-lost").contains(&"passed"));
        assert!(!outcomes(&bench.report(), "data-lost").contains(&"passed"));
    }
}

#[test]
fn a_readback_that_never_ends() {
    let bench = Bench::new();
    let command = format!("'{REFERENCE}'");
    let ended = bench.run(&[
        "--command",
        &command,
        "--readback",
        "sh -c 'sleep 86431 & wait'",
        "--run",
        "append-one-stream",
        "--timeout",
        "1",
    ]);
    ended.says(2, &["The read-back does not work:", "printed nothing for 1 s"]);
    assert_none("cmdline", |line| line.starts_with(b"sleep\x0086431"));
}

#[test]
fn a_readback_that_leaves_a_process_behind() {
    let bench = Bench::new();
    let command = format!("'{REFERENCE}'");
    bench.file("read.sh", &format!("setsid sleep 86432 & exec '{REFERENCE}' read \"$@\""));
    let args = ["--command", &command, "--readback", "sh read.sh", "--run", "append-one-stream"];
    bench.run(&args).says(0, &["conformant"]);
    assert_none("cmdline", |line| line.starts_with(b"sleep\x0086432"));
}

// Interruptions.

/// Runs touchdown, and interrupts it so many times once there is a file `begun`.
fn interrupted(bench: &Bench, args: &[&str], times: usize) -> Output {
    let mut touchdown = Command::new(TOUCHDOWN);
    touchdown.args(["run", "--config", "config.json", "--run", "append-one-stream"]).args(args);
    touchdown.current_dir(bench.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let touchdown = touchdown.spawn().unwrap();
    let deadline = Instant::now() + LONGEST;
    while !bench.path("begun").exists() && Instant::now() < deadline {
        sleep(Duration::from_millis(5));
    }
    for _ in 0..times {
        Command::new("kill").args(["-INT", &touchdown.id().to_string()]).status().unwrap();
    }
    touchdown.wait_with_output().unwrap()
}

#[test]
fn an_interrupted_readback() {
    let bench = Bench::new();
    let command = format!("'{REFERENCE}'");
    let readback = "sh -c 'touch begun; sleep 86433 & wait'";
    let output = interrupted(&bench, &["--command", &command, "--readback", readback], 1);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("the run was interrupted") && !told.contains("printed nothing"),
        "{told}"
    );
    assert_none("cmdline", |line| line.starts_with(b"sleep\x0086433"));
}

#[test]
fn a_run_interrupted_twice() {
    let bench = Bench::new();
    let command = bench.writes_by("trap '' INT; touch begun; setsid sleep 86434 & sleep 86434");
    let output = interrupted(&bench, &["--command", &command], 2);
    assert!(!output.status.success());
    assert_none("cmdline", |line| line.starts_with(b"sleep\x0086434"));
}
