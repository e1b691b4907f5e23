//! Making a case smaller by its meaning: fewer syncs, streams, records and states, fields; then
//! simpler values.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::case::{Case, Ending, Event, Field, Key, Mode, Row, Stream, Sync, states};

mod changes;

/// The smallest case found that still fails, its streams in modes that are offered; `still_fails` runs
/// one, and says no when its budget is used up.
pub fn smallest(case: Case, offered: &[Mode], still_fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut best = case;
    // What did not fail is not asked again; but where time plays a part, it has a second chance.
    let (hasher, mut refused) = (RandomState::new(), HashMap::<u64, u32>::new());
    let still_fails: Fails = &mut |case: &Case| {
        let is_timed = case.breaks() || case.syncs.iter().any(|sync| sync.pace.is_some());
        let asked = refused.entry(hasher.hash_one(case)).or_default();
        if *asked > u32::from(is_timed) {
            return false;
        }
        let fails = still_fails(case);
        *asked += u32::from(!fails);
        fails
    };
    let mut at_once = usize::MAX;
    loop {
        let before = best.clone();
        steadier(&mut best, still_fails);
        fewer_syncs(&mut best, still_fails);
        fewer_streams(&mut best, at_once, still_fails);
        for pass in
            [streams_in_one, fewer_events, less_mixed, fewer_of_many, one_text, fewer_fields]
        {
            pass(&mut best, still_fails);
        }
        simpler(&mut best, offered, still_fails);
        if best == before {
            return best;
        }
        // Each stream was needed then, and is asked for by itself once more.
        at_once = 1;
    }
}

type Fails<'a> = &'a mut dyn FnMut(&Case) -> bool;

/// Takes a smaller case over, if it fails.
fn attempt(best: &mut Case, change: impl FnOnce(&mut Case), still_fails: Fails) -> bool {
    let mut smaller = best.clone();
    change(&mut smaller);
    smaller.settle();
    let is_smaller = smaller != *best && smaller.is_legal() && still_fails(&smaller);
    if is_smaller {
        *best = smaller;
    }
    is_smaller
}

/// Changes what is in all of these places at once, or else in those where it still fails.
fn all_or_each<P: Copy>(
    best: &mut Case,
    places: &[P],
    change: impl Fn(&mut Case, P),
    still_fails: Fails,
) {
    let all = |case: &mut Case| places.iter().for_each(|place| change(case, *place));
    if !attempt(best, all, still_fails) && places.len() > 1 {
        for place in places {
            attempt(best, |case| change(case, *place), still_fails);
        }
    }
}

/// Makes a number as small as still fails, by halves: it is known to fail with the most.
fn fewest(best: &mut Case, mut most: u32, set: impl Fn(&mut Case, u32), still_fails: Fails) {
    let mut least = 0;
    while least < most {
        let middle = least + (most - least) / 2;
        if attempt(best, |case| set(case, middle), still_fails) {
            most = middle;
        } else {
            least = middle + 1;
        }
    }
}

/// Has it be killed once all is quiet: what was done when a state came, or after a line, is chance.
fn steadier(best: &mut Case, still_fails: Fails) {
    for nth in 0..best.syncs.len() {
        let Sync { ending, events, .. } = &best.syncs[nth];
        let at = match ending {
            Ending::KilledAtState(state) => (0..=events.len())
                .find(|at| states(&events[..*at]) >= u64::from(*state))
                .unwrap_or(events.len()),
            Ending::KilledBefore { at, .. } => *at,
            _ => continue,
        };
        let quiet = Ending::KilledBefore { at, gated: true };
        attempt(best, |case| case.syncs[nth].ending = quiet, still_fails);
    }
}

fn fewer_syncs(best: &mut Case, still_fails: Fails) {
    let mut at = best.syncs.len();
    while at > 0 {
        at -= 1;
        if best.syncs.len() > 1 {
            attempt(best, |case| case.drop_sync(at), still_fails);
        }
    }
}

