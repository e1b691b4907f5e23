use super::*;
use crate::scenario::capability::Declared;
use crate::scenario::pack::Manner;
use crate::testing::{
    ERROR, assert_verdict, broken, cases, judge_trial, read_back_facts, record_of, sound, state,
    stream, trials, with_facts, write,
};

fn row(id: u32) -> String {
    record_of("a", &format!(r#"{{"id":{id}}}"#))
}

#[test]
fn sigterm_ends_it_within_seconds() {
    let asked = |end: &str| write(&format!("< {}\n~ stop\n{end}", row(1)));
    let after = |seconds: u64| {
        let mut launch = asked("! exit 143");
        launch.transcript.end.exited = launch.transcript.written[1] + seconds * 1_000_000;
        launch
    };
    let hung = |seconds: u64| {
        let mut launch = asked("! stopped 12");
        launch.transcript.end.exited = launch.transcript.written[1] + seconds * 1_000_000;
        launch
    };
    let mut crashed = asked("! exit 1");
    crashed.transcript.end.exited = crashed.transcript.written[0];
    cases(
        "sigterm-ignored",
        [
            ("pass", asked("! signal 15")),
            ("pass", asked("! exit 143")),
            ("pass", asked("! exit 1")),
            // What was under way was flushed first.
            ("pass", asked(&format!("> {}\n! exit 0", state(1, "a", "{}")))),
            ("pass", after(10)),
            ("fail: it ended 11.0 s after SIGTERM", after(11)),
            ("fail: it went on for 12.0 s", hung(12)),
            ("inconclusive: was ended before", hung(5)),
            ("inconclusive: was ended before", asked("! interrupted")),
            ("inconclusive: before it could be asked", asked("! refused 1")),
            ("inconclusive: before it could be asked", crashed),
            ("inconclusive: before it could be asked", write("x~ stop\n! refused 1")),
            // That it stopped reading is told elsewhere.
            ("inconclusive: before it could be asked", write("x~ stop\n! stopped 60")),
            ("elsewhere", write(&format!("< {}\n~ kill\n! killed", row(1)))),
        ],
    );
}

#[test]
fn the_sync_after_a_kill_works() {
    let (one, two) = (row(1), row(2));
    let killed = || format!("< {one}\n~ kill\n! killed\n|");
    let then = |end: &str| format!("< {one}\n< {two}\n{end}");
    let both = "| a {\"id\":1}\n| a {\"id\":2}";
    let stuck = "fail: sync 2, after one that was killed, failed";
    let refresh = |end: &str| format!("@ a append 2 2\n< {one}\n{end}");
    trials(
        "killed-then-stuck",
        &read_back_facts(&[]),
        [
            ("pass", vec![killed(), then(both)]),
            ("pass", vec![killed(), then(&format!("{both}\n| a {{\"id\":1}}"))]),
            (
                "fail: a: a row is there 3 times that may be there 2 times",
                vec![killed(), then(&format!("{both}\n| a {{\"id\":1}}\n| a {{\"id\":1}}"))],
            ),
            (
                "fail: a: a record has not landed that was sent again",
                vec![killed(), then("| a {\"id\":2}")],
            ),
            (stuck, vec![killed(), then(&format!("> {ERROR}\n! exit 1\n|"))]),
            (stuck, vec![killed(), then(&format!("> {ERROR}\n{both}"))]),
            (stuck, vec![killed(), then("! signal 11\n|"), then(both)]),
            ("fail: made no progress for 60 s", vec![killed(), then("! stopped 60\n|")]),
            ("fail: sync 3", vec![killed(), killed(), then("! exit 1\n|")]),
            ("inconclusive: the last sync", vec![killed(), then("! interrupted\n|")]),
            ("inconclusive: read-back of a", vec![killed(), then("|! a")]),
            // It worked, and failed later for another reason.
            ("inconclusive: the last sync", vec![killed(), then(both), then("! exit 1\n|")]),
            // It fails without a kill as well.
            (
                "inconclusive: before anything was killed",
                vec![then("! exit 1\n|"), killed(), then("! exit 1\n|")],
            ),
            // A refresh that is not told COMPLETE fails with every right, and so does a sync
            // whose stdout was closed.
            (
                "inconclusive: the last sync",
                vec![refresh("~ kill\n! killed"), refresh("! exit 1\n|")],
            ),
            (
                "inconclusive: the last sync",
                vec![killed(), format!("~ close-output\n{}", then("! signal 13\n|"))],
            ),
            ("elsewhere", vec![then(both), killed()]),
            ("elsewhere", vec![then(both), then(both)]),
            // It had ended before it could be killed.
            ("elsewhere", vec![format!("< {one}\n~ kill\n! exit 1\n|"), then("! exit 1\n|")]),
        ],
    );
    // What was acknowledged and lost is the matter of state-not-durable.
    let state = state(1, "a", "{}");
    let acknowledged = format!("< {one}\n< {state}\n> {state}\n~ kill\n! killed\n|");
    let later = format!("< {two}\n| a {{\"id\":2}}");
    trials("killed-then-stuck", &read_back_facts(&[]), [("pass", vec![acknowledged, later])]);
    // A kill in the middle of what is deduplicated leaves no second row.
    let dedup = |script: String| format!("@ a append_dedup\n{script}");
    let twice = format!("{both}\n| a {{\"id\":1}}");
    trials(
        "killed-then-stuck",
        &read_back_facts(&[]),
        [
            ("pass", vec![dedup(killed()), dedup(then(both))]),
            ("fail: a row is there 2 times", vec![dedup(killed()), dedup(then(&twice))]),
            // Nobody sent it again: nobody knows.
            ("pass", vec![dedup(killed()), dedup(format!("< {two}\n| a {{\"id\":2}}"))]),
        ],
    );
    // That the sync works can be seen without its rows.
    trials(
        "killed-then-stuck",
        &Facts::default(),
        [("pass", vec![killed(), then("")]), (stuck, vec![killed(), then("! exit 1")])],
    );
}

#[test]
fn a_closed_stdout_is_no_success() {
    let (one, two) = (state(1, "a", "{}"), state(2, "a", r#"{"n":2}"#));
    let closed = |end: &str| {
        write(&format!(
            "< {}\n< {one}\n> {one}\n~ close-output\n< {}\n< {two}\n{end}",
            row(1),
            row(2)
        ))
    };
    cases(
        "broken-stdout-ignored",
        [
            ("pass", closed("2> cannot write a state: Broken pipe\n! exit 1")),
            ("pass", closed("! signal 13")),
            ("pass", closed("! exit 141")),
            ("pass", closed("! refused 1")),
            ("fail: 1 states were due after that, and it exited with 0", closed("")),
            ("fail", closed("! refused 0")),
            ("fail: and it hung for 60 s", closed("! stopped 60")),
            ("inconclusive: it was ended", closed("! interrupted")),
            (
                "inconclusive: no state was due",
                write(&format!("< {one}\n> {one}\n~ close-output\n< {}", row(1))),
            ),
            ("inconclusive: it had ended before", write("x~ close-output\n! refused 1")),
            ("elsewhere", write(&format!("< {one}\n> {one}"))),
        ],
    );
    let bulk = r#"~ {"bulk":{"stream":{"name":"a"},"records":9,"state_every":3}}"#;
    let verdict = "fail: 3 states were due";
    cases("broken-stdout-ignored", [(verdict, write(&format!("~ close-output\n{bulk}")))]);
}

#[test]
fn it_exits_soon_after_the_end_of_its_output() {
    let facts = Facts { exit_within_s: 10.0, ..Facts::default() };
    let one = state(1, "a", "{}");
    let lingers = |seconds: u64, end: &str| {
        let mut launch = write(&format!("< {}\n< {one}\n> {one}\n{end}", row(1)));
        let at = launch.transcript.end.exited;
        launch.transcript.end.stdout_closed = Some(at);
        launch.transcript.end.exited = at + seconds * 1_000_000;
        launch
    };
    with_facts(
        "exit-slow",
        &facts,
        [
            ("pass", lingers(0, "")),
            ("pass", lingers(10, "")),
            (
                "fail: it exited 11.0 s after the end of its output; the limit is 10 s",
                lingers(11, ""),
            ),
            ("fail", lingers(11, "! exit 1")),
            ("inconclusive: was not seen", lingers(60, "! stopped 60")),
            ("inconclusive: was not seen", write(&format!("< {one}\n> {one}"))),
            ("inconclusive: did not succeed", write(&format!("< {one}\n! exit 1"))),
        ],
    );
}

#[test]
fn two_syncs_at_once_leave_each_other_alone() {
    let one = |end: &str| format!("@ a append\n< {}\n{end}", row(1));
    let other = |end: &str| format!("@ b append\n< {}\n{end}", record_of("b", r#"{"id":7}"#));
    let right = "| a {\"id\":1}\n| b {\"id\":7}";
    let judge = |scripts: &[String], facts: &Facts| {
        let mut evidence = sound(scripts);
        let member = &mut evidence.members[0];
        member.at_once = true;
        member.streams = vec![stream("a"), stream("b")];
        judge_trial("concurrent-syncs-interfere", &evidence, facts)
    };
    for (wanted, scripts) in [
        ("pass", vec![one(""), other(right)]),
        ("fail: the sync failed", vec![one(""), other("2> database is locked\n! exit 1\n|")]),
        ("fail: the sync failed", vec![one("! exit 1"), other("| b {\"id\":7}")]),
        ("fail", vec![one(""), other("| a\n| b {\"id\":7}")]),
        ("fail", vec![one(""), other("| a {\"id\":7}\n| b {\"id\":1}")]),
        ("inconclusive: see hangs", vec![one("! stopped 60"), other(right)]),
        ("inconclusive: at the same time", vec![one("| a {\"id\":1}\n| b")]),
    ] {
        let id = "concurrent-syncs-interfere";
        assert_verdict(id, wanted, &judge(&scripts, &read_back_facts(&[])));
    }
    let scripts = [one(""), other("! exit 1\n|")];
    let declared = Declared::parse(["concurrent-syncs=no"]).unwrap();
    let alone = Facts { declared, ..read_back_facts(&[]) };
    assert_verdict("alone", "not applicable: concurrent-syncs=no", &judge(&scripts, &alone));
    let unread = judge(&[one(""), other("")], &Facts::default());
    assert_verdict("unread", "not applicable: give --readback", &unread);
}

#[test]
fn a_full_disk_fails_loudly() {
    let (one, two) = (state(1, "a", "{}"), state(2, "a", r#"{"n":2}"#));
    let sync = |end: &str| format!("< {}\n< {one}\n< {}\n< {two}\n{end}", row(1), row(2));
    let full = |script: &str, facts: &Facts| {
        let manner = Manner { full_disk: true, ..Manner::default() };
        let evidence = Evidence { manner, ..broken(&[script.to_owned()]) };
        judge_trial("disk-full-silent", &evidence, facts)
    };
    let (came, all) = (format!("> {one}"), "| a {\"id\":1}\n| a {\"id\":2}");
    for (wanted, script) in [
        ("pass", sync(&format!("{came}\n> {ERROR}\n! exit 1\n| a {{\"id\":1}}"))),
        ("pass", sync(&format!("{came}\n! exit 1\n{all}"))),
        ("pass", sync("! exit 1\n|")),
        ("fail: it succeeded on a full disk, and 1 records", sync("| a {\"id\":1}")),
        (
            "fail: on a full disk it acknowledged 1 records that are not there",
            sync(&format!("{came}\n> {two}\n! exit 1\n| a {{\"id\":1}}")),
        ),
        ("fail: its disk was full, and it hung for 60 s", sync("! stopped 60\n|")),
        ("inconclusive: did not meet the limit", sync(all)),
        ("inconclusive: read-back of a", sync("! exit 1\n|! a")),
        ("inconclusive: was ended before", sync("! interrupted\n|")),
    ] {
        assert_verdict("disk-full-silent", wanted, &full(&script, &read_back_facts(&[])));
    }
    let unread = full(&sync("! exit 1"), &Facts::default());
    assert_verdict("unread", "not applicable: give --readback", &unread);
    let hidden = Facts {
        declared: Declared::parse(["failed-data=hidden"]).unwrap(),
        ..read_back_facts(&[])
    };
    let verdict = full(&sync(&format!("{came}\n! exit 1\n|")), &hidden);
    assert_eq!(verdict, Verdict::Pass);
    trials(
        "disk-full-silent",
        &read_back_facts(&[]),
        [("elsewhere", vec![sync("| a {\"id\":1}")])],
    );
}
