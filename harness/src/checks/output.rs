//! What every operation prints: one protocol message a line, and nothing that is none of the
//! platform's business.

mod lines;

use serde_json::Value;

use super::{ANY, CONFIGURED, Check, Finding, Judge, Level, Verdict, WRITES};
use crate::evidence::{Facts, Launch};
use crate::protocol::Operation;
use crate::protocol::json;
use crate::protocol::line::Line;
use crate::protocol::message::{Body, Kind, Message};
use crate::protocol::schema;
use crate::redact;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "output-not-json",
        level: Level::Should,
        since: "0.1.0",
        summary: "every line of stdout is one JSON object",
        platform: "takes the line for a log line at best; a state printed so is lost",
        docs: include_str!("docs/output-not-json.md"),
        proved_by: "print-timings",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(lines::not_json),
    },
    Check {
        id: "output-two-messages-on-a-line",
        level: Level::Must,
        since: "0.1.0",
        summary: "one message a line",
        platform: "reads the first message and loses what follows it",
        docs: include_str!("docs/output-two-messages-on-a-line.md"),
        proved_by: "join-messages",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(lines::two_messages),
    },
    Check {
        id: "output-unknown-type",
        level: Level::Must,
        since: "0.1.0",
        summary: "a message's type is one of the protocol's nine",
        platform: "drops the message",
        docs: include_str!("docs/output-unknown-type.md"),
        proved_by: "unknown-message-type",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(lines::unknown_type),
    },
    Check {
        id: "output-type-case",
        level: Level::Advice,
        since: "0.1.0",
        summary: "a message's type is upper case, as in the schema",
        platform: "accepts any case; other readers of the protocol do not",
        docs: include_str!("docs/output-type-case.md"),
        proved_by: "lower-case-type",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(type_case),
    },
    Check {
        id: "output-payload-mismatch",
        level: Level::Must,
        since: "0.1.0",
        summary: "exactly the payload that the type names is filled",
        platform: "finds no payload and drops the message or fails the operation",
        docs: include_str!("docs/output-payload-mismatch.md"),
        proved_by: "misnamed-payload",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(payload_mismatch),
    },
    Check {
        id: "output-schema-violation",
        level: Level::Must,
        since: "0.1.0",
        summary: "a message validates against the protocol's schema",
        platform: "refuses the message, or reads it otherwise than it was meant",
        docs: include_str!("docs/output-schema-violation.md"),
        proved_by: "text-emitted-at",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(schema_violation),
    },
    Check {
        id: "output-not-utf8",
        level: Level::Must,
        since: "0.1.0",
        summary: "stdout is UTF-8",
        platform: "reads the bytes as replacement characters; a name or a state in them is altered",
        docs: include_str!("docs/output-not-utf8.md"),
        proved_by: "latin1-log",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(lines::not_utf8),
    },
    Check {
        id: "output-not-strict-json",
        level: Level::Must,
        since: "0.1.0",
        summary: "no NaN, no Infinity, no key twice in one object",
        platform: "cannot read the line as a message, or sees only one of the two values",
        docs: include_str!("docs/output-not-strict-json.md"),
        proved_by: "nan-in-log",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(lines::not_strict_json),
    },
    Check {
        id: "output-carriage-return",
        level: Level::Should,
        since: "0.1.0",
        summary: "no carriage return inside a line",
        platform: "ends the line there: neither half is a message",
        docs: include_str!("docs/output-carriage-return.md"),
        proved_by: "carriage-return",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(lines::carriage_return),
    },
    Check {
        id: "output-logged-record",
        level: Level::Should,
        since: "0.1.0",
        summary: "no log line repeats a record message",
        platform: "keeps users' data in logs that it was never meant for",
        docs: include_str!("docs/output-logged-record.md"),
        proved_by: "log-records",
        companions: &[],
        on: WRITES,
        judge: Judge::Launch(logged_record),
    },
    Check {
        id: "output-protocol-on-stderr",
        level: Level::Should,
        since: "0.1.0",
        summary: "stderr carries logs only",
        platform: "takes stderr for logs: a message printed there is not seen",
        docs: include_str!("docs/output-protocol-on-stderr.md"),
        proved_by: "states-on-stderr",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(protocol_on_stderr),
    },
    Check {
        id: "output-unexpected-type",
        level: Level::Should,
        since: "0.1.0",
        summary: "only message types that the operation may produce",
        platform: "ignores the message, or takes it for another operation's answer",
        docs: include_str!("docs/output-unexpected-type.md"),
        proved_by: "spec-in-write",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(unexpected_type),
    },
    Check {
        id: "output-secret-leaked",
        level: Level::Must,
        since: "0.1.0",
        summary: "no secret of the config in stdout or stderr",
        platform: "shows the secret in logs to everybody who may read them",
        docs: include_str!("docs/output-secret-leaked.md"),
        proved_by: "log-config",
        companions: &[],
        on: CONFIGURED,
        judge: Judge::Launch(secret_leaked),
    },
    Check {
        id: "log-level-missing",
        level: Level::Must,
        since: "0.1.0",
        summary: "a LOG has a level and a message",
        platform: "guesses a level, or cannot read the message as a log at all",
        docs: include_str!("docs/log-level-missing.md"),
        proved_by: "log-without-level",
        companions: &[],
        on: ANY,
        judge: Judge::Launch(log_level_missing),
    },
    Check {
        id: "emitted-stream-status",
        level: Level::Should,
        since: "0.1.0",
        summary: "a destination emits no STREAM_STATUS of its own",
        platform: "takes a status for the source's word on its stream",
        docs: include_str!("docs/emitted-stream-status.md"),
        proved_by: "emit-stream-status",
        companions: &[],
        on: WRITES,
        judge: Judge::Launch(emitted_stream_status),
    },
];

