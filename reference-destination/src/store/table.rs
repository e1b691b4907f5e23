//! The table of one stream, and where in it the rows of a sync go.
//!
//! A row belongs to an epoch. Most syncs write into the table's current one. Rows that must not
//! meet the old ones before the sync has succeeded go into a staged epoch:
//!
//! - an overwrite without generations: its rows are not to be seen before they replace the others;
//! - a truncating refresh of a deduplicated stream: its rows compete with each other, and not with
//!   rows that are about to go, even if those have greater cursors.

use super::{Columns, finish, has_table, mistakes, names, values};
use crate::catalog::{Mode, Stream};
use crate::config::Layout;
use crate::error::Failure;
use crate::faults::{Fault, Faults};
use crate::json;
use rusqlite::{Connection, OptionalExtension, params};

/// A stream's table during a sync.
#[derive(Debug, Clone)]
pub struct Table {
    /// The stream's number.
    pub id: i64,
    /// The epoch that counts.
    pub current: i64,
    /// The epoch that this sync's rows go to.
    pub epoch: i64,
    /// How it keeps fields.
    pub columns: Columns,
    /// Declared columns that it has no place for; there are some only under a fault.
    pub frozen: Vec<String>,
}

/// What `_reference_streams` knows of a stream.
#[derive(Debug)]
pub struct Found {
    /// The stream's number.
    pub id: i64,
    /// The epoch that counts.
    pub current: i64,
    /// The epoch that an unfinished sync has written to.
    pub staged: Option<i64>,
    /// The generation of that sync; none for a plain overwrite.
    pub staged_generation: Option<i64>,
    /// The key and the cursor that the rows were stored with, as JSON.
    pub key_spec: Option<String>,
}

impl Found {
    /// The epoch whose rows are not to be seen yet.
    #[must_use]
    pub fn hidden(&self) -> Option<i64> {
        if self.staged_generation.is_none() { self.staged } else { None }
    }
}

/// Looks a stream up.
pub fn find(
    connection: &Connection,
    namespace: &str,
    name: &str,
) -> Result<Option<Found>, Failure> {
    if !has_table(connection, "_reference_streams")? {
        return Ok(None);
    }
    let sql = "SELECT id, epoch, staged_epoch, staged_generation, key_spec
               FROM _reference_streams WHERE namespace = ?1 AND name = ?2";
    let found = connection.query_row(sql, [namespace, name], |row| {
        Ok(Found {
            id: row.get(0)?,
            current: row.get(1)?,
            staged: row.get(2)?,
            staged_generation: row.get(3)?,
            key_spec: row.get(4)?,
        })
    });
    Ok(found.optional()?)
}

impl Table {
    /// Makes a stream's table ready for a sync: it exists, has what the mode needs, and what an
    /// unfinished sync has left behind is taken up, merged or dropped.
    pub fn begin(
        connection: &Connection,
        namespace: &str,
        stream: &Stream,
        layout: Layout,
        faults: Faults,
    ) -> Result<Self, Failure> {
        let (namespace, name) = names::of_table(connection, namespace, &stream.name, faults)?;
        let (found, new) = match find(connection, &namespace, &name)? {
            Some(found) => (found, false),
            None => (create(connection, &namespace, &name)?, true),
        };
        let (id, epoch) = (found.id, found.current);
        if new && layout == Layout::Typed {
            Columns::mark_typed(connection, id)?;
        }
        let mut columns = Columns::of(connection, id)?;
        let declared = stream.properties.iter().flat_map(|properties| properties.keys());
        columns.declare(connection, id, declared)?;
        let mut table = Self { id, current: epoch, epoch, columns, frozen: Vec::new() };
        if faults.has(Fault::FreezeColumns) {
            table.frozen = values::frozen(connection, &table, stream, new)?;
        }
        if faults.has(Fault::TruncateAtStart) && stream.truncates() {
            finish::truncate(connection, &table, stream.minimum_generation, faults)?;
        }
        if stream.mode == Mode::Dedup {
            table.deduplicate(connection, stream, &found)?;
        }
        table.stage(connection, stream, &found)?;
        if faults.has(Fault::DedupWithinBatch) && stream.mode == Mode::Dedup {
            table.epoch = table.next_epoch(connection)?;
        }
        if faults.has(Fault::AppendTruncates) {
            mistakes::truncate(connection, &table, stream)?;
        }
        if faults.has(Fault::HeaderRow) && new {
            mistakes::write_header(connection, &table, stream)?;
        }
        Ok(table)
    }

