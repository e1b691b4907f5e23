//! Under which stream's name a table is looked for. Without a fault it is the stream's own.

use crate::error::Failure;
use crate::faults::{Fault, Faults};
use rusqlite::Connection;

/// A namespace, and a name in it.
pub type Names = (String, String);

/// The names under which the table of a stream is found.
pub fn of_table(
    connection: &Connection,
    namespace: &str,
    name: &str,
    faults: Faults,
) -> Result<Names, Failure> {
    let is_it = |(other_namespace, other): &Names| {
        if faults.has(Fault::FindByName) {
            other == name
        } else {
            other_namespace == namespace && sanitised(other) == sanitised(name)
        }
    };
    let found = if faults.has(Fault::FindByName) || faults.has(Fault::SanitiseNames) {
        let sql = "SELECT namespace, name FROM _reference_streams ORDER BY id";
        let mut select = connection.prepare(sql)?;
        let streams = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        streams.collect::<Result<Vec<Names>, _>>()?.into_iter().find(is_it)
    } else {
        None
    };
    Ok(found.unwrap_or_else(|| (namespace.to_owned(), name.to_owned())))
}

/// A name without anything that would have to be quoted.
fn sanitised(name: &str) -> String {
    name.replace(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric(), "_")
}
