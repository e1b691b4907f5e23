//! Generated cases: many in one launch; one that fails is found among them, made smaller, and kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::runner::{Job, Runner};
use super::{Session, side_by_side, trouble};
use crate::config::Plan;
use crate::event::{Generated, Outcome, Row, Trouble};
use crate::evidence::{Evidence, Facts, Purpose};
use crate::generate::case::{Case, Mode};
use crate::generate::coverage::Coverage;
use crate::generate::smaller::smallest;
use crate::generate::strategy::{Offer, batch};
use crate::judging::{self, Places};
use crate::protocol::catalog::SyncMode;
use crate::scenario::capability::Capability;
use crate::scenario::pack;
use crate::subject::{INTERRUPTED, LaunchError};

/// Cases that travel in one launch.
const TOGETHER: usize = 20;
/// Failures that are made smaller, at most: most that follow have the same cause.
const SHRUNK: usize = 5;

/// What came of generated cases.
#[derive(Default)]
pub struct Found {
    /// Those that failed, each as small as it could be made.
    pub evidence: Vec<Evidence>,
    /// What failed once, and not again.
    pub unrepeated: Vec<Row>,
    /// What is told of all.
    pub told: Option<Generated>,
    /// Checks that passed in some.
    pub passed: BTreeSet<String>,
}

/// What came of a case.
struct Verdicts {
    /// The checks that failed, each with what it found.
    failed: BTreeMap<String, Row>,
    passed: BTreeSet<String>,
}

/// A launch of many, in which something failed.
struct Failed {
    nth: u64,
    cases: Vec<Case>,
    checks: BTreeMap<String, Row>,
}

/// What all launches have shown.
struct Seen {
    coverage: Coverage,
    passed: BTreeSet<String>,
    failed: Vec<Failed>,
    /// Why no more are launched.
    trouble: Option<Trouble>,
}

impl Seen {
    fn of(offer: &Offer) -> Self {
        let coverage = Coverage::of(offer);
        Self { coverage, passed: BTreeSet::new(), failed: Vec::new(), trouble: None }
    }

    fn add(&mut self, nth: u64, cases: Vec<Case>, verdicts: Result<Verdicts, LaunchError>) {
        match verdicts {
            Ok(Verdicts { failed: checks, passed }) => {
                for case in &cases {
                    self.coverage.add(case);
                }
                self.passed.extend(passed);
                if !checks.is_empty() {
                    self.failed.push(Failed { nth, cases, checks });
                }
            }
            Err(error) => {
                self.trouble.get_or_insert(trouble(&error));
            }
        }
    }
}

/// Where nothing is kept yet.
struct Nowhere;

impl Places for Nowhere {
    fn place(&self, _: &str, _: usize) -> (String, Option<String>) {
        (String::new(), None)
    }
}

impl Session<'_> {
    /// Runs generated cases, as many as are wanted.
    pub fn generate(&mut self) -> Option<Trouble> {
        let offer = self.offer().filter(|_| self.plan.generation.examples > 0)?;
        let (plan, runner, facts) = (self.plan, self.runner, &self.facts);
        let generator = Generator { plan, runner, facts, count: AtomicUsize::new(0) };
        let (mut found, trouble) = generator.run(&offer);
        self.evidence.append(&mut found.evidence);
        self.found = found;
        trouble
    }

    /// What the connector offers, as far as cases need to know.
    fn offer(&self) -> Option<Offer> {
        self.plan.config.as_ref()?;
        let mut modes = Vec::new();
        for (mode, own) in [
            (SyncMode::Append, &[Mode::Append][..]),
            (SyncMode::Overwrite, &[Mode::Overwrite]),
            (SyncMode::AppendDedup, &[Mode::Dedup, Mode::DedupDeletes]),
        ] {
            if self.offers(mode) {
                modes.extend(own);
            }
        }
        let refreshes = self.plan.declared.is(Capability::Refreshes, "yes");
        let namespaces = self.plan.names.namespaces;
        (!modes.is_empty()).then_some(Offer { modes, namespaces, refreshes })
    }
}

/// Runs cases.
struct Generator<'s> {
    plan: &'s Plan,
    runner: &'s Runner<'s>,
    facts: &'s Facts,
    /// Cases that were run, smaller ones included.
    count: AtomicUsize,
}

