//! A buffer for each stream, as the faults have it whose mistake is in what they flush. Without
//! them a record goes straight into the transaction.

use super::Sync;
use crate::error::{Failure, Stop};
use crate::faults::{Fault, Faults};
use crate::store::Row;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// How many records a buffer holds.
const SIZE: usize = 1000;

/// A row that is not stored yet.
#[derive(Debug)]
pub struct Held {
    extracted_at: i64,
    changes: Option<String>,
    data: Box<RawValue>,
}

impl Held {
    /// Holds a row.
    pub fn of(row: &Row) -> Self {
        Self {
            extracted_at: row.extracted_at,
            changes: row.changes.map(str::to_owned),
            data: row.data.to_owned(),
        }
    }

    /// The row that is held.
    pub fn row(&self) -> Row<'_> {
        let Self { extracted_at, changes, data } = self;
        Row { extracted_at: *extracted_at, changes: changes.as_deref(), data }
    }
}

/// The buffers, by the positions of their streams.
#[derive(Debug, Default)]
pub struct Buffers {
    held: BTreeMap<usize, Vec<Held>>,
    /// The stream of the last record.
    latest: usize,
}

impl Buffers {
    /// Whether a run has any.
    #[must_use]
    pub fn are_used(faults: Faults) -> bool {
        faults.has(Fault::FlushOneAcknowledgeAll) || faults.has(Fault::GlobalFlushesLatest)
    }
}

impl Sync<'_> {
    /// Puts a row into its stream's buffer, and stores those of a full one.
    pub(super) fn hold(&mut self, index: usize, row: &Row) -> Result<(), Stop> {
        let buffer = self.buffers.held.entry(index).or_default();
        buffer.push(Held::of(row));
        let full = buffer.len() >= SIZE;
        self.buffers.latest = index;
        if full {
            self.flush(index)?;
            self.commit()?;
            if self.faults.has(Fault::FlushOneAcknowledgeAll) {
                self.settle()?;
            }
        }
        Ok(())
    }

    /// Stores what a state covers, or for one of all streams a part of it.
    pub(super) fn flush_for_state(&mut self, of_all: bool) -> Result<(), Stop> {
        if self.faults.has(Fault::GlobalFlushesLatest) {
            if of_all {
                self.flush(self.buffers.latest)?;
            } else {
                self.flush_all()?;
            }
            self.settle()?;
        }
        Ok(())
    }

    /// Stores the rows of all buffers.
    pub(super) fn flush_all(&mut self) -> Result<(), Failure> {
        let waiting: Vec<_> = self.buffers.held.keys().copied().collect();
        waiting.into_iter().try_for_each(|index| self.flush(index))
    }

    fn flush(&mut self, index: usize) -> Result<(), Failure> {
        for held in self.buffers.held.remove(&index).unwrap_or_default() {
            self.store(index, &held.row())?;
        }
        Ok(())
    }
}
