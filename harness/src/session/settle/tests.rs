use super::*;
use crate::evidence::{Evidence, Purpose};
use crate::generate::case::Ending;
use crate::session::generated::Verdicts;
use crate::session::testing::{case, failed};

/// Makes small what it is told that it can.
struct Shrinks<'a> {
    /// What it is asked for, and the checks that the small case of it fails. Nothing else repeats.
    can: BTreeMap<&'a str, &'a [&'a str]>,
    /// How often it can be asked.
    left: usize,
    /// When the subject is gone.
    gone_at: &'a str,
    asked: Vec<String>,
}

impl Shrink for Shrinks<'_> {
    fn works(&self) -> bool {
        self.asked.iter().all(|asked| asked != self.gone_at)
    }

    fn can_go_on(&mut self) -> bool {
        self.left > 0 && self.works()
    }

    fn shrunk(&mut self, of: &Failed, check: &str) -> Result<Shrunk, Unshrunk> {
        self.left -= 1;
        let asked = format!("{}: {check}", of.nth);
        let shown = self.can.get(&*asked).or(self.can.get(check));
        self.asked.push(asked);
        if !self.works() {
            return Err(Unshrunk::Unseen);
        }
        let checks = failed(shown.ok_or(Unshrunk::Unrepeated)?).checks;
        let verdicts = Verdicts { failed: checks, ..Verdicts::default() };
        let evidence = Evidence::new(&format!("small {check}"), Purpose::Write, Vec::new());
        Ok(Shrunk { case: case("a", Ending::Success), launches: 1, evidence, verdicts })
    }
}

/// What is asked for, and how each check is told, where these launches failed.
fn settled(
    launches: &[(Ending, &[&str])],
    can: &[(&str, &[&str])],
    budget: usize,
    fixed: &[&str],
) -> [String; 5] {
    settled_until(launches, can, (budget, "never"), fixed)
}

/// The same, with a subject that is gone when this is asked for.
fn settled_until(
    launches: &[(Ending, &[&str])],
    can: &[(&str, &[&str])],
    (left, gone_at): (usize, &str),
    fixed: &[&str],
) -> [String; 5] {
    let launch = |(nth, (ending, checks)): (usize, &(Ending, &[&str]))| Failed {
        nth: nth as u64,
        cases: vec![case("a", *ending)],
        evidence: Some(Evidence::new(&format!("{nth}"), Purpose::Write, Vec::new())),
        ..failed(checks)
    };
    let launches = launches.iter().enumerate().map(launch).collect();
    let fixed = fixed.iter().map(|check| (*check).to_owned()).collect();
    let can = can.iter().copied().collect();
    let mut shrinker = Shrinks { can, left, gone_at, asked: Vec::new() };
    let (mut found, mut told) = (Found::default(), Generated::default());
    settle(&mut shrinker, launches, &fixed, None, (&mut found, &mut told)).unwrap();
    let list = |these: &BTreeSet<String>| these.iter().cloned().collect::<Vec<_>>().join(", ");
    let seen: Vec<_> = found.evidence.into_iter().map(|seen| seen.trial).collect();
    let rows: Vec<_> = found.rows.into_iter().map(|row| row.check).collect();
    let (also, unrepeated) = (list(&told.also), list(&told.unrepeated));
    [shrinker.asked.join(", "), seen.join(", "), rows.join(", "), also, unrepeated]
}

const PLAIN: Ending = Ending::Success;
const KILLED: Ending = Ending::KilledAtState(1);

#[test]
fn each_check_is_told_by_a_small_case_or_as_it_was() {
    let all: &[(&str, &[&str])] =
        &[("data-lost", &["data-lost"]), ("hangs", &["hangs"]), ("state-lost", &["state-lost"])];
    let two: &[(Ending, &[&str])] = &[(PLAIN, &["data-lost"]), (PLAIN, &["hangs"])];
    let told = settled(two, all, 9, &[]);
    assert_eq!(told, ["0: data-lost, 1: hangs", "small data-lost, small hangs", "", "", ""]);
    // What nobody had the time to look for was not explained by anything.
    assert_eq!(settled(two, all, 1, &[]), ["0: data-lost", "small data-lost, 1", "", "", ""]);
    assert_eq!(settled(two, all, 0, &[]), ["", "0, 1", "", "", ""]);
    // Nor by what failed beside it.
    let both: &[(Ending, &[&str])] = &[(PLAIN, &["data-lost", "state-lost"])];
    assert_eq!(settled(both, all, 1, &[]), ["0: data-lost", "small data-lost, 0", "", "", ""]);
    let told = settled_until(both, all, (9, "0: state-lost"), &[]);
    assert_eq!(told, ["0: data-lost, 0: state-lost", "small data-lost, 0", "", "", ""]);
    let shown: &[(&str, &[&str])] = &[("data-lost", &["data-lost", "state-lost"])];
    assert_eq!(settled(both, shown, 9, &[]), ["0: data-lost", "small data-lost", "", "", ""]);
    // The fixed scenarios tell the rest.
    let told = settled(both, all, 9, &["data-lost"]);
    assert_eq!(told, ["0: state-lost", "small state-lost", "", "data-lost", ""]);
}

