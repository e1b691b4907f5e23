//! A session: carries out a plan, judges what came of it, and tells of both.

pub mod ask;
mod conditions;
mod generated;
mod jobs;
mod keep;
mod reason;
mod regressions;
mod repeat;
mod replay;
mod runner;
mod settle;
mod shrink;
#[cfg(test)]
mod testing;
mod undeclared;
mod ways;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::Value;

use crate::checks::{self, Check};
use crate::config::Plan;
use crate::configs;
use crate::event::{Event, Outcome, Report, Row, SubjectInfo, Trouble};
use crate::evidence::{Evidence, Facts, Launch, LeftOut, Purpose};
use crate::generate::GENERATED;
use crate::judging::{self, Judged};
use crate::protocol::Operation;
use crate::protocol::message::ConnectionStatus;
use crate::readback::inventory;
use crate::redact::Secrets;
use crate::scenario::Scenario;
use crate::scenario::pack::{self, Trial};
use crate::subject::image::Image;
use crate::subject::{INTERRUPTED, LaunchError, Subject};
use runner::{Job, Runner};

/// Who is told of events. Launches run side by side, so it may be called from any thread.
pub type Listener<'a> = dyn Fn(&Event) + Sync + 'a;

/// What went wrong on our own side.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A file of ours could not be written or read.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        error: io::Error,
    },
    /// A scenario could not be put under the run's names.
    #[error("a scenario could not be packed: {0}")]
    Pack(#[from] serde_json::Error),
}

/// Carries out a plan. The report is complete whatever the subject did; the error is ours.
pub fn run(plan: &Plan, listener: &Listener) -> Result<Report, SessionError> {
    let start = Instant::now();
    listener(&Event::Started { subject: &plan.subject.shown() });
    keep::prepare(&plan.out)?;
    let runner = Runner::new(plan, listener)?;
    let mut session = Session::new(plan, &runner);
    let trouble = session.gather()?;
    let report = session.conclude(trouble, start);
    listener(&Event::Finished(&report));
    Ok(report)
}

/// Whether a plain write of records has succeeded.
fn writes(evidence: &Evidence) -> bool {
    let works = |launch: &Launch| launch.sends_records() && launch.succeeded();
    evidence.purpose == Purpose::Write && evidence.launches.iter().any(works)
}

/// What a launch that came to nothing comes to: one that was broken off by the user is no fault of
/// the subject's.
fn trouble(error: &LaunchError) -> Trouble {
    if INTERRUPTED.load(Ordering::SeqCst) {
        Trouble::Interrupted
    } else {
        Trouble::Subject(error.to_string())
    }
}

/// Does the same on so many threads at once, and waits for all; on this one at least.
fn side_by_side(threads: usize, work: impl Fn() + Copy + Send) {
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
}

struct Session<'a> {
    plan: &'a Plan,
    runner: &'a Runner<'a>,
    facts: Facts,
    evidence: Vec<Evidence>,
    /// Files of configs that must not work, by trial.
    bad_configs: Vec<(String, PathBuf, Value)>,
    found: generated::Found,
}

impl<'a> Session<'a> {
    fn new(plan: &'a Plan, runner: &'a Runner<'a>) -> Self {
        let facts = Facts {
            readback: plan.readback.is_some(),
            declared: plan.declared.clone(),
            exit_within_s: plan.exit_within_s,
            check_within_s: plan.check_within_s,
            ack_within_s: plan.ack_within_s,
            reviewed: plan.reviewed.clone(),
            released: plan.released.clone(),
            ..Facts::default()
        };
        let (evidence, bad_configs) = (Vec::new(), Vec::new());
        Self { plan, runner, facts, evidence, bad_configs, found: generated::Found::default() }
    }
}

