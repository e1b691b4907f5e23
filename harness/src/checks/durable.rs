//! What a state promises: that everything before it is safe. Judged after kills and failures, by
//! what is there once a later sync has succeeded.

use std::collections::HashSet;

use super::{BROKEN, Check, Finding, Judge, Level, Verdict};
use crate::aftermath::{After, Aftermath, Stream};
use crate::bounds::Due;
use crate::evidence::{Evidence, Facts, Launch};
use crate::protocol::message::{Descriptor, StateKind};
use crate::scenario::capability::Capability;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "state-not-durable",
        level: Level::Must,
        since: "0.1.0",
        summary: "when a state comes out, every record before it is safe",
        platform: "goes on after the state: what was lost before it is never sent again",
        docs: include_str!("docs/state-not-durable.md"),
        proved_by: "acknowledge-on-receipt",
        companions: &["disk-full-silent"],
        on: BROKEN,
        judge: Judge::Aftermath(|evidence, aftermath, facts| {
            judge(Matter::NotDurable, evidence, aftermath, facts)
        }),
    },
    Check {
        id: "state-cross-stream-ack",
        level: Level::Must,
        since: "0.1.0",
        summary: "one stream's flush acknowledges no other stream's records",
        platform: "goes on after the state: the slower stream has lost records for ever",
        docs: include_str!("docs/state-cross-stream-ack.md"),
        proved_by: "flush-one-acknowledge-all",
        companions: &[],
        on: BROKEN,
        judge: Judge::Aftermath(|evidence, aftermath, facts| {
            judge(Matter::CrossStream, evidence, aftermath, facts)
        }),
    },
    Check {
        id: "state-global-partial",
        level: Level::Must,
        since: "0.1.0",
        summary: "a GLOBAL state waits for the records of all streams",
        platform: "goes on after the state: some streams have lost records for ever",
        docs: include_str!("docs/state-global-partial.md"),
        proved_by: "global-flushes-latest",
        companions: &[],
        on: BROKEN,
        judge: Judge::Aftermath(|evidence, aftermath, facts| {
            judge(Matter::GlobalPartial, evidence, aftermath, facts)
        }),
    },
    Check {
        id: "state-after-failure",
        level: Level::Must,
        since: "0.1.0",
        summary: "after a failure no state comes that covers a lost record",
        platform: "goes on after the state: what the failure has lost is never sent again",
        docs: include_str!("docs/state-after-failure.md"),
        proved_by: "finally-acknowledge",
        companions: &["disk-full-silent"],
        on: BROKEN,
        judge: Judge::Aftermath(|evidence, aftermath, facts| {
            judge(Matter::AfterFailure, evidence, aftermath, facts)
        }),
    },
];

/// Which check has the loss of an acknowledged record for its matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// Nothing tells more.
    NotDurable,
    /// In that launch another stream's records landed, and some that were sent later.
    CrossStream,
    /// A GLOBAL state, and some of its streams are whole.
    GlobalPartial,
    /// The launch failed by itself.
    AfterFailure,
    /// It was there after the attempt, and gone after the one that ended the same refresh.
    LostAttempt,
    /// It was there right after the launch, and a later one has lost it.
    LostLater,
}

/// An acknowledged record that is not there.
pub struct Loss<'a> {
    /// Its stream.
    pub stream: &'a Stream,
    /// As it was sent.
    pub row: &'a str,
    /// The launch that acknowledged it, from 0.
    pub launch: usize,
    /// Whose matter it is.
    pub matter: Matter,
}

/// Whether a launch came to a failure by itself.
#[must_use]
pub fn failed_by_itself(launch: &Launch) -> bool {
    launch.failed() && !launch.broken_off() && launch.transcript.end.stopped.is_none()
}

