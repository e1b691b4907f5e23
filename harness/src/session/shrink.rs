//! Making what failed among generated cases smaller, until it reads like a case written by hand.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::generated::{Failed, Generator, Verdicts};
use super::reason::is_alike;
use super::trouble;
use crate::event::{Row, Trouble};
use crate::evidence::Evidence;
use crate::generate::GENERATED;
use crate::generate::case::{Case, Mode};
use crate::generate::smaller::smallest;
use crate::subject::INTERRUPTED;

/// How many cases of a launch are tried alone, before it is halved.
const ALONE: usize = 3;
/// How often a case is sent until it fails, by each of its names.
const CHANCES: usize = 2;

/// What makes small cases of launches that failed.
pub trait Shrink {
    /// Whether the subject can still be run.
    fn works(&self) -> bool;
    /// Whether there is something left to run another with; asked where there is one.
    fn can_go_on(&mut self) -> bool;
    /// Makes a small case for a check that failed.
    fn shrunk(&mut self, failed: &Failed, check: &str) -> Result<Shrunk, Unshrunk>;
}

/// A case that was made small.
pub struct Shrunk {
    /// The case.
    pub case: Case,
    /// How many launches that took.
    pub launches: usize,
    /// What was seen of it.
    pub evidence: Evidence,
    /// What came of it.
    pub verdicts: Verdicts,
}

/// Why no case was made small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unshrunk {
    /// The check did not fail once more, or not each time.
    Unrepeated,
    /// Nobody could look for it to the end.
    Unseen,
}

/// Makes cases smaller, within a budget for all of them.
pub struct Shrinker<'g> {
    generator: &'g Generator<'g>,
    /// The modes that the connector offers.
    modes: Vec<Mode>,
    works: bool,
    started: Instant,
    time: Duration,
    launches: usize,
    most_launches: usize,
    /// The small case of each check.
    small: Vec<(String, Case)>,
    /// Why rows of the last case could not be read back, if they could not.
    unread: Option<Trouble>,
    /// Whether there was more to try when the budget was used up.
    pub is_cut: bool,
    /// Why no more could be made small.
    pub trouble: Option<Trouble>,
}

impl<'g> Shrinker<'g> {
    /// With the whole budget, or with none where the subject cannot be run any more.
    pub fn new(generator: &'g Generator<'g>, modes: Vec<Mode>, works: bool) -> Self {
        let budget = &generator.plan.generation;
        Self {
            modes,
            works,
            generator,
            started: Instant::now(),
            time: budget.shrink_time,
            launches: 0,
            most_launches: budget.shrink_launches,
            small: Vec::new(),
            unread: None,
            is_cut: false,
            trouble: None,
        }
    }

    /// Runs a case, unless the subject cannot be run any more.
    fn seen(&mut self, case: &Case, id: &str) -> Option<(Evidence, Verdicts)> {
        if !self.works {
            return None;
        }
        self.launches += case.syncs.len();
        let ran = self.generator.run_case(case, id).map_err(|error| {
            self.works = false;
            self.trouble.get_or_insert(trouble(&error));
        });
        let (evidence, verdicts) = ran.ok()?;
        self.unread = verdicts.trouble();
        Some((evidence, verdicts))
    }

    /// What it means that no case failed once more, where all were tried; the last ones are those that
    /// say it. Of rows that could not be read back nobody knows.
    fn unshrunk(&mut self, were_all_tried: bool) -> Unshrunk {
        if let Some(trouble) = self.unread.take() {
            self.works = false;
            self.trouble.get_or_insert(trouble);
        }
        if were_all_tried && self.works() { Unshrunk::Unrepeated } else { Unshrunk::Unseen }
    }

    /// The smallest case found that fails a check.
    fn made_small(&mut self, failed: &Failed, check: &str) -> Result<Case, Unshrunk> {
        let Some(row) = failed.checks.get(check) else { return Err(Unshrunk::Unseen) };
        let modes = self.modes.clone();
        let is_near = |(check, _): &&(String, Case)| tell_of_one(failed, check, row);
        let known = self.small.iter().rev().find(is_near).map(|(_, case)| case.followed());
        let mut fails = |case: &Case| self.fails(case, row);
        if let Some(first) = first_case(known, failed, row, &mut fails) {
            return Ok(smallest(first, &modes, &mut fails));
        }
        // Once the budget is used up nothing fails.
        let were_all_tried = self.can_go_on();
        Err(self.unshrunk(were_all_tried))
    }

    /// Whether a check fails in this case, and for a reason that it failed for; no, once the budget
    /// is used up.
    fn fails(&mut self, case: &Case, before: &Row) -> bool {
        if !self.can_go_on() {
            return false;
        }
        let id = format!("smaller-{}", before.check);
        let Some((evidence, verdicts)) = self.seen(case, &id) else { return false };
        self.generator.forget(&evidence);
        verdicts.failed.get(&before.check).is_some_and(|row| is_alike(row, before))
    }
}

