use super::*;
use crate::scenario::capability::Declared;
use crate::testing::{
    ERROR, assert_verdict, broken, global, judge_trial, read_back_facts, record_of, state, trials,
};

fn row(stream: &str, id: u32) -> String {
    record_of(stream, &format!(r#"{{"id":{id}}}"#))
}

/// Two records of `a`, a busy stream `b`, and a state of each; what came, how it ended, what was
/// read back.
fn first(end: &str) -> String {
    let (a, b) = (state(1, "a", "{}"), state(2, "b", "{}"));
    let [a1, a2, b1, b2] = [row("a", 1), row("a", 2), row("b", 1), row("b", 2)];
    format!("< {a1}\n< {b1}\n< {b2}\n< {a}\n< {b}\n< {a2}\n{end}\n|")
}

/// The sync after it, which sends again what comes after the first states, and more.
fn then(landed: &str) -> String {
    format!("< {}\n< {}\n| \n{landed}", row("a", 2), row("a", 3))
}

const A: &str = "| a {\"id\":1}\n| a {\"id\":2}\n| a {\"id\":3}";
const B: &str = "| b {\"id\":1}\n| b {\"id\":2}";
/// What belongs to `a`, but for what a state of the first sync covers.
const HOLE: &str = "| a {\"id\":2}\n| a {\"id\":3}";

fn both() -> (String, String) {
    (format!("> {}", state(1, "a", "{}")), format!("> {}", state(2, "b", "{}")))
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_the_next_sync() {
    let (a, b) = both();
    let killed = |landed: &str| first(&format!("~ kill\n{a}\n{b}\n! killed\n{landed}"));
    let silent = first("~ kill\n! killed\n|");
    let all = format!("{A}\n{B}");
    let again = format!("< {}\n< {}\n< {}", row("a", 1), row("b", 1), row("b", 2));
    trials(
        "state-not-durable",
        &read_back_facts(&[]),
        [
            ("pass", vec![killed(&format!("| a {{\"id\":1}}\n{B}")), then(&all)]),
            // Staged rows show only after the next sync.
            ("pass", vec![killed("|"), then(&all)]),
            // What is not acknowledged and sent again may be there twice.
            ("pass", vec![killed(&all), then(&format!("{all}\n| a {{\"id\":2}}"))]),
            (
                "fail: a: a state that covers this record came in sync 1",
                vec![killed("|"), then(&format!("{HOLE}\n{B}"))],
            ),
            ("fail", vec![killed("|"), then("")]),
            // It acknowledges nothing before the end.
            (
                "inconclusive: in larger batches, or at the end",
                vec![silent, format!("{again}\n{}", then(&all))],
            ),
            // It was killed before it had read anything.
            (
                "inconclusive: in larger batches",
                vec![format!("~ kill\nx< {}\n! killed\n|", row("a", 1)), then(&all)],
            ),
            ("inconclusive: no sync after it succeeded", vec![killed("|"), first("! exit 1\n|")]),
            ("inconclusive: no sync after it succeeded", vec![killed("|")]),
            (
                "inconclusive: read-back of a: no such table",
                vec![killed("|"), then(&format!("|! a no such table\n{B}"))],
            ),
            ("elsewhere", vec![first(""), then(&all)]),
        ],
    );
    let unread =
        judge_trial("state-not-durable", &broken(&[killed("|"), then(&all)]), &Facts::default());
    assert_verdict("unread", "not applicable: give --readback", &unread);
    let small_disk = Evidence {
        manner: crate::scenario::pack::Manner { full_disk: true, ..Default::default() },
        ..broken(&[killed("|"), then("")])
    };
    assert_eq!(
        judge_trial("state-not-durable", &small_disk, &read_back_facts(&[])),
        Verdict::Elsewhere
    );
}

#[test]
fn an_answer_to_sigterm_vouches_for_its_states_alone() {
    let (a, b) = both();
    for end in ["exit 143", "exit 1", "exit 0", "signal 15"] {
        let stopped = |came: &str| first(&format!("~ stop\n{came}\n! {end}\n|"));
        let came = format!("{a}\n{b}");
        trials(
            "state-not-durable",
            &read_back_facts(&[]),
            [
                // What came after the last states was not stored.
                ("pass", vec![stopped(&came), then(&format!("{A}\n{B}"))]),
                // … or it was, and is there twice.
                ("pass", vec![stopped(&came), then(&format!("{A}\n{B}\n| a {{\"id\":2}}"))]),
                ("fail", vec![stopped(&came), then(&format!("{HOLE}\n{B}"))]),
                ("inconclusive: no state", vec![stopped(""), then(HOLE)]),
                ("inconclusive: no sync after it succeeded", vec![stopped(&came)]),
            ],
        );
        trials("killed-then-stuck", &read_back_facts(&[]), [("pass", vec![stopped(&a), then(A)])]);
    }
}

#[test]
fn a_loss_is_told_by_the_check_that_knows_its_cause() {
    let (a, b) = both();
    let killed = |landed: &str| first(&format!("{a}\n{b}\n~ kill\n! killed\n{landed}"));
    let one_flushed = || vec![killed(B), then(&format!("{HOLE}\n{B}"))];
    let none_flushed = || vec![killed("|"), then(HOLE)];
    let all = || vec![killed(B), then(&format!("{A}\n{B}"))];
    for (id, of_one, of_none) in [
        ("state-cross-stream-ack", "fail: a: a state that covers this record", "pass"),
        ("state-not-durable", "pass", "fail"),
        ("state-global-partial", "elsewhere", "elsewhere"),
        ("state-after-failure", "elsewhere", "elsewhere"),
    ] {
        let sound = if of_one == "elsewhere" { "elsewhere" } else { "pass" };
        trials(
            id,
            &read_back_facts(&[]),
            [(of_one, one_flushed()), (of_none, none_flushed()), (sound, all())],
        );
    }
    // With a single stream there is no other whose flush could be at fault.
    let alone = |rows: &str| format!("@ a append\n{rows}");
    let script = format!("< {}\n< {}\n{a}\n~ kill\n! killed\n|", row("a", 1), state(1, "a", "{}"));
    trials(
        "state-cross-stream-ack",
        &read_back_facts(&[]),
        [("elsewhere", vec![alone(&script), then(A)])],
    );
}

#[test]
fn a_global_state_waits_for_all_streams() {
    let lsn = global(1, &[("a", "{}"), ("b", "{}")]);
    let killed = |came: &str, landed: &str| {
        format!(
            "< {}\n< {}\n< {}\n< {lsn}\n{came}\n~ kill\n! killed\n{landed}",
            row("a", 1),
            row("b", 1),
            row("b", 2)
        )
    };
    let came = format!("> {lsn}");
    let all = format!("{A}\n{B}");
    trials(
        "state-global-partial",
        &read_back_facts(&[]),
        [
            ("pass", vec![killed(&came, "|"), then(&all)]),
            ("fail: a: a state that covers", vec![killed(&came, B), then(&format!("{HOLE}\n{B}"))]),
            ("inconclusive: no state that covers", vec![killed("", "|"), then(&all)]),
            ("inconclusive: no sync after it", vec![killed(&came, "|"), first("! exit 1\n|")]),
            // Nothing was stored at all: that is told elsewhere.
            ("pass", vec![killed(&came, "|"), then(HOLE)]),
            ("elsewhere", vec![killed(&came, "|").replace("~ kill\n! killed", ""), then(&all)]),
            // Of a single stream it is partial in nothing.
            (
                "elsewhere",
                vec![
                    format!("@ a append\n< {}\n< {lsn}\n{came}\n~ kill\n! killed\n|", row("a", 1)),
                    then(A),
                ],
            ),
        ],
    );
    trials(
        "state-not-durable",
        &read_back_facts(&[]),
        [
            ("fail", vec![killed(&came, "|"), then(HOLE)]),
            ("pass", vec![killed(&came, B), then(&format!("{HOLE}\n{B}"))]),
        ],
    );
    trials(
        "state-cross-stream-ack",
        &read_back_facts(&[]),
        [("elsewhere", vec![killed(&came, B), then(B)])],
    );
}

#[test]
fn a_failure_acknowledges_nothing_that_it_loses() {
    let (a, b) = both();
    let failed = |came: &str, landed: &str| first(&format!("{came}\n! exit 1\n{landed}"));
    let late = format!("> {ERROR}\n{a}\n{b}");
    let kept = format!("| a {{\"id\":1}}\n{B}");
    let single = [
        ("pass", vec![failed(&late, &kept)]),
        ("pass", vec![failed(&format!("{b}\n> {ERROR}"), B)]),
        ("fail: a: a state that covers this record", vec![failed(&late, B)]),
        ("fail: exit code 1, TRACE ERROR", vec![failed(&late, "|")]),
        (
            "inconclusive: no state that covers a record came before or after the failure",
            vec![failed(&format!("> {ERROR}"), "|")],
        ),
        ("inconclusive: read-back of b", vec![failed(&late, "| a {\"id\":1}\n|! b")]),
        ("elsewhere", vec![first(&format!("{a}\n{b}\n{A}\n{B}"))]),
        ("elsewhere", vec![first(&format!("{a}\n~ kill\n! killed\n|"))]),
        ("elsewhere", vec![first(&format!("{a}\n! stopped 60\n|"))]),
    ];
    trials("state-after-failure", &read_back_facts(&[]), single);
    trials(
        "state-after-failure",
        &read_back_facts(&[]),
        [
            // What was staged shows after the next sync.
            ("pass", vec![failed(&late, "|"), then(&format!("{A}\n{B}"))]),
            ("fail: in sync 1", vec![failed(&late, &kept), then(&format!("{HOLE}\n{B}"))]),
            // It had ended by itself before it could be killed, or stopped.
            ("fail", vec![first(&format!("{late}\n~ kill\n! exit 1\n|")), then(HOLE)]),
            ("fail", vec![first(&format!("{late}\n~ stop\n! refused 1\n|")), then(HOLE)]),
        ],
    );
    let hidden = Facts {
        declared: Declared::parse(["failed-data=hidden"]).unwrap(),
        ..read_back_facts(&[])
    };
    trials(
        "state-after-failure",
        &hidden,
        [
            ("inconclusive: failed-data=hidden", vec![failed(&late, "|")]),
            ("fail", vec![failed(&late, "|"), then(HOLE)]),
        ],
    );
    // Whoever shows such rows only later is told what to declare.
    let verdict =
        judge_trial("state-after-failure", &broken(&[failed(&late, "|")]), &read_back_facts(&[]));
    let Verdict::Fail(findings) = verdict else { panic!("{verdict:?}") };
    assert!(findings[0].evidence.contains("--declare failed-data=hidden"), "{findings:?}");
    // Not where a later one has shown what there is.
    let settled = broken(&[failed(&late, "|"), then(HOLE)]);
    let verdict = judge_trial("state-after-failure", &settled, &read_back_facts(&[]));
    let Verdict::Fail(findings) = verdict else { panic!("{verdict:?}") };
    assert!(findings[0].evidence.ends_with("found nothing"), "{findings:?}");
}

#[test]
fn what_was_there_after_the_kill_was_lost_by_a_later_sync() {
    let (a, b) = both();
    let killed = |landed: &str| first(&format!("{a}\n{b}\n~ kill\n! killed\n{landed}"));
    let hole = || then(&format!("{HOLE}\n{B}"));
    for (id, of_there, of_missing) in [
        ("killed-then-stuck", "fail: a: a state that covers this record came in sync 1", "pass"),
        ("state-not-durable", "pass", "fail"),
    ] {
        trials(
            id,
            &read_back_facts(&[]),
            [
                (of_there, vec![killed(&format!("{A}\n{B}")), hole()]),
                (of_missing, vec![killed("|"), hole()]),
            ],
        );
    }
}

#[test]
fn a_stream_of_which_something_is_missing_was_not_flushed_in_anothers_stead() {
    let (a, b) = both();
    let killed = first(&format!("{a}\n{b}\n~ kill\n! killed\n| b {{\"id\":1}}"));
    for (id, wanted) in [("state-cross-stream-ack", "pass"), ("state-not-durable", "fail")] {
        let then = then(&format!("{HOLE}\n{B}"));
        trials(id, &read_back_facts(&[]), [(wanted, vec![killed.clone(), then])]);
    }
}

#[test]
fn a_refresh_that_failed_is_no_attempt_that_a_later_sync_lost() {
    let a = state(1, "a", "{}");
    let came = format!("> {a}\n> {ERROR}\n! exit 1\n|");
    let refresh = format!("@ a append 2 2\n< {}\n< {a}\n{came}", row("a", 1));
    trials("state-after-failure", &read_back_facts(&[]), [("fail", vec![refresh])]);
}

#[test]
fn a_flood_of_losses_is_counted() {
    let of = |count: usize| {
        let all = (0..count).map(|nth| Finding::new(format!("row {nth}"), "")).collect();
        told(all).into_iter().map(|finding| finding.message).collect::<Vec<_>>()
    };
    assert_eq!(of(0), Vec::<String>::new());
    assert_eq!(of(3), ["row 0", "row 1", "row 2"]);
    assert_eq!(of(5), ["row 0", "row 1", "row 2 (and 2 more)"]);
}
