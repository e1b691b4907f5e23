//! A schema as a plan for drawing.

use rand::RngExt;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Number, Value, json};

use super::texts::texts;
use crate::spec::folded::{merged, without, without_all_of};

/// How deep a plan goes; what lies deeper is left out, or null.
const DEEPEST: usize = 16;
/// How many items a list gets beyond those that it must have.
const MORE_ITEMS: usize = 3;
/// The name of a property of a map, whose properties are all alike.
pub const KEY: &str = "touchdown_key";
/// The name of a property that no schema knows.
const UNKNOWN: &str = "touchdown_unknown";

/// What is drawn.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Nothing fits.
    Never,
    /// One of these values.
    Choice(Vec<Value>),
    /// A number.
    Number(Numbers),
    /// A list.
    List {
        /// Of what.
        items: Box<Plan>,
        /// With at least so many.
        least: usize,
        /// And at most so many.
        most: usize,
        /// No two of them alike.
        distinct: bool,
    },
    /// An object.
    Object {
        /// Its properties.
        properties: Vec<Property>,
        /// Others, if it may have any, and what one is called.
        others: Option<(&'static str, Box<Plan>)>,
    },
    /// One of these, with equal chances.
    Either(Vec<Plan>),
}

/// A property of an object.
#[derive(Debug, Clone)]
pub struct Property {
    name: String,
    plan: Plan,
    required: bool,
}

/// Which numbers fit.
#[derive(Debug, Clone)]
pub struct Numbers {
    least: f64,
    most: f64,
    /// Each is a multiple of it.
    step: Option<f64>,
    is_integer: bool,
    /// Some that are worth more than chance.
    known: Vec<Value>,
}

impl Plan {
    /// For a schema without `$ref`.
    #[must_use]
    pub fn of(schema: &Value) -> Self {
        plan(schema, 0)
    }

    /// Draws a value; none if nothing can be drawn.
    pub fn draw(&self, random: &mut SmallRng) -> Option<Value> {
        match self {
            Self::Never => None,
            Self::Choice(values) => values.choose(random).cloned(),
            Self::Number(numbers) => Some(numbers.draw(random)),
            Self::List { items, least, most, distinct } => {
                let wanted = random.random_range(*least..=*most);
                let mut all: Vec<Value> = Vec::with_capacity(wanted);
                for _ in 0..wanted {
                    let item = items.draw(random)?;
                    if !distinct || !all.contains(&item) {
                        all.push(item);
                    }
                }
                Some(Value::Array(all))
            }
            Self::Object { properties, others } => {
                let mut object = Map::new();
                // One config in four says all there is to say, and one only what it has to.
                let chance = *[0.0, 0.5, 0.5, 1.0].choose(random)?;
                for Property { name, plan, required } in properties {
                    if *required {
                        object.insert(name.clone(), plan.draw(random)?);
                    } else if random.random_bool(chance)
                        && let Some(value) = plan.draw(random)
                    {
                        object.insert(name.clone(), value);
                    }
                }
                if let Some((name, others)) = others
                    && random.random_ratio(if *name == KEY { 8 } else { 1 }, 16)
                    && let Some(value) = others.draw(random)
                {
                    object.insert((*name).to_owned(), value);
                }
                Some(Value::Object(object))
            }
            Self::Either(plans) => plans.choose(random)?.draw(random),
        }
    }

    fn either(mut plans: Vec<Self>) -> Self {
        plans.retain(|plan| !matches!(plan, Self::Never));
        match plans.len() {
            0 => Self::Never,
            1 => plans.remove(0),
            _ => Self::Either(plans),
        }
    }
}

fn plan(schema: &Value, depth: usize) -> Plan {
    let empty = Map::new();
    let keywords = match schema {
        Value::Bool(false) => return Plan::Never,
        Value::Object(keywords) => keywords,
        _ => &empty,
    };
    if let Some(value) = keywords.get("const") {
        return Plan::Choice(vec![value.clone()]);
    }
    if let Some(Value::Array(values)) = keywords.get("enum") {
        let fitting = jsonschema::draft7::new(schema).ok();
        let fits = |value: &&Value| fitting.as_ref().is_none_or(|schema| schema.is_valid(value));
        return Plan::Choice(values.iter().filter(fits).cloned().collect());
    }
    if let Some(Value::Array(_)) = keywords.get("allOf") {
        return plan(&without_all_of(schema), depth);
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(Value::Array(variants)) = keywords.get(keyword) {
            let rest = without(schema, keyword);
            let plans = variants.iter().map(|variant| plan(&merged(&rest, variant), depth));
            return Plan::either(plans.collect());
        }
    }
    let types: Vec<&str> = match keywords.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ if keywords.contains_key("properties") => vec!["object"],
        _ if keywords.contains_key("items") => vec!["array"],
        _ if depth >= DEEPEST => vec!["null"],
        _ => vec!["string", "integer", "number", "boolean", "null", "array", "object"],
    };
    Plan::either(types.into_iter().map(|kind| typed(kind, keywords, depth)).collect())
}

fn typed(kind: &str, keywords: &Map<String, Value>, depth: usize) -> Plan {
    match kind {
        "null" => Plan::Choice(vec![Value::Null]),
        "boolean" => Plan::Choice(vec![json!(false), json!(true)]),
        "string" => match texts(keywords) {
            texts if texts.is_empty() => Plan::Never,
            texts => Plan::Choice(texts),
        },
        "integer" | "number" => Plan::Number(Numbers::of(kind == "integer", keywords)),
        "array" if depth < DEEPEST => list(keywords, depth),
        "object" if depth < DEEPEST => object(keywords, depth),
        _ => Plan::Never,
    }
}

