//! A sync under way: records into batches, batches into commits, and states out after them.

mod buffers;
mod end;
mod subtle;
mod values;

pub use end::Ending;

use buffers::Buffers;

use crate::catalog::Stream;
use crate::config::Config;
use crate::error::{Failure, Stop};
use crate::faults::{Fault, Faults};
use crate::message::{self, Message, mistakes};
use crate::output::Output;
use crate::protocol::{Level, Record, StreamStatus, Text};
use crate::state::{self, Counter, Echo, Relay, Scope};
use crate::store::{self, Columns, RawIds, Row, Rows, Table};
use rusqlite::Connection;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// How many bytes of states may wait for a commit.
const STATE_BYTES: usize = 16 << 20;

/// How long a line may be that a scanner takes, under [`Fault::LineLimit`].
const LONGEST_LINE: usize = 10 << 20;

/// How far the source has come with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Unsaid,
    Complete,
    Incomplete,
}

/// A stream of the catalog during the sync.
#[derive(Debug)]
struct Target<'c> {
    stream: Stream,
    table: Table,
    rows: Rows<'c>,
    counter: Counter,
    progress: Progress,
}

/// A sync.
pub struct Sync<'c> {
    connection: &'c Connection,
    config: &'c Config,
    faults: Faults,
    /// Where messages go.
    pub output: &'c mut Output,
    targets: Vec<Target<'c>>,
    /// Positions in `targets`, by name; there are seldom two with the same.
    by_name: HashMap<String, Vec<usize>>,
    /// The target of the last record: the next one is likely to have the same.
    latest: usize,
    ids: RawIds,
    global: Counter,
    legacy: Counter,
    relay: Relay,
    /// Whether a transaction is open.
    open: bool,
    /// Messages since the last commit.
    batched: u64,
    messages: u64,
    records: u64,
    /// Whether the rest of the input counts for nothing, as some faults have it.
    over: bool,
    /// Records that are not stored yet, under faults that have buffers.
    buffers: Buffers,
    /// All records, under [`Fault::KeepAllRecords`].
    kept: Vec<Box<RawValue>>,
    subtle: subtle::Memory,
}

impl<'c> Sync<'c> {
    /// Makes the tables of a catalog ready.
    pub fn begin(
        connection: &'c Connection,
        config: &'c Config,
        streams: Vec<Stream>,
        faults: Faults,
        output: &'c mut Output,
    ) -> Result<Self, Stop> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut targets = Vec::new();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for stream in streams {
            let namespace = stream.namespace.as_deref().unwrap_or(&config.default_namespace);
            let table = Table::begin(connection, namespace, &stream, config.layout, faults)?;
            by_name.entry(stream.name.clone()).or_default().push(targets.len());
            targets.push((stream, table));
        }
        if faults.has(Fault::FindByName) || faults.has(Fault::SanitiseNames) {
            // A table that two streams share has the columns of both.
            for (_, table) in &mut targets {
                table.columns = Columns::of(connection, table.id)?;
            }
        }
        let ids = RawIds::new(connection)?;
        if faults.has(Fault::RestartCleansUp) {
            store::subtle::clean_up(connection, targets.iter().map(|(_, table)| table), &ids)?;
        }
        connection.execute_batch("COMMIT")?;
        let target = |(stream, table): (Stream, Table)| {
            let rows = Rows::new(connection, table.clone(), stream.clone(), faults)?;
            let (counter, progress) = (Counter::default(), Progress::Unsaid);
            Ok(Target { stream, table, rows, counter, progress })
        };
        let targets = targets.into_iter().map(target).collect::<Result<Vec<_>, Failure>>()?;
        let count = targets.len();
        output.log(Level::Info, &format!("ready to write {count} streams"))?;
        Ok(Self {
            connection,
            config,
            faults,
            output,
            targets,
            by_name,
            latest: 0,
            ids,
            global: Counter::default(),
            legacy: Counter::default(),
            relay: Relay::new(faults),
            open: false,
            batched: 0,
            messages: 0,
            records: 0,
            over: false,
            buffers: Buffers::default(),
            kept: Vec::new(),
            subtle: subtle::Memory::new(count),
        })
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a state waits for the next commit.
    #[must_use]
    pub fn owes_states(&self) -> bool {
        !self.relay.is_empty()
    }

