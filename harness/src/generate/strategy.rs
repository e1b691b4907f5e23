//! Drawing cases: what a connector declares, with weight on what is legal and rare.
//!
//! A case is read off a list of numbers, so that equal numbers give an equal case, and an end of
//! the list the simplest one.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::num::u32::ANY;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::case::{CODES, Case, Ending, Event, Field, Key, Mode, Row, Stream, Sync, states};
use super::kinds::Kind;
use crate::scenario::Pace;

/// What a connector offers.
#[derive(Debug, Clone)]
pub struct Offer {
    /// How streams may be synced; at least one way.
    pub modes: Vec<Mode>,
    /// Whether it keeps namespaces apart.
    pub namespaces: bool,
    /// Whether it handles refreshes.
    pub refreshes: bool,
}

impl Offer {
    /// Whether syncs can be broken off: without generations it is not settled what is left of a broken
    /// overwrite.
    #[must_use]
    pub fn can_break(&self) -> bool {
        self.refreshes || self.modes.iter().any(|one| *one != Mode::Overwrite)
    }
}

/// Numbers that one case is read off.
const NUMBERS: usize = 700;

/// The cases of a launch, [`TOGETHER`] at most: they end alike, and each has streams of its own.
#[must_use]
pub fn batch(offer: &Offer, seed: u64, nth: u64, size: usize) -> Vec<Case> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&nth.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    // As many whatever is wanted, so that fewer are the first of them.
    let drawn = cases(offer.clone(), nth, TOGETHER).new_tree(&mut runner);
    let mut cases = drawn.map_or_else(|_| Vec::new(), |tree| tree.current());
    cases.truncate(size);
    cases
}

/// So many cases that can be one launch each sync; what is rare and matters is in every few of them.
pub fn cases(offer: Offer, nth: u64, size: usize) -> impl Strategy<Value = Vec<Case>> {
    let numbers = (vec(ANY, 32), vec(vec(ANY, NUMBERS), size));
    numbers.prop_map(move |(frame, cases)| {
        let frame = Frame::read(&offer, nth, &mut Numbers::of(frame));
        let read = |(nth, numbers)| frame.case(&offer, nth, &mut Numbers::of(numbers));
        let mut cases: Vec<Case> = cases.into_iter().enumerate().map(read).collect();
        cases.chunks_mut(FEW).for_each(|together| frame.enlarge(together));
        cases
    })
}

/// Numbers, one after the other; 0 after the last.
struct Numbers(std::vec::IntoIter<u32>);

impl Numbers {
    fn of(numbers: Vec<u32>) -> Self {
        Self(numbers.into_iter())
    }

    fn below(&mut self, end: usize) -> usize {
        // The high bits, so that a smaller number is a smaller choice.
        let next = u64::from(self.0.next().unwrap_or(0));
        usize::try_from((next * end as u64) >> 32).unwrap_or(0)
    }

    /// Whether it is one of so many in a hundred.
    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) >= 100 - chance
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}

/// Cases that travel in one launch.
pub const TOGETHER: usize = 20;
/// Those that do where it is killed: it is killed at one place.
pub const FEW: usize = 10;

/// What all cases of a launch have in common.
struct Frame {
    global: bool,
    endings: Vec<End>,
    paces: Vec<Option<Pace>>,
    /// The long text that the last record before a kill has, if it has one.
    large: Vec<Option<usize>>,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Success,
    Silent,
    KilledBefore,
    KilledAtState,
}

