//! Making what failed among generated cases smaller, until it reads like a case written by hand.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{fs, io};

use serde_json::value::RawValue;

use super::generated::{CLAIMED, Failed, Found, Generator, Verdicts, written};
use super::reason::is_alike;
use super::trouble;
use crate::checks::{self, Level};
use crate::event::{Generated, Row, Small, Trouble};
use crate::evidence::Evidence;
use crate::generate::GENERATED;
use crate::generate::case::{Case, Mode};
use crate::generate::smaller::smallest;
use crate::model::{self, Input};
use crate::protocol::catalog::ConfiguredStream;
use crate::scenario::Scenario;
use crate::subject::INTERRUPTED;

/// How many cases of a launch are tried alone, before it is halved.
const ALONE: usize = 3;

/// Makes cases smaller, within a budget for all of them.
pub struct Shrinker<'g> {
    generator: &'g Generator<'g>,
    /// The modes that the connector offers.
    modes: Vec<Mode>,
    works: bool,
    started: Instant,
    time: Duration,
    launches: usize,
    most_launches: usize,
    /// Whether there was more to try when the budget was used up.
    is_cut: bool,
    /// The small case of each check.
    small: Vec<(String, Case)>,
    /// Why no more could be made small, or be saved.
    trouble: Option<Trouble>,
}

impl<'g> Shrinker<'g> {
    /// With the whole budget, or with none where the subject cannot be run any more.
    pub fn new(generator: &'g Generator<'g>, modes: Vec<Mode>, works: bool) -> Self {
        let budget = &generator.plan.generation;
        Self {
            modes,
            works,
            generator,
            started: Instant::now(),
            time: budget.shrink_time,
            launches: 0,
            is_cut: false,
            most_launches: budget.shrink_launches,
            small: Vec::new(),
            trouble: None,
        }
    }

    /// Makes a small case for each check that failed and that no other small case tells. Those of
    /// `fixed` failed in other scenarios, too, and need none. What shows without a kill shows after
    /// one as well, where many checks tell of it: then they are named along with it. Nothing that
    /// failed is passed over: what gets no small case is told as it was. The error is why the rest
    /// could not be made small.
    pub fn settle(
        &mut self,
        mut failed: Vec<Failed>,
        fixed: &BTreeSet<String>,
        found: &mut Found,
        told: &mut Generated,
    ) -> Result<(), Trouble> {
        let breaks = |one: &Failed| one.cases.iter().any(Case::breaks);
        // Where few checks failed, it is best seen why.
        failed.sort_by_key(|one| (breaks(one), one.checks.len()));
        let (mut known, mut told_small) = (fixed.clone(), fixed.clone());
        // What the fixed scenarios tell may have shown here without a kill.
        let is_fixed = |one: &Failed| one.checks.keys().any(|check| fixed.contains(check));
        let mut shows_plainly = failed.iter().any(|one| !breaks(one) && is_fixed(one));
        for one in &failed {
            let all: BTreeSet<String> = one.checks.keys().cloned().collect();
            told.also.extend(all.intersection(fixed).cloned());
            let is_plain = !breaks(one);
            let is_own = is_plain || !shows_plainly && all.is_disjoint(&told_small);
            while is_own
                && let Some(first) = first_of(&(&(&all - &told_small) - &told.unrepeated))
                && self.can_go_on()
            {
                let Some(small) = self.settle_one(one, &first, found, told) else {
                    // What did not repeat says nothing of the others.
                    if told.unrepeated.contains(&first) {
                        continue;
                    }
                    break;
                };
                told_small.extend(small);
                shows_plainly |= is_plain;
                if !is_plain {
                    break;
                }
            }
            let news = &(&(&all - &known) - &told_small) - &told.unrepeated;
            if self.works && !INTERRUPTED.load(Ordering::SeqCst) {
                along(one, &news, found, told);
                known.extend(news);
            }
        }
        // Told along with another at first, and in full since.
        let is_small = |check: &String| told_small.contains(check) && !fixed.contains(check);
        found.rows.retain(|row| !is_small(&row.check));
        told.also.retain(|check| !is_small(check));
        told.unrepeated.retain(|check| !told_small.contains(check));
        as_it_was(failed, &told_small | &told.also, found);
        told.is_cut = self.is_cut;
        self.trouble.take().map_or(Ok(()), Err)
    }

    /// Whether one more is to be run.
    fn can_go_on(&mut self) -> bool {
        let is_over = self.launches >= self.most_launches || self.started.elapsed() > self.time;
        let works = self.works && !INTERRUPTED.load(Ordering::SeqCst);
        self.is_cut |= works && is_over;
        works && !is_over
    }

