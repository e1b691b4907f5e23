//! The checks: one rule each, one row each.
//!
//! A family of checks is a file with a `CHECKS` table; this file joins the tables to the registry.
//! A check is a pure function from evidence to a verdict. It knows neither processes nor reports.

pub mod broken;
pub mod check;
pub mod data;
pub mod durable;
pub mod failure;
pub mod generations;
pub mod image;
pub mod memory;
pub mod metadata;
pub mod odd_input;
pub mod output;
pub mod scene;
pub mod schema_walk;
pub mod spec;
pub mod spec_contract;
pub mod spec_lint;
pub mod spec_seed;
pub mod state;
pub mod state_echo;
pub mod state_stats;
pub mod state_time;
pub mod write;

use serde::{Deserialize, Serialize};

use crate::aftermath::Aftermath;
use crate::compare::Kind;
use crate::evidence::{Evidence, Facts, Launch, Purpose};
pub use crate::protocol::line::shown;
use crate::scenario::capability::Capability;
use crate::transcript::{Output, Stop};
pub use scene::Scene;

/// How much a rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The protocol says MUST, or the platform fails or loses data: it fails a run.
    Must,
    /// Asked for by the protocol or by certification, or tolerated at a cost: it fails a run
    /// under `--strict`.
    Should,
    /// Convention: it never fails a run.
    Advice,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Advice => "advice",
        }
    }
}

/// One rule.
pub struct Check {
    /// Its name, which names the fault: kebab-case, never reused.
    pub id: &'static str,
    /// How much it weighs.
    pub level: Level,
    /// The version of touchdown that first had it.
    pub since: &'static str,
    /// The rule in one line.
    pub summary: &'static str,
    /// What the platform does where the rule is broken.
    pub platform: &'static str,
    /// Its page: the rule, why, source, a good and a bad transcript, the usual cause.
    pub docs: &'static str,
    /// The fault of the reference destination, or the variant of its image, that proves that it can
    /// fail.
    pub proved_by: &'static str,
    /// Other checks that the same fault cannot help failing.
    pub companions: &'static [&'static str],
    /// The launches that it looks at.
    pub on: &'static [Purpose],
    /// How it judges.
    pub judge: Judge,
}

/// How a check judges.
#[derive(Clone, Copy)]
pub enum Judge {
    /// Launch by launch.
    Launch(fn(&Launch, &Facts) -> Verdict),
    /// A whole trial at once.
    Trial(fn(&Evidence, &Facts) -> Verdict),
    /// By the differences of this kind between the model and what landed, scenario by scenario.
    Landed(Kind),
    /// By the scenarios that are about it. Differences of the kinds that it claims are its matter
    /// there, unless other scenarios show them, too: then it is not what the scenario is about that
    /// makes them.
    Scenario {
        /// The kinds.
        claims: &'static [Kind],
        /// The judge.
        judge: fn(&Scene, &Facts) -> Verdict,
    },
    /// A trial whose syncs need not succeed, by what had landed after each of them.
    Aftermath(fn(&Evidence, &Aftermath, &Facts) -> Verdict),
}

/// All launches.
pub const ANY: &[Purpose] = &[
    Purpose::Spec,
    Purpose::SpecInputHeldOpen,
    Purpose::CheckWorking,
    Purpose::CheckInvalid,
    Purpose::CheckUnreachable,
    Purpose::Write,
    Purpose::WriteInvalid,
    Purpose::WriteBroken,
    Purpose::WriteUndeclared,
    Purpose::CheckSparse,
];
/// Launches that are given a config.
pub const CONFIGURED: &[Purpose] = &[
    Purpose::CheckWorking,
    Purpose::CheckInvalid,
    Purpose::CheckUnreachable,
    Purpose::Write,
    Purpose::WriteInvalid,
    Purpose::WriteBroken,
    Purpose::CheckSparse,
];
/// The launch whose spec is judged.
pub const SPEC: &[Purpose] = &[Purpose::Spec];
/// `check` that has to succeed.
pub const CHECK_WORKING: &[Purpose] = &[Purpose::CheckWorking];
/// `check` that has to fail.
pub const CHECK_FAILING: &[Purpose] = &[Purpose::CheckInvalid, Purpose::CheckUnreachable];
/// `write` that has to succeed.
pub const WRITE: &[Purpose] = &[Purpose::Write];
/// `write`s that need not succeed, and those after them.
pub const BROKEN: &[Purpose] = &[Purpose::WriteBroken];
/// `write` whose states have to be right as far as they come, whether it gets to its end or not.
pub const STATES_BACK: &[Purpose] = &[Purpose::Write, Purpose::WriteBroken];
/// Any `write`.
pub const WRITES: &[Purpose] = &[Purpose::Write, Purpose::WriteInvalid];
/// What is wrong with values that did not survive a scenario which is about something else.
pub const VALUES: &[Kind] = &[Kind::Lost, Kind::Altered];
/// Every launch of `write` that is part of the plan from the start.
pub const ALL_WRITES: &[Purpose] =
    &[Purpose::Write, Purpose::WriteInvalid, Purpose::WriteBroken, Purpose::WriteUndeclared];
/// The launches of an image under other conditions.
pub const IMAGE: &[Purpose] = &[Purpose::Image];

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The evidence was there, and the rule was kept.
    Pass,
    /// The rule was broken.
    Fail(Vec<Finding>),
    /// The rule does not concern this connector: why.
    NotApplicable(String),
    /// The evidence was not there: why, and what would settle it.
    Inconclusive(String),
    /// This launch is none that the check looks at.
    Elsewhere,
}

