//! A subject that is an image: run in containers as the platform runs them.
//!
//! [`engine`] is the connection, [`info`] what an image says of itself ([`labels`] how it is tested),
//! [`container`] one container, [`call`] what it is asked. [`platform`] and [`attach`] are the two ways
//! of talking to it; [`reuse`] lets launches share one, [`volumes`] outlive them, and [`repeat`] tells
//! how they are made by hand. [`clean`] and [`guard`] see to it that nothing is left behind.

pub mod attach;
pub mod call;
pub mod clean;
pub mod container;
pub mod engine;
pub mod guard;
pub mod info;
pub mod labels;
pub mod platform;
pub mod repeat;
pub mod reuse;
pub mod volumes;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use super::drive::{Started, Stdin, drive};
use super::{Call, Limits};
use crate::protocol::Operation;
use crate::scenario::{Disturbance, Scenario};
use crate::subject::output::since;
use crate::transcript::{Condition, End, Output, Transcript};
use attach::Attached;
use call::{CONFIG, arguments, files, place};
use container::{Container, Recipe};
use engine::{Engine, EngineError};
use info::Info;
use platform::Folder;
use reuse::Live;
pub use volumes::Volume;
use volumes::Volumes;

/// A working directory that no image knows.
const ELSEWHERE: &str = "/touchdown-elsewhere";
/// Where a read-back finds its files.
pub const TOOL: &str = "/touchdown";
/// The user that the platform runs connectors as.
const PLATFORM_USER: &str = "1000:1000";

/// How a container is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Io {
    /// As the platform does: named pipes, under a shell.
    Platform,
    /// Through the engine's connection.
    Attach,
}

impl Io {
    /// The word for it, in flags and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Attach => "attach",
        }
    }
}

/// A way of running an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// How it is talked to.
    pub io: Io,
    /// Whether it runs in the image's own working directory, not in the platform's.
    pub own_workdir: bool,
}

/// What the user wants of containers.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Variables.
    pub env: Vec<(String, String)>,
    /// The network that they join; the engine's default if there is none.
    pub network: Option<String>,
    /// How much memory each may take, in bytes.
    pub memory: Option<u64>,
    /// Whether their root is read-only.
    pub read_only: bool,
    /// Folders that outlive a launch, for destinations that store files.
    pub volumes: Vec<Volume>,
    /// Folders in memory, with their size in bytes.
    pub tmpfs: Vec<(String, u64)>,
    /// Where folders are made for launches; the system's place if there is none.
    pub folder: Option<PathBuf>,
    /// Whether spec and check are run in one container.
    pub reuse: bool,
}

impl Settings {
    fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(std::env::temp_dir)
    }
}

/// An image under test.
#[derive(Debug)]
pub struct Image {
    engine: Arc<Engine>,
    info: Info,
    settings: Settings,
    way: RwLock<Way>,
    /// How long its slowest spec or check has taken so far: a start takes less, and for as long
    /// nothing can come back.
    slowest: Mutex<Duration>,
    /// The container that spec and check share, where that is wanted.
    live: Mutex<Option<Live>>,
    /// The volumes that are there.
    open: Volumes,
    /// Whether a folder of ours is seen in its containers.
    sees_folders: OnceLock<bool>,
}

impl Image {
    /// An image, run the platform's way until another is set.
    #[must_use]
    pub fn new(engine: Arc<Engine>, info: Info, settings: Settings) -> Self {
        Self {
            engine,
            info,
            settings,
            way: RwLock::new(Way { io: Io::Platform, own_workdir: false }),
            slowest: Mutex::default(),
            live: Mutex::default(),
            open: Volumes::default(),
            sees_folders: OnceLock::new(),
        }
    }

    /// An image that a read-back runs in, on the same network and with the same volumes. It gets
    /// these variables.
    #[must_use]
    pub fn for_reading(&self, info: Info, env: Vec<(String, String)>) -> Self {
        let settings = Settings { env, ..self.settings.clone() };
        Self::new(Arc::clone(&self.engine), info, settings)
    }

