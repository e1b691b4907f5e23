//! Writing a subject's input: as fast as it reads, with the time of each step.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::scenario::{SentBody, Step};
use crate::transcript::{Gate, Micros};

use super::Limits;
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
}

/// Writes all steps and then closes the input.
///
/// A step's time is taken before its first byte can reach the subject, so that an output with an
/// earlier time cannot have been caused by it.
pub fn feed(
    input: impl Write + AsFd,
    steps: &[Step],
    start: Instant,
    limits: Limits,
    progress: &Progress,
) -> Fed {
    let mut feeder = Feeder {
        input,
        gathered: Vec::with_capacity(GATHER * 2),
        start,
        progress,
        fed: Fed::default(),
    };
    match feeder.run(steps, limits) {
        Ok(()) => feeder.fed.closed = Some(since(start)),
        Err(_) => feeder.fed.refused = Some(since(start)),
    }
    feeder.fed
}

struct Feeder<'a, W> {
    input: W,
    gathered: Vec<u8>,
    start: Instant,
    progress: &'a Progress,
    fed: Fed,
}

impl<W: Write + AsFd> Feeder<'_, W> {
    fn run(&mut self, steps: &[Step], limits: Limits) -> io::Result<()> {
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
            }
        }
        self.flush()
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
