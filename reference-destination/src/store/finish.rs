//! What happens to the rows that were there before: at the end of a sync that has succeeded, and
//! when a stream's key has changed.

use super::rows::{newer, on_conflict};
use super::{Rows, Table, mistakes, subtle};
use crate::catalog::{Mode, Stream};
use crate::error::Failure;
use crate::faults::{Fault, Faults};
use rusqlite::{Connection, params};
use serde_json::value::RawValue;

/// Makes a sync's rows the ones that count, and removes those that they replace.
///
/// Runs inside the transaction of the sync's last rows, so that nobody sees a part of it.
pub fn finish(
    connection: &Connection,
    table: &Table,
    stream: &Stream,
    faults: Faults,
) -> Result<(), Failure> {
    let name = table.name();
    // What a refresh replaces goes in any case.
    if faults.has(Fault::DedupWithinBatch) && stream.mode == Mode::Dedup && !stream.truncates() {
        return mistakes::reconcile(connection, table);
    }
    let keeps = faults.has(Fault::OverwriteAppends) && stream.mode == Mode::Overwrite;
    if stream.replaces() {
        if keeps {
            let sql = format!("UPDATE {name} SET epoch = ?1");
            connection.execute(&sql, [table.epoch])?;
        }
        connection.execute(&format!("DELETE FROM {name} WHERE epoch <> ?1"), [table.epoch])?;
        return adopt(connection, table, table.epoch);
    }
    // An overwrite is no refresh, even if it is told as one.
    let forgets = faults.has(Fault::KeepGenerations) && stream.mode != Mode::Overwrite;
    if stream.truncates() && !keeps && !forgets {
        truncate(connection, table, stream.minimum_generation, faults)?;
    }
    if faults.has(Fault::ZeroMeansAll) {
        mistakes::keep_one_generation(connection, table, stream)?;
    }
    if table.epoch != table.current {
        merge(connection, table, table.epoch)?;
    }
    Ok(())
}

/// Removes the rows of earlier generations.
pub fn truncate(
    connection: &Connection,
    table: &Table,
    minimum: Option<i64>,
    faults: Faults,
) -> Result<(), Failure> {
    // Rows without a generation are from before the platform handled refreshes.
    let sql = format!("DELETE FROM {} WHERE {}", table.name(), subtle::is_older(faults));
    connection.execute(&sql, [minimum])?;
    Ok(())
}

/// Lets the rows of a staged epoch compete with the current ones.
pub fn merge(connection: &Connection, table: &Table, staged: i64) -> Result<(), Failure> {
    let name = table.name();
    let upsert = on_conflict(&newer(&name), &table.columns);
    connection.execute(
        &format!(
            "INSERT INTO {name}
             SELECT _airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id,
                    ?1, deleted, key, cursor, {}
             FROM {name} WHERE epoch = ?2 ORDER BY rowid {upsert}",
            table.columns.list(&name)
        ),
        [table.current, staged],
    )?;
    connection.execute(&format!("DELETE FROM {name} WHERE epoch = ?1"), [staged])?;
    adopt(connection, table, table.current)
}

/// Notes which epoch counts, and that none is staged.
fn adopt(connection: &Connection, table: &Table, epoch: i64) -> Result<(), Failure> {
    let sql = "UPDATE _reference_streams
               SET epoch = ?1, staged_epoch = NULL, staged_generation = NULL WHERE id = ?2";
    connection.execute(sql, [epoch, table.id])?;
    Ok(())
}

/// Gives all rows the keys and cursors that the catalog asks for, and keeps the newest of each key.
pub fn rekey(connection: &Connection, table: &Table, stream: &Stream) -> Result<(), Failure> {
    let name = table.name();
    connection.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS rekeyed (
             id INTEGER PRIMARY KEY, key BLOB, cursor BLOB, deleted INTEGER
         );
         DELETE FROM rekeyed;",
    )?;
    let mut rows = Rows::new(connection, table.clone(), stream.clone(), Faults::default())?;
    let mut note = connection.prepare("INSERT INTO rekeyed VALUES (?1, ?2, ?3, ?4)")?;
    let mut select =
        connection.prepare(&format!("SELECT rowid, {} FROM {name}", table.columns.list(&name)))?;
    let mut stored = select.query([])?;
    while let Some(row) = stored.next()? {
        let data = RawValue::from_string(table.columns.text(row, 1)?.into_owned())
            .map_err(|error| Failure::system("A stored row is damaged.", error))?;
        let (key, cursor, deleted) = rows.rekeyed(&data);
        note.execute(params![row.get::<_, i64>(0)?, key, cursor, deleted])?;
    }
    connection.execute_batch(&format!(
        "UPDATE {name} SET key = NULL, cursor = rekeyed.cursor, deleted = rekeyed.deleted
             FROM rekeyed WHERE rekeyed.id = {name}.rowid;
         DELETE FROM {name} WHERE rowid NOT IN (
             SELECT id FROM (
                 SELECT rekeyed.id, row_number() OVER (
                     PARTITION BY rekeyed.key, epoch
                     ORDER BY rekeyed.cursor DESC, _airbyte_extracted_at DESC, rekeyed.id DESC
                 ) AS place
                 FROM rekeyed JOIN {name} ON {name}.rowid = rekeyed.id
             ) WHERE place = 1
         );
         UPDATE {name} SET key = rekeyed.key FROM rekeyed WHERE rekeyed.id = {name}.rowid;
         DROP TABLE rekeyed;"
    ))?;
    Ok(())
}
