//! States come back as they went in: blob, descriptor, id, and what nobody knows yet.

use super::state::{name, sent_line};
use super::{Check, Finding, Judge, Level, STATES_BACK, Verdict};
use crate::evidence::{Facts, Launch};
use crate::ledger::Kind;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "state-altered",
        level: Level::Must,
        since: "0.1.0",
        summary: "a state comes back as it went in, unknown properties included",
        platform: "stores the altered state; the source may not understand it",
        docs: include_str!("docs/state-altered.md"),
        proved_by: "drop-unknown-properties",
        companions: &[],
        on: STATES_BACK,
        judge: Judge::Launch(altered),
    },
    Check {
        id: "state-id-altered",
        level: Level::Must,
        since: "0.1.0",
        summary: "state.id comes back as the same JSON integer",
        platform: "throws and fails the sync",
        docs: include_str!("docs/state-id-altered.md"),
        proved_by: "float-state-id",
        companions: &[],
        on: STATES_BACK,
        judge: Judge::Launch(id_altered),
    },
    Check {
        id: "state-number-altered",
        level: Level::Must,
        since: "0.1.0",
        summary: "numbers inside the blob survive exactly",
        platform: "stores another cursor: records are skipped or sent again",
        docs: include_str!("docs/state-number-altered.md"),
        proved_by: "float-state-numbers",
        companions: &[],
        on: STATES_BACK,
        judge: Judge::Launch(number_altered),
    },
];

/// Judges all states that came by the differences of one kind.
fn echoed(launch: &Launch, kind: Kind) -> Verdict {
    let mut seen = false;
    let mut findings = Vec::new();
    for (came, sent) in launch.ledger().pairs() {
        let sent = &sent.state;
        let Some(differences) = &came.differences else { continue };
        seen = true;
        for difference in differences {
            if difference.kind == kind {
                let message = format!("{}: {}", name(sent), difference.what);
                let mut finding = Finding::on_stdout(message, launch, came.line);
                finding.evidence = format!("{}; came: {}", sent_line(sent), finding.evidence);
                findings.push(finding);
            }
        }
    }
    if !seen {
        return Verdict::inconclusive("no state that could be compared came back");
    }
    Verdict::from_findings(findings)
}

fn altered(launch: &Launch, _: &Facts) -> Verdict {
    echoed(launch, Kind::Value)
}

fn number_altered(launch: &Launch, _: &Facts) -> Verdict {
    echoed(launch, Kind::Number)
}

fn id_altered(launch: &Launch, _: &Facts) -> Verdict {
    let mut seen = false;
    let mut findings = Vec::new();
    for (came, sent) in launch.ledger().pairs() {
        let sent = &sent.state;
        let Some(id) = &sent.id else { continue };
        seen = true;
        match &came.state.id {
            Some(same) if same == id => {}
            Some(other) => {
                let message = format!("{} came back with id {other}", name(sent));
                findings.push(Finding::on_stdout(message, launch, came.line));
            }
            None => {
                let message = format!("{} came back without its id", name(sent));
                findings.push(Finding::on_stdout(message, launch, came.line));
            }
        }
    }
    if !seen {
        return Verdict::inconclusive("no state that was sent with an id came back");
    }
    Verdict::from_findings(findings)
}

#[cfg(test)]
mod tests;
