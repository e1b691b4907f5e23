use std::collections::{BTreeMap, HashMap};

use super::case::{Case, Ending, Event, Mode, Row};
use super::coverage::Coverage;
use super::strategy::{FEW, Offer, batch};
use crate::model;
use crate::protocol::json;
use crate::protocol::message::Descriptor;
use crate::scenario::names::Names;
use crate::scenario::{Scenario, Sent, SentBody, Step, pack};

/// All modes.
pub(super) const MODES: [Mode; 4] =
    [Mode::Append, Mode::Overwrite, Mode::Dedup, Mode::DedupDeletes];

fn offer() -> Offer {
    let modes = MODES.to_vec();
    Offer { modes, namespaces: true, refreshes: true }
}

/// Cases of so many launches.
pub(super) fn cases(launches: u64) -> impl Iterator<Item = Case> {
    let offer = offer();
    (0..launches).flat_map(move |nth| batch(&offer, 7, nth, 10))
}

pub(super) fn rows(case: &Case) -> impl Iterator<Item = &Row> {
    let events = case.syncs.iter().flat_map(|sync| &sync.events);
    events.filter_map(|event| match event {
        Event::Row(row) => Some(row),
        _ => None,
    })
}

/// The rows of each stream that have to be there at last, by the definition of the modes: a second
/// time, without a thought for speed, and from the case rather than from what is written of it.
fn naive(case: &Case, stream: usize, data: &dyn Fn(&Row) -> String) -> Vec<String> {
    let mut there: Vec<(&Row, usize)> = Vec::new();
    let mut arrival = 0;
    for sync in &case.syncs {
        if sync.refreshed[stream] {
            there.clear();
        }
        for event in &sync.events {
            arrival += 1;
            if let Event::Row(row) = event
                && row.stream == stream
            {
                there.push((row, arrival));
            }
        }
    }
    if case.streams[stream].mode.is_keyed() {
        let mut winners: BTreeMap<u32, (&Row, usize)> = BTreeMap::new();
        for (row, arrival) in there {
            let winner = winners.entry(row.id).or_insert((row, arrival));
            if (row.version, arrival) >= (winner.0.version, winner.1) {
                *winner = (row, arrival);
            }
        }
        there = winners.into_values().filter(|(row, _)| !row.deleted).collect();
    }
    sorted(there.into_iter().map(|(row, _)| data(row)))
}

/// Rows in one order, and their fields, too.
fn sorted(rows: impl Iterator<Item = String>) -> Vec<String> {
    let canonical = |row: String| {
        let mut text = String::new();
        json::write_canonical(&json::read(&row).unwrap(), &mut text);
        text
    };
    let mut rows: Vec<String> = rows.map(canonical).collect();
    rows.sort();
    rows
}

/// What the model makes of a case that was written out; recipes are left out.
fn modelled(scenario: &Scenario, stream: usize) -> Vec<String> {
    let of = scenario.syncs[0].streams.streams[stream].descriptor();
    let steps: Vec<Vec<Step>> = scenario
        .syncs
        .iter()
        .map(|sync| {
            let rows = sync.steps.iter().filter(|step| matches!(step, Step::Message(_)));
            rows.cloned().collect()
        })
        .collect();
    let syncs: Vec<_> =
        scenario.syncs.iter().zip(&steps).map(|(sync, steps)| (&sync.streams, &**steps)).collect();
    let expected = model::expected(&of, &syncs);
    sorted(expected.rows().map(|(row, _)| row.into_owned()))
}

/// The fields of a row, as they are written for its stream.
fn data(case: &Case) -> impl Fn(&Row) -> String + '_ {
    |row| {
        let one = Case {
            streams: vec![case.streams[row.stream].clone()],
            syncs: vec![super::case::Sync {
                events: vec![Event::Row(Row { stream: 0, ..row.clone() })],
                refreshed: vec![false],
                pace: None,
                ending: Ending::Success,
            }],
            global: false,
        };
        modelled_data(&one.written("one").unwrap())
    }
}

fn modelled_data(scenario: &Scenario) -> String {
    let Step::Message(sent) = &scenario.syncs[0].steps[0] else { panic!("no message") };
    let crate::scenario::SentBody::Record(record) = &sent.body else { panic!("no record") };
    record.data.get().to_owned()
}

