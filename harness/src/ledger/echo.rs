//! What about a state is different when it comes back.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::content;
use crate::protocol::catalog::Catalog;
use crate::protocol::json::{self, Numbers};
use crate::protocol::line::shown;
use crate::protocol::message::{Descriptor, State, StateKind};

/// What about a state is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value, a key, a descriptor.
    Value,
    /// A number inside a blob, and nothing else at that place.
    Number,
    /// A stream outside the catalog is missing from a GLOBAL state.
    ForeignStream,
    /// A blob that was null, absent or `{}` is something else.
    NullBlob,
}

/// A difference between a sent state and the one that came.
#[derive(Debug)]
pub struct Difference {
    /// What kind.
    pub kind: Kind,
    /// Where, and what.
    pub what: String,
}

/// The differences between a sent state and the one that came; `id` and `destinationStats` are
/// others' matter. In the protocol's own objects null is as good as absent and 5 as good as 5.0;
/// within a blob everything counts. `None` if the two cannot be compared.
pub(super) fn differences(
    sent: &State,
    came: &State,
    catalog: &Catalog,
) -> Option<Vec<Difference>> {
    let mut diff = Diff { found: Vec::new() };
    let (Some(sent_value), Some(came_value)) = (content(sent), content(came)) else {
        // Nested past all reason: what is the same text is the same.
        let texts = |state: &State| -> Vec<Option<String>> {
            let blobs = state.streams.iter().map(|stream| stream.blob.as_ref());
            blobs.map(|blob| Some(blob?.get().to_owned())).collect()
        };
        let same = sent.kind == StateKind::Stream && texts(sent) == texts(came);
        return same.then(Vec::new);
    };
    let empty = Map::new();
    let sent_map = sent_value.as_object().unwrap_or(&empty);
    let came_map = came_value.as_object().unwrap_or(&empty);
    for key in keys(sent_map, came_map) {
        let (left, right) = (get(sent_map, key), get(came_map, key));
        let path = format!("/{key}");
        match (key.as_str(), sent.kind) {
            ("stream", StateKind::Stream) => diff.stream_state(&path, left, right),
            ("global", StateKind::Global) => diff.global(&path, left, right, catalog),
            ("data", _) => diff.blob(&path, left, right),
            _ => diff.protocol(&path, left, right),
        }
    }
    Some(diff.found)
}

struct Diff {
    found: Vec<Difference>,
}

const NULL: &Value = &Value::Null;

fn get<'a>(map: &'a Map<String, Value>, key: &str) -> &'a Value {
    map.get(key).unwrap_or(NULL)
}

fn keys<'a>(left: &'a Map<String, Value>, right: &'a Map<String, Value>) -> Vec<&'a String> {
    left.keys().chain(right.keys().filter(|key| !left.contains_key(*key))).collect()
}

fn is_empty_blob(blob: &Value) -> bool {
    blob.is_null() || blob.as_object().is_some_and(Map::is_empty)
}

impl Diff {
    fn tell(&mut self, kind: Kind, path: &str, sent: &Value, came: &Value) {
        let short = |value: &Value| shown(value.to_string().as_bytes());
        let what = format!("{path} was {} and is {}", short(sent), short(came));
        self.found.push(Difference { kind, what });
    }

    /// What the protocol itself lays down.
    fn protocol(&mut self, path: &str, sent: &Value, came: &Value) {
        match (sent, came) {
            (Value::Object(l), Value::Object(r)) => {
                for key in keys(l, r) {
                    self.protocol(&format!("{path}/{key}"), get(l, key), get(r, key));
                }
            }
            _ if json::equal(sent, came, Numbers::ByValue) => {}
            _ => self.tell(Kind::Value, path, sent, came),
        }
    }

