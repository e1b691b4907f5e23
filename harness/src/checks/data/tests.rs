use super::*;
use crate::evidence::{Landed, Launch, Purpose, Rows};
use crate::protocol::Operation;
use crate::scenario::{Sent, Step};
use crate::testing::assert_verdict;
use crate::transcript::{End, Transcript};

/// One sync of the stream `s`: its mode, what was sent, and what was there after it.
type Sync<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

const A: &str = r#"{"id":1,"v":"a","c":1}"#;
const B: &str = r#"{"id":1,"v":"b","c":2}"#;
const C: &str = r#"{"id":2,"v":"c","c":1}"#;
const D: &str = r#"{"id":1,"v":"d","c":3,"_ab_cdc_deleted_at":"2026-01-01"}"#;

fn stream() -> Descriptor {
    Descriptor { name: "s".to_owned(), namespace: None }
}

/// A launch; in mode `none` the stream is not in the catalog.
fn launch((mode, sent, landed): Sync) -> Launch {
    let name = if mode == "none" { "other" } else { "s" };
    let mode = if mode == "none" { "overwrite" } else { mode };
    let dedup = mode == "append_dedup";
    let catalog = serde_json::json!({"streams": [{
        "stream": {"name": name, "json_schema": {}},
        "destination_sync_mode": mode,
        "primary_key": if dedup { vec![vec!["id"]] } else { vec![] },
        "cursor_field": if dedup { vec!["c"] } else { vec![] },
    }]});
    let steps = sent.iter().map(|row| {
        let line =
            format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{row},"emitted_at":1}}}}"#);
        Step::Message(Sent::parse(&line).unwrap())
    });
    let transcript =
        Transcript { end: End { code: Some(0), ..End::default() }, ..Transcript::default() };
    let streams = serde_json::from_value(catalog).unwrap();
    let mut launch = Launch::new(Operation::Write, None, streams, steps.collect(), transcript);
    launch.landed = vec![Landed {
        stream: stream(),
        rows: Ok(Rows::Lines(landed.iter().map(ToString::to_string).collect())),
    }];
    launch
}

fn evidence(syncs: &[Sync]) -> (Evidence, Member) {
    let member = Member {
        scenario: "hand".to_owned(),
        streams: vec![stream()],
        syncs: syncs.len(),
        about: None,
        at_once: false,
    };
    let launches = syncs.iter().map(|sync| launch(*sync)).collect();
    let evidence = Evidence::new("hand", Purpose::Write, launches);
    (Evidence { members: vec![member.clone()], ..evidence }, member)
}

fn facts() -> Facts {
    Facts { readback: true, ..Facts::default() }
}

/// Asserts a check's verdict; `elsewhere` where the scenario cannot show it.
fn assert_check(id: &str, wanted: &str, (evidence, member): &(Evidence, Member), facts: &Facts) {
    let check = CHECKS.iter().find(|check| check.id == id).unwrap();
    let Judge::Landed(kind) = check.judge else { panic!("{id}") };
    let verdict = judge(kind, &see(evidence, member, facts), facts).unwrap_or(Verdict::Elsewhere);
    assert_verdict(id, wanted, &verdict);
}

