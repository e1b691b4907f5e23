//! Configs made from the working one: those that must not work, and those that say less.
//!
//! All are derived by what the spec's `connectionSpecification` says of each property, and tried
//! against it, so that a config is what its note says and nothing else:
//!
//! - [`invalid`]: violates the spec in one way
//! - [`unreachable`]: fits the spec, and points to where there is nothing
//! - [`without_optionals`]: fits the spec, and says only what it has to
//!
//! A config that must not work needs no secrets that do. [`Canaries`] stand in for them: whoever
//! prints one has leaked a secret, and no harm is done.
//!
//! Nothing is made from a config that violates the spec by itself, or from a spec that is no JSON
//! Schema: what would come of it could not be told apart from what was there before.

mod canaries;
mod invalid;
mod optionals;
#[cfg(test)]
mod shapes;
mod site;
#[cfg(test)]
mod tests;
mod unreachable;

use jsonschema::Validator;
use serde_json::Value;

pub use canaries::{Canaries, Canary};
pub use invalid::invalid;
pub use optionals::without_optionals;
pub use unreachable::unreachable;

/// A host that no resolver may know: the domain is reserved for that.
const NOWHERE: &str = "touchdown-unreachable.invalid";

/// A config that must not work, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct BadConfig {
    /// In words: `the required property "path" is missing`.
    pub note: String,
    /// The config.
    pub config: Value,
}

/// The spec as a validator, if it is one and the config fits it.
fn fitting(config: &Value, connection_specification: &Value) -> Option<Validator> {
    let validator = jsonschema::draft7::new(connection_specification).ok()?;
    validator.is_valid(config).then_some(validator)
}

/// Whether a schema accepts a value; one that is no schema does not.
fn accepts(schema: &Value, value: &Value) -> bool {
    jsonschema::draft7::new(schema).is_ok_and(|validator| validator.is_valid(value))
}

/// The config with another value at a pointer.
fn with(config: &Value, pointer: &str, value: Value) -> Option<Value> {
    let mut config = config.clone();
    *config.pointer_mut(pointer)? = value;
    Some(config)
}

/// The config without the property at a pointer.
fn without(config: &Value, pointer: &str) -> Option<Value> {
    let (parent, key) = pointer.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let mut config = config.clone();
    config.pointer_mut(parent)?.as_object_mut()?.shift_remove(&key)?;
    Some(config)
}
