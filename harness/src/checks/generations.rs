//! Refreshes: which generations stay, which go, and not before the refresh is complete.
//!
//! They concern a connector that declares `refreshes`; to others the platform sends overwrites.

use super::durable::{self, Matter, losses, resumes, tell};
use super::{BROKEN, Check, Finding, Judge, Level, Scene, Verdict, WRITE};
use crate::aftermath::{After, Aftermath, Stream};
use crate::bounds::Due;
use crate::compare::Kind;
use crate::evidence::{Evidence, Facts, Launch};
use crate::protocol::catalog::ConfiguredStream;
use crate::protocol::message::Descriptor;
use crate::scenario::capability::Capability;
use crate::scenario::{Sent, SentBody, Step};

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "generation-kept-old",
        level: Level::Must,
        since: "0.1.0",
        summary: "a minimum generation removes what is below it, at the end",
        platform: "shows rows of before the refresh among those of after it",
        docs: include_str!("docs/generation-kept-old.md"),
        proved_by: "keep-generations",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::GenerationKept),
    },
    Check {
        id: "generation-zero-deleted",
        level: Level::Must,
        since: "0.1.0",
        summary: "a minimum generation of 0 deletes nothing",
        platform: "loses the rows of all earlier syncs, which nobody sends again",
        docs: include_str!("docs/generation-zero-deleted.md"),
        proved_by: "zero-means-all",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::GenerationZeroDeleted),
    },
    Check {
        id: "generation-dropped-early",
        level: Level::Must,
        since: "0.1.0",
        summary: "an interrupted refresh leaves the old rows readable",
        platform: "shows an empty or half a table until a later attempt succeeds",
        docs: include_str!("docs/generation-dropped-early.md"),
        proved_by: "truncate-at-start",
        companions: &[],
        on: BROKEN,
        judge: Judge::Aftermath(dropped_early),
    },
    Check {
        id: "generation-lost-attempt",
        level: Level::Must,
        since: "0.1.0",
        summary: "a resumed refresh keeps the rows of its first attempt",
        platform: "has lost what the first attempt acknowledged: it is not sent again",
        docs: include_str!("docs/generation-lost-attempt.md"),
        proved_by: "truncate-by-sync",
        companions: &[],
        on: BROKEN,
        judge: Judge::Aftermath(lost_attempt),
    },
    Check {
        id: "complete-ignored",
        level: Level::Must,
        since: "0.1.0",
        summary: "COMPLETE finalises its stream",
        platform: "fails each refresh although the source has sent all of it",
        docs: include_str!("docs/complete-ignored.md"),
        proved_by: "ignore-complete",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: &[], judge: |scene: &Scene, _| scene.succeeded() },
    },
    Check {
        id: "missing-complete-succeeded",
        level: Level::Must,
        since: "0.1.0",
        summary: "in a refresh an end of input without COMPLETE is a failure",
        platform: "calls half a refresh whole: what the source did not send is gone",
        docs: include_str!("docs/missing-complete-succeeded.md"),
        proved_by: "eof-is-complete",
        companions: &[],
        on: BROKEN,
        judge: Judge::Launch(missing_complete_succeeded),
    },
    Check {
        id: "incomplete-truncated",
        level: Level::Must,
        since: "0.1.0",
        summary: "INCOMPLETE fails the sync and truncates nothing",
        platform: "shows half a table in place of the whole one that was there",
        docs: include_str!("docs/incomplete-truncated.md"),
        proved_by: "incomplete-is-complete",
        companions: &[],
        on: BROKEN,
        judge: Judge::Aftermath(incomplete_truncated),
    },
];

/// Whether a launch was a refresh: the platform tells generations.
fn is_refresh(launch: &Launch) -> bool {
    launch.streams.streams.iter().any(|stream| stream.generation_id.is_some())
}

/// The streams that a launch refreshes.
fn truncated(launch: &Launch) -> impl Iterator<Item = Descriptor> {
    let streams = launch.streams.streams.iter().filter(|stream| stream.truncates());
    streams.map(ConfiguredStream::descriptor)
}

