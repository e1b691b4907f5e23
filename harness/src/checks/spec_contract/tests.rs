use serde_json::json;

use super::super::schema_walk::testing::{launch, word};
use super::*;

/// The verdict on a spec with these properties, where others were reviewed and released.
fn judged(id: &str, now: Value, reviewed: Option<Value>, released: Option<Value>) -> Verdict {
    let check = CHECKS.iter().find(|check| check.id == id).unwrap();
    let Judge::Launch(judge) = check.judge else { panic!("{id}") };
    let spec = |properties: Value| json!({"connectionSpecification": {"type": "object", "properties": properties}});
    let [reviewed, released] = [reviewed, released].map(|properties| properties.map(spec));
    let facts = Facts { reviewed, released, ..Facts::default() };
    judge(&launch(&[json!({"type": "SPEC", "spec": spec(now)})]), &facts)
}

#[test]
fn only_what_has_meaning_changes_a_snapshot() {
    let judged = |now, reviewed| judged("spec-snapshot-changed", now, reviewed, None);
    let one = json!({"a": {"type": ["string", "null"], "title": "A"}, "b": {"type": "string"}});
    let other = json!({"b": {"type": "string"}, "a": {"title": "A", "type": ["null", "string"]}});
    assert_eq!(word(&judged(one.clone(), None)), "not applicable");
    assert_eq!(word(&judged(one.clone(), Some(other))), "pass");
    let reworded =
        json!({"a": {"type": ["string", "null"], "title": "B"}, "b": {"type": "string"}});
    let Verdict::Fail(findings) = judged(reworded, Some(one)) else { panic!() };
    let shown = "-        \"title\": \"A\",\n+        \"title\": \"B\",";
    assert!(findings[0].evidence.contains(shown), "{}", findings[0].evidence);
}

#[test]
fn a_long_difference_is_cut() {
    let long = |title: &str| (0..50).map(|n| (format!("p{n}"), json!({"title": title}))).collect();
    let verdict = judged("spec-snapshot-changed", long("a"), Some(long("b")), None);
    let Verdict::Fail(findings) = verdict else { panic!() };
    assert_eq!(findings[0].evidence.lines().count(), 21);
    assert!(findings[0].evidence.ends_with(" more lines"), "{}", findings[0].evidence);
}

#[test]
fn what_breaks_stored_configs_is_told_with_one_that_it_breaks() {
    let id = "spec-breaking-change";
    let (text, number) = (json!({"a": {"type": "string"}}), json!({"a": {"type": "integer"}}));
    assert_eq!(word(&judged(id, text.clone(), None, None)), "not applicable");
    assert_eq!(word(&judged(id, text.clone(), Some(text.clone()), None)), "pass");
    let more = json!({"a": {"type": "string", "title": "A"}, "b": {"type": "string"}});
    assert_eq!(word(&judged(id, more.clone(), Some(text.clone()), None)), "pass");
    // What was released counts, whatever was reviewed since.
    assert_eq!(word(&judged(id, text.clone(), Some(text.clone()), Some(more))), "fail");
    let Verdict::Fail(findings) = judged(id, number, None, Some(text)) else { panic!() };
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.message, "no longer of type string");
    assert!(finding.evidence.starts_with("/connectionSpecification/properties/a/type: "));
    assert!(finding.evidence.contains("{\"a\":\"\"} fits the released spec"), "{finding:?}");
    let looped = json!({"a": {"$ref": "#"}});
    let verdict = judged(id, looped.clone(), None, Some(looped));
    assert_eq!(word(&verdict), "inconclusive");
}
