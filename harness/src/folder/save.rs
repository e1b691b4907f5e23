//! Saving a trial's evidence.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::Value;

use super::{LaunchFile, TRIAL, TrialFile, VERDICTS, Verdicts, lines};
use crate::event::Row;
use crate::evidence::{Evidence, Facts, Launch};
use crate::scenario::Step;

/// Saves a trial; `repeat` gives the shell line of each launch.
pub fn save(
    folder: &Path,
    evidence: &Evidence,
    facts: &Facts,
    config: Option<&Value>,
    rows: &[&Row],
    repeat: &dyn Fn(usize) -> String,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let launches = 0..evidence.launches.len();
    let trial = TrialFile {
        touchdown: env!("CARGO_PKG_VERSION").to_owned(),
        trial: evidence.trial.clone(),
        purpose: evidence.purpose,
        config_note: evidence.config_note.clone(),
        members: evidence.members.clone(),
        manner: evidence.manner.clone(),
        explained: evidence.explained,
        facts: facts.clone(),
        launches: launches
            .clone()
            .map(|nth| LaunchFile {
                operation: evidence.launches[nth].operation,
                condition: evidence.launches[nth].transcript.condition,
                repeat: repeat(nth),
            })
            .collect(),
    };
    write_json(&folder.join(TRIAL), &trial)?;
    if let Some(config) = config {
        write_json(&folder.join("config.json"), config)?;
    }
    let results = rows.iter().map(|row| (*row).clone()).collect();
    write_json(&folder.join(VERDICTS), &Verdicts { results })?;
    let mut script = "#!/bin/sh\n# Repeats what touchdown did, without touchdown.\n".to_owned();
    for nth in launches {
        script.push_str(&repeat(nth));
        script.push('\n');
        save_launch(folder, nth + 1, &evidence.launches[nth])?;
    }
    fs::write(folder.join("repeat.sh"), script)
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
        let stream = Value::from(landed.stream.name.as_str());
        let namespace = serde_json::to_string(&landed.stream.namespace)?;
        let head = format!(r#"{{"stream":{stream},"namespace":{namespace}"#);
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