/// Judges message by message.
fn each_message(launch: &Launch, fault: impl Fn(&Message) -> Option<String>) -> Verdict {
    if !launch.spoke() {
        return Verdict::inconclusive("it printed no protocol message");
    }
    let findings = launch
        .messages()
        .filter_map(|(at, m)| fault(m).map(|message| Finding::on_stdout(message, launch, at)));
    Verdict::from_findings(findings.collect())
}

fn type_case(launch: &Launch, _: &Facts) -> Verdict {
    each_message(launch, |message| {
        (message.spelled != message.kind.name()).then(|| {
            format!("the type is spelled {:?}, not {:?}", message.spelled, message.kind.name())
        })
    })
}

fn payload_mismatch(launch: &Launch, _: &Facts) -> Verdict {
    each_message(launch, |message| {
        let payload = message.kind.payload();
        let other = message
            .filled
            .iter()
            .find(|key| *key != payload && Kind::ALL.iter().any(|(_, _, known)| key == known));
        if message.filled.iter().any(|key| key == payload) {
            return other.map(|other| format!("a {} carries {other:?}, too", message.kind));
        }
        let near = message.filled.first();
        let hint = near.map(|key| format!(" (it has {key:?})")).unwrap_or_default();
        Some(format!("a {} has no payload {payload:?}{hint}", message.kind))
    })
}

fn schema_violation(launch: &Launch, _: &Facts) -> Verdict {
    if !launch.spoke() {
        return Verdict::inconclusive("it printed no protocol message");
    }
    let mut findings = Vec::new();
    for (at, message) in launch.messages() {
        if !message.filled.iter().any(|key| key == message.kind.payload()) {
            continue; // Told by output-payload-mismatch.
        }
        let Some(mut value) = json::read(&launch.lines()[at].text) else {
            continue;
        };
        // The case of the type has its own check.
        value["type"] = Value::from(message.kind.name());
        for violation in schema::violations(&value) {
            if !told_elsewhere(message, &violation) {
                let what = format!("a {}{}: {}", message.kind, violation.pointer, violation.wanted);
                findings.push(Finding::on_stdout(what, launch, at));
            }
        }
    }
    Verdict::from_findings(findings)
}

/// Violations that are common enough to have a check of their own.
fn told_elsewhere(message: &Message, violation: &schema::Violation) -> bool {
    let pointer = violation.pointer.as_str();
    match message.kind {
        // log-level-missing
        Kind::Log => matches!(pointer, "/log" | "/log/level" | "/log/message"),
        // error-trace-incomplete
        Kind::Trace => {
            matches!(pointer, "/trace/error" | "/trace/error/message" | "/trace/error/failure_type")
        }
        // spec-not-json-schema, spec-no-sync-modes, spec-no-documentation-url
        Kind::Spec => [
            "/spec/connectionSpecification",
            "/spec/supported_destination_sync_modes",
            "/spec/documentationUrl",
        ]
        .iter()
        .any(|own| pointer.starts_with(own)),
        _ => false,
    }
}