/// Whether a later launch goes on with the refresh of a stream that an earlier one has not ended.
fn resumed(begun: &Launch, later: &[Launch]) -> bool {
    let streams = begun.streams.streams.iter().map(ConfiguredStream::descriptor);
    let goes_on = |stream| later.iter().any(|launch| resumes(launch, begun, &stream));
    !begun.completed() && streams.into_iter().any(goes_on)
}

fn says(launch: &Launch, status: &str) -> bool {
    launch.statuses_sent().any(|sent| sent.status == status)
}

fn is_incomplete(launch: &Launch, stream: &Descriptor) -> bool {
    let mut told = launch.statuses_sent().filter(|told| told.stream == *stream);
    told.any(|told| told.status == "INCOMPLETE")
}

/// Whether its input comes to an end without a word on some stream.
fn lacks_complete(launch: &Launch) -> bool {
    let statuses = || {
        launch.steps.iter().filter_map(|step| match step {
            Step::Message(Sent { body: SentBody::Status(status), .. }) => Some(status),
            _ => None,
        })
    };
    let told = |stream: &ConfiguredStream| {
        statuses().any(|told| {
            told.stream == stream.descriptor()
                && matches!(told.status.as_str(), "COMPLETE" | "INCOMPLETE")
        })
    };
    !launch.streams.streams.iter().all(told)
}

/// Whether its input does not say of each stream that it is complete, where that is asked for.
#[must_use]
pub fn ends_incomplete(launch: &Launch) -> bool {
    is_refresh(launch) && (lacks_complete(launch) || says(launch, "INCOMPLETE"))
}

/// Rows of such streams that an earlier launch had landed for good and that this one has taken away.
fn gone(
    after: &After,
    before: &After,
    launch: usize,
    of: impl Fn(&Descriptor) -> bool,
) -> Vec<Finding> {
    let gone_before = before.gaps();
    let gone = after.missing().filter(|(stream, row, due)| {
        matches!(due, Due::Sent { launch: from } if *from < launch)
            && of(&stream.stream)
            && !gone_before.contains(&(&stream.stream, *row))
    });
    let told = |(stream, row, _): (&Stream, &str, Due)| {
        let message = format!(
            "{}: a row of an earlier generation is gone after sync {}, which did not succeed",
            stream.stream,
            launch + 1
        );
        Finding::new(message, super::shown(row.as_bytes())).of_launch(launch)
    };
    gone.map(told).collect()
}

/// How many rows of such streams are there that an earlier launch had landed for good, and that this
/// one has not simply written anew.
fn kept(after: &After, nth: usize, of: impl Fn(&Descriptor) -> bool) -> usize {
    let streams = after.streams.iter().filter(|stream| of(&stream.stream));
    streams.flat_map(|stream| &stream.kept[..nth]).sum()
}

/// The verdict on a connector that does not say that it handles refreshes.
fn undeclared(facts: &Facts) -> Option<Verdict> {
    let declared = facts.declared.is(Capability::Refreshes, "yes");
    (!declared).then(|| Verdict::not_applicable("refreshes are not declared: --declare refreshes"))
}

/// The launches of a trial that truncate streams which concern a check, and the findings of each; the
/// verdict over all of them.
fn over_truncations(
    evidence: &Evidence,
    aftermath: &Aftermath,
    facts: &Facts,
    concerns: impl Fn(&Launch, &Descriptor) -> bool,
) -> Verdict {
    let mut verdict = Verdict::Elsewhere;
    for (nth, launch) in evidence.launches.iter().enumerate().skip(1) {
        let of = |stream: &Descriptor| {
            concerns(launch, stream) && truncated(launch).any(|one| one == *stream)
        };
        if launch.completed() || !truncated(launch).any(|stream| of(&stream)) {
            continue;
        }
        let (before, after) = (&aftermath.after[nth - 1], &aftermath.after[nth]);
        let findings = gone(after, before, nth, of);
        verdict = verdict.and(if let Some(verdict) = undeclared(facts) {
            verdict
        } else if !facts.readback {
            Verdict::not_read_back()
        } else if let Some(why) = &after.unread {
            Verdict::inconclusive(format!("read-back of {why}"))
        } else if let Some(why) = &before.unread {
            Verdict::inconclusive(format!("read-back of {why}"))
        } else if !findings.is_empty() {
            Verdict::Fail(durable::told(findings))
        } else if kept(after, nth, of) == 0 {
            Verdict::inconclusive("no row of an earlier generation is known to have been there")
        } else {
            Verdict::Pass
        });
    }
    verdict
}

