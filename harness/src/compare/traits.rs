//! What a row is known by in any spelling; and what one that was sent has to be known by, whatever
//! a destination makes of its other values.

use serde_json::Value;

use super::fields::ordinary::{has_one_form, is_ordinary};
use super::hash;
use super::moment::Moment;
use crate::model;
use crate::protocol::json;

/// What a row is known by: a number for each of its fields, and one for each of their names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Traits {
    fields: Vec<u64>,
    names: Vec<u64>,
}

impl Traits {
    /// Those of a row, given by its canonical text.
    #[must_use]
    pub fn of(canonical: &str) -> Self {
        Self::with_key(canonical, &[]).0
    }

    /// The same, with a number for its primary key in any spelling; `None` where there is no key.
    #[must_use]
    pub fn with_key(canonical: &str, primary_key: &[Vec<String>]) -> (Self, Option<u64>) {
        let row = loose(json::read(canonical).unwrap_or(Value::Null));
        let key = (!primary_key.is_empty()).then(|| number(&model::key(&row, primary_key)));
        let all = || row.as_object().into_iter().flatten();
        let mut fields: Vec<u64> = all().map(|(name, value)| field(name, value)).collect();
        let mut names: Vec<u64> = all().map(|(name, _)| number(name)).collect();
        fields.sort_unstable();
        names.sort_unstable();
        (Self { fields, names }, key)
    }

    /// A number for each field; in order.
    #[must_use]
    pub fn fields(&self) -> &[u64] {
        &self.fields
    }

    /// A number for each field's name; in order.
    #[must_use]
    pub fn names(&self) -> &[u64] {
        &self.names
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn has_name(&self, name: u64) -> bool {
        self.names.binary_search(&name).is_ok()
    }
}

/// What a row that was sent has to be known by where it landed, whatever became of values that may
/// be there in several forms.
#[derive(Debug)]
pub struct Needs {
    /// The row's own.
    pub traits: Traits,
    /// Each of them has to be met.
    pub all: Vec<Need>,
    /// Names of its fields, in order; a null is one here.
    names: Vec<u64>,
}

/// What one value has to be known by.
#[derive(Debug)]
pub struct Need {
    /// One of these.
    pub forms: Vec<u64>,
    /// Or nothing, where the value may be gone: by the name of its field.
    pub or_absent: Option<u64>,
}

impl Needs {
    /// Those of a row of this schema, given as it was sent and by its canonical text.
    #[must_use]
    pub fn of(sent: &str, canonical: &str, schema: &Value) -> Self {
        let row = json::read(sent).unwrap_or(Value::Null);
        let fields = || {
            let all = row.as_object().into_iter().flatten();
            all.filter(|(name, _)| !name.starts_with("_airbyte_"))
        };
        let need = |(name, value): (&String, &Value)| {
            let property = &schema["properties"][name.as_str()];
            let is_ordinary = is_ordinary(value, property);
            let or_absent = (!is_ordinary).then(|| number(name));
            let has_one_form = is_ordinary || has_one_form(value, property);
            has_one_form.then(|| Need { forms: forms(name, value), or_absent })
        };
        let all = fields().filter_map(need).collect();
        let mut names: Vec<u64> = fields().map(|(name, _)| number(name)).collect();
        names.sort_unstable();
        Self { traits: Traits::of(canonical), all, names }
    }

