//! Generated cases: many in one launch; what fails among them is made smaller ([`Shrinker`]), and told
//! ([`settle`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::slice;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::runner::{Job, Runner};
use super::settle::settle;
use super::shrink::Shrinker;
use super::{Session, side_by_side, trouble};
use crate::checks::{self, Judge};
use crate::config::{Amount, Plan};
use crate::event::{Generated, Outcome, Row, Trouble};
use crate::evidence::{Evidence, Facts, Launch, Purpose};
use crate::generate::GENERATED;
use crate::generate::case::{Case, Ending, Mode};
use crate::generate::coverage::Coverage;
use crate::generate::strategy::{FEW, Offer, TOGETHER, batch};
use crate::judging::{self, Judged, Places};
use crate::protocol::catalog::SyncMode;
use crate::scenario::capability::Capability;
use crate::scenario::{Scenario, pack};
use crate::subject::{INTERRUPTED, LaunchError};

/// Launches of many whose evidence is kept until what failed in them has failed again; and more only
/// for what failed in none of these.
const KEPT: usize = 5;

/// Launches that are run once more by halves, at most.
const SPLITS: usize = 40;

/// The check that judges a scenario that is about it, and that any case may be about.
pub const CLAIMED: &str = "metadata-columns";

/// What came of generated cases.
#[derive(Default)]
pub struct Found {
    /// Those that failed, each as small as it could be made.
    pub evidence: Vec<Evidence>,
    /// Their scenarios, by trial.
    pub cases: BTreeMap<String, Scenario>,
    /// What failed and is told without evidence of its own.
    pub rows: Vec<Row>,
    /// What is told of all.
    pub told: Option<Generated>,
    /// Checks that passed in some.
    pub passed: BTreeSet<String>,
}

/// What came of a case.
#[derive(Default)]
pub struct Verdicts {
    /// The checks that failed, each with what it found.
    pub failed: BTreeMap<String, Row>,
    /// Those that passed.
    pub passed: BTreeSet<String>,
    /// Why rows could not be read back, if they could not.
    pub unread: Option<String>,
}

impl Verdicts {
    fn add(&mut self, judged: Judged) {
        let Judged { rows, mut readback_errors, .. } = judged;
        for row in rows {
            match row.outcome {
                Outcome::Failed => drop(self.failed.insert(row.check.clone(), row)),
                Outcome::Passed => drop(self.passed.insert(row.check)),
                _ => {}
            }
        }
        self.unread = self.unread.take().or(readback_errors.pop());
    }

    /// What it means that rows could not be read back, if they could not.
    pub fn trouble(&self) -> Option<Trouble> {
        let readback = Trouble::Readback(self.unread.clone()?);
        Some(if INTERRUPTED.load(Ordering::SeqCst) { Trouble::Interrupted } else { readback })
    }
}

/// A launch of cases: what was seen, and what came of it.
struct Ran {
    cases: Vec<Case>,
    /// How each sync that was run ended for all of them.
    endings: Vec<Ending>,
    /// Whether they are counted with another launch.
    is_again: bool,
    evidence: Evidence,
    verdicts: Verdicts,
}

/// A launch of many, in which something failed.
pub struct Failed {
    /// Which launch it was.
    pub nth: u64,
    /// The cases.
    pub cases: Vec<Case>,
    /// The checks, each with what it found.
    pub checks: BTreeMap<String, Row>,
    /// What was seen, of the first few and of those in which something new failed.
    pub evidence: Option<Evidence>,
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

    /// Adds a launch; gives back the evidence that is not kept.
    fn add(&mut self, nth: u64, ran: Ran) -> Option<Evidence> {
        let Ran { cases, endings, is_again, evidence, verdicts } = ran;
        for case in cases.iter().filter(|_| !is_again) {
            self.coverage.add(case, &endings);
        }
        self.trouble = self.trouble.take().or(verdicts.trouble());
        let Verdicts { failed: checks, passed, .. } = verdicts;
        self.passed.extend(passed);
        if checks.is_empty() {
            return Some(evidence);
        }
        let kept = || self.failed.iter().filter(|one| one.evidence.is_some());
        // A flood of one check does not cost the evidence of another.
        let is_new = |check: &String| kept().all(|one| !one.checks.contains_key(check));
        let is_kept = kept().count() < KEPT || checks.keys().any(is_new);
        let (kept, gone) = if is_kept { (Some(evidence), None) } else { (None, Some(evidence)) };
        self.failed.push(Failed { nth, cases, checks, evidence: kept });
        gone
    }
}

/// Where that is seen which need not be kept.
pub const NOT_KEPT: &str = "a launch of many cases, which was not kept";

/// Where nothing is kept yet.
struct Nowhere;

impl Places for Nowhere {
    fn place(&self, _: &str, _: usize) -> (String, Option<String>) {
        (NOT_KEPT.to_owned(), None)
    }
}

