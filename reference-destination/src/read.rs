//! Read: the rows of a stream, for looking at what has landed. Not an operation of the protocol.

use crate::config::{self, Config};
use crate::error::{Failure, Stop};
use crate::json;
use crate::store::{self, Access};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Prints a stream's rows as JSON lines: the values as they are stored, and then the columns of
/// metadata. A stream that does not exist has no rows.
pub fn run(path: &Path, namespace: Option<&str>, name: &str) -> Result<(), Stop> {
    let config = Config::parse(&config::read(path)?)?;
    if !config.path.exists() {
        return Ok(());
    }
    let connection = store::open(&config, Access::Read)?;
    let namespace = namespace.unwrap_or(&config.default_namespace);
    let Some(found) = store::find(&connection, namespace, name)? else {
        return Ok(());
    };
    let mut select = connection.prepare(&format!(
        "SELECT _airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, data
         FROM stream_{} WHERE NOT deleted AND epoch IS NOT ?1 ORDER BY rowid",
        found.id
    ))?;
    let mut rows = select.query([found.hidden()])?;
    let mut out = BufWriter::new(io::stdout().lock());
    while let Some(row) = rows.next()? {
        let damaged = |error| Failure::system("A stored row is damaged.", error);
        let text = |index| row.get_ref(index).map(|value| value.as_str().unwrap_or_default());
        let data = text(4)?.trim().strip_suffix('}').ok_or("no object").map_err(damaged)?;
        let comma = if data.trim_end().ends_with('{') { "" } else { "," };
        let extracted_at: i64 = row.get(1)?;
        let generation = row.get::<_, Option<i64>>(3)?;
        let generation = generation.map_or_else(|| "null".to_owned(), |id| id.to_string());
        writeln!(
            out,
            r#"{data}{comma}"_airbyte_raw_id":{},"_airbyte_extracted_at":{extracted_at},"_airbyte_meta":{},"_airbyte_generation_id":{generation}}}"#,
            json::quote(text(0)?),
            text(2)?,
        )?;
    }
    Ok(out.flush()?)
}
