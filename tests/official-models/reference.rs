//! The reference destination against the official models: what it prints is theirs, and what they
//! print it takes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::facts::{self, Facts};
use super::generate::{self, Fill};
use super::python::{self, Case};

/// One `write`: its catalog and the lines of its input.
#[derive(Debug)]
struct Sync {
    catalog: Value,
    messages: Vec<Value>,
}

#[test]
fn spec_check_and_write_of_the_reference_print_official_messages() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.json");
    let database = dir.path().join("db.sqlite");
    fs::write(&config, json!({"path": database}).to_string()).unwrap();

    let mut lines = lines_of(&destination("spec", &[], Stdio::null()));
    assert_eq!(of_type(&lines, "SPEC"), 1, "{lines:#?}");

    let check = lines_of(&destination("check", &[("--config", &config)], Stdio::null()));
    assert_eq!(of_type(&check, "CONNECTION_STATUS"), 1, "{check:#?}");
    lines.extend(check);

    for state in [by_stream as fn(i64) -> Value, global] {
        let output = write(&small_sync(state));
        assert_eq!(of_type(&output, "STATE"), 2, "{output:#?}");
        lines.extend(output);
    }

    let broken = dir.path().join("broken.json");
    fs::write(&broken, "{}").unwrap();
    let refused = destination("check", &[("--config", &broken)], Stdio::null());
    let refused = stdout_of(&refused);
    assert!(!refused.is_empty(), "a refused config has an answer too");
    lines.extend(refused);

    assert_official(&lines);
}

#[test]
fn the_reference_takes_what_the_official_models_write() {
    let facts = facts::official().pydantic;
    let syncs = generate::draw(&sync(&facts), 24);

    // Through the models and back: every optional property is there now, as a null.
    let cases: Vec<Case> = syncs
        .iter()
        .flat_map(|sync| {
            let messages = sync
                .messages
                .iter()
                .map(|message| Case { model: "AirbyteMessage", text: message.to_string() });
            messages
                .chain([Case { model: "ConfiguredAirbyteCatalog", text: sync.catalog.to_string() }])
        })
        .collect();
    let mut dumps = python::judge(&cases).into_iter().zip(&cases).map(|(answer, case)| {
        let refused = (answer.pydantic, &case.text);
        let dump = answer.dump.unwrap_or_else(|| panic!("{refused:?}"));
        serde_json::from_str::<Value>(&dump).unwrap()
    });

    let mut printed = Vec::new();
    let mut states = 0;
    for sync in &syncs {
        let messages: Vec<Value> = dumps.by_ref().take(sync.messages.len()).collect();
        let catalog = dumps.next().unwrap();
        let sent = messages.iter().filter(|m| m["type"] == "STATE").count();
        let lines = write(&Sync { catalog, messages });
        assert_eq!(of_type(&lines, "STATE"), sent, "{sync:#?}\n{lines:#?}");
        states += sent;
        printed.extend(lines);
    }
    assert!(states >= 100, "only {states} states were sent");
    assert_official(&printed);
}

// What is sent.

/// Two streams, a record of each, and two states.
fn small_sync(state: fn(i64) -> Value) -> Sync {
    let record = |stream: &str| {
        json!({"type": "RECORD", "record": {
            "stream": stream, "namespace": "public", "data": {"id": 1, "name": "a"},
            "emitted_at": 1_700_000_000_000_u64,
        }})
    };
    let streams = ["s0", "s1"];
    let mut messages = vec![record("s0"), state(1), record("s1"), state(2)];
    messages.extend(streams.map(|stream| complete(stream, &json!("public"))));
    let streams = streams.map(|stream| {
        let mut configured = json!({"stream": {}});
        configure(&mut configured, stream, &json!("public"), "append");
        configured
    });
    Sync { catalog: json!({"streams": streams}), messages }
}

fn by_stream(id: i64) -> Value {
    json!({"type": "STATE", "state": {
        "type": "STREAM", "id": id, "sourceStats": {"recordCount": 1.0},
        "stream": {
            "stream_descriptor": {"name": format!("s{}", id - 1), "namespace": "public"},
            "stream_state": {"cursor": id},
        },
    }})
}

fn global(id: i64) -> Value {
    let descriptors = ["s0", "s1"].map(|name| json!({"name": name, "namespace": "public"}));
    json!({"type": "STATE", "state": {
        "type": "GLOBAL", "id": id, "sourceStats": {"recordCount": 1.0},
        "global": {
            "shared_state": {"lsn": id},
            "stream_states": descriptors.map(|d| json!({"stream_descriptor": d, "stream_state": {}})),
        },
    }})
}

fn complete(stream: &str, namespace: &Value) -> Value {
    json!({"type": "TRACE", "trace": {
        "type": "STREAM_STATUS", "emitted_at": 1_700_000_000_000.0,
        "stream_status": {
            "stream_descriptor": {"name": stream, "namespace": namespace},
            "status": "COMPLETE",
        },
    }})
}

/// A configured stream that fits together, whatever else it says.
fn configure(configured: &mut Value, name: &str, namespace: &Value, mode: &str) {
    configured["sync_mode"] = json!("incremental");
    configured["destination_sync_mode"] = json!(mode);
    configured["destination_object_name"] = Value::Null;
    configured["cursor_field"] = json!(["id"]);
    configured["primary_key"] = json!([["id"]]);
    configured["generation_id"] = json!(1);
    configured["minimum_generation_id"] = json!(u8::from(mode == "overwrite"));
    configured["sync_id"] = json!(1);
    configured["include_files"] = Value::Null;
    let stream = &mut configured["stream"];
    stream["name"] = json!(name);
    stream["namespace"] = namespace.clone();
    stream["is_file_based"] = Value::Null;
    stream["supported_sync_modes"] = json!(["full_refresh", "incremental"]);
    stream["json_schema"] = json!({
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": ["null", "string"]},
        },
    });
}

