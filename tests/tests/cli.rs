//! What touchdown shows, word for word.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

use assert_cmd::Command;
use insta::{Settings, assert_snapshot};
use tempfile::TempDir;

/// Runs touchdown in a folder of its own; returns its exit code, stdout and stderr.
fn touchdown(args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"))
        .args(args)
        .current_dir(folder.path())
        .env_remove("CLICOLOR_FORCE")
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .env_remove("COLUMNS")
        .envs(env.iter().copied())
        .timeout(std::time::Duration::from_secs(60))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| {
        // Everything below the folder is named by it.
        let place = folder.path().canonicalize().unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.replace(&place.display().to_string(), "[here]")
    };
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

/// Snapshots hold none of what differs from run to run and from machine to machine.
fn settings() -> Settings {
    let mut settings = Settings::clone_current();
    let binary = env!("CARGO_BIN_EXE_tested-touchdown");
    for (what, with) in [
        (binary, "[touchdown]"),
        ("tested-touchdown", "touchdown"),
        (r"touchdown_\d{8}_[0-9a-z]{6}", "[run]"),
        (r"launches in \d+\.\d s", "launches in [time] s"),
        (r"/\S*/touchdown-reference-\w+", "[reference]"),
        (r#""emitted_at":\d+"#, r#""emitted_at":[time]"#),
    ] {
        settings.add_filter(what, with);
    }
    settings
}

/// Runs touchdown and holds what it prints against a snapshot.
fn shows(name: &str, args: &[&str], code: i32) {
    let (ended, stdout, stderr) = touchdown(args, &[]);
    assert_eq!((ended, stderr.as_str()), (code, ""), "{stdout}");
    settings().bind(|| assert_snapshot!(name, stdout));
}

const STATES: [&str; 6] = ["run", "--reference", "--run", "state-*", "--run", "append-twice"];

#[test]
fn help() {
    shows("help", &["--help"], 0);
    shows("run-help", &["run", "--help"], 0);
}

#[test]
fn list() {
    shows("list", &["list"], 0);
}

#[test]
fn explain() {
    shows("explain-state-reordered", &["explain", "state-reordered"], 0);
}

#[test]
fn a_run_in_which_all_is_well() {
    shows("run-conformant", &STATES, 0);
}

#[test]
fn a_run_in_which_a_rule_is_broken() {
    let broken = [&STATES[..], &["--env", "FAULT=reorder-states"]].concat();
    shows("run-broken", &broken, 1);
}

#[test]
fn a_folder_judged_again() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    let broken = [&STATES[..], &["--env", "FAULT=reorder-states", "--out", out]].concat();
    assert_eq!(touchdown(&broken, &[]).0, 1);
    let kept = folder.path().join("append-twice").display().to_string();
    let (code, stdout, stderr) = touchdown(&["judge", &kept], &[]);
    assert_eq!((code, stderr.as_str()), (1, ""));
    let stdout = stdout.replace(out, "[out]");
    settings().bind(|| assert_snapshot!("judge", stdout));
}

#[test]
fn errors() {
    for (name, args, code) in [
        ("error-unknown-check", &["explain", "state-reorder"][..], 2),
        ("error-unknown-flag", &["run", "--refrence"], 2),
        ("error-no-subject", &["run"], 2),
        ("error-no-config", &["run", "--command", "true"], 2),
        ("error-no-command", &[], 2),
    ] {
        let (ended, stdout, stderr) = touchdown(args, &[]);
        assert_eq!((ended, stdout.as_str()), (code, ""), "{stderr}");
        settings().bind(|| assert_snapshot!(name, stderr));
    }
}

#[test]
fn what_is_no_terminal_gets_no_escape_codes() {
    let broken = [&STATES[..], &["--env", "FAULT=reorder-states"]].concat();
    for env in [
        &[][..],
        &[("NO_COLOR", "1")],
        &[("TERM", "dumb")],
        &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")],
    ] {
        for (args, code) in [(&broken[..], 1), (&["--help"], 0), (&["run", "--bad"], 2)] {
            let (ended, stdout, stderr) = touchdown(args, env);
            assert_eq!(ended, code);
            assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'), "{env:?}: {stdout}");
        }
    }
}

#[test]
fn a_terminal_gets_colours_unless_they_are_not_wanted() {
    // `script` makes a terminal; where it is missing there is nothing to be seen.
    let on_terminal = |env: &[(&str, &str)]| {
        let folder = TempDir::new().unwrap();
        let line = format!("'{}' {} --env FAULT=reorder-states", binary(), STATES.join(" "));
        let line = line.replace("state-*", "'state-*'");
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "typescript"])
            .current_dir(folder.path())
            .env_remove("NO_COLOR")
            .env_remove("CI")
            .env("TERM", "xterm")
            .envs(env.iter().copied())
            .timeout(std::time::Duration::from_secs(60))
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let verdict = "not conformant";
    if let Some(coloured) = on_terminal(&[]) {
        assert!(coloured.contains(verdict) && coloured.contains("\x1b[1m\x1b[31m"), "{coloured}");
    }
    for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        if let Some(plain) = on_terminal(&[env]) {
            // Only the progress bar may move the cursor.
            assert!(plain.contains(verdict) && !plain.contains("\x1b[31m"), "{env:?}: {plain}");
        }
    }
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_tested-touchdown")
}
