use super::*;
use crate::scenario::bulk::Bulk;
use crate::testing::{global, record_of, state, write};

fn stream() -> Descriptor {
    crate::testing::stream("a")
}

/// What is missing and what is too much of stream `a` after launches, each the lines of a script
/// that ends by a kill unless it says otherwise.
fn breaches(launches: &[Launch], landed: &[&str]) -> Vec<Breach> {
    let rows = Rows::Lines(landed.iter().map(ToString::to_string).collect());
    Bounds::after(&stream(), launches, &Declared::default()).unwrap().hold(&rows).unwrap().breaches
}

const KILLED: &str = "! signal 9";

fn sent(rows: &[(&str, u32)], states: &[u32]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (nth, (stream, id)) in rows.iter().enumerate() {
        lines.push(format!("< {}", record_of(stream, &format!(r#"{{"id":{id}}}"#))));
        if let Some(at) = states.iter().position(|at| *at as usize == nth) {
            let id = u32::try_from(at).unwrap() + 1;
            lines.push(format!("< {}", state(id, stream, &format!("{{\"n\":{nth}}}"))));
        }
    }
    lines.join("\n")
}

#[test]
fn acknowledged_rows_are_due_and_others_may_be_there() {
    let script = sent(&[("a", 1), ("a", 2), ("a", 3)], &[1]);
    let came = format!("> {}", state(1, "a", r#"{"n":1}"#));
    let killed = || [write(&format!("{script}\n{came}\n{KILLED}"))];
    let (one, two, three) = (r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#);
    assert_eq!(breaches(&killed(), &[one, two]), []);
    assert_eq!(breaches(&killed(), &[one, two, three]), []);
    let due = Due::Acknowledged { launch: 0, by: StateKind::Stream };
    let missing = Breach::Missing { row: two.to_owned(), due };
    assert_eq!(breaches(&killed(), &[one, three]), [missing]);
    let surplus = Breach::Surplus { row: one.to_owned(), most: 1, found: 2 };
    assert_eq!(breaches(&killed(), &[one, one, two]), [surplus]);
    // Nothing came: nothing is due.
    assert_eq!(breaches(&[write(&format!("{script}\n{KILLED}"))], &[]), []);
}

#[test]
fn what_is_sent_again_may_be_there_twice() {
    let first = format!("{}\n{KILLED}", sent(&[("a", 1)], &[]));
    let launches = || [write(&first), write(&sent(&[("a", 1)], &[]))];
    let one = r#"{"id":1}"#;
    assert_eq!(breaches(&launches(), &[one]), []);
    assert_eq!(breaches(&launches(), &[one, one]), []);
    assert_eq!(breaches(&launches(), &[]).len(), 1);
    assert_eq!(breaches(&launches(), &[one, one, one]).len(), 1);
}

#[test]
fn another_streams_state_acknowledges_nothing_and_a_global_one_everything() {
    let other = state(1, "b", "{}");
    let rows = sent(&[("a", 1), ("b", 2)], &[]);
    let killed = [write(&format!("{rows}\n< {other}\n> {other}\n{KILLED}"))];
    assert_eq!(breaches(&killed, &[]), []);
    let both = global(1, &[("b", "{}")]);
    let killed = [write(&format!("{rows}\n< {both}\n> {both}\n{KILLED}"))];
    let due = Due::Acknowledged { launch: 0, by: StateKind::Global };
    let missing = Breach::Missing { row: r#"{"id":1}"#.to_owned(), due };
    assert_eq!(breaches(&killed, &[]), [missing]);
}

/// A sync of generation 2, which removes what is older, of these rows.
fn refresh(ids: &[u32], end: &str) -> Launch {
    let rows: Vec<_> = ids.iter().map(|id| ("a", *id)).collect();
    write(&format!("@ a append 2 2\n{}\n{end}", sent(&rows, &[])))
}

fn first(ids: &[u32]) -> Launch {
    let rows: Vec<_> = ids.iter().map(|id| ("a", *id)).collect();
    write(&format!("@ a append 1 0\n{}", sent(&rows, &[])))
}

const ONE: &str = r#"{"id":1}"#;
const TWO: &str = r#"{"id":2}"#;

#[test]
fn a_generation_goes_when_a_later_one_is_complete_and_not_before() {
    let failed = || [first(&[1]), refresh(&[2], "! exit 1")];
    let due = Due::Sent { launch: 0 };
    let gone = Breach::Missing { row: ONE.to_owned(), due };
    assert_eq!(breaches(&failed(), &[ONE]), []);
    assert_eq!(breaches(&failed(), &[ONE, TWO]), []);
    assert_eq!(breaches(&failed(), &[TWO]), [gone]);
    let complete = || [first(&[1]), refresh(&[2], "")];
    let kept = Breach::Surplus { row: ONE.to_owned(), most: 0, found: 1 };
    assert_eq!(breaches(&complete(), &[TWO]), []);
    assert_eq!(breaches(&complete(), &[ONE, TWO]), [kept]);
    // Told that the stream is complete, it may have removed what is older before it failed.
    let status = format!("< {}\n! exit 1", crate::testing::status("a", "COMPLETE"));
    let told = || [first(&[1]), refresh(&[2], &status)];
    assert_eq!(breaches(&told(), &[TWO]), []);
    assert_eq!(breaches(&told(), &[ONE]), []);
    assert_eq!(breaches(&told(), &[ONE, ONE]).len(), 1);
}

#[test]
fn a_row_of_an_older_generation_may_read_as_a_new_one() {
    // The first attempt acknowledged nothing, so the second sends the row again.
    let resumed = || [first(&[1]), refresh(&[1], "! exit 1"), refresh(&[1], "")];
    assert_eq!(breaches(&resumed(), &[ONE]), []);
    assert_eq!(breaches(&resumed(), &[ONE, ONE]), []);
    assert_eq!(breaches(&resumed(), &[]).len(), 1);
    let kept = Breach::Surplus { row: ONE.to_owned(), most: 2, found: 3 };
    assert_eq!(breaches(&resumed(), &[ONE, ONE, ONE]), [kept]);
    // It says of no launch that rows of it are there which it has removed.
    let rows = Rows::Lines(vec![ONE.to_owned()]);
    let held =
        Bounds::after(&stream(), &resumed(), &Declared::default()).unwrap().hold(&rows).unwrap();
    assert_eq!(held.present, [1].into());
}

#[test]
fn an_overwrite_replaces_once_it_has_succeeded() {
    let sync = |id, end: &str| write(&format!("@ a overwrite\n{}\n{end}", sent(&[("a", id)], &[])));
    assert_eq!(breaches(&[sync(1, ""), sync(2, "")], &[TWO]), []);
    assert_eq!(breaches(&[sync(1, ""), sync(2, "")], &[ONE, TWO]).len(), 1);
    assert_eq!(breaches(&[sync(1, ""), sync(2, KILLED)], &[ONE]), []);
    assert_eq!(breaches(&[sync(1, ""), sync(2, KILLED)], &[TWO]).len(), 1);
}

#[test]
fn a_sync_that_was_asked_to_stop_has_not_succeeded() {
    for end in ["! exit 0", "! exit 143", "! signal 15"] {
        let stopped = format!("{}\n~ stop\n{end}", sent(&[("a", 1)], &[]));
        assert_eq!(breaches(&[write(&stopped)], &[]), []);
        let again = [write(&stopped), write(&sent(&[("a", 1)], &[]))];
        assert_eq!(breaches(&again, &[ONE]), []);
    }
}

#[test]
fn what_was_never_written_cannot_be_there() {
    let unwritten = format!("x< {}\n{KILLED}", record_of("a", ONE));
    let surplus = Breach::Surplus { row: ONE.to_owned(), most: 0, found: 1 };
    assert_eq!(breaches(&[write(&unwritten)], &[]), []);
    assert_eq!(breaches(&[write(&unwritten)], &[ONE]), [surplus]);
}

#[test]
fn a_recipe_is_due_up_to_its_last_acknowledged_state() {
    let bulk = |skip: u64| Bulk {
        before: 0,
        stream: stream(),
        records: 9,
        state_every: 3,
        first_state_id: Some(1),
        line: 0,
        state_line: 0,
        skip,
    };
    let launch = |skip: u64, came: Option<u64>, end: &str| {
        let came = came.map(|nth| format!("> {}\n", bulk(skip).state(nth))).unwrap_or_default();
        let recipe = serde_json::to_string(&bulk(skip)).unwrap();
        write(&format!("~ {{\"bulk\":{recipe}}}\n{came}{end}"))
    };
    let rows: Vec<String> = bulk(0).rows().collect();
    let missing = |launches: &[Launch], from: usize| {
        let landed: Vec<&str> = rows[from..].iter().map(String::as_str).collect();
        breaches(launches, &landed).len()
    };
    for (came, due) in [(None, 0), (Some(0), 3), (Some(1), 6), (Some(2), 9)] {
        assert_eq!(missing(&[launch(0, came, KILLED)], 9), due);
        assert_eq!(missing(&[launch(0, came, KILLED)], 1), due.min(1));
    }
    // What comes after the first state is sent again: all of it is due.
    let both = [launch(0, Some(0), KILLED), launch(3, None, "")];
    assert_eq!(missing(&both, 0), 0);
    assert_eq!(missing(&both, 9), 9);
    assert_eq!(missing(&[launch(3, Some(0), KILLED)], 9), 3);
    // The stream's own later state covers what the recipe left over.
    let recipe = serde_json::to_string(&Bulk { state_every: 0, ..bulk(0) }).unwrap();
    let later = state(1, "a", "{}");
    let script = format!("~ {{\"bulk\":{recipe}}}\n< {later}\n> {later}\n{KILLED}");
    assert_eq!(missing(&[write(&script)], 9), 9);
}

#[test]
fn a_deduplicated_stream_is_told_once_a_sync_has_succeeded() {
    let dedup = |ids: &[u32], end: &str| {
        let rows: Vec<_> = ids.iter().map(|id| ("a", *id)).collect();
        write(&format!("@ a append_dedup\n{}\n{end}", sent(&rows, &[0])))
    };
    let came = format!("> {}\n{KILLED}", state(1, "a", r#"{"n":0}"#));
    let killed = || dedup(&[1, 2], &came);
    let is_told =
        |launches: &[Launch]| Bounds::after(&stream(), launches, &Declared::default()).is_some();
    assert!(!is_told(&[killed()]));
    assert!(!is_told(&[dedup(&[1], "~ stop\n! exit 0")]));
    // The second record was never sent again: it may be there or not.
    assert!(!is_told(&[killed(), dedup(&[3], "")]));
    let launches = || [killed(), dedup(&[2, 3], "")];
    let three = r#"{"id":3}"#;
    assert_eq!(breaches(&launches(), &[ONE, TWO, three]), []);
    let twice = Breach::Surplus { row: TWO.to_owned(), most: 1, found: 2 };
    assert_eq!(breaches(&launches(), &[ONE, TWO, TWO, three]), [twice]);
    let by = StateKind::Stream;
    let lost = |row: &str, due| Breach::Missing { row: row.to_owned(), due };
    let (acknowledged, sent) = (Due::Acknowledged { launch: 0, by }, Due::Sent { launch: 1 });
    assert_eq!(breaches(&launches(), &[TWO, three]), [lost(ONE, acknowledged)]);
    assert_eq!(breaches(&launches(), &[ONE, three]), [lost(TWO, sent)]);
    // An older version is not to be there beside the newer one.
    let version = |v: u32, end: &str| {
        let row = record_of("a", &format!(r#"{{"id":1,"v":{v}}}"#));
        write(&format!("@ a append_dedup\n< {row}\n{end}"))
    };
    let (old, new) = (r#"{"id":1,"v":1}"#, r#"{"id":1,"v":2}"#);
    assert_eq!(breaches(&[version(1, ""), version(2, "")], &[new]), []);
    let kept = Breach::Surplus { row: old.to_owned(), most: 0, found: 1 };
    assert_eq!(breaches(&[version(1, ""), version(2, "")], &[old, new]), [kept]);
}

#[test]
fn of_what_cannot_be_told_nothing_is_said() {
    let nowhere = Descriptor { name: "c".to_owned(), namespace: None };
    assert!(Bounds::after(&nowhere, &[write("")], &Declared::default()).is_none());
    assert!(Bounds::after(&stream(), &[], &Declared::default()).is_none());
    let rows = Rows::Lines(vec!["no row".to_owned()]);
    assert!(
        Bounds::after(&stream(), &[write("")], &Declared::default()).unwrap().hold(&rows).is_err()
    );
}

#[test]
fn reasons_are_counted() {
    let script = sent(&[("a", 1), ("a", 2), ("a", 3)], &[1]);
    let killed = write(&format!("{script}\n> {}\n{KILLED}", state(1, "a", r#"{"n":1}"#)));
    let (stream, launches) = (stream(), [killed, write(&sent(&[("a", 3), ("a", 4)], &[]))]);
    let declared = Declared::default();
    let bounds = Bounds::after(&stream, &launches, &declared).unwrap();
    assert_eq!(bounds.due(|due| matches!(due, Due::Acknowledged { launch: 0, .. })), 2);
    assert_eq!(bounds.due(|due| due == Due::Sent { launch: 1 }), 2);
}

/// Launches whose stream `a` has these properties.
fn typed(
    launches: impl IntoIterator<Item = Launch>,
    properties: &serde_json::Value,
) -> Vec<Launch> {
    let mut launches: Vec<Launch> = launches.into_iter().collect();
    for configured in launches.iter_mut().flat_map(|launch| &mut launch.streams.streams) {
        configured.stream.json_schema = serde_json::json!({"properties": properties});
    }
    launches
}

#[test]
fn a_row_may_be_there_in_another_form() {
    let properties = serde_json::json!({
        "at": {"type": "string", "format": "date-time"},
        "flag": {"type": "boolean"},
        "n": {"type": "integer"},
        "u": {"type": ["string", "integer"]},
    });
    let held = |rows: &[&str], landed: &[&str], declared: &[&str]| {
        let lines: Vec<_> = rows.iter().map(|row| format!("< {}", record_of("a", row))).collect();
        let state = state(1, "a", "{}");
        // The last is not acknowledged.
        let (last, first) = lines.split_last().unwrap();
        let script = format!("{}\n< {state}\n{last}\n> {state}\n{KILLED}", first.join("\n"));
        let launches = typed([write(&script)], &properties);
        let declared = Declared::parse(declared.iter().copied()).unwrap();
        let rows = Rows::Lines(landed.iter().map(ToString::to_string).collect());
        Bounds::after(&stream(), &launches, &declared).unwrap().hold(&rows).unwrap().breaches
    };
    let end = r#"{"end":1}"#;
    for (sent, landed, declared, is_same) in [
        (r#"{"flag":true}"#, r#"{"flag":1}"#, &[][..], true),
        (r#"{"flag":true}"#, r#"{"flag":0}"#, &[], false),
        (
            r#"{"at":"2026-01-01T00:00:00.1234567Z"}"#,
            r#"{"at":"2026-01-01 00:00:00.123456+00"}"#,
            &[],
            true,
        ),
        (r#"{"n":9007199254740993}"#, r#"{"n":9007199254740992}"#, &["integers=double"], true),
        (r#"{"n":9007199254740993}"#, r#"{"n":9007199254740992}"#, &[], false),
        (r#"{"u":1,"v":"x"}"#, r#"{"u":"1","v":"x"}"#, &[], true),
        (r#"{"u":1,"v":"x"}"#, r#"{"u":"1","v":"y"}"#, &[], false),
    ] {
        let acknowledged = held(&[sent, end], &[landed], declared);
        assert_eq!(acknowledged.is_empty(), is_same, "{landed}: {acknowledged:?}");
        let not = held(&[end, sent], &[end, landed], declared);
        assert_eq!(not.is_empty(), is_same, "{landed}: {not:?}");
        // Once, and not once more.
        assert_ne!(held(&[sent, end], &[landed, landed], declared), []);
    }
    assert_eq!(held(&[r#"{"flag":true}"#, end], &[], &[]).len(), 1);
}

/// A launch of so many rows with a union's field, and what it lands as.
fn many(count: u32, landed: impl Fn(u32) -> Option<String>) -> Result<Vec<Breach>, String> {
    let properties = serde_json::json!({"u": {"type": ["string", "integer"]}});
    let sent = (0..count).map(|id| record_of("a", &format!(r#"{{"id":{id},"u":{id},"x":0}}"#)));
    let lines: Vec<_> = sent.map(|record| format!("< {record}")).collect();
    let launches = typed([write(&lines.join("\n"))], &properties);
    let rows = Rows::Lines((0..count).filter_map(landed).collect());
    let declared = Declared::default();
    let held = Bounds::after(&stream(), &launches, &declared).unwrap().hold(&rows);
    held.map(|held| held.breaches)
}

fn as_text(id: u32) -> String {
    format!(r#"{{"id":{id},"u":"{id}","x":0}}"#)
}

#[test]
fn a_loss_shows_among_many_rows_in_another_form() {
    assert_eq!(many(5000, |id| Some(as_text(id))), Ok(vec![]));
    let one_lost = many(5000, |id| (id != 7).then(|| as_text(id))).unwrap();
    assert!(matches!(&one_lost[..], [Breach::Missing { row, .. }] if row.contains("\"id\":7")));
    // Without a field that the schema does not declare.
    let dropped = |id| as_text(id).replace(r#","x":0"#, "");
    assert_eq!(many(50, |id| Some(dropped(id))), Ok(vec![]));
    let altered = many(5000, |id| Some(as_text(id).replace("\"x\":0", "\"x\":1"))).unwrap();
    assert_eq!(altered.len(), 10_000);
}

#[test]
fn too_many_rows_in_another_form_settle_nothing() {
    let error = many(20_001, |id| Some(as_text(id))).unwrap_err();
    assert!(error.starts_with("20000 rows or more are not spelled"), "{error}");
    // What is lost with nothing in its place is lost.
    assert_eq!(many(20_001, |_| None).unwrap().len(), 20_001);
    let dropped = |id| Some(as_text(id).replace(r#","x":0"#, ""));
    assert_eq!(many(200, dropped), Ok(vec![]));
}

#[test]
fn a_row_of_nobodys_shows_among_many_that_did_not_land() {
    let line = |id: u32| format!("< {}", record_of("a", &format!(r#"{{"id":{id},"x":0}}"#)));
    let lines: Vec<_> = (0..30_000).map(line).collect();
    let launches = [write(&format!("{}\n{KILLED}", lines.join("\n")))];
    let unsent = Breach::Unsent { row: r#"{"header":"id"}"#.to_owned() };
    assert_eq!(breaches(&launches, &[r#"{"header":"id"}"#]), [unsent]);
}

#[test]
fn a_row_in_another_form_may_look_like_another_row() {
    let (plain, more) = (r#"{"id":1,"kind":"click"}"#, r#"{"id":1,"kind":"click","ref":7}"#);
    let properties = serde_json::json!({"id": {"type": "integer"}, "kind": {"type": "string"}});
    let state = state(1, "a", "{}");
    let script = format!(
        "< {}\n< {}\n< {state}\n> {state}\n{KILLED}",
        record_of("a", plain),
        record_of("a", more)
    );
    let launches = typed([write(&script)], &properties);
    assert_eq!(breaches(&launches, &[plain, plain]), []);
    assert_eq!(breaches(&launches, &[plain, more]), []);
    assert!(matches!(breaches(&launches, &[plain])[..], [Breach::Missing { .. }]));
    assert!(matches!(breaches(&launches, &[plain, plain, plain])[..], [Breach::Surplus { .. }]));
}

#[test]
fn a_deleted_row_may_stay_marked_as_such() {
    let row = |deleted: &str| format!(r#"{{"id":1,"_ab_cdc_deleted_at":{deleted}}}"#);
    let (kept, gone) = (row("null"), row("\"2026-01-15T08:30:00Z\""));
    let sync = |row: &str, end: &str| {
        write(&format!("@ a append_dedup\n< {}\n{end}", record_of("a", row)))
    };
    let launches = || [sync(&kept, KILLED), sync(&kept, ""), sync(&gone, "")];
    assert_eq!(breaches(&launches(), &[]), []);
    assert_eq!(breaches(&launches(), &[&gone]), []);
    let twice = Breach::Surplus { row: gone.clone(), most: 1, found: 2 };
    assert_eq!(breaches(&launches(), &[&gone, &gone]), [twice]);
    let ignored = Breach::Surplus { row: kept.clone(), most: 0, found: 1 };
    assert_eq!(breaches(&launches(), &[&kept]), [ignored]);
}
