//! Each fault shows, and shows only where it is meant to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, Run, dedup, record, state, stream};
use reference_destination::faults::{Fault, Kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All that a user of the destination can see of two syncs.
#[derive(PartialEq)]
struct Seen {
    codes: Vec<Option<i32>>,
    /// States by scope, in order.
    states: BTreeMap<String, Vec<String>>,
    /// Values of the rows by stream.
    rows: BTreeMap<&'static str, Vec<Value>>,
    /// Lines that are no states.
    others: Vec<String>,
    stderr: String,
}

const STREAMS: [&str; 5] = ["appended", "replaced", "keyed", "quiet", "stranger"];

fn row(stream: &str, id: u64, c: u64, more: &str) -> String {
    record(stream, c, &format!(r#"{{"id":{id},"c":{c},"text":" t ","more":{more}}}"#))
}

fn blob(stream: &str, id: u64, blob: &str) -> String {
    state(stream, id).replace(&format!(r#"{{"cursor":{id}}}"#), blob)
}

fn catalog() -> Vec<Value> {
    let names = [("appended", "append"), ("replaced", "overwrite"), ("quiet", "append")];
    let mut streams: Vec<_> =
        names.iter().map(|(name, mode)| stream(name, mode, &json!({}))).collect();
    streams.push(dedup("keyed"));
    streams
}

fn second() -> Vec<String> {
    let global = r#"{"type":"STATE","state":{"type":"GLOBAL","id":30,"global":{"stream_states":[{"stream_descriptor":{"name":"foreign"}}]}}}"#;
    let legacy = r#"{"type":"STATE","state":{"data":{"old":1}}}"#;
    let deletion = record("keyed", 9, r#"{"id":4,"c":9,"_ab_cdc_deleted_at":"t"}"#);
    vec![
        blob("appended", 1, r#"{"start":true}"#),
        row("appended", 3, 3, "null"),
        row("appended", 4, 4, "null"),
        state("appended", 2),
        row("appended", 5, 5, "null"),
        state("appended", 3),
        row("replaced", 8, 8, "null"),
        row("keyed", 1, 5, "\"same\""),
        row("keyed", 2, 3, "\"older\""),
        row("keyed", 3, 9, "\"newer\""),
        deletion,
        blob("keyed", 4, r#"{"big":9223372036854775809}"#)
            .replace(r#""id":4"#, r#""new":{},"id":4"#),
        blob("appended", 5, r#"{"cursor":1,"more":true}"#),
        blob("appended", 6, r#"{"cursor":2,"more":true}"#),
        blob("quiet", 7, "null"),
        global.to_owned(),
        legacy.to_owned(),
        row("appended", 6, 6, "null"),
    ]
}

fn see(fault: Option<&'static str>) -> Seen {
    let mut bench = Bench::new();
    let strangers = [stream("stranger", "append", &json!({}))];
    bench.good(&strangers, &[row("stranger", 1, 1, "null")]);
    bench.set_fault(fault);
    let check = bench.run("check");
    let keyed = [(1, "\"same\""), (2, "\"kept\""), (3, "\"old\""), (4, "\"gone\"")];
    let mut first: Vec<_> = keyed.iter().map(|(id, more)| row("keyed", *id, 5, more)).collect();
    first.extend([
        row("appended", 1, 1, "null"),
        row("replaced", 1, 1, "null"),
        state("keyed", 99),
    ]);
    let runs = [check, bench.write(&catalog(), &first), bench.write(&catalog(), &second())];
    bench.set_fault(None);
    let mut seen = Seen {
        codes: runs.iter().map(|run| run.code).collect(),
        states: BTreeMap::new(),
        rows: BTreeMap::new(),
        others: Vec::new(),
        stderr: runs.iter().map(|run| run.stderr.as_str()).collect(),
    };
    for line in runs.iter().flat_map(|run| &run.lines) {
        match serde_json::from_str::<Value>(line) {
            Ok(message) if message["type"] == "STATE" => {
                let scope = message["state"].pointer("/stream/stream_descriptor/name");
                let scope = scope.unwrap_or(&message["state"]["type"]).to_string();
                seen.states.entry(scope).or_default().push(line.clone());
            }
            _ => seen.others.push(line.clone()),
        }
    }
    for name in STREAMS {
        let rows = bench.rows(name).into_iter().map(|mut row| {
            let values = row.as_object_mut().unwrap();
            values.retain(|key, _| !key.starts_with("_airbyte_"));
            row
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(ToString::to_string);
        seen.rows.insert(name, rows);
    }
    seen
}

/// The faults that show in a plain run, and what of it they change.
#[test]
fn a_fault_shows_where_it_is_meant_to_and_nowhere_else() {
    let good = see(None);
    assert_eq!(good.codes, [Some(0); 3]);
    let [states, rows, others, codes] = ["states", "rows", "other messages", "exit codes"];
    let expected = |fault: &Fault| match fault {
        Fault::StatesOnStderr => vec!["stderr"],
        Fault::ExitOne => vec![codes],
        Fault::WriteForbidden | Fault::RefuseExtraFields => vec![states, rows, others, codes],
        Fault::ForgetLastFlush
        | Fault::FlushTwice
        | Fault::TrimStrings
        | Fault::HeaderRow
        | Fault::AppendTruncates
        | Fault::OverwriteAppends
        | Fault::OverwriteDropsStrangers
        | Fault::DedupWithinBatch
        | Fault::LastArrivalWins
        | Fault::IgnoreDeletes
        | Fault::InsertOnTie => vec![rows],
        Fault::InventFinalState
        | Fault::SwallowLastState
        | Fault::RepeatLastStates
        | Fault::ReorderStates
        | Fault::DropUnknownProperties
        | Fault::FloatStateId
        | Fault::FloatStateNumbers
        | Fault::PruneForeignDescriptors
        | Fault::SkipNullStates
        | Fault::SkipFirstState
        | Fault::SwallowLegacyStates
        | Fault::NoStats
        | Fault::CumulativeStats
        | Fault::IntegerStats => vec![states],
        // Seen only by whoever looks for it: `faults_of_*.rs` does.
        Fault::CheckOwnDefault
        | Fault::CheckLeavesTable
        | Fault::NeedsAStream
        | Fault::DropUnknownStreams
        | Fault::RefuseMissingFields
        | Fault::WrongTypeCrashes
        | Fault::GarbageEndsInput
        | Fault::RefuseUnknownTypes
        | Fault::StrictIntegers
        | Fault::LocaleEncoding
        | Fault::LineLimit
        | Fault::HalfLineIsALine
        | Fault::BoundedStateQueue
        | Fault::DropWhenBlocked
        | Fault::DropLoneSurrogates
        | Fault::UnknownModeAppends
        | Fault::DenyUnknownProperties
        | Fault::KeepAllRecords
        | Fault::FindByName
        | Fault::SanitiseNames
        | Fault::PlainNamesOnly
        | Fault::FreezeColumns
        | Fault::ExtractedAtNow
        | Fault::DropRecordMeta
        | Fault::NanosecondTimestamps
        | Fault::KeepGenerations
        | Fault::ZeroMeansAll
        | Fault::TruncateAtStart
        | Fault::TruncateBySync
        | Fault::AcknowledgeOnReceipt
        | Fault::FlushOneAcknowledgeAll
        | Fault::GlobalFlushesLatest
        | Fault::FinallyAcknowledge
        | Fault::IgnoreComplete
        | Fault::EofIsComplete
        | Fault::IncompleteIsComplete
        | Fault::IgnoreSigterm
        | Fault::MarkerOfRunning
        | Fault::IgnoreBrokenPipe
        | Fault::LingerAfterClose
        | Fault::LockForWholeSync
        | Fault::IgnoreCommitErrors
        // Seen only by whoever looks at the time, at failures or at an odd input.
        | Fault::ErrorWithoutMessage
        | Fault::DieSilently
        | Fault::FailWithZero
        | Fault::CheckSkipsValidation
        | Fault::CheckSkipsConnection
        | Fault::CheckFailsWordless
        | Fault::CheckCrashes
        | Fault::CheckDawdles
        | Fault::NeedsAMessage
        | Fault::NeedsARecord
        | Fault::HoldStatesToEnd
        | Fault::BufferStdout
        | Fault::PredictNextState => vec![],
        spec if spec.name().starts_with("spec-") && *spec != Fault::SpecInWrite => vec![],
        _ => vec![others],
    };
    let proofs = Fault::ALL.iter().filter(|fault| fault.kind() == Kind::Proof);
    for fault in proofs.filter(|fault| **fault != Fault::NeverExits) {
        let bad = see(Some(fault.name()));
        let differs = [
            (states, bad.states != good.states),
            (rows, bad.rows != good.rows),
            (others, bad.others != good.others),
            (codes, bad.codes != good.codes),
            ("stderr", bad.stderr != good.stderr),
        ];
        let differs: Vec<_> = differs.iter().filter(|pair| pair.1).map(|pair| pair.0).collect();
        assert_eq!(differs, expected(fault), "{}\n{:?}\n{:?}", fault.name(), bad.rows, bad.others);
        for (name, rows) in &bad.rows {
            let meant = match fault {
                Fault::DedupWithinBatch
                | Fault::LastArrivalWins
                | Fault::IgnoreDeletes
                | Fault::InsertOnTie => &["keyed"][..],
                Fault::AppendTruncates => &["appended"],
                Fault::OverwriteAppends => &["replaced"],
                Fault::OverwriteDropsStrangers => &["stranger"],
                _ => &["appended", "replaced", "quiet"],
            };
            let everywhere = matches!(fault, Fault::WriteForbidden | Fault::RefuseExtraFields);
            let same = *rows == good.rows[name];
            assert!(same || everywhere || meant.contains(name), "{} in {name}", fault.name());
        }
    }
}

#[test]
fn faults_of_failures_show_in_a_failure() {
    let fail = |fault| {
        let bench = Bench::faulty(fault);
        bench.write(&[stream("s", "append", &json!({}))], &["{".to_owned()])
    };
    let run = fail("fail-with-zero");
    assert_eq!((run.code, run.error().is_null()), (Some(0), false));
    let run = fail("die-silently");
    assert_eq!((run.code, run.error().is_null(), run.stderr.is_empty()), (Some(1), true, false));
    let run = fail("error-without-message");
    assert_eq!((run.code, &run.error()["message"]), (Some(1), &Value::Null));
}

#[test]
fn faults_of_odd_inputs_show_there() {
    let catalog = [stream("s", "append", &json!({}))];
    let states = [state("s", 1)];
    let code = |fault, lines: &[String]| Bench::faulty(fault).write(&catalog, lines).code;
    assert_eq!(code("needs-a-message", &[]), Some(101));
    assert_eq!(code("needs-a-message", &states), Some(0));
    assert_eq!(code("needs-a-record", &states), Some(101));
    assert_eq!(code("needs-a-record", &[]), Some(0));
}

#[test]
fn faults_of_check_show_in_a_failing_check() {
    let check = |fault, config: &Value| {
        let bench = Bench::faulty(fault);
        bench.configure(config);
        let run = bench.run("check");
        let status = run.messages("CONNECTION_STATUS").pop().unwrap_or_default();
        (run, status["connectionStatus"].clone())
    };
    let (invalid, unreachable) = (json!({"path": 7}), json!({"path": "no/such/a.db"}));
    let status = |(_, status): (Run, Value)| status["status"].clone();
    assert_eq!(status(check("check-skips-validation", &invalid)), "SUCCEEDED");
    assert_eq!(status(check("check-skips-validation", &unreachable)), "FAILED");
    assert_eq!(status(check("check-skips-connection", &unreachable)), "SUCCEEDED");
    assert_eq!(status(check("check-skips-connection", &invalid)), "FAILED");
    assert_eq!(status(check("write-forbidden", &unreachable)), "FAILED");
    assert_eq!(check("check-fails-wordless", &invalid).1, json!({"status": "FAILED"}));
    let (run, status) = check("check-crashes", &unreachable);
    assert_eq!((run.code, status), (Some(1), Value::Null));
    assert!(run.stderr.contains("Traceback"));
}

#[test]
fn a_prediction_comes_before_its_state_and_once() {
    let bench = Bench::faulty("predict-next-state");
    let states: Vec<_> =
        (1..=4).map(|id| blob("s", id, &format!(r#"{{"cursor":{id},"more":true}}"#))).collect();
    let mut child = bench.start(&[stream("s", "append", &json!({}))]);
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), format!("{}\n", states[0]).as_bytes())
        .unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    while lines.len() < 2 {
        let mut line = String::new();
        assert!(std::io::BufRead::read_line(&mut out, &mut line).unwrap() > 0);
        if line.contains(r#""STATE""#) {
            lines.push(line);
        }
    }
    assert!(lines[1].contains(r#""id":2"#), "before the second state went in: {}", lines[1]);
    child.kill().unwrap();
    child.wait().unwrap();
    let run = bench.good(&[stream("s", "append", &json!({}))], &states);
    let faultless = Bench::new().good(&[stream("s", "append", &json!({}))], &states);
    assert_eq!(run.states(), faultless.states());
}

#[test]
fn never_exits_does_everything_else() {
    let bench = Bench::faulty("never-exits");
    let mut child = bench.start(&[stream("s", "append", &json!({}))]);
    drop(child.stdin.take());
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("wrote 0 records") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut out, &mut line).unwrap() > 0);
    }
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}
