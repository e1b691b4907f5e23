use super::*;
use crate::model;
use crate::protocol::catalog::Catalog;
use crate::scenario::capability::Declared;
use crate::scenario::{Sent, Step};

/// Sends rows in syncs of one mode, and gives the kinds of difference to what landed.
fn kinds(mode: &str, syncs: &[&[&str]], landed: &[&str]) -> Vec<Kind> {
    kinds_by(&["id"], mode, syncs, landed)
}

/// The same with this primary key, where rows are deduplicated.
fn kinds_by(key: &[&str], mode: &str, syncs: &[&[&str]], landed: &[&str]) -> Vec<Kind> {
    let mut kinds: Vec<_> = compared(key, mode, syncs, landed)
        .differences
        .iter()
        .map(|difference| difference.kind)
        .collect();
    kinds.sort_by_key(|kind| *kind as u8);
    kinds
}

fn compared(key: &[&str], mode: &str, syncs: &[&[&str]], landed: &[&str]) -> Comparison {
    let catalog: Catalog = serde_json::from_value(serde_json::json!({"streams": [{
        "stream": {"name": "s", "json_schema": {"properties": {
            "at": {"type": "string", "format": "date-time"},
            "since": {"$ref": "WellKnownTypes.json#/definitions/TimestampWithTimezone"},
            "flag": {"type": ["null", "boolean"]},
            "u": {"type": ["string", "integer"]},
            "id": {"type": "integer"}, "v": {"type": "string"}, "c": {"type": "integer"},
            "o": {"type": ["null", "object"]}}}},
        "destination_sync_mode": mode,
        "primary_key": if mode == "append_dedup" { vec![key] } else { vec![] },
        "cursor_field": if mode == "append_dedup" { vec!["c"] } else { vec![] },
    }]}))
    .unwrap();
    let steps: Vec<Vec<Step>> = syncs
        .iter()
        .map(|rows| {
            rows.iter()
                .map(|row| {
                    let line = format!(
                        r#"{{"type":"RECORD","record":{{"stream":"s","data":{row},"emitted_at":1}}}}"#
                    );
                    Step::Message(Sent::parse(&line).unwrap())
                })
                .collect()
        })
        .collect();
    let input: Vec<_> = steps.iter().map(|steps| (&catalog, steps.as_slice())).collect();
    let expected = model::expected(&catalog.streams[0].descriptor(), &input);
    let place = Place {
        configured: &catalog.streams[0],
        sync: syncs.len() - 1,
        in_catalog: true,
        declared: &Declared::default(),
    };
    let rows = Rows::Lines(landed.iter().map(ToString::to_string).collect());
    compare(&expected, &rows, &place).unwrap()
}

const A: &str = r#"{"id":1,"v":"a","c":1}"#;
const B: &str = r#"{"id":1,"v":"b","c":2}"#;
const C: &str = r#"{"id":2,"v":"c","c":1}"#;

