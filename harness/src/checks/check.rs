//! `check`: one status, the right one, in time, and a promise that `write` keeps.

use super::{CHECK_FAILING, CHECK_WORKING, Check, Finding, Judge, Level, Verdict, WRITE};
use crate::evidence::{Evidence, Facts, Launch, Purpose};
use crate::protocol::message::Kind;
use crate::transcript::Stop;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "check-status-missing",
        level: Level::Must,
        since: "0.1.0",
        summary: "check prints a CONNECTION_STATUS",
        platform: "fails the check with an error of its own",
        docs: include_str!("docs/check-status-missing.md"),
        proved_by: "status-absent",
        companions: &[],
        on: CHECK_WORKING,
        judge: Judge::Launch(status_missing),
    },
    Check {
        id: "check-status-repeated",
        level: Level::Must,
        since: "0.1.0",
        summary: "check prints one CONNECTION_STATUS, not more",
        platform: "takes one of them, and which one is not promised",
        docs: include_str!("docs/check-status-repeated.md"),
        proved_by: "status-twice",
        companions: &[],
        on: CHECKS_ALL,
        judge: Judge::Launch(status_repeated),
    },
    Check {
        id: "check-valid-config-failed",
        level: Level::Must,
        since: "0.1.0",
        summary: "a working config SUCCEEDS",
        platform: "does not let the user save the destination",
        docs: include_str!("docs/check-valid-config-failed.md"),
        proved_by: "check-always-fails",
        companions: &[],
        on: CHECK_WORKING,
        judge: Judge::Launch(valid_config_failed),
    },
    Check {
        id: "check-invalid-config-succeeded",
        level: Level::Must,
        since: "0.1.0",
        summary: "a config that violates the spec is FAILED",
        platform: "saves the broken config; every sync fails later",
        docs: include_str!("docs/check-invalid-config-succeeded.md"),
        proved_by: "check-skips-validation",
        companions: &[],
        on: &[Purpose::CheckInvalid],
        judge: Judge::Trial(bad_config_succeeded),
    },
    Check {
        id: "check-unreachable-succeeded",
        level: Level::Must,
        since: "0.1.0",
        summary: "a config that points nowhere is FAILED",
        platform: "saves the config; every sync fails later",
        docs: include_str!("docs/check-unreachable-succeeded.md"),
        proved_by: "check-skips-connection",
        companions: &[],
        on: &[Purpose::CheckUnreachable],
        judge: Judge::Trial(bad_config_succeeded),
    },
    Check {
        id: "check-failure-silent",
        level: Level::Should,
        since: "0.1.0",
        summary: "FAILED comes with a message",
        platform: "tells the user that it failed, and nothing else",
        docs: include_str!("docs/check-failure-silent.md"),
        proved_by: "check-fails-wordless",
        companions: &[],
        on: CHECK_FAILING,
        judge: Judge::Launch(failure_silent),
    },
    Check {
        id: "check-failure-crashes",
        level: Level::Should,
        since: "0.1.0",
        summary: "a failing check is a FAILED status and exit code 0",
        platform: "shows the user an internal error in place of the reason",
        docs: include_str!("docs/check-failure-crashes.md"),
        proved_by: "check-crashes",
        companions: &[],
        on: CHECK_FAILING,
        judge: Judge::Launch(failure_crashes),
    },
    Check {
        id: "check-slow",
        level: Level::Must,
        since: "0.1.0",
        summary: "check answers within its limit",
        platform: "gives up on the check after nine minutes",
        docs: include_str!("docs/check-slow.md"),
        proved_by: "check-dawdles",
        companions: &[],
        on: CHECKS_ALL,
        judge: Judge::Launch(slow),
    },
    Check {
        id: "check-passes-write-fails",
        level: Level::Must,
        since: "0.1.0",
        summary: "after SUCCEEDED a write with the same config works",
        platform: "fails the first sync of a destination that it called working",
        docs: include_str!("docs/check-passes-write-fails.md"),
        proved_by: "write-forbidden",
        companions: &["write-no-records"],
        on: WRITE,
        judge: Judge::Trial(passes_write_fails),
    },
    Check {
        id: "check-defaults-differ",
        level: Level::Should,
        since: "0.1.0",
        summary: "check and write take the same defaults for what is left out",
        platform: "saves a config with which every sync fails",
        docs: include_str!("docs/check-defaults-differ.md"),
        proved_by: "check-own-default",
        companions: &[],
        on: &[Purpose::CheckSparse],
        judge: Judge::Trial(defaults_differ),
    },
    Check {
        id: "check-leaves-residue",
        level: Level::Should,
        since: "0.1.0",
        summary: "check leaves nothing behind that a user sees as data",
        platform: "shows users a table of a test that they know nothing of",
        docs: include_str!("docs/check-leaves-residue.md"),
        proved_by: "check-leaves-table",
        companions: &[],
        on: CHECK_WORKING,
        judge: Judge::Launch(leaves_residue),
    },
];

