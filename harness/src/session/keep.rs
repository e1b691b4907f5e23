//! Keeping the evidence of what failed, and telling where it is.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Session, SessionError};
use crate::event::Row;
use crate::evidence::{Evidence, Purpose};
use crate::folder;
use crate::judging::{Judged, Places};
use crate::redact;
use crate::scenario::Scenario;
use crate::scenario::save::CASE;

/// Makes sure that evidence can be kept there, as it would be too late after all launches, and
/// removes what an earlier run has kept: its folders would be taken for this run's.
pub fn prepare(out: &Path) -> Result<(), SessionError> {
    probe(out).map_err(|error| SessionError::Io {
        what: format!("--out {}: nothing can be kept there", out.display()),
        error,
    })?;
    let Ok(entries) = fs::read_dir(out) else {
        return Ok(());
    };
    for folder in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if folder.join(folder::TRIAL).is_file() {
            let what = format!("removing {}", folder.display());
            fs::remove_dir_all(&folder).map_err(|error| SessionError::Io { what, error })?;
        }
    }
    Ok(())
}

/// Whether files can be made in this folder, or in the one that it would be made in.
fn probe(out: &Path) -> io::Result<()> {
    let out = std::path::absolute(out)?;
    match out.ancestors().find(|folder| folder.exists()) {
        Some(folder) => tempfile::tempfile_in(folder).map(drop),
        None => Ok(()),
    }
}

/// Where a run keeps its evidence.
pub struct Kept<'a> {
    session: &'a Session<'a>,
}

impl<'a> Kept<'a> {
    /// The evidence of this session.
    pub fn new(session: &'a Session<'a>) -> Self {
        Self { session }
    }

    /// Keeps the evidence of every trial in which something failed; tells where.
    pub fn keep(&self, judged: &Judged) -> Result<Option<PathBuf>, SessionError> {
        let Session { plan, facts, .. } = self.session;
        let failed = (self.session.evidence.iter())
            .filter(|evidence| judged.failed.contains(&evidence.trial));
        let mut kept = None;
        for evidence in failed {
            let scenarios: HashSet<&str> =
                evidence.members.iter().map(|member| member.scenario.as_str()).collect();
            let rows: Vec<&Row> = judged
                .rows
                .iter()
                .filter(|row| {
                    row.scenario == evidence.trial || scenarios.contains(row.scenario.as_str())
                })
                .collect();
            let folder = plan.out.join(&evidence.trial);
            let config = self.config(evidence);
            let repeat = self.repeat(evidence, &rows);
            let saved =
                folder::save::save(&folder, evidence, facts, config.as_ref(), &rows, &repeat);
            let case = self.case(&evidence.trial);
            let case = |()| case.map_or(Ok(()), |case| case.save(&folder.join(CASE)));
            saved.and_then(case).map_err(|error| SessionError::Io {
                what: format!("writing {}", folder.display()),
                error,
            })?;
            kept = Some(plan.out.clone());
        }
        Ok(kept)
    }

    /// The config that a trial was given, its secrets replaced.
    fn config(&self, evidence: &Evidence) -> Option<Value> {
        let Session { plan, facts, bad_configs, .. } = self.session;
        let bad = bad_configs.iter().find(|(id, ..)| {
            // A write that has to fail is given the first config that violates the spec.
            *id == evidence.trial
                || evidence.purpose == Purpose::WriteInvalid && id.contains("invalid")
        });
        let config = match (bad, &plan.config) {
            (Some((_, _, config)), _) => config,
            (None, Some(config)) => &config.value,
            (None, None) => return None,
        };
        let marked = facts.connection_specification().is_some_and(redact::can_mark);
        let mut config = if marked {
            self.session.runner.redacted(config)
        } else {
            redact::without_strings(config)
        };
        let points_nowhere =
            matches!(evidence.purpose, Purpose::CheckUnreachable | Purpose::CheckSparse);
        // The reference destination's own folder is gone after the run.
        if plan.is_reference
            && !points_nowhere
            && let Some(Value::String(path)) = config.get_mut("path")
        {
            *path = self.folder(&evidence.trial).join("repeat.sqlite").display().to_string();
        }
        Some(config)
    }

    /// A text without the secrets of the configs.
    pub fn text(&self, text: &str) -> String {
        match self.session.runner.redacted(&Value::from(text)) {
            Value::String(text) => text,
            _ => String::new(),
        }
    }

    /// The session.
    pub fn session(&self) -> &'a Session<'a> {
        self.session
    }

    /// The evidence of a trial.
    pub fn evidence(&self, trial: &str) -> Option<&'a Evidence> {
        self.session.evidence.iter().find(|evidence| evidence.trial == trial)
    }

    /// The generated case that a trial was made of, if that was made small, or was saved once.
    fn case(&self, trial: &str) -> Option<&'a Scenario> {
        let saved = self.session.plan.scenarios.iter().filter(|one| one.is_saved());
        self.session.found.cases.get(trial).or(saved.into_iter().find(|one| one.id == trial))
    }

    /// Where that of a trial is kept.
    pub fn folder(&self, trial: &str) -> PathBuf {
        absolute(&self.session.plan.out.join(trial))
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl Places for Kept<'_> {
    fn place(&self, trial: &str, launch: usize) -> (String, Option<String>) {
        let folder = self.session.plan.out.join(trial);
        let file = folder.join(format!("{}.transcript.jsonl", launch + 1));
        // What is left of a generated case is no single launch, and shows in what has landed.
        let repeat = match self.case(trial) {
            Some(_) => Some(self.script_line(trial)),
            None => self.line(trial, launch),
        };
        (file.display().to_string(), repeat)
    }
}