    /// The checks that are told by the small case that was found for this one; none, if it could not
    /// be made.
    fn settle_one(
        &mut self,
        failed: &Failed,
        check: &str,
        found: &mut Found,
        told: &mut Generated,
    ) -> Option<BTreeSet<String>> {
        let before = self.launches;
        let small = self.made_small(failed, check);
        let id = format!("{GENERATED}-{check}");
        // Names tell it from other saved cases, unless a name is what it is about. What is broken off
        // is tried twice as often; and where none fails for the same reason, another will do.
        let candidates = [small.clone().named(&check.replace('-', "_")), small];
        let chances = if candidates[0].breaks() { 4 } else { 2 };
        let mut named = None;
        for (nth, small) in candidates.iter().cycle().take(chances).enumerate() {
            let (evidence, verdicts) = self.seen(small, &id)?;
            let both = verdicts.failed.get(check).zip(failed.checks.get(check));
            let will_do = nth >= chances / 2;
            if both.is_some_and(|(row, before)| will_do || is_alike(row, before)) {
                named = Some((small.clone(), evidence, verdicts));
                break;
            }
            self.generator.forget(&evidence);
        }
        let Some((small, evidence, verdicts)) = named else {
            if !INTERRUPTED.load(Ordering::SeqCst) {
                told.unrepeated.insert(check.to_owned());
            }
            return None;
        };
        let mut scenario = written(&small, check).ok()?;
        if check == CLAIMED {
            scenario.about = Some(check.to_owned());
        }
        // Rules that the connector may well go on breaking do not keep it from being fixed.
        let counts = |row: &&Row| row.level == Level::Must || row.check == check;
        scenario.failed =
            verdicts.failed.values().filter(counts).map(|row| row.check.clone()).collect();
        expect(&mut scenario);
        if let Some(folder) = &self.generator.plan.generation.regressions
            && let Err(error) = save(&scenario, check, folder)
        {
            let why = format!("saving a case in {}: {error}", folder.display());
            self.trouble.get_or_insert(Trouble::Evidence(why));
        }
        told.small.push(Small {
            check: check.to_owned(),
            launches: self.launches - before,
            syncs: small.syncs.len(),
            streams: small.streams.len(),
            messages: small.messages(),
        });
        self.small.push((check.to_owned(), small));
        found.cases.insert(id, scenario);
        found.evidence.push(evidence);
        Some(verdicts.failed.into_keys().collect())
    }

    /// Runs a case, unless the subject cannot be run any more.
    fn seen(&mut self, case: &Case, id: &str) -> Option<(Evidence, Verdicts)> {
        if !self.works {
            return None;
        }
        self.launches += case.syncs.len();
        let ran = self.generator.run_case(case, id);
        ran.map_err(|error| {
            self.works = false;
            self.trouble.get_or_insert(trouble(&error));
        })
        .ok()
    }

    /// The smallest case found that fails a check.
    fn made_small(&mut self, failed: &Failed, check: &str) -> Case {
        let Some(row) = failed.checks.get(check) else { return Case::together(&failed.cases) };
        let modes = self.modes.clone();
        let is_near = |(check, _): &&(String, Case)| tell_of_one(failed, check, row);
        let known = self.small.iter().rev().find(is_near).map(|(_, case)| case.followed());
        let mut fails = |case: &Case| self.fails(case, row);
        let first = first_case(known, failed, row, &mut fails);
        smallest(first, &modes, &mut fails)
    }

    /// Whether a check fails in this case, and for a reason that it failed for; no, once the budget
    /// is used up.
    fn fails(&mut self, case: &Case, before: &Row) -> bool {
        if !self.can_go_on() {
            return false;
        }
        let id = format!("smaller-{}", before.check);
        let Some((evidence, verdicts)) = self.seen(case, &id) else { return false };
        self.generator.forget(&evidence);
        verdicts.failed.get(&before.check).is_some_and(|row| is_alike(row, before))
    }
}

/// Whether a check failed in this launch, too, and of a stream that the row tells of.
fn tell_of_one(failed: &Failed, check: &str, row: &Row) -> bool {
    let (Some(other), told) = (failed.checks.get(check).map(all_told), all_told(row)) else {
        return false;
    };
    let mut streams = failed.cases.iter().flat_map(|case| &case.streams);
    streams.any(|stream| told.contains(&stream.name) && other.contains(&stream.name))
}

