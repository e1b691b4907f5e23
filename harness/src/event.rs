//! What a run tells while it goes on, and what it leaves in the end: the one contract between
//! session and report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::checks::Level;

/// Something that has happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The run has begun.
    Started {
        /// The subject, as a user would type it.
        subject: &'a str,
    },
    /// So many launches are planned by now; the number may grow.
    Planned(usize),
    /// A launch has begun.
    Launched {
        /// What is launched: `spec`, `together 1/2`.
        what: &'a str,
    },
    /// A launch is over.
    Landed,
    /// All is over.
    Finished(&'a Report),
}

/// A verdict against what was expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The rule was broken.
    Failed,
    /// The subject could not be run.
    CouldNotRun,
    /// A known failure that has not happened.
    UnexpectedPass,
    /// Failed and passed on the same input.
    Flaky,
    /// A known failure.
    ExpectedFailure,
    /// The rule was kept.
    Passed,
    /// The evidence was not there.
    Inconclusive,
    /// The rule does not concern this connector.
    NotApplicable,
    /// The user did not want it.
    NotSelected,
}

impl Outcome {
    /// As it is written in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::CouldNotRun => "could-not-run",
            Self::UnexpectedPass => "unexpected-pass",
            Self::Flaky => "flaky",
            Self::ExpectedFailure => "expected-failure",
            Self::Passed => "passed",
            Self::Inconclusive => "inconclusive",
            Self::NotApplicable => "not-applicable",
            Self::NotSelected => "not-selected",
        }
    }
}

/// The outcome of one check in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The check's id.
    pub check: String,
    /// The scenario, or the trial where a check looks at whole launches; `*` for all.
    pub scenario: String,
    /// How much the rule weighs.
    pub level: Level,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it is not a plain pass or failure.
    pub why: Option<String>,
    /// What was found.
    pub findings: Vec<Told>,
}

/// A finding, told in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What happened.
    pub message: String,
    /// What it was seen by, and in which file.
    pub evidence: String,
    /// What it would be without the fault, where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<String>,
    /// What the platform would do.
    pub platform: String,
    /// The shell line that repeats the launch without us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
}

/// What a run leaves.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version that made it.
    pub touchdown: &'static str,
    /// What was tested.
    pub subject: SubjectInfo,
    /// The seed.
    pub seed: u64,
    /// How often the subject was launched.
    pub launches: usize,
    /// How long it took, in seconds.
    pub wall_s: f64,
    /// How many results there are of each outcome.
    pub summary: BTreeMap<&'static str, usize>,
    /// One entry a check and scenario.
    pub results: Vec<Row>,
    /// Why the subject, or the read-back, could not be run.
    #[serde(skip)]
    pub trouble: Option<Trouble>,
    /// Whether rules of level `should` fail the run.
    #[serde(skip)]
    pub strict: bool,
    /// Where failures are kept, if there are any.
    #[serde(skip)]
    pub kept: Option<PathBuf>,
    /// The run's namespace, for finding what it left in the destination.
    #[serde(skip)]
    pub run: String,
    /// What was generated, if anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
}

/// What came of generated cases.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Generated {
    /// How many there were.
    pub cases: usize,
    /// Why there were none, though some were wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether no other scenarios were wanted.
    #[serde(skip)]
    pub is_all: bool,
    /// By feature, how many of them had it.
    pub exercised: BTreeMap<String, usize>,
    /// Those that failed, made small: one for checks that fail together.
    pub small: Vec<Small>,
    /// Checks that failed in them, too, along with others that are told in full.
    pub also: BTreeSet<String>,
    /// Checks that failed in many cases at once, and not each time that the same was sent.
    pub unrepeated: BTreeSet<String>,
    /// Whether the time or the launches for making them small were used up.
    pub is_cut: bool,
}

/// What is left of a generated case that failed.
#[derive(Debug, Clone, Serialize)]
pub struct Small {
    /// The check that failed.
    pub check: String,
    /// How many launches it took to make it small.
    pub launches: usize,
    /// Its syncs.
    pub syncs: usize,
    /// Its streams.
    pub streams: usize,
    /// Its records and states.
    pub messages: u64,
}

impl Generated {
    /// Features that none had.
    pub fn never(&self) -> impl Iterator<Item = &str> {
        let never = self.exercised.iter().filter(|(_, count)| **count == 0);
        never.map(|(name, _)| name.as_str())
    }
}

/// What was tested.
#[derive(Debug, Clone, Serialize)]
pub struct SubjectInfo {
    /// `command`, `reference` or `image`.
    pub kind: &'static str,
    /// As a user would type it.
    pub command: String,
    /// How an image was run, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
}

/// Why a run could not be carried out as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The subject could not be run.
    Subject(String),
    /// The read-back does not work.
    Readback(String),
    /// The evidence of failures could not be kept.
    Evidence(String),
    /// The user broke it off.
    Interrupted,
}

impl Report {
    /// Of what was judged without a launch; `command` is what was judged, `kind` what that is.
    #[must_use]
    pub fn of_rows(kind: &'static str, command: String, results: Vec<Row>, strict: bool) -> Self {
        let mut summary = BTreeMap::new();
        for row in &results {
            *summary.entry(row.outcome.name()).or_insert(0) += 1;
        }
        Self {
            touchdown: env!("CARGO_PKG_VERSION"),
            subject: SubjectInfo { kind, command, how: None },
            seed: 0,
            launches: 0,
            wall_s: 0.0,
            summary,
            results,
            trouble: None,
            strict,
            kept: None,
            run: String::new(),
            generated: None,
        }
    }

    /// Whether no rule was seen to be kept, and none to be broken.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        use Outcome::{Inconclusive, NotApplicable, NotSelected};
        let says_nothing = |outcome| matches!(outcome, Inconclusive | NotApplicable | NotSelected);
        // Where generated cases are all that was asked for, the spec is not what it was about.
        let sent_none = |of: &Generated| of.is_all && of.why.is_some();
        self.generated.as_ref().is_some_and(sent_none)
            || self.results.iter().all(|row| says_nothing(row.outcome))
    }

    /// The rows that fail the run.
    pub fn failures(&self) -> impl Iterator<Item = &Row> {
        self.results.iter().filter(|row| {
            row.outcome == Outcome::Failed
                && match row.level {
                    Level::Must => true,
                    Level::Should => self.strict,
                    Level::Advice => false,
                }
        })
    }
}
