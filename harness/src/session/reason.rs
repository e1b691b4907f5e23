//! Why a check failed, told from other reasons by its words.

use std::collections::BTreeSet;

use super::generated::NOT_KEPT;
use crate::event::{Row, Told};

/// Whether something was found in both that has the same words: of a check that fails for several
/// reasons, one must not be taken for another.
pub fn is_alike(row: &Row, other: &Row) -> bool {
    let reasons = |row: &Row| row.findings.iter().map(reason).collect::<Vec<_>>();
    let others = reasons(other);
    reasons(row).iter().any(|one| others.iter().any(|other| one.is_like(other)))
}

/// What a finding says.
#[derive(Debug, PartialEq)]
enum Reason {
    /// Of a stream, without its name, numbers and what stands in brackets.
    Stream(String),
    /// Of a launch: what was said and what it was seen by, without words that may be names.
    Launch([BTreeSet<String>; 2]),
}

impl Reason {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Launch(one), Self::Launch(other)) => {
                one.iter().zip(other).all(|(one, other)| {
                    let (both, all) = ((one & other).len(), (one | other).len());
                    2 * both >= all
                })
            }
            _ => self == other,
        }
    }
}

fn reason(told: &Told) -> Reason {
    if let Some((_, words)) = told.message.split_once(": ") {
        let words = words.split(" (").next().unwrap_or_default();
        return Reason::Stream(words.chars().filter(|letter| !letter.is_ascii_digit()).collect());
    }
    // Where it was seen says nothing of why.
    let seen = told.evidence.strip_prefix(NOT_KEPT).unwrap_or(&told.evidence);
    Reason::Launch([words(&told.message), words(seen)])
}

fn words(text: &str) -> BTreeSet<String> {
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(char::is_alphabetic);
    let words = text.split_whitespace().map(|word| word.trim_end_matches([',', ':', '.']));
    words.filter(is_word).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::testing::told;

    #[test]
    fn a_reason_is_told_from_another_by_its_words() {
        let of = |message: &str| reason(&told(message, ""));
        let lost = of("n.s1, after sync 2: 1 row is lost (2 rows wanted, 1 found)");
        assert_eq!(lost, of("n.s0: 3 row is lost (5 rows wanted, 2 found)"));
        assert_ne!(lost, of("n.s0: a row is there that was never sent"));
        let twice = |id: &str| of(&format!("n.s0: two rows have one _airbyte_raw_id ({id})"));
        assert_eq!(twice("1b2c"), twice("d3ef"));
        let by = |evidence: &str| reason(&told("write failed", &format!("{NOT_KEPT}: {evidence}")));
        let quoted = by("exit code 1, TRACE ERROR: \"cannot write to a_1\"");
        assert!(
            quoted.is_like(&by("exit code 1, TRACE ERROR: \"cannot write to touchdown_2.s0\""))
        );
        assert!(
            !quoted.is_like(&by("exit code 1, TRACE ERROR: \"the mode append is not offered\""))
        );
        assert!(!quoted.is_like(&lost));
        // Lines are alike where they are of other states, and say nothing of what is wrong with them.
        let of = |message: &str, line: &str| reason(&told(message, line));
        let lost = of("a state of x_1 (id 3) never came back", r#"sent {"x_1":3}"#);
        assert!(
            lost.is_like(&of("a state of n_1.y_20 (id 12) never came back", r#"sent {"y_20":12}"#))
        );
        assert!(!lost.is_like(&of(
            "a state of x_1 (id 3) counts 4 records where 5 were sent",
            r#"sent {"x_1":3}"#
        )));
    }
}
