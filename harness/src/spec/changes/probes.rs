//! Values that a new schema may be about, put into configs of the old one: what is drawn at random
//! rarely meets them.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use crate::spec::draw::{KEY, matching, named_in};

/// Names and values that a schema speaks of, and some that it may have forgotten.
#[derive(Debug)]
pub struct Probes {
    values: Vec<Value>,
    names: Vec<String>,
    random: SmallRng,
}

impl Probes {
    /// For a schema without `$ref`.
    pub fn of(schema: &Value, seed: u64) -> Self {
        let mut probes = Self {
            values: vec![
                json!(null),
                json!(true),
                json!(-1),
                json!(7),
                json!(0.5),
                json!("a;b"),
                json!("x".repeat(300)),
            ],
            names: ["A-1", "with space", "é", "a_b", "X-name"].map(str::to_owned).into(),
            random: SmallRng::seed_from_u64(seed),
        };
        probes.gather(schema);
        probes
    }

    fn gather(&mut self, schema: &Value) {
        match schema {
            Value::Object(keywords) => {
                for (keyword, value) in keywords {
                    match (keyword.as_str(), value) {
                        ("const", value) => self.values.push(value.clone()),
                        ("enum", Value::Array(all)) => self.values.extend(all.iter().cloned()),
                        ("properties", Value::Object(all)) => {
                            self.names.extend(all.keys().cloned());
                        }
                        ("pattern", Value::String(pattern)) => {
                            self.values.extend(named_in(pattern).into_iter().map(Value::String));
                        }
                        ("patternProperties", Value::Object(all)) => {
                            let names = all
                                .keys()
                                .flat_map(|pattern| matching(pattern).into_iter().take(5));
                            self.names.extend(names);
                        }
                        _ => {}
                    }
                    self.gather(value);
                }
            }
            Value::Array(all) => all.iter().for_each(|one| self.gather(one)),
            _ => {}
        }
    }

    /// The config with one of its values replaced, or with another name in a map.
    pub fn varied(&mut self, config: &Value) -> Option<Value> {
        let mut places = Vec::new();
        leaves(config, String::new(), &mut places);
        let mut config = config.clone();
        let keys: Vec<&String> =
            places.iter().filter(|place| place.ends_with(&format!("/{KEY}"))).collect();
        if let Some(place) = keys.choose(&mut self.random)
            && self.random.random_bool(0.7)
        {
            let parent = &place[..place.len() - KEY.len() - 1];
            let map = config.pointer_mut(parent)?.as_object_mut()?;
            let value = map.shift_remove(KEY)?;
            map.insert(self.names.choose(&mut self.random)?.clone(), value);
            return Some(config);
        }
        let place = places.choose(&mut self.random)?;
        *config.pointer_mut(place)? = self.values.choose(&mut self.random)?.clone();
        Some(config)
    }
}

/// The pointers to all values that hold no others.
fn leaves(value: &Value, at: String, into: &mut Vec<String>) {
    use crate::protocol::json::under;
    let members: &Map<String, Value> = match value {
        Value::Object(object) if !object.is_empty() => object,
        Value::Array(items) if !items.is_empty() => {
            for (nth, item) in items.iter().enumerate() {
                leaves(item, format!("{at}/{nth}"), into);
            }
            return;
        }
        _ => return into.push(at),
    };
    for (name, value) in members {
        leaves(value, under(&at, name), into);
    }
}
