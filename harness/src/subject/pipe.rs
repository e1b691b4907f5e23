//! Our ends of a subject's pipes. A process that hides from us may hold the other end for ever:
//! once the subject is gone, nobody waits for it any longer than a grace.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::output::Progress;

/// How long after the subject's end its output is still read, its helpers' output included.
const GRACE: Duration = Duration::from_secs(2);
/// How often one who leaves stdout unread looks whether that is over.
const BLOCKED: Duration = Duration::from_millis(5);
/// How often a wait looks whether the subject is gone.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// One end of a pipe, which does not block once the subject is gone.
pub struct Pipe<'a, P> {
    end: P,
    progress: &'a Progress,
    gone: Option<Instant>,
    is_stdout: bool,
}

impl<'a, P: AsFd> Pipe<'a, P> {
    /// Takes an end of a pipe. Where it cannot be made not to block, it blocks as ever.
    pub fn new(end: P, progress: &'a Progress) -> Self {
        let _ = rustix::io::ioctl_fionbio(&end, true);
        Self { end, progress, gone: None, is_stdout: false }
    }

    /// Takes the end of stdout, which is left unread or closed when a scenario asks for it.
    pub fn stdout(end: P, progress: &'a Progress) -> Self {
        Self { is_stdout: true, ..Self::new(end, progress) }
    }

    /// Waits while stdout is to be left unread; the error is that it is to be closed.
    fn heed(&self) -> io::Result<()> {
        if !self.is_stdout {
            return Ok(());
        }
        loop {
            if self.progress.closing.load(Ordering::SeqCst) {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            let Some(left) = self.progress.blocked_for() else { return Ok(()) };
            thread::sleep(left.min(BLOCKED));
        }
    }

    /// For how long the subject has been gone.
    fn gone_for(&mut self) -> Option<Duration> {
        if self.gone.is_none() && self.progress.over.load(Ordering::SeqCst) {
            self.gone = Some(Instant::now());
        }
        self.gone.map(|since| since.elapsed())
    }

    /// Waits for the pipe to be ready, for a tick at most.
    fn wait(&self, flags: PollFlags) {
        // The caller tries again whatever this comes to.
        let _ = poll(&mut [PollFd::new(&self.end, flags)], Some(&TICK));
    }
}

impl<P: Read + AsFd> Read for Pipe<'_, P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.heed()?;
            let gone = self.gone_for();
            // What lies ready is read first; but one that hides may go on for ever.
            if gone.is_some_and(|gone| gone > GRACE * 10) {
                return Err(ErrorKind::TimedOut.into());
            }
            match self.end.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if gone.is_some_and(|gone| gone > GRACE) {
                        return Err(ErrorKind::TimedOut.into());
                    }
                    self.wait(PollFlags::IN);
                }
                read => return read,
            }
        }
    }
}

impl<P: Write + AsFd> Write for Pipe<'_, P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.end.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.gone_for().is_some() {
                        return Err(ErrorKind::BrokenPipe.into());
                    }
                    self.wait(PollFlags::OUT);
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end.flush()
    }
}

impl<P: AsFd> AsFd for Pipe<'_, P> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}
