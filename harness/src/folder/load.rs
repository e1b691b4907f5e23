//! Loading a trial's evidence from its folder.

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{TRIAL, TrialFile, VERDICTS, Verdicts, lines};
use crate::evidence::{Evidence, Facts, Landed, Launch, Rows};
use crate::judging::Places;
use crate::protocol::catalog::Catalog;
use crate::protocol::message::Descriptor;

/// A folder that was read.
pub struct Loaded {
    /// The evidence.
    pub evidence: Evidence,
    /// What the run knew.
    pub facts: Facts,
    /// The verdicts that were given then, if they were kept.
    pub verdicts: Option<Verdicts>,
    folder: PathBuf,
    repeats: Vec<String>,
}

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", file.display())]
pub struct LoadError {
    file: PathBuf,
    what: String,
}

fn read(file: &Path) -> Result<String, LoadError> {
    fs::read_to_string(file)
        .map_err(|error| LoadError { file: file.to_owned(), what: error.to_string() })
}

fn parse<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T, LoadError> {
    let fail = |what: String| LoadError { file: file.to_owned(), what };
    serde_json::from_str(&read(file)?).map_err(|error| fail(error.to_string()))
}

/// Reads a folder that [`super::save::save`] wrote.
pub fn load(folder: &Path) -> Result<Loaded, LoadError> {
    let trial: TrialFile = parse(&folder.join(TRIAL))?;
    let mut launches = Vec::new();
    let mut repeats = Vec::new();
    for (nth, file) in trial.launches.into_iter().enumerate() {
        let nth = nth + 1;
        let path = folder.join(format!("{nth}.transcript.jsonl"));
        let fail = |what: String| LoadError { file: path.clone(), what };
        let (steps, mut transcript) = lines::read(&read(&path)?).map_err(fail)?;
        transcript.condition = file.condition;
        let path = folder.join(format!("{nth}.catalog.json"));
        let catalog = if path.exists() { Some(read(&path)?) } else { None };
        let streams = if catalog.is_some() { parse(&path)? } else { Catalog::default() };
        let mut launch = Launch::new(file.operation, catalog, streams, steps, transcript);
        let path = folder.join(format!("{nth}.landed.jsonl"));
        if path.exists() {
            launch.landed = landed(&path)?;
        }
        if let [only] = &trial.members[..] {
            launch.about.clone_from(&only.about);
        }
        launches.push(launch);
        repeats.push(file.repeat);
    }
    let verdicts = folder.join(VERDICTS);
    let verdicts = if verdicts.exists() { Some(parse(&verdicts)?) } else { None };
    let evidence = Evidence {
        trial: trial.trial,
        purpose: trial.purpose,
        config_note: trial.config_note,
        members: trial.members,
        manner: trial.manner,
        explained: trial.explained,
        launches,
    };
    Ok(Loaded { evidence, facts: trial.facts, verdicts, folder: folder.to_owned(), repeats })
}

fn landed(path: &Path) -> Result<Vec<Landed>, LoadError> {
    #[derive(Deserialize)]
    struct Line {
        stream: String,
        namespace: Option<String>,
        data: Option<Box<RawValue>>,
        error: Option<String>,
    }
    let mut streams: IndexMap<Descriptor, Result<Vec<String>, String>> = IndexMap::new();
    for (nth, line) in read(path)?.lines().enumerate() {
        let line: Line = serde_json::from_str(line).map_err(|error| LoadError {
            file: path.to_owned(),
            what: format!("line {}: {error}", nth + 1),
        })?;
        let stream = Descriptor { name: line.stream, namespace: line.namespace };
        let rows = streams.entry(stream).or_insert_with(|| Ok(Vec::new()));
        match (line.error, line.data) {
            (Some(error), _) => *rows = Err(error),
            (None, Some(data)) => {
                if let Ok(rows) = rows {
                    rows.push(data.get().to_owned());
                }
            }
            (None, None) => {}
        }
    }
    Ok(streams
        .into_iter()
        .map(|(stream, rows)| Landed { stream, rows: rows.map(Rows::Lines) })
        .collect())
}

impl Places for Loaded {
    fn place(&self, _: &str, launch: usize) -> (String, Option<String>) {
        let file = self.folder.join(format!("{}.transcript.jsonl", launch + 1));
        (file.display().to_string(), self.repeats.get(launch).cloned())
    }
}
