//! How a trial is repeated without us: the shell line of each launch, and the script of all.

use std::path::{Path, PathBuf};

use super::Session;
use super::keep::Kept;
use crate::config::ConfigFile;
use crate::event::{Outcome, Row};
use crate::evidence::{Evidence, Purpose};
use crate::folder::save::Repeat;
use crate::folder::script::{self, AGAIN, End, Line, STREAMS, Script};
use crate::protocol::Operation;
use crate::subject::Call;

impl Kept<'_> {
    /// The shell line that repeats a launch without us; where it held a secret, a marker stands.
    pub fn line(&self, trial: &str, launch: usize) -> Option<String> {
        let of = self.evidence(trial)?;
        let folder = self.folder(trial);
        Some(self.text(&self.line_in(of, launch, &folder, &End::Own)?.line))
    }

    /// The line of the script that repeats a whole trial.
    pub fn script_line(&self, trial: &str) -> String {
        let script = self.folder(trial).join(script::SCRIPT);
        format!("sh {}", shell_words::quote(&script.to_string_lossy()))
    }

    /// All of it; what was found is shown by the script.
    pub fn repeat(&self, of: &Evidence, rows: &[&Row]) -> Repeat {
        let plan = self.session().plan;
        let folder = self.folder(&of.trial);
        let launches = 0..of.launches.len();
        let lines = launches.clone().map(|nth| self.line(&of.trial, nth).unwrap_or_default());
        let lines: Vec<String> = lines.collect();
        let is_bare = of.members.is_empty();
        let again = if is_bare { folder.clone() } else { folder.join(AGAIN) };
        let launches = launches.filter_map(|nth| {
            let end = if is_bare { End::Own } else { End::of(&of.launches[nth]) };
            self.line_in(of, nth, &again, &end)
        });
        let launches: Vec<Line> = launches.collect();
        let from = std::env::current_dir().unwrap_or_default();
        let run = &plan.names.run;
        let mut script =
            Script { folder: folder.clone(), from, run, launches, ..Script::default() };
        let script = if is_bare {
            script.bare()
        } else {
            let streams: Vec<_> = of.members.iter().flat_map(|one| one.streams.clone()).collect();
            let (readback, config) = (plan.readback.as_ref(), self.config_of(of, &folder));
            let readback = readback.zip(config).map(|(readback, config)| {
                readback.shell_lines(&config, &streams, &again.join(STREAMS))
            });
            script.readback = readback.unwrap_or_default();
            let failed = rows.iter().filter(|row| row.outcome == Outcome::Failed);
            let told = failed.filter_map(|row| {
                row.findings.first().map(|told| format!("{}: {}", row.check, told.message))
            });
            script.found = told.collect();
            script.syncs()
        };
        Repeat { lines, script: self.text(&script) }
    }

    /// The line of a launch whose catalog and messages lie here.
    fn line_in(&self, of: &Evidence, launch: usize, files: &Path, end: &End) -> Option<Line> {
        let Session { plan, .. } = self.session();
        let config = self.config_of(of, &self.folder(&of.trial));
        let file = |kind: &str| files.join(format!("{}.{kind}", launch + 1));
        let (catalog, messages) = (file("catalog.json"), file("messages.jsonl"));
        let made = of.launches.get(launch)?;
        let is_write = made.operation == Operation::Write;
        let call = Call {
            operation: made.operation,
            config: config.as_deref().filter(|_| made.operation != Operation::Spec),
            catalog: is_write.then_some(catalog.as_path()),
            manner: &of.manner,
        };
        let (line, kill) = match end {
            End::Own => {
                let messages = is_write.then_some(messages.as_path());
                let condition = made.transcript.condition;
                (plan.subject.shell_line(call, condition, messages), String::new())
            }
            End::Killed { .. } => plan.subject.shell_line_to_kill(call, &file("in")),
        };
        Some(Line { line, end: (*end, kill), left_out: script::left_out(made) })
    }

    /// The file of the config that a trial was given, as far as it is there after the run.
    fn config_of(&self, of: &Evidence, folder: &Path) -> Option<PathBuf> {
        let Session { plan, .. } = self.session();
        // A file of ours is gone with the run; a copy is kept.
        let kept = folder.join("config.json");
        let given = |config: &ConfigFile| {
            if config.is_ours { kept.clone() } else { config.path.clone() }
        };
        match of.purpose {
            Purpose::Spec | Purpose::SpecInputHeldOpen => None,
            Purpose::CheckInvalid | Purpose::WriteInvalid | Purpose::CheckSparse => Some(kept),
            Purpose::CheckUnreachable => {
                Some(plan.unreachable.as_ref().map_or(kept.clone(), given))
            }
            _ => plan.config.as_ref().map(given),
        }
    }
}
