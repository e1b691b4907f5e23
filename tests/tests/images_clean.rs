//! Whatever ends a run over an image, no container, network or volume of it remains: the run
//! removes them, or its guard does, or `touchdown clean`.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

#[path = "../bench/bench.rs"]
mod bench;
#[path = "../bench/engine.rs"]
mod engine;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use acceptance::images::{engine_or_skip, with_shell};
use bench::{Bench, LONGEST, TOUCHDOWN};
use engine::held_by;

/// A write that takes longer than a test.
const LONG: &str =
    r#"{"touchdown":{"bulk":{"stream":{"name":"s"},"records":99000000,"state_every":1000}}}"#;
/// A write that takes some seconds, nearly all of them asleep.
const SLOW: &str = r#"{"touchdown":{"disturb":{"pause":5000}}}"#;

/// A run over an image, with a folder for temporary files of its own.
struct Run {
    bench: Bench,
    child: Child,
}

impl Run {
    /// Starts a run of one scenario, and waits until it writes.
    fn writing(step: &str, io: &str) -> Self {
        let bench = Bench::new();
        let catalog = r#"{"streams":[{"stream":{"name":"s","json_schema":{"type":"object"}},
            "sync_mode":"incremental","destination_sync_mode":"append"}]}"#;
        bench
            .file("own/one/scenario.json", r#"{"summary":"it takes its time","alone":true}"#)
            .file("own/one/1.catalog.json", catalog)
            .file("own/one/1.messages.jsonl", step);
        fs::create_dir(bench.path("tmp")).unwrap();
        let [out, err] = ["stdout", "stderr"].map(|name| File::create(bench.path(name)).unwrap());
        let mut command = Command::new(TOUCHDOWN);
        command.args([
            "run",
            "--no-generate",
            "--image",
            &with_shell(),
            "--io",
            io,
            "--scenarios",
            "own",
        ]);
        command.env("TMPDIR", bench.path("tmp")).current_dir(bench.folder.path());
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        let run = Self { bench, child };
        run.waits("write", |run| run.held().iter().any(|thing| thing.contains("write --config")));
        sleep(Duration::from_millis(300));
        run
    }

    fn waits(&self, what: &str, comes: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !comes(self) {
            assert!(began.elapsed() < LONGEST, "{what}: {}", self.told());
            sleep(Duration::from_millis(50));
        }
    }

    fn told(&self) -> String {
        ["stdout", "stderr"].map(|name| fs::read_to_string(self.bench.path(name)).unwrap()).concat()
    }

    /// What the engine holds of it: how each thing is listed.
    fn held(&self) -> Vec<String> {
        held_by(self.child.id())
    }

    fn is_gone(&self) -> bool {
        self.held().is_empty()
    }

    fn signal(&self, signal: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// Ends its guard, the one process that it starts.
    fn loses_guard(&self) {
        let process = self.child.id();
        let guard = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
        assert!(Command::new("kill").args(["-KILL", guard.trim()]).status().unwrap().success());
    }

    fn end(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < LONGEST, "it goes on: {}", self.told());
            sleep(Duration::from_millis(20));
        }
    }

    /// The files and folders of ours that it has left.
    fn temporary(&self) -> Vec<String> {
        let left = fs::read_dir(self.bench.path("tmp")).unwrap();
        left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Run {
    /// Where a test fails, the run must not go on; its guard sees to the rest.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `touchdown clean`; what it says.
fn clean(args: &[&str]) -> String {
    let mut command = Command::new(TOUCHDOWN);
    let output = command.arg("clean").args(args).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), errors.as_ref()), (Some(0), ""), "{told}");
    told
}

// Ends of a run, in both ways of talking to a container.

fn both_ways(test: impl Fn(Run)) {
    let Some(_engine) = engine_or_skip() else { return };
    for io in ["platform", "attach"] {
        test(Run::writing(LONG, io));
    }
}

fn a_run_that_is_asked_to_end(signal: &str) {
    both_ways(|mut run| {
        run.signal(signal);
        assert_eq!(run.end().code(), Some(3), "{}", run.told());
        assert!(run.told().contains("interrupted"), "{}", run.told());
        // It has removed them itself, before its end.
        assert_eq!(run.held(), [""; 0]);
        assert_eq!(run.temporary(), [""; 0]);
    });
}

