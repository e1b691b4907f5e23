//! Running jobs: one trial each, launch after launch, reading back what has landed in between.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use super::{Listener, SessionError};
use crate::config::Plan;
use crate::event::Event;
use crate::evidence::{Evidence, Landed, Launch, Purpose};
use crate::protocol::Operation;
use crate::protocol::catalog::Catalog;
use crate::redact::Secrets;
use crate::scenario::pack::{Member, PackedSync, Trial};
use crate::subject::process::{self, Stdin};

/// One trial to be run.
pub struct Job {
    /// The trial's name.
    pub id: String,
    /// Why it is made.
    pub purpose: Purpose,
    /// Another config than the working one.
    pub config: Option<PathBuf>,
    /// What is wrong with that config.
    pub note: Option<String>,
    members: Vec<Member>,
    syncs: Vec<PackedSync>,
}

impl Job {
    /// A launch without input.
    pub fn bare(id: &str, purpose: Purpose) -> Self {
        let id = id.to_owned();
        Self { id, purpose, config: None, note: None, members: Vec::new(), syncs: Vec::new() }
    }

    /// A trial of writes.
    pub fn write(purpose: Purpose, trial: Trial) -> Self {
        let Trial { id, members, syncs } = trial;
        Self { id, purpose, config: None, note: None, members, syncs }
    }

    /// How many launches it takes.
    pub fn launches(&self) -> usize {
        self.syncs.len().max(1)
    }
}

/// The subject's arguments for an operation.
pub fn arguments(
    operation: Operation,
    config: Option<&Path>,
    catalog: Option<&Path>,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![operation.name().into()];
    if let Some(config) = config {
        args.extend(["--config".into(), config.into()]);
    }
    if let Some(catalog) = catalog {
        args.extend(["--catalog".into(), catalog.into()]);
    }
    args
}

/// Launches the subject and reads back what has landed.
pub struct Runner<'a> {
    plan: &'a Plan,
    listener: &'a Listener<'a>,
    /// Catalogs, configs and landed rows, for as long as the run lasts.
    folder: TempDir,
    secrets: RwLock<Secrets>,
    launches: AtomicUsize,
    planned: AtomicUsize,
}

impl<'a> Runner<'a> {
    /// A runner with a folder of its own for what the subject is given.
    pub fn new(plan: &'a Plan, listener: &'a Listener<'a>) -> Result<Self, SessionError> {
        let folder = tempfile::Builder::new().prefix("touchdown-").tempdir().map_err(|error| {
            SessionError::Io { what: "making a temporary folder".to_owned(), error }
        })?;
        Ok(Self {
            plan,
            listener,
            folder,
            secrets: RwLock::default(),
            launches: AtomicUsize::new(0),
            planned: AtomicUsize::new(0),
        })
    }

    /// Tells that so many more launches are planned.
    pub fn plan(&self, more: usize) {
        let planned = self.planned.fetch_add(more, Ordering::SeqCst) + more;
        (self.listener)(&Event::Planned(planned));
    }

    /// How often the subject was launched.
    pub fn launches(&self) -> usize {
        self.launches.load(Ordering::SeqCst)
    }

    /// Replaces these secrets in all output from now on.
    pub fn know(&self, secrets: Secrets) {
        if let Ok(mut known) = self.secrets.write() {
            *known = secrets;
        }
    }

    /// The config without its secrets.
    pub fn redacted(&self, config: &Value) -> Value {
        self.secrets.read().map_or(Value::Null, |secrets| secrets.config(config))
    }

    /// Writes a config file of ours.
    pub fn write_config(&self, id: &str, config: &Value) -> Result<PathBuf, SessionError> {
        let path = self.folder.path().join(format!("{id}.json"));
        fs::write(&path, config.to_string()).map_err(|error| SessionError::Io {
            what: format!("writing {}", path.display()),
            error,
        })?;
        Ok(path)
    }

