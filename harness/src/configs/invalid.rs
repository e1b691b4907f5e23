//! Configs that violate the spec, each in one way.
//!
//! A way is a keyword of one schema and values that it refuses. Of these that one is taken which
//! the schema would accept without the keyword, so that nothing else is wrong with it; if there is
//! none, one is drawn from the schema without the keyword; and if that does not help, one is taken that
//! at least the keyword refuses.

use std::iter;

use jsonschema::Validator;
use serde_json::{Number, Value, json};

use super::site::{Site, sites};
use super::{BadConfig, accepts, fitting, with, without};
use crate::spec::draw::Configs;

/// How many values are drawn where none that we know is refused by the keyword alone.
const DRAWN: usize = 200;

/// Longer texts are not made.
const LONGEST: usize = 1 << 16;

/// One way to break one keyword.
struct Way<'a> {
    note: String,
    schema: &'a Value,
    keyword: &'static str,
    /// The best first.
    values: Vec<Value>,
}

/// Configs that violate the spec, each in one way: a required property is missing, or one has
/// another type, a value off its list, another constant, a number out of bounds, a text against
/// its pattern or too short. None where the spec has nothing that could be violated.
///
/// The kinds take turns, so that the first few differ most, and each begins with the properties
/// that are least deep.
#[must_use]
pub fn invalid(working: &Value, connection_specification: &Value) -> Vec<BadConfig> {
    let Some(validator) = fitting(working, connection_specification) else {
        return Vec::new();
    };
    // With its own secrets: a destination that does not look at the config, and logs in, is to be
    // told from one that refuses it.
    let base = working;
    let sites = sites(base, connection_specification);
    let ways = [mistyped, off_list, unknown_constant, out_of_bounds, malformed];
    let broken = ways.map(|ways| {
        let all = sites.iter().flat_map(|site| ways(site).into_iter().map(move |way| (site, way)));
        all.filter_map(|(site, way)| broken(base, site, way, &validator)).collect()
    });
    let missing = sites.iter().filter_map(|site| missing(base, site, &validator)).collect();
    in_turns(iter::once(missing).chain(broken).collect())
}

/// One of each kind, then the next of each. What two kinds come to alike is there once.
fn in_turns(kinds: Vec<Vec<BadConfig>>) -> Vec<BadConfig> {
    let mut kinds: Vec<_> = kinds.into_iter().map(Vec::into_iter).collect();
    let mut all: Vec<BadConfig> = Vec::new();
    loop {
        let turn: Vec<_> = kinds.iter_mut().filter_map(Iterator::next).collect();
        if turn.is_empty() {
            return all;
        }
        for bad in turn {
            if all.iter().all(|other| other.config != bad.config) {
                all.push(bad);
            }
        }
    }
}

fn missing(base: &Value, site: &Site, validator: &Validator) -> Option<BadConfig> {
    let config = site.required.then(|| without(base, &site.pointer))??;
    let note = format!("the required property {:?} is missing", site.path());
    (!validator.is_valid(&config)).then_some(BadConfig { note, config })
}

fn broken(base: &Value, site: &Site, way: Way, validator: &Validator) -> Option<BadConfig> {
    let keyword = json!({way.keyword: way.schema[way.keyword]});
    let mut others = way.schema.clone();
    others.as_object_mut()?.shift_remove(way.keyword);
    let broken = |value: Value| {
        if accepts(&keyword, &value) {
            return None;
        }
        let config = with(base, &site.pointer, value.clone())?;
        (!validator.is_valid(&config)).then(|| (accepts(&others, &value), config))
    };
    let by_hand: Vec<_> = way.values.into_iter().filter_map(broken).collect();
    let best = by_hand.iter().find(|(nothing_else, _)| *nothing_else);
    let drawn = || Configs::of(&others, 0).ok()?.take(DRAWN).find_map(broken);
    let (_, config) = best.cloned().or_else(drawn).or_else(|| by_hand.first().cloned())?;
    Some(BadConfig { note: way.note, config })
}

/// The ways to break a keyword, for each schema that has it.
fn each<'a>(
    site: &Site<'a>,
    keyword: &'static str,
    make: impl Fn(&Value) -> (String, Vec<Value>),
) -> Vec<Way<'a>> {
    let schemas = site.schemas.iter().filter(|schema| schema.get(keyword).is_some());
    let ways = schemas.map(|schema| {
        let (note, values) = make(schema);
        Way { note, schema, keyword, values }
    });
    ways.collect()
}

