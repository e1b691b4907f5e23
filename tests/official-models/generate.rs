//! Messages and catalogs made from the official facts, and ways to spoil them.
//!
//! Generated from what the official models say and not from our schema: what ours lacks is
//! generated too.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::{Union, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::facts::{Definition, Facts, Type};

/// How much of what may be absent or null is there.
#[derive(Clone, Copy, PartialEq)]
pub enum Fill {
    Full,
    Some,
}

/// Draws `count` values, always the same ones.
pub fn draw<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    // Each field by hand: the default reads the environment.
    let config = Config {
        cases: 1,
        max_local_rejects: 65_536,
        max_global_rejects: 1024,
        max_flat_map_regens: 1_000_000,
        failure_persistence: None,
        source_file: None,
        test_name: None,
        max_shrink_time: 0,
        max_shrink_iters: 0,
        max_default_size_range: 100,
        result_cache: proptest::test_runner::noop_result_cache,
        verbose: 0,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(0),
        _non_exhaustive: (),
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// The message types and the property in which each carries its payload.
pub fn payloads(facts: &Facts) -> Vec<(String, String)> {
    let (Definition::Values(types), Definition::Fields(fields)) =
        (&facts["Type"], &facts["AirbyteMessage"])
    else {
        panic!("an enum and a class");
    };
    let bare = |name: &str| name.replace('_', "").to_lowercase();
    types
        .iter()
        .map(|name| {
            let field = fields.keys().find(|field| bare(field) == bare(name));
            (name.clone(), field.unwrap().clone())
        })
        .collect()
}

/// A message of one type with its payload.
pub fn message(facts: &Facts, kind: &str, payload: &str, fill: Fill) -> BoxedStrategy<Value> {
    let Definition::Fields(fields) = &facts["AirbyteMessage"] else {
        panic!("a class");
    };
    let Type::Nullable(inner) = &fields[payload].kind else {
        panic!("a payload may be absent");
    };
    let (kind, payload) = (kind.to_owned(), payload.to_owned());
    value(facts, inner, fill)
        .prop_map(move |inner| json!({"type": kind, payload.as_str(): inner}))
        .boxed()
}

/// An instance of a class or an enum.
pub fn class(facts: &Facts, name: &str, fill: Fill) -> BoxedStrategy<Value> {
    match &facts[name] {
        Definition::Values(values) => select(values.clone()).prop_map(Value::from).boxed(),
        Definition::Fields(fields) => {
            let entries: Vec<_> = fields
                .iter()
                .map(|(name, field)| {
                    let name = name.clone();
                    let there = if field.required || fill == Fill::Full {
                        Just(true).boxed()
                    } else {
                        any::<bool>().boxed()
                    };
                    (there, value(facts, &field.kind, fill))
                        .prop_map(move |(there, value)| there.then(|| (name.clone(), value)))
                })
                .collect();
            // Order means nothing, so it varies.
            entries
                .prop_shuffle()
                .prop_map(|entries| entries.into_iter().flatten().collect::<Map<_, _>>().into())
                .boxed()
        }
    }
}

fn value(facts: &Facts, kind: &Type, fill: Fill) -> BoxedStrategy<Value> {
    match kind {
        Type::String => text(),
        Type::Uri => select(vec!["https://example.com/docs?a=b#c", "http://localhost:80/"])
            .prop_map(Value::from)
            .boxed(),
        // No 1.0 and no 1e3: an integer to JSON Schema, but not to pydantic when it is strict.
        Type::Integer => prop_oneof![
            any::<i64>().prop_map(Value::from),
            select(vec!["0", "-1", "9223372036854775808", "-99999999999999999999"]).prop_map(parse),
        ]
        .boxed(),
        Type::Number => prop_oneof![
            any::<i32>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            select(vec!["0", "1.0", "-0.0", "1e3", "1.7976931348623157e308"]).prop_map(parse),
        ]
        .boxed(),
        Type::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Type::Object => object(),
        Type::Class(name) => class(facts, name, fill),
        Type::Array { items, at_least } => {
            let least = if fill == Fill::Full { 1 } else { *at_least };
            vec(value(facts, items, fill), least..=least + 1).prop_map(Value::from).boxed()
        }
        Type::Nullable(inner) if fill == Fill::Full => value(facts, inner, fill),
        Type::Nullable(inner) => prop_oneof![
            1 => Just(Value::Null),
            4 => value(facts, inner, fill),
        ]
        .boxed(),
        Type::Either(parts) => {
            Union::new(parts.iter().map(|part| value(facts, part, fill))).boxed()
        }
    }
}

fn text() -> BoxedStrategy<Value> {
    prop_oneof![
        "[a-z_]{1,8}",
        "[ -~é\u{2028}😀]{0,12}",
        select(vec!["", "\0", "\r\n", "\"\\", "null", "1"]).prop_map(String::from),
    ]
    .prop_map(Value::from)
    .boxed()
}

/// Any object: a record's data, a schema, a config, a state.
fn object() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(vec!["1.0", "1e-7", "9223372036854775808"]).prop_map(parse),
        text(),
        Just(json!([])),
        Just(json!({"type": ["string", "null"]})),
        vec(any::<i8>(), 1..3).prop_map(Value::from),
    ];
    vec(("[a-zé ._-]{0,6}", leaf), 0..4)
        .prop_map(|entries| entries.into_iter().collect::<Map<_, _>>().into())
        .boxed()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// One change to a message.
