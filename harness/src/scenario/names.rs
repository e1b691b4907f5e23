//! The run's own names: no two runs meet, and what a crash leaves behind can be found.

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};

use super::Scenario;
use crate::protocol::message::Descriptor;

type Owned = IndexMap<String, Box<RawValue>>;

/// How a scenario's names become the run's.
#[derive(Debug, Clone)]
pub struct Names {
    /// The run's name: `touchdown_<date>_<id>`.
    pub run: String,
    /// Whether the destination keeps namespaces apart. Where it does not, the stream's name
    /// carries the run's as a suffix.
    pub namespaces: bool,
    /// Whether streams without a namespace are to go to the destination's default one: then every
    /// stream's name carries the run's, so that no two runs meet there.
    pub default: bool,
}

impl Names {
    /// Names beside these, for a trial that must not meet the others.
    #[must_use]
    pub fn apart(&self, tail: &str) -> Self {
        Self { run: format!("{}_{tail}", self.run), ..self.clone() }
    }

    /// The names that a scenario is given.
    #[must_use]
    pub fn of(&self, scenario: &Scenario) -> Self {
        Self { default: scenario.default_namespace, ..self.clone() }
    }

    /// The run's name for a stream.
    #[must_use]
    pub fn descriptor(&self, of: &Descriptor) -> Descriptor {
        let tail = of.namespace.as_ref().map(|own| format!("_{own}")).unwrap_or_default();
        if self.namespaces && self.default {
            let namespace = of.namespace.as_ref().map(|_| format!("{}{tail}", self.run));
            Descriptor { name: format!("{}_{}", of.name, self.run), namespace }
        } else if self.namespaces {
            let namespace = Some(format!("{}{tail}", self.run));
            Descriptor { name: of.name.clone(), namespace }
        } else {
            Descriptor { name: format!("{}{tail}_{}", of.name, self.run), namespace: None }
        }
    }

    /// The catalog under the run's names. The error is serde's, with the place in the text.
    pub fn catalog(&self, text: &str) -> serde_json::Result<String> {
        edit(text, |catalog| {
            change(catalog, "streams", |streams| {
                let list: Vec<Box<RawValue>> = serde_json::from_str(streams)?;
                let list = list.iter().map(|configured| {
                    raw(edit(configured.get(), |configured| {
                        change(configured, "stream", |stream| {
                            edit(stream, |stream| self.put(stream, "name"))
                        })
                    })?)
                });
                serde_json::to_string(&list.collect::<serde_json::Result<Vec<_>>>()?)
            })
        })
    }

    /// A message under the run's names.
    pub fn message(&self, line: &str) -> serde_json::Result<String> {
        let status = |status: &str| {
            edit(status, |status| {
                change(status, "stream_descriptor", |d| edit(d, |d| self.put(d, "name")))
            })
        };
        edit(line, |message| {
            change(message, "record", |record| edit(record, |record| self.put(record, "stream")))?;
            change(message, "trace", |trace| {
                edit(trace, |trace| change(trace, "stream_status", status))
            })?;
            change(message, "state", |state| {
                edit(state, |state| {
                    change(state, "stream", |stream| self.stream_state(stream))?;
                    change(state, "global", |global| {
                        edit(global, |global| {
                            change(global, "stream_states", |list| {
                                let list: Vec<Box<RawValue>> = serde_json::from_str(list)?;
                                let list = list.iter().map(|s| raw(self.stream_state(s.get())?));
                                serde_json::to_string(
                                    &list.collect::<serde_json::Result<Vec<_>>>()?,
                                )
                            })
                        })
                    })
                })
            })
        })
    }

    fn stream_state(&self, text: &str) -> serde_json::Result<String> {
        edit(text, |stream| {
            change(stream, "stream_descriptor", |d| edit(d, |d| self.put(d, "name")))
        })
    }

    /// Renames in an object that holds a name under this key and perhaps a namespace.
    fn put(&self, object: &mut Owned, key: &str) -> serde_json::Result<()> {
        let Some(name) = object.get(key) else {
            return Ok(());
        };
        let namespace = match object.get("namespace") {
            Some(namespace) => serde_json::from_str(namespace.get())?,
            None => None,
        };
        let of = Descriptor { name: serde_json::from_str(name.get())?, namespace };
        let new = self.descriptor(&of);
        object.insert(key.to_owned(), to_raw_value(&new.name)?);
        match new.namespace {
            Some(namespace) => object.insert("namespace".into(), to_raw_value(&namespace)?),
            None => object.shift_remove("namespace"),
        };
        Ok(())
    }
}

fn raw(text: String) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(text)
}

/// Reads an object, changes it, and writes it; all that is not changed stays as it was written.
pub fn edit(
    text: &str,
    change: impl FnOnce(&mut Owned) -> serde_json::Result<()>,
) -> serde_json::Result<String> {
    let mut object: Owned = serde_json::from_str(text)?;
    change(&mut object)?;
    serde_json::to_string(&object)
}

/// Changes the text of one value of an object, if it is there and not null.
pub fn change(
    object: &mut Owned,
    key: &str,
    with: impl FnOnce(&str) -> serde_json::Result<String>,
) -> serde_json::Result<()> {
    if let Some(value) = object.get(key).filter(|value| value.get() != "null") {
        let changed = raw(with(value.get())?)?;
        object.insert(key.to_owned(), changed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(namespaces: bool) -> Names {
        Names { run: "run".into(), namespaces, default: false }
    }

    #[test]
    fn a_stream_of_the_default_namespace_carries_the_runs_name() {
        let names = Names { default: true, ..names(true) };
        let of = |namespace: Option<&str>| {
            let namespace = namespace.map(str::to_owned);
            let of = names.descriptor(&Descriptor { name: "s".into(), namespace });
            (of.name, of.namespace)
        };
        assert_eq!(of(None), ("s_run".into(), None));
        assert_eq!(of(Some("x")), ("s_run".into(), Some("run_x".into())));
    }

    #[test]
    fn records_get_the_runs_namespace_and_keep_their_text() {
        let line = r#"{"type":"RECORD","record":{"stream":"a","data":{"n":1.50},"emitted_at":1}}"#;
        assert_eq!(
            names(true).message(line).unwrap(),
            r#"{"type":"RECORD","record":{"stream":"a","data":{"n":1.50},"emitted_at":1,"namespace":"run"}}"#
        );
        assert_eq!(
            names(false).message(line).unwrap(),
            r#"{"type":"RECORD","record":{"stream":"a_run","data":{"n":1.50},"emitted_at":1}}"#
        );
    }

    #[test]
    fn every_descriptor_of_a_global_state_is_renamed() {
        let line = r#"{"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":null,"stream_states":[{"stream_descriptor":{"name":"a"},"stream_state":{"name":"a"}},{"stream_descriptor":{"name":"b","namespace":"x"}}]}}}"#;
        let renamed = names(true).message(line).unwrap();
        assert!(renamed.contains(r#"{"name":"a","namespace":"run"}"#));
        assert!(renamed.contains(r#"{"name":"b","namespace":"run_x"}"#));
        assert!(renamed.contains(r#""stream_state":{"name":"a"}"#));
    }

    #[test]
    fn catalogs_are_renamed() {
        let text = r#"{"streams":[{"stream":{"name":"a","namespace":null},"x":1}]}"#;
        assert_eq!(
            names(true).catalog(text).unwrap(),
            r#"{"streams":[{"stream":{"name":"a","namespace":"run"},"x":1}]}"#
        );
    }
}
