//! Making what failed among generated cases smaller, until it reads like a case written by hand.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::generated::{CLAIMED, Failed, Found, Generator, joined, written};
use crate::checks::{self, Level};
use crate::event::{Generated, Row, Small};
use crate::generate::GENERATED;
use crate::generate::case::Case;
use crate::generate::smaller::smallest;
use crate::model::{self, Input};
use crate::scenario::Scenario;
use crate::subject::{INTERRUPTED, LaunchError};

/// How many cases of a launch are tried alone, before it is halved.
const ALONE: usize = 3;

/// Makes cases smaller, within a budget for all of them.
pub struct Shrinker<'g> {
    generator: &'g Generator<'g>,
    works: bool,
    started: Instant,
    time: Duration,
    launches: usize,
    most_launches: usize,
    error: Option<LaunchError>,
}

impl<'g> Shrinker<'g> {
    /// With the whole budget, or with none where the subject cannot be run any more.
    pub fn new(generator: &'g Generator<'g>, works: bool) -> Self {
        let budget = &generator.plan.generation;
        Self {
            works,
            generator,
            started: Instant::now(),
            time: budget.shrink_time,
            launches: 0,
            most_launches: budget.shrink_launches,
            error: None,
        }
    }

    /// Makes small cases: one for all checks that failed together in some launch, as they mostly
    /// have one cause, which shows best where nothing was broken off. Those of `fixed`, which failed
    /// in other scenarios, too, need none. Nothing that failed is passed over: what gets no small
    /// case is told as it was.
    pub fn settle(
        &mut self,
        mut failed: Vec<Failed>,
        fixed: &BTreeSet<String>,
        found: &mut Found,
        told: &mut Generated,
    ) -> Result<(), LaunchError> {
        failed.sort_by_key(|one| one.cases.iter().any(Case::breaks));
        let mut known = fixed.clone();
        let (mut stopped, mut found_plainly) = (None, false);
        for mut one in failed {
            let all: BTreeSet<String> = one.checks.keys().cloned().collect();
            told.also.extend(all.intersection(fixed).cloned());
            let mut news = &all - &known;
            let works = self.works && !INTERRUPTED.load(Ordering::SeqCst);
            // What shows without a kill shows after one, too, and many checks tell of it.
            let is_plain = !one.cases.iter().any(Case::breaks);
            let is_own = news.len() == all.len() && (is_plain || !found_plainly);
            if !works && !news.is_empty() {
                as_it_was(&mut one, found);
            } else if let Some(first) = first_of(&news).filter(|_| is_own) {
                match self.settle_one(&mut one, &first, found, told) {
                    Ok(failed) => {
                        found_plainly |= is_plain;
                        news.remove(&first);
                        along(&one, &(&news - &failed), found, told);
                        known.extend(failed);
                    }
                    Err(error) => {
                        as_it_was(&mut one, found);
                        self.works = false;
                        stopped = Some(error);
                    }
                }
            } else {
                along(&one, &news, found, told);
            }
            known.extend(all);
        }
        told.is_cut = self.is_over();
        stopped.map_or(Ok(()), Err)
    }

    /// The checks that are told by the small case that was found for this one.
    fn settle_one(
        &mut self,
        failed: &mut Failed,
        check: &str,
        found: &mut Found,
        told: &mut Generated,
    ) -> Result<BTreeSet<String>, LaunchError> {
        let before = self.launches;
        let small = self.made_small(failed, check);
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let id = format!("{GENERATED}-{check}");
        // Names tell it from other saved cases, unless a name is what it is about.
        let mut named = None;
        for small in [small.clone().named(&check.replace('-', "_")), small] {
            let (evidence, verdicts) = self.generator.run_case(&small, &id)?;
            if verdicts.failed.contains_key(check) {
                named = Some((small, evidence, verdicts));
                break;
            }
        }
        let Some((small, mut evidence, verdicts)) = named else {
            as_it_was(failed, found);
            told.unrepeated.insert(check.to_owned());
            return Ok(failed.checks.keys().cloned().collect());
        };
        let mut scenario = written(&small, check)?;
        if CLAIMED.contains(&check) {
            scenario.about = Some(check.to_owned());
            self.generator.is_about(&mut evidence, Some(check));
        }
        scenario.failed = verdicts.failed.keys().cloned().collect();
        expect(&mut scenario);
        if let Some(folder) = &self.generator.plan.generation.regressions {
            save(&scenario, check, folder)?;
        }
        told.small.push(Small {
            check: check.to_owned(),
            launches: self.launches - before,
            syncs: small.syncs.len(),
            streams: small.streams.len(),
            messages: small.messages(),
        });
        found.cases.insert(id, scenario);
        found.evidence.push(evidence);
        Ok(verdicts.failed.into_keys().collect())
    }

    /// The smallest case found that fails a check.
    fn made_small(&mut self, failed: &Failed, check: &str) -> Case {
        let Some(row) = failed.checks.get(check) else { return joined(&failed.cases) };
        let mut fails = |case: &Case| self.fails(case, row);
        // First those whose streams were told of.
        let found = row.findings.iter();
        let told: String = found.flat_map(|told| [&*told.message, &*told.evidence]).collect();
        let is_told = |case: &Case| case.streams.iter().any(|stream| told.contains(&stream.name));
        let mut each: Vec<&Case> = failed.cases.iter().collect();
        each.sort_by_key(|case| !is_told(case));
        let alone = each.into_iter().take(ALONE).find(|case| fails(case)).cloned();
        let case = alone.unwrap_or_else(|| halved(failed.cases.clone(), &mut fails));
        smallest(case, &mut fails)
    }