impl Shrink for Shrinker<'_> {
    fn works(&self) -> bool {
        self.works && !INTERRUPTED.load(Ordering::SeqCst)
    }

    fn can_go_on(&mut self) -> bool {
        let is_over = self.launches >= self.most_launches || self.started.elapsed() > self.time;
        let works = self.works();
        self.is_cut |= works && is_over;
        works && !is_over
    }

    fn shrunk(&mut self, failed: &Failed, check: &str) -> Result<Shrunk, Unshrunk> {
        let before = self.launches;
        let small = self.made_small(failed, check)?;
        let id = format!("{GENERATED}-{check}");
        // Names tell it from other saved cases, unless a name is what it is about.
        let candidates = [small.clone().named(&check.replace('-', "_")), small];
        let all = (0..CHANCES).flat_map(|chance| candidates.iter().map(move |case| (chance, case)));
        for (chance, case) in all {
            // It is seen once by each name, however little is left.
            if chance > 0 && !self.can_go_on() {
                return Err(self.unshrunk(false));
            }
            let (evidence, verdicts) = self.seen(case, &id).ok_or(Unshrunk::Unseen)?;
            let both = verdicts.failed.get(check).zip(failed.checks.get(check));
            // Where none fails for the same reason, another will do.
            if both.is_some_and(|(row, before)| chance > 0 || is_alike(row, before)) {
                self.small.push((check.to_owned(), case.clone()));
                let (case, launches) = (case.clone(), self.launches - before);
                return Ok(Shrunk { case, launches, evidence, verdicts });
            }
            self.generator.forget(&evidence);
        }
        Err(self.unshrunk(true))
    }
}

/// Whether a check failed in this launch, too, and of a stream that the row tells of.
fn tell_of_one(failed: &Failed, check: &str, row: &Row) -> bool {
    let (Some(other), told) = (failed.checks.get(check).map(all_told), all_told(row)) else {
        return false;
    };
    let mut streams = failed.cases.iter().flat_map(|case| &case.streams);
    streams.any(|stream| told.contains(&stream.name) && other.contains(&stream.name))
}

/// All that was found, in one text.
fn all_told(row: &Row) -> String {
    row.findings.iter().flat_map(|told| [&*told.message, &*told.evidence]).collect()
}

/// What making it smaller starts from. A case that is `known` shows another check that failed of the
/// same streams, and has one more sync: what one sync does wrong may be told by another check after the
/// next one. Then come those whose streams were told of, alone, and at last several together. None,
/// where nothing fails once more.
fn first_case(
    known: Option<Case>,
    failed: &Failed,
    row: &Row,
    fails: &mut dyn FnMut(&Case) -> bool,
) -> Option<Case> {
    let told = all_told(row);
    let is_told = |case: &Case| case.streams.iter().any(|stream| told.contains(&stream.name));
    let mut each: Vec<&Case> = failed.cases.iter().collect();
    each.sort_by_key(|case| !is_told(case));
    let mut alone = known.into_iter().chain(each.into_iter().take(ALONE).cloned());
    alone.find(|case| fails(case)).or_else(|| halved(failed.cases.clone(), fails))
}

/// The half of the cases that still fails, again and again; none, where not even all of them do.
fn halved(mut cases: Vec<Case>, still_fails: &mut dyn FnMut(&Case) -> bool) -> Option<Case> {
    let all = Case::together(&cases);
    // Where it is broken off, it is each time at another place.
    let chances = if all.breaks() { 4 } else { 1 };
    if !(0..chances).any(|_| still_fails(&all)) {
        return None;
    }
    while cases.len() > 1 {
        let second = cases.split_off(cases.len() / 2);
        if still_fails(&Case::together(&second)) {
            cases = second;
        } else if !still_fails(&Case::together(&cases)) {
            // Only both together fail.
            cases.extend(second);
            break;
        }
    }
    Some(Case::together(&cases))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::case::Ending;
    use crate::session::testing::{case, failed, told};

    #[test]
    fn it_starts_from_what_is_known_of_the_launch_then_from_the_stream_that_was_told_of() {
        let case = |name: &str| case(name, Ending::Success);
        let mut launch = failed(&["data-lost", "data-altered", "data-extra"]);
        launch.cases = ["A", "B", "C", "D", "E"].map(case).to_vec();
        let mut found = |check: &str, message: &str| {
            let row = launch.checks.get_mut(check).unwrap();
            row.findings = vec![told(message, "")];
            row.clone()
        };
        found("data-altered", "ns.B: other values; ns.E: other values");
        found("data-extra", "ns.B: one more");
        let row = found("data-lost", "ns.E: 1 row is lost");
        assert!(tell_of_one(&launch, "data-altered", &row));
        assert!(!tell_of_one(&launch, "data-extra", &row));
        assert!(!tell_of_one(&launch, "not-failed", &row));
        let start = |known: Option<&str>, culprits: &[&str]| {
            let mut asked = Vec::new();
            let mut fails = |case: &Case| {
                let names: Vec<&str> = case.streams.iter().map(|stream| &*stream.name).collect();
                asked.push(format!("{} {}", names.join(""), case.syncs.len()));
                culprits.iter().all(|culprit| names.contains(culprit))
            };
            let known = known.map(|name| case(name).followed());
            let first = first_case(known, &launch, &row, &mut fails);
            let names = first.map(|case| case.streams.into_iter().map(|stream| stream.name));
            (asked.join(", "), names.map_or("none".to_owned(), Iterator::collect))
        };
        let (asked, first) = start(Some("K"), &["K"]);
        assert_eq!((&*asked, &*first), ("K 2", "K"));
        let (asked, first) = start(Some("K"), &["E"]);
        assert_eq!((&*asked, &*first), ("K 2, E 1", "E"));
        let (asked, first) = start(None, &["A", "B"]);
        assert_eq!((&*asked, &*first), ("E 1, A 1, B 1, ABCDE 1, CDE 1, AB 1, B 1, A 1", "AB"));
        // What not even all of them show once more is not looked for in parts of them.
        let (asked, first) = start(None, &["K"]);
        assert_eq!((&*asked, &*first), ("E 1, A 1, B 1, ABCDE 1", "none"));
    }
}