fn list(keywords: &Map<String, Value>, depth: usize) -> Plan {
    let size = |keyword: &str| count(keywords, keyword);
    let least = size("minItems").unwrap_or(0);
    let most = size("maxItems").unwrap_or(least + MORE_ITEMS).min(least + MORE_ITEMS);
    let items = match keywords.get("items") {
        // Items by place: those of the first do for all, or are found out by the validator.
        Some(Value::Array(places)) => places.first().cloned().unwrap_or(json!({})),
        Some(items) => items.clone(),
        None => json!({"type": "string"}),
    };
    let items = plan(&items, depth + 1);
    let nothing = matches!(items, Plan::Never);
    if nothing && least > 0 || least > most {
        return Plan::Never;
    }
    let distinct = keywords.get("uniqueItems") == Some(&json!(true));
    Plan::List { items: Box::new(items), least, most: if nothing { 0 } else { most }, distinct }
}

fn object(keywords: &Map<String, Value>, depth: usize) -> Plan {
    let required: Vec<&str> = strings(keywords.get("required")).collect();
    let known = keywords.get("properties").and_then(Value::as_object);
    let mut properties = Vec::new();
    for (name, schema) in known.into_iter().flatten() {
        let (plan, required) = (plan(schema, depth + 1), required.contains(&name.as_str()));
        match (&plan, required) {
            (Plan::Never, true) => return Plan::Never,
            (Plan::Never, false) => {}
            _ => properties.push(Property { name: name.clone(), plan, required }),
        }
    }
    let others = match keywords.get("additionalProperties") {
        Some(schema @ Value::Object(_)) => plan(schema, depth + 1),
        Some(Value::Bool(false)) => Plan::Never,
        _ => Plan::Choice(vec![json!("unknown"), json!(7), json!(true)]),
    };
    for name in required {
        if known.is_none_or(|known| !known.contains_key(name)) {
            let plan = others.clone();
            properties.push(Property { name: name.to_owned(), plan, required: true });
        }
    }
    let is_map = keywords.get("additionalProperties").is_some_and(Value::is_object);
    let name = if is_map { KEY } else { UNKNOWN };
    let others = (!matches!(others, Plan::Never)).then(|| (name, Box::new(others)));
    Plan::Object { properties, others }
}

impl Numbers {
    fn of(is_integer: bool, keywords: &Map<String, Value>) -> Self {
        let bound = |keyword: &str| keywords.get(keyword).and_then(Value::as_f64);
        let step = bound("multipleOf").filter(|step| *step > 0.0);
        // Beside an exclusive bound by the least that makes a difference to people.
        let beside = if is_integer { 1.0 } else { 0.25 };
        let next = |bound: f64, by: f64| if is_integer { (bound + by).round() } else { bound + by };
        let least = [bound("minimum"), bound("exclusiveMinimum").map(|b| next(b.floor(), beside))];
        let most = [bound("maximum"), bound("exclusiveMaximum").map(|b| next(b.ceil(), -beside))];
        let least = least.into_iter().flatten().reduce(f64::max);
        let most = most.into_iter().flatten().reduce(f64::min);
        let (least, most) = match (least, most) {
            (Some(least), Some(most)) => (least, most),
            (Some(least), None) => (least, least + 100_000.0),
            (None, Some(most)) => (most - 100_000.0, most),
            (None, None) => (-1000.0, 100_000.0),
        };
        let (least, most) = if is_integer { (least.ceil(), most.floor()) } else { (least, most) };
        let mut numbers =
            Self { least, most: most.max(least), step, is_integer, known: Vec::new() };
        let edges = [least, most, 0.0, 1.0, least + 1.0, most - 1.0];
        let inside = |number: &f64| *number >= numbers.least && *number <= numbers.most;
        let edges: Vec<_> = edges.into_iter().filter(inside).map(|n| numbers.value(n)).collect();
        numbers.known.extend(edges);
        numbers.known.extend(suggested(keywords).filter(|value| value.is_number()).cloned());
        numbers
    }

    fn draw(&self, random: &mut SmallRng) -> Value {
        if random.random_bool(0.4)
            && let Some(known) = self.known.choose(random)
        {
            return known.clone();
        }
        self.value(random.random_range(self.least..=self.most))
    }

    /// The number, or one close to it that fits.
    fn value(&self, number: f64) -> Value {
        let number = match self.step {
            Some(step) => (number / step).ceil() * step,
            None if self.is_integer => number.floor().max(self.least),
            // Few digits are enough to tell a fraction.
            None => ((number * 64.0).floor() / 64.0).max(self.least),
        };
        let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
        if is_whole && (self.is_integer || self.step.is_some()) {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
            return Value::from(number as i64);
        }
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }
}

/// What a schema itself gives as a value: its default, and its examples.
pub fn suggested(keywords: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let examples = keywords.get("examples").and_then(Value::as_array).into_iter().flatten();
    keywords.get("default").into_iter().chain(examples)
}

/// A keyword's value, if it is a number of things.
pub fn count(keywords: &Map<String, Value>, keyword: &str) -> Option<usize> {
    keywords.get(keyword)?.as_u64().and_then(|count| usize::try_from(count).ok())
}

fn strings(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
