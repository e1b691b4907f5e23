//! What a row is known by in any spelling: a number for each of its fields.

use serde_json::Value;

use super::hash;
use super::moment::Moment;
use crate::model;
use crate::protocol::json;

/// The fields of a row, given by its canonical text; in order.
#[must_use]
pub fn of(canonical: &str) -> Vec<u64> {
    fields(&loose(json::read(canonical).unwrap_or(Value::Null)))
}

/// The same, and its primary key, which is among them.
#[must_use]
pub fn with_key(canonical: &str, primary_key: &[Vec<String>]) -> (Vec<u64>, Option<u64>) {
    let row = loose(json::read(canonical).unwrap_or(Value::Null));
    let mut all = fields(&row);
    let key = (!primary_key.is_empty()).then(|| named("\u{1f}", &model::key(&row, primary_key)));
    all.extend(key);
    (all, key)
}

fn fields(row: &Value) -> Vec<u64> {
    let number = |(name, value): (&String, &Value)| {
        let mut text = String::new();
        json::write_canonical(value, &mut text);
        named(name, &text)
    };
    let mut all: Vec<u64> = row.as_object().into_iter().flatten().map(number).collect();
    all.sort_unstable();
    all
}

fn named(name: &str, value: &str) -> u64 {
    hash(&format!("{name}\u{1f}{value}")).1
}

/// A value in one form for all that a destination may make of it: a text that is JSON is read, a
/// number is the nearest float, true is 1, a moment is that second.
fn loose(value: Value) -> Value {
    match value {
        Value::Bool(value) => Value::from(u8::from(value)),
        Value::Number(number) => {
            let double = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            Value::Number(double.unwrap_or(number))
        }
        Value::String(text) => match json::read(&text) {
            Some(value) => loose(value),
            None => Moment::read(&text).map_or(Value::String(text), |moment| {
                Value::from(((moment.nanos + 500_000_000).div_euclid(1_000_000_000)).to_string())
            }),
        },
        Value::Array(items) => items.into_iter().map(loose).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, v)| (key, loose(v))).collect(),
        Value::Null => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_known_in_any_spelling() {
        for (one, other, are_alike) in [
            (r#"{"a":1}"#, r#"{"a":"1.0"}"#, true),
            (r#"{"a":true}"#, r#"{"a":1}"#, true),
            (r#"{"a":{"b":[1]}}"#, r#"{"a":"{\"b\": [1e0]}"}"#, true),
            (r#"{"a":1.00000000000000000001}"#, r#"{"a":1}"#, true),
            (r#"{"a":"2026-01-01T00:00:00.4Z"}"#, r#"{"a":"2026-01-01 00:00:00"}"#, true),
            (r#"{"a":"x"}"#, r#"{"a":"X"}"#, false),
            (r#"{"a":1}"#, r#"{"b":1}"#, false),
            (r#"{"a":1}"#, r#"{"a":2}"#, false),
        ] {
            assert_eq!(of(one) == of(other), are_alike, "{one} {other}");
        }
        let (all, key) = with_key(r#"{"a":1,"b":2}"#, &[vec!["a".to_owned()]]);
        assert_eq!((all.len(), key.is_some_and(|key| all.contains(&key))), (3, true));
        assert_eq!(with_key(r#"{"a":1}"#, &[]).1, None);
    }
}
