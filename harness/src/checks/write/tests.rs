use crate::testing::{cases, record, state, write};

const ERROR: &str =
    r#"> {"type":"TRACE","trace":{"type":"ERROR","emitted_at":1,"error":{"message":"no"}}}"#;

#[test]
fn nothing_to_say_is_no_failure() {
    cases(
        "write-empty-input",
        [
            ("pass", write("")),
            ("pass", write(r#"> {"type":"LOG","log":{"level":"INFO","message":"nothing came"}}"#)),
            ("fail: an empty input made it fail", write("2> no\n! exit 1")),
            ("fail", write("! signal 11")),
            ("inconclusive: refused loudly", write(&format!("{ERROR}\n! exit 1"))),
            ("inconclusive: see hangs", write("! stopped 30")),
            ("elsewhere", write(&format!("< {}\n! exit 1", record("a")))),
        ],
    );
}

#[test]
fn states_without_records_are_enough() {
    let state = state(1, "a", "null");
    let complete = r#"< {"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1.7E12,"stream_status":{"stream_descriptor":{"name":"a"},"status":"COMPLETE"}}}"#;
    cases(
        "write-no-records",
        [
            ("pass", write(&format!("< {state}\n{complete}\n> {state}"))),
            // Whether the state comes back is the matter of others.
            ("pass", write(&format!("< {state}"))),
            ("fail: without any record made it fail", write(&format!("{complete}\n! exit 1"))),
            ("fail", write(&format!("< {state}\n{ERROR}"))),
            ("inconclusive: see hangs", write(&format!("< {state}\n! stopped 30"))),
            ("elsewhere", write("! exit 1")),
            ("elsewhere", write(&format!("< {}\n! exit 1", record("a")))),
        ],
    );
}
