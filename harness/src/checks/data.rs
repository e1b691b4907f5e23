//! What must have landed: one check for each kind of difference between the model's rows and those
//! read back. [`crate::compare`] sorts the differences; each belongs to one kind alone.

use std::collections::HashSet;

use super::{Check, Finding, Judge, Level, Verdict, WRITE};
use crate::compare::{self, Comparison, Difference, Kind, Place};
use crate::evidence::{Evidence, Facts};
use crate::model::{self, Expected, Input, Part, Reason};
use crate::protocol::catalog::SyncMode;
use crate::protocol::message::Descriptor;
use crate::scenario::pack::Member;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "data-lost",
        level: Level::Must,
        since: "0.1.0",
        summary: "every record has landed",
        platform: "believes the data safe: it is gone",
        docs: include_str!("docs/data-lost.md"),
        proved_by: "forget-last-flush",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::Lost),
    },
    Check {
        id: "data-duplicated",
        level: Level::Must,
        since: "0.1.0",
        summary: "every record has landed once, in append and overwrite",
        platform: "shows twice as many rows as the source has",
        docs: include_str!("docs/data-duplicated.md"),
        proved_by: "flush-twice",
        companions: &["killed-then-stuck"],
        on: WRITE,
        judge: Judge::Landed(Kind::Duplicated),
    },
    Check {
        id: "data-altered",
        level: Level::Must,
        since: "0.1.0",
        summary: "every record has landed with its values intact",
        platform: "shows values that the source never had",
        docs: include_str!("docs/data-altered.md"),
        proved_by: "trim-strings",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::Altered),
    },
    Check {
        id: "data-invented",
        level: Level::Must,
        since: "0.1.0",
        summary: "nothing has landed that was not sent",
        platform: "shows rows that the source never had",
        docs: include_str!("docs/data-invented.md"),
        proved_by: "header-row",
        companions: &["killed-then-stuck"],
        on: WRITE,
        judge: Judge::Landed(Kind::Invented),
    },
    Check {
        id: "append-replaced-data",
        level: Level::Must,
        since: "0.1.0",
        summary: "append keeps what was there",
        platform: "loses all earlier syncs with each new one",
        docs: include_str!("docs/append-replaced-data.md"),
        proved_by: "append-truncates",
        companions: &["killed-then-stuck"],
        on: WRITE,
        judge: Judge::Landed(Kind::AppendReplaced),
    },
    Check {
        id: "overwrite-kept-data",
        level: Level::Must,
        since: "0.1.0",
        summary: "overwrite leaves this sync's records alone",
        platform: "shows rows that the source has dropped",
        docs: include_str!("docs/overwrite-kept-data.md"),
        proved_by: "overwrite-appends",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::OverwriteKept),
    },
    Check {
        id: "overwrite-touched-neighbour",
        level: Level::Must,
        since: "0.1.0",
        summary: "a sync leaves streams outside its catalog as they are",
        platform: "loses the data of another connection",
        docs: include_str!("docs/overwrite-touched-neighbour.md"),
        proved_by: "overwrite-drops-strangers",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::NeighbourTouched),
    },
    Check {
        id: "dedup-kept-duplicates",
        level: Level::Must,
        since: "0.1.0",
        summary: "append_dedup leaves one row a primary key",
        platform: "shows old versions of rows beside the new ones",
        docs: include_str!("docs/dedup-kept-duplicates.md"),
        proved_by: "dedup-within-batch",
        companions: &["dedup-ignored-delete"],
        on: WRITE,
        judge: Judge::Landed(Kind::DedupKept),
    },
    Check {
        id: "dedup-wrong-winner",
        level: Level::Must,
        since: "0.1.0",
        summary: "the version with the greatest cursor wins",
        platform: "shows an old version in place of the new one",
        docs: include_str!("docs/dedup-wrong-winner.md"),
        proved_by: "last-arrival-wins",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::WrongWinner),
    },
    Check {
        id: "dedup-ignored-delete",
        level: Level::Must,
        since: "0.1.0",
        summary: "a row deleted at the source is deleted",
        platform: "shows rows that the source has deleted",
        docs: include_str!("docs/dedup-ignored-delete.md"),
        proved_by: "ignore-deletes",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::DeleteIgnored),
    },
    Check {
        id: "dedup-not-idempotent",
        level: Level::Must,
        since: "0.1.0",
        summary: "delivering the same records again changes nothing",
        platform: "shows rows twice after each retried sync",
        docs: include_str!("docs/dedup-not-idempotent.md"),
        proved_by: "insert-on-tie",
        companions: &[],
        on: WRITE,
        judge: Judge::Landed(Kind::NotIdempotent),
    },
];

/// Differences of one kind that are told in full for one stream and sync.
const TOLD: usize = 3;

