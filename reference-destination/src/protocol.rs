//! The messages of the protocol, as far as a destination reads and writes them.
//!
//! What comes in is borrowed from its line, and whatever is only passed on stays raw text: numbers
//! keep their spelling and strings their escapes. Unknown properties are accepted everywhere.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Text that is borrowed from its line when it holds no escapes.
///
/// A newtype, since serde borrows a `Cow` only where the attribute stands on the field itself, and
/// not inside an `Option`.
#[derive(Debug, Deserialize, Clone, PartialEq, Eq)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A line whose payloads are left unread, for telling what kind of message it is.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// `RECORD`, `STATE`, …; absent in what is no message.
    #[serde(rename = "type", borrow)]
    pub kind: Option<Text<'a>>,
    /// The payload of a RECORD.
    #[serde(borrow)]
    pub record: Option<&'a RawValue>,
    /// The payload of a STATE.
    #[serde(borrow)]
    pub state: Option<&'a RawValue>,
    /// The payload of a TRACE.
    #[serde(borrow)]
    pub trace: Option<&'a RawValue>,
}

/// A line that is a RECORD, read in one pass: nearly all lines are.
#[derive(Debug, Deserialize)]
pub struct RecordLine<'a> {
    /// Must be `RECORD` for the rest to count.
    #[serde(rename = "type", borrow)]
    pub kind: Text<'a>,
    /// The record.
    #[serde(borrow)]
    pub record: Record<'a>,
}

/// A record of a stream.
#[derive(Debug, Deserialize)]
pub struct Record<'a> {
    /// The stream's name.
    #[serde(borrow)]
    pub stream: Text<'a>,
    /// The stream's namespace; null and absent are the same.
    #[serde(borrow)]
    pub namespace: Option<Text<'a>>,
    /// The values, exactly as they were written.
    #[serde(borrow)]
    pub data: &'a RawValue,
    /// When the source emitted it, in milliseconds since the epoch.
    #[serde(borrow)]
    pub emitted_at: &'a RawValue,
    /// What happened to the record on its way.
    #[serde(borrow)]
    pub meta: Option<RecordMeta<'a>>,
}

/// What a record carries about itself.
#[derive(Debug, Deserialize)]
pub struct RecordMeta<'a> {
    /// The changes that were made to it on its way, as text.
    #[serde(borrow)]
    pub changes: Option<&'a RawValue>,
}

/// A state, as far as it must be understood to be counted and sent back.
#[derive(Debug, Deserialize)]
pub struct State<'a> {
    /// `STREAM`, `GLOBAL` or `LEGACY`; absent means the last.
    #[serde(rename = "type", borrow)]
    pub kind: Option<Text<'a>>,
    /// The payload of a STREAM state.
    #[serde(borrow)]
    pub stream: Option<StreamState<'a>>,
}

/// The state of one stream.
#[derive(Debug, Deserialize)]
pub struct StreamState<'a> {
    /// Whose state it is.
    #[serde(borrow)]
    pub stream_descriptor: Descriptor<'a>,
    /// The source's own notes; may be null, absent or empty.
    #[serde(borrow)]
    pub stream_state: Option<&'a RawValue>,
}

/// The name of a stream.
#[derive(Debug, Deserialize)]
pub struct Descriptor<'a> {
    /// The name within its namespace.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Null and absent are the same, and the empty string is not.
    #[serde(borrow)]
    pub namespace: Option<Text<'a>>,
}

/// A trace, as far as it concerns a destination.
#[derive(Debug, Deserialize)]
pub struct Trace<'a> {
    /// Present in a `STREAM_STATUS`.
    #[serde(borrow)]
    pub stream_status: Option<StreamStatus<'a>>,
}

/// How far the source has come with a stream.
#[derive(Debug, Deserialize)]
pub struct StreamStatus<'a> {
    /// The stream in question.
    #[serde(borrow)]
    pub stream_descriptor: Descriptor<'a>,
    /// `STARTED`, `RUNNING`, `COMPLETE` or `INCOMPLETE`.
    #[serde(borrow)]
    pub status: Text<'a>,
}

/// How urgent a log message is.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Something was left out that a person may want to know of.
    Warn,
    /// What is going on.
    Info,
}

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FailureType {
    /// The user: something in the configuration.
    #[serde(rename = "config_error")]
    Config,
    /// The connector's developers, or whoever runs the machine.
    #[serde(rename = "system_error")]
    System,
    /// Nobody: trying again may help.
    #[serde(rename = "transient_error")]
    Transient,
}
