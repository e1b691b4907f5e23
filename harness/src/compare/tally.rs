//! How often each row is wanted more often than it is there, in bounded memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Rows that differ, at most, before only a part of all rows is looked at.
const MOST: usize = 1 << 20;

/// Rows by their hash. Where too many differ, a sample of them is kept: whether a row is in it
/// depends on the row alone, so that what is told of the sample is true.
pub struct Tally {
    counts: HashMap<u64, i64>,
    one_in: u64,
}

impl Tally {
    pub fn new() -> Self {
        Self { counts: HashMap::new(), one_in: 1 }
    }

    /// A row is wanted once more (1), or is there once more (-1).
    pub fn add(&mut self, hash: u64, times: i64) {
        if !hash.is_multiple_of(self.one_in) {
            return;
        }
        match self.counts.entry(hash) {
            Entry::Vacant(entry) => {
                entry.insert(times);
            }
            Entry::Occupied(mut entry) => {
                *entry.get_mut() += times;
                if *entry.get() == 0 {
                    entry.remove();
                }
            }
        }
        if self.counts.len() > MOST {
            self.one_in *= 2;
            let one_in = self.one_in;
            self.counts.retain(|hash, _| hash.is_multiple_of(one_in));
        }
    }

    /// Whether a row is one that is missing; it counts as found then.
    pub fn take_missing(&mut self, hash: u64) -> bool {
        self.take(hash, 1)
    }

    /// Whether a row is one too many.
    pub fn is_extra(&self, hash: u64) -> bool {
        self.counts.get(&hash).is_some_and(|count| *count < 0)
    }

    /// Whether a row is one too many; it counts as gone then.
    pub fn take_extra(&mut self, hash: u64) -> bool {
        self.take(hash, -1)
    }

    /// Whether only a part of all rows was looked at.
    pub fn is_sample(&self) -> bool {
        self.one_in > 1
    }

    fn take(&mut self, hash: u64, sign: i64) -> bool {
        let Some(count) = self.counts.get_mut(&hash) else {
            return false;
        };
        let there = *count * sign > 0;
        if there {
            *count -= sign;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cancels_out_is_forgotten() {
        let mut tally = Tally::new();
        for (hash, times) in [(1, 1), (2, 1), (2, 1), (1, -1), (3, -1), (2, -1)] {
            tally.add(hash, times);
        }
        assert!(!tally.take_missing(1) && !tally.take_extra(1));
        assert!(tally.take_missing(2) && !tally.take_missing(2));
        assert!(!tally.is_extra(1) && !tally.is_extra(2) && tally.is_extra(3));
        assert!(!tally.take_missing(3) && tally.take_extra(3) && !tally.take_extra(3));
        assert!(!tally.is_extra(3));
    }

    #[test]
    fn too_many_rows_become_a_sample() {
        let mut tally = Tally::new();
        for hash in 0..3 * MOST as u64 {
            tally.add(hash, 1);
        }
        assert!(tally.counts.len() <= MOST);
        assert!(tally.one_in > 1 && tally.take_missing(0) && !tally.take_missing(1));
    }
}