impl Session<'_> {
    /// Runs generated cases, as many as are wanted.
    pub fn generate(&mut self) -> Option<Trouble> {
        let plan = self.plan;
        let is_wanted = !plan.generation.is_none()
            && plan.selection.scenario(GENERATED)
            && plan.wants(&[Purpose::Write, Purpose::WriteBroken]);
        // Where no sync succeeds, the fixed scenarios have told it already.
        let works = self.facts.writes_work
            || !self.evidence.iter().any(|evidence| evidence.purpose == Purpose::Write);
        if !is_wanted {
            return None;
        }
        let offer = match self.offer() {
            Some(offer) if works => offer,
            offer => {
                let why = offer.map_or(
                    "the spec offers none of append, overwrite and append_dedup",
                    |_| "no sync of the fixed scenarios succeeded",
                );
                let is_all = plan.generation.no_fixed;
                let told = Generated { why: Some(why.to_owned()), is_all, ..Generated::default() };
                self.found.told = Some(told);
                return None;
            }
        };
        let (count, splits) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let generator = Generator { plan, runner: self.runner, facts: &self.facts, count, splits };
        let (seen, mut stopped) = generator.run(&offer)?;
        let Seen { coverage, passed, failed, .. } = seen;
        let exercised = coverage.counts().map(|(name, count)| (name.to_owned(), count)).collect();
        let mut found = Found { passed, ..Found::default() };
        found.passed.retain(|check| failed.iter().all(|one| !one.checks.contains_key(check)));
        let mut told = Generated { cases: coverage.cases, exercised, ..Generated::default() };
        if !failed.is_empty() {
            // What the fixed scenarios tell needs no case that is made small.
            let wanted = |id: &str| plan.selection.check(id);
            let fixed = judging::judge(&self.evidence, &self.facts, &wanted, &Nowhere).rows;
            let fixed = fixed.into_iter().filter(|row| row.outcome == Outcome::Failed);
            let fixed = fixed.map(|row| row.check).collect();
            let mut shrinker = Shrinker::new(&generator, offer.modes.clone(), stopped.is_none());
            let regressions = plan.generation.regressions.as_deref();
            let of = (&mut found, &mut told);
            let settled = settle(&mut shrinker, failed, &fixed, regressions, of);
            told.is_cut = shrinker.is_cut;
            stopped = stopped.or(shrinker.trouble).or(settled.err());
        }
        self.evidence.append(&mut found.evidence);
        self.found = Found { told: Some(told), ..found };
        stopped
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
pub struct Generator<'s> {
    /// What is wanted.
    pub plan: &'s Plan,
    runner: &'s Runner<'s>,
    facts: &'s Facts,
    /// Cases that were run, smaller ones included.
    count: AtomicUsize,
    /// Launches that were run once more by halves.
    splits: AtomicUsize,
}

