//! The facts of the protocol, in one form for all who state them.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::python;

/// Every type of the protocol by its name.
pub type Facts = BTreeMap<String, Definition>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Definition {
    Values(Vec<String>),
    Fields(BTreeMap<String, Field>),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Field {
    #[serde(rename = "type")]
    pub kind: Type,
    pub required: bool,
    pub default: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    String,
    Uri,
    Integer,
    Number,
    Boolean,
    Object,
    Class(String),
    Array { items: Box<Type>, at_least: usize },
    Nullable(Box<Type>),
    Either(Vec<Type>),
}

/// The facts as both official packages state them.
#[derive(Deserialize)]
pub struct Official {
    pub pydantic: Facts,
    pub dataclasses: Facts,
}

pub fn official() -> Official {
    serde_json::from_str(&python::run("facts.py", Stdio::null())).unwrap()
}

/// The facts as a JSON Schema states them. Takes only the few forms that ours is written in, so
/// that no keyword goes unread.
pub fn of_schema(schema: &Value) -> Facts {
    let definitions = schema["definitions"].as_object().unwrap();
    definitions.iter().map(|(name, definition)| (name.clone(), definition_of(definition))).collect()
}

fn definition_of(schema: &Value) -> Definition {
    let schema = schema.as_object().unwrap();
    match keywords(schema).as_slice() {
        ["enum", "type"] => {
            assert_eq!(schema["type"], "string", "{schema:?}");
            Definition::Values(strings(&schema["enum"]))
        }
        ["type"] | ["properties", "type"] | ["properties", "required", "type"] => {
            assert_eq!(schema["type"], "object", "{schema:?}");
            let required = schema.get("required").map(strings).unwrap_or_default();
            let properties = schema.get("properties").and_then(Value::as_object);
            let fields = properties.into_iter().flatten().map(|(name, property)| {
                let field = Field {
                    kind: type_of(property),
                    required: required.contains(name),
                    default: property.get("default").cloned(),
                };
                (name.clone(), field)
            });
            let fields: BTreeMap<_, _> = fields.collect();
            for name in &required {
                assert!(fields.contains_key(name), "{name} is required but unknown");
            }
            Definition::Fields(fields)
        }
        other => panic!("unforeseen keywords {other:?} in {schema:?}"),
    }
}

fn type_of(schema: &Value) -> Type {
    let schema = schema.as_object().unwrap();
    match keywords(schema).as_slice() {
        ["$ref"] => {
            let reference = schema["$ref"].as_str().unwrap();
            Type::Class(reference.strip_prefix("#/definitions/").unwrap().into())
        }
        ["else", "if"] => {
            assert_eq!(schema["if"], serde_json::json!({"type": "null"}));
            Type::Nullable(Box::new(type_of(&schema["else"])))
        }
        ["anyOf"] => {
            let parts = schema["anyOf"].as_array().unwrap();
            Type::Either(parts.iter().map(type_of).collect())
        }
        ["type"] | ["format" | "items", "type"] | ["items", "minItems", "type"] => {
            match &schema["type"] {
                Value::String(name) => named(name, schema),
                Value::Array(names) => {
                    assert_eq!(names[1], "null", "{schema:?}");
                    assert_eq!(names.len(), 2, "{schema:?}");
                    Type::Nullable(Box::new(named(names[0].as_str().unwrap(), schema)))
                }
                _ => panic!("no type in {schema:?}"),
            }
        }
        other => panic!("unforeseen keywords {other:?} in {schema:?}"),
    }
}

fn named(name: &str, schema: &Map<String, Value>) -> Type {
    assert_eq!(name == "array", schema.contains_key("items"), "items go with arrays: {schema:?}");
    match (name, schema.get("format").and_then(Value::as_str)) {
        ("string", None) => Type::String,
        ("string", Some("uri")) => Type::Uri,
        ("integer", None) => Type::Integer,
        ("number", None) => Type::Number,
        ("boolean", None) => Type::Boolean,
        ("object", None) => Type::Object,
        ("array", None) => Type::Array {
            items: Box::new(type_of(&schema["items"])),
            at_least: schema
                .get("minItems")
                .map_or(0, |least| least.as_u64().unwrap().try_into().unwrap()),
        },
        other => panic!("unforeseen type {other:?} in {schema:?}"),
    }
}

/// The keywords that say something, sorted.
fn keywords(schema: &Map<String, Value>) -> Vec<&str> {
    let mut names: Vec<&str> = schema.keys().map(String::as_str).collect();
    names.retain(|name| !["description", "default"].contains(name));
    names.sort_unstable();
    names
}

fn strings(array: &Value) -> Vec<String> {
    serde_json::from_value(array.clone()).unwrap()
}

/// One line for each point in which the two differ, by the name of the point.
pub fn differences(ours: &Facts, theirs: &Facts) -> BTreeMap<String, String> {
    let (ours, theirs) = (points(ours), points(theirs));
    ours.keys()
        .chain(theirs.keys())
        .map(|name| (name, ours.get(name), theirs.get(name)))
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(name, ours, theirs)| (name.clone(), format!("ours {ours:?}, theirs {theirs:?}")))
        .collect()
}

#[derive(Debug, PartialEq)]
enum Point {
    Enum,
    EnumValue,
    Object,
    ObjectField(Field),
}

/// Each single fact by its name, such as `Level.FATAL` or `StreamDescriptor.name`.
fn points(facts: &Facts) -> BTreeMap<String, Point> {
    let mut points = BTreeMap::new();
    for (name, definition) in facts {
        match definition {
            Definition::Values(values) => {
                points.insert(name.clone(), Point::Enum);
                for value in values {
                    points.insert(format!("{name}.{value}"), Point::EnumValue);
                }
            }
            Definition::Fields(fields) => {
                points.insert(name.clone(), Point::Object);
                for (field, fact) in fields {
                    points.insert(format!("{name}.{field}"), Point::ObjectField(fact.clone()));
                }
            }
        }
    }
    points
}
