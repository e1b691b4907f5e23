//! Messages: what of them the checks read, typed, with everything else left as it was written.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON object whose values are still text, in the order they were written; of a repeated key
/// the last counts, as in most readers.
pub type Object<'a> = IndexMap<String, &'a RawValue>;

/// The nine message types of the protocol, 0.18.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A row of a stream.
    Record,
    /// A point that the source can resume from.
    State,
    /// A line for the log.
    Log,
    /// Which configuration the connector takes.
    Spec,
    /// Whether a configuration works.
    ConnectionStatus,
    /// What a source offers; none of a destination's business.
    Catalog,
    /// An error, an estimate, a stream's status, analytics.
    Trace,
    /// A new configuration for the platform to keep.
    Control,
    /// What objects a destination offers.
    DestinationCatalog,
}

impl Kind {
    /// All types, with the name of the type and of the payload that belongs to it.
    pub const ALL: [(Self, &'static str, &'static str); 9] = [
        (Self::Record, "RECORD", "record"),
        (Self::State, "STATE", "state"),
        (Self::Log, "LOG", "log"),
        (Self::Spec, "SPEC", "spec"),
        (Self::ConnectionStatus, "CONNECTION_STATUS", "connectionStatus"),
        (Self::Catalog, "CATALOG", "catalog"),
        (Self::Trace, "TRACE", "trace"),
        (Self::Control, "CONTROL", "control"),
        (Self::DestinationCatalog, "DESTINATION_CATALOG", "destination_catalog"),
    ];

    /// The type of this name, in any case: the platform reads it so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n, _)| n.eq_ignore_ascii_case(name)).map(|(kind, _, _)| *kind)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        // ALL lists the types in the order in which they are declared.
        &Self::ALL[self as usize]
    }

    /// The type as the schema spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The key of the payload that belongs to the type.
    #[must_use]
    pub fn payload(self) -> &'static str {
        self.row().2
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A message that came out of a subject.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its type.
    pub kind: Kind,
    /// The type as it was spelled.
    pub spelled: String,
    /// What it carries.
    pub body: Body,
    /// The keys of the envelope that hold something, `type` left out.
    pub filled: Vec<String>,
}

/// The payload that a message's type names.
#[derive(Debug, Clone)]
pub enum Body {
    /// A STATE.
    State(State),
    /// A LOG.
    Log(Log),
    /// A SPEC: the `ConnectorSpecification`.
    Spec(Value),
    /// A `CONNECTION_STATUS`.
    ConnectionStatus(ConnectionStatus),
    /// A TRACE.
    Trace(Trace),
    /// A CONTROL: the whole payload.
    Control(Value),
    /// An object that no check reads.
    Other,
    /// The payload is not there, or not of a shape that can be read.
    Unreadable,
}

/// The payload of a LOG.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// `FATAL`, `ERROR`, `WARN`, `INFO`, `DEBUG`, `TRACE`.
    pub level: Option<String>,
    /// What is told.
    pub message: Option<String>,
}

/// The payload of a `CONNECTION_STATUS`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// `SUCCEEDED` or `FAILED`.
    pub status: String,
    /// Why it failed, for the user.
    pub message: Option<String>,
}

/// The payload of a TRACE.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// `ERROR`, `ESTIMATE`, `STREAM_STATUS`, `ANALYTICS`.
    pub kind: String,
    /// `error`, where it is an object.
    pub error: Option<TraceError>,
}

/// `trace.error`.
#[derive(Debug, Clone, Default)]
pub struct TraceError {
    /// For the user.
    pub message: Option<String>,
    /// `config_error`, `system_error`, `transient_error`; as written, if it is no text.
    pub failure_type: Option<String>,
}

