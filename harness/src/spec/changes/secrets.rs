//! Secrets that are no longer marked as such, wherever in a schema it is said: values that were drawn
//! do not show it, and it may have moved from one keyword to another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Change, Class};
use crate::protocol::json::under;

/// Why it matters.
pub const LOST: &str = "it is no longer marked as a secret: stored secrets are shown as they are";

/// What a value is at one place of a config.
#[derive(Default)]
struct Place {
    is_secret: bool,
    pointer: String,
}

/// The places of a config where a secret is a plain value now, but for those that are told already.
pub fn lost(old: &Value, new: &Value, at: &str, told: &[Change]) -> Vec<Change> {
    let [had, has] = [old, new].map(|schema| {
        let mut places = BTreeMap::new();
        gather(schema, "", at, &mut places);
        places
    });
    let told = told.iter().filter(|change| change.kind == "secret-flag-lost");
    let told: Vec<String> =
        told.filter_map(|change| Some(place_of(change.pointer.strip_prefix(at)?))).collect();
    let lost = had.iter().filter(|(_, place)| place.is_secret).filter_map(|(place, _)| {
        let now = has.get(place).filter(|now| !now.is_secret && !told.contains(place))?;
        Some(Change {
            class: Class::Breaking,
            kind: "secret-flag-lost",
            pointer: now.pointer.clone(),
            reason: LOST.to_owned(),
        })
    });
    lost.collect()
}

/// All places that a schema speaks of; `*` is any name, or any item.
fn gather(schema: &Value, place: &str, pointer: &str, into: &mut BTreeMap<String, Place>) {
    let Some(keywords) = schema.as_object() else { return };
    let known = into.entry(place.to_owned()).or_default();
    known.is_secret |= schema["airbyte_secret"] == true;
    if known.pointer.is_empty() {
        pointer.clone_into(&mut known.pointer);
    }
    let any = format!("{place}/*");
    for (keyword, value) in keywords {
        let here = under(pointer, keyword);
        match (keyword.as_str(), value) {
            ("properties", Value::Object(all)) => {
                for (name, schema) in all {
                    gather(schema, &under(place, name), &under(&here, name), into);
                }
            }
            ("patternProperties", Value::Object(all)) => {
                for (name, schema) in all {
                    gather(schema, &any, &under(&here, name), into);
                }
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(all)) => {
                for (nth, schema) in all.iter().enumerate() {
                    gather(schema, place, &format!("{here}/{nth}"), into);
                }
            }
            ("items", Value::Array(all)) => {
                for (nth, schema) in all.iter().enumerate() {
                    gather(schema, &any, &format!("{here}/{nth}"), into);
                }
            }
            ("items" | "additionalProperties", Value::Object(_)) => {
                gather(value, &any, &here, into);
            }
            // Whatever stands there is taken, and shown.
            ("additionalProperties", Value::Bool(true)) => {
                into.entry(any.clone()).or_default().pointer = here;
            }
            ("if" | "then" | "else", _) => gather(value, place, &here, into),
            _ => {}
        }
    }
    let is_map = schema["type"] == "object" && !keywords.contains_key("additionalProperties");
    if is_map {
        let open = into.entry(any).or_default();
        if open.pointer.is_empty() {
            pointer.clone_into(&mut open.pointer);
        }
    }
}

/// The place of a config that a pointer into its schema speaks of.
fn place_of(pointer: &str) -> String {
    let mut place = String::new();
    let mut steps = pointer.split('/').skip(1).peekable();
    while let Some(step) = steps.next() {
        match step {
            "properties" => place.extend(steps.next().map(|name| format!("/{name}"))),
            "patternProperties" => {
                steps.next();
                place.push_str("/*");
            }
            "oneOf" | "anyOf" | "allOf" => drop(steps.next()),
            "items" => {
                steps.next_if(|nth| nth.parse::<usize>().is_ok());
                place.push_str("/*");
            }
            "additionalProperties" => place.push_str("/*"),
            _ => {}
        }
    }
    place
}
