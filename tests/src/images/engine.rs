//! The container engine, as far as making images goes.

use std::io::{self, Write};
use std::panic::Location;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::{env, thread};

use super::machine::{lock, or_panic, run};

/// A container engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The processor that its images are for, in its own words: `amd64`, `arm64`.
    pub architecture: String,
}

/// The engine, if docker can be used.
#[must_use]
pub fn available() -> Option<Engine> {
    look().ok()
}

/// The engine; or nothing, and a line that says which test was skipped and why.
///
/// # Panics
///
/// In CI (`CI` is set), where docker has to be there.
#[must_use]
#[track_caller]
pub fn engine_or_skip() -> Option<Engine> {
    let why = match look() {
        Ok(engine) => return Some(engine),
        Err(why) => why,
    };
    assert!(env::var_os("CI").is_none(), "this test needs docker: {why}");
    let test = thread::current();
    let place = Location::caller();
    let test = test.name().unwrap_or("a test");
    let line = format!("SKIPPED {test} ({place}): {why}\n");
    // Not `eprintln!`, which is shown for failing tests alone; and at once, since tests run at once.
    let _ = io::stderr().write_all(line.as_bytes());
    None
}

fn look() -> Result<Engine, String> {
    static FOUND: OnceLock<Result<Engine, String>> = OnceLock::new();
    let ask = || {
        let output = docker(["version", "--format", "{{.Server.Arch}}"])
            .output()
            .map_err(|error| format!("docker could not be started: {error}"))?;
        if output.status.success() {
            let architecture = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            return Ok(Engine { architecture });
        }
        let told = String::from_utf8_lossy(&output.stderr);
        Err(format!("docker cannot be used: {}", told.trim()))
    };
    FOUND.get_or_init(ask).clone()
}

/// A command of docker's.
pub fn docker<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new("docker");
    command.args(arguments);
    command
}

/// The tag of the image `name` with this hash. `make` is called with it if the engine has no such
/// image.
pub fn image(name: &str, hash: &str, make: impl FnOnce(&str)) -> String {
    let tag = format!("touchdown-test/{name}:{hash}");
    let _one_at_a_time = lock(name);
    let has = or_panic(docker(["image", "inspect", &tag]).output(), || "docker".to_owned());
    if !has.status.success() {
        make(&tag);
    }
    tag
}

/// Builds the Dockerfile of a folder.
pub fn build(tag: &str, folder: &Path, more: &[&str]) {
    let mut command = docker(["build", "--tag", tag]);
    run(command.args(more).arg(folder));
}

/// Whether `docker build` is done by `BuildKit`, and not by the classic builder.
pub fn build_kit() -> bool {
    let turned_off = env::var_os("DOCKER_BUILDKIT").is_some_and(|value| value == "0");
    let version = docker(["buildx", "version"]).output();
    !turned_off && version.is_ok_and(|output| output.status.success())
}
