//! Bad input about images: engines that are not there, or are none, or go away; images that cannot
//! be run. Each run ends with one clear message and the right exit code, and leaves no container,
//! network or volume behind.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

#[path = "../bench/bench.rs"]
mod bench;
#[path = "../bench/engine.rs"]
mod engine;

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use acceptance::images::{engine_or_skip, foreign, variant, with_shell};
use bench::{Bench, Ended, LONGEST, TOUCHDOWN};
use engine::{held_by, socket};

/// Starts a command on the bench.
fn start(bench: &Bench, command: &mut Command) -> Child {
    let [out, err] = ["stdout", "stderr"].map(|name| File::create(bench.path(name)).unwrap());
    command.current_dir(bench.folder.path()).stdin(Stdio::null()).stdout(out).stderr(err);
    command.spawn().unwrap()
}

/// Waits for its end, and looks for what no run may do or leave.
fn end(bench: &Bench, mut child: Child) -> Ended {
    let began = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if began.elapsed() > LONGEST {
            child.kill().unwrap();
            panic!("it was not over after {LONGEST:?}");
        }
        sleep(Duration::from_millis(5));
    };
    let [stdout, stderr] =
        ["stdout", "stderr"].map(|name| fs::read_to_string(bench.path(name)).unwrap());
    assert!(!stderr.contains("panicked") && !stderr.contains("bug of touchdown"), "{stderr}");
    Ended { code, stdout, stderr, peak: 0 }
}

/// Carries out a command; the engine holds nothing of it afterwards.
fn carry_out(bench: &Bench, command: &mut Command) -> Ended {
    let child = start(bench, command);
    let process = child.id();
    let ended = end(bench, child);
    assert_eq!(held_by(process), [""; 0], "{command:?} left something behind: {ended:#?}");
    ended
}

fn touchdown(args: &[&str]) -> Command {
    let mut command = Command::new(TOUCHDOWN);
    command.args(args);
    command
}

/// `touchdown run --image` with these further arguments.
fn run(image: &str, args: &[&str]) -> Ended {
    carry_out(&Bench::new(), &mut touchdown(&[&["run", "--image", image], args].concat()))
}

fn address(path: &Path) -> String {
    format!("unix://{}", path.display())
}

// Engines.

#[test]
fn engines_that_are_not_there() {
    let bench = Bench::new();
    // Bound to the file, and then gone: the file remains, and nobody listens.
    drop(UnixListener::bind(bench.path("dead.sock")).unwrap());
    let dead = address(&bench.path("dead.sock"));
    for (engine, why) in [
        ("unix:///nowhere.sock", "No such file or directory"),
        (dead.as_str(), "Connection refused"),
        ("tcp://127.0.0.1:1", "Connection refused"),
    ] {
        let run = ["run", "--image", "x"];
        let what =
            ["no container engine was found", engine, why, "--engine ADDRESS, or DOCKER_HOST"];
        let mut flag = touchdown(&[&run[..], &["--engine", engine]].concat());
        carry_out(&bench, &mut flag).complains(3, &what);
        carry_out(&bench, touchdown(&run).env("DOCKER_HOST", engine)).complains(3, &what);
        carry_out(&bench, &mut touchdown(&["clean", "--engine", engine])).complains(3, &what);
    }
    let told = fs::read_to_string(bench.path("stderr")).unwrap();
    assert_eq!(told.matches("no container engine").count(), 1, "{told}");
}

#[test]
fn addresses_that_are_none() {
    let bench = Bench::new();
    for address in ["nonsense", "ssh://somebody@somewhere", "docker.sock", ""] {
        let run = ["run", "--image", "x"];
        let what = ["it is no address such as unix:///path or tcp://host:port"];
        let mut flag = touchdown(&[&run[..], &["--engine", address]].concat());
        let ended = carry_out(&bench, &mut flag);
        ended.complains(2, &what);
        ended.complains(2, &[&format!("--engine {address:?}")]);
        if !address.is_empty() {
            let ended = carry_out(&bench, touchdown(&run).env("DOCKER_HOST", address));
            ended.complains(2, &what);
            ended.complains(2, &[&format!("DOCKER_HOST {address:?}")]);
        }
    }
}

#[test]
fn an_engine_that_never_answers() {
    let bench = Bench::new();
    let _accepts = UnixListener::bind(bench.path("mute.sock")).unwrap();
    let engine = address(&bench.path("mute.sock"));
    let args = ["run", "--image", "x", "--engine", &engine];
    carry_out(&bench, &mut touchdown(&args)).complains(3, &[&engine, "no answer within 10 s"]);
}

/// Answers each request with this body, whatever was asked.
fn answers(path: &Path, body: &'static str) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for mut asked in listener.incoming().filter_map(Result::ok) {
            // One that was only tried asks nothing, and takes no answer.
            let _ = asked.read(&mut [0; 4096]);
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _ = write!(asked, "{head}Content-Length: {length}\r\n\r\n{body}");
        }
    });
}

