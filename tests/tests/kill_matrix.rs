//! The kill matrix: every check is failed by its fault, and by nothing else that the fault is not
//! known for; the faultless reference destination fails none. Checks of images are proved by
//! variants of an image, elsewhere.
//!
//! It prints as `docs/kill-matrix.md`; `UPDATE_DOCS=1` writes that file anew.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use reference_destination::faults::{Fault, Kind};
use serde_json::Value;
use touchdown::checks::{self, Check};

/// The checks that a destination can fail which is given by command.
fn of_commands() -> impl Iterator<Item = &'static Check> {
    checks::all().filter(|check| check.on != checks::IMAGE)
}

/// Limits that a fault needs to show in a short run.
fn flags(fault: &str) -> &'static [&'static str] {
    match fault {
        "never-exits" | "spec-reads-stdin" => &["--timeout", "2"],
        "check-dawdles" => &["--check-within", "1"],
        "hold-states-to-end" => &["--ack-within", "1"],
        "bounded-state-queue" => &["--timeout", "3"],
        "spec-reworded" | "spec-renamed-property" => &["--snapshots", SNAPSHOTS],
        "linger-after-close" => &["--exit-within", "1", "--env", "LINGER_MS=2500"],
        _ => &[],
    }
}

/// The reviewed spec of the reference destination.
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots/reference");

/// Scenarios that take long, each with the fault that it is there for: other runs do without them.
const LONG: [(&str, &str); 4] = [
    ("long-stream", "keep-all-records"),
    ("long-lines", "line-limit"),
    ("slow-input", "half-line-is-a-line"),
    ("blocked-output", "drop-when-blocked"),
];

/// How many trials at a time: under some faults they would be in each other's way.
fn jobs(fault: &str) -> &'static str {
    if ["lock-for-whole-sync", "overwrite-drops-strangers"].contains(&fault) { "1" } else { "2" }
}

struct Run {
    /// Checks that failed, with where.
    failed: BTreeMap<String, BTreeSet<String>>,
    outcomes: BTreeMap<String, BTreeSet<String>>,
    code: Option<i32>,
    launches: u64,
}

