//! What a schema can say in several ways, in one of them.

use serde_json::{Map, Value, json};

use super::refs::TOLD;
use crate::protocol::json::{Numbers, equal};

/// The values that a schema lists, by `const` or `enum`.
#[must_use]
pub fn listed(schema: &Map<String, Value>) -> Option<Vec<Value>> {
    let one = schema.get("const").map(|value| vec![value.clone()]);
    one.or_else(|| schema.get("enum")?.as_array().cloned())
}

/// The one value that a schema allows, by `const`, or by an `enum` of one.
#[must_use]
pub fn constant(schema: &Value) -> Option<&Value> {
    let only = schema["enum"].as_array().filter(|all| all.len() == 1);
    schema.get("const").or_else(|| only?.first())
}

/// The schema whose `anyOf` or `oneOf` has one part but for that of null, with that part in it; and
/// whether null is allowed beside it.
#[must_use]
pub fn apart_from_null(schema: &Map<String, Value>) -> Option<(Value, bool)> {
    let keyword = ["anyOf", "oneOf"].into_iter().find(|keyword| schema.contains_key(*keyword))?;
    let parts = schema[keyword].as_array()?;
    let (nulls, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part["type"] == "null");
    let [only] = &others[..] else { return None };
    // What is null twice is none of a oneOf; and one variant is a choice still.
    let is_sure = !nulls.is_empty() && only["type"].as_str().is_some_and(|kind| kind != "null");
    if keyword == "oneOf" && !is_sure {
        return None;
    }
    let mut rest = schema.clone();
    rest.shift_remove(keyword);
    // What stands beside the anyOf holds for null, too.
    let admits_null = match rest.get("type") {
        Some(Value::Array(kinds)) => kinds.contains(&json!("null")),
        Some(kind) => kind == "null",
        None => listed(&rest).is_none_or(|values| values.contains(&Value::Null)),
    };
    Some((merged(&Value::Object(rest), only), !nulls.is_empty() && admits_null))
}

/// The schema that allows null, too; none where its types, values and variants are not all that
/// would have to say so.
#[must_use]
pub fn or_null(mut schema: Value) -> Option<Value> {
    let keywords = schema.as_object_mut()?;
    if ["allOf", "not", "if"].iter().any(|other| keywords.contains_key(*other)) {
        return None;
    }
    if let Some(only) = keywords.shift_remove("const") {
        keywords.insert("enum".to_owned(), json!([only]));
    }
    let mut is_said = false;
    let variant = json!({"type": "null"});
    for (keyword, null) in [
        ("type", json!("null")),
        ("enum", Value::Null),
        ("oneOf", variant.clone()),
        ("anyOf", variant),
    ] {
        let Some(said) = keywords.get_mut(keyword) else { continue };
        if said.is_string() {
            *said = json!([said.take()]);
        }
        let list = said.as_array_mut()?;
        if !list.contains(&null) {
            list.push(null);
        }
        is_said = true;
    }
    is_said.then_some(schema)
}

/// The schema whose variants are nothing but constants, as one that lists them; and what they are
/// called, if they are called anything.
#[must_use]
pub fn as_list(schema: &Map<String, Value>) -> Option<(Map<String, Value>, Vec<Value>)> {
    const TELLS: [&str; 5] = ["const", "enum", "type", "title", "description"];
    let keyword = ["oneOf", "anyOf"].into_iter().find(|keyword| schema.contains_key(*keyword))?;
    let (mut values, mut called) = (Vec::new(), Vec::new());
    for variant in schema[keyword].as_array()? {
        let keywords = variant.as_object()?;
        let own = listed(keywords)?;
        let is_plain = keywords.keys().all(|keyword| TELLS.contains(&keyword.as_str()));
        if !is_plain || own.iter().any(|value| values.contains(value)) {
            return None;
        }
        values.extend(own);
        let told = ["title", "description"].map(|word| keywords.get(word).cloned());
        if told.iter().any(Option::is_some) {
            called.push(json!(told));
        }
    }
    let mut whole = schema.clone();
    whole.shift_remove(keyword);
    (listed(&whole).is_none() && !values.is_empty()).then(|| {
        whole.insert("enum".to_owned(), values.into());
        (whole, called)
    })
}

/// The schema without a keyword.
#[must_use]
pub fn without(schema: &Value, keyword: &str) -> Value {
    let mut schema = schema.clone();
    if let Some(keywords) = schema.as_object_mut() {
        keywords.shift_remove(keyword);
    }
    schema
}

/// The schema with the parts of its `allOf` in it.
#[must_use]
pub fn without_all_of(schema: &Value) -> Value {
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    parts.fold(without(schema, "allOf"), |whole, part| merged(&whole, part))
}

/// The types that two have in common, each one type or a list of them.
fn shared(one: &Value, other: &Value) -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let (one, other) = (list(one), list(other));
    let (whole, any) = (json!("integer"), json!("number"));
    let common = one.iter().filter_map(|kind| match kind {
        kind if other.contains(kind) => Some(kind.clone()),
        kind if *kind == whole && other.contains(&any) => Some(whole.clone()),
        kind if *kind == any && other.contains(&whole) => Some(whole.clone()),
        _ => None,
    });
    let mut common: Vec<Value> = common.collect();
    if common.len() == 1 { common.remove(0) } else { common.into() }
}

