//! The types that a stream's schema declares, as the documentation of data types tells them apart.

use std::collections::HashMap;

use serde_json::Value;

use super::moment::Moment;
use crate::protocol::json;

/// The types of the data types' documentation, as far as they are treated apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Date,
    Boolean,
    Integer,
    Number,
    Moment,
    TimeOfDay,
    Array,
    Object,
    Union,
    Unknown,
}

/// The types of a stream's top-level fields: looked up once, and not again with each row.
#[derive(Debug)]
pub struct Types<'a>(HashMap<&'a str, Type>);

impl<'a> Types<'a> {
    /// Those that a schema declares.
    #[must_use]
    pub fn of(schema: &'a Value) -> Self {
        let properties = schema["properties"].as_object();
        let of = |(key, property): (&'a String, &Value)| (key.as_str(), type_of(property));
        Self(properties.into_iter().flatten().map(of).collect())
    }

    /// That of a field; unknown, if it is not declared.
    #[must_use]
    pub fn of_field(&self, key: &str) -> Type {
        self.0.get(key).copied().unwrap_or(Type::Unknown)
    }
}

/// The type that a property's schema names.
pub fn type_of(property: &Value) -> Type {
    if let Some(reference) = property["$ref"].as_str() {
        return match reference.rsplit('/').next().unwrap_or_default() {
            "String" | "BinaryData" => Type::Text,
            "Date" => Type::Date,
            "Boolean" => Type::Boolean,
            "Integer" => Type::Integer,
            "Number" => Type::Number,
            "TimestampWithTimezone" | "TimestampWithoutTimezone" => Type::Moment,
            "TimeWithTimezone" | "TimeWithoutTimezone" => Type::TimeOfDay,
            _ => Type::Unknown,
        };
    }
    let members = members(property);
    if let [one] = members.as_slice()
        && one != property
    {
        return type_of(one);
    }
    match (property["type"].as_str(), property["format"].as_str()) {
        _ if members.len() > 1 => Type::Union,
        (Some("string") | None, Some("date-time")) => Type::Moment,
        (Some("string") | None, Some("time")) => Type::TimeOfDay,
        (Some("string"), Some("date")) => Type::Date,
        (Some("string"), _) => Type::Text,
        (Some("boolean"), _) => Type::Boolean,
        (Some("number"), _) if property["airbyte_type"] == "integer" => Type::Integer,
        (Some("integer"), _) => Type::Integer,
        (Some("number"), _) => Type::Number,
        (Some("array"), _) => Type::Array,
        (Some("object"), _) => Type::Object,
        _ => Type::Unknown,
    }
}

/// The schemas that a value of this schema may have, but for null: one, if it is no union.
pub fn members(property: &Value) -> Vec<Value> {
    let is_null = |schema: &Value| schema["type"] == "null";
    if let Value::Array(types) = &property["type"] {
        let mut members = Vec::new();
        for one in types {
            let mut member = property.clone();
            member["type"] = one.clone();
            members.push(member);
        }
        members.retain(|member| !is_null(member));
        return members;
    }
    let variants = property["oneOf"].as_array().or_else(|| property["anyOf"].as_array());
    match variants {
        Some(variants) if property["type"].is_null() => {
            variants.iter().filter(|variant| !is_null(variant)).cloned().collect()
        }
        _ => vec![property.clone()],
    }
}

/// Whether a value is of the declared type.
pub fn fits(value: &Value, property: &Value) -> bool {
    match type_of(property) {
        Type::Text => value.is_string(),
        Type::Date => value.as_str().is_some_and(|text| Moment::of_date(text).is_some()),
        Type::Boolean => value.is_boolean(),
        Type::Integer => is_whole(value),
        Type::Number => value.is_number(),
        Type::Moment => value.as_str().is_some_and(|text| Moment::read(text).is_some()),
        Type::TimeOfDay => value.as_str().is_some_and(|text| Moment::of_day(text).is_some()),
        Type::Array => value.is_array(),
        Type::Object => value.is_object(),
        Type::Union => members(property).iter().any(|member| fits(value, member)),
        Type::Unknown => true,
    }
}

/// Whether a value is a number without a fraction.
pub fn is_whole(value: &Value) -> bool {
    let canonical = value.as_number().map(|number| json::canonical_number(number.as_str()));
    canonical.is_some_and(|canonical| !canonical.contains("e-"))
}