fn run(fault: Option<&str>, folder: &Path) -> Run {
    let report = folder.join(format!("{}.json", fault.unwrap_or("none")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"));
    command.args(["run", "--no-generate", "--reference", "--strict"]);
    command
        .arg("--report-json")
        .arg(&report)
        .arg("--out")
        .arg(folder.join(fault.unwrap_or("none")));
    if fault.is_none() {
        // Patience, so that a busy machine keeps no check from its evidence.
        command.args(["--ack-within", "5", "--snapshots", SNAPSHOTS]);
    }
    if let Some(fault) = fault {
        command.args(["--env", &format!("FAULT={fault}"), "-j", jobs(fault)]).args(flags(fault));
        for (scenario, _) in LONG.iter().filter(|(_, needs_it)| *needs_it != fault) {
            command.args(["--skip", scenario]);
        }
    }
    let output = command.output().unwrap();
    let text = std::fs::read_to_string(&report).unwrap_or_else(|error| {
        panic!("{fault:?}: no report ({error}): {}", String::from_utf8_lossy(&output.stderr))
    });
    let report: Value = serde_json::from_str(&text).unwrap();
    let mut failed: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut outcomes: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for row in report["results"].as_array().unwrap() {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        if row["outcome"] == "failed" {
            assert!(!row["findings"].as_array().unwrap().is_empty(), "a failure without a finding");
            failed.entry(text("check")).or_default().insert(text("scenario"));
        }
        outcomes.entry(text("check")).or_default().insert(text("outcome"));
    }
    let launches = report["launches"].as_u64().unwrap();
    Run { failed, outcomes, code: output.status.code(), launches }
}

#[test]
fn the_faultless_reference_fails_none() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(None, folder.path());
    assert_eq!(run.failed, BTreeMap::new());
    assert_eq!(run.code, Some(0));
    assert!(run.launches <= 40, "{} launches", run.launches);
    // What it did not show is listed here, so that no check falls silent unnoticed.
    let silent: Vec<_> = run
        .outcomes
        .iter()
        .filter(|(_, outcomes)| !outcomes.contains("passed"))
        .map(|(check, _)| check.as_str())
        .collect();
    assert_eq!(
        silent,
        [
            "control-config-invalid",
            // It is no image.
            "image-entrypoint-env",
            "image-labels",
            "image-needs-cwd",
            "image-needs-root",
            "image-no-shell",
            "image-not-amd64",
            "image-not-pid1-safe",
            "image-runs-without-network",
            "spec-array-items",
            "spec-date-without-pattern",
            "spec-normalization-without-dbt",
            "spec-oauth-path",
            "spec-type-list",
        ]
    );
}

/// Runs every fault of a list, two at a time.
fn run_all(faults: &[&'static str], folder: &Path) -> BTreeMap<&'static str, Run> {
    let queue = Mutex::new(faults.iter());
    let runs = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(fault) = { queue.lock().unwrap().next() } {
            let run = run(Some(fault), folder);
            runs.lock().unwrap().insert(*fault, run);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    runs.into_inner().unwrap()
}

#[test]
fn every_check_is_failed_by_its_fault_and_every_subtle_fault_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let proofs: Vec<&str> = of_commands().map(|check| check.proved_by).collect();
    let subtle = Fault::ALL.iter().filter(|fault| fault.kind() == Kind::Subtle);
    let subtle: Vec<&Fault> = subtle.collect();
    assert!(subtle.len() >= 20, "{} subtle faults", subtle.len());
    let names = proofs.iter().copied().chain(subtle.iter().map(|fault| fault.name()));
    let runs = run_all(&names.collect::<Vec<_>>(), folder.path());
    let mut wrong = String::new();
    for check in of_commands() {
        let run = &runs[check.proved_by];
        let wanted: BTreeSet<&str> = check.companions.iter().copied().chain([check.id]).collect();
        let failed: BTreeSet<&str> = run.failed.keys().map(String::as_str).collect();
        let code = Some(i32::from(check.level != checks::Level::Advice));
        if failed != wanted || run.code != code {
            let _ = writeln!(
                wrong,
                "{}: FAULT={} fails {failed:?} with exit code {:?}",
                check.id, check.proved_by, run.code
            );
        }
    }
    for fault in &subtle {
        if runs[fault.name()].code != Some(1) {
            let _ = writeln!(wrong, "the subtle fault {} is not found", fault.name());
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_page_shows_the_matrix() {
    let row = |page: &mut String, first: &str, fault: &Fault, last: &str| {
        let _ = writeln!(page, "|{first} `{}` | {} |{last}", fault.name(), fault.about());
    };
    let mut page = String::from(
        "# The kill matrix\n\n\
         Every check but those of images, [which have a page of their own](kill-matrix-images.md),\n\
         the fault of the reference destination that proves that it can fail, and the mistake that an\n\
         author would have made. The companions are checks that the same fault cannot help failing.\n\
         Four scenarios that take long are run with the faults alone that they are there for.\n\
         `cargo test -p acceptance --test kill_matrix` runs every line of it, and fails where this\n\
         page is stale (`UPDATE_DOCS=1` writes it).\n\n\
         | check | level | fault | the mistake | companions |\n|---|---|---|---|---|\n",
    );
    for check in of_commands() {
        let fault = Fault::ALL.iter().find(|fault| fault.name() == check.proved_by).unwrap();
        let first = format!(" `{}` | {} |", check.id, check.level.name());
        row(&mut page, &first, fault, &format!(" {} |", check.companions.join(", ")));
    }
    page.push_str(
        "\n## Subtle faults\n\n\
         Faults that show only at scale or in a combination. Each is found; by which checks may depend\n\
         on the moment of a kill, and is not laid down.\n\n| fault | the mistake |\n|---|---|\n",
    );
    for fault in Fault::ALL.iter().filter(|fault| fault.kind() == Kind::Subtle) {
        row(&mut page, "", fault, "");
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/kill-matrix.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, page, "docs/kill-matrix.md is stale: run with UPDATE_DOCS=1");
}
