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
        states: 0,
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
    /// States sent so far.
    states: u64,
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
                    self.states += u64::from(matches!(sent.body, SentBody::State(_)));
                    self.gathered.extend_from_slice(sent.line.as_bytes());
                    self.gathered.push(b'\n');
                    if self.gathered.len() >= GATHER {
                        self.flush()?;
                    }
                }
                Step::Bulk(bulk) => {
                    self.flush()?;
                    bulk.write(|bytes, is_state| {
                        self.states += u64::from(is_state);
                        self.write(bytes)
                    })?;
                }
                Step::Gate => {
                    self.flush()?;
                    self.gate(limits);
                }
            }
        }
        self.flush()
    }

    fn gate(&mut self, limits: Limits) {
        self.wait_until_read(limits.idle);
        let began = since(self.start);
        self.progress.held.store(true, Ordering::SeqCst);
        self.progress.wait_for_states(self.states, limits.gate);
        let ended = since(self.start);
        self.progress.moved.store(ended, Ordering::SeqCst);
        self.progress.held.store(false, Ordering::SeqCst);
        self.fed.gates.push(Gate {
            began,
            ended,
            states_sent: self.states,
            states_back: self.progress.states(),
            stdout_bytes: self.progress.bytes.load(Ordering::SeqCst),
            mid_line: self.progress.mid_line.load(Ordering::SeqCst),
        });
    }

    /// Waits until the subject has read all that was written: a slow start is not silence.
    fn wait_until_read(&self, limit: Duration) {
        let began = Instant::now();
        while !self.progress.over.load(Ordering::SeqCst)
            && began.elapsed() < limit
            && rustix::io::ioctl_fionread(&self.input).is_ok_and(|unread| unread > 0)
        {
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
                    self.progress.moved.store(since(self.start), Ordering::SeqCst);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
