//! Lines as messages: what is a record, what may be left out, and what must not be.

pub mod mistakes;

use crate::protocol::{Envelope, Record, RecordLine, StreamStatus, Trace};
use serde_json::value::RawValue;

/// A line of the input.
#[derive(Debug)]
pub enum Message<'a> {
    /// A record, whose data is an object.
    Record(Record<'a>),
    /// A state, as text.
    State(&'a RawValue),
    /// How far the source is with a stream.
    Status(StreamStatus<'a>),
    /// Nothing that a destination acts on.
    Other,
    /// Nothing that is understood, and certainly no record; with the reason.
    Ignored(&'static str),
}

/// Why a line is ignored that is no JSON, or none that a message could be.
pub const NO_OBJECT: &str = "a line that is no JSON object";

/// Why a message is ignored of which nobody has heard.
pub const UNKNOWN_TYPE: &str = "a message of an unknown type";

/// Why a line that may hold a record cannot be decoded. It quotes nothing of the line.
pub type Undecodable = String;

/// Decodes a line.
///
/// A line without an opening brace cannot be a message and is ignored; any other must make sense,
/// since a record that was skipped would be acknowledged by the next state.
pub fn decode(line: &[u8]) -> Result<Message<'_>, Undecodable> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(Message::Other);
    }
    if memchr::memchr(b'{', line).is_none() {
        return Ok(Message::Ignored(NO_OBJECT));
    }
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    if let Ok(RecordLine { kind, record }) = serde_json::from_str::<RecordLine>(text)
        && kind.as_str() == "RECORD"
    {
        return checked(record);
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| describe(&error))?;
    let Some(kind) = envelope.kind else {
        return match envelope.record {
            Some(_) => Err("a record without a message type".to_owned()),
            None => Ok(Message::Ignored("an object without a message type")),
        };
    };
    match kind.as_str().to_ascii_uppercase().as_str() {
        "RECORD" => {
            let record = envelope.record.ok_or("a RECORD without a record")?;
            checked(serde_json::from_str(record.get()).map_err(|error| describe(&error))?)
        }
        "STATE" => Ok(Message::State(envelope.state.ok_or("a STATE without a state")?)),
        "TRACE" => {
            let trace = envelope.trace.map(|trace| serde_json::from_str::<Trace>(trace.get()));
            Ok(match trace {
                Some(Ok(Trace { stream_status: Some(status) })) => Message::Status(status),
                Some(Ok(_)) => Message::Other,
                _ => Message::Ignored("a trace of an unknown form"),
            })
        }
        "LOG" | "CONTROL" | "SPEC" | "CONNECTION_STATUS" | "CATALOG" => Ok(Message::Other),
        _ => Ok(Message::Ignored(UNKNOWN_TYPE)),
    }
}

fn checked(record: Record<'_>) -> Result<Message<'_>, Undecodable> {
    if record.data.get().starts_with('{') {
        Ok(Message::Record(record))
    } else {
        Err("the data of a record is no object".to_owned())
    }
}

/// Where the line went wrong, without serde's text, which may quote what it met.
fn describe(error: &serde_json::Error) -> Undecodable {
    format!("{:?} error at byte {}", error.classify(), error.column())
}

/// The time of a record, which may be written as a float, in milliseconds since the epoch.
pub fn millis(emitted_at: &RawValue) -> Result<i64, Undecodable> {
    let text = emitted_at.get();
    if let Ok(millis) = text.parse() {
        return Ok(millis);
    }
    match text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates; times are far below")]
        Ok(millis) if millis.is_finite() => Ok(millis as i64),
        _ => Err("emitted_at of a record is no number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_might_be_a_record_is_never_skipped() {
        for line in [
            &br#"{"type":"RECORD","record":{"stream":"s","data":{"#[..],
            br#"{"type":"RECORD"}"#,
            br#"{"record":{}}"#,
            br#"{"type":"RECORD","record":{"stream":"s","data":[],"emitted_at":1}}"#,
            br#"{"type":"RECORD","record":{"stream":"s","data":{"a":NaN},"emitted_at":1}}"#,
            b"{\"type\":\"RECORD\",\"record\":{\"stream\":\"s\",\"data\":{\"a\":\"\xff\"},\"emitted_at\":1}}",
            br#"noise {"type":"RECORD"}"#,
        ] {
            assert!(decode(line).is_err(), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn what_is_none_is_ignored() {
        for line in ["", "  \r", "plain text", "[]", r#"{"hello":1}"#, r#"{"type":"POTATO","x":1}"#]
        {
            let message = decode(line.as_bytes());
            assert!(matches!(message, Ok(Message::Other | Message::Ignored(_))), "{line}");
        }
    }

    #[test]
    fn a_record_keeps_its_data_as_written() {
        let line = br#"{"type":"RECORD","new":{},"record":{"stream":"s","data":{"a": 1.50,"b":"\ud800"},"emitted_at":1.7E12}}"#;
        let Ok(Message::Record(record)) = decode(line) else { panic!("no record") };
        assert_eq!(record.data.get(), r#"{"a": 1.50,"b":"\ud800"}"#);
        assert_eq!(millis(record.emitted_at), Ok(1_700_000_000_000));
    }
}
