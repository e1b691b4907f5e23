//! Judging: every check over every trial it looks at.

use std::collections::HashSet;

use crate::checks::{self, Check, Judge, Verdict, data};
use crate::event::{Outcome, Row, Told};
use crate::evidence::{Evidence, Facts};

/// How many findings of a check are kept in one place: a flood of them tells no more.
const MOST_FINDINGS: usize = 200;

/// What the judging of all evidence came to.
pub struct Judged {
    /// One row a check and scenario, in the order of the registry.
    pub rows: Vec<Row>,
    /// Trials in which something failed, by name.
    pub failed: HashSet<String>,
    /// What kept rows from being read back.
    pub readback_errors: Vec<String>,
}

/// Where a finding's launch can be looked up.
pub trait Places {
    /// The file that holds the transcript of a trial's launch, and the line that repeats it.
    fn place(&self, trial: &str, launch: usize) -> (String, Option<String>);
}

/// Judges all evidence by the wanted checks.
#[must_use]
pub fn judge(
    all: &[Evidence],
    facts: &Facts,
    wanted: &dyn Fn(&str) -> bool,
    places: &dyn Places,
) -> Judged {
    let mut judged =
        Judged { rows: Vec::new(), failed: HashSet::new(), readback_errors: Vec::new() };
    // What landed is compared once for all data checks.
    let seen: Vec<Vec<_>> = all
        .iter()
        .map(|evidence| evidence.members.iter().map(|m| data::see(evidence, m)).collect())
        .collect();
    if facts.readback {
        judged.readback_errors =
            seen.iter().flatten().flat_map(|seen| data::readback_errors(seen)).collect();
    }
    for check in checks::all() {
        if !wanted(check.id) {
            judged.rows.push(row(check, "*", Outcome::NotSelected, None));
            continue;
        }
        let before = judged.rows.len();
        for (evidence, seen) in all.iter().zip(&seen) {
            let verdicts: Vec<(&str, Verdict)> = match check.judge {
                Judge::Landed(kind) => evidence
                    .members
                    .iter()
                    .zip(seen)
                    .filter_map(|(member, seen)| {
                        Some((member.scenario.as_str(), data::judge(kind, seen, facts)?))
                    })
                    .collect(),
                _ => check
                    .judge_trial(evidence, facts)
                    .map(|verdict| (evidence.trial.as_str(), verdict))
                    .into_iter()
                    .collect(),
            };
            for (scenario, verdict) in verdicts {
                if matches!(verdict, Verdict::Fail(_)) {
                    judged.failed.insert(evidence.trial.clone());
                }
                judged.rows.push(settle(check, scenario, verdict, &evidence.trial, places));
            }
        }
        if judged.rows.len() == before {
            let why = "no launch of this run could show it".to_owned();
            judged.rows.push(row(check, "*", Outcome::Inconclusive, Some(why)));
        }
    }
    judged
}

/// A row without findings.
#[must_use]
pub fn row(check: &Check, scenario: &str, outcome: Outcome, why: Option<String>) -> Row {
    Row {
        check: check.id.to_owned(),
        scenario: scenario.to_owned(),
        level: check.level,
        outcome,
        why,
        findings: Vec::new(),
    }
}

fn settle(
    check: &Check,
    scenario: &str,
    verdict: Verdict,
    trial: &str,
    places: &dyn Places,
) -> Row {
    match verdict {
        Verdict::Pass => row(check, scenario, Outcome::Passed, None),
        Verdict::Elsewhere => row(check, scenario, Outcome::Inconclusive, None),
        Verdict::NotApplicable(why) => row(check, scenario, Outcome::NotApplicable, Some(why)),
        Verdict::Inconclusive(why) => row(check, scenario, Outcome::Inconclusive, Some(why)),
        Verdict::Fail(findings) => {
            let mut row = row(check, scenario, Outcome::Failed, None);
            if findings.len() > MOST_FINDINGS {
                let all = findings.len();
                row.why = Some(format!("the first {MOST_FINDINGS} of {all} findings"));
            }
            row.findings = findings
                .into_iter()
                .take(MOST_FINDINGS)
                .map(|finding| {
                    let (file, repeat) = places.place(trial, finding.launch.unwrap_or(0));
                    Told {
                        message: finding.message,
                        evidence: format!("{file}: {}", finding.evidence),
                        platform: check.platform.to_owned(),
                        repeat,
                    }
                })
                .collect();
            row
        }
    }
}
