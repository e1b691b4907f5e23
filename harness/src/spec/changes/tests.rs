use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::*;

const TRIES: usize = 1000;

/// Two specs, and what a person says of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    what: String,
    old: Value,
    new: Value,
    /// Class, kind and pointer of each change.
    changes: BTreeSet<(String, String, String)>,
    /// Whether a config that the old one allows is rejected by the new one.
    rejects: bool,
    step: String,
}

fn pairs() -> Vec<(String, Pair)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/compatibility");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|file| {
            let pair = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            (file.file_stem().unwrap().to_string_lossy().into_owned(), pair)
        })
        .collect()
}

#[test]
fn verdicts_are_those_that_were_written_by_hand() {
    let pairs = pairs();
    assert!(pairs.len() >= 60, "{}", pairs.len());
    let mut wrong = Vec::new();
    for (name, Pair { what, old, new, changes: wanted, rejects, step }) in pairs {
        let found = Changes::between(&old, &new, TRIES, 1).unwrap();
        let told: BTreeSet<_> = found
            .all
            .iter()
            .map(|one| (one.class.name().to_owned(), one.kind.to_owned(), one.pointer.clone()))
            .collect();
        let is_right = told == wanted
            && found.counterexample.is_some() == rejects
            && found.step().name() == step
            && found.tried > 0;
        if !is_right {
            wrong.push(format!("{name} ({what}): {found:#?}, not {wanted:?} {rejects} {step}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_config_shows_what_is_rejected_and_is_small() {
    let schema = |host: Value| {
        json!({"connectionSpecification": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 2},
                "size": {"type": "integer"},
                "tunnel": {"type": "object", "properties": {"host": host, "port": {"type": "integer"}}},
            },
        }})
    };
    let old = schema(json!({"type": ["string", "null"]}));
    let new = schema(json!({"type": "string"}));
    let changes = Changes::between(&old, &new, TRIES, 1).unwrap();
    let shown = changes.counterexample.unwrap();
    assert_eq!(shown.pointer, "/tunnel/host");
    assert_eq!(shown.config["tunnel"], json!({"host": null}));
    assert_eq!(shown.config.as_object().unwrap().len(), 2, "{}", shown.config);
    assert!(shown.config["name"].as_str().unwrap().chars().count() == 2);
}

#[test]
fn what_no_keyword_tells_a_config_does() {
    let schema = |names: Value| {
        json!({"connectionSpecification": {
            "type": "object", "properties": {"a": {"type": "string"}}, "minProperties": 0,
            "dependencies": {"a": names},
        }})
    };
    let changes = Changes::between(&schema(json!([])), &schema(json!(["b"])), TRIES, 1).unwrap();
    assert_eq!(changes.step(), Step::Major);
    let shown = changes.counterexample.unwrap();
    assert_eq!(shown.config, json!({"a": ""}));
    assert!(shown.error.contains("required"), "{}", shown.error);
}

#[test]
fn what_is_no_spec_is_told_with_the_side_that_it_is_on() {
    let good = json!({"connectionSpecification": {"type": "object"}});
    for (bad, why) in [
        (json!({}), "it has no connectionSpecification that is an object"),
        (json!({"connectionSpecification": {"type": "text"}}), "it is no JSON Schema: "),
        (json!({"connectionSpecification": {"properties": {"a": {"$ref": "#"}}}}), "/properties/a"),
    ] {
        for (old, new, which) in [(&bad, &good, "old"), (&good, &bad, "new")] {
            let told = Changes::between(old, new, 10, 1).unwrap_err().to_string();
            assert!(told.starts_with(&format!("the {which} spec: {why}")), "{told}");
        }
    }
}