    /// Whether the input has ended before its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Takes a line of the input.
    pub fn take(&mut self, line: &[u8]) -> Result<(), Stop> {
        self.over |= self.faults.has(Fault::LineLimit) && line.len() > LONGEST_LINE;
        if self.over {
            return Ok(());
        }
        self.messages += u64::from(!line.is_empty());
        let message = match message::decode(line) {
            Err(_) | Ok(Message::Ignored(message::NO_OBJECT))
                if self.faults.has(Fault::GarbageEndsInput) =>
            {
                self.over = true;
                return Ok(());
            }
            message => {
                message.and_then(|message| self.refused(line, &message).map_or(Ok(message), Err))
            }
        };
        let undecodable = |why: String| {
            Failure::system("A line of the input cannot be decoded; it may hold a record.", why)
        };
        match message.map_err(undecodable)? {
            Message::Record(record) => {
                if self.faults.has(Fault::LogRecords) && self.records.is_multiple_of(100) {
                    let text = String::from_utf8_lossy(line);
                    self.output.log(Level::Info, &format!("storing {}", text.trim_end()))?;
                }
                self.take_record(&record)?;
            }
            Message::State(state) => self.take_state(state)?,
            Message::Status(status) => self.take_status(&status)?,
            Message::Other => {}
            Message::Ignored(what) => self.output.log(Level::Warn, &format!("ignored {what}"))?,
        }
        if self.batched >= self.config.batch_records || self.relay.bytes() >= STATE_BYTES {
            self.pause()?;
        }
        Ok(())
    }

    /// Why a line is refused that has been understood; there is no reason without a fault.
    fn refused(&self, line: &[u8], message: &Message) -> Option<String> {
        let unknown = matches!(message, Message::Ignored(message::UNKNOWN_TYPE));
        if self.faults.has(Fault::RefuseUnknownTypes) && unknown {
            return Some("the type of the message is not in the enum".to_owned());
        }
        if self.faults.has(Fault::StrictIntegers) {
            return mistakes::exponent(line).map(|what| format!("{what} is no integer"));
        }
        if self.faults.has(Fault::DenyUnknownProperties) && matches!(message, Message::Record(_)) {
            return mistakes::unknown_property(line).map(|name| format!("unknown property {name}"));
        }
        None
    }

    fn take_record(&mut self, record: &Record) -> Result<(), Stop> {
        let name = record.stream.as_str();
        let namespace = record.namespace.as_ref().map(Text::as_str);
        let found = self.find(namespace, name);
        if found.is_none() && self.faults.has(Fault::DropUnknownStreams) {
            return Ok(());
        }
        let Some(index) = found else {
            let message =
                format!("A record came for stream {name:?}, which is not in the catalog.");
            let internal = format!("unknown stream {name:?} in namespace {namespace:?}");
            return Err(Failure::system(message, internal).of_stream(namespace, name).into());
        };
        let undecodable = |why| Failure::system("A record's time cannot be decoded.", why);
        let extracted_at = message::millis(record.emitted_at).map_err(undecodable)?;
        let mut changes = record.meta.as_ref().and_then(|meta| meta.changes).map(RawValue::get);
        if self.faults.has(Fault::DropRecordMeta) {
            changes = None;
        }
        let mut data = record.data;
        let decoded;
        if self.faults.has(Fault::LocaleEncoding) {
            decoded = mistakes::in_locale(data);
            data = decoded.as_deref().unwrap_or(data);
        }
        values::examine(data.get(), &self.targets[index].stream, self.faults)?;
        let row = Row { extracted_at, changes, data };
        if self.faults.has(Fault::DropLoneSurrogates) && mistakes::has_lone_surrogate(data.get()) {
            self.output.log(Level::Warn, "skipped a record that is no Unicode")?;
        } else if Buffers::are_used(self.faults) {
            self.hold(index, &row)?;
        } else {
            let stored = self.store(index, &row);
            self.tolerate(stored)?;
        }
        if self.faults.has(Fault::KeepAllRecords) {
            self.kept.push(record.data.to_owned());
        }
        if self.targets[index].counter.add() {
            self.relay.first_record(namespace, name);
        }
        self.global.add();
        self.legacy.add();
        self.records += 1;
        self.batched += 1;
        Ok(())
    }

    fn store(&mut self, index: usize, row: &Row) -> Result<(), Failure> {
        self.start_batch()?;
        match self.faults.subtle() {
            Some(fault) => self.store_subtly(index, row, fault),
            None => self.targets[index].rows.store(row, &mut self.ids),
        }
    }

