//! How large, how long, how many.

use serde_json::{Map, Value, json};

use super::{Breaking, Changes, Compatible};
use crate::protocol::json::under;

impl Changes {
    pub(super) fn bounds(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        const LOWER: [&str; 5] =
            ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
        const UPPER: [&str; 5] =
            ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
        for (keywords, is_lower) in [(LOWER, true), (UPPER, false)] {
            for keyword in keywords {
                let bound = |schema: &Map<String, Value>| {
                    let none =
                        if keyword.ends_with("imum") { None } else { is_lower.then_some(0.0) };
                    schema.get(keyword).and_then(Value::as_f64).or(none)
                };
                let is_tighter = match (bound(old), bound(new)) {
                    (Some(old), Some(new)) if (old - new).abs() > 0.0 => (new > old) == is_lower,
                    (None, Some(_)) => !follows(old, new, keyword),
                    (Some(_), None) => false,
                    _ => continue,
                };
                let shown = |schema: &Map<String, Value>| {
                    schema.get(keyword).map_or("none".to_owned(), Value::to_string)
                };
                let reason = format!("{keyword} was {}, and is {} now", shown(old), shown(new));
                if is_tighter {
                    self.add(Breaking, "bound-tightened", &under(at, keyword), reason);
                } else {
                    self.add(Compatible, "bound-loosened", &under(at, keyword), reason);
                }
            }
        }
        let step = |schema: &Map<String, Value>| schema.get("multipleOf").and_then(Value::as_f64);
        let here = under(at, "multipleOf");
        match (step(old), step(new)) {
            (old, Some(new)) if old.is_none_or(|old| (old % new).abs() > 0.0) => {
                self.add(Breaking, "bound-tightened", &here, format!("only multiples of {new}"));
            }
            (Some(old), new) if new.is_none_or(|new| (old - new).abs() > 0.0) => {
                let reason = format!("not only multiples of {old}");
                self.add(Compatible, "bound-loosened", &here, reason);
            }
            _ => {}
        }
        let distinct =
            |schema: &Map<String, Value>| schema.get("uniqueItems") == Some(&json!(true));
        let here = under(at, "uniqueItems");
        match (distinct(old), distinct(new)) {
            (false, true) => self.add(Breaking, "bound-tightened", &here, "no item twice any more"),
            (true, false) => self.add(Compatible, "bound-loosened", &here, "items may repeat"),
            _ => {}
        }
    }
}

/// Whether a bound that is new says no more than another did: an exclusive one in place of the other,
/// or the other way round.
fn follows(old: &Map<String, Value>, new: &Map<String, Value>, keyword: &str) -> bool {
    let number = |schema: &Map<String, Value>, keyword| schema.get(keyword).and_then(Value::as_f64);
    let now = number(new, keyword);
    match keyword {
        "minimum" => number(old, "exclusiveMinimum") >= now,
        "exclusiveMinimum" => number(old, "minimum") > now,
        "maximum" => number(old, "exclusiveMaximum").is_some_and(|old| Some(old) <= now),
        "exclusiveMaximum" => number(old, "maximum").is_some_and(|old| Some(old) < now),
        _ => false,
    }
}
