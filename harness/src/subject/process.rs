//! One launch of a command: started in a process group of its own, and reaped with all that it
//! started.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::time::Instant;

use wait4::Wait4;

use crate::scenario::Disturbance;
use crate::transcript::Transcript;

use super::Limits;
use super::command::Command;
pub use super::drive::Stdin;
use super::drive::{Ended, Running, Started, drive};
use super::group::Group;
use super::leftovers;
use super::output::since;

/// Launches a command once. The error is that of starting it: it does not exist, or may not be
/// run.
pub fn launch(
    command: &Command,
    args: &[OsString],
    stdin: Stdin,
    limits: Limits,
) -> io::Result<Transcript> {
    let began = Instant::now();
    let (group, started) = start(command, args, began)?;
    drive(&group, started, stdin, limits, began)
}

/// Starts a command with these arguments.
pub fn start(command: &Command, args: &[OsString], began: Instant) -> io::Result<(Group, Started)> {
    let (mut child, group) = Group::spawn(
        command.with(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()),
    )?;
    let started = Started {
        stdin: ours(child.stdin.take())?,
        stdout: ours(child.stdout.take())?,
        stderr: ours(child.stderr.take())?,
        wait: Box::new(move || wait(&mut child, began)),
    };
    Ok((group, started))
}

fn ours<P: Into<OwnedFd>>(pipe: Option<P>) -> io::Result<File> {
    pipe.map(|pipe| File::from(pipe.into())).ok_or_else(|| io::Error::other("it has no pipe"))
}

fn wait(child: &mut Child, began: Instant) -> io::Result<Ended> {
    use std::os::unix::process::ExitStatusExt;
    let usage = child.wait4()?;
    Ok(Ended {
        at: since(began),
        code: usage.status.code(),
        signal: usage.status.signal(),
        cpu_s: (usage.rusage.utime + usage.rusage.stime).as_secs_f64(),
        // What the system counts begins with what we held when we started it.
        peak_rss: 0,
        out_of_memory: false,
    })
}

impl Running for Group {
    fn kill(&self) {
        Self::kill(self);
    }

    fn reap(&self) -> Vec<String> {
        Self::reap(self)
    }

    fn peak_rss(&self) -> u64 {
        leftovers::peak_rss(self.id())
    }

