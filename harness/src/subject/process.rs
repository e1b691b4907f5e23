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
        peak_rss: usage.rusage.maxrss,
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

    fn disturb(&self, disturbance: Disturbance) -> io::Result<()> {
        Self::disturb(self, disturbance)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::{Sent, Step};
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

    #[test]
    fn a_command_that_does_not_exist_is_an_error() {
        let subject = Command { words: vec!["/no/such/thing".into()], workdir: None, env: vec![] };
        assert!(launch(&subject, &[], Stdin::Steps(&[]), Limits::default()).is_err());
    }
}