#[test]
fn each_kind_is_told_from_the_others() {
    for (mode, syncs, landed, wanted) in [
        ("append", &[&[A, C][..]][..], &[C, A][..], &[][..]),
        ("append", &[&[A, C]], &[A], &[Kind::Lost]),
        ("append", &[&[A, A]], &[A, A], &[]),
        ("append", &[&[A, A]], &[A], &[Kind::Lost]),
        ("append", &[&[A]], &[A, A], &[Kind::Duplicated]),
        ("append", &[&[A]], &[r#"{"id":1,"v":"A","c":1}"#], &[Kind::Altered]),
        ("append", &[&[A]], &[A, r#"{"x":9}"#], &[Kind::Invented]),
        ("append", &[&[A], &[C]], &[C], &[Kind::AppendReplaced]),
        ("append", &[&[A], &[C]], &[A], &[Kind::Lost]),
        ("overwrite", &[&[A], &[C]], &[A, C], &[Kind::OverwriteKept]),
        ("overwrite", &[&[A, B], &[A]], &[A, A, B], &[Kind::OverwriteKept; 2]),
        ("overwrite", &[&[A, B], &[A]], &[A, A], &[Kind::Duplicated]),
        ("append_dedup", &[&[A], &[B]], &[B], &[]),
        ("append_dedup", &[&[A], &[B]], &[A, B], &[Kind::DedupKept]),
        ("append_dedup", &[&[B], &[A]], &[A], &[Kind::WrongWinner]),
        ("append_dedup", &[&[A], &[A]], &[A, A], &[Kind::NotIdempotent]),
        (
            "append_dedup",
            &[&[A, r#"{"id":1,"c":3,"_ab_cdc_deleted_at":"2026"}"#, C]],
            &[A, C],
            &[Kind::DeleteIgnored],
        ),
    ] {
        assert_eq!(kinds(mode, syncs, landed), wanted, "{mode} {syncs:?} {landed:?}");
    }
}

#[test]
fn what_a_column_cannot_tell_apart_is_no_difference() {
    for (sent, landed) in [
        (r#"{"a":null,"b":1}"#, r#"{"b":1,"_airbyte_raw_id":"x","c":null}"#),
        (r#"{"at":"2026-01-01T01:00:00+01:00"}"#, r#"{"at":"2026-01-01T00:00:00Z"}"#),
        (r#"{"b":1.0}"#, r#"{"b":1}"#),
        (r#"{"a":"\u00e9","b":["\/"]}"#, r#"{"b":[ "/" ],"a":"é"}"#),
    ] {
        assert_eq!(kinds("append", &[&[sent]], &[landed]), [], "{sent}");
    }
    assert_eq!(
        kinds("append", &[&[r#"{"id":1,"n":0.1}"#]], &[r#"{"id":1,"n":0.1000000000000001}"#]),
        [Kind::Altered]
    );
}

#[test]
fn a_landed_row_that_is_no_object_cannot_be_compared() {
    let catalog: Catalog = serde_json::from_str(
        r#"{"streams":[{"stream":{"name":"s","json_schema":{}},"destination_sync_mode":"append"}]}"#,
    )
    .unwrap();
    let place = Place {
        configured: &catalog.streams[0],
        sync: 0,
        in_catalog: true,
        declared: &Declared::default(),
    };
    let rows = Rows::Lines(vec!["[1]".into()]);
    assert!(compare(&Expected::default(), &rows, &place).is_err());
}

/// Rows numbered from 0, in an order that is not theirs.
fn many(count: u32, row: impl Fn(u32) -> String) -> Vec<String> {
    (0..count).map(|nth| row(nth * 7919 % count)).collect()
}

fn texts(rows: &[String]) -> Vec<&str> {
    rows.iter().map(String::as_str).collect()
}

#[test]
fn many_rows_differ_in_the_way_in_which_they_do() {
    const ROWS: u32 = 6000;
    let sent: Vec<_> =
        (0..ROWS).map(|id| format!(r#"{{"id":{id},"v":"row {id} ","c":1}}"#)).collect();
    let sent = texts(&sent);
    let row = |id: u32, end| format!(r#"{{"id":{id},"v":"row {id}{end}","c":1}}"#);
    for mode in ["append", "append_dedup"] {
        let of = |landed: Vec<String>| {
            let mut kinds = kinds(mode, &[&sent], &texts(&landed));
            let count = kinds.len();
            kinds.dedup();
            (kinds, count)
        };
        // All of them, or only the last.
        let all = many(ROWS, |id| row(id, ""));
        assert_eq!(of(all), (vec![Kind::Altered], 6000));
        let last = many(ROWS, |id| row(id, if id >= 4500 { "" } else { " " }));
        assert_eq!(of(last), (vec![Kind::Altered], 1500), "{mode}");
        let one = many(ROWS, |id| row(id, if id == 5999 { "" } else { " " }));
        assert_eq!(of(one), (vec![Kind::Altered], 1), "{mode}");
        let shorter = many(ROWS - 1500, |id| row(id, " "));
        assert_eq!(of(shorter), (vec![Kind::Lost], 1500), "{mode}");
        // Strangers before all that was sent.
        let invented = (0..1500).map(|id| format!(r#"{{"strange":{id}}}"#));
        let invented = invented.chain(many(ROWS, |id| row(id, " ")));
        assert_eq!(of(invented.collect()), (vec![Kind::Invented], 1500), "{mode}");
        let mut twice = many(ROWS, |id| row(id, " "));
        twice.extend_from_within(..);
        let kind = if mode == "append" { Kind::Duplicated } else { Kind::DedupKept };
        assert_eq!(of(twice), (vec![kind], 6000), "{mode}");
    }
}

#[test]
fn rows_that_are_hard_to_read_are_compared() {
    let deep = |leaf| format!(r#"{{"id":1,"d":{}{leaf}{}}}"#, "[".repeat(200), "]".repeat(200));
    assert_eq!(kinds("append", &[&[&deep(1)]], &[&deep(1)]), []);
    assert_eq!(kinds("append", &[&[&deep(1)]], &[&deep(2)]), [Kind::Altered]);
    let lone = r#"{"id":1,"s":"\ud800"}"#;
    assert_eq!(kinds("append", &[&[lone]], &[r#"{"s":"\uD800","id":1}"#]), []);
    assert_eq!(kinds("append", &[&[lone]], &[r#"{"id":1,"s":"�"}"#]), [Kind::Altered]);
    let escaped = r#"{"id":1,"s":"a\/b \u00e9 \ud83e\udd80"}"#;
    assert_eq!(kinds("append", &[&[escaped]], &[r#"{"id":1,"s":"a/b é 🦀"}"#]), []);
}

#[test]
fn moments_are_the_same_in_every_spelling() {
    for (sent, landed, is_same) in [
        ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000000Z", true),
        ("2026-01-01T00:00:00Z", "2026-01-01 00:00:00+00", true),
        ("2026-01-01T00:00:00", "2026-01-01 00:00:00.000", true),
        ("2026-01-01T00:00:00.123456", "2026-01-01T00:00:00.123", false),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00", false),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00", true),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59", false),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0Z", true),
        ("2026-01-15T08:30:00Z", "2026-01-15 08:30:00 +00:00", true),
        ("2026-01-15T08:30:00Z", "2026-01-15 08:30:00 UTC", true),
        ("no moment", "no  moment", false),
        ("12:30", "12:30:00", false),
    ] {
        let row = |at| format!(r#"{{"id":1,"at":"{at}"}}"#);
        let is_none = kinds("append", &[&[&row(sent)]], &[&row(landed)]).is_empty();
        assert_eq!(is_none, is_same, "{sent} {landed}");
    }
}

#[test]
fn an_object_may_land_as_its_json_with_a_key_in_it() {
    let (one, two) = (r#"{"id":1,"o":{"k":1,"n":null},"c":1}"#, r#"{"id":2,"o":{"k":2},"c":1}"#);
    let (old, new) = (r#"{"id":1,"o":{"k":1},"c":0}"#, r#"{"id":3,"o":{"k":1},"c":2}"#);
    let text = |row: &str, o: &str, text: &str| row.replace(o, text);
    let one_there = text(one, r#"{"k":1,"n":null}"#, r#""{\"k\": 1.0}""#);
    let two_there = text(two, r#"{"k":2}"#, r#""{ \"k\":2 }""#);
    let old_there = text(old, r#"{"k":1}"#, r#""{\"k\":1}""#);
    let new_there = text(new, r#"{"k":1}"#, r#""{\"k\":1}""#);
    let of =
        |syncs: &[&[&str]], landed: &[&str]| kinds_by(&["o", "k"], "append_dedup", syncs, landed);
    assert_eq!(of(&[&[one, two]], &[&one_there, &two_there]), []);
    assert_eq!(of(&[&[one, two]], &[&two_there]), [Kind::Lost]);
    assert_eq!(of(&[&[old], &[new]], &[&new_there]), []);
    assert_eq!(of(&[&[old], &[new]], &[&old_there, &new_there]), [Kind::DedupKept]);
    assert_eq!(of(&[&[new], &[old]], &[&old_there]), [Kind::WrongWinner]);
    assert_eq!(of(&[&[one]], &[&text(&one_there, "1,", "7,")]), [Kind::Altered]);
    assert_eq!(kinds("append", &[&[one, two]], &[&one_there, &two_there]), []);
}

#[test]
fn numbers_that_landed_as_texts_are_altered_and_not_lost() {
    let there = r#"{"id":"1","v":"a","c":"1"}"#;
    for mode in ["append", "append_dedup"] {
        assert_eq!(kinds(mode, &[&[A]], &[there]), [Kind::Altered]);
    }
    assert_eq!(kinds("append", &[&[r#"{"id":1}"#]], &[r#"{"id":"1"}"#]), [Kind::Altered]);
    let is_textual = |found: &str| {
        let (wanted, found) = (Some(A.to_owned()), Some(found.to_owned()));
        Difference { kind: Kind::Altered, wanted, found }.is_textual()
    };
    assert!(is_textual(there) && !is_textual(&there.replace('a', "b")));
}

#[test]
fn a_row_of_one_field_in_another_spelling_is_the_same() {
    for (sent, landed) in [
        (r#"{"flag":true}"#, r#"{"flag":1}"#),
        (r#"{"u":7}"#, r#"{"u":"7"}"#),
        (r#"{"since":"2026-01-01T00:00:00.0000009Z"}"#, r#"{"since":"2026-01-01 00:00:00+00"}"#),
        (r#"{"since":"2026-01-01T01:00:00+01:00"}"#, r#"{"since":"2026-01-01 00:00:00+00"}"#),
    ] {
        assert_eq!(kinds("append", &[&[sent]], &[landed]), [], "{sent}");
    }
    assert_eq!(kinds("append", &[&[r#"{"flag":true}"#]], &[r#"{"flag":0}"#]).len(), 2);
}

/// Rows whose field `u` is a number, and how they land as texts.
fn spelled(count: u32) -> (Vec<String>, Vec<String>) {
    let sent = (0..count).map(|id| format!(r#"{{"id":{id},"u":{id},"c":1}}"#)).collect();
    (sent, many(count, |id| format!(r#"{{"id":{id},"u":"{id}","c":1}}"#)))
}

#[test]
fn what_is_wrong_is_found_among_many_rows_in_another_form() {
    let (sent, landed) = spelled(3000);
    for mode in ["append", "append_dedup"] {
        let of = |landed: &[String]| kinds(mode, &[&texts(&sent)], &texts(landed));
        assert_eq!(of(&landed), [], "{mode}");
        assert_eq!(of(&landed[11..]), [Kind::Lost; 11], "{mode}");
        let mut altered = landed.clone();
        altered[7] = altered[7].replace(r#""c":1"#, r#""c":2"#);
        assert_eq!(of(&altered), [Kind::Altered], "{mode}");
        altered.push(r#"{"id":9999,"u":"9999"}"#.to_owned());
        assert_eq!(of(&altered), [Kind::Altered, Kind::Invented], "{mode}");
    }
}

#[test]
fn where_too_many_rows_differ_only_what_is_certain_is_told() {
    let (sent, landed) = spelled(20_100);
    let of = |mode: &str, landed: &[String]| {
        let it = compared(&["id"], mode, &[&texts(&sent)], &texts(landed));
        let mut kinds: Vec<_> =
            it.differences.iter().map(|one| (one.kind, one.wanted.is_some())).collect();
        kinds.dedup();
        (it.is_cut, kinds)
    };
    assert_eq!(of("append", &landed), (true, vec![]));
    // How many there are is certain, and which are missing is not.
    assert_eq!(of("append", &landed[3..]), (true, vec![(Kind::Lost, false)]));
    let more = [landed.clone(), vec![landed[0].clone()]].concat();
    assert_eq!(of("append", &more), (true, vec![(Kind::Invented, false)]));
    // A key stands for one row, where rows are deduplicated, and elsewhere for any number.
    let altered: Vec<_> = landed.iter().map(|row| row.replace("\"c\":1", "\"c\":2")).collect();
    assert_eq!(of("append_dedup", &altered), (true, vec![(Kind::Altered, true)]));
    assert_eq!(of("append", &altered), (true, vec![]));
    // Where all that differs is missing, nothing is in doubt.
    let it = compared(&["id"], "append", &[&texts(&sent)], &[]);
    assert!(!it.is_cut && it.differences.iter().all(|one| one.kind == Kind::Lost));
    let (sent, landed) = spelled(3000);
    assert!(!compared(&["id"], "append", &[&texts(&sent)], &texts(&landed)).is_cut);
}

#[test]
fn a_row_in_another_form_may_look_like_another_row() {
    let (plain, more) = (r#"{"id":1,"v":"a"}"#, r#"{"id":1,"v":"a","extra":7}"#);
    for (mode, syncs) in [
        ("append", &[&[plain, more][..]][..]),
        ("append", &[&[more], &[plain]]),
        ("append_dedup", &[&[plain, more]]),
        ("append_dedup", &[&[plain], &[more]]),
        ("overwrite", &[&[plain], &[more]]),
    ] {
        let count = if mode == "append" { 2 } else { 1 };
        assert_eq!(kinds(mode, syncs, &vec![plain; count]), [], "{mode} {syncs:?}");
        assert_ne!(kinds(mode, syncs, &vec![plain; count + 1]), [], "{mode} {syncs:?}");
        assert_ne!(kinds(mode, syncs, &vec![plain; count - 1]), [], "{mode} {syncs:?}");
    }
    // Of two equal rows, one tells that it was another.
    let told = r#"{"_airbyte_meta":{"changes":[{"field":"id","change":"NULLED"}]}}"#;
    let bare = r#"{"_airbyte_meta":{"changes":[]}}"#;
    for landed in [[told, bare], [bare, told]] {
        assert_eq!(kinds("append", &[&[r#"{"id":"x"}"#, "{}"]], &landed), []);
    }
    assert_ne!(kinds("append", &[&[r#"{"id":"x"}"#, "{}"]], &[bare, bare]), []);
}

#[test]
fn rows_that_differ_below_a_microsecond_are_matched_as_a_whole() {
    let row = |nanos: u32| format!(r#"{{"v":"click","at":"2026-01-01T00:00:00.{nanos:09}Z"}}"#);
    let sent: Vec<_> = (0..300).map(|nth| row(nth * 7919 % 300 * 1_000_123)).collect();
    let cut = |row: &String| row.replace(&row[row.len() - 6..], "Z\"}");
    let landed: Vec<_> = sent.iter().rev().map(cut).collect();
    assert_eq!(kinds("append", &[&texts(&sent)], &texts(&landed)), []);
    let lost = kinds("append", &[&texts(&sent)], &texts(&landed[1..]));
    assert_eq!(lost, [Kind::Lost]);
    // The first could be either: the second has no choice.
    let (sent, landed) = ([row(500), row(1200)], [row(1000), row(0)]);
    assert_eq!(kinds("append", &[&texts(&sent)], &texts(&landed)), []);
}

#[test]
fn a_difference_has_its_name_in_any_spelling() {
    let (old, new) = (r#"{"id":1,"u":1,"c":1}"#, r#"{"id":1,"u":2,"c":2}"#);
    let spelled =
        |row: &str| row.replace("\"u\":1", "\"u\":\"1\"").replace("\"u\":2", "\"u\":\"2\"");
    let (old_there, new_there) = (spelled(old), spelled(new));
    let of = |landed: &[&str]| kinds("append_dedup", &[&[old, new]], landed);
    assert_eq!(of(&[&new_there]), []);
    assert_eq!(of(&[&old_there]), [Kind::WrongWinner]);
    assert_eq!(of(&[&new_there, &old_there]), [Kind::DedupKept]);
    let twice = kinds("append", &[&[old]], &[&old_there, &old_there]);
    assert_eq!(twice, [Kind::Duplicated]);
    let gone = r#"{"id":1,"u":3,"c":3,"_ab_cdc_deleted_at":"2026"}"#;
    let marked = gone.replace("\"u\":3", "\"u\":\"3\"");
    assert_eq!(kinds("append_dedup", &[&[old, gone]], &[&marked]), []);
    assert_eq!(kinds("append_dedup", &[&[old, gone]], &[&old_there]), [Kind::DeleteIgnored]);
}

#[test]
fn a_twin_shares_what_few_rows_have() {
    let row = |id, v, c| format!(r#"{{"id":{id},"v":"{v}","c":{c},"a":"x","b":"y"}}"#);
    let sent: Vec<_> = (0..100).map(|id| row(id, id, 5)).collect();
    let landed: Vec<_> = many(100, |id| row(id, 777, 5));
    let it = compared(&["id"], "append", &[&texts(&sent)], &texts(&landed));
    assert_eq!(it.differences.len(), 100);
    for difference in it.differences {
        let id =
            |row: &Option<String>| json::read(row.as_ref().unwrap()).unwrap()["id"].to_string();
        assert_eq!(id(&difference.wanted), id(&difference.found));
    }
}

#[test]
fn a_difference_has_its_name_where_values_may_have_become_anything() {
    let (dropped, plain) = (r#"{"id":1,"v":"x","extra":7}"#, r#"{"id":1,"v":"x"}"#);
    assert_eq!(kinds("append", &[&[dropped]], &[plain; 2]), [Kind::Duplicated]);
    assert_eq!(kinds("overwrite", &[&[dropped], &[C]], &[plain, C]), [Kind::OverwriteKept]);
    let (odd, null) = (r#"{"id":1,"c":"x"}"#, r#"{"id":1}"#);
    assert_eq!(kinds("append_dedup", &[&[odd], &[odd]], &[null; 2]), [Kind::NotIdempotent]);
    let time = r#"{"v":"x","since":"2026-01-01T00:00:00.4999999Z"}"#;
    let rounded = r#"{"v":"x","since":"2026-01-01T00:00:00.5Z"}"#;
    assert_eq!(kinds("append", &[&[time]], &[rounded]), []);
    assert_eq!(kinds("append", &[&[time]], &[rounded; 2]), [Kind::Duplicated]);
    // By a key in another spelling.
    let (old, new) = (r#"{"u":1,"v":"old","c":1}"#, r#"{"u":1,"v":"new","c":2}"#);
    let there = old.replace("\"u\":1", "\"u\":\"1\"");
    assert_eq!(kinds_by(&["u"], "append_dedup", &[&[old, new]], &[&there]), [Kind::WrongWinner]);
}

#[test]
fn rows_that_share_nothing_rare_are_told_apart() {
    let altered = |count: u32, row: &dyn Fn(u32, &str) -> String| {
        let sent: Vec<_> = (0..count).map(|nth| row(nth, " ")).collect();
        let landed = many(count, |nth| row(nth, ""));
        let it = compared(&["id"], "append", &[&texts(&sent)], &texts(&landed));
        let are_altered = it.differences.iter().all(|one| one.kind == Kind::Altered);
        (it.is_cut, are_altered, it.differences.len())
    };
    assert_eq!(
        altered(2000, &|nth, end| format!(r#"{{"v":"row {nth}{end}","c":1}}"#)),
        (false, true, 2000)
    );
    assert_eq!(
        altered(3000, &|nth, end| format!(
            r#"{{"id":{nth},"v":"row{end}","c":{},"u":{}}}"#,
            nth % 50,
            nth % 60
        )),
        (false, true, 3000)
    );
}

#[test]
fn equal_rows_in_another_form_are_counted() {
    let (sent, landed) = (r#"{"u":7,"v":"click"}"#, r#"{"u":"7","v":"click"}"#);
    let of = |there| kinds("append", &[&vec![sent; 2000]], &vec![landed; there]);
    assert_eq!(of(2000), []);
    assert_eq!(of(1999), [Kind::Lost]);
    let twice = of(4000);
    assert!(twice.len() == 2000 && twice.iter().all(|kind| *kind == Kind::Duplicated));
    // Distinct, but for less than a destination may keep.
    let row = |nth: u32, digits| {
        format!(r#"{{"v":"click","since":"2026-01-01T00:00:00.{nth:06}{digits}Z"}}"#)
    };
    let sent: Vec<_> = (0..3000).map(|nth| row(nth, "5")).collect();
    let landed = many(3000, |nth| row(nth + 1, ""));
    assert_eq!(kinds("append", &[&texts(&sent)], &texts(&landed)), []);
    let more = [landed, vec![row(7, ""); 20]].concat();
    assert_eq!(kinds("append", &[&texts(&sent)], &texts(&more)), [Kind::Duplicated; 20]);
}

#[test]
fn rows_that_tell_more_or_less_are_each_taken_for_one_that_they_may_be() {
    let tells = |fields: &[&str]| {
        let of = |field: &&str| format!(r#"{{"field":"{field}","change":"NULLED"}}"#);
        let changes: Vec<_> = fields.iter().map(of).collect();
        format!(r#"{{"v":"a","_airbyte_meta":{{"changes":[{}]}}}}"#, changes.join(","))
    };
    let sent = [[r#"{"c":"x","v":"a"}"#; 70], [r#"{"c":"x","id":"x","v":"a"}"#; 70]].concat();
    let landed = [vec![tells(&["c", "id"]); 70], vec![tells(&["c"]); 70]].concat();
    assert_eq!(kinds("append", &[&sent], &texts(&landed)), []);
    let swapped = vec![tells(&["c"]); 140];
    assert_ne!(kinds("append", &[&sent], &texts(&swapped)), []);
}

#[test]
fn a_row_in_another_form_may_be_spelled_as_another_was_sent() {
    // A column of JSON: a text has its quotes.
    let (number, text) = (r#"{"u":7}"#, r#"{"u":"7"}"#);
    let quoted = r#"{"u":"\"7\""}"#;
    assert_eq!(kinds("append", &[&[number, text]], &[text, quoted]), []);
    assert_eq!(kinds("append", &[&[number, text]], &[text]), [Kind::Lost]);
    assert_eq!(kinds("append", &[&[number, text]], &[quoted, quoted]).len(), 2);
    assert_eq!(kinds("append", &[&[number]], &[quoted]).len(), 1);
}

#[test]
fn rows_without_a_value_that_any_table_holds_are_told_apart() {
    let big = |id: u64| (1_u64 << 60) + id;
    let differences = |sent: &[String], landed: &[String]| {
        let it = compared(&["id"], "append", &[&texts(sent)], &texts(landed));
        assert!(!it.is_cut);
        let mut kinds: Vec<_> = it.differences.iter().map(|one| one.kind).collect();
        let count = kinds.len();
        kinds.dedup();
        (kinds, count)
    };
    // What the schema does not declare is gone, in every row.
    let sent: Vec<_> =
        (0..1500).map(|id| format!(r#"{{"id":{},"v":"x","more":{id}}}"#, big(id))).collect();
    let landed: Vec<_> = many(1500, |id| format!(r#"{{"id":{},"v":"x"}}"#, big(u64::from(id))));
    assert_eq!(differences(&sent, &landed), (vec![], 0));
    // Few of many are altered.
    let sent: Vec<_> = (0..60_000).map(|id| format!(r#"{{"id":{},"v":"x"}}"#, big(id))).collect();
    let altered = |(nth, row): (usize, &String)| {
        let nth = nth as u64;
        if nth < 20 { format!(r#"{{"id":{},"v":"x"}}"#, big(nth + 1_000_000)) } else { row.clone() }
    };
    let landed: Vec<_> = sent.iter().enumerate().map(altered).collect();
    assert_eq!(differences(&sent, &landed), (vec![Kind::Altered], 20));
}

#[test]
fn what_was_taken_for_another_comes_back_with_its_partner() {
    let told = |u: &str, field: &str| {
        let changes = format!(r#"[{{"field":"{field}","change":"NULLED"}}]"#);
        format!(r#"{{"u":{u},"_airbyte_meta":{{"changes":{changes}}}}}"#)
    };
    let sent = [r#"{"u":7,"c":1}"#, r#"{"u":"7","c":1}"#, r#"{"u":7,"c":true}"#];
    let nulled = told("\"7\"", "c");
    let landed = [r#"{"u":"7","c":1}"#, r#"{"u":"\"7\"","c":1}"#, &nulled];
    assert_eq!(kinds("append", &[&sent], &landed), []);
    // What the schema does not declare is gone as well.
    let sent = [r#"{"u":7,"x":1}"#, r#"{"u":"7"}"#];
    assert_eq!(kinds("append", &[&sent], &[r#"{"u":"7"}"#, r#"{"u":"\"7\""}"#]), []);
}