#[test]
fn a_run_that_is_interrupted() {
    a_run_that_is_asked_to_end("-INT");
}

#[test]
fn a_run_that_is_terminated() {
    a_run_that_is_asked_to_end("-TERM");
}

#[test]
fn a_run_that_is_interrupted_twice() {
    both_ways(|mut run| {
        run.signal("-INT");
        run.signal("-INT");
        assert!(!run.end().success());
        run.waits("its guard left something", Run::is_gone);
        assert_eq!(run.temporary(), [""; 0]);
    });
}

#[test]
fn a_run_that_is_killed() {
    both_ways(|mut run| {
        run.signal("-KILL");
        assert_eq!(run.end().signal(), Some(9));
        run.waits("its guard left something", Run::is_gone);
    });
}

#[test]
fn a_run_that_is_killed_with_its_guard() {
    let Some(_engine) = engine_or_skip() else { return };
    let mut dead = Run::writing(LONG, "attach");
    dead.loses_guard();
    dead.signal("-KILL");
    dead.end();
    let held = dead.held();
    assert!(!held.is_empty());
    let mut alive = Run::writing(SLOW, "platform");
    let name = |held: &str| {
        let (_, name) = held.split_once("touchdown.run=").unwrap();
        name.split([',', '"']).next().unwrap().to_owned()
    };
    let (dead_run, alive_run) = (name(&held[0]), name(&alive.held()[0]));
    let told = clean(&[]);
    assert!(told.contains(&format!("{dead_run}: removed 1 container, 1 volume\n")), "{told}");
    assert!(told.contains(&format!("{alive_run}: still going on; left alone\n")), "{told}");
    assert_eq!(dead.held(), [""; 0]);
    let ended = alive.end();
    assert_eq!(ended.code(), Some(0), "{}", alive.told());
    assert_eq!(alive.held(), [""; 0]);
}

// What `touchdown clean` says. On an engine of its own: what it would remove from the real one may
// be another's.

/// An engine that holds these containers and nothing else. It writes down what it is to remove.
fn engine(path: &Path, containers: &'static str) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(path).unwrap();
    let removed = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&removed);
    thread::spawn(move || {
        for mut asked in listener.incoming().map(Result::unwrap) {
            let mut line = String::new();
            // One that was only tried asks nothing.
            let _ = BufReader::new(&asked).read_line(&mut line);
            let body = match &line {
                line if line.contains("/version") => r#"{"ApiVersion":"1.41"}"#,
                line if line.contains("/volumes") => r#"{"Volumes":[]}"#,
                // What `clean` itself has made, which it looks for in its end.
                line if line.contains("touchdown_clean") => "[]",
                line if line.contains("/containers/json") => containers,
                line if line.contains("/networks") => "[]",
                _ => "{}",
            };
            if line.starts_with("DELETE") {
                list.lock().unwrap().push(line);
            }
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _ = write!(asked, "{head}Content-Length: {length}\r\n\r\n{body}");
        }
    });
    removed
}

#[test]
fn a_run_of_another_machine() {
    let bench = Bench::new();
    let container = r#"[{"Id":"c0ffee","Labels":{"touchdown.run":"touchdown_20261122_abcdef",
        "touchdown.process":"elsewhere pid:[1] 1 1"}}]"#;
    let removed = engine(&bench.path("engine.sock"), container);
    let address = format!("unix://{}", bench.path("engine.sock").display());
    let told = clean(&["--engine", &address]);
    let left = "touchdown_20261122_abcdef: of another machine; left alone (--all removes it)\n";
    assert_eq!(told, left);
    assert!(removed.lock().unwrap().is_empty());
    let told = clean(&["--engine", &address, "--all"]);
    assert_eq!(told, "touchdown_20261122_abcdef: removed 1 container\n");
    let removed = removed.lock().unwrap();
    assert!(removed.len() == 1 && removed[0].contains("/containers/c0ffee"), "{removed:?}");
}

#[test]
fn nothing_to_remove() {
    let bench = Bench::new();
    engine(&bench.path("engine.sock"), "[]");
    let address = format!("unix://{}", bench.path("engine.sock").display());
    for args in [&["--engine", &address][..], &["--engine", &address, "--all"]] {
        assert_eq!(clean(args), "nothing was left behind\n");
    }
}
