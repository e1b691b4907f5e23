//! How a write ends when it is ended: killed, asked to stop, without a reader, without COMPLETE.

use super::durable::{self, Matter, failed_by_itself, losses};
use super::generations;
use super::scene::works;
use super::{BROKEN, Check, Finding, Judge, Level, Scene, Verdict, WRITE};
use crate::aftermath::Aftermath;
use crate::bounds::{Breach, Due};
use crate::compare::Kind;
use crate::evidence::{Evidence, Facts, Launch};
use crate::scenario::capability::Capability;
use crate::scenario::{Disturbance, Step};
use crate::transcript::Stop;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "sigterm-ignored",
        level: Level::Should,
        since: "0.1.0",
        summary: "SIGTERM ends it within seconds",
        platform: "kills it when its patience is over; a deployment waits for that",
        docs: include_str!("docs/sigterm-ignored.md"),
        proved_by: "ignore-sigterm",
        companions: &[],
        on: BROKEN,
        judge: Judge::Launch(sigterm_ignored),
    },
    Check {
        id: "killed-then-stuck",
        level: Level::Must,
        since: "0.1.0",
        summary: "after a kill the next sync works, and what is sent again lands",
        platform: "fails every sync until somebody tidies up by hand",
        docs: include_str!("docs/killed-then-stuck.md"),
        proved_by: "marker-of-running",
        companions: &[],
        on: BROKEN,
        judge: Judge::Aftermath(killed_then_stuck),
    },
    Check {
        id: "broken-stdout-ignored",
        level: Level::Should,
        since: "0.1.0",
        summary: "a closed stdout ends it with a failure",
        platform: "calls the sync complete, and never heard of its states",
        docs: include_str!("docs/broken-stdout-ignored.md"),
        proved_by: "ignore-broken-pipe",
        companions: &[],
        on: BROKEN,
        judge: Judge::Launch(broken_stdout_ignored),
    },
    Check {
        id: "exit-slow",
        level: Level::Should,
        since: "0.1.0",
        summary: "it exits soon after the end of its output",
        platform: "waits, and then calls the sync failed although all of it is there",
        docs: include_str!("docs/exit-slow.md"),
        proved_by: "linger-after-close",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(exit_slow),
    },
    Check {
        id: "concurrent-syncs-interfere",
        level: Level::Should,
        since: "0.1.0",
        summary: "two syncs into different streams at once do not disturb each other",
        platform: "fails, or mixes up, the syncs of connections that meet",
        docs: include_str!("docs/concurrent-syncs-interfere.md"),
        proved_by: "lock-for-whole-sync",
        companions: &[],
        on: WRITE,
        judge: Judge::Scenario {
            claims: &[Kind::Lost, Kind::Altered, Kind::Invented, Kind::Duplicated],
            judge: concurrent_syncs,
        },
    },
    Check {
        id: "disk-full-silent",
        level: Level::Should,
        since: "0.1.0",
        summary: "a full disk fails loudly, and nothing is acknowledged beyond what landed",
        platform: "calls the sync complete, or goes on after states whose records are gone",
        docs: include_str!("docs/disk-full-silent.md"),
        proved_by: "ignore-commit-errors",
        companions: &[],
        on: BROKEN,
        judge: Judge::Aftermath(disk_full_silent),
    },
];

/// How long it may take to end after SIGTERM, in seconds: an engine kills it then.
const STOP_WITHIN_S: f64 = 10.0;