/// What the read-back of one stream after one sync showed.
pub struct Seen {
    /// Which of the trial's launches, from 0.
    sync: usize,
    stream: Descriptor,
    /// Kinds of difference that could have shown here.
    shows: Vec<Kind>,
    result: Result<Comparison, Doubt>,
}

impl Seen {
    /// The kinds of difference that it shows.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        let comparison = self.result.as_ref().ok();
        comparison.into_iter().flat_map(|it| it.differences.iter().map(|one| one.kind))
    }
}

/// Why a stream could not be compared.
enum Doubt {
    SyncFailed(String),
    ReadBack(String),
}

/// Compares all that a scenario has landed with the model.
#[must_use]
pub fn see(evidence: &Evidence, member: &Member, facts: &Facts) -> Vec<Seen> {
    let syncs: Vec<Input> =
        evidence.launches.iter().map(|launch| (&launch.streams, launch.steps.as_slice())).collect();
    let mut seen = Vec::new();
    let count = member.syncs.min(syncs.len());
    // Of syncs at the same time the rows were read back once, after all of them.
    let first = if member.at_once { count.saturating_sub(1) } else { 0 };
    for sync in first..count {
        for stream in &member.streams {
            seen.extend(see_stream(evidence, member, &syncs[..=sync], stream, facts));
        }
    }
    seen
}

fn see_stream(
    evidence: &Evidence,
    member: &Member,
    syncs: &[Input],
    stream: &Descriptor,
    facts: &Facts,
) -> Option<Seen> {
    let sync = syncs.len() - 1;
    let configured = syncs.iter().rev().find_map(|(catalog, _)| catalog.find(stream))?;
    // Of syncs at the same time none went before the other: a stream belongs to its own.
    let own = syncs.iter().rposition(|(catalog, _)| catalog.find(stream).is_some());
    let of = if member.at_once { own.unwrap_or(sync) } else { sync };
    let in_catalog = own == Some(of);
    let place = Place { configured, sync: of, in_catalog, declared: &facts.declared };
    let expected = model::expected(stream, syncs);
    let failed = evidence.launches[..=sync].iter().enumerate().find(|(_, l)| !l.succeeded());
    let landed = evidence.launches[sync].landed.iter().find(|landed| landed.stream == *stream);
    let result = match (failed, landed.map(|landed| &landed.rows)) {
        (Some((nth, launch)), _) => Err(Doubt::SyncFailed(format!(
            "sync {} failed, so what must have landed is not settled: {}",
            nth + 1,
            launch.describe_end()
        ))),
        (None, None) => Err(Doubt::ReadBack("its rows were not read back".to_owned())),
        (None, Some(Err(why))) => Err(Doubt::ReadBack(why.clone())),
        (None, Some(Ok(rows))) => {
            compare::compare(&expected, rows, &place).map_err(Doubt::ReadBack)
        }
    };
    let shows = shows(&expected, &place);
    Some(Seen { sync, stream: stream.clone(), shows, result })
}

/// The kinds of difference that a stream can show at this place.
fn shows(expected: &Expected, place: &Place) -> Vec<Kind> {
    let mode = place.configured.destination_sync_mode;
    let dedup = mode == SyncMode::AppendDedup;
    let rows = !expected.rows.is_empty();
    // A recipe's rows are not made for this: they are many, and alike.
    let mut versions = expected.rows.iter().map(Part::version);
    let earlier = versions.clone().any(|version| version.origin.sync < place.sync);
    let gone = |reason| expected.gone.iter().any(|gone| gone.reason == reason);
    let older = versions.clone().any(|version| place.is_older(&version));
    let again = dedup && versions.any(|version| version.deliveries > 1);
    [
        (Kind::Lost, rows && place.in_catalog),
        (Kind::Duplicated, rows && place.in_catalog && !dedup),
        (Kind::Altered, rows),
        (Kind::Invented, place.in_catalog),
        (Kind::AppendReplaced, place.in_catalog && mode == SyncMode::Append && earlier && !older),
        (Kind::OverwriteKept, gone(Reason::Replaced) && place.configured.replaces()),
        (Kind::GenerationKept, gone(Reason::Replaced) && !place.configured.replaces()),
        (Kind::GenerationZeroDeleted, place.in_catalog && older),
        (Kind::NeighbourTouched, !place.in_catalog && rows),
        (Kind::DedupKept, dedup && gone(Reason::Outdated)),
        (Kind::WrongWinner, dedup && gone(Reason::Outdated)),
        (Kind::DeleteIgnored, dedup && gone(Reason::Deleted)),
        (Kind::NotIdempotent, again),
    ]
    .into_iter()
    .filter_map(|(kind, can)| can.then_some(kind))
    .collect()
}

