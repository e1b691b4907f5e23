//! Generated cases, end to end: nothing is found in a destination that keeps the rules, and faults
//! that show in a combination only are found, and told by a small case.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

use std::os::unix::fs::PermissionsExt;
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
fn nothing_is_left_of_cases_that_keep_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    // At each start, the rows that lie there from before.
    let script = folder.path().join("destination.sh");
    let counted = "find \"$PWD\" -name '*.landed.jsonl' | wc -l >> \"$PWD/counts\"";
    std::fs::write(&script, format!("{counted}\nexec \"$SUBJECT\" reference \"$@\"\n")).unwrap();
    let config = folder.path().join("config.json");
    let database = folder.path().join("database");
    let passphrase = "open sesame";
    let told = serde_json::json!({"path": database, "passphrase": passphrase});
    std::fs::write(&config, told.to_string()).unwrap();
    let subject = env!("CARGO_BIN_EXE_tested-touchdown");
    let output = Command::new(subject)
        .args(["run", "-j", "1", "--no-fixed", "--examples", "100", "--seed", "3"])
        .args(["--command", &format!("sh {}", script.display())])
        .args(["--readback-once", &format!("{subject} reference read")])
        .args(["--env", &format!("SUBJECT={subject}"), "--declare", "numbers=exact", "--config"])
        .arg(&config)
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let counts = std::fs::read_to_string(folder.path().join("counts")).unwrap();
    let counts: Vec<u32> = counts.lines().map(|line| line.trim().parse().unwrap()).collect();
    let last = &counts[counts.len() / 2..];
    // Each trial begins with none, and its later syncs find those of its earlier ones.
    assert!(last.contains(&0) && last.iter().any(|count| *count > 0), "{counts:?}");
}

