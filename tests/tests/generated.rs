//! Generated cases, end to end: nothing is found in a destination that keeps the rules, and faults
//! that show in a combination only are found, and told by a small case.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// Runs generated cases alone against the reference destination; the exit code, the report, and
/// what was printed.
fn run(folder: &Path, examples: u32, seed: u32, fault: &str) -> (i32, Value, String) {
    run_with(folder, examples, seed, fault, &[])
}

/// The same with more flags.
fn run_with(
    folder: &Path,
    examples: u32,
    seed: u32,
    fault: &str,
    more: &[&str],
) -> (i32, Value, String) {
    let report = folder.join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"))
        .args(["run", "--reference", "--strict", "-j", "2", "--no-fixed"])
        .args(["--examples", &examples.to_string(), "--seed", &seed.to_string()])
        .args(["--env", &format!("FAULT={fault}"), "--report-json"])
        .arg(&report)
        .args(more)
        .current_dir(folder)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), report, printed)
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (code, report, printed) = run(folder.path(), 400, 3, "");
    assert_eq!(code, 0, "{printed}");
    assert_eq!(report["generated"]["cases"], 400);
    let exercised = report["generated"]["exercised"].as_object().unwrap();
    let never: Vec<_> = exercised.iter().filter(|(_, count)| **count == 0).collect();
    assert!(never.is_empty() && !printed.contains("never exercised"), "{never:?}");
    // What was seen there was seen.
    for check in ["data-lost", "state-lost", "state-not-durable", "dedup-wrong-winner"] {
        let line = printed.lines().find(|line| line.contains(check)).unwrap();
        assert!(line.trim_start().starts_with("passed"), "{line}");
    }
}

#[test]
fn what_no_fixed_case_was_written_for_is_found_and_small() {
    // The fault, a check that finds it, and how much of a case is left: syncs, and lines sent.
    for (fault, check, syncs, lines) in [
        ("late-older-wins", "dedup-wrong-winner", 2, 3),
        ("cut-over-64k", "data-altered", 1, 2),
        ("array-nulls-dropped", "data-altered", 1, 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (code, report, printed) = run(folder.path(), 200, 5, fault);
        assert_eq!(code, 1, "{fault}: {printed}");
        let failed = report["results"].as_array().unwrap().iter();
        let failed = failed.filter(|row| row["outcome"] == "failed" && row["check"] == check);
        assert_eq!(failed.count(), 1, "{fault}: {printed}");
        let kept = folder.path().join("touchdown-out").join(format!("generated-{check}"));
        let messages = |nth: usize| {
            let file = kept.join(format!("{nth}.messages.jsonl"));
            std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
        };
        let sent: Vec<usize> = (1..=4).map(messages).take_while(|count| *count > 0).collect();
        assert!(sent.len() <= syncs, "{fault}: {sent:?}");
        // And each stream's COMPLETE.
        let most = lines + syncs;
        assert!(sent.iter().sum::<usize>() <= most, "{fault}: {sent:?} {printed}");
    }
}

#[test]
fn a_small_case_is_saved_and_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let save = ["--save-regressions", "saved"];
    let (code, _, printed) = run_with(folder.path(), 100, 5, "array-nulls-dropped", &save);
    assert_eq!(code, 1, "{printed}");
    let saved = folder.path().join("saved/regression-data-altered");
    let messages = std::fs::read_to_string(saved.join("1.messages.jsonl")).unwrap();
    assert!(messages.contains("null") && messages.lines().count() <= 3, "{messages}");
    // It is run without any other, and fails until the fault is mended.
    let rows = |report: &Value| -> Vec<Value> {
        let rows = report["results"].as_array().unwrap().iter();
        let own = |row: &&Value| row["scenario"] == "regression-data-altered";
        rows.filter(|row| own(row) && row["check"] == "data-altered").cloned().collect()
    };
    for (fault, code, outcome) in [("array-nulls-dropped", 1, "failed"), ("", 0, "passed")] {
        let (ended, report, printed) = run_with(folder.path(), 0, 5, fault, &save);
        assert_eq!(ended, code, "{printed}");
        let rows = rows(&report);
        assert!(rows.len() == 1 && rows[0]["outcome"] == outcome, "{rows:?}");
    }
}
