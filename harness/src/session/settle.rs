//! Settling what failed among generated cases: which checks get a small case, and how the others are
//! told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::generated::{CLAIMED, Failed, Found, written};
use super::regressions;
use super::shrink::{Shrink, Shrunk, Unshrunk};
use crate::checks::{self, Level};
use crate::event::{Generated, Row, Small, Trouble};
use crate::evidence::Purpose;
use crate::generate::GENERATED;
use crate::generate::case::Case;
use crate::subject::LaunchError;

/// In how many launches is tried to show a check once more that failed in many.
const TRIES: usize = 2;

/// Makes a small case for each check that failed and that no other small case tells. Those of `fixed`
/// failed in other scenarios, too, and need none. What shows without a kill shows after one as well,
/// where many checks tell of it: then they are named along with it. Nothing that failed is passed
/// over: what gets no small case is told as it was. Small cases are saved in the folder of
/// regressions, if there is one; the error is why one could not be.
pub fn settle(
    shrinker: &mut impl Shrink,
    mut failed: Vec<Failed>,
    fixed: &BTreeSet<String>,
    regressions: Option<&Path>,
    (found, told): (&mut Found, &mut Generated),
) -> Result<(), Trouble> {
    let breaks = |one: &Failed| one.cases.iter().any(Case::breaks);
    // Where few checks failed, it is best seen why.
    failed.sort_by_key(|one| (breaks(one), one.checks.len()));
    let (mut known, mut in_full) = (fixed.clone(), fixed.clone());
    let mut vain: BTreeMap<String, usize> = BTreeMap::new();
    // What the fixed scenarios tell may have shown here without a kill.
    let mut shows_plainly = failed.iter().any(|one| !breaks(one) && is_explained(one, fixed));
    let mut saved = Ok(());
    for one in &failed {
        let all: BTreeSet<String> = one.checks.keys().cloned().collect();
        told.also.extend(all.intersection(fixed).cloned());
        let is_plain = !breaks(one);
        let is_own = is_plain || !shows_plainly && !is_explained(one, &in_full);
        let mut is_along = !is_own;
        let mut left = if is_own { all.clone() } else { BTreeSet::new() };
        left.retain(|check| vain.get(check).is_none_or(|times| *times < TRIES));
        while let Some(first) = first_of(&(&left - &in_full))
            && shrinker.can_go_on()
        {
            left.remove(&first);
            match shrinker.shrunk(one, &first) {
                Ok(small) => {
                    in_full.extend(small.verdicts.failed.keys().cloned());
                    shows_plainly |= is_plain && is_explained(one, &in_full);
                    saved = saved.and(tell(small, &first, regressions, found, told));
                    if !is_plain {
                        is_along = true;
                        break;
                    }
                }
                // That says nothing of the others, and little of the next launch.
                Err(Unshrunk::Unrepeated) => {
                    *vain.entry(first.clone()).or_default() += 1;
                    told.unrepeated.insert(first);
                }
                Err(Unshrunk::Unseen) => break,
            }
        }
        if is_along && shrinker.works() {
            let news = &(&(&all - &known) - &in_full) - &told.unrepeated;
            along(one, &news, found, told);
            known.extend(news);
        }
    }
    told.unrepeated.retain(|check| !in_full.contains(check));
    // Told along with another at first, and for itself since.
    let stands_alone = |check: &String| {
        !fixed.contains(check) && (in_full.contains(check) || told.unrepeated.contains(check))
    };
    found.rows.retain(|row| !stands_alone(&row.check));
    told.also.retain(|check| !stands_alone(check));
    as_it_was(failed, &in_full, &mut told.also, found);
    saved.map_err(Trouble::Evidence)
}

/// Whether a launch failed by a check that is told in full. A rule that need not be kept explains
/// nothing, nor does one of all operations, or one that is judged alike with and without a kill, such
/// as how a line looks: a connector may well break them in every sync, and a kill shows something
/// else besides.
fn is_explained(one: &Failed, in_full: &BTreeSet<String>) -> bool {
    let explains_nothing = |check: &str| {
        let on = |purpose| checks::find(check).is_some_and(|check| check.on.contains(&purpose));
        on(Purpose::CheckWorking) || on(Purpose::Write) && on(Purpose::WriteBroken)
    };
    let mut told = one.checks.values().filter(|row| in_full.contains(&row.check));
    told.any(|row| row.level == Level::Must && !explains_nothing(&row.check))
}

/// Tells of a small case, and saves it. The error is why it could not be saved.
fn tell(
    small: Shrunk,
    check: &str,
    regressions: Option<&Path>,
    found: &mut Found,
    told: &mut Generated,
) -> Result<(), String> {
    let Shrunk { case, launches, evidence, verdicts } = small;
    told.small.push(Small {
        check: check.to_owned(),
        launches,
        syncs: case.syncs.len(),
        streams: case.streams.len(),
        messages: case.messages(),
    });
    found.evidence.push(evidence);
    let mut scenario = written(&case, check).map_err(|error: LaunchError| error.to_string())?;
    if check == CLAIMED {
        scenario.about = Some(check.to_owned());
    }
    // Rules that the connector may well go on breaking do not keep it from being fixed.
    let counts = |row: &&Row| row.level == Level::Must || row.check == check;
    scenario.failed =
        verdicts.failed.values().filter(counts).map(|row| row.check.clone()).collect();
    regressions::expect(&mut scenario);
    let saved = regressions.map_or(Ok(()), |folder| {
        regressions::save(&scenario, check, folder)
            .map_err(|error| format!("saving a case in {}: {error}", folder.display()))
    });
    found.cases.insert(format!("{GENERATED}-{check}"), scenario);
    saved
}

/// The one of these checks that tells most plainly what happened: they stand in that order, and a
/// rule that must be kept goes first.
fn first_of(these: &BTreeSet<String>) -> Option<String> {
    let found = checks::all().filter(|check| these.contains(check.id));
    found.min_by_key(|check| check.level != Level::Must).map(|check| check.id.to_owned())
}

/// Tells what failed among many cases and is not told yet: by the evidence of their launch, where that
/// was kept. It tells in full what was told along with others until now.
fn as_it_was(
    failed: Vec<Failed>,
    in_full: &BTreeSet<String>,
    also: &mut BTreeSet<String>,
    found: &mut Found,
) {
    let mut told = in_full | also;
    let (kept, gone): (Vec<_>, Vec<_>) = failed.into_iter().partition(|one| one.evidence.is_some());
    for Failed { checks, evidence, .. } in kept.into_iter().chain(gone) {
        if checks.keys().all(|check| told.contains(check)) {
            continue;
        }
        if let Some(evidence) = evidence {
            found.evidence.push(evidence);
            found.rows.retain(|row| !checks.contains_key(&row.check));
            also.retain(|check| in_full.contains(check) || !checks.contains_key(check));
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

#[cfg(test)]
mod tests;
