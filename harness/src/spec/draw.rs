//! Configs that a schema allows, drawn at random: with and without what is optional, at the edges of
//! what is bounded, in each variant.
//!
//! A schema is read once, into a [`Plan`] by which values are drawn fast. The plan knows the keywords
//! that specs use; whatever else a schema says, each config is held against it by a validator in the
//! end, and drawn again where it does not fit.

mod plan;
mod texts;

use jsonschema::Validator;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::Value;

use self::plan::Plan;
use super::as_draft_07;
use super::refs::{RefError, resolved};

pub use self::plan::KEY;
pub use self::texts::{is_finite, matching, named_in};

/// How often in a row a config may be drawn that does not fit.
const PATIENCE: usize = 200;

/// Why no configs can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Undrawable {
    /// It is not known what the schema allows.
    #[error(transparent)]
    Reference(#[from] RefError),
    /// It is no JSON Schema, draft-07.
    #[error("{0}")]
    Schema(String),
    /// Nothing that was drawn was allowed.
    #[error("of {PATIENCE} values that were made by its keywords the schema allows none")]
    Nothing,
}

/// Draws configs, without end; each is one that the schema allows.
#[derive(Debug)]
pub struct Configs {
    plan: Plan,
    validator: Validator,
    random: SmallRng,
}

impl Configs {
    /// For a schema, such as a spec's `connectionSpecification`; the same seed draws the same configs.
    pub fn of(schema: &Value, seed: u64) -> Result<Self, Undrawable> {
        let schema = as_draft_07(&resolved(schema)?);
        let validator = jsonschema::draft7::new(&schema)
            .map_err(|error| Undrawable::Schema(error.to_string()))?;
        let random = SmallRng::seed_from_u64(seed);
        let mut configs = Self { plan: Plan::of(&schema), validator, random };
        configs.draw().ok_or(Undrawable::Nothing)?;
        configs.random = SmallRng::seed_from_u64(seed);
        Ok(configs)
    }

    /// A config; none if the schema allows so few of those that its keywords suggest that none came.
    pub fn draw(&mut self) -> Option<Value> {
        (0..PATIENCE).find_map(|_| {
            let config = self.plan.draw(&mut self.random)?;
            self.validator.is_valid(&config).then_some(config)
        })
    }
}

impl Iterator for Configs {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        self.draw()
    }
}

#[cfg(test)]
mod tests;
