//! Writing a subject's input: as fast as it reads, with the time of each step.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::scenario::{Disturbance, SentBody, Step};
use crate::transcript::{Gate, Micros};

use super::Limits;
use super::drive::Running;
use super::output::{Progress, since};

/// Lines are gathered up to this size before they are written: one pipe's worth on Linux.
const GATHER: usize = 64 << 10;

/// What came of the writing.
#[derive(Debug, Default)]
pub struct Fed {
    /// When each step was begun.
    pub written: Vec<Micros>,
    /// The gates passed.
    pub gates: Vec<Gate>,
    /// When all had been written.
    pub closed: Option<Micros>,
    /// When the subject was found to have closed its input.
    pub refused: Option<Micros>,
    /// Why something could not be done to the subject.
    pub undone: Option<io::Error>,
}

/// Writes all steps and then closes the input.
///
/// A step's time is taken before its first byte can reach the subject, so that an output with an
/// earlier time cannot have been caused by it.
pub fn feed(
    input: impl Write + AsFd,
    steps: &[Step],
    running: &dyn Running,
    start: Instant,
    limits: Limits,
    progress: &Progress,
) -> Fed {
    let mut feeder = Feeder {
        input,
        gathered: Vec::with_capacity(GATHER * 2),
        running,
        start,
        progress,
        fed: Fed::default(),
    };
    match feeder.run(steps, limits) {
        Ok(true) => feeder.fed.closed = Some(since(start)),
        Ok(false) => {}
        Err(_) => feeder.fed.refused = Some(since(start)),
    }
    feeder.fed
}

struct Feeder<'a, W> {
    input: W,
    gathered: Vec<u8>,
    running: &'a dyn Running,
    start: Instant,
    progress: &'a Progress,
    fed: Fed,
}

impl<W: Write + AsFd> Feeder<'_, W> {
    /// Whether all was written; not all, where the subject was ended on purpose.
    fn run(&mut self, steps: &[Step], limits: Limits) -> io::Result<bool> {
        for step in steps {
            self.fed.written.push(since(self.start));
            match step {
                Step::Message(sent) => {
                    self.sends(matches!(sent.body, SentBody::State(_)));
                    self.gathered.extend_from_slice(sent.line.as_bytes());
                    self.gathered.push(b'\n');
                    if self.gathered.len() >= GATHER {
                        self.flush()?;
                    }
                }
                Step::Bulk(bulk) => {
                    self.flush()?;
                    bulk.write(|bytes, is_state| {
                        self.sends(is_state);
                        self.write(bytes)
                    })?;
                }
                Step::Gate => {
                    self.flush()?;
                    self.gate(limits.gate);
                }
                Step::Disturb(disturbance) => {
                    self.flush()?;
                    if !self.disturb(*disturbance) {
                        return Ok(false);
                    }
                }
            }
        }
        self.flush()?;
        Ok(true)
    }

    fn sends(&self, is_state: bool) {
        self.progress.sent.fetch_add(u64::from(is_state), Ordering::SeqCst);
    }

    fn gate(&mut self, quiet: Duration) {
        self.wait_until_read();
        let sent = self.progress.sent.load(Ordering::SeqCst);
        let began = since(self.start);
        self.progress.held.store(true, Ordering::SeqCst);
        self.progress.wait_for_states(sent, quiet);
        let ended = since(self.start);
        self.progress.moved(self.start);
        self.progress.held.store(false, Ordering::SeqCst);
        self.fed.gates.push(Gate {
            began,
            ended,
            states_sent: sent,
            states_back: self.progress.states(),
            stdout_bytes: self.progress.bytes.load(Ordering::SeqCst),
            mid_line: self.progress.mid_line.load(Ordering::SeqCst),
        });
    }

    /// Does something to the subject; false where nothing is to be written after it.
    fn disturb(&mut self, disturbance: Disturbance) -> bool {
        self.wait_until_read();
        self.progress.held.store(true, Ordering::SeqCst);
        let killed = disturbance == Disturbance::Kill;
        self.progress.killed.fetch_or(killed, Ordering::SeqCst);
        let done = self.running.disturb(disturbance);
        self.progress.moved(self.start);
        self.progress.held.store(false, Ordering::SeqCst);
        if let Err(error) = done {
            self.fed.undone = Some(error);
            self.running.kill();
            return false;
        }
        // Its input stays open until it has ended: an end of input is no part of this.
        while disturbance.ends() && !self.progress.over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(2));
        }
        !disturbance.ends()
    }

    /// Waits until the subject has read all that was written: a slow start is not silence. The
    /// watch ends one that reads no more.
    fn wait_until_read(&self) {
        let mut before = u64::MAX;
        while !self.progress.over.load(Ordering::SeqCst)
            && let Ok(unread) = rustix::io::ioctl_fionread(&self.input)
            && unread > 0
        {
            if unread < before {
                before = unread;
                self.progress.moved(self.start);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        let written = self.write(&gathered);
        self.gathered = gathered;
        self.gathered.clear();
        written
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.input.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    self.progress.moved(self.start);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
