//! A sync under way: records into batches, batches into commits, and states out after them.

mod end;

pub use end::Ending;

use crate::catalog::Stream;
use crate::config::Config;
use crate::error::{Failure, Stop};
use crate::faults::{Fault, Faults};
use crate::message::{self, Message};
use crate::output::Output;
use crate::protocol::{Level, Record, StreamStatus, Text};
use crate::state::{self, Counter, Echo, Relay, Scope};
use crate::store::{RawIds, Row, Rows, Table};
use rusqlite::Connection;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// How many bytes of states may wait for a commit.
const STATE_BYTES: usize = 16 << 20;

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
            let table = Table::begin(connection, namespace, &stream, faults)?;
            by_name.entry(stream.name.clone()).or_default().push(targets.len());
            targets.push((stream, table));
        }
        let ids = RawIds::new(connection)?;
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

    /// Takes a line of the input.
    pub fn take(&mut self, line: &[u8]) -> Result<(), Stop> {
        let undecodable = |why: String| {
            Failure::system("A line of the input cannot be decoded; it may hold a record.", why)
        };
        self.messages += u64::from(!line.is_empty());
        match message::decode(line).map_err(undecodable)? {
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

    fn take_record(&mut self, record: &Record) -> Result<(), Stop> {
        let name = record.stream.as_str();
        let namespace = record.namespace.as_ref().map(Text::as_str);
        let Some(index) = self.find(namespace, name) else {
            let message =
                format!("A record came for stream {name:?}, which is not in the catalog.");
            let internal = format!("unknown stream {name:?} in namespace {namespace:?}");
            return Err(Failure::system(message, internal).of_stream(namespace, name).into());
        };
        let undecodable = |why| Failure::system("A record's time cannot be decoded.", why);
        let extracted_at = message::millis(record.emitted_at).map_err(undecodable)?;
        let changes = record.meta.as_ref().and_then(|meta| meta.changes).map(RawValue::get);
        self.start_batch()?;
        let row = Row { extracted_at, changes, data: record.data };
        let target = &mut self.targets[index];
        target.rows.store(&row, &mut self.ids)?;
        if target.counter.add() {
            self.relay.first_record(namespace, name);
        }
        self.global.add();
        self.legacy.add();
        self.records += 1;
        self.batched += 1;
        Ok(())
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
        let in_catalog = |scope: &Scope| {
            self.targets.iter().any(|target| {
                let Stream { namespace, name, .. } = &target.stream;
                *scope == Scope::Stream(namespace.clone(), name.clone())
            })
        };
        let received = state::rewrite(state, self.faults, &in_catalog);
        let line = state::line(&received, count, self.faults);
        let echo = Echo { scope, empty, after_records, received, count, line };
        self.relay.wait(echo);
        self.batched += 1;
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

    /// Commits because the input pauses, or because the batch is full.
    pub fn pause(&mut self) -> Result<(), Stop> {
        if self.faults.has(Fault::ForgetLastFlush) {
            return Ok(());
        }
        self.settle()
    }

    /// Makes everything durable that has come, and then sends the states that cover it.
    pub fn settle(&mut self) -> Result<(), Stop> {
        if self.open {
            if let Err(error) = self.connection.execute_batch("COMMIT") {
                self.roll_back();
                return Err(error.into());
            }
            self.open = false;
        }
        self.batched = 0;
        let lines = self.relay.due();
        self.send_states(&lines)
    }

    /// Gives up what is not durable, and with it the states that would acknowledge it.
    fn roll_back(&mut self) {
        // SQLite may have rolled back by itself, and says so; the result is the same.
        let _ = self.connection.execute_batch("ROLLBACK");
        self.open = false;
        self.relay.discard();
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
