//! Matching: which of the rows that are missing are there in another spelling.
//!
//! Several rows may have one spelling in common, so that one must not be taken for another that
//! has no other choice: as many as possible are matched, by augmenting paths.

use std::collections::{HashMap, VecDeque};

use super::index::Index;

/// Pairs that are compared, at most; each takes some microseconds.
const COMPARED: usize = 500_000;

/// What was matched.
pub struct Matching {
    /// For each row that is there, the missing one that it is.
    pub of_found: Vec<Option<usize>>,
    /// Whether too many could have been the same to compare them all.
    pub is_cut: bool,
}

/// Matches rows, each given by its traits, as many as there are. Those of the missing rows that
/// `is_first` names are matched before the others; `is_same` compares a missing row with one that is
/// there.
pub fn matching(
    missing: &Index,
    found: &[&[u64]],
    is_first: impl Fn(usize) -> bool,
    is_same: impl Fn(usize, usize) -> bool,
) -> Matching {
    let owners = vec![None; missing.count()];
    let of_found = vec![None; found.len()];
    let mut matcher =
        Matcher { missing, found, is_same, owners, of_found, known: HashMap::new(), is_cut: false };
    let firsts: Vec<bool> = (0..missing.count()).map(is_first).collect();
    if firsts.contains(&true) {
        matcher.match_all(|at| firsts[at]);
    }
    matcher.match_all(|_| true);
    Matching { of_found: matcher.of_found, is_cut: matcher.is_cut }
}

struct Matcher<'a, F> {
    missing: &'a Index,
    found: &'a [&'a [u64]],
    is_same: F,
    /// For each missing row, the one that it is there as.
    owners: Vec<Option<usize>>,
    of_found: Vec<Option<usize>>,
    /// Pairs that were compared.
    known: HashMap<(usize, usize), bool>,
    is_cut: bool,
}

impl<F: Fn(usize, usize) -> bool> Matcher<'_, F> {
    fn match_all(&mut self, may: impl Fn(usize) -> bool) {
        for at in 0..self.found.len() {
            if self.of_found[at].is_none() {
                self.augment(at, &may);
            }
        }
    }

    /// Matches one row that is there, if others can make room for it.
    fn augment(&mut self, start: usize, may: &impl Fn(usize) -> bool) {
        let mut reached: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(found) = queue.pop_front() {
            let near = self.missing.near(self.found[found], |at| self.owners[at].is_none());
            let alike = self.missing.alike(self.found[found]);
            let candidates = || alike.iter().chain(&near).copied().filter(|at| may(*at));
            let (free, taken): (Vec<_>, Vec<_>) =
                candidates().partition(|at| self.owners[*at].is_none());
            for at in free.into_iter().chain(taken) {
                if reached.contains_key(&at) || !self.compare(at, found) {
                    continue;
                }
                reached.insert(at, found);
                match self.owners[at] {
                    Some(owner) => queue.push_back(owner),
                    None => return self.flip(at, start, &reached),
                }
            }
        }
    }

    /// Gives the rows on the way to `at` to those that have reached them.
    fn flip(&mut self, mut at: usize, start: usize, reached: &HashMap<usize, usize>) {
        while let Some(&found) = reached.get(&at) {
            let before = self.of_found[found].replace(at);
            self.owners[at] = Some(found);
            match before {
                Some(before) if found != start => at = before,
                _ => return,
            }
        }
    }

    fn compare(&mut self, missing: usize, found: usize) -> bool {
        if let Some(known) = self.known.get(&(missing, found)) {
            return *known;
        }
        if self.known.len() >= COMPARED {
            self.is_cut = true;
            return false;
        }
        let is_same = (self.is_same)(missing, found);
        self.known.insert((missing, found), is_same);
        is_same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matches rows that all share one trait, by a table of what is the same.
    fn of(count: usize, found: usize, same: &[(usize, usize)]) -> Vec<Option<usize>> {
        let missing = Index::of(vec![&[7][..]; count].into_iter());
        let found = vec![&[7][..]; found];
        matching(&missing, &found, |_| false, |m, f| same.contains(&(m, f))).of_found
    }

    #[test]
    fn a_row_makes_room_for_one_that_has_no_other_choice() {
        assert_eq!(of(2, 2, &[(0, 0), (1, 0), (0, 1)]), [Some(1), Some(0)]);
        let chain = [(0, 0), (1, 0), (0, 1), (2, 1), (1, 2), (0, 3)];
        let all = of(4, 4, &chain);
        assert_eq!(all.iter().flatten().count(), 3, "{all:?}");
        assert_eq!(of(1, 2, &[(0, 0), (0, 1)]), [Some(0), None]);
        assert_eq!(of(0, 1, &[]), [None]);
    }

    #[test]
    fn what_has_to_be_matched_is_matched_first() {
        let missing = Index::of(vec![&[1][..]; 3].into_iter());
        let found = vec![&[1][..]; 2];
        let of = matching(&missing, &found, |at| at == 2, |_, _| true).of_found;
        assert!(of.contains(&Some(2)) && of.iter().all(Option::is_some), "{of:?}");
    }

    #[test]
    fn what_was_not_compared_is_not_settled() {
        let found = vec![&[1][..]; 800];
        let missing = Index::of(found.iter().copied());
        assert!(matching(&missing, &found, |_| false, |_, _| false).is_cut);
        let all = matching(&missing, &found, |_| false, |_, _| true);
        assert!(!all.is_cut && all.of_found.iter().all(Option::is_some));
    }
}
