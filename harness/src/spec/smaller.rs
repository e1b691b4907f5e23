//! The simplest value that still shows something.

use serde_json::{Map, Value, json};

/// Makes a value simpler for as long as it shows what it showed: objects lose properties, lists their
/// items, and what is left becomes short. `shows` is asked so many times at the most.
pub fn smallest(value: Value, most: usize, mut shows: impl FnMut(&Value) -> bool) -> Value {
    let (mut value, mut asked) = (value, 0);
    loop {
        let simpler = simpler(&value).into_iter().find(|candidate| {
            asked += 1;
            asked <= most && shows(candidate)
        });
        match simpler {
            Some(simpler) => value = simpler,
            None => return value,
        }
    }
}

/// Values that are simpler, those first that leave out most.
fn simpler(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(object) => {
            let without = object.keys().map(|name| {
                let rest = object.iter().filter(|(other, _)| *other != name);
                rest.map(|(name, value)| (name.clone(), value.clone()))
                    .collect::<Map<_, _>>()
                    .into()
            });
            let changed = object.iter().flat_map(|(name, value)| {
                simpler(value).into_iter().map(|value| {
                    let mut object = object.clone();
                    object.insert(name.clone(), value);
                    Value::Object(object)
                })
            });
            without.chain(changed).collect()
        }
        Value::Array(items) => {
            let without = (0..items.len()).map(|nth| {
                let mut items = items.clone();
                items.remove(nth);
                Value::Array(items)
            });
            let changed = items.iter().enumerate().flat_map(|(nth, item)| {
                simpler(item).into_iter().map(move |item| {
                    let mut items = items.clone();
                    items[nth] = item;
                    Value::Array(items)
                })
            });
            without.chain(changed).collect()
        }
        Value::String(text) => {
            let half: String = text.chars().take(text.chars().count() / 2).collect();
            let mut less = text.clone();
            less.pop();
            let mut simpler = vec![String::new(), "a".to_owned(), "0".to_owned(), half, less];
            // What comes after it is as simple, and would be tried for ever.
            simpler.retain(|simpler| (simpler.len(), simpler) < (text.len(), text));
            simpler.into_iter().map(Value::String).collect()
        }
        Value::Number(number) => {
            let Some(number) = number.as_f64() else { return Vec::new() };
            let half = (number / 2.0).trunc();
            let mut simpler = vec![0.0, 1.0, half, number.trunc()];
            simpler.retain(|simpler| {
                let length = |number: f64| (number.fract() != 0.0, number.abs(), number < 0.0);
                length(*simpler) < length(number) && simpler.abs() < 9e15
            });
            #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
            let values = simpler.into_iter().map(|number| json!(number as i64));
            values.collect()
        }
        Value::Bool(true) => vec![json!(false)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_shows_it_is_left() {
        let value = json!({"a": [{"b": 1234.5, "c": "long text"}, true], "d": {"e": null}});
        let shows = |value: &Value| value["a"][0]["b"].as_f64().is_some_and(|b| b > 100.0);
        assert_eq!(smallest(value.clone(), 1000, shows), json!({"a": [{"b": 154}]}));
        let long = |value: &Value| value["a"][0]["c"].as_str().is_some_and(|c| c.len() > 2);
        assert_eq!(smallest(value.clone(), 1000, long), json!({"a": [{"c": "lon"}]}));
        assert_eq!(smallest(value.clone(), 0, |_| true), value);
        assert_eq!(smallest(value, 1000, |_| true), json!({}));
    }
}
