//! Check: whether a sync with this configuration could write.

use crate::config::{self, Config};
use crate::error::{Failure, Stop};
use crate::faults::{Fault, Faults};
use crate::output::Output;
use crate::protocol::Level;
use crate::store::{self, Access};
use serde_json::json;
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
    store::probe(&connection)
}

fn status(output: &mut Output, status: &str, message: Option<&str>) -> Result<(), Stop> {
    let mut payload = json!({"status": status});
    if let Some(message) = message {
        payload["message"] = json!(message);
    }
    Ok(output.message(&json!({"type": "CONNECTION_STATUS", "connectionStatus": payload}))?)
}
