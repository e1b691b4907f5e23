//! What a row that should not be there is another spelling of: one that was sent, and is there too
//! often, or too late.

use std::collections::{HashMap, HashSet};

use super::close_look::Row;
use super::index::Index;
use super::traits::Needs;
use super::{Place, fields};

/// Pairs that are compared, before only those are that are known by the same.
const COMPARED: usize = 1_000_000;

/// Rows that should not be there, to be looked for by those that were sent.
pub struct Names<'r> {
    extra: &'r [Row<'r>],
    place: &'r Place<'r>,
    exact: HashSet<&'r str>,
    by_traits: Index<'r>,
    of_extra: HashMap<usize, String>,
    compared: usize,
}

impl<'r> Names<'r> {
    pub fn of(extra: &'r [Row<'r>], place: &'r Place<'r>) -> Self {
        Self {
            extra,
            place,
            exact: extra.iter().map(|row| row.canonical.as_str()).collect(),
            by_traits: Index::of(extra.iter().map(|row| &row.traits)),
            of_extra: HashMap::new(),
            compared: 0,
        }
    }

    /// Whether a row that was sent is among them, in its own spelling or in another that no other
    /// row has been found to have.
    pub fn look_for(&mut self, sent: &str, canonical: &str) -> bool {
        if self.exact.contains(canonical) {
            return true;
        }
        let schema = &self.place.configured.stream.json_schema;
        let needs = Needs::of(sent, canonical, schema);
        let mut is_found = false;
        for at in self.by_traits.may_be(&needs) {
            if self.of_extra.contains_key(&at) {
                continue;
            }
            // Later, one in the same form but for spelling.
            if self.compared >= COMPARED && self.extra[at].traits != needs.traits {
                break;
            }
            self.compared += 1;
            if fields::same_enough(sent, &self.extra[at].text, schema, self.place.declared) {
                self.of_extra.insert(at, canonical.to_owned());
                is_found = true;
            }
        }
        is_found
    }

    /// The canonical text of what each row, by its number, is another spelling of.
    pub fn found(self) -> HashMap<usize, String> {
        self.of_extra
    }
}
