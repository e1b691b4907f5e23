//! The trials of a run: what is launched, for which purpose, with which config.

use serde_json::Value;

use super::runner::Job;
use super::{Session, SessionError, undeclared};
use crate::checks;
use crate::configs::{self, BadConfig};
use crate::evidence::{LeftOut, Purpose};
use crate::protocol::catalog::SyncMode;
use crate::scenario::Scenario;
use crate::scenario::capability::Capability;
use crate::scenario::pack::{self, Trial};

/// How many configs that violate the spec are tried: each costs a launch, and the first have the
/// most variety.
const INVALID: usize = 3;

impl Session<'_> {
    /// All trials but those that others call for.
    pub fn jobs(&mut self, scenarios: &[Scenario]) -> Result<Vec<Job>, SessionError> {
        let mut jobs = self.check_jobs()?;
        if self.plan.config.is_some() && self.plan.wants(checks::ALL_WRITES) {
            // Saved cases may have streams of one name.
            let (saved, own): (Vec<_>, Vec<_>) =
                scenarios.iter().cloned().partition(Scenario::is_saved);
            let mut trials = pack::pack(&own, &self.plan.names, self.plan.seed)?;
            for (nth, one) in saved.iter().enumerate() {
                let names = self.plan.names.apart(&format!("s{nth}"));
                trials.extend(pack::pack(std::slice::from_ref(one), &names, 0)?);
            }
            jobs.extend(trials.into_iter().map(Job::syncs));
            jobs.extend(self.failing_write(&own)?);
            jobs.extend(self.undeclared_write(&own)?);
        }
        Ok(jobs)
    }

    /// Those of `check`.
    pub fn check_jobs(&mut self) -> Result<Vec<Job>, SessionError> {
        let Some(config) = &self.plan.config else {
            return Ok(Vec::new());
        };
        let mut jobs = Vec::new();
        if self.plan.wants(checks::CHECK_WORKING) || self.plan.wants(checks::WRITE) {
            jobs.push(Job::bare("check", Purpose::CheckWorking));
        }
        if let Some(schema) = self.facts.connection_specification().cloned() {
            let invalid = configs::invalid(&config.value, &schema).into_iter().take(INVALID);
            for (nth, bad) in invalid.enumerate() {
                let id = format!("check-invalid-{}", nth + 1);
                jobs.push(self.check_job(&id, Purpose::CheckInvalid, bad)?);
            }
            if let Some(unreachable) = self.unreachable(&schema) {
                let sparse = configs::without_optionals(&unreachable.config, &schema);
                if let Some(config) = sparse {
                    let note = format!("{}, and what is optional is left out", unreachable.note);
                    let bad = BadConfig { note, config };
                    jobs.push(self.check_job("check-sparse", Purpose::CheckSparse, bad)?);
                }
                jobs.push(self.check_job(
                    "check-unreachable",
                    Purpose::CheckUnreachable,
                    unreachable,
                )?);
            }
        }
        jobs.retain(|job| job.purpose == Purpose::CheckWorking || self.plan.wants(&[job.purpose]));
        Ok(jobs)
    }

    /// A config that points nowhere: the user's, or one derived from the working one.
    fn unreachable(&self, schema: &Value) -> Option<BadConfig> {
        if let Some(given) = &self.plan.unreachable {
            let note = "it points nowhere".to_owned();
            return Some(BadConfig { note, config: given.value.clone() });
        }
        configs::unreachable(&self.plan.config.as_ref()?.value, schema)
    }

    /// A `check` with a config that must not work.
    fn check_job(
        &mut self,
        id: &str,
        purpose: Purpose,
        bad: BadConfig,
    ) -> Result<Job, SessionError> {
        let path = self.runner.write_config(id, &bad.config)?;
        let mut job = Job::bare(id, purpose);
        job.config = Some(path.clone());
        job.note = Some(bad.note);
        self.bad_configs.push((id.to_owned(), path, bad.config));
        Ok(job)
    }

    /// A write that has to fail: the smallest scenario with a config that violates the spec.
    fn failing_write(&self, scenarios: &[Scenario]) -> Result<Option<Job>, SessionError> {
        let Some((_, path, _)) = self.bad_configs.iter().find(|(id, ..)| id.contains("invalid"))
        else {
            return Ok(None);
        };
        Ok(self.smallest(scenarios, "invalid")?.map(|trial| {
            let id = "write-invalid".to_owned();
            let trial = Trial { id, members: vec![], ..trial };
            let mut job = Job::write(Purpose::WriteInvalid, trial);
            job.config = Some(path.clone());
            job
        }))
    }

    /// A sync mode that the spec does not list; none, if it lists all, or none at all.
    pub fn unlisted(&self) -> Option<SyncMode> {
        use SyncMode::{Append, AppendDedup, Overwrite, SoftDelete, Update};
        let listed = self.facts.modes();
        let mut modes = [AppendDedup, Overwrite, Append, Update, SoftDelete].into_iter();
        modes.find(|mode| !listed.is_empty() && !listed.contains(mode))
    }

    /// A write with a sync mode that the spec does not list, if there is one.
    fn undeclared_write(&self, scenarios: &[Scenario]) -> Result<Option<Job>, SessionError> {
        let wanted = self.plan.wants(&[Purpose::WriteUndeclared]);
        let Some(mode) = self.unlisted().filter(|_| wanted) else { return Ok(None) };
        let Some(mut trial) = self.smallest(scenarios, "undeclared")? else { return Ok(None) };
        for sync in &mut trial.syncs {
            undeclared::rewrite(sync, mode)?;
        }
        let trial = Trial { id: "write-undeclared".to_owned(), members: vec![], ..trial };
        Ok(Some(Job::write(Purpose::WriteUndeclared, trial)))
    }

    /// One sync of the scenario that sends the least, under names apart.
    pub fn smallest(
        &self,
        scenarios: &[Scenario],
        apart: &str,
    ) -> Result<Option<Trial>, SessionError> {
        let undisturbed = |scenario: &&Scenario| {
            let Scenario { about, breaks, at_once, .. } = scenario;
            about.is_none() && !breaks && !at_once && scenario.disturbances().next().is_none()
        };
        let Some(smallest) = scenarios
            .iter()
            .filter(undisturbed)
            .filter(|scenario| !scenario.syncs[0].steps.is_empty())
            .min_by_key(|scenario| scenario.syncs[0].steps.len())
        else {
            return Ok(None);
        };
        let mut one = smallest.clone();
        one.syncs.truncate(1);
        Ok(pack::pack(&[one], &self.plan.names.apart(apart), 0)?.pop())
    }

    /// Whether the spec lists a sync mode; a spec that lists none is asked for all.
    pub fn offers(&self, mode: SyncMode) -> bool {
        let modes = self.facts.modes();
        modes.is_empty() || modes.contains(&mode)
    }

    /// The scenarios that are wanted and that the connector can do; notes which it cannot, and why.
    pub fn fit(&mut self) -> Vec<Scenario> {
        let plan = self.plan;
        let mut fitting = Vec::new();
        for scenario in plan.scenarios.iter().filter(|one| plan.selection.scenario(&one.id)) {
            match self.fitted(scenario) {
                Ok(fitted) => fitting.push(fitted),
                Err(why) => {
                    let Scenario { id, about, needs, .. } = scenario.clone();
                    self.facts.left_out.push(LeftOut { scenario: id, about, needs, why });
                }
            }
        }
        fitting
    }

    /// The scenario as the connector can do it. The error is why it cannot.
    fn fitted(&self, scenario: &Scenario) -> Result<Scenario, String> {
        if let Some(why) = self.plan.subject.cannot_bear(scenario) {
            return Err(format!("the scenario {} {why}", scenario.id));
        }
        if scenario.default_namespace && !self.plan.names.namespaces {
            return Err("the destination knows no namespaces (--no-namespaces)".to_owned());
        }
        let Some(fitted) = scenario.fitted(|mode| self.offers(mode)) else {
            let streams = scenario.syncs.iter().flat_map(|sync| &sync.streams.streams);
            let mut modes = streams.map(|stream| stream.destination_sync_mode);
            let unlisted = modes.find(|mode| !self.offers(*mode)).map(SyncMode::name);
            let unlisted = unlisted.unwrap_or_default();
            return Err(format!("the spec does not list the sync mode {unlisted}"));
        };
        let lacks = |need: &&Capability| !self.plan.declared.is(**need, "yes");
        match scenario.needs.iter().find(lacks).map(|need| need.name()) {
            Some(lacking) => {
                Err(format!("the connector does not declare {lacking}: --declare {lacking}"))
            }
            None => Ok(fitted),
        }
    }
}
