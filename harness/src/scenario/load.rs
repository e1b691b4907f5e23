//! Loading scenarios from folders.
//!
//! ```text
//! append-twice/
//!   scenario.json        {"summary": …, "alone": false, "state_ids": true, "statuses": true}
//!   1.catalog.json       the first sync's ConfiguredAirbyteCatalog
//!   1.messages.jsonl     its AirbyteMessages, and our instructions between them
//!   1.expected.jsonl     {"stream": …, "namespace": …, "data": {…}} for each row landed after it
//!   2.catalog.json       the second sync …
//! ```
//!
//! Instructions: `{"touchdown": "gate"}`, `{"touchdown": {"bulk": {…}}}` and
//! `{"touchdown": {"disturb": …}}`, which is `"kill"`, `"stop"`, `{"pause": 500}` or
//! `{"cut-network": 500}` (milliseconds).

use std::collections::HashMap;
use std::path::Path;

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bulk::Bulk;
use super::{Disturbance, Scenario, Sent, Step, Sync};
use crate::protocol::message::Descriptor;

static BUILT_IN: Dir = include_dir!("$CARGO_MANIFEST_DIR/../fixtures/scenarios");

/// Why a scenario could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {what}")]
pub struct LoadError {
    /// The file, as the user named its folder.
    pub file: String,
    /// What is wrong, with the line where there is one.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    summary: String,
    #[serde(default)]
    alone: bool,
    #[serde(default = "yes")]
    state_ids: bool,
    #[serde(default = "yes")]
    statuses: bool,
}

fn yes() -> bool {
    true
}

/// The scenarios that come with touchdown, by name.
pub fn built_in() -> Result<Vec<Scenario>, LoadError> {
    let mut all = Vec::new();
    for folder in BUILT_IN.dirs() {
        let id = folder.path().to_string_lossy().into_owned();
        all.push(scenario(&id, &|name| {
            let file = folder.get_file(folder.path().join(name))?;
            Some(file.contents_utf8().unwrap_or_default().to_owned())
        })?);
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

/// The scenarios of a folder: each of its folders is one.
pub fn from_folder(path: &Path) -> Result<Vec<Scenario>, LoadError> {
    let shown = path.display().to_string();
    let fail = |error: std::io::Error| LoadError { file: shown.clone(), what: error.to_string() };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fail)? {
        let folder = entry.map_err(fail)?.path();
        if !folder.join("scenario.json").is_file() {
            continue;
        }
        let id = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut one = scenario(&id, &|name| std::fs::read_to_string(folder.join(name)).ok());
        if let Err(error) = &mut one {
            error.file = format!("{shown}/{}", error.file);
        }
        all.push(one?);
    }
    if all.is_empty() {
        let what = "no folder in it holds a scenario.json".to_owned();
        return Err(LoadError { file: shown, what });
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    distinct(&all).map_err(|what| LoadError { file: shown, what })?;
    Ok(all)
}

/// The scenarios of a run share a namespace, also those that travel alone: streams of one name would
/// be one stream, and the destination be accused of what the other scenario has sent.
fn distinct(all: &[Scenario]) -> Result<(), String> {
    let mut owners: HashMap<Descriptor, &str> = HashMap::new();
    for scenario in all {
        for stream in scenario.syncs.iter().flat_map(|sync| &sync.streams.streams) {
            let owner = owners.entry(stream.descriptor()).or_insert(&scenario.id);
            if *owner != scenario.id {
                let (name, other) = (&stream.descriptor().name, &scenario.id);
                return Err(format!(
                    "{owner} and {other} both have a stream {name:?}: give them names of their own"
                ));
            }
        }
    }
    Ok(())
}

fn scenario(id: &str, read: &dyn Fn(&str) -> Option<String>) -> Result<Scenario, LoadError> {
    let fail = |file: &str, what: String| LoadError { file: format!("{id}/{file}"), what };
    let head =
        read("scenario.json").ok_or_else(|| fail("scenario.json", "it is not there".into()))?;
    let head: Head =
        serde_json::from_str(&head).map_err(|e| fail("scenario.json", e.to_string()))?;
    let mut syncs = Vec::new();
    for nth in 1.. {
        let file = format!("{nth}.catalog.json");
        let Some(catalog) = read(&file) else { break };
        let streams =
            serde_json::from_str(&catalog).map_err(|error| fail(&file, error.to_string()))?;
        let file = format!("{nth}.messages.jsonl");
        let messages = read(&file).unwrap_or_default();
        let steps = lines(&messages, step).map_err(|what| fail(&file, what))?;
        let file = format!("{nth}.expected.jsonl");
        let expected = read(&file).unwrap_or_default();
        let expected = lines(&expected, row).map_err(|what| fail(&file, what))?;
        syncs.push(Sync { catalog, streams, steps, expected });
    }
    if syncs.is_empty() {
        return Err(fail("1.catalog.json", "it is not there".into()));
    }
    let scenario = Scenario {
        id: id.to_owned(),
        summary: head.summary,
        alone: head.alone,
        state_ids: head.state_ids,
        statuses: head.statuses,
        syncs,
    };
    if !scenario.alone && scenario.disturbances().next().is_some() {
        let what = "what disturbs the destination would disturb others: say \"alone\": true";
        return Err(fail("scenario.json", what.into()));
    }
    Ok(scenario)
}

/// Reads each line that is not blank; an error names its line.
fn lines<T>(text: &str, read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split('\n')
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| read(line).map_err(|what| format!("line {}: {what}: {line}", at + 1)))
        .collect()
}

/// A line of a messages file: a message, or an instruction of ours.
fn step(line: &str) -> Result<Step, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Instruction {
        Gate,
        Bulk(Bulk),
        Disturb(Disturbance),
    }
    #[derive(Deserialize)]
    struct Ours {
        touchdown: Option<Instruction>,
    }
    let ours: Ours = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match ours.touchdown {
        Some(Instruction::Gate) => Ok(Step::Gate),
        Some(Instruction::Bulk(bulk)) => Ok(Step::Bulk(bulk)),
        Some(Instruction::Disturb(disturbance)) => Ok(Step::Disturb(disturbance)),
        None => Sent::parse(line).map(Step::Message),
    }
}

