use super::*;
use crate::checks::{self, Judge, WRITE};
use crate::testing::{
    assert_verdict, read_back_facts, record_of, scene_verdict, scene_verdict_beside, state, write,
};

/// The checks whose scenario has to work and to land intact, with the kinds that they claim. Syncs
/// at the same time are another matter.
fn checks_that_claim() -> impl Iterator<Item = (&'static str, &'static [Kind])> {
    checks::all()
        .filter_map(|check| match check.judge {
            Judge::Scenario { claims, .. } if !claims.is_empty() && check.on == WRITE => {
                Some((check.id, claims))
            }
            _ => None,
        })
        .filter(|(id, _)| *id != "concurrent-syncs-interfere")
}

/// A sync of two rows and a state that comes back, with what followed.
fn sync(after: &str) -> Launch {
    let rows = [1, 2].map(|id| format!("< {}\n", record_of("a", &row(id, "x"))));
    let state = state(1, "a", "{}");
    write(&format!("{}< {state}\n> {state}\n{after}", rows.concat()))
}

fn row(id: u32, text: &str) -> String {
    format!(r#"{{"id":{id},"v":"{text}"}}"#)
}

/// What was read back: of `b` nothing.
fn landed(rows: &[String]) -> String {
    let rows = rows.iter().map(|row| format!("\n| a {row}"));
    ["| a\n| b".to_owned()].into_iter().chain(rows).collect()
}

#[test]
fn a_scenario_has_to_work_and_its_rows_to_land() {
    const LOST: &str = "fail: a record has not landed";
    let facts = read_back_facts(&[]);
    let intact = landed(&[row(1, "x"), row(2, "x")]);
    let lost = landed(&[row(1, "x")]);
    let altered = landed(&[row(1, "x"), row(2, "X")]);
    let failing = |end: &str| {
        write(&format!("< {}\n< {}\n{end}", record_of("a", &row(1, "x")), state(1, "a", "{}")))
    };
    let mut count = 0;
    for (id, claims) in checks_that_claim() {
        count += 1;
        for (wanted, launch) in [
            ("pass", sync(&intact)),
            (if claims.contains(&Kind::Lost) { LOST } else { "pass" }, sync(&lost)),
            ("fail: has landed with other values", sync(&altered)),
            ("fail: the sync failed", failing("! exit 1")),
            ("fail: the sync failed", failing("2> Killed\n! signal 9")),
            ("inconclusive: see hangs and write-stops-reading", failing("! stuck 30")),
            ("inconclusive: ended before it could end", failing("! interrupted")),
            ("inconclusive: all states came, and yet the sync failed", sync("! exit 1")),
            ("inconclusive: no such table", sync("|! a no such table\n|! b no such table")),
        ] {
            assert_verdict(id, wanted, &scene_verdict(id, vec![launch], &facts));
        }
        let unread = scene_verdict(id, vec![sync("")], &Facts::default());
        let wanted =
            if id == "write-blocked-output" { "pass" } else { "not applicable: --readback" };
        assert_verdict(id, wanted, &unread);
    }
    assert!(count >= 13, "{count} checks");
}

#[test]
fn a_scenario_without_rows_shows_nothing() {
    let verdict = scene_verdict("name-rejected", vec![write("| a\n| b")], &read_back_facts(&[]));
    assert_verdict("name-rejected", "inconclusive: no row had to land", &verdict);
}

#[test]
fn a_failure_of_a_later_sync_is_found_there() {
    let intact = landed(&[row(1, "x"), row(2, "x")]);
    let failed = write(&format!("< {}\n! exit 1", record_of("a", &row(3, "x"))));
    let launches = vec![sync(&intact), failed];
    let verdict = scene_verdict("schema-evolution", launches, &read_back_facts(&[]));
    let Verdict::Fail(findings) = verdict else { panic!("{verdict:?}") };
    assert_eq!(findings[0].launch, Some(1));
    assert_eq!(findings[0].evidence, "exit code 1");
}

#[test]
fn each_check_claims_the_kinds_that_it_says() {
    let facts = read_back_facts(&[]);
    let twice = landed(&[row(1, "x"), row(2, "x"), row(2, "x")]);
    let strange = landed(&[row(1, "x"), row(2, "x"), r#"{"z":0}"#.to_owned()]);
    let both = landed(&[row(1, "x"), row(2, "x"), row(1, "x"), row(2, "x")]);
    for (id, claims) in checks_that_claim() {
        let wanted = |kind| if claims.contains(&kind) { "fail" } else { "pass" };
        let duplicated = scene_verdict(id, vec![sync(&twice)], &facts);
        assert_verdict(id, wanted(Kind::Duplicated), &duplicated);
        let invented = scene_verdict(id, vec![sync(&strange)], &facts);
        assert_verdict(id, wanted(Kind::Invented), &invented);
        // The second sync replaces what the first has appended.
        let intact = landed(&[row(1, "x"), row(2, "x")]);
        let third = format!("< {}\n", record_of("a", &row(3, "x")));
        let replaced = write(&(third + &landed(&[row(3, "x")])));
        let replaced = scene_verdict(id, vec![sync(&intact), replaced], &facts);
        assert_verdict(id, wanted(Kind::AppendReplaced), &replaced);
        let appended = scene_verdict(id, vec![sync(&intact), sync(&both)], &facts);
        assert_verdict(id, "pass", &appended);
    }
}

#[test]
fn what_other_scenarios_show_as_well_is_not_its_matter() {
    let facts = read_back_facts(&[]);
    let verdict = |common: &[Kind], rows: &[String]| {
        scene_verdict_beside("name-rejected", vec![sync(&landed(rows))], common, &facts)
    };
    let id = "name-rejected";
    let lost = [row(1, "x")];
    let altered = [row(1, "x"), row(2, "X")];
    assert_verdict(id, "fail", &verdict(&[], &lost));
    assert_verdict(id, "fail", &verdict(&[Kind::Altered], &lost));
    // That its other rows are intact does not make it pass.
    assert_verdict(
        id,
        "inconclusive: other scenarios show the same",
        &verdict(&[Kind::Lost], &lost),
    );
    assert_verdict(id, "inconclusive", &verdict(&[Kind::Lost, Kind::Altered], &lost));
    assert_verdict(id, "fail: other values", &verdict(&[Kind::Lost], &altered));
    // What others show and this one does not, it has kept.
    assert_verdict(id, "pass", &verdict(&[Kind::Lost], &[row(1, "x"), row(2, "x")]));
    let one_of_each = [row(2, "X")];
    assert_verdict(id, "fail: other values", &verdict(&[Kind::Lost], &one_of_each));
}

#[test]
fn only_what_was_told_later_is_told_of_it() {
    let told = |script: &str| Scene::told_after(&write(script), 2000);
    let log = r#"> {"type":"LOG","log":{"level":"INFO","message":"m"}}"#;
    let trace =
        r#"> {"type":"TRACE","trace":{"type":"ERROR","emitted_at":1,"error":{"message":"m"}}}"#;
    let state = format!("> {}", state(1, "a", "{}"));
    let later = |line: &str| told(&format!("< {}\n{line}", record_of("a", "{}")));
    for line in [log, trace, "> no message", "2> a line"] {
        assert!(later(line), "{line}");
        assert!(!told(line), "{line}");
    }
    for line in [state.as_str(), ">", "> ", "2> ", ""] {
        assert!(!later(line), "{line}");
    }
}