#[test]
fn each_check_passes_fails_and_stays_out_of_it() {
    const ADD: &str = "append";
    const OVER: &str = "overwrite";
    const DEDUP: &str = "append_dedup";
    let rows: &[(&str, &str, &[Sync])] = &[
        ("data-lost", "pass", &[(ADD, &[A, C], &[C, A])]),
        (
            "data-lost",
            "fail: a record has not landed (2 rows wanted, 1 found)",
            &[(ADD, &[A, C], &[A])],
        ),
        ("data-lost", "elsewhere", &[(ADD, &[], &[])]),
        ("data-duplicated", "pass", &[(ADD, &[A, A], &[A, A])]),
        ("data-duplicated", "fail: more often than it was sent", &[(OVER, &[A], &[A, A])]),
        ("data-duplicated", "elsewhere", &[(DEDUP, &[A], &[A])]),
        (
            "data-altered",
            "pass",
            &[(ADD, &[A], &[r#"{"c":1.0,"v":"a","id":1,"_airbyte_raw_id":"x"}"#])],
        ),
        ("data-altered", "fail: with other values", &[(ADD, &[A], &[r#"{"id":1,"v":"A","c":1}"#])]),
        ("data-altered", "elsewhere", &[(ADD, &[], &[])]),
        ("data-invented", "pass", &[(ADD, &[], &[])]),
        ("data-invented", "elsewhere", &[("none", &[], &[A])]),
        ("data-invented", "fail: was never sent", &[(ADD, &[], &[A])]),
        (
            "data-invented",
            "fail: after sync 2",
            &[(ADD, &[A], &[A]), (ADD, &[], &[A, r#"{"x":1}"#])],
        ),
        ("append-replaced-data", "pass", &[(ADD, &[A], &[A]), (ADD, &[C], &[A, C])]),
        (
            "append-replaced-data",
            "fail: gone after an append",
            &[(ADD, &[A], &[A]), (ADD, &[C], &[C])],
        ),
        ("append-replaced-data", "elsewhere", &[(ADD, &[A], &[A])]),
        ("overwrite-kept-data", "pass", &[(OVER, &[A], &[A]), (OVER, &[C], &[C])]),
        ("overwrite-kept-data", "pass", &[(OVER, &[A], &[A]), (OVER, &[], &[])]),
        (
            "overwrite-kept-data",
            "fail: there after an overwrite",
            &[(OVER, &[A], &[A]), (OVER, &[C], &[A, C])],
        ),
        ("overwrite-kept-data", "elsewhere", &[(OVER, &[A], &[A])]),
        ("overwrite-touched-neighbour", "pass", &[(OVER, &[A], &[A]), ("none", &[], &[A])]),
        (
            "overwrite-touched-neighbour",
            "fail: a stream that the sync did not name",
            &[(OVER, &[A], &[A]), ("none", &[], &[])],
        ),
        ("overwrite-touched-neighbour", "elsewhere", &[(OVER, &[A], &[A])]),
        ("dedup-kept-duplicates", "pass", &[(DEDUP, &[A, B], &[B])]),
        ("dedup-kept-duplicates", "fail: beside the newest", &[(DEDUP, &[A, B], &[A, B])]),
        ("dedup-kept-duplicates", "elsewhere", &[(DEDUP, &[A, C], &[A, C])]),
        ("dedup-wrong-winner", "pass", &[(DEDUP, &[B, A], &[B])]),
        ("dedup-wrong-winner", "fail: in place of the newest", &[(DEDUP, &[B, A], &[A])]),
        ("dedup-wrong-winner", "elsewhere", &[(ADD, &[A, B], &[A, B])]),
        ("dedup-ignored-delete", "pass", &[(DEDUP, &[A, C, D], &[C])]),
        ("dedup-ignored-delete", "fail: a deleted row is there", &[(DEDUP, &[A, C, D], &[A, C])]),
        ("dedup-ignored-delete", "elsewhere", &[(DEDUP, &[A, B], &[B])]),
        ("dedup-not-idempotent", "pass", &[(DEDUP, &[A], &[A]), (DEDUP, &[A], &[A])]),
        (
            "dedup-not-idempotent",
            "fail: landed again",
            &[(DEDUP, &[A], &[A]), (DEDUP, &[A], &[A, A])],
        ),
        ("dedup-not-idempotent", "elsewhere", &[(DEDUP, &[A, B], &[B])]),
    ];
    for (id, wanted, syncs) in rows {
        assert_check(id, wanted, &evidence(syncs), &facts());
    }
    for check in CHECKS {
        for word in ["pass", "fail", "elsewhere"] {
            assert!(
                rows.iter().any(|(id, wanted, _)| *id == check.id && wanted.starts_with(word)),
                "{} has no row that comes to {word}",
                check.id
            );
        }
    }
}

#[test]
fn without_rows_to_look_at_nothing_is_said() {
    let two = || evidence(&[("append", &[A], &[A]), ("append", &[C], &[])]);
    let bare = Facts::default();
    assert_check("data-lost", "not applicable: not read back", &two(), &bare);
    assert_check("overwrite-kept-data", "elsewhere", &two(), &bare);
    let mut failed = two();
    failed.0.launches[0].transcript.end.code = Some(1);
    let why = "inconclusive: sync 1 failed, so what must have landed is not settled: exit code 1";
    assert_check("data-lost", why, &failed, &facts());
    // What the first sync showed is settled, whatever became of the second.
    let mut second = two();
    second.0.launches[1].transcript.end.code = Some(1);
    assert_check("data-lost", "pass", &second, &facts());
    assert_check("append-replaced-data", "inconclusive: sync 2 failed", &second, &facts());
    let mut unread = two();
    for launch in &mut unread.0.launches {
        launch.landed[0].rows = Err("no such table".to_owned());
    }
    assert_check("data-lost", "inconclusive: read-back of s: no such table", &unread, &facts());
    let seen = see(&unread.0, &unread.1, &facts());
    assert_eq!(readback_errors(&seen).next().unwrap(), "stream s: no such table");
    unread.0.launches.iter_mut().for_each(|launch| launch.landed.clear());
    assert_check("data-lost", "inconclusive: its rows were not read back", &unread, &facts());
}

#[test]
fn a_flood_is_cut_short_and_what_was_told_is_not_told_again() {
    let sent: Vec<String> = (0..9).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
    let (evidence, member) = evidence(&[("append", &sent, &[]), ("append", &[], &[])]);
    let seen = see(&evidence, &member, &facts());
    let Some(Verdict::Fail(findings)) = judge(Kind::Lost, &seen, &facts()) else { panic!() };
    assert_eq!(findings.len(), TOLD);
    assert!(findings[2].message.contains("(9 rows wanted, 0 found; 6 more like it)"));
    assert!(findings[..2].iter().all(|finding| !finding.message.contains("more")));
    assert_eq!(findings[0].evidence, r#"wanted {"id":0}; found nothing"#);
    assert!(findings.iter().all(|finding| finding.launch == Some(0)));
}

#[test]
fn what_can_show_at_a_place_is_laid_down() {
    use Kind::{
        Altered, AppendReplaced, DedupKept, DeleteIgnored, Duplicated, Invented, Lost,
        NeighbourTouched, NotIdempotent, OverwriteKept, WrongWinner,
    };
    let none: &[&str] = &[];
    let table: &[(&[Sync], &[Kind])] = &[
        (&[("append", none, none)], &[Invented]),
        (&[("append", &[A], none)], &[Lost, Duplicated, Altered, Invented]),
        (
            &[("append", &[A], none), ("append", &[C], none)],
            &[Lost, Duplicated, Altered, Invented, AppendReplaced],
        ),
        (&[("append", &[A], none), ("none", none, none)], &[Altered, NeighbourTouched]),
        (&[("append", none, none), ("none", none, none)], &[]),
        (&[("overwrite", &[A], none)], &[Lost, Duplicated, Altered, Invented]),
        (
            &[("overwrite", &[A], none), ("overwrite", &[C], none)],
            &[Lost, Duplicated, Altered, Invented, OverwriteKept],
        ),
        (&[("append_dedup", &[A], none)], &[Lost, Altered, Invented]),
        (&[("append_dedup", &[A, B], none)], &[Lost, Altered, Invented, DedupKept, WrongWinner]),
        (&[("append_dedup", &[A, A], none)], &[Lost, Altered, Invented, NotIdempotent]),
        (&[("append_dedup", &[A, D], none)], &[Invented, DeleteIgnored]),
        (&[("append", &[A, A], none)], &[Lost, Duplicated, Altered, Invented]),
    ];
    for (syncs, wanted) in table {
        let (evidence, member) = evidence(syncs);
        let seen = see(&evidence, &member, &facts());
        assert_eq!(&seen.last().unwrap().shows, wanted, "{syncs:?}");
    }
}

#[test]
fn what_is_told_in_full_has_no_rest() {
    let (evidence, member) = evidence(&[("append", &[A, B, C], &[])]);
    let seen = see(&evidence, &member, &facts());
    let Some(Verdict::Fail(findings)) = judge(Kind::Lost, &seen, &facts()) else { panic!() };
    assert_eq!(findings.len(), TOLD);
    assert!(findings.iter().all(|finding| !finding.message.contains("more")));
}

#[test]
fn what_was_not_looked_at_is_in_doubt() {
    let rows = |from: u32, f: &dyn Fn(u32) -> String| (from..20_100).map(f).collect::<Vec<_>>();
    let sent = rows(0, &|n| format!(r#"{{"u":{n}}}"#));
    let as_texts = |from| rows(from, &|n| format!(r#"{{"u":"{n}"}}"#));
    let verdict = |landed: &[String], kind| {
        let (sent, landed): (Vec<_>, Vec<_>) = (
            sent.iter().map(String::as_str).collect(),
            landed.iter().map(String::as_str).collect(),
        );
        let (mut evidence, member) = evidence(&[("append", &sent, &landed)]);
        evidence.launches[0].streams.streams[0].stream.json_schema =
            serde_json::json!({"properties": {"u": {"type": ["string", "integer"]}}});
        let seen = see(&evidence, &member, &facts());
        judge(kind, &seen, &facts()).unwrap()
    };
    assert_verdict("all there", "pass", &verdict(&sent, Kind::Lost));
    let in_doubt = "inconclusive: too many rows differ to look at each (20100 wanted";
    assert_verdict("all spelled", in_doubt, &verdict(&as_texts(0), Kind::Lost));
    assert_verdict("none there", "fail: a record has not landed", &verdict(&[], Kind::Lost));
    // Their number is certain.
    let fewer = "fail: fewer rows are there than have to be (20100 rows wanted, 20099 found)";
    assert_verdict("one less", fewer, &verdict(&as_texts(1), Kind::Lost));
    let more = [as_texts(0), as_texts(20_099)].concat();
    let told = "fail: more rows are there than were sent (20100 rows wanted, 20101 found)";
    assert_verdict("one more", told, &verdict(&more, Kind::Invented));
}
