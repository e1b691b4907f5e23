//! Transcripts written by hand, for the tests of the checks.
//!
//! ```text
//! < a line of input
//! > a line of stdout
//! 2> a line of stderr
//! ! exit 1
//! ```
//!
//! Lines follow one another at a millisecond each. `! ` tells how it ended: `exit CODE`,
//! `signal NUMBER`, `stopped SECONDS` at our time limit, `interrupted`, `refused` its input;
//! without it the exit code is 0.

use crate::checks::{self, Judge, Verdict};
use crate::evidence::{Evidence, Facts, Launch, Purpose};
use crate::protocol::Operation;
use crate::protocol::catalog::Catalog;
use crate::scenario::{Sent, Step};
use crate::transcript::{Condition, Output, Stop, Transcript};

/// A launch of `write` with the streams `a` and `b` in its catalog.
pub fn write(script: &str) -> Launch {
    launch(Operation::Write, script)
}

/// A launch of `check`.
pub fn check(script: &str) -> Launch {
    launch(Operation::Check, script)
}

/// A launch that went as the script says. Space at the start of a line does not count.
pub fn launch(operation: Operation, script: &str) -> Launch {
    let mut transcript = Transcript::default();
    let mut steps = Vec::new();
    let mut refused = false;
    let mut at = 0;
    transcript.end.code = Some(0);
    for line in script.split('\n').map(str::trim_start) {
        at += 1000;
        // `>` alone is an empty line, or one that holds a carriage return.
        let (mark, text) = match line.strip_prefix('>') {
            Some(text) => (">", text.strip_prefix(' ').unwrap_or(text)),
            None => line.split_once(' ').unwrap_or((line, "")),
        };
        let output = || Output { at, bytes: text.as_bytes().to_vec() };
        match mark {
            "" => {}
            "<" => {
                steps.push(Step::Message(Sent::parse(text).unwrap()));
                transcript.written.push(at);
            }
            ">" => transcript.stdout.push(output()),
            "2>" => transcript.stderr.push(output()),
            "!" => {
                let (how, number) = text.split_once(' ').unwrap_or((text, "0"));
                let end = &mut transcript.end;
                end.code = None;
                match how {
                    "exit" => end.code = Some(number.parse().unwrap()),
                    "signal" => end.signal = Some(number.parse().unwrap()),
                    "stopped" => end.stopped = Some(Stop::TimeLimit(number.parse().unwrap())),
                    "interrupted" => end.stopped = Some(Stop::Interrupted),
                    "refused" => {
                        refused = true;
                        end.code = Some(0);
                    }
                    _ => panic!("no such end: {text}"),
                }
            }
            _ => panic!("no mark at the start of {line}"),
        }
    }
    let end = &mut transcript.end;
    let closed = Some(transcript.written.last().copied().unwrap_or(0));
    if refused {
        end.stdin_refused = closed;
    } else {
        end.stdin_closed = closed;
    }
    end.exited = at;
    let catalog = r#"{"streams":[
        {"stream":{"name":"a","json_schema":{}},"destination_sync_mode":"append"},
        {"stream":{"name":"b","json_schema":{}},"destination_sync_mode":"append"}]}"#;
    let streams: Catalog = match operation {
        Operation::Write => serde_json::from_str(catalog).unwrap(),
        _ => Catalog::default(),
    };
    Launch::new(operation, None, streams, steps, transcript)
}

/// The same launch under a condition.
pub fn under(condition: Condition, mut launch: Launch) -> Launch {
    launch.transcript.condition = condition;
    launch
}

/// The STATE of a stream.
pub fn state(id: u32, stream: &str, blob: &str) -> String {
    format!(
        r#"{{"type":"STATE","state":{{"type":"STREAM","id":{id},"stream":{{"stream_descriptor":{{"name":"{stream}"}},"stream_state":{blob}}},"sourceStats":{{"recordCount":1.0}}}}}}"#
    )
}

