//! Reading what a subject prints, line by line, within bounds.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::transcript::{Micros, Output, Stop};

use super::Limits;
use super::patience::Patience;

/// How often is looked at the clock while nothing comes.
const TICK: Duration = Duration::from_millis(50);

/// Microseconds since `start`.
#[must_use]
pub fn since(start: Instant) -> Micros {
    Micros::try_from(start.elapsed().as_micros()).unwrap_or(Micros::MAX)
}

/// What the readers tell the feeder and the watch while a launch goes on.
#[derive(Default)]
pub struct Progress {
    states: Mutex<States>,
    came: Condvar,
    /// Bytes of stdout read.
    pub bytes: AtomicU64,
    /// Whether stdout has stopped in the middle of a line.
    pub mid_line: AtomicBool,
    /// States sent so far.
    pub sent: AtomicU64,
    /// When the subject last moved: read, was told the end of its input, or acknowledged.
    moved: AtomicU64,
    /// Set while the input is held on purpose: the subject is not to blame for the time.
    pub held: AtomicBool,
    /// When the process was killed on purpose: a line that it had not finished is none of its
    /// making.
    pub killed: OnceLock<Micros>,
    /// Until when stdout is not to be read.
    blocked: Mutex<Option<Instant>>,
    /// Set once our end of stdout is to be closed before its end.
    pub closing: AtomicBool,
    /// When stdout was read for the last time: it ended, or was closed by us.
    pub unread: OnceLock<Micros>,
    /// Set once the process is gone, or has to go.
    pub over: AtomicBool,
    /// Why the output has to be cut off.
    pub stop: Mutex<Option<Stop>>,
}

/// Lines of stdout that look like states.
#[derive(Default)]
struct States {
    came: u64,
    /// At how many of them the process is to be killed.
    trap: Option<u64>,
}

impl Progress {
    /// How many lines that look like states have come.
    #[must_use]
    pub fn states(&self) -> u64 {
        self.states.lock().map_or(0, |states| states.came)
    }

    /// Whether the process is gone, or was killed on purpose: nothing more is to be written.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.over.load(Ordering::SeqCst) || self.killed.get().is_some()
    }

    /// Tells that the subject has moved.
    pub fn moved(&self, start: Instant) {
        self.moved.fetch_max(since(start), Ordering::SeqCst);
    }

    /// When the subject last moved.
    #[must_use]
    pub fn last_moved(&self) -> Micros {
        self.moved.load(Ordering::SeqCst)
    }

    /// Only as many states as were sent are progress: other output can go on for ever.
    fn state_came(&self, start: Instant) {
        if let Ok(mut states) = self.states.lock() {
            states.came += 1;
            if states.came <= self.sent.load(Ordering::SeqCst) {
                self.moved(start);
            }
        }
        self.came.notify_all();
    }

    /// Does not hold it against the subject that it stands still for so long: it is our doing.
    pub fn excuse(&self, start: Instant, pause: Duration) {
        let pause = Micros::try_from(pause.as_micros()).unwrap_or(Micros::MAX);
        self.moved.fetch_max(since(start).saturating_add(pause), Ordering::SeqCst);
    }

    /// Leaves stdout unread for so long.
    pub fn block(&self, start: Instant, pause: Duration) {
        self.excuse(start, pause);
        if let Ok(mut blocked) = self.blocked.lock() {
            *blocked = (*blocked).max(Instant::now().checked_add(pause));
        }
    }

    /// For how long stdout is still to be left unread. What a process that is gone has printed is
    /// read at once.
    #[must_use]
    pub fn blocked_for(&self) -> Option<Duration> {
        let until = self.blocked.lock().ok().and_then(|blocked| *blocked)?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero() && !self.over.load(Ordering::SeqCst)).then_some(left)
    }

    /// Marks the process as gone and wakes whoever waits for its output.
    pub fn end(&self) {
        // Whoever is about to wait has looked at it under this lock.
        let states = self.states.lock();
        self.over.store(true, Ordering::SeqCst);
        drop(states);
        self.came.notify_all();
    }

    /// Has the process killed once so many states have come.
    pub fn arm(&self, at: u64) {
        if let Ok(mut states) = self.states.lock() {
            states.trap = Some(at);
        }
        self.came.notify_all();
    }

    /// At how many states the process is to be killed.
    #[must_use]
    pub fn trap(&self) -> Option<u64> {
        self.states.lock().ok()?.trap
    }

    /// Waits until the process is to be killed; false where it is gone before.
    #[must_use]
    pub fn wait_for_trap(&self) -> bool {
        let waits = |states: &mut States| {
            !self.over.load(Ordering::SeqCst) && states.trap.is_none_or(|at| states.came < at)
        };
        let Ok(states) = self.states.lock() else {
            return false;
        };
        let woken = self.came.wait_while(states, waits);
        woken.is_ok() && !self.over.load(Ordering::SeqCst)
    }

    /// Waits until so many states have come, the process is gone, or none has come for this long.
    pub fn wait_for_states(&self, wanted: u64, quiet: Duration) {
        let Ok(mut states) = self.states.lock() else {
            return;
        };
        let (mut seen, mut patience) = (states.came, Patience::begin());
        while states.came < wanted && !self.over.load(Ordering::SeqCst) {
            if states.came != seen {
                (seen, patience) = (states.came, Patience::begin());
            }
            if patience.waited() >= quiet {
                return;
            }
            let nothing_new =
                |states: &mut States| states.came == seen && !self.over.load(Ordering::SeqCst);
            match self.came.wait_timeout_while(states, TICK.min(quiet), nothing_new) {
                Ok((woken, _)) => states = woken,
                Err(_) => return,
            }
        }
    }

    /// Has it ended, for this reason; the first one counts.
    pub fn cut_off(&self, why: Stop) {
        if let Ok(mut stop) = self.stop.lock() {
            stop.get_or_insert(why);
        }
    }
}