    fn take_state(&mut self, state: &RawValue) -> Result<(), Stop> {
        let undecodable = |why| Failure::system("A state cannot be decoded.", why);
        let (scope, empty) = state::scope(state).map_err(undecodable)?;
        let index = match &scope {
            Scope::Stream(namespace, name) => self.find(namespace.as_deref(), name),
            _ => None,
        };
        // A stream outside the catalog has no records to count.
        let mut stranger = Counter::default();
        let targets = &mut self.targets;
        let counter = match (&scope, index) {
            (Scope::Stream(..), Some(index)) => &mut targets[index].counter,
            (Scope::Stream(..), None) => &mut stranger,
            (Scope::Global, _) => &mut self.global,
            (Scope::Legacy, _) => &mut self.legacy,
        };
        let (after_records, count) = counter.take(self.faults);
        let count = self.note_state(&scope, index, count)?;
        let in_catalog = |scope: &Scope| {
            self.targets.iter().any(|target| {
                let Stream { namespace, name, .. } = &target.stream;
                *scope == Scope::Stream(namespace.clone(), name.clone())
            })
        };
        let received = state::rewrite(state, self.faults, &in_catalog);
        let received = self.described(received, &scope);
        let line = state::line(&received, count, self.faults);
        let of_all = scope == Scope::Global;
        let echo = Echo { scope, empty, after_records, received, count, line };
        self.relay.wait(echo);
        self.batched += 1;
        self.flush_for_state(of_all)?;
        if self.faults.has(Fault::AcknowledgeOnReceipt) {
            let lines = self.relay.due();
            self.send_states(&lines)?;
        }
        if self.faults.has(Fault::ForgetLastFlush) {
            // Under this fault, states are all that flushes.
            self.settle()?;
        }
        Ok(())
    }

    fn take_status(&mut self, status: &StreamStatus) -> Result<(), Stop> {
        let descriptor = &status.stream_descriptor;
        let namespace = descriptor.namespace.as_ref().map(Text::as_str);
        let Some(index) = self.find(namespace, descriptor.name.as_str()) else {
            return Ok(self.output.log(Level::Warn, "ignored the status of an unknown stream")?);
        };
        let progress = &mut self.targets[index].progress;
        *progress = match status.status.as_str() {
            "COMPLETE" if self.faults.has(Fault::IgnoreComplete) => *progress,
            "INCOMPLETE" if self.faults.has(Fault::IncompleteIsComplete) => Progress::Complete,
            "INCOMPLETE" => Progress::Incomplete,
            // What was once incomplete stays so.
            "COMPLETE" if *progress == Progress::Unsaid => Progress::Complete,
            _ => *progress,
        };
        Ok(())
    }

    /// The position of a stream of the catalog.
    fn find(&mut self, namespace: Option<&str>, name: &str) -> Option<usize> {
        let is_it = |target: &Target| {
            target.stream.name == name && target.stream.namespace.as_deref() == namespace
        };
        if !self.targets.get(self.latest).is_some_and(is_it) {
            let alike = self.by_name.get(name)?;
            self.latest = *alike.iter().find(|index| is_it(&self.targets[**index]))?;
        }
        Some(self.latest)
    }

    fn start_batch(&mut self) -> Result<(), Failure> {
        if !self.open {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.open = true;
        }
        Ok(())
    }

    /// Commits because the input pauses.
    pub fn idle(&mut self) -> Result<(), Stop> {
        if self.faults.has(Fault::AcknowledgeOnReceipt) {
            return Ok(());
        }
        self.pause()
    }

    /// Commits because the input pauses, or because the batch is full.
    fn pause(&mut self) -> Result<(), Stop> {
        if self.faults.has(Fault::ForgetLastFlush) || Buffers::are_used(self.faults) {
            return Ok(());
        }
        self.settle()
    }

    /// Makes everything durable that has come, and then sends the states that cover it.
    pub fn settle(&mut self) -> Result<(), Stop> {
        let committed = self.commit();
        self.tolerate(committed)?;
        self.batched = 0;
        let lines = self.relay.due();
        self.send_states(&lines)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        if self.open {
            if let Err(error) = self.connection.execute_batch("COMMIT") {
                self.roll_back();
                return Err(error.into());
            }
            self.open = false;
        }
        Ok(())
    }

    /// Gives up what is not durable, and with it the states that would acknowledge it.
    fn roll_back(&mut self) {
        // SQLite may have rolled back by itself, and says so; the result is the same.
        let _ = self.connection.execute_batch("ROLLBACK");
        self.open = false;
        let faults = self.faults;
        if !faults.has(Fault::FinallyAcknowledge) && !faults.has(Fault::IgnoreCommitErrors) {
            self.relay.discard();
        }
    }

    /// Ends the sync where the database has failed, but for the fault that makes light of it.
    fn tolerate(&mut self, outcome: Result<(), Failure>) -> Result<(), Stop> {
        match outcome {
            Err(failure) if self.faults.has(Fault::IgnoreCommitErrors) => {
                self.roll_back();
                Ok(self.output.log(Level::Warn, &failure.message)?)
            }
            outcome => Ok(outcome?),
        }
    }

    fn send_states(&mut self, lines: &[u8]) -> Result<(), Stop> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.faults.has(Fault::StatesOnStderr) {
            eprint!("{}", String::from_utf8_lossy(lines));
        }
        Ok(self.output.lines(lines)?)
    }

    /// Sends the states that are due after all others.
    pub fn release_rest(&mut self) -> Result<(), Stop> {
        let lines = self.relay.rest();
        self.send_states(&lines)
    }
}