impl Generator<'_> {
    fn run(&self, offer: &Offer) -> (Found, Option<Trouble>) {
        let examples = self.plan.generation.examples;
        let seen = Mutex::new(Seen::of(offer));
        let count = examples.div_ceil(TOGETHER);
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let nth = next.fetch_add(1, Ordering::SeqCst);
                let is_over = INTERRUPTED.load(Ordering::SeqCst)
                    || seen.lock().is_ok_and(|seen| seen.trouble.is_some());
                if nth >= count || is_over {
                    return;
                }
                let size = TOGETHER.min(examples - nth * TOGETHER);
                let nth = nth as u64;
                let cases = batch(offer, self.plan.seed, nth, size);
                let verdicts = self.judge_case(&joined(&cases), &format!("generated-{nth}"));
                if let Ok(mut seen) = seen.lock() {
                    seen.add(nth, cases, verdicts);
                }
            }
        };
        side_by_side(self.plan.jobs.min(count), work);
        let Ok(Seen { coverage, passed, mut failed, trouble: mut stopped }) = seen.into_inner()
        else {
            return (Found::default(), None);
        };
        failed.sort_by_key(|one| one.nth);
        let told = Generated {
            cases: coverage.cases,
            exercised: coverage.counts().map(|(name, count)| (name.to_owned(), count)).collect(),
        };
        let mut found = Found { told: Some(told), passed, ..Found::default() };
        if stopped.is_none() {
            stopped = self.settle_failed(&failed, &mut found).err().as_ref().map(trouble);
        }
        (found, stopped)
    }

    fn run_case(&self, case: &Case, id: &str) -> Result<(Evidence, Verdicts), LaunchError> {
        let failed = |error: String| LaunchError::Failed(format!("{id} cannot be sent: {error}"));
        let scenario = case.written(id).map_err(failed)?;
        // Each has names apart: a smaller one must not meet what a greater one has left.
        let nth = self.count.fetch_add(1, Ordering::SeqCst);
        let names = self.plan.names.apart(&format!("g{nth}"));
        let trials =
            pack::pack(&[scenario], &names, 0).map_err(|error| failed(error.to_string()))?;
        let trial = trials.into_iter().next().unwrap_or_default();
        let purpose = if trial.manner.breaks { Purpose::WriteBroken } else { Purpose::Write };
        let job = Job::write(purpose, trial);
        self.runner.plan(job.launches());
        let evidence = self.runner.run(job)?;
        let wanted = |id: &str| self.plan.selection.check(id);
        let judged = judging::judge(std::slice::from_ref(&evidence), self.facts, &wanted, &Nowhere);
        let (mut failed, mut passed) = (BTreeMap::new(), BTreeSet::new());
        for row in judged.rows {
            match row.outcome {
                Outcome::Failed => drop(failed.insert(row.check.clone(), row)),
                Outcome::Passed => drop(passed.insert(row.check)),
                _ => {}
            }
        }
        Ok((evidence, Verdicts { failed, passed }))
    }

    /// Runs a case for its verdicts alone.
    fn judge_case(&self, case: &Case, id: &str) -> Result<Verdicts, LaunchError> {
        let (evidence, verdicts) = self.run_case(case, id)?;
        self.runner.forget(id, evidence.launches.len());
        Ok(verdicts)
    }

    /// Makes the failures smaller: one for each check that does not fail with another's.
    fn settle_failed(&self, failed: &[Failed], found: &mut Found) -> Result<(), LaunchError> {
        let mut settled: BTreeSet<String> = BTreeSet::new();
        for one in failed {
            for (check, row) in &one.checks {
                let is_enough =
                    found.evidence.len() == SHRUNK || INTERRUPTED.load(Ordering::SeqCst);
                if settled.contains(check) || is_enough {
                    continue;
                }
                let small = self.made_small(one, check)?;
                let (evidence, verdicts) = self.run_case(&small, &format!("generated-{check}"))?;
                if !verdicts.failed.contains_key(check) {
                    let why = "it did not fail when the same was sent once more".to_owned();
                    found.unrepeated.push(Row { why: Some(why), ..row.clone() });
                } else if let Some(folder) = &self.plan.generation.regressions {
                    save(small, check, folder)?;
                }
                settled.extend(verdicts.failed.into_keys());
                settled.insert(check.clone());
                found.evidence.push(evidence);
            }
        }
        Ok(())
    }

    /// The smallest case found that fails a check.
    fn made_small(&self, failed: &Failed, check: &str) -> Result<Case, LaunchError> {
        let started = Instant::now();
        let budget = &self.plan.generation;
        let (mut launches, mut error) = (0, None);
        let id = format!("smaller-{check}");
        let mut still_fails = |case: &Case| {
            let is_over = launches + case.syncs.len() > budget.shrink_launches
                || started.elapsed() > budget.shrink_time
                || INTERRUPTED.load(Ordering::SeqCst);
            if is_over || error.is_some() {
                return false;
            }
            launches += case.syncs.len();
            match self.judge_case(case, &id) {
                Ok(verdicts) => verdicts.failed.contains_key(check),
                Err(why) => {
                    error = Some(why);
                    false
                }
            }
        };
        let mut cases = failed.cases.clone();
        // First those whose streams were told of.
        let found = failed.checks.get(check).into_iter().flat_map(|row| &row.findings);
        let told: String = found.flat_map(|told| [&*told.message, &*told.evidence]).collect();
        let is_told = |case: &Case| case.streams.iter().any(|stream| told.contains(&stream.name));
        cases.sort_by_key(|case| !is_told(case));
        let alone = cases.iter().take(3).find(|case| still_fails(case)).cloned();
        let case = alone.unwrap_or_else(|| halved(cases, &mut still_fails));
        let case = smallest(case, &mut still_fails);
        error.map_or(Ok(case), Err)
    }
}

/// Saves a case that fails a check, unless one is there already.
fn save(case: Case, check: &str, folder: &Path) -> Result<(), LaunchError> {
    let folder = folder.join(format!("regression-{check}"));
    if folder.exists() {
        return Ok(());
    }
    let failed = |why: String| LaunchError::Failed(format!("saving {}: {why}", folder.display()));
    let scenario = case.named(&check.replace('-', "_")).written(check).map_err(failed)?;
    scenario.save(&folder).map_err(|error| failed(error.to_string()))
}

/// All cases as one.
fn joined(cases: &[Case]) -> Case {
    let mut all = cases.iter();
    let first = all.next().cloned();
    first.map_or_else(
        || Case { streams: Vec::new(), syncs: Vec::new(), global: false },
        |first| all.fold(first, Case::with),
    )
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
