//! One launch of a command: started in a process group of its own, fed while it is drained,
//! watched, and reaped with all that it started.

use std::ffi::OsString;
use std::io;
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use wait4::{ResUse, Wait4};

use crate::scenario::Step;
use crate::transcript::{End, Stop, Transcript};

use super::command::Subject;
use super::feed::{self, Fed};
use super::group::Group;
use super::output::{Progress, read_lines, since};
use super::pipe::Pipe;
use super::{INTERRUPTED, Limits};

/// How often the watch looks at the clock.
const TICK: Duration = Duration::from_millis(50);

/// What the subject gets on stdin.
#[derive(Debug, Clone, Copy)]
pub enum Stdin<'a> {
    /// These steps, then the end of input.
    Steps(&'a [Step]),
    /// Nothing, and no end either, for as long as the launch lasts.
    HeldOpen,
}

/// Launches the subject once. The error is that of starting it: the command does not exist, or
/// may not be run.
pub fn launch(
    subject: &Subject,
    args: &[OsString],
    stdin: Stdin,
    limits: Limits,
) -> io::Result<Transcript> {
    let start = Instant::now();
    let (mut child, group) = Group::spawn(
        subject.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()),
    )?;
    let progress = Progress::default();
    let (pipe_in, pipe_out, pipe_err) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());

    let mut held_open = None;
    let (fed, out, err, ended, stopped, left_behind) = thread::scope(|scope| {
        let progress = &progress;
        let out = scope.spawn(move || {
            pipe_out.map(|pipe| {
                let pipe = Pipe::new(widened(pipe), progress);
                read_lines(pipe, start, limits, progress, true)
            })
        });
        let err = scope.spawn(move || {
            pipe_err.map(|pipe| {
                let pipe = Pipe::new(pipe, progress);
                read_lines(pipe, start, limits, progress, false)
            })
        });
        let feeder = match stdin {
            Stdin::Steps(steps) => Some(scope.spawn(move || {
                pipe_in.map(|pipe| {
                    let pipe = Pipe::new(widened(pipe), progress);
                    let fed = feed::feed(pipe, steps, start, limits, progress);
                    progress.moved(start);
                    fed
                })
            })),
            Stdin::HeldOpen => {
                held_open = pipe_in;
                None
            }
        };
        let (ended, stopped) = watch(child, &group, start, limits, progress);
        progress.end();
        // A process that stays behind may hold the pipes open: it goes before they are waited for.
        let left_behind = group.reap();
        let fed = feeder.and_then(|feeder| feeder.join().ok().flatten());
        (fed, out.join().ok().flatten(), err.join().ok().flatten(), ended, stopped, left_behind)
    });
    drop(held_open);

    let Fed { written, gates, closed, refused } = fed.unwrap_or_default();
    let (stdout, stdout_closed) = out.unwrap_or_default();
    let (stderr, stderr_closed) = err.unwrap_or_default();
    let mut left_behind = left_behind;
    if left_behind.is_empty() && (stdout_closed.is_none() || stderr_closed.is_none()) {
        left_behind.push("a process that hides, and holds its output open".to_owned());
    }
    let mut end = End {
        stdin_closed: closed,
        stdin_refused: refused.filter(|_| stopped.is_none()),
        stdout_closed,
        stopped,
        left_behind,
        ..End::default()
    };
    if let Some((usage, at)) = ended {
        fill(&mut end, &usage, at);
    }
    Ok(Transcript { stdout, stderr, written, gates, end })
}

fn fill(end: &mut End, usage: &ResUse, at: u64) {
    use std::os::unix::process::ExitStatusExt;
    end.exited = at;
    end.code = usage.status.code();
    end.signal = usage.status.signal();
    end.cpu_s = (usage.rusage.utime + usage.rusage.stime).as_secs_f64();
    end.peak_rss = usage.rusage.maxrss;
}

/// Waits for the process to end, and ends it where a limit is passed.
fn watch(
    mut child: Child,
    group: &Group,
    start: Instant,
    limits: Limits,
    progress: &Progress,
) -> (Option<(ResUse, u64)>, Option<Stop>) {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let usage = child.wait4();
        // The watch has stopped listening only if the whole launch is over.
        let _ = sender.send((usage, since(start)));
    });
    let idle = u64::try_from(limits.idle.as_micros()).unwrap_or(u64::MAX);
    let mut stopped = None;
    loop {
        match receiver.recv_timeout(TICK) {
            Ok((usage, at)) => return (usage.ok().map(|usage| (usage, at)), stopped),
            Err(RecvTimeoutError::Disconnected) => return (None, stopped),
            Err(RecvTimeoutError::Timeout) if stopped.is_some() => {}
            Err(RecvTimeoutError::Timeout) => {
                let cut_off = progress.stop.lock().ok().and_then(|stop| *stop);
                let since_moved = since(start).saturating_sub(progress.last_moved());
                stopped = if INTERRUPTED.load(Ordering::SeqCst) {
                    Some(Stop::Interrupted)
                } else if since_moved > idle && !progress.held.load(Ordering::SeqCst) {
                    Some(Stop::TimeLimit(limits.idle.as_secs()))
                } else {
                    cut_off
                };
                if stopped.is_some() {
                    group.kill();
                }
            }
        }
    }
}

/// A pipe made as wide as the system lets us: fewer switches between the two sides.
fn widened<P: std::os::fd::AsFd>(pipe: P) -> P {
    #[cfg(target_os = "linux")]
    {
        // A narrow pipe is slower, nothing more.
        let _ = nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(1 << 20));
    }
    pipe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Sent;

    fn shell(script: &str) -> Subject {
        Subject {
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
        let subject = Subject { words: vec!["/no/such/thing".into()], workdir: None, env: vec![] };
        assert!(launch(&subject, &[], Stdin::Steps(&[]), Limits::default()).is_err());
    }
}
