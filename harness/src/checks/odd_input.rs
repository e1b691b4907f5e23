//! Input that is odd, slow or large: all of it is met with sooner or later.

use std::collections::HashSet;

use super::scene::{id_of, works};
use super::{BROKEN, Check, Finding, Judge, Level, Scene, VALUES, Verdict, WRITE};
use crate::aftermath::After;
use crate::bounds::{self, Due};
use crate::compare::Kind;
use crate::evidence::{Facts, Launch, Purpose};
use crate::protocol::json;
use crate::protocol::message::Descriptor;
use crate::scenario::capability::Capability;
use crate::scenario::{SentBody, Step};
use crate::transcript::Stop;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "write-empty-catalog",
        level: Level::Should,
        since: "0.1.0",
        summary: "a catalog without streams does no harm",
        platform: "fails a connection whose streams are all switched off",
        docs: include_str!("docs/write-empty-catalog.md"),
        proved_by: "needs-a-stream",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: &[], judge: empty_catalog },
    },
    Check {
        id: "write-unknown-stream",
        level: Level::Should,
        since: "0.1.0",
        summary: "a record of a stream outside the catalog is not lost without a word",
        platform: "calls the sync complete although records are gone",
        docs: include_str!("docs/write-unknown-stream.md"),
        proved_by: "drop-unknown-streams",
        companions: &[],
        on: BROKEN,
        judge: Judge::Scenario { claims: &[], judge: unknown_stream },
    },
    Check {
        id: "write-extra-field",
        level: Level::Must,
        since: "0.1.0",
        summary: "a field outside the schema does not fail the sync",
        platform: "fails each sync, or loses values, once the source has a new column",
        docs: include_str!("docs/write-extra-field.md"),
        proved_by: "refuse-extra-fields",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "write-missing-field",
        level: Level::Must,
        since: "0.1.0",
        summary: "a missing field does not fail the sync",
        platform: "fails each sync of a source that leaves out empty fields",
        docs: include_str!("docs/write-missing-field.md"),
        proved_by: "refuse-missing-fields",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "write-schema-violation-crash",
        level: Level::Should,
        since: "0.1.0",
        summary: "a value of another type is kept, or nulled and told",
        platform: "fails each sync, or loses the row, for one odd value",
        docs: include_str!("docs/write-schema-violation-crash.md"),
        proved_by: "wrong-type-crashes",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "write-garbage-line",
        level: Level::Should,
        since: "0.1.0",
        summary: "a line that cannot be read is told of, and never ends the input",
        platform: "calls the sync complete although all after that line is gone",
        docs: include_str!("docs/write-garbage-line.md"),
        proved_by: "garbage-ends-input",
        companions: &[],
        on: BROKEN,
        judge: Judge::Scenario { claims: &[], judge: garbage_line },
    },
    Check {
        id: "write-unknown-message-type",
        level: Level::Should,
        since: "0.1.0",
        summary: "messages that do not concern a destination are ignored",
        platform: "fails all syncs once it sends a type that is new",
        docs: include_str!("docs/write-unknown-message-type.md"),
        proved_by: "refuse-unknown-types",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "write-float-integer",
        level: Level::Should,
        since: "0.1.0",
        summary: "integers written as floats are taken",
        platform: "fails all syncs: its JSON library writes them so",
        docs: include_str!("docs/write-float-integer.md"),
        proved_by: "strict-integers",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "write-locale",
        level: Level::Should,
        since: "0.1.0",
        summary: "stdin is UTF-8 whatever the locale",
        platform: "shows question marks in place of letters",
        docs: include_str!("docs/write-locale.md"),
        proved_by: "locale-encoding",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: &[Kind::Altered], judge: works },
    },
    Check {
        id: "write-long-line",
        level: Level::Must,
        since: "0.1.0",
        summary: "a record and a state of 20 MB pass",
        platform: "calls the sync complete although a record is gone, or hangs",
        docs: include_str!("docs/write-long-line.md"),
        proved_by: "line-limit",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "write-slow-input",
        level: Level::Must,
        since: "0.1.0",
        summary: "input that trickles in gives the same result",
        platform: "fails, or alters rows, whenever the network is slow",
        docs: include_str!("docs/write-slow-input.md"),
        proved_by: "half-line-is-a-line",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
    Check {
        id: "write-stops-reading",
        level: Level::Must,
        since: "0.1.0",
        summary: "it goes on reading while its output is read",
        platform: "waits for it for ever: the sync stands still",
        docs: include_str!("docs/write-stops-reading.md"),
        proved_by: "bounded-state-queue",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(stops_reading),
    },
    Check {
        id: "write-blocked-output",
        level: Level::Should,
        since: "0.1.0",
        summary: "it survives a reader of stdout that is slow",
        platform: "misses states, or a sync that it was just slow to follow",
        docs: include_str!("docs/write-blocked-output.md"),
        proved_by: "drop-when-blocked",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: blocked_output },
    },
    Check {
        id: "write-lone-surrogate",
        level: Level::Should,
        since: "0.1.0",
        summary: "an escape that is no character does not lose its record",
        platform: "goes on after the state: the record is never sent again",
        docs: include_str!("docs/write-lone-surrogate.md"),
        proved_by: "drop-lone-surrogates",
        companions: &[],
        on: BROKEN,
        judge: Judge::Scenario { claims: &[], judge: lone_surrogate },
    },
    Check {
        id: "undeclared-mode-accepted",
        level: Level::Should,
        since: "0.1.0",
        summary: "a sync mode that the spec does not list is refused",
        platform: "shows rows as another mode would leave them",
        docs: include_str!("docs/undeclared-mode-accepted.md"),
        proved_by: "unknown-mode-appends",
        companions: &[],
        on: &[Purpose::WriteUndeclared],
        judge: Judge::Launch(undeclared_mode),
    },
    Check {
        id: "unknown-property-rejected",
        level: Level::Must,
        since: "0.1.0",
        summary: "unknown properties in catalog and messages are accepted",
        platform: "fails all syncs once the protocol has a new property",
        docs: include_str!("docs/unknown-property-rejected.md"),
        proved_by: "deny-unknown-properties",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario { claims: VALUES, judge: works },
    },
];