fn row(line: &str) -> Result<(Descriptor, Box<RawValue>), String> {
    #[derive(Deserialize)]
    struct Row {
        stream: String,
        namespace: Option<String>,
        data: Box<RawValue>,
    }
    let row: Row = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok((Descriptor { name: row.stream, namespace: row.namespace }, row.data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::catalog::ConfiguredStream;
    use std::collections::HashSet;

    #[test]
    fn all_built_in_scenarios_load() {
        assert!(built_in().unwrap().len() >= 10);
    }

    #[test]
    fn no_two_scenarios_share_a_stream() {
        let mut seen = HashSet::new();
        for scenario in built_in().unwrap() {
            let own: HashSet<_> = scenario
                .syncs
                .iter()
                .flat_map(|sync| sync.streams.streams.iter().map(ConfiguredStream::descriptor))
                .collect();
            for stream in own {
                assert!(seen.insert(stream.clone()), "{stream} of {} is taken", scenario.id);
            }
        }
    }

    #[test]
    fn errors_name_the_line() {
        let read = |name: &str| match name {
            "scenario.json" => Some(r#"{"summary":"s"}"#.to_owned()),
            "1.catalog.json" => Some(r#"{"streams":[]}"#.to_owned()),
            "1.messages.jsonl" => Some("{\"touchdown\":\"gate\"}\n{\"touchdown\":\"gatt\"}".into()),
            _ => None,
        };
        let error = scenario("x", &read).unwrap_err();
        assert_eq!(error.file, "x/1.messages.jsonl");
        assert!(error.what.starts_with("line 2: "), "{error}");
    }
}
