//! How a table keeps the fields of its records.
//!
//! In the raw layout a record's text is in `data`. In the typed one, each field that a catalog has
//! declared is in a column of its own, as JSON text, and `data` holds the others. These columns are
//! numbered (`c1`, `c2`, …), so that any name will do; `_reference_columns` says which is which. Its
//! number 0 is `data`, and marks the table as typed. Null and absent are not told apart.

use super::has_table;
use crate::error::Failure;
use crate::json;
use indexmap::IndexMap;
use rusqlite::{Connection, Row, Statement, params};
use std::borrow::Cow;

/// SQLite takes 2,000 columns; declared fields beyond these are kept with the others.
const MOST: usize = 1900;

/// The names of a typed table's columns, plain and as they are printed; none in the raw layout.
#[derive(Debug, Clone, Default)]
pub struct Columns(Option<IndexMap<String, String>>);

impl Columns {
    /// Makes a new table a typed one.
    pub fn mark_typed(connection: &Connection, stream: i64) -> Result<(), Failure> {
        let sql = "INSERT INTO _reference_columns VALUES (?1, 0, NULL)";
        connection.execute(sql, [stream])?;
        Ok(())
    }

    /// The columns that a stream's table has.
    pub fn of(connection: &Connection, stream: i64) -> Result<Self, Failure> {
        if !has_table(connection, "_reference_columns")? {
            return Ok(Self::default());
        }
        let sql = "SELECT name FROM _reference_columns WHERE stream = ?1 ORDER BY number";
        let mut select = connection.prepare(sql)?;
        let mut names = select.query_map([stream], |row| row.get::<_, Option<String>>(0))?;
        if names.next().transpose()?.is_none() {
            return Ok(Self::default());
        }
        let mut columns = IndexMap::new();
        for name in names {
            let name = name?.unwrap_or_default();
            let quoted = json::quote(&name);
            columns.insert(name, quoted);
        }
        Ok(Self(Some(columns)))
    }

    /// Adds columns for the names that have none yet.
    pub fn declare<'n>(
        &mut self,
        connection: &Connection,
        stream: i64,
        names: impl Iterator<Item = &'n String>,
    ) -> Result<(), Failure> {
        let Some(columns) = &mut self.0 else {
            return Ok(());
        };
        for name in names {
            if columns.contains_key(name) || columns.len() == MOST {
                continue;
            }
            columns.insert(name.clone(), json::quote(name));
            let number = columns.len();
            let sql = format!("ALTER TABLE stream_{stream} ADD COLUMN c{number} TEXT");
            connection.execute(&sql, [])?;
            let sql = format!("INSERT INTO _reference_columns VALUES (?1, {number}, ?2)");
            connection.execute(&sql, params![stream, name])?;
        }
        Ok(())
    }

    /// SQL about each column: `, c1, c2` if the text of `c1` is `c1`.
    pub fn each(&self, text: impl Fn(usize) -> String) -> String {
        let count = self.0.as_ref().map_or(0, IndexMap::len);
        (1..=count).flat_map(|number| [", ".to_owned(), text(number)]).collect()
    }

    /// The column `data` and all others, of a table or an alias.
    #[must_use]
    pub fn list(&self, table: &str) -> String {
        format!("{table}.data{}", self.each(|number| format!("{table}.c{number}")))
    }

    /// Binds a record's fields: to the parameter `first`, and in the typed layout to those after
    /// it.
    pub fn bind(&self, data: &str, insert: &mut Statement, first: usize) -> Result<(), Failure> {
        let Some(columns) = &self.0 else {
            return Ok(insert.raw_bind_parameter(first, data)?);
        };
        let entries = json::entries(data)
            .map_err(|error| Failure::system("A record's fields cannot be told apart.", error))?;
        let mut values = vec![None; columns.len()];
        let mut others = Vec::new();
        for (name, value) in entries {
            match plain(name).and_then(|name| columns.get_index_of(&*name)) {
                Some(index) => values[index] = Some(value).filter(|value| *value != "null"),
                None => others.push((name, value)),
            }
        }
        insert.raw_bind_parameter(first, json::object(&others))?;
        for (index, value) in values.into_iter().enumerate() {
            insert.raw_bind_parameter(first + 1 + index, value)?;
        }
        Ok(())
    }

    /// A row's fields as one object, given where in the row the columns of [`Self::list`] start.
    pub fn text<'r>(&self, row: &'r Row, first: usize) -> Result<Cow<'r, str>, Failure> {
        let text = |index| row.get_ref(index).map(|value| value.as_str().ok());
        let data = text(first)?.unwrap_or_default().trim();
        let Some(columns) = &self.0 else {
            return Ok(Cow::Borrowed(data));
        };
        let mut out = String::from("{");
        for (index, quoted) in columns.values().enumerate() {
            if let Some(value) = text(first + 1 + index)? {
                out.extend([quoted.as_str(), ":", value, ","]);
            }
        }
        let others = data.strip_prefix('{').unwrap_or(data);
        if others == "}" && out.ends_with(',') {
            out.pop();
        }
        Ok(Cow::Owned(out + others))
    }

    /// Whether a row's text is that of a record, as far as the layout can tell.
    #[must_use]
    pub fn alike(&self, stored: &str, data: &str) -> bool {
        let sorted = |object| {
            let mut entries = json::entries(object).unwrap_or_default();
            entries.retain(|(_, value)| *value != "null");
            entries.sort_unstable();
            entries
        };
        stored == data || (self.0.is_some() && sorted(stored) == sorted(data))
    }
}

/// A name without its quotes and escapes; none if no string type can hold it.
fn plain(quoted: &str) -> Option<Cow<'_, str>> {
    if quoted.contains('\\') {
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(quoted.strip_prefix('"')?.strip_suffix('"')?))
}
