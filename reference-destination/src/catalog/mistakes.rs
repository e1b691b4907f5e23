//! The faults that refuse a catalog which is good.

use super::Stream;
use crate::error::Failure;
use serde_json::Value;

const CATALOG: [&str; 1] = ["streams"];

const CONFIGURED: [&str; 10] = [
    "stream",
    "sync_mode",
    "cursor_field",
    "destination_sync_mode",
    "destination_object_name",
    "primary_key",
    "generation_id",
    "minimum_generation_id",
    "sync_id",
    "include_files",
];

const STREAM: [&str; 9] = [
    "name",
    "json_schema",
    "supported_sync_modes",
    "source_defined_cursor",
    "default_cursor_field",
    "source_defined_primary_key",
    "namespace",
    "is_resumable",
    "is_file_based",
];

/// `deny-unknown-properties`: refuses a catalog with a property that is not known today.
pub fn deny_unknown(text: &str) -> Result<(), Failure> {
    let catalog: Value = serde_json::from_str(text).unwrap_or_default();
    closed(&catalog, &CATALOG)?;
    for configured in catalog["streams"].as_array().into_iter().flatten() {
        closed(configured, &CONFIGURED)?;
        closed(&configured["stream"], &STREAM)?;
    }
    Ok(())
}

fn closed(object: &Value, known: &[&str]) -> Result<(), Failure> {
    let mut names = object.as_object().into_iter().flat_map(|object| object.keys());
    names.find(|name| !known.contains(&name.as_str())).map_or(Ok(()), |name| {
        let internal = format!("unknown property {name:?}");
        Err(Failure::config("The catalog is not a configured catalog.", internal))
    })
}

/// `plain-names-only`: refuses a stream whose name is not what its author calls an identifier.
pub fn demand_identifier(stream: &Stream) -> Result<(), Failure> {
    let Stream { namespace, name, .. } = stream;
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    if name.chars().all(allowed) && name.len() <= 255 {
        return Ok(());
    }
    let message = format!("Stream {name:?} has a name that is no identifier.");
    Err(Failure::config(message, "invalid identifier").of_stream(namespace.as_deref(), name))
}
