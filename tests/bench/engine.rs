//! What the tests of images ask of the engine.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::path::PathBuf;
use std::process::Command;

/// The containers, networks and volumes of a process's run: how each is listed.
pub fn held_by(process: u32) -> Vec<String> {
    let format = "{{.Label \"touchdown.process\"}} {{json .}}";
    let is_its = |line: &&str| line.split(' ').nth(2) == Some(&process.to_string());
    let mut held = Vec::new();
    for kind in [&["ps", "--all", "--no-trunc"][..], &["network", "ls"], &["volume", "ls"]] {
        let mut docker = Command::new("docker");
        docker.args(kind).args(["--filter", "label=touchdown.process", "--format", format]);
        let listed = String::from_utf8(docker.output().unwrap().stdout).unwrap();
        held.extend(listed.lines().filter(is_its).map(str::to_owned));
    }
    held
}

/// Where the engine of these tests listens.
pub fn socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").into()
}
