//! What a sync puts up against others, and against being ended. Without a fault it does not.

use crate::catalog::Stream;
use crate::config::Config;
use crate::error::Failure;
use crate::faults::{Fault, Faults};
use rusqlite::{Connection, params};
use signal_hook::consts::SIGTERM;
use signal_hook::flag;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The exit code of one that SIGTERM has ended, as a shell would tell it.
const TERMINATED: i32 = 128 + SIGTERM;

/// Ends the process at SIGTERM: what is not committed was not acknowledged. Left alone, the first
/// process of a container would not even hear of it.
pub fn mind_sigterm(faults: Faults) -> Result<(), Failure> {
    let registered = if faults.has(Fault::IgnoreSigterm) {
        // `ignore-sigterm`: it is noted, and nobody looks at the note.
        flag::register(SIGTERM, Arc::new(AtomicBool::new(false)))
    } else {
        let at_once = Arc::new(AtomicBool::new(true));
        flag::register_conditional_shutdown(SIGTERM, TERMINATED, at_once)
    };
    registered
        .map(|_| ())
        .map_err(|error| Failure::system("No handler for SIGTERM can be set.", error))
}

/// `lock-for-whole-sync`: the lock, which goes with the file.
pub fn lock(config: &Config, faults: Faults) -> Result<Option<File>, Failure> {
    if !faults.has(Fault::LockForWholeSync) {
        return Ok(None);
    }
    let mut path = config.path.clone().into_os_string();
    path.push(".lock");
    // Why a file cannot be made there is told by whoever opens the database.
    let Ok(file) = File::create(path) else {
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(error) => Err(Failure::transient("Another sync uses the database.", error)),
    }
}

/// `marker-of-running`: the streams of which a sync has said that it is running.
pub struct Marker {
    streams: Vec<(String, String)>,
}

impl Marker {
    /// Sets the marker, if there is none of another sync.
    pub fn set(
        connection: &Connection,
        config: &Config,
        streams: &[Stream],
        faults: Faults,
    ) -> Result<Self, Failure> {
        if !faults.has(Fault::MarkerOfRunning) {
            return Ok(Self { streams: Vec::new() });
        }
        let names = streams.iter().map(|stream| {
            let namespace = stream.namespace.clone().unwrap_or(config.default_namespace.clone());
            (namespace, stream.name.clone())
        });
        let streams: Vec<_> = names.collect();
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS _reference_running (
                 namespace TEXT, name TEXT, UNIQUE (namespace, name)
             );
             BEGIN IMMEDIATE",
        )?;
        for (namespace, name) in &streams {
            let sql = "INSERT OR IGNORE INTO _reference_running VALUES (?1, ?2)";
            if connection.execute(sql, params![namespace, name])? == 0 {
                connection.execute_batch("ROLLBACK")?;
                let message = format!("A sync of stream {name:?} is running already.");
                return Err(Failure::transient(message, "the marker is there"));
            }
        }
        connection.execute_batch("COMMIT")?;
        Ok(Self { streams })
    }

    /// Takes the marker away.
    pub fn remove(self, connection: &Connection) {
        if !self.streams.is_empty() && !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        for (namespace, name) in self.streams {
            let sql = "DELETE FROM _reference_running WHERE namespace = ?1 AND name = ?2";
            let _ = connection.execute(sql, params![namespace, name]);
        }
    }
}
