use serde_json::{Map, Value, json};

use super::shapes::{self, Shape};
use super::*;
use crate::redact::Secrets;

fn is_valid(config: &Value, schema: &Value) -> bool {
    jsonschema::draft7::new(schema).unwrap().is_valid(config)
}

/// Where two values differ: the least deep pointers.
fn differences(a: &Value, b: &Value, pointer: &str, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let gone = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(gone) {
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differences(a, b, &format!("{pointer}/{key}"), found),
                    _ => found.push(format!("{pointer}/{key}")),
                }
            }
        }
        _ if a == b => {}
        _ => found.push(pointer.to_owned()),
    }
}

/// The one place in which a config differs from another.
fn changed(from: &Value, bad: &BadConfig) -> String {
    let mut found = Vec::new();
    differences(from, &bad.config, "", &mut found);
    assert_eq!(found.len(), 1, "{}: {found:?}", bad.note);
    let path = found[0][1..].replace('/', ".");
    assert!(bad.note.contains(&format!("{path:?}")), "{}: {found:?}", bad.note);
    found.remove(0)
}

fn notes(working: &Value, schema: &Value) -> Vec<String> {
    invalid(working, schema).into_iter().map(|bad| bad.note).collect()
}

/// A spec with one property, and the notes of what is made from a config with this value.
fn notes_of_one(property: &Value, value: &Value) -> Vec<String> {
    notes(&json!({"a": value}), &json!({"type": "object", "properties": {"a": property}}))
}

#[test]
fn each_config_breaks_one_rule_of_the_spec() {
    let schema = json!({"type": "object", "required": ["host"], "properties": {
        "host": {"type": "string"}, "port": {"type": "integer"}}});
    assert_eq!(
        notes(&json!({"port": 1, "host": "h"}), &schema),
        [
            "the required property \"host\" is missing",
            "the property \"port\" has another type than the spec's",
            "the property \"host\" has another type than the spec's",
        ]
    );
}

#[test]
fn nothing_else_is_wrong_with_an_invalid_config() {
    for (name, shape) in shapes::all() {
        let all = invalid(&shape.config, &shape.schema);
        assert!(all.len() > 4, "{name}");
        for (nth, bad) in all.iter().enumerate() {
            assert!(!is_valid(&bad.config, &shape.schema), "{name}: {}", bad.note);
            assert!(all[..nth].iter().all(|other| other.config != bad.config), "{}", bad.note);
            // The value put back, it fits.
            let pointer = changed(&shape.config, bad);
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let mut mended = bad.config.clone();
            let value = shape.config.pointer(&pointer).unwrap().clone();
            mended.pointer_mut(parent).unwrap()[key] = value;
            assert!(is_valid(&mended, &shape.schema), "{name}: {}", bad.note);
        }
    }
}

#[test]
fn kinds_take_turns_and_begin_at_the_top() {
    let Shape { config, schema } = shapes::database();
    let notes = notes(&config, &schema);
    assert_eq!(
        notes[..9],
        [
            "the required property \"host\" is missing",
            "the property \"host\" has another type than the spec's",
            "the value of \"cdc_deletion_mode\" is not on the spec's list",
            "the constant \"tunnel_method.tunnel_method\" is none that the spec knows",
            "the number \"port\" is out of bounds: its minimum is 0",
            "the text \"database\" is too short: its minLength is 1",
            "the required property \"port\" is missing",
            "the property \"port\" has another type than the spec's",
            "the number \"port\" is out of bounds: its maximum is 65536",
        ]
    );
    let missing = notes.iter().filter(|note| note.contains("missing"));
    let missing: Vec<_> = missing.map(|note| note.split('"').nth(1).unwrap()).collect();
    assert_eq!(missing[..4], ["host", "port", "username", "database"]);
    assert_eq!(missing[4..].len(), 4, "those of the chosen variant: {missing:?}");
    assert_eq!(missing[7], "tunnel_method.ssh_key");
}