    fn is_over(&self) -> bool {
        self.launches >= self.most_launches || self.started.elapsed() > self.time
    }

    /// Whether a check fails in this case, and for a reason that it failed for; no, once the budget
    /// is used up.
    fn fails(&mut self, case: &Case, before: &Row) -> bool {
        if self.is_over() || self.error.is_some() || INTERRUPTED.load(Ordering::SeqCst) {
            return false;
        }
        self.launches += case.syncs.len();
        match self.generator.judge_case(case, &format!("smaller-{}", before.check)) {
            Ok(verdicts) => {
                verdicts.failed.get(&before.check).is_some_and(|row| is_alike(row, before))
            }
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }
}

/// The one of these checks that tells most plainly what happened: they stand in that order, and a
/// rule that must be kept goes first.
fn first_of(these: &BTreeSet<String>) -> Option<String> {
    let found = checks::all().filter(|check| these.contains(check.id));
    found.min_by_key(|check| check.level != Level::Must).map(|check| check.id.to_owned())
}

/// Whether something was found in both that has the same words: of a check that fails for several
/// reasons, one must not be taken for another.
fn is_alike(row: &Row, other: &Row) -> bool {
    let reasons = |row: &Row| -> Option<BTreeSet<String>> {
        row.findings.iter().map(|told| reason(&told.message)).collect()
    };
    match (reasons(row), reasons(other)) {
        (Some(one), Some(other)) => !one.is_disjoint(&other),
        // What cannot be told apart is not.
        _ => true,
    }
}

/// What a finding says, without its stream, numbers and what stands in brackets.
fn reason(message: &str) -> Option<String> {
    let (_, words) = message.split_once(": ")?;
    let words = words.split(" (").next()?;
    Some(words.chars().filter(|letter| !letter.is_ascii_digit()).collect())
}

/// Tells what failed among many cases by the evidence of their launch, where that was kept.
fn as_it_was(failed: &mut Failed, found: &mut Found) {
    match failed.evidence.take() {
        Some(evidence) => found.evidence.push(evidence),
        None => found.rows.extend(failed.checks.values().cloned()),
    }
}

/// Tells of checks that failed in company of others which are told in full.
fn along(failed: &Failed, checks: &BTreeSet<String>, found: &mut Found, told: &mut Generated) {
    for row in checks.iter().filter_map(|check| failed.checks.get(check)) {
        let why = "maybe by the same cause as another check, which is told in full: run it again once \
                   that is mended";
        let mut row = Row { why: Some(why.to_owned()), ..row.clone() };
        row.findings.truncate(1);
        told.also.insert(row.check.clone());
        found.rows.push(row);
    }
}

/// Notes the rows that must have landed after each sync, where each has to succeed.
fn expect(scenario: &mut Scenario) {
    let syncs: Vec<Input> =
        scenario.syncs.iter().map(|sync| (&sync.streams, sync.steps.as_slice())).collect();
    let after = |nth: usize| {
        let streams = scenario.syncs[nth].streams.streams.iter().map(|one| one.descriptor());
        let rows = streams.flat_map(|stream| {
            let expected = model::expected(&stream, &syncs[..=nth]);
            let raw = |row: &str| RawValue::from_string(row.to_owned()).ok();
            let rows = expected.rows().filter_map(|(row, _)| raw(&row));
            rows.map(|row| (stream.clone(), row)).collect::<Vec<_>>()
        });
        rows.collect()
    };
    if !scenario.breaks {
        let expected: Vec<Vec<_>> = (0..syncs.len()).map(after).collect();
        for (sync, expected) in scenario.syncs.iter_mut().zip(expected) {
            sync.expected = expected;
        }
    }
}

/// Saves a case that fails a check, unless one is there already.
fn save(scenario: &Scenario, check: &str, folder: &Path) -> Result<(), LaunchError> {
    let folder = folder.join(format!("regression-{check}"));
    if folder.exists() {
        return Ok(());
    }
    let failed = |error| LaunchError::Failed(format!("saving {}: {error}", folder.display()));
    scenario.save(&folder).map_err(failed)
}

/// The half of the cases that still fails, again and again.
fn halved(mut cases: Vec<Case>, still_fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    while cases.len() > 1 {
        let second = cases.split_off(cases.len() / 2);
        if still_fails(&joined(&second)) {
            cases = second;
        } else if !still_fails(&joined(&cases)) {
            // Only both together fail.
            cases.extend(second);
            break;
        }
    }
    joined(&cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_from_another_by_its_words() {
        let of = |message: &str| reason(message);
        let lost = of("n.s1, after sync 2: 1 row is lost (2 rows wanted, 1 found)");
        assert_eq!(lost, of("n.s0: 3 row is lost (5 rows wanted, 2 found)"));
        assert_ne!(lost, of("n.s0: a row is there that was never sent"));
        assert_eq!(of("it exited with 1"), None);
    }
}
