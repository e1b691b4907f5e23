//! Twins: which of the rows that are missing is there as another one, with other values.
//!
//! Rows are known by their fields, and a field that few rows share tells most. What a value may be
//! spelled as is told loosely here: who compares a pair looks again.

use std::collections::HashMap;

use super::traits;

/// Rows that are held against one row, at most, by a field that they share.
const CANDIDATES: usize = 64;
/// The best of them, which are compared field by field.
const BEST: usize = 8;

/// Rows that are missing, to be found by what became of them.
pub struct Twins<'a> {
    primary_key: &'a [Vec<String>],
    /// Rows by each of their fields.
    by_field: HashMap<u64, Vec<usize>>,
    taken: Vec<bool>,
}

impl<'a> Twins<'a> {
    /// Of rows by their canonical texts.
    pub fn of<'r>(rows: impl Iterator<Item = &'r str>, primary_key: &'a [Vec<String>]) -> Self {
        let mut twins = Self { primary_key, by_field: HashMap::new(), taken: Vec::new() };
        for (at, row) in rows.enumerate() {
            for field in traits::with_key(row, primary_key).0 {
                twins.by_field.entry(field).or_default().push(at);
            }
            twins.taken.push(false);
        }
        twins
    }

    /// Takes the missing row that is there as this one, for which `is_same` has to say so.
    pub fn take_same(&mut self, row: &str, is_same: impl Fn(usize) -> bool) -> Option<usize> {
        let mut near = self.near(&traits::with_key(row, self.primary_key).0);
        if near.is_empty() {
            // It may share no field with it, and be the same nevertheless.
            near = self.free(0..self.taken.len());
        }
        let at = near.into_iter().take(BEST).find(|at| is_same(*at))?;
        self.taken[at] = true;
        Some(at)
    }

    /// Takes the missing row that this one most likely was: that of the same primary key, or,
    /// without a key, the one that shares with it what fewest rows have.
    pub fn take_likely(&mut self, row: &str) -> Option<usize> {
        let (fields, key) = traits::with_key(row, self.primary_key);
        let has_key = |at: &usize| {
            let rows = |key| self.by_field.get(&key).map_or(&[][..], Vec::as_slice);
            key.is_none_or(|key| rows(key).binary_search(at).is_ok())
        };
        let at = self.near(&fields).into_iter().find(has_key)?;
        self.taken[at] = true;
        Some(at)
    }

    /// The rows that share fields with a row, the likeliest first.
    fn near(&self, fields: &[u64]) -> Vec<usize> {
        let mut shared: Vec<&Vec<usize>> =
            fields.iter().filter_map(|field| self.by_field.get(field)).collect();
        shared.sort_by_key(|rows| rows.len());
        let mut points: HashMap<usize, usize> = HashMap::new();
        for (nth, rows) in shared.iter().enumerate() {
            let is_rare = rows.len() <= CANDIDATES;
            // What many rows share tells among those that were found by something else.
            if is_rare || nth == 0 {
                for at in self.free(rows.iter().copied()) {
                    points.entry(at).or_default();
                }
            }
        }
        for rows in shared {
            let worth = (1 << 32) / rows.len();
            for (at, points) in &mut points {
                // They are in order.
                if rows.binary_search(at).is_ok() {
                    *points += worth;
                }
            }
        }
        let mut near: Vec<_> = points.into_iter().collect();
        near.sort_by_key(|(at, points)| (std::cmp::Reverse(*points), *at));
        near.into_iter().map(|(at, _)| at).collect()
    }

    fn free(&self, rows: impl Iterator<Item = usize>) -> Vec<usize> {
        rows.filter(|at| !self.taken[*at]).take(CANDIDATES).collect()
    }
}
