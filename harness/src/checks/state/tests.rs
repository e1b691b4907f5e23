use super::*;
use crate::testing::{cases, counted, global, record, state, state_without_id, write};

/// What went in and what came out, line by line, and the end.
fn sync(sent: &[&String], came: &[&String], end: &str) -> Launch {
    let sent = sent.iter().map(|line| format!("< {line}\n"));
    let came = came.iter().map(|line| format!("> {line}\n"));
    let script: String = sent.chain(came).collect();
    write(&(script + end))
}

fn legacy(data: &str) -> String {
    format!(r#"{{"type":"STATE","state":{{"data":{data}}}}}"#)
}

#[test]
fn a_state_that_was_never_sent_is_invented() {
    let (one, two) = (state(1, "a", r#"{"c":1}"#), state(2, "a", r#"{"c":2}"#));
    let bare = |blob| state_without_id("a", blob);
    let unread = r#"{"type":"STATE","state":{"type":"STREAM"}}"#.to_owned();
    cases(
        "state-invented",
        [
            ("pass", sync(&[&one, &two], &[&one, &two], "")),
            (
                "fail: a state of a (id 2) came that was never sent",
                sync(&[&one], &[&one, &two], ""),
            ),
            ("fail: a state of b", sync(&[&one], &[&one, &state_without_id("b", "{}")], "")),
            ("fail: a state of a", sync(&[&bare(r#"{"c":1}"#)], &[&bare(r#"{"d":2}"#)], "")),
            ("fail: a STATE came that covers nothing", sync(&[&one], &[&one, &unread], "")),
            // An id of its own making, around the right state.
            ("pass", sync(&[&one], &[&one.replace(r#""id":1"#, r#""id":77"#)], "")),
            ("pass", sync(&[&one], &[&one.replace(r#""id":1,"#, "")], "")),
            ("inconclusive", sync(&[&one], &[], "")),
        ],
    );
}

#[test]
fn blobs_that_are_hard_to_read_are_no_inventions() {
    let deep = format!(r#"{{"d":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    let deeper = format!(r#"{{"d":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    for blob in [r#"{"s":"\ud800"}"#, r#"{"\udfff":1}"#, &deep, &deeper] {
        for sent in [state(1, "a", blob), state_without_id("a", blob)] {
            let came = counted(&sent, r#"{"recordCount":0.0}"#);
            for id in ["state-invented", "state-lost"] {
                cases(id, [("pass", sync(&[&sent], &[&came], ""))]);
            }
        }
    }
}

#[test]
fn a_success_gives_every_state_back() {
    let (one, two) = (state(1, "a", r#"{"c":1}"#), state(2, "a", r#"{"c":2}"#));
    let row = record("a");
    cases(
        "state-lost",
        [
            ("pass", sync(&[&row, &one, &two], &[&one, &two], "")),
            ("pass", sync(&[&row, &one, &two], &[&two, &one], "")),
            ("fail: a state of a (id 2) never came back", sync(&[&row, &one, &two], &[&one], "")),
            ("fail: a state of a (id 1) never came back", sync(&[&row, &one, &two], &[&two], "")),
            ("fail", sync(&[&one], &[], "")),
            ("pass", sync(&[&row, &one], &[&one], "! exit 1")),
            ("inconclusive: the sync failed: exit code 1", sync(&[&row, &one], &[], "! exit 1")),
            ("inconclusive: no state was sent", sync(&[&row], &[], "")),
            // The matter of state-null-blob-rejected, state-legacy-rejected, state-first-rejected.
            ("pass", sync(&[&row, &one, &state(3, "a", "null")], &[&one], "")),
            ("pass", sync(&[&row, &one, &legacy("{}")], &[&one], "")),
            ("inconclusive", sync(&[&one, &row, &two], &[], "! exit 1")),
            ("pass", sync(&[&one, &row, &two], &[&two], "")),
        ],
    );
}

#[test]
fn a_scenario_looks_at_its_own_states() {
    let one = state(1, "a", r#"{"c":1}"#);
    for (about, wanted) in [
        // Judged by the launch, as any.
        ("state-reordered", "fail"),
        ("data-lost", "fail"),
        ("broken-stdout-ignored", "elsewhere"),
        ("write-memory-unbounded", "elsewhere"),
    ] {
        let mut launch = sync(&[&record("a"), &one], &[], "");
        launch.about = Some(about.to_owned());
        cases("state-lost", [(wanted, launch)]);
    }
}

#[test]
fn a_state_comes_once() {
    let one = state(1, "a", r#"{"c":1}"#);
    let bare = state_without_id("a", r#"{"c":1}"#);
    cases(
        "state-repeated",
        [
            ("pass", sync(&[&one], &[&one], "")),
            ("fail: came 2 times", sync(&[&one], &[&one, &one], "")),
            ("fail: came 3 times", sync(&[&one], &[&one, &one, &one], "")),
            // The same state, sent twice.
            ("pass", sync(&[&bare, &bare], &[&bare, &bare], "")),
            ("fail: came 2 times", sync(&[&bare, &bare], &[&bare, &bare, &bare], "")),
            ("inconclusive", sync(&[&one], &[], "")),
        ],
    );
}

#[test]
fn order_is_kept_within_a_stream() {
    let of = |id, stream| state(id, stream, &format!(r#"{{"c":{id}}}"#));
    let (a1, b2, a3, b4) = (of(1, "a"), of(2, "b"), of(3, "a"), of(4, "b"));
    let (g1, g2) = (global(1, &[("a", "{}")]), global(2, &[("a", "{}")]));
    let bare = |blob| state_without_id("a", blob);
    let (same, other) = (bare(r#"{"c":1}"#), bare(r#"{"c":2}"#));
    let all = [&a1, &b2, &a3, &b4];
    cases(
        "state-reordered",
        [
            ("pass", sync(&all, &all, "")),
            ("pass", sync(&all, &[&b2, &b4, &a1, &a3], "")),
            (
                "fail: a state of a (id 1) came after a state of a (id 3)",
                sync(&all, &[&a3, &a1, &b2, &b4], ""),
            ),
            ("pass", sync(&all, &[&a1, &a3], "! exit 1")),
            ("pass", sync(&all, &[&a1, &a3, &a1], "")), // Repeated.
            ("pass", sync(&[&g1, &g2], &[&g1, &g2], "")),
            ("fail: a GLOBAL state (id 1)", sync(&[&g1, &g2], &[&g2, &g1], "")),
            ("inconclusive", sync(&all, &[&a1, &b2], "")),
            ("inconclusive", sync(&[&g1], &[&g1], "")),
            // Of two states alike the later one came, in its place.
            ("pass", sync(&[&same, &other, &same], &[&other, &same], "")),
            ("fail", sync(&[&same, &other], &[&other, &same], "")),
        ],
    );
}

#[test]
fn an_empty_blob_is_a_state_like_any_other() {
    let row = record("a");
    for blob in ["null", "{}"] {
        let empty = state(1, "a", blob);
        let other = state(1, "a", r#"{"c":1}"#);
        cases(
            "state-null-blob-rejected",
            [
                ("pass", sync(&[&empty], &[&empty], "")),
                ("fail: never came back", sync(&[&row, &empty], &[], "")),
                ("fail: another blob than the empty one", sync(&[&empty], &[&other], "")),
                ("inconclusive: the sync failed", sync(&[&empty], &[], "! exit 1")),
                ("inconclusive", sync(&[&other], &[&other], "")),
            ],
        );
    }
    let absent = state(1, "a", "null").replace(r#","stream_state":null"#, "");
    let (null, braces) = (state(1, "a", "null"), state(1, "a", "{}"));
    let bare = |state: &String| state.replace(r#""id":1,"#, "");
    let nulled = global(2, &[("a", "null")]);
    cases(
        "state-null-blob-rejected",
        [
            ("pass", sync(&[&null], &[&absent], "")),
            ("pass", sync(&[&absent], &[&null], "")),
            ("fail: another blob", sync(&[&absent], &[&braces], "")),
            ("fail: another blob", sync(&[&braces], &[&null], "")),
            ("fail: another blob", sync(&[&bare(&braces)], &[&bare(&null)], "")),
            ("fail: a GLOBAL state", sync(&[&nulled], &[&nulled.replace("null", "{}")], "")),
        ],
    );
}

#[test]
fn a_state_may_come_first() {
    let (one, two) = (state(1, "a", r#"{"c":1}"#), state(2, "a", r#"{"c":2}"#));
    let (row, of_b) = (record("a"), state(3, "b", "{\"c\":1}"));
    cases(
        "state-first-rejected",
        [
            ("pass", sync(&[&one, &row, &two], &[&one, &two], "")),
            ("fail: a state of a (id 1) never came back", sync(&[&one, &row, &two], &[&two], "")),
            // A record of another stream does not count.
            ("fail", sync(&[&record("b"), &one, &row, &two], &[&two], "")),
            // No state at all: that is state-lost.
            ("inconclusive: another check's matter", sync(&[&one, &row, &two], &[], "")),
            // Of another stream.
            (
                "inconclusive: another check's matter",
                sync(&[&one, &row, &record("b"), &of_b], &[&of_b], ""),
            ),
            ("inconclusive: the sync failed", sync(&[&one, &row, &two], &[&two], "! exit 1")),
            ("inconclusive: before the first record", sync(&[&row, &one], &[&one], "")),
        ],
    );
}

#[test]
fn the_old_form_comes_back_too() {
    let old = legacy(r#"{"c":1}"#);
    let typed = old.replace(r#""data""#, r#""type":"LEGACY","data""#);
    let one = state(1, "a", r#"{"c":1}"#);
    cases(
        "state-legacy-rejected",
        [
            ("pass", sync(&[&old], &[&counted(&old, r#"{"recordCount":0.0}"#)], "")),
            ("pass", sync(&[&typed], &[&typed], "")),
            ("fail: a LEGACY state never came back", sync(&[&old], &[], "")),
            ("fail", sync(&[&typed, &one], &[&one], "")),
            ("inconclusive", sync(&[&old], &[], "! exit 1")),
            ("elsewhere", sync(&[&one], &[], "")),
        ],
    );
}

#[test]
fn a_global_state_keeps_foreign_streams() {
    let both = global(1, &[("a", "{}"), ("gone", r#"{"c":1}"#)]);
    let turned = global(1, &[("gone", r#"{"c":1}"#), ("a", "{}")]);
    let pruned = global(1, &[("a", "{}")]);
    let foreign = global(1, &[("gone", r#"{"c":1}"#)]);
    cases(
        "state-global-descriptor-rejected",
        [
            ("pass", sync(&[&both], &[&both], "")),
            ("pass", sync(&[&both], &[&turned], "")),
            ("fail: the state of gone is missing", sync(&[&both], &[&pruned], "")),
            // That a stream of the catalog is missing is state-altered.
            ("pass", sync(&[&both], &[&foreign], "")),
            ("inconclusive", sync(&[&both], &[], "")),
            ("elsewhere", sync(&[&pruned], &[&pruned], "")),
        ],
    );
}
