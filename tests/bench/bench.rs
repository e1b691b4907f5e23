//! A bench to run touchdown on: a folder with a config, bounds of time and memory, and a look for
//! what no run may do or leave.

#![allow(dead_code, reason = "each test program takes what it needs")]

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

pub const TOUCHDOWN: &str = env!("CARGO_BIN_EXE_tested-touchdown");
pub const REFERENCE: &str = env!("CARGO_BIN_EXE_tested-reference");

/// No run takes longer, even on a machine that is busy with others.
pub const LONGEST: Duration = Duration::from_secs(90);
/// What the harness itself may hold at its peak, in MiB.
const MOST_MEMORY: u64 = 400;

/// A folder with a config in it, in which touchdown is run.
pub struct Bench {
    pub folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// The most memory that touchdown held, in MiB.
    pub peak: u64,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({"path": folder.path().join("db.sqlite"), "passphrase": "open sesame"});
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders above it.
    pub fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// The command of a subject that is the reference destination, but for its `write`.
    pub fn writes_by(&self, script: &str) -> String {
        let script = format!("case $1 in write) {script};; *) exec '{REFERENCE}' \"$@\";; esac\n");
        self.file("subject.sh", &script);
        format!("sh {}", self.path("subject.sh").display())
    }

    /// Runs touchdown to its end, and looks for what no run may do.
    pub fn touchdown<S: AsRef<OsStr> + Debug>(&self, args: &[S]) -> Ended {
        let [out, err] = ["stdout", "stderr"].map(|name| self.path(name));
        let began = Instant::now();
        let mut child = Command::new(TOUCHDOWN)
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        let mut peak = 0;
        let status = loop {
            // The high water mark only rises: what was seen last is nearly all there was.
            peak = high_water_mark(child.id()).unwrap_or(0).max(peak);
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > LONGEST {
                child.kill().unwrap();
                panic!("{args:?} was not over after {LONGEST:?}");
            }
            sleep(Duration::from_millis(5));
        };
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let ended = Ended { code: status.code(), stdout: read(&out), stderr: read(&err), peak };
        let told = &ended.stderr;
        assert!(
            !told.contains("panicked") && !told.contains("bug of touchdown"),
            "{args:?}: {told}"
        );
        assert!(peak < MOST_MEMORY, "{args:?} held {peak} MiB");
        assert_nothing_left(child.id());
        ended
    }

    /// `touchdown run` with the config and these further arguments.
    pub fn run(&self, args: &[&str]) -> Ended {
        let fixed = ["run", "--no-generate", "--config", "config.json"];
        self.touchdown(&[&fixed, args].concat())
    }

    /// The JSON report that a run has left in `report.json`.
    pub fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("report.json")).unwrap()).unwrap()
    }
}

impl Ended {
    /// Ended with this code, and said all of this.
    pub fn says(&self, code: i32, what: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for what in what {
            assert!(
                self.stdout.contains(what) || self.stderr.contains(what),
                "nothing says {what:?}: {self:#?}"
            );
        }
        self
    }

    /// Ended with this code and one error that says all of this.
    pub fn complains(&self, code: i32, what: &[&str]) {
        self.says(code, what);
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        assert_eq!(self.stderr.matches("error: ").count(), 1, "{self:#?}");
    }
}

/// The most memory that a process has held, in MiB.
fn high_water_mark(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib >> 10)
}

/// Processes that match, but for those that have ended and wait to be collected.
fn processes(file: &str, matches: impl Fn(&[u8]) -> bool) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    all.filter(|entry| fs::read(entry.path().join(file)).is_ok_and(|bytes| matches(&bytes)))
        .map(|entry| entry.file_name().into_string().unwrap_or_default())
        .filter(|pid| pid.parse::<u32>().is_ok())
        .collect()
}

/// Asserts that no process is there that this run of touchdown has launched.
fn assert_nothing_left(touchdown: u32) {
    let variable = format!("TOUCHDOWN_LAUNCH={touchdown}-");
    assert_none("environ", |bytes| {
        bytes.split(|byte| *byte == 0).any(|entry| entry.starts_with(variable.as_bytes()))
    });
}

/// Asserts that none is there, in a moment: one that was killed may still be on its way out.
pub fn assert_none(file: &str, matches: impl Fn(&[u8]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let left = processes(file, &matches);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind: {left:?}");
        sleep(Duration::from_millis(20));
    }
}
