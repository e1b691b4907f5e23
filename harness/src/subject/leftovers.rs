//! Processes that a launch leaves behind.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::command::MARKER;

/// A process that is still alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its id.
    pub pid: i32,
    /// Its command line, shortened.
    pub command: String,
}

/// What one look at all processes has found.
#[derive(Debug, Default)]
pub struct Look {
    /// Those that belong to the launch.
    pub left: Vec<Leftover>,
    /// Whether there is one of which it cannot be told: while it is becoming another program, a
    /// process shows no environment.
    pub is_unsure: bool,
}

/// The living processes that belong to a launch: those of its process group, and those that
/// inherited its environment and left the group. Only Linux tells; elsewhere there are none.
#[must_use]
pub fn of_launch(group: i32, marker: &str) -> Look {
    let mut look = Look::default();
    let variable = format!("{MARKER}={marker}");
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        match is_of_launch(pid, group, variable.as_bytes()) {
            Some(true) => look.left.push(Leftover { pid, command: command_line(pid) }),
            Some(false) => {}
            None => look.is_unsure = true,
        }
    }
    look
}

/// The flag of threads of the kernel, which have no environment.
const KERNEL: u64 = 0x0020_0000;

/// Whether a process belongs to a launch; none where that cannot be told.
fn is_of_launch(pid: i32, group: i32, variable: &[u8]) -> Option<bool> {
    let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else {
        return Some(false);
    };
    // pid (name, which may hold anything) state ppid pgrp …
    let name_end = stat.iter().rposition(|byte| *byte == b')').unwrap_or(0);
    let after = String::from_utf8_lossy(&stat[name_end + 1..]).into_owned();
    let mut fields = after.split_ascii_whitespace();
    let state = fields.next().unwrap_or("Z");
    let pgrp = fields.nth(1).and_then(|pgrp| pgrp.parse::<i32>().ok());
    // … session tty tpgid flags
    let flags = fields.nth(3).and_then(|flags| flags.parse::<u64>().ok());
    if matches!(state, "Z" | "X") || flags.is_some_and(|flags| flags & KERNEL != 0) {
        return Some(false);
    }
    if pgrp == Some(group) {
        return Some(true);
    }
    match fs::read(format!("/proc/{pid}/environ")) {
        Ok(environ) if environ.is_empty() => None,
        Ok(environ) => Some(environ.split(|byte| *byte == 0).any(|entry| entry == variable)),
        // It is another user's, or has ended.
        Err(_) => Some(false),
    }
}

/// The most memory that a process and its descendants have held so far, each at its own time, in
/// bytes. Only Linux tells.
#[must_use]
pub fn peak_rss(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_ascii_whitespace().filter_map(|child| child.parse().ok());
    kib.unwrap_or(0) * 1024 + children.map(peak_rss).sum::<u64>()
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| OsStr::from_bytes(word).to_string_lossy().into_owned())
        .collect();
    let line = words.join(" ");
    line.chars().take(120).collect()
}

/// Ends these processes at once.
pub fn end(leftovers: &[Leftover]) {
    for leftover in leftovers {
        // It may have ended by itself in the meantime.
        let _ = kill(Pid::from_raw(leftover.pid), Signal::SIGKILL);
    }
}