/// All that was found, in one text.
fn all_told(row: &Row) -> String {
    row.findings.iter().flat_map(|told| [&*told.message, &*told.evidence]).collect()
}

/// What making it smaller starts from. A case that is `known` shows another check that failed of the
/// same streams, and has one more sync: what one sync does wrong may be told by another check after the
/// next one. Then come those whose streams were told of, alone, and at last several together.
fn first_case(
    known: Option<Case>,
    failed: &Failed,
    row: &Row,
    fails: &mut dyn FnMut(&Case) -> bool,
) -> Case {
    let told = all_told(row);
    let is_told = |case: &Case| case.streams.iter().any(|stream| told.contains(&stream.name));
    let mut each: Vec<&Case> = failed.cases.iter().collect();
    each.sort_by_key(|case| !is_told(case));
    let mut alone = known.into_iter().chain(each.into_iter().take(ALONE).cloned());
    alone.find(|case| fails(case)).unwrap_or_else(|| halved(failed.cases.clone(), fails))
}

/// The one of these checks that tells most plainly what happened: they stand in that order, and a
/// rule that must be kept goes first.
fn first_of(these: &BTreeSet<String>) -> Option<String> {
    let found = checks::all().filter(|check| these.contains(check.id));
    found.min_by_key(|check| check.level != Level::Must).map(|check| check.id.to_owned())
}

/// Tells what failed among many cases and is not told yet: by the evidence of their launch, where that
/// was kept.
fn as_it_was(failed: Vec<Failed>, mut told: BTreeSet<String>, found: &mut Found) {
    let (kept, gone): (Vec<_>, Vec<_>) = failed.into_iter().partition(|one| one.evidence.is_some());
    for Failed { checks, evidence, .. } in kept.into_iter().chain(gone) {
        if checks.keys().all(|check| told.contains(check)) {
            continue;
        }
        if let Some(evidence) = evidence {
            found.evidence.push(evidence);
        } else {
            let untold = checks.iter().filter(|(check, _)| !told.contains(*check));
            found.rows.extend(untold.map(|(_, row)| row.clone()));
        }
        told.extend(checks.into_keys());
    }
}

/// Tells of checks that failed in company of others which are told in full.
fn along(failed: &Failed, checks: &BTreeSet<String>, found: &mut Found, told: &mut Generated) {
    for row in checks.iter().filter_map(|check| failed.checks.get(check)) {
        let why = "maybe by the same cause as another check, which is told in full: run it again once \
                   that is mended";
        let mut row = Row { why: Some(why.to_owned()), ..row.clone() };
        row.findings.truncate(1);
        told.also.insert(row.check.clone());
        found.rows.push(row);
    }
}

/// Notes the rows that must have landed after each sync, where each has to succeed.
fn expect(scenario: &mut Scenario) {
    let syncs: Vec<Input> =
        scenario.syncs.iter().map(|sync| (&sync.streams, sync.steps.as_slice())).collect();
    let after = |nth: usize| {
        let streams = scenario.syncs[nth].streams.streams.iter().map(ConfiguredStream::descriptor);
        let rows = streams.flat_map(|stream| {
            let expected = model::expected(&stream, &syncs[..=nth]);
            let raw = |row: &str| RawValue::from_string(row.to_owned()).ok();
            let rows = expected.rows().filter_map(|(row, _)| raw(&row));
            rows.map(|row| (stream.clone(), row)).collect::<Vec<_>>()
        });
        rows.collect()
    };
    if !scenario.breaks {
        let expected: Vec<Vec<_>> = (0..syncs.len()).map(after).collect();
        for (sync, expected) in scenario.syncs.iter_mut().zip(expected) {
            sync.expected = expected;
        }
    }
}

/// Saves a case that fails a check; whole, or not at all. One that is there already has not failed
/// this time, and stays.
fn save(scenario: &Scenario, check: &str, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let made = tempfile::tempdir_in(folder)?;
    scenario.save(made.path())?;
    let name = |nth: u32| match nth {
        1 => format!("regression-{check}"),
        nth => format!("regression-{check}-{nth}"),
    };
    let mut places = (1..).map(|nth| folder.join(name(nth)));
    match places.find(|place| !place.exists()) {
        Some(place) => fs::rename(made.keep(), place),
        None => Ok(()),
    }
}