/// The one launch of a scenario that need not succeed, and what had landed after it.
fn only<'a>(scene: &Scene<'a>) -> Option<(&'a Launch, &'a After)> {
    let after = scene.aftermath?.after.first()?;
    Some((scene.launches().first()?, after))
}

/// The verdict on a launch that we had to end: none, if it ended by itself.
fn ended_by_us(launch: &Launch) -> Option<Verdict> {
    Some(match launch.transcript.end.stopped? {
        // As every other sync would: it is not the odd input that does it.
        Stop::TimeLimit(_) if launch.everything_came() => {
            Verdict::inconclusive("all states came, and yet it did not end: see hangs")
        }
        Stop::TimeLimit(limit) => {
            let message = format!("it made no progress for {limit} s after it");
            Verdict::Fail(vec![Finding::on_end(message, launch)])
        }
        _ => Verdict::inconclusive("it was ended before it could end"),
    })
}

/// Whether it had failed before this moment, and so for another reason.
fn failed_before(launch: &Launch, moment: u64) -> bool {
    launch.errors().next().is_some_and(|(line, _)| launch.at(line) < moment)
}

/// What a refusal of input that was sent at this moment comes to: none, if it was not refused. How
/// a failure is told is the matter of other checks.
fn refusal(launch: &Launch, sent: u64) -> Option<Verdict> {
    if let Some(ended) = ended_by_us(launch) {
        return Some(ended);
    }
    if launch.succeeded() {
        return None;
    }
    Some(if failed_before(launch, sent) {
        Verdict::inconclusive("it had failed before that was sent")
    } else if launch.errors().next().is_none() {
        Verdict::inconclusive("it failed without a TRACE ERROR: see failure-without-trace")
    } else if launch.transcript.end.is_success() {
        Verdict::inconclusive("it failed with exit code 0: see failure-exits-zero")
    } else {
        Verdict::Pass
    })
}

