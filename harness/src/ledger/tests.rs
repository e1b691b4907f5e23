use super::*;
use crate::scenario::bulk::Bulk;
use crate::testing::{global, record, state, state_without_id, write};

/// For each state that came, the place of the sent one that it is taken for.
fn owners(sent: &[&str], came: &[&str]) -> Vec<Option<usize>> {
    let lines = sent.iter().map(|line| format!("< {line}\n"));
    let script: String = lines.chain(came.iter().map(|line| format!("> {line}\n"))).collect();
    let launch = write(&script);
    let ledger = launch.ledger();
    for (line, came) in ledger.came.iter().enumerate() {
        assert_eq!(came.line, line);
        if let Some(sent) = came.sent {
            assert!(ledger.sent[sent].came.contains(&line));
        }
    }
    ledger.came.iter().map(|came| came.sent).collect()
}

#[test]
fn an_id_tells_however_it_is_spelled() {
    let (one, two) = (state(1, "a", r#"{"c":1}"#), state(20, "a", r#"{"c":2}"#));
    let sent = [one.as_str(), &two];
    for id in ["20", "20.0", "\"20\"", "2e1", "20.00", "\"20.0\""] {
        // The id tells even where the rest is altered beyond recognition.
        let came = state(20, "b", r#"{"x":0}"#).replace(":20,", &format!(":{id},"));
        assert_eq!(owners(&sent, &[&came]), [Some(1)], "{id}");
    }
    assert_eq!(owners(&sent, &[&two, &one]), [Some(1), Some(0)]);
    assert_eq!(owners(&sent, &[&one, &one]), [Some(0), Some(0)]);
}

#[test]
fn without_an_id_the_value_tells() {
    let of = |blob: &str| state_without_id("a", blob);
    let (one, two) = (state(1, "a", r#"{"c":1,"d":1}"#), state(2, "a", r#"{"c":2,"d":1}"#));
    let sent = [one.as_str(), &two];
    for (came, owner) in [
        (of(r#"{"d":1,"c":2}"#), Some(1)),
        (of(r#"{"d":1.0,"c":2e0}"#), Some(1)),
        // The id of nobody.
        (state(77, "a", r#"{"c":2,"d":1}"#), Some(1)),
        // Only its numbers are altered: the first that fits and has not come.
        (of(r#"{"c":3,"d":1}"#), Some(0)),
        (of(r#"{"c":3,"d":"1"}"#), Some(0)),
        (of(r#"{"c":2}"#), None),
        (of(r#"{"c":2,"d":"x","e":1}"#), None),
        (state_without_id("b", r#"{"c":2,"d":1}"#), None),
        (
            of(r#"{"c":2,"d":1}"#).replace(r#""name":"a""#, r#""name":"a","namespace":null"#),
            Some(1),
        ),
        (of(r#"{"c":2,"d":1}"#).replace(r#""name":"a""#, r#""name":"a","namespace":"""#), None),
    ] {
        assert_eq!(owners(&sent, &[&came]), [owner], "{came}");
    }
}

#[test]
fn states_alike_are_told_apart_by_their_order() {
    let (same, other) = (state_without_id("a", r#"{"c":1}"#), state_without_id("a", r#"{"c":2}"#));
    let sent = [same.as_str(), &other, &same];
    assert_eq!(owners(&sent, &[&same, &other, &same]), [Some(0), Some(1), Some(2)]);
    assert_eq!(owners(&sent, &[&other, &same]), [Some(1), Some(2)]);
    assert_eq!(owners(&sent, &[&same, &same, &same]), [Some(0), Some(2), Some(2)]);
    assert_eq!(owners(&sent, &[&other, &other]), [Some(1), Some(1)]);
}

#[test]
fn global_and_old_states_are_told_by_all_that_they_hold() {
    let bare = |streams: &[(&str, &str)]| global(7, streams).replace(r#""id":7,"#, "");
    let (a, b) = (("a", r#"{"c":1}"#), ("b", "null"));
    let sent = bare(&[a, b]);
    assert_eq!(owners(&[&sent], &[&bare(&[b, a])]), [Some(0)]);
    assert_eq!(owners(&[&sent], &[&sent.replace("\"lsn\":7", "\"lsn\":8")]), [Some(0)]);
    assert_eq!(owners(&[&sent], &[&sent.replace("\"lsn\"", "\"pos\"")]), [None]);
    assert_eq!(owners(&[&sent], &[&bare(&[a])]), [None]);
    let old = r#"{"type":"STATE","state":{"data":{"a":{"c":1}}}}"#;
    let typed = r#"{"type":"STATE","state":{"type":"LEGACY","data":{"a":{"c":1.0}}}}"#;
    assert_eq!(owners(&[old], &[typed]), [Some(0)]);
    assert_eq!(owners(&[old], &[&old.replace("\"a\"", "\"b\"")]), [None]);
}

#[test]
fn records_are_counted_for_the_state_that_covers_them() {
    let (a, b) = (record("a"), record("b"));
    let (a1, b2) = (state(1, "a", "{}"), state(2, "b", "{}"));
    let launch = write(&format!("< {a1}\n< {a}\n< {b}\n< {a}\n< {a1}\n< {a}\n< {b2}"));
    let counted: Vec<_> = launch
        .ledger()
        .sent
        .iter()
        .map(|sent| (sent.records, sent.before_records, sent.at))
        .collect();
    assert_eq!(counted, [(0, true, Some(1000)), (2, false, Some(5000)), (1, false, Some(7000))]);
}

#[test]
fn many_states_are_matched_in_no_time() {
    let bulk = Bulk {
        before: 0,
        stream: serde_json::from_str(r#"{"name":"a"}"#).unwrap(),
        records: 100_003,
        state_every: 5,
        first_state_id: None,
        line: 0,
        state_line: 0,
        skip: 0,
    };
    for first_state_id in [Some(1), None] {
        let bulk = Bulk { first_state_id, ..bulk.clone() };
        let came: Vec<_> = (0..bulk.states()).map(|nth| format!("> {}", bulk.state(nth))).collect();
        let mut launch = write(&came.join("\n"));
        launch.steps = vec![Step::Bulk(bulk)];
        let ledger = launch.ledger();
        assert_eq!(ledger.sent.len(), 20_000);
        assert!(ledger.came.iter().enumerate().all(|(nth, came)| came.sent == Some(nth)));
        assert!(ledger.sent.iter().all(|sent| sent.records == 5 && sent.at.is_none()));
        for id in ["state-reordered", "state-lost", "state-repeated"] {
            let crate::checks::Judge::Launch(judge) = crate::checks::find(id).unwrap().judge else {
                panic!()
            };
            let verdict = judge(&launch, &crate::evidence::Facts::default());
            assert_eq!(verdict, crate::checks::Verdict::Pass, "{id}");
        }
    }
}