#[test]
fn metadata_is_judged_beside_thousands_of_rows() {
    for seed in [1, 3, 6] {
        let folder = tempfile::tempdir().unwrap();
        let (code, report, printed) = run(folder.path(), 60, seed, "extracted-at-now");
        let small = report["generated"]["small"].as_array().unwrap();
        let found = small.iter().any(|small| small["check"] == "metadata-columns");
        assert!(found && code == 1, "{seed}: {printed}");
        assert_eq!(report["generated"]["cases"], 60);
    }
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
    // The fault, a seed, a check that finds it, and how much of a case is left: syncs, and lines
    // sent.
    for (fault, seed, check, syncs, lines) in [
        ("late-older-wins", 5, "dedup-wrong-winner", 2, 3),
        ("cut-over-64k", 5, "data-altered", 1, 2),
        ("array-nulls-dropped", 5, "data-altered", 1, 2),
        ("truncate-at-start", 6, "generation-dropped-early", 3, 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (code, report, printed) = run(folder.path(), 200, seed, fault);
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
    let replay =
        ["replay", "saved/regression-data-altered", "touchdown-out/generated-data-altered"];
    for (fault, code, outcome, told) in
        [("array-nulls-dropped", 1, "failed", "still failing"), ("", 0, "passed", "fixed")]
    {
        let (ended, report, printed) = run_with(folder.path(), 0, 5, fault, &save);
        assert_eq!(ended, code, "{printed}");
        let rows = rows(&report);
        assert!(rows.len() == 1 && rows[0]["outcome"] == outcome, "{rows:?}");
        let variable = format!("FAULT={fault}");
        let args = [&replay[..2], &["--reference", "--env", &variable]].concat();
        let (ended, printed) = touchdown(folder.path(), &args);
        assert_eq!(ended, code, "{printed}");
        let line = format!("{told}  regression-data-altered");
        assert!(printed.contains(&line), "{printed}");
    }
    // So does one that lies with the evidence, which stays where it is.
    run_with(folder.path(), 100, 5, "array-nulls-dropped", &[]);
    for _ in 0..2 {
        let args = [&replay[..1], &replay[2..], &["--reference"]].concat();
        let (ended, printed) = touchdown(folder.path(), &args);
        assert_eq!(ended, 0, "{printed}");
        assert!(printed.contains("fixed  generated-data-altered"), "{printed}");
    }
    // Both are one case: each has names apart.
    let (ended, printed) = touchdown(folder.path(), &[&replay[..], &["--reference"]].concat());
    assert_eq!(ended, 0, "{printed}");
    assert!(printed.contains("2 of 2 fixed"), "{printed}");
    let (ended, printed) = touchdown(folder.path(), &[&replay[..1], &["saved"]].concat());
    assert_eq!(ended, 2, "{printed}");
    assert!(printed.contains("saved: it holds no scenario.json"), "{printed}");
}

#[test]
fn a_small_case_is_repeated_by_a_shell_alone() {
    // What is altered shows in what has landed.
    let folder = tempfile::tempdir().unwrap();
    let (_, report, printed) = run(folder.path(), 100, 5, "array-nulls-dropped");
    let repeated = |check: &str| {
        let script = format!("touchdown-out/generated-{check}/repeat.sh");
        let line = printed.lines().find_map(|line| line.trim().strip_prefix("repeat    sh "));
        assert!(line.unwrap().ends_with(&script), "{printed}");
        let output = Command::new("sh").arg(script).current_dir(folder.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(report["generated"]["small"].as_array().unwrap().len(), 1, "{report}");
    for _ in 0..2 {
        let shown = repeated("data-altered");
        let (_, landed) = shown.split_once("== landed\n").unwrap();
        let (landed, expected) = landed.split_once("== expected\n").unwrap();
        let (expected, _) = expected.split_once("== what touchdown found\n").unwrap();
        assert_eq!((landed.lines().count(), expected.lines().count()), (1, 1), "{shown}");
        assert!(expected.contains("null") && !landed.contains("null"), "{shown}");
    }

    // What a kill brings out is brought out by a kill.
    let folder = tempfile::tempdir().unwrap();
    let (code, _, printed) = run(folder.path(), 100, 5, "restart-cleans-up");
    assert_eq!(code, 1, "{printed}");
    let line = printed.lines().find_map(|line| line.trim().strip_prefix("repeat    ")).unwrap();
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains(", killed a") && shown.contains("\n== launch 2 of 2\n"), "{shown}");
    let (before, landed) = shown.split_once("== landed\n").unwrap();
    let acknowledged = before.lines().filter(|line| line.contains("\"STATE\"")).count();
    let (landed, _) = landed.split_once("== what touchdown found\n").unwrap();
    assert!(acknowledged > 0 && landed.lines().count() < 2, "{shown}");
}

/// A destination that is the reference, but for what a script does before: `$last` is the catalog
/// of a write.
fn wrapped(folder: &Path, before: &str) -> Vec<String> {
    let own = env!("CARGO_BIN_EXE_tested-touchdown");
    let script =
        format!("#!/bin/sh\nfor last; do :; done\n{before}\nexec {own} reference \"$@\"\n");
    let wrapped = folder.join("wrapped.sh");
    std::fs::write(&wrapped, script).unwrap();
    std::fs::set_permissions(&wrapped, PermissionsExt::from_mode(0o755)).unwrap();
    let path = folder.join("db.sqlite");
    let config = serde_json::json!({"path": path, "passphrase": "open sesame"}).to_string();
    std::fs::write(folder.join("config.json"), config).unwrap();
    let fixed = ["run", "--command", "./wrapped.sh", "--config", "config.json", "--no-fixed"];
    let fixed = fixed.map(str::to_owned).into_iter();
    fixed.chain(["--strict".to_owned(), "--readback-once".to_owned()]).collect()
}

fn touchdown<A: AsRef<std::ffi::OsStr>>(folder: &Path, args: &[A]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"))
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].map(|told| String::from_utf8(told).unwrap());
    (output.status.code().unwrap(), told.concat())
}

/// Runs what is wrapped, by a read-back and with further flags.
fn run_wrapped(folder: &Path, before: &str, readback: &str, more: &[&str]) -> (i32, String) {
    let mut args = wrapped(folder, before);
    args.push(readback.replace("TOUCHDOWN", env!("CARGO_BIN_EXE_tested-touchdown")));
    args.extend(more.iter().map(ToString::to_string));
    touchdown(folder, &args)
}

const READ: &str = "TOUCHDOWN reference read";

#[test]
fn what_is_repeated_is_found_where_the_run_was_started() {
    let folder = tempfile::tempdir().unwrap();
    let fault = ["--env", "FAULT=array-nulls-dropped", "--seed", "5", "--examples", "60"];
    let (code, told) = run_wrapped(folder.path(), "", READ, &fault);
    assert_eq!(code, 1, "{told}");
    let script = folder.path().join("touchdown-out/generated-data-altered/repeat.sh");
    let output = Command::new("sh").arg(script).current_dir("/").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let (_, landed) = shown.split_once("== landed\n").unwrap();
    assert!(landed.starts_with("{\"stream\""), "{shown}");
    assert!(shown.contains("== what touchdown found\ndata-altered: "), "{shown}");
}

#[test]
fn a_folder_that_cannot_be_written_loses_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let save = ["--save-regressions", "/proc/nowhere"];
    let (code, _, printed) = run_with(folder.path(), 60, 5, "array-nulls-dropped", &save);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("data-altered: made small"), "{printed}");
    assert!(
        printed.contains("could not be kept") && printed.contains("/proc/nowhere"),
        "{printed}"
    );
}

