use super::*;
use crate::testing::{cases, counted, global, record, state, write};

/// Two records of `a`, one of `b`, and a state of `a` that comes with these counts.
fn stats(stats: &str) -> Launch {
    let (a, b) = (record("a"), record("b"));
    let one = state(1, "a", "{}");
    write(&format!("< {a}\n< {b}\n< {a}\n< {one}\n> {}", counted(&one, stats)))
}

fn without() -> Launch {
    let one = state(1, "a", "{}");
    write(&format!("< {one}\n> {one}"))
}

#[test]
fn counts_are_there() {
    cases(
        "state-stats-missing",
        [
            ("pass", stats(r#"{"recordCount":2.0}"#)),
            ("pass", stats(r#"{"bytes":7,"recordCount":2,"rejectedRecordCount":null}"#)),
            ("fail: a state of a (id 1) has no destinationStats.recordCount", without()),
            ("fail", stats("null")),
            ("fail", stats("{}")),
            ("fail", stats("[]")),
            ("fail", stats(r#"{"recordCount":null}"#)),
            ("fail", stats(r#"{"recordCount":"2.0"}"#)),
            ("fail", stats(r#"{"rejectedRecordCount":2.0}"#)),
            ("inconclusive", write("")),
        ],
    );
}

#[test]
fn counts_are_right() {
    cases(
        "state-stats-wrong",
        [
            ("pass", stats(r#"{"recordCount":2.0}"#)),
            ("pass", stats(r#"{"recordCount":2}"#)),
            ("pass", stats(r#"{"recordCount":2.0E0}"#)),
            ("pass", stats(r#"{"recordCount":1.0,"rejectedRecordCount":1.0}"#)),
            ("pass", stats(r#"{"recordCount":2.0,"rejectedRecordCount":null,"bytes":99.0}"#)),
            ("fail: counts 3 records; 2 went before it", stats(r#"{"recordCount":3.0}"#)),
            ("fail: counts 0 records", stats(r#"{"recordCount":0.0}"#)),
            ("fail: counts 4 records", stats(r#"{"recordCount":2.0,"rejectedRecordCount":2.0}"#)),
            ("fail: counts 2.5 records", stats(r#"{"recordCount":2.5}"#)),
            ("fail", stats(r#"{"recordCount":-2.0}"#)),
            ("fail", stats(r#"{"recordCount":1e999}"#)),
            ("inconclusive: with counts", without()),
            ("inconclusive: came back", write("")),
        ],
    );
}

#[test]
fn counts_begin_anew_with_each_state_of_a_stream() {
    let (a, b) = (record("a"), record("b"));
    let states = [state(1, "a", "{}"), state(2, "b", "{}"), state(3, "a", "null")];
    let [a1, b2, a3] = &states;
    let sync = |counts: [u32; 3]| {
        let mut script = format!("< {a}\n< {b}\n< {a}\n< {a1}\n< {b}\n< {b2}\n< {a}\n< {a3}");
        // They may come in another order: each keeps the count that it had.
        for at in [1, 0, 2] {
            let came = counted(&states[at], &format!(r#"{{"recordCount":{}.0}}"#, counts[at]));
            script = script + "\n> " + &came;
        }
        write(&script)
    };
    cases(
        "state-stats-wrong",
        [
            ("pass", sync([2, 2, 1])),
            ("fail: (id 3) counts 3 records; 1 went", sync([2, 2, 3])),
            ("fail: (id 2) counts 5 records; 2 went", sync([2, 5, 1])),
        ],
    );
    let globals = [global(1, &[("a", "{}")]), global(2, &[("a", "{}")])];
    let [g1, g2] = &globals;
    let sync = |first: u32, second: u32| {
        let one = counted(g1, &format!(r#"{{"recordCount":{first}.0}}"#));
        let two = counted(g2, &format!(r#"{{"recordCount":{second}.0}}"#));
        write(&format!("< {a}\n< {b}\n< {g1}\n< {b}\n< {g2}\n> {one}\n> {two}"))
    };
    cases(
        "state-stats-wrong",
        [
            ("pass", sync(2, 1)),
            ("fail: a GLOBAL state (id 1) counts 1 records; 2 went", sync(1, 1)),
            ("fail: a GLOBAL state (id 2) counts 3", sync(2, 3)),
        ],
    );
}

#[test]
fn counts_are_floats() {
    cases(
        "state-stats-not-float",
        [
            ("pass", stats(r#"{"recordCount":2.0}"#)),
            ("pass", stats(r#"{"recordCount":2e0,"rejectedRecordCount":0.0,"bytes":3}"#)),
            ("fail: have no decimal point", stats(r#"{"recordCount":2}"#)),
            ("fail", stats(r#"{"recordCount":2.0,"rejectedRecordCount":0}"#)),
            ("inconclusive: with counts", without()),
            ("inconclusive: came back", write("")),
        ],
    );
}
