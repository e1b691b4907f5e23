//! What `write` must cope with.

use super::{Check, Finding, Judge, Level, Verdict, WRITE};
use crate::evidence::{Facts, Launch};

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "write-empty-input",
        level: Level::Must,
        since: "0.1.0",
        summary: "a write without any message succeeds",
        platform: "fails a sync whose source had nothing to say",
        docs: include_str!("docs/write-empty-input.md"),
        proved_by: "needs-a-message",
        companions: &["write-empty-catalog"],
        on: WRITE,
        judge: Judge::Launch(empty_input),
    },
    Check {
        id: "write-no-records",
        level: Level::Must,
        since: "0.1.0",
        summary: "states and statuses without records work",
        platform: "cannot clear a stream: the job fails each time",
        docs: include_str!("docs/write-no-records.md"),
        proved_by: "needs-a-record",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(no_records),
    },
];

fn empty_input(launch: &Launch, _: &Facts) -> Verdict {
    // A catalog without streams has a check of its own.
    if !launch.steps.is_empty() || launch.streams.streams.is_empty() {
        return Verdict::Elsewhere;
    }
    if launch.succeeded() {
        return Verdict::Pass;
    }
    if launch.transcript.end.stopped.is_some() {
        return Verdict::inconclusive("it did not end by itself: see hangs");
    }
    if launch.errors().next().is_some() {
        return Verdict::inconclusive(format!(
            "it refused loudly ({}); a destination that insists on COMPLETE may",
            launch.describe_end()
        ));
    }
    Verdict::Fail(vec![Finding::on_end("an empty input made it fail", launch)])
}

fn no_records(launch: &Launch, _: &Facts) -> Verdict {
    if launch.steps.is_empty() || launch.sends_records() {
        return Verdict::Elsewhere;
    }
    if launch.succeeded() {
        // Whether all states came is the matter of state-lost and state-null-blob-rejected.
        return Verdict::Pass;
    }
    if launch.transcript.end.stopped.is_some() {
        return Verdict::inconclusive("it did not end by itself: see hangs");
    }
    let message = "states and statuses without any record made it fail";
    Verdict::Fail(vec![Finding::on_end(message, launch)])
}

#[cfg(test)]
mod tests;
