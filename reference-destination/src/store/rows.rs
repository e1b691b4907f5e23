//! Rows on their way into a table.

use super::{Columns, Table, mistakes, subtle, values};
use crate::catalog::{Mode, Stream};
use crate::error::Failure;
use crate::faults::{Fault, Faults};
use crate::output::now_millis;
use crate::{json, order};
use rusqlite::{Connection, Statement};
use serde_json::value::RawValue;

/// The field that says that a record is the deletion of its key.
const DELETED_AT: &str = "_ab_cdc_deleted_at";

/// When a version of a row takes the place of the one that is there: it has the greater cursor,
/// or the same and was emitted no earlier. `old` is the table's name.
pub fn newer(old: &str) -> String {
    format!(
        "(excluded.cursor > {old}.cursor OR (excluded.cursor = {old}.cursor
          AND excluded._airbyte_extracted_at >= {old}._airbyte_extracted_at))"
    )
}

/// What an upsert does where the key exists already.
pub fn on_conflict(condition: &str, columns: &Columns) -> String {
    let others = columns.each(|number| format!("c{number} = excluded.c{number}"));
    format!(
        "ON CONFLICT (key, epoch) DO UPDATE SET
             _airbyte_raw_id = excluded._airbyte_raw_id,
             _airbyte_extracted_at = excluded._airbyte_extracted_at,
             _airbyte_meta = excluded._airbyte_meta,
             _airbyte_generation_id = excluded._airbyte_generation_id,
             deleted = excluded.deleted, cursor = excluded.cursor, data = excluded.data{others}
         WHERE {condition}"
    )
}

/// A row as it comes from a record.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// When the source emitted it, in milliseconds since the epoch.
    pub extracted_at: i64,
    /// The changes that came with it, as a JSON array.
    pub changes: Option<&'a str>,
    /// Its values, as a JSON object.
    pub data: &'a RawValue,
}

/// Makes ids of the form of a UUID: random but for the end, which counts.
#[derive(Debug)]
pub struct RawIds {
    id: Vec<u8>,
    next: u64,
}

impl RawIds {
    /// Ids that no other sync makes.
    pub fn new(connection: &Connection) -> Result<Self, Failure> {
        let sql = "SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-8'
                   || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-')";
        let start: String = connection.query_row(sql, [], |row| row.get(0))?;
        let mut id = start.into_bytes();
        id.extend_from_slice(&[b'0'; 12]);
        Ok(Self { id, next: 0 })
    }

    /// The start that all ids of this sync share.
    #[must_use]
    pub fn start(&self) -> &str {
        std::str::from_utf8(&self.id[..24]).unwrap_or_default()
    }

    /// The next id.
    pub fn next(&mut self) -> &str {
        let mut rest = self.next;
        self.next += 1;
        for digit in self.id[24..].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
        }
        std::str::from_utf8(&self.id).unwrap_or_default()
    }
}

/// Stores the rows of one stream.
#[derive(Debug)]
pub struct Rows<'c> {
    insert: Statement<'c>,
    table: Table,
    stream: Stream,
    faults: Faults,
    connection: &'c Connection,
    /// `_airbyte_meta` of a row that came without changes.
    plain_meta: String,
    /// The members of a record that decide over it: the first name of each path, and the deletion.
    names: Vec<String>,
    key: Vec<u8>,
    cursor: Vec<u8>,
    /// The last row that was stored, if any.
    pub last: Option<i64>,
}

