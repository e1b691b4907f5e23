//! Two schemas held against each other, keyword by keyword.

mod bounds;
mod objects;
mod variants;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use self::variants::variants_of;
use super::secrets::LOST;
use super::{Change, Class, tried, validator};
use crate::protocol::json::{Numbers, equal, under};
use crate::spec::draw::{Configs, is_finite};
use crate::spec::folded::{apart_from_null, as_list, listed, or_null, without_all_of};

use Class::{Breaking, Compatible, Cosmetic};

/// How many values of the old schema are tried where keywords alone do not tell.
const TRIES: usize = 500;

/// So many values tell nothing yet.
const FEW: usize = 10;

/// Keywords that are dealt with one by one; of the rest, those in [`CONDITIONS`] restrict values, and
/// all others only tell.
const KNOWN: &[&str] = &[
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "oneOf",
    "anyOf",
    "items",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "uniqueItems",
    "additionalProperties",
    "airbyte_secret",
    "default",
    "$schema",
    "$id",
];
/// Keywords of which only values can tell what a change does.
const CONDITIONS: &[&str] = &[
    "not",
    "if",
    "then",
    "else",
    "dependencies",
    "contains",
    "propertyNames",
    "patternProperties",
    "additionalItems",
    "allOf",
];
/// Keywords that draft-07 does not know, as which a spec is read.
const LATER: &[&str] = &[
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
    "unevaluatedItems",
    "prefixItems",
    "minContains",
    "maxContains",
];
const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

/// The changes from one schema to another, both without `$ref`; `at` is the pointer to them.
pub fn compared(old: &Value, new: &Value, at: &str) -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    changes.schema(old, new, at);
    changes.0
}

struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, class: Class, kind: &'static str, at: &str, reason: impl Into<String>) {
        self.0.push(Change { class, kind, pointer: at.to_owned(), reason: reason.into() });
    }

    fn schema(&mut self, old: &Value, new: &Value, at: &str) {
        if equal(old, new, Numbers::ByValue) {
            return;
        }
        let (Some(mut old), Some(mut new)) = (flat(old), flat(new)) else {
            return self.by_values(old, new, at, "schema-changed", "the schema has changed");
        };
        // Constants to choose among are a list, and what they are called is for the form.
        let [mut had, mut has] = [Vec::new(), Vec::new()];
        for (schema, called) in [(&mut old, &mut had), (&mut new, &mut has)] {
            if let Some(list) = as_list(schema) {
                (*schema, *called) = list;
            }
        }
        if had != has {
            let reason = "choices are called otherwise, which the form alone shows";
            self.add(Cosmetic, "text-changed", at, reason);
        }
        self.told(&old, &new, at);
        if let Some(values) = listed(&old) {
            let own = validator(&Value::Object(old.clone())).ok();
            let is_real = |value: &Value| own.as_ref().is_none_or(|own| own.is_valid(value));
            let values: Vec<_> = values.into_iter().filter(is_real).collect();
            return self.choices(&values, &new, at);
        }
        self.types(&old, &new, at);
        self.new_choices(&old, &new, at);
        self.bounds(&old, &new, at);
        self.pattern(&old, &new, at);
        self.objects(&old, &new, at);
        self.items(&old, &new, at);
        self.variants(&old, &new, at);
        for keyword in CONDITIONS {
            if *keyword == "patternProperties" && self.by_pattern(&old, &new, at) {
                continue;
            }
            if !same(old.get(*keyword), new.get(*keyword)) {
                let what = format!("`{keyword}` has changed");
                let [old, new] = [old.clone(), new.clone()].map(Value::Object);
                let at = under(at, keyword);
                self.by_values(&old, &new, &at, "condition-changed", &what);
            }
        }
    }

    /// What only the form shows, what hides a value, and what stands in where there is none.
    fn told(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let is_secret =
            |schema: &Map<String, Value>| schema.get("airbyte_secret") == Some(&json!(true));
        match (is_secret(old), is_secret(new)) {
            (true, false) => self.add(Breaking, "secret-flag-lost", at, LOST),
            (false, true) => self.add(
                Compatible,
                "secret-flag-set",
                at,
                "it is marked as a secret now: what is stored already becomes one when it is saved",
            ),
            _ => {}
        }
        if !same(old.get("default"), new.get("default")) {
            let reason = "the default has changed: configs that do not say it mean something else \
                          if the connector fills it in";
            self.add(Compatible, "default-changed", &under(at, "default"), reason);
        }
        let added = new.keys().filter(|keyword| !old.contains_key(*keyword));
        for keyword in old.keys().chain(added) {
            let restricts = KNOWN.iter().chain(CONDITIONS).any(|known| known == keyword);
            if LATER.contains(&keyword.as_str()) && !same(old.get(keyword), new.get(keyword)) {
                let reason = format!(
                    "`{keyword}` has changed, which draft-07 does not know: the platform validates \
                     without it, and a validator of a later draft does not"
                );
                self.add(Compatible, "condition-changed", &under(at, keyword), reason);
            } else if !restricts && !same(old.get(keyword), new.get(keyword)) {
                let reason = format!("`{keyword}` has changed, which the form alone shows");
                self.add(Cosmetic, "text-changed", &under(at, keyword), reason);
            }
        }
    }

    /// Where the old schema lists its values, each is held against the new one.
    fn choices(&mut self, listed: &[Value], new: &Map<String, Value>, at: &str) {
        let schema = Value::Object(new.clone());
        let Ok(validator) = validator(&schema) else { return };
        let gone: Vec<_> = listed.iter().filter(|value| !validator.is_valid(value)).collect();
        let is_const = listed.len() == 1 && new.contains_key("const");
        if !gone.is_empty() {
            let shown: Vec<_> = gone.iter().map(ToString::to_string).collect();
            let shown = shown.join(", ");
            let (kind, keyword, reason) = if is_const {
                let now = &new["const"];
                ("const-changed", "const", format!("the constant {shown} is {now} now"))
            } else {
                ("enum-narrowed", "enum", format!("{shown} cannot be chosen any more"))
            };
            self.add(Breaking, kind, &under(at, keyword), reason);
        }
        match self::listed(new) {
            None => self.add(Compatible, "enum-removed", at, "other values can be entered now"),
            Some(now) => {
                let added = now
                    .iter()
                    .filter(|value| !listed.iter().any(|old| same(Some(old), Some(value))));
                let added: Vec<_> = added.map(Value::to_string).collect();
                if !added.is_empty() && !is_const {
                    let reason = format!("{} can be chosen, too", added.join(", "));
                    self.add(Compatible, "enum-widened", &under(at, "enum"), reason);
                }
            }
        }
    }

    fn types(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        if [old, new].iter().all(|schema| is_of_variants(schema)) {
            // They are compared themselves.
            return;
        }
        let (had, has) = (types(old), types(new));
        let covers = |all: &[&str], one: &str| {
            all.contains(&one) || one == "integer" && all.contains(&"number")
        };
        let here = under(at, "type");
        let list = |types: Vec<&str>| types.join(", ");
        let gone: Vec<_> = had.iter().copied().filter(|one| !covers(&has, one)).collect();
        let added: Vec<_> = has.iter().copied().filter(|one| !covers(&had, one)).collect();
        if !gone.is_empty() {
            let reason = format!("no longer of type {}", list(gone));
            self.add(Breaking, "type-narrowed", &here, reason);
        }
        if !added.is_empty() {
            let reason = format!("of type {}, too", list(added));
            self.add(Compatible, "type-widened", &here, reason);
        }
    }

    /// Where values were free, a list of them.
    fn new_choices(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let Some(now) = listed(new) else { return };
        let is_const = new.contains_key("const");
        let (kind, keyword) =
            if is_const { ("const-added", "const") } else { ("enum-added", "enum") };
        let all_there_is = types(old).iter().all(|one| match *one {
            "boolean" => [true, false].iter().all(|value| now.contains(&json!(value))),
            "null" => now.contains(&Value::Null),
            _ => false,
        });
        if all_there_is {
            self.add(Compatible, kind, &under(at, keyword), "all values there were are listed");
        } else {
            let reason = "any value could be entered: those that are not listed are rejected";
            self.add(Breaking, kind, &under(at, keyword), reason);
        }
    }

    fn pattern(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let here = under(at, "pattern");
        if !types(old).contains(&"string") {
            // It says nothing of values that are no texts.
            return;
        }
        match (old.get("pattern"), new.get("pattern")) {
            (Some(_), None) => {
                self.add(Compatible, "pattern-removed", &here, "no pattern has to match any more");
            }
            (before, Some(now)) if !same(before, Some(now)) => {
                let (kind, what) = match before {
                    Some(_) => ("pattern-changed", "the pattern has changed"),
                    None => ("pattern-added", "a pattern has to match"),
                };
                let mut texts = old.clone();
                texts.insert("type".to_owned(), json!("string"));
                let texts = Value::Object(texts);
                let is_all = before.and_then(Value::as_str).is_some_and(is_finite);
                if distinct(&texts) < FEW && !is_all {
                    let reason =
                        format!("{what}, and too few texts are known to say that it is harmless");
                    return self.add(Breaking, kind, &here, reason);
                }
                self.by_values(&texts, &json!({"pattern": now}), &here, kind, what);
            }
            _ => {}
        }
    }

    fn items(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let here = under(at, "items");
        let anything = json!({});
        let (old, new) = (old.get("items"), new.get("items"));
        match (old, new) {
            (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
                for (nth, (old, new)) in old.iter().zip(new).enumerate() {
                    self.schema(old, new, &format!("{here}/{nth}"));
                }
            }
            (Some(old), Some(new)) if old.is_array() || new.is_array() => {
                if !equal(old, new, Numbers::ByValue) {
                    let [old, new] =
                        [old, new].map(|items| json!({"type": "array", "items": items}));
                    self.by_values(&old, &new, &here, "items-changed", "the items have changed");
                }
            }
            (None, None) => {}
            (old, new) => {
                self.schema(old.unwrap_or(&anything), new.unwrap_or(&anything), &here);
            }
        }
    }

    /// The properties of each pattern, where both sides have the same patterns.
    fn by_pattern(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) -> bool {
        const KEYWORD: &str = "patternProperties";
        let all = |schema: &Map<String, Value>| schema.get(KEYWORD)?.as_object().cloned();
        let (Some(old), Some(new)) = (all(old), all(new)) else { return false };
        let are_same = old.len() == new.len() && old.keys().all(|name| new.contains_key(name));
        if are_same {
            for (pattern, schema) in &old {
                self.schema(schema, &new[pattern], &under(&under(at, KEYWORD), pattern));
            }
        }
        are_same
    }

    /// Where keywords do not tell, values do.
    fn by_values(&mut self, old: &Value, new: &Value, at: &str, kind: &'static str, what: &str) {
        match tried(old, new, TRIES, 0) {
            Ok((_, Some(found))) => {
                let reason = format!("{what}: it rejects {}, for one", found.config);
                self.add(Breaking, kind, at, reason);
            }
            Ok((count @ 1.., None)) => {
                let reason = format!("{what}: it rejects none of {count} values that were drawn");
                self.add(Compatible, kind, at, reason);
            }
            _ => {
                let reason =
                    format!("{what}, and no value of the old one could be drawn to try it");
                self.add(Breaking, kind, at, reason);
            }
        }
    }
}

