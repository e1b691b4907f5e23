//! Matching: which of the rows that are missing are there in another spelling.
//!
//! Several rows may have one spelling in common, so that one must not be taken for another that
//! has no other choice: as many as possible are matched, by augmenting paths. Equal rows are one
//! here, with their number.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::index::Index;
use super::traits::{Needs, Traits};

/// Pairs that are compared, at most; each takes some microseconds.
const COMPARED: usize = 1_000_000;

/// A row that was sent and is missing.
pub struct Sent<'r> {
    /// What it has to be known by.
    pub needs: &'r Needs,
    /// How often it is missing.
    pub count: u32,
    /// How many of them have to be matched before any of the others.
    pub first: u32,
}

/// A row that is there.
pub struct Found<'r> {
    /// What it is known by.
    pub traits: &'r Traits,
    /// How often it is there.
    pub count: u32,
}

/// What was matched.
pub struct Matching {
    /// A row that was sent, the one that it is there as, and how often.
    pub pairs: Vec<(usize, usize, u32)>,
    /// Whether too many could have been the same to compare them all.
    pub is_cut: bool,
}

/// Matches as many rows as can be; `is_same` compares one that was sent with one that is there.
pub fn matching(
    sent: &[Sent],
    found: &[Found],
    is_same: impl Fn(usize, usize) -> bool,
) -> Matching {
    let mut matcher = Matcher::new(sent, found, is_same);
    if sent.iter().any(|row| row.first > 0) {
        matcher.match_all();
    }
    for (room, row) in matcher.room.iter_mut().zip(sent) {
        *room += row.count - row.first;
    }
    matcher.match_all();
    let pairs = matcher.held.iter().enumerate().flat_map(|(sent, held)| {
        held.iter()
            .filter(|(_, times)| **times > 0)
            .map(move |(found, times)| (sent, *found, *times))
    });
    Matching { pairs: pairs.collect(), is_cut: matcher.is_cut }
}

struct Matcher<'a, F> {
    sent: &'a [Sent<'a>],
    found: &'a [Found<'a>],
    is_same: F,
    alike: Index<'a>,
    /// The rows that were sent by what they need and fewest rows have; by the name of a field whose
    /// lack will do; those that need nothing.
    by_need: HashMap<u64, Vec<usize>>,
    by_lack: HashMap<u64, Vec<usize>>,
    needless: Vec<usize>,
    /// How many of each that was sent are not matched yet.
    room: Vec<u32>,
    /// How many of each that is there are not.
    left: Vec<u32>,
    /// For each that was sent, what it is there as, and how often.
    held: Vec<BTreeMap<usize, u32>>,
    /// For each that is there, what it may be, as soon as that was looked for.
    same: HashMap<usize, Vec<usize>>,
    compared: usize,
    is_cut: bool,
}

impl<'a, F: Fn(usize, usize) -> bool> Matcher<'a, F> {
    fn new(sent: &'a [Sent], found: &'a [Found], is_same: F) -> Self {
        let there = Index::of(found.iter().map(|row| row.traits));
        let (mut by_need, mut by_lack): (HashMap<u64, Vec<usize>>, HashMap<u64, Vec<usize>>) =
            (HashMap::new(), HashMap::new());
        let mut needless = Vec::new();
        for (at, row) in sent.iter().enumerate() {
            match there.rarest(row.needs) {
                Some(need) => {
                    for one in &need.forms {
                        by_need.entry(*one).or_default().push(at);
                    }
                    if let Some(name) = need.or_absent {
                        by_lack.entry(name).or_default().push(at);
                    }
                }
                None => needless.push(at),
            }
        }
        Self {
            sent,
            found,
            is_same,
            alike: Index::of(sent.iter().map(|row| &row.needs.traits)),
            by_need,
            by_lack,
            needless,
            room: sent.iter().map(|row| row.first).collect(),
            left: found.iter().map(|row| row.count).collect(),
            held: vec![BTreeMap::new(); sent.len()],
            same: HashMap::new(),
            compared: 0,
            is_cut: false,
        }
    }

