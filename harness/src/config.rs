//! What a run is to do: one plan, made of flags and files before anything is launched.

use std::path::PathBuf;
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde_json::Value;

use crate::checks;
use crate::generate::GENERATED;
use crate::readback::command::Readback;
use crate::readback::inventory::Inventory;
use crate::scenario::Scenario;
use crate::scenario::capability::Declared;
use crate::scenario::load::LoadError;
use crate::scenario::names::Names;
use crate::snapshots::SnapshotError;
use crate::subject::image::Io;
use crate::subject::image::engine::EngineError;
use crate::subject::{Limits, Subject};

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The destination under test.
    pub subject: Subject,
    /// How an image is talked to, where the user says so.
    pub io: Option<Io>,
    /// Whether it is our own reference destination.
    pub is_reference: bool,
    /// The working config; without one, only `spec` can be run.
    pub config: Option<ConfigFile>,
    /// A config that fits the spec and points nowhere.
    pub unreachable: Option<ConfigFile>,
    /// How rows are read back.
    pub readback: Option<Readback>,
    /// What is to be sent.
    pub scenarios: Vec<Scenario>,
    /// Which checks and scenarios.
    pub selection: Selection,
    /// The run's own names.
    pub names: Names,
    /// Draws the order of messages of scenarios that travel together.
    pub seed: u64,
    /// How many trials at a time.
    pub jobs: usize,
    /// Limits of each launch.
    pub limits: Limits,
    /// What the connector declares of itself.
    pub declared: Declared,
    /// Shows what a user sees in the destination; looked at before and after `check`.
    pub inventory: Option<Inventory>,
    /// Seconds within which an operation has to exit after the end of its output.
    pub exit_within_s: f64,
    /// Seconds within which `check` has to answer.
    pub check_within_s: f64,
    /// Seconds within which an acknowledgement is due.
    pub ack_within_s: f64,
    /// How much is generated.
    pub generation: Generation,
    /// Where failures are kept.
    pub out: PathBuf,
    /// The spec that was reviewed, if the user gives one.
    pub reviewed: Option<Value>,
    /// The spec of the last release, if the user gives one.
    pub released: Option<Value>,
    /// A folder of the run's own, for what is gone with it.
    pub folder: PathBuf,
}

/// How much is generated, and how long a failure is made smaller.
#[derive(Debug, Clone, Default)]
pub struct Generation {
    /// How many cases.
    pub amount: Amount,
    /// Whether they are all that is written.
    pub no_fixed: bool,
    /// Where small cases that fail are saved.
    pub regressions: Option<PathBuf>,
    /// Those that are there, which are among the scenarios, by name.
    pub saved: Vec<String>,
    /// How long failures are made smaller, at most.
    pub shrink_time: Duration,
    /// How many launches that may take.
    pub shrink_launches: usize,
}

impl Generation {
    /// Whether no cases are wanted.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self.amount, Amount::Cases(0))
    }
}

/// How many cases are generated.
#[derive(Debug, Clone, Copy)]
pub enum Amount {
    /// So many.
    Cases(usize),
    /// As many as are run in this time.
    Time(Duration),
}

impl Default for Amount {
    fn default() -> Self {
        Self::Cases(0)
    }
}

/// A config file that was read.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Its absolute path.
    pub path: PathBuf,
    /// What is in it.
    pub value: Value,
    /// Whether the file is ours, and gone with the run.
    pub is_ours: bool,
}

/// What is wrong with what the user asked for.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A snapshot cannot be used.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A file cannot be read.
    #[error("{what} {}: {error}", path.display())]
    Unreadable {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is no JSON object.
    #[error("{what} {}: no JSON object: {error}", path.display())]
    NoJson {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        error: String,
    },
    /// A pattern names nothing.
    #[error(
        "{pattern:?} is the name of no check and no scenario{hint}\n(touchdown list shows all)"
    )]
    UnknownId {
        /// As typed.
        pattern: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// A pattern is none.
    #[error("{pattern:?} is no pattern: {error}")]
    NoPattern {
        /// As typed.
        pattern: String,
        /// Why.
        error: String,
    },
    /// The patterns leave nothing.
    #[error("nothing is selected: --run, --skip and --no-fixed leave no check or no scenario")]
    NothingSelected,
    /// Words that a shell would not take.
    #[error("{flag}: {words:?} cannot be split into words: a quote is not closed")]
    Words {
        /// The flag, or the label.
        flag: &'static str,
        /// As typed.
        words: String,
    },
    /// The engine, or the image.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A scenario that cannot be loaded.
    #[error(transparent)]
    Scenario(#[from] LoadError),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl ConfigFile {
    /// Reads a config file; `what` names it in errors.
    pub fn read(path: &std::path::Path, what: &'static str) -> Result<Self, PlanError> {
        let unreadable = |error| PlanError::Unreadable { what, path: path.to_owned(), error };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let no_json = |error: String| PlanError::NoJson { what, path: path.to_owned(), error };
        let value: Value =
            serde_json::from_str(&text).map_err(|error| no_json(error.to_string()))?;
        if !value.is_object() {
            return Err(no_json("it holds another JSON value".to_owned()));
        }
        Ok(Self { path: std::path::absolute(path).map_err(unreadable)?, value, is_ours: false })
    }
}

/// Which checks and scenarios are wanted.
///
/// A pattern that names checks is about checks; only one that names none is about scenarios. So
/// `state-*` asks for a family of checks, whatever scenarios are called.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    run_checks: Patterns,
    run_scenarios: Patterns,
    skip_checks: Patterns,
    skip_scenarios: Patterns,
}

