//! Saving a trial's evidence.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::Value;

use super::script::{EXPECTED, SCRIPT, STREAMS};
use super::{LaunchFile, TRIAL, TrialFile, VERDICTS, Verdicts, lines};
use crate::event::Row;
use crate::evidence::{Evidence, Facts, Launch, Purpose};
use crate::model::{self, Input};
use crate::protocol::message::Descriptor;
use crate::scenario::Step;

/// How a trial is repeated without us.
#[derive(Debug, Default)]
pub struct Repeat {
    /// The shell line of each launch.
    pub lines: Vec<String>,
    /// The script.
    pub script: String,
}

/// Saves a trial.
pub fn save(
    folder: &Path,
    evidence: &Evidence,
    facts: &Facts,
    config: Option<&Value>,
    rows: &[&Row],
    repeat: &Repeat,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let line = |nth: usize| repeat.lines.get(nth).cloned().unwrap_or_default();
    let trial = TrialFile {
        touchdown: env!("CARGO_PKG_VERSION").to_owned(),
        trial: evidence.trial.clone(),
        purpose: evidence.purpose,
        config_note: evidence.config_note.clone(),
        members: evidence.members.clone(),
        manner: evidence.manner.clone(),
        explained: evidence.explained,
        facts: facts.clone(),
        launches: (evidence.launches.iter().enumerate())
            .map(|(nth, launch)| LaunchFile {
                operation: launch.operation,
                condition: launch.transcript.condition,
                repeat: line(nth),
            })
            .collect(),
    };
    write_json(&folder.join(TRIAL), &trial)?;
    if let Some(config) = config {
        write_json(&folder.join("config.json"), config)?;
    }
    let results = rows.iter().map(|row| (*row).clone()).collect();
    write_json(&folder.join(VERDICTS), &Verdicts { results })?;
    for (nth, launch) in evidence.launches.iter().enumerate() {
        save_launch(folder, nth + 1, launch)?;
    }
    let streams: Vec<&Descriptor> =
        evidence.members.iter().flat_map(|member| &member.streams).collect();
    if !streams.is_empty() {
        let lines = streams.iter().map(|stream| format!("{}}}\n", stream.head()));
        fs::write(folder.join(STREAMS), lines.collect::<String>())?;
    }
    // Of syncs that may fail it is not known.
    if evidence.purpose == Purpose::Write {
        save_expected(&folder.join(EXPECTED), &streams, &evidence.launches)?;
    }
    fs::write(folder.join(SCRIPT), &repeat.script)
}

fn save_expected(path: &Path, streams: &[&Descriptor], launches: &[Launch]) -> io::Result<()> {
    let syncs: Vec<Input> =
        launches.iter().map(|launch| (&launch.streams, launch.steps.as_slice())).collect();
    let mut file = BufWriter::new(File::create(path)?);
    for stream in streams {
        let head = stream.head();
        for (row, _) in model::expected(stream, &syncs).rows() {
            writeln!(file, r#"{head},"data":{row}}}"#)?;
        }
    }
    file.flush()
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(&mut file, value)?;
    file.write_all(b"\n")?;
    file.flush()
}

fn save_launch(folder: &Path, nth: usize, launch: &Launch) -> io::Result<()> {
    let create = |name: &str| -> io::Result<_> {
        Ok(BufWriter::with_capacity(256 << 10, File::create(folder.join(format!("{nth}.{name}")))?))
    };
    let mut transcript = create("transcript.jsonl")?;
    lines::write(launch, &mut transcript)?;
    transcript.flush()?;
    let Some(catalog) = &launch.catalog else {
        return Ok(());
    };
    fs::write(folder.join(format!("{nth}.catalog.json")), catalog)?;
    let mut messages = create("messages.jsonl")?;
    for step in &launch.steps {
        match step {
            Step::Message(sent) => writeln!(messages, "{}", sent.line)?,
            Step::Bulk(bulk) => bulk.write(|bytes, _| messages.write_all(bytes))?,
            Step::Raw(text) => messages.write_all(text.as_bytes())?,
            Step::Gate | Step::Disturb(_) | Step::Pace(_) | Step::Replay => {}
        }
    }
    messages.flush()?;
    let mut rows = create("landed.jsonl")?;
    for landed in &launch.landed {
        let head = landed.stream.head();
        match &landed.rows {
            Err(why) => writeln!(rows, r#"{head},"error":{}}}"#, Value::from(why.as_str()))?,
            Ok(landed) => {
                // A stream without rows was read all the same.
                writeln!(rows, "{head}}}")?;
                let mut failed = None;
                landed.for_each(|row| {
                    if let Err(error) = writeln!(rows, r#"{head},"data":{row}}}"#) {
                        failed = Some(error);
                    }
                })?;
                if let Some(error) = failed {
                    return Err(error);
                }
            }
        }
    }
    rows.flush()
}
