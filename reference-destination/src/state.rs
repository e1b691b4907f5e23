//! States: what they cover, how many records that is, and their text on the way back.
//!
//! A state goes back as the text that came in, with `destinationStats` added before the closing
//! brace. Nothing is parsed that would have to be printed again.

mod mistakes;
mod relay;
mod subtle;

pub use mistakes::{change, number_length, string_length};
pub use relay::Relay;

use crate::faults::{Fault, Faults};
use crate::json;
use crate::protocol::State;
use serde_json::value::RawValue;

/// What a state speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One stream, by namespace and name; it need not be in the catalog.
    Stream(Option<String>, String),
    /// All streams.
    Global,
    /// All streams, in the old form.
    Legacy,
}

/// A state that waits for its records to be durable.
#[derive(Debug, Clone)]
pub struct Echo {
    /// What it speaks for.
    pub scope: Scope,
    /// Whether the source has noted nothing in it.
    pub empty: bool,
    /// Whether a record that it could cover has come in this sync.
    pub after_records: bool,
    /// The state as it came.
    pub received: Box<RawValue>,
    /// The records since the last state of the same scope.
    pub count: u64,
    /// The line to be printed, without its newline.
    pub line: String,
}

/// Counts one scope's records.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counter {
    /// Records since the last state.
    since: u64,
    /// Records of the whole sync.
    total: u64,
}

impl Counter {
    /// Counts a record, and says whether it is the first.
    pub fn add(&mut self) -> bool {
        self.since += 1;
        self.total += 1;
        self.total == 1
    }

    /// Takes the records since the last state, and says whether there was ever one.
    pub fn take(&mut self, faults: Faults) -> (bool, u64) {
        let count = self.since;
        if !faults.has(Fault::CumulativeStats) {
            self.since = 0;
        }
        (self.total > 0, count)
    }
}

/// Reads what a state speaks for, and whether it is empty.
pub fn scope(state: &RawValue) -> Result<(Scope, bool), String> {
    let parsed: State = serde_json::from_str(state.get()).map_err(|error| {
        format!("{:?} error in a state at {}", error.classify(), error.column())
    })?;
    let kind = parsed.kind.as_ref().map_or("LEGACY", |kind| kind.as_str());
    match (kind, parsed.stream) {
        ("STREAM", Some(stream)) => {
            let descriptor = stream.stream_descriptor;
            let namespace = descriptor.namespace.map(|namespace| namespace.0.into_owned());
            let blob = stream.stream_state.map(|blob| json::entries(blob.get()));
            let empty = blob.is_none_or(|entries| entries.is_ok_and(|entries| entries.is_empty()));
            Ok((Scope::Stream(namespace, descriptor.name.0.into_owned()), empty))
        }
        ("STREAM", None) => Err("a STREAM state without a stream".to_owned()),
        ("GLOBAL", _) => Ok((Scope::Global, false)),
        ("LEGACY", _) => Ok((Scope::Legacy, false)),
        _ => Err("a state of an unknown type".to_owned()),
    }
}

/// The state as it is to go back: as it came, but for faults.
pub fn rewrite(
    state: &RawValue,
    faults: Faults,
    in_catalog: &dyn Fn(&Scope) -> bool,
) -> Box<RawValue> {
    let rewritten = mistakes::rewrite(state.get(), faults, in_catalog);
    let rewritten = rewritten.and_then(|text| RawValue::from_string(text).ok());
    rewritten.unwrap_or_else(|| state.to_owned())
}

/// A state's line, with its stats.
pub fn line(state: &RawValue, count: u64, faults: Faults) -> String {
    let mut text = state.get().trim_end();
    let rebuilt;
    if text.contains("destinationStats") {
        // Somebody has counted before us; a key is not to be there twice.
        rebuilt = json::entries(text).map(|mut entries| {
            entries.retain(|(key, _)| *key != "\"destinationStats\"");
            json::object(&entries)
        });
        text = rebuilt.as_deref().unwrap_or(text);
    }
    let open = text.strip_suffix('}').unwrap_or(text);
    let comma = if open.trim_end().ends_with('{') { "" } else { "," };
    let counted = match faults {
        _ if faults.has(Fault::NoStats) => String::new(),
        _ if faults.has(Fault::IntegerStats) => stats(comma, &count.to_string()),
        // Always with a decimal point, as the protocol wants it.
        _ => stats(comma, &format!("{count}.0")),
    };
    // Outside of strings a carriage return is as good as a space, and less likely to end a line.
    format!(r#"{{"type":"STATE","state":{open}{counted}}}}}"#).replace('\r', " ")
}

fn stats(comma: &str, count: &str) -> String {
    format!(r#"{comma}"destinationStats":{{"recordCount":{count}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echoed(state: &str) -> String {
        let raw: Box<RawValue> = RawValue::from_string(state.to_owned()).unwrap();
        line(&raw, 0, Faults::default())
    }

    #[test]
    fn everything_comes_back_as_it_was_written() {
        let state = r#"{"id":7, "type":"STREAM","x":[1e3],"stream":{"stream_descriptor":{"name":"a","namespace":""},"stream_state":{"n":12345678901234567890123.0,"\u0061":"\ud800"}}"#;
        let expected = format!(
            r#"{{"type":"STATE","state":{state},"destinationStats":{{"recordCount":0.0}}}}}}"#
        );
        assert_eq!(echoed(&format!("{state}}}")), expected);
    }

    #[test]
    fn stats_are_there_once() {
        assert_eq!(
            echoed(r#"{"destinationStats":{"recordCount":9.0},"data":{}}"#),
            r#"{"type":"STATE","state":{"data":{},"destinationStats":{"recordCount":0.0}}}"#
        );
        assert_eq!(
            echoed("{ }"),
            r#"{"type":"STATE","state":{ "destinationStats":{"recordCount":0.0}}}"#
        );
    }
}
