//! Writing a subject's input: as fast as it reads, or in pieces, with the time of each step.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::scenario::{Disturbance, Pace, SentBody, Step};
use crate::transcript::{Gate, Micros, Stop};

use super::Limits;
use super::drive::Running;
use super::group;
use super::output::{Progress, since};
use super::patience::Patience;

/// How long one that was asked to end, or was killed, is waited for: longer than an engine does
/// before it kills.
const END_WITHIN: Duration = Duration::from_secs(12);
/// Lines are gathered up to this size before they are written: one pipe's worth on Linux.
const GATHER: usize = 64 << 10;
/// The longest piece: no pipe takes more at once.
const LONGEST_PIECE: usize = 1 << 20;
/// How often is looked for what nothing tells of.
const TICK: Duration = Duration::from_millis(2);
/// How long after a subject's end we may hear of it.
const LATE: Duration = Duration::from_millis(500);

/// What came of the writing.
#[derive(Debug, Default)]
pub struct Fed {
    /// When each step was begun.
    pub written: Vec<Micros>,
    /// The gates passed.
    pub gates: Vec<Gate>,
    /// When all had been written.
    pub closed: Option<Micros>,
    /// Whether all of it had been read then.
    pub all_read: bool,
    /// The most memory that the subject had held by then, in bytes; 0 where it is not known.
    pub peak_rss: u64,
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
        pace: None,
        running,
        start,
        progress,
        fed: Fed::default(),
    };
    let came_to_end = feeder.run(steps, limits);
    if progress.killed.get().is_some() {
        feeder.wait_for_end();
        return feeder.fed;
    }
    match came_to_end {
        Ok(true) => {
            // What lies in a pipe has not been taken.
            feeder.fed.all_read = feeder.wait_until_read();
            // Before it is let go: afterwards there is nothing left to look at.
            feeder.fed.peak_rss = running.peak_rss();
            feeder.fed.closed = Some(since(start));
        }
        Ok(false) => {}
        Err(_) => feeder.fed.refused = Some(since(start)),
    }
    feeder.fed
}

/// Ends the subject at once, as a scenario asks; the first time only.
pub fn kill(running: &dyn Running, start: Instant, progress: &Progress) {
    if progress.killed.set(since(start)).is_ok() {
        running.kill();
    }
}

struct Feeder<'a, W> {
    input: W,
    gathered: Vec<u8>,
    pace: Option<Pace>,
    running: &'a dyn Running,
    start: Instant,
    progress: &'a Progress,
    fed: Fed,
}