    /// The engine that it is run by.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// As the user named it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// What it says of itself.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// How it is run.
    #[must_use]
    pub fn way(&self) -> Way {
        *self.way.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs it in this way from now on.
    pub fn set_way(&self, way: Way) {
        *self.way.write().unwrap_or_else(PoisonError::into_inner) = way;
    }

    /// Takes it for run in the way that is tried first, before any was; `wanted` is what the user
    /// says of it.
    pub fn assume(&self, wanted: Option<Io>) {
        let is_attached = match wanted {
            Some(io) => io == Io::Attach,
            None => self.info.says_attach() || self.info.airbyte_entrypoint.is_none(),
        };
        let io = if is_attached { Io::Attach } else { Io::Platform };
        self.set_way(Way { io, own_workdir: false });
    }

    /// Launches it once. A program that cannot be started is told as a shell would tell of it:
    /// under another condition it may be there.
    pub fn launch(
        &self,
        call: Call,
        condition: Condition,
        stdin: Stdin,
        limits: Limits,
    ) -> Result<Transcript, EngineError> {
        let began = Instant::now();
        let launched = self.launch_usual(call, condition, stdin, limits);
        let mut transcript = match launched {
            Err(ref error @ EngineError::Program { ref program, what, .. })
                if program != "sh" || condition != Condition::Usual =>
            {
                let at = since(began);
                let stderr = vec![Output { at, bytes: error.to_string().into_bytes() }];
                let end = End { exited: at, code: Some(what.exit_code()), ..End::default() };
                Transcript { stderr, end, ..Transcript::default() }
            }
            launched => launched?,
        };
        transcript.condition = condition;
        Ok(transcript)
    }

    fn launch_usual(
        &self,
        call: Call,
        condition: Condition,
        stdin: Stdin,
        mut limits: Limits,
    ) -> Result<Transcript, EngineError> {
        let way = self.way();
        if stdin.has(|d| matches!(d, Disturbance::CutNetwork(_))) {
            // Whoever comes back to a network gets the lowest address that is free.
            self.engine.wait_for_removals();
        }
        let io = match (way.io, condition.swaps_process_one()) {
            // Under the shell it is not process 1; attached to, it is.
            (Io::Platform, true) => Io::Attach,
            (io, _) => io,
        };
        let mut recipe = self.recipe(call, condition, way);
        let place = place(call.operation);
        if self.shares(call.operation) && io == Io::Platform && condition == Condition::Usual {
            return self.launch_in_live(call, recipe, stdin, limits);
        }
        // The script says so itself where it does not see the folder.
        let seen = io == Io::Platform || self.sees_folders();
        let folder =
            seen.then(|| Folder::new(&self.settings.folder(), &files(call)?)).transpose()?;
        if let Some(folder) = &folder {
            recipe.binds.push(folder.bound_to(place));
            if condition.is_elsewhere() {
                recipe.binds.push(folder.bound_to(ELSEWHERE));
            }
        }
        let limited = recipe.memory.is_some();
        let permit = self.engine.block(self.engine.starts().acquire_owned());
        let driven = if let (Io::Platform, Some(folder)) = (io, &folder) {
            folder.make_pipes()?;
            recipe.entrypoint = Some(vec!["sh".into(), "-c".into(), platform::SCRIPT.into()]);
            recipe.args = vec![place.into(), arguments(call, place).join(" ")];
            let container = self.container(recipe, "sh")?;
            let (running, started, began) = platform::start(container, folder, limited)?;
            drop(permit);
            drive(&running, started, stdin, limits, began)
        } else {
            recipe.attached = true;
            recipe.args = arguments(call, place);
            recipe.init = condition.swaps_process_one() && way.io == Io::Attach;
            let program = self.info.entrypoint.first().map_or("the entrypoint", String::as_str);
            let container = self.container(recipe, program)?;
            if folder.is_none() {
                let mut put = vec![(format!("{place}/"), Vec::new())];
                put.extend(condition.is_elsewhere().then(|| (format!("{ELSEWHERE}/"), Vec::new())));
                put.extend(files(call)?.into_iter().map(|(n, b)| (format!("{place}/{n}"), b)));
                container.put("/", &put)?;
            }
            let (running, started, began) = attach::start(&self.engine, container, limited)?;
            drop(permit);
            // How much it has read cannot be seen through the engine: a slow start must not be
            // taken for silence.
            limits.gate += *self.slowest.lock().unwrap_or_else(PoisonError::into_inner);
            drive(&running, started, stdin, limits, began)
        };
        let transcript = driven.map_err(say("running the container"))?;
        if call.operation != Operation::Write {
            let mut slowest = self.slowest.lock().unwrap_or_else(PoisonError::into_inner);
            *slowest = slowest.max(Duration::from_micros(transcript.end.exited));
        }
        Ok(transcript)
    }

    /// Whether a folder of this machine is seen in containers: it is not where the engine is
    /// elsewhere, or we are in a container ourselves. It is looked for once.
    fn sees_folders(&self) -> bool {
        let look = || -> Result<bool, EngineError> {
            let folder = Folder::new(&self.settings.folder(), &[(CONFIG, Vec::new())])?;
            let recipe = Recipe {
                image: self.info.name.clone(),
                // It is never started.
                entrypoint: Some(vec!["/".to_owned()]),
                binds: vec![folder.bound_to(TOOL)],
                ..Recipe::default()
            };
            let container = Container::new(&self.engine, recipe, "a container")?;
            Ok(container.has(&format!("{TOOL}/{CONFIG}")))
        };
        *self.sees_folders.get_or_init(|| look().unwrap_or(false))
    }

    /// Whether launches of this operation share a container.
    fn shares(&self, operation: Operation) -> bool {
        self.settings.reuse && operation != Operation::Write
    }

    /// In words, how it is run.
    #[must_use]
    pub fn how(&self) -> String {
        let Way { io, own_workdir } = self.way();
        let mut how = match io {
            Io::Platform => "run as the platform does, on pipes under a shell".to_owned(),
            Io::Attach => "run by attaching to its containers".to_owned(),
        };
        if own_workdir {
            how.push_str(", in its own working directory");
        }
        if self.settings.reuse && io == Io::Platform {
            how.push_str("; spec and check share a container (--reuse), which is no clean room");
        }
        how
    }

    fn recipe(&self, call: Call, condition: Condition, way: Way) -> Recipe {
        let Settings { network, memory, read_only, tmpfs, .. } = self.settings.clone();
        let elsewhere = condition.is_elsewhere();
        let workdir = match way.own_workdir {
            _ if elsewhere => Some(ELSEWHERE.to_owned()),
            true => None,
            false => Some(place(call.operation).to_owned()),
        };
        let unprivileged = condition.is_unprivileged();
        // A folder in memory that stands in for one of the image's is root's, whatever its mode.
        let owner = if unprivileged { Some(PLATFORM_USER) } else { self.info.user.as_deref() };
        let offline = condition.is_offline().then(|| "none".to_owned());
        Recipe {
            image: self.info.name.clone(),
            env: self.environment(call),
            workdir,
            user: unprivileged.then(|| PLATFORM_USER.to_owned()),
            unprivileged,
            network: offline.or(network),
            volumes: self.volumes(unprivileged),
            tmpfs,
            memory,
            read_only,
            tmpfs_owner: owner.map(str::to_owned),
            ..Recipe::default()
        }
    }

    /// The platform's variables, the user's, and the launch's. Of two of the same name only the
    /// last is there: which one counts would be anybody's guess.
    fn environment(&self, call: Call) -> Vec<String> {
        let platform = [
            ("WORKER_JOB_ID", "1"),
            ("WORKER_JOB_ATTEMPT", "0"),
            ("WORKER_CONNECTOR_IMAGE", &self.info.name),
            ("USE_STREAM_CAPABLE_STATE", "true"),
            ("DATA_CHANNEL_MEDIUM", "STDIO"),
            ("DATA_CHANNEL_FORMAT", "JSONL"),
            ("DEPLOYMENT_MODE", "OSS"),
            ("AIRBYTE_VERSION", "dev"),
        ];
        let given = self.settings.env.iter().chain(&call.manner.env);
        let given = given.map(|(key, value)| (key.as_str(), value.as_str()));
        let all: IndexMap<&str, &str> = platform.into_iter().chain(given).collect();
        all.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// Why something that a scenario asks for cannot be done to it, in words.
    #[must_use]
    pub fn cannot_bear(&self, scenario: &Scenario) -> Option<String> {
        let closes = scenario.disturbances().any(|d| d == Disturbance::CloseOutput);
        if closes && self.way().io == Io::Attach {
            return Some(
                "closes the output, and a container that is attached to does not notice: the image \
                 has to be run as the platform does"
                    .to_owned(),
            );
        }
        let is_bounded = self.settings.volumes.iter().any(|volume| volume.size.is_some());
        (scenario.full_disk && !is_bounded).then(|| {
            "needs a disk that gets full: give a volume with a size, as --volume /data=20m"
                .to_owned()
        })
    }

    /// The run's volumes. Another user has volumes of its own: files of the first one's are none
    /// that it may write to.
    fn volumes(&self, unprivileged: bool) -> Vec<(String, Volume)> {
        let whose = if unprivileged { "_unprivileged" } else { "" };
        let name = |nth| format!("{}{whose}_{nth}", self.engine.run.id);
        let folders = self.settings.volumes.iter().enumerate();
        folders.map(|(nth, volume)| (name(nth), volume.clone())).collect()
    }

    /// Starts another command in the image, with its network and volumes, and without input: a
    /// read-back. `files` are names below [`TOOL`], and the files that are to be there.
    pub fn start_tool(
        &self,
        words: Vec<String>,
        files: &[(String, PathBuf)],
    ) -> Result<(Attached, Started), EngineError> {
        let mut words = words.into_iter();
        let program = words.next().unwrap_or_default();
        let mut recipe = Recipe {
            image: self.info.name.clone(),
            entrypoint: Some(vec![program.clone()]),
            args: words.collect(),
            env: self.settings.env.iter().map(|(key, value)| format!("{key}={value}")).collect(),
            network: self.settings.network.clone(),
            volumes: self.volumes(false),
            attached: true,
            ..Recipe::default()
        };
        let mut given = Vec::new();
        for (name, file) in files {
            let bytes = fs::read(file).map_err(say("reading a file to be read back"))?;
            given.push((name.as_str(), bytes));
        }
        let seen = self.sees_folders();
        let folder = seen.then(|| Folder::new(&self.settings.folder(), &given)).transpose()?;
        recipe.binds.extend(folder.as_ref().map(|folder| folder.bound_to(TOOL)));
        let permit = self.engine.block(self.engine.starts().acquire_owned());
        let container = self.container(recipe, &program)?;
        if !seen {
            let put = given.into_iter().map(|(name, bytes)| (format!("{TOOL}/{name}"), bytes));
            container.put("/", &put.collect::<Vec<_>>())?;
        }
        let (attached, started, _) = attach::start(&self.engine, container, false)?;
        drop(permit);
        Ok((attached.with(folder), started))
    }

    fn container(&self, recipe: Recipe, program: &str) -> Result<Container, EngineError> {
        self.open.container(&self.engine, recipe, program)
    }
}

fn say(what: &'static str) -> impl Fn(std::io::Error) -> EngineError + Copy {
    move |error| EngineError::Io { what: what.to_owned(), error }
}
