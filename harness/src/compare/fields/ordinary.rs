//! Ordinary values: those that any table holds in a column of their type.
//!
//! A destination may put null in the place of a value that its table cannot hold, if it tells of it.
//! Limits differ from one database to the next, so that the values here are far from all of them; to
//! lose one of these is a fault, told or not.

use serde_json::Value;

use crate::compare::moment::Moment;
use crate::compare::types::{Type, fits, members, type_of};

/// In bytes; the shortest column of a text that is in use holds a little more.
const LONGEST: usize = 1000;
/// Levels of arrays and objects.
const DEEPEST: u32 = 8;

/// Whether a value, sent in a field of this schema, is one.
pub fn is_ordinary(value: &Value, property: &Value) -> bool {
    let text = || value.as_str().unwrap_or_default();
    match type_of(property) {
        _ if !fits(value, property) => false,
        Type::Date => is_date(text()),
        Type::Moment => is_moment(text(), property),
        Type::TimeOfDay => {
            names(property, "time_without_timezone")
                && shape(text()) == "00:00:00"
                && is_plain(value, 0)
        }
        Type::Text | Type::Boolean | Type::Integer | Type::Number => is_plain(value, 0),
        Type::Array | Type::Object => {
            value.to_string().len() <= LONGEST && is_plain(value, 0) && fits_within(value, property)
        }
        Type::Union => {
            let is_of = |member| fits(value, member) && is_ordinary(value, member);
            members(property).iter().any(is_of)
        }
        Type::Unknown => false,
    }
}

/// Whether a value, if it is there at all, is there as it was sent, in any spelling: no part of it may
/// be gone, and it is no moment, which may be rounded.
pub fn has_one_form(value: &Value, property: &Value) -> bool {
    match value {
        _ if matches!(type_of(property), Type::Moment | Type::TimeOfDay) => false,
        Value::Number(number) => number.as_str().parse().is_ok_and(f64::is_finite),
        Value::Bool(_) => true,
        Value::String(text) => is_plain_text(text),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// How many bytes of a text any table holds: up to a character that not all of them take.
pub fn shortest(text: &str) -> usize {
    let mut held = 0;
    for c in text.chars() {
        if held + c.len_utf8() > LONGEST || !is_plain_char(c) {
            break;
        }
        held += c.len_utf8();
    }
    held
}

/// A text with each digit written as 0.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

fn is_date(text: &str) -> bool {
    shape(text) == "0000-00-00" && Moment::of_date(text).is_some_and(is_recent)
}

/// With a zone or without, as the schema says, and spelled as the protocol does.
fn is_moment(text: &str, property: &Value) -> bool {
    let is_zoned = !names(property, "timestamp_without_timezone");
    let shape = shape(text);
    let zone = shape.strip_prefix("0000-00-00T00:00:00").map(|rest| {
        let fraction = rest.strip_prefix('.').map(|digits| digits.trim_start_matches('0'));
        fraction.unwrap_or(rest)
    });
    zone.is_some_and(|zone| matches!(zone, "" | "Z" | "+00:00" | "-00:00"))
        && !text.contains(":60")
        && Moment::read(text).is_some_and(|at| at.is_zoned == is_zoned && is_recent(at))
}

/// Whether a schema names this type: as `airbyte_type`, or by a reference, there in camel case.
fn names(property: &Value, name: &str) -> bool {
    let members = members(property);
    let property = members.first().unwrap_or(property);
    let reference = property["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    property["airbyte_type"] == name
        || reference.is_some_and(|given| given.eq_ignore_ascii_case(&name.replace('_', "")))
}

/// Within the 32-bit seconds since 1970.
fn is_recent(moment: Moment) -> bool {
    (86_400..i128::from(i32::MAX) - 86_400).contains(&(moment.nanos / 1_000_000_000))
}

/// Whether each value within a structure is of the type that is declared for it, if one is.
fn fits_within(value: &Value, property: &Value) -> bool {
    let members = members(property);
    let property = members.first().unwrap_or(property);
    match value {
        Value::Object(fields) => {
            let Some(properties) = property["properties"].as_object() else { return true };
            fields.iter().all(|(key, field)| {
                properties.get(key).is_some_and(|of| fits(field, of) && fits_within(field, of))
            })
        }
        Value::Array(items) => {
            let of = &property["items"];
            of.is_null() || items.iter().all(|item| fits(item, of) && fits_within(item, of))
        }
        _ => true,
    }
}

fn is_plain(value: &Value, depth: u32) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) => true,
        Value::Number(number) => {
            let number: f64 = number.as_str().parse().unwrap_or(f64::NAN);
            number == 0.0 || (1e-6..1e15).contains(&number.abs())
        }
        Value::String(text) => is_plain_text(text),
        Value::Array(items) => {
            depth < DEEPEST
                && !items.is_empty()
                && items.iter().all(|item| is_plain(item, depth + 1))
        }
        Value::Object(fields) => {
            let is_field =
                |(key, field): (&String, &Value)| is_plain_text(key) && is_plain(field, depth + 1);
            depth < DEEPEST && !fields.is_empty() && fields.iter().all(is_field)
        }
    }
}