    fn disturb(&self, disturbance: Disturbance) -> io::Result<()> {
        Self::disturb(self, disturbance)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::pack::Manner;
    use crate::scenario::{Pace, Sent, Step};
    use crate::transcript::Stop;

    fn shell(script: &str) -> Command {
        Command {
            words: vec!["sh".into(), "-c".into(), script.into()],
            workdir: None,
            env: vec![("GIVEN".into(), "yes".into())],
        }
    }

    fn run(script: &str, stdin: Stdin, limits: Limits) -> Transcript {
        launch(&shell(script), &[], stdin, limits).unwrap()
    }

    fn stdout(transcript: &Transcript) -> Vec<String> {
        transcript.stdout.iter().map(|l| String::from_utf8_lossy(&l.bytes).into_owned()).collect()
    }

    fn steps(lines: &[&str]) -> Vec<Step> {
        lines.iter().map(|line| Step::Message(Sent::parse(line).unwrap())).collect()
    }

    #[test]
    fn input_goes_in_and_output_comes_out() {
        let steps = steps(&[r#"{"a":1}"#, r#"{"a":2}"#]);
        let transcript = run("cat; echo bad >&2; exit 3", Stdin::Steps(&steps), Limits::default());
        assert_eq!(stdout(&transcript), [r#"{"a":1}"#, r#"{"a":2}"#]);
        assert_eq!(transcript.stderr[0].bytes, b"bad");
        assert_eq!(transcript.end.code, Some(3));
        assert_eq!(transcript.written.len(), 2);
        assert!(transcript.end.stdin_closed.is_some());
        assert!(transcript.written[0] <= transcript.stdout[0].at);
    }

    #[test]
    fn the_environment_is_known() {
        let transcript = run("env | sort | cut -d= -f1", Stdin::Steps(&[]), Limits::default());
        let mut names = stdout(&transcript);
        names.retain(|name| !matches!(name.as_str(), "PWD" | "SHLVL" | "_" | "OLDPWD"));
        assert_eq!(names, ["GIVEN", "HOME", "LANG", "PATH", "TOUCHDOWN_LAUNCH"]);
    }

    #[test]
    fn a_subject_that_never_ends_is_ended() {
        let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
        let transcript = run("sleep 60", Stdin::Steps(&[]), limits);
        assert_eq!(transcript.end.stopped, Some(Stop::TimeLimit(0)));
        assert_eq!(transcript.end.signal, Some(9));
    }

    #[test]
    fn a_subject_that_acknowledges_slowly_is_not_ended() {
        let limits = Limits { idle: Duration::from_millis(600), ..Limits::default() };
        let sent = steps(&[r#"{"type":"STATE","state":{}}"#; 5]);
        let slowly = "while read -r line; do sleep 0.3; echo \"$line\"; done";
        let transcript = run(slowly, Stdin::Steps(&sent), limits);
        assert_eq!((transcript.end.stopped, transcript.stdout.len()), (None, 5));
        // More of them than it was sent, or logs, are no sign of progress.
        for endless in [r#"{"type":"STATE"}"#, r#"{"type":"LOG"}"#] {
            let script = format!("cat; while echo '{endless}'; do sleep 0.1; done");
            let transcript = run(&script, Stdin::Steps(&sent), limits);
            assert_eq!(transcript.end.stopped, Some(Stop::TimeLimit(0)), "{endless}");
        }
    }

    #[test]
    fn a_subject_that_reads_slowly_before_a_gate_is_not_ended() {
        let limits = Limits { idle: Duration::from_millis(600), ..Limits::default() };
        let mut sent = steps(&[r#"{"a":1}"#; 5]);
        sent.push(Step::Gate);
        let slowly = "while read -r line; do sleep 0.3; done";
        let transcript = run(slowly, Stdin::Steps(&sent), limits);
        assert_eq!(transcript.end.stopped, None);
        assert!(transcript.gates[0].began > 1_000_000, "{:?}", transcript.gates);
    }

    #[test]
    fn a_child_that_stays_behind_is_found_and_ended() {
        let transcript = run("setsid sleep 61 & exit 0", Stdin::Steps(&[]), Limits::default());
        assert_eq!(transcript.end.code, Some(0));
        assert_eq!(transcript.end.left_behind, ["sleep 61"]);
    }

    #[test]
    fn closed_input_is_noticed() {
        let line = format!(r#"{{"a":"{}"}}"#, "x".repeat(4 << 20));
        let transcript =
            run("exec <&-; sleep 0.3", Stdin::Steps(&steps(&[&line])), Limits::default());
        assert!(transcript.end.stdin_refused.is_some());
        assert_eq!(transcript.end.stdin_closed, None);
    }

    #[test]
    fn input_held_open_never_ends() {
        let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
        assert!(run("cat", Stdin::HeldOpen, limits).end.stopped.is_some());
        assert!(run("exit 0", Stdin::HeldOpen, limits).end.is_success());
    }

    /// More lines than a pipe takes, every tenth a state.
    fn until_killed(at: u64) -> Vec<Step> {
        let mut all = vec![Step::Disturb(Disturbance::KillAtStates(at))];
        for _ in 0..3000 {
            all.extend(steps(
                &[r#"{"type":"RECORD","record":{"stream":"s","data":{"id":1},"emitted_at":1}}"#; 9],
            ));
            all.extend(steps(&[r#"{"type":"STATE","state":{}}"#]));
        }
        all
    }

    const STATES: &str = r#"while read -r l; do case $l in *STATE*) echo "$l";; esac; done"#;

    #[test]
    fn it_is_killed_once_so_many_states_have_come() {
        let transcript = run(STATES, Stdin::Steps(&until_killed(3)), Limits::default());
        let end = &transcript.end;
        assert_eq!((end.signal, end.stopped), (Some(9), None));
        assert_eq!((end.stdin_closed, end.stdin_refused), (None, None));
        let came = transcript.stdout.len();
        assert!((3..2000).contains(&came), "{came}");
        let quick = end.killed.unwrap() - transcript.stdout[2].at;
        assert!(quick < 200_000, "after {quick} µs");
        assert!(transcript.written.len() < 30_001);
    }

    #[test]
    fn states_that_came_before_count() {
        let mut sent = steps(&[r#"{"type":"STATE","state":{}}"#; 2]);
        sent.extend([Step::Gate, Step::Disturb(Disturbance::KillAtStates(2))]);
        // It prints half a line, which it cannot be blamed for.
        let script = "head -n 2; printf half; sleep 63";
        let transcript = run(script, Stdin::Steps(&sent), Limits::default());
        assert_eq!(transcript.end.signal, Some(9));
        assert!(transcript.end.killed.is_some() && transcript.gates.len() == 1);
        assert_eq!(transcript.stdout.len(), 2);
    }

    #[test]
    fn where_the_states_never_come_it_is_killed_at_the_end() {
        let limits = Limits { gate: Duration::from_millis(200), ..Limits::default() };
        let mut sent = vec![Step::Disturb(Disturbance::KillAtStates(9))];
        sent.extend(steps(&[r#"{"type":"STATE","state":{}}"#; 3]));
        let transcript = run("cat; echo ended", Stdin::Steps(&sent), limits);
        assert_eq!((transcript.end.signal, transcript.end.stdin_closed), (Some(9), None));
        assert!(transcript.end.killed.unwrap() > 200_000);
        assert_eq!((transcript.stdout.len(), transcript.written.len()), (3, 4));
        // One that has ended by itself has not been killed.
        let transcript = run("read -r line; exit 3", Stdin::Steps(&sent), limits);
        assert_eq!((transcript.end.code, transcript.end.killed), (Some(3), None));
        assert_eq!(transcript.end.stdin_closed, None);
    }

    #[test]
    fn blocked_output_is_read_later() {
        let limits = Limits { idle: Duration::from_millis(400), ..Limits::default() };
        let mut sent = vec![Step::Disturb(Disturbance::BlockOutput(800))];
        let line = format!(r#"{{"type":"STATE","state":{{"x":"{}"}}}}"#, "x".repeat(5000));
        sent.extend(steps(&[line.as_str(); 100]));
        sent.push(Step::Gate);
        let transcript = run("cat; echo $?", Stdin::Steps(&sent), limits);
        assert_eq!((transcript.end.code, transcript.end.stopped), (Some(0), None));
        assert_eq!((transcript.stdout.len(), transcript.gates[0].states_back), (101, 100));
        assert!(transcript.stdout[0].at >= 800_000, "{}", transcript.stdout[0].at);
        assert!(transcript.written[100] < 800_000, "{}", transcript.written[100]);
    }

    #[test]
    fn closed_output_is_noticed() {
        const STATE: &str = r#"{"type":"STATE","state":{}}"#;
        let mut sent = steps(&[STATE]);
        sent.extend([Step::Gate, Step::Disturb(Disturbance::CloseOutput)]);
        // So many that it is still at it when a program that is just being started elsewhere, and has
        // our end of the pipe for as long as that takes, lets it go.
        sent.extend(steps(&[r#"{"a":2}"#; 500]));
        let limits = Limits::default();
        let echo = |refused: &str| {
            format!(
                "trap '' PIPE; n=0
                while read -r l; do n=$((n+1)); echo \"$l\" || {refused}; done 2>/dev/null"
            )
        };
        let transcript = run(&echo("exit 9"), Stdin::Steps(&sent), limits);
        assert_eq!((transcript.end.code, stdout(&transcript)), (Some(9), vec![STATE.into()]));
        assert!(transcript.end.stdout_closed.unwrap() >= transcript.written[2]);
        assert!(transcript.end.left_behind.is_empty());
        // Its input goes on to the end.
        let script = format!("{}; echo $n >&2", echo(":"));
        let transcript = run(&script, Stdin::Steps(&sent), limits);
        assert_eq!((transcript.end.code, &transcript.stderr[0].bytes[..]), (Some(0), &b"501"[..]));
        assert!(transcript.end.stdin_closed.is_some());
        // One that has closed it before has nothing to notice.
        let limits = Limits { gate: Duration::from_millis(100), ..limits };
        let transcript = run("exec >&-; cat >/dev/null", Stdin::Steps(&sent), limits);
        assert!(transcript.end.is_success());
    }

    #[test]
    fn input_trickles_in() {
        let limits = Limits { idle: Duration::from_millis(150), ..Limits::default() };
        let mut sent = vec![Step::Pace(Pace { bytes: 1, pause_ms: 200 })];
        sent.push(Step::Raw("é\n".into()));
        let transcript = run("head -c 1 | wc -c; cat | wc -c", Stdin::Steps(&sent), limits);
        assert_eq!(
            (transcript.end.stopped, stdout(&transcript)),
            (None, vec!["1".into(), "2".into()])
        );
        assert!(transcript.end.stdin_closed.unwrap() >= 600_000);
        assert!(transcript.stdout[0].at < 400_000, "{:?}", transcript.stdout);
    }

    #[test]
    fn what_is_gone_cannot_be_disturbed_and_that_is_no_error() {
        for disturbance in [Disturbance::Kill, Disturbance::Stop, Disturbance::Pause(1)] {
            let mut sent = steps(&[r#"{"type":"STATE","state":{}}"#]);
            sent.extend([Step::Gate, Step::Disturb(disturbance)]);
            let limits = Limits { gate: Duration::from_millis(300), ..Limits::default() };
            let transcript = run("read -r line; exit 3", Stdin::Steps(&sent), limits);
            assert_eq!((transcript.end.code, transcript.end.killed), (Some(3), None));
            if disturbance.ends() {
                assert_eq!(transcript.written.len(), 2, "it was never {disturbance:?}");
            }
        }
    }

    #[test]
    fn the_manner_of_a_launch_is_felt() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = shell(&format!(
            r#"echo "$GIVEN $OWN"; cd {} || exit 1
            dd if=/dev/zero of=fits bs=1024 count=8000 || exit 2
            dd if=/dev/zero of=full bs=1024 count=9000; echo "dd $?""#,
            folder.path().display()
        ));
        let manner = Manner {
            env: vec![("GIVEN".into(), "scenario's".into()), ("OWN".into(), "a b".into())],
            full_disk: true,
            ..Manner::default()
        };
        let run =
            |command: &Command| launch(command, &[], Stdin::Steps(&[]), Limits::default()).unwrap();
        let usual = run(&command);
        assert_eq!(stdout(&usual), ["yes ", "dd 0"]);
        command = command.in_manner(&manner);
        let transcript = run(&command);
        assert_eq!(stdout(&transcript), ["scenario's a b", "dd 1"], "{:?}", transcript.end);
        assert_eq!(std::fs::metadata(folder.path().join("full")).unwrap().len(), 8 << 20);
    }

    #[test]
    fn a_command_that_does_not_exist_is_an_error() {
        let subject = Command { words: vec!["/no/such/thing".into()], workdir: None, env: vec![] };
        assert!(launch(&subject, &[], Stdin::Steps(&[]), Limits::default()).is_err());
    }
}
