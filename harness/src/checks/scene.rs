//! Scenarios that are about one check: what goes wrong in them is told by that check, so that
//! whoever reads "name-rejected failed" knows what to look at.

use std::collections::HashSet;

use serde_json::Value;

use super::data::{self, Seen};
use super::{Finding, Verdict};
use crate::aftermath::Aftermath;
use crate::compare::Kind;
use crate::evidence::{Evidence, Facts, Landed, Launch};
use crate::model;
use crate::scenario::pack::Member;
use crate::transcript::Stop;

/// The scenario that a check is about, with all that was seen of it.
pub struct Scene<'a> {
    /// The trial that it travelled in.
    pub evidence: &'a Evidence,
    /// The scenario.
    pub member: &'a Member,
    /// What the comparison with the model showed; nothing, where its syncs need not succeed.
    pub seen: &'a [Seen],
    /// The kinds of difference that the check claims.
    pub claims: &'static [Kind],
    /// What scenarios show which are about no check of their own.
    pub common: &'a Common,
    /// What had landed after each sync, where its syncs need not succeed.
    pub aftermath: Option<&'a Aftermath>,
}

/// What goes wrong in scenarios that are about no check of their own: it is not what others are
/// about that makes it.
#[derive(Debug, Default)]
pub struct Common {
    /// The kinds of difference that they show.
    pub kinds: HashSet<Kind>,
    /// Whether a sync of theirs fails.
    pub fails: bool,
    /// Whether one that succeeds lacks a state.
    pub loses_states: bool,
}

impl<'a> Scene<'a> {
    /// The launches that were its syncs.
    #[must_use]
    pub fn launches(&self) -> &'a [Launch] {
        let launches = &self.evidence.launches;
        &launches[..launches.len().min(self.member.syncs)]
    }

    /// The streams of the scenario as they were read back after its last sync.
    pub fn landed(&self) -> impl Iterator<Item = &'a Landed> {
        let last = self.launches().last();
        let ours = |landed: &&Landed| self.member.streams.contains(&landed.stream);
        last.into_iter().flat_map(|launch| &launch.landed).filter(ours)
    }

    /// The verdict on a sync that had to succeed: none, if all of them did.
    #[must_use]
    pub fn failed_sync(&self) -> Option<Verdict> {
        let (nth, failed) = self.launches().iter().enumerate().find(|(_, l)| !l.succeeded())?;
        let end = &failed.transcript.end;
        if self.evidence.members.len() > 1 {
            return Some(Verdict::inconclusive(format!(
                "the sync that it travelled in failed: {}",
                failed.describe_end()
            )));
        }
        if !failed.failed() {
            return Some(Verdict::inconclusive(format!(
                "all states came, and yet the sync failed: {}",
                failed.describe_end()
            )));
        }
        Some(match end.stopped {
            Some(Stop::TimeLimit(_)) => {
                Verdict::inconclusive("it did not end by itself: see hangs and write-stops-reading")
            }
            Some(_) => Verdict::inconclusive("it was ended before it could end"),
            None if self.common.fails => {
                Verdict::inconclusive("plain scenarios fail, too: it is not what this one is about")
            }
            None => {
                let finding = Finding::on_end("the sync failed", failed);
                Verdict::Fail(vec![finding.of_launch(nth)])
            }
        })
    }

    /// The verdict on states that never came, where it travelled by itself; in company they are the
    /// matter of state-lost.
    #[must_use]
    pub fn lost_states(&self) -> Option<Verdict> {
        if self.evidence.members.len() > 1 || self.common.loses_states {
            return None;
        }
        let findings: Vec<_> = self
            .launches()
            .iter()
            .enumerate()
            .filter_map(|(nth, launch)| {
                let sent = &launch.ledger().sent;
                let lost = sent.iter().filter(|state| state.came.is_empty());
                let first = lost.clone().next()?;
                let message = format!("{} of {} states never came", lost.count(), sent.len());
                let evidence = super::state::sent_line(&first.state);
                Some(Finding::new(message, evidence).of_launch(nth))
            })
            .collect();
        (!findings.is_empty()).then_some(Verdict::Fail(findings))
    }

    /// Whether its syncs succeeded, whatever landed.
    #[must_use]
    pub fn succeeded(&self) -> Verdict {
        self.failed_sync().unwrap_or(Verdict::Pass)
    }

    /// Whether no difference of the kinds that the check claims has shown. One that other scenarios
    /// show as well is told by the general check, and leaves this one in doubt.
    #[must_use]
    pub fn landed_intact(&self, facts: &Facts) -> Verdict {
        let mut verdict = Verdict::Elsewhere;
        let mut is_common = false;
        for kind in self.claims {
            match data::judge(*kind, self.seen, facts) {
                Some(Verdict::Fail(_)) if self.common.kinds.contains(kind) => is_common = true,
                Some(judged) => verdict = verdict.and(judged),
                None => {}
            }
        }
        match verdict {
            fail @ Verdict::Fail(_) => fail,
            // What else is intact does not make up for it.
            _ if is_common => Verdict::inconclusive(
                "other scenarios show the same: it is not what this one is about",
            ),
            Verdict::Elsewhere if !facts.readback => Verdict::not_read_back(),
            Verdict::Elsewhere => Verdict::inconclusive("no row had to land"),
            verdict => verdict,
        }
    }

    /// Whether anything was told from a moment on: a log, a trace, a line on stderr, or one on
    /// stdout that is no protocol message.
    #[must_use]
    pub fn told_after(launch: &Launch, from: u64) -> bool {
        use crate::protocol::message::Kind as Message;
        let transcript = &launch.transcript;
        let on_stderr = |output: &crate::transcript::Output| {
            output.at >= from && !output.bytes.trim_ascii().is_empty()
        };
        let logged = launch.lines().iter().enumerate().any(|(at, line)| {
            let message = line.message.as_ref().map(|message| message.kind);
            launch.at(at) >= from
                && !line.is_blank()
                && matches!(message, None | Some(Message::Log | Message::Trace))
        });
        logged || transcript.stderr.iter().any(on_stderr)
    }

    /// When the writing of the first step began that fits.
    #[must_use]
    pub fn sent_at(launch: &Launch, fits: impl Fn(&crate::scenario::Step) -> bool) -> Option<u64> {
        launch.begun().find(|(step, _)| fits(step)).map(|(_, at)| at)
    }
}

/// Whether a scenario's syncs succeeded and all of it landed intact.
#[must_use]
pub fn works(scene: &Scene, facts: &Facts) -> Verdict {
    let failed = scene.failed_sync().or_else(|| scene.lost_states());
    failed.unwrap_or_else(|| scene.landed_intact(facts))
}

/// What tells a row of a scenario whose values may have been altered on their way: its `id`.
#[must_use]
pub fn id_of(row: &Value) -> String {
    model::key(row, &[vec!["id".to_owned()]])
}

#[cfg(test)]
mod tests;
