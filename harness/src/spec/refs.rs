//! A schema without `$ref`.

use serde_json::Value;

use crate::protocol::json::under;

/// Why a schema cannot be had without `$ref`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    /// It leads back to where it stands: such a config has no deepest level, and no form shows it.
    #[error("{pointer}: the $ref {target:?} leads back to itself")]
    Recursive {
        /// JSON pointer to the schema that holds it.
        pointer: String,
        /// The reference.
        target: String,
    },
    /// It leads nowhere within the document.
    #[error("{pointer}: the $ref {target:?} leads nowhere within the schema")]
    Nowhere {
        /// JSON pointer to the schema that holds it.
        pointer: String,
        /// The reference.
        target: String,
    },
}

/// The schema with each `$ref` replaced by what it stands for, wherever a schema may stand; its
/// `definitions` are left out then. In draft-07 a `$ref` silences its neighbours, and so it does here,
/// but for those that only tell.
pub fn resolved(schema: &Value) -> Result<Value, RefError> {
    let mut schema = resolve(schema, schema, "", &mut Vec::new())?;
    if let Some(keywords) = schema.as_object_mut() {
        keywords.shift_remove("definitions");
        keywords.shift_remove("$defs");
    }
    Ok(schema)
}

/// Keywords that restrict nothing: what they say beside a `$ref` is meant.
pub const TOLD: [&str; 11] = [
    "airbyte_secret",
    "title",
    "description",
    "default",
    "examples",
    "order",
    "group",
    "multiline",
    "airbyte_hidden",
    "always_show",
    "pattern_descriptor",
];

fn resolve(
    root: &Value,
    schema: &Value,
    pointer: &str,
    open: &mut Vec<String>,
) -> Result<Value, RefError> {
    let Some(keywords) = schema.as_object() else { return Ok(schema.clone()) };
    if let Some(target) = keywords.get("$ref").and_then(Value::as_str) {
        let (pointer, named) = (pointer.to_owned(), target.to_owned());
        if open.iter().any(|one| one == target) {
            return Err(RefError::Recursive { pointer, target: named });
        }
        let Some(found) = pointed(root, target) else {
            return Err(RefError::Nowhere { pointer, target: named });
        };
        open.push(named);
        let mut found = resolve(root, found, &pointer, open)?;
        open.pop();
        if let Some(found) = found.as_object_mut() {
            let told = keywords.iter().filter(|(keyword, _)| TOLD.contains(&keyword.as_str()));
            found.extend(told.map(|(keyword, value)| (keyword.clone(), value.clone())));
        }
        return Ok(found);
    }
    let mut keywords = keywords.clone();
    for (keyword, value) in &mut keywords {
        let here = under(pointer, keyword);
        match (keyword.as_str(), &mut *value) {
            ("properties" | "patternProperties" | "dependencies", Value::Object(named)) => {
                for (name, schema) in named {
                    *schema = resolve(root, schema, &under(&here, name), open)?;
                }
            }
            ("oneOf" | "anyOf" | "allOf" | "items", Value::Array(all)) => {
                for (nth, schema) in all.iter_mut().enumerate() {
                    *schema = resolve(root, schema, &format!("{here}/{nth}"), open)?;
                }
            }
            (
                "items"
                | "additionalItems"
                | "additionalProperties"
                | "contains"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else",
                _,
            ) => *value = resolve(root, value, &here, open)?,
            // Of the definitions only those are looked at that something refers to: one may well be
            // recursive, and unused.
            _ => {}
        }
    }
    Ok(Value::Object(keywords))
}

/// What a reference within the document points at.
#[must_use]
pub fn pointed<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    let fragment = target.strip_prefix('#')?;
    let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
    root.pointer(&pointer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_replaced_wherever_a_schema_stands() {
        let schema = json!({
            "definitions": {"a b": {"type": "string"}, "loop": {"$ref": "#/definitions/loop"}},
            "properties": {
                "one": {"$ref": "#/definitions/a%20b", "title": "told", "minLength": 3},
                "$ref": {"items": {"$ref": "#/properties/one"}},
                "two": {"default": {"$ref": "#/nowhere"}},
            },
            "oneOf": [{"properties": {"x": {"not": {"$ref": "#/definitions/a%20b"}}}}],
        });
        let wanted = json!({
            "properties": {
                "one": {"type": "string", "title": "told"},
                "$ref": {"items": {"type": "string", "title": "told"}},
                "two": {"default": {"$ref": "#/nowhere"}},
            },
            "oneOf": [{"properties": {"x": {"not": {"type": "string"}}}}],
        });
        assert_eq!(resolved(&schema).unwrap(), wanted);
    }

    #[test]
    fn a_reference_that_comes_back_or_leads_nowhere_is_told_with_its_place() {
        let told = |property: &str, definition: &str| {
            let schema = json!({
                "properties": {"a": {"$ref": property}},
                "definitions": {"d": {"properties": {"again": {"$ref": definition}}}},
            });
            resolved(&schema).unwrap_err().to_string()
        };
        assert_eq!(
            told("#/definitions/d", "#/definitions/d"),
            "/properties/a/properties/again: the $ref \"#/definitions/d\" leads back to itself"
        );
        for nowhere in ["#/definitions/e", "other.json", "https://example.com/x"] {
            let wanted =
                format!("/properties/a: the $ref {nowhere:?} leads nowhere within the schema");
            assert_eq!(told(nowhere, "#"), wanted);
        }
        assert!(told("#", "#").ends_with("leads back to itself"));
    }
}