/// Every `check` with a config that is complete.
const CHECKS_ALL: &[Purpose] =
    &[Purpose::CheckWorking, Purpose::CheckInvalid, Purpose::CheckUnreachable];

fn count(launch: &Launch) -> Vec<usize> {
    let statuses = launch.messages().filter(|(_, message)| message.kind == Kind::ConnectionStatus);
    statuses.map(|(at, _)| at).collect()
}

fn status_missing(launch: &Launch, _: &Facts) -> Verdict {
    if !count(launch).is_empty() {
        return Verdict::Pass;
    }
    Verdict::Fail(vec![Finding::on_end("check printed no CONNECTION_STATUS", launch)])
}

fn status_repeated(launch: &Launch, _: &Facts) -> Verdict {
    match count(launch)[..] {
        [] => Verdict::inconclusive("it printed no CONNECTION_STATUS"),
        [_] => Verdict::Pass,
        [_, ref more @ ..] => Verdict::Fail(
            more.iter()
                .map(|at| Finding::on_stdout("a further CONNECTION_STATUS", launch, *at))
                .collect(),
        ),
    }
}

fn valid_config_failed(launch: &Launch, _: &Facts) -> Verdict {
    let Some((at, status)) = launch.statuses().next() else {
        return Verdict::inconclusive("no status could be read");
    };
    if status.status == "SUCCEEDED" {
        return Verdict::Pass;
    }
    let why = status.message.as_deref().unwrap_or("no message");
    let message = format!("the working config is {}: {why}", status.status);
    Verdict::Fail(vec![Finding::on_stdout(message, launch, at)])
}

fn bad_config_succeeded(evidence: &Evidence, _: &Facts) -> Verdict {
    let note = evidence.config_note.as_deref().unwrap_or("the config is bad");
    let mut verdict = Verdict::Elsewhere;
    for (nth, launch) in evidence.launches.iter().enumerate() {
        verdict = verdict.and(match launch.statuses().next() {
            None => Verdict::inconclusive("no status could be read: see check-failure-crashes"),
            Some((at, status)) if status.status == "SUCCEEDED" => {
                let message = format!("check SUCCEEDED although {note}");
                Verdict::Fail(vec![Finding::on_stdout(message, launch, at).of_launch(nth)])
            }
            Some(_) => Verdict::Pass,
        });
    }
    verdict
}

fn failure_silent(launch: &Launch, _: &Facts) -> Verdict {
    match launch.statuses().next() {
        Some((at, status)) if status.status == "FAILED" => {
            if status.message.as_deref().is_some_and(|message| !message.trim().is_empty()) {
                Verdict::Pass
            } else {
                Verdict::Fail(vec![Finding::on_stdout("FAILED without a message", launch, at)])
            }
        }
        _ => Verdict::inconclusive("it was not FAILED"),
    }
}

fn failure_crashes(launch: &Launch, _: &Facts) -> Verdict {
    let end = &launch.transcript.end;
    if matches!(end.stopped, Some(Stop::TimeLimit(_) | Stop::Interrupted)) {
        return Verdict::inconclusive("it did not end by itself: see hangs");
    }
    let Some((at, status)) = launch.statuses().next() else {
        let message = "a config that cannot work ends check without a CONNECTION_STATUS";
        return Verdict::Fail(vec![Finding::on_end(message, launch)]);
    };
    if status.status != "FAILED" {
        return Verdict::inconclusive("it was not FAILED");
    }
    if end.code == Some(0) {
        return Verdict::Pass;
    }
    let message = format!("the status is FAILED, and yet it ended with {}", end.describe());
    Verdict::Fail(vec![Finding::on_stdout(message, launch, at)])
}