#[derive(Clone, Debug)]
pub struct Change {
    /// The JSON pointer of what is changed.
    at: String,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    Remove,
    Replace(Value),
    AddUnknown,
}

/// All changes that the value of the class offers, from its root to its leaves.
pub fn changes(facts: &Facts, class: &str, value: &Value) -> Vec<Change> {
    let mut places = Vec::new();
    find_places(facts, &Type::Class(class.into()), value, "", &mut places);
    let mut changes = Vec::new();
    for place in places {
        let here = value.pointer(&place).unwrap();
        let mut add = |how| {
            changes.push(Change { at: place.clone(), how });
        };
        // Of each kind of JSON one; which of them are wrong here is for the models to say.
        for other in [
            json!(null),
            json!(true),
            json!(7),
            json!(1.5),
            json!("no such value"),
            json!("7"),
            json!([]),
            json!(["x"]),
            json!([[]]),
            json!({}),
            json!({"x": 1}),
        ] {
            add(How::Replace(other));
        }
        // An enum's value in the wrong case.
        if let Value::String(text) = here {
            add(How::Replace(text.to_lowercase().into()));
            add(How::Replace(text.to_uppercase().into()));
        }
        if here.is_object() {
            add(How::AddUnknown);
        }
        if !place.is_empty() {
            add(How::Remove);
        }
    }
    changes
}

fn find_places(facts: &Facts, kind: &Type, value: &Value, at: &str, places: &mut Vec<String>) {
    places.push(at.into());
    find_inner_places(facts, kind, value, at, places);
}

fn find_inner_places(
    facts: &Facts,
    kind: &Type,
    value: &Value,
    at: &str,
    places: &mut Vec<String>,
) {
    match (kind, value) {
        (Type::Nullable(inner), _) => find_inner_places(facts, inner, value, at, places),
        (Type::Array { items, .. }, Value::Array(array)) => {
            for (index, item) in array.iter().enumerate() {
                find_places(facts, items, item, &format!("{at}/{index}"), places);
            }
        }
        (Type::Class(name), Value::Object(object)) => {
            let Definition::Fields(fields) = &facts[name] else {
                panic!("{name} is no class");
            };
            for (name, value) in object {
                // No field of the protocol has a `~` or a `/` in its name.
                let kind = &fields[name].kind;
                find_places(facts, kind, value, &format!("{at}/{name}"), places);
            }
        }
        _ => {}
    }
}

/// The value with the change made to it.
pub fn changed(value: &Value, change: &Change) -> Value {
    let mut value = value.clone();
    match &change.how {
        How::Replace(other) => *value.pointer_mut(&change.at).unwrap() = other.clone(),
        How::AddUnknown => {
            let object = value.pointer_mut(&change.at).unwrap();
            object["property_of_tomorrow"] = json!({"nested": [1, null]});
        }
        How::Remove => {
            let (parent, key) = change.at.rsplit_once('/').unwrap();
            match value.pointer_mut(parent).unwrap() {
                Value::Object(object) => drop(object.remove(key).unwrap()),
                Value::Array(array) => drop(array.remove(key.parse().unwrap())),
                _ => panic!("{parent} holds nothing"),
            }
        }
    }
    value
}
