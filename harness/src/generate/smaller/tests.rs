use super::super::tests::{MODES, cases, rows};
use super::*;
use crate::generate::case::{Field, Stream};
use crate::generate::kinds::Kind;
use crate::scenario::Step;

/// What is left of a case where this makes it fail, and how often it was run.
fn shrunk(case: Case, fails: impl Fn(&Case) -> bool) -> (Case, usize) {
    let mut runs = 0;
    let small = smallest(case, &MODES, &mut |case: &Case| {
        runs += 1;
        fails(case)
    });
    (small, runs)
}

#[test]
fn a_case_becomes_as_small_as_what_fails() {
    let odd = |row: &Row| row.values.contains(&2);
    // Two of one stream, in one sync.
    let fails = |case: &Case| {
        let of = |sync: &Sync, stream: usize| {
            let rows = sync.events.iter().filter(|event| match event {
                Event::Row(row) => row.stream == stream && odd(row),
                _ => false,
            });
            rows.count()
        };
        case.syncs.iter().any(|sync| (0..case.streams.len()).any(|stream| of(sync, stream) > 1))
    };
    let mut seen = 0;
    for case in cases(100).filter(|case| fails(case)) {
        let (small, runs) = shrunk(case, fails);
        assert!(fails(&small));
        assert_eq!(
            (small.syncs.len(), small.streams.len(), small.events()),
            (1, 1, 2),
            "{small:#?}"
        );
        let [stream] = &small.streams[..] else { panic!("{small:#?}") };
        // Each may have its odd value in a field of its own.
        assert!((1..=2).contains(&stream.fields.len()) && stream.mode == Mode::Append);
        assert_eq!((small.syncs[0].ending, small.breaks()), (Ending::Success, false));
        assert!(runs < 200, "{runs}");
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn many_records_become_as_few_as_fail() {
    let count = |case: &Case| -> u32 {
        let events = case.syncs.iter().flat_map(|sync| &sync.events);
        let many =
            events.map(|event| if let Event::Many { count, .. } = event { *count } else { 0 });
        many.sum()
    };
    let fails = |case: &Case| count(case) >= 1000;
    let case = cases(300).find(|case| fails(case)).unwrap();
    let (small, _) = shrunk(case, fails);
    assert_eq!((count(&small), small.events()), (1000, 1));
    // What is killed stays killed where that makes it fail, and where it is moves along.
    let killed = |case: &Case| case.syncs.iter().any(|sync| sync.ending.kills());
    let case = cases(300).find(|case| killed(case)).unwrap();
    let (small, _) = shrunk(case, killed);
    assert_eq!((small.events(), small.syncs.len()), (0, 2));
}

/// Whether a case fails.
type Shows<'a> = &'a dyn Fn(&Case) -> bool;

/// A case of one stream in one sync, and another that is there to show what is left.
fn one_stream(events: Vec<Event>, ending: Ending) -> Case {
    let stream = Stream {
        name: "s0".into(),
        namespace: None,
        mode: Mode::Dedup,
        key: Key::Id,
        fields: vec![],
        wide: 0,
        generation: 1,
    };
    let sync = |events, ending| Sync { events, refreshed: vec![false], ending, pace: None };
    let syncs = vec![sync(events, ending), sync(vec![], Ending::Success)];
    Case { streams: vec![stream], syncs, global: false }
}

fn row(stream: usize, id: u32, version: u32) -> Event {
    Event::Row(Row { stream, id, version, values: vec![], deleted: false, reversed: false })
}

/// What is sent of a case, recipes written out: the key and the cursor of a record; a state.
fn sent(events: &[Event]) -> Vec<Option<(u32, u32)>> {
    let of = |event: &Event| match event {
        Event::Row(row) => vec![Some((row.id, row.version))],
        Event::State { .. } => vec![None],
        Event::Many { count, state_every, .. } => {
            let one = |nth: u32| {
                let is_state = nth.checked_rem(*state_every) == Some(0);
                [Some(Some((1_000_000 + nth, 0))), is_state.then_some(None)]
            };
            (1..=*count).flat_map(one).flatten().collect()
        }
    };
    events.iter().flat_map(of).collect()
}

#[test]
fn a_recipe_whose_number_does_not_matter_becomes_records() {
    let many = |count, state_every| Event::Many { stream: 0, count, state_every };
    let state = Event::State { stream: 0 };
    let of_sync = |case: &Case| sent(&case.syncs[0].events);
    let records = |sent: &[Option<(u32, u32)>]| sent.iter().flatten().count();
    let last_state = |sent: &[Option<(u32, u32)>]| {
        let at = sent.iter().rposition(Option::is_none)?;
        Some(records(&sent[..at]))
    };
    // A record before a state; two; two states with records before each; a record and no state.
    let one = |case: &Case| last_state(&of_sync(case)) >= Some(1);
    let two = |case: &Case| last_state(&of_sync(case)) >= Some(2);
    let by_turns = |case: &Case| {
        let sent = of_sync(case);
        let mut parts = sent.split(Option::is_none).map(records);
        parts.next() > Some(0) && parts.next() > Some(0) && parts.next().is_some()
    };
    let plain = |case: &Case| {
        let sent = of_sync(case);
        records(&sent) > 0 && last_state(&sent).is_none()
    };
    // What is lost is the first record after a state, and it is not outdated.
    let lost = |case: &Case| {
        let sent = of_sync(case);
        let lost = sent.windows(2).filter(|two| two[0].is_none()).filter_map(|two| two[1]);
        let others = || sent.iter().flatten();
        lost.into_iter().any(|lost| others().filter(|one| one.0 == lost.0).all(|one| *one <= lost))
    };
    let with_row = vec![many(1000, 500), row(0, 1, 10), state.clone()];
    let table: [(Vec<Event>, Shows, u64); 7] = [
        (vec![many(1000, 500)], &one, 2),
        (vec![many(10_000, 500)], &two, 3),
        (vec![many(10_000, 500)], &by_turns, 4),
        (vec![many(1000, 0)], &plain, 1),
        (vec![many(100, 500)], &plain, 1),
        (vec![many(2000, 0), state.clone()], &two, 3),
        (with_row, &lost, 2),
    ];
    for (nth, (events, fails, messages)) in table.into_iter().enumerate() {
        let case = one_stream(events, Ending::Success);
        assert!(fails(&case), "{nth}");
        let (small, runs) = shrunk(case, fails);
        assert_eq!(small.messages(), messages, "{nth}: {small:?}");
        let is_recipe = |event: &Event| matches!(event, Event::Many { .. });
        assert_eq!(places(&small, is_recipe), [], "{nth}: {small:?}");
        assert!(runs < 60, "{nth}: {runs}");
    }
}

#[test]
fn what_is_written_out_is_killed_where_it_was() {
    let many = Event::Many { stream: 0, count: 1000, state_every: 500 };
    let events = vec![row(0, 1, 10), many, row(0, 2, 20)];
    // A state and the record after the recipe come before the kill.
    let fails = |case: &Case| {
        let before = sent(case.syncs[0].before_kill());
        case.syncs[0].ending.kills() && before.contains(&Some((2, 20))) && before.contains(&None)
    };
    for at in 0..=events.len() {
        let ending = Ending::KilledBefore { at, gated: false };
        let mut case = one_stream(events.clone(), ending);
        case.write_out(0, 1);
        let place = [0, 1, 1 + 1000 + 2, 1 + 1000 + 2 + 1][at];
        assert_eq!(case.syncs[0].ending, Ending::KilledBefore { at: place, gated: false });
        let is_whole = at == events.len();
        let case = one_stream(events.clone(), ending);
        assert_eq!(fails(&case), is_whole);
        if is_whole {
            let (small, _) = shrunk(case, fails);
            assert_eq!(small.messages(), 2, "{small:?}");
        }
    }
}

#[test]
fn no_two_fields_come_to_have_one_name() {
    let mut case = one_stream(vec![], Ending::Success);
    let field = |name: &str| Field { name: name.into(), kind: Kind::Text, declared: true };
    case.streams[0].fields = vec![field("f1"), field("f2")];
    // The first has to keep its name.
    let (small, _) = shrunk(case, |case: &Case| {
        let fields = &case.streams[0].fields;
        fields.len() == 2 && fields[0].name == "f1"
    });
    let names: Vec<&str> = small.streams[0].fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["f1", "f2"]);
}

#[test]
fn what_is_killed_at_a_state_is_killed_once_all_is_quiet_where_that_does() {
    let state = Event::State { stream: 0 };
    let events = || vec![row(0, 1, 10), state.clone(), row(0, 2, 20), state.clone(), row(0, 3, 30)];
    let killed =
        |case: &Case| case.syncs[0].ending.kills() && sent(&case.syncs[0].events).len() == 5;
    for (ending, at) in [
        (Ending::KilledAtState(1), 2),
        (Ending::KilledAtState(2), 4),
        (Ending::KilledBefore { at: 3, gated: false }, 3),
    ] {
        let (small, _) = shrunk(one_stream(events(), ending), killed);
        assert_eq!(small.syncs[0].ending, Ending::KilledBefore { at, gated: true });
        // But not where it shows only by what comes meanwhile.
        let (small, _) = shrunk(one_stream(events(), ending), |case: &Case| {
            let at_once = |end| !matches!(end, Ending::KilledBefore { gated: true, .. });
            killed(case) && at_once(case.syncs[0].ending)
        });
        let at_first = match ending {
            Ending::KilledAtState(_) => Ending::KilledAtState(1),
            before => before,
        };
        assert_eq!(small.syncs[0].ending, at_first);
    }
}

#[test]
fn many_streams_become_plain_at_once() {
    // All are needed, and the name of one is.
    let all: Vec<Case> = cases(2).filter(|case| !case.breaks()).collect();
    let case = Case::together(&all);
    let (streams, odd) = (case.streams.len(), case.streams[3].name.clone());
    assert!(streams > 10, "{streams}");
    let fails = |case: &Case| {
        case.streams.len() == streams && case.streams.iter().any(|stream| stream.name == odd)
    };
    let (small, runs) = shrunk(case, fails);
    let is_plain = |stream: &&Stream| {
        let Stream { namespace, mode, key, generation, fields, wide, .. } = stream;
        (namespace, *mode, *key, *generation) == (&None, Mode::Append, Key::Id, 1)
            && fields.is_empty()
            && *wide == 0
    };
    assert_eq!(small.streams.iter().filter(is_plain).count(), streams, "{small:?}");
    let odd = small.streams.iter().enumerate().filter(|(nth, one)| one.name != format!("s{nth}"));
    assert_eq!(odd.count(), 1);
    assert!(runs < 8 * streams, "{runs} for {streams}");
}

#[test]
fn what_did_not_fail_is_asked_again_where_time_plays_a_part() {
    let mut most = HashMap::new();
    for (nth, case) in cases(40).enumerate() {
        let mut asked: HashMap<Case, u32> = HashMap::new();
        let mut tried = nth;
        smallest(case, &MODES, &mut |case: &Case| {
            tried += 1;
            let fails = tried % 3 == 0;
            *asked.entry(case.clone()).or_default() += u32::from(!fails);
            fails
        });
        for (case, times) in asked {
            let is_timed = case.breaks() || case.syncs.iter().any(|sync| sync.pace.is_some());
            let most = most.entry(is_timed).or_default();
            *most = times.max(*most);
        }
    }
    assert_eq!(most, HashMap::from([(false, 1), (true, 2)]));
}

#[test]
fn what_shows_by_where_bytes_lie_shows_in_one_record() {
    // A character of a stream's name is cut in two, here and there.
    let is_cut = |case: &Case| {
        let scenario = case.written("x").unwrap();
        let mut begin = 0;
        scenario.syncs.iter().flat_map(|sync| &sync.steps).any(|step| {
            let Step::Message(sent) = step else { return false };
            let text = &sent.line;
            let end = begin + text.len();
            let mut cuts = (begin..end).filter(|at| at % 1024 == 0);
            let is_cut = cuts.any(|at| !text.is_char_boundary(at - begin));
            begin = end;
            is_cut
        })
    };
    let is_long = |case: &Case| {
        let long = |row: &Row| {
            let fields = &case.streams[row.stream].fields;
            row.values.iter().zip(fields).any(|(value, field)| field.kind.is_long(*value))
        };
        rows(case).any(long)
    };
    let mut seen = 0;
    for case in cases(100).filter(|case| is_cut(case) && !is_long(case) && case.messages() > 10) {
        let (small, _) = shrunk(case, is_cut);
        assert!(is_cut(&small) && small.streams.len() <= 2 && small.messages() <= 10, "{small:?}");
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn a_stream_that_is_only_there_to_send_something_else_goes() {
    // Of some stream there is a record, then a thousand of others, and a state; of another there is a
    // state after a record.
    let fails = |case: &Case| {
        let events = &case.syncs[0].events;
        let records = |of: &dyn Fn(usize) -> bool, events: &[Event]| -> u32 {
            let count = |event: &Event| match event {
                Event::Row(row) if of(row.stream) => 1,
                Event::Many { stream, count, .. } if of(*stream) => *count,
                _ => 0,
            };
            events.iter().map(count).sum()
        };
        let state =
            |event: &Event, of: usize| matches!(event, Event::State { stream } if *stream == of);
        let idle = |stream: usize| {
            (0..events.len()).any(|at| {
                let row = matches!(&events[at], Event::Row(row) if row.stream == stream);
                let until = events.iter().rposition(|event| state(event, stream));
                let until = until.unwrap_or(at).max(at);
                let between = &events[at..until];
                row && records(&|of| of == stream, between) == 1
                    && records(&|of| of != stream, between) >= 1000
            })
        };
        let flushed = |stream: usize| {
            (0..events.len()).any(|at| {
                state(&events[at], stream) && records(&|of| of == stream, &events[..at]) > 0
            })
        };
        let streams = 0..case.streams.len();
        streams.clone().any(|one| idle(one) && streams.clone().any(|of| of != one && flushed(of)))
    };
    let row = |stream: usize| row(stream, 1, 10);
    let many = |stream: usize| Event::Many { stream, count: 1001, state_every: 0 };
    let state = |stream: usize| Event::State { stream };
    let stream = |name: &str| Stream {
        name: name.into(),
        namespace: None,
        mode: Mode::Append,
        key: Key::Id,
        fields: vec![],
        wide: 0,
        generation: 1,
    };
    for events in [
        vec![row(0), row(2), state(0), many(1), state(2)],
        vec![row(0), row(1), many(2), row(1), state(1), state(0)],
    ] {
        let streams = ["a", "b", "c"].map(stream).to_vec();
        let refreshed = vec![false; 3];
        let sync = Sync { events, refreshed, ending: Ending::Success, pace: None };
        let case = Case { streams, syncs: vec![sync], global: false };
        assert!(fails(&case));
        let (small, runs) = shrunk(case, fails);
        assert_eq!((small.streams.len(), small.messages()), (2, 1003), "{small:?}");
        assert!(runs < 200, "{runs}");
    }
}

#[test]
fn no_stream_comes_into_a_mode_that_is_not_offered() {
    for case in cases(100) {
        let before: Vec<Mode> = case.streams.iter().map(|stream| stream.mode).collect();
        smallest(case, &[Mode::Overwrite], &mut |case: &Case| {
            assert!(case.streams.iter().all(|stream| before.contains(&stream.mode)));
            true
        });
    }
}

#[test]
fn what_follows_is_a_sync_without_a_message_and_an_overwrite_goes_on() {
    for case in cases(50) {
        let mut followed = case.followed();
        let last = followed.syncs.pop().unwrap();
        assert_eq!(followed, case);
        assert_eq!((last.events, last.ending, last.pace), (Vec::new(), Ending::Success, None));
        let overwrites = case.streams.iter().map(|stream| stream.mode == Mode::Overwrite);
        assert_eq!(last.refreshed, overwrites.collect::<Vec<_>>());
    }
}

#[test]
fn what_is_made_smaller_is_legal_and_so_is_what_is_drawn() {
    for (nth, case) in cases(300).enumerate() {
        assert!(case.is_legal() && case.followed().is_legal(), "{case:?}");
        // Every other candidate fails, so that the next ones are made of it.
        let mut tried = nth;
        smallest(case, &MODES, &mut |case: &Case| {
            assert!(case.is_legal(), "{case:?}");
            tried += 1;
            tried % 2 == 0
        });
    }
}

#[test]
fn many_streams_that_are_needed_take_few_runs() {
    let of_one = |count| {
        let plain = |case: &Case| !case.breaks() && case.syncs.len() == count;
        let all: Vec<Case> = cases(300).filter(plain).take(20).collect();
        let mut case = Case::together(&all);
        for (nth, stream) in case.streams.iter_mut().enumerate() {
            stream.name = format!("{}_{nth}", stream.name);
        }
        case.settle();
        case
    };
    // A record of the 21st stream, or of one after it, is not seen.
    let fails = |case: &Case| {
        let late = |event: &Event| !matches!(event, Event::State { .. }) && event.stream() >= 20;
        case.syncs.iter().any(|sync| sync.events.iter().any(late))
    };
    for (count, most) in [(1, 100), (2, 130)] {
        let case = of_one(count);
        assert!(case.is_legal() && fails(&case), "{}", case.streams.len());
        let (small, runs) = shrunk(case, fails);
        assert_eq!((small.syncs.len(), small.streams.len(), small.messages()), (1, 21, 1));
        assert!(runs < most, "{runs}");
    }
}
