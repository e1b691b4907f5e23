//! Walks a JSON Schema, and visits schemas only.
//!
//! A property may be called `not`, `enum` or `$ref`, and a default may hold such a key: neither is
//! a keyword. So a check asks for schemas with their pointers, and never searches for keys.

use serde_json::{Map, Value};

use crate::checks::{Finding, Verdict, shown};
use crate::evidence::{Facts, Launch};
use crate::protocol::json::under;
use crate::spec::ROOT;

/// What a schema is to the one that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// It is held by none.
    Root,
    /// The property of this name.
    Property(&'a str),
    /// One of a `oneOf`.
    Variant,
    /// The items of an array.
    Items,
    /// Anything else: a definition, a member of `allOf`, a `not` …
    Other,
}

/// A schema within a schema.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    /// JSON pointer into the spec.
    pub pointer: String,
    /// The schema.
    pub schema: &'a Map<String, Value>,
    /// What it is to its parent.
    pub place: Place<'a>,
    /// Whether it stands in `definitions`, where nothing is shown unless a `$ref` fetches it.
    pub apart: bool,
}

impl<'a> Site<'a> {
    /// A keyword's value.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.schema.get(keyword)
    }

    /// Whether the keyword is there.
    #[must_use]
    pub fn has(&self, keyword: &str) -> bool {
        self.schema.contains_key(keyword)
    }

    /// Whether `type` names this type, alone or in a list.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.types().any(|name| name == kind)
    }

    /// The types that `type` names.
    pub fn types(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (one, list) = match self.get("type") {
            Some(Value::Array(list)) => (None, Some(list)),
            other => (other, None),
        };
        one.into_iter().chain(list.into_iter().flatten()).filter_map(Value::as_str)
    }

    /// The properties, where there are any.
    pub fn properties(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.get("properties").and_then(Value::as_object).into_iter().flatten()
    }

    /// The schema with another value of a keyword.
    #[must_use]
    pub fn with(&self, keyword: &str, value: impl Into<Value>) -> Value {
        let mut schema = self.schema.clone();
        schema.insert(keyword.to_owned(), value.into());
        Value::Object(schema)
    }

    /// The schema without a keyword.
    #[must_use]
    pub fn without(&self, keyword: &str) -> Value {
        let mut schema = self.schema.clone();
        schema.shift_remove(keyword);
        Value::Object(schema)
    }

    /// A finding about the whole schema, which should be another.
    pub fn mended(&self, message: impl Into<String>, right: &Value) -> Finding {
        self.finding(message).mended(fragment(&self.pointer, right))
    }

    /// A finding about one keyword, of which the value should be another.
    pub fn mended_on(
        &self,
        keyword: &str,
        message: impl Into<String>,
        right: impl Into<Value>,
    ) -> Finding {
        let pointer = under(&self.pointer, keyword);
        self.finding_on(keyword, message).mended(fragment(&pointer, &right.into()))
    }

    /// A finding about the whole schema.
    pub fn finding(&self, message: impl Into<String>) -> Finding {
        Finding::new(message, fragment(&self.pointer, &Value::Object(self.schema.clone())))
    }

    /// A finding about one keyword.
    pub fn finding_on(&self, keyword: &str, message: impl Into<String>) -> Finding {
        let pointer = under(&self.pointer, keyword);
        Finding::new(message, fragment(&pointer, self.get(keyword).unwrap_or(&Value::Null)))
    }
}

/// A value with the pointer to it, as a finding quotes it.
#[must_use]
pub fn fragment(pointer: &str, value: &Value) -> String {
    format!("{pointer}: {}", shown(value.to_string().as_bytes()))
}

/// A field of a spec as a finding quotes it; of one that is not there, what there is.
#[must_use]
pub fn field(spec: &Value, name: &str) -> String {
    if let Some(value) = spec.get(name) {
        return fragment(&under("", name), value);
    }
    let keys = spec.as_object().into_iter().flat_map(Map::keys);
    let keys: Vec<_> = keys.map(String::as_str).collect();
    format!("the keys of the spec: {}", keys.join(", "))
}