#[test]
fn engines_that_are_too_old_or_none() {
    let bench = Bench::new();
    for (name, body, what) in [
        (
            "old",
            r#"{"ApiVersion":"1.40","MinAPIVersion":"1.12"}"#,
            "speaks API 1.40; touchdown needs 1.41",
        ),
        ("else", "{}", "what answers there is no engine"),
        ("web", "<html>", "what answers there is no engine"),
    ] {
        answers(&bench.path(name), body);
        let engine = address(&bench.path(name));
        let args = ["run", "--image", "x", "--engine", &engine];
        carry_out(&bench, &mut touchdown(&args)).complains(3, &[&engine, what]);
    }
}

#[test]
fn a_socket_that_may_not_be_used() {
    let bench = Bench::new();
    let path = bench.path("closed.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    let engine = address(&path);
    let args = ["run", "--image", "x", "--engine", &engine];
    let mut command = touchdown(&args);
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        // Nothing is closed to root; to others the binary may be, where it is.
        let copy = bench.path("touchdown");
        fs::copy(TOUCHDOWN, &copy).unwrap();
        fs::set_permissions(bench.folder.path(), Permissions::from_mode(0o755)).unwrap();
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(copy).args(args);
    }
    let what = ["no permission to use the engine at", &engine, "usermod -aG docker"];
    carry_out(&bench, &mut command).complains(3, &what);
}

// Flags.

#[test]
fn flags_that_cannot_be_meant() {
    for (args, what) in [
        (&["--memory", "much"][..], &["--memory", "no size such as 512m"][..]),
        (&["--memory", "0"], &["no size"]),
        (&["--memory", "99999999999g"], &["no size"]),
        (&["--tmpfs", "/tmp"], &["--tmpfs", "FOLDER=SIZE"]),
        (&["--tmpfs", "tmp=1m"], &["no absolute path"]),
        (&["--tmpfs", "/tmp=x"], &["no size"]),
        (&["--volume", "data"], &["--volume", "no absolute path"]),
        (&["--volume", "/"], &["no absolute path"]),
        (&["--io", "pipes"], &["--io", "platform or attach"]),
        (&["--command", "true"], &["--image", "--command"]),
        (&["--reference"], &["--image", "--reference"]),
        (&["--workdir", "."], &["--image", "--workdir"]),
        (&["--", "true"], &["--image", "CMD"]),
    ] {
        run("x", args).complains(2, what);
    }
    let bench = Bench::new();
    bench.run(&["--engine", "docker"]).complains(2, &["--image"]);
}

// Images. What they need of the engine is there, or the test is skipped.

#[test]
fn images_that_are_not_there() {
    let Some(_engine) = engine_or_skip() else { return };
    let image = with_shell();
    let (name, tag) = image.split_once(':').unwrap();
    let what = ["there is no image", "could not be pulled", "did you mean", &image];
    run(&format!("{name}x:{tag}"), &[]).complains(3, &what);
    let ended = run("registry.invalid/zzz", &[]);
    ended.complains(3, &["there is no image registry.invalid/zzz, and it could not be pulled: "]);
    assert!(!ended.stderr.contains("did you mean"), "{ended:#?}");
    run("NO NAME", &[]).complains(3, &["NO NAME", "reference format"]);
    run("", &[]).complains(3, &["its name is empty"]);
    let readback = ["--readback", "true", "--readback-image", "registry.invalid/zzz"];
    run(&image, &readback).complains(3, &["there is no image registry.invalid/zzz"]);
    let what = ["--readback-image says where, but not what", "--readback-once"];
    run(&image, &["--readback-image", &image]).complains(2, &what);
}

#[test]
fn an_image_of_another_architecture() {
    let Some(_engine) = engine_or_skip() else { return };
    let image = foreign();
    let words = ["spec printed no message", "exec format error", "no program of this machine"];
    run(&image, &[]).says(3, &words);
}

