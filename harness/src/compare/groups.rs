//! Rows that are equal, together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// Groups of rows, in the order of their first.
pub struct Groups(Vec<Vec<usize>>);

impl Groups {
    /// Of rows, each given by what equal ones share.
    pub fn of<K: Hash + Eq>(rows: impl Iterator<Item = K>) -> Self {
        let mut at: HashMap<K, usize> = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (row, shared) in rows.enumerate() {
            match at.entry(shared) {
                Entry::Occupied(group) => groups[*group.get()].push(row),
                Entry::Vacant(entry) => {
                    entry.insert(groups.len());
                    groups.push(vec![row]);
                }
            }
        }
        Self(groups)
    }

    /// Each group's first row, and how many there are.
    pub fn firsts(&self) -> impl Iterator<Item = (usize, u32)> {
        let of_group =
            |group: &Vec<usize>| (group[0], u32::try_from(group.len()).unwrap_or(u32::MAX));
        self.0.iter().map(of_group)
    }

    /// Takes some rows out of a group.
    pub fn take(&mut self, group: usize, count: u32) -> Vec<usize> {
        let rows = &mut self.0[group];
        let left = rows.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        rows.split_off(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_together() {
        let mut groups = Groups::of(["a", "b", "a", "a"].iter());
        assert_eq!(groups.firsts().collect::<Vec<_>>(), [(0, 3), (1, 1)]);
        assert_eq!(
            (groups.take(0, 2), groups.take(0, 9), groups.take(1, 0)),
            (vec![2, 3], vec![0], vec![])
        );
    }
}
