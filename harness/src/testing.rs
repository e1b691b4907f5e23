//! Transcripts written by hand, for the tests of the checks.
//!
//! ```text
//! @ a append 2 2
//! < a line of input
//! << a piece of input, without a newline
//! <* {"stream":{"name":"a"},"records":100,"state_every":10}
//! ~ kill
//! > a line of stdout
//! 2> a line of stderr
//! ! exit 1
//! < a line that was to follow, and was never written
//! | a {"id":1}
//! ```
//!
//! Lines follow one another at a millisecond each. `<* ` is a recipe for many. `! ` tells how it
//! ended: `exit CODE`, `signal NUMBER`, `stopped SECONDS` at our time limit, `stuck SECONDS` the
//! same before it had taken all its input, `interrupted`, `killed` by us as the scenario asks,
//! `refused CODE` before its input had ended; without it the exit code is 0.
//!
//! `@` names a stream of the catalog, its sync mode and, if it has one, its generation and the
//! least one that is to stay; without such a line there are `a` and `b`, both in append. Where rows
//! are deduplicated `id` is their key and `v` their cursor.
//!
//! `~` is an instruction as in the messages of a scenario: what is done to the destination (`~
//! kill`, `~ stop`, `~ close-output`), or any other as JSON (`~ {"raw":"x"}`). `x<` and `x~` were
//! never written either, wherever they stand.
//!
//! `| STREAM ROW` is a row that was read back after it; `| STREAM` alone says that the stream was
//! read back and may have none, and `|! STREAM WHY` that it could not be. Without any of these the
//! streams were not read back; a `|` alone says that all of the catalog were.

use indexmap::IndexSet;
use serde_json::json;

use crate::aftermath::Aftermath;
use crate::checks::scene::Common;
use crate::checks::{self, Judge, Scene, Verdict, data};
use crate::compare::Kind;
use crate::evidence::{Evidence, Facts, Landed, Launch, Purpose, Rows};
use crate::protocol::Operation;
use crate::protocol::catalog::{Catalog, ConfiguredStream};
use crate::protocol::message::Descriptor;
use crate::scenario::load::step;
use crate::scenario::pack::Member;
use crate::scenario::{Disturbance, Sent, Step};
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
    let mut landed: Vec<Landed> = Vec::new();
    let mut streams = Vec::new();
    let mut all_read_back = false;
    let (mut refused, mut stuck, mut ended) = (false, false, false);
    let mut at = 0;
    transcript.end.code = Some(0);
    for line in script.split('\n').map(str::trim_start) {
        at += if ended { 0 } else { 1000 };
        // `>` alone is an empty line, or one that holds a carriage return.
        let (mark, text) = match line.strip_prefix('>') {
            Some(text) => (">", text.strip_prefix(' ').unwrap_or(text)),
            None => line.split_once(' ').unwrap_or((line, "")),
        };
        let output = || Output { at, bytes: text.as_bytes().to_vec() };
        match mark {
            "" => {}
            "<" | "<<" | "<*" => {
                steps.push(match mark {
                    "<" => Step::Message(Sent::parse(text).unwrap()),
                    "<<" => Step::Raw(text.to_owned()),
                    _ => Step::Bulk(serde_json::from_str(text).unwrap()),
                });
                if !ended {
                    transcript.written.push(at);
                }
            }
            "x<" => steps.push(Step::Message(Sent::parse(text).unwrap())),
            "x~" => steps.push(instruction(text)),
            "~" => {
                steps.push(instruction(text));
                transcript.written.push(at);
            }
            "@" => streams.push(configured(text)),
            "|" if text.trim().is_empty() => all_read_back = true,
            "|" | "|!" => {
                let (name, text) = text.split_once(' ').unwrap_or((text, ""));
                read_back(&mut landed, name, mark == "|", text);
            }
            ">" => transcript.stdout.push(output()),
            "2>" => transcript.stderr.push(output()),
            "!" => {
                let (how, number) = text.split_once(' ').unwrap_or((text, "0"));
                let end = &mut transcript.end;
                end.code = None;
                ended = true;
                match how {
                    "exit" => end.code = Some(number.parse().unwrap()),
                    "killed" => (end.killed, end.signal) = (Some(at), Some(9)),
                    "signal" => end.signal = Some(number.parse().unwrap()),
                    "stopped" | "stuck" => {
                        stuck = how == "stuck";
                        end.stopped = Some(Stop::TimeLimit(number.parse().unwrap()));
                    }
                    "interrupted" => end.stopped = Some(Stop::Interrupted),
                    "refused" => {
                        refused = true;
                        end.code = Some(number.parse().unwrap());
                    }
                    _ => panic!("no such end: {text}"),
                }
            }
            _ => panic!("no mark at the start of {line}"),
        }
    }
    let end = &mut transcript.end;
    let is_stop = |step: &Step| matches!(step, Step::Disturb(Disturbance::Stop));
    let closed = Some(transcript.written.last().copied().unwrap_or(0));
    if refused {
        end.stdin_refused = closed;
    } else if !stuck && end.killed.is_none() && !steps.iter().any(is_stop) {
        end.stdin_closed = closed;
    }
    end.exited = at;
    if streams.is_empty() && operation == Operation::Write {
        streams.extend(["a append", "b append"].map(configured));
    }
    let streams: Catalog = serde_json::from_value(json!({ "streams": streams })).unwrap();
    let mut launch = Launch::new(operation, None, streams, steps, transcript);
    if all_read_back {
        let streams = launch.streams.streams.iter().map(ConfiguredStream::descriptor);
        let unnamed = streams.filter(|of| landed.iter().all(|landed| landed.stream != *of));
        let empty = |stream| Landed { stream, rows: Ok(Rows::Lines(Vec::new())) };
        landed.extend(unnamed.map(empty).collect::<Vec<_>>());
    }
    launch.landed = landed;
    launch
}

