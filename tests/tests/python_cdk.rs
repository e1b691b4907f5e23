//! The second subject: a destination on Airbyte's Python CDK, from the first line to the last.

use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::venv;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python-cdk")
}

#[test]
fn the_example_is_conformant() {
    let python = venv::python("python-cdk", &example().join("requirements.txt"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, path: &Path| {
        let file = folder.path().join(name);
        std::fs::write(&file, serde_json::json!({"destination_path": path}).to_string()).unwrap();
        file
    };
    let config = write("config.json", &folder.path().join("rows"));
    let unreachable = write("unreachable.json", Path::new("/dev/null/rows"));
    let output = Command::new(env!("CARGO_BIN_EXE_tested-touchdown"))
        .args(["run", "--strict", "-j", "2", "--declare", "refreshes"])
        .args(["--declare", "unknown-streams=failed", "--declare", "numbers=exact", "--command"])
        .arg(format!("{} main.py", python.display()))
        .arg("--workdir")
        .arg(example())
        .arg("--config")
        .arg(&config)
        .arg("--unreachable-config")
        .arg(&unreachable)
        .arg("--readback-once")
        .arg(format!("{} read.py", python.display()))
        .arg("--out")
        .arg(folder.path().join("out"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for check in [
        "data-lost",
        "overwrite-kept-data",
        "state-lost",
        "state-not-flushed",
        "state-not-durable",
        "state-global-partial",
        "killed-then-stuck",
        "generation-lost-attempt",
        "type-boundary",
        "write-memory-unbounded",
    ] {
        let line = told.lines().find(|line| line.contains(check)).unwrap();
        assert!(line.trim_start().starts_with("passed"), "{line}");
    }
}

#[test]
fn the_examples_own_tests_pass() {
    let python = venv::python("python-cdk", &example().join("requirements.txt"));
    let output =
        Command::new(python).args(["-m", "unittest"]).current_dir(example()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
