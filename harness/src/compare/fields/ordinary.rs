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
        Type::Text if property["format"] == "date" => {
            // Read as a moment, since it has no other day.
            Moment::read(&format!("{} 12:00:00", text())).is_some_and(is_recent)
        }
        Type::Moment => Moment::read(text()).is_some_and(is_recent),
        Type::TimeOfDay => Moment::of_day(text()).is_some_and(|time| !time.is_zoned),
        Type::Text | Type::Boolean | Type::Integer | Type::Number => is_plain(value, 0),
        Type::Array | Type::Object => value.to_string().len() <= LONGEST && is_plain(value, 0),
        Type::Union => {
            let is_of = |member| fits(value, member) && is_ordinary(value, member);
            members(property).iter().any(is_of)
        }
        Type::Unknown => false,
    }
}

/// Within the 32-bit seconds since 1970.
fn is_recent(moment: Moment) -> bool {
    (86_400..i128::from(i32::MAX) - 86_400).contains(&(moment.nanos / 1_000_000_000))
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
    let is_plain = |c: char| c == '\n' || !c.is_control() && c < '\u{e000}';
    (1..=LONGEST).contains(&text.len()) && text.chars().all(is_plain)
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
        let clock = json!({"type": "string", "format": "time"});
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
            (&moment, r#""2026-01-15T00:00:00Z""#, true),
            (&moment, r#""1969-12-31T00:00:00Z""#, false),
            (&moment, r#""2038-01-19T00:00:00Z""#, false),
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
}
