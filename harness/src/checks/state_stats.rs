//! `destinationStats`: how many records a state stands for.

use serde_json::value::RawValue;

use super::state::name;
use super::{Check, Finding, Judge, Level, Verdict, WRITE};
use crate::evidence::{Facts, Launch};
use crate::protocol::json::{Numbers, is_integer, same_number};
use crate::protocol::message::{Object, State, StateKind};

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "state-stats-missing",
        level: Level::Should,
        since: "0.1.0",
        summary: "a state comes back with destinationStats.recordCount",
        platform: "cannot compare what was sent with what was stored",
        docs: include_str!("docs/state-stats-missing.md"),
        proved_by: "no-stats",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(missing),
    },
    Check {
        id: "state-stats-wrong",
        level: Level::Must,
        since: "0.1.0",
        summary: "recordCount and rejectedRecordCount add up to the records since the state before",
        platform: "reports records as lost, and fails the sync where that is made an error",
        docs: include_str!("docs/state-stats-wrong.md"),
        proved_by: "cumulative-stats",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(wrong),
    },
    Check {
        id: "state-stats-not-float",
        level: Level::Should,
        since: "0.1.0",
        summary: "the counts are written with a decimal point",
        platform: "reads a double; a reader that insists on one fails",
        docs: include_str!("docs/state-stats-not-float.md"),
        proved_by: "integer-stats",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(not_float),
    },
];

/// The counts of a state that came, as written.
struct Counts {
    records: String,
    rejected: Option<String>,
}

fn counts(state: &State) -> Option<Counts> {
    let counted: Object = serde_json::from_str(state.destination_stats.as_ref()?.get()).ok()?;
    let number = |key: &str| {
        let raw: &RawValue = counted.get(key)?;
        let is_number = raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit());
        is_number.then(|| raw.get().to_owned())
    };
    Some(Counts { records: number("recordCount")?, rejected: number("rejectedRecordCount") })
}

/// Judges every state that came and belongs to one that was sent.
fn each(
    launch: &Launch,
    mut fault: impl FnMut(&State, Option<Counts>, u64) -> Option<String>,
) -> Verdict {
    let mut seen = false;
    let mut findings = Vec::new();
    for (came, sent) in launch.ledger().pairs() {
        // LEGACY states are older than counts.
        if sent.state.kind == StateKind::Legacy {
            continue;
        }
        seen = true;
        if let Some(message) = fault(&came.state, counts(&came.state), sent.records) {
            findings.push(Finding::on_stdout(message, launch, came.line));
        }
    }
    if !seen {
        return Verdict::inconclusive("no state that was sent came back");
    }
    Verdict::from_findings(findings)
}

fn missing(launch: &Launch, _: &Facts) -> Verdict {
    each(launch, |state, counts, _| {
        counts.is_none().then(|| format!("{} has no destinationStats.recordCount", name(state)))
    })
}

fn wrong(launch: &Launch, _: &Facts) -> Verdict {
    let mut counted = false;
    let verdict = each(launch, |state, counts, records| {
        let counts = counts?;
        counted = true;
        let stored: f64 = counts.records.parse().ok()?;
        let rejected: f64 = counts.rejected.as_ref().map_or(Ok(0.0), |text| text.parse()).ok()?;
        let sum = (stored + rejected).to_string();
        (!same_number(&sum, &records.to_string(), Numbers::ByValue)).then(|| {
            format!("{} counts {sum} records; {records} went before it since the last", name(state))
        })
    });
    match verdict {
        Verdict::Pass if !counted => Verdict::inconclusive("no state came with counts"),
        verdict => verdict,
    }
}

fn not_float(launch: &Launch, _: &Facts) -> Verdict {
    let mut counted = false;
    let verdict = each(launch, |state, counts, _| {
        let counts = counts?;
        counted = true;
        let integer =
            is_integer(&counts.records) || counts.rejected.as_deref().is_some_and(is_integer);
        integer.then(|| format!("the counts of {} have no decimal point", name(state)))
    });
    match verdict {
        Verdict::Pass if !counted => Verdict::inconclusive("no state came with counts"),
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests;