    /// Those that are alike first: mostly, nothing else is left then.
    fn match_all(&mut self) {
        for found in 0..self.found.len() {
            for sent in self.alike.alike(self.found[found].traits).to_vec() {
                let times = self.room[sent].min(self.left[found]);
                if times > 0 && self.compare(sent, found) {
                    self.room[sent] -= times;
                    self.left[found] -= times;
                    *self.held[sent].entry(found).or_default() += times;
                }
            }
        }
        // What one search has reached in vain cannot be of use to another, and is not looked for.
        self.same.clear();
        let mut is_dead = vec![false; self.sent.len()];
        for found in 0..self.found.len() {
            while self.left[found] > 0
                && self.room.iter().any(|room| *room > 0)
                && self.augment(found, &mut is_dead)
            {}
        }
    }

    /// Matches a row that is there once more, or more often, if others can make room for it.
    fn augment(&mut self, start: usize, is_dead: &mut [bool]) -> bool {
        // How each was reached: what was sent from what is there, and the other way round.
        let (mut by_found, mut by_sent) = (BTreeMap::new(), HashMap::new());
        let mut queue = VecDeque::from([start]);
        while let Some(found) = queue.pop_front() {
            self.look_for(found, is_dead);
            for &sent in self.same.get(&found).into_iter().flatten() {
                if is_dead[sent] || by_found.contains_key(&sent) {
                    continue;
                }
                by_found.insert(sent, found);
                if self.room[sent] > 0 {
                    self.flow(start, sent, &by_found, &by_sent);
                    return true;
                }
                for (&other, &times) in &self.held[sent] {
                    if times > 0 && other != start && !by_sent.contains_key(&other) {
                        by_sent.insert(other, sent);
                        queue.push_back(other);
                    }
                }
            }
        }
        for sent in by_found.into_keys() {
            is_dead[sent] = true;
        }
        false
    }

    /// Gives each row on the way to `end` to what has reached it, as often as all can.
    fn flow(
        &mut self,
        start: usize,
        end: usize,
        by_found: &BTreeMap<usize, usize>,
        by_sent: &HashMap<usize, usize>,
    ) {
        let mut way = Vec::new();
        let mut sent = end;
        while let Some(&found) = by_found.get(&sent) {
            let before = by_sent.get(&found).copied().filter(|_| found != start);
            way.push((sent, found, before));
            let Some(before) = before else { break };
            sent = before;
        }
        let held = |(_, found, before): &(usize, usize, Option<usize>)| {
            before.map(|before| self.held[before].get(found).copied().unwrap_or(0))
        };
        let least = way.iter().filter_map(held).min().unwrap_or(u32::MAX);
        let times = least.min(self.room[end]).min(self.left[start]);
        for (sent, found, before) in way {
            *self.held[sent].entry(found).or_default() += times;
            if let Some(times_before) = before.and_then(|sent| self.held[sent].get_mut(&found)) {
                *times_before -= times;
            }
        }
        self.room[end] -= times;
        self.left[start] -= times;
    }

    /// Compares a row that is there with all that it may be.
    fn look_for(&mut self, found: usize, is_dead: &[bool]) {
        if self.same.contains_key(&found) {
            return;
        }
        let traits = self.found[found].traits;
        let needy = traits.fields().iter().filter_map(|one| self.by_need.get(one)).flatten();
        let lacks = self.by_lack.iter().filter(|(name, _)| !traits.has_name(**name));
        let lacking = lacks.flat_map(|(_, sent)| sent);
        let may_be = needy.chain(lacking).chain(&self.needless).copied();
        let may_be: Vec<usize> =
            may_be.filter(|at| !is_dead[*at] && self.sent[*at].needs.are_met_by(traits)).collect();
        let same = may_be.into_iter().filter(|sent| self.compare(*sent, found)).collect();
        self.same.insert(found, same);
    }