/// Of five launches, those in which syncs are broken off.
const BROKEN: [u64; 2] = [1, 3];
/// Of five launches, the one whose input is slow at first.
const SLOW: u64 = 2;
/// Pieces that cut lines and characters; and pauses that are felt.
const PACES: [Pace; 3] = [
    Pace { bytes: 997, pause_ms: 1 },
    Pace { bytes: 3331, pause_ms: 5 },
    Pace { bytes: 16_384, pause_ms: 25 },
];
const NAMES: [&str; 13] = [
    "users",
    "Orders",
    "select",
    "with space",
    "naïve",
    "dash-ed",
    "_under",
    "camelCase",
    "2nd",
    "dot.ted",
    "it's",
    "quo\"ted",
    "日本語🦀",
];
/// It is rare: names that are cut are one, and then nothing else can be told of their streams.
const LONG_NAME: &str = "a_name_that_is_longer_than_many_databases_allow_an_identifier_to_be_which_is_sixty_three_bytes";
const FIELDS: [&str; 13] = [
    "word",
    "Word2",
    "order",
    "_id",
    "with space",
    "naïve",
    "camelCase",
    "dot.ted",
    "2nd",
    "it's",
    "quo\"ted",
    "日本語🦀",
    "a_field_that_is_longer_than_many_databases_allow_an_identifier_to_be_which_is_sixty_three_bytes",
];
const NAMESPACES: [&str; 4] = ["public", "Other", "two words", "da-sh.ed"];
/// How many records, around the sizes of common batches; most of them cost little.
const MANY: [u32; 14] =
    [100, 500, 999, 1000, 1001, 2000, 2500, 1000, 1001, 999, 1025, 2049, 10_000, 10_001];
/// More columns than some have room for.
const WIDE: u32 = 120;
/// Records of one sync that are written out, at most.
const ROWS: usize = 12;

impl Frame {
    /// Of five launches two are broken: by turns at a state and at a record first. An end without
    /// COMPLETE follows a kill only, for what is left after it is judged then.
    fn read(offer: &Offer, nth: u64, numbers: &mut Numbers) -> Self {
        let global = numbers.percent(25);
        let broken = BROKEN.iter().position(|of_five| nth % 5 == *of_five);
        let endings: Vec<End> = match broken.filter(|_| offer.can_break()) {
            None => vec![End::Success; 1 + numbers.below(4)],
            Some(which) => {
                let by_turns = [
                    [End::KilledAtState, End::Silent, End::KilledBefore],
                    [End::KilledBefore, End::KilledAtState, End::Silent],
                ];
                let first = usize::try_from(nth / 5).unwrap_or(0) + which;
                let count =
                    if first % 2 == 0 { 2 + numbers.below(2) } else { 1 + numbers.below(3) };
                let mut endings = by_turns[first % 2][..count].to_vec();
                if endings.len() > 2 && numbers.percent(25) {
                    endings[2] = End::Success;
                }
                // There are rows already, which a refresh is to replace; four syncs at most.
                if endings.len() < 3 && numbers.percent(50) {
                    endings.insert(0, End::Success);
                }
                // The last sync has to show what is left.
                endings.push(End::Success);
                endings
            }
        };
        let paces = (0..endings.len()).map(|sync| {
            let is_slow = (nth % 5, sync) == (SLOW, 0) || numbers.percent(2);
            is_slow.then(|| numbers.one_of(&PACES).copied()).flatten()
        });
        let paces = paces.collect();
        let long = |numbers: &mut Numbers| {
            if numbers.percent(85) { Kind::Text.count() - 1 } else { Kind::wide_text() }
        };
        let large = endings.iter().map(|_| numbers.percent(80).then(|| long(numbers))).collect();
        Self { global, endings, paces, large }
    }

    fn case(&self, offer: &Offer, nth: usize, numbers: &mut Numbers) -> Case {
        let breaks = self.endings.iter().any(|end| *end != End::Success);
        let settled = !breaks || offer.refreshes;
        let fits = |mode: &&Mode| settled || **mode != Mode::Overwrite;
        let modes: Vec<Mode> = offer.modes.iter().filter(fits).copied().collect();
        let streams = [1, 1, 1, 2, 2, 3][numbers.below(6)];
        let mut streams: Vec<Stream> = (0..streams)
            .map(|of_case| stream(offer, &modes, &format!("{nth}_{of_case}"), numbers))
            .collect();
        for stream in streams.iter_mut().filter(|_| breaks) {
            if stream.fields.iter().all(|field| field.kind != Kind::Text) && numbers.percent(95) {
                let name = "large".to_owned();
                stream.fields.push(Field { name, kind: Kind::Text, declared: true });
            }
        }
        // The same name in another namespace.
        if let [first, .., last] = &mut streams[..]
            && offer.namespaces
            && numbers.percent(20)
        {
            last.name.clone_from(&first.name);
            last.namespace = Some(format!("{}2", first.namespace.as_deref().unwrap_or("apart")));
        }
        let mut sender = Sender::new(&streams);
        let mut goes_on = false;
        let syncs = self.endings.iter().zip(&self.paces).map(|(end, pace)| {
            let refreshed = streams.iter().map(|stream| {
                let chosen = offer.refreshes && numbers.percent(15);
                // The next attempt of a sync that did not succeed is of the same generation.
                !goes_on && (stream.mode == Mode::Overwrite || chosen)
            });
            let refreshed = refreshed.collect();
            goes_on = *end != End::Success;
            let events = sender.events(self.global, numbers);
            Sync { ending: ending(*end, &events, numbers), events, refreshed, pace: *pace }
        });
        let syncs = syncs.collect();
        Case { streams, syncs, global: self.global }
    }
}