/// How many different values are drawn from a schema.
fn distinct(schema: &Value) -> usize {
    let drawn = Configs::of(schema, 0).into_iter().flat_map(|configs| configs.take(TRIES));
    drawn.map(|value| value.to_string()).collect::<HashSet<_>>().len()
}

fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => equal(one, other, Numbers::ByValue),
        (None, None) => true,
        _ => false,
    }
}

/// The keywords of a schema, with those of `allOf`, and of an `anyOf` that adds null at the most.
fn flat(schema: &Value) -> Option<Map<String, Value>> {
    schema.as_object()?;
    let whole = without_all_of(schema);
    let folded = match whole.as_object().and_then(apart_from_null) {
        Some((only, true)) => or_null(only),
        Some((only, false)) => Some(only),
        None => None,
    };
    folded.unwrap_or(whole).as_object().cloned()
}

/// Whether its variants alone say of what type it is.
fn is_of_variants(schema: &Map<String, Value>) -> bool {
    let says = ["type", "properties", "items"].iter().any(|word| schema.contains_key(*word));
    !says && variants_of(schema).is_some()
}

/// The types that a schema allows; one that speaks of properties is that of an object, though it need
/// not say so.
fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ if schema.contains_key("properties") => vec!["object"],
        _ if schema.contains_key("items") => vec!["array"],
        _ => match variants_of(schema) {
            Some((_, all)) if all.iter().all(Value::is_object) => {
                let of_each: Vec<_> =
                    all.iter().filter_map(Value::as_object).flat_map(types).collect();
                TYPES.into_iter().filter(|kind| of_each.contains(kind)).collect()
            }
            _ => TYPES.into(),
        },
    }
}
