use super::*;
use crate::evidence::Launch;
use crate::testing::{counted, read_back_facts, record_of, scenario, state, write};

/// Tells where a launch is by its numbers.
struct Numbered;

impl Places for Numbered {
    fn place(&self, trial: &str, launch: usize) -> (String, Option<String>) {
        (format!("{trial}/{launch}"), Some(format!("repeat {trial}")))
    }
}

/// A trial of one scenario, of the same name.
fn trial(name: &str, about: Option<&str>, purpose: Purpose, launches: Vec<Launch>) -> Evidence {
    let member = Member { scenario: name.to_owned(), ..scenario(about, &launches) };
    let evidence = Evidence::new(name, purpose, launches);
    Evidence { members: vec![member], ..evidence }
}

fn plain(landed: &[u32]) -> Evidence {
    trial("plain", None, Purpose::Write, vec![sync(landed)])
}

fn about(check: &str, landed: &[u32]) -> Evidence {
    trial("odd", Some(check), Purpose::Write, vec![sync(landed)])
}

/// A sync of the rows 1 and 2 into `a`, after which these were there; one above 10 has another
/// value than it was sent with.
fn sync(landed: &[u32]) -> Launch {
    let state = state(1, "a", "{}");
    let sent = [1, 2].map(|id| format!("< {}\n", record_of("a", &row(id, "x"))));
    let landed = landed.iter().map(|id| {
        let text = if *id > 10 { "X" } else { "x" };
        format!("| a {}\n", row(*id % 10, text))
    });
    let landed: String = landed.collect();
    let came = counted(&state, r#"{"recordCount":2.0}"#);
    write(&format!("{}< {state}\n> {came}\n| a\n| b\n{landed}", sent.concat()))
}

fn row(id: u32, text: &str) -> String {
    format!(r#"{{"id":{id},"v":"{text}"}}"#)
}

fn judged(all: &[Evidence]) -> Judged {
    judge(all, &read_back_facts(&[]), &|_| true, &Numbered)
}

/// What a check came to in a scenario: its outcome, and why or what was found first.
fn outcome(judged: &Judged, check: &str, scenario: &str) -> Option<(Outcome, String)> {
    let mut rows = judged.rows.iter().filter(|row| row.check == check && row.scenario == scenario);
    let row = rows.next()?;
    assert!(rows.next().is_none(), "{check} has more than one row for {scenario}");
    let found = row.findings.first().map(|finding| finding.message.clone());
    Some((row.outcome, row.why.clone().or(found).unwrap_or_default()))
}

/// Asserts what checks came to in scenarios; what is not listed is not looked at.
fn assert_outcomes(judged: &Judged, wanted: &[(&str, &str, Option<Outcome>)]) {
    for (check, scenario, wanted) in wanted {
        let is = outcome(judged, check, scenario);
        assert_eq!(is.as_ref().map(|(outcome, _)| *outcome), *wanted, "{check} {scenario}: {is:?}");
    }
}

const FAILED: Option<Outcome> = Some(Outcome::Failed);
const PASSED: Option<Outcome> = Some(Outcome::Passed);
const IN_DOUBT: Option<Outcome> = Some(Outcome::Inconclusive);

#[test]
fn what_only_an_odd_scenario_shows_is_told_by_its_check() {
    let judged = judged(&[plain(&[1, 2]), about("name-rejected", &[1])]);
    assert_outcomes(
        &judged,
        &[
            ("name-rejected", "odd", FAILED),
            ("name-rejected", "plain", None),
            ("data-lost", "plain", PASSED),
            ("data-lost", "odd", None),
            // It claims this kind, too.
            ("data-altered", "odd", None),
            ("data-duplicated", "odd", PASSED),
        ],
    );
    assert_eq!(judged.failed, HashSet::from(["odd".to_owned()]));
}

#[test]
fn what_plain_scenarios_show_as_well_is_told_by_the_general_check() {
    let judged = judged(&[plain(&[1]), about("name-rejected", &[1])]);
    assert_outcomes(
        &judged,
        &[
            ("data-lost", "plain", FAILED),
            ("data-lost", "odd", FAILED),
            ("name-rejected", "odd", IN_DOUBT),
        ],
    );
    let (_, why) = outcome(&judged, "name-rejected", "odd").unwrap();
    assert!(why.contains("other scenarios show the same"), "{why}");
}

#[test]
fn each_kind_of_difference_has_its_own_teller() {
    // Plain rows are lost; those of the odd scenario are there, one of them altered.
    let judged = judged(&[plain(&[1]), about("name-rejected", &[1, 12])]);
    assert_outcomes(
        &judged,
        &[
            ("data-lost", "plain", FAILED),
            ("data-lost", "odd", PASSED),
            ("data-altered", "plain", PASSED),
            ("data-altered", "odd", None),
            ("name-rejected", "odd", FAILED),
        ],
    );
    let (_, message) = outcome(&judged, "name-rejected", "odd").unwrap();
    assert!(message.contains("other values"), "{message}");
}

#[test]
fn what_a_check_does_not_claim_the_general_ones_tell() {
    let twice = || about("write-extra-field", &[1, 2, 2]);
    assert_outcomes(
        &judged(&[plain(&[1, 2]), twice()]),
        &[("data-duplicated", "odd", FAILED), ("write-extra-field", "odd", PASSED)],
    );
    let twice = about("name-collision", &[1, 2, 2]);
    assert_outcomes(
        &judged(&[plain(&[1, 2]), twice]),
        &[("data-duplicated", "odd", None), ("name-collision", "odd", FAILED)],
    );
    // Scenarios that are about other checks make no kind common.
    let other = trial("other", Some("write-slow-input"), Purpose::Write, vec![sync(&[1])]);
    assert_outcomes(
        &judged(&[plain(&[1, 2]), other, about("name-rejected", &[1])]),
        &[("name-rejected", "odd", FAILED), ("write-slow-input", "other", FAILED)],
    );
    // A check that judges otherwise claims nothing.
    assert_outcomes(
        &judged(&[plain(&[1, 2]), about("metadata-columns", &[1])]),
        &[("data-lost", "odd", FAILED), ("metadata-columns", "odd", IN_DOUBT)],
    );
}

#[test]
fn a_failure_of_the_sync_is_told_alone_and_of_many_by_none() {
    let failed = || {
        let mut launch = write(&format!("< {}\n! exit 1", record_of("a", &row(1, "x"))));
        launch.about = Some("name-rejected".to_owned());
        launch
    };
    let alone = trial("odd", Some("name-rejected"), Purpose::Write, vec![failed()]);
    assert_outcomes(
        &judged(&[plain(&[1, 2]), alone]),
        &[("name-rejected", "odd", FAILED), ("data-duplicated", "odd", IN_DOUBT)],
    );
    let mut together = trial("odd", Some("name-rejected"), Purpose::Write, vec![failed()]);
    let other =
        Member { scenario: "beside".to_owned(), about: None, ..together.members[0].clone() };
    together.members.push(other);
    let judged = judged(&[plain(&[1, 2]), together]);
    assert_outcomes(
        &judged,
        &[("name-rejected", "odd", IN_DOUBT), ("data-lost", "beside", IN_DOUBT)],
    );
    let (_, why) = outcome(&judged, "name-rejected", "odd").unwrap();
    assert!(why.contains("the sync that it travelled in failed: exit code 1"), "{why}");
}

#[test]
fn syncs_that_need_not_succeed_are_no_matter_of_the_general_checks() {
    let unknown = |after: &str| {
        let launch =
            write(&format!("< {}\n< {}\n{after}", record_of("a", "{}"), record_of("c", "{}")));
        trial("odd", Some("write-unknown-stream"), Purpose::WriteBroken, vec![launch])
    };
    let told = r#"> {"type":"LOG","log":{"level":"WARN","message":"m"}}"#;
    assert_outcomes(
        &judged(&[plain(&[1, 2]), unknown(&format!("{told}\n| a {{}}"))]),
        &[("write-unknown-stream", "odd", PASSED), ("data-lost", "odd", None)],
    );
    // What was lost there makes no kind common.
    assert_outcomes(
        &judged(&[plain(&[1, 2]), unknown("| a"), about("name-rejected", &[1])]),
        &[("write-unknown-stream", "odd", FAILED), ("data-lost", "plain", PASSED)],
    );
    // In a sync that has to succeed it could not be judged.
    let misplaced = trial("odd", Some("write-unknown-stream"), Purpose::Write, vec![sync(&[1, 2])]);
    assert_outcomes(
        &judged(&[misplaced]),
        &[("write-unknown-stream", "odd", None), ("write-unknown-stream", "*", IN_DOUBT)],
    );
}

#[test]
fn what_was_not_wanted_and_what_nothing_showed_has_a_row_of_its_own() {
    let judged =
        judge(&[plain(&[1])], &read_back_facts(&[]), &|check| check != "data-lost", &Numbered);
    assert_outcomes(
        &judged,
        &[("data-lost", "*", Some(Outcome::NotSelected)), ("data-lost", "plain", None)],
    );
    let (outcome, why) = outcome(&judged, "spec-missing", "*").unwrap();
    assert_eq!(
        (outcome, why.as_str()),
        (Outcome::Inconclusive, "no launch of this run could show it")
    );
    assert!(judged.failed.is_empty());
    // Each check is told of, in the order of the registry.
    let mut told: Vec<_> = judged.rows.iter().map(|row| row.check.as_str()).collect();
    told.dedup();
    assert!(told.iter().copied().eq(checks::all().map(|check| check.id)));
}

#[test]
fn a_finding_says_where_it_is_and_a_flood_of_them_is_cut() {
    let judged = judged(&[plain(&[1])]);
    let row = judged.rows.iter().find(|row| row.check == "data-lost").unwrap();
    let Told { evidence, platform, repeat, .. } = &row.findings[0];
    assert!(evidence.starts_with("plain/0: wanted {\"id\":2"), "{evidence}");
    assert_eq!(platform, checks::find("data-lost").unwrap().platform);
    assert_eq!(repeat.as_deref(), Some("repeat plain"));

    let invented = (2..=252).map(|id| format!("\n> {}", state(id, "a", &id.to_string())));
    let sent = format!("< {}", state(1, "a", "{}"));
    let script: String = iter::once(sent).chain(invented).collect();
    let flood = trial("plain", None, Purpose::Write, vec![write(&script)]);
    let judged = judge(&[flood], &Facts::default(), &|check| check == "state-invented", &Numbered);
    let row = judged.rows.iter().find(|row| row.check == "state-invented").unwrap();
    assert_eq!(row.findings.len(), MOST_FINDINGS);
    assert_eq!(row.why.as_deref(), Some("251 findings in all, of which 200 are kept"));
}

#[test]
fn what_could_not_be_read_back_is_told_apart() {
    let unread = || {
        let launch = write(&format!("< {}\n|! a no such table\n| b", record_of("a", "{}")));
        trial("plain", None, Purpose::Write, vec![launch])
    };
    let judged = judged(&[unread()]);
    assert_eq!(judged.readback_errors, ["stream a: no such table"]);
    let blind = judge(&[unread()], &Facts::default(), &|_| true, &Numbered);
    assert!(blind.readback_errors.is_empty());
    assert_outcomes(&blind, &[("data-lost", "plain", Some(Outcome::NotApplicable))]);
}