/// The last launch after which its rows say what is lost for good; none, where later syncs failed.
/// A trial of a single launch that failed by itself has to do with what is visible then.
fn settled(evidence: &Evidence, facts: &Facts) -> Result<usize, String> {
    let last = evidence.launches.len().saturating_sub(1);
    let launch = evidence.launches.last().ok_or("nothing was launched")?;
    if launch.completed() {
        return Ok(last);
    }
    if last > 0 || !failed_by_itself(launch) {
        return Err(format!(
            "no sync after it succeeded, so what is lost is not settled: {}",
            launch.describe_end()
        ));
    }
    if facts.declared.is(Capability::FailedData, "hidden") {
        return Err("failed-data=hidden is declared: nothing can be seen after a failure".into());
    }
    Ok(last)
}

/// All acknowledged records of a trial that are not there in the end.
#[must_use]
pub fn losses<'a>(evidence: &Evidence, aftermath: &'a Aftermath, settled: usize) -> Vec<Loss<'a>> {
    let Some(end) = aftermath.after.get(settled) else { return Vec::new() };
    let right_after: Vec<_> =
        (0..).zip(&aftermath.after).map(|(nth, after)| RightAfter::of(after, nth)).collect();
    let acknowledged = end.missing().filter_map(|(stream, row, due)| match due {
        Due::Acknowledged { launch, by } => Some((stream, row, launch, by)),
        Due::Sent { .. } => None,
    });
    acknowledged
        .map(|(stream, row, launch, by)| {
            let matter = matter(evidence, &right_after[launch], (stream, row, launch, by), settled);
            Loss { stream, row, launch, matter }
        })
        .collect()
}

/// What had landed right after a launch, to be asked about row after row.
struct RightAfter<'a> {
    after: &'a After,
    gaps: HashSet<(&'a Descriptor, &'a str)>,
    /// The streams that the launch has landed in, and of which nothing that it owes is missing.
    whole: HashSet<&'a Descriptor>,
}

impl<'a> RightAfter<'a> {
    fn of(after: &'a After, nth: usize) -> Self {
        let owed = after.missing().filter(|(.., due)| due.launch() == nth);
        let lacking: HashSet<_> = owed.map(|(stream, ..)| &stream.stream).collect();
        let landed = after.streams.iter().filter(|stream| stream.present.contains(&nth));
        let whole = landed.map(|stream| &stream.stream).filter(|of| !lacking.contains(of));
        Self { after, gaps: after.gaps(), whole: whole.collect() }
    }
}

fn matter(
    evidence: &Evidence,
    right_after: &RightAfter,
    (stream, row, nth, by): (&Stream, &str, usize, StateKind),
    settled: usize,
) -> Matter {
    let launch = &evidence.launches[nth];
    let RightAfter { after, gaps, whole } = right_after;
    // A deduplicated stream tells nothing right after a failure.
    let was_there = !gaps.contains(&(&stream.stream, row));
    let later = &evidence.launches[nth + 1..=settled.max(nth)];
    if later.iter().any(|later| resumes(later, launch, &stream.stream))
        && (was_there || may_hide(launch, after, nth, &stream.stream))
    {
        return Matter::LostAttempt;
    }
    // A deduplicated stream tells nothing right after a launch.
    if launch.broken_off() && was_there && after.stream(&stream.stream).is_some() {
        return Matter::LostLater;
    }
    if failed_by_itself(launch) {
        return Matter::AfterFailure;
    }
    let another_is_whole = whole.iter().any(|other| **other != stream.stream);
    match (by, another_is_whole) {
        (StateKind::Global, true) => Matter::GlobalPartial,
        (StateKind::Stream, true) => Matter::CrossStream,
        _ => Matter::NotDurable,
    }
}

/// Whether a launch goes on with the refresh of a stream that an earlier one has begun.
#[must_use]
pub fn resumes(launch: &Launch, begun: &Launch, stream: &Descriptor) -> bool {
    let generation = |launch: &Launch| {
        let configured = launch.streams.find(stream).filter(|configured| configured.truncates())?;
        configured.generation_id
    };
    generation(begun).is_some() && generation(launch) == generation(begun)
}

