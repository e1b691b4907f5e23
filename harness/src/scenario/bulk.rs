//! Bulk input: many records of one stream, made on the fly from a recipe.
//!
//! A recipe is a few bytes, so a transcript of ten million records keeps what made them, not the
//! records. All lines of a recipe are equally long, and differ only in digits: a block of lines is
//! laid out once, and its digits are counted up in place. That is faster than a pipe.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::protocol::message::Descriptor;

/// The first record's `id`: so many digits that no record count changes their number.
const FIRST_ID: u64 = 1_000_000_000;
/// That number.
const DIGITS: usize = 10;
/// When all records are emitted, in milliseconds since 1970.
pub const EMITTED_AT: i64 = 1_767_225_600_000;
/// Records laid out at a time, at most: about 220 KB, which stays within a core's cache.
const BLOCK: usize = 1000;
/// Bytes laid out at a time, but for one record that is longer.
const BLOCK_BYTES: usize = 256 << 10;

/// A recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulk {
    /// The stream that all records belong to.
    pub stream: Descriptor,
    /// How many records; fewer than nine thousand million.
    pub records: u64,
    /// After how many records a state is sent; 0: none.
    pub state_every: u64,
    /// The `id` of the first state, if states have ids.
    #[serde(default)]
    pub first_state_id: Option<u64>,
    /// The length of a record's line with its newline, in bytes; longer if the names need it.
    #[serde(default = "default_line")]
    pub line: usize,
    /// The least length of a state's line, in bytes: its blob is padded.
    #[serde(default)]
    pub state_line: usize,
    /// How many records of the stream come before the recipe, after its last state: the source
    /// counts them in the recipe's first one.
    #[serde(default)]
    pub before: u64,
    /// How many records of the recipe, with their states, are left out at its start; no state is
    /// parted from some of its records.
    #[serde(default)]
    pub skip: u64,
}

fn default_line() -> usize {
    219
}