#[test]
fn one_case_that_fails_as_a_whole_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = "grep -q '\"camelCase_' \"$last\" && exit 1";
    let fault = ["--env", "FAULT=array-nulls-dropped", "--seed", "5", "-j", "2"];
    let (code, told) = run_wrapped(folder.path(), refuse, READ, &fault);
    assert_eq!(code, 1, "{told}");
    for check in ["check-passes-write-fails", "data-altered"] {
        assert!(told.contains(&format!("\n{check}  ")), "{check}: {told}");
        assert!(told.contains(&format!("  {check}: made small")), "{check}: {told}");
    }
}

#[test]
fn rows_that_cannot_be_read_back_are_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told) = run_wrapped(folder.path(), "", "sh -c 'exit 3'", &["--seed", "5"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("The read-back does not work") && told.contains("not settled"), "{told}");
}

#[test]
fn what_could_not_be_read_back_once_more_is_not_called_unrepeated() {
    let folder = tempfile::tempdir().unwrap();
    // The first write is wrong, and those after it cannot be read back: nobody knows of them.
    let script = format!(
        "for last; do :; done\n[ ! -e dead ] || grep -q '_g00000[_\"]' \"$last\" || exit 3\nexec {} reference read \"$@\"\n",
        env!("CARGO_BIN_EXE_tested-touchdown")
    );
    std::fs::write(folder.path().join("read.sh"), script).unwrap();
    let once = "[ \"$1\" = write ] && mkdir wrong 2> /dev/null && export FAULT=trim-strings";
    let run = || {
        let more = ["--seed", "5", "--examples", "20"];
        let (code, told) = run_wrapped(folder.path(), once, "sh read.sh", &more);
        assert_eq!(code, 1, "{told}");
        assert!(told.contains("FAILED  data-altered"), "{told}");
        std::fs::remove_dir(folder.path().join("wrong")).unwrap();
        told
    };
    let unrepeated = "not each time that the same was sent: data-altered";
    let told = run();
    assert!(told.contains(unrepeated) && !told.contains("read-back"), "{told}");
    std::fs::write(folder.path().join("dead"), "").unwrap();
    let told = run();
    assert!(told.contains("The read-back does not work"), "{told}");
    assert!(!told.contains(unrepeated), "{told}");
    // What passed has been seen.
    assert!(told.contains("  passed  state-lost"), "{told}");
}

#[test]
fn what_failed_before_the_subject_was_gone_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let gone = "echo >> count; [ $(wc -l < count) -lt 12 ] || rm wrapped.sh";
    let more = ["--env", "FAULT=array-nulls-dropped", "--seed", "5"];
    let (code, told) = run_wrapped(folder.path(), gone, READ, &more);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("FAILED  data-altered"), "{told}");
    assert!(told.contains("no such command"), "{told}");
}
