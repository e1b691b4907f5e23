//! Destinations as images: judged as they are by command, in each way of running them; faults are
//! seen through containers, too; and each rule of an image is broken by its variant.
//!
//! The last is a kill matrix of its own, and prints as `docs/kill-matrix-images.md`;
//! `UPDATE_DOCS=1` writes that file anew.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use acceptance::images;
use serde_json::Value;
use touchdown::checks::{self, Check, Level};

/// What came of a run.
struct Ran {
    code: Option<i32>,
    /// All that was told.
    told: String,
    /// The check and the scenario of every outcome.
    outcomes: BTreeMap<(String, String), String>,
    /// What the findings say.
    findings: Vec<String>,
}

impl Ran {
    fn failed(&self) -> BTreeSet<&str> {
        let failed = self.outcomes.iter().filter(|(_, outcome)| *outcome == "failed");
        failed.map(|((check, _), _)| check.as_str()).collect()
    }

    fn outcomes_of(&self, check: &str) -> BTreeSet<&str> {
        let of_it = self.outcomes.iter().filter(|((id, _), _)| id == check);
        of_it.map(|(_, outcome)| outcome.as_str()).collect()
    }

    /// Everything but the rules of images, and what not every way of running one can show: how much
    /// memory a container held, that nobody reads its output any more, that its disk is full.
    fn verdicts(&self) -> BTreeMap<&(String, String), &str> {
        let shown_by_some = |check: &str, scenario: &str| {
            let checks = ["write-memory-unbounded", "broken-stdout-ignored", "disk-full-silent"];
            checks.contains(&check) || ["closed-output", "full-disk"].contains(&scenario)
        };
        let others = self.outcomes.iter().filter(|((check, scenario), _)| {
            !is_of_images(check) && !shown_by_some(check, scenario)
        });
        others.map(|(key, outcome)| (key, outcome.as_str())).collect()
    }

    #[track_caller]
    fn assert_conformant(&self) {
        assert_eq!(self.failed(), BTreeSet::new(), "{}", self.told);
        assert_eq!(self.code, Some(0), "{}", self.told);
    }
}

/// Runs touchdown, and sees to it that nothing is left of that.
#[track_caller]
fn run(arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"));
    command.args(["run", "--strict", "--no-generate"]).args(arguments);
    command.arg("--report-json").arg(&report).arg("--out").arg(folder.path().join("out"));
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].map(|told| String::from_utf8(told).unwrap()).concat();
    assert!(!told.contains("panicked"), "{told}");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap_or_default())
        .unwrap_or_else(|_| panic!("{arguments:?}: no report: {told}"));
    assert_nothing_left(&told);
    let (mut outcomes, mut findings) = (BTreeMap::new(), Vec::new());
    for row in report["results"].as_array().unwrap() {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        outcomes.insert((text("check"), text("scenario")), text("outcome"));
        for finding in row["findings"].as_array().into_iter().flatten() {
            // Not the line that repeats it, which holds all that was given.
            findings.push(format!("{} {}", finding["message"], finding["evidence"]));
        }
    }
    Ran { code: output.status.code(), told, outcomes, findings }
}

/// Other runs go on beside this one: only what bears its name is looked for.
#[track_caller]
fn assert_nothing_left(told: &str) {
    let (_, name) = told.rsplit_once(", namespace ").unwrap_or_else(|| panic!("no name: {told}"));
    let filter = format!("label=touchdown.run={}", name.lines().next().unwrap());
    for list in [&["ps", "--all"][..], &["volume", "ls"], &["network", "ls"]] {
        let listed =
            Command::new("docker").args(list).args(["--quiet", "--filter", &filter]).output();
        let left = String::from_utf8(listed.unwrap().stdout).unwrap();
        assert_eq!(left, "", "docker {list:?} --filter {filter}");
    }
}