/// Records of a sync that succeeded and that are not there.
fn lost(after: &After, what: &str) -> Vec<Finding> {
    let lost = after.missing().filter(|(_, _, due)| matches!(due, Due::Sent { .. }));
    let told = |(stream, row, _): (&crate::aftermath::Stream, &str, Due)| {
        Finding::new(format!("{}: {what}", stream.stream), super::shown(row.as_bytes()))
    };
    super::durable::told(lost.map(told).collect())
}

fn empty_catalog(scene: &Scene, _: &Facts) -> Verdict {
    let Some(launch) = scene.launches().first() else { return Verdict::Elsewhere };
    let end = &launch.transcript.end;
    if !end.is_success() && end.stopped.is_none() && launch.errors().next().is_some() {
        return Verdict::inconclusive(format!(
            "it refused loudly ({}); some destinations do so on purpose",
            launch.describe_end()
        ));
    }
    scene.succeeded()
}

fn unknown_stream(scene: &Scene, facts: &Facts) -> Verdict {
    let Some((launch, after)) = only(scene) else { return Verdict::Elsewhere };
    let unknown = |step: &Step| {
        matches!(step, Step::Message(sent) if matches!(&sent.body, SentBody::Record(record)
            if launch.streams.find(&record.stream).is_none()))
    };
    let Some(sent) = Scene::sent_at(launch, unknown) else {
        return Verdict::inconclusive(format!(
            "it had ended before that record was sent: {}",
            launch.describe_end()
        ));
    };
    let declared = facts.declared.of(Capability::UnknownStreams);
    if let Some(verdict) = refusal(launch, sent) {
        let by_itself = launch.transcript.end.stopped.is_none() && !failed_before(launch, sent);
        if declared == "ignored" && by_itself {
            let message = "unknown-streams=ignored is declared, and the sync failed";
            return Verdict::Fail(vec![Finding::on_end(message, launch)]);
        }
        return verdict;
    }
    if declared == "failed" {
        let message = "unknown-streams=failed is declared, and the sync succeeded";
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    let findings = lost(after, "a record of the catalog's own stream is gone");
    if !findings.is_empty() {
        return Verdict::Fail(findings);
    }
    if !Scene::told_after(launch, sent) {
        let message = "a record of a stream outside the catalog was dropped without a word";
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    Verdict::Pass
}

fn garbage_line(scene: &Scene, facts: &Facts) -> Verdict {
    let Some((launch, after)) = only(scene) else { return Verdict::Elsewhere };
    let Some(sent) = Scene::sent_at(launch, |step| matches!(step, Step::Raw(_))) else {
        return Verdict::inconclusive("it had ended before the line was sent");
    };
    if let Some(verdict) = refusal(launch, sent) {
        return verdict;
    }
    let mut findings =
        lost(after, "a record that came after the line is gone, and the sync succeeded");
    if !scene.common.kinds.contains(&Kind::Invented) {
        findings.extend(after.unsent().map(|(stream, row)| {
            let message = format!("{}: a row is there that was never sent", stream.stream);
            Finding::new(message, super::shown(row.as_bytes()))
        }));
    }
    if !findings.is_empty() {
        return Verdict::Fail(findings);
    }
    let late = launch.ledger().written().filter(|state| state.at.is_some_and(|at| at > sent));
    let late: Vec<_> = late.collect();
    if !late.is_empty() && late.iter().all(|state| state.came.is_empty()) {
        let message = "no state that came after the line came back, and the sync succeeded";
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    if !Scene::told_after(launch, sent) {
        let message = "a line that cannot be read was skipped without a word";
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    // That it is told of does not show that what came after it was taken.
    match &after.unread {
        _ if !facts.readback => Verdict::not_read_back(),
        Some(why) => Verdict::inconclusive(format!("read-back of {why}")),
        None => Verdict::Pass,
    }
}

fn stops_reading(launch: &Launch, _: &Facts) -> Verdict {
    let end = &launch.transcript.end;
    if launch.steps.is_empty() {
        return Verdict::Elsewhere;
    }
    match (end.stdin_closed, end.stopped) {
        // A little input fits into a pipe, whether anybody reads it or not.
        (Some(_), _) if launch.succeeded() || launch.everything_came() => Verdict::Pass,
        (Some(_), _) => Verdict::inconclusive("it failed, and may have left input unread"),
        (None, Some(Stop::TimeLimit(limit))) => {
            let message = format!("it stopped reading its input for {limit} s");
            Verdict::Fail(vec![Finding::on_end(message, launch)])
        }
        (None, _) => Verdict::inconclusive("it ended before its input did"),
    }
}

fn blocked_output(scene: &Scene, facts: &Facts) -> Verdict {
    match works(scene, facts) {
        // The states are what a blocked output loses first.
        Verdict::NotApplicable(_) => Verdict::Pass,
        verdict => verdict,
    }
}

fn lone_surrogate(scene: &Scene, facts: &Facts) -> Verdict {
    let Some((launch, after)) = only(scene) else { return Verdict::Elsewhere };
    if let Some(ended) = ended_by_us(launch) {
        return ended;
    }
    let due = due(scene, launch);
    if due.is_empty() {
        return if launch.transcript.end.is_success() {
            Verdict::inconclusive("it failed with exit code 0: see failure-exits-zero")
        } else if facts.writes_work {
            Verdict::Pass
        } else {
            Verdict::inconclusive("no plain write succeeded, either")
        };
    }
    if !facts.readback {
        return Verdict::not_read_back();
    }
    if !launch.succeeded() && facts.declared.is(Capability::FailedData, "hidden") {
        return Verdict::inconclusive(
            "failed-data=hidden is declared: what it acknowledged cannot be seen",
        );
    }
    if let Some(why) = &after.unread {
        return Verdict::inconclusive(format!("read-back of {why}"));
    }
    let mut there = HashSet::new();
    for landed in scene.landed() {
        let Ok(rows) = &landed.rows else { continue };
        let read = rows.for_each(|row| {
            there.insert((&landed.stream, id_of(&json::read(row).unwrap_or_default())));
        });
        if let Err(error) = read {
            return Verdict::inconclusive(format!("read-back of {}: {error}", landed.stream));
        }
    }
    let why = if launch.succeeded() { "the sync succeeded" } else { "a state behind it came back" };
    let is_there =
        |stream, row: &str| there.contains(&(stream, id_of(&json::read(row).unwrap_or_default())));
    let gone = due.into_iter().filter(|(stream, row)| !is_there(*stream, row));
    let told = |(stream, row): (&Descriptor, String)| {
        let message = format!("{stream}: a record is gone, and {why}");
        Finding::new(message, super::shown(row.as_bytes()))
    };
    Verdict::from_findings(super::durable::told(gone.map(told).collect()))
}

/// The rows that have to be there: all of a sync that succeeded, and what another acknowledged.
fn due<'a>(scene: &Scene<'a>, launch: &Launch) -> Vec<(&'a Descriptor, String)> {
    let succeeded = launch.succeeded();
    let mut due = Vec::new();
    for stream in &scene.member.streams {
        bounds::each_record(launch, stream, |row, acknowledged, written| {
            if acknowledged.is_some() || succeeded && written {
                due.push((stream, row.to_owned()));
            }
        });
    }
    due
}

fn undeclared_mode(launch: &Launch, facts: &Facts) -> Verdict {
    let end = &launch.transcript.end;
    if end.stopped.is_some() {
        return Verdict::inconclusive("it did not end by itself");
    }
    if !launch.succeeded() {
        return if facts.writes_work {
            Verdict::Pass
        } else {
            Verdict::inconclusive("no write with a mode that the spec lists succeeded, either")
        };
    }
    let modes: Vec<_> =
        launch.streams.streams.iter().map(|s| s.destination_sync_mode.name()).collect();
    let message = format!("the spec does not list {}, and the sync succeeded", modes.join(" or "));
    Verdict::Fail(vec![Finding::on_end(message, launch)])
}

#[cfg(test)]
mod tests;