#[test]
fn the_model_is_a_second_ones_like() {
    let mut compared = 0;
    for case in cases(150).filter(|case| !case.breaks()) {
        let scenario = case.written("case").unwrap();
        let data = data(&case);
        for stream in 0..case.streams.len() {
            let naive = naive(&case, stream, &data);
            compared += naive.len();
            assert_eq!(modelled(&scenario, stream), naive, "{case:#?}");
        }
    }
    assert!(compared > 3000, "{compared}");
}

#[test]
fn a_seed_gives_the_same_cases_and_another_others() {
    let of = |seed, nth| batch(&offer(), seed, nth, 10);
    assert_eq!(of(3, 1), of(3, 1));
    assert_ne!(of(3, 1), of(4, 1));
    assert_ne!(of(3, 1), of(3, 2));
    // Where fewer are wanted, they are the first of them.
    for nth in 0..10 {
        assert_eq!(batch(&offer(), 3, nth, 7)[..], batch(&offer(), 3, nth, 20)[..7]);
    }
}

#[test]
fn all_that_is_offered_is_exercised_and_nothing_else() {
    let mut coverage = Coverage::of(&offer());
    cases(100).for_each(|case| {
        let endings: Vec<_> = case.syncs.iter().map(|sync| sync.ending).collect();
        coverage.add(&case, &endings);
    });
    let never = coverage.counts().filter(|(_, count)| *count == 0);
    assert_eq!(never.collect::<Vec<_>>(), []);
    assert_eq!(coverage.cases, 1000);
    let little = Offer { modes: vec![Mode::Append], namespaces: false, refreshes: false };
    for case in (0..50).flat_map(|nth| batch(&little, 7, nth, 10)) {
        assert!(case.streams.iter().all(|one| one.mode == Mode::Append && one.namespace.is_none()));
        assert!(case.syncs.iter().all(|sync| !sync.refreshed.contains(&true)));
    }
}

#[test]
fn a_case_is_one_that_a_platform_could_send() {
    for case in cases(200) {
        assert_eq!(case.syncs.last().unwrap().ending, Ending::Success);
        let scenario = case.written("case").unwrap();
        assert_eq!(scenario.breaks, case.breaks());
        for (nth, sync) in case.syncs.iter().enumerate() {
            assert_eq!(sync.refreshed.len(), case.streams.len());
            let ids = &scenario.syncs[nth].streams.streams;
            assert!(ids.iter().all(|one| one.minimum_generation_id <= one.generation_id));
            let replays = scenario.syncs[nth].steps.iter().any(|step| matches!(step, Step::Replay));
            assert_eq!(replays, nth > 0 && case.syncs[nth - 1].ending != Ending::Success);
        }
        // Nothing older comes after a delete: few destinations remember what they have deleted.
        let mut deleted: BTreeMap<(usize, u32), u32> = BTreeMap::new();
        for row in rows(&case) {
            let after = deleted.get(&(row.stream, row.id)).copied().unwrap_or(0);
            assert!(row.version >= after, "{case:#?}");
            if row.deleted {
                deleted.insert((row.stream, row.id), row.version);
            }
            assert!(json::read(&data(&case)(row)).is_some());
        }
    }
}

/// Whether two cases can be one: they end alike and have states alike.
fn go_together(one: &Case, other: &Case) -> bool {
    let ends = |case: &Case| -> Vec<(bool, bool)> {
        let of = |sync: &super::case::Sync| (sync.ending.kills(), sync.ending == Ending::Silent);
        case.syncs.iter().map(of).collect()
    };
    one.global == other.global && ends(one) == ends(other)
}

