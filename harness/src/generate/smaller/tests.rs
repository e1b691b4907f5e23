use super::super::tests::{MODES, cases, rows};
use super::*;
use crate::generate::case::Stream;
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

#[test]
fn a_recipe_whose_number_does_not_matter_becomes_a_record() {
    // A record, and a state of its stream.
    let fails = |case: &Case| {
        case.syncs.iter().any(|sync| {
            let records = sync.events.iter().any(|event| !matches!(event, Event::State { .. }));
            records && states(&sync.events) > 0
        })
    };
    let mut seen = 0;
    let recipe =
        |event: &Event| matches!(event, Event::Many { state_every, .. } if *state_every > 0);
    for mut case in cases(300) {
        for sync in &mut case.syncs {
            sync.retain(recipe);
        }
        case.settle();
        if case.events() > 0 && case.is_legal() && fails(&case) {
            let (small, _) = shrunk(case, fails);
            assert_eq!((small.syncs.len(), small.messages()), (1, 2), "{small:?}");
            seen += 1;
        }
    }
    assert!(seen > 2, "{seen}");
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
    let row = |stream: usize| {
        let (id, version, values) = (1, 10, vec![]);
        Event::Row(Row { stream, id, version, values, deleted: false, reversed: false })
    };
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
fn what_is_made_smaller_is_legal_and_so_is_what_is_drawn() {
    for (nth, case) in cases(300).enumerate() {
        assert!(case.is_legal(), "{case:?}");
        // Every other candidate fails, so that the next ones are made of it.
        let mut tried = nth;
        smallest(case, &MODES, &mut |case: &Case| {
            assert!(case.is_legal(), "{case:?}");
            tried += 1;
            tried % 2 == 0
        });
    }
}
