//! What is tested, and what belongs to it: its configs, and how it is read back.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::drive::Args;
use super::image::{self, Prepared};
use crate::config::PlanError;
use crate::readback::command::Readback;
use crate::readback::inventory::Inventory;
use crate::readback::reader::Reader;
use crate::subject::Subject;
use crate::subject::command::Command;
use crate::subject::image::guard::Guard;
use crate::subject::image::info::Info;

/// What is tested.
pub struct Target {
    /// The destination.
    pub subject: Subject,
    /// The file of the working config.
    pub config: Option<PathBuf>,
    /// The file of the unreachable config.
    pub unreachable: Option<PathBuf>,
    /// How it is read back.
    pub readback: Option<Readback>,
    /// What shows all that a user sees.
    pub inventory: Option<Inventory>,
    /// What is declared of it, but by flags.
    pub declared: Vec<String>,
    /// What cleans up after a run that cannot.
    pub guard: Option<Guard>,
}

impl Target {
    /// Finds what the flags name; `folder` takes configs of ours, `run` is the run's name.
    pub fn find(args: &Args, folder: &TempDir, run: &str) -> Result<Self, PlanError> {
        if args.reference {
            args.image.refuse_without_image()?;
            return reference(args, folder);
        }
        if let Some(name) = &args.image.image {
            return image(args, name, folder, run);
        }
        args.image.refuse_without_image()?;
        let subject = Subject::Command(command(args)?);
        let readback = readback(args)?.map(|(words, once)| {
            let words = words.into_iter().map(OsString::from).collect();
            told(args, Reader::Command(beside(args, words)), once)
        });
        let (config, unreachable) = (args.config.clone(), args.unreachable_config.clone());
        let inventory = inventory(args)?;
        let declared = Vec::new();
        Ok(Self { subject, config, unreachable, readback, inventory, declared, guard: None })
    }
}

/// The inventory's command, which runs where the user's own commands do.
fn inventory(args: &Args) -> Result<Option<Inventory>, PlanError> {
    let Some(command) = &args.inventory else { return Ok(None) };
    let words = split("--inventory", command)?.into_iter().map(OsString::from).collect();
    let reader = Reader::Command(beside(args, words));
    Ok(Some(Inventory { reader, within: Duration::from_secs_f64(args.timeout) }))
}

fn told(args: &Args, reader: Reader, once: bool) -> Readback {
    Readback { reader, once, within: Duration::from_secs_f64(args.timeout) }
}

/// A command where the user runs the destination, and in its environment.
fn beside(args: &Args, words: Vec<OsString>) -> Command {
    Command { words, workdir: args.workdir.clone(), env: args.env.clone() }
}

fn command(args: &Args) -> Result<Command, PlanError> {
    let words = if let Some(command) = &args.command {
        split("--command", command)?.into_iter().map(OsString::from).collect()
    } else if args.words.is_empty() {
        return Err(PlanError::Other(
            "what is to be tested? give --command \"CMD …\", -- CMD ARG…, --image IMAGE, or \
             --reference"
                .to_owned(),
        ));
    } else {
        args.words.clone()
    };
    Ok(beside(args, words))
}

/// The read-back's words, and whether it is called once a sync.
fn readback(args: &Args) -> Result<Option<(Vec<String>, bool)>, PlanError> {
    if let Some(command) = &args.readback_once {
        return Ok(Some((split("--readback-once", command)?, true)));
    }
    let Some(command) = &args.readback else { return Ok(None) };
    Ok(Some((split("--readback", command)?, false)))
}

fn split(flag: &'static str, words: &str) -> Result<Vec<String>, PlanError> {
    let split = shell_words::split(words)
        .map_err(|_| PlanError::Words { flag, words: words.to_owned() })?;
    if split.is_empty() {
        return Err(PlanError::Other(format!("{flag} is empty")));
    }
    Ok(split)
}

/// The reference destination: it is in our own program.
fn reference(args: &Args, folder: &TempDir) -> Result<Target, PlanError> {
    let own = std::env::current_exe()
        .map_err(|error| PlanError::Other(format!("our own program is not found: {error}")))?;
    let mut words = vec![own.into_os_string(), "reference".into()];
    let subject = Command { words: words.clone(), workdir: None, env: args.env.clone() };
    words.push("read".into());
    // Reading back is not what is tested: it gets no fault.
    let reader = |words| Reader::Command(Command { words, workdir: None, env: Vec::new() });
    let mut all = words.clone();
    all.push("--inventory".into());
    let within = Duration::from_secs_f64(args.timeout);
    let inventory = Inventory { reader: reader(all), within };
    let write = |name: &str, database: &str| {
        let path = folder.path().join(name);
        let config = json!({
            "path": folder.path().join(database),
            "passphrase": "correct horse battery staple",
            "flush": {"batch_records": 10_000},
        });
        let written = std::fs::write(&path, config.to_string());
        written.map(|()| path).map_err(|error| PlanError::Other(error.to_string()))
    };
    Ok(Target {
        subject: Subject::Command(subject),
        // It works, and has a secret in it.
        config: Some(write("config.json", "reference.sqlite")?),
        // It fits the spec, and points nowhere.
        unreachable: Some(write("unreachable.json", "no/such/folder/reference.sqlite")?),
        readback: Some(told(args, reader(words), true)),
        inventory: Some(inventory),
        declared: ["refreshes", "unknown-streams=failed", "numbers=exact"]
            .map(str::to_owned)
            .into(),
        guard: None,
    })
}

/// An image, with what its labels bring where no flag says otherwise.
fn image(args: &Args, name: &str, folder: &TempDir, run: &str) -> Result<Target, PlanError> {
    let Prepared { image, guard, config, unreachable } =
        image::prepare(&args.image, name, &args.env, run, folder.path())?;
    let readback = match (readback(args)?, &args.image.readback_image) {
        (Some((words, once)), Some(other)) => {
            let info = Info::of(image.engine(), other, &image::pulling)?;
            let image = Arc::new(image.for_reading(info, args.env.clone()));
            Some((Reader::Image { image, words }, once))
        }
        (Some((words, once)), None) => {
            let words = words.into_iter().map(OsString::from).collect();
            Some((Reader::Command(Command { words, workdir: None, env: args.env.clone() }), once))
        }
        (None, Some(_)) => {
            return Err(PlanError::Other(
                "--readback-image says where, but not what: give --readback or --readback-once"
                    .to_owned(),
            ));
        }
        (None, None) => match image.info().says_readback() {
            Some((command, once)) => {
                let label = if once {
                    "the label touchdown.readback-once"
                } else {
                    "the label touchdown.readback"
                };
                let words = split(label, command)?;
                // Reading back is not what is tested: it gets no fault.
                let image = Arc::new(image.for_reading(image.info().clone(), Vec::new()));
                Some((Reader::Image { image, words }, once))
            }
            None => None,
        },
    };
    let declared = image.info().says_declared();
    let inventory = match (inventory(args)?, image.info().says_inventory()) {
        (None, Some(command)) => {
            let words = split("the label touchdown.inventory", command)?;
            let image = Arc::new(image.for_reading(image.info().clone(), Vec::new()));
            let reader = Reader::Image { image, words };
            Some(Inventory { reader, within: Duration::from_secs_f64(args.timeout) })
        }
        (given, _) => given,
    };
    Ok(Target {
        subject: Subject::Image(image),
        config: args.config.clone().or(config),
        unreachable: args.unreachable_config.clone().or(unreachable),
        readback: readback.map(|(reader, once)| told(args, reader, once)),
        inventory,
        declared,
        guard,
    })
}
