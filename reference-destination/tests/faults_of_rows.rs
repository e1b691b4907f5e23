//! Faults that show in the rows that land, and in what check leaves behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, Run, record, state, status, stream};
use serde_json::{Value, json};

fn catalog() -> [Value; 1] {
    [stream("s", "append", &json!({}))]
}

fn row(id: u64) -> String {
    record("s", 1, &format!(r#"{{"id":{id}}}"#))
}

fn in_namespace(line: &str, namespace: &str) -> String {
    line.replace(r#""stream":"#, &format!(r#""namespace":"{namespace}","stream":"#))
}

fn generation(mode: &str, generation: u64, minimum: u64) -> [Value; 1] {
    let ids = json!({
        "generation_id": generation, "minimum_generation_id": minimum, "sync_id": 1,
        "primary_key": [["id"]],
    });
    [stream("s", mode, &ids)]
}

fn complete() -> String {
    status("s", "COMPLETE")
}

/// The ids of the rows after a first generation and a second one.
fn refreshed(fault: &'static str, mode: &str, minimum: u64) -> Vec<Value> {
    let bench = Bench::faulty(fault);
    bench.good(&generation(mode, 1, 0), &[row(1), complete()]);
    bench.good(&generation(mode, 2, minimum), &[row(2), complete()]);
    bench.column("s", "id")
}

#[test]
fn a_namesake_elsewhere_is_taken_for_the_same_table() {
    let mut namesake = catalog();
    namesake[0]["stream"]["namespace"] = json!("other");
    namesake[0]["stream"]["json_schema"]["properties"]["other"] = json!({});
    let count = |fault| {
        let bench = Bench::faulty(fault);
        let streams = [catalog(), namesake.clone()].concat();
        bench.good(&streams, &[row(1), in_namespace(&row(2), "other")]);
        [bench.column("s", "id").len(), bench.raw_rows("s", Some("other")).len()]
    };
    assert_eq!(count(""), [1, 1]);
    assert_eq!(count("find-by-name"), [2, 0]);
}

#[test]
fn names_that_sanitise_alike_share_a_table() {
    let names = ["a-1", "a_1", "aé1", "a1"];
    let count = |fault| {
        let bench = Bench::faulty(fault);
        let streams = names.map(|name| stream(name, "append", &json!({})));
        bench.good(&streams, &names.map(|name| record(name, 1, "{}")));
        names.map(|name| bench.rows(name).len())
    };
    assert_eq!(count(""), [1; 4]);
    assert_eq!(count("sanitise-names"), [2, 0, 1, 1]);
}

#[test]
fn only_identifiers_are_taken_for_names() {
    let code = |name: &str| {
        let run =
            Bench::faulty("plain-names-only").write(&[stream(name, "append", &json!({}))], &[]);
        assert_eq!(run.code == Some(1), run.error()["failure_type"] == "config_error");
        run.code
    };
    for name in ["a", "é", "7 A_b-c.d", &"x".repeat(255)] {
        assert_eq!(code(name), Some(0));
    }
    for name in ["a/b", "\"a\"", "🦀", &"x".repeat(256)] {
        assert_eq!(code(name), Some(1));
    }
}

#[test]
fn columns_are_frozen_with_the_table() {
    let declared = |names: &[&str]| {
        let properties: Value = names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        let described = json!({"name": "s", "json_schema": {"properties": properties}});
        [stream("s", "append", &json!({"stream": described}))]
    };
    let line = record("s", 1, r#"{"id":1,"v":2,"undeclared":3}"#);
    let bench = Bench::faulty("freeze-columns");
    bench.good(&declared(&["id"]), std::slice::from_ref(&line));
    bench.good(&declared(&["id", "v"]), &[line]);
    assert_eq!(bench.column("s", "v"), [json!(2), Value::Null]);
    assert_eq!(bench.column("s", "undeclared"), [3, 3]);
    assert_eq!(bench.column("s", "id"), [1, 1]);
}

#[test]
fn metadata_is_not_what_the_record_brings() {
    let meta = r#""meta":{"changes":[{"field":"id","change":"NULLED","reason":"X"}]},"stream""#;
    let line = row(1).replace(r#""stream""#, meta);
    let landed = |fault| {
        let bench = Bench::faulty(fault);
        bench.good(&catalog(), std::slice::from_ref(&line));
        let row = bench.rows("s").remove(0);
        let changes = row["_airbyte_meta"]["changes"].as_array().unwrap().len();
        (row["_airbyte_extracted_at"].as_u64().unwrap(), changes)
    };
    assert_eq!(landed(""), (1, 1));
    assert_eq!(landed("drop-record-meta"), (1, 0));
    let (extracted_at, changes) = landed("extracted-at-now");
    assert!(extracted_at > 1_600_000_000_000 && changes == 1);
}

#[test]
fn timestamps_overflow() {
    let time = json!({"type": ["null", "string"], "format": "date-time"});
    let properties = json!({"id": {}, "t": time, "u": {"type": "string"}});
    let described = json!({"name": "s", "json_schema": {"properties": properties}});
    let catalog = [stream("s", "append", &json!({"stream": described}))];
    let bench = Bench::faulty("nanosecond-timestamps");
    let (far, near) = ("9999-12-31T23:59:59Z", "2024-01-01T00:00:00Z");
    let lines = [far, near].map(|t| record("s", 1, &format!(r#"{{"id":1,"t":"{t}","u":"{t}"}}"#)));
    bench.good(&catalog, &lines);
    assert_eq!(bench.column("s", "t"), [Value::Null, json!(near)]);
    assert_eq!(bench.column("s", "u"), [far, near]);
}

#[test]
fn old_generations_are_kept() {
    for mode in ["append", "append_dedup"] {
        assert_eq!(refreshed("", mode, 2), [2], "{mode}");
        assert_eq!(refreshed("keep-generations", mode, 2), [1, 2], "{mode}");
    }
    assert_eq!(refreshed("keep-generations", "overwrite", 2), [2]);
}

#[test]
fn old_generations_go_unasked() {
    for mode in ["append", "append_dedup"] {
        assert_eq!(refreshed("", mode, 0), [1, 2], "{mode}");
        assert_eq!(refreshed("zero-means-all", mode, 0), [2], "{mode}");
    }
}

#[test]
fn old_generations_go_before_their_time() {
    for mode in ["append", "append_dedup"] {
        let interrupted = |fault| {
            let bench = Bench::faulty(fault);
            bench.good(&generation(mode, 1, 0), &[row(1), complete()]);
            let run = bench.write(&generation(mode, 2, 2), &[row(2), state("s", 1)]);
            assert_eq!((run.code, run.states().len()), (Some(1), 1));
            let then = bench.column("s", "id");
            bench.good(&generation(mode, 2, 2), &[row(3), complete()]);
            (then, bench.column("s", "id"))
        };
        let ids = |ids: &[u64]| ids.iter().map(|id| json!(id)).collect::<Vec<_>>();
        assert_eq!(interrupted(""), (ids(&[1, 2]), ids(&[2, 3])), "{mode}");
        assert_eq!(interrupted("truncate-at-start"), (ids(&[2]), ids(&[2, 3])), "{mode}");
        assert_eq!(interrupted("truncate-by-sync"), (ids(&[1, 2]), ids(&[3])), "{mode}");
    }
}

fn inventory(bench: &Bench) -> Vec<String> {
    let run = Run::from(bench.command("read").arg("--inventory").output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    run.lines
}

#[test]
fn check_leaves_a_table() {
    let bench = Bench::faulty("check-leaves-table");
    let run = bench.run("check");
    assert_eq!(run.messages("CONNECTION_STATUS")[0]["connectionStatus"]["status"], "SUCCEEDED");
    assert_eq!(inventory(&bench), ["main\t_airbyte_connection_test"]);
    assert_eq!(bench.column("_airbyte_connection_test", "test"), [true]);
    bench.good(&catalog(), &[row(1)]);
    assert_eq!(bench.column("s", "id"), [1]);
}

#[test]
fn check_has_a_default_of_its_own() {
    let bench = Bench::faulty("check-own-default");
    let status = |config: &Value| {
        bench.configure(config);
        bench.run("check").messages("CONNECTION_STATUS")[0]["connectionStatus"]["status"].clone()
    };
    assert_eq!(status(&json!({"path": "no/such/a.db"})), "SUCCEEDED");
    assert_eq!(status(&json!({"path": "no/such/a.db", "flush": {}})), "FAILED");
    assert_eq!(status(&json!({"path": 7})), "FAILED");
}