    /// Whether a row that is there may be the one that was sent.
    #[must_use]
    pub fn are_met_by(&self, there: &Traits) -> bool {
        let has = |one: &u64| there.fields.binary_search(one).is_ok();
        let is_met = |need: &Need| {
            need.forms.iter().any(has) || need.or_absent.is_some_and(|name| !there.has_name(name))
        };
        let is_mine = |name: &u64| self.names.binary_search(name).is_ok();
        self.all.iter().all(is_met) && there.names.iter().all(is_mine)
    }
}

/// What the only form of a value is known by; a moment may be rounded, and a text that reads as one
/// may be a moment.
fn forms(name: &str, value: &Value) -> Vec<u64> {
    let Some(micros) = value.as_str().and_then(micros) else {
        return vec![field(name, &loose(value.clone()))];
    };
    (-1..=1).map(|by| field(name, &moment(micros + by))).collect()
}

fn field(name: &str, value: &Value) -> u64 {
    let mut text = format!("{name}\u{1f}");
    json::write_canonical(value, &mut text);
    number(&text)
}

fn number(text: &str) -> u64 {
    hash(text).1
}

/// The microsecond that a text names, if it is a moment or a time of day.
fn micros(text: &str) -> Option<i128> {
    let moment = Moment::read(text).or_else(|| Moment::of_day(text))?;
    Some(moment.nanos.div_euclid(1000))
}

fn moment(micros: i128) -> Value {
    Value::String(format!("{micros} us"))
}

/// A value in one form for all that a destination may make of it: a text that is JSON is read, a
/// number is the nearest float, true is 1, a moment is its microsecond, a null in an object nothing.
fn loose(value: Value) -> Value {
    match value {
        Value::Bool(value) => Value::from(u8::from(value)),
        Value::Number(number) => {
            let double = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            Value::Number(double.unwrap_or(number))
        }
        Value::String(text) => match json::read(&text) {
            Some(value) => loose(value),
            None => micros(&text).map_or(Value::String(text), moment),
        },
        Value::Array(items) => items.into_iter().map(loose).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, loose(value)))
            .collect(),
        Value::Null => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_is_known_in_any_spelling() {
        for (one, other, are_alike) in [
            (r#"{"a":1}"#, r#"{"a":"1.0"}"#, true),
            (r#"{"a":true}"#, r#"{"a":1}"#, true),
            (r#"{"a":{"b":[1]}}"#, r#"{"a":"{\"b\": [1e0],\"c\":null}"}"#, true),
            (r#"{"a":1.00000000000000000001}"#, r#"{"a":1}"#, true),
            (r#"{"a":"2026-01-01T00:00:00.0000004Z"}"#, r#"{"a":"2026-01-01 00:00:00"}"#, true),
            (r#"{"a":"2026-01-01T00:00:00.000001Z"}"#, r#"{"a":"2026-01-01 00:00:00"}"#, false),
            (r#"{"a":"x"}"#, r#"{"a":"X"}"#, false),
            (r#"{"a":1}"#, r#"{"b":1}"#, false),
            (r#"{"a":1}"#, r#"{"a":2}"#, false),
        ] {
            assert_eq!(Traits::of(one) == Traits::of(other), are_alike, "{one} {other}");
        }
        let by = |row| Traits::with_key(row, &[vec!["a".to_owned()]]).1;
        assert!(by(r#"{"a":1,"b":2}"#) == by(r#"{"a":"1"}"#) && by(r#"{"a":1}"#).is_some());
        assert_eq!(Traits::with_key(r#"{"a":1}"#, &[]).1, None);
    }

    #[test]
    fn what_has_one_form_only_has_to_be_there() {
        let schema = json!({"properties": {
            "n": {"type": "integer"}, "v": {"type": "string"}, "b": {"type": "boolean"},
            "at": {"type": "string", "format": "date-time"}, "u": {"type": ["string", "integer"]}}});
        for (sent, there, wanted) in [
            (r#"{"n":1,"v":"x"}"#, r#"{"n":1,"v":"x"}"#, true),
            (r#"{"n":1,"v":"x"}"#, r#"{"n":1}"#, false),
            (r#"{"n":1,"v":"x"}"#, r#"{"n":1,"v":"X"}"#, false),
            (r#"{"n":1,"b":true,"u":7}"#, r#"{"u":"7","b":1,"n":1}"#, true),
            // Of the wrong type, at an edge, not declared: they may be gone.
            (r#"{"n":"x","v":"x"}"#, r#"{"v":"x"}"#, true),
            (r#"{"n":"x","v":"x"}"#, r#"{"n":"y","v":"x"}"#, false),
            (r#"{"n":9007199254740993}"#, r#"{"n":7}"#, false),
            (r#"{"n":9007199254740993}"#, r#"{"n":9007199254740992}"#, true),
            (r#"{"n":1,"more":1}"#, r#"{"n":1}"#, true),
            (r#"{"n":1,"more":1}"#, r#"{"n":1,"more":2}"#, false),
            // They may have become anything.
            (r#"{"v":"🦀"}"#, r#"{"v":"?"}"#, true),
            (r#"{"n":1e400}"#, r#"{"n":1e401}"#, true),
            (r#"{"u":null}"#, r#"{"u":"null"}"#, true),
            (r#"{"n":1}"#, r#"{"n":1,"more":1}"#, false),
            // A moment may be rounded.
            (r#"{"at":"2026-01-01T00:00:00.9999997Z"}"#, r#"{"at":"2026-01-01 00:00:01Z"}"#, true),
            (r#"{"at":"2026-01-01T00:00:00.999Z"}"#, r#"{"at":"2026-01-01 00:00:01Z"}"#, false),
        ] {
            let needs = Needs::of(sent, sent, &schema);
            assert_eq!(needs.are_met_by(&Traits::of(there)), wanted, "{sent} {there}");
        }
    }
}