impl Frame {
    /// Has the last record before a kill hold a long text: what waits in a buffer, because it is
    /// large, is lost by it. Of cases that travel together, it is in the one that goes on longest. One
    /// that is sent again stays as it is.
    fn enlarge(&self, cases: &mut [Case]) {
        let is_row = |event: &Event| matches!(event, Event::Row(_));
        let large = self.large.iter().enumerate();
        for (nth, value) in large.filter_map(|(nth, value)| Some((nth, (*value)?))) {
            let last = |case: &Case| case.syncs[nth].before_kill().iter().rposition(is_row);
            let longest = cases.iter_mut().max_by_key(|case| last(case));
            let Some(case) = longest.filter(|case| case.syncs[nth].ending.kills()) else {
                continue;
            };
            let Some(last) = last(case).map(|at| case.syncs[nth].events[at].clone()) else {
                continue;
            };
            let events = case.syncs.iter_mut().flat_map(|sync| &mut sync.events);
            let mut same = events.filter(|event| **event == last);
            if let (Some(Event::Row(row)), None) = (same.next(), same.next())
                && let fields = &case.streams[row.stream].fields
                && let Some(text) = fields.iter().position(|field| field.kind == Kind::Text)
            {
                row.values[text] = value;
            }
        }
    }
}

fn stream(offer: &Offer, modes: &[Mode], tail: &str, numbers: &mut Numbers) -> Stream {
    let name = numbers.one_of(&NAMES).copied().unwrap_or_default();
    let name = if numbers.percent(1) { LONG_NAME } else { name };
    let is_apart = offer.namespaces && numbers.percent(20);
    let namespace = is_apart.then(|| numbers.one_of(&NAMESPACES).copied().unwrap_or_default());
    let mode = numbers.one_of(modes).copied().unwrap_or(Mode::Append);
    let mut names: Vec<&str> = FIELDS.to_vec();
    let fields = (0..numbers.below(5)).map(|_| {
        let name = names.remove(numbers.below(names.len())).to_owned();
        // Much of what is sent is text.
        let kind = numbers.one_of(&Kind::ALL).copied().unwrap_or(Kind::Text);
        let kind = if numbers.percent(15) { Kind::Text } else { kind };
        Field { name, kind, declared: !numbers.percent(10) }
    });
    let fields = fields.collect();
    Stream {
        name: format!("{name}_{tail}"),
        namespace: namespace.map(str::to_owned),
        mode,
        key: [Key::Id, Key::Id, Key::Id, Key::Text, Key::Nested][numbers.below(5)],
        fields,
        wide: if numbers.percent(4) { WIDE } else { 0 },
        // One digit more is to come, of an overwrite after its first sync.
        generation: match (numbers.percent(20), mode) {
            (true, Mode::Overwrite) => 8,
            (true, _) => 9,
            (false, _) => 1,
        },
    }
}

fn ending(end: End, events: &[Event], numbers: &mut Numbers) -> Ending {
    let states = usize::try_from(states(events)).unwrap_or(0);
    let before = |numbers: &mut Numbers| {
        let back = if numbers.percent(25) { numbers.below(events.len() + 1) } else { 0 };
        Ending::KilledBefore { at: events.len() - back, gated: numbers.percent(70) }
    };
    match end {
        End::Success => Ending::Success,
        End::Silent => Ending::Silent,
        End::KilledBefore => before(numbers),
        End::KilledAtState if states == 0 => before(numbers),
        // The last one stands for all that was sent, and for what waits to be written longest.
        End::KilledAtState => {
            let nth = if numbers.percent(60) { states } else { 1 + numbers.below(states) };
            Ending::KilledAtState(u32::try_from(nth).unwrap_or(1))
        }
    }
}

