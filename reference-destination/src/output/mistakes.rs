//! The fault of writing.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio, write};
use std::io;

/// `drop-when-blocked`: writes the lines for which there is room, and forgets the others.
pub fn write_what_fits(lines: &[u8]) -> io::Result<()> {
    let stdout = io::stdout();
    ioctl_fionbio(&stdout, true)?;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let mut rest = line;
        while !rest.is_empty() {
            match write(&stdout, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if rest.len() == line.len() => break,
                Err(Errno::AGAIN) => {
                    // The start of the line is out already.
                    poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], None)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