impl Session<'_> {
    /// Launches all there is to launch.
    fn gather(&mut self) -> Result<Option<Trouble>, SessionError> {
        if let Some(trouble) = self.spec() {
            return Ok(Some(trouble));
        }
        self.secrets();
        let mut scenarios = self.fit();
        let mut selected = checks::all().filter(|check| self.plan.selection.check(check.id));
        if selected.all(|check| self.inapplicable(check).is_some()) {
            return Ok(None);
        }
        let generation = &self.plan.generation;
        scenarios.retain(|one| !generation.no_fixed || generation.saved.contains(&one.id));
        let mut jobs = self.jobs(&scenarios)?;
        if let Some(trouble) = self.look_around_check(&mut jobs) {
            return Ok(Some(trouble));
        }
        let trouble = self.carry_out(jobs);
        self.facts.check = self.answer(Purpose::CheckWorking);
        self.facts.unreachable = self.answer(Purpose::CheckUnreachable);
        self.facts.writes_work = self.evidence.iter().any(writes);
        let trouble = match trouble {
            Some(trouble) => Some(trouble),
            None => self.sparse_write(&scenarios)?,
        };
        let trouble = match trouble {
            Some(trouble) => Some(trouble),
            None => self.split(&scenarios)?,
        };
        let trouble = match trouble {
            None if self.plan.wants(&[Purpose::Image]) => self.conditions(&scenarios)?,
            trouble => trouble,
        };
        let trouble = match trouble {
            Some(trouble) => Some(trouble),
            None => self.generate(),
        };
        Ok(trouble.or(INTERRUPTED.load(Ordering::SeqCst).then_some(Trouble::Interrupted)))
    }

    /// Where an inventory can be taken, runs `check` by itself, and looks what it has left behind.
    fn look_around_check(&mut self, jobs: &mut Vec<Job>) -> Option<Trouble> {
        let plan = self.plan;
        let (inventory, config) = (plan.inventory.as_ref()?, plan.config.as_ref()?);
        let at = jobs.iter().position(|job| job.purpose == Purpose::CheckWorking)?;
        let check = jobs.remove(at);
        let before = inventory.take(&config.path);
        let trouble = self.carry_out(vec![check]);
        let left = before.and_then(|before| Ok((before, inventory.take(&config.path)?)));
        self.facts.residue = Some(left.map(|(before, after)| inventory::more(&before, &after)));
        trouble
    }

    /// What `check` has answered.
    fn answer(&self, purpose: Purpose) -> Option<ConnectionStatus> {
        let evidence = self.evidence.iter().find(|evidence| evidence.purpose == purpose)?;
        evidence.launches.first()?.statuses().next().map(|(_, status)| status.clone())
    }

    /// Runs jobs, so many at a time, and keeps their evidence in the order of the jobs. A launch
    /// that cannot be made ends it: what it would have shown was not seen.
    fn carry_out(&mut self, jobs: Vec<Job>) -> Option<Trouble> {
        self.runner.plan(jobs.iter().map(Job::launches).sum());
        let count = jobs.len();
        // What takes the most launches, one after the other, is begun first.
        let mut queue: Vec<_> = jobs.into_iter().enumerate().collect();
        queue.sort_by_key(|(_, job)| Reverse(job.launches()));
        let queue = Mutex::new(queue.into_iter());
        let done = Mutex::new(Vec::with_capacity(count));
        let failed = Mutex::new(None);
        let work = || {
            while let Some((nth, job)) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                let is_failed = failed.lock().is_ok_and(|failed| failed.is_some());
                if is_failed || INTERRUPTED.load(Ordering::SeqCst) {
                    return;
                }
                // Where no write works, one that is refused tells nothing.
                let works =
                    || done.lock().is_ok_and(|done| done.iter().any(|(_, one)| writes(one)));
                if job.purpose == Purpose::WriteUndeclared && !works() {
                    continue;
                }
                match (self.runner.run(job), done.lock(), failed.lock()) {
                    (Ok(evidence), Ok(mut done), _) => done.push((nth, evidence)),
                    (Err(error), _, Ok(mut failed)) => {
                        failed.get_or_insert(trouble(&error));
                    }
                    _ => {}
                }
            }
        };
        side_by_side(self.plan.jobs.min(count), work);
        let mut done = done.into_inner().unwrap_or_default();
        done.sort_by_key(|(nth, _)| *nth);
        self.evidence.extend(done.into_iter().map(|(_, evidence)| evidence));
        failed.into_inner().ok().flatten()
    }

    /// Asks for the spec, twice. What cannot even do this cannot be tested.
    fn spec(&mut self) -> Option<Trouble> {
        self.runner.plan(2);
        let first = if let Some(image) = self.plan.subject.image() {
            let settled = ways::settle(self.runner, image, self.plan.io);
            self.facts.image = Some(settled.facts);
            settled.spec
        } else {
            self.runner.run(Job::bare("spec", Purpose::Spec)).map_err(|error| error.to_string())
        };
        let first = match first {
            Ok(evidence) => evidence,
            Err(_) if INTERRUPTED.load(Ordering::SeqCst) => return Some(Trouble::Interrupted),
            Err(error) => return Some(Trouble::Subject(error)),
        };
        if let Some(launch) = first.launches.first() {
            self.facts.spec = launch.specs().next().map(|(_, spec)| spec.clone());
            if !launch.spoke() && !launch.succeeded() {
                let why = launch.describe_end();
                self.evidence.push(first);
                return Some(Trouble::Subject(format!("spec printed no message: {why}")));
            }
        }
        self.evidence.push(first);
        let again = match self.runner.run(Job::bare("spec-stdin-open", Purpose::SpecInputHeldOpen))
        {
            Ok(evidence) => evidence,
            Err(error) => return Some(trouble(&error)),
        };
        let spec = again.launches.first().and_then(|launch| launch.specs().next());
        self.facts.spec_again = spec.map(|(_, spec)| spec.clone());
        self.evidence.push(again);
        None
    }

    fn secrets(&mut self) {
        let none = Value::Null;
        let schema = self.facts.connection_specification().unwrap_or(&none);
        let configs = self.plan.config.iter().chain(&self.plan.unreachable);
        let secrets = configs
            .map(|config| Secrets::of(&config.value, schema))
            .fold(Secrets::default(), Secrets::and);
        // What stands in for a secret in a config that must not work is a secret there.
        let canaries = self.plan.config.iter().map(|config| {
            Secrets::of(&configs::Canaries::plant(&config.value, schema).config, schema)
        });
        self.runner.know(canaries.fold(secrets.clone(), Secrets::and));
        self.facts.secrets = secrets.searched();
        self.facts.short_secrets = secrets.short;
    }

    /// Where a config that points nowhere, and leaves out what is optional, was called working: a
    /// write with it, to see whether it is.
    fn sparse_write(&mut self, scenarios: &[Scenario]) -> Result<Option<Trouble>, SessionError> {
        let succeeded = |launch: &Launch| {
            launch.statuses().next().is_some_and(|(_, status)| status.status == "SUCCEEDED")
        };
        let sparse = self.evidence.iter().position(|evidence| {
            evidence.purpose == Purpose::CheckSparse && evidence.launches.iter().any(succeeded)
        });
        let Some(sparse) = sparse else { return Ok(None) };
        let Some(trial) = self.smallest(scenarios, "sparse")? else { return Ok(None) };
        let id = &self.evidence[sparse].trial;
        let config = self.bad_configs.iter().find(|(of, ..)| of == id).map(|(_, path, _)| path);
        let mut job = Job::write(Purpose::CheckSparse, Trial { members: vec![], ..trial });
        job.config = config.cloned();
        self.runner.plan(1);
        match self.runner.run(job) {
            Ok(written) => {
                self.evidence[sparse].launches.extend(written.launches);
                Ok(None)
            }
            Err(error) => Ok(Some(trouble(&error))),
        }
    }

    /// Where scenarios that travelled together failed, each is run alone, so that one of them
    /// cannot hide the others.
    fn split(&mut self, scenarios: &[Scenario]) -> Result<Option<Trouble>, SessionError> {
        let failed = self.evidence.iter().position(|evidence| {
            evidence.purpose == Purpose::Write
                && evidence.members.len() > 1
                && evidence
                    .launches
                    .iter()
                    .any(|launch| launch.transcript.end.stopped.is_none() && launch.failed())
        });
        let Some(failed) = failed else { return Ok(None) };
        let members: HashSet<String> =
            self.evidence[failed].members.iter().map(|m| m.scenario.clone()).collect();
        let mut jobs = Vec::new();
        for scenario in scenarios.iter().filter(|s| members.contains(&s.id)) {
            let one = std::slice::from_ref(scenario);
            for trial in pack::pack(one, &self.plan.names.apart("alone"), self.plan.seed)? {
                jobs.push(Job::write(Purpose::Write, trial));
            }
        }
        // What landed is judged by the scenarios alone.
        self.evidence[failed].members.clear();
        let before = self.evidence.len();
        let trouble = self.carry_out(jobs);
        let failed_alone = |evidence: &Evidence| evidence.launches.iter().any(Launch::failed);
        self.evidence[failed].explained = self.evidence[before..].iter().any(failed_alone);
        Ok(trouble)
    }

    fn conclude(self, trouble: Option<Trouble>, start: Instant) -> Report {
        let plan = self.plan;
        let places = keep::Kept::new(&self);
        let wanted = |id: &str| plan.selection.check(id);
        let mut judged = judging::judge(&self.evidence, &self.facts, &wanted, &places);
        // What generated cases have shown is no gap.
        judged.rows.retain(|row| row.scenario != "*" || !self.found.passed.contains(&row.check));
        self.explain_gaps(&mut judged, trouble.as_ref());
        let passed = checks::all().filter(|check| self.found.passed.contains(check.id));
        let passed = passed.map(|check| judging::row(check, GENERATED, Outcome::Passed, None));
        judged.rows.extend(passed.chain(self.found.rows.clone()));
        let trouble = trouble.or_else(|| {
            let inventory = self.facts.residue.as_ref().and_then(|left| left.as_ref().err());
            let inventory = inventory.map(|why| format!("the inventory: {why}"));
            judged.readback_errors.first().cloned().or(inventory).map(Trouble::Readback)
        });
        // Verdicts are worth more than the folder that they could not be kept in.
        let (kept, unkept) = match places.keep(&judged) {
            Ok(kept) => (kept, None),
            Err(error) => (None, Some(Trouble::Evidence(error.to_string()))),
        };
        let trouble = trouble.or(unkept);
        let mut summary = BTreeMap::new();
        for row in &judged.rows {
            *summary.entry(row.outcome.name()).or_insert(0) += 1;
        }
        Report {
            touchdown: env!("CARGO_PKG_VERSION"),
            subject: SubjectInfo {
                kind: match &plan.subject {
                    Subject::Image(_) => "image",
                    Subject::Command(_) if plan.is_reference => "reference",
                    Subject::Command(_) => "command",
                },
                command: places.text(&plan.subject.shown()),
                how: plan.subject.image().map(Image::how),
            },
            seed: plan.seed,
            launches: self.runner.launches(),
            wall_s: start.elapsed().as_secs_f64(),
            summary,
            results: judged.rows,
            trouble,
            strict: false,
            kept,
            run: plan.names.run.clone(),
            generated: self.found.told.clone(),
        }
    }

    /// Says of checks that saw nothing why they did not.
    fn explain_gaps(&self, judged: &mut Judged, trouble: Option<&Trouble>) {
        for row in judged.rows.iter_mut().filter(|row| row.scenario == "*") {
            if row.outcome == Outcome::NotSelected {
                continue;
            }
            if let Some(trouble) = trouble {
                row.outcome = Outcome::CouldNotRun;
                row.why = Some(match trouble {
                    // The rest, guesses at the mistake, is told once, at the end.
                    Trouble::Subject(why) | Trouble::Readback(why) | Trouble::Evidence(why) => {
                        why.lines().next().unwrap_or_default().to_owned()
                    }
                    Trouble::Interrupted => "the run was interrupted".to_owned(),
                });
                continue;
            }
            self.explain_gap(row);
        }
    }

    /// A scenario that was left out and would have shown this.
    fn left_out_for(&self, check: &Check) -> Option<&LeftOut> {
        let needs = checks::needs(check);
        self.facts.left_out.iter().find(|left_out| {
            left_out.about.as_deref() == Some(check.id)
                || needs.is_some_and(|needs| left_out.needs.contains(&needs))
        })
    }

    /// Why a check does not apply, as far as that is known once the spec is.
    fn inapplicable(&self, check: &Check) -> Option<String> {
        if check.on == [Purpose::Image] && self.plan.subject.image().is_none() {
            return Some("the destination is no image".to_owned());
        }
        let left_out = self.left_out_for(check).map(|left_out| left_out.why.clone());
        let unlisted = || {
            let checks::Judge::Landed(kind) = check.judge else { return None };
            let mode = kind.mode().filter(|mode| !self.offers(*mode))?;
            Some(format!("the spec does not list the sync mode {}", mode.name()))
        };
        left_out.or_else(unlisted)
    }

    fn explain_gap(&self, row: &mut Row) {
        let Some(check) = checks::find(&row.check) else {
            return;
        };
        if let Some(why) = self.inapplicable(check) {
            row.outcome = Outcome::NotApplicable;
            row.why = Some(why);
            return;
        }
        let looks_at = |purpose| check.on.contains(&purpose);
        let only = |operation| check.on.iter().all(|on| on.operation() == operation);
        row.why = Some(if self.plan.config.is_none() && !only(Operation::Spec) {
            "no --config was given, so only spec was run".to_owned()
        } else if check.on == [Purpose::CheckSparse] {
            row.outcome = Outcome::NotApplicable;
            "no config that points nowhere has something optional to leave out".to_owned()
        } else if check.on == [Purpose::WriteUndeclared] && self.unlisted().is_none() {
            row.outcome = Outcome::NotApplicable;
            "the spec lists every sync mode, or none".to_owned()
        } else if check.on == [Purpose::WriteUndeclared] {
            "no write with a mode that the spec lists succeeded".to_owned()
        } else if check.on == [Purpose::CheckUnreachable] {
            "give --unreachable-config FILE: it fits the spec and points nowhere".to_owned()
        } else if looks_at(Purpose::CheckInvalid) && !looks_at(Purpose::CheckWorking) {
            "no config could be made that violates the spec".to_owned()
        } else {
            "no launch of this run could show it".to_owned()
        });
    }
}