/// Sends records that tell of rows as a source would: mostly newer ones.
struct Sender<'a> {
    streams: &'a [Stream],
    next: u32,
    sent: Vec<Row>,
    /// The version that deleted a row: older ones do not come after it.
    deleted: HashMap<(usize, u32), u32>,
    has_many: Vec<bool>,
}

impl<'a> Sender<'a> {
    fn new(streams: &'a [Stream]) -> Self {
        let has_many = vec![false; streams.len()];
        Self { streams, next: 0, sent: Vec::new(), deleted: HashMap::new(), has_many }
    }

    /// What is sent in one sync.
    fn events(&mut self, global: bool, numbers: &mut Numbers) -> Vec<Event> {
        let rows = [1, 2, 3, 5, ROWS, 0][numbers.below(6)];
        // How often a state follows, of a hundred records; and whether one comes at the end.
        let states = [10, 30, 100, 0][numbers.below(4)];
        let at_end = !numbers.percent(15);
        let mut events = Vec::new();
        for _ in 0..rows {
            let stream = numbers.below(self.streams.len());
            events.push(Event::Row(self.row(stream, numbers)));
            if numbers.percent(states) {
                let count = if numbers.percent(10) { 3 } else { 1 };
                events.extend((0..count).map(|_| Event::State { stream }));
            }
        }
        if numbers.percent(3) {
            let stream = numbers.below(self.streams.len());
            // A second recipe would send the same ids again, and its rows have no other key.
            if self.streams[stream].key == Key::Id
                && !std::mem::replace(&mut self.has_many[stream], true)
            {
                let count = numbers.one_of(&MANY).copied().unwrap_or(1);
                let state_every = if global || numbers.percent(50) { 0 } else { 500 };
                let at = numbers.below(events.len() + 1);
                events.insert(at, Event::Many { stream, count, state_every });
            }
        }
        if numbers.percent(40) {
            // One stream after the other.
            events.sort_by_key(Event::stream);
        }
        if at_end {
            let streams = if global { 1 } else { self.streams.len() };
            events.extend((0..streams).map(|stream| Event::State { stream }));
        }
        events
    }

    fn row(&mut self, stream: usize, numbers: &mut Numbers) -> Row {
        let of_stream = &self.streams[stream];
        if numbers.percent(12)
            && let Some(again) = self.again(stream, numbers)
        {
            return again;
        }
        self.next += 10;
        let id = u32::try_from(1 + numbers.below(CODES.len())).unwrap_or(1);
        let is_late = numbers.percent(20);
        let back = u32::try_from(numbers.below(60)).unwrap_or(0);
        let version = match (numbers.percent(5), is_late) {
            // A null.
            (true, _) => 0,
            (false, true) => self.next.saturating_sub(back),
            (false, false) => self.next,
        };
        let deleted = of_stream.mode == Mode::DedupDeletes && numbers.percent(20);
        let values = of_stream.fields.iter().map(|field| {
            let value = numbers.below(field.kind.count());
            // The longest take their time.
            let kept = if value == Kind::wide_text() { 40 } else { 10 };
            if field.kind.is_long(value) && !numbers.percent(kept) { 0 } else { value }
        });
        let values = values.collect();
        let after = self.deleted.get(&(stream, id)).map_or(0, |version| version + 1);
        let version = if deleted { self.next } else { version }.max(after);
        self.next = self.next.max(version);
        if deleted {
            self.deleted.insert((stream, id), version);
        }
        let reversed = numbers.percent(10);
        let row = Row { stream, id, version, values, deleted, reversed };
        self.sent.push(row.clone());
        row
    }

    /// A record that was sent before, unless its row was deleted since.
    fn again(&self, stream: usize, numbers: &mut Numbers) -> Option<Row> {
        let of_stream = self.sent.iter().filter(|row| row.stream == stream);
        let lives = |row: &&Row| {
            self.deleted.get(&(stream, row.id)).is_none_or(|version| row.version >= *version)
        };
        let all: Vec<&Row> = of_stream.filter(lives).collect();
        numbers.one_of(&all).map(|row| (*row).clone())
    }
}
