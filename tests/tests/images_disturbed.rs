//! What is done to a container while it runs, and that it really is: killed, asked to stop, paused,
//! cut off from its network, short of memory; in both ways of talking to it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use acceptance::images;
use touchdown::protocol::Operation;
use touchdown::scenario::pack::Manner;
use touchdown::scenario::{Disturbance, Sent, Step};
use touchdown::subject::drive::Stdin;
use touchdown::subject::image::clean::Run;
use touchdown::subject::image::engine::Engine;
use touchdown::subject::image::info::Info;
use touchdown::subject::image::{Image, Io, Settings, Way};
use touchdown::subject::{Call, Limits};
use touchdown::transcript::{Condition, Transcript};

/// A connector that sends back what it reads, and says when it cannot see its network and when it
/// is asked to end.
const WITNESS: &str = r#"
trap 'echo asked; exit 143' TERM
(while :; do [ -e /sys/class/net/eth0 ] || echo cut; /bin/busybox sleep 0.05; done) &
watcher=$!
while read -r line; do echo "$line"; done
kill $watcher
echo ended
"#;

/// What comes back in the end may come late on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const IO: [Io; 2] = [Io::Platform, Io::Attach];

/// The image with a shell, which runs a script in place of the destination.
fn witness(script: &str, io: Io, settings: Settings) -> (Image, tempfile::TempDir) {
    witness_in(&images::scripted(script, ""), io, settings)
}

fn witness_in(tag: &str, io: Io, settings: Settings) -> (Image, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(&format!("touchdown_test_{}", random()));
    let engine = Arc::new(Engine::connect(None, run).unwrap());
    let info = Info::of(&engine, tag, &|_| {}).unwrap();
    let image = Image::new(engine, info, settings);
    image.set_way(Way { io, own_workdir: false });
    (image, folder)
}

fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

fn write(image: &Image, folder: &Path, steps: &[Step]) -> Transcript {
    write_within(image, folder, steps, Limits::default().gate)
}

/// The same, with so much patience at a gate.
fn write_within(image: &Image, folder: &Path, steps: &[Step], gate: Duration) -> Transcript {
    let (config, catalog) = (folder.join("config.json"), folder.join("catalog.json"));
    std::fs::write(&config, "{}").unwrap();
    std::fs::write(&catalog, "{}").unwrap();
    let manner = Manner { env: vec![("OWN".into(), "a b".into())], ..Manner::default() };
    let (operation, config, catalog) = (Operation::Write, Some(&*config), Some(&*catalog));
    let call = Call { operation, config, catalog, manner: &manner };
    let limits = Limits { idle: PATIENCE, gate, ..Limits::default() };
    image.launch(call, Condition::Usual, Stdin::Steps(steps), limits).unwrap()
}

fn line(text: &str) -> Step {
    Step::Message(Sent::parse(text).unwrap())
}

const BEFORE: &str = r#"{"type":"STATE","state":{"n":1}}"#;
const AFTER: &str = r#"{"n":2}"#;

fn steps(disturbance: Disturbance) -> Vec<Step> {
    // It has come up, has read and has answered before anything is done to it.
    vec![line(BEFORE), Step::Gate, Step::Disturb(disturbance), line(AFTER)]
}

fn disturbed(io: Io, disturbance: Disturbance) -> (Transcript, Vec<String>) {
    disturbed_on(None, io, disturbance)
}

fn disturbed_on(
    network: Option<String>,
    io: Io,
    disturbance: Disturbance,
) -> (Transcript, Vec<String>) {
    let (image, folder) = witness(WITNESS, io, Settings { network, ..Settings::default() });
    let transcript = write_within(&image, folder.path(), &steps(disturbance), PATIENCE);
    let said = transcript.stdout.iter();
    let said = said.map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect();
    (transcript, said)
}

