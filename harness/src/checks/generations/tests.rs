use super::*;
use crate::scenario::capability::Declared;
use crate::testing::{
    ERROR, assert_verdict, broken, judge_trial, read_back_facts, record_of, sound, state, status,
    trials, with_facts, write,
};

fn declared() -> Facts {
    Facts { declared: Declared::parse(["refreshes"]).unwrap(), ..read_back_facts(&[]) }
}

fn rows(stream: &str, ids: &[u32]) -> String {
    let row = |id: &u32| format!("< {}\n", record_of(stream, &format!(r#"{{"id":{id}}}"#)));
    ids.iter().map(row).collect()
}

fn landed(stream: &str, ids: &[u32]) -> String {
    let row = |id: &u32| format!("\n| {stream} {{\"id\":{id}}}");
    ids.iter().map(row).fold("|".to_owned(), |all, row| all + &row)
}

/// A first sync, of generation 1, with two rows.
fn first(found: &[u32]) -> String {
    let complete = status("a", "COMPLETE");
    format!("@ a append 1 0\n{}< {complete}\n{}", rows("a", &[1, 2]), landed("a", found))
}

/// An attempt at generation 2: a record and its state, another record, and what `end` tells.
fn attempt(end: &str, found: &[u32]) -> String {
    let (state, found) = (state(1, "a", r#"{"id":11}"#), landed("a", found));
    format!("@ a append 2 2\n{}< {state}\n{}{end}\n{found}", rows("a", &[11]), rows("a", &[12]))
}

fn came() -> String {
    format!("> {}", state(1, "a", r#"{"id":11}"#))
}

/// The attempt, with the very rows of the first sync.
fn again(end: &str, found: &[u32]) -> String {
    attempt(end, &[]).replace("11", "1").replace("12", "2") + &landed("a", found)[1..]
}

/// The attempt that ends it.
fn last(found: &[u32]) -> String {
    let complete = status("a", "COMPLETE");
    format!("@ a append 2 2\n{}< {complete}\n{}", rows("a", &[12]), landed("a", found))
}

#[test]
fn an_interrupted_refresh_takes_nothing_away() {
    let failed = first(&[1]).replace("\n|", "\n! exit 1\n|");
    let one_lost = "fail: a: a row of an earlier generation is gone after sync 2";
    for end in ["! exit 1", "~ kill\n! killed", "~ stop\n! exit 0", "! stopped 60"] {
        trials(
            "generation-dropped-early",
            &declared(),
            [
                ("pass", vec![first(&[1, 2]), attempt(end, &[1, 2])]),
                ("pass", vec![first(&[1, 2]), attempt(end, &[1, 2, 11, 12])]),
                (one_lost, vec![first(&[1, 2]), attempt(end, &[1, 11])]),
                (one_lost, vec![first(&[1, 2]), attempt(end, &[])]),
                // It was lost before.
                ("pass", vec![first(&[1]), attempt(end, &[1])]),
                ("inconclusive: no row of an earlier", vec![first(&[]), attempt(end, &[11])]),
                ("inconclusive: no row", vec![failed.clone(), attempt(end, &[])]),
                (
                    "inconclusive: read-back of a",
                    vec![first(&[1, 2]), format!("{}\n|! a", attempt(end, &[]))],
                ),
            ],
        );
    }
    let incomplete = format!("< {}\n! exit 1", status("a", "INCOMPLETE"));
    let b_too = &landed("b", &[1])[1..];
    let acknowledged = format!("{}\n! exit 1", came());
    trials(
        "generation-dropped-early",
        &declared(),
        [
            ("elsewhere", vec![first(&[1, 2]), last(&[12])]),
            // That is incomplete-truncated.
            ("elsewhere", vec![first(&[1, 2]), attempt(&incomplete, &[])]),
            // A stream that was told to be complete may be finished, though another is not.
            (
                "pass",
                vec![
                    format!(
                        "@ a append 1 0\n@ b append 1 0\n{}{}{}{}",
                        rows("a", &[1]),
                        rows("b", &[1]),
                        landed("a", &[1]),
                        &landed("b", &[1])[1..]
                    ),
                    format!(
                        "@ a append 2 2\n@ b append 2 2\n{}< {}\n! exit 1\n{}{}",
                        rows("b", &[2]),
                        status("b", "COMPLETE"),
                        landed("a", &[1]),
                        &landed("b", &[2])[1..]
                    ),
                ],
            ),
            // The new row reads as the old one does.
            ("pass", vec![first(&[1, 2]), attempt("! exit 1", &[1, 2]).replace("11", "1")]),
            ("fail", vec![first(&[1, 2]), attempt("! exit 1", &[2]).replace("11", "1")]),
            // What the refresh has sent again may be there because of it, unless it is there twice.
            ("inconclusive: no row", vec![first(&[1, 2]), again("! exit 1", &[1, 2])]),
            ("pass", vec![first(&[1, 2]), again("! exit 1", &[1, 1, 2])]),
            ("fail", vec![first(&[1, 2]), again("! exit 1", &[2])]),
            // The rows of another stream, which is not refreshed, say nothing of it.
            (
                "inconclusive: no row",
                vec![
                    format!("@ b append 1 0\n{}{}{}", rows("b", &[1]), first(&[1, 2]), b_too),
                    format!("@ b append 2 0\n{}{}", again("! exit 1", &[1, 2]), b_too),
                ],
            ),
            // What is lost of a stream is not excused by what was said of another.
            (
                "fail: b: a row of an earlier generation is gone after sync 2",
                vec![
                    format!("@ b append 1 0\n{}{}{b_too}", rows("b", &[1]), first(&[1, 2])),
                    format!("@ b append 2 2\n{}", attempt(&incomplete, &[1, 2])),
                ],
            ),
            // That it is acknowledged makes it no row of the earlier generation.
            ("pass", vec![first(&[1, 2]), attempt(&acknowledged, &[1, 2]).replace("11", "1")]),
            ("fail", vec![first(&[1, 2]), attempt(&acknowledged, &[2]).replace("11", "1")]),
        ],
    );
    let evidence = broken(&[first(&[1, 2]), attempt("! exit 1", &[])]);
    for (facts, wanted) in [
        (read_back_facts(&[]), "not applicable: --declare refreshes"),
        (Facts { readback: false, ..declared() }, "not applicable: give --readback"),
    ] {
        let verdict = judge_trial("generation-dropped-early", &evidence, &facts);
        assert_verdict("generation-dropped-early", wanted, &verdict);
    }
}

#[test]
fn incomplete_fails_and_truncates_nothing() {
    let told = |end: &str| format!("< {}\n{end}", status("a", "INCOMPLETE"));
    let b_too = &landed("b", &[1])[1..];
    trials(
        "incomplete-truncated",
        &declared(),
        [
            ("pass", vec![first(&[1, 2]), attempt(&told("! exit 1"), &[1, 2])]),
            ("fail: gone after sync 2", vec![first(&[1, 2]), attempt(&told("! exit 1"), &[11])]),
            ("fail: and the sync succeeded", vec![first(&[1, 2]), attempt(&told(""), &[11, 12])]),
            ("fail: and the sync succeeded", vec![first(&[1, 2]), attempt(&told(""), &[1, 2])]),
            // Asked to stop, it ended as it was asked to.
            ("pass", vec![first(&[1, 2]), attempt(&told("~ stop\n! exit 0"), &[1, 2])]),
            // Of another stream, which is refreshed beside it, it says nothing.
            (
                "inconclusive: no row of an earlier",
                vec![
                    format!("@ b append 1 0\n{}{}{b_too}", rows("b", &[1]), first(&[1, 2])),
                    format!("@ b append 2 2\n{}{b_too}", again(&told("! exit 1"), &[1, 2])),
                ],
            ),
            (
                "elsewhere",
                vec![
                    format!("@ b append 1 0\n{}{}{b_too}", rows("b", &[1]), first(&[1, 2])),
                    format!("@ b append 2 2\n{}", attempt("! exit 1", &[1, 2])),
                ],
            ),
            // An earlier attempt has dropped them.
            (
                "inconclusive: no row of an earlier",
                vec![first(&[1, 2]), attempt("! exit 1", &[]), attempt(&told("! exit 1"), &[])],
            ),
            (
                "inconclusive",
                vec![first(&[]).replace("\n|", "\n! exit 1\n|"), attempt(&told("! exit 1"), &[])],
            ),
            ("elsewhere", vec![first(&[1, 2]), attempt("! exit 1", &[])]),
            ("elsewhere", vec![first(&[1, 2]), last(&[12])]),
        ],
    );
    let evidence = broken(&[first(&[1, 2]), attempt(&told(""), &[])]);
    let verdict = judge_trial("incomplete-truncated", &evidence, &read_back_facts(&[]));
    assert_eq!(verdict, Verdict::Elsewhere);
}

#[test]
fn an_end_without_complete_is_a_failure() {
    let refresh = |script: &str| write(&format!("@ a append 2 2\n@ b append 2 2\n{script}"));
    let (a, b) = (status("a", "COMPLETE"), status("b", "COMPLETE"));
    let row = rows("a", &[1]);
    with_facts(
        "missing-complete-succeeded",
        &declared(),
        [
            ("pass", refresh(&format!("{row}! exit 1"))),
            ("pass", refresh(&format!("{row}~ {{\"raw\":\"{{\"}}\n> {ERROR}\n! exit 1"))),
            ("fail: the input ended without COMPLETE", refresh(&row)),
            // A stream without records has to be complete, too.
            ("fail", refresh(&format!("{row}< {a}"))),
            ("fail", refresh(&format!("{row}< {a}\n< {}", status("b", "STARTED")))),
            ("fail", refresh(&format!("{row}< {a}\n< {}", status("c", "COMPLETE")))),
            ("elsewhere", refresh(&format!("{row}< {a}\n< {b}"))),
            // That is incomplete-truncated.
            ("elsewhere", refresh(&format!("{row}< {a}\n< {}", status("b", "INCOMPLETE")))),
            ("elsewhere", refresh(&format!("{row}~ kill\n! killed"))),
            ("elsewhere", refresh(&format!("{row}~ stop\n! exit 0"))),
            // It did not wait for what it was to be told.
            ("elsewhere", refresh(&format!("{row}x< {a}\nx< {b}\n! refused 0"))),
            ("elsewhere", write(&row)),
            ("inconclusive: did not end by itself", refresh(&format!("{row}! stopped 60"))),
            ("inconclusive: before its input did", refresh(&format!("{row}! refused 1"))),
        ],
    );
    let undeclared = [("not applicable: --declare refreshes", refresh(&row))];
    with_facts("missing-complete-succeeded", &read_back_facts(&[]), undeclared);
}

#[test]
fn a_resumed_refresh_keeps_what_its_first_attempt_acknowledged() {
    let came = came();
    let failed = |end: &str, found: &[u32]| attempt(&format!("{came}\n{end}"), found);
    let error = format!("> {ERROR}\n! exit 1");
    let late = format!("> {ERROR}\n{came}\n! exit 1");
    let id = "generation-lost-attempt";
    let one_lost = "fail: a: a state that covers this record came in sync 2";
    trials(
        id,
        &declared(),
        [
            ("pass", vec![first(&[1, 2]), failed(&error, &[1, 2, 11]), last(&[11, 12])]),
            // Both attempts have stored what the second sent again.
            ("pass", vec![first(&[1, 2]), failed(&error, &[1, 2, 11]), last(&[11, 12, 12])]),
            ("pass", vec![first(&[1, 2]), failed(&error, &[1, 2]), last(&[11, 12])]),
            (one_lost, vec![first(&[1, 2]), failed(&error, &[1, 2, 11, 12]), last(&[12])]),
            // It gathers a refresh out of sight, and begins anew.
            (one_lost, vec![first(&[1, 2]), failed(&error, &[1, 2]), last(&[12])]),
            // Its rows show, and this one is not among them: it was never stored.
            ("pass", vec![first(&[1, 2]), failed(&late, &[1, 2, 12]), last(&[11, 12])]),
            (
                "inconclusive: no attempt acknowledged a record",
                vec![first(&[1, 2]), attempt("! exit 1", &[1, 2]), last(&[12])],
            ),
            (
                "inconclusive: the refresh was never completed",
                vec![first(&[1, 2]), failed(&error, &[1, 2]), failed("! exit 1", &[1, 2])],
            ),
            (
                "inconclusive: read-back of a",
                vec![first(&[1, 2]), failed(&error, &[11]), format!("{}\n|! a", last(&[]))],
            ),
            ("elsewhere", vec![first(&[1, 2]), last(&[12])]),
            // Another refresh, not the same one once more.
            (
                "elsewhere",
                vec![first(&[1, 2]), failed(&error, &[11]), last(&[12]).replace("2 2", "3 3")],
            ),
        ],
    );
    // A state that comes after the failure was told is a matter of that.
    let lost = || vec![first(&[1, 2]), attempt(&late, &[1, 2]), last(&[12])];
    trials("state-after-failure", &declared(), [("fail", lost())]);
    let told = judge_trial(id, &broken(&lost()), &declared());
    assert!(!matches!(told, Verdict::Fail(_)), "{told:?}");
    // Right after a failure nothing is known of rows that are deduplicated.
    let dedup = |script: String| script.replace("append", "append_dedup");
    let lost = vec![first(&[1, 2]), failed(&error, &[1, 2]), last(&[12])];
    trials(id, &declared(), [(one_lost, lost.into_iter().map(dedup).collect::<Vec<_>>())]);
    let undeclared = [(
        "not applicable: --declare refreshes",
        vec![first(&[1, 2]), failed(&error, &[1, 2]), last(&[12])],
    )];
    trials(id, &read_back_facts(&[]), undeclared);
}

#[test]
fn a_refresh_that_is_complete_replaces_and_one_with_a_minimum_of_zero_does_not() {
    let merged = |found: &[u32]| last(found).replace("2 2", "2 0");
    for (id, wanted, scripts) in [
        ("complete-ignored", "pass", [first(&[1, 2]), last(&[12])]),
        (
            "complete-ignored",
            "fail: the sync failed",
            [first(&[1, 2]), last(&[12]).replace("\n|", "\n! exit 1\n|")],
        ),
        (
            "complete-ignored",
            "inconclusive: see hangs",
            [first(&[1, 2]), last(&[12]).replace("\n|", "\n! stopped 60\n|")],
        ),
        ("generation-kept-old", "pass", [first(&[1, 2]), last(&[12])]),
        ("generation-kept-old", "fail", [first(&[1, 2]), last(&[1, 2, 12])]),
        ("generation-zero-deleted", "pass", [first(&[1, 2]), merged(&[1, 2, 12])]),
        ("generation-zero-deleted", "fail", [first(&[1, 2]), merged(&[12])]),
    ] {
        let verdict = judge_trial(id, &sound(&scripts), &declared());
        assert_verdict(id, wanted, &verdict);
    }
}
