//! A config, walked along with what the spec says of it.

use serde_json::Value;

use super::accepts;
use crate::protocol::json::under;

/// A property of a config, or an item of a list, and what the spec says of it.
#[derive(Debug)]
pub(super) struct Site<'a> {
    pub pointer: String,
    /// How many levels below the config's own properties.
    pub depth: usize,
    pub value: &'a Value,
    /// All schemas that apply: its own, and the variants that the value has chosen.
    pub schemas: Vec<&'a Value>,
    /// A schema of the object that it is in requires it.
    pub required: bool,
    /// The object that it is in has properties by the spec, and none of its schemas requires it.
    pub optional: bool,
}

impl Site<'_> {
    /// For people: `tunnel.host`.
    pub fn path(&self) -> String {
        self.keys().collect::<Vec<_>>().join(".")
    }

    /// The name of the property, or of the list that it is an item of.
    pub fn name(&self) -> String {
        let is_name = |key: &String| key.parse::<usize>().is_err();
        self.keys().filter(is_name).last().unwrap_or_default()
    }

    pub fn is_secret(&self) -> bool {
        self.schemas.iter().any(|schema| schema["airbyte_secret"] == true)
    }

    fn keys(&self) -> impl Iterator<Item = String> {
        self.pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~"))
    }
}

/// All properties of a config, in its order; those of an object come after all that are as deep
/// as the object.
pub(super) fn sites<'a>(config: &'a Value, schema: &'a Value) -> Vec<Site<'a>> {
    let mut all = Vec::new();
    walk(config, &applying(config, schema), "", 0, &mut all);
    all.sort_by_key(|site| site.depth);
    all
}

fn walk<'a>(
    value: &'a Value,
    schemas: &[&'a Value],
    pointer: &str,
    depth: usize,
    all: &mut Vec<Site<'a>>,
) {
    let mut visit = |pointer: String, value: &'a Value, own: Vec<&'a Value>, needs: [bool; 2]| {
        let schemas: Vec<_> = own.into_iter().flat_map(|schema| applying(value, schema)).collect();
        let [required, optional] = needs;
        let below = (pointer.clone(), schemas.clone());
        all.push(Site { pointer, depth, value, schemas, required, optional });
        walk(value, &below.1, &below.0, depth + 1, all);
    };
    match value {
        Value::Object(object) => {
            let has_properties = schemas.iter().any(|schema| schema["properties"].is_object());
            for (key, value) in object {
                let own = schemas.iter().filter_map(|schema| schema["properties"].get(key));
                let required = schemas.iter().any(|schema| requires(schema, key));
                let needs = [required, has_properties && !required];
                visit(under(pointer, key), value, own.collect(), needs);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                let own = schemas.iter().filter_map(|schema| schema.get("items"));
                visit(format!("{pointer}/{at}"), value, own.collect(), [false, false]);
            }
        }
        _ => {}
    }
}

fn requires(schema: &Value, key: &str) -> bool {
    schema["required"].as_array().is_some_and(|required| required.iter().any(|name| name == key))
}

/// A schema, all that it consists of, and those of its variants that accept the value.
fn applying<'a>(value: &Value, schema: &'a Value) -> Vec<&'a Value> {
    let variants = |key: &str| schema[key].as_array().into_iter().flatten();
    let chosen = variants("oneOf").chain(variants("anyOf")).filter(|one| accepts(one, value));
    let parts = variants("allOf").chain(chosen).flat_map(|part| applying(value, part));
    [schema].into_iter().chain(parts).collect()
}