/// Whether the rows of an attempt may just not be shown: a refresh mostly gathers them out of sight
/// until it is complete. One of which rows are seen hides none, and a state that came after the
/// failure was told is no sign that they were stored.
fn may_hide(attempt: &Launch, right_after: &After, nth: usize, stream: &Descriptor) -> bool {
    let failed_at = attempt.errors().next().map_or(usize::MAX, |(line, _)| line);
    let covers = |of: Option<&Descriptor>| of.is_none_or(|of| of == stream);
    let mut came = attempt.ledger().pairs();
    let shows = right_after.stream(stream).is_some_and(|shown| shown.present.contains(&nth));
    !shows
        && !came.any(|(came, sent)| came.line > failed_at && covers(sent.state.descriptor()))
        && !attempt.broken_off()
}

fn judge(of: Matter, evidence: &Evidence, aftermath: &Aftermath, facts: &Facts) -> Verdict {
    let concerns = |launch: &Launch| match of {
        Matter::AfterFailure => failed_by_itself(launch),
        Matter::GlobalPartial => {
            launch.broken_off() && speaks_for_all(launch) && launch.streams.streams.len() > 1
        }
        Matter::CrossStream => {
            launch.broken_off() && !speaks_for_all(launch) && launch.streams.streams.len() > 1
        }
        Matter::NotDurable | Matter::LostAttempt | Matter::LostLater => launch.broken_off(),
    };
    let concerned: Vec<usize> =
        (0..evidence.launches.len()).filter(|nth| concerns(&evidence.launches[*nth])).collect();
    if concerned.is_empty() {
        return Verdict::Elsewhere;
    }
    // The rows of a full disk have a check of their own.
    if evidence.manner.full_disk {
        return Verdict::Elsewhere;
    }
    if !facts.readback {
        return Verdict::not_read_back();
    }
    let settled = match settled(evidence, facts) {
        Ok(settled) => settled,
        Err(why) => return Verdict::Inconclusive(why),
    };
    let findings: Vec<_> = losses(evidence, aftermath, settled)
        .iter()
        .filter(|loss| loss.matter == of)
        .map(|loss| tell(loss, evidence))
        .collect();
    if !findings.is_empty() {
        return Verdict::Fail(told(findings));
    }
    let end = &aftermath.after[settled];
    if let Some(why) = &end.unread {
        return Verdict::inconclusive(format!("read-back of {why}"));
    }
    if concerned.iter().any(|nth| acknowledged(end, *nth) > 0) {
        return Verdict::Pass;
    }
    Verdict::inconclusive(match of {
        Matter::AfterFailure => "no state that covers a record came before or after the failure",
        _ => {
            "no state that covers a record came before it was killed: it acknowledges in larger \
             batches, or at the end; a config with small batches settles it"
        }
    })
}

fn speaks_for_all(launch: &Launch) -> bool {
    launch.ledger().sent.iter().any(|sent| sent.state.kind == StateKind::Global)
}

fn acknowledged(end: &After, launch: usize) -> usize {
    end.streams.iter().filter_map(|stream| stream.acknowledged.get(launch)).sum()
}

/// A finding about an acknowledged record that is not there.
#[must_use]
pub fn tell(loss: &Loss, evidence: &Evidence) -> Finding {
    let end = evidence.launches[loss.launch].describe_end();
    let message = format!(
        "{}: a state that covers this record came in sync {}, and it is not there ({end})",
        loss.stream.stream,
        loss.launch + 1
    );
    let found = match evidence.launches.last() {
        Some(last) if last.completed() => "found nothing",
        _ => {
            "found nothing (if rows show only once a later sync has succeeded, say --declare \
             failed-data=hidden)"
        }
    };
    let evidence = format!("sent {}; {found}", super::shown(loss.row.as_bytes()));
    Finding::new(message, evidence).of_launch(loss.launch)
}

/// The first findings, the last of which counts the rest.
#[must_use]
pub fn told(mut findings: Vec<Finding>) -> Vec<Finding> {
    const TOLD: usize = 3;
    let more = findings.len().saturating_sub(TOLD);
    findings.truncate(TOLD);
    if let Some(last) = findings.last_mut()
        && more > 0
    {
        last.message = format!("{} (and {more} more)", last.message);
    }
    findings
}

#[cfg(test)]
mod tests;
