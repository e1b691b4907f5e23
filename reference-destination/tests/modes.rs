//! What is in the tables after a sync, in each mode.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, dedup, record, state, stream};
use serde_json::{Value, json};

fn records(stream: &str, ids: std::ops::Range<u64>) -> Vec<String> {
    ids.map(|id| record(stream, id, &format!(r#"{{"id":{id}}}"#))).collect()
}

#[test]
fn append_keeps_what_was_there() {
    let bench = Bench::new();
    let catalog = [stream("s", "append", &json!({}))];
    bench.good(&catalog, &records("s", 0..2));
    bench.good(&catalog, &records("s", 1..3));
    assert_eq!(bench.column("s", "id"), [0, 1, 1, 2]);
}

#[test]
fn overwrite_leaves_this_syncs_rows_and_no_neighbours_touched() {
    let bench = Bench::new();
    let catalog = [stream("s", "overwrite", &json!({})), stream("other", "append", &json!({}))];
    bench.good(&catalog, &[records("s", 0..3), records("other", 0..1)].concat());
    bench.good(&catalog[..1], &records("s", 5..6));
    assert_eq!(bench.column("s", "id"), [5]);
    assert_eq!(bench.column("other", "id"), [0]);
    bench.good(&catalog[..1], &[]);
    assert_eq!(bench.column("s", "id"), [Value::Null; 0]);
}

#[test]
fn a_failed_overwrite_leaves_the_old_rows() {
    let bench = Bench::new();
    let catalog = [stream("s", "overwrite", &json!({}))];
    bench.good(&catalog, &records("s", 0..2));
    let run = bench.write(&catalog, &[records("s", 7..9), vec![r#"{"broken"#.to_owned()]].concat());
    assert_eq!(run.code, Some(1));
    assert_eq!(bench.column("s", "id"), [0, 1]);
    bench.good(&catalog, &records("s", 9..10));
    assert_eq!(bench.column("s", "id"), [9]);
}

#[test]
fn the_greatest_cursor_wins_null_lowest_and_exactly_compared() {
    let bench = Bench::new();
    let versions = [
        (r#"{"id":1,"c":9007199254740993,"v":"new"}"#, "new"),
        (r#"{"id":1,"c":9007199254740992,"v":"old"}"#, "new"),
        (r#"{"id":1,"c":null,"v":"null"}"#, "new"),
        (r#"{"id":1,"v":"absent"}"#, "new"),
        (r#"{"id":1.0,"c":9007199254740993.0,"v":"tie"}"#, "tie"),
        (r#"{"id":1,"c":1e16,"v":"float"}"#, "float"),
    ];
    for (index, (data, winner)) in versions.iter().enumerate() {
        bench.good(&[dedup("s")], &[record("s", index as u64, data)]);
        assert_eq!(bench.column("s", "v"), [*winner], "after {data}");
    }
}

#[test]
fn a_tie_goes_to_the_latest_emitted_and_then_to_the_latest_to_come() {
    let bench = Bench::new();
    let data = |v| format!(r#"{{"id":1,"c":5,"v":{v}}}"#);
    let lines = [record("s", 9, &data(1)), record("s", 8, &data(2)), record("s", 9, &data(3))];
    bench.good(&[dedup("s")], &lines);
    assert_eq!(bench.column("s", "v"), [3]);
    bench.good(&[dedup("s")], &lines);
    assert_eq!(bench.column("s", "v"), [3]);
}

#[test]
fn keys_may_be_composite_nested_and_null() {
    let bench = Bench::new();
    let key = json!({"primary_key": [["a"], ["b", "c"]]});
    let catalog = [stream("s", "append_dedup", &key)];
    let lines: Vec<_> = [
        r#"{"a":"x","b":{"c":"yz"},"v":1}"#,
        r#"{"a":"xy","b":{"c":"z"},"v":2}"#,
        r#"{"b":{"c":"z","d":0},"a":"\u0078y","v":3}"#,
        r#"{"a":null,"b":{"c":"z"},"v":4}"#,
        r#"{"b":{"c":"z"},"v":5}"#,
        r#"{"a":"xy","b":null,"v":6}"#,
        r#"{"a":"1","b":{"c":1},"v":7}"#,
        r#"{"a":1,"b":{"c":1},"v":8}"#,
    ]
    .iter()
    .map(|data| record("s", 1, data))
    .collect();
    bench.good(&catalog, &lines);
    assert_eq!(bench.column("s", "v"), [1, 3, 5, 6, 7, 8]);
}

#[test]
fn a_delete_hides_its_key_and_no_older_version_brings_it_back() {
    let bench = Bench::new();
    let row = |id, c, deleted: &str| {
        record("s", c, &format!(r#"{{"id":{id},"c":{c},"_ab_cdc_deleted_at":{deleted}}}"#))
    };
    bench.good(&[dedup("s")], &[row(1, 1, "null"), row(2, 1, "null"), row(3, 9, "\"t\"")]);
    bench.good(&[dedup("s")], &[row(1, 5, "\"2024-01-01\"")]);
    assert_eq!(bench.column("s", "id"), [2]);
    bench.good(&[dedup("s")], &[row(1, 4, "null"), row(3, 8, "null")]);
    assert_eq!(bench.column("s", "id"), [2]);
    bench.good(&[dedup("s")], &[row(1, 6, "null")]);
    assert_eq!(bench.column("s", "id"), [1, 2]);
}

#[test]
fn a_table_that_was_appended_to_is_deduplicated_when_its_mode_changes() {
    let bench = Bench::new();
    let rows: Vec<_> = [(1, 5), (2, 1), (1, 7), (1, 6)]
        .iter()
        .map(|(id, c)| record("s", 1, &format!(r#"{{"id":{id},"c":{c}}}"#)))
        .collect();
    bench.good(&[stream("s", "append", &json!({}))], &rows);
    assert_eq!(bench.rows("s").len(), 4);
    bench.good(&[dedup("s")], &[record("s", 2, r#"{"id":2,"c":0}"#)]);
    assert_eq!(bench.column("s", "c"), [1, 7]);
}

#[test]
fn any_name_is_taken_and_namespaces_stay_apart() {
    let bench = Bench::new();
    let long = "n".repeat(512);
    let names = ["a b", "a-b", "a_b", "\"q\";--", "select", "1", "🦀", "a\u{0}b", &long];
    let mut catalog: Vec<_> = names.iter().map(|name| stream(name, "append", &json!({}))).collect();
    let mut other = stream("a b", "append", &json!({}));
    other["stream"]["namespace"] = json!("é 🦀");
    catalog.push(other);
    let mut lines: Vec<_> =
        names.iter().map(|name| record(name, 1, &json!({"name": name}).to_string())).collect();
    let other = record("a b", 1, r#"{"name":"other"}"#);
    lines.push(other.replace(r#","data""#, r#","namespace":"\u00e9 🦀","data""#));
    bench.good(&catalog, &lines);
    for name in names.iter().filter(|name| !name.contains('\0')) {
        assert_eq!(bench.column(name, "name"), [*name]);
    }
    assert_eq!(bench.raw_rows("a b", Some("é 🦀")).len(), 1);
    assert_eq!(bench.raw_rows("a b", Some("main")).len(), 1);
    assert_eq!(bench.raw_rows("nowhere", None).len(), 0);
}

#[test]
fn data_is_stored_as_it_was_written() {
    let bench = Bench::new();
    let data = r#"{"\ud800":"\udfff","n":0.10,"big":123456789012345678901234567890,"e":1E400,"nul":"\u0000","u":"é🦀"}"#;
    let line = record("s", 5, data).replace(
        "\"emitted_at\"",
        r#""meta":{"changes":[{"field":"n","change":"NULLED","reason":"SOURCE_RETRIEVAL_ERROR"}]},"emitted_at""#,
    );
    let extra = json!({"sync_id": 3.0, "generation_id": 2, "minimum_generation_id": 0});
    bench.good(&[stream("s", "append", &extra)], &[line, common::status("s", "COMPLETE")]);
    let row = &bench.raw_rows("s", None)[0];
    assert!(row.starts_with(data.trim_end_matches('}')), "{row}");
    let end = r#""_airbyte_extracted_at":5,"_airbyte_meta":{"sync_id":3,"changes":[{"field":"n","change":"NULLED","reason":"SOURCE_RETRIEVAL_ERROR"}]},"_airbyte_generation_id":2}"#;
    assert!(row.ends_with(end), "{row}");
}

#[test]
fn raw_ids_are_distinct_within_and_across_syncs() {
    let bench = Bench::new();
    let catalog = [stream("s", "append", &json!({}))];
    bench.good(&catalog, &records("s", 0..50));
    bench.good(&catalog, &records("s", 0..50));
    let ids = bench.column("s", "_airbyte_raw_id");
    let ids: std::collections::HashSet<_> = ids.iter().filter_map(Value::as_str).collect();
    assert_eq!(ids.len(), 100);
    assert!(ids.iter().all(|id| id.len() == 36));
}

#[test]
fn modes_that_are_not_offered_are_refused() {
    for mode in ["update", "soft_delete", "upsert"] {
        let bench = Bench::new();
        let run = bench.write(&[stream("s", mode, &json!({}))], &[state("s", 1)]);
        assert_eq!((run.code, run.states().len()), (Some(1), 0));
        assert_eq!(run.error()["failure_type"], "config_error");
    }
    let keyless = stream("s", "append_dedup", &json!({}));
    assert_eq!(Bench::new().write(&[keyless], &[]).error()["failure_type"], "config_error");
}
