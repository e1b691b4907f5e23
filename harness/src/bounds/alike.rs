//! Rows that landed in another form than they were sent in, as a destination may store them.

use std::collections::HashMap;

use super::{Bound, Bounds, each_record};
use crate::compare::{self, First, fields, traits};
use crate::evidence::Rows;

/// Rows without a like that are held against every row that is absent.
const HELD: usize = 64;

/// A row that is there and was not sent, as it is spelled.
struct Stranger {
    print: u64,
    text: String,
    /// What it is known by, in any spelling; in order.
    traits: Vec<u64>,
}

/// Counts each row that is the same as one that was sent, but for what a destination may do to
/// values, as that one. The error says why this cannot be settled.
pub fn settle(bounds: &Bounds, found: &mut HashMap<u64, u32>, landed: &Rows) -> Result<(), String> {
    if found.keys().all(|print| bounds.rows.contains_key(print)) {
        return Ok(());
    }
    let strangers = strangers(bounds, landed)?;
    let same = |sent: &str, stranger: &Stranger| {
        let schema = &bounds.configured.stream.json_schema;
        fields::same_enough(sent, &stranger.text, schema, bounds.declared)
    };
    // Most are the like of a row by all that they are known by.
    let mut by_traits: HashMap<&[u64], Vec<&Stranger>> = HashMap::new();
    for stranger in &strangers.rows {
        by_traits.entry(&stranger.traits).or_default().push(stranger);
    }
    each_absent(bounds, found, |sent, traits| {
        let likes = by_traits.get_mut(traits)?;
        let at = likes.iter().position(|stranger| same(sent, stranger))?;
        Some(likes.swap_remove(at).print)
    });
    // Others lack something, or differ in it.
    let mut left: Vec<&Stranger> = by_traits.into_values().flatten().collect();
    left.sort_by(|a, b| a.text.cmp(&b.text));
    let passed_over = left.len().saturating_sub(HELD);
    left.truncate(HELD);
    let held = left.len();
    each_absent(bounds, found, |sent, traits| {
        let is_near = |stranger: &Stranger| {
            let strange = stranger.traits.iter().filter(|one| traits.binary_search(one).is_err());
            strange.take(2).count() < 2
        };
        let at = left.iter().position(|stranger| is_near(stranger) && same(sent, stranger))?;
        Some(left.swap_remove(at).print)
    });
    found.retain(|_, count| *count > 0);
    // Where none was the like of a row, there is no reason to think so of those that were not tried.
    let untried = passed_over > 0 && left.len() < held
        || strangers.is_cut && left.len() + passed_over < strangers.rows.len();
    let count = strangers.rows.len();
    (!untried).then_some(()).ok_or_else(|| {
        format!("{count} rows or more are spelled in another way than they were sent: too many")
    })
}

/// The rows that are there and were not sent, the first of them.
fn strangers(bounds: &Bounds, landed: &Rows) -> Result<First<Stranger>, String> {
    let mut strangers = First::default();
    let read = landed.for_each(|row| {
        let Ok(canonical) = compare::canonical(row, &bounds.types) else { return };
        let print = compare::hash(&canonical).1;
        if !strangers.is_cut && !bounds.rows.contains_key(&print) {
            let stranger = Stranger { print, text: row.to_owned(), traits: traits::of(&canonical) };
            strangers.push(stranger, row.len());
        }
    });
    read.map_err(|error| error.to_string())?;
    Ok(strangers)
}

/// Calls `take` with each row that was sent and may be there once more, and what it is known by; it
/// gives the number of the row that this one is there as.
fn each_absent(
    bounds: &Bounds,
    found: &mut HashMap<u64, u32>,
    mut take: impl FnMut(&str, &[u64]) -> Option<u64>,
) {
    for launch in bounds.launches {
        each_record(launch, bounds.stream, |row, _, _| {
            let Ok(canonical) = compare::canonical(row, &bounds.types) else { return };
            let print = compare::hash(&canonical).1;
            let most = bounds.rows.get(&print).map_or(0, Bound::most);
            let there = found.get(&print).copied().unwrap_or(0);
            if there < most
                && let Some(like) = take(row, &traits::of(&canonical))
            {
                *found.entry(print).or_default() += 1;
                found.entry(like).and_modify(|count| *count -= 1);
            }
        });
    }
}