    /// What belongs to the source alone.
    fn blob(&mut self, path: &str, sent: &Value, came: &Value) {
        match (sent, came) {
            (Value::Object(l), Value::Object(r)) => {
                for key in keys(l, r) {
                    let path = format!("{path}/{key}");
                    match (l.get(key), r.get(key)) {
                        (Some(left), Some(right)) => self.blob(&path, left, right),
                        (Some(left), None) => self.gone(&path, left),
                        (None, right) => self.tell(Kind::Value, &path, NULL, right.unwrap_or(NULL)),
                    }
                }
            }
            (Value::Array(l), Value::Array(r)) if l.len() == r.len() => {
                for (at, (left, right)) in l.iter().zip(r).enumerate() {
                    self.blob(&format!("{path}/{at}"), left, right);
                }
            }
            _ if json::equal(sent, came, Numbers::AsWritten) => {}
            _ if json::differ_in_numbers_only(sent, came) => {
                self.tell(Kind::Number, path, sent, came);
            }
            _ => self.tell(Kind::Value, path, sent, came),
        }
    }

    fn gone(&mut self, path: &str, sent: &Value) {
        let what = format!("{path} was {} and is gone", shown(sent.to_string().as_bytes()));
        self.found.push(Difference { kind: Kind::Value, what });
    }

    fn stream_state(&mut self, path: &str, sent: &Value, came: &Value) {
        let (Value::Object(l), Value::Object(r)) = (sent, came) else {
            return self.protocol(path, sent, came);
        };
        for key in keys(l, r) {
            let (left, right) = (get(l, key), get(r, key));
            let path = format!("{path}/{key}");
            if key != "stream_state" {
                self.protocol(&path, left, right);
            } else if is_empty_blob(left) {
                if left != right {
                    self.tell(Kind::NullBlob, &path, left, right);
                }
            } else {
                self.blob(&path, left, right);
            }
        }
    }

    fn global(&mut self, path: &str, sent: &Value, came: &Value, catalog: &Catalog) {
        let (Value::Object(l), Value::Object(r)) = (sent, came) else {
            return self.protocol(path, sent, came);
        };
        for key in keys(l, r) {
            let (left, right) = (get(l, key), get(r, key));
            let path = format!("{path}/{key}");
            match key.as_str() {
                "stream_states" => self.stream_states(&path, left, right, catalog),
                "shared_state" => self.blob(&path, left, right),
                _ => self.protocol(&path, left, right),
            }
        }
    }

    /// The streams of a GLOBAL state, in any order.
    fn stream_states(&mut self, path: &str, sent: &Value, came: &Value, catalog: &Catalog) {
        let (Value::Array(l), Value::Array(r)) = (sent, came) else {
            return self.protocol(path, sent, came);
        };
        let of = |states: &[Value]| -> Vec<Option<Descriptor>> {
            let descriptors = states.iter().map(|state| state.get("stream_descriptor"));
            descriptors.map(|descriptor| Descriptor::deserialize(descriptor?).ok()).collect()
        };
        let (sent_of, came_of) = (of(l), of(r));
        for (left, of) in l.iter().zip(&sent_of) {
            let right = came_of.iter().position(|other| other == of);
            match (right, of) {
                (Some(at), Some(of)) => self.stream_state(&format!("{path}/{of}"), left, &r[at]),
                (Some(_), None) => {}
                (None, _) => {
                    let foreign = of.as_ref().is_some_and(|of| catalog.find(of).is_none());
                    let shown = of.as_ref().map(ToString::to_string).unwrap_or_default();
                    let kind = if foreign { Kind::ForeignStream } else { Kind::Value };
                    let what = format!("the state of {shown} is missing from {path}");
                    self.found.push(Difference { kind, what });
                }
            }
        }
        for (at, (right, of)) in r.iter().zip(&came_of).enumerate() {
            let among = |all: &[Option<Descriptor>]| all.iter().filter(|one| *one == of).count();
            if !sent_of.contains(of) {
                self.tell(Kind::Value, path, NULL, right);
            } else if among(&came_of[..=at]) > among(&sent_of) {
                let shown = of.as_ref().map(ToString::to_string).unwrap_or_default();
                let times = among(&came_of);
                let what = format!("the state of {shown} stands {times} times in {path}");
                self.found.push(Difference { kind: Kind::Value, what });
            }
        }
    }
}
