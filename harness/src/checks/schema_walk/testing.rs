//! Specs and launches by hand, for the tests of the checks on specs.

use serde_json::{Value, json};

use crate::checks::{Check, Judge, Verdict};
use crate::evidence::{Facts, Launch};
use crate::protocol::Operation;
use crate::protocol::catalog::Catalog;
use crate::transcript::{End, Output, Transcript};

/// A launch that printed these lines and exited with 0.
pub fn launch(lines: &[Value]) -> Launch {
    let stdout =
        lines.iter().map(|line| Output { at: 1, bytes: line.to_string().into_bytes() }).collect();
    let end = End { code: Some(0), ..End::default() };
    Launch::new(
        Operation::Spec,
        None,
        Catalog::default(),
        vec![],
        Transcript { stdout, end, ..Transcript::default() },
    )
}

/// The verdict of a check on a launch that printed this spec.
pub fn on_spec(checks: &[Check], id: &str, spec: &Value) -> Verdict {
    let check = checks.iter().find(|check| check.id == id).expect("the check");
    let Judge::Launch(judge) = check.judge else { panic!("{id} judges no launch") };
    let facts = Facts { spec: Some(spec.clone()), ..Facts::default() };
    judge(&launch(&[json!({"type": "SPEC", "spec": spec})]), &facts)
}

/// The verdict of a check on a spec with these properties.
pub fn on(checks: &[Check], id: &str, properties: &Value) -> Verdict {
    on_spec(
        checks,
        id,
        &json!({"connectionSpecification": {
            "type": "object", "properties": properties,
        }}),
    )
}

/// A verdict in one word, for tables.
pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail(_) => "fail",
        Verdict::NotApplicable(_) => "not applicable",
        Verdict::Inconclusive(_) => "inconclusive",
        Verdict::Elsewhere => "elsewhere",
    }
}

/// Asserts that each spec gets its verdict.
pub fn table(checks: &[Check], id: &str, rows: &[(&str, Value)]) {
    for (expected, properties) in rows {
        let verdict = on(checks, id, properties);
        assert_eq!(word(&verdict), *expected, "{id} on {properties}: {verdict:?}");
    }
}
