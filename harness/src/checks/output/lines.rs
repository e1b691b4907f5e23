//! What a line is, before it is a message: JSON, UTF-8, one object and no more.

use crate::checks::{Finding, Verdict};
use crate::evidence::{Facts, Launch};
use crate::protocol::line::{Fault, Line};
use crate::protocol::message::TypeFault;

/// Judges line by line; without any line there is nothing to judge.
fn each_line(launch: &Launch, fault: impl Fn(&Line) -> Option<String>) -> Verdict {
    if launch.lines().iter().all(Line::is_blank) {
        return Verdict::inconclusive("it printed nothing on stdout");
    }
    let findings = launch.lines().iter().enumerate().filter_map(|(at, line)| {
        fault(line).map(|message| Finding::on_stdout(message, launch, at))
    });
    Verdict::from_findings(findings.collect())
}

pub fn not_json(launch: &Launch, _: &Facts) -> Verdict {
    let cut_off = launch.transcript.end.stopped;
    each_line(launch, |line| {
        line.faults.iter().find_map(|fault| match fault {
            Fault::NotJson(_) if line.text.contains("\u{1b}[") => Some(
                "a line with terminal colours is no JSON: is a logger writing to stdout?".into(),
            ),
            Fault::NotJson(_) if line.text.starts_with("Traceback") => {
                Some("a Python traceback on stdout: exceptions belong into a TRACE".into())
            }
            Fault::NotJson(error) => Some(match cut_off {
                Some(stop) => format!("a line is no JSON ({stop})"),
                None => format!("a line is no JSON: {error}"),
            }),
            Fault::NotObject => Some("a line is JSON, but no object".into()),
            Fault::Type(TypeFault::Missing) => Some(if line.text.contains("stream_descriptor") {
                "a state without its envelope {\"type\":\"STATE\",\"state\":…}".into()
            } else {
                "a line is a JSON object without a type: no protocol message".to_owned()
            }),
            _ => None,
        })
    })
}

pub fn two_messages(launch: &Launch, _: &Facts) -> Verdict {
    each_line(launch, |line| {
        line.faults.iter().find_map(|fault| match fault {
            Fault::Several(at) => Some(format!("a second message begins at byte {at} of a line")),
            _ => None,
        })
    })
}

pub fn unknown_type(launch: &Launch, _: &Facts) -> Verdict {
    each_line(launch, |line| {
        line.faults.iter().find_map(|fault| match fault {
            Fault::Type(TypeFault::Unknown(name)) => {
                Some(format!("{name:?} is none of the protocol's message types"))
            }
            _ => None,
        })
    })
}

pub fn not_utf8(launch: &Launch, _: &Facts) -> Verdict {
    each_line(launch, |line| {
        line.faults.iter().find_map(|fault| match fault {
            Fault::NotUtf8(at) => Some(format!("byte {at} of a line is not UTF-8")),
            _ => None,
        })
    })
}

pub fn not_strict_json(launch: &Launch, _: &Facts) -> Verdict {
    each_line(launch, |line| {
        line.faults.iter().find_map(|fault| match fault {
            Fault::NotStrict(what) => Some(what.clone()),
            _ => None,
        })
    })
}

pub fn carriage_return(launch: &Launch, _: &Facts) -> Verdict {
    each_line(launch, |line| {
        let text = line.text.strip_suffix('\r').unwrap_or(&line.text);
        text.contains('\r').then(|| "a carriage return stands inside a line".to_owned())
    })
}
