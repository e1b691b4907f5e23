//! An index of rows by what they are known by, to find the one that another row was.
//!
//! A field that few rows share tells most. What a value may be spelled as is told loosely in a row's
//! traits: who finds a row here looks at it again.

use std::cmp::Reverse;
use std::collections::HashMap;

/// A trait that more rows share than this is no trace, unless it is the only one.
const FEW: usize = 64;

/// Rows by their traits.
pub struct Index {
    by_trait: HashMap<u64, Vec<usize>>,
    by_all: HashMap<Vec<u64>, Vec<usize>>,
    count: usize,
}

impl Index {
    /// Of rows, each given by its traits.
    #[must_use]
    pub fn of<'r>(rows: impl Iterator<Item = &'r [u64]>) -> Self {
        let mut index = Self { by_trait: HashMap::new(), by_all: HashMap::new(), count: 0 };
        for (at, traits) in rows.enumerate() {
            for one in traits {
                index.by_trait.entry(*one).or_default().push(at);
            }
            index.by_all.entry(traits.to_vec()).or_default().push(at);
            index.count += 1;
        }
        index
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The rows with just these traits.
    #[must_use]
    pub fn alike(&self, traits: &[u64]) -> &[usize] {
        self.by_all.get(traits).map_or(&[], Vec::as_slice)
    }

    /// Whether a row has a trait.
    #[must_use]
    pub fn has(&self, row: usize, one: u64) -> bool {
        self.by_trait.get(&one).is_some_and(|rows| rows.binary_search(&row).is_ok())
    }

    /// The rows that share some of these traits, the likeliest first: those with a trait that few
    /// have; without such, the free ones among those with the rarest; without any, all that are
    /// free, since a row may share nothing with what it was.
    #[must_use]
    pub fn near(&self, traits: &[u64], is_free: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut shared: Vec<&Vec<usize>> =
            traits.iter().filter_map(|one| self.by_trait.get(one)).collect();
        shared.sort_by_key(|rows| rows.len());
        let Some(rarest) = shared.first() else {
            return (0..self.count).filter(|at| is_free(*at)).take(FEW).collect();
        };
        if rarest.len() > FEW {
            return rarest.iter().copied().filter(|at| is_free(*at)).collect();
        }
        let mut points: HashMap<usize, usize> = HashMap::new();
        for rows in shared.iter().filter(|rows| rows.len() <= FEW) {
            for at in *rows {
                *points.entry(*at).or_default() += (1 << 32) / rows.len();
            }
        }
        // What many share tells among those that were found by something else.
        for rows in shared.iter().filter(|rows| rows.len() > FEW) {
            for (at, points) in &mut points {
                if rows.binary_search(at).is_ok() {
                    *points += (1 << 32) / rows.len();
                }
            }
        }
        let mut near: Vec<_> = points.into_iter().collect();
        near.sort_by_key(|(at, points)| (Reverse(*points), *at));
        near.into_iter().map(|(at, _)| at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_rows_share_tells_most() {
        // All share 1; two share 2; each has one of its own.
        let rows = (0..100).map(|at| if at < 2 { vec![1, 2, 100 + at] } else { vec![1, 100 + at] });
        let rows: Vec<_> = rows.collect();
        let index = Index::of(rows.iter().map(Vec::as_slice));
        let all = |_| true;
        assert_eq!(index.near(&[1, 150], all), [50]);
        assert_eq!(index.near(&[1, 2], all), [0, 1]);
        assert_eq!(index.near(&[1, 2, 101, 150], all), [1, 50, 0]);
        assert_eq!(index.near(&[1], all).len(), 100);
        assert_eq!(index.near(&[1], |at| at > 97), [98, 99]);
        assert_eq!(index.near(&[9], all).len(), FEW);
        assert_eq!(index.alike(&[1, 150]), [50]);
        assert!(index.alike(&[1]).is_empty() && index.has(50, 150) && !index.has(50, 151));
        assert_eq!(index.count(), 100);
    }
}
