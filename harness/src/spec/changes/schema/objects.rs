//! What objects have lost, and what they have got.

use serde_json::{Map, Value, json};

use super::{Breaking, Changes, Compatible};
use crate::protocol::json::{Numbers, equal, under};

impl Changes {
    pub(super) fn objects(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let empty = Map::new();
        let properties = |schema: &Map<String, Value>| {
            schema.get("properties").and_then(Value::as_object).cloned().unwrap_or(empty.clone())
        };
        let (had, has) = (properties(old), properties(new));
        // What each variant has is there, too, whichever is chosen.
        let [in_old, in_new] = [old, new].map(|schema| {
            move |name: &str| {
                let own = variants(schema).iter().filter_map(|one| one["properties"].get(name));
                let own: Vec<&Value> = own.collect();
                if own.len() == variants(schema).len() { own } else { Vec::new() }
            }
        });
        let is_gone = |name: &&String| !has.contains_key(*name) && in_new(name).is_empty();
        let gone: Vec<_> = had.keys().filter(is_gone).collect();
        let is_added = |name: &&String| !had.contains_key(*name) && in_old(name).is_empty();
        let mut added: Vec<_> = has.keys().filter(is_added).collect();
        let here = under(at, "properties");
        for name in gone {
            let renamed = added.iter().position(|new| is_renamed(&had, name, &has, new));
            let reason = "values that are stored under it are no longer read";
            let (kind, what) = match renamed.map(|nth| added.remove(nth)) {
                Some(new) => {
                    ("property-renamed", format!("`{name}` seems to be called `{new}` now"))
                }
                None => ("property-removed", format!("`{name}` is gone")),
            };
            self.add(Breaking, kind, &under(&here, name), format!("{what}: {reason}"));
        }
        let (mut needed, needs) = (required(old), required(new));
        let of_variants: Vec<_> = variants(old).iter().filter_map(Value::as_object).collect();
        needed.extend(needs.iter().filter(|name| {
            !of_variants.is_empty() && of_variants.iter().all(|one| required(one).contains(name))
        }));
        for name in &added {
            if !needs.contains(&name.as_str()) {
                let reason = format!("`{name}` can be entered, too");
                self.add(Compatible, "property-added", &under(&here, name), reason);
            }
        }
        for name in needs.iter().filter(|name| !needed.contains(name)) {
            let is_renamed = has.contains_key(*name)
                && !had.contains_key(*name)
                && !added.iter().any(|added| added == name);
            if is_renamed {
                continue;
            }
            let what = if had.contains_key(*name) { "was optional" } else { "was not there" };
            let reason =
                format!("`{name}` is required, and {what}: configs without it are rejected");
            self.add(Breaking, "required-added", &under(&here, name), reason);
        }
        for name in needed.iter().filter(|name| !needs.contains(name) && has.contains_key(**name)) {
            let reason = format!("`{name}` may be left out");
            self.add(Compatible, "required-dropped", &under(&here, name), reason);
        }
        for (name, schema) in &had {
            if let Some(now) = has.get(name) {
                self.schema(schema, now, &under(&here, name));
                continue;
            }
            for (nth, now) in in_new(name).into_iter().enumerate() {
                let place = format!("{at}/oneOf/{nth}/properties");
                self.schema(schema, now, &under(&place, name));
            }
        }
        self.others(old, new, at);
    }

    fn others(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        const KEYWORD: &str = "additionalProperties";
        let here = under(at, KEYWORD);
        let open = json!(true);
        let is_open = |schema: &Value| schema.as_bool() == Some(true) || *schema == json!({});
        let (old, new) = (old.get(KEYWORD).unwrap_or(&open), new.get(KEYWORD).unwrap_or(&open));
        if is_open(old) && is_open(new) || equal(old, new, Numbers::ByValue) {
            return;
        }
        if is_open(new) || *old == json!(false) {
            let reason = "more properties are accepted than before";
            self.add(Compatible, "additional-properties-opened", &here, reason);
        } else if *new == json!(false) || is_open(old) {
            let reason = "configs that hold properties from earlier versions are rejected";
            self.add(Breaking, "additional-properties-closed", &here, reason);
        } else {
            self.schema(old, new, &here);
        }
    }
}

fn variants(schema: &Map<String, Value>) -> &[Value] {
    schema.get("oneOf").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn required(schema: &Map<String, Value>) -> Vec<&str> {
    let listed = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).collect()
}

/// Whether a property that is gone seems to be there under another name: the same schema but for what
/// it is called and where it stands, or at least the same type and a name much like it.
fn is_renamed(had: &Map<String, Value>, old: &str, has: &Map<String, Value>, new: &str) -> bool {
    const ALIKE: f64 = 0.85;
    let essence = |schema: &Value| {
        let mut keywords = schema.as_object().cloned().unwrap_or_default();
        for told in ["title", "order", "description", "examples", "group"] {
            keywords.shift_remove(told);
        }
        keywords
    };
    let (before, now) = (essence(&had[old]), essence(&has[new]));
    let is_plain = before.keys().all(|keyword| keyword == "type");
    let is_alike = strsim::jaro_winkler(old, new) >= ALIKE;
    let same_type = before.get("type") == now.get("type");
    before == now && !is_plain || same_type && is_alike
}
