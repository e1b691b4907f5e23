//! What touchdown says of itself and of a destination is true: nothing is flattered, nothing is
//! left out, no secret gets out, and what failed can be judged and done again.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

#[path = "../bench/bench.rs"]
mod bench;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use bench::{Bench, Ended, REFERENCE, TOUCHDOWN, assert_none};
use serde_json::Value;

/// Runs touchdown over its reference destination, with a JSON report.
fn reference(bench: &Bench, more: &[&str]) -> Ended {
    let fixed = ["run", "--no-generate", "--reference", "--report-json", "report.json"];
    bench.touchdown(&[&fixed, more].concat())
}

fn rows(report: &Value) -> &Vec<Value> {
    report["results"].as_array().unwrap()
}

/// The outcomes in a report, by check.
fn outcomes(report: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut by_check: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows(report) {
        let check = row["check"].as_str().unwrap();
        by_check.entry(check).or_default().insert(row["outcome"].as_str().unwrap());
    }
    by_check
}

fn failed(report: &Value) -> BTreeSet<&str> {
    let by_check = outcomes(report).into_iter();
    by_check.filter(|(_, all)| all.contains("failed")).map(|(check, _)| check).collect()
}

/// All files below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// The folders of evidence that a run has kept.
fn kept(bench: &Bench) -> Vec<PathBuf> {
    let entries = fs::read_dir(bench.path("touchdown-out")).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

#[test]
fn a_subject_that_does_nothing_is_no_success() {
    let bench = Bench::new();
    bench.file("nothing.sh", "exit 0");
    let ended = bench.run(&["--command", "sh nothing.sh", "--report-json", "report.json"]);
    ended.says(1, &["not conformant"]);
    assert!(!ended.stdout.contains("\nconformant"));
    let report = bench.report();
    assert!(failed(&report).contains("spec-missing"));
    // What never came was not seen to be right.
    for (check, outcomes) in outcomes(&report) {
        let about_content = ["state-", "data-", "dedup-", "overwrite-", "append-"];
        if about_content.iter().any(|family| check.starts_with(family)) {
            assert!(!outcomes.contains("passed"), "{check} passed without any evidence");
        }
    }
}

#[test]
fn a_run_that_saw_nothing_calls_nobody_conformant() {
    let bench = Bench::new();
    // It is no image, so that nothing of an image can be seen.
    let ended = reference(&bench, &["--run", "image-labels"]);
    ended.says(4, &["nothing was seen"]);
    assert!(!ended.stdout.contains("\nconformant"));
    // The spec, twice, says all that there is to know.
    assert_eq!(bench.report()["launches"], 2);
}

#[test]
fn what_a_destination_has_no_notion_of_is_not_applicable() {
    let bench = Bench::new();
    let ended = reference(&bench, &["--no-namespaces", "--run", "namespaces"]);
    ended.says(0, &["conformant in all that was seen", "(--no-namespaces)"]);
    assert_eq!(outcomes(&bench.report())["namespace-ignored"], BTreeSet::from(["not-applicable"]));
}

#[test]
fn without_a_readback_data_is_not_judged() {
    let bench = Bench::new();
    let ended = bench.run(&["--command", REFERENCE, "--report-json", "report.json"]);
    ended.says(0, &["conformant in all that was seen", "not-applicable", "--readback"]);
    let report = bench.report();
    let about_rows = ["data-lost", "data-duplicated", "data-altered", "data-invented"];
    let about_modes = ["append-replaced-data", "overwrite-kept-data", "dedup-wrong-winner"];
    for check in about_rows.iter().chain(&about_modes) {
        assert_eq!(outcomes(&report)[check], BTreeSet::from(["not-applicable"]), "{check}");
        let mut of_check = rows(&report).iter().filter(|row| row["check"] == *check);
        assert!(of_check.all(|row| row["why"].as_str().is_some_and(|why| why.contains("read"))));
    }
    let counted = report["summary"]["not-applicable"].as_u64().unwrap();
    assert!(counted >= 7, "{counted}");
}

#[test]
fn the_json_report_is_as_documented_and_complete() {
    let bench = Bench::new();
    let ended = reference(&bench, &["--env", "FAULT=trim-strings", "--seed", "7"]);
    ended.says(1, &["data-altered"]);
    let report = bench.report();
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let top = ["touchdown", "subject", "seed", "launches", "wall_s", "summary", "results"];
    assert_eq!(keys(&report), top);
    assert_eq!(report["touchdown"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["subject"]["kind"], "reference");
    assert_eq!(report["seed"], 7);
    assert!(report["launches"].as_u64().is_some_and(|launches| launches > 5));
    assert!(report["wall_s"].as_f64().is_some_and(|seconds| seconds > 0.0));

    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows(&report) {
        assert_eq!(keys(row), ["check", "scenario", "level", "outcome", "why", "findings"]);
        *counts.entry(row["outcome"].as_str().unwrap()).or_default() += 1;
        let findings = row["findings"].as_array().unwrap();
        assert_eq!(findings.is_empty(), row["outcome"] != "failed", "{row}");
        for finding in findings {
            assert_eq!(keys(finding)[..3], ["message", "evidence", "platform"]);
            assert!(finding.as_object().unwrap().values().all(|text| text.as_str() != Some("")));
        }
        let needs_reason = ["inconclusive", "not-applicable", "could-not-run"];
        if needs_reason.iter().any(|outcome| row["outcome"] == *outcome) {
            assert!(row["why"].as_str().is_some_and(|why| !why.is_empty()), "{row}");
        }
    }
    let summary: BTreeMap<&str, u64> = report["summary"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(outcome, count)| (outcome.as_str(), count.as_u64().unwrap()))
        .collect();
    assert_eq!(summary, counts);

    let listed = bench.touchdown(&["list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let families = listed["families"].as_array().unwrap().iter();
    let by_level = families.flat_map(|family| family["checks"].as_object().unwrap().values());
    let listed = by_level.flat_map(|checks| checks.as_array().unwrap());
    let listed: BTreeSet<_> = listed.map(|check| check["id"].as_str().unwrap()).collect();
    let reported: BTreeSet<_> = outcomes(&report).into_keys().collect();
    assert_eq!(reported, listed);
}

#[test]
fn secrets_never_leave() {
    // The passphrase of the config that touchdown makes for its reference destination.
    const SECRET: &str = "correct horse battery staple";
    let bench = Bench::new();
    let ended = reference(&bench, &["--env", "FAULT=log-config"]);
    ended.says(1, &["output-secret-leaked", "[touchdown: secret /passphrase]"]);
    let url = SECRET.replace(' ', "%20");
    let files = files_below(bench.folder.path());
    assert!(files.iter().any(|file| file.ends_with("together/1.transcript.jsonl")));
    // What it printed, the report, and all that was kept: it is all in this folder.
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for form in [SECRET, &url] {
            assert!(!text.contains(form), "{} holds the secret", file.display());
        }
    }
}

#[test]
fn secrets_of_the_unreachable_config_never_leave_either() {
    let bench = Bench::new();
    let nowhere = r#"{"path":"/no/such/folder/db","passphrase":"another secret"}"#;
    bench.file("nowhere.json", nowhere);
    let args = ["--command", REFERENCE, "--env", "FAULT=log-config"];
    let more = ["--unreachable-config", "nowhere.json", "--report-json", "report.json"];
    let ended = bench.run(&[args, more].concat());
    ended.says(1, &["output-secret-leaked  must in check-unreachable"]);
    for file in files_below(bench.folder.path()) {
        let bytes = fs::read(&file).unwrap();
        let ours = file.ends_with("nowhere.json");
        assert!(ours || !String::from_utf8_lossy(&bytes).contains("another secret"), "{file:?}");
    }
}

#[test]
fn secrets_never_leave_however_they_are_told() {
    // Logged within a string of a string, and given a second time by --env.
    const SECRET: &str = "it's \"k\u{f6}y\" a=b&c/d\n0123456789abcdef0123456789\n";
    let bench = Bench::new();
    let config =
        serde_json::json!({"path": bench.path("db.sqlite"), "passphrase": SECRET}).to_string();
    bench.file("config.json", &config);
    let token = format!("TOK={SECRET}");
    let fault = ["--command", REFERENCE, "--env", "FAULT=log-config", "--env", &token];
    let ended = bench.run(&[&fault[..], &["--report-json", "report.json"]].concat());
    ended.says(1, &["output-secret-leaked", "[touchdown: secret /passphrase]"]);
    let script = fs::read_to_string(bench.path("touchdown-out/together/repeat.sh")).unwrap();
    assert!(script.contains("TOK=[touchdown: secret /passphrase]"), "{script}");
    for file in files_below(bench.folder.path()) {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        let ours = file == bench.path("config.json");
        for part in ["a=b&c/d", "0123456789abcdef0123456789"] {
            assert!(ours || !text.contains(part), "{} holds {part}", file.display());
        }
    }
}

#[test]
fn a_config_of_which_nobody_said_what_is_secret_is_kept_without_its_strings() {
    let bench = Bench::new();
    bench.file("subject.sh", r#"echo '{"type":"SPEC","spec":{}}'"#);
    bench.run(&["--command", "sh subject.sh"]).says(1, &["not conformant"]);
    let configs = files_below(&bench.path("touchdown-out")).into_iter();
    let configs: Vec<_> = configs.filter(|file| file.ends_with("config.json")).collect();
    assert!(!configs.is_empty());
    for config in configs {
        let text = fs::read_to_string(&config).unwrap();
        assert!(!text.contains("open sesame"), "{text}");
        assert!(text.contains("[touchdown: secret /passphrase]"), "{text}");
    }
}

// What was kept says the same again.

fn is_judged_the_same_again(fault: &str, checks: &[&str], more: &[&str]) {
    let bench = Bench::new();
    let fault = format!("FAULT={fault}");
    reference(&bench, &[&["--env", &fault], more].concat()).says(1, checks);
    let folders = kept(&bench);
    assert!(!folders.is_empty());
    for folder in folders {
        let folder = folder.display().to_string();
        let again = bench.touchdown(&["judge", &folder, "--strict"]);
        again.says(1, &["the verdicts are those that were kept", "not conformant"]);
    }
}

#[test]
fn a_folder_is_judged_the_same_again() {
    is_judged_the_same_again("reorder-states", &["state-reordered"], &[]);
    is_judged_the_same_again("trim-strings", &["data-altered"], &[]);
    is_judged_the_same_again("dedup-within-batch", &["dedup-kept-duplicates"], &[]);
}

#[test]
fn output_that_is_no_json_or_text_is_kept_as_it_was() {
    is_judged_the_same_again("nan-in-log", &["output-not-strict-json"], &[]);
    is_judged_the_same_again("latin1-log", &["output-not-utf8"], &[]);
}

#[test]
fn a_launch_that_never_ended_is_judged_the_same_again() {
    let few = ["--timeout", "2", "--run", "append-one-stream", "--run", "dedup"];
    is_judged_the_same_again("never-exits", &["hangs"], &few);
    assert_none("environ", |bytes| String::from_utf8_lossy(bytes).contains("FAULT=never-exits"));
}

// What failed can be done again.

/// Runs a shell line; returns what it printed.
fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).timeout(bench::LONGEST).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A text without the names of runs: `touchdown_20260101_abcdef`.
fn unnamed(text: &str) -> String {
    let mut parts = text.split("touchdown_20");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.get("260101_abcdef".len()..).unwrap_or(part));
    std::iter::once(first).chain(rest).collect()
}

#[test]
fn the_repeat_line_repeats_the_failure() {
    let bench = Bench::new();
    let ended = reference(&bench, &["--env", "FAULT=invent-final-state", "--run", "append-twice"]);
    ended.says(1, &["state-invented"]);
    let report = bench.report();
    let row = rows(&report).iter().find(|row| row["outcome"] == "failed").unwrap();
    assert_eq!(row["check"], "state-invented");
    let finding = &row["findings"][0];
    let (_, invented) = finding["evidence"].as_str().unwrap().split_once("{\"type\":").unwrap();

    let line = finding["repeat"].as_str().unwrap();
    assert!(ended.stdout.contains(&format!("    repeat    {line}\n")));
    let printed = shell(line);
    assert!(printed.contains(invented), "{line}\nprinted\n{printed}");

    // The script of the folder does all launches of the trial, one after the other.
    let script = kept(&bench)[0].join("repeat.sh");
    // Its streams have names of their own.
    let printed = shell(&format!("sh {}", script.display()));
    assert!(unnamed(&printed).contains(&unnamed(invented)), "{printed}");
    assert_eq!(printed.matches("\"finished\":true").count(), 2, "{printed}");
}

#[test]
fn the_repeat_line_of_a_write_that_must_fail_makes_it_fail() {
    let bench = Bench::new();
    let args = ["--env", "FAULT=die-silently", "--run", "append-one-stream", "--strict"];
    reference(&bench, &args).says(1, &["failure-without-trace"]);
    let script = bench.path("touchdown-out/write-invalid/repeat.sh");
    let ended = Command::new("sh").arg(script).timeout(bench::LONGEST).assert();
    let ended = ended.failure();
    let told = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
    assert!(!told.contains("No such file"), "it failed for another reason: {told}");
}

#[test]
fn the_repeat_lines_of_a_config_that_points_nowhere_point_nowhere() {
    let bench = Bench::new();
    let args = ["--env", "FAULT=check-own-default", "--run", "append-one-stream", "--strict"];
    reference(&bench, &args).says(1, &["check-defaults-differ"]);
    let script = bench.path("touchdown-out/check-sparse/repeat.sh");
    let ended = Command::new("sh").arg(script).timeout(bench::LONGEST).assert().failure();
    let told = String::from_utf8_lossy(&ended.get_output().stdout).into_owned();
    assert!(told.contains("SUCCEEDED") && told.contains("cannot be opened"), "{told}");

    // One that was derived, since none was given.
    let fault = ["--env", "FAULT=check-skips-connection", "--run", "append-one-stream"];
    let subject = ["--command", REFERENCE, "--report-json", "report.json"];
    bench.run(&[subject, fault].concat()).says(1, &["check-unreachable-succeeded"]);
    let report = bench.report();
    let is_it = |row: &&Value| row["check"] == "check-unreachable-succeeded";
    let row = rows(&report).iter().find(is_it).unwrap();
    let line = row["findings"][0]["repeat"].as_str().unwrap();
    let kept = bench.path("touchdown-out/check-unreachable/config.json");
    assert!(line.contains(&format!("--config {}", kept.display())), "{line}");
    assert!(shell(line).contains("SUCCEEDED"), "{line}");
}

#[test]
fn the_repeat_line_of_a_command_holds_its_environment() {
    let bench = Bench::new();
    let subject = format!("'{REFERENCE}'");
    let words = ["it's", "a \"$HOME\" `x`"].join(" ");
    let args =
        ["--command", &subject, "--env", "FAULT=invent-final-state", "--run", "append-twice"];
    let odd = format!("ODD={words}");
    bench.run(&[&args[..], &["--env", &odd, "--report-json", "report.json"]].concat());
    let report = bench.report();
    let line = rows(&report).iter().find_map(|row| row["findings"][0]["repeat"].as_str()).unwrap();
    assert!(shell(line).contains("\"finished\":true"), "{line}");
    let shown = line.replace(REFERENCE, "env");
    let shown = shell(&shown.split(" write ").next().unwrap().replace("ODD", "EVEN"));
    assert!(shown.contains(&format!("EVEN={words}\n")), "{shown}");
}

// The faultless reference destination passes, however it is run.

#[test]
fn neither_order_nor_company_makes_a_difference() {
    let bench = Bench::new();
    for more in [&["--seed", "7"][..], &["-j", "2"], &["--no-namespaces", "--seed", "8"]] {
        reference(&bench, more).says(0, &["conformant in all that was seen"]);
        let report = bench.report();
        assert_eq!(failed(&report), BTreeSet::new(), "{more:?}");
        assert_eq!(outcomes(&report)["data-lost"], BTreeSet::from(["passed"]));
    }
    assert!(!bench.path("touchdown-out").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_bug() {
    for args in ["list", "explain state-lost", "--help"] {
        let line = format!("{{ sleep 0.2; '{TOUCHDOWN}' {args}; echo $? >&2; }} | true");
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(output.stderr, b"0\n", "{args}");
    }
}
