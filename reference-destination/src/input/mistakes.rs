//! The faults of reading.

use crate::message::{self, Message};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::thread;

/// How much is read at once where lines are looked at one by one, in bytes.
pub const READ: usize = 4096;

/// How many states a queue has room for.
const ROOM: usize = 1000;

/// `half-line-is-a-line`: whether nothing more comes on stdin for a moment.
pub fn pauses() -> bool {
    let moment = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let stdin = io::stdin();
    poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&moment)).is_ok_and(|ready| ready == 0)
}

/// `bounded-state-queue`: the states that wait for a record to take them along.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: usize,
}

impl Queue {
    /// Takes lines, and does not return when there is no more room.
    pub fn take(&mut self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n') {
            match message::decode(line) {
                Ok(Message::Record(_)) => self.waiting = 0,
                Ok(Message::State(_)) => self.waiting += 1,
                _ => {}
            }
            if self.waiting >= ROOM {
                wait_for_room();
            }
        }
    }
}

/// Waits for good: whoever could make room waits for the next record.
fn wait_for_room() -> ! {
    loop {
        thread::park();
    }
}