impl Bulk {
    /// How many records are sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.records.saturating_sub(self.skip)
    }

    /// How many states are sent.
    #[must_use]
    pub fn states(&self) -> u64 {
        let until = |records: u64| records.checked_div(self.state_every).unwrap_or(0);
        until(self.records).saturating_sub(until(self.skip))
    }

    /// The `id` of each record.
    #[must_use]
    pub fn ids(&self) -> Range<u64> {
        FIRST_ID + self.skip..FIRST_ID + self.records
    }

    /// Each record's fields, as JSON.
    pub fn rows(&self) -> impl Iterator<Item = String> + use<> {
        let padding = self.padding();
        self.ids().map(move |id| data(id, padding))
    }

    /// How many of the rows stand before the state of this number, or in all.
    #[must_use]
    pub fn rows_before_state(&self, nth: u64) -> u64 {
        let skipped = self.skip.checked_div(self.state_every).unwrap_or(0);
        ((skipped + nth + 1) * self.state_every).saturating_sub(self.skip)
    }

    /// The recipe for what comes after the state of this number.
    #[must_use]
    pub fn after_state(&self, nth: u64) -> Self {
        Self { skip: self.skip + self.rows_before_state(nth), ..self.clone() }
    }

    /// The line of the nth state that is sent.
    #[must_use]
    pub fn state(&self, nth: u64) -> String {
        let id = self.first_state_id.map(|id| format!("\"id\":{},", id + nth)).unwrap_or_default();
        let stream = serde_json::json!(self.stream);
        let skipped = self.skip.checked_div(self.state_every).unwrap_or(0);
        let cursor = FIRST_ID + (skipped + nth + 1) * self.state_every;
        let count = self.state_every + if nth == 0 { self.before } else { 0 };
        let line = |padding: &str| {
            format!(
                r#"{{"type":"STATE","state":{{"type":"STREAM",{id}"stream":{{"stream_descriptor":{stream},"stream_state":{{"cursor":{cursor}{padding}}}}},"sourceStats":{{"recordCount":{count}.0}}}}}}"#
            )
        };
        let bare = line("");
        // With its key, a padding takes thirteen bytes more than itself.
        match self.state_line.checked_sub(bare.len() + 13 + 1) {
            Some(length) => line(&format!(r#","padding":"{}""#, "x".repeat(length))),
            None => bare,
        }
    }

    fn record(&self, id: u64, padding: usize) -> String {
        let name = serde_json::json!(self.stream.name);
        let namespace = match &self.stream.namespace {
            Some(namespace) => format!(r#""namespace":{},"#, serde_json::json!(namespace)),
            None => String::new(),
        };
        format!(
            r#"{{"type":"RECORD","record":{{"stream":{name},{namespace}"emitted_at":{EMITTED_AT},"data":{}}}}}"#,
            data(id, padding)
        )
    }

    fn padding(&self) -> usize {
        self.line.saturating_sub(self.record(FIRST_ID, 0).len() + 1)
    }

    /// All lines, in blocks of whole lines. `write` is told the number of states that the block
    /// ends with (0 or 1) and may stop the making by an error.
    pub fn write<E>(&self, mut write: impl FnMut(&[u8], bool) -> Result<(), E>) -> Result<(), E> {
        let mut block = Block::new(self);
        let mut made = self.skip;
        let mut states = 0;
        while made < self.records {
            let until_state = match self.state_every {
                0 => u64::MAX,
                every => every - made % every,
            };
            let count = until_state.min(self.records - made).min(block.lines as u64);
            write(block.next(count), false)?;
            made += count;
            if count == until_state {
                let mut line = self.state(states);
                line.push('\n');
                write(line.as_bytes(), true)?;
                states += 1;
            }
        }
        Ok(())
    }
}

/// A record's fields: all records of a recipe are alike but for the id.
fn data(id: u64, padding: usize) -> String {
    let note = "x".repeat(padding);
    format!(r#"{{"id":{id},"name":"customer {id}","amount":{id}.25,"note":"{note}"}}"#)
}

/// A block of records, whose digits are counted up from one use to the next.
struct Block {
    bytes: Vec<u8>,
    line: usize,
    lines: usize,
    /// Where in a line the ids stand.
    ids: Vec<usize>,
    /// The id of the next record, in digits: to count those up is faster than to write a number.
    id: [u8; DIGITS],
}

impl Block {
    fn new(bulk: &Bulk) -> Self {
        let padding = bulk.padding();
        let mut template = bulk.record(FIRST_ID, padding);
        template.push('\n');
        let lines = (BLOCK_BYTES / template.len()).clamp(1, BLOCK);
        let digits = FIRST_ID.to_string();
        // Only the data holds digits to count: the id stands in it three times, last in the line.
        let data = template.rfind(r#""data":{"#).unwrap_or(0);
        let ids = template[data..].match_indices(&digits).map(|(at, _)| data + at).collect();
        let bytes = template.repeat(lines).into_bytes();
        let mut id = [b'0'; DIGITS];
        id.copy_from_slice((FIRST_ID + bulk.skip).to_string().as_bytes());
        Self { bytes, line: template.len(), lines, ids, id }
    }

    fn next(&mut self, count: u64) -> &[u8] {
        let count = usize::try_from(count).unwrap_or(self.lines).min(self.lines);
        for line in self.bytes.chunks_exact_mut(self.line).take(count) {
            for &at in &self.ids {
                if let Some(digits) = line[at..].first_chunk_mut() {
                    *digits = self.id;
                }
            }
            count_up(&mut self.id);
        }
        &self.bytes[..count * self.line]
    }
}

/// The next number, in as many digits.
fn count_up(number: &mut [u8; DIGITS]) {
    for digit in number.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bulk: &Bulk) -> Vec<String> {
        let mut all = Vec::new();
        bulk.write(|bytes, _| {
            all.extend_from_slice(bytes);
            Ok::<_, ()>(())
        })
        .unwrap();
        String::from_utf8(all).unwrap().lines().map(ToOwned::to_owned).collect()
    }

    fn bulk(records: u64, state_every: u64) -> Bulk {
        Bulk {
            before: 0,
            stream: Descriptor { name: "big".into(), namespace: Some("1000000000".into()) },
            records,
            state_every,
            first_state_id: Some(5),
            line: 219,
            state_line: 0,
            skip: 0,
        }
    }

    #[test]
    fn records_count_up_and_are_as_long_as_asked() {
        let bulk = bulk(2501, 0);
        let lines = lines(&bulk);
        assert_eq!(lines.len(), 2501);
        assert_eq!(bulk.rows().count(), 2501);
        for (i, (line, row)) in lines.iter().zip(bulk.rows()).enumerate() {
            assert_eq!(line.len(), 218);
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["record"]["data"].to_string(), row);
            assert_eq!(value["record"]["data"]["id"], 1_000_000_000 + i as u64);
        }
    }

    #[test]
    fn ids_count_up_to_the_largest() {
        for number in [FIRST_ID, 1_000_000_999, 1_999_999_999, 8_999_999_999, 9_999_999_998] {
            let mut digits = number.to_string().into_bytes().try_into().unwrap();
            count_up(&mut digits);
            assert_eq!(digits, (number + 1).to_string().as_bytes());
        }
    }

    #[test]
    fn states_stand_after_their_records() {
        let bulk = bulk(7, 3);
        let kinds: String =
            lines(&bulk).iter().map(|l| if l.contains("STATE") { 'S' } else { 'r' }).collect();
        assert_eq!(kinds, "rrrSrrrSr");
        assert_eq!(bulk.states(), 2);
        assert!(bulk.state(1).contains(r#""id":6,"#));
        assert!(bulk.state(1).contains(r#"{"cursor":1000000006}"#));
    }

    #[test]
    fn the_rest_of_a_recipe_is_what_comes_after_a_state() {
        let whole = bulk(7, 3);
        for nth in 0..2 {
            let rest = whole.after_state(nth);
            let after = usize::try_from(whole.rows_before_state(nth) + nth + 1).unwrap();
            let wanted: Vec<_> = lines(&whole).split_off(after);
            let again = Bulk { first_state_id: Some(6 + nth), ..rest.clone() };
            assert_eq!(lines(&again), wanted);
            assert_eq!(rest.rows().count() as u64, rest.sent());
            assert_eq!(rest.states(), 1 - nth);
        }
    }

    #[test]
    fn states_are_as_long_as_asked() {
        let bulk = Bulk { state_line: 2000, ..bulk(2, 1) };
        assert_eq!(bulk.state(0).len() + 1, 2000);
        assert!(serde_json::from_str::<serde_json::Value>(&bulk.state(1)).is_ok());
        let long = Bulk { line: 1 << 20, state_line: 0, ..bulk };
        assert!(lines(&long).iter().filter(|line| line.len() + 1 == 1 << 20).count() == 2);
    }
}
