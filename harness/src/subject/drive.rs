//! Driving what has been started, whatever it is: fed while it is drained, watched, ended where a
//! limit is passed, and waited for.

use std::fs::File;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::scenario::{Disturbance, Step};
use crate::transcript::{End, Micros, Stop, Transcript};

use super::feed::{self, Fed};
use super::output::{Progress, read_lines, since};
use super::patience::Patience;
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

impl Stdin<'_> {
    /// Whether something like this is done to the subject.
    #[must_use]
    pub fn has(self, like: impl Fn(Disturbance) -> bool) -> bool {
        let Self::Steps(steps) = self else { return false };
        steps.iter().any(|step| matches!(step, Step::Disturb(disturbance) if like(*disturbance)))
    }
}

/// A subject that has been started.
pub trait Running: Sync {
    /// Ends it at once, with all that it started.
    fn kill(&self);
    /// Ends what has outlived it, and names it. Called once it has ended.
    fn reap(&self) -> Vec<String>;
    /// The most memory that it has held so far, with all that it started, in bytes; 0 where that is
    /// not known, or it has ended.
    fn peak_rss(&self) -> u64 {
        0
    }
    /// Does this to it. The error says why it could not be done.
    fn disturb(&self, disturbance: Disturbance) -> io::Result<()>;
}

/// Waits for an end; the error is that it will never be known.
pub type Wait = Box<dyn FnOnce() -> io::Result<Ended> + Send>;

/// Our ends of its three streams, and how to wait for it.
pub struct Started {
    /// Its input.
    pub stdin: File,
    /// Its output.
    pub stdout: File,
    /// Its errors.
    pub stderr: File,
    /// Waits for its end.
    pub wait: Wait,
}

impl Started {
    /// Closes its input at once: it gets none.
    #[must_use]
    pub fn without_input(self) -> (File, File, Wait) {
        (self.stdout, self.stderr, self.wait)
    }
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// When, in microseconds since the launch.
    pub at: Micros,
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// User and system time, in seconds.
    pub cpu_s: f64,
    /// The largest resident set, in bytes; 0 where it is not known.
    pub peak_rss: u64,
    /// Whether it was ended for want of memory.
    pub out_of_memory: bool,
}

