//! The faults that take more than a line to commit on stored rows.

use super::{RawIds, Row, Table};
use crate::catalog::{Mode, Stream};
use crate::error::Failure;
use crate::json;
use crate::output::now_millis;
use rusqlite::{Connection, params};

/// `append-truncates`: clears what an earlier attempt is thought to have left.
///
/// Rows of other generations stay, and so do those of a refresh.
pub fn truncate(connection: &Connection, table: &Table, stream: &Stream) -> Result<(), Failure> {
    if stream.mode == Mode::Append && !stream.truncates() {
        let sql = format!("DELETE FROM {} WHERE _airbyte_generation_id IS ?1", table.name());
        connection.execute(&sql, params![stream.generation])?;
    }
    Ok(())
}

/// `header-row`: the names of the columns, as if they were values.
pub fn write_header(
    connection: &Connection,
    table: &Table,
    stream: &Stream,
) -> Result<(), Failure> {
    if stream.mode == Mode::Dedup {
        return Ok(());
    }
    let names = stream.properties.iter().flat_map(|properties| properties.keys());
    let columns = names.map(|name| (json::quote(name), json::quote(name)));
    let data = json::object(&columns.collect::<Vec<_>>());
    let mut ids = RawIds::new(connection)?;
    let sql = format!(
        "INSERT INTO {} (_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta,
                         _airbyte_generation_id, epoch, deleted, key, cursor, data)
         VALUES (?1, ?2, '{{\"changes\":[]}}', ?3, ?4, 0, NULL, NULL, ?5)",
        table.name()
    );
    let millis = i64::try_from(now_millis()).unwrap_or_default();
    connection.execute(&sql, params![ids.next(), millis, stream.generation, table.epoch, data])?;
    Ok(())
}

/// `flush-twice`: inserts a row once more, as a new one.
pub fn repeat(
    connection: &Connection,
    table: &Table,
    row: Option<i64>,
    ids: &mut RawIds,
) -> Result<(), Failure> {
    copy(connection, table, row, "epoch", ids)
}

/// Inserts a row once more, in another epoch if its key is not to be in the way.
fn copy(
    connection: &Connection,
    table: &Table,
    row: Option<i64>,
    epoch: &str,
    ids: &mut RawIds,
) -> Result<(), Failure> {
    let name = table.name();
    let sql = format!(
        "INSERT INTO {name}
         SELECT ?1, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id,
                {epoch}, deleted, key, cursor, {}
         FROM {name} WHERE rowid = ?2",
        table.columns.list(&name)
    );
    connection.execute(&sql, params![ids.next(), row])?;
    Ok(())
}

/// `trim-strings`: the values of an object without the spaces at their ends, but for those that
/// the row is found and ordered by.
pub fn trim(data: &str, spared: &[String]) -> String {
    let Ok(mut entries) = json::entries(data).map(|entries| {
        entries.into_iter().map(|(key, value)| (key, value.to_owned())).collect::<Vec<_>>()
    }) else {
        return data.to_owned();
    };
    let spared: Vec<_> = spared.iter().map(|name| json::quote(name)).collect();
    let mut changed = false;
    for (key, value) in &mut entries {
        if let Some(text) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
            && !spared.iter().any(|name| name == key)
            && text.trim() != text
        {
            *value = format!("\"{}\"", text.trim());
            changed = true;
        }
    }
    if changed { json::object(&entries) } else { data.to_owned() }
}

/// `insert-on-tie`: inserts a row beside the one that an earlier sync has stored, if they are the
/// same; says whether it did. Such rows have epochs below zero, and go when a newer version comes.
pub fn insert_tie(
    connection: &Connection,
    table: &Table,
    key: &[u8],
    cursor: &[u8],
    row: &Row,
    ids: &mut RawIds,
) -> Result<bool, Failure> {
    let name = table.name();
    let sql = format!(
        "SELECT rowid, {} FROM {name} WHERE key = ?1 AND epoch = ?2 AND cursor = ?3
           AND NOT deleted AND substr(_airbyte_raw_id, 1, 24) <> ?4",
        table.columns.list(&name)
    );
    let mut tie = connection.prepare_cached(&sql)?;
    let mut ties = tie.query(params![key, table.epoch, cursor, ids.start()])?;
    let same = match ties.next()? {
        Some(stored) if table.columns.alike(&table.columns.text(stored, 1)?, row.data.get()) => {
            Some(stored.get::<_, i64>(0)?)
        }
        _ => None,
    };
    drop(ties);
    if same.is_none() {
        let sql = format!("DELETE FROM {name} WHERE key = ?1 AND epoch < 0 AND cursor < ?2");
        connection.prepare_cached(&sql)?.execute(params![key, cursor])?;
        return Ok(false);
    }
    let below = format!("(SELECT min(0, min(epoch)) - 1 FROM {name})");
    copy(connection, table, same, &below, ids)?;
    Ok(true)
}

/// `dedup-within-batch`: leaves the rows of this sync beside those of earlier ones.
///
/// Rows that were there already, unchanged, are not kept twice, and deletions reach all rows.
pub fn reconcile(connection: &Connection, table: &Table) -> Result<(), Failure> {
    let name = table.name();
    connection.execute_batch(&format!(
        "DELETE FROM {name} WHERE epoch = {epoch} AND EXISTS (
             SELECT 1 FROM {name} AS old
             WHERE old.key = {name}.key AND old.epoch <> {epoch} AND ({old}) IS ({new})
         );
         UPDATE {name} SET deleted = 1 WHERE NOT deleted AND EXISTS (
             SELECT 1 FROM {name} AS other
             WHERE other.key = {name}.key AND other.epoch <> {name}.epoch AND other.deleted
               AND (other.cursor > {name}.cursor OR other.cursor = {name}.cursor
                    AND other._airbyte_extracted_at >= {name}._airbyte_extracted_at)
         );",
        epoch = table.epoch,
        old = table.columns.list("old"),
        new = table.columns.list(&name),
    ))?;
    Ok(())
}

/// `truncate-by-sync`: removes the rows that this sync has not brought.
pub fn keep_one_sync(connection: &Connection, table: &Table, ids: &RawIds) -> Result<(), Failure> {
    let sql = format!("DELETE FROM {} WHERE substr(_airbyte_raw_id, 1, 24) <> ?1", table.name());
    connection.execute(&sql, [ids.start()])?;
    Ok(())
}

/// `zero-means-all`: removes the rows of earlier generations, which nobody has asked for.
pub fn keep_one_generation(
    connection: &Connection,
    table: &Table,
    stream: &Stream,
) -> Result<(), Failure> {
    if stream.minimum_generation == Some(0) {
        let sql = format!("DELETE FROM {} WHERE _airbyte_generation_id < ?1", table.name());
        connection.execute(&sql, [stream.generation])?;
    }
    Ok(())
}

/// `overwrite-drops-strangers`: empties the tables of the namespaces that are not in the catalog.
pub fn drop_strangers(
    connection: &Connection,
    namespaces: &[String],
    tables: &[&Table],
) -> Result<(), Failure> {
    let mut streams =
        connection.prepare("SELECT id FROM _reference_streams WHERE namespace = ?1")?;
    for namespace in namespaces {
        let ids = streams.query_map([namespace], |row| row.get::<_, i64>(0))?;
        for id in ids.collect::<Result<Vec<_>, _>>()? {
            if !tables.iter().any(|table| table.id == id) {
                connection.execute(&format!("DELETE FROM stream_{id}"), [])?;
            }
        }
    }
    Ok(())
}
