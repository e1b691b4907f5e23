//! Running jobs: one trial each, launch after launch, reading back what has landed in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::{Listener, SessionError, replay};
use crate::config::Plan;
use crate::event::Event;
use crate::evidence::{Evidence, Landed, Launch, Purpose, Rows};
use crate::protocol::Operation;
use crate::protocol::catalog::Catalog;
use crate::redact::Secrets;
use crate::scenario::pack::{Manner, Member, PackedSync, Trial};
use crate::subject::drive::Stdin;
use crate::subject::{Call, INTERRUPTED, LaunchError};
use crate::transcript::{Condition, Transcript};

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
    manner: Manner,
}

impl Job {
    /// A launch without input.
    pub fn bare(id: &str, purpose: Purpose) -> Self {
        let trial = Trial { id: id.to_owned(), ..Trial::default() };
        Self::write(purpose, trial)
    }

    /// A trial of syncs, which need not succeed where it breaks them.
    pub fn syncs(trial: Trial) -> Self {
        let purpose = if trial.manner.breaks { Purpose::WriteBroken } else { Purpose::Write };
        Self::write(purpose, trial)
    }

    /// A trial of writes.
    pub fn write(purpose: Purpose, trial: Trial) -> Self {
        let Trial { id, members, syncs, manner } = trial;
        Self { id, purpose, config: None, note: None, members, syncs, manner }
    }

    /// How many launches it takes.
    pub fn launches(&self) -> usize {
        self.syncs.len().max(1)
    }
}

