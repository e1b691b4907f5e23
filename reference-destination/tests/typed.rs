//! The typed layout: all that holds in the raw one, and what is its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::duplicate_mod, reason = "the tests are to be run once more, on other tables")]

#[path = "endings.rs"]
mod endings;
#[path = "faults_of_input.rs"]
mod faults_of_input;
#[path = "faults_of_rows.rs"]
mod faults_of_rows;
#[path = "faults_of_states.rs"]
mod faults_of_states;
#[path = "generations.rs"]
mod generations;
#[path = "modes.rs"]
mod modes;
#[path = "read.rs"]
mod read;
#[path = "states.rs"]
mod states;
#[path = "subtle.rs"]
mod subtle;

mod common;
use common::{Bench, record, status, stream};
use rusqlite::Connection;
use serde_json::{Map, Value, json};

/// A stream that declares these fields, and whatever else is given.
fn declaring(names: &[&str], mode: &str, given: &Value) -> Value {
    let mut stream = stream("s", mode, given);
    let properties: Map<_, _> = names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    stream["stream"]["json_schema"] = json!({"properties": properties});
    stream
}

fn append(names: &[&str]) -> Value {
    declaring(names, "append", &json!({}))
}

fn write(bench: &Bench, stream: Value, data: &[&str]) {
    let records: Vec<_> = data.iter().map(|data| record("s", 1, data)).collect();
    bench.good(&[stream], &records);
}