#[test]
fn cases_of_a_launch_are_one_and_come_apart_again() {
    for nth in 0..100 {
        let all = batch(&offer(), 5, nth, 4);
        assert!(all.iter().all(|case| go_together(case, &all[0])));
        let joined = Case::together(&all);
        let mut first = 0;
        for case in &all {
            let streams = first..first + case.streams.len();
            first = streams.end;
            let mut own = joined.clone();
            own.keep_streams(|stream| streams.contains(&stream));
            assert_eq!(own.streams, case.streams);
            for (own, sync) in own.syncs.iter().zip(&case.syncs) {
                assert_eq!(own.refreshed, sync.refreshed);
                let sent = |events: &[Event]| -> Vec<Event> {
                    let is_row = |event: &&Event| !matches!(event, Event::State { .. });
                    events.iter().filter(is_row).cloned().collect()
                };
                assert_eq!(sent(&own.events), sent(&sync.events));
                if let (Ending::KilledBefore { at, .. }, Ending::KilledBefore { at: of_own, .. }) =
                    (sync.ending, own.ending)
                {
                    let rows = |events: &[Event], at: usize| sent(&events[..at]).len();
                    assert_eq!(rows(&sync.events, at), rows(&own.events, of_own));
                }
            }
        }
    }
}

#[test]
fn the_last_record_before_a_kill_is_often_the_longest() {
    let (mut kills, mut long) = (0, 0);
    for nth in 0..300 {
        let case = Case::together(&batch(&offer(), 5, nth, FEW));
        for sync in case.syncs.iter().filter(|sync| sync.ending.kills()) {
            let last = sync.before_kill().iter().rev().find_map(|event| match event {
                Event::Row(row) => Some(row),
                _ => None,
            });
            kills += 1;
            long += usize::from(last.is_some_and(|row| case.is_long(row)));
        }
    }
    assert!(2 * long > kills && long < kills * 4 / 5, "{long} of {kills}");
}

#[test]
fn a_case_that_rests_on_generations_needs_them() {
    let mut seen = [0; 2];
    for case in cases(300) {
        let overwrites = case.streams.iter().any(|stream| stream.mode == Mode::Overwrite);
        let refreshes = case.syncs.iter().any(|sync| {
            let mut streams = sync.refreshed.iter().zip(&case.streams);
            streams.any(|(refreshed, stream)| *refreshed && stream.mode != Mode::Overwrite)
        });
        let needs = refreshes || overwrites && case.breaks();
        assert_eq!(!case.written("x").unwrap().needs.is_empty(), needs, "{case:?}");
        seen[usize::from(needs)] += 1;
    }
    assert!(seen.iter().all(|seen| *seen > 20), "{seen:?}");
}

#[test]
fn the_source_counts_what_it_sends() {
    let names = Names { run: "run".into(), namespaces: true, default: false };
    let (mut counted, mut replayed) = (0, 0);
    for case in cases(300) {
        let trial = pack::pack(&[case.written("one").unwrap()], &names, 0).unwrap().remove(0);
        let mut before: Vec<Step> = Vec::new();
        for sync in trial.syncs {
            let sync = if sync.replays() {
                replayed += 1;
                // Nothing came back.
                sync.replaying(&before).unwrap()
            } else {
                sync
            };
            counted += stats_of(&sync.steps);
            let is_sent = |step: &&Step| matches!(step, Step::Message(_) | Step::Bulk(_));
            before = sync.steps.iter().filter(is_sent).cloned().collect();
        }
    }
    assert!(counted > 1000 && replayed > 50, "{counted} {replayed}");
}

/// Holds the counts of all states against the records before them; how many there were.
fn stats_of(steps: &[Step]) -> usize {
    let mut since: HashMap<Descriptor, u64> = HashMap::new();
    let mut since_global = 0;
    let mut states = 0;
    let mut take = |line: &str| match Sent::parse(line).unwrap().body {
        SentBody::Record(record) => {
            *since.entry(record.stream).or_default() += 1;
            since_global += 1;
        }
        SentBody::State(state) => {
            let records = match state.descriptor() {
                Some(stream) => since.remove(stream).unwrap_or(0),
                None => std::mem::take(&mut since_global),
            };
            let told = format!("\"recordCount\":{records}.0");
            assert!(line.contains(&told), "{told} {line}");
            states += 1;
        }
        _ => {}
    };
    for step in steps {
        match step {
            Step::Message(sent) => take(&sent.line),
            Step::Bulk(bulk) => {
                let all = bulk.write(|bytes, _| -> Result<(), ()> {
                    std::str::from_utf8(bytes).unwrap().lines().for_each(&mut take);
                    Ok(())
                });
                all.unwrap();
            }
            _ => {}
        }
    }
    states
}
