//! Both sides of the harness against the official models of the protocol: the two packages that
//! Airbyte publishes, `airbyte-protocol-models-pdv2` and `airbyte-protocol-models-dataclasses`.
//!
//! Ours are written by hand, so nothing but a test keeps them from saying something else.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance ends at #[test]; the helpers of a test panic as tests do"
)]

#[path = "../official-models/facts.rs"]
mod facts;
#[path = "../official-models/generate.rs"]
mod generate;
#[path = "../official-models/python.rs"]
mod python;
#[path = "../official-models/reference.rs"]
mod reference;

use std::collections::BTreeMap;

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use facts::Facts;
use generate::Fill;
use python::Case;
use touchdown::protocol::catalog::Catalog;
use touchdown::protocol::message::{self, Body, Object};

/// What comes out of one line of a connector, and what goes into `write`.
const ROOTS: [&str; 2] = ["AirbyteMessage", "ConfiguredAirbyteCatalog"];

fn schema() -> Value {
    let text = include_str!("../../harness/src/protocol/schema.json");
    serde_json::from_str(text).unwrap()
}

fn validator(root: &str) -> Validator {
    let mut schema = schema();
    schema["allOf"] = json!([{"$ref": format!("#/definitions/{root}")}]);
    jsonschema::validator_for(&schema).unwrap()
}

// The facts.

#[test]
fn our_schema_states_the_facts_of_the_pydantic_models() {
    assert_differences(
        &facts::official().pydantic,
        &[
            ("AirbyteProtocol", "only holds the two roots together; it is never sent"),
            ("AirbyteProtocol.airbyte_message", "likewise"),
            ("AirbyteProtocol.configured_airbyte_catalog", "likewise"),
        ],
    );
}

#[test]
fn our_schema_states_the_facts_of_the_dataclasses() {
    assert_differences(
        &facts::official().dataclasses,
        &[
            ("AirbyteProtocol", "only holds the two roots together; it is never sent"),
            ("AirbyteProtocol.airbyte_message", "likewise"),
            ("AirbyteProtocol.configured_airbyte_catalog", "likewise"),
            ("AirbyteStateMessage.global", "a keyword of Python; a dataclass has no alias for it"),
            ("AirbyteStateMessage.global_", "likewise"),
            ("AirbyteStream.supported_sync_modes", "a dataclass cannot ask for one item at least"),
            ("ConnectorSpecification.changelogUrl", "a plain string to a dataclass"),
            ("ConnectorSpecification.documentationUrl", "likewise"),
        ],
    );
}

/// The schema differs from the official facts in the allowed points, and in no other.
fn assert_differences(official: &Facts, allowed: &[(&str, &str)]) {
    let mut differences = facts::differences(&facts::of_schema(&schema()), official);
    for (point, why) in allowed {
        assert!(
            differences.remove(*point).is_some(),
            "{point} is allowed to differ ({why}), but does not"
        );
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn a_message_is_the_default_root() {
    let schema = jsonschema::validator_for(&schema()).unwrap();
    assert!(schema.is_valid(&json!({"type": "LOG", "log": {"level": "INFO", "message": ""}})));
    assert!(!schema.is_valid(&json!({"streams": []})));
}

#[test]
fn an_error_names_the_spot_inside_the_payload() {
    let message = json!({"type": "TRACE", "trace": {
        "type": "ERROR", "emitted_at": 1.0, "error": {"message": null},
    }});
    let validator = validator("AirbyteMessage");
    let errors: Vec<_> = validator.iter_errors(&message).collect();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].instance_path().to_string(), "/trace/error/message");
}

// Accepted and refused alike.
//
// pydantic is asked to be strict: otherwise it takes "7" for 7, 1 for true and the like, none of
// which is in the protocol. One difference stays and is not generated: 1.0 is an integer to JSON
// Schema and not to a strict pydantic.

/// How a case came to be, for the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Valid,
    ChangedOnce,
    ChangedAtRandom,
}

