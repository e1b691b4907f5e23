//! The variants of a `oneOf`, which are the same ones in both schemas where their constants are.

use serde_json::{Map, Value};

use super::objects::required;
use super::{Breaking, Changes, Compatible};
use crate::protocol::json::{Numbers, equal, under};
use crate::spec::folded::constant;

impl Changes {
    pub(super) fn variants(
        &mut self,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        at: &str,
    ) {
        let (had, has) = (variants_of(old), variants_of(new));
        let (before, now) = match (had, has) {
            (None, None) => return,
            (Some((_, before)), Some((keyword, now))) => (before, (keyword, now)),
            (None, Some((keyword, _))) => {
                let [old, new] = [old, new].map(|schema| Value::Object(schema.clone()));
                let what = "one of several variants has to be chosen";
                let here = under(at, keyword);
                return self.by_values(&old, &new, &here, "variants-added", what);
            }
            (Some((keyword, before)), None) => {
                let here = under(at, keyword);
                let kept = new.get("properties").and_then(Value::as_object);
                let is_kept = |name: &String| kept.is_some_and(|kept| kept.contains_key(name));
                if properties_of(before).all(|(name, _)| is_kept(name)) {
                    let [old, new] = [old, new].map(|schema| Value::Object(schema.clone()));
                    let what = "there is no choice any more";
                    return self.by_values(&old, &new, &here, "variants-merged", what);
                }
                let reason = "there is no choice any more: what is stored of it is no longer read";
                return self.add(Breaking, "variant-removed", &here, reason);
            }
        };
        let (keyword, new_variants) = now;
        let here = under(at, keyword);
        // What the whole requires each variant requires.
        let both = |name: &&str| required(old).contains(name) && required(new).contains(name);
        let anyway: Vec<&str> = required(old).into_iter().filter(both).collect();
        let (whole_old, whole_new) = (old, new);
        let (old, new) = (without(before, &anyway), without(new_variants, &anyway));
        let mut left: Vec<usize> = (0..new.len()).collect();
        let mut lost = Vec::new();
        let mut pairs = Vec::new();
        let mut open: Vec<usize> = (0..old.len()).collect();
        // The same ones; then those with the same constants, or with one of them, as another property may
        // have become a constant, or no longer be one.
        let alike: [&dyn Fn(usize, usize) -> usize; 3] = [
            &|one, other| usize::from(equal(&old[one], &new[other], Numbers::ByValue)),
            &|one, other| usize::from(key(&old[one], one) == key(&new[other], other)),
            &|one, other| {
                let own = constants(&old[one]);
                constants(&new[other]).iter().filter(|constant| own.contains(constant)).count()
            },
        ];
        for likeness in alike {
            open.retain(|one| {
                let all = left.iter().enumerate().rev();
                let found = all
                    .map(|(place, other)| (likeness(*one, *other), place))
                    .filter(|(likeness, _)| *likeness > 0)
                    .max_by_key(|(likeness, _)| *likeness);
                pairs.extend(found.map(|(_, place)| (*one, left.remove(place))));
                found.is_none()
            });
        }
        lost.append(&mut open);
        // One that is only called otherwise.
        if let ([one], [other]) = (&lost[..], &left[..])
            && constants(&old[*one]).is_empty()
            && constants(&new[*other]).is_empty()
        {
            pairs.push((*one, *other));
            lost.clear();
            left.clear();
        }
        pairs.sort_unstable();
        for (one, other) in pairs {
            let now = with_moved(&old[one], &new[other], whole_new);
            let before = with_moved(&new[other], &old[one], whole_old);
            self.schema(&before, &now, &format!("{here}/{other}"));
        }
        for nth in lost {
            let name = name(&old[nth], nth);
            let reason = format!("the variant {name} is gone: configs of it are rejected");
            self.add(Breaking, "variant-removed", &format!("{here}/{nth}"), reason);
        }
        for nth in left {
            let reason = format!("the variant {} can be chosen, too", name(&new[nth], nth));
            self.add(Compatible, "variant-added", &format!("{here}/{nth}"), reason);
        }
    }
}

/// The variants of a schema, with their keyword.
pub(super) fn variants_of(schema: &Map<String, Value>) -> Option<(&'static str, &Vec<Value>)> {
    let list = |keyword| Some((keyword, schema.get(keyword)?.as_array()?));
    list("oneOf").or_else(|| list("anyOf"))
}

/// The variants without what is required anyway.
fn without(variants: &[Value], anyway: &[&str]) -> Vec<Value> {
    let mut variants = variants.to_vec();
    for list in variants.iter_mut().filter_map(|one| one.get_mut("required")?.as_array_mut()) {
        list.retain(|name| name.as_str().is_none_or(|name| !anyway.contains(&name)));
    }
    variants
}

/// The variant with those properties that the other one has, and that all variants have here.
fn with_moved(other: &Value, variant: &Value, whole: &Map<String, Value>) -> Value {
    let mut variant = variant.clone();
    let everywhere = whole.get("properties").and_then(Value::as_object);
    for (name, _) in properties_of(std::slice::from_ref(other)) {
        if let Some(schema) = everywhere.and_then(|all| all.get(name))
            && let Some(own) = variant.get_mut("properties").and_then(Value::as_object_mut)
            && !own.contains_key(name)
        {
            own.insert(name.clone(), schema.clone());
            let needed = variant.get_mut("required").and_then(Value::as_array_mut);
            if let Some(needed) = needed.filter(|_| required(whole).contains(&name.as_str())) {
                needed.push(name.clone().into());
            }
        }
    }
    variant
}

/// The properties of all of these.
fn properties_of(variants: &[Value]) -> impl Iterator<Item = (&String, &Value)> {
    variants.iter().filter_map(|one| one.get("properties")?.as_object()).flatten()
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
    let properties = properties_of(std::slice::from_ref(variant));
    let known = properties.filter_map(|(name, schema)| Some((name, constant(schema)?)));
    known.map(|(name, value)| (name.clone(), value.to_string())).collect()
}