/// A stream's name and namespace. A null namespace is none; an empty one is a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Descriptor {
    /// The stream's name.
    pub name: String,
    /// Its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl Descriptor {
    /// How a line of our files about streams and rows begins: `{"stream": …, "namespace": …`. More
    /// may follow, and a brace.
    #[must_use]
    pub fn head(&self) -> String {
        let (name, namespace) = (Value::from(&*self.name), Value::from(self.namespace.clone()));
        format!(r#"{{"stream":{name},"namespace":{namespace}"#)
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What a state covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateKind {
    /// One stream.
    Stream,
    /// All streams.
    Global,
    /// All streams, in the form of old: `LEGACY`, or no type at all.
    Legacy,
}

/// A state of one stream, by itself or within a GLOBAL one.
#[derive(Debug, Clone)]
pub struct StreamState {
    /// The stream.
    pub descriptor: Descriptor,
    /// The source's own data as written; `None` where it is null or absent.
    pub blob: Option<Arc<RawValue>>,
}

/// The payload of a STATE.
#[derive(Debug, Clone)]
pub struct State {
    /// What it covers.
    pub kind: StateKind,
    /// The platform's `id`, as written.
    pub id: Option<String>,
    /// STREAM: the one stream; GLOBAL: those it lists; LEGACY: none.
    pub streams: Vec<StreamState>,
    /// `destinationStats`, as written.
    pub destination_stats: Option<Box<RawValue>>,
    /// The whole payload, as written.
    pub whole: Arc<RawValue>,
}

impl State {
    /// The stream that a STREAM state covers.
    #[must_use]
    pub fn descriptor(&self) -> Option<&Descriptor> {
        match self.kind {
            StateKind::Stream => self.streams.first().map(|stream| &stream.descriptor),
            StateKind::Global | StateKind::Legacy => None,
        }
    }

    /// Reads a STATE's payload; `None` where it is no object or lacks what its type calls for.
    #[must_use]
    pub fn parse(payload: &RawValue) -> Option<Self> {
        let object: Object = serde_json::from_str(payload.get()).ok()?;
        let kind = match text(object.get("type").copied()).as_deref() {
            Some("STREAM") => StateKind::Stream,
            Some("GLOBAL") => StateKind::Global,
            Some("LEGACY") | None => StateKind::Legacy,
            Some(_) => return None,
        };
        let streams = match kind {
            StateKind::Stream => vec![stream_state(present(object.get("stream").copied())?)?],
            StateKind::Global => {
                let global: Object =
                    serde_json::from_str(present(object.get("global").copied())?.get()).ok()?;
                let list: Vec<&RawValue> =
                    serde_json::from_str(present(global.get("stream_states").copied())?.get())
                        .ok()?;
                list.into_iter().map(stream_state).collect::<Option<_>>()?
            }
            StateKind::Legacy => Vec::new(),
        };
        Some(Self {
            kind,
            id: present(object.get("id").copied()).map(|id| id.get().to_owned()),
            streams,
            destination_stats: present(object.get("destinationStats").copied())
                .map(ToOwned::to_owned),
            whole: Arc::from(payload.to_owned()),
        })
    }
}

fn stream_state(raw: &RawValue) -> Option<StreamState> {
    let object: Object = serde_json::from_str(raw.get()).ok()?;
    Some(StreamState {
        descriptor: serde_json::from_str(present(object.get("stream_descriptor").copied())?.get())
            .ok()?,
        blob: present(object.get("stream_state").copied()).map(|blob| Arc::from(blob.to_owned())),
    })
}

/// A value that is there and not null.
fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

fn read<T: for<'de> Deserialize<'de>>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// What is wrong with a message's `type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeFault {
    /// There is none, or it is no string.
    Missing,
    /// It is none of the nine.
    Unknown(String),
}

/// Reads a JSON object as a message.
pub fn parse(object: &Object) -> Result<Message, TypeFault> {
    let spelled = text(object.get("type").copied()).ok_or(TypeFault::Missing)?;
    let kind = Kind::named(&spelled).ok_or_else(|| TypeFault::Unknown(spelled.clone()))?;
    let body = present(object.get(kind.payload()).copied())
        .and_then(|payload| body(kind, payload))
        .unwrap_or(Body::Unreadable);
    let filled = object
        .iter()
        .filter(|(key, value)| *key != "type" && value.get() != "null")
        .map(|(key, _)| key.clone())
        .collect();
    Ok(Message { kind, spelled, body, filled })
}

fn body(kind: Kind, payload: &RawValue) -> Option<Body> {
    Some(match kind {
        Kind::State => Body::State(State::parse(payload)?),
        Kind::Log => {
            let log: Object = read_object(payload)?;
            Body::Log(Log {
                level: text(log.get("level").copied()),
                message: text(log.get("message").copied()),
            })
        }
        Kind::Spec => Body::Spec(read(payload)?),
        Kind::ConnectionStatus => {
            let status: Object = read_object(payload)?;
            Body::ConnectionStatus(ConnectionStatus {
                status: text(status.get("status").copied())?,
                message: text(status.get("message").copied()),
            })
        }
        Kind::Trace => {
            let trace: Object = read_object(payload)?;
            let error = present(trace.get("error").copied()).and_then(|error| {
                let error: Object = read_object(error)?;
                Some(TraceError {
                    message: text(error.get("message").copied()),
                    failure_type: present(error.get("failure_type").copied())
                        .map(|kind| text(Some(kind)).unwrap_or_else(|| kind.get().to_owned())),
                })
            });
            Body::Trace(Trace { kind: text(trace.get("type").copied())?, error })
        }
        Kind::Control => Body::Control(read(payload)?),
        Kind::Record | Kind::Catalog | Kind::DestinationCatalog => {
            read_object(payload).map(|_| Body::Other)?
        }
    })
}

fn read_object(raw: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> Message {
        parse(&serde_json::from_str(line).unwrap()).unwrap()
    }

    #[test]
    fn each_type_is_listed_where_it_is_declared() {
        for (kind, name, _) in Kind::ALL {
            assert_eq!(kind.name(), name);
        }
    }

    #[test]
    fn states_keep_numbers_and_unknown_properties() {
        let line = r#"{"type":"STATE","state":{"type":"STREAM","id":7,"new":1e400,
            "stream":{"stream_descriptor":{"name":"a"},"stream_state":{"c":9223372036854775809}}}}"#;
        let Body::State(state) = message(line).body else { panic!("no state") };
        assert_eq!(state.id.as_deref(), Some("7"));
        assert_eq!(state.streams[0].blob.as_ref().unwrap().get(), r#"{"c":9223372036854775809}"#);
        assert!(state.whole.get().contains("1e400"));
    }

    #[test]
    fn a_state_without_its_stream_is_unreadable() {
        let line = r#"{"type":"STATE","state":{"type":"STREAM"}}"#;
        assert!(matches!(message(line).body, Body::Unreadable));
    }

    #[test]
    fn null_namespace_is_none_and_empty_is_a_name() {
        let null: Descriptor = serde_json::from_str(r#"{"name":"a","namespace":null}"#).unwrap();
        let empty: Descriptor = serde_json::from_str(r#"{"name":"a","namespace":""}"#).unwrap();
        assert_eq!(null.namespace, None);
        assert_ne!(null, empty);
    }

    #[test]
    fn types_are_read_in_any_case() {
        let lower = message(r#"{"type":"log","log":{"level":"INFO","message":"m"}}"#);
        assert_eq!((lower.kind, lower.spelled.as_str()), (Kind::Log, "log"));
    }
}
