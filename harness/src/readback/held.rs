//! The rows of one stream while they come: in memory as long as they are few, in a file once they
//! are not. Most streams have few, and a file for each of them costs more than all of its rows.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::evidence::Rows;

/// How much of a stream is held in memory, in bytes.
const HELD: usize = 64 << 10;

/// A stream's rows so far.
pub struct Held<'a> {
    lines: Vec<String>,
    bytes: usize,
    path: &'a Path,
    file: Option<BufWriter<File>>,
}

impl<'a> Held<'a> {
    /// None yet; they go to this path if they are many.
    #[must_use]
    pub fn none(path: &'a Path) -> Self {
        Self { lines: Vec::new(), bytes: 0, path, file: None }
    }

    /// One more.
    pub fn add(&mut self, row: &[u8]) -> io::Result<()> {
        self.bytes += row.len();
        let file = match &mut self.file {
            Some(file) => file,
            // What is no text is found out when it is read.
            None => match str::from_utf8(row) {
                Ok(row) if self.bytes <= HELD => {
                    self.lines.push(row.to_owned());
                    return Ok(());
                }
                _ => self.spill()?,
            },
        };
        file.write_all(row)?;
        file.write_all(b"\n")
    }

    /// All of them.
    pub fn rows(self) -> io::Result<Rows> {
        let Some(mut file) = self.file else { return Ok(Rows::Lines(self.lines)) };
        file.flush()?;
        Ok(Rows::File(self.path.to_owned()))
    }

    fn spill(&mut self) -> io::Result<&mut BufWriter<File>> {
        let mut file = BufWriter::with_capacity(HELD, File::create(self.path)?);
        for row in std::mem::take(&mut self.lines) {
            writeln!(file, "{row}")?;
        }
        Ok(self.file.insert(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_held_and_many_are_filed_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let large = "x".repeat(HELD / 3);
        for (count, is_filed) in [(0, false), (3, false), (4, true), (9, true)] {
            let mut held = Held::none(&path);
            for nth in 0..count {
                held.add(format!("{nth}{}", &large[1..]).as_bytes()).unwrap();
            }
            let rows = held.rows().unwrap();
            assert_eq!((matches!(rows, Rows::File(_)), path.exists()), (is_filed, is_filed));
            let mut seen = 0;
            rows.for_each(|row| {
                assert!(row.len() == large.len() && row.starts_with(&seen.to_string()));
                seen += 1;
            })
            .unwrap();
            assert_eq!(seen, count);
        }
    }

    #[test]
    fn what_is_no_text_is_told_by_whoever_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let mut held = Held::none(&path);
        held.add(b"{}").unwrap();
        held.add(b"{\"a\":\"\xff\"}").unwrap();
        let mut seen = 0;
        assert!(held.rows().unwrap().for_each(|_| seen += 1).is_err());
        assert_eq!(seen, 1);
    }
}
