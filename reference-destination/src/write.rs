//! Write: what comes in, and how it ends.

mod guards;

use crate::catalog::{self, Stream};
use crate::config::{self, Config};
use crate::error::{Failure, Stop};
use crate::faults::{Fault, Faults};
use crate::input::{Input, Next};
use crate::output::{Output, descriptor, now_millis};
use crate::protocol::Level;
use crate::spec;
use crate::store::{self, Access};
use crate::sync::{Ending, Sync};
use rusqlite::Connection;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// How long an unfinished batch waits for more records before it is committed, so that a source
/// that is a little slower than the disk does not pay for a commit each time the pipe is empty.
const LINGER: Duration = Duration::from_millis(50);

/// Runs a sync.
pub fn run(config: &Path, catalog: &Path, faults: Faults, output: &mut Output) -> Result<(), Stop> {
    output.greet("write")?;
    let text = config::read(config)?;
    output.log_config(&text)?;
    let config = Config::parse(&text)?;
    if faults.has(Fault::SpecInWrite) {
        output.message(&spec::message(Faults::default()))?;
    }
    if faults.has(Fault::ControlDropsRequired) {
        control(&config, output)?;
    }
    guards::mind_sigterm(faults)?;
    let streams = catalog::load(catalog, &config.default_namespace, faults)?;
    if faults.has(Fault::NeedsAStream) && streams.is_empty() {
        eprintln!("thread 'main' panicked: index out of bounds: the len is 0 but the index is 0");
        return Err(Stop::Crash(101));
    }
    let _lock = guards::lock(&config, faults)?;
    let connection = connect(&config, faults)?;
    let marker = guards::Marker::set(&connection, &config, &streams, faults)?;
    let outcome = sync(&connection, &config, streams, faults, output);
    marker.remove(&connection);
    outcome
}

/// Takes the input, and ends as it ends.
fn sync(
    connection: &Connection,
    config: &Config,
    streams: Vec<Stream>,
    faults: Faults,
    output: &mut Output,
) -> Result<(), Stop> {
    let mut sync = Sync::begin(connection, config, streams, faults, output)?;
    let end = feed(&mut sync, faults).map(|()| sync.ending());
    match end {
        Ok(Ending::Complete) => {
            sync.finish()?;
            if faults.has(Fault::InventFinalState) {
                sync.invent_state()?;
            }
            if faults.has(Fault::EmitStreamStatus) {
                for (namespace, name) in sync.stream_names() {
                    let status = json!({
                        "stream_descriptor": descriptor(namespace.as_deref(), &name),
                        "status": "COMPLETE",
                    });
                    sync.output.message(&json!({
                        "type": "TRACE",
                        "trace": {
                            "type": "STREAM_STATUS",
                            "emitted_at": now_millis(),
                            "stream_status": status,
                        },
                    }))?;
                }
            }
            sync.summarise()
        }
        // What came before is good, and is acknowledged before the failure is told.
        Ok(Ending::Failed(failure)) | Err(Stop::Failure(failure)) => {
            match sync.keep_what_came() {
                Err(stop @ Stop::Stdout(_)) => Err(stop),
                // If that fails too, it is for the same reason.
                _ => Err(failure.into()),
            }
        }
        Err(other) => Err(other),
    }
}

/// Takes lines until there are no more, and commits whenever the input pauses.
fn feed(sync: &mut Sync, faults: Faults) -> Result<(), Stop> {
    let input = Input::start(faults)?;
    loop {
        let next = match input.at_hand()? {
            Next::Nothing => {
                let mut next = Next::Nothing;
                if sync.is_open() && !sync.owes_states() {
                    next = input.within(LINGER)?;
                }
                if let Next::Nothing = next {
                    // No transaction is open while waiting: another sync may want to write.
                    sync.idle()?;
                    next = input.wait()?;
                }
                next
            }
            next => next,
        };
        let Next::Lines(lines) = next else {
            return Ok(());
        };
        let lines = sync.decoded(lines);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &lines) {
            sync.take(&lines[start..end])?;
            start = end + 1;
        }
        sync.take(&lines[start..])?;
        if sync.is_over() {
            return Ok(());
        }
    }
}

/// Opens the database, with a word about the likely reason if that fails.
fn connect(config: &Config, faults: Faults) -> Result<Connection, Failure> {
    let access = if faults.has(Fault::WriteForbidden) { Access::ReadOnly } else { Access::Write };
    let connection = store::open(config, access)?;
    store::prepare(&connection, config)?;
    Ok(connection)
}

/// `control-drops-required`: sends the config back, cleaned of more than the secret.
fn control(config: &Config, output: &mut Output) -> Result<(), Stop> {
    let mut config = config.source.clone();
    if let Some(properties) = config.as_object_mut() {
        properties.shift_remove("path");
        properties.shift_remove("passphrase");
    }
    output.log(Level::Info, "the config was brought up to date")?;
    Ok(output.message(&json!({
        "type": "CONTROL",
        "control": {
            "type": "CONNECTOR_CONFIG",
            "emitted_at": now_millis(),
            "connectorConfig": {"config": config},
        },
    }))?)
}
