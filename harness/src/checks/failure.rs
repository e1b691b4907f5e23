//! How an operation ends, and how a failure is told.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::{ANY, Check, Finding, Judge, Level, Verdict, WRITES};
use crate::evidence::{Facts, Launch, Purpose};
use crate::protocol::Operation;
use crate::protocol::message::Body;
use crate::redact;
use crate::transcript::Stop;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "error-trace-incomplete",
        level: Level::Must,
        since: "0.1.0",
        summary: "a TRACE ERROR has a message, and a failure_type that exists",
        platform: "shows the user an empty error, or cannot read the trace at all",
        docs: include_str!("docs/error-trace-incomplete.md"),
        proved_by: "error-without-message",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(error_trace_incomplete),
    },
    Check {
        id: "failure-without-trace",
        level: Level::Should,
        since: "0.1.0",
        summary: "a failed write is told by a TRACE ERROR with a message for the user",
        platform: "can only tell the user that something went wrong",
        docs: include_str!("docs/failure-without-trace.md"),
        proved_by: "die-silently",
        companions: &[],
        on: WRITES,
        judge: Judge::Launch(failure_without_trace),
    },
    Check {
        id: "failure-exits-zero",
        level: Level::Must,
        since: "0.1.0",
        summary: "a write that failed exits non-zero",
        platform: "calls the sync complete",
        docs: include_str!("docs/failure-exits-zero.md"),
        proved_by: "fail-with-zero",
        companions: &[],
        on: WRITES,
        judge: Judge::Launch(failure_exits_zero),
    },
    Check {
        id: "success-exits-nonzero",
        level: Level::Must,
        since: "0.1.0",
        summary: "a success exits 0",
        platform: "fails the sync and repeats it",
        docs: include_str!("docs/success-exits-nonzero.md"),
        proved_by: "exit-one",
        companions: &["write-empty-catalog", "write-empty-input", "write-no-records"],
        on: &[Purpose::Spec, Purpose::CheckWorking, Purpose::Write],
        judge: Judge::Launch(success_exits_nonzero),
    },
    Check {
        id: "control-config-invalid",
        level: Level::Must,
        since: "0.1.0",
        summary: "the config in a CONTROL message validates against the spec",
        platform: "stores the broken config; the next sync starts with it",
        docs: include_str!("docs/control-config-invalid.md"),
        proved_by: "control-drops-required",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(control_config_invalid),
    },
    Check {
        id: "hangs",
        level: Level::Must,
        since: "0.1.0",
        summary: "it ends after the end of its input, with all that it started",
        platform: "waits until its heartbeat fails the sync, hours later",
        docs: include_str!("docs/hangs.md"),
        proved_by: "never-exits",
        companions: &[],
        // A spec that waits for input has a check of its own.
        on: &[
            Purpose::Spec,
            Purpose::CheckWorking,
            Purpose::CheckInvalid,
            Purpose::CheckUnreachable,
            Purpose::Write,
            Purpose::WriteInvalid,
        ],
        judge: Judge::Launch(hangs),
    },
];

fn error_trace_incomplete(launch: &Launch, _: &Facts) -> Verdict {
    const TYPES: [&str; 3] = ["system_error", "config_error", "transient_error"];
    let mut findings = Vec::new();
    let mut seen = false;
    for (at, error) in launch.errors() {
        seen = true;
        let message = error.and_then(|error| error.message.as_deref()).unwrap_or_default();
        if message.trim().is_empty() {
            findings.push(Finding::on_stdout("a TRACE ERROR has no error.message", launch, at));
        }
        if let Some(kind) = error.and_then(|error| error.failure_type.as_deref())
            && !TYPES.contains(&kind)
        {
            let what = format!("{kind:?} is no failure_type: one of {}", TYPES.join(", "));
            findings.push(Finding::on_stdout(what, launch, at));
        }
    }
    if !seen {
        return Verdict::inconclusive("it printed no TRACE ERROR");
    }
    Verdict::from_findings(findings)
}

/// Whether it ended by itself, and not with success.
fn failed_by_itself(launch: &Launch) -> bool {
    let end = &launch.transcript.end;
    end.stopped.is_none() && end.code != Some(0)
}

fn failure_without_trace(launch: &Launch, _: &Facts) -> Verdict {
    if launch.steps.is_empty() {
        return Verdict::Elsewhere; // write-empty-input has it for its matter.
    }
    if !failed_by_itself(launch) {
        return Verdict::inconclusive("it did not fail");
    }
    if launch.errors().next().is_none() {
        if launch.everything_came() {
            return Verdict::inconclusive("nothing but its exit code says that it failed");
        }
        return Verdict::Fail(vec![Finding::on_end("it failed without a TRACE ERROR", launch)]);
    }
    Verdict::Pass
}

