//! The database: opening it, its own tables, and who may use it.
//!
//! Streams are numbered, and the rows of stream 7 are in the table `stream_7`, so that any name
//! will do. `_reference_streams` says which is which. How a table keeps fields: [`Columns`].

mod columns;
pub mod finish;
pub mod mistakes;
mod names;
mod rows;
pub mod subtle;
mod table;
mod values;

pub use columns::Columns;
pub use rows::{RawIds, Row, Rows};
pub use table::{Table, find};

use crate::config::{Config, Durability};
use crate::error::Failure;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use sha2::{Digest, Sha256};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for another writer, and how long between two looks: most are done within a
/// moment, and SQLite's own waits, of up to a tenth of a second, would take longer than their work.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(1);

/// What the connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To change it; it is created if there is none.
    Write,
    /// To look at what there is. The last one to look tidies up, which takes write access too.
    Read,
    /// To look, and to be unable to do more.
    ReadOnly,
}

/// Opens the database, and asks it for something, since SQLite opens any file without a look.
pub fn open(config: &Config, access: Access) -> Result<Connection, Failure> {
    // Without SQLITE_OPEN_URI: a path is a path, whatever it looks like.
    let flags = match access {
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Access::Read => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&config.path, flags)?;
    connection.busy_handler(Some(waits))?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    admit(&connection, config)?;
    Ok(connection)
}

/// Waits for another writer, unless it has waited so often that its patience is at an end.
fn waits(before: i32) -> bool {
    thread::sleep(LOOK);
    u128::try_from(before).is_ok_and(|before| before < PATIENCE.as_millis() / LOOK.as_millis())
}

/// Makes the database ready to be written to.
pub fn prepare(connection: &Connection, config: &Config) -> Result<(), Failure> {
    use_log(connection)?;
    let durability = match config.durability {
        Durability::Full => "PRAGMA synchronous = FULL;".to_owned(),
        Durability::Normal { checkpoint_pages } => {
            let pages = checkpoint_pages.unwrap_or(1000);
            format!("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {pages};")
        }
    };
    connection.execute_batch(&durability)?;
    connection.execute_batch("PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;")?;
    connection.execute_batch(
        "BEGIN IMMEDIATE;
         CREATE TABLE IF NOT EXISTS _reference_settings (name TEXT PRIMARY KEY, value BLOB);
         CREATE TABLE IF NOT EXISTS _reference_streams (
             id INTEGER PRIMARY KEY,
             namespace TEXT NOT NULL,
             name TEXT NOT NULL,
             epoch INTEGER NOT NULL DEFAULT 0,
             staged_epoch INTEGER,
             staged_generation INTEGER,
             key_spec TEXT,
             UNIQUE (namespace, name)
         );
         CREATE TABLE IF NOT EXISTS _reference_columns (
             stream INTEGER NOT NULL,
             number INTEGER NOT NULL,
             name TEXT,
             PRIMARY KEY (stream, number)
         );",
    )?;
    claim(connection, config)?;
    connection.execute_batch("COMMIT")?;
    Ok(())
}

/// Switches to write-ahead logging, so that readers and a writer do not wait for each other.
fn use_log(connection: &Connection) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // The switch needs the file for itself, and SQLite does not wait for that.
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()));
        match mode {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                thread::sleep(LOOK);
            }
            other => return Ok(other?),
        }
    }
}

/// Does to the database what a write does, and takes it back.
pub fn probe(connection: &Connection) -> Result<(), Failure> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let outcome = connection.execute_batch(
        "CREATE TABLE _reference_probe (value TEXT);
         INSERT INTO _reference_probe VALUES ('probe');",
    );
    connection.execute_batch("ROLLBACK")?;
    Ok(outcome?)
}

/// Refuses whoever has not the passphrase that the database was given.
fn admit(connection: &Connection, config: &Config) -> Result<(), Failure> {
    if !has_table(connection, "_reference_settings")? {
        return Ok(());
    }
    let Some(stored) = setting(connection, "passphrase")? else {
        return Ok(());
    };
    let (salt, hash) = stored.split_at(stored.len().min(16));
    match &config.passphrase {
        Some(passphrase) if digest(salt, passphrase) == hash => Ok(()),
        Some(_) => Err(refused("The passphrase is not the one that this database was given.")),
        None => {
            Err(refused("This database was given a passphrase, and the configuration has none."))
        }
    }
}

fn refused(message: &str) -> Failure {
    Failure::config(message, "passphrase refused")
}

/// Gives the database the passphrase, if it has none yet.
fn claim(connection: &Connection, config: &Config) -> Result<(), Failure> {
    let Some(passphrase) = &config.passphrase else {
        return Ok(());
    };
    if setting(connection, "passphrase")?.is_some() {
        // Another sync may have been first since the connection was opened.
        return admit(connection, config);
    }
    let salt: Vec<u8> = connection.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
    let value = [salt.as_slice(), &digest(&salt, passphrase)].concat();
    let sql = "INSERT INTO _reference_settings (name, value) VALUES ('passphrase', ?1)";
    connection.execute(sql, [value])?;
    Ok(())
}

fn digest(salt: &[u8], passphrase: &str) -> Vec<u8> {
    Sha256::new().chain_update(salt).chain_update(passphrase).finalize().to_vec()
}

fn setting(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let sql = "SELECT value FROM _reference_settings WHERE name = ?1";
    Ok(connection.query_row(sql, [name], |row| row.get(0)).optional()?)
}

/// The streams that have a table, as `namespace<TAB>name`, and then the tables of others.
pub fn inventory(connection: &Connection) -> Result<Vec<String>, Failure> {
    let streams = has_table(connection, "_reference_streams")?;
    let of_streams = "SELECT namespace || char(9) || name FROM _reference_streams
                      ORDER BY namespace, name";
    let mine = "SELECT 'stream_' || id FROM _reference_streams";
    let strangers = format!(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_reference_*'
           AND name NOT IN ({}) ORDER BY name",
        if streams { mine } else { "" }
    );
    let mut names = Vec::new();
    for sql in [streams.then_some(of_streams), Some(&strangers)].into_iter().flatten() {
        let mut select = connection.prepare(sql)?;
        for name in select.query_map([], |row| row.get(0))? {
            names.push(name?);
        }
    }
    Ok(names)
}

/// Whether the database has a table of that name.
pub fn has_table(connection: &Connection, name: &str) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    Ok(connection.query_row(sql, [name], |row| row.get(0))?)
}