impl<W: Write + AsFd> Feeder<'_, W> {
    /// Whether all was written, and the end of input is next; not where the subject was ended on
    /// purpose.
    fn run(&mut self, steps: &[Step], limits: Limits) -> io::Result<bool> {
        for step in steps {
            if self.progress.killed.get().is_some() {
                return Ok(false);
            }
            if let Step::Disturb(disturbance) = step
                && (disturbance.ends() || *disturbance == Disturbance::CloseOutput)
            {
                self.flush()?;
                // It is never done to one that has ended, or reads no more.
                if !self.wait_until_read() || self.progress.is_past() {
                    return Ok(false);
                }
            }
            self.fed.written.push(since(self.start));
            match step {
                Step::Message(sent) => {
                    self.sends(matches!(sent.body, SentBody::State(_)));
                    self.gathered.extend_from_slice(sent.line.as_bytes());
                    self.gathered.push(b'\n');
                    self.write_gathered()?;
                }
                Step::Bulk(bulk) => {
                    if self.pace.is_none() {
                        self.flush()?;
                    }
                    bulk.write(|bytes, is_state| {
                        self.sends(is_state);
                        if self.pace.is_none() {
                            return self.write(bytes);
                        }
                        self.gathered.extend_from_slice(bytes);
                        self.write_gathered()
                    })?;
                }
                Step::Gate => {
                    self.flush()?;
                    self.gate(limits.gate);
                }
                Step::Raw(text) => {
                    self.gathered.extend_from_slice(text.as_bytes());
                    self.write_gathered()?;
                }
                Step::Pace(pace) => {
                    self.flush()?;
                    let bytes = pace.bytes.clamp(1, LONGEST_PIECE);
                    let is_felt = pace.pause_ms > 0 || bytes < GATHER;
                    self.pace = is_felt.then_some(Pace { bytes, ..*pace });
                }
                // It has become other steps by now.
                Step::Replay => {}
                Step::Disturb(disturbance) => {
                    self.flush()?;
                    if !self.disturb(*disturbance) {
                        return Ok(false);
                    }
                }
            }
        }
        self.flush()?;
        let Some(trap) = self.progress.trap() else {
            return Ok(true);
        };
        // The states may never come: it is killed all the same, before its input ends.
        self.wait_for_states(trap, limits.gate);
        if !self.progress.over.load(Ordering::SeqCst) {
            kill(self.running, self.start, self.progress);
        }
        Ok(false)
    }

    fn sends(&self, is_state: bool) {
        self.progress.sent.fetch_add(u64::from(is_state), Ordering::SeqCst);
    }

    fn gate(&mut self, quiet: Duration) {
        let sent = self.progress.sent.load(Ordering::SeqCst);
        let (began, ended) = self.wait_for_states(sent, quiet);
        self.fed.gates.push(Gate {
            began,
            ended,
            states_sent: sent,
            states_back: self.progress.states(),
            stdout_bytes: self.progress.bytes.load(Ordering::SeqCst),
            mid_line: self.progress.mid_line.load(Ordering::SeqCst),
        });
    }

    /// Waits until so many states have come, or none comes for so long; from when until when.
    fn wait_for_states(&self, wanted: u64, quiet: Duration) -> (Micros, Micros) {
        self.wait_until_read();
        // What came meanwhile has not been looked at.
        while let Some(left) = self.progress.blocked_for() {
            thread::sleep(left.min(TICK));
        }
        let began = since(self.start);
        self.progress.held.store(true, Ordering::SeqCst);
        self.progress.wait_for_states(wanted, quiet);
        let ended = since(self.start);
        self.progress.moved(self.start);
        self.progress.held.store(false, Ordering::SeqCst);
        (began, ended)
    }

    /// Does something to the subject; false where nothing is to be written after it.
    fn disturb(&mut self, disturbance: Disturbance) -> bool {
        match disturbance {
            Disturbance::KillAtStates(count) => self.progress.arm(count),
            Disturbance::BlockOutput(millis) => {
                self.progress.block(self.start, Duration::from_millis(millis));
            }
            Disturbance::CloseOutput => {
                self.wait_until_read();
                self.progress.closing.store(true, Ordering::SeqCst);
                while self.progress.unread.get().is_none() && !self.progress.is_past() {
                    thread::sleep(TICK);
                }
                group::wait_for_starts();
            }
            Disturbance::Kill => {
                self.wait_until_read();
                kill(self.running, self.start, self.progress);
                return false;
            }
            _ => return self.disturb_process(disturbance),
        }
        true
    }

    fn disturb_process(&mut self, disturbance: Disturbance) -> bool {
        self.wait_until_read();
        self.progress.held.store(true, Ordering::SeqCst);
        let done = self.running.disturb(disturbance);
        let asked = Instant::now();
        while done.is_err() && !self.progress.is_past() && asked.elapsed() < LATE {
            thread::sleep(TICK);
        }
        self.progress.moved(self.start);
        self.progress.held.store(false, Ordering::SeqCst);
        // What has ended meanwhile is past being disturbed, and it is no error that it has.
        if let Err(error) = done
            && !self.progress.is_past()
        {
            self.fed.undone = Some(error);
            self.running.kill();
            return false;
        }
        if disturbance.ends() {
            self.wait_for_end();
        }
        !disturbance.ends()
    }

    /// Waits until the subject has ended. Its input stays open: an end of input is no part of how
    /// it is ended.
    fn wait_for_end(&self) {
        let mut patience = Patience::begin();
        while !self.progress.over.load(Ordering::SeqCst) {
            thread::sleep(TICK);
            if patience.waited() > END_WITHIN {
                self.progress.cut_off(Stop::TimeLimit(END_WITHIN.as_secs()));
            }
        }
    }

    /// Waits until the subject has read all that was written: a slow start is not silence. The
    /// watch ends one that reads no more. False where something is left that it has not read.
    fn wait_until_read(&self) -> bool {
        let mut before = u64::MAX;
        while let Ok(unread) = rustix::io::ioctl_fionread(&self.input)
            && unread > 0
        {
            if self.progress.is_past() {
                return false;
            }
            if unread < before {
                before = unread;
                self.progress.moved(self.start);
            }
            thread::sleep(TICK);
        }
        true
    }

    /// Writes of what is gathered as much as is worth a write.
    fn write_gathered(&mut self) -> io::Result<()> {
        match self.pace {
            None if self.gathered.len() < GATHER => Ok(()),
            None => self.flush(),
            Some(pace) => {
                let mut gathered = std::mem::take(&mut self.gathered);
                let whole = gathered.len() - gathered.len() % pace.bytes;
                let written = self.write_pieces(&gathered[..whole], pace);
                // The rest makes a piece with what comes next: lines are not spared.
                gathered.drain(..whole);
                self.gathered = gathered;
                written
            }
        }
    }

    /// Writes all that is gathered.
    fn flush(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        let written = match self.pace {
            None => self.write(&gathered),
            Some(pace) => self.write_pieces(&gathered, pace),
        };
        self.gathered = gathered;
        self.gathered.clear();
        written
    }

    fn write_pieces(&mut self, bytes: &[u8], pace: Pace) -> io::Result<()> {
        let pause = Duration::from_millis(pace.pause_ms);
        for piece in bytes.chunks(pace.bytes) {
            self.write(piece)?;
            self.progress.excuse(self.start, pause);
            let began = Instant::now();
            while let Some(left) = pause.checked_sub(began.elapsed())
                && !left.is_zero()
                && !self.progress.is_past()
            {
                // A long pause ends with the subject.
                thread::sleep(left.min(Duration::from_millis(20)));
            }
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.progress.killed.get().is_some() {
                return Err(ErrorKind::BrokenPipe.into());
            }
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::BorrowedFd;

    use super::*;
    use crate::scenario::Sent;

    /// Keeps what was written, write by write, each with its time.
    struct Writes<'a> {
        null: File,
        start: Instant,
        made: &'a mut Vec<(Micros, Vec<u8>)>,
    }

    impl Write for Writes<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.made.push((since(self.start), bytes.to_vec()));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl AsFd for Writes<'_> {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.null.as_fd()
        }
    }

    struct Nothing;

    impl Running for Nothing {
        fn kill(&self) {}

        fn reap(&self) -> Vec<String> {
            Vec::new()
        }

        fn disturb(&self, _: Disturbance) -> io::Result<()> {
            Ok(())
        }
    }

    fn writes(steps: &[Step]) -> (Fed, Vec<(Micros, Vec<u8>)>) {
        let (start, mut made) = (Instant::now(), Vec::new());
        let writes = Writes { null: File::open("/dev/null").unwrap(), start, made: &mut made };
        let fed = feed(writes, steps, &Nothing, start, Limits::default(), &Progress::default());
        (fed, made)
    }

    fn message(line: &str) -> Step {
        Step::Message(Sent::parse(line).unwrap())
    }

    fn pace(bytes: usize, pause_ms: u64) -> Step {
        Step::Pace(Pace { bytes, pause_ms })
    }

    #[test]
    fn a_pace_spares_neither_lines_nor_characters() {
        let steps = [
            message(r#"{"a":0}"#),
            pace(5, 3),
            message("{\"é\":1}"),
            Step::Raw("rest".into()),
            pace(usize::MAX, 0),
            message(r#"{"a":2}"#),
            message(r#"{"a":3}"#),
            Step::Raw("no newline".into()),
        ];
        let (fed, made) = writes(&steps);
        let pieces: Vec<&[u8]> = made.iter().map(|(_, bytes)| &bytes[..]).collect();
        let (first, second) = ("{\"é\":1}\nrest".as_bytes(), b"{\"a\":2}\n{\"a\":3}\nno newline");
        let wanted = [b"{\"a\":0}\n", &first[..5], &first[5..10], &first[10..], second];
        assert_eq!(pieces, wanted);
        // The piece in the middle ends a line and begins the next.
        assert!(std::str::from_utf8(&first[..3]).is_err() && first[5..10].contains(&b'\n'));
        for pair in made[1..].windows(2) {
            assert!(pair[1].0 - pair[0].0 >= 3000, "{made:?}");
        }
        // No step's time is later than its first byte.
        for (step, piece) in [(0, 0), (2, 1), (3, 2), (5, 4)] {
            assert!(fed.written[step] <= made[piece].0);
        }
        assert!(fed.closed.is_some());
    }

    #[test]
    fn bulk_is_paced_too() {
        let bulk = serde_json::from_str(
            r#"{"stream":{"name":"s"},"records":10,"state_every":5,"line":219}"#,
        );
        let bulk = Step::Bulk(bulk.unwrap());
        let (_, whole) = writes(std::slice::from_ref(&bulk));
        let (_, pieces) = writes(&[pace(100, 0), bulk]);
        let (last, others) = pieces.split_last().unwrap();
        assert!(others.iter().all(|(_, bytes)| bytes.len() == 100) && last.1.len() <= 100);
        let all = |made: &[(Micros, Vec<u8>)]| -> Vec<u8> {
            made.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
        };
        assert_eq!(all(&whole), all(&pieces));
    }
}
