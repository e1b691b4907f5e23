//! What differs between two specs, and what it does to configurations that users have stored.
//!
//! The keywords of both schemas are held against each other, place by place ([`schema`]); and
//! configs that the old schema allows are held against the new one, whatever the keywords say.
//! A stored configuration outlives the version that it was made for: what rejects it, no longer
//! reads a part of it, or shows what was hidden, breaks it.

mod probes;
mod schema;
mod secrets;
mod whole;

use serde::Serialize;
use serde_json::{Value, json};

use self::probes::Probes;
use super::draw::{Configs, Undrawable};
use super::refs::resolved;
use super::smaller::smallest;
use super::{ROOT, as_draft_07};

/// How often a rejected config is made simpler.
const SIMPLER: usize = 2000;

/// What a change does to stored configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Some are rejected, or mean something else.
    Breaking,
    /// All remain as they are; more can be said.
    Compatible,
    /// Only the form looks different.
    Cosmetic,
}

impl Class {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Compatible => "compatible",
            Self::Cosmetic => "cosmetic",
        }
    }
}

/// The step of the connector's semantic version that a change asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Nothing has changed.
    None,
    /// 1.2.3 becomes 1.2.4.
    Patch,
    /// 1.2.3 becomes 1.3.0.
    Minor,
    /// 1.2.3 becomes 2.0.0.
    Major,
}

impl Step {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What it does.
    pub class: Class,
    /// What it is, as `required-added`.
    pub kind: &'static str,
    /// JSON pointer into the new spec, or into the old one for what is gone.
    pub pointer: String,
    /// In words, and why it is of this class.
    pub reason: String,
}

/// A config that the old schema allows and the new one does not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counterexample {
    /// It, as simple as it was found.
    pub config: Value,
    /// JSON pointer into it: what is rejected.
    pub pointer: String,
    /// Why.
    pub error: String,
}

/// All that has changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changes {
    /// Breaking ones first, then as they stand in the spec.
    pub all: Vec<Change>,
    /// A config that shows it, if one is rejected.
    pub counterexample: Option<Counterexample>,
    /// How many configs were held against the new schema.
    pub tried: usize,
}

/// Why two specs cannot be compared.
#[derive(Debug, thiserror::Error)]
#[error("the {which} spec: {why}")]
pub struct Incomparable {
    /// `old` or `new`.
    pub which: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Changes {
    /// What has changed from one spec to another. So many configs are drawn from the old one; if its
    /// keywords are such that none can be drawn, `tried` is 0.
    pub fn between(
        old: &Value,
        new: &Value,
        count: usize,
        seed: u64,
    ) -> Result<Self, Incomparable> {
        let schemas = [schema_of("old", old)?, schema_of("new", new)?];
        let [old_schema, new_schema] = &schemas;
        let mut all = whole::compared(old, new);
        let of_schema = schema::compared(old_schema, new_schema, ROOT);
        all.extend(secrets::lost(old_schema, new_schema, ROOT, &of_schema));
        all.extend(of_schema);
        let (tried, counterexample) = tried(old_schema, new_schema, count, seed)?;
        let is_told = all.iter().any(|change| change.class == Class::Breaking);
        if let Some(Counterexample { pointer, error, .. }) = &counterexample
            && !is_told
        {
            all.push(Change {
                class: Class::Breaking,
                kind: "config-rejected",
                pointer: ROOT.to_owned(),
                reason: format!("a config of the old spec is rejected, at {pointer:?}: {error}"),
            });
        }
        all.sort_by_key(|change| change.class);
        Ok(Self { all, counterexample, tried })
    }

    /// Those that break stored configurations.
    pub fn breaking(&self) -> impl Iterator<Item = &Change> {
        self.all.iter().filter(|change| change.class == Class::Breaking)
    }

    /// The version step that they ask for.
    #[must_use]
    pub fn step(&self) -> Step {
        match self.all.iter().map(|change| change.class).min() {
            Some(Class::Breaking) => Step::Major,
            Some(Class::Compatible) => Step::Minor,
            Some(Class::Cosmetic) => Step::Patch,
            None => Step::None,
        }
    }
}

fn schema_of(which: &'static str, spec: &Value) -> Result<Value, Incomparable> {
    let fail = |why: String| Incomparable { which, why };
    let schema = spec.get("connectionSpecification").filter(|schema| schema.is_object());
    let schema =
        schema.ok_or_else(|| fail("it has no connectionSpecification that is an object".into()))?;
    let mut schema = resolved(&as_draft_07(schema)).map_err(|error| fail(error.to_string()))?;
    if schema.get("type").is_none() {
        // A config is an object, whether the spec says so or not.
        schema["type"] = json!("object");
    }
    validator(&schema).map_err(fail)?;
    Ok(schema)
}

/// Formats are hints to the form: neither the platform's own tests of compatibility nor these hold
/// a value against them.
fn validator(schema: &Value) -> Result<jsonschema::Validator, String> {
    let options = jsonschema::draft7::options().should_validate_formats(false);
    options.build(schema).map_err(|error| format!("it is no JSON Schema: {error}"))
}

/// Holds configs of the old schema against the new one, as long as none is rejected.
fn tried(
    old: &Value,
    new_schema: &Value,
    count: usize,
    seed: u64,
) -> Result<(usize, Option<Counterexample>), Incomparable> {
    let configs = match Configs::of(old, seed) {
        Ok(configs) => configs,
        Err(Undrawable::Nothing) => return Ok((0, None)),
        Err(error) => return Err(Incomparable { which: "old", why: error.to_string() }),
    };
    let fail = |which| move |why| Incomparable { which, why };
    let old = validator(old).map_err(fail("old"))?;
    let new = validator(new_schema).map_err(fail("new"))?;
    let mut tried = 0;
    let mut probes = Probes::of(new_schema, seed);
    let drawn = configs.take(count).flat_map(|config| {
        let other = probes.varied(&config).filter(|other| old.is_valid(other));
        std::iter::once((true, config)).chain(other.map(|other| (false, other)))
    });
    for (is_drawn, config) in drawn {
        tried += usize::from(is_drawn);
        if new.is_valid(&config) {
            continue;
        }
        let config = smallest(config, SIMPLER, |one| old.is_valid(one) && !new.is_valid(one));
        let told = new.validate(&config).err();
        let told = told.map(|error| (error.instance_path().to_string(), error.to_string()));
        let (pointer, error) = told.unwrap_or_default();
        return Ok((tried, Some(Counterexample { config, pointer, error })));
    }
    Ok((tried, None))
}

#[cfg(test)]
mod tests;