/// The fields of the rows as they are printed.
fn fields(bench: &Bench) -> Vec<String> {
    let rows = bench.raw_rows("s", None).into_iter().map(|row| {
        let end = row.find(r#""_airbyte_raw_id""#).unwrap();
        row[..end].trim_end_matches(',').to_owned()
    });
    rows.collect()
}

/// What is in one column of the first table.
fn stored(bench: &Bench, column: &str) -> Vec<Option<String>> {
    let connection = Connection::open(bench.path("rows.db")).unwrap();
    let sql = format!("SELECT {column} FROM stream_1 ORDER BY rowid");
    let mut select = connection.prepare(&sql).unwrap();
    let values = select.query_map([], |row| row.get(0)).unwrap();
    values.map(Result::unwrap).collect()
}

fn texts(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

#[test]
fn each_declared_field_has_a_column_and_the_others_share_one() {
    let bench = Bench::new();
    let data = [
        r#"{"z":[1, null],"b":1.50,"\u0061":"\ud800","y":null}"#,
        r#"{"a":null}"#,
        r#"{"b":{"a":0}}"#,
    ];
    write(&bench, append(&["a", "b"]), &data);
    assert_eq!(stored(&bench, "c1"), [Some(r#""\ud800""#.to_owned()), None, None]);
    let b = [Some("1.50".to_owned()), None, Some(r#"{"a":0}"#.to_owned())];
    assert_eq!(stored(&bench, "c2"), b);
    assert_eq!(stored(&bench, "data"), texts(&[r#"{"z":[1, null],"y":null}"#, "{}", "{}"]));
    let rows = [r#"{"a":"\ud800","b":1.50,"z":[1, null],"y":null"#, "{", r#"{"b":{"a":0}"#];
    assert_eq!(fields(&bench), rows);
}

#[test]
fn columns_are_added_when_more_is_declared_and_none_is_taken_away() {
    let bench = Bench::new();
    let data = r#"{"a":1,"b":2}"#;
    write(&bench, append(&["a"]), &[data]);
    write(&bench, append(&["b"]), &[data]);
    write(&bench, append(&[]), &[data]);
    assert_eq!(stored(&bench, "data"), texts(&[r#"{"b":2}"#, "{}", "{}"]));
    assert_eq!(fields(&bench), [r#"{"a":1,"b":2"#; 3]);
}

#[test]
fn a_table_keeps_the_layout_that_it_was_made_in() {
    let bench = Bench::new();
    let data = r#"{"b": 2,"a":null}"#;
    bench.configure(&json!({"layout": "raw"}));
    write(&bench, append(&["a"]), &[data]);
    bench.configure(&json!({"layout": "typed"}));
    write(&bench, append(&["a", "b"]), &[data]);
    assert_eq!(stored(&bench, "data"), texts(&[data, data]));
    let bench = Bench::new();
    write(&bench, append(&[]), &[data]);
    bench.configure(&json!({"layout": "raw"}));
    write(&bench, append(&["b"]), &[data]);
    assert_eq!(stored(&bench, "data"), texts(&[r#"{"b":2,"a":null}"#, r#"{"a":null}"#]));
    assert_eq!(stored(&bench, "c1"), [None, Some("2".to_owned())]);
}

#[test]
fn any_field_name_is_taken() {
    let bench = Bench::new();
    let long = "n".repeat(512);
    let names = ["", "a b", "A b", "\"q\";--", "data", "c1", "rowid", "🦀", "a\u{0}b", &long];
    let values: Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), json!(name.len()))).collect();
    write(&bench, append(&names), &[&Value::from(values.clone()).to_string()]);
    assert_eq!(stored(&bench, "data"), texts(&["{}"]));
    let mut row = bench.rows("s").pop().unwrap();
    row.as_object_mut().unwrap().retain(|name, _| !name.starts_with("_airbyte_"));
    assert_eq!(row, Value::from(values));
}

#[test]
fn more_fields_may_be_declared_than_a_table_has_columns() {
    let names: Vec<_> = (0..2500).map(|number| format!("f{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let data = |value: u64| {
        let fields: Vec<_> = names.iter().map(|name| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", fields.join(","))
    };
    // In the mode whose statements name each column the most often.
    let key = |name| json!({"primary_key": [[name]], "cursor_field": ["f1"]});
    for name in ["f0", "f2499"] {
        let bench = Bench::new();
        write(&bench, declaring(&names, "append_dedup", &key("f2")), &[&data(1)]);
        write(&bench, declaring(&names, "append_dedup", &key(name)), &[&data(1), &data(2)]);
        assert_eq!(bench.column("s", "f2499"), [1, 2]);
    }
}

#[test]
fn keys_and_cursors_are_found_in_either_kind_of_column() {
    let names = ["id", "c", "v", "n"];
    for declared in 0..=names.len() {
        let bench = Bench::new();
        let fields = |mode| {
            let keys = json!({"primary_key": [["id"], ["n", "k"]], "cursor_field": ["c"]});
            declaring(&names[..declared], mode, &keys)
        };
        let row = |c: u64, v: u64| format!(r#"{{"n":{{"k":1}},"id":1,"c":{c},"v":{v}}}"#);
        write(&bench, fields("append"), &[&row(5, 1), &row(7, 2), &row(6, 3)]);
        write(&bench, fields("append_dedup"), &[&row(4, 4)]);
        assert_eq!(bench.column("s", "v"), [2], "{declared} of {names:?}");
        write(&bench, fields("append_dedup"), &[&row(7, 5)]);
        assert_eq!(bench.column("s", "v"), [5], "{declared} of {names:?}");
        write(&bench, fields("overwrite"), &[&row(1, 6)]);
        assert_eq!(bench.column("s", "v"), [6], "{declared} of {names:?}");
    }
}

#[test]
fn a_staged_generation_is_merged_with_all_its_columns() {
    let bench = Bench::new();
    let sync = |generation: u64, minimum: u64, names: &[&str]| {
        let given = json!({
            "generation_id": generation, "minimum_generation_id": minimum,
            "primary_key": [["id"]], "cursor_field": ["c"],
        });
        declaring(names, "append_dedup", &given)
    };
    let row = |id: u64, c: u64| record("s", 1, &format!(r#"{{"id":{id},"c":{c},"x":{c}}}"#));
    let complete = || status("s", "COMPLETE");
    bench.good(&[sync(1, 0, &["id"])], &[row(1, 5), row(2, 5), complete()]);
    let broken = bench.write(&[sync(2, 2, &["id", "x"])], &[row(1, 6), row(2, 4)]);
    assert_eq!(broken.code, Some(1));
    bench.good(&[sync(2, 0, &["id", "c", "x"])], &[row(3, 1), complete()]);
    let rows = [r#"{"id":1,"x":6,"c":6"#, r#"{"id":2,"c":5,"x":5"#, r#"{"id":3,"x":1,"c":1"#];
    assert_eq!(fields(&bench), rows);
}