/// Log messages that hold a RECORD message: found by its shape, not by any value, since a log may
/// well name a field.
fn logged_record(launch: &Launch, _: &Facts) -> Verdict {
    each_message(launch, |message| match &message.body {
        Body::Log(log) => {
            let text = log.message.as_deref().unwrap_or_default();
            let squeezed: String =
                text.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect();
            [r#""type":"RECORD""#, r#""record":{"#, r#""data":{"#]
                .iter()
                .all(|part| squeezed.contains(part))
                .then(|| "a log message repeats a RECORD".to_owned())
        }
        _ => None,
    })
}

fn protocol_on_stderr(launch: &Launch, _: &Facts) -> Verdict {
    let mut findings = Vec::new();
    for (at, output) in launch.transcript.stderr.iter().enumerate() {
        if !output.bytes.starts_with(b"{") {
            continue;
        }
        // A logger may well have a type of its own, such as "record": the payload tells.
        if let Some(message) = Line::read(&output.bytes).message
            && message.kind != Kind::Log
            && !matches!(message.body, Body::Unreadable)
        {
            findings.push(Finding::on_stderr(format!("a {} on stderr", message.kind), launch, at));
        }
    }
    if findings.is_empty() && !launch.spoke() && launch.transcript.stderr.is_empty() {
        return Verdict::inconclusive("it printed nothing at all");
    }
    Verdict::from_findings(findings)
}

fn unexpected_type(launch: &Launch, _: &Facts) -> Verdict {
    let operation = launch.operation;
    each_message(launch, |message| {
        let may = match message.kind {
            Kind::Log | Kind::Trace | Kind::Control => true,
            Kind::Spec => operation == Operation::Spec,
            Kind::ConnectionStatus => operation == Operation::Check,
            Kind::State => operation == Operation::Write,
            Kind::Record | Kind::Catalog | Kind::DestinationCatalog => false,
        };
        (!may).then(|| format!("a {} during {}", message.kind, operation.name()))
    })
}

fn secret_leaked(launch: &Launch, facts: &Facts) -> Verdict {
    if facts.secrets.is_empty() {
        return if facts.short_secrets.is_empty() {
            Verdict::not_applicable("the config holds no value that the spec marks airbyte_secret")
        } else {
            Verdict::inconclusive(format!(
                "{} is shorter than 8 characters: use a longer one in the test config",
                facts.short_secrets.join(", ")
            ))
        };
    }
    if launch.transcript.stderr.is_empty() && launch.lines().iter().all(Line::is_blank) {
        return Verdict::inconclusive("it printed nothing at all");
    }
    let mut findings = Vec::new();
    for (at, line) in launch.lines().iter().enumerate() {
        // A CONTROL hands the config to the platform, secrets included.
        let control = line.message.as_ref().is_some_and(|m| m.kind == Kind::Control);
        if !control && line.text.contains(redact::MARKER) {
            findings.push(Finding::on_stdout("a secret of the config on stdout", launch, at));
        }
    }
    for (at, output) in launch.transcript.stderr.iter().enumerate() {
        if memchr::memmem::find(&output.bytes, redact::MARKER.as_bytes()).is_some() {
            findings.push(Finding::on_stderr("a secret of the config on stderr", launch, at));
        }
    }
    Verdict::from_findings(findings)
}

fn log_level_missing(launch: &Launch, _: &Facts) -> Verdict {
    const LEVELS: [&str; 6] = ["FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
    let verdict = each_message(launch, |message| {
        if message.kind != Kind::Log || !message.filled.iter().any(|key| key == "log") {
            return None;
        }
        let Body::Log(log) = &message.body else {
            return Some("a LOG is no object".to_owned());
        };
        match (&log.level, &log.message) {
            (None, _) => Some("a LOG has no level".to_owned()),
            (_, None) => Some("a LOG has no message".to_owned()),
            (Some(level), _) if !LEVELS.contains(&level.as_str()) => {
                Some(format!("{level:?} is no level: one of {}", LEVELS.join(", ")))
            }
            _ => None,
        }
    });
    let seen = launch.messages().any(|(_, message)| message.kind == Kind::Log);
    match verdict {
        Verdict::Pass if !seen => Verdict::inconclusive("it printed no LOG"),
        verdict => verdict,
    }
}

fn emitted_stream_status(launch: &Launch, _: &Facts) -> Verdict {
    each_message(launch, |message| match &message.body {
        Body::Trace(trace) if trace.kind == "STREAM_STATUS" => {
            Some("a STREAM_STATUS came from the destination".to_owned())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
