//! Rows that landed in another form than they were sent in, as a destination may store them.

use std::collections::{HashMap, HashSet};

use super::{Bound, Bounds, each_record};
use crate::compare::index::Index;
use crate::compare::matching::matching;
use crate::compare::{self, First, fields, traits};
use crate::evidence::Rows;

/// Rows without a like that are held against every row that is absent.
const HELD: usize = 64;

/// A row that is there once more than one like it was sent; or a row that was sent once more than
/// one like it is there.
struct Row {
    print: u64,
    text: String,
    /// What it is known by, in any spelling; in order.
    traits: Vec<u64>,
}

/// Counts each row that is the same as one that was sent, but for what a destination may do to
/// values, as that one. The error says why this cannot be settled.
pub fn settle(bounds: &Bounds, found: &mut HashMap<u64, u32>, landed: &Rows) -> Result<(), String> {
    let strangers = strangers(bounds, found, landed)?;
    if strangers.rows.is_empty() {
        return Ok(());
    }
    let (absent, passed_over) = absent(bounds, found, &strangers.rows);
    // Those that have to be there come first.
    let mut due: HashMap<u64, u32> = HashMap::new();
    let is_due = absent.rows.iter().map(|row| {
        let least = bounds.rows.get(&row.print).map_or(0, Bound::least);
        let seen = due.entry(row.print).or_insert_with(|| count(found, row.print));
        *seen += 1;
        *seen <= least
    });
    let is_due: Vec<bool> = is_due.collect();
    let index = Index::of(absent.rows.iter().map(|row| row.traits.as_slice()));
    let traits: Vec<_> = strangers.rows.iter().map(|row| row.traits.as_slice()).collect();
    let is_same = |sent: usize, stranger: usize| {
        let schema = &bounds.configured.stream.json_schema;
        let (sent, stranger) = (&absent.rows[sent].text, &strangers.rows[stranger].text);
        fields::same_enough(sent, stranger, schema, bounds.declared)
    };
    let matched = matching(&index, &traits, |at| is_due[at], is_same);
    for (stranger, of) in strangers.rows.iter().zip(&matched.of_found) {
        if let Some(at) = of {
            *found.entry(absent.rows[*at].print).or_default() += 1;
            found.entry(stranger.print).and_modify(|count| *count -= 1);
        }
    }
    found.retain(|_, count| *count > 0);
    let is_left = matched.of_found.contains(&None);
    let any_matched = matched.of_found.iter().any(Option::is_some);
    // Where none is the like of a row, there is no reason to think so of those that were not held.
    let is_cut = any_matched && (strangers.is_cut || is_left && passed_over)
        || is_left && (absent.is_cut || matched.is_cut);
    if is_cut {
        let count = strangers.rows.len();
        return Err(format!("{count} rows or more are not spelled as they were sent: too many"));
    }
    Ok(())
}

fn count(found: &HashMap<u64, u32>, print: u64) -> u32 {
    found.get(&print).copied().unwrap_or(0)
}

/// How often a row may be there.
fn most(bounds: &Bounds, print: u64) -> u32 {
    bounds.rows.get(&print).map_or(0, Bound::most)
}

/// The rows that are there and were not sent, or not as often; the first of them.
fn strangers(
    bounds: &Bounds,
    found: &HashMap<u64, u32>,
    landed: &Rows,
) -> Result<First<Row>, String> {
    let mut surplus: HashMap<u64, u32> = found
        .iter()
        .map(|(print, count)| (*print, count.saturating_sub(most(bounds, *print))))
        .filter(|(_, surplus)| *surplus > 0)
        .collect();
    let mut strangers = First::default();
    // Among equal rows, those that tell of changes may be others, changed.
    for tells in [true, false] {
        if surplus.is_empty() {
            break;
        }
        let read = landed.for_each(|row| {
            let Ok(canonical) = compare::canonical(row, &bounds.types) else { return };
            let print = compare::hash(&canonical).1;
            let Some(left) = surplus.get_mut(&print).filter(|left| **left > 0) else { return };
            if !strangers.is_cut && fields::tells_of_changes(row) == tells {
                *left -= 1;
                let traits = traits::of(&canonical);
                strangers.push(Row { print, text: row.to_owned(), traits }, row.len());
            }
        });
        read.map_err(|error| error.to_string())?;
    }
    Ok(strangers)
}

/// The rows that were sent and may be there once more, as far as a stranger may be one of them: it
/// is known by the same; or, of the first strangers that are known by nothing that was sent, by all
/// but one. And whether there are more of those.
fn absent(bounds: &Bounds, found: &HashMap<u64, u32>, strangers: &[Row]) -> (First<Row>, bool) {
    let known: HashSet<&[u64]> = strangers.iter().map(|row| row.traits.as_slice()).collect();
    let mut met: HashSet<Vec<u64>> = HashSet::new();
    each_absent(bounds, found, |_, _, traits| {
        if known.contains(traits.as_slice()) {
            met.insert(traits);
        }
    });
    let unmet = strangers.iter().map(|row| row.traits.as_slice());
    let unmet: HashSet<&[u64]> = unmet.filter(|traits| !met.contains(*traits)).collect();
    let mut held: Vec<&[u64]> = unmet.iter().copied().collect();
    held.sort_unstable();
    held.truncate(HELD);
    let (mut absent, mut remote) = (First::default(), First::default());
    each_absent(bounds, found, |print, text, traits| {
        let is_near = |stranger: &&[u64]| {
            let strange = stranger.iter().filter(|one| traits.binary_search(one).is_err()).count();
            strange == 0 || strange == 1 && stranger.len() > 1
        };
        // A row of one field may be any; it is held against the first of them.
        let is_remote = |stranger: &&[u64]| stranger.len() == 1;
        let bytes = text.len();
        if met.contains(&traits) || held.iter().any(is_near) {
            absent.push(Row { print, text: text.to_owned(), traits }, bytes);
        } else if !remote.is_cut && held.iter().any(is_remote) {
            remote.push(Row { print, text: text.to_owned(), traits }, bytes);
        }
    });
    absent.rows.extend(remote.rows);
    (absent, unmet.len() > HELD)
}

/// Calls `each` with each row that was sent, as often as it may be there once more, its number, and
/// what it is known by.
fn each_absent(
    bounds: &Bounds,
    found: &HashMap<u64, u32>,
    mut each: impl FnMut(u64, &str, Vec<u64>),
) {
    let mut seen: HashMap<u64, u32> = HashMap::new();
    for launch in bounds.launches {
        each_record(launch, bounds.stream, |row, _, _| {
            let Ok(canonical) = compare::canonical(row, &bounds.types) else { return };
            let print = compare::hash(&canonical).1;
            let most = most(bounds, print);
            let there = count(found, print);
            if there < most {
                let seen = seen.entry(print).or_default();
                *seen += 1;
                if there + *seen <= most {
                    each(print, row, traits::of(&canonical));
                }
            }
        });
    }
}
