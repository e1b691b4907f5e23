//! The end of a sync: whether all has come, and what is to be done about it.

use super::{Progress, Sync, Target};
use crate::catalog::{Mode, Stream};
use crate::error::{Failure, Stop};
use crate::faults::Fault;
use crate::output::descriptor;
use crate::protocol::Level;
use crate::store::{self, finish, mistakes};
use serde_json::json;

/// How the input has ended.
#[derive(Debug)]
pub enum Ending {
    /// All that was to come has come.
    Complete,
    /// Something is missing.
    Failed(Failure),
}

impl<'c> Sync<'c> {
    /// Judges the input, now that it has ended.
    pub fn ending(&self) -> Ending {
        let lacking = self.targets.iter().find(|target| match target.progress {
            Progress::Complete => false,
            Progress::Incomplete => true,
            Progress::Unsaid => self.demands_status(&target.stream),
        });
        let Some(Target { stream, progress, .. }) = lacking else {
            return Ending::Complete;
        };
        let message = format!("The source has not completed stream {:?}.", stream.name);
        let failure = Failure::transient(message, format!("at the end: {progress:?}"));
        Ending::Failed(failure.of_stream(stream.namespace.as_deref(), &stream.name))
    }

    /// Whether a stream is only complete when that has been said.
    fn demands_status(&self, stream: &Stream) -> bool {
        let is_cut = self.over && self.faults.has(Fault::LineLimit);
        if is_cut || self.faults.has(Fault::EofIsComplete) {
            return false;
        }
        if self.faults.has(Fault::IgnoreComplete) {
            // Only the refresh of a stream waits for the message that does not come.
            return stream.truncates() && stream.mode != Mode::Overwrite;
        }
        // A platform that handles refreshes says so when a stream is complete.
        stream.generation.is_some()
    }

    /// Ends a sync that has failed: what came before is good, and is acknowledged.
    pub fn keep_what_came(&mut self) -> Result<(), Stop> {
        if self.faults.has(Fault::FinallyAcknowledge) {
            self.roll_back();
        }
        self.flush_all()?;
        self.settle()?;
        self.release_rest()
    }

    /// Ends a sync that has succeeded: the last rows and what they replace, in one transaction,
    /// and then the last states.
    pub fn finish(&mut self) -> Result<(), Stop> {
        if self.faults.has(Fault::NeedsAMessage) && self.messages == 0 {
            eprintln!(
                "thread 'main' panicked: index out of bounds: the len is 0 but the index is 0"
            );
            return Err(Stop::Crash(101));
        }
        if self.faults.has(Fault::ForgetLastFlush) && self.open {
            self.roll_back();
        }
        let started = self.flush_all().and_then(|()| self.start_batch());
        let stored = started.and_then(|()| self.store_rest());
        if let Err(failure) = stored.and_then(|()| self.finish_tables()) {
            self.roll_back();
            self.finally()?;
            self.tolerate(Err(failure))?;
        }
        if let Err(stop) = self.settle() {
            self.finally()?;
            return Err(stop);
        }
        self.release_rest()
    }

    /// `finally-acknowledge`: sends the states for whose records it is too late.
    fn finally(&mut self) -> Result<(), Stop> {
        if self.faults.has(Fault::FinallyAcknowledge) { self.release_rest() } else { Ok(()) }
    }

    fn finish_tables(&mut self) -> Result<(), Failure> {
        if self.faults.has(Fault::RestartCleansUp) {
            store::subtle::note_end(self.connection, self.targets.iter().map(|t| &t.table))?;
        }
        for target in &self.targets {
            if self.faults.has(Fault::FlushTwice) && target.stream.mode != Mode::Dedup {
                mistakes::repeat(self.connection, &target.table, target.rows.last, &mut self.ids)?;
            }
            if self.faults.has(Fault::TruncateBySync) && target.stream.truncates() {
                mistakes::keep_one_sync(self.connection, &target.table, &self.ids)?;
            }
            finish::finish(self.connection, &target.table, &target.stream, self.faults)?;
        }
        if self.faults.has(Fault::OverwriteDropsStrangers) {
            let overwrites = self.targets.iter().filter(|t| t.stream.mode == Mode::Overwrite);
            let namespace = |target: &Target<'c>| {
                target.stream.namespace.clone().unwrap_or(self.config.default_namespace.clone())
            };
            let namespaces: Vec<_> = overwrites.map(namespace).collect();
            let tables: Vec<_> = self.targets.iter().map(|target| &target.table).collect();
            mistakes::drop_strangers(self.connection, &namespaces, &tables)?;
        }
        Ok(())
    }

    /// Tells what was done.
    pub fn summarise(&mut self) -> Result<(), Stop> {
        if self.faults.has(Fault::NeedsARecord) && self.messages > 0 && self.records == 0 {
            eprintln!("thread 'main' panicked: attempt to divide by zero");
            return Err(Stop::Crash(101));
        }
        Ok(self.output.log(Level::Info, &format!("wrote {} records", self.records))?)
    }

    /// Namespaces and names of the streams, as the catalog has them.
    #[must_use]
    pub fn stream_names(&self) -> Vec<(Option<String>, String)> {
        let streams = self.targets.iter().map(|target| &target.stream);
        streams.map(|stream| (stream.namespace.clone(), stream.name.clone())).collect()
    }

    /// `invent-final-state`: a state that nobody has sent.
    pub fn invent_state(&mut self) -> Result<(), Stop> {
        let Some(Target { stream, .. }) = self.targets.first() else {
            return Ok(());
        };
        let state = json!({
            "type": "STREAM",
            "stream": {
                "stream_descriptor": descriptor(stream.namespace.as_deref(), &stream.name),
                "stream_state": {"finished": true},
            },
            "destinationStats": {"recordCount": 0.0},
        });
        Ok(self.output.message(&json!({"type": "STATE", "state": state}))?)
    }
}