/// The stream of this name, which has no namespace.
pub fn stream(name: &str) -> Descriptor {
    Descriptor { name: name.to_owned(), namespace: None }
}

/// The instruction of a `~` line.
fn instruction(text: &str) -> Step {
    let instruction = match text.strip_prefix('{') {
        Some(_) => text.to_owned(),
        None => json!({ "disturb": text }).to_string(),
    };
    step(&format!(r#"{{"touchdown":{instruction}}}"#)).unwrap()
}

/// The stream of an `@` line, as a catalog has it.
fn configured(text: &str) -> serde_json::Value {
    let words: Vec<_> = text.split(' ').collect();
    let number = |nth: usize| words.get(nth).map(|word| word.parse::<i64>().unwrap());
    json!({
        "stream": {"name": words[0], "json_schema": {}},
        "destination_sync_mode": words[1],
        "primary_key": [["id"]],
        "cursor_field": ["v"],
        "generation_id": number(2),
        "minimum_generation_id": number(3),
    })
}

/// Adds a row to what was read back of a stream, or why it was not; no text, no row.
fn read_back(landed: &mut Vec<Landed>, name: &str, is_row: bool, text: &str) {
    let stream = Descriptor { name: name.to_owned(), namespace: None };
    let at = landed.iter().position(|landed| landed.stream == stream).unwrap_or_else(|| {
        landed.push(Landed { stream, rows: Ok(Rows::Lines(Vec::new())) });
        landed.len() - 1
    });
    match &mut landed[at].rows {
        rows if !is_row => *rows = Err(text.to_owned()),
        Ok(Rows::Lines(rows)) if !text.is_empty() => rows.push(text.to_owned()),
        _ => {}
    }
}

/// The same launch with another catalog.
pub fn with_catalog(catalog: &serde_json::Value, mut launch: Launch) -> Launch {
    launch.streams = serde_json::from_value(catalog.clone()).unwrap();
    launch
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
    record_of(stream, r#"{"id":1}"#)
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
                config_note: Some("its port is a text".to_owned()),
                ..Evidence::new("trial", Purpose::CheckInvalid, vec![launch])
            },
            facts,
        ),
        Judge::Landed(_) | Judge::Scenario { .. } | Judge::Aftermath(_) => {
            scene_verdict(id, vec![launch], facts)
        }
    }
}

/// A run in which rows are read back, with what is declared of the connector.
pub fn read_back_facts(declared: &[&str]) -> Facts {
    let declared = crate::scenario::capability::Declared::parse(declared.iter().copied()).unwrap();
    Facts { readback: true, writes_work: true, declared, ..Facts::default() }
}

/// A scenario about a check: these launches are its syncs, and all their streams its own.
pub fn scenario(about: Option<&str>, launches: &[Launch]) -> Member {
    let mut streams: Vec<Descriptor> = Vec::new();
    for configured in launches.iter().flat_map(|launch| &launch.streams.streams) {
        let stream = configured.descriptor();
        if !streams.contains(&stream) {
            streams.push(stream);
        }
    }
    Member {
        scenario: "hand".to_owned(),
        streams,
        syncs: launches.len(),
        about: about.map(ToOwned::to_owned),
        at_once: false,
    }
}

/// The verdict of a check on the syncs of a scenario, by what had landed.
pub fn scene_verdict(id: &str, launches: Vec<Launch>, facts: &Facts) -> Verdict {
    scene_verdict_beside(id, launches, &[], facts)
}