    /// The name of the table.
    #[must_use]
    pub fn name(&self) -> String {
        format!("stream_{}", self.id)
    }

    /// Sees to it that rows have keys, and that the keys are those of the catalog.
    fn deduplicate(
        &self,
        connection: &Connection,
        stream: &Stream,
        found: &Found,
    ) -> Result<(), Failure> {
        let table = self.name();
        connection.execute_batch(&format!(
            "CREATE UNIQUE INDEX IF NOT EXISTS {table}_key ON {table} (key, epoch)"
        ))?;
        let key: Vec<_> = stream.key.iter().map(|path| path_text(path)).collect();
        let spec = format!("[[{}],{}]", key.join(","), path_text(&stream.cursor));
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE key IS NULL)");
        let appended: bool = connection.query_row(&sql, [], |row| row.get(0))?;
        if appended || found.key_spec.as_deref() != Some(&spec) {
            finish::rekey(connection, self, stream)?;
            let sql = "UPDATE _reference_streams SET key_spec = ?1 WHERE id = ?2";
            connection.execute(sql, params![spec, self.id])?;
        }
        Ok(())
    }

    /// Chooses the epoch, and deals with one that was left staged.
    fn stage(
        &mut self,
        connection: &Connection,
        stream: &Stream,
        found: &Found,
    ) -> Result<(), Failure> {
        let apart = stream.mode == Mode::Dedup
            && stream.truncates()
            && self.has_older(connection, stream.minimum_generation)?;
        if let Some(staged) = found.staged {
            if apart && found.staged_generation == stream.generation {
                self.epoch = staged;
                return Ok(());
            }
            if found.staged_generation.is_some() {
                finish::merge(connection, self, staged)?;
            } else {
                let sql = format!("DELETE FROM {} WHERE epoch = ?1", self.name());
                connection.execute(&sql, [staged])?;
            }
        }
        let staged =
            (apart || stream.replaces()).then(|| self.next_epoch(connection)).transpose()?;
        let generation = if apart { stream.generation } else { None };
        let sql = "UPDATE _reference_streams
                   SET staged_epoch = ?1, staged_generation = ?2 WHERE id = ?3";
        connection.execute(sql, params![staged, generation, self.id])?;
        self.epoch = staged.unwrap_or(self.current);
        Ok(())
    }

    /// Whether there are rows that a truncating refresh is to remove.
    fn has_older(&self, connection: &Connection, minimum: Option<i64>) -> Result<bool, Failure> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} WHERE epoch = ?1 AND ifnull(_airbyte_generation_id, -1) < ?2)",
            self.name()
        );
        Ok(connection.query_row(&sql, params![self.current, minimum], |row| row.get(0))?)
    }

    fn next_epoch(&self, connection: &Connection) -> Result<i64, Failure> {
        let sql = format!("SELECT max(?1, ifnull(max(epoch), 0)) + 1 FROM {}", self.name());
        Ok(connection.query_row(&sql, [self.current], |row| row.get(0))?)
    }
}

/// A path as a JSON array.
fn path_text(path: &[String]) -> String {
    let names: Vec<_> = path.iter().map(|name| json::quote(name)).collect();
    format!("[{}]", names.join(","))
}

fn create(connection: &Connection, namespace: &str, name: &str) -> Result<Found, Failure> {
    let sql = "INSERT INTO _reference_streams (namespace, name) VALUES (?1, ?2)";
    connection.execute(sql, [namespace, name])?;
    let id = connection.last_insert_rowid();
    // data comes last: it may be long, and the columns before it are then found without reading it.
    connection.execute_batch(&format!(
        "CREATE TABLE stream_{id} (
             _airbyte_raw_id TEXT NOT NULL,
             _airbyte_extracted_at INTEGER NOT NULL,
             _airbyte_meta TEXT NOT NULL,
             _airbyte_generation_id INTEGER,
             epoch INTEGER NOT NULL,
             deleted INTEGER NOT NULL DEFAULT 0,
             key BLOB,
             cursor BLOB,
             data TEXT NOT NULL
         )"
    ))?;
    Ok(Found { id, current: 0, staged: None, staged_generation: None, key_spec: None })
}