/// Reads a stream to its end, keeping its lines. Past a limit it goes on reading, so that the
/// subject is not blocked until it is killed, and keeps nothing more.
///
/// Returns the lines, and when the stream ended: never, where somebody still holds it open, or it
/// is closed by us.
pub fn read_lines(
    mut stream: impl Read,
    start: Instant,
    limits: Limits,
    progress: &Progress,
    is_stdout: bool,
) -> (Vec<Output>, Option<Micros>) {
    let mut lines = Vec::new();
    let mut pending: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0_u64;
    let mut keep = true;
    let ended = loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break false,
        };
        total += count as u64;
        if keep {
            let at = since(start);
            let mut rest = &buffer[..count];
            while let Some(end) = memchr::memchr(b'\n', rest) {
                pending.extend_from_slice(&rest[..end]);
                let bytes = std::mem::take(&mut pending);
                if is_stdout && memchr::memmem::find(&bytes, b"\"STATE\"").is_some() {
                    progress.state_came(start);
                }
                lines.push(Output { at, bytes });
                rest = &rest[end + 1..];
            }
            pending.extend_from_slice(rest);
        }
        if is_stdout {
            progress.bytes.store(total, Ordering::SeqCst);
            progress.mid_line.store(!pending.is_empty(), Ordering::SeqCst);
        }
        if keep && pending.len() as u64 > limits.line {
            // What the line began with tells enough; the rest would only cost memory.
            pending.truncate(200);
            pending.shrink_to_fit();
            keep = false;
            progress.cut_off(Stop::LineLimit(limits.line));
        } else if keep && (total > limits.output || lines.len() as u64 > limits.lines) {
            // The line at hand is cut off by us: it must not be taken for a broken one.
            pending = Vec::new();
            keep = false;
            progress.cut_off(if total > limits.output {
                Stop::OutputLimit(limits.output)
            } else {
                Stop::TooManyLines(limits.lines)
            });
        }
    };
    let at = since(start);
    // One that was cut off by us is none of its making.
    let is_cut =
        progress.killed.get().is_some() || is_stdout && progress.closing.load(Ordering::SeqCst);
    if !pending.is_empty() && !is_cut {
        lines.push(Output { at, bytes: pending });
    }
    (lines, ended.then_some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], limits: Limits) -> (Vec<Vec<u8>>, Option<Stop>) {
        let progress = Progress::default();
        let (lines, _) = read_lines(input, Instant::now(), limits, &progress, true);
        (lines.into_iter().map(|l| l.bytes).collect(), *progress.stop.lock().unwrap())
    }

    #[test]
    fn a_last_line_without_newline_is_a_line() {
        let (lines, stop) = read(b"a\n\nbc", Limits::default());
        assert_eq!(lines, [b"a".to_vec(), b"".to_vec(), b"bc".to_vec()]);
        assert_eq!(stop, None);
    }

    #[test]
    fn a_line_without_end_is_cut_off() {
        let limits = Limits { line: 1000, ..Limits::default() };
        let (lines, stop) = read(&vec![b'x'; 200_000], limits);
        assert_eq!(lines, [vec![b'x'; 200]]);
        assert_eq!(stop, Some(Stop::LineLimit(1000)));
    }

    #[test]
    fn endless_lines_are_cut_off() {
        let limits = Limits { output: 1000, ..Limits::default() };
        let (_, stop) = read(&b"x\n".repeat(100_000), limits);
        assert_eq!(stop, Some(Stop::OutputLimit(1000)));
        let limits = Limits { lines: 1000, ..Limits::default() };
        let (_, stop) = read(&b"x\n".repeat(100_000), limits);
        assert_eq!(stop, Some(Stop::TooManyLines(1000)));
    }
}
