//! How large, how long, how many.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value, json};

use super::{Breaking, Changes, Compatible, types};
use crate::protocol::json::{compare_numbers, under};

/// The types that bounds are about, by how their keywords end.
const OF_TYPES: [(&str, &[&str]); 4] = [
    ("imum", &["integer", "number"]),
    ("Length", &["string"]),
    ("Items", &["array"]),
    ("Properties", &["object"]),
];

impl Changes {
    pub(super) fn bounds(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        const LOWER: [&str; 5] =
            ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
        const UPPER: [&str; 5] =
            ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
        for (keywords, is_lower) in [(LOWER, true), (UPPER, false)] {
            for keyword in keywords {
                let kind = OF_TYPES.iter().find(|(word, _)| keyword.ends_with(word));
                if kind.is_some_and(|(_, kinds)| types(old).iter().all(|one| !kinds.contains(one)))
                {
                    // It says nothing of values of other types.
                    continue;
                }
                let none = (is_lower && !keyword.ends_with("imum")).then(|| Number::from(0));
                let bound = |schema: &Map<String, Value>| match schema.get(keyword) {
                    Some(Value::Number(number)) => Some(number.clone()),
                    _ => none.clone(),
                };
                let is_tighter = match (bound(old), bound(new)) {
                    (Some(old), Some(new)) => match compare_numbers(new.as_str(), old.as_str()) {
                        Ordering::Equal => continue,
                        order => (order == Ordering::Greater) == is_lower,
                    },
                    (None, Some(_)) => !follows(old, new, keyword),
                    (Some(_), None) => false,
                    (None, None) => continue,
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
            (Some(before), Some(now)) if is_multiple(before, now) && is_multiple(now, before) => {}
            (None, Some(now)) if is_multiple(1.0, now) && types(old) == ["integer"] => {}
            (before, Some(new)) if before.is_none_or(|before| !is_multiple(before, new)) => {
                self.add(Breaking, "bound-tightened", &here, format!("only multiples of {new}"));
            }
            (Some(old), _) => {
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

/// Whether a number is a multiple of another, but for what is lost in writing it.
fn is_multiple(number: f64, of: f64) -> bool {
    let times = number / of;
    (times - times.round()).abs() < 1e-9
}

/// Whether a bound that is new says no more than another did: an exclusive one in place of the other,
/// or the other way round.
fn follows(old: &Map<String, Value>, new: &Map<String, Value>, keyword: &str) -> bool {
    let number = |schema: &Map<String, Value>, keyword| schema.get(keyword).and_then(Value::as_f64);
    let Some(now) = number(new, keyword) else { return false };
    let before = |keyword| number(old, keyword);
    // Beside an exclusive bound lies the next whole number.
    let next = if types(old) == ["integer"] { 1.0 } else { 0.0 };
    match keyword {
        "minimum" => before("exclusiveMinimum")
            .is_some_and(|old| old.floor() + next >= now && (next > 0.0 || old >= now)),
        "exclusiveMinimum" => before("minimum").is_some_and(|old| old > now),
        "maximum" => before("exclusiveMaximum")
            .is_some_and(|old| old.ceil() - next <= now && (next > 0.0 || old <= now)),
        "exclusiveMaximum" => before("maximum").is_some_and(|old| old < now),
        _ => false,
    }
}
