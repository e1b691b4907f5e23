//! Values within a structure that became null, each told of by its path.

use serde_json::Value;

use super::{drop_nulls, same_json};
use crate::protocol::json;
use crate::scenario::capability::Declared;

/// What parts a path: `v.count`, `l[1]`, `/v/count`.
const PARTS: [char; 4] = ['.', '[', ']', '/'];

/// Whether what landed of a field's structure is what was sent, but for values that became null and
/// are told of: each by its path, or by that of a structure that it is in.
pub fn lacks_only_told<'t>(
    told: impl Iterator<Item = &'t String>,
    key: &str,
    sent: &Value,
    landed: &Value,
    declared: &Declared,
) -> bool {
    let within = |path: &'t String| {
        let rest = path.strip_prefix(key).filter(|rest| rest.starts_with(PARTS))?;
        Some(parts(rest))
    };
    let told: Vec<String> = told.filter_map(within).collect();
    let mut sent = sent.clone();
    drop_nulls(&mut sent);
    !told.is_empty() && Lacks { told, declared }.only(&sent, landed, "")
}

/// A path in one spelling: each part after a point.
fn parts(path: &str) -> String {
    let parts = path.split(PARTS).filter(|part| !part.is_empty());
    parts.flat_map(|part| [".", part]).collect()
}

struct Lacks<'a> {
    told: Vec<String>,
    declared: &'a Declared,
}

impl Lacks<'_> {
    fn only(&self, sent: &Value, landed: &Value, path: &str) -> bool {
        let at = |key: &str| format!("{path}{}", parts(key));
        match (sent, landed) {
            (_, Value::Null) if sent.is_null() || self.is_told(path) => true,
            (Value::Object(sent), Value::Null) => {
                !sent.is_empty()
                    && sent.iter().all(|(key, value)| self.only(value, &Value::Null, &at(key)))
            }
            (Value::Object(sent), Value::Object(landed)) => {
                let is_there = |(key, value): (&String, &Value)| {
                    self.only(value, landed.get(key).unwrap_or(&Value::Null), &at(key))
                };
                let was_sent =
                    |(key, value): (&String, &Value)| value.is_null() || sent.contains_key(key);
                sent.iter().all(is_there) && landed.iter().all(was_sent)
            }
            (Value::Array(sent), Value::Array(landed)) => {
                let mut pairs = sent.iter().zip(landed).enumerate();
                sent.len() == landed.len()
                    && pairs.all(|(nth, (s, l))| self.only(s, l, &at(&nth.to_string())))
            }
            (Value::Object(_) | Value::Array(_), Value::String(text)) if path.is_empty() => {
                json::read(text)
                    .is_some_and(|read| !read.is_string() && self.only(sent, &read, path))
            }
            _ => same_json(sent, landed, self.declared),
        }
    }

    fn is_told(&self, path: &str) -> bool {
        let is_in = |told: &String| {
            path.strip_prefix(told.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.told.iter().any(is_in)
    }
}
