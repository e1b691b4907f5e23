//! The Airbyte protocol as a destination speaks it: what a line of output is ([`line`]), what its
//! messages hold ([`message`]), the catalog it is given ([`catalog`]), the schema that messages
//! validate against ([`schema`]), and JSON whose numbers are compared as written ([`json`]).
//!
//! Nothing here is shared with the reference destination: a type that is wrong in one place would
//! be wrong on both sides, and nothing would notice.

pub mod catalog;
pub mod json;
pub mod line;
pub mod message;
pub mod schema;

use serde::{Deserialize, Serialize};

/// The three operations of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Prints which configuration it takes.
    Spec,
    /// Tells whether a configuration works.
    Check,
    /// Stores records and gives back states.
    Write,
}

impl Operation {
    /// The word on the connector's command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Check => "check",
            Self::Write => "write",
        }
    }
}
