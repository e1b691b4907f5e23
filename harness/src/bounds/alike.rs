//! Rows that landed in another form than they were sent in, as a destination may store them.

use std::collections::HashMap;

use super::{Bound, Bounds, each_record};
use crate::compare::groups::Groups;
use crate::compare::index::Index;
use crate::compare::matching::{Found, Sent, matching};
use crate::compare::traits::{Needs, Traits};
use crate::compare::{self, First, fields};
use crate::evidence::Rows;

/// A row that is there once more than one like it was sent.
struct Stranger {
    print: u64,
    text: String,
    traits: Traits,
}

/// A row that was sent, and may be there once more.
struct Absent {
    print: u64,
    text: String,
    needs: Needs,
    /// How often it is missing, at least and at most.
    due: u32,
    count: u32,
}

impl Absent {
    fn sent(&self) -> Sent<'_> {
        Sent { needs: &self.needs, count: self.count, first: self.due }
    }
}

/// Counts each row that is the same as one that was sent, but for what a destination may do to
/// values, as that one. The error says why this cannot be settled.
pub fn settle(bounds: &Bounds, found: &mut HashMap<u64, u32>, landed: &Rows) -> Result<(), String> {
    let strangers = strangers(bounds, found, landed)?;
    if strangers.rows.is_empty() {
        return Ok(());
    }
    // Of equal rows, one may tell that it is another, changed.
    let of_stranger = |row: &Stranger| (row.print, fields::meta(&row.text));
    let groups: Vec<_> = Groups::of(strangers.rows.iter().map(of_stranger)).firsts().collect();
    let there: Vec<_> = groups.iter().map(|(at, _)| &strangers.rows[*at]).collect();
    let absent = absent(bounds, found, &Index::of(there.iter().map(|row| &row.traits)));
    let sent: Vec<_> = absent.rows.iter().map(Absent::sent).collect();
    let are_there = groups.iter().zip(&there);
    let are_there = are_there.map(|((_, count), row)| Found { traits: &row.traits, count: *count });
    let are_there: Vec<_> = are_there.collect();
    let is_same = |sent: usize, stranger: usize| {
        let schema = &bounds.configured.stream.json_schema;
        let (sent, stranger) = (&absent.rows[sent].text, &there[stranger].text);
        fields::same_enough(sent, stranger, schema, bounds.declared)
    };
    let matched = matching(&sent, &are_there, is_same);
    let mut left = strangers.rows.len();
    for (sent, stranger, count) in &matched.pairs {
        left = left.saturating_sub(usize::try_from(*count).unwrap_or(usize::MAX));
        *found.entry(absent.rows[*sent].print).or_default() += count;
        found.entry(there[*stranger].print).and_modify(|found| *found -= count);
    }
    found.retain(|_, count| *count > 0);
    // Where none is the like of a row, there is no reason to think so of those that were not held.
    let is_cut = !matched.pairs.is_empty() && strangers.is_cut
        || left > 0 && (absent.is_cut || matched.is_cut);
    if is_cut {
        let count = strangers.rows.len();
        return Err(format!("{count} rows or more are not spelled as they were sent: too many"));
    }
    Ok(())
}

fn count(found: &HashMap<u64, u32>, print: u64) -> u32 {
    found.get(&print).copied().unwrap_or(0)
}

/// The rows that are there and were not sent, or not as often; the first of them.
fn strangers(
    bounds: &Bounds,
    found: &HashMap<u64, u32>,
    landed: &Rows,
) -> Result<First<Stranger>, String> {
    let most = |print| bounds.rows.get(print).map_or(0, Bound::most);
    let mut surplus: HashMap<u64, u32> = found
        .iter()
        .map(|(print, count)| (*print, count.saturating_sub(most(print))))
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
                let traits = Traits::of(&canonical);
                strangers.push(Stranger { print, text: row.to_owned(), traits }, row.len());
            }
        });
        read.map_err(|error| error.to_string())?;
    }
    Ok(strangers)
}

/// The rows that were sent and may be there once more, as far as one of the strangers may be one of
/// them; the first of those.
fn absent(bounds: &Bounds, found: &HashMap<u64, u32>, strangers: &Index) -> First<Absent> {
    let mut short: HashMap<u64, (u32, u32)> = bounds
        .rows
        .iter()
        .map(|(print, bound)| {
            let there = count(found, *print);
            let (least, most) = (bound.least(), bound.most());
            (*print, (least.saturating_sub(there), most.saturating_sub(there)))
        })
        .filter(|(_, (_, most))| *most > 0)
        .collect();
    let mut absent = First::default();
    for launch in bounds.launches {
        each_record(launch, bounds.stream, |row, _, _| {
            let Ok(canonical) = compare::canonical(row, &bounds.types) else { return };
            let print = compare::hash(&canonical).1;
            let Some((due, count)) = short.remove(&print) else { return };
            let schema = &bounds.configured.stream.json_schema;
            let needs = Needs::of(row, &canonical, schema);
            if strangers.may_be(&needs).next().is_some() {
                absent.push(Absent { print, text: row.to_owned(), needs, due, count }, row.len());
            }
        });
    }
    absent
}