/// The same without the platform's id.
pub fn state_without_id(stream: &str, blob: &str) -> String {
    state(0, stream, blob).replace(r#""id":0,"#, "")
}

/// A GLOBAL STATE over streams with the blobs.
pub fn global(id: u32, streams: &[(&str, &str)]) -> String {
    let streams: Vec<_> = streams
        .iter()
        .map(|(name, blob)| {
            format!(r#"{{"stream_descriptor":{{"name":"{name}"}},"stream_state":{blob}}}"#)
        })
        .collect();
    format!(
        r#"{{"type":"STATE","state":{{"type":"GLOBAL","id":{id},"global":{{"shared_state":{{"lsn":{id}}},"stream_states":[{}]}}}}}}"#,
        streams.join(",")
    )
}

/// A RECORD.
pub fn record(stream: &str) -> String {
    format!(
        r#"{{"type":"RECORD","record":{{"stream":"{stream}","emitted_at":1,"data":{{"id":1}}}}}}"#
    )
}

/// A state as it comes back, with `destinationStats`.
pub fn counted(line: &str, stats: &str) -> String {
    let open = line.strip_suffix("}}").unwrap();
    format!(r#"{open},"destinationStats":{stats}}}}}"#)
}

/// The verdict of a check on a launch.
pub fn judge(id: &str, launch: Launch, facts: &Facts) -> Verdict {
    match checks::find(id).unwrap().judge {
        Judge::Launch(judge) => judge(&launch, facts),
        Judge::Trial(judge) => judge(
            &Evidence {
                trial: "trial".to_owned(),
                purpose: Purpose::CheckInvalid,
                config_note: Some("its port is a text".to_owned()),
                members: Vec::new(),
                launches: vec![launch],
            },
            facts,
        ),
        Judge::Landed(_) => panic!("{id} judges what landed"),
    }
}

/// Asserts a verdict: `pass`, `fail`, `inconclusive`, `not applicable`, `elsewhere`; what follows
/// a colon has to stand in the first finding's message, or in the reason.
pub fn assert_verdict(id: &str, wanted: &str, verdict: &Verdict) {
    let (word, words) = wanted.split_once(": ").unwrap_or((wanted, ""));
    let (is, told) = match verdict {
        Verdict::Pass => ("pass", ""),
        Verdict::Fail(findings) => ("fail", findings[0].message.as_str()),
        Verdict::NotApplicable(why) => ("not applicable", why.as_str()),
        Verdict::Inconclusive(why) => ("inconclusive", why.as_str()),
        Verdict::Elsewhere => ("elsewhere", ""),
    };
    assert!(is == word && told.contains(words), "{id}: not {wanted:?} but {verdict:?}");
}

/// Asserts the verdict of a check on each launch.
pub fn cases(id: &str, cases: impl IntoIterator<Item = (&'static str, Launch)>) {
    with_facts(id, &Facts::default(), cases);
}

/// The same, with what else the run knows.
pub fn with_facts(
    id: &str,
    facts: &Facts,
    cases: impl IntoIterator<Item = (&'static str, Launch)>,
) {
    for (nth, (wanted, launch)) in cases.into_iter().enumerate() {
        assert_verdict(&format!("{id}, case {nth}"), wanted, &judge(id, launch, facts));
    }
}

/// Asserts that no check of any family accuses a launch of anything.
pub fn nobody_accuses(launch: impl Fn() -> Launch, facts: &Facts) {
    let purpose = match launch().operation {
        Operation::Spec => Purpose::Spec,
        Operation::Check => Purpose::CheckWorking,
        Operation::Write => Purpose::Write,
    };
    for check in checks::all().filter(|check| check.on.contains(&purpose)) {
        if !matches!(check.judge, Judge::Landed(_)) {
            let verdict = judge(check.id, launch(), facts);
            assert!(!matches!(verdict, Verdict::Fail(_)), "{}: {verdict:?}", check.id);
        }
    }
}
