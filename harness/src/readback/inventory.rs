//! The inventory: all that a user of the destination sees, one thing a line, as a command of the
//! author's tells it. Called with `--config FILE`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::process;
use super::reader::{Argument, Reader};

/// How the inventory is taken.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The command, and where it runs.
    pub reader: Reader,
    /// How long it may go without printing a line, or take to end.
    pub within: Duration,
}

impl Inventory {
    /// The lines that it prints. The error is in words for its author.
    pub fn take(&self, config: &Path) -> Result<Vec<String>, String> {
        let args = [Argument::Word("--config"), Argument::File(config)];
        process::run(&self.reader, &args, self.within, |from, count| {
            let mut lines = Vec::new();
            for line in BufReader::new(from).lines() {
                let line = line.map_err(|error| error.to_string())?;
                count.fetch_add(1, Ordering::SeqCst);
                if !line.trim().is_empty() {
                    lines.push(line);
                }
            }
            Ok(lines)
        })
    }
}

/// What there is more after something than before it, each as often as it is more.
#[must_use]
pub fn more(before: &[String], after: &[String]) -> Vec<String> {
    let mut left: Vec<&String> = before.iter().collect();
    let is_new = |line: &&String| match left.iter().position(|other| other == line) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    };
    after.iter().filter(is_new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_is_told_as_often_as_it_is() {
        let own = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (before, after) = (own(&["a", "b", "b"]), own(&["b", "c", "b", "b"]));
        assert_eq!(more(&before, &after), own(&["c", "b"]));
        assert_eq!(more(&after, &after), own(&[]));
    }
}