    fn compare(&mut self, sent: usize, found: usize) -> bool {
        if self.compared >= COMPARED {
            self.is_cut = true;
            return false;
        }
        self.compared += 1;
        (self.is_same)(sent, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"a":1}"#;

    /// Matches rows by a table of what is the same; each is given by its number and by how many have
    /// to be matched first. The answer has how many of which are there as which.
    fn of(sent: &[(u32, u32)], found: &[u32], same: &[(usize, usize)]) -> Vec<(usize, usize, u32)> {
        let (needs, traits) = (Needs::of(ROW, ROW, &serde_json::json!({})), Traits::of(ROW));
        let of = |&(count, first): &(u32, u32)| Sent { needs: &needs, count, first };
        let sent: Vec<_> = sent.iter().map(of).collect();
        let found: Vec<_> =
            found.iter().map(|count| Found { traits: &traits, count: *count }).collect();
        matching(&sent, &found, |sent, found| same.contains(&(sent, found))).pairs
    }

    #[test]
    fn a_row_makes_room_for_one_that_has_no_other_choice() {
        assert_eq!(of(&[(1, 0); 2], &[1, 1], &[(0, 0), (1, 0), (0, 1)]), [(0, 1, 1), (1, 0, 1)]);
        let chain = [(0, 0), (1, 0), (0, 1), (2, 1), (1, 2), (0, 3)];
        assert_eq!(of(&[(1, 0); 4], &[1; 4], &chain).len(), 3);
        assert_eq!(of(&[(1, 0)], &[1, 1], &[(0, 0), (0, 1)]), [(0, 0, 1)]);
        assert_eq!(of(&[], &[1], &[]), []);
        // A way of four steps, found once the first two are taken.
        let way = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 2)];
        assert_eq!(of(&[(1, 0); 3], &[1; 3], &way).len(), 3);
    }

    #[test]
    fn equal_rows_are_matched_by_their_number() {
        assert_eq!(of(&[(5, 0)], &[3], &[(0, 0)]), [(0, 0, 3)]);
        assert_eq!(of(&[(3, 0)], &[5], &[(0, 0)]), [(0, 0, 3)]);
        // The second has the first as its only choice, which has taken three of its four.
        let same = [(0, 0), (1, 0), (0, 1)];
        assert_eq!(of(&[(3, 0), (4, 0)], &[4, 3], &same), [(0, 1, 3), (1, 0, 4)]);
        assert_eq!(of(&[(3, 0), (4, 0)], &[4, 2], &same), [(0, 0, 1), (0, 1, 2), (1, 0, 3)]);
    }

    #[test]
    fn what_has_to_be_matched_is_matched_first() {
        let all = [(0, 0), (1, 0), (2, 0)];
        assert_eq!(of(&[(1, 0), (1, 0), (1, 1)], &[1], &all), [(2, 0, 1)]);
        assert_eq!(of(&[(1, 0), (3, 2)], &[3], &all), [(0, 0, 1), (1, 0, 2)]);
        // It keeps its place when others are matched, if not the same.
        let of = of(&[(1, 1), (1, 0)], &[1, 1], &[(0, 0), (1, 0), (0, 1)]);
        assert_eq!(of, [(0, 1, 1), (1, 0, 1)]);
    }

    #[test]
    fn what_was_not_compared_is_not_settled() {
        let rows: Vec<_> = (0..1100).map(|nth| format!(r#"{{"a":[{nth}]}}"#)).collect();
        let needs: Vec<_> =
            rows.iter().map(|row| Needs::of(row, row, &serde_json::json!({}))).collect();
        let traits: Vec<_> = rows.iter().map(|row| Traits::of(row)).collect();
        let sent: Vec<_> = needs.iter().map(|needs| Sent { needs, count: 1, first: 0 }).collect();
        let found: Vec<_> = traits.iter().map(|traits| Found { traits, count: 1 }).collect();
        assert!(matching(&sent, &found, |_, _| false).is_cut);
        let all = matching(&sent, &found, |sent, found| sent == found);
        assert!(!all.is_cut && all.pairs.len() == 1100);
    }
}