#[test]
fn generated_messages_and_catalogs_are_accepted_and_refused_alike() {
    let facts = facts::official().pydantic;
    let mut cases = every_change(&facts);
    cases.extend(random_changes(&facts));
    let (origins, cases): (Vec<Origin>, Vec<Case>) = cases.into_iter().unzip();

    let validators = ROOTS.map(|root| (root, validator(root)));
    let validators: BTreeMap<_, _> = validators.into_iter().collect();
    let mut counts: BTreeMap<(Origin, bool), usize> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for ((case, origin), official) in cases.iter().zip(origins).zip(python::judge(&cases)) {
        let message: Value = serde_json::from_str(&case.text).unwrap();
        let error = validators[case.model].validate(&message).err();
        let accepted = official.pydantic.is_none();
        *counts.entry((origin, accepted)).or_default() += 1;
        // The dataclasses say less (see the facts), so they may take more, never less.
        if accepted != error.is_none() || (accepted && official.dataclasses.is_some()) {
            disagreements.push(format!(
                "{} {}\n  ours {:?}\n  theirs {official:?}",
                case.model,
                case.text,
                error.map(|error| error.to_string()),
            ));
        }
    }

    assert!(
        disagreements.is_empty(),
        "{} of {} cases; the first:\n{}",
        disagreements.len(),
        cases.len(),
        disagreements[..disagreements.len().min(5)].join("\n")
    );
    // That the generator makes what it means to, and enough of both.
    let count = |origin, accepted| counts.get(&(origin, accepted)).copied().unwrap_or(0);
    assert_eq!(count(Origin::Valid, false), 0, "{counts:?}");
    assert!(count(Origin::Valid, true) >= 1000, "{counts:?}");
    for origin in [Origin::ChangedOnce, Origin::ChangedAtRandom] {
        assert!(count(origin, true) >= 200, "{counts:?}");
        assert!(count(origin, false) >= 500, "{counts:?}");
    }
}

/// A message of each type, and whatever the roots allow.
fn everything(facts: &Facts, fill: Fill) -> Vec<(&'static str, BoxedStrategy<Value>)> {
    let messages = generate::payloads(facts);
    let messages = messages
        .iter()
        .map(|(kind, payload)| ("AirbyteMessage", generate::message(facts, kind, payload, fill)));
    messages.chain(ROOTS.map(|root| (root, generate::class(facts, root, fill)))).collect()
}

/// From a full message of each type, and from a full catalog, every single change.
fn every_change(facts: &Facts) -> Vec<(Origin, Case)> {
    let mut cases = Vec::new();
    for (model, strategy) in everything(facts, Fill::Full) {
        for value in generate::draw(&strategy, 1) {
            cases.push((Origin::Valid, case(model, &value)));
            for change in generate::changes(facts, model, &value) {
                let changed = generate::changed(&value, &change);
                cases.push((Origin::ChangedOnce, case(model, &changed)));
            }
        }
    }
    cases
}

/// Messages and catalogs in which things are absent and null at random, each of them as it is and
/// again with one change.
fn random_changes(facts: &Facts) -> Vec<(Origin, Case)> {
    let mut cases = Vec::new();
    for (model, strategy) in everything(facts, Fill::Some) {
        for (value, picked) in generate::draw(&(strategy, any::<Index>()), 120) {
            cases.push((Origin::Valid, case(model, &value)));
            let changes = generate::changes(facts, model, &value);
            let spoilt = generate::changed(&value, picked.get(&changes));
            cases.push((Origin::ChangedAtRandom, case(model, &spoilt)));
        }
    }
    cases
}

fn case(model: &'static str, value: &Value) -> Case {
    Case { model, text: value.to_string() }
}

// The typed side of the harness.

#[test]
fn the_harness_reads_what_the_official_models_accept() {
    let facts = facts::official().pydantic;
    for (kind, payload) in &generate::payloads(&facts) {
        let full = generate::message(&facts, kind, payload, Fill::Full);
        for value in generate::draw(&full, 40) {
            let text = value.to_string();
            let object: Object = serde_json::from_str(&text).unwrap();
            let read = message::parse(&object).unwrap();
            assert_eq!(value["type"], read.kind.name());
            assert!(!matches!(read.body, Body::Unreadable), "{text}");
        }
    }
    let full = generate::class(&facts, "ConfiguredAirbyteCatalog", Fill::Full);
    for mut value in generate::draw(&full, 40) {
        // Any integer to the models; the platform counts them up from 0.
        for stream in value["streams"].as_array_mut().unwrap() {
            stream["generation_id"] = json!(2);
            stream["minimum_generation_id"] = json!(2);
        }
        let read: Catalog = serde_json::from_str(&value.to_string()).unwrap();
        let modes = value["streams"].as_array().unwrap().iter();
        let modes: Vec<_> = modes.map(|s| s["destination_sync_mode"].as_str().unwrap()).collect();
        let ours: Vec<_> = read.streams.iter().map(|s| s.destination_sync_mode.name()).collect();
        assert_eq!(modes, ours);
    }
}