#[test]
fn what_did_not_fail_once_more_bars_nothing() {
    let none: &[&str] = &[];
    let two: &[(Ending, &[&str])] =
        &[(PLAIN, &["data-lost"]), (PLAIN, &["data-lost", "state-lost"])];
    // Not in this launch, but in the next.
    let told = settled(two, &[("1: data-lost", &["data-lost", "state-lost"])], 9, none);
    assert_eq!(told, ["0: data-lost, 1: data-lost", "small data-lost", "", "", ""]);
    // Nor another check of the launch.
    let told = settled(&two[1..], &[("state-lost", &["state-lost"])], 9, none);
    let asked = "0: data-lost, 0: state-lost";
    assert_eq!(told, [asked, "small state-lost, 0", "", "", "data-lost"]);
    // What was tried in vain is told so, not by what it once failed beside.
    let killed: &[(Ending, &[&str])] = &[
        (KILLED, &["killed-then-stuck", "state-not-durable"]),
        (KILLED, &["hangs", "killed-then-stuck"]),
    ];
    let told = settled(killed, &[("state-not-durable", &["state-not-durable"])], 9, none);
    let vain = "hangs, killed-then-stuck";
    assert_eq!(told[1..], ["small state-not-durable, 0, 1", "", "", vain], "{told:?}");
    // But what fails now and then is not looked for without end.
    let told = settled(&[two[0]; 9], &[], 9, none);
    assert_eq!(told[0], "0: data-lost, 1: data-lost");
    assert_eq!((&*told[1], &*told[4]), ("0", "data-lost"));
}

#[test]
fn what_shows_after_a_kill_may_be_what_shows_without_one() {
    let all: &[(&str, &[&str])] = &[
        ("data-lost", &["data-lost"]),
        ("output-logged-record", &["output-logged-record"]),
        ("log-level-missing", &["log-level-missing"]),
        ("state-altered", &["state-altered"]),
        ("success-exits-nonzero", &["success-exits-nonzero"]),
        ("state-not-durable", &["state-not-durable"]),
        ("killed-then-stuck", &["killed-then-stuck"]),
    ];
    let plain =
        |check: &str| settled(&[(PLAIN, &[check]), (KILLED, &["state-not-durable"])], all, 9, &[]);
    let told = plain("data-lost");
    let durable = "state-not-durable".to_owned();
    assert_eq!(told[2..4], [durable.clone(), durable]);
    // Not where the rule need not be kept, or is judged alike after a kill: a connector may break it
    // in every sync.
    assert_ne!(checks::find("output-logged-record").unwrap().level, Level::Must);
    for check in
        ["output-logged-record", "log-level-missing", "state-altered", "success-exits-nonzero"]
    {
        let asked = format!("0: {check}, 1: state-not-durable");
        let seen = format!("small {check}, small state-not-durable");
        assert_eq!(plain(check), [&*asked, &*seen, "", "", ""]);
    }
    let launch: &[&str] = &["killed-then-stuck", "output-logged-record", "state-not-durable"];
    let told = settled(&[(PLAIN, &["output-logged-record"]), (KILLED, launch)], all, 9, &[]);
    assert!(told[1].starts_with("small output-logged-record, small "), "{told:?}");
    // What was told along with others is told in full by a launch that has something untold.
    let launches: &[(Ending, &[&str])] = &[
        (PLAIN, &["data-lost"]),
        (KILLED, &["state-not-durable"]),
        (PLAIN, &["hangs", "state-lost", "state-not-durable"]),
    ];
    let told = settled(launches, all, 2, &[]);
    assert_eq!(told[1..], ["small data-lost, 2", "", "", "hangs"], "{told:?}");
    // Of what is killed one check tells the others.
    let told = settled(&[(KILLED, &["killed-then-stuck", "state-not-durable"])], all, 9, &[]);
    assert_eq!(told[0].matches(": ").count(), 1);
    assert_eq!((told[2].is_empty(), told[3].is_empty()), (false, false));
}

#[test]
fn what_is_not_told_otherwise_is_told_as_it_was() {
    let all = || {
        let evidence = Some(Evidence::new("generated-0", Purpose::Write, Vec::new()));
        vec![
            failed(&["data-lost"]),
            Failed { evidence, ..failed(&["state-lost", "data-lost"]) },
            failed(&["state-lost", "log-level-missing"]),
            failed(&["hangs"]),
        ]
    };
    let told = |already: &[&str]| {
        let mut found = Found::default();
        let in_full = already.iter().map(|check| (*check).to_owned()).collect();
        as_it_was(all(), &in_full, &mut BTreeSet::new(), &mut found);
        let rows: Vec<_> = found.rows.iter().map(|row| row.check.clone()).collect();
        (found.evidence.len(), rows.join(" "))
    };
    assert_eq!(told(&[]), (1, "log-level-missing hangs".to_owned()));
    assert_eq!(told(&["hangs", "data-lost"]), (1, "log-level-missing".to_owned()));
    assert_eq!(told(&["state-lost", "data-lost", "hangs"]), (0, "log-level-missing".to_owned()));
}