/// The half of the cases that still fails, again and again.
fn halved(mut cases: Vec<Case>, still_fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    while cases.len() > 1 {
        let second = cases.split_off(cases.len() / 2);
        if still_fails(&Case::together(&second)) {
            cases = second;
        } else if !still_fails(&Case::together(&cases)) {
            // Only both together fail.
            cases.extend(second);
            break;
        }
    }
    Case::together(&cases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Outcome, Told};
    use crate::evidence::Purpose;
    use crate::generate::case::{Ending, Event, Key, Stream, Sync};

    fn told(message: &str, evidence: &str) -> Told {
        let (message, evidence) = (message.to_owned(), evidence.to_owned());
        Told { message, evidence, mended: None, platform: String::new(), repeat: None }
    }

    fn failed(checks: &[&str], evidence: bool) -> Failed {
        let row = |check: &str| Row {
            check: check.to_owned(),
            scenario: "generated-0".to_owned(),
            level: Level::Must,
            outcome: Outcome::Failed,
            why: None,
            findings: vec![told("it failed", "")],
        };
        let checks = checks.iter().map(|check| ((*check).to_owned(), row(check))).collect();
        let evidence = evidence.then(|| Evidence::new("generated-0", Purpose::Write, Vec::new()));
        Failed { nth: 0, cases: Vec::new(), checks, evidence }
    }

    #[test]
    fn it_starts_from_what_is_known_of_the_launch_then_from_the_stream_that_was_told_of() {
        let case = |name: &str| {
            let stream = Stream {
                name: name.to_owned(),
                namespace: None,
                mode: Mode::Append,
                key: Key::Id,
                fields: Vec::new(),
                wide: 0,
                generation: 1,
            };
            let sync = Sync {
                events: vec![Event::State { stream: 0 }],
                refreshed: vec![false],
                ending: Ending::Success,
                pace: None,
            };
            Case { streams: vec![stream], syncs: vec![sync], global: false }
        };
        let mut launch = failed(&["data-lost", "data-altered", "data-extra"], false);
        launch.cases = ["A", "B", "C", "D", "E"].map(case).to_vec();
        let mut found = |check: &str, message: &str| {
            let row = launch.checks.get_mut(check).unwrap();
            row.findings = vec![told(message, "")];
            row.clone()
        };
        found("data-altered", "ns.B: other values; ns.E: other values");
        found("data-extra", "ns.B: one more");
        let row = found("data-lost", "ns.E: 1 row is lost");
        assert!(tell_of_one(&launch, "data-altered", &row));
        assert!(!tell_of_one(&launch, "data-extra", &row));
        assert!(!tell_of_one(&launch, "not-failed", &row));
        let start = |known: Option<&str>, culprits: &[&str]| {
            let mut asked = Vec::new();
            let mut fails = |case: &Case| {
                let names: Vec<&str> = case.streams.iter().map(|stream| &*stream.name).collect();
                asked.push(format!("{} {}", names.join(""), case.syncs.len()));
                culprits.iter().all(|culprit| names.contains(culprit))
            };
            let known = known.map(|name| case(name).followed());
            let first = first_case(known, &launch, &row, &mut fails);
            let names: Vec<_> = first.streams.into_iter().map(|stream| stream.name).collect();
            (asked.join(", "), names.concat())
        };
        let (asked, first) = start(Some("K"), &["K"]);
        assert_eq!((&*asked, &*first), ("K 2", "K"));
        let (asked, first) = start(Some("K"), &["E"]);
        assert_eq!((&*asked, &*first), ("K 2, E 1", "E"));
        let (asked, first) = start(None, &["A", "B"]);
        assert_eq!((&*asked, &*first), ("E 1, A 1, B 1, CDE 1, AB 1, B 1, A 1", "AB"));
    }

    #[test]
    fn what_is_not_told_otherwise_is_told_as_it_was() {
        let all = || {
            vec![
                failed(&["data-lost"], false),
                failed(&["state-lost", "data-lost"], true),
                failed(&["state-lost", "log-level-missing"], false),
                failed(&["hangs"], false),
            ]
        };
        let told = |already: &[&str]| {
            let mut found = Found::default();
            as_it_was(all(), already.iter().map(|check| (*check).to_owned()).collect(), &mut found);
            let rows: Vec<_> = found.rows.iter().map(|row| row.check.clone()).collect();
            (found.evidence.len(), rows.join(" "))
        };
        assert_eq!(told(&[]), (1, "log-level-missing hangs".to_owned()));
        assert_eq!(told(&["hangs", "data-lost"]), (1, "log-level-missing".to_owned()));
        assert_eq!(
            told(&["state-lost", "data-lost", "hangs"]),
            (0, "log-level-missing".to_owned())
        );
    }
}
