//! The spec by itself, without a destination: what its schema allows, what changed in it, how it is
//! printed for review, and the form that it is to a user.
//!
//! - [`draw`]: configs that a schema allows; [`smaller`]: the simplest of those that show something
//! - [`refs`]: a schema with all of its `$ref` resolved; [`folded`]: what can be said in several ways, in one
//! - [`canonical`]: the one way in which a spec is printed
//! - [`changes`]: what differs between two specs, and what it does to stored configurations
//! - [`form`]: the form that it is to a user
//!
//! All of it is about values: nothing here starts anything.

pub mod canonical;
pub mod changes;
pub mod draw;
pub mod folded;
pub mod form;
pub mod refs;
pub mod smaller;

use serde_json::Value;

/// Where the schema of a configuration stands in a spec.
pub const ROOT: &str = "/connectionSpecification";

/// The schema without the draft that it claims: it is always read as draft-07.
#[must_use]
pub fn as_draft_07(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(keywords) = schema.as_object_mut() {
        keywords.shift_remove("$schema");
    }
    schema
}
