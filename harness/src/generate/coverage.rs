//! What generated cases exercised: how often each feature, and which never.

use std::collections::{BTreeMap, HashSet};

use super::case::{Case, Ending, Event, Key, Mode, Row};
use super::kinds::Kind;
use super::strategy::Offer;

/// How many cases had each feature.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Cases in all.
    pub cases: usize,
    counts: BTreeMap<String, usize>,
}

impl Coverage {
    /// With all that a connector offers, none of it exercised yet.
    #[must_use]
    pub fn of(offer: &Offer) -> Self {
        let mut all: Vec<String> = Kind::ALL.iter().map(|kind| kind_name(*kind)).collect();
        all.extend(offer.modes.iter().map(|mode| mode_name(*mode)));
        let endings = if offer.can_break() { &ENDINGS[..] } else { &ENDINGS[..1] };
        all.extend(endings.iter().map(|ending| (*ending).to_owned()));
        all.extend(["states: GLOBAL", "states: STREAM", "states: none"].map(str::to_owned));
        let is_seen = |feature: &&str| offer.can_break() || *feature != GATED;
        all.extend(FEATURES.into_iter().filter(is_seen).map(str::to_owned));
        if offer.modes.iter().any(|mode| mode.is_keyed()) {
            all.extend(KEYS.map(str::to_owned));
        }
        if offer.modes.contains(&Mode::DedupDeletes) {
            all.push(DELETES.to_owned());
        }
        if offer.refreshes {
            all.extend(["refresh", "a refresh that is broken off"].map(str::to_owned));
        }
        if offer.namespaces {
            all.extend(["namespace", NAMESAKES].map(str::to_owned));
        }
        Self { cases: 0, counts: all.into_iter().map(|name| (name, 0)).collect() }
    }

    /// Counts a case, as far as its syncs were run; they ended like this.
    pub fn add(&mut self, case: &Case, endings: &[Ending]) {
        self.cases += 1;
        let mut features: Vec<String> = Vec::new();
        for stream in &case.streams {
            features.push(mode_name(stream.mode));
            features.extend(stream.fields.iter().map(|field| kind_name(field.kind)));
            features.extend(stream.namespace.as_ref().map(|_| "namespace".to_owned()));
            let has_key = stream.mode.is_keyed();
            for (has, feature) in [
                (has_key && stream.key == Key::Text, KEYS[0]),
                (has_key && stream.key == Key::Nested, KEYS[1]),
                (stream.wide > 0, "many columns"),
                (stream.fields.iter().any(|field| !field.declared), "undeclared fields"),
            ] {
                features.extend(has.then(|| feature.to_owned()));
            }
        }
        let mut rows = Vec::new();
        let (mut states, mut many) = (0, 0);
        for (nth, (sync, ended)) in case.syncs.iter().zip(endings).enumerate() {
            let ended = *ended;
            features.push(ENDINGS[ending(ended)].to_owned());
            let is_gated = matches!(ended, Ending::KilledBefore { gated: true, .. });
            features.extend(is_gated.then(|| GATED.to_owned()));
            let mut refreshes = sync.refreshed.iter().zip(&case.streams);
            let has_refresh = nth > 0
                && refreshes
                    .any(|(refreshed, stream)| *refreshed && stream.mode != Mode::Overwrite);
            features.extend(has_refresh.then(|| "refresh".to_owned()));
            let is_broken = has_refresh && ended != Ending::Success;
            features.extend(is_broken.then(|| "a refresh that is broken off".to_owned()));
            for event in &sync.events {
                match event {
                    Event::Row(row) => rows.push(row),
                    Event::Many { .. } => many += 1,
                    Event::State { .. } => states += 1,
                }
            }
        }
        let is_again = (1..rows.len()).any(|nth| rows[..nth].contains(&rows[nth]));
        for (has, feature) in [
            (states == 0, "states: none"),
            (states > 0 && case.global, "states: GLOBAL"),
            (states > 0 && !case.global, "states: STREAM"),
            (case.syncs.iter().any(|sync| sync.pace.is_some()), "slow input"),
            (rows.iter().any(|row| row.deleted), DELETES),
            (rows.iter().any(|row| case.is_long(row)), "a long text"),
            (is_late(&rows), "a late record"),
            (has_namesakes(case), NAMESAKES),
            (many > 0, "many records"),
            (many == 0 && rows.is_empty(), "no records"),
            (case.syncs.len() > 1, "several syncs"),
            (is_again, "the same record again"),
            (rows.iter().any(|row| row.version == 0), "a cursor that is null"),
            (rows.iter().any(|row| row.reversed), "fields in another order"),
        ] {
            features.extend(has.then(|| feature.to_owned()));
        }
        features.sort();
        features.dedup();
        for feature in features {
            *self.counts.entry(feature).or_default() += 1;
        }
    }

    /// Each feature, and how many cases had it.
    pub fn counts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.counts.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

const KEYS: [&str; 2] = ["a text as a key", "a key within an object"];

const GATED: &str = "a kill after all acknowledgements";
const DELETES: &str = "a delete";
const NAMESAKES: &str = "one name in two namespaces";

/// Whether a record comes after a newer one of its row.
fn is_late(rows: &[&Row]) -> bool {
    let newer = |late: &Row, earlier: &&Row| {
        (earlier.stream, earlier.id) == (late.stream, late.id) && earlier.version > late.version
    };
    rows.iter().enumerate().any(|(nth, row)| rows[..nth].iter().any(|one| newer(row, one)))
}

fn has_namesakes(case: &Case) -> bool {
    let names: HashSet<&str> = case.streams.iter().map(|stream| stream.name.as_str()).collect();
    names.len() < case.streams.len()
}

const FEATURES: [&str; 12] = [
    GATED,
    "a long text",
    "a late record",
    "slow input",
    "many records",
    "no records",
    "several syncs",
    "the same record again",
    "a cursor that is null",
    "fields in another order",
    "many columns",
    "undeclared fields",
];

const ENDINGS: [&str; 4] = [
    "ending: success",
    "ending: no COMPLETE",
    "ending: killed at a record",
    "ending: killed at an acknowledgement",
];

fn ending(ending: Ending) -> usize {
    match ending {
        Ending::Success => 0,
        Ending::Silent => 1,
        Ending::KilledBefore { .. } => 2,
        Ending::KilledAtState(_) => 3,
    }
}

fn kind_name(kind: Kind) -> String {
    format!("type: {}", kind.name())
}

fn mode_name(mode: Mode) -> String {
    let name = match mode {
        Mode::Append => "append",
        Mode::Overwrite => "overwrite",
        Mode::Dedup => "append_dedup",
        Mode::DedupDeletes => "append_dedup with deletes",
    };
    format!("mode: {name}")
}
