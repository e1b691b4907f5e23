//! What a schema can say in several ways, in one of them.

use serde_json::{Map, Value, json};

use super::draw::merged;

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

/// The schema whose `anyOf` has one part but for that of null, with that part in it; and whether null
/// is allowed beside it.
#[must_use]
pub fn apart_from_null(schema: &Map<String, Value>) -> Option<(Value, bool)> {
    let parts = schema.get("anyOf")?.as_array()?;
    let (nulls, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part["type"] == "null");
    let [only] = &others[..] else { return None };
    let mut rest = schema.clone();
    rest.shift_remove("anyOf");
    // What stands beside the anyOf holds for null, too.
    let admits_null = match rest.get("type") {
        Some(Value::Array(kinds)) => kinds.contains(&json!("null")),
        Some(kind) => kind == "null",
        None => listed(&rest).is_none_or(|values| values.contains(&Value::Null)),
    };
    Some((merged(&Value::Object(rest), only), !nulls.is_empty() && admits_null))
}

/// The schema that allows null, too; none where its `type`, `const` and `enum` are not all that would
/// have to say so.
#[must_use]
pub fn or_null(mut schema: Value) -> Option<Value> {
    let keywords = schema.as_object_mut()?;
    if ["oneOf", "anyOf", "allOf", "not", "if"].iter().any(|other| keywords.contains_key(*other)) {
        return None;
    }
    if let Some(only) = keywords.shift_remove("const") {
        keywords.insert("enum".to_owned(), json!([only]));
    }
    let mut is_said = false;
    for (keyword, null) in [("type", json!("null")), ("enum", Value::Null)] {
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

/// The schema whose variants are nothing but constants, as one that lists them.
#[must_use]
pub fn as_list(schema: &Map<String, Value>) -> Option<Map<String, Value>> {
    const TELLS: [&str; 5] = ["const", "enum", "type", "title", "description"];
    let keyword = ["oneOf", "anyOf"].into_iter().find(|keyword| schema.contains_key(*keyword))?;
    let mut values = Vec::new();
    for variant in schema[keyword].as_array()? {
        let keywords = variant.as_object()?;
        let own = listed(keywords)?;
        let is_plain = keywords.keys().all(|keyword| TELLS.contains(&keyword.as_str()));
        if !is_plain || own.iter().any(|value| values.contains(value)) {
            return None;
        }
        values.extend(own);
    }
    let mut whole = schema.clone();
    whole.shift_remove(keyword);
    (listed(&whole).is_none() && !values.is_empty()).then(|| {
        whole.insert("enum".to_owned(), values.into());
        whole
    })
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
        for (schema, wanted) in [
            (json!({"type": "string"}), Some(json!({"type": ["string", "null"]}))),
            (json!({"type": ["null", "string"]}), Some(json!({"type": ["null", "string"]}))),
            (json!({"const": 1}), Some(json!({"enum": [1, null]}))),
            (
                json!({"type": "string", "enum": ["a"]}),
                Some(json!({"type": ["string", "null"], "enum": ["a", null]})),
            ),
            (json!({"type": "string", "not": {"const": "a"}}), None),
            (json!({"properties": {}}), None),
        ] {
            assert_eq!(or_null(schema.clone()), wanted, "{schema}");
        }
    }

    #[test]
    fn variants_that_are_constants_are_a_list() {
        let list = |schema: Value| as_list(schema.as_object().unwrap()).map(Value::Object);
        let constants = json!([{"const": "a", "title": "A"}, {"enum": ["b", "c"]}]);
        for keyword in ["oneOf", "anyOf"] {
            let wanted = json!({"title": "T", "enum": ["a", "b", "c"]});
            assert_eq!(list(json!({"title": "T", keyword: constants})), Some(wanted));
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
