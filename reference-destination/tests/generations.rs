//! Refreshes: generations of rows, and which of them stay.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
use common::{Bench, record, state, status, stream};
use serde_json::{Value, json};

fn generation(mode: &str, generation: u64, minimum: u64) -> Value {
    let ids = json!({
        "generation_id": generation, "minimum_generation_id": minimum, "sync_id": 1,
        "primary_key": [["id"]], "cursor_field": ["c"],
    });
    stream("s", mode, &ids)
}

fn row(id: u64, c: u64) -> String {
    record("s", 1, &format!(r#"{{"id":{id},"c":{c}}}"#))
}

fn complete() -> String {
    status("s", "COMPLETE")
}

#[test]
fn a_minimum_of_zero_removes_nothing() {
    let bench = Bench::new();
    bench.good(&[generation("append", 1, 0)], &[row(1, 1), complete()]);
    bench.good(&[generation("append", 2, 0)], &[row(2, 1), complete()]);
    assert_eq!(bench.column("s", "_airbyte_generation_id"), [1, 2]);
}

#[test]
fn a_truncating_refresh_removes_older_generations_at_its_end() {
    for mode in ["append", "overwrite", "append_dedup"] {
        let bench = Bench::new();
        bench.good(&[generation(mode, 1, 0)], &[row(1, 9), row(2, 9), complete()]);
        // Not complete: everything stays, also what has come.
        for ending in [vec![], vec![status("s", "INCOMPLETE"), complete()]] {
            let lines = [vec![row(1, 3), state("s", 1)], ending].concat();
            let run = bench.write(&[generation(mode, 2, 2)], &lines);
            assert_eq!((run.code, run.states().len()), (Some(1), 1), "{mode}");
            assert!(run.error()["message"].as_str().unwrap().contains("\"s\""));
            assert!(bench.column("s", "c").contains(&json!(9)), "{mode}");
        }
        let before = bench.rows("s").len();
        // Resumed: the first attempts' rows count.
        bench.good(&[generation(mode, 2, 2)], &[row(3, 1), complete()]);
        let mut rows: Vec<_> = bench.column("s", "id").iter().filter_map(Value::as_u64).collect();
        rows.dedup();
        assert_eq!(rows, [1, 3], "{mode}, {before} rows before");
        assert!(!bench.column("s", "c").contains(&json!(9)), "{mode}");
    }
}

#[test]
fn a_refreshed_row_wins_over_an_older_generation_with_a_greater_cursor() {
    let bench = Bench::new();
    bench.good(&[generation("append_dedup", 1, 0)], &[row(1, 100), complete()]);
    bench.good(&[generation("append_dedup", 2, 2)], &[row(1, 5), row(1, 4), complete()]);
    assert_eq!(bench.column("s", "c"), [5]);
    bench.good(&[generation("append_dedup", 2, 0)], &[row(1, 4), row(2, 1), complete()]);
    assert_eq!(bench.column("s", "c"), [5, 1]);
}

#[test]
fn an_abandoned_refresh_is_merged_into_the_next_sync() {
    let bench = Bench::new();
    bench.good(&[generation("append_dedup", 1, 0)], &[row(1, 5), row(2, 5), complete()]);
    let run = bench.write(&[generation("append_dedup", 2, 2)], &[row(1, 6), row(2, 4), row(3, 1)]);
    assert_eq!(run.code, Some(1));
    assert_eq!(bench.rows("s").len(), 5);
    bench.good(&[generation("append_dedup", 2, 0)], &[complete()]);
    assert_eq!(bench.column("s", "c"), [6, 5, 1]);
}

#[test]
fn the_end_of_the_input_suffices_only_without_generations() {
    let bench = Bench::new();
    assert_eq!(bench.write(&[generation("append", 1, 0)], &[]).code, Some(1));
    bench.good(&[stream("s", "append", &json!({}))], &[]);
    let run = bench.write(&[stream("s", "append", &json!({}))], &[status("s", "INCOMPLETE")]);
    assert_eq!(run.code, Some(1));
}