#[test]
fn labels_that_hold_no_json() {
    let Some(_engine) = engine_or_skip() else { return };
    for (label, value, what) in [
        ("config", "{oops", "no JSON: key must be a string at line 1 column 2"),
        ("unreachable-config", "", "no JSON: EOF"),
        ("readback-once", "read \\\"", "a quote is not closed"),
    ] {
        let image = format!("touchdown-test/bad-label:{label}");
        let dockerfile = format!("FROM {}\nLABEL touchdown.{label}=\"{value}\"\n", with_shell());
        let mut docker = Command::new("docker");
        docker
            .args(["build", "--quiet", "--tag", &image, "-"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut building = docker.stdin(Stdio::piped()).spawn().unwrap();
        building.stdin.take().unwrap().write_all(dockerfile.as_bytes()).unwrap();
        assert!(building.wait().unwrap().success());
        run(&image, &[]).complains(2, &["label touchdown.", what]);
    }
}

#[test]
fn images_that_cannot_be_started() {
    let Some(_engine) = engine_or_skip() else { return };
    let image = variant("no-such-entrypoint");
    let what =
        ["could not be run", "/no-such-program", "exit code 127", "AIRBYTE_ENTRYPOINT right?"];
    run(&image, &["--io", "platform"]).says(3, &what);
    let what =
        ["/no-such-program of the image", &image, "could not be started: there is no such program"];
    run(&image, &["--io", "attach"]).says(3, &what);
}

#[test]
fn an_image_that_ignores_its_arguments() {
    let Some(_engine) = engine_or_skip() else { return };
    let what = ["spec printed no message", "Hello.", "does it ignore its arguments?", "exec form"];
    run(&variant("ignores-arguments"), &[]).says(3, &what);
}

#[test]
fn an_image_that_never_ends() {
    let Some(_engine) = engine_or_skip() else { return };
    let image = variant("never-ends");
    for io in ["platform", "attach"] {
        let ended = run(&image, &["--timeout", "1", "--io", io]);
        ended.says(3, &["spec printed no message", "made no progress for 1 s and was killed"]);
    }
}

#[test]
fn what_the_engine_refuses() {
    let Some(_engine) = engine_or_skip() else { return };
    let image = with_shell();
    let what = ["starting a container: ", "no-such-network"];
    run(&image, &["--network", "no-such-network"]).says(3, &what);
    run(&image, &["--memory", "1k"]).says(3, &["starting a container: ", "memory"]);
}

// Engines that go away.

/// A way to the engine that can be cut.
struct Proxy {
    path: PathBuf,
    is_cut: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<UnixStream>>>,
    listening: JoinHandle<()>,
}

impl Proxy {
    fn open(path: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let is_cut = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (stop, list) = (Arc::clone(&is_cut), Arc::clone(&connections));
        let listening = thread::spawn(move || {
            for here in listener.incoming().map(Result::unwrap) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let there = UnixStream::connect(socket()).unwrap();
                let both = [(&here, &there), (&there, &here)];
                for (mut from, mut to) in both.map(|(a, b)| (twin(a), twin(b))) {
                    thread::spawn(move || {
                        // Either side may go away; its end is passed on.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
                list.lock().unwrap().extend([here, there]);
            }
        });
        Self { path, is_cut, connections, listening }
    }

    /// Closes all connections, and takes no more.
    fn cut(self) {
        self.is_cut.store(true, Ordering::SeqCst);
        UnixStream::connect(&self.path).unwrap();
        self.listening.join().unwrap();
        fs::remove_file(&self.path).unwrap();
        for connection in self.connections.lock().unwrap().iter() {
            // It may be closed already.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn twin(stream: &UnixStream) -> UnixStream {
    stream.try_clone().unwrap()
}

/// A scenario of one stream, whose write takes longer than these tests.
fn long_write(bench: &Bench) {
    let catalog = r#"{"streams":[{"stream":{"name":"s","json_schema":{"type":"object"}},
        "sync_mode":"incremental","destination_sync_mode":"append"}]}"#;
    let bulk =
        r#"{"touchdown":{"bulk":{"stream":{"name":"s"},"records":99000000,"state_every":1000}}}"#;
    bench
        .file("own/long/scenario.json", r#"{"summary":"it takes long"}"#)
        .file("own/long/1.catalog.json", catalog)
        .file("own/long/1.messages.jsonl", bulk);
}

fn an_engine_that_goes_away(io: &str) {
    let Some(_engine) = engine_or_skip() else { return };
    let bench = Bench::new();
    long_write(&bench);
    let proxy = Proxy::open(bench.path("proxy.sock"));
    let engine = address(&proxy.path);
    let image = with_shell();
    let args = [
        "run",
        "--image",
        &image,
        "--engine",
        &engine,
        "--scenarios",
        "own",
        "--io",
        io,
        "--no-generate",
    ];
    let mut child = start(&bench, &mut touchdown(&args));
    let process = child.id();
    let deadline = Instant::now() + LONGEST;
    while !held_by(process).iter().any(|thing| thing.contains("write --config")) {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it never wrote");
        }
        sleep(Duration::from_millis(20));
    }
    sleep(Duration::from_millis(500));
    proxy.cut();
    let cut = Instant::now();
    let ended = end(&bench, child);
    ended.says(3, &[&format!("the engine at {engine} has gone away")]);
    assert!(cut.elapsed() < Duration::from_secs(15), "it took {:?}", cut.elapsed());
    // What could not be removed is found later, by whatever way leads to the engine.
    carry_out(&bench, &mut touchdown(&["clean", "--engine", &address(&socket())])).says(0, &[]);
    assert_eq!(held_by(process), [""; 0]);
}

#[test]
fn an_engine_that_goes_away_under_pipes() {
    an_engine_that_goes_away("platform");
}

#[test]
fn an_engine_that_goes_away_while_attached_to() {
    an_engine_that_goes_away("attach");
}
