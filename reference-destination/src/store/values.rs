//! What becomes of a row's values on their way into the table. Without a fault they stay as they
//! are.

use super::{Table, mistakes};
use crate::catalog::{Mode, Stream};
use crate::error::Failure;
use crate::faults::{Fault, Faults};
use crate::json;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use std::borrow::Cow;

/// The first and the last day that 64 bits of nanoseconds hold in full.
const NANOSECONDS: [&str; 2] = ["1677-09-22", "2262-04-10"];

/// The values as they are stored. `spared` are the fields that the row is found and ordered by.
pub fn stored<'d>(
    data: &'d str,
    stream: &Stream,
    table: &Table,
    spared: &[String],
    faults: Faults,
) -> Cow<'d, str> {
    if faults.has(Fault::TrimStrings) && stream.mode != Mode::Dedup {
        return mistakes::trim(data, spared).into();
    }
    if faults.has(Fault::FreezeColumns) && !table.frozen.is_empty() {
        return without(data, &table.frozen).into();
    }
    if faults.has(Fault::NanosecondTimestamps) {
        return within_nanoseconds(data, stream).into();
    }
    data.into()
}

/// A field's name, without its quotes and escapes.
fn named(key: &str) -> String {
    serde_json::from_str(key).unwrap_or_else(|_| key.to_owned())
}

fn without(data: &str, frozen: &[String]) -> String {
    let Ok(mut entries) = json::entries(data) else {
        return data.to_owned();
    };
    entries.retain(|(key, _)| !frozen.contains(&named(key)));
    json::object(&entries)
}

fn within_nanoseconds(data: &str, stream: &Stream) -> String {
    let (Some(properties), Ok(mut entries)) = (&stream.properties, json::entries(data)) else {
        return data.to_owned();
    };
    let mut changed = false;
    for (key, value) in &mut entries {
        let schema = properties.get(&named(key));
        let is_time = schema.is_some_and(|schema| schema["format"] == "date-time");
        if is_time && overflows(value) {
            *value = "null";
            changed = true;
        }
    }
    if changed { json::object(&entries) } else { data.to_owned() }
}

/// Whether a value is a timestamp that 64 bits of nanoseconds cannot hold.
fn overflows(value: &str) -> bool {
    let Ok(text) = serde_json::from_str::<String>(value) else {
        return false;
    };
    let unsigned = text.trim_start_matches(['+', '-']);
    let year = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let is_date = year >= 4 && unsigned.as_bytes().get(year) == Some(&b'-');
    let four_digits = unsigned.len() == text.len() && year == 4;
    let [first, last] = NANOSECONDS;
    let inside = four_digits
        && !text.ends_with("BC")
        && text.get(..10).is_some_and(|day| first <= day && day <= last);
    is_date && !inside
}

/// `freeze-columns`: the declared columns that the table was not made with.
pub fn frozen(
    connection: &Connection,
    table: &Table,
    stream: &Stream,
    new: bool,
) -> Result<Vec<String>, Failure> {
    let declared: Vec<_> = stream.properties.iter().flat_map(|fields| fields.keys()).collect();
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS _reference_frozen (id INTEGER PRIMARY KEY, names TEXT)",
    )?;
    if new {
        let sql = "INSERT OR REPLACE INTO _reference_frozen VALUES (?1, ?2)";
        connection.execute(sql, params![table.id, serde_json::json!(declared).to_string()])?;
        return Ok(Vec::new());
    }
    let sql = "SELECT names FROM _reference_frozen WHERE id = ?1";
    let names: Option<String> =
        connection.query_row(sql, [table.id], |row| row.get(0)).optional()?;
    // A table that was made without this mistake has all columns that it needs.
    let Some(names) = names.and_then(|names| serde_json::from_str::<Vec<Value>>(&names).ok())
    else {
        return Ok(Vec::new());
    };
    let later = declared.into_iter().filter(|name| !names.iter().any(|known| known == *name));
    Ok(later.cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_that_nanoseconds_cannot_hold_are_lost() {
        for time in ["1677-09-22T00:00:00Z", "2262-04-10T23:59:59+01:00", "1970-01-01", "x", ""] {
            assert!(!overflows(&json::quote(time)), "{time}");
        }
        for time in ["0001-01-01T00:00:00Z", "9999-12-31T00:00:00", "12024-01-01T00:00:00Z"] {
            assert!(overflows(&json::quote(time)), "{time}");
            assert!(overflows(&json::quote(&format!("-{time}"))), "-{time}");
        }
        assert!(overflows("\"2000-01-01T00:00:00Z BC\""));
        assert!(!overflows("20000101"));
    }
}
