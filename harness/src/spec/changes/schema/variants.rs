//! The variants of a `oneOf`, which are the same ones in both schemas where their constants are.

use serde_json::{Map, Value};

use super::{Breaking, Changes, Compatible, choices};
use crate::protocol::json::under;

impl Changes {
    pub(super) fn variants(
        &mut self,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        keyword: &str,
        at: &str,
    ) {
        let list =
            |schema: &Map<String, Value>| schema.get(keyword).and_then(Value::as_array).cloned();
        let here = under(at, keyword);
        let (old, new) = match (list(old), list(new)) {
            (None, None) => return,
            (Some(old), Some(new)) => (old, new),
            (None, Some(_)) => {
                let [old, new] = [old, new].map(|schema| Value::Object(schema.clone()));
                let what = "one of several variants has to be chosen";
                return self.by_values(&old, &new, &here, "variants-added", what);
            }
            (Some(_), None) => {
                let reason = "there is no choice any more: what is stored of it is no longer read";
                return self.add(Breaking, "variant-removed", &here, reason);
            }
        };
        let mut left: Vec<usize> = (0..new.len()).collect();
        for (nth, variant) in old.iter().enumerate() {
            let own = key(variant, nth);
            let keys = || left.iter().map(|nth| key(&new[*nth], *nth));
            let is_shared = |key: Vec<_>| key.iter().any(|constant| own.contains(constant));
            // Another property may have become a constant, or no longer be one.
            let found = keys().position(|key| key == own).or_else(|| keys().position(is_shared));
            if let Some(place) = found.map(|place| left.remove(place)) {
                self.schema(variant, &new[place], &format!("{here}/{place}"));
            } else {
                let name = name(variant, nth);
                let reason = format!("the variant {name} is gone: configs of it are rejected");
                self.add(Breaking, "variant-removed", &format!("{here}/{nth}"), reason);
            }
        }
        for nth in left {
            let reason = format!("the variant {} can be chosen, too", name(&new[nth], nth));
            self.add(Compatible, "variant-added", &format!("{here}/{nth}"), reason);
        }
    }
}

/// By what a variant is known in both specs.
fn key(variant: &Value, nth: usize) -> Vec<(String, String)> {
    let constants = constants(variant);
    if !constants.is_empty() {
        return constants;
    }
    match variant.get("title").or(variant.get("type")) {
        Some(title) => vec![("title".to_owned(), title.to_string())],
        None => vec![("place".to_owned(), nth.to_string())],
    }
}

/// What a variant is called.
fn name(variant: &Value, nth: usize) -> String {
    let title = variant.get("title").and_then(Value::as_str).map(|title| format!("{title:?}"));
    let constant = constants(variant).into_iter().next().map(|(_, value)| value);
    title.or(constant).unwrap_or_else(|| format!("number {}", nth + 1))
}

fn constants(variant: &Value) -> Vec<(String, String)> {
    let properties = variant.get("properties").and_then(Value::as_object).into_iter().flatten();
    let constant = |schema: &Value| {
        let listed = choices(schema.as_object()?)?;
        if let [one] = &listed[..] { Some(one.to_string()) } else { None }
    };
    properties.filter_map(|(name, schema)| Some((name.clone(), constant(schema)?))).collect()
}
