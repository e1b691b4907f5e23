//! Standard input, read ahead by a thread of its own and handed over in whole lines.

mod mistakes;

use crate::error::Failure;
use crate::faults::{Fault, Faults};
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

/// How much is read at once, in bytes.
const READ: usize = 256 * 1024;

/// How many chunks may wait. A chunk is as long as one read, or as its only line.
const AHEAD: usize = 4;

/// What the input has to offer.
#[derive(Debug)]
pub enum Next {
    /// Whole lines; only the last of all may lack its newline.
    Lines(Vec<u8>),
    /// Nothing at the moment.
    Nothing,
    /// Nothing more at all.
    End,
}

/// The reading end of standard input.
#[derive(Debug)]
pub struct Input {
    chunks: Receiver<io::Result<Vec<u8>>>,
}

impl Input {
    /// Starts reading.
    pub fn start(faults: Faults) -> Result<Self, Failure> {
        let (sender, chunks) = sync_channel(AHEAD);
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read(&mut io::stdin().lock(), &sender, faults))
            .map_err(|error| Failure::system("No thread could be started.", error))?;
        Ok(Self { chunks })
    }

    /// Takes what has been read already.
    pub fn at_hand(&self) -> Result<Next, Failure> {
        match self.chunks.try_recv() {
            Ok(chunk) => lines(chunk),
            Err(TryRecvError::Empty) => Ok(Next::Nothing),
            Err(TryRecvError::Disconnected) => Ok(Next::End),
        }
    }

    /// Waits for input, and gives up after a while.
    pub fn within(&self, patience: Duration) -> Result<Next, Failure> {
        match self.chunks.recv_timeout(patience) {
            Ok(chunk) => lines(chunk),
            Err(RecvTimeoutError::Timeout) => Ok(Next::Nothing),
            Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
        }
    }

    /// Waits for input.
    pub fn wait(&self) -> Result<Next, Failure> {
        self.chunks.recv().map_or(Ok(Next::End), lines)
    }
}

fn lines(chunk: io::Result<Vec<u8>>) -> Result<Next, Failure> {
    chunk.map(Next::Lines).map_err(|error| Failure::system("The input cannot be read.", error))
}

/// Sends whole lines until the end, or until nobody wants them any more.
fn read(stdin: &mut impl Read, chunks: &SyncSender<io::Result<Vec<u8>>>, faults: Faults) {
    let mut queue = faults.has(Fault::BoundedStateQueue).then(mistakes::Queue::default);
    let at_once = if queue.is_some() { mistakes::READ } else { READ };
    let mut buffer: Vec<u8> = Vec::with_capacity(at_once);
    // The length of what is kept from the read before: a line without its end.
    let mut filled = 0;
    loop {
        if faults.has(Fault::HalfLineIsALine) && filled > 0 && mistakes::pauses() {
            filled = 0;
            if chunks.send(Ok(std::mem::take(&mut buffer))).is_err() {
                return;
            }
        }
        buffer.resize(filled + at_once, 0);
        let count = match stdin.read(&mut buffer[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let _ = chunks.send(Err(error));
                return;
            }
        };
        if count == 0 {
            buffer.truncate(filled);
            if !buffer.is_empty() {
                let _ = chunks.send(Ok(buffer));
            }
            return;
        }
        let newline = memchr::memrchr(b'\n', &buffer[filled..filled + count]);
        buffer.truncate(filled + count);
        filled = buffer.len();
        if let Some(newline) = newline {
            let rest = buffer.split_off(filled - count + newline + 1);
            filled = rest.len();
            if let Some(queue) = &mut queue {
                queue.take(&buffer);
            }
            if chunks.send(Ok(std::mem::replace(&mut buffer, rest))).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that yields the given pieces, one a call.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let (sender, chunks) = sync_channel(9);
        read(&mut Pieces(vec![b"a\nb", b"c", b"d\ne\nf", b"g"]), &sender, Faults::default());
        drop(sender);
        let chunks: Vec<_> = chunks.into_iter().map(Result::unwrap).collect();
        assert_eq!(chunks, [b"a\n".to_vec(), b"bcd\ne\n".to_vec(), b"fg".to_vec()]);
    }
}