impl Generator<'_> {
    /// Draws cases and runs them; what was seen, and why it was broken off, if it was.
    fn run(&self, offer: &Offer) -> Option<(Seen, Option<Trouble>)> {
        let seen = Mutex::new(Seen::of(offer));
        let (examples, until) = match self.plan.generation.amount {
            Amount::Cases(examples) => (examples, None),
            Amount::Time(time) => (usize::MAX, Some(Instant::now() + time)),
        };
        let count = examples.div_ceil(TOGETHER);
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let nth = next.fetch_add(1, Ordering::SeqCst);
                let is_over = INTERRUPTED.load(Ordering::SeqCst)
                    || until.is_some_and(|until| Instant::now() > until)
                    || seen.lock().is_ok_and(|seen| seen.trouble.is_some());
                if nth >= count || is_over {
                    return;
                }
                let size = TOGETHER.min(examples - nth * TOGETHER);
                let nth = nth as u64;
                let cases = batch(offer, self.plan.seed, nth, size);
                // A launch that is killed is killed at one place.
                let size = if cases.iter().any(Case::breaks) { FEW } else { TOGETHER };
                for (part, cases) in cases.chunks(size).enumerate() {
                    let id = format!("{GENERATED}-{nth}.{part}");
                    let mut ran = Vec::new();
                    let ended = self.run_cases(cases.to_vec(), &id, &mut ran);
                    let Ok(mut seen) = seen.lock() else { return };
                    let gone: Vec<_> =
                        ran.into_iter().filter_map(|ran| seen.add(nth, ran)).collect();
                    let stopped = ended.map_err(|error| {
                        seen.trouble.get_or_insert(trouble(&error));
                    });
                    // Files are removed while others go on.
                    drop(seen);
                    for evidence in &gone {
                        self.forget(evidence);
                    }
                    if stopped.is_err() {
                        return;
                    }
                }
            }
        };
        side_by_side(self.plan.jobs.min(count), work);
        let mut seen = seen.into_inner().ok()?;
        seen.failed.sort_by_key(|one| one.nth);
        let stopped = seen.trouble.take();
        Some((seen, stopped))
    }

    /// Runs cases together. Where that fails as a whole, one of them hides the others, and each
    /// half is run by itself.
    fn run_cases(
        &self,
        mut cases: Vec<Case>,
        id: &str,
        into: &mut Vec<Ran>,
    ) -> Result<(), LaunchError> {
        let case = Case::together(&cases);
        let (evidence, verdicts) = self.run_case(&case, id)?;
        let run = case.syncs.iter().take(evidence.launches.len());
        let endings = run.map(|sync| sync.ending).collect();
        let is_split = cases.len() > 1
            && hides_others(&evidence)
            && !INTERRUPTED.load(Ordering::SeqCst)
            && self.splits.fetch_add(1, Ordering::SeqCst) < SPLITS;
        if !is_split {
            into.push(Ran { cases, endings, is_again: false, evidence, verdicts });
            return Ok(());
        }
        let second = cases.split_off(cases.len() / 2);
        let before = into.len();
        let halves = self
            .run_cases(cases.clone(), &format!("{id}-1"), into)
            .and_then(|()| self.run_cases(second.clone(), &format!("{id}-2"), into));
        let in_half = |check: &String| {
            into[before..].iter().any(|half| half.verdicts.failed.contains_key(check))
        };
        if halves.is_ok() && verdicts.failed.keys().all(in_half) {
            self.forget(&evidence);
        } else {
            // Something fails only where all are together, or the halves were not seen. What fails in
            // a half alone stays.
            let tells_more = |half: &Ran| {
                half.verdicts.failed.keys().any(|check| !verdicts.failed.contains_key(check))
            };
            let (more, gone): (Vec<Ran>, Vec<Ran>) = into.drain(before..).partition(tells_more);
            for half in &gone {
                self.forget(&half.evidence);
            }
            into.extend(more.into_iter().map(|half| Ran { is_again: true, ..half }));
            cases.extend(second);
            into.push(Ran { cases, endings, is_again: false, evidence, verdicts });
        }
        halves
    }

    /// Runs a case that is known by this name.
    pub fn run_case(&self, case: &Case, id: &str) -> Result<(Evidence, Verdicts), LaunchError> {
        let scenario = written(case, id)?;
        // Each has names apart: a smaller one must not meet what a greater one has left. All are as
        // long, so that what lies where in the input is the same each time.
        let nth = self.count.fetch_add(1, Ordering::SeqCst);
        let names = self.plan.names.apart(&format!("g{nth:05}"));
        let trials = pack::pack(&[scenario], &names, 0).map_err(|error| failed(id, error))?;
        let trial = trials.into_iter().next().unwrap_or_default();
        let job = Job::syncs(trial);
        self.runner.plan(job.launches());
        let mut evidence = self.runner.run(job)?;
        let wanted = |id: &str| self.plan.selection.check(id);
        Self::is_about(&mut evidence, CLAIMED);
        let all = slice::from_ref(&evidence);
        let mut verdicts = Verdicts::default();
        verdicts.add(judging::judge(all, self.facts, &wanted, &Nowhere));
        let is_of_rows = |check: &String| {
            checks::find(check).is_some_and(|check| matches!(check.judge, Judge::Landed(_)))
        };
        if verdicts.failed.keys().any(is_of_rows) {
            // Rows that are wrong may well be of no origin.
            verdicts.failed.remove(CLAIMED);
        }
        if !verdicts.failed.contains_key(CLAIMED) {
            // It is no plain scenario, of which others could be told apart.
            Self::is_about(&mut evidence, GENERATED);
        }
        Ok((evidence, verdicts))
    }

    /// Has a trial be about something, as a check judges only what is about it.
    fn is_about(evidence: &mut Evidence, about: &str) {
        if evidence.purpose == Purpose::Write {
            for member in &mut evidence.members {
                member.about = Some(about.to_owned());
            }
        }
    }

    /// Removes what a trial was given, and what was read back of it.
    pub fn forget(&self, evidence: &Evidence) {
        self.runner.forget(evidence);
    }
}

/// Whether a launch failed that had to succeed: then nobody can say what the rest would have shown.
fn hides_others(evidence: &Evidence) -> bool {
    if evidence.purpose == Purpose::Write {
        return evidence.launches.iter().any(Launch::failed);
    }
    // The last one shows what is left after those that were broken off.
    evidence.launches.last().is_some_and(|last| !last.completed())
}

/// The scenario that a case is.
pub fn written(case: &Case, id: &str) -> Result<Scenario, LaunchError> {
    case.written(id).map_err(|error| failed(id, error))
}

fn failed(id: &str, error: impl Display) -> LaunchError {
    LaunchError::Failed(format!("{id} cannot be sent: {error}"))
}