/// The verdict of one kind over all that a scenario has landed; `None` where the scenario cannot
/// show it.
#[must_use]
pub fn judge(kind: Kind, seen: &[Seen], facts: &Facts) -> Option<Verdict> {
    let able = seen.iter().any(|seen| seen.shows.contains(&kind));
    if able && !facts.readback {
        return Some(Verdict::not_read_back());
    }
    let mut told: HashSet<(&Descriptor, Option<&str>, Option<&str>)> = HashSet::new();
    let mut findings = Vec::new();
    let (mut doubt, mut cut) = (None, None);
    let mut settled = false;
    for one in seen {
        match &one.result {
            Err(why) => {
                if one.shows.contains(&kind) {
                    doubt = doubt.or(Some(match why {
                        Doubt::SyncFailed(why) => why.clone(),
                        Doubt::ReadBack(why) => format!("read-back of {}: {why}", one.stream),
                    }));
                }
            }
            Ok(comparison) => {
                settled |= one.shows.contains(&kind);
                if comparison.is_cut && one.shows.contains(&kind) {
                    cut = Some(format!(
                        "{}, after sync {}: too many rows differ to look at each ({} wanted, {} found)",
                        one.stream,
                        one.sync + 1,
                        comparison.wanted,
                        comparison.found
                    ));
                }
                // What was wrong after an earlier sync is not told again after a later one.
                let new: Vec<_> = comparison
                    .differences
                    .iter()
                    .filter(|d| d.kind == kind)
                    .filter(|d| told.insert((&one.stream, d.wanted.as_deref(), d.found.as_deref())))
                    .collect();
                findings.extend(tell(one, comparison, &new));
            }
        }
    }
    match (findings.is_empty(), settled && cut.is_none(), cut.or(doubt)) {
        (false, _, _) => Some(Verdict::Fail(findings)),
        (true, true, _) => Some(Verdict::Pass),
        (true, false, Some(why)) => Some(Verdict::Inconclusive(why)),
        (true, false, None) => None,
    }
}

/// Why a stream's rows could not be read back, if they could not.
pub fn readback_errors(seen: &[Seen]) -> impl Iterator<Item = String> {
    seen.iter().filter_map(|one| match &one.result {
        Err(Doubt::ReadBack(why)) => Some(format!("stream {}: {why}", one.stream)),
        _ => None,
    })
}

fn tell(seen: &Seen, comparison: &Comparison, differences: &[&Difference]) -> Vec<Finding> {
    let more = differences.len().saturating_sub(TOLD);
    let Comparison { wanted, found, .. } = comparison;
    differences
        .iter()
        .take(TOLD)
        .enumerate()
        .map(|(nth, difference)| {
            let is_counted = difference.wanted.is_none() && difference.found.is_none();
            let what = match difference.kind {
                Kind::Lost if is_counted => "fewer rows are there than have to be",
                Kind::Invented if is_counted => "more rows are there than were sent",
                Kind::Lost => "a record has not landed",
                Kind::Duplicated => "a record has landed more often than it was sent",
                Kind::Altered => "a record has landed with other values",
                Kind::Invented => "a row is there that was never sent",
                Kind::AppendReplaced => "a row of an earlier sync is gone after an append",
                Kind::GenerationKept => "a row of an older generation is there after a refresh",
                Kind::GenerationZeroDeleted => "a row is gone, and no generation was to go",
                Kind::OverwriteKept => "a row of an earlier sync is there after an overwrite",
                Kind::NeighbourTouched => "a row is gone of a stream that the sync did not name",
                Kind::DedupKept => "a key has another row beside the newest",
                Kind::WrongWinner => "an older version stands in place of the newest",
                Kind::DeleteIgnored => "a deleted row is there",
                Kind::NotIdempotent => "a record delivered again has landed again",
            };
            let more = if nth + 1 == TOLD && more > 0 {
                format!("; {more} more like it")
            } else {
                String::new()
            };
            let hint = if difference.is_textual() {
                "; its numbers came as texts: if they are stored as numbers, the read-back has to \
                 print them as such"
            } else {
                ""
            };
            let message = format!(
                "{}, after sync {}: {what}{hint} ({wanted} rows wanted, {found} found{more})",
                seen.stream,
                seen.sync + 1
            );
            let row = |text: &Option<String>| {
                text.as_ref()
                    .map_or_else(|| "nothing".to_owned(), |row| super::shown(row.as_bytes()))
            };
            let evidence = if is_counted {
                "too many rows differ to tell which".to_owned()
            } else {
                format!("wanted {}; found {}", row(&difference.wanted), row(&difference.found))
            };
            Finding::new(message, evidence).of_launch(seen.sync)
        })
        .collect()
}

#[cfg(test)]
mod tests;
