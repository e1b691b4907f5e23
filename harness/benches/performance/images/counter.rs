//! Counts the bytes of its input, and prints their number and the seconds from the first of them to
//! the end: the program of an image, and of a pipe without one.
//!
//! It measures by itself, since nobody outside a container sees when the first byte has arrived. It
//! needs the standard library alone, so that it can be compiled by itself and linked statically
//! without building touchdown once more.

use std::io::{self, Read};
use std::time::Instant;

pub fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; 256 << 10];
    let mut total = input.read(&mut buffer)?;
    let began = Instant::now();
    loop {
        match input.read(&mut buffer)? {
            0 => break,
            count => total += count,
        }
    }
    println!("{total} {:.6}", began.elapsed().as_secs_f64());
    Ok(())
}