/// Does the same to all, two at a time: a machine that starts more containers at once does not
/// start them sooner.
fn for_each<T: Sync>(all: &[T], act: impl Fn(&T) + Sync) {
    let queue = Mutex::new(all.iter());
    let work = || {
        while let Some(one) = { queue.lock().unwrap().next() } {
            act(one);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
}

fn of_images() -> impl Iterator<Item = &'static Check> {
    checks::all().filter(|check| check.on == checks::IMAGE)
}

fn is_of_images(check: &str) -> bool {
    of_images().any(|of_image| of_image.id == check)
}

/// The check that a fault or a variant proves.
fn proved_by(fault: &str) -> &'static Check {
    checks::all().find(|check| check.proved_by == fault).unwrap()
}

/// That check, and those that the fault cannot help failing.
fn failed_by(fault: &str) -> BTreeSet<&'static str> {
    let check = proved_by(fault);
    check.companions.iter().copied().chain([check.id]).collect()
}

#[test]
fn the_reference_is_judged_alike_by_command_and_in_each_way_of_running_its_image() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let (reference, shell) = (images::reference(), images::with_shell());
    let ways: [&[&str]; 4] = [
        &["--reference"],
        &["--image", &reference],
        &["--image", &shell],
        &["--image", &shell, "--io", "attach"],
    ];
    let ran = Mutex::new(BTreeMap::new());
    for_each(&[0, 1, 2, 3], |nth| {
        let one = run(&[ways[*nth], &["-j", "2"]].concat());
        ran.lock().unwrap().insert(*nth, one);
    });
    let ran = ran.into_inner().unwrap();
    for (nth, way) in ways.iter().enumerate() {
        ran[&nth].assert_conformant();
        assert_eq!(ran[&nth].verdicts(), ran[&0].verdicts(), "{way:?}");
        for check in of_images() {
            let wanted = match nth {
                // It is no image.
                0 => "not-applicable",
                // Attached to on purpose, it need not have a shell.
                1 | 3 if check.id == "image-no-shell" => "not-applicable",
                _ => "passed",
            };
            assert_eq!(ran[&nth].outcomes_of(check.id), [wanted].into(), "{} {way:?}", check.id);
        }
    }
}

#[test]
fn the_python_image_is_conformant() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let ran = run(&["--image", &images::python(), "-j", "2"]);
    ran.assert_conformant();
    for check in [
        "data-lost",
        "overwrite-kept-data",
        "state-lost",
        "state-not-flushed",
        "state-not-durable",
        "sigterm-ignored",
        "broken-stdout-ignored",
        "generation-dropped-early",
    ] {
        assert!(ran.outcomes_of(check).contains("passed"), "{check}: {}", ran.told);
    }
}

/// A fault of each kind, a scenario that shows it, and limits within which it shows: wider than by
/// command, since the start of a container takes its time.
const FAULTS: &[(&str, &str, &[&str])] = &[
    // What is printed.
    ("join-messages", "no-messages", &[]),
    ("latin1-log", "no-messages", &[]),
    ("log-config", "no-messages", &[]),
    // How it ends.
    ("die-silently", "global-states", &[]),
    ("fail-with-zero", "global-states", &[]),
    ("exit-one", "global-states", &[]),
    ("never-exits", "no-messages", &["--timeout", "5"]),
    // What it waits for.
    ("spec-reads-stdin", "no-messages", &["--timeout", "5"]),
    ("check-dawdles", "no-messages", &["--check-within", "4", "--env", "DAWDLE_MS=4000"]),
    // What lands, and outlives a launch.
    ("forget-last-flush", "other-locale", &[]),
    ("overwrite-appends", "overwrite-twice", &[]),
    // Which states come back, and when.
    ("reorder-states", "gated", &[]),
    ("hold-states-to-end", "gated", &["--ack-within", "1"]),
    ("buffer-stdout", "gated", &[]),
    ("predict-next-state", "gated", &[]),
];

