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
    format!("{:#}", sorted(spec, Some("")))
}

/// What is held under a name; none for what a schema gives as a value, whatever names are in it.
fn sorted(value: &Value, name: Option<&str>) -> Value {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort();
            let is_schema = |key: &&str| name.is_some() && !VALUES.contains(key);
            let member = |key: &String| sorted(&object[key], Some(key.as_str()).filter(is_schema));
            keys.into_iter().map(|key| (key.clone(), member(key))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => {
            let mut items: Vec<_> =
                items.iter().map(|item| sorted(item, name.and(Some("")))).collect();
            let is_set = name.is_some_and(|name| SETS.contains(&name));
            if is_set && items.iter().all(Value::is_string) {
                items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            }
            Value::Array(items)
        }
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
