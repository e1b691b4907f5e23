//! Making what failed among generated cases smaller, until it reads like a case written by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::generated::{Failed, Found, Generator, joined, written};
use crate::event::{Generated, Small};
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
    started: Instant,
    time: Duration,
    launches: usize,
    most_launches: usize,
    /// The smallest case seen to fail, by check: what was tried for one check serves the next.
    seen: BTreeMap<String, Case>,
    error: Option<LaunchError>,
}

impl<'g> Shrinker<'g> {
    /// With the whole budget.
    pub fn new(generator: &'g Generator<'g>) -> Self {
        let budget = &generator.plan.generation;
        Self {
            generator,
            started: Instant::now(),
            time: budget.shrink_time,
            launches: 0,
            most_launches: budget.shrink_launches,
            seen: BTreeMap::new(),
            error: None,
        }
    }

    /// Makes a small case for each check that failed, but for those of `fixed`, which other
    /// scenarios tell, and those that fail in another's small case.
    pub fn settle(
        mut self,
        failed: Vec<Failed>,
        fixed: &BTreeSet<String>,
        found: &mut Found,
        told: &mut Generated,
    ) -> Result<(), LaunchError> {
        let mut settled = BTreeSet::new();
        for mut one in failed {
            for check in one.checks.keys().cloned().collect::<Vec<_>>() {
                if fixed.contains(&check) {
                    told.also.insert(check);
                } else if !settled.contains(&check) && !INTERRUPTED.load(Ordering::SeqCst) {
                    settled.extend(self.settle_one(&mut one, &check, found, told)?);
                    settled.insert(check);
                }
            }
        }
        told.is_cut = self.is_over();
        Ok(())
    }

    /// The checks that fail in the small case that was found for this one.
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
        let id = format!("generated-{check}");
        let small = small.named(&check.replace('-', "_"));
        let (evidence, verdicts) = self.generator.run_case(&small, &id)?;
        if !verdicts.failed.contains_key(check) {
            // It failed all the same.
            match failed.evidence.take() {
                Some(evidence) => found.evidence.push(evidence),
                None => found.unrepeated.extend(failed.checks.get(check).cloned()),
            }
            told.unrepeated.insert(check.to_owned());
            return Ok(BTreeSet::new());
        }
        let mut scenario = written(&small, check)?;
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
        if let Some(seen) = self.seen.get(check).cloned() {
            return smallest(seen, &mut |case| self.fails(case, check));
        }
        let mut cases = failed.cases.clone();
        // First those whose streams were told of.
        let found = failed.checks.get(check).into_iter().flat_map(|row| &row.findings);
        let told: String = found.flat_map(|told| [&*told.message, &*told.evidence]).collect();
        let is_told = |case: &Case| case.streams.iter().any(|stream| told.contains(&stream.name));
        cases.sort_by_key(|case| !is_told(case));
        let alone = cases.iter().take(ALONE).find(|case| self.fails(case, check)).cloned();
        let case = alone.unwrap_or_else(|| halved(cases, &mut |case| self.fails(case, check)));
        smallest(case, &mut |case| self.fails(case, check))
    }

    fn is_over(&self) -> bool {
        self.launches >= self.most_launches || self.started.elapsed() > self.time
    }

    /// Whether a check fails in this case; no, once the budget is used up.
    fn fails(&mut self, case: &Case, check: &str) -> bool {
        if self.is_over() || self.error.is_some() || INTERRUPTED.load(Ordering::SeqCst) {
            return false;
        }
        self.launches += case.syncs.len();
        match self.generator.judge_case(case, &format!("smaller-{check}")) {
            Ok(verdicts) => {
                for check in verdicts.failed.keys() {
                    let seen = self.seen.get(check);
                    if seen.is_none_or(|seen| case.size() < seen.size()) {
                        self.seen.insert(check.clone(), case.clone());
                    }
                }
                verdicts.failed.contains_key(check)
            }
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
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
