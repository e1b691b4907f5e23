//! A spec as it is printed for review: always in the same way, whatever order it came in.

use serde_json::{Map, Value};

/// Lists whose order carries no meaning.
const SETS: [&str; 3] = ["required", "type", "supported_destination_sync_modes"];

/// Keywords whose values are no schemas.
const VALUES: [&str; 4] = ["default", "const", "enum", "examples"];

/// The spec as JSON of two spaces a level, with its keys in the order of the alphabet, and so the names
/// in lists of which the order carries no meaning. All else stands as it is: choices and variants are
/// shown to users in their order, and `order` is a value as any other.
#[must_use]
pub fn printed(spec: &Value) -> String {
    format!("{:#}", sorted(spec, ""))
}

fn sorted(value: &Value, name: &str) -> Value {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort();
            // Values that a schema gives are values, whatever their names are.
            let member = |key: &String| {
                let is_value = VALUES.contains(&key.as_str());
                if is_value { by_key(&object[key]) } else { sorted(&object[key], key) }
            };
            let members = keys.into_iter().map(|key| (key.clone(), member(key)));
            members.collect::<Map<_, _>>().into()
        }
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(|item| sorted(item, "")).collect();
            if SETS.contains(&name) && items.iter().all(Value::is_string) {
                items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// The value with the keys of its objects sorted.
fn by_key(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort();
            keys.into_iter()
                .map(|key| (key.clone(), by_key(&object[key])))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(by_key).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_has_meaning_keeps_its_order() {
        let one = json!({"b": {"type": ["string", "null"], "order": 1}, "a": {"enum": ["y", "x"]},
            "required": ["b", "a"]});
        let other = json!({"required": ["a", "b"], "a": {"enum": ["y", "x"]},
            "b": {"order": 1, "type": ["null", "string"]}});
        assert_eq!(printed(&one), printed(&other));
        assert!(printed(&one).starts_with("{\n  \"a\": {\n    \"enum\": [\n      \"y\",\n"));
        let moved = json!({"b": {"type": ["string", "null"], "order": 1}, "a": {"enum": ["x", "y"]},
            "required": ["b", "a"]});
        assert_ne!(printed(&one), printed(&moved));
        let value = |list: Value| json!({"default": {"type": list}, "enum": ["a"]});
        assert_ne!(printed(&value(json!(["b", "a"]))), printed(&value(json!(["a", "b"]))));
        let again: Value = serde_json::from_str(&printed(&one)).unwrap();
        assert_eq!(printed(&again), printed(&one));
    }
}
