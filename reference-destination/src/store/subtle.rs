//! The subtle faults that concern which rows of a table stay.

use super::{RawIds, Table};
use crate::catalog::Stream;
use crate::error::Failure;
use crate::faults::{Fault, Faults};
use rusqlite::{Connection, params};

/// How an encoded text starts; see [`crate::order`].
const TEXT: u8 = 4;

/// An encoded null, and what is greater than any encoded value.
const NULL: u8 = 0;
const GREATEST: u8 = u8::MAX;

/// `nested-key-ignored`: leaves the nested parts out of a key that has others.
pub fn shorten_key(stream: &mut Stream, faults: Faults) {
    if faults.has(Fault::NestedKeyIgnored) && stream.key.iter().any(|path| path.len() == 1) {
        stream.key.retain(|path| path.len() == 1);
    }
}

/// `key-case-folded`, `key-trimmed`: makes the text alike that the bytes from `start` on encode.
pub fn liken(key: &mut Vec<u8>, start: usize, faults: Faults) {
    let [fold, trim] = [Fault::KeyCaseFolded, Fault::KeyTrimmed].map(|fault| faults.has(fault));
    if (fold || trim) && key.get(start) == Some(&TEXT) {
        let text = String::from_utf8_lossy(&key[start + 1..]).into_owned();
        key.truncate(start + 1);
        let alike = if fold { text.to_lowercase() } else { text.trim_matches(' ').to_owned() };
        key.extend_from_slice(alike.as_bytes());
    }
}

/// `null-cursor-wins`: raises an encoded cursor above all others if it is null.
pub fn raise_null(cursor: &mut [u8], faults: Faults) {
    if faults.has(Fault::NullCursorWins) && *cursor == [NULL] {
        cursor[0] = GREATEST;
    }
}

/// `late-older-wins`, `delete-same-sync-only`: which version of a row wins, where the two are of
/// different syncs.
pub fn winner(newer: String, old: &str, faults: Faults) -> String {
    let other_sync =
        format!("substr(excluded._airbyte_raw_id, 1, 24) <> substr({old}._airbyte_raw_id, 1, 24)");
    if faults.has(Fault::LateOlderWins) {
        format!("({newer} OR {other_sync})")
    } else if faults.has(Fault::DeleteSameSyncOnly) {
        format!("({newer} AND NOT (excluded.deleted AND {other_sync}))")
    } else {
        newer
    }
}

/// Which rows are older than the minimum generation, ?1; as text under `generations-as-text`.
pub fn is_older(faults: Faults) -> &'static str {
    if faults.has(Fault::GenerationsAsText) {
        "CAST(ifnull(_airbyte_generation_id, -1) AS TEXT) < CAST(?1 AS TEXT)"
    } else {
        "ifnull(_airbyte_generation_id, -1) < ?1"
    }
}

/// `restart-cleans-up`: removes the rows of a sync that is not known to have ended, and notes how
/// the raw ids of this one start.
pub fn clean_up<'t>(
    connection: &Connection,
    tables: impl Iterator<Item = &'t Table>,
    ids: &RawIds,
) -> Result<(), Failure> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS _reference_syncs (stream INTEGER PRIMARY KEY, ids TEXT)",
    )?;
    for table in tables {
        let sql = format!(
            "DELETE FROM {} WHERE substr(_airbyte_raw_id, 1, 24) =
                 (SELECT ids FROM _reference_syncs WHERE stream = ?1)",
            table.name()
        );
        connection.execute(&sql, [table.id])?;
        let sql = "INSERT OR REPLACE INTO _reference_syncs VALUES (?1, ?2)";
        connection.execute(sql, params![table.id, ids.start()])?;
    }
    Ok(())
}

/// `restart-cleans-up`: notes that the sync has ended.
pub fn note_end<'t>(
    connection: &Connection,
    tables: impl Iterator<Item = &'t Table>,
) -> Result<(), Failure> {
    for table in tables {
        connection.execute("DELETE FROM _reference_syncs WHERE stream = ?1", [table.id])?;
    }
    Ok(())
}
