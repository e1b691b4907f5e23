//! Generated scenarios: what no one thought of.
//!
//! A [`Case`](case::Case) is a scenario by its meaning: streams with fields, syncs with what is sent
//! in them, and how each ends. A [`strategy`] draws one, as far as the connector offers what it
//! needs; [`written`] makes the scenario of it, which is run and judged as any other; [`smaller`]
//! says what could be left out of one that fails; [`coverage`] counts what was exercised. Nothing
//! here knows of a subject.

pub mod case;
pub mod coverage;
pub mod kinds;
pub mod smaller;
pub mod strategy;
pub mod written;

/// The name by which `--run` and `--skip` know all generated cases.
pub const GENERATED: &str = "generated";

#[cfg(test)]
mod tests;