#[derive(Debug, Clone, Default)]
struct Patterns(GlobSet);

impl Patterns {
    fn new(patterns: &[String]) -> Result<Self, PlanError> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(Glob::new(pattern).map_err(|error| PlanError::NoPattern {
                pattern: pattern.clone(),
                error: error.kind().to_string(),
            })?);
        }
        let set = set.build().map_err(|error| PlanError::Other(error.to_string()))?;
        Ok(Self(set))
    }

    fn match_any(&self, id: &str) -> bool {
        self.0.is_match(id)
    }

    fn is_empty_or_matches(&self, id: &str) -> bool {
        self.0.is_empty() || self.match_any(id)
    }
}

impl Selection {
    /// Reads `--run` and `--skip`: patterns over the ids of checks and scenarios. Without a
    /// pattern for checks all checks are wanted, and so for scenarios.
    pub fn new(run: &[String], skip: &[String], scenarios: &[Scenario]) -> Result<Self, PlanError> {
        let checks: Vec<&str> = checks::all().map(|check| check.id).collect();
        let scenarios = scenarios.iter().map(|scenario| scenario.id.as_str());
        let scenarios: Vec<&str> = scenarios.chain([GENERATED]).collect();
        let sort = |patterns: &[String]| -> Result<[Patterns; 2], PlanError> {
            let (mut for_checks, mut for_scenarios) = (Vec::new(), Vec::new());
            for pattern in patterns {
                let one = Patterns::new(std::slice::from_ref(pattern))?;
                if checks.iter().any(|id| one.match_any(id)) {
                    for_checks.push(pattern.clone());
                } else if scenarios.iter().any(|id| one.match_any(id)) {
                    for_scenarios.push(pattern.clone());
                } else {
                    return Err(unknown(pattern, checks.iter().chain(&scenarios)));
                }
            }
            Ok([Patterns::new(&for_checks)?, Patterns::new(&for_scenarios)?])
        };
        let [run_checks, run_scenarios] = sort(run)?;
        let [skip_checks, skip_scenarios] = sort(skip)?;
        let selection = Self { run_checks, run_scenarios, skip_checks, skip_scenarios };
        if !checks.iter().any(|id| selection.check(id))
            || !scenarios.iter().any(|id| selection.scenario(id))
        {
            return Err(PlanError::NothingSelected);
        }
        Ok(selection)
    }

    /// Whether this check is wanted.
    #[must_use]
    pub fn check(&self, id: &str) -> bool {
        self.run_checks.is_empty_or_matches(id) && !self.skip_checks.match_any(id)
    }

    /// Whether this scenario is wanted.
    #[must_use]
    pub fn scenario(&self, id: &str) -> bool {
        self.run_scenarios.is_empty_or_matches(id) && !self.skip_scenarios.match_any(id)
    }
}

/// The error for a pattern that names nothing, with the id that it is most like.
fn unknown<'a>(pattern: &str, ids: impl Iterator<Item = &'a &'a str>) -> PlanError {
    let hint = ids
        .map(|id| (strsim::jaro_winkler(id, pattern), id))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, id)| format!("; did you mean {id:?}?"))
        .unwrap_or_default();
    PlanError::UnknownId { pattern: pattern.to_owned(), hint }
}

/// A name for a run: `touchdown_<date>_<id>`, with an id that no other run is likely to have.
#[must_use]
pub fn run_name() -> String {
    use std::hash::{BuildHasher, RandomState};
    let date = jiff::Zoned::now().strftime("%Y%m%d");
    let id = RandomState::new().hash_one(std::process::id()) % 36_u64.pow(6);
    let digits = (0..6).rev().map(|place| {
        let digit = u32::try_from(id / 36_u64.pow(place) % 36).unwrap_or(0);
        char::from_digit(digit, 36).unwrap_or('0')
    });
    format!("touchdown_{date}_{}", digits.collect::<String>())
}

impl Plan {
    /// Whether a check that looks at these launches is wanted.
    #[must_use]
    pub fn wants(&self, purposes: &[crate::evidence::Purpose]) -> bool {
        checks::all()
            .filter(|check| self.selection.check(check.id))
            .any(|check| check.on.iter().any(|on| purposes.contains(on)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;

    fn selection(run: &[&str], skip: &[&str]) -> Result<Selection, PlanError> {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        Selection::new(&own(run), &own(skip), &load::built_in().unwrap())
    }

    #[test]
    fn patterns_select_checks_and_scenarios_apart() {
        let states = selection(&["state-*"], &[]).unwrap();
        assert!(states.check("state-lost") && !states.check("data-lost"));
        assert!(states.scenario("append-twice"));
        let one = selection(&["append-twice"], &["data-*"]).unwrap();
        assert!(one.scenario("append-twice") && !one.scenario("dedup"));
        assert!(one.check("state-lost") && !one.check("data-lost"));
    }

    #[test]
    fn unknown_names_are_told_with_a_guess() {
        let error = selection(&["state-los"], &[]).unwrap_err().to_string();
        assert!(error.contains("did you mean \"state-lost\"?"), "{error}");
        assert!(matches!(selection(&["*"], &["*"]), Err(PlanError::NothingSelected)));
    }

    #[test]
    fn run_names_differ() {
        assert_ne!(run_name(), run_name());
        assert_eq!(run_name().len(), "touchdown_20260101_abcdef".len());
    }
}