/// An empty text is null to some databases, and not all take every character.
fn is_plain_text(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.chars().all(is_plain_char)
}

fn is_plain_char(c: char) -> bool {
    c == '\n' || !c.is_control() && c < '\u{e000}'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::json;
    use serde_json::json;

    #[test]
    fn a_value_at_an_edge_is_not_ordinary() {
        let text = json!({"type": ["null", "string"]});
        let integer = json!({"type": "integer"});
        let number = json!({"type": "number"});
        let boolean = json!({"type": "boolean"});
        let day = json!({"type": "string", "format": "date"});
        let moment = json!({"type": "string", "format": "date-time"});
        let day_by_reference = json!({"$ref": "WellKnownTypes.json#/definitions/Date"});
        let local = json!({"type": ["null", "string"], "format": "date-time",
            "airbyte_type": "timestamp_without_timezone"});
        let local_by_reference =
            json!({"$ref": "WellKnownTypes.json#/definitions/TimestampWithoutTimezone"});
        let clock = json!({"type": "string", "format": "time",
            "airbyte_type": "time_without_timezone"});
        let typed = json!({"type": "object", "properties": {"n": {"type": "integer"},
            "l": {"type": "array", "items": {"type": "integer"}}}});
        let list = json!({"type": "array"});
        let object = json!({"type": "object"});
        let union = json!({"type": ["string", "integer"]});
        let unknown = json!({"type": "potato"});
        let long = |count| format!("\"{}\"", "x".repeat(count));
        let cases: &[(&Value, &str, bool)] = &[
            (&text, r#""Ada é\n""#, true),
            (&text, &long(1000), true),
            (&text, &long(1001), false),
            (&text, r#""""#, false),
            (&text, r#""a\u0000""#, false),
            (&text, r#""🦀""#, false),
            (&text, "7", false),
            (&integer, "0", true),
            (&integer, "-7", true),
            (&integer, "9007199254740993", false),
            (&integer, "7.5", false),
            (&number, "7.5", true),
            (&number, "1e-7", false),
            (&number, "-1e15", false),
            (&boolean, "false", true),
            (&boolean, "0", false),
            (&day, r#""2026-01-15""#, true),
            (&day, r#""9999-12-31""#, false),
            (&day, r#""soon""#, false),
            (&day, r#""20260115""#, false),
            (&day_by_reference, r#""2026-01-15""#, true),
            (&day_by_reference, r#""0001-01-01""#, false),
            (&moment, r#""2026-01-15T00:00:00Z""#, true),
            (&moment, r#""1969-12-31T00:00:00Z""#, false),
            (&moment, r#""2038-01-19T00:00:00Z""#, false),
            (&moment, r#""2026-01-15T00:00:00.123456-05:00""#, true),
            (&moment, r#""2026-01-15T00:00:00""#, false),
            (&moment, r#""2026-01-15 00:00:00Z""#, false),
            (&moment, r#""2026-01-15T00:00:60Z""#, false),
            (&local, r#""2026-01-15T00:00:00""#, true),
            (&local, r#""2026-01-15T00:00:00Z""#, false),
            (&local_by_reference, r#""2026-01-15T00:00:00""#, true),
            (&clock, r#""12:30:00""#, true),
            (&clock, r#""12:30:00+01:00""#, false),
            (&list, r#"[1,["a"]]"#, true),
            (&list, "[]", false),
            (&list, "[null]", false),
            (&list, "[[[[[[[[[1]]]]]]]]]", false),
            (&list, &format!("[{}]", vec![long(100); 11].join(",")), false),
            (&object, r#"{"a":{"b":true}}"#, true),
            (&object, r#"{"":1}"#, false),
            (&object, "{}", false),
            (&typed, r#"{"n":1,"l":[1,2]}"#, true),
            (&typed, r#"{"n":"many"}"#, false),
            (&typed, r#"{"l":[1,"two"]}"#, false),
            (&typed, r#"{"more":1}"#, false),
            (&union, r#""a""#, true),
            (&union, "1e20", false),
            (&union, "true", false),
            (&unknown, "1", false),
        ];
        for (property, value, wanted) in cases {
            let value = json::read(value).unwrap();
            assert_eq!(is_ordinary(&value, property), *wanted, "{property} {value}");
        }
    }

    #[test]
    fn a_text_is_held_up_to_a_length_and_an_odd_character() {
        for (text, held) in [
            ("Ada", 3),
            ("a🦀b", 1),
            ("\u{0}", 0),
            (&"x".repeat(2000), 1000),
            (&"é".repeat(600), 1000),
            (&format!("x{}", "é".repeat(600)), 999),
        ] {
            assert_eq!(shortest(text), held, "{text}");
        }
    }
}