/// All schemas within a schema, itself first; `base` is the pointer to it.
#[must_use]
pub fn walk<'a>(schema: &'a Value, base: &str) -> Vec<Site<'a>> {
    let mut sites = Vec::new();
    visit(schema, base, Place::Root, false, &mut sites);
    sites
}

fn visit<'a>(
    schema: &'a Value,
    pointer: &str,
    place: Place<'a>,
    apart: bool,
    sites: &mut Vec<Site<'a>>,
) {
    // `true` and `false` are schemas, too, yet there is nothing in them to be judged.
    let Value::Object(keywords) = schema else {
        return;
    };
    sites.push(Site { pointer: pointer.to_owned(), schema: keywords, place, apart });
    for (keyword, value) in keywords {
        let here = under(pointer, keyword);
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, schema) in properties {
                    visit(schema, &under(&here, name), Place::Property(name), apart, sites);
                }
            }
            (
                "patternProperties" | "definitions" | "$defs" | "dependentSchemas" | "dependencies",
                Value::Object(named),
            ) => {
                let apart = apart || matches!(keyword.as_str(), "definitions" | "$defs");
                for (name, schema) in named {
                    visit(schema, &under(&here, name), Place::Other, apart, sites);
                }
            }
            ("oneOf" | "anyOf" | "allOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                let place = match keyword.as_str() {
                    "oneOf" => Place::Variant,
                    "items" | "prefixItems" => Place::Items,
                    _ => Place::Other,
                };
                for (nth, schema) in schemas.iter().enumerate() {
                    visit(schema, &format!("{here}/{nth}"), place, apart, sites);
                }
            }
            ("items", _) => visit(value, &here, Place::Items, apart, sites),
            (
                "additionalItems"
                | "contains"
                | "additionalProperties"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else",
                _,
            ) => visit(value, &here, Place::Other, apart, sites),
            _ => {}
        }
    }
}

/// Whether a path of names leads from a schema to a property, in any variant.
#[must_use]
pub fn leads_to_property(root: &Value, path: &[&str]) -> bool {
    exists(root, root, path, 0)
}

fn exists(root: &Value, schema: &Value, path: &[&str], depth: usize) -> bool {
    // A `$ref` may lead back to where it stands.
    const DEEPEST: usize = 64;
    let Some((name, rest)) = path.split_first() else {
        return true;
    };
    if depth > DEEPEST {
        return false;
    }
    let descend = |schema: &Value, path: &[&str]| exists(root, schema, path, depth + 1);
    let property = schema.get("properties").and_then(|properties| properties.get(*name));
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
    property.is_some_and(|property| descend(property, rest))
        || ["oneOf", "anyOf", "allOf"]
            .into_iter()
            .filter_map(|keyword| schema.get(keyword)?.as_array())
            .flatten()
            .any(|variant| descend(variant, path))
        || target.and_then(|target| root.pointer(target)).is_some_and(|t| descend(t, path))
}

/// The spec that a launch printed, or else the one that the run knows.
#[must_use]
pub fn spec_of<'a>(launch: &'a Launch, facts: &'a Facts) -> Option<&'a Value> {
    launch.specs().next().map(|(_, spec)| spec).or(facts.spec.as_ref())
}

/// Judges a spec; without one there is no verdict.
pub fn judge_spec(
    launch: &Launch,
    facts: &Facts,
    judge: impl FnOnce(&Value) -> Verdict,
) -> Verdict {
    match spec_of(launch, facts) {
        Some(spec) => judge(spec),
        None => Verdict::inconclusive("no SPEC came"),
    }
}

/// Judges the schemas of a spec's `connectionSpecification`, the root first.
pub fn judge_schemas(
    launch: &Launch,
    facts: &Facts,
    judge: impl FnOnce(&[Site]) -> Verdict,
) -> Verdict {
    judge_spec(launch, facts, |spec| match spec.get("connectionSpecification") {
        Some(schema) if schema.is_object() => judge(&walk(schema, ROOT)),
        _ => Verdict::inconclusive("connectionSpecification is not an object"),
    })
}

/// Fails if there are findings; without any subject the rule does not apply.
#[must_use]
pub fn verdict(subjects: usize, none: &str, findings: Vec<Finding>) -> Verdict {
    if subjects == 0 { Verdict::not_applicable(none) } else { Verdict::from_findings(findings) }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
