//! The config that says only what it has to.

use serde_json::Value;

use super::site::{Site, sites};
use super::{fitting, without};

/// The config without what the spec does not require, at any depth; none if there is nothing to
/// leave out, or if the rest does not fit the spec.
///
/// A constant stays, since it tells which variant was chosen. So does what is in an object of which
/// the spec names no properties.
#[must_use]
pub fn without_optionals(config: &Value, connection_specification: &Value) -> Option<Value> {
    let validator = fitting(config, connection_specification)?;
    let sites = sites(config, connection_specification);
    let optional = sites.iter().filter(|site| site.optional && !is_constant(site));
    let least = optional.fold(config.clone(), |least, site| {
        // What is not there went with the object that it was in.
        without(&least, &site.pointer).unwrap_or(least)
    });
    (least != *config && validator.is_valid(&least)).then_some(least)
}

fn is_constant(site: &Site) -> bool {
    site.schemas.iter().any(|schema| {
        schema.get("const").is_some() || schema["enum"].as_array().is_some_and(|of| of.len() == 1)
    })
}
