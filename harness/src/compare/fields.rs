//! Values that are not as they were sent, and yet count as intact: what a destination may do to a
//! value of a type, by the documentation of data types and by what the connector declares.
//!
//! | what was sent | what may be there instead |
//! |---|---|
//! | a value that no table is sure to hold | null, where `_airbyte_meta.changes` tells of it |
//! | a text that no table is sure to hold | its beginning, where it is told as `TRUNCATED` |
//! | true, false | 1, 0; not in a union with numbers, nor within a structure |
//! | a field that the schema does not declare | nothing; its JSON as a text |
//! | a value that is not of the declared type | its text; null, where no `_airbyte_meta` is printed |
//! | an array, an object, a union, an unknown type | its JSON as a text |
//! | a null within an object | nothing, and the other way round |
//! | a value of an unknown type | null |
//! | a number that is declared so, or has a fraction | the nearest 64-bit float, unless `numbers=exact` is declared |
//! | an integer, at any depth | what `integers=…` declares |
//! | a moment, a time of day | the same in another zone, to the microsecond |
//! | a text with U+0000 | the text without it, where `nul=dropped` is declared |

pub(super) mod ordinary;
mod within;

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::moment::Moment;
use super::types::{Type, fits, is_whole, members, type_of};
use crate::protocol::json::{self, Numbers};
use crate::scenario::capability::{Capability, Declared};

/// Whether a landed row is the row that was sent, but for what a destination may do to values.
#[must_use]
pub fn same_enough(sent: &str, landed: &str, schema: &Value, declared: &Declared) -> bool {
    let (Some(Value::Object(sent)), Some(Value::Object(landed))) =
        (json::read(sent), json::read(landed))
    else {
        return false;
    };
    let told = told(&landed);
    let intact = |(key, value): (&String, &Value)| {
        let there = landed.get(key).unwrap_or(&Value::Null);
        let property = &schema["properties"][key.as_str()];
        let is_told = || match &told {
            Some(told) => is_told(told, key, value, there, declared),
            None => there.is_null() && !fits(value, property),
        };
        field(value, there, schema, property, declared)
            || !ordinary::is_ordinary(value, property) && is_told()
    };
    let was_sent = |(key, value): (&String, &Value)| {
        value.is_null() || key.starts_with("_airbyte_") || sent.contains_key(key)
    };
    sent.iter().all(intact) && landed.iter().all(was_sent)
}

/// What the row's metadata tell of its fields: `NULLED`, `TRUNCATED`, or no word; nothing where they
/// are not printed.
fn told(landed: &Map<String, Value>) -> Option<HashMap<String, String>> {
    let meta = landed.get("_airbyte_meta")?;
    let of = |change: &Value| {
        let word = change["change"].as_str().unwrap_or_default().to_owned();
        Some((change["field"].as_str()?.to_owned(), word))
    };
    Some(changes(Some(meta)).iter().filter_map(of).collect())
}

/// Whether a landed row tells of changes to its fields.
#[must_use]
pub fn tells_of_changes(landed: &str) -> bool {
    // Most rows are not taken apart for it.
    landed.contains("change")
        && matches!(json::read(landed), Some(Value::Object(row)) if !changes(row.get("_airbyte_meta")).is_empty())
}

/// What a landed row tells of itself, as it was read back: its `_airbyte_meta`.
#[must_use]
pub fn meta(landed: &str) -> Option<String> {
    let row: HashMap<&str, &RawValue> = serde_json::from_str(landed).ok()?;
    row.get("_airbyte_meta").map(|meta| meta.get().to_owned())
}

/// Whether a change that is told of is the one that was made.
fn is_told(
    told: &HashMap<String, String>,
    key: &str,
    sent: &Value,
    landed: &Value,
    declared: &Declared,
) -> bool {
    let is_cut = || match (sent.as_str(), landed.as_str()) {
        (Some(sent), Some(landed)) => {
            sent.starts_with(landed) && landed.len() >= ordinary::shortest(sent)
        }
        _ => false,
    };
    match told.get(key) {
        Some(word) => landed.is_null() || word == "TRUNCATED" && is_cut(),
        // What a field within a structure was is told by its path.
        None => within::lacks_only_told(told.keys(), key, sent, landed, declared),
    }
}

/// The changes in a landed row's `_airbyte_meta`, which may be an object or its text.
#[must_use]
pub fn changes(meta: Option<&Value>) -> Vec<Value> {
    let meta = match meta {
        Some(Value::String(text)) => json::read(text).unwrap_or(Value::Null),
        Some(meta) => meta.clone(),
        None => Value::Null,
    };
    meta["changes"].as_array().cloned().unwrap_or_default()
}

/// A value in the one form that all its spellings share: a moment in UTC, a boolean in place of 1
/// or 0, an array or an object that landed as its JSON, objects without nulls.
#[must_use]
pub fn normal(mut value: Value, kind: Type) -> Value {
    let spelled = match (kind, &value) {
        (Type::Moment, Value::String(text)) => {
            Moment::read(text).map(|moment| Value::String(moment.to_string()))
        }
        (Type::TimeOfDay, Value::String(text)) => {
            Moment::of_day(text).map(|time| Value::String(time.to_string()))
        }
        (Type::Array, Value::String(text)) => json::read(text).filter(Value::is_array),
        (Type::Object, Value::String(text)) => json::read(text).filter(Value::is_object),
        (Type::Boolean, Value::Number(number)) => [("0", false), ("1", true)]
            .into_iter()
            .find(|(digit, _)| json::same_number(number.as_str(), digit, Numbers::ByValue))
            .map(|(_, value)| Value::Bool(value)),
        _ => None,
    };
    value = spelled.unwrap_or(value);
    drop_nulls(&mut value);
    value
}

