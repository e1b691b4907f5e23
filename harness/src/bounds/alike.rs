//! Rows that landed in another form than they were sent in, as a destination may store them.

use std::collections::{HashMap, HashSet};

use super::{Bounds, each_record};
use crate::compare::{self, First, Twins, fields};
use crate::evidence::Rows;

/// A row, and what it is known by.
struct Row {
    print: u64,
    text: String,
    canonical: String,
}

/// Counts each row that is the same as one that was sent, but for what a destination may do to
/// values, as that one. The error says why this cannot be settled.
pub fn settle(bounds: &Bounds, found: &mut HashMap<u64, u32>, landed: &Rows) -> Result<(), String> {
    if found.keys().all(|print| bounds.rows.contains_key(print)) {
        return Ok(());
    }
    let row_of = |text: &str| {
        let canonical = compare::canonical(text, &bounds.types).ok()?;
        Some(Row { print: compare::hash(&canonical).1, text: text.to_owned(), canonical })
    };
    let mut strangers = First::default();
    let read = landed.for_each(|row| {
        if let Some(row) = row_of(row).filter(|row| !bounds.rows.contains_key(&row.print)) {
            let bytes = row.text.len() + row.canonical.len();
            strangers.push(row, bytes);
        }
    });
    read.map_err(|error| error.to_string())?;
    let absent = absent(bounds, found, row_of);
    let mut twins = Twins::of(absent.rows.iter().map(|row| row.canonical.as_str()), &[]);
    let mut is_settled = !strangers.is_cut;
    for row in &strangers.rows {
        let schema = &bounds.configured.stream.json_schema;
        let is_same = |at: usize| {
            fields::same_enough(&absent.rows[at].text, &row.text, schema, bounds.declared)
        };
        match twins.take_same(&row.canonical, is_same) {
            Some(at) => {
                *found.entry(absent.rows[at].print).or_default() += 1;
                found.entry(row.print).and_modify(|count| *count -= 1);
            }
            // What it was sent as may be among those that were not looked at.
            None => is_settled &= !absent.is_cut,
        }
    }
    found.retain(|_, count| *count > 0);
    let count = strangers.rows.len();
    is_settled.then_some(()).ok_or_else(|| {
        format!("{count} rows or more differ from what was sent: too many to look at each")
    })
}

/// The rows that were sent and may be there more often than they are, each as often.
fn absent(
    bounds: &Bounds,
    found: &HashMap<u64, u32>,
    row_of: impl Fn(&str) -> Option<Row>,
) -> First<Row> {
    let mut absent = First::default();
    let mut seen = HashSet::new();
    for launch in bounds.launches {
        each_record(launch, bounds.stream, |text, _, _| {
            let Some(row) = row_of(text) else { return };
            let most = bounds.rows.get(&row.print).map_or(0, super::Bound::most);
            let there = found.get(&row.print).copied().unwrap_or(0);
            if seen.insert(row.print) {
                let bytes = row.text.len() + row.canonical.len();
                let (text, canonical) = (&row.text, &row.canonical);
                for _ in there..most {
                    let (text, canonical) = (text.clone(), canonical.clone());
                    absent.push(Row { print: row.print, text, canonical }, bytes);
                }
            }
        });
    }
    absent
}
