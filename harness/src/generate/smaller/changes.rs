//! What makes a case another: parts that are left out, or others in their place.

use std::iter;

use super::super::case::{Case, Ending, Event, Field, Key, Mode, Row, Stream, Sync, states};
use super::super::kinds::Kind;

impl Case {
    /// How much is sent, in all syncs.
    pub(in crate::generate) fn events(&self) -> usize {
        self.syncs.iter().map(|sync| sync.events.len()).sum()
    }

    /// How many records and states are sent, in all syncs.
    #[must_use]
    pub fn messages(&self) -> u64 {
        let of_sync = |sync: &Sync| {
            let records = sync.events.iter().map(|event| match event {
                Event::Row(_) => 1,
                Event::Many { count, .. } => u64::from(*count),
                Event::State { .. } => 0,
            });
            records.sum::<u64>() + states(&sync.events)
        };
        self.syncs.iter().map(of_sync).sum()
    }

    /// Writes a recipe out: its records have keys that no other has, so that no cursor decides on them.
    pub(super) fn write_out(&mut self, sync: usize, at: usize) {
        let Event::Many { stream, count, state_every } = self.syncs[sync].events[at] else {
            return;
        };
        let ids = self.syncs.iter().flat_map(|sync| &sync.events);
        let ids = ids.map(|event| if let Event::Row(row) = event { row.id } else { 0 });
        let first = 1 + ids.max().unwrap_or(0);
        let values = vec![0; self.streams[stream].fields.len()];
        let events = (1..=count).flat_map(|nth| {
            let (id, values) = (first + nth - 1, values.clone());
            let row = Row { stream, id, version: nth, values, deleted: false, reversed: false };
            let is_state = nth.checked_rem(state_every) == Some(0);
            iter::once(Event::Row(row)).chain(is_state.then_some(Event::State { stream }))
        });
        self.syncs[sync].replace(at, events.collect());
    }

    pub(super) fn drop_sync(&mut self, at: usize) {
        self.syncs.remove(at);
        // The last one shows what is left.
        if let Some(last) = self.syncs.last_mut() {
            last.ending = Ending::Success;
        }
    }

    /// Whether what one stream has can be another's. Which of two records with the same key counts is
    /// not settled after a deletion, and no two recipes of many records go into one stream.
    pub(super) fn can_take(&self, into: usize, from: usize) -> bool {
        let has_many = |stream: usize| {
            let mut events = self.syncs.iter().flat_map(|sync| &sync.events);
            events.any(|event| matches!(event, Event::Many { stream: of, .. } if *of == stream))
        };
        let Stream { mode, key, .. } = &self.streams[into];
        into != from
            && *mode != Mode::DedupDeletes
            && (!has_many(from) || *key == Key::Id && !has_many(into))
    }

    /// Has one stream have what another has, with its own fields.
    pub(super) fn take_in(&mut self, into: usize, from: usize) {
        let values = vec![0; self.streams[into].fields.len()];
        for event in self.syncs.iter_mut().flat_map(|sync| &mut sync.events) {
            match event {
                Event::Row(row) if row.stream == from => {
                    *row = Row { stream: into, values: values.clone(), deleted: false, ..*row };
                }
                Event::Many { stream, .. } | Event::State { stream } if *stream == from => {
                    *stream = into;
                }
                _ => {}
            }
        }
        self.keep_streams(|stream| stream != from);
    }

    /// Becomes one record with a long text, in one sync of its first stream.
    pub(super) fn become_one_text(&mut self) {
        self.keep_streams(|stream| stream == 0);
        self.syncs.truncate(1);
        for stream in &mut self.streams {
            stream.fields = vec![Field { name: "f0".into(), kind: Kind::Text, declared: true }];
        }
        for sync in &mut self.syncs {
            sync.events = vec![Event::Row(Row {
                stream: 0,
                id: 1,
                version: 1,
                values: vec![Kind::wide_text()],
                deleted: false,
                reversed: false,
            })];
            sync.ending = Ending::Success;
        }
    }

    /// Only these streams; what is left of the others is gone.
    pub fn keep_streams(&mut self, keep: impl Fn(usize) -> bool) {
        let kept: Vec<usize> = (0..self.streams.len()).filter(|at| keep(*at)).collect();
        let new = |stream: usize| kept.iter().position(|at| *at == stream);
        // A GLOBAL state is of no stream of its own.
        let global = self.global;
        for sync in &mut self.syncs {
            sync.retain(|event| match event {
                Event::State { .. } if global => true,
                event => new(event.stream()).is_some(),
            });
            for event in &mut sync.events {
                let new = new(event.stream()).unwrap_or(0);
                match event {
                    Event::Row(row) => row.stream = new,
                    Event::Many { stream, .. } | Event::State { stream } => *stream = new,
                }
            }
            sync.refreshed =
                kept.iter().filter_map(|at| sync.refreshed.get(*at).copied()).collect();
        }
        self.streams = kept.iter().map(|at| self.streams[*at].clone()).collect();
    }

    /// Without what is sent from here to there, counted over all syncs.
    pub(super) fn drop_events(&mut self, start: usize, end: usize) {
        let mut nth = 0;
        for sync in &mut self.syncs {
            sync.retain(|_| {
                nth += 1;
                !(start..end).contains(&(nth - 1))
            });
        }
    }

    pub(super) fn drop_field(&mut self, stream: usize, at: usize) {
        self.streams[stream].fields.remove(at);
        for row in self.rows_of(stream) {
            row.values.remove(at);
        }
    }

    pub(super) fn drop_fields(&mut self, stream: usize) {
        self.streams[stream].fields.clear();
        self.streams[stream].wide = 0;
        self.rows_of(stream).for_each(|row| row.values.clear());
    }

    pub(super) fn set_mode(&mut self, stream: usize, mode: Mode) {
        let order = [Mode::Append, Mode::Dedup, Mode::DedupDeletes, Mode::Overwrite];
        let rank = |mode: Mode| order.iter().position(|one| *one == mode);
        if rank(mode) < rank(self.streams[stream].mode) {
            // An overwrite's generations are no refresh.
            if self.streams[stream].mode == Mode::Overwrite {
                self.syncs.iter_mut().for_each(|sync| sync.refreshed[stream] = false);
            }
            self.streams[stream].mode = mode;
            if mode != Mode::DedupDeletes {
                self.rows_of(stream).for_each(|row| row.deleted = false);
            }
        }
    }

    fn rows_of(&mut self, stream: usize) -> impl Iterator<Item = &mut Row> {
        let events = self.syncs.iter_mut().flat_map(|sync| &mut sync.events);
        events.filter_map(move |event| match event {
            Event::Row(row) if row.stream == stream => Some(row),
            _ => None,
        })
    }
}

impl Sync {
    /// Sends other things in place of one; where it is killed moves along.
    fn replace(&mut self, at: usize, events: Vec<Event>) {
        if let Ending::KilledBefore { at: kill, .. } = &mut self.ending
            && *kill > at
        {
            *kill = *kill - 1 + events.len();
        }
        self.events.splice(at..=at, events);
    }

    /// Keeps some of what is sent; where it is killed moves along.
    fn retain(&mut self, keep: impl FnMut(&Event) -> bool) {
        let flags: Vec<bool> = self.events.iter().map(keep).collect();
        if let Ending::KilledBefore { at, .. } = &mut self.ending {
            *at = flags.iter().take(*at).filter(|kept| **kept).count();
        }
        let mut flags = flags.into_iter();
        self.events.retain(|_| flags.next().unwrap_or(true));
    }
}