#[test]
fn faults_are_caught_in_containers() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let (reference, shell) = (images::reference(), images::with_shell());
    let both = FAULTS.iter().flat_map(|row| [(&shell, row), (&reference, row)]);
    let wrong = Mutex::new(String::new());
    for_each(&both.collect::<Vec<_>>(), |(image, (fault, scenario, limits))| {
        let fault_env = format!("FAULT={fault}");
        let ran = run(&[
            &["--image", image, "--env", &fault_env][..],
            // Companions show in other scenarios.
            &["--run", scenario, "--skip", "image-*"],
            limits,
        ]
        .concat());
        if ran.failed() != [proved_by(fault).id].into() || ran.code != Some(1) {
            let mut wrong = wrong.lock().unwrap();
            let (failed, code) = (ran.failed(), ran.code);
            let _ = writeln!(wrong, "{image}: {fault} fails {failed:?}, exit code {code:?}");
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Limits that a fault needs to show in a short run, and that a container's start does not reach.
fn limits(fault: &str) -> &'static [&'static str] {
    let row = FAULTS.iter().find(|(known, ..)| *known == fault);
    row.map_or(&[], |(_, _, limits)| limits)
}

/// Every fault, on both images. It takes a quarter of an hour, and is for who works on how
/// containers are run: `cargo test -p acceptance --test images -- --ignored`.
#[test]
#[ignore = "takes a quarter of an hour"]
fn the_whole_kill_matrix_on_images() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let (reference, shell) = (images::reference(), images::with_shell());
    let of_commands = checks::all().filter(|check| check.on != checks::IMAGE);
    let both = of_commands.flat_map(|check| [(&shell, check), (&reference, check)]);
    let wrong = Mutex::new(String::new());
    for_each(&both.collect::<Vec<_>>(), |(image, check)| {
        let fault = format!("FAULT={}", check.proved_by);
        // Those of spec alone are seen in two launches.
        let of_spec = check.id.starts_with("spec-");
        let only: &[&str] = if of_spec { &["--run", "spec-*"] } else { &["--skip", "image-*"] };
        let ran = run(&[
            &["--image", image, "-j", "2", "--env", &fault][..],
            only,
            limits(check.proved_by),
        ]
        .concat());
        let code = Some(i32::from(check.level != Level::Advice));
        if ran.failed() != failed_by(check.proved_by) || ran.code != code {
            let line = format!(
                "{image}: {} of {} fails {:?}, exit code {:?}\n",
                check.proved_by,
                check.id,
                ran.failed(),
                ran.code
            );
            eprint!("{line}");
            wrong.lock().unwrap().push_str(&line);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Under a shell a process that is left running goes on, and is found. (Attached to, the connector
/// is process 1, and all that it has started ends with it.)
#[test]
fn a_helper_process_that_is_left_running_is_found() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let ran = run(&[
        "--image",
        &images::with_shell(),
        "--env",
        "AIRBYTE_ENTRYPOINT=sleep 600 < /dev/null > /dev/null 2>&1 & /touchdown-reference",
        "--run",
        "no-messages",
        "--skip",
        "image-*",
    ]);
    assert_eq!(ran.failed(), ["hangs"].into(), "{}", ran.told);
    assert!(ran.findings.iter().all(|finding| finding.contains("sleep 600")), "{}", ran.told);
}

#[test]
fn too_little_memory_is_named() {
    if images::engine_or_skip().is_none() {
        return;
    }
    // Killed at once, where a large program may go on for minutes, read from disk over and over.
    let greedy = "AIRBYTE_ENTRYPOINT=run() { [ $1 != write ] || exec dd if=/dev/zero of=/dev/null \
                  bs=64M; /touchdown-reference \"$@\"; }; run";
    let ran = run(&[
        &["--image", &images::with_shell(), "--memory", "16m", "--env", greedy][..],
        &["--run", "global-states", "--run", "check-passes-write-fails"],
    ]
    .concat());
    assert_eq!(ran.failed(), ["check-passes-write-fails"].into(), "{}", ran.told);
    assert!(
        ran.findings.iter().all(|finding| finding.contains("took more memory")),
        "{}",
        ran.told
    );
}

#[test]
fn a_full_disk_is_named() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let ran = run(&[
        &["--image", &images::with_shell(), "--volume", "/local=64k"][..],
        &["--run", "global-states", "--run", "check-passes-write-fails"],
    ]
    .concat());
    assert_eq!(ran.failed(), ["check-passes-write-fails"].into(), "{}", ran.told);
    assert!(ran.findings.iter().all(|it| it.contains("The disk is full.")), "{}", ran.told);
}

#[test]
fn little_is_enough_for_a_run() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let (reference, shell) = (images::reference(), images::with_shell());
    let enough: [&[&str]; 4] = [
        &["--image", &shell, "--read-only"],
        &["--image", &reference, "--read-only"],
        &["--image", &shell, "--network", "none"],
        &["--image", &shell, "--volume", "/local=8m", "--memory", "64m"],
    ];
    for_each(&enough, |options| {
        let ran = run(&[*options, &["--run", "global-states", "-j", "2"]].concat());
        ran.assert_conformant();
        assert!(ran.outcomes_of("data-lost").contains("passed"), "{options:?}: {}", ran.told);
    });
}

/// Variants of which there is nothing to judge, since no way of running them leads to a spec.
const SILENT: [&str; 3] = ["no-such-entrypoint", "ignores-arguments", "never-ends"];

#[test]
fn every_check_of_images_is_failed_by_its_variant_and_by_nothing_else() {
    let Some(engine) = images::engine_or_skip() else { return };
    let variants = images::VARIANTS.iter().map(|(name, _)| *name);
    let variants: Vec<&str> = variants.filter(|name| !SILENT.contains(name)).collect();
    for check in of_images() {
        assert!(variants.contains(&check.proved_by), "{}: {}", check.id, check.proved_by);
    }
    let wrong = Mutex::new(String::new());
    for_each(&variants, |name| {
        let ran = run(&["--image", &images::variant(name), "--run", "image-*"]);
        let wanted = match *name {
            // The other way of breaking that rule.
            "no-entrypoint-variable" => failed_by("entrypoint-differs"),
            // Told for the engine's own architecture; the other one is no fault.
            "other-architecture" if engine.architecture != "amd64" => BTreeSet::new(),
            _ => failed_by(name),
        };
        let advice =
            checks::all().filter(|check| check.level == Level::Advice).map(|check| check.id);
        let fails_run = !wanted.is_subset(&advice.collect());
        // A run that goes on as far as it can settles the other rules.
        let settled = of_images()
            .filter(|check| !wanted.contains(check.id))
            .all(|check| ran.outcomes_of(check.id).is_subset(&SETTLED.into()));
        if ran.failed() != wanted || ran.code != Some(i32::from(fails_run)) || !settled {
            let _ =
                writeln!(wrong.lock().unwrap(), "{name}, exit code {:?}:\n{}", ran.code, ran.told);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{wrong}");
}

const SETTLED: [&str; 3] = ["passed", "inconclusive", "not-applicable"];

/// An image that breaks a rule is judged by all the others, in another way of running it.
#[test]
fn the_rest_of_a_run_is_judged_whatever_the_image_lacks() {
    if images::engine_or_skip().is_none() {
        return;
    }
    for_each(&["entrypoint-relative", "needs-root", "no-shell"], |name| {
        let image = images::variant(name);
        let ran = run(&["--image", &image, "-j", "2", "--run", "global-states"]);
        assert_eq!(ran.failed(), failed_by(name), "{name}: {}", ran.told);
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.told);
        for check in ["check-valid-config-failed", "data-lost", "state-lost"] {
            assert!(ran.outcomes_of(check).contains("passed"), "{name}: {check}: {}", ran.told);
        }
    });
}

/// The table of the matrix, held against its page.
#[test]
fn the_page_of_the_matrix_is_up_to_date() {
    let mut page = String::from(
        "# The kill matrix of images\n\n\
         Every check of images, and the variant of the reference destination's image that proves\n\
         that it can fail. The companions are checks that the same variant cannot help failing.\n\
         [The kill matrix](kill-matrix.md) has all other checks.\n\
         Made by `cargo test -p acceptance --test images`, which fails where this page is stale\n\
         (`UPDATE_DOCS=1` writes it).\n\n\
         | check | level | variant | companions |\n|---|---|---|---|\n",
    );
    for Check { id, level, proved_by, companions, .. } in of_images() {
        let companions = companions.join(", ");
        let _ = writeln!(page, "| `{id}` | {} | `{proved_by}` | {companions} |", level.name());
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/kill-matrix-images.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, page, "docs/kill-matrix-images.md is stale: run with UPDATE_DOCS=1");
}