fn sigterm_ignored(launch: &Launch, _: &Facts) -> Verdict {
    if !launch.steps.iter().any(|step| matches!(step, Step::Disturb(Disturbance::Stop))) {
        return Verdict::Elsewhere;
    }
    let Some(asked) = launch.asked_to_stop() else {
        return Verdict::inconclusive(format!(
            "it had ended before it could be asked to stop: {}",
            launch.describe_end()
        ));
    };
    let end = &launch.transcript.end;
    let took = end.exited.saturating_sub(asked) as f64 / 1e6;
    if let Some(Stop::TimeLimit(_)) = end.stopped
        && took > STOP_WITHIN_S
    {
        let message = format!("it went on for {took:.1} s after SIGTERM, until it was killed");
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    if end.stopped.is_some() {
        return Verdict::inconclusive("it was ended before it could end");
    }
    if took > STOP_WITHIN_S {
        let message = format!("it ended {took:.1} s after SIGTERM; the limit is {STOP_WITHIN_S} s");
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    Verdict::Pass
}

fn killed_then_stuck(evidence: &Evidence, aftermath: &Aftermath, facts: &Facts) -> Verdict {
    let launches = &evidence.launches;
    let killed: Vec<usize> =
        (0..launches.len()).filter(|nth| launches[*nth].broken_off()).collect();
    let Some(first) = killed.first().filter(|first| **first + 1 < launches.len()) else {
        return Verdict::Elsewhere;
    };
    // A refresh that is not told COMPLETE fails with every right.
    let fails = |launch: &Launch| failed_by_itself(launch) && !generations::ends_incomplete(launch);
    if launches[..*first].iter().any(fails) {
        return Verdict::inconclusive("it failed before anything was killed, too");
    }
    // Once a sync has worked, the kill is got over: what fails later fails for another reason.
    let mut got_over = false;
    for nth in first + 1..launches.len() {
        let launch = &launches[nth];
        got_over = !launch.broken_off() && (got_over || launches[nth - 1].completed());
        if got_over {
            continue;
        }
        // One that did all its work, and then does not end, is the matter of hangs.
        if let Some(Stop::TimeLimit(limit)) = launch.transcript.end.stopped
            && !launch.broken_off()
            && !launch.everything_came()
        {
            let message = format!(
                "sync {}, after one that was killed, made no progress for {limit} s",
                nth + 1
            );
            return Verdict::Fail(vec![Finding::on_end(message, launch).of_launch(nth)]);
        }
        if fails(launch) {
            let message = format!("sync {}, after one that was killed, failed", nth + 1);
            return Verdict::Fail(vec![Finding::on_end(message, launch).of_launch(nth)]);
        }
    }
    let end = launches.len() - 1;
    if !launches[end].completed() {
        return Verdict::inconclusive("the last sync did not come to its end");
    }
    if !facts.readback {
        // That the sync works was seen; what it has landed was not.
        return Verdict::Pass;
    }
    let after = &aftermath.after[end];
    if let Some(why) = &after.unread {
        return Verdict::inconclusive(format!("read-back of {why}"));
    }
    let lost = losses(evidence, aftermath, end);
    let lost = lost.iter().filter(|loss| loss.matter == Matter::LostLater);
    let mut findings: Vec<_> = lost.map(|loss| durable::tell(loss, evidence)).collect();
    for stream in &after.streams {
        for breach in &stream.breaches {
            let (what, evidence) = match breach {
                Breach::Missing { due: Due::Acknowledged { .. }, .. } => continue,
                Breach::Missing { row, .. } => (
                    "a record has not landed that was sent again after a kill".to_owned(),
                    format!("sent {}; found nothing", super::shown(row.as_bytes())),
                ),
                Breach::Unsent { row } => {
                    ("a row is there that was never sent".to_owned(), super::shown(row.as_bytes()))
                }
                Breach::Surplus { row, most, found } => (
                    format!("a row is there {found} times that may be there {most} times"),
                    super::shown(row.as_bytes()),
                ),
            };
            let finding = Finding::new(format!("{}: {what}", stream.stream), evidence);
            findings.push(finding.of_launch(end));
        }
    }
    Verdict::from_findings(durable::told(findings))
}

fn broken_stdout_ignored(launch: &Launch, _: &Facts) -> Verdict {
    let is_close = |step: &Step| matches!(step, Step::Disturb(Disturbance::CloseOutput));
    if !launch.steps.iter().any(is_close) {
        return Verdict::Elsewhere;
    }
    let Some(closed) = Scene::sent_at(launch, is_close) else {
        return Verdict::inconclusive("it had ended before its stdout could be closed");
    };
    let end = &launch.transcript.end;
    if let Some(Stop::TimeLimit(limit)) = end.stopped {
        let message = format!("nobody read its stdout any more, and it hung for {limit} s");
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    if end.stopped.is_some() {
        return Verdict::inconclusive("it was ended before it could end");
    }
    let due = launch.ledger().written().filter(|sent| sent.at.is_some_and(|at| at > closed));
    let due = due.count();
    if due == 0 {
        return Verdict::inconclusive("no state was due after its stdout was closed");
    }
    if end.code == Some(0) {
        let message = format!(
            "its stdout was closed, {due} states were due after that, and it exited with 0"
        );
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    Verdict::Pass
}

fn exit_slow(launch: &Launch, facts: &Facts) -> Verdict {
    let end = &launch.transcript.end;
    if !launch.everything_came() && !launch.succeeded() {
        return Verdict::inconclusive("it did not succeed");
    }
    let (Some(closed), None) = (end.stdout_closed, end.stopped) else {
        return Verdict::inconclusive("the end of its output was not seen");
    };
    let took = end.exited.saturating_sub(closed) as f64 / 1e6;
    if took <= facts.exit_within_s {
        return Verdict::Pass;
    }
    let limit = facts.exit_within_s;
    let message =
        format!("it exited {took:.1} s after the end of its output; the limit is {limit} s");
    Verdict::Fail(vec![Finding::on_end(message, launch)])
}

fn concurrent_syncs(scene: &Scene, facts: &Facts) -> Verdict {
    if facts.declared.is(Capability::ConcurrentSyncs, "no") {
        return Verdict::not_applicable("concurrent-syncs=no is declared");
    }
    if scene.launches().len() < 2 {
        return Verdict::inconclusive("the two syncs did not run at the same time");
    }
    works(scene, facts)
}

fn disk_full_silent(evidence: &Evidence, aftermath: &Aftermath, facts: &Facts) -> Verdict {
    if !evidence.manner.full_disk {
        return Verdict::Elsewhere;
    }
    let (Some(launch), Some(after)) = (evidence.launches.last(), aftermath.after.last()) else {
        return Verdict::Elsewhere;
    };
    if let Some(Stop::TimeLimit(limit)) = launch.transcript.end.stopped {
        let message = format!("its disk was full, and it hung for {limit} s");
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    }
    if launch.transcript.end.stopped.is_some() {
        return Verdict::inconclusive("it was ended before it could end");
    }
    if !facts.readback {
        return Verdict::not_read_back();
    }
    if let Some(why) = &after.unread {
        return Verdict::inconclusive(format!("read-back of {why}"));
    }
    let missing: Vec<_> = after.missing().collect();
    if launch.succeeded() {
        let Some((stream, row, _)) = missing.first() else {
            return Verdict::inconclusive(
                "all rows are there: what it writes did not meet the limit of this machine's disk",
            );
        };
        let message = format!(
            "{}: it succeeded on a full disk, and {} records are not there",
            stream.stream,
            missing.len()
        );
        return Verdict::Fail(vec![Finding::new(message, super::shown(row.as_bytes()))]);
    }
    if let Some((stream, row, _)) = missing.first()
        && !facts.declared.is(Capability::FailedData, "hidden")
    {
        let message = format!(
            "{}: on a full disk it acknowledged {} records that are not there",
            stream.stream,
            missing.len()
        );
        return Verdict::Fail(vec![Finding::new(message, super::shown(row.as_bytes()))]);
    }
    Verdict::Pass
}

#[cfg(test)]
mod tests;
