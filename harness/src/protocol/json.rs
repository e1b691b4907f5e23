//! JSON as it was written: exact numbers, equality with or without regard for their spelling,
//! and the strictness that a Java reader insists on.

mod lenient;

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

pub use lenient::{mend, read};

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// `1.0`, `1` and `1e0` are the same.
    ByValue,
    /// The value is the same, and an integer stays an integer: `1` is not `1.0`, while `1e3` may
    /// become `1000.0`. A state's blob must survive this.
    AsWritten,
}

/// A decimal number in normal form: no zeros at either end of the digits.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i128,
}

impl Decimal {
    /// Normalises a JSON number; any length of digits is kept.
    fn parse(text: &str) -> Self {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], exponent(&text[at + 1..])),
            None => (text, 0),
        };
        let (negative, mantissa) =
            mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let trimmed = digits.trim_end_matches('0');
        if trimmed.is_empty() {
            return Self { negative: false, digits: String::new(), exponent: 0 };
        }
        let dropped = i128::try_from(digits.len() - trimmed.len()).unwrap_or(0);
        let places = i128::try_from(fraction.len()).unwrap_or(0);
        Self { negative, digits: trimmed.to_owned(), exponent: exponent - places + dropped }
    }

    /// The power of ten of the digit before the first.
    fn magnitude(&self) -> i128 {
        self.exponent + i128::try_from(self.digits.len()).unwrap_or(0)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |decimal: &Self| match (decimal.digits.is_empty(), decimal.negative) {
            (true, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        let by_size = || {
            let by_digits = || self.digits.cmp(&other.digits);
            self.magnitude().cmp(&other.magnitude()).then_with(by_digits)
        };
        sign(self)
            .cmp(&sign(other))
            .then_with(|| if self.negative { by_size().reverse() } else { by_size() })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A number's exponent; where it is past all reason, one that is past all reason.
fn exponent(text: &str) -> i128 {
    const HUGE: i128 = i128::MAX / 4;
    let parsed: Option<i128> = text.parse().ok();
    match parsed {
        Some(exponent) => exponent.clamp(-HUGE, HUGE),
        None if text.starts_with('-') => -HUGE,
        None => HUGE,
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        if self.digits.is_empty() {
            f.write_str("0")
        } else {
            write!(f, "{sign}{}e{}", self.digits, self.exponent)
        }
    }
}

/// Whether a number is spelled as an integer: no point, no exponent.
#[must_use]
pub fn is_integer(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}

/// Whether two JSON numbers are equal.
#[must_use]
pub fn same_number(left: &str, right: &str, numbers: Numbers) -> bool {
    if left == right {
        return true;
    }
    if numbers == Numbers::AsWritten && is_integer(left) != is_integer(right) {
        return false;
    }
    Decimal::parse(left) == Decimal::parse(right)
}

/// Which of two JSON numbers is greater.
#[must_use]
pub fn compare_numbers(left: &str, right: &str) -> Ordering {
    Decimal::parse(left).cmp(&Decimal::parse(right))
}

/// The text that all spellings of a JSON number share.
#[must_use]
pub fn canonical_number(text: &str) -> String {
    Decimal::parse(text).to_string()
}

/// The JSON pointer to a member of what `pointer` points at.
#[must_use]
pub fn under(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Whether two JSON values are equal; the order of keys carries no meaning.
#[must_use]
pub fn equal(left: &Value, right: &Value, numbers: Numbers) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => same_number(l.as_str(), r.as_str(), numbers),
        (Value::Array(l), Value::Array(r)) => {
            l.len() == r.len() && l.iter().zip(r).all(|(l, r)| equal(l, r, numbers))
        }
        (Value::Object(l), Value::Object(r)) => {
            l.len() == r.len()
                && l.iter().all(|(key, l)| r.get(key).is_some_and(|r| equal(l, r, numbers)))
        }
        _ => left == right,
    }
}

/// Whether two values are equal but for their numbers: the same shape, keys and strings.
#[must_use]
pub fn differ_in_numbers_only(left: &Value, right: &Value) -> bool {
    fn same_shape(left: &Value, right: &Value) -> bool {
        match (left, right) {
            // A big number that became a string is a number altered, too.
            (Value::Number(_), Value::Number(_) | Value::String(_)) => true,
            (Value::Array(l), Value::Array(r)) => {
                l.len() == r.len() && l.iter().zip(r).all(|(l, r)| same_shape(l, r))
            }
            (Value::Object(l), Value::Object(r)) => {
                l.len() == r.len()
                    && l.iter().all(|(key, l)| r.get(key).is_some_and(|r| same_shape(l, r)))
            }
            _ => left == right,
        }
    }
    same_shape(left, right) && !equal(left, right, Numbers::AsWritten)
}

/// Appends the canonical text of a value: keys sorted, numbers by value. Two values have the same
/// text exactly if they are [`equal`] by value.
pub fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => out.push_str(&canonical_number(number.as_str())),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut keys: Vec<_> = object.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(&object[key], out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

/// The first duplicate key anywhere in a JSON text, if there is one.
///
/// The platform's reader is Java's Jackson with strict duplicate detection off in some places and
/// on in others, so which of the two values it sees is not to be relied on.
#[must_use]
pub fn duplicate_key(text: &str) -> Option<String> {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    // A syntax error is told elsewhere; here it only ends the search.
    let _ = Keys { found: &mut found }.deserialize(&mut reader);
    found
}

/// Walks a JSON text for its keys alone.
struct Keys<'a> {
    found: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) && self.found.is_none() {
                *self.found = Some(key);
            }
            map.next_value_seed(Keys { found: self.found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Keys { found: self.found })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The first token outside strings that some JSON writers print and no JSON reader must accept.
#[must_use]
pub fn foreign_number(text: &str) -> Option<&'static str> {
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'N' | b'I' if !in_string => {
                if let Some(token) =
                    ["NaN", "Infinity"].into_iter().find(|token| text[at..].starts_with(token))
                {
                    return Some(token);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_exactly() {
        for (left, right, by_value, as_written) in [
            ("1", "1.0", true, false),
            ("1e3", "1000.0", true, true),
            ("1e3", "1000", true, false),
            ("-0.0", "0.0", true, true),
            ("9223372036854775808", "9223372036854775807", false, false),
            ("9223372036854775808", "9.223372036854775808e18", true, false),
            ("0.1", "0.10", true, true),
            ("0.1", "0.1000000000000000055", false, false),
            ("100", "1", false, false),
            ("1234567890123456789012345678901234567890", "1.2345678901234568e39", false, false),
        ] {
            assert_eq!(same_number(left, right, Numbers::ByValue), by_value, "{left} {right}");
            assert_eq!(same_number(left, right, Numbers::AsWritten), as_written, "{left} {right}");
        }
    }

    #[test]
    fn exponents_past_all_reason_are_no_trouble() {
        for (left, right) in [
            ("10e9223372036854775807", "1e400"),
            ("0.1e-9223372036854775808", "1e-400"),
            (
                "1e-99999999999999999999999999999999999999999",
                "1e99999999999999999999999999999999999999999",
            ),
        ] {
            assert!(!same_number(left, right, Numbers::ByValue), "{left} {right}");
        }
        assert!(same_number("10e9223372036854775807", "1e9223372036854775808", Numbers::ByValue));
    }

    #[test]
    fn numbers_have_an_order() {
        let ascending = [
            "-1e99",
            "-10.5",
            "-10",
            "-9",
            "-1e-9",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000001",
            "2",
            "11",
            "9223372036854775807",
            "9223372036854775808",
            "1e400",
            "1.1e400",
        ];
        for (nth, left) in ascending.iter().enumerate() {
            for (mth, right) in ascending.iter().enumerate() {
                assert_eq!(compare_numbers(left, right), nth.cmp(&mth), "{left} {right}");
            }
        }
        assert_eq!(compare_numbers("-0.0", "0"), Ordering::Equal);
        assert_eq!(compare_numbers("1e1", "10.0"), Ordering::Equal);
    }

    #[test]
    fn canonical_text_ignores_order_and_spelling() {
        let mut left = String::new();
        let mut right = String::new();
        write_canonical(&value(r#"{"b":[1.50,null],"a":"é"}"#), &mut left);
        write_canonical(&value(r#"{"a":"\u00e9","b":[15e-1,null]}"#), &mut right);
        assert_eq!(left, right);
    }

    #[test]
    fn duplicate_keys_are_found_at_any_depth() {
        assert_eq!(duplicate_key(r#"{"a":[{"b":1.5,"b":2}]}"#).as_deref(), Some("b"));
        assert_eq!(duplicate_key(r#"{"a":{"b":1},"c":{"b":12345678901234567890123}}"#), None);
    }

    #[test]
    fn foreign_numbers_are_found_outside_strings_only() {
        assert_eq!(foreign_number(r#"{"rate":NaN}"#), Some("NaN"));
        assert_eq!(foreign_number(r#"{"rate":-Infinity}"#), Some("Infinity"));
        assert_eq!(foreign_number(r#"{"text":"NaN \" Infinity"}"#), None);
    }

    #[test]
    fn only_numbers_differ() {
        let sent = value(r#"{"cursor":9223372036854775809,"x":"y"}"#);
        assert!(differ_in_numbers_only(
            &sent,
            &value(r#"{"x":"y","cursor":9.223372036854776e18}"#)
        ));
        assert!(!differ_in_numbers_only(&sent, &value(r#"{"x":"z","cursor":1}"#)));
        assert!(!differ_in_numbers_only(&sent, &sent));
    }
}
