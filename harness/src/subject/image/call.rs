//! A call as a container sees it: the platform's folders, and the platform's names for files.

use std::fs;

use super::engine::EngineError;
use super::say;
use crate::protocol::Operation;
use crate::subject::Call;

/// The name of the config's file.
pub const CONFIG: &str = "connectorConfig.json";
/// The name of the catalog's file.
pub const CATALOG: &str = "catalog.json";

/// Where the platform puts a connector's files, and runs it.
#[must_use]
pub fn place(operation: Operation) -> &'static str {
    match operation {
        Operation::Spec | Operation::Check => "/config",
        Operation::Write => "/dest",
    }
}

/// The arguments of a call, with the files' names in the container.
#[must_use]
pub fn arguments(call: Call, place: &str) -> Vec<String> {
    let mut args = vec![call.operation.name().to_owned()];
    if call.config.is_some() {
        args.extend(["--config".to_owned(), format!("{place}/{CONFIG}")]);
    }
    if call.catalog.is_some() {
        args.extend(["--catalog".to_owned(), format!("{place}/{CATALOG}")]);
    }
    args
}

/// The files of a call, as the container is to have them.
pub fn files(call: Call) -> Result<Vec<(&'static str, Vec<u8>)>, EngineError> {
    let mut files = Vec::new();
    for (path, name) in [(call.config, CONFIG), (call.catalog, CATALOG)] {
        if let Some(path) = path {
            files.push((name, fs::read(path).map_err(say("reading a file for the launch"))?));
        }
    }
    Ok(files)
}