fn failure_exits_zero(launch: &Launch, _: &Facts) -> Verdict {
    let Some((at, _)) = launch.errors().next() else {
        return Verdict::inconclusive("it told of no failure");
    };
    if launch.transcript.end.code == Some(0) {
        let message = "a TRACE ERROR came, and the exit code was 0";
        return Verdict::Fail(vec![Finding::on_stdout(message, launch, at)]);
    }
    if launch.transcript.end.stopped.is_some() {
        return Verdict::inconclusive("it did not end by itself: see hangs");
    }
    Verdict::Pass
}

fn success_exits_nonzero(launch: &Launch, _: &Facts) -> Verdict {
    if launch.operation == Operation::Write && !launch.sends_records() {
        return Verdict::Elsewhere; // write-empty-input and write-no-records have it.
    }
    if launch.errors().next().is_some() || !launch.everything_came() {
        return if launch.succeeded() {
            Verdict::Pass
        } else {
            Verdict::inconclusive("it did not succeed")
        };
    }
    let end = &launch.transcript.end;
    if end.stopped.is_some() {
        return Verdict::inconclusive("it did not end by itself");
    }
    if end.code == Some(0) {
        return Verdict::Pass;
    }
    let message = format!("all came that a success brings, and it ended with {}", end.describe());
    Verdict::Fail(vec![Finding::on_end(message, launch)])
}

fn control_config_invalid(launch: &Launch, facts: &Facts) -> Verdict {
    let controls: Vec<_> = launch
        .messages()
        .filter_map(|(at, message)| match &message.body {
            Body::Control(control) => Some((at, control)),
            _ => None,
        })
        .collect();
    if controls.is_empty() {
        return Verdict::not_applicable("it printed no CONTROL message");
    }
    let Some(schema) = facts.connection_specification() else {
        return Verdict::inconclusive("there is no spec to hold the config against");
    };
    let Ok(validator) = jsonschema::draft7::new(schema) else {
        return Verdict::inconclusive("the spec is no JSON Schema to hold the config against");
    };
    let mut findings = Vec::new();
    for (at, control) in controls {
        let Some(config) = control.pointer("/connectorConfig/config") else {
            findings.push(Finding::on_stdout("a CONTROL carries no config", launch, at));
            continue;
        };
        if let Some(error) = validator.iter_errors(config).find(|error| !is_about_a_secret(error)) {
            let what = format!(
                "the config in a CONTROL violates the spec at {:?}: {}",
                error.instance_path().to_string(),
                error.masked()
            );
            findings.push(Finding::on_stdout(what, launch, at));
        }
    }
    Verdict::from_findings(findings)
}

/// Whether an error may come from a secret alone: it stands replaced in the evidence, so that its
/// pattern or length cannot be told.
fn is_about_a_secret(error: &ValidationError) -> bool {
    fn holds_secret(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains(redact::MARKER),
            Value::Array(items) => items.iter().any(holds_secret),
            Value::Object(object) => object.values().any(holds_secret),
            _ => false,
        }
    }
    let joins = matches!(
        error.kind(),
        ValidationErrorKind::AnyOf { .. }
            | ValidationErrorKind::OneOfNotValid { .. }
            | ValidationErrorKind::OneOfMultipleValid { .. }
            | ValidationErrorKind::Not { .. }
            | ValidationErrorKind::Contains
    );
    (joins || error.instance().is_string()) && holds_secret(error.instance())
}

fn hangs(launch: &Launch, _: &Facts) -> Verdict {
    let end = &launch.transcript.end;
    let mut findings = Vec::new();
    match end.stopped {
        Some(Stop::TimeLimit(_)) if end.stdin_closed.is_none() && !launch.steps.is_empty() => {
            return Verdict::inconclusive("it stopped reading: see write-stops-reading");
        }
        Some(Stop::TimeLimit(limit)) => findings.push(Finding::on_end(
            format!("it had not ended {limit} s after the end of its input"),
            launch,
        )),
        Some(Stop::Interrupted) => return Verdict::inconclusive("the run was interrupted"),
        Some(Stop::LineLimit(_) | Stop::OutputLimit(_) | Stop::TooManyLines(_)) => {
            return Verdict::inconclusive("it was ended before it could end");
        }
        None => {}
    }
    for process in &end.left_behind {
        findings.push(Finding::new("a process that it started outlived it", process.clone()));
    }
    Verdict::from_findings(findings)
}

#[cfg(test)]
mod tests;
