//! Read: the rows of streams, for looking at what has landed. Not an operation of the protocol.

use crate::config::{self, Config};
use crate::error::{Failure, Stop};
use crate::json;
use crate::store::{self, Access, Columns};
use rusqlite::Connection;
use serde::Deserialize;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A stream that is asked for.
#[derive(Deserialize)]
struct Asked {
    stream: String,
    namespace: Option<String>,
}

/// Prints one stream's rows as JSON lines.
pub fn one(path: &Path, namespace: Option<&str>, name: &str) -> Result<(), Stop> {
    let Some((config, connection)) = open(path)? else {
        return Ok(());
    };
    let namespace = namespace.unwrap_or(&config.default_namespace);
    let mut out = BufWriter::new(io::stdout().lock());
    print(&connection, namespace, name, ["", ""], &mut out)?;
    Ok(out.flush()?)
}

/// Prints the rows of all streams of a list, each as `{"stream": …, "namespace": …, "data": ROW}`,
/// with the stream as it was asked for.
pub fn listed(path: &Path, list: &Path) -> Result<(), Stop> {
    let refused = |error: String| {
        Failure::config(format!("The list of streams {} cannot be read.", list.display()), error)
    };
    let text = std::fs::read_to_string(list).map_err(|error| refused(error.to_string()))?;
    let asked: Vec<Asked> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| refused(error.to_string()))?;
    let Some((config, connection)) = open(path)? else {
        return Ok(());
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for Asked { stream, namespace } in &asked {
        let shown = namespace.as_deref().map_or_else(|| "null".to_owned(), json::quote);
        let head = format!(r#"{{"stream":{},"namespace":{shown},"data":"#, json::quote(stream));
        let namespace = namespace.as_ref().unwrap_or(&config.default_namespace);
        print(&connection, namespace, stream, [&head, "}"], &mut out)?;
    }
    Ok(out.flush()?)
}

/// Prints everything in the database that a user would take for data: the streams, and the tables
/// that are neither streams nor the destination's own.
pub fn inventory(path: &Path) -> Result<(), Stop> {
    let Some((_, connection)) = open(path)? else {
        return Ok(());
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for name in store::inventory(&connection)? {
        writeln!(out, "{name}")?;
    }
    Ok(out.flush()?)
}

/// The database, if there is one: without it no stream has any rows.
fn open(path: &Path) -> Result<Option<(Config, Connection)>, Stop> {
    let config = Config::parse(&config::read(path)?)?;
    if !config.path.exists() {
        return Ok(None);
    }
    let connection = store::open(&config, Access::Read)?;
    Ok(Some((config, connection)))
}

/// Prints a stream's rows, each between `around`: the values as they are stored, and then the
/// columns of metadata. A stream that does not exist has no rows.
fn print(
    connection: &Connection,
    namespace: &str,
    name: &str,
    around: [&str; 2],
    out: &mut impl Write,
) -> Result<(), Stop> {
    let Some(found) = store::find(connection, namespace, name)? else {
        return Ok(());
    };
    let [head, tail] = around;
    let columns = Columns::of(connection, found.id)?;
    let table = format!("stream_{}", found.id);
    let mut select = connection.prepare(&format!(
        "SELECT _airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, {}
         FROM {table} WHERE NOT deleted AND epoch IS NOT ?1 ORDER BY rowid",
        columns.list(&table)
    ))?;
    let mut rows = select.query([found.hidden()])?;
    while let Some(row) = rows.next()? {
        let damaged = |error| Failure::system("A stored row is damaged.", error);
        let text = |index| row.get_ref(index).map(|value| value.as_str().unwrap_or_default());
        let data = columns.text(row, 4)?;
        let data = data.strip_suffix('}').ok_or("no object").map_err(damaged)?;
        let comma = if data.trim_end().ends_with('{') { "" } else { "," };
        let extracted_at: i64 = row.get(1)?;
        let generation = row.get::<_, Option<i64>>(3)?;
        let generation = generation.map_or_else(|| "null".to_owned(), |id| id.to_string());
        writeln!(
            out,
            r#"{head}{data}{comma}"_airbyte_raw_id":{},"_airbyte_extracted_at":{extracted_at},"_airbyte_meta":{},"_airbyte_generation_id":{generation}}}{tail}"#,
            json::quote(text(0)?),
            text(2)?,
        )?;
    }
    Ok(())
}
