//! Twins: which of the rows that are missing is there as another one, with other values.
//!
//! Rows are known by their fields, and a field that few rows share tells most. What a value may be
//! spelled as is told loosely here: who compares a pair looks again.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::hash;
use super::moment::Moment;
use crate::model;
use crate::protocol::json;

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
            for field in twins.fields(row).all {
                twins.by_field.entry(field).or_default().push(at);
            }
            twins.taken.push(false);
        }
        twins
    }

    /// Takes the missing row that is there as this one, for which `is_same` has to say so.
    pub fn take_same(&mut self, row: &str, is_same: impl Fn(usize) -> bool) -> Option<usize> {
        let mut near = self.near(&self.fields(row).all);
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
        let fields = self.fields(row);
        let key = fields.key;
        let has_key = |at: &usize| {
            let rows = |key| self.by_field.get(&key).map_or(&[][..], Vec::as_slice);
            key.is_none_or(|key| rows(key).binary_search(at).is_ok())
        };
        let at = self.near(&fields.all).into_iter().find(has_key)?;
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

    fn fields(&self, row: &str) -> Fields {
        let row = loose(json::read(row).unwrap_or(Value::Null));
        let of = |name: &str, value: &str| hash(&format!("{name}\u{1f}{value}")).1;
        let mut all = HashSet::new();
        for (name, field) in row.as_object().into_iter().flatten() {
            let mut text = String::new();
            json::write_canonical(field, &mut text);
            all.insert(of(name, &text));
        }
        let key = (!self.primary_key.is_empty())
            .then(|| of("\u{1f}", &model::key(&row, self.primary_key)));
        all.extend(key);
        Fields { key, all: all.into_iter().collect() }
    }
}

/// What a row is known by.
struct Fields {
    /// Its primary key, if the stream has one: that is among all of them, too.
    key: Option<u64>,
    all: Vec<u64>,
}

/// A value in one form for all that a destination may make of it: a text that is JSON is read, a
/// number is the nearest float, true is 1, a moment is that second.
fn loose(value: Value) -> Value {
    match value {
        Value::Bool(value) => Value::from(u8::from(value)),
        Value::Number(number) => {
            let double = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            Value::Number(double.unwrap_or(number))
        }
        Value::String(text) => match json::read(&text) {
            Some(value) => loose(value),
            None => Moment::read(&text).map_or(Value::String(text), |moment| {
                Value::from(((moment.nanos + 500_000_000).div_euclid(1_000_000_000)).to_string())
            }),
        },
        Value::Array(items) => items.into_iter().map(loose).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, v)| (key, loose(v))).collect(),
        Value::Null => Value::Null,
    }
}