fn slow(launch: &Launch, facts: &Facts) -> Verdict {
    let took = launch.transcript.end.exited as f64 / 1e6;
    if took <= facts.check_within_s {
        return match launch.transcript.end.stopped {
            None => Verdict::Pass,
            Some(_) => Verdict::inconclusive("it was ended before its time was over"),
        };
    }
    let message = format!("check took {took:.1} s; its limit is {} s", facts.check_within_s);
    Verdict::Fail(vec![Finding::on_end(message, launch)])
}

fn passes_write_fails(evidence: &Evidence, facts: &Facts) -> Verdict {
    // Where it has failed in company, and alone in a scenario, that one tells it.
    if evidence.explained {
        return Verdict::Elsewhere;
    }
    let judge = |(nth, launch): (usize, &Launch)| write_fails(launch, facts).of_launch(nth);
    evidence.launches.iter().enumerate().map(judge).fold(Verdict::Elsewhere, Verdict::and)
}

fn write_fails(launch: &Launch, facts: &Facts) -> Verdict {
    // Old states have a check of their own, whose rule is no more than advice; and so has what a
    // scenario is about.
    if !launch.sends_records() || launch.sends_legacy_states() || launch.about.is_some() {
        return Verdict::Elsewhere;
    }
    match &facts.check {
        Some(status) if status.status == "SUCCEEDED" => {}
        _ => return Verdict::inconclusive("check did not succeed with this config"),
    }
    if launch.succeeded() {
        return Verdict::Pass;
    }
    if launch.everything_came() {
        return Verdict::inconclusive("all states came: how it ended is another check's matter");
    }
    match launch.transcript.end.stopped {
        Some(Stop::TimeLimit(_)) => {
            return Verdict::inconclusive("it did not end by itself: see hangs");
        }
        Some(Stop::Interrupted) => return Verdict::inconclusive("the run was interrupted"),
        _ => {}
    }
    let message = "check SUCCEEDED, and a write with the same config failed";
    Verdict::Fail(vec![Finding::on_end(message, launch)])
}

fn all_states_came(launch: &Launch) -> bool {
    launch.ledger().sent.iter().all(|sent| !sent.came.is_empty())
}

fn defaults_differ(evidence: &Evidence, facts: &Facts) -> Verdict {
    if facts.unreachable.as_ref().is_some_and(|status| status.status == "SUCCEEDED") {
        return Verdict::inconclusive(
            "check SUCCEEDED with nothing left out, too: see check-unreachable-succeeded",
        );
    }
    let Some(checked) = evidence.launches.first() else { return Verdict::Elsewhere };
    let note = evidence.config_note.as_deref().unwrap_or("what is optional is left out");
    let Some((at, status)) = checked.statuses().next() else {
        return Verdict::inconclusive("no status could be read: see check-failure-crashes");
    };
    if status.status != "SUCCEEDED" {
        return Verdict::Pass;
    }
    match evidence.launches.get(1) {
        None => Verdict::inconclusive("check SUCCEEDED, and no write was tried with that config"),
        Some(write) if write.succeeded() && all_states_came(write) => Verdict::Pass,
        Some(write) if write.transcript.end.stopped == Some(Stop::Interrupted) => {
            Verdict::inconclusive("the run was interrupted")
        }
        Some(write) => {
            let message =
                format!("check SUCCEEDED although {note}, and a write with that config failed");
            let mut finding = Finding::on_stdout(message, checked, at);
            finding.evidence = format!("{}; write: {}", finding.evidence, write.describe_end());
            Verdict::Fail(vec![finding.of_launch(0)])
        }
    }
}

fn leaves_residue(launch: &Launch, facts: &Facts) -> Verdict {
    match &facts.residue {
        None => Verdict::not_applicable(
            "nobody looked at what there is before and after it: give --inventory COMMAND",
        ),
        Some(Err(why)) => Verdict::inconclusive(format!("the inventory: {why}")),
        Some(Ok(more)) if more.is_empty() && !launch.everything_came() => {
            Verdict::inconclusive("check did not succeed: it may not have come to its probe")
        }
        Some(Ok(more)) => Verdict::from_findings(
            more.iter()
                .map(|thing| {
                    let message = "there is more after check than before it";
                    let evidence = format!("{thing}, after {}", launch.describe_end());
                    Finding::new(message, evidence)
                })
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests;
