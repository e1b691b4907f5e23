//! Rows that are there with other values: one that is missing and one that was never sent are one,
//! where they share their key, or most of what they have.

use std::collections::HashMap;

use super::{Bounds, Breach};
use crate::compare;
use crate::compare::index::Index;
use crate::compare::traits::{self, Traits};
use crate::protocol::catalog::SyncMode;

/// The same breaches, with such rows taken together.
pub fn pair(bounds: &Bounds, breaches: Vec<Breach>) -> Vec<Breach> {
    let is = |breach: &Breach| matches!(breach, Breach::Missing { .. });
    let (missing, others): (Vec<Breach>, Vec<Breach>) = breaches.into_iter().partition(is);
    let known: Vec<Known> = missing.iter().map(|breach| Known::of(bounds, breach)).collect();
    let by_traits = Index::of(known.iter().map(|row| &row.traits));
    let by_key: HashMap<u64, usize> =
        known.iter().enumerate().filter_map(|(at, row)| Some((row.key?, at))).collect();
    let mut missing: Vec<Option<Breach>> = missing.into_iter().map(Some).collect();
    let mut paired = Vec::new();
    for other in others {
        let Breach::Unsent { row: found } = &other else {
            paired.push(other);
            continue;
        };
        let row = Known::of(bounds, &other);
        let is_free = |at: usize| missing[at].is_some();
        let twin = match row.key {
            Some(key) => by_key.get(&key).copied().filter(|at| is_free(*at)),
            None => by_traits
                .nearest(&row.traits, is_free)
                .filter(|at| row.traits.shares_most(&known[*at].traits)),
        };
        match twin.and_then(|at| missing[at].take()) {
            Some(Breach::Missing { row, due }) => {
                paired.push(Breach::Altered { row, found: found.clone(), due });
            }
            _ => paired.push(other),
        }
    }
    let mut all: Vec<Breach> = missing.into_iter().flatten().collect();
    all.append(&mut paired);
    all
}

/// What a row is known by.
struct Known {
    traits: Traits,
    /// Its primary key, where rows are told apart by one.
    key: Option<u64>,
}

impl Known {
    fn of(bounds: &Bounds, breach: &Breach) -> Self {
        let row = match breach {
            Breach::Missing { row, .. }
            | Breach::Altered { row, .. }
            | Breach::Unsent { row }
            | Breach::Surplus { row, .. } => row,
        };
        let canonical = compare::canonical(row, &bounds.types).unwrap_or_default();
        let configured = bounds.configured;
        let is_dedup = configured.destination_sync_mode == SyncMode::AppendDedup;
        let key = traits::key(&canonical, &configured.primary_key).filter(|_| is_dedup);
        Self { traits: Traits::of(&canonical), key }
    }
}