/// The same, where other scenarios show differences of these kinds.
pub fn scene_verdict_beside(
    id: &str,
    mut launches: Vec<Launch>,
    common: &[Kind],
    facts: &Facts,
) -> Verdict {
    let check = checks::find(id).unwrap();
    let common = Common { kinds: common.iter().copied().collect(), ..Common::default() };
    let member = scenario(Some(id), &launches);
    for launch in &mut launches {
        launch.about = Some(id.to_owned());
    }
    let evidence = Evidence::new("trial", check.on[0], launches);
    let evidence = Evidence { members: vec![member.clone()], ..evidence };
    let breaks = evidence.purpose == Purpose::WriteBroken;
    let seen = if breaks { Vec::new() } else { data::see(&evidence, &member, facts) };
    let aftermath = breaks.then(|| Aftermath::of(&evidence, facts));
    match check.judge {
        Judge::Landed(kind) => data::judge(kind, &seen, facts).unwrap_or(Verdict::Elsewhere),
        Judge::Scenario { claims, judge } => {
            let (evidence, member, seen) = (&evidence, &member, seen.as_slice());
            let (common, aftermath) = (&common, aftermath.as_ref());
            judge(&Scene { evidence, member, seen, claims, common, aftermath }, facts)
        }
        Judge::Aftermath(judge) => judge(&evidence, &aftermath.unwrap(), facts),
        Judge::Launch(_) | Judge::Trial(_) => panic!("{id} judges no scenario"),
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
        if matches!(check.judge, Judge::Launch(_) | Judge::Trial(_)) {
            let verdict = judge(check.id, launch(), facts);
            assert!(!matches!(verdict, Verdict::Fail(_)), "{}: {verdict:?}", check.id);
        }
    }
}

/// A RECORD with these fields.
pub fn record_of(stream: &str, data: &str) -> String {
    format!(r#"{{"type":"RECORD","record":{{"stream":"{stream}","emitted_at":1,"data":{data}}}}}"#)
}

/// The evidence of syncs that need not succeed, each as its script says.
pub fn broken(scripts: &[String]) -> Evidence {
    let launches = scripts.iter().map(|script| write(script)).collect();
    Evidence::new("trial", Purpose::WriteBroken, launches)
}

/// The evidence of a scenario whose syncs have to succeed, each as its script says.
pub fn sound(scripts: &[String]) -> Evidence {
    let evidence = Evidence { purpose: Purpose::Write, ..broken(scripts) };
    let catalogs = evidence.launches.iter().flat_map(|launch| &launch.streams.streams);
    let member = Member {
        scenario: "scenario".to_owned(),
        streams: catalogs
            .map(ConfiguredStream::descriptor)
            .collect::<IndexSet<_>>()
            .into_iter()
            .collect(),
        syncs: scripts.len(),
        about: None,
        at_once: false,
    };
    Evidence { members: vec![member], ..evidence }
}

/// The verdict of a check on a whole trial: by what had landed after each of its syncs, where the
/// check asks for that; on its first scenario, where it judges scenarios.
pub fn judge_trial(id: &str, evidence: &Evidence, facts: &Facts) -> Verdict {
    let check = checks::find(id).unwrap();
    let see = || data::see(evidence, &evidence.members[0], facts);
    match check.judge {
        Judge::Aftermath(judge) => judge(evidence, &Aftermath::of(evidence, facts), facts),
        Judge::Scenario { claims, judge } => {
            let (member, seen, common) = (&evidence.members[0], see(), Common::default());
            let aftermath = Aftermath::of(evidence, facts);
            let aftermath = Some(&aftermath);
            judge(
                &Scene { evidence, member, seen: &seen, claims, common: &common, aftermath },
                facts,
            )
        }
        Judge::Landed(kind) => data::judge(kind, &see(), facts).unwrap_or(Verdict::Elsewhere),
        Judge::Launch(_) | Judge::Trial(_) => {
            check.judge_trial(evidence, facts).unwrap_or(Verdict::Elsewhere)
        }
    }
}

/// Asserts the verdict of a check on each trial of syncs that need not succeed.
pub fn trials(
    id: &str,
    facts: &Facts,
    trials: impl IntoIterator<Item = (&'static str, Vec<String>)>,
) {
    for (nth, (wanted, scripts)) in trials.into_iter().enumerate() {
        let verdict = judge_trial(id, &broken(&scripts), facts);
        assert_verdict(&format!("{id}, trial {nth}"), wanted, &verdict);
    }
}

/// A COMPLETE, or another word on a stream.
pub fn status(stream: &str, status: &str) -> String {
    format!(
        r#"{{"type":"TRACE","trace":{{"type":"STREAM_STATUS","emitted_at":1.0,"stream_status":{{"stream_descriptor":{{"name":"{stream}"}},"status":"{status}"}}}}}}"#
    )
}

/// A TRACE ERROR.
pub const ERROR: &str =
    r#"{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1.0,"error":{"message":"no"}}}"#;
