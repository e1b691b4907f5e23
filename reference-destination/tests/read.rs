//! Reading what has landed: one stream, or a list of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Bench, Run, record, stream};
use serde_json::{Value, json};

fn read(bench: &Bench, args: &[&str]) -> Run {
    bench.command("read").args(args).output().unwrap().into()
}

#[test]
fn the_rows_of_a_list_name_their_streams() {
    let bench = Bench::new();
    bench.put("list.jsonl", "{\"stream\":\"a\",\"namespace\":null}\n");
    // Without a database nothing has landed.
    assert_eq!(read(&bench, &["--streams", "list.jsonl"]).lines, [""; 0]);
    let streams = ["a", "\"b\""].map(|name| stream(name, "append", &json!({})));
    bench.good(
        &streams,
        &[record("a", 1, r#"{"id":1.0}"#), record("\"b\"", 1, "{}"), record("a", 2, "{}")],
    );
    let asked = [
        json!({"stream": "\"b\"", "namespace": "main"}),
        json!({"stream": "none", "namespace": null}),
        json!({"stream": "\"b\"", "namespace": "other"}),
        json!({"stream": "a", "namespace": null}),
    ];
    bench.put("list.jsonl", &asked.each_ref().map(Value::to_string).join("\n"));
    let run = read(&bench, &["--streams", "list.jsonl"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let named = |stream: &Value, row: String| {
        let whole = stream.to_string();
        format!(r#"{},"data":{row}}}"#, whole.strip_suffix('}').unwrap())
    };
    let b = bench.raw_rows("\"b\"", None).into_iter().map(|row| named(&asked[0], row));
    let a = bench.raw_rows("a", None).into_iter().map(|row| named(&asked[3], row));
    assert_eq!(run.lines, b.chain(a).collect::<Vec<_>>());
    assert!(run.lines[1].contains(r#""data":{"id":1.0,"#), "{}", run.lines[1]);
}

#[test]
fn one_way_of_asking_has_to_be_chosen() {
    let bench = Bench::new();
    bench.put("list.jsonl", "[]\n{");
    assert_eq!(read(&bench, &[]).code, Some(2));
    assert_eq!(read(&bench, &["--stream", "a", "--streams", "list.jsonl"]).code, Some(2));
    assert_eq!(read(&bench, &["--namespace", "a", "--streams", "list.jsonl"]).code, Some(2));
    let refused = read(&bench, &["--streams", "list.jsonl"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("list.jsonl cannot be read"), "{}", refused.stderr);
}

fn inventory(bench: &Bench) -> Vec<String> {
    let run = read(bench, &["--inventory"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    run.lines
}

#[test]
fn an_inventory_lists_streams_and_the_tables_of_others() {
    let bench = Bench::new();
    assert_eq!(inventory(&bench), [""; 0]);
    let connection = rusqlite::Connection::open(bench.path("rows.db")).unwrap();
    connection
        .execute_batch("CREATE TABLE stranger (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        .unwrap();
    assert_eq!(inventory(&bench), ["stranger"]);
    let mut elsewhere = stream("b", "append", &json!({}));
    elsewhere["stream"]["namespace"] = json!("other");
    bench.good(&[elsewhere, stream("a b", "append_dedup", &json!({"primary_key": [["id"]]}))], &[]);
    assert_eq!(inventory(&bench), ["main\ta b", "other\tb", "stranger"]);
}