impl<'c> Rows<'c> {
    /// Prepares to store rows.
    pub fn new(
        connection: &'c Connection,
        table: Table,
        mut stream: Stream,
        faults: Faults,
    ) -> Result<Self, Failure> {
        subtle::shorten_key(&mut stream, faults);
        let name = table.name();
        let others = table.columns.each(|number| format!("?{}", 9 + number));
        let mut sql =
            format!("INSERT INTO {name} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9{others})");
        if stream.mode == Mode::Dedup {
            let mut condition = newer(&name);
            if faults.has(Fault::LastArrivalWins) {
                // Deletions are not part of this mistake.
                condition = format!("NOT (excluded.deleted OR {name}.deleted) OR {condition}");
            }
            condition = subtle::winner(condition, &name, faults);
            sql = format!("{sql} {}", on_conflict(&condition, &table.columns));
        }
        let mut insert = connection.prepare(&sql)?;
        insert.raw_bind_parameter(4, stream.generation)?;
        insert.raw_bind_parameter(5, table.epoch)?;
        insert.raw_bind_parameter(6, false)?;
        let mut names: Vec<_> =
            stream.key.iter().filter_map(|path| path.first()).cloned().collect();
        names.push(stream.cursor.first().cloned().unwrap_or_default());
        names.push(DELETED_AT.to_owned());
        let plain_meta = meta(stream.sync, "[]");
        let (key, cursor) = (Vec::new(), Vec::new());
        Ok(Self {
            insert,
            table,
            stream,
            faults,
            connection,
            plain_meta,
            names,
            key,
            cursor,
            last: None,
        })
    }

    /// Stores a row.
    pub fn store(&mut self, row: &Row, ids: &mut RawIds) -> Result<(), Failure> {
        if self.stream.mode == Mode::Dedup {
            let deleted = self.read_key(row.data);
            if deleted && self.faults.has(Fault::IgnoreDeletes) {
                return Ok(());
            }
            if self.faults.has(Fault::InsertOnTie)
                && mistakes::insert_tie(
                    self.connection,
                    &self.table,
                    &self.key,
                    &self.cursor,
                    row,
                    ids,
                )?
            {
                return Ok(());
            }
            self.insert.raw_bind_parameter(6, deleted)?;
            self.insert.raw_bind_parameter(7, self.key.as_slice())?;
            self.insert.raw_bind_parameter(8, self.cursor.as_slice())?;
        }
        self.insert.raw_bind_parameter(1, ids.next())?;
        let mut extracted_at = row.extracted_at;
        if self.faults.has(Fault::ExtractedAtNow) && self.stream.mode != Mode::Dedup {
            extracted_at = i64::try_from(now_millis()).unwrap_or_default();
        }
        self.insert.raw_bind_parameter(2, extracted_at)?;
        match row.changes {
            Some(changes) => {
                self.insert.raw_bind_parameter(3, meta(self.stream.sync, changes))?;
            }
            None => self.insert.raw_bind_parameter(3, self.plain_meta.as_str())?,
        }
        let data =
            values::stored(row.data.get(), &self.stream, &self.table, &self.names, self.faults);
        self.table.columns.bind(&data, &mut self.insert, 9)?;
        self.insert.raw_execute()?;
        self.last = Some(self.connection.last_insert_rowid());
        Ok(())
    }

    /// Reads what a record's fate depends on, and says whether it is a deletion.
    fn read_key(&mut self, data: &RawValue) -> bool {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut values = vec![None; names.len()];
        json::members(data.get(), &names, &mut values);
        // Two paths may start with the same name, of which only the first has its value.
        let value = |path: &[String]| -> Option<&RawValue> {
            let (first, rest) = path.split_first()?;
            json::at(values[names.iter().position(|name| name == first)?]?, rest)
        };
        self.key.clear();
        for path in &self.stream.key {
            let start = self.key.len();
            self.key.extend_from_slice(&[0; 4]);
            order::encode(value(path), &mut self.key);
            subtle::liken(&mut self.key, start + 4, self.faults);
            let length = u32::try_from(self.key.len() - start - 4).unwrap_or(u32::MAX);
            self.key[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        self.cursor.clear();
        order::encode(value(&self.stream.cursor), &mut self.cursor);
        subtle::raise_null(&mut self.cursor, self.faults);
        let deleted_at = value(&[DELETED_AT.to_owned()]);
        deleted_at.is_some_and(|at| at.get() != "null")
    }

    /// Computes the key and the cursor of stored data; also says whether it is a deletion.
    pub fn rekeyed(&mut self, data: &RawValue) -> (&[u8], &[u8], bool) {
        let deleted = self.read_key(data);
        (&self.key, &self.cursor, deleted)
    }
}

/// The `_airbyte_meta` of a row.
fn meta(sync: Option<i64>, changes: &str) -> String {
    sync.map_or_else(
        || format!(r#"{{"changes":{changes}}}"#),
        |sync| format!(r#"{{"sync_id":{sync},"changes":{changes}}}"#),
    )
}
