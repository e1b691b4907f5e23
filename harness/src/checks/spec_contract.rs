//! The spec as a contract: that it is what was reviewed, and that stored configurations survive it.

use serde_json::Value;
use similar::TextDiff;

use super::schema_walk::judge_spec;
use super::{Check, Finding, Judge, Level, SPEC, Verdict};
use crate::evidence::{Facts, Launch};
use crate::spec::canonical::printed;
use crate::spec::changes::Changes;

/// How many configs of the released spec are held against the new one.
const CONFIGS: usize = 1000;

/// The checks on what the spec was.
pub const CHECKS: &[Check] = &[
    Check {
        id: "spec-snapshot-changed",
        level: Level::Must,
        since: "0.1.0",
        summary: "the spec is the one that was reviewed",
        platform: "shows users a form that nobody has looked at",
        docs: include_str!("docs/spec-snapshot-changed.md"),
        proved_by: "spec-reworded",
        companions: &[],
        on: SPEC,
        judge: Judge::Launch(snapshot_changed),
    },
    Check {
        id: "spec-breaking-change",
        level: Level::Must,
        since: "0.1.0",
        summary: "no stored configuration is broken by what changed since the last release",
        platform: "keeps the configurations that users have stored: some are rejected with the new \
                   version, or no longer read in full",
        docs: include_str!("docs/spec-breaking-change.md"),
        proved_by: "spec-renamed-property",
        companions: &["spec-snapshot-changed"],
        on: SPEC,
        judge: Judge::Launch(breaking_change),
    },
];

fn snapshot_changed(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        let Some(reviewed) = &facts.reviewed else {
            return Verdict::not_applicable("no reviewed spec was given (--snapshots DIR)");
        };
        let (before, now) = (printed(reviewed), printed(spec));
        if before == now {
            return Verdict::Pass;
        }
        Verdict::Fail(vec![Finding::new(
            "the spec is not the one that was reviewed",
            difference(&before, &now),
        )])
    })
}

/// What differs, as a diff.
fn difference(before: &str, now: &str) -> String {
    const LINES: usize = 20;
    let diff = TextDiff::from_lines(before, now);
    let shown = diff.unified_diff().context_radius(1).to_string();
    let lines: Vec<_> = shown.lines().collect();
    let more = lines.len().saturating_sub(LINES);
    let rest = (more > 0).then(|| format!("… and {more} more lines"));
    let lines = lines[..lines.len() - more].iter().map(|line| (*line).to_owned());
    lines.chain(rest).collect::<Vec<_>>().join("\n")
}

fn breaking_change(launch: &Launch, facts: &Facts) -> Verdict {
    judge_spec(launch, facts, |spec| {
        let Some(released) = facts.released.as_ref().or(facts.reviewed.as_ref()) else {
            return Verdict::not_applicable(
                "no released spec was given (--against FILE, or --snapshots DIR)",
            );
        };
        match Changes::between(released, spec, CONFIGS, 0) {
            Ok(changes) if changes.tried == 0 && changes.breaking().next().is_none() => {
                let why =
                    "no config of the released spec could be drawn, to hold it against this one";
                Verdict::inconclusive(why)
            }
            Ok(changes) => judged(&changes),
            Err(why) => Verdict::inconclusive(format!("they cannot be compared: {why}")),
        }
    })
}

fn judged(changes: &Changes) -> Verdict {
    let shown = changes.counterexample.as_ref().map(|shown| {
        let Value::Object(_) = &shown.config else { return shown.config.to_string() };
        format!(
            "the config {} fits the released spec, and not this one: {}",
            shown.config, shown.error
        )
    });
    let findings = changes.breaking().enumerate().map(|(nth, change)| {
        let mut evidence = format!("{}: {}", change.pointer, change.kind);
        if let Some(shown) = shown.as_ref().filter(|_| nth == 0) {
            evidence = format!("{evidence}; {shown}");
        }
        Finding::new(change.reason.clone(), evidence)
    });
    Verdict::from_findings(findings.collect())
}

#[cfg(test)]
mod tests;
