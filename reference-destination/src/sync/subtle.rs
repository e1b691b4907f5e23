//! The subtle faults of a sync under way: what it holds back, forgets and miscounts.

use super::Sync;
use super::buffers::Held;
use crate::error::Failure;
use crate::faults::Fault;
use crate::json;
use crate::state::{Scope, change};
use crate::store::Row;
use crate::subtle;
use serde_json::value::RawValue;

/// The streams that have a buffer of their own, and the records that the others' buffers hold.
const POOL: usize = 20;
const POOLED: usize = 100;

/// After so many records a stream that had none of them is idle.
const IDLE: u64 = 1000;

/// What is longer than this is big, in bytes.
const BIG: usize = 1 << 20;

/// How much is read at once, in bytes.
const READ: usize = 64 << 10;

/// What the faults remember of a sync. Without one of them nothing is noted.
#[derive(Debug, Default)]
pub struct Memory {
    streams: Vec<Buffer>,
    /// Records so far, and those since the last state of a stream.
    records: u64,
    since_state: u64,
    /// Bytes of the input so far.
    read: usize,
}

/// What they remember of a stream.
#[derive(Debug, Default)]
struct Buffer {
    held: Vec<Held>,
    /// Its records so far, and how many there were of all streams when its last one came.
    records: u64,
    latest: u64,
    /// The fields of its first record.
    fields: Option<Vec<String>>,
}

impl Memory {
    /// Of a sync of so many streams.
    pub fn new(streams: usize) -> Self {
        Self { streams: (0..streams).map(|_| Buffer::default()).collect(), ..Self::default() }
    }
}

impl Sync<'_> {
    /// Stores a record of the stream at `index`, as the fault would.
    pub(super) fn store_subtly(
        &mut self,
        index: usize,
        row: &Row,
        fault: Fault,
    ) -> Result<(), Failure> {
        let changed = self.changed(index, row.data.get(), fault);
        let changed = changed.and_then(|text| RawValue::from_string(text).ok());
        if fault == Fault::BigLineLast {
            self.store_held(None)?;
        }
        let mut row = Row { data: changed.as_deref().unwrap_or(row.data), ..*row };
        if fault == Fault::SecondsOnly {
            row.extracted_at -= row.extracted_at.rem_euclid(1000);
        }
        let Memory { streams, records, since_state, .. } = &mut self.subtle;
        *records += 1;
        *since_state += 1;
        if fault == Fault::IdleStreamEvicted {
            for (other, buffer) in streams.iter_mut().enumerate() {
                if other != index && *records - buffer.latest >= IDLE {
                    buffer.held.clear();
                }
            }
        }
        let now = *records;
        let buffer = &mut streams[index];
        buffer.records += 1;
        buffer.latest = now;
        let full = match fault {
            Fault::LoseEvery1000th if buffer.records.is_multiple_of(1000) => return Ok(()),
            Fault::TwentiethStreamUnflushed if index >= POOL => POOLED,
            Fault::IdleStreamEvicted => usize::MAX,
            Fault::BigLineLast if row.data.get().len() > BIG => usize::MAX,
            _ => return self.targets[index].rows.store(&row, &mut self.ids),
        };
        buffer.held.push(Held::of(&row));
        if buffer.held.len() >= full { self.store_held(Some(index)) } else { Ok(()) }
    }

    /// The values of a record as the fault would have them; none if it leaves them alone.
    fn changed(&mut self, index: usize, data: &str, fault: Fault) -> Option<String> {
        if fault == Fault::UndeclaredOrder {
            let entries = json::entries(data).ok()?;
            let names = || entries.iter().map(|(name, _)| (*name).to_owned());
            let first = self.subtle.streams[index].fields.get_or_insert_with(|| names().collect());
            return subtle::by_position(first, &entries);
        }
        let stream = &self.targets[index].stream;
        let decides = |name: &str| {
            let mut paths = stream.key.iter().chain([&stream.cursor]);
            paths.any(|path| path.first().is_some_and(|first| json::quote(first) == name))
        };
        subtle::change(data, fault, &decides)
    }

    /// Stores what is held back, of one stream or of all.
    fn store_held(&mut self, only: Option<usize>) -> Result<(), Failure> {
        for index in 0..self.targets.len() {
            let held = &mut self.subtle.streams[index].held;
            if held.is_empty() || only.is_some_and(|only| only != index) {
                continue;
            }
            let held = std::mem::take(held);
            self.start_batch()?;
            for held in &held {
                self.targets[index].rows.store(&held.row(), &mut self.ids)?;
            }
        }
        Ok(())
    }

    /// Stores what is held back at the end.
    pub(super) fn store_rest(&mut self) -> Result<(), Failure> {
        // In the shared buffer, what is left is forgotten.
        if self.faults.has(Fault::TwentiethStreamUnflushed) {
            Ok(())
        } else {
            self.store_held(None)
        }
    }

    /// Told of a state; yields its count.
    pub(super) fn note_state(
        &mut self,
        scope: &Scope,
        index: Option<usize>,
        count: u64,
    ) -> Result<u64, Failure> {
        if self.faults.has(Fault::IdleStreamEvicted) {
            match (scope, index) {
                (Scope::Stream(..), None) => {}
                _ => self.store_held(index)?,
            }
        }
        if self.faults.has(Fault::SharedCount) && index.is_some() {
            return Ok(std::mem::take(&mut self.subtle.since_state));
        }
        Ok(count)
    }

    /// `state-namespace-of-first`: a state with the namespace of the first stream of that name.
    pub(super) fn described(&self, state: Box<RawValue>, scope: &Scope) -> Box<RawValue> {
        let Scope::Stream(_, name) = scope else {
            return state;
        };
        let first = self.by_name.get(name).and_then(|alike| alike.first());
        let Some(first) = first.filter(|_| self.faults.has(Fault::StateNamespaceOfFirst)) else {
            return state;
        };
        let namespace = self.targets[*first].stream.namespace.as_deref();
        let namespace = namespace.map_or_else(|| "null".to_owned(), json::quote);
        let path = ["stream", "stream_descriptor", "namespace"];
        let changed = change(state.get(), &path, &|_| Some(namespace.clone()));
        changed.and_then(|text| RawValue::from_string(text).ok()).unwrap_or(state)
    }

    /// The input as it is after decoding: as it was, but for characters that lie across two reads
    /// under `split-character`.
    pub fn decoded(&mut self, lines: Vec<u8>) -> Vec<u8> {
        if !self.faults.has(Fault::SplitCharacter) {
            return lines;
        }
        let start = self.subtle.read;
        self.subtle.read += lines.len();
        let continues = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
        let (mut out, mut copied) = (Vec::new(), 0);
        let first = READ - start % READ;
        for at in (first..lines.len()).step_by(READ).filter(|at| continues(&lines[*at])) {
            let begin = lines[..at].iter().rposition(|byte| !continues(byte)).unwrap_or(at);
            let end = lines[at..].iter().position(|byte| !continues(byte)).unwrap_or(0) + at;
            out.extend_from_slice(&lines[copied..begin]);
            out.extend_from_slice("\u{fffd}\u{fffd}".as_bytes());
            copied = end;
        }
        out.extend_from_slice(&lines[copied..]);
        out
    }
}
