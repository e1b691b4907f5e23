//! Judging: every check over every trial it looks at.

use std::collections::HashSet;
use std::iter;

use crate::aftermath::Aftermath;
use crate::checks::data::Seen;
use crate::checks::scene::Common;
use crate::checks::{self, Check, Judge, Scene, Verdict, data};
use crate::compare::Kind;
use crate::event::{Outcome, Row, Told};
use crate::evidence::{Evidence, Facts, Purpose};
use crate::scenario::pack::Member;

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
    let views: Vec<View> = all.iter().map(|evidence| View::of(evidence, facts)).collect();
    if facts.readback {
        let seen = views.iter().flat_map(|view| &view.seen);
        judged.readback_errors = seen.flat_map(|seen| data::readback_errors(seen)).collect();
    }
    let common = common(&views);
    for check in checks::all() {
        if !wanted(check.id) {
            judged.rows.push(row(check, "*", Outcome::NotSelected, None));
            continue;
        }
        let before = judged.rows.len();
        for view in &views {
            let trial = &view.evidence.trial;
            for (scenario, verdict) in view.verdicts(check, facts, &common) {
                if matches!(verdict, Verdict::Fail(_)) {
                    judged.failed.insert(trial.clone());
                }
                judged.rows.push(settle(check, scenario, verdict, trial, places));
            }
        }
        if judged.rows.len() == before {
            let why = "no launch of this run could show it".to_owned();
            judged.rows.push(row(check, "*", Outcome::Inconclusive, Some(why)));
        }
    }
    judged
}

/// The evidence of a trial, with its landed rows compared once for all checks.
struct View<'a> {
    evidence: &'a Evidence,
    /// For each member, what the comparison with the model showed.
    seen: Vec<Vec<Seen>>,
    aftermath: Option<Aftermath>,
}

impl<'a> View<'a> {
    fn of(evidence: &'a Evidence, facts: &Facts) -> Self {
        let breaks = evidence.purpose == Purpose::WriteBroken;
        let members = evidence.members.iter().filter(|_| !breaks);
        Self {
            evidence,
            seen: members.map(|member| data::see(evidence, member, facts)).collect(),
            aftermath: breaks.then(|| Aftermath::of(evidence, facts)),
        }
    }

    /// The members, each with what was seen of it; nothing, where its syncs need not succeed.
    fn scenes(&self) -> impl Iterator<Item = (&'a Member, &[Seen])> {
        let seen = self.seen.iter().map(Vec::as_slice).chain(iter::repeat(&[][..]));
        self.evidence.members.iter().zip(seen)
    }

    /// The verdicts of a check on this trial, by scenario or by the trial's name.
    fn verdicts(&self, check: &Check, facts: &Facts, common: &Common) -> Vec<(&'a str, Verdict)> {
        let evidence = self.evidence;
        let whole = |verdict: Verdict| {
            (verdict != Verdict::Elsewhere).then_some((evidence.trial.as_str(), verdict))
        };
        match check.judge {
            Judge::Landed(kind) => self
                .scenes()
                .filter(|(member, seen)| !seen.is_empty() && !claims(member, kind, common))
                .filter_map(|(member, seen)| {
                    Some((member.scenario.as_str(), data::judge(kind, seen, facts)?))
                })
                .collect(),
            Judge::Scenario { claims, judge } => self
                .scenes()
                .filter(|(member, _)| {
                    member.about.as_deref() == Some(check.id)
                        && check.on.contains(&evidence.purpose)
                })
                .map(|(member, seen)| {
                    let aftermath = self.aftermath.as_ref();
                    let scene = Scene { evidence, member, seen, claims, common, aftermath };
                    (member.scenario.as_str(), judge(&scene, facts))
                })
                .filter(|(_, verdict)| *verdict != Verdict::Elsewhere)
                .collect(),
            Judge::Aftermath(judge) => {
                let aftermath = self.aftermath.as_ref();
                let verdict = aftermath.map(|aftermath| judge(evidence, aftermath, facts));
                verdict.and_then(whole).into_iter().collect()
            }
            Judge::Launch(_) | Judge::Trial(_) => {
                check.judge_trial(evidence, facts).and_then(whole).into_iter().collect()
            }
        }
    }
}

/// What goes wrong in scenarios that are about no check of their own.
fn common(views: &[View]) -> Common {
    let plain = views.iter().flat_map(View::scenes).filter(|(member, _)| member.about.is_none());
    let kinds = plain.flat_map(|(_, seen)| seen.iter().flat_map(Seen::kinds)).collect();
    // In company it may have been any of them that failed; and old states are no more than advice.
    let fails = views.iter().map(|view| view.evidence).any(|evidence| {
        evidence.purpose == Purpose::Write
            && matches!(&evidence.members[..], [only] if only.about.is_none())
            && evidence.launches.iter().any(|launch| {
                launch.sends_records() && !launch.sends_legacy_states() && launch.failed()
            })
    });
    let loses_states = views.iter().map(|view| view.evidence).any(|evidence| {
        evidence.purpose == Purpose::Write
            && evidence.members.iter().any(|member| member.about.is_none())
            && evidence.launches.iter().any(|launch| {
                launch.succeeded() && launch.ledger().sent.iter().any(|sent| sent.came.is_empty())
            })
    });
    Common { kinds, fails, loses_states }
}

/// Whether a scenario's differences of this kind are the matter of the check that it is about.
fn claims(member: &Member, kind: Kind, common: &Common) -> bool {
    let about = member.about.as_deref().and_then(checks::find);
    about.is_some_and(|check| match check.judge {
        Judge::Scenario { claims, .. } => claims.contains(&kind) && !common.kinds.contains(&kind),
        _ => false,
    })
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
                row.why = Some(format!("{all} findings in all, of which {MOST_FINDINGS} are kept"));
            }
            row.findings = findings
                .into_iter()
                .take(MOST_FINDINGS)
                .map(|finding| {
                    let (file, repeat) = places.place(trial, finding.launch.unwrap_or(0));
                    Told {
                        message: finding.message,
                        evidence: format!("{file}: {}", finding.evidence),
                        mended: finding.mended,
                        platform: check.platform.to_owned(),
                        repeat,
                    }
                })
                .collect();
            row
        }
    }
}

#[cfg(test)]
mod tests;