#[test]
fn a_kill_ends_it_at_once() {
    if images::engine_or_skip().is_none() {
        return;
    }
    for io in IO {
        let (transcript, said) = disturbed(io, Disturbance::Kill);
        assert_eq!(said, [BEFORE], "{io:?}");
        assert_eq!(transcript.end.code, Some(137), "{io:?}");
        assert_eq!((transcript.end.stopped, transcript.written.len()), (None, 3), "{io:?}");
    }
}

#[test]
fn a_stop_asks_it_to_end() {
    if images::engine_or_skip().is_none() {
        return;
    }
    for io in IO {
        let (transcript, said) = disturbed(io, Disturbance::Stop);
        assert_eq!(said, [BEFORE, "asked"], "{io:?}");
        assert_eq!(transcript.end.code, Some(143), "{io:?}");
        assert_eq!(transcript.end.stdin_closed, None, "its input stays open: {io:?}");
    }
}

#[test]
fn a_pause_passes() {
    if images::engine_or_skip().is_none() {
        return;
    }
    for io in IO {
        let (transcript, said) = disturbed(io, Disturbance::Pause(700));
        assert_eq!(said, [BEFORE, AFTER, "ended"], "{io:?}");
        assert!(transcript.end.is_success());
        let [_, _, paused, after] = transcript.written[..] else { panic!("{transcript:?}") };
        assert!(after - paused >= 700_000, "{io:?}: {paused} {after}");
    }
}

/// A connector that sends states back.
const ECHO: &str = r#"
echo "$OWN" >&2
while read -r line; do echo "$line" || exit 9; done 2> /dev/null
"#;

fn states(count: usize, length: usize) -> impl Iterator<Item = Step> {
    let state = format!(r#"{{"type":"STATE","state":{{"x":"{}"}}}}"#, "x".repeat(length));
    std::iter::repeat_n(line(&state), count)
}

#[test]
fn a_kill_follows_the_states_that_it_waits_for() {
    if images::engine_or_skip().is_none() {
        return;
    }
    for io in IO {
        let (image, folder) = witness(ECHO, io, Settings::default());
        for (at, sent) in [(2, 30_000), (9, 3)] {
            let mut steps = vec![Step::Disturb(Disturbance::KillAtStates(at))];
            steps.extend(states(sent, 1000));
            // Three are all that come.
            let gate = Duration::from_secs(5);
            let transcript = write_within(&image, folder.path(), &steps, gate);
            assert_eq!(transcript.end.code, Some(137), "{io:?}");
            assert_eq!((transcript.end.stopped, transcript.end.stdin_closed), (None, None));
            assert!(transcript.end.killed.is_some() && transcript.end.stdin_refused.is_none());
            let came = transcript.stdout.len();
            let likely = if at == 2 { 2..30_000 } else { 3..4 };
            assert!(likely.contains(&came), "{io:?}: {came}");
            assert_eq!(transcript.stderr[0].bytes, b"a b");
        }
    }
}

#[test]
fn output_is_left_unread_and_nothing_is_lost() {
    if images::engine_or_skip().is_none() {
        return;
    }
    for io in IO {
        let (image, folder) = witness(ECHO, io, Settings::default());
        let mut steps = vec![Step::Disturb(Disturbance::BlockOutput(1000))];
        steps.extend(states(500, 1000));
        let transcript = write(&image, folder.path(), &steps);
        assert!(transcript.end.is_success(), "{io:?}: {:?}", transcript.end);
        assert_eq!(transcript.stdout.len(), 500);
        assert!(transcript.stdout[0].at >= 1_000_000 || io == Io::Attach, "{io:?}");
    }
}

#[test]
fn closed_output_is_noticed_in_a_container() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let (image, folder) = witness(ECHO, Io::Platform, Settings::default());
    let mut steps: Vec<Step> = states(1, 1).collect();
    steps.extend([Step::Gate, Step::Disturb(Disturbance::CloseOutput)]);
    steps.extend(states(3, 1));
    let transcript = write_within(&image, folder.path(), &steps, PATIENCE);
    // The shell's own SIGPIPE, or its answer to the error.
    assert!(matches!(transcript.end.code, Some(9 | 141)), "{:?}", transcript.end);
    assert_eq!(transcript.stdout.len(), 1);
    assert!(transcript.end.stdout_closed.is_some() && transcript.end.left_behind.is_empty());
}