/// A column of its own cannot tell null from absent, and neither can a field of a structure.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

fn field(
    sent: &Value,
    landed: &Value,
    schema: &Value,
    property: &Value,
    declared: &Declared,
) -> bool {
    let kind = type_of(property);
    let is_of_type = fits(sent, property);
    let is_json = matches!(kind, Type::Array | Type::Object | Type::Union | Type::Unknown);
    if !is_of_type && (is_json || !sent.is_null()) && is_text_of(sent, landed, declared) {
        return true;
    }
    let (sent, landed) = (&normal(sent.clone(), kind), &normal(landed.clone(), kind));
    if json::equal(sent, landed, Numbers::ByValue) {
        return true;
    }
    if property.is_null() && landed.is_null() {
        // A schema that declares nothing leaves nothing undeclared.
        return schema["properties"].as_object().is_some_and(|all| !all.is_empty());
    }
    if !is_of_type {
        return false;
    }
    match kind {
        Type::Boolean => false,
        Type::Integer => integer(sent, landed, declared),
        Type::Number => number(sent, landed, declared),
        Type::Moment => same_moment(sent, landed, Moment::read),
        Type::TimeOfDay => same_moment(sent, landed, Moment::of_day),
        Type::Unknown if landed.is_null() => true,
        Type::Array | Type::Object | Type::Union | Type::Unknown => {
            same_json(sent, landed, declared)
                || is_json_of(sent, landed, declared)
                || is_number_of(sent, landed, property)
        }
        Type::Text | Type::Date => {
            let without = |text: &str| text.replace('\0', "");
            declared.is(Capability::Nul, "dropped")
                && sent.as_str().map(without).as_deref() == landed.as_str()
        }
    }
}

/// Whether a boolean landed as the number that many databases keep in its place, where that cannot
/// be taken for another value of the column.
fn is_number_of(sent: &Value, landed: &Value, property: &Value) -> bool {
    let has_numbers = || {
        let is_number = |member| matches!(type_of(member), Type::Integer | Type::Number);
        members(property).iter().any(is_number)
    };
    sent.is_boolean() && normal(landed.clone(), Type::Boolean) == *sent && !has_numbers()
}

/// Whether a text says a value: as it would be printed, or as JSON.
fn is_text_of(sent: &Value, landed: &Value, declared: &Declared) -> bool {
    let Some(text) = landed.as_str() else { return false };
    sent.as_str() == Some(text) || is_json_of(sent, landed, declared)
}

fn is_json_of(sent: &Value, landed: &Value, declared: &Declared) -> bool {
    let read = landed.as_str().and_then(json::read);
    read.is_some_and(|mut read| {
        let mut sent = sent.clone();
        drop_nulls(&mut sent);
        drop_nulls(&mut read);
        same_json(&sent, &read, declared)
    })
}

/// Whether two values are equal, with numbers as a destination may keep them.
fn same_json(sent: &Value, landed: &Value, declared: &Declared) -> bool {
    match (sent, landed) {
        (Value::Number(_), Value::Number(_)) => {
            json::equal(sent, landed, Numbers::ByValue)
                || if is_whole(sent) {
                    integer(sent, landed, declared)
                } else {
                    number(sent, landed, declared)
                }
        }
        (Value::Array(sent), Value::Array(landed)) => {
            let mut pairs = sent.iter().zip(landed);
            sent.len() == landed.len() && pairs.all(|(s, l)| same_json(s, l, declared))
        }
        (Value::Object(sent), Value::Object(landed)) => {
            let is_there = |(key, value): (&String, &Value)| {
                landed.get(key).is_some_and(|landed| same_json(value, landed, declared))
            };
            sent.len() == landed.len() && sent.iter().all(is_there)
        }
        _ => sent == landed,
    }
}

fn integer(sent: &Value, landed: &Value, declared: &Declared) -> bool {
    match declared.of(Capability::Integers) {
        "64-bit" => is_wide(sent) && (landed.is_null() || same_double(sent, landed)),
        "double" => same_double(sent, landed),
        _ => false,
    }
}

/// Whether an integer needs more than 64 bits.
fn is_wide(value: &Value) -> bool {
    let beyond = |limit: i64, side| {
        let limit = limit.to_string();
        value
            .as_number()
            .is_some_and(|number| json::compare_numbers(number.as_str(), &limit) == side)
    };
    beyond(i64::MAX, Ordering::Greater) || beyond(i64::MIN, Ordering::Less)
}

fn number(sent: &Value, landed: &Value, declared: &Declared) -> bool {
    !declared.is(Capability::Numbers, "exact") && same_double(sent, landed)
}

fn double(value: &Value) -> Option<f64> {
    value.as_number()?.as_str().parse().ok()
}

/// Whether both are the same 64-bit float; one beyond their range may be null.
fn same_double(sent: &Value, landed: &Value) -> bool {
    match (double(sent), double(landed)) {
        (Some(sent), None) => sent.is_infinite() && landed.is_null(),
        #[expect(clippy::float_cmp, reason = "the nearest float is one and no other")]
        (Some(sent), Some(landed)) => sent == landed,
        _ => false,
    }
}

/// Whether both name the same moment, or time of day, to the microsecond: rounded or cut off.
fn same_moment(sent: &Value, landed: &Value, read: fn(&str) -> Option<Moment>) -> bool {
    let read = |value: &Value| read(value.as_str()?);
    let (Some(sent), Some(landed)) = (read(sent), read(landed)) else { return false };
    sent.is_zoned == landed.is_zoned && sent.nanos.abs_diff(landed.nanos) < 1000
}

#[cfg(test)]
mod tests;