/// Generated messages with what must hold between them put right: names, keys, types.
fn sync(facts: &Facts) -> BoxedStrategy<Sync> {
    let namespace = select(vec![json!(null), json!("public")]);
    let mode = select(vec!["append", "overwrite", "append_dedup"]);
    let configured = generate::class(facts, "ConfiguredAirbyteStream", Fill::Some);
    let streams = vec((configured, namespace, mode), 1..=3);

    let record = generate::message(facts, "RECORD", "record", Fill::Some);
    let state = generate::message(facts, "STATE", "state", Fill::Full);
    let emitted_at = 0..2_000_000_000_000_i64;
    let data = (any::<i64>(), "[ -~é]{0,12}");
    let record = (record, emitted_at, data).prop_map(|(mut message, emitted_at, (id, name))| {
        let record = &mut message["record"];
        record["emitted_at"] = json!(emitted_at);
        record["file_reference"] = Value::Null;
        record["data"] = json!({"id": id, "name": name});
        message
    });
    let input = vec((prop_oneof![3 => record, 1 => state], any::<Index>()), 1..60);

    (streams, any::<bool>(), input)
        .prop_map(|(streams, global, input)| {
            let mut catalog = Vec::new();
            let mut names = Vec::new();
            for (index, (mut configured, namespace, mode)) in streams.into_iter().enumerate() {
                let name = format!("s{index}");
                configure(&mut configured, &name, &namespace, mode);
                catalog.push(configured);
                names.push((name, namespace));
            }
            let mut id = 0;
            let mut messages: Vec<Value> = Vec::new();
            for (mut message, picked) in input {
                let (name, namespace) = picked.get(&names);
                if message["type"] == "RECORD" {
                    message["record"]["stream"] = json!(name);
                    message["record"]["namespace"] = namespace.clone();
                } else {
                    id += 1;
                    put_right(&mut message["state"], id, global, &names, picked);
                }
                messages.push(message);
            }
            messages.extend(names.iter().map(|(name, space)| complete(name, space)));
            Sync { catalog: json!({"streams": catalog}), messages }
        })
        .boxed()
}

/// One kind of state a sync, about streams that it has.
fn put_right(state: &mut Value, id: i64, global: bool, names: &[(String, Value)], picked: Index) {
    let descriptor = |(name, space): &(String, Value)| json!({"name": name, "namespace": space});
    state["id"] = json!(id);
    state["data"] = Value::Null;
    state["destinationStats"] = Value::Null;
    if global {
        state["type"] = json!("GLOBAL");
        state["stream"] = Value::Null;
        let blob = state["global"]["shared_state"].clone();
        let of_stream = |name| json!({"stream_descriptor": descriptor(name), "stream_state": blob});
        let states: Vec<Value> = names.iter().map(of_stream).collect();
        state["global"]["stream_states"] = states.into();
    } else {
        state["type"] = json!("STREAM");
        state["global"] = Value::Null;
        state["stream"]["stream_descriptor"] = descriptor(picked.get(names));
    }
}

// What comes back.

/// Runs one sync into a database of its own; it must succeed.
fn write(sync: &Sync) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let [config, catalog, input] =
        ["config.json", "catalog.json", "input.jsonl"].map(|name| dir.path().join(name));
    let database = dir.path().join("db.sqlite");
    fs::write(&config, json!({"path": database}).to_string()).unwrap();
    fs::write(&catalog, sync.catalog.to_string()).unwrap();
    let messages: Vec<String> = sync.messages.iter().map(Value::to_string).collect();
    fs::write(&input, messages.join("\n") + "\n").unwrap();
    lines_of(&destination(
        "write",
        &[("--config", &config), ("--catalog", &catalog)],
        Stdio::from(File::open(&input).unwrap()),
    ))
}

fn destination(operation: &str, files: &[(&str, &Path)], stdin: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tested-reference"));
    command.arg(operation);
    for (flag, path) in files {
        command.arg(flag).arg(path);
    }
    command.stdin(stdin).output().unwrap()
}

/// The lines of a run that succeeded.
fn lines_of(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:#?}");
    stdout_of(output)
}

fn stdout_of(output: &Output) -> Vec<String> {
    let text = str::from_utf8(&output.stdout).unwrap();
    text.lines().map(String::from).collect()
}

fn of_type(lines: &[String], kind: &str) -> usize {
    let messages = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    messages.filter(|message: &Value| message["type"] == kind).count()
}

/// Every line is a message to the official models, with the payload that its type names.
fn assert_official(lines: &[String]) {
    let cases: Vec<Case> =
        lines.iter().map(|line| Case { model: "AirbyteMessage", text: line.clone() }).collect();
    let payloads: BTreeMap<_, _> =
        generate::payloads(&facts::official().pydantic).into_iter().collect();
    for (line, answer) in lines.iter().zip(python::judge(&cases)) {
        assert!(answer.pydantic.is_none() && answer.dataclasses.is_none(), "{line}\n{answer:?}");
        let message: Value = serde_json::from_str(line).unwrap();
        let kind = message["type"].as_str().unwrap();
        assert!(message[&payloads[kind]].is_object(), "{line}");
    }
}
