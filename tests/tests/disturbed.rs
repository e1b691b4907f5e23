//! Scenarios that disturb a destination given by command: what it did right until then is not held
//! against it, and what it did wrong is.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

#[path = "../bench/bench.rs"]
mod bench;

use bench::{Bench, Ended};

/// Scenarios of one stream each, which disturb in the middle, after the first states came back.
fn run(args: &[&str]) -> Ended {
    let bench = Bench::new();
    for (name, disturbance) in
        [("kill", r#""kill""#), ("stop", r#""stop""#), ("pause", r#"{"pause":300}"#)]
    {
        let catalog = format!(
            r#"{{"streams":[{{"stream":{{"name":"{name}","json_schema":{{"type":"object"}}}},
            "sync_mode":"incremental","destination_sync_mode":"append"}}]}}"#
        );
        let mut messages = Vec::new();
        for nth in 1..=6 {
            messages.push(format!(
                r#"{{"type":"RECORD","record":{{"stream":"{name}","data":{{"id":{nth}}},"emitted_at":{nth}}}}}"#
            ));
            messages.push(format!(
                r#"{{"type":"STATE","state":{{"type":"STREAM","stream":{{"stream_descriptor":{{"name":"{name}"}},"stream_state":{{"at":{nth}}}}}}}}}"#
            ));
            if nth == 3 {
                messages.push(r#"{"touchdown":"gate"}"#.to_owned());
                messages.push(format!(r#"{{"touchdown":{{"disturb":{disturbance}}}}}"#));
            }
        }
        bench
            .file(&format!("own/{name}/scenario.json"), r#"{"summary":"disturbed","alone":true}"#)
            .file(&format!("own/{name}/1.catalog.json"), &catalog)
            .file(&format!("own/{name}/1.messages.jsonl"), &messages.join("\n"));
    }
    let fixed = ["run", "--no-generate", "--reference", "--scenarios", "own", "--strict"];
    bench.touchdown(&[&fixed[..], args].concat())
}

#[test]
fn what_was_right_stays_right() {
    run(&[]).says(0, &["conformant in all that was seen"]);
}

#[test]
fn what_was_wrong_is_found_in_each() {
    let found = ["state-reordered  must in kill", "state-reordered  must in stop"];
    run(&["--env", "FAULT=reorder-states"]).says(1, &found);
    run(&["--env", "FAULT=float-state-id"]).says(1, &["must in kill", "must in pause"]);
}

#[test]
fn a_harness_that_was_stopped_itself_blames_nobody() {
    let bench = Bench::new();
    // The subject stops and continues the harness, the first time that it writes.
    let writes = bench.writes_by(&format!(
        "mkdir '{}' && {{ sleep 0.3; kill -STOP $PPID; sleep 7; kill -CONT $PPID; }} 2> /dev/null
        exec '{}' \"$@\"",
        bench.path("stopped").display(),
        bench::REFERENCE
    ));
    let args = ["--command", &writes, "--run", "append-one-stream", "--timeout", "4"];
    bench.run(&args).says(0, &["conformant in all that was seen"]);
    assert!(bench.path("stopped").exists());
}