#[test]
fn a_network_is_cut_and_mended() {
    if images::engine_or_skip().is_none() {
        return;
    }
    // Of its own: another's container could take the address while it is away.
    let network = format!("touchdown_test_{}", random());
    let docker = |args: &[&str]| {
        let done = std::process::Command::new("docker").args(args).output().unwrap();
        assert!(done.status.success(), "{args:?}: {done:?}");
    };
    docker(&["network", "create", &network]);
    for io in IO {
        let cut = Disturbance::CutNetwork(700);
        let (_, said) = disturbed_on(Some(network.clone()), io, cut);
        let cut = said.iter().filter(|line| *line == "cut").count();
        assert!(cut > 3, "{io:?}: {said:?}");
        let others: Vec<_> = said.iter().filter(|line| *line != "cut").collect();
        assert_eq!(others, [BEFORE, AFTER, "ended"], "{io:?}");
        assert_ne!(said.last().unwrap(), "cut");
    }
    docker(&["network", "rm", &network]);
}

#[test]
fn want_of_memory_is_told_as_such() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let hungry = "exec /bin/busybox tail /dev/zero";
    for io in IO {
        let settings = Settings { memory: Some(16 << 20), ..Settings::default() };
        let (image, folder) = witness(hungry, io, settings);
        let end = write(&image, folder.path(), &[]).end;
        assert!(end.out_of_memory, "{io:?}: {end:?}");
        assert!(end.describe().contains("more memory"), "{}", end.describe());
    }
}

#[test]
fn what_it_leaves_running_is_named() {
    if images::engine_or_skip().is_none() {
        return;
    }
    // Attached to, it is process 1, and everything ends with it.
    let leaving = "/bin/busybox sleep 64 & exit 0";
    let (image, folder) = witness(leaving, Io::Platform, Settings::default());
    let end = write(&image, folder.path(), &[]).end;
    assert_eq!(end.code, Some(0));
    assert!(end.left_behind.iter().any(|line| line.contains("sleep 64")), "{end:?}");
    let brief = "/bin/busybox sleep 0.3 & exit 0";
    let (image, folder) = witness(brief, Io::Platform, Settings::default());
    assert_eq!(write(&image, folder.path(), &[]).end.left_behind, [""; 0]);
}

#[test]
fn the_engines_own_probe_is_not_run() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let probe = "HEALTHCHECK --interval=1s CMD sleep 66";
    let tag = images::scripted("/bin/busybox sleep 1.5", probe);
    let (image, folder) = witness_in(&tag, Io::Platform, Settings::default());
    assert_eq!(write(&image, folder.path(), &[]).end.left_behind, [""; 0]);
}

#[test]
fn a_container_that_is_shared_is_nothing_left_behind() {
    if images::engine_or_skip().is_none() {
        return;
    }
    let settings = Settings { reuse: true, ..Settings::default() };
    let (image, _folder) = witness("/bin/busybox sleep 0.3 & echo $1", Io::Platform, settings);
    let manner = Manner::default();
    let call = Call { operation: Operation::Spec, config: None, catalog: None, manner: &manner };
    for _ in 0..2 {
        let none = Stdin::Steps(&[]);
        let transcript = image.launch(call, Condition::Usual, none, Limits::default()).unwrap();
        assert_eq!(transcript.end.left_behind, [""; 0]);
        assert_eq!(transcript.stdout[0].bytes, b"spec");
        assert!(transcript.end.exited < 1_000_000, "the start of the container does not count");
    }
}