/// A schema for what both allow, as far as their keywords can be joined. What only tells is that of
/// the base, which stands around the part.
#[must_use]
pub fn merged(base: &Value, part: &Value) -> Value {
    let (Some(base), Some(part)) = (base.as_object(), part.as_object()) else {
        let is_closed = *base == json!(false) || *part == json!(false);
        let either = if part.is_object() { part } else { base };
        return if is_closed { json!(false) } else { either.clone() };
    };
    let mut whole = base.clone();
    for (keyword, value) in part {
        let Some(before) = base.get(keyword) else {
            whole.insert(keyword.clone(), value.clone());
            continue;
        };
        let joined = match (keyword.as_str(), before, value) {
            ("properties", Value::Object(one), Value::Object(other)) => {
                let mut all = one.clone();
                for (name, schema) in other {
                    let own = one.get(name).map_or(schema.clone(), |own| merged(own, schema));
                    all.insert(name.clone(), own);
                }
                Value::Object(all)
            }
            ("required", Value::Array(one), Value::Array(other)) => {
                let new = other.iter().filter(|name| !one.contains(name));
                one.iter().chain(new).cloned().collect()
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(one), Value::Array(other)) => {
                // Both have to hold: one of each.
                let pairs =
                    one.iter().flat_map(|one| other.iter().map(move |two| merged(one, two)));
                if keyword == "allOf" {
                    one.iter().chain(other).cloned().collect()
                } else {
                    pairs.collect()
                }
            }
            ("minimum" | "minLength" | "minItems", ..) if before.as_f64() > value.as_f64() => {
                before.clone()
            }
            ("maximum" | "maxLength" | "maxItems", ..) if before.as_f64() < value.as_f64() => {
                before.clone()
            }
            ("enum", Value::Array(one), Value::Array(other)) => {
                let is_shared =
                    |value: &&Value| other.iter().any(|two| equal(value, two, Numbers::ByValue));
                one.iter().filter(is_shared).cloned().collect()
            }
            ("type", one, other) if one.is_array() || other.is_array() => shared(one, other),
            (keyword, ..) if TOLD.contains(&keyword) => before.clone(),
            _ => value.clone(),
        };
        whole.insert(keyword.clone(), joined);
    }
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_any_of_with_null_is_one_schema_that_null_is_added_to_where_it_is_allowed() {
        let text = json!({"type": "string", "minLength": 1});
        let with = |rest: Value| {
            let mut schema = rest;
            schema["anyOf"] = json!([text, {"type": "null"}]);
            apart_from_null(schema.as_object().unwrap())
        };
        assert_eq!(with(json!({})), Some((text.clone(), true)));
        assert_eq!(with(json!({"type": "string"})), Some((text.clone(), false)));
        assert_eq!(with(json!({"type": ["string", "null"]})), Some((text.clone(), true)));
        assert_eq!(with(json!({"enum": ["a"]})).map(|(_, null)| null), Some(false));
        let parts = |parts: Value| apart_from_null(json!({"anyOf": parts}).as_object().unwrap());
        assert_eq!(parts(json!([text])), Some((text.clone(), false)));
        assert_eq!(parts(json!([text, {"type": "integer"}])), None);
        let one_of = |part: &Value| {
            let schema = json!({"oneOf": [{"type": "null", "title": "None"}, part]});
            apart_from_null(schema.as_object().unwrap())
        };
        assert_eq!(one_of(&text), Some((text.clone(), true)));
        assert_eq!(one_of(&json!({"minLength": 1})), None, "null is both");
        for (schema, wanted) in [
            (json!({"type": "string"}), Some(json!({"type": ["string", "null"]}))),
            (json!({"type": ["null", "string"]}), Some(json!({"type": ["null", "string"]}))),
            (json!({"const": 1}), Some(json!({"enum": [1, null]}))),
            (
                json!({"type": "string", "enum": ["a"]}),
                Some(json!({"type": ["string", "null"], "enum": ["a", null]})),
            ),
            (
                json!({"type": "object", "oneOf": [{"properties": {}}]}),
                Some(
                    json!({"type": ["object", "null"], "oneOf": [{"properties": {}}, {"type": "null"}]}),
                ),
            ),
            (json!({"type": "string", "not": {"const": "a"}}), None),
            (json!({"properties": {}}), None),
        ] {
            assert_eq!(or_null(schema.clone()), wanted, "{schema}");
        }
    }

    #[test]
    fn variants_that_are_constants_are_a_list() {
        let list = |schema: Value| {
            as_list(schema.as_object().unwrap()).map(|(whole, called)| (json!(whole), called))
        };
        let constants = json!([{"const": "a", "title": "A"}, {"enum": ["b", "c"]}]);
        for keyword in ["oneOf", "anyOf"] {
            let wanted = json!({"title": "T", "enum": ["a", "b", "c"]});
            let called = vec![json!(["A", null])];
            assert_eq!(list(json!({"title": "T", keyword: constants})), Some((wanted, called)));
        }
        for variants in [
            json!([{"const": "a"}, {"const": "a"}]),
            json!([{"const": "a"}, {"type": "string"}]),
            json!([{"const": "a", "pattern": "b"}]),
            json!([]),
        ] {
            assert_eq!(list(json!({"oneOf": variants})), None, "{variants}");
        }
        assert_eq!(list(json!({"enum": ["a"], "oneOf": constants})), None);
    }
}
