//! Bulk input: many records of one stream, made on the fly from a recipe.
//!
//! A recipe is a few bytes, so a transcript of ten million records keeps what made them, not the
//! records. All lines of a recipe are equally long, and differ only in digits: a block of lines is
//! laid out once, and its digits are counted up in place. That is faster than a pipe.

use serde::{Deserialize, Serialize};

use crate::protocol::message::Descriptor;

/// The first record's `id`: so many digits that no record count changes their number.
const FIRST_ID: u64 = 1_000_000_000;
/// That number.
const DIGITS: usize = 10;
/// Records laid out at a time: about 220 KB, which stays within a core's cache.
const BLOCK: usize = 1000;

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
}

fn default_line() -> usize {
    219
}

impl Bulk {
    /// How many states are sent.
    #[must_use]
    pub fn states(&self) -> u64 {
        self.records.checked_div(self.state_every).unwrap_or(0)
    }

    /// Each record's fields, as JSON.
    pub fn rows(&self) -> impl Iterator<Item = String> + use<> {
        let padding = self.padding();
        (0..self.records).map(move |index| data(FIRST_ID + index, padding))
    }

    /// The line of the state that follows after `(nth + 1) * state_every` records.
    #[must_use]
    pub fn state(&self, nth: u64) -> String {
        let id = self.first_state_id.map(|id| format!("\"id\":{},", id + nth)).unwrap_or_default();
        let stream = serde_json::json!(self.stream);
        format!(
            r#"{{"type":"STATE","state":{{"type":"STREAM",{id}"stream":{{"stream_descriptor":{stream},"stream_state":{{"cursor":{}}}}},"sourceStats":{{"recordCount":{}.0}}}}}}"#,
            FIRST_ID + (nth + 1) * self.state_every,
            self.state_every,
        )
    }

    fn record(&self, id: u64, padding: usize) -> String {
        let name = serde_json::json!(self.stream.name);
        let namespace = match &self.stream.namespace {
            Some(namespace) => format!(r#""namespace":{},"#, serde_json::json!(namespace)),
            None => String::new(),
        };
        format!(
            r#"{{"type":"RECORD","record":{{"stream":{name},{namespace}"emitted_at":1767225600000,"data":{}}}}}"#,
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
        let mut made = 0;
        let mut states = 0;
        while made < self.records {
            let until_state = match self.state_every {
                0 => u64::MAX,
                every => every - made % every,
            };
            let count = until_state.min(self.records - made).min(BLOCK as u64);
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
    format!(r#"{{"id":{id},"name":"customer {id}","amount":{id}.25,"note":"{:x<padding$}"}}"#, "")
}

/// A block of records, whose digits are counted up from one use to the next.
struct Block {
    bytes: Vec<u8>,
    line: usize,
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
        let digits = FIRST_ID.to_string();
        // Only the data holds digits to count: the id stands in it three times, last in the line.
        let data = template.rfind(r#""data":{"#).unwrap_or(0);
        let ids = template[data..].match_indices(&digits).map(|(at, _)| data + at).collect();
        let bytes = template.repeat(BLOCK).into_bytes();
        let mut id = [b'0'; DIGITS];
        id.copy_from_slice(digits.as_bytes());
        Self { bytes, line: template.len(), ids, id }
    }

    fn next(&mut self, count: u64) -> &[u8] {
        let count = usize::try_from(count).unwrap_or(BLOCK).min(BLOCK);
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
            stream: Descriptor { name: "big".into(), namespace: Some("1000000000".into()) },
            records,
            state_every,
            first_state_id: Some(5),
            line: 219,
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
}