fn fewer_streams(best: &mut Case, at_once: usize, still_fails: Fails) {
    // One alone, where there are few; else the second half is left out, then the first, then quarters.
    const FEW: usize = 8;
    for at in 0..best.streams.len() {
        if (3..=FEW).contains(&best.streams.len())
            && attempt(best, |case| case.keep_streams(|stream| stream == at), still_fails)
        {
            return;
        }
    }
    let mut size = best.streams.len().div_ceil(2).min(at_once);
    while size > 0 {
        let mut end = best.streams.len();
        while end > 0 {
            let gone = end.saturating_sub(size)..end;
            end = gone.start;
            if gone.len() < best.streams.len() {
                attempt(best, |case| case.keep_streams(|at| !gone.contains(&at)), still_fails);
            }
        }
        size /= 2;
    }
}

/// Has one stream have what another has: of three, one may only be there so that something else is
/// sent, too.
fn streams_in_one(best: &mut Case, still_fails: Fails) {
    const FEW: usize = 4;
    let mut from = best.streams.len();
    while from > 0 && best.streams.len() <= FEW {
        from -= 1;
        let into = (0..best.streams.len()).rev().filter(|into| best.can_take(*into, from));
        for into in into.collect::<Vec<_>>() {
            if attempt(best, |case| case.take_in(into, from), still_fails) {
                break;
            }
        }
    }
}

/// Has what is sent of a stream follow what was sent of it before.
fn less_mixed(best: &mut Case, still_fails: Fails) {
    for sync in 0..best.syncs.len() {
        for at in 0..best.syncs[sync].events.len() {
            let events = &best.syncs[sync].events;
            let stream = events[at].stream();
            let next = (at + 1..events.len()).find(|next| events[*next].stream() == stream);
            if let Some(next) = next.filter(|next| *next > at + 1) {
                let together = |case: &mut Case| case.syncs[sync].events[at..next].rotate_left(1);
                let mut changed = best.clone();
                together(&mut changed);
                if switches(&changed.syncs[sync]) < switches(&best.syncs[sync]) {
                    attempt(best, together, still_fails);
                }
            }
        }
    }
}

/// How often another stream is sent of than just before.
fn switches(sync: &Sync) -> usize {
    sync.events.windows(2).filter(|two| two[0].stream() != two[1].stream()).count()
}

/// Leaves out the second half of what is sent, then the first, then quarters, down to one at a time.
fn fewer_events(best: &mut Case, still_fails: Fails) {
    let mut size = best.events();
    while size > 0 {
        let mut end = best.events();
        while end > 0 {
            let start = end.saturating_sub(size);
            attempt(best, |case| case.drop_events(start, end), still_fails);
            end = start;
        }
        size /= 2;
    }
}

fn fewer_of_many(best: &mut Case, still_fails: Fails) {
    // The last first: the places of those before it stay.
    for (sync, at) in places(best, |event| matches!(event, Event::Many { .. })).into_iter().rev() {
        let recipe = |case: &Case| match case.syncs[sync].events[at] {
            Event::Many { count, state_every, .. } => (count, state_every),
            _ => (0, 0),
        };
        let set = |case: &mut Case, new: u32, every: u32| {
            let new = new.max(1);
            if let Event::Many { count, state_every, .. } = &mut case.syncs[sync].events[at] {
                (*count, *state_every) = (new, every.min(new));
            }
        };
        let (most, every) = recipe(best);
        let every = if every > most { 0 } else { every };
        // A record and a state may do.
        if !attempt(best, |case| set(case, 1, every), still_fails) {
            fewest(best, most, |case, new| set(case, new, every), still_fails);
            attempt(best, |case| set(case, recipe(case).0, 0), still_fails);
            // As many states, with fewer records each.
            let (count, every) = recipe(best);
            let (states, rest) = (count.checked_div(every), count.checked_rem(every));
            let (states, rest) = (states.unwrap_or(0), rest.unwrap_or(0));
            let fewer = |case: &mut Case, new: u32| {
                set(case, states * new + rest.min(new.saturating_sub(1)), new);
            };
            fewest(best, every, fewer, still_fails);
        }
        if recipe(best).0 <= WRITTEN {
            attempt(best, |case| case.write_out(sync, at), still_fails);
        }
    }
}

/// Records of a recipe that are written out one by one, at most.
const WRITTEN: u32 = 8;

