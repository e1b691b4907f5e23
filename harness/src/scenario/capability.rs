//! Capabilities and tolerances: what a connector declares of itself.
//!
//! A declaration switches checks on, or to "not applicable", or says what counts as unaltered.
//! `--declare NAME=VALUE`, or an image's label `touchdown.declare`, makes one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Something that a connector may declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Whether it handles refreshes: generations of rows, and COMPLETE at the end of a stream.
    Refreshes,
    /// Whether two syncs into different streams may run at once.
    ConcurrentSyncs,
    /// What becomes of a record of a stream outside the catalog.
    UnknownStreams,
    /// Whether rows of a sync that failed can be read before a later one has succeeded.
    FailedData,
    /// Which integers it keeps exactly.
    Integers,
    /// Which numbers with a fraction it keeps exactly.
    Numbers,
    /// What becomes of the character U+0000 in a text.
    Nul,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Refreshes,
        Self::ConcurrentSyncs,
        Self::UnknownStreams,
        Self::FailedData,
        Self::Integers,
        Self::Numbers,
        Self::Nul,
    ];

    /// As it is declared.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refreshes => "refreshes",
            Self::ConcurrentSyncs => "concurrent-syncs",
            Self::UnknownStreams => "unknown-streams",
            Self::FailedData => "failed-data",
            Self::Integers => "integers",
            Self::Numbers => "numbers",
            Self::Nul => "nul",
        }
    }

    /// What may be declared of it; the first is taken where nothing is.
    #[must_use]
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::Refreshes => &["no", "yes"],
            Self::ConcurrentSyncs => &["yes", "no"],
            Self::UnknownStreams => &["undeclared", "failed", "ignored"],
            Self::FailedData => &["visible", "hidden"],
            Self::Integers => &["exact", "64-bit", "double"],
            Self::Numbers => &["double", "exact"],
            Self::Nul => &["kept", "dropped"],
        }
    }

    /// What it says, for a person.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Refreshes => "generations of rows, and COMPLETE, are acted upon",
            Self::ConcurrentSyncs => "two syncs into different streams may run at once",
            Self::UnknownStreams => "what a record of a stream outside the catalog does to a sync",
            Self::FailedData => "rows of a failed sync can be read before a later one succeeds",
            Self::Integers => "which integers are kept; others become null, or lose digits",
            Self::Numbers => "numbers with a fraction are kept as 64-bit floats, or exactly",
            Self::Nul => "U+0000 in a text is kept, or dropped",
        }
    }
}

/// What a connector has declared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Declared(BTreeMap<Capability, String>);

impl Declared {
    /// Reads declarations, `NAME=VALUE` or `NAME` for yes; a later one outranks an earlier one. The
    /// error is in words, with what could be declared.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut declared = Self::default();
        for text in texts {
            let (name, value) = text.split_once('=').unwrap_or((text, "yes"));
            let Some(capability) = Capability::ALL.into_iter().find(|c| c.name() == name) else {
                return Err(format!("nothing named {name:?} can be declared; {}", choices()));
            };
            if !capability.values().contains(&value) {
                let values = capability.values().join(", ");
                return Err(format!("{name} is one of {values}, and not {value:?}"));
            }
            declared.0.insert(capability, value.to_owned());
        }
        Ok(declared)
    }

    /// What is declared, or taken to be, of a capability.
    #[must_use]
    pub fn of(&self, capability: Capability) -> &str {
        self.0.get(&capability).map_or(capability.values()[0], String::as_str)
    }

    /// Whether this is declared, or taken to be.
    #[must_use]
    pub fn is(&self, capability: Capability, value: &str) -> bool {
        self.of(capability) == value
    }
}

fn choices() -> String {
    let each = Capability::ALL.map(|c| format!("{}={}", c.name(), c.values().join("|")));
    format!("known: {}", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read_and_have_defaults() {
        let declared = Declared::parse(["refreshes", "unknown-streams=failed"]).unwrap();
        assert!(declared.is(Capability::Refreshes, "yes"));
        assert!(declared.is(Capability::UnknownStreams, "failed"));
        assert!(declared.is(Capability::ConcurrentSyncs, "yes"));
        assert!(Declared::default().is(Capability::Refreshes, "no"));
    }

    #[test]
    fn what_cannot_be_declared_is_told_with_what_can() {
        let error = Declared::parse(["refresh"]).unwrap_err();
        assert!(error.contains("\"refresh\"") && error.contains("refreshes=no|yes"), "{error}");
        let error = Declared::parse(["nul=maybe"]).unwrap_err();
        assert!(error.contains("kept, dropped"), "{error}");
    }
}
