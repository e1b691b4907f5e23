use super::*;
use crate::protocol::message::ConnectionStatus;
use crate::testing::{
    assert_verdict, cases, check, judge, judge_trial, record, state, with_facts, write,
};

fn status(status: &str) -> String {
    format!(r#"> {{"type":"CONNECTION_STATUS","connectionStatus":{{{status}}}}}"#)
}

const OK: &str = r#""status":"SUCCEEDED""#;
const NO: &str = r#""status":"FAILED","message":"no such host""#;

#[test]
fn one_status_is_wanted() {
    let log = r#"> {"type":"LOG","log":{"level":"INFO","message":"SUCCEEDED"}}"#;
    let unreadable = r#"> {"type":"CONNECTION_STATUS","connectionStatus":[]}"#;
    let snake = r#"> {"type":"CONNECTION_STATUS","connection_status":{"status":"SUCCEEDED"}}"#;
    for (script, missing, repeated, failed) in [
        (status(OK), "pass", "pass", "pass"),
        (format!("{log}\n{}\n{log}", status(OK)), "pass", "pass", "pass"),
        (status(&format!(r#"{OK},"message":null,"new":1"#)), "pass", "pass", "pass"),
        (log.to_owned(), "fail: no CONNECTION_STATUS", "inconclusive", "inconclusive"),
        (format!("{}\n{}", status(OK), status(OK)), "pass", "fail: a further", "pass"),
        (status(NO), "pass", "pass", "fail: FAILED: no such host"),
        (status(r#""status":"FAILED""#), "pass", "pass", "fail: FAILED: no message"),
        (unreadable.to_owned(), "pass", "pass", "inconclusive"),
        (snake.to_owned(), "pass", "pass", "inconclusive"),
    ] {
        cases("check-status-missing", [(missing, check(&script))]);
        cases("check-status-repeated", [(repeated, check(&script))]);
        cases("check-valid-config-failed", [(failed, check(&script))]);
    }
}

#[test]
fn a_bad_config_fails_without_a_crash() {
    for id in ["check-invalid-config-succeeded", "check-unreachable-succeeded"] {
        cases(
            id,
            [
                ("pass", check(&status(NO))),
                ("fail: check SUCCEEDED although its port is a text", check(&status(OK))),
                ("inconclusive", check("2> no\n! exit 1")),
            ],
        );
    }
    cases(
        "check-failure-silent",
        [
            ("pass", check(&status(NO))),
            ("fail", check(&status(r#""status":"FAILED""#))),
            ("fail", check(&status(r#""status":"FAILED","message":" \n""#))),
            ("inconclusive", check(&status(OK))),
            ("inconclusive", check("! exit 1")),
        ],
    );
    cases(
        "check-failure-crashes",
        [
            ("pass", check(&status(NO))),
            ("fail: without a CONNECTION_STATUS", check("2> no\n! exit 1")),
            (
                "fail: the status is FAILED, and yet it ended with exit code 1",
                check(&format!("{}\n! exit 1", status(NO))),
            ),
            ("inconclusive: was not FAILED", check(&status(OK))),
            ("inconclusive: see hangs", check("! stopped 30")),
            ("inconclusive: see hangs", check("! interrupted")),
        ],
    );
}

#[test]
fn a_trial_without_launches_says_nothing() {
    let evidence = Evidence::new("t", Purpose::CheckInvalid, Vec::new());
    assert_eq!(bad_config_succeeded(&evidence, &Facts::default()), Verdict::Elsewhere);
}

#[test]
fn a_check_answers_in_time() {
    let facts = Facts { check_within_s: 30.0, ..Facts::default() };
    let took = |seconds: u64, end: &str| {
        let mut launch = check(&format!("{}\n{end}", status(OK)));
        launch.transcript.end.exited = seconds * 1_000_000;
        launch
    };
    with_facts(
        "check-slow",
        &facts,
        [
            ("pass", took(1, "")),
            ("pass", took(30, "! exit 1")),
            ("fail: check took 31.0 s; its limit is 30 s", took(31, "")),
            ("fail", took(60, "! stopped 60")),
            // It was ended before its time was over.
            ("inconclusive", took(20, "! stopped 20")),
            ("inconclusive", took(5, "! interrupted")),
        ],
    );
}

#[test]
fn a_promise_is_kept() {
    let facts = Facts {
        check: Some(ConnectionStatus { status: "SUCCEEDED".to_owned(), message: None }),
        ..Facts::default()
    };
    let (record, state) = (record("a"), state(1, "a", "{}"));
    let sync = |end: &str| write(&format!("< {record}\n< {state}\n{end}"));
    let mut about = sync("! exit 1");
    about.about = Some("write-locale".to_owned());
    with_facts(
        "check-passes-write-fails",
        &facts,
        [
            ("pass", sync("")),
            ("fail: a write with the same config failed", sync("! exit 1")),
            (
                "fail",
                sync(
                    r#"> {"type":"TRACE","trace":{"type":"ERROR","emitted_at":1,"error":{"message":"no"}}}"#,
                ),
            ),
            ("inconclusive: all states came", sync(&format!("> {state}\n! exit 1"))),
            ("inconclusive: see hangs", sync("! stopped 30")),
            ("inconclusive: was interrupted", sync("! interrupted")),
            ("elsewhere", write(&format!("< {state}\n! exit 1"))),
            // Old states, and what a scenario is about, have checks of their own.
            ("elsewhere", sync("< {\"type\":\"STATE\",\"state\":{\"data\":{\"n\":1}}}\n! exit 1")),
            ("elsewhere", about),
        ],
    );
    let trial = || Evidence::new("t", Purpose::Write, vec![sync(""), sync("! exit 1")]);
    let Verdict::Fail(findings) = judge_trial("check-passes-write-fails", &trial(), &facts) else {
        panic!("the second launch failed")
    };
    assert_eq!(findings[0].launch, Some(1));
    // Its scenarios were run alone after that.
    let explained = Evidence { explained: true, ..trial() };
    assert_eq!(judge_trial("check-passes-write-fails", &explained, &facts), Verdict::Elsewhere);
    let unknown = judge("check-passes-write-fails", sync("! exit 1"), &Facts::default());
    assert_verdict("unknown", "inconclusive: check did not succeed", &unknown);
}

#[test]
fn defaults_are_the_same_for_check_and_write() {
    let trial = |launches: Vec<Launch>| Evidence {
        config_note: Some("nobody listens there".to_owned()),
        ..Evidence::new("sparse", Purpose::CheckSparse, launches)
    };
    let sync = |end: &str| write(&format!("< {}\n{end}", record("a")));
    for (wanted, launches) in [
        ("pass", vec![check(&status(NO))]),
        ("pass", vec![check(&format!("{}\n! exit 1", status(NO)))]),
        // The default is a good one.
        ("pass", vec![check(&status(OK)), sync("")]),
        (
            "fail: check SUCCEEDED although nobody listens there, and a write with that config failed",
            vec![check(&status(OK)), sync("! exit 1")],
        ),
        ("fail", vec![check(&status(OK)), sync("! stopped 60")]),
        ("inconclusive: no write was tried", vec![check(&status(OK))]),
        ("inconclusive: was interrupted", vec![check(&status(OK)), sync("! interrupted")]),
        ("inconclusive: no status could be read", vec![check("2> no\n! exit 1")]),
        ("elsewhere", vec![]),
    ] {
        let verdict = judge_trial("check-defaults-differ", &trial(launches), &Facts::default());
        assert_verdict("check-defaults-differ", wanted, &verdict);
    }
    let launches = vec![check(&status(OK)), sync("2> nobody answers on db:5432\n! exit 1")];
    let verdict = judge_trial("check-defaults-differ", &trial(launches), &Facts::default());
    let Verdict::Fail(findings) = verdict else { panic!("{verdict:?}") };
    assert!(findings[0].evidence.contains("nobody answers"), "{findings:?}");
}

#[test]
fn a_check_leaves_nothing_behind() {
    let found =
        |residue: Option<Result<Vec<String>, String>>| Facts { residue, ..Facts::default() };
    let table = || Some(Ok(vec!["public._airbyte_connection_test".to_owned()]));
    for (wanted, residue, script) in [
        ("pass", Some(Ok(vec![])), status(OK)),
        ("fail: more after check than before", table(), status(OK)),
        // It came to its probe, and did not remove it.
        ("fail", table(), status(NO)),
        ("inconclusive: check did not succeed", Some(Ok(vec![])), status(NO)),
        ("inconclusive: check did not succeed", Some(Ok(vec![])), "! stopped 30".to_owned()),
        ("inconclusive: the inventory: exit code 1", Some(Err("exit code 1".into())), status(OK)),
        ("not applicable: give --inventory", None, status(OK)),
    ] {
        with_facts("check-leaves-residue", &found(residue), [(wanted, check(&script))]);
    }
}