/// Where much is left: what shows by where bytes lie, and moves with each that is left out, may show
/// within one long text of wide characters, wherever that lies.
fn one_text(best: &mut Case, still_fails: Fails) {
    const FEW: (usize, u64) = (2, 10);
    if best.streams.len() > FEW.0 || best.messages() > FEW.1 {
        attempt(best, Case::become_one_text, still_fails);
    }
}

fn fewer_fields(best: &mut Case, still_fails: Fails) {
    let streams: Vec<usize> = (0..best.streams.len()).collect();
    all_or_each(best, &streams, Case::drop_fields, still_fails);
    for stream in streams {
        let mut at = best.streams[stream].fields.len();
        while at > 0 {
            at -= 1;
            attempt(best, |case| case.drop_field(stream, at), still_fails);
        }
        let most = best.streams[stream].wide;
        fewest(best, most, |case, new| case.streams[stream].wide = new, still_fails);
    }
}

fn simpler(best: &mut Case, offered: &[Mode], still_fails: Fails) {
    attempt(best, |case| case.global = false, still_fails);
    for nth in 0..best.syncs.len() {
        attempt(best, |case| case.syncs[nth].ending = Ending::Success, still_fails);
        if matches!(best.syncs[nth].ending, Ending::KilledAtState(at) if at > 1) {
            attempt(best, |case| case.syncs[nth].ending = Ending::KilledAtState(1), still_fails);
        }
        attempt(best, |case| case.syncs[nth].pace = None, still_fails);
        attempt(best, |case| case.syncs[nth].refreshed.fill(false), still_fails);
    }
    let streams: Vec<usize> = (0..best.streams.len()).collect();
    let plain: [fn(&mut Stream, usize); 4] = [
        |stream, _| stream.namespace = None,
        |stream, nth| stream.name = format!("s{nth}"),
        |stream, _| stream.key = Key::Id,
        |stream, _| stream.generation = 1,
    ];
    for change in plain {
        all_or_each(best, &streams, |case, nth| change(&mut case.streams[nth], nth), still_fails);
    }
    for mode in [Mode::Append, Mode::Dedup].into_iter().filter(|mode| offered.contains(mode)) {
        all_or_each(best, &streams, |case, nth| case.set_mode(nth, mode), still_fails);
    }
    let fields = |nth: usize| (0..best.streams[nth].fields.len()).map(move |at| (nth, at));
    let fields: Vec<(usize, usize)> = streams.iter().flat_map(|nth| fields(*nth)).collect();
    let plain: [fn(&mut Field, usize); 2] =
        [|field, _| field.declared = true, |field, at| field.name = format!("f{at}")];
    for change in plain {
        let change = |case: &mut Case, (nth, at): (usize, usize)| {
            change(&mut case.streams[nth].fields[at], at);
        };
        all_or_each(best, &fields, change, still_fails);
    }
    for (sync, at) in places(best, |event| matches!(event, Event::Row(_))) {
        let Event::Row(row) = best.syncs[sync].events[at].clone() else { continue };
        let mut set = |best: &mut Case, simple: Row| {
            attempt(best, |case| case.syncs[sync].events[at] = Event::Row(simple), still_fails)
        };
        let all = Row { values: vec![0; row.values.len()], deleted: false, ..row.clone() };
        if set(best, all) {
            continue;
        }
        set(best, Row { deleted: false, ..row.clone() });
        let Event::Row(row) = best.syncs[sync].events[at].clone() else { continue };
        set(best, Row { reversed: false, ..row.clone() });
        for value in 0..row.values.len() {
            let Event::Row(mut row) = best.syncs[sync].events[at].clone() else { continue };
            row.values[value] = 0;
            set(best, row);
        }
    }
}

/// Where events like this are: the sync, and the place in it.
fn places(case: &Case, like: impl Fn(&Event) -> bool) -> Vec<(usize, usize)> {
    let of_sync = |(nth, sync): (usize, &Sync)| -> Vec<(usize, usize)> {
        let all = sync.events.iter().enumerate().filter(|(_, event)| like(event));
        all.map(|(at, _)| (nth, at)).collect()
    };
    case.syncs.iter().enumerate().flat_map(of_sync).collect()
}

#[cfg(test)]
mod tests;