/// A trial, as its launches need it.
pub struct Trialled<'a> {
    /// Its name.
    pub id: &'a str,
    /// Why it is made.
    pub purpose: Purpose,
    /// Another config than the working one.
    pub config: Option<&'a Path>,
    /// How its launches differ from the usual.
    pub manner: &'a Manner,
    /// What is unusual about the image's container.
    pub condition: Condition,
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
        let folder =
            tempfile::Builder::new().prefix("run-").tempdir_in(&plan.folder).map_err(|error| {
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

    /// Runs a job. The error is that the subject could not be started, or not be seen to its end.
    pub fn run(&self, job: Job) -> Result<Evidence, LaunchError> {
        let Job { id, purpose, config, note, members, syncs, manner } = job;
        let trial = Trialled {
            id: &id,
            purpose,
            config: config.as_deref(),
            manner: &manner,
            condition: Condition::Usual,
        };
        let mut launches = if syncs.is_empty() {
            let stdin = match purpose {
                Purpose::SpecInputHeldOpen => Stdin::HeldOpen,
                _ => Stdin::Steps(&[]),
            };
            let operation = purpose.operation();
            vec![self.bare(&id, operation, trial.config, stdin, Condition::Usual)?]
        } else if manner.at_once {
            self.at_once(&trial, &members, syncs)?
        } else {
            self.in_turn(&trial, &members, syncs)?
        };
        if let [only] = &members[..] {
            for launch in &mut launches {
                launch.about.clone_from(&only.about);
            }
        }
        Ok(Evidence {
            trial: id,
            purpose,
            config_note: note,
            members,
            launches,
            manner,
            explained: false,
        })
    }

    /// Removes what a trial was given, and what was read back of it.
    pub fn forget(&self, evidence: &Evidence) {
        for (nth, launch) in evidence.launches.iter().enumerate() {
            let given = ["catalog.json", "streams.jsonl"]
                .map(|end| self.folder.path().join(format!("{}-{nth}.{end}", evidence.trial)));
            let landed = launch.landed.iter().filter_map(|landed| match &landed.rows {
                Ok(Rows::File(file)) => Some(file.clone()),
                _ => None,
            });
            for file in landed.chain(given) {
                // What is left takes room until the run is over, and that is all.
                let _ = fs::remove_file(file);
            }
        }
    }

    /// Syncs one after the other, until one fails that had to succeed.
    fn in_turn(
        &self,
        trial: &Trialled,
        members: &[Member],
        syncs: Vec<PackedSync>,
    ) -> Result<Vec<Launch>, LaunchError> {
        let id = trial.id;
        let mut launches: Vec<Launch> = Vec::new();
        let total = syncs.len();
        for (nth, mut sync) in syncs.into_iter().enumerate() {
            if sync.replays()
                && let Some(before) = launches.last()
            {
                sync = sync.replaying(&replay::missed(before)).map_err(|error| {
                    LaunchError::Failed(format!("what {id} has to send again: {error}"))
                })?;
            }
            let what = if total > 1 { format!("{id} {}/{total}", nth + 1) } else { id.to_owned() };
            let mut launch = self.sync(&what, &format!("{id}-{nth}"), sync, trial)?;
            // After a failed sync nobody can say what has to be there.
            let stop = launch.failed();
            let breaks = trial.purpose == Purpose::WriteBroken;
            if breaks || trial.purpose == Purpose::Write && !stop {
                launch.landed = self.read_back(id, nth, members);
            }
            launches.push(launch);
            if stop && !breaks || INTERRUPTED.load(Ordering::SeqCst) {
                break;
            }
        }
        Ok(launches)
    }

    /// Syncs at the same time; what has landed is read back once all are over.
    fn at_once(
        &self,
        trial: &Trialled,
        members: &[Member],
        syncs: Vec<PackedSync>,
    ) -> Result<Vec<Launch>, LaunchError> {
        let id = trial.id;
        let total = syncs.len();
        let ended: Vec<Result<Launch, LaunchError>> = thread::scope(|scope| {
            let started: Vec<_> = syncs
                .into_iter()
                .enumerate()
                .map(|(nth, sync)| {
                    let what = format!("{id} {}/{total}", nth + 1);
                    scope.spawn(move || self.sync(&what, &format!("{id}-{nth}"), sync, trial))
                })
                .collect();
            let lost = || Err(LaunchError::Failed("a launch was not seen to its end".to_owned()));
            started.into_iter().map(|sync| sync.join().unwrap_or_else(|_| lost())).collect()
        });
        let mut launches = ended.into_iter().collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = launches.last_mut() {
            last.landed = self.read_back(id, total - 1, members);
        }
        Ok(launches)
    }

    /// A launch without a catalog: spec or check.
    pub fn bare(
        &self,
        what: &str,
        operation: Operation,
        config: Option<&Path>,
        stdin: Stdin,
        condition: Condition,
    ) -> Result<Launch, LaunchError> {
        let config = match operation {
            Operation::Spec => None,
            _ => config.or(self.plan.config.as_ref().map(|config| config.path.as_path())),
        };
        let call = Call { operation, config, catalog: None, manner: &Manner::default() };
        let transcript = self.launch(what, call, condition, stdin)?;
        Ok(Launch::new(operation, None, Catalog::default(), Vec::new(), transcript))
    }

    /// A launch of `write`; `file` names the files that it is given.
    pub fn sync(
        &self,
        what: &str,
        file: &str,
        sync: PackedSync,
        trial: &Trialled,
    ) -> Result<Launch, LaunchError> {
        let catalog = self.folder.path().join(format!("{file}.catalog.json"));
        fs::write(&catalog, &sync.catalog).map_err(|error| {
            LaunchError::Failed(format!("writing {}: {error}", catalog.display()))
        })?;
        let working = self.plan.config.as_ref().map(|config| config.path.as_path());
        let config = trial.config.or(working);
        let manner = trial.manner;
        let call = Call { operation: Operation::Write, config, catalog: Some(&catalog), manner };
        let transcript = self.launch(what, call, trial.condition, Stdin::Steps(&sync.steps))?;
        let PackedSync { catalog, streams, steps, .. } = sync;
        Ok(Launch::new(Operation::Write, Some(catalog), streams, steps, transcript))
    }

    fn launch(
        &self,
        what: &str,
        call: Call,
        condition: Condition,
        stdin: Stdin,
    ) -> Result<Transcript, LaunchError> {
        self.launches.fetch_add(1, Ordering::SeqCst);
        (self.listener)(&Event::Launched { what });
        let launched = self.plan.subject.launch(call, condition, stdin, self.plan.limits);
        (self.listener)(&Event::Landed);
        let mut transcript = launched?;
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
        let synced = members.iter().filter(|member| nth < member.syncs);
        let streams: Vec<_> = synced.flat_map(|member| &member.streams).collect();
        let into = self.folder.path().join(format!("{id}-{nth}"));
        readback.read(&config.path, &streams, &into, &secrets)
    }
}