#[test]
fn variants_without_a_type_beside_them_are_followed() {
    let Shape { config, schema } = shapes::warehouse();
    let notes = notes(&config, &schema);
    for note in [
        "the required property \"credentials.client_secret\" is missing",
        "the property \"credentials\" has another type than the spec's",
        "the constant \"credentials.auth_type\" is none that the spec knows",
        "the number \"retention_days\" is out of bounds: its exclusiveMinimum is 0.5",
        "the number \"retention_days\" is out of bounds: its maximum is 90",
        "the text \"host\" does not match the spec's pattern",
    ] {
        assert!(notes.iter().any(|other| other == note), "{note}: {notes:#?}");
    }
    // Optional, and of the variant that was not chosen.
    assert!(notes.iter().all(|note| !note.contains("refresh_token\" is missing")));
    assert!(notes.iter().all(|note| !note.contains("private_key")));
}

#[test]
fn a_value_breaks_its_keyword_and_no_other() {
    let one = |property: Value, value: Value| {
        let schema = json!({"type": "object", "properties": {"a": property}});
        let all = invalid(&json!({"a": value}), &schema).into_iter();
        // The other type is there always.
        all.skip(1).map(|bad| bad.config["a"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(one(json!({"type": "integer", "enum": [1, 2]}), json!(1)), [json!(987_654_321)]);
    let bounds = json!({"type": "integer", "minimum": 2.5, "maximum": 9});
    assert_eq!(one(bounds, json!(5)), [json!(1), json!(10)]);
    let pattern = json!({"type": "string", "pattern": "^[0-9]*$", "minLength": 6});
    assert_eq!(one(pattern, json!("123456")), [json!("??????"), json!("00000")]);
    let pattern = json!({"type": "string", "pattern": "^[^?]*$", "maxLength": 2});
    assert_eq!(one(pattern, json!("ab")), [json!("??")]);
    // What this one refuses is none of the texts that are one letter many times: it is drawn.
    let pattern = json!({"type": "string", "pattern": "^[? x0X]*$"});
    let [text] = &one(pattern, json!("xx"))[..] else { panic!() };
    assert!(text.as_str().unwrap().contains(|letter| !"? x0X".contains(letter)), "{text}");
}

#[test]
fn a_spec_that_takes_everything_cannot_be_violated() {
    assert_eq!(invalid(&json!({"a": 1}), &json!({"type": "object"})), []);
    assert_eq!(notes_of_one(&json!({}), &json!(1)), [""; 0]);
    assert_eq!(
        notes_of_one(&json!({"type": ["string", "null"], "pattern": ""}), &json!("x")),
        ["the property \"a\" has another type than the spec's"]
    );
    // Neither end has a number beyond it.
    let largest = json!({"minimum": -1e308, "maximum": i64::MAX});
    assert_eq!(notes_of_one(&largest, &json!(1)), [""; 0]);
}

#[test]
fn nothing_is_made_from_what_does_not_fit() {
    for (config, schema) in [
        (json!({"host": 1}), json!({"properties": {"host": {"type": "string"}}})),
        (json!({"host": "h"}), json!({"properties": {"host": {"type": "strin"}}})),
    ] {
        assert_eq!(invalid(&config, &schema), []);
        assert_eq!(unreachable(&config, &schema), None);
        assert_eq!(without_optionals(&config, &schema), None);
        assert_eq!(Canaries::plant(&config, &schema).planted, []);
    }
}

#[test]
fn items_and_escaped_names_are_reached() {
    let schema = json!({"type": "object", "properties": {"a/b~": {"type": "array", "items": {
        "type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}}});
    let all = invalid(&json!({"a/b~": [{"n": 1}]}), &schema);
    assert_eq!(all[0].note, "the required property \"a/b~.0.n\" is missing");
    assert_eq!(all[0].config, json!({"a/b~": [{}]}));
}

// Canaries.

#[test]
fn no_config_that_points_nowhere_holds_a_secret() {
    for (name, Shape { config, schema }) in shapes::all() {
        let secrets = Secrets::of(&config, &schema);
        if let Some(BadConfig { note, config }) = unreachable(&config, &schema) {
            let text = config.to_string();
            assert_eq!(secrets.text(&text), text, "{name}: {note}");
        }
    }
}

#[test]
fn an_invalid_config_would_work_but_for_what_is_wrong_with_it() {
    for (name, Shape { config, schema }) in shapes::all() {
        let secrets = Secrets::of(&config, &schema).searched();
        for bad in invalid(&config, &schema) {
            let wrong = changed(&config, &bad);
            // A secret may be what is wrong, or be within it.
            let others = secrets.iter().filter(|pointer| !pointer.starts_with(&wrong));
            for pointer in others {
                let kept = bad.config.pointer(pointer);
                assert_eq!(kept, config.pointer(pointer), "{name}: {}", bad.note);
            }
        }
    }
}

#[test]
fn canaries_are_distinct_long_and_found_again() {
    for (name, Shape { config, schema }) in shapes::all() {
        let canaries = Canaries::plant(&config, &schema);
        assert!(is_valid(&canaries.config, &schema), "{name}");
        assert_eq!(canaries, Canaries::plant(&config, &schema), "{name}");
        let pointers: Vec<_> = canaries.planted.iter().map(|it| it.pointer.clone()).collect();
        assert_eq!(pointers, Secrets::of(&config, &schema).searched(), "{name}");
        assert_eq!(pointers, Secrets::of(&canaries.config, &schema).searched(), "{name}");
        for (nth, Canary { pointer, value }) in canaries.planted.iter().enumerate() {
            assert!(value.len() >= 16, "{name}: {value}");
            assert_eq!(canaries.config.pointer(pointer).unwrap(), value);
            assert!(canaries.planted[..nth].iter().all(|other| other.value != *value));
        }
        let mut differ = Vec::new();
        differences(&config, &canaries.config, "", &mut differ);
        differ.sort();
        assert_eq!(differ, pointers, "{name}: nothing else changes");
    }
}

#[test]
fn a_canary_fits_what_the_spec_says_of_the_secret() {
    // What the secret is, what the spec says of it, and what its canary begins with.
    for (secret, rule, begins) in [
        (json!("x"), json!({}), "touchdownCanary"),
        (json!("x"), json!({"maxLength": 20}), ""),
        (json!("0123456789abcdef0123456789abcdef"), json!({"pattern": "^[0-9a-f]{32}$"}), ""),
        (json!("AKIAIOSFODNN7EXAMPLE"), json!({"pattern": "^[A-Z0-9]{20}$"}), ""),
        (json!("AKIAIOSFODNN7EXAMPL3"), json!({"pattern": "^AKIA[A-Z0-9]{16}$"}), "AKIA"),
        (json!("pw-1"), json!({"pattern": "^pw-[0-9]+$"}), "pw-"),
        (json!("7d444840-9dc0-11d1-b245-5ffdce74fad2"), json!({"format": "uuid"}), ""),
        (
            json!("mongodb+srv://u:p@h/x"),
            json!({"pattern": "^mongodb(\\+srv)?://"}),
            "mongodb+srv://touchdown-unreachable.invalid/touchdownCanary",
        ),
        (json!(1234), json!({"type": "integer"}), "8"),
        (json!("s".repeat(77)), json!({"minLength": 70, "maxLength": 77}), ""),
    ] {
        let mut rule = rule;
        rule["airbyte_secret"] = json!(true);
        let schema = json!({"properties": {"key": rule}});
        let canaries = Canaries::plant(&json!({"key": secret}), &schema);
        let [Canary { value, .. }] = &canaries.planted[..] else { panic!("none for {rule}") };
        assert!(value.starts_with(begins), "{rule}: {value}");
        assert!(value.len() >= 16 && is_valid(&canaries.config, &schema), "{rule}: {value}");
    }
}

#[test]
fn a_secret_stays_where_no_canary_fits() {
    for rule in [json!({"enum": ["one", "two"]}), json!({"maxLength": 8}), json!({"maximum": 9999})]
    {
        let secret = if rule["maximum"].is_null() { json!("one") } else { json!(1234) };
        let mut rule = rule;
        rule["airbyte_secret"] = json!(true);
        let config = json!({"key": secret});
        let canaries = Canaries::plant(&config, &json!({"properties": {"key": rule}}));
        assert_eq!(canaries, Canaries { config, planted: vec![] });
    }
}

#[test]
fn what_stands_wrongly_in_a_secrets_place_is_taken_for_none() {
    let schema = json!({"type": "object", "properties": {
        "pin": {"type": "integer", "minimum": 5, "airbyte_secret": true},
        "key": {"type": "string", "pattern": "^k-", "minLength": 4, "airbyte_secret": true}}});
    let config = json!({"pin": 12_345_678, "key": "k-12345678"});
    assert_eq!(Secrets::of(&config, &schema).searched().len(), 2);
    for bad in invalid(&config, &schema) {
        // What is left to be searched for is the other one.
        assert_eq!(Secrets::of(&bad.config, &schema).searched().len(), 1, "{}", bad.note);
    }
}

// Unreachable.

/// The value that was changed, and where, of a config under a spec that takes everything.
fn nowhere(config: Value) -> Option<(String, Value)> {
    let shape = Shape { config, schema: json!({"type": "object"}) };
    let bad = unreachable(&shape.config, &shape.schema)?;
    let pointer = changed(&shape.config, &bad);
    let value = bad.config.pointer(&pointer).unwrap().clone();
    Some((pointer, value))
}

#[test]
fn the_destination_is_sent_elsewhere() {
    for (shape, pointer, value) in [
        (shapes::database(), "/host", "touchdown-unreachable.invalid"),
        (shapes::file(), "/destination_path", "/dev/null/no/such/folder/out.db"),
        (
            shapes::api(),
            "/base_url",
            "https://reader@touchdown-unreachable.invalid:8443/v2/ingest?part=1#top",
        ),
    ] {
        let bad = unreachable(&shape.config, &shape.schema).unwrap();
        let planted = Canaries::plant(&shape.config, &shape.schema).config;
        assert_eq!(changed(&planted, &bad), pointer);
        assert_eq!(bad.config.pointer(pointer).unwrap(), value);
        assert!(is_valid(&bad.config, &shape.schema));
        let name = &pointer[1..];
        let note = format!("{name:?} points nowhere (derived from the working config)");
        assert_eq!(bad.note, note);
    }
    let Shape { config, schema } = shapes::warehouse();
    assert_eq!(unreachable(&config, &schema), None, "its host has to be the vendor's");
}

#[test]
fn places_are_recognised_by_name_and_value() {
    const HOST: &str = "touchdown-unreachable.invalid";
    let path = |last: &str| format!("/dev/null/no/such/folder/{last}");
    let url = |before: &str, after: &str| format!("{before}{HOST}{after}");
    for (name, value, expected) in [
        ("hostname", json!("h"), json!(HOST)),
        ("dbServer", json!("10.0.0.1:99"), json!(url("", ":99"))),
        ("endpoint", json!("[::1]:99/x"), json!(url("", ":99/x"))),
        ("ip address", json!("fe80::1"), json!(HOST)),
        ("bootstrap_servers", json!("a:1, b:2"), json!(url(&url("", ":1,"), ":2"))),
        ("hosts", json!(["a", "b"]), json!([HOST, HOST])),
        ("url", json!("example.com/x"), json!(url("", "/x"))),
        ("anything", json!("jdbc:x://h:1/d?e=f"), json!(url("jdbc:x://", ":1/d?e=f"))),
        ("dsn", json!("m://u:p@a:1,b:2/d"), json!(url(&url("m://u:p@", ":1,"), ":2/d"))),
        ("dsn", json!("sqlite:///data/x.db?m=1"), json!(format!("sqlite://{}?m=1", path("x.db")))),
        ("dsn", json!("jdbc:s://h;p=a@b"), json!(url("jdbc:s://", ";p=a@b"))),
        ("nodes", json!("a://b:1,a://c"), json!(url(&url("a://", ":1,a://"), ""))),
        ("port", json!(5432), json!(1)),
        ("db_port", json!("5432"), json!("1")),
        ("destination_path", json!("out/"), json!(path("out"))),
        ("folder", json!("/"), json!("/dev/null/no/such/folder")),
        ("file", json!("C:\\data\\x.csv"), json!(path("x.csv"))),
        ("database", json!("./x.db"), json!(path("x.db"))),
    ] {
        let config = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
        assert_eq!(nowhere(config), Some((format!("/{name}"), expected)), "{name}: {value}");
    }
}

#[test]
fn what_need_not_be_the_place_is_left_alone() {
    for config in [
        json!({"proxy": {"host": "p"}, "redirect_url": "https://a/b", "schema_registry": "a://b"}),
        json!({"email_address": "a@b", "host_key": "x", "server": "two words", "database": "d"}),
        json!({"path": ":memory:", "destination_path": "md:x", "port": "none", "hosts": []}),
        json!({"bucket_path": "a/b", "bucket_name": "c"}),
        json!({"folder_path": "/a", "access_token": "t"}),
        json!({"log_file": "/a", "ssl_cert_path": "/b"}),
        json!({"host": 1, "port": 1}),
    ] {
        assert_eq!(nowhere(config.clone()), None, "{config}");
    }
}

#[test]
fn the_surest_place_is_taken_that_the_spec_lets_change() {
    let taken = |config: Value| nowhere(config).unwrap().0;
    assert_eq!(taken(json!({"path": "/p", "port": 5, "tunnel": {"host": "t"}})), "/tunnel/host");
    assert_eq!(taken(json!({"tunnel": {"host": "t"}, "url": "a://b"})), "/url");
    assert_eq!(taken(json!({"path": "/p", "port": 5})), "/port");
    let schema = |lowest: u16| {
        json!({"properties": {
            "host": {"enum": ["a", "b"]}, "port": {"type": "integer", "minimum": lowest}}})
    };
    let config = json!({"host": "a", "port": 5432});
    let bad = unreachable(&config, &schema(1)).unwrap();
    assert_eq!(bad.config, json!({"host": "a", "port": 1}));
    assert_eq!(unreachable(&config, &schema(1024)), None);
    let format = json!({"properties": {"at": {"format": "hostname"}}});
    assert!(unreachable(&json!({"at": "h"}), &format).is_some());
}

#[test]
fn a_secret_url_points_nowhere_as_its_canary() {
    let schema = json!({"properties": {
        "connection": {"type": "string", "airbyte_secret": true},
        "host": {"type": "string", "airbyte_secret": true}}});
    let config = json!({"connection": "m://u:pass@h/d", "host": "secret.example.com"});
    let bad = unreachable(&config, &schema).unwrap();
    assert_eq!(bad.config, Canaries::plant(&config, &schema).config);
    assert!(bad.note.contains("\"connection\""));
}

// Optional properties.

#[test]
fn only_what_is_required_is_left() {
    let Shape { config, schema } = shapes::database();
    assert_eq!(
        without_optionals(&config, &schema).unwrap(),
        json!({"host": "db.example.com", "port": 5432, "username": "loader", "database": "landing"})
    );
    let Shape { config, schema } = shapes::warehouse();
    let least = without_optionals(&config, &schema).unwrap();
    assert_eq!(
        least,
        json!({"host": "acme.vendor.example", "warehouse": "LOADING", "credentials": {
            "auth_type": "OAuth2.0", "client_id": "acme", "client_secret": "s3cret-of-acme"}})
    );
    assert_eq!(without_optionals(&least, &schema), None, "there is nothing to leave out");
}

#[test]
fn constants_and_free_objects_stay() {
    let schema = json!({"required": ["auth", "labels"], "properties": {
    "labels": {"type": "object"},
    "auth": {"oneOf": [
        {"required": ["key"], "properties": {
            "kind": {"const": "key"}, "key": {"type": "string"}, "id": {"type": "string"}}},
        {"properties": {"kind": {"enum": ["none"]}}, "maxProperties": 1},
    ]}}});
    let config = json!({"auth": {"kind": "key", "key": "k", "id": "i"}, "labels": {"a": 1},
        "unheard": 1});
    let least = json!({"auth": {"kind": "key", "key": "k"}, "labels": {"a": 1}});
    assert_eq!(without_optionals(&config, &schema), Some(least));
    let config = json!({"auth": {"kind": "none"}, "labels": {}});
    assert_eq!(without_optionals(&config, &schema), None);
}

#[test]
fn a_rest_that_does_not_fit_is_none() {
    let schema = json!({"properties": {"a": {}, "b": {}}, "minProperties": 1});
    assert_eq!(without_optionals(&json!({"a": 1, "b": 2}), &schema), None);
}
