//! Check: whether a sync with this configuration could write.

use crate::catalog::{Mode, Stream};
use crate::config::{self, Config};
use crate::error::{Failure, Stop};
use crate::faults::{Fault, Faults};
use crate::output::Output;
use crate::protocol::Level;
use crate::store::{self, Access, RawIds, Row, Rows, Table};
use rusqlite::Connection;
use serde_json::json;
use serde_json::value::RawValue;
use std::path::Path;
use std::time::Duration;

/// Checks a configuration and prints one status.
pub fn run(path: &Path, faults: Faults, output: &mut Output) -> Result<(), Stop> {
    output.greet("check")?;
    let text = config::read(path)?;
    output.log_config(&text)?;
    if faults.has(Fault::CheckDawdles) {
        let millis = std::env::var("DAWDLE_MS").ok().and_then(|millis| millis.parse().ok());
        std::thread::sleep(Duration::from_millis(millis.unwrap_or(2000)));
    }
    let outcome = match Config::parse(&text) {
        Err(_) if faults.has(Fault::CheckSkipsValidation) => Ok(()),
        Ok(_) if faults.has(Fault::CheckSkipsConnection) => Ok(()),
        Ok(config) if faults.has(Fault::CheckOwnDefault) && config.source["flush"].is_null() => {
            Ok(())
        }
        Ok(config) => connect(&config, faults),
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) if faults.has(Fault::CheckAlwaysFails) => {
            status(output, "FAILED", Some("The connection test returned true."))
        }
        Ok(()) if faults.has(Fault::StatusAbsent) => {
            Ok(output.log(Level::Info, "the connection test succeeded")?)
        }
        Ok(()) => {
            if faults.has(Fault::StatusTwice) {
                status(output, "SUCCEEDED", None)?;
            }
            status(output, "SUCCEEDED", None)
        }
        Err(failure) if faults.has(Fault::CheckCrashes) => {
            eprintln!(
                "Traceback (most recent call last):\n  File \"check.py\", line 12, in check\n    \
                 raise ConnectionError({:?})\nConnectionError: {}",
                failure.internal, failure.internal
            );
            Err(Stop::Crash(1))
        }
        Err(_) if faults.has(Fault::CheckFailsWordless) => status(output, "FAILED", None),
        Err(failure) => {
            let message = format!("{} ({})", failure.message, failure.internal);
            status(output, "FAILED", Some(&message))
        }
    }
}

/// Opens the database and writes to it, without leaving anything in it.
fn connect(config: &Config, faults: Faults) -> Result<(), Failure> {
    let folder = config.path.parent();
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(Failure::config("The folder of path does not exist.", "no such folder"));
    }
    if config.path.is_dir() {
        return Err(Failure::config("The path is a folder, and not a file.", "is a directory"));
    }
    if faults.has(Fault::WriteForbidden) {
        if config.path.exists() {
            store::open(config, Access::ReadOnly)?;
        }
        return Ok(());
    }
    let connection = store::open(config, Access::Write)?;
    store::probe(&connection)?;
    if faults.has(Fault::CheckLeavesTable) {
        leave_table(&connection, config)?;
    }
    Ok(())
}

/// `check-leaves-table`: writes a stream as a sync would, to see whether one could.
fn leave_table(connection: &Connection, config: &Config) -> Result<(), Failure> {
    store::prepare(connection, config)?;
    let stream = Stream {
        namespace: None,
        name: "_airbyte_connection_test".to_owned(),
        mode: Mode::Append,
        key: Vec::new(),
        cursor: Vec::new(),
        generation: None,
        minimum_generation: None,
        sync: None,
        properties: None,
    };
    let data = RawValue::from_string(r#"{"test":true}"#.to_owned())
        .map_err(|error| Failure::system("The connection test is broken.", error))?;
    let row = Row { extracted_at: 0, changes: None, data: &data };
    let faults = Faults::default();
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let table =
        Table::begin(connection, &config.default_namespace, &stream, config.layout, faults)?;
    Rows::new(connection, table, stream, faults)?.store(&row, &mut RawIds::new(connection)?)?;
    connection.execute_batch("COMMIT")?;
    Ok(())
}

fn status(output: &mut Output, status: &str, message: Option<&str>) -> Result<(), Stop> {
    let mut payload = json!({"status": status});
    if let Some(message) = message {
        payload["message"] = json!(message);
    }
    Ok(output.message(&json!({"type": "CONNECTION_STATUS", "connectionStatus": payload}))?)
}