/// A text that the spec does not expect; in place of a secret one that nobody takes for it.
fn text(site: &Site) -> Value {
    Value::from(if site.is_secret() { "no" } else { "not this" })
}

/// A value of the same type, and surely another.
fn unexpected(site: &Site) -> Vec<Value> {
    match site.value {
        Value::Number(_) => vec![json!(987_654_321), json!(-1), json!(0.5)],
        Value::Bool(is) => vec![json!(!is)],
        _ => vec![text(site)],
    }
}

fn mistyped<'a>(site: &Site<'a>) -> Vec<Way<'a>> {
    let note = format!("the property {:?} has another type than the spec's", site.path());
    let object = json!({"not": "this"});
    let values = match site.value {
        Value::String(_) | Value::Bool(_) => vec![object, text(site), json!(17)],
        _ => vec![text(site), object, json!(17)],
    };
    each(site, "type", |_| (note.clone(), values.clone()))
}

fn off_list<'a>(site: &Site<'a>) -> Vec<Way<'a>> {
    let note = format!("the value of {:?} is not on the spec's list", site.path());
    each(site, "enum", |_| (note.clone(), unexpected(site)))
}

fn unknown_constant<'a>(site: &Site<'a>) -> Vec<Way<'a>> {
    let note = format!("the constant {:?} is none that the spec knows", site.path());
    each(site, "const", |_| (note.clone(), unexpected(site)))
}

fn out_of_bounds<'a>(site: &Site<'a>) -> Vec<Way<'a>> {
    if !site.value.is_number() {
        return Vec::new();
    }
    let bounds =
        [("minimum", -1), ("exclusiveMinimum", 0), ("maximum", 1), ("exclusiveMaximum", 0)];
    let ways = bounds.into_iter().flat_map(|(keyword, by)| {
        each(site, keyword, |schema| {
            let limit = &schema[keyword];
            let path = site.path();
            let note = format!("the number {path:?} is out of bounds: its {keyword} is {limit}");
            (note, beyond(limit, by))
        })
    });
    ways.collect()
}

/// Numbers by so much from a limit, integers first; none where a float is the same as its
/// neighbour.
fn beyond(limit: &Value, by: i32) -> Vec<Value> {
    if by == 0 {
        return vec![limit.clone()];
    }
    if let Some(limit) = limit.as_i64() {
        return limit.checked_add(i64::from(by)).map(Value::from).into_iter().collect();
    }
    let Some(limit) = limit.as_f64() else {
        return Vec::new();
    };
    let number = limit + f64::from(by);
    let integer = if by < 0 { number.floor() } else { number.ceil() };
    let integer = format!("{integer:.0}").parse::<Number>().ok();
    let numbers = integer.into_iter().chain(Number::from_f64(number));
    let differ = (number - limit).abs() > 0.0;
    numbers.filter(|_| differ).map(Value::Number).collect()
}

fn malformed<'a>(site: &Site<'a>) -> Vec<Way<'a>> {
    if !site.value.is_string() {
        return Vec::new();
    }
    let path = site.path();
    let repeated = |length: usize| {
        let texts = ["?", " ", "x", "0", "X"].map(|one| one.repeat(length.min(LONGEST)));
        texts.map(Value::String).to_vec()
    };
    let mut ways = each(site, "pattern", |schema| {
        let note = format!("the text {path:?} does not match the spec's pattern");
        let limit = |keyword: &str| schema[keyword].as_u64().and_then(|n| usize::try_from(n).ok());
        let length = 4.max(limit("minLength").unwrap_or(0));
        (note, repeated(length.min(limit("maxLength").unwrap_or(LONGEST))))
    });
    ways.extend(each(site, "minLength", |schema| {
        let least = schema["minLength"].as_u64().and_then(|least| usize::try_from(least).ok());
        let note =
            format!("the text {path:?} is too short: its minLength is {}", schema["minLength"]);
        (note, least.and_then(|least| least.checked_sub(1)).map(repeated).unwrap_or_default())
    }));
    ways
}