/// Drives a started subject to its end. The error is that the end could not be seen.
pub fn drive(
    running: &dyn Running,
    started: Started,
    stdin: Stdin,
    limits: Limits,
    start: Instant,
) -> io::Result<Transcript> {
    let progress = Progress::default();
    let Started { stdin: pipe_in, stdout: pipe_out, stderr: pipe_err, wait } = started;
    let (fed, out, err, ended, stopped, left_behind) = thread::scope(|scope| {
        let progress = &progress;
        // What is left unread has to be felt: in a wide pipe much could still be printed.
        let pipe_out = if stdin.has(|d| matches!(d, Disturbance::BlockOutput(_))) {
            pipe_out
        } else {
            widened(pipe_out)
        };
        let out = scope.spawn(move || {
            let read = read_lines(Pipe::stdout(pipe_out, progress), start, limits, progress, true);
            // Our end is closed by now.
            let _ = progress.unread.set(since(start));
            read
        });
        if stdin.has(|d| matches!(d, Disturbance::KillAtStates(_))) {
            scope.spawn(move || {
                if progress.wait_for_trap() {
                    feed::kill(running, start, progress);
                }
            });
        }
        let err = scope.spawn(move || {
            read_lines(Pipe::new(pipe_err, progress), start, limits, progress, false)
        });
        let mut held_open = None;
        let feeder = match stdin {
            Stdin::Steps(steps) => Some(scope.spawn(move || {
                let pipe = Pipe::new(widened(pipe_in), progress);
                let fed = feed::feed(pipe, steps, running, start, limits, progress);
                progress.moved(start);
                fed
            })),
            Stdin::HeldOpen => {
                held_open = Some(pipe_in);
                None
            }
        };
        let (ended, stopped) = watch(running, wait, start, limits, progress);
        progress.end();
        // A process that stays behind may hold the pipes open: it goes before they are waited for.
        let left_behind = running.reap();
        drop(held_open);
        let fed = feeder.and_then(|feeder| feeder.join().ok());
        (fed, out.join().ok(), err.join().ok(), ended, stopped, left_behind)
    });

    let ended = ended?;
    let Fed { written, gates, closed, all_read, peak_rss, refused, undone } =
        fed.unwrap_or_default();
    if let Some(error) = undone {
        return Err(error);
    }
    let (stdout, stdout_ended) = out.unwrap_or_default();
    let closed_by_us = progress.closing.load(Ordering::SeqCst).then(|| progress.unread.get());
    let stdout_closed = stdout_ended.or(closed_by_us.flatten().copied());
    let (stderr, stderr_closed) = err.unwrap_or_default();
    let mut left_behind = left_behind;
    if left_behind.is_empty() && (stdout_closed.is_none() || stderr_closed.is_none()) {
        left_behind.push("a process that hides, and holds its output open".to_owned());
    }
    // One that was killed by us may have ended by itself just before.
    let by_sigkill = ended.signal == Some(9) || ended.code == Some(137);
    let end = End {
        killed: progress.killed.get().copied().filter(|_| by_sigkill),
        // It was ended for not reading: what it has not read it was not given.
        stdin_closed: closed.filter(|_| all_read || stopped.is_none()),
        stdin_refused: refused.filter(|_| stopped.is_none()),
        stdout_closed,
        exited: ended.at,
        code: ended.code,
        signal: ended.signal,
        out_of_memory: ended.out_of_memory,
        stopped,
        left_behind,
        cpu_s: ended.cpu_s,
        peak_rss: ended.peak_rss.max(peak_rss),
    };
    Ok(Transcript { stdout, stderr, written, gates, end, ..Transcript::default() })
}

/// Waits for the end, and brings it about where a limit is passed.
fn watch(
    running: &dyn Running,
    wait: Wait,
    start: Instant,
    limits: Limits,
    progress: &Progress,
) -> (io::Result<Ended>, Option<Stop>) {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // The watch has stopped listening only if the whole launch is over.
        let _ = sender.send(wait());
    });
    let (mut moved, mut patience) = (0, Patience::begin());
    let mut stopped = None;
    let mut peak = 0;
    loop {
        // A high water mark only rises: what was seen last is nearly all there was.
        peak = running.peak_rss().max(peak);
        match receiver.recv_timeout(TICK) {
            Ok(Ok(ended)) => return (Ok(Ended { peak_rss: peak, ..ended }), stopped),
            Ok(Err(error)) => return (Err(error), stopped),
            Err(RecvTimeoutError::Disconnected) => {
                return (Err(io::Error::other("its end was not seen")), stopped);
            }
            Err(RecvTimeoutError::Timeout) if stopped.is_some() => {}
            Err(RecvTimeoutError::Timeout) => {
                let cut_off = progress.stop.lock().ok().and_then(|stop| *stop);
                let last = progress.last_moved();
                // What is excused has moved in the future.
                let excused = last > since(start) || progress.held.load(Ordering::SeqCst);
                if last != moved || excused {
                    (moved, patience) = (last, Patience::begin());
                }
                stopped = if INTERRUPTED.load(Ordering::SeqCst) {
                    Some(Stop::Interrupted)
                } else if patience.waited() > limits.idle {
                    Some(Stop::TimeLimit(limits.idle.as_secs()))
                } else {
                    cut_off
                };
                if stopped.is_some() {
                    running.kill();
                }
            }
        }
    }
}

/// A pipe made as wide as the system lets us: fewer switches between the two sides.
fn widened(pipe: File) -> File {
    #[cfg(target_os = "linux")]
    {
        // A narrow pipe is slower, nothing more.
        let _ = nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(1 << 20));
    }
    pipe
}