fn dropped_early(evidence: &Evidence, aftermath: &Aftermath, facts: &Facts) -> Verdict {
    // What INCOMPLETE does has a check of its own.
    over_truncations(evidence, aftermath, facts, |launch, of| !is_incomplete(launch, of))
}

fn incomplete_truncated(evidence: &Evidence, aftermath: &Aftermath, facts: &Facts) -> Verdict {
    let mut verdict = Verdict::Elsewhere;
    for (nth, launch) in evidence.launches.iter().enumerate() {
        let declared = undeclared(facts).is_none();
        if declared && says(launch, "INCOMPLETE") && launch.completed() {
            let message = "a stream was INCOMPLETE, and the sync succeeded";
            let finding = Finding::on_end(message, launch).of_launch(nth);
            verdict = verdict.and(Verdict::Fail(vec![finding]));
        }
    }
    verdict.and(over_truncations(evidence, aftermath, facts, is_incomplete))
}

fn missing_complete_succeeded(launch: &Launch, facts: &Facts) -> Verdict {
    let all_was_sent = launch.transcript.end.stdin_closed.is_some();
    if !is_refresh(launch) || !lacks_complete(launch) || launch.broken_off() {
        return Verdict::Elsewhere;
    }
    if let Some(verdict) = undeclared(facts) {
        return verdict;
    }
    if launch.transcript.end.stopped.is_some() {
        return Verdict::inconclusive("it did not end by itself");
    }
    if launch.succeeded() {
        let message = "the input ended without COMPLETE, and the sync succeeded";
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    if all_was_sent {
        return Verdict::Pass;
    }
    Verdict::inconclusive("it ended before its input did")
}

fn lost_attempt(evidence: &Evidence, aftermath: &Aftermath, facts: &Facts) -> Verdict {
    let end = evidence.launches.len().saturating_sub(1);
    let attempts: Vec<usize> = (0..end)
        .filter(|nth| resumed(&evidence.launches[*nth], &evidence.launches[nth + 1..]))
        .collect();
    if attempts.is_empty() {
        return Verdict::Elsewhere;
    }
    if let Some(verdict) = undeclared(facts) {
        return verdict;
    }
    if !facts.readback {
        return Verdict::not_read_back();
    }
    if !evidence.launches[end].completed() {
        return Verdict::inconclusive(format!(
            "the refresh was never completed: {}",
            evidence.launches[end].describe_end()
        ));
    }
    let lost = losses(evidence, aftermath, end);
    let lost = lost.iter().filter(|loss| loss.matter == Matter::LostAttempt);
    let findings: Vec<_> = lost.map(|loss| tell(loss, evidence)).collect();
    if !findings.is_empty() {
        return Verdict::Fail(durable::told(findings));
    }
    let after = &aftermath.after[end];
    if let Some(why) = &after.unread {
        return Verdict::inconclusive(format!("read-back of {why}"));
    }
    let acknowledged = |stream: &Stream| attempts.iter().any(|nth| stream.acknowledged[*nth] > 0);
    if !after.streams.iter().any(acknowledged) {
        return Verdict::inconclusive("no attempt acknowledged a record before it was interrupted");
    }
    Verdict::Pass
}

#[cfg(test)]
mod tests;