    /// Runs a job. The error is that the subject could not be started, in words.
    pub fn run(&self, job: Job) -> Result<Evidence, String> {
        let Job { id, purpose, config, note, members, syncs } = job;
        let mut launches: Vec<Launch> = Vec::new();
        if syncs.is_empty() {
            launches.push(self.bare(&id, purpose, config.as_deref())?);
        }
        let total = syncs.len();
        for (nth, sync) in syncs.into_iter().enumerate() {
            let what = if total > 1 { format!("{id} {}/{total}", nth + 1) } else { id.clone() };
            let mut launch = self.sync(&what, &format!("{id}-{nth}"), sync, config.as_deref())?;
            // After a failed sync nobody can say what has to be there.
            let stop = !launch.succeeded() && !launch.everything_came();
            if purpose == Purpose::Write && !stop {
                launch.landed = self.read_back(&id, nth, &members);
            }
            launches.push(launch);
            if stop {
                break;
            }
        }
        Ok(Evidence { trial: id, purpose, config_note: note, members, launches })
    }

    fn bare(&self, id: &str, purpose: Purpose, config: Option<&Path>) -> Result<Launch, String> {
        let operation = purpose.operation();
        let config = match operation {
            Operation::Spec => None,
            _ => config.or(self.plan.config.as_ref().map(|config| config.path.as_path())),
        };
        let args = arguments(operation, config, None);
        let stdin = match purpose {
            Purpose::SpecInputHeldOpen => Stdin::HeldOpen,
            _ => Stdin::Steps(&[]),
        };
        let transcript = self.launch(id, &args, stdin)?;
        Ok(Launch::new(operation, None, Catalog::default(), Vec::new(), transcript))
    }

    fn sync(
        &self,
        what: &str,
        file: &str,
        sync: PackedSync,
        config: Option<&Path>,
    ) -> Result<Launch, String> {
        let catalog = self.folder.path().join(format!("{file}.catalog.json"));
        fs::write(&catalog, &sync.catalog)
            .map_err(|error| format!("writing {}: {error}", catalog.display()))?;
        let config = config.or(self.plan.config.as_ref().map(|config| config.path.as_path()));
        let args = arguments(Operation::Write, config, Some(&catalog));
        let transcript = self.launch(what, &args, Stdin::Steps(&sync.steps))?;
        let PackedSync { catalog, streams, steps } = sync;
        Ok(Launch::new(Operation::Write, Some(catalog), streams, steps, transcript))
    }

    fn launch(
        &self,
        what: &str,
        args: &[OsString],
        stdin: Stdin,
    ) -> Result<crate::transcript::Transcript, String> {
        self.launches.fetch_add(1, Ordering::SeqCst);
        (self.listener)(&Event::Launched { what });
        let launched = process::launch(&self.plan.subject, args, stdin, self.plan.limits);
        (self.listener)(&Event::Landed);
        let mut transcript = launched.map_err(|error| {
            let shown = self.plan.subject.shown();
            match error.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("`{shown}` could not be started: no such command, or no such --workdir")
                }
                _ => format!("`{shown}` could not be started: {error}"),
            }
        })?;
        if let Ok(secrets) = self.secrets.read() {
            secrets.redact(&mut transcript);
        }
        Ok(transcript)
    }

    fn read_back(&self, id: &str, nth: usize, members: &[Member]) -> Vec<Landed> {
        let (Some(readback), Some(config)) = (&self.plan.readback, &self.plan.config) else {
            return Vec::new();
        };
        let secrets = self.secrets.read().map(|secrets| secrets.clone()).unwrap_or_default();
        members
            .iter()
            .filter(|member| nth < member.syncs)
            .flat_map(|member| &member.streams)
            .enumerate()
            .map(|(at, stream)| {
                let into = self.folder.path().join(format!("{id}-{nth}-{at}.landed.jsonl"));
                readback.read(&config.path, stream, &into, &secrets)
            })
            .collect()
    }
}