impl Verdict {
    /// Fails if there are findings, else passes.
    #[must_use]
    pub fn from_findings(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Pass } else { Self::Fail(findings) }
    }

    /// Not applicable, because of this.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        Self::NotApplicable(why.into())
    }

    /// Not applicable, because what landed cannot be seen.
    #[must_use]
    pub fn not_read_back() -> Self {
        Self::not_applicable("rows are not read back: give --readback COMMAND")
    }

    /// Inconclusive, because of this.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self::Inconclusive(why.into())
    }

    /// The verdict as one on this launch of the trial, counted from 0.
    #[must_use]
    pub fn of_launch(self, nth: usize) -> Self {
        match self {
            Self::Fail(findings) => {
                Self::Fail(findings.into_iter().map(|finding| finding.of_launch(nth)).collect())
            }
            verdict => verdict,
        }
    }

    /// The verdict of two launches together: what failed in one has failed, what was seen in one
    /// was seen.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Elsewhere, verdict) | (verdict, Self::Elsewhere) => verdict,
            (Self::Fail(mut ours), Self::Fail(theirs)) => {
                ours.extend(theirs);
                Self::Fail(ours)
            }
            (fail @ Self::Fail(_), _) | (_, fail @ Self::Fail(_)) => fail,
            (Self::Pass, _) | (_, Self::Pass) => Self::Pass,
            (doubt @ Self::Inconclusive(_), _) | (_, doubt @ Self::Inconclusive(_)) => doubt,
            (neither @ Self::NotApplicable(_), Self::NotApplicable(_)) => neither,
        }
    }
}

/// One way in which a rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What happened.
    pub message: String,
    /// What it was seen by: a quoted line, a pointer, a row.
    pub evidence: String,
    /// The launch of the trial, from 0, once it is known.
    pub launch: Option<usize>,
    /// What it would be without the fault, quoted as the evidence is.
    pub mended: Option<String>,
}

impl Finding {
    /// A finding with what it was seen by.
    pub fn new(message: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self { message: message.into(), evidence: evidence.into(), launch: None, mended: None }
    }

    /// A finding about a line of stdout, counted from 0.
    pub fn on_stdout(message: impl Into<String>, launch: &Launch, line: usize) -> Self {
        Self::new(message, quote("stdout", &launch.transcript.stdout, line))
    }

    /// A finding about a line of stderr, counted from 0.
    pub fn on_stderr(message: impl Into<String>, launch: &Launch, line: usize) -> Self {
        Self::new(message, quote("stderr", &launch.transcript.stderr, line))
    }

    /// A finding about how a launch ended.
    pub fn on_end(message: impl Into<String>, launch: &Launch) -> Self {
        Self::new(message, launch.describe_end())
    }

    /// The finding with what would be right.
    #[must_use]
    pub fn mended(self, mended: impl Into<String>) -> Self {
        Self { mended: Some(mended.into()), ..self }
    }

    /// The finding as one about this launch of the trial, counted from 0.
    #[must_use]
    pub fn of_launch(self, nth: usize) -> Self {
        Self { launch: Some(nth), ..self }
    }
}

fn quote(stream: &str, lines: &[Output], line: usize) -> String {
    let text = lines.get(line).map(|output| shown(&output.bytes)).unwrap_or_default();
    format!("{stream} line {}: {text}", line + 1)
}

/// The families, in the order in which they are reported: what they are about, and their checks.
#[must_use]
pub fn families() -> [(&'static str, Vec<&'static Check>); 9] {
    let family = |tables: &[&'static [Check]]| tables.iter().copied().flatten().collect();
    [
        ("output", family(&[output::CHECKS])),
        ("failures", family(&[failure::CHECKS])),
        (
            "spec",
            family(&[spec::CHECKS, spec_lint::CHECKS, spec_seed::CHECKS, spec_contract::CHECKS]),
        ),
        ("check", family(&[check::CHECKS])),
        ("write: input", family(&[write::CHECKS, odd_input::CHECKS, memory::CHECKS])),
        ("write: rows", family(&[data::CHECKS, generations::CHECKS, metadata::CHECKS])),
        (
            "write: states",
            family(&[
                state::CHECKS,
                state_echo::CHECKS,
                state_stats::CHECKS,
                state_time::CHECKS,
                durable::CHECKS,
            ]),
        ),
        ("write: endings", family(&[broken::CHECKS])),
        ("image", family(&[image::CHECKS])),
    ]
}

/// All checks, in the order in which they are reported.
pub fn all() -> impl Iterator<Item = &'static Check> {
    families().into_iter().flat_map(|(_, checks)| checks)
}

/// The check of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}

/// What a connector has to declare for a check to concern it.
#[must_use]
pub fn needs(check: &Check) -> Option<Capability> {
    let is_it = |other: &Check| other.id == check.id;
    generations::CHECKS.iter().any(is_it).then_some(Capability::Refreshes)
}

impl Check {
    /// Judges a trial that it looks at; what needs landed rows is judged elsewhere.
    #[must_use]
    pub fn judge_trial(&self, evidence: &Evidence, facts: &Facts) -> Option<Verdict> {
        if !self.on.contains(&evidence.purpose) {
            return None;
        }
        match self.judge {
            Judge::Trial(judge) => Some(judge(evidence, facts)),
            Judge::Landed(_) | Judge::Scenario { .. } | Judge::Aftermath(_) => None,
            Judge::Launch(judge) => evidence
                .launches
                .iter()
                .enumerate()
                .map(|(nth, launch)| match judge(launch, facts) {
                    // What we broke off ourselves is no fault of the subject's.
                    Verdict::Fail(_)
                        if launch.transcript.end.stopped == Some(Stop::Interrupted) =>
                    {
                        Verdict::inconclusive("the run was interrupted")
                    }
                    verdict => verdict.of_launch(nth),
                })
                .reduce(Verdict::and)
                .filter(|verdict| *verdict != Verdict::Elsewhere),
        }
    }
}
