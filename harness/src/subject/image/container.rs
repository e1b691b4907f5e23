//! One container: made, started, disturbed, waited for, and removed whatever happens.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use bollard::body_full;
use bollard::container::AttachContainerResults;
use bollard::errors::Error as Bollard;
use bollard::exec::StartExecOptions;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ExecConfig, HealthConfig, HostConfig,
    HostConfigLogConfig, Mount, MountType, MountVolumeOptions, NetworkConnectRequest,
    NetworkDisconnectRequest,
};
use bollard::query_parameters::{
    AttachContainerOptions, ContainerArchiveInfoOptions, CreateContainerOptions,
    InspectContainerOptions, KillContainerOptions, RemoveContainerOptions, StartContainerOptions,
    TopOptions, UploadToContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt;

use super::Volume;
use super::engine::{Engine, EngineError, Unstartable, cause};
use crate::scenario::Disturbance;
use crate::subject::INTERRUPTED;

/// What a container is made of.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the engine's own")]
pub struct Recipe {
    /// The image.
    pub image: String,
    /// What is run in place of the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables, `K=V`.
    pub env: Vec<String>,
    /// The working directory; the image's own if there is none.
    pub workdir: Option<String>,
    /// The user; the image's own if there is none.
    pub user: Option<String>,
    /// Whether all capabilities are dropped.
    pub unprivileged: bool,
    /// Whether a small init is process 1, and the program is not.
    pub init: bool,
    /// The network; the engine's default if there is none.
    pub network: Option<String>,
    /// Folders of this machine: `/here:/there`.
    pub binds: Vec<String>,
    /// Volumes by name, with the folder that each stands for.
    pub volumes: Vec<(String, Volume)>,
    /// Folders in memory, with their size in bytes.
    pub tmpfs: Vec<(String, u64)>,
    /// The owner of these, as `id` or `id:id`.
    pub tmpfs_owner: Option<String>,
    /// How much memory it may take, in bytes.
    pub memory: Option<u64>,
    /// Whether its root is read-only.
    pub read_only: bool,
    /// Whether its streams are attached to.
    pub attached: bool,
}

/// A container, removed when it is dropped.
#[derive(Debug)]
pub struct Container {
    engine: Arc<Engine>,
    id: String,
    network: String,
    image: String,
    program: String,
}

impl Container {
    /// Makes a container; `program` is named where it cannot be started.
    pub fn new(engine: &Arc<Engine>, recipe: Recipe, program: &str) -> Result<Self, EngineError> {
        let image = recipe.image.clone();
        let network = recipe.network.clone().unwrap_or_else(|| "bridge".to_owned());
        let body = body(recipe, engine.run.labels());
        let created =
            engine.block(engine.docker().create_container(None::<CreateContainerOptions>, body));
        let created = created.map_err(|error| started_badly(engine, error, &image, program))?;
        let program = program.to_owned();
        Ok(Self { engine: Arc::clone(engine), id: created.id, network, image, program })
    }

    /// A container like another that does nothing but hold on to its volumes. It needs a shell.
    pub fn holding(engine: &Arc<Engine>, like: &Recipe) -> Result<Self, EngineError> {
        let recipe = Recipe {
            image: like.image.clone(),
            entrypoint: Some(vec!["sh".into(), "-c".into(), "read -r line".into()]),
            volumes: like.volumes.clone(),
            // Its input is never attached to: it stays open.
            attached: true,
            ..Recipe::default()
        };
        let holder = Self::new(engine, recipe, "sh (which holds a volume with a size)")?;
        holder.start()?;
        Ok(holder)
    }

    /// Whether a file is there, before the container is started.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let options = ContainerArchiveInfoOptions { path: path.to_owned() };
        let info = self.engine.docker().get_container_archive_info(&self.id, Some(options));
        self.engine.block(info).is_ok()
    }

    pub(super) fn address(&self) -> &str {
        self.engine.address()
    }

    /// Puts files below a folder before it is started; those whose path ends in a slash are folders
    /// that everybody may write to.
    pub fn put(&self, at: &str, files: &[(String, Vec<u8>)]) -> Result<(), EngineError> {
        let say = |error| EngineError::Io { what: "packing files for the container".into(), error };
        let tar = archive(files).map_err(say)?;
        let options = UploadToContainerOptions { path: at.to_owned(), ..Default::default() };
        let put = self.engine.docker().upload_to_container(
            &self.id,
            Some(options),
            body_full(tar.into()),
        );
        self.engine.block(put).map_err(|e| self.engine.error("putting files into the container", e))
    }

    /// Takes hold of its streams; before it is started, so that nothing is missed.
    pub fn attach(&self) -> Result<AttachContainerResults, EngineError> {
        let options = AttachContainerOptions {
            stdin: true,
            stdout: true,
            stderr: true,
            stream: true,
            ..Default::default()
        };
        let attached = self.engine.docker().attach_container(&self.id, Some(options));
        // Podman looks for the program as early as this.
        let attached = self.engine.block(attached);
        attached.map_err(|error| started_badly(&self.engine, error, &self.image, &self.program))
    }

    /// Starts it.
    pub fn start(&self) -> Result<(), EngineError> {
        let started = self
            .engine
            .block(self.engine.docker().start_container(&self.id, None::<StartContainerOptions>));
        started.map_err(|error| started_badly(&self.engine, error, &self.image, &self.program))
    }

    /// Runs a command in it, beside what runs there, and does not wait for it.
    pub fn exec(&self, words: &[&str], workdir: &str) -> Result<(), EngineError> {
        let docker = self.engine.docker();
        let config = ExecConfig {
            cmd: Some(words.iter().map(|word| (*word).to_owned()).collect()),
            working_dir: Some(workdir.to_owned()),
            ..ExecConfig::default()
        };
        let started = self.engine.block(async {
            let made = docker.create_exec(&self.id, config).await?;
            let options = StartExecOptions { detach: true, ..StartExecOptions::default() };
            docker.start_exec(&made.id, Some(options)).await
        });
        started.map(drop).map_err(|error| self.engine.error("running in a container", error))
    }

    /// Its exit code, once it is over; the error is that this will never be known.
    #[must_use]
    pub fn ended(&self) -> Receiver<io::Result<i32>> {
        let (sender, receiver) = mpsc::channel();
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let mut waiting = self.engine.docker().wait_container(&self.id, Some(options));
        let address = self.engine.address().to_owned();
        self.engine.spawn(async move {
            let gone = |error: String| {
                let address = address.clone();
                io::Error::other(EngineError::Gone { address, error }.to_string())
            };
            let code = match waiting.next().await {
                Some(Ok(ended)) => Ok(ended.status_code),
                // Any other code than 0 comes as an error.
                Some(Err(Bollard::DockerContainerWaitError { code, .. })) => Ok(code),
                Some(Err(error)) => Err(gone(cause(&error))),
                None => Err(gone("it hung up".to_owned())),
            };
            // Nobody listens any longer if the launch is over.
            let _ = sender.send(code.map(|code| i32::try_from(code).unwrap_or(i32::MAX)));
        });
        receiver
    }

    /// Ends it at once.
    pub fn kill(&self) {
        // It may have ended in this very moment; and where the engine is gone, waiting tells.
        let _ = self.signal("KILL");
    }

    fn signal(&self, signal: &str) -> Result<(), Bollard> {
        let options = KillContainerOptions { signal: signal.to_owned() };
        self.engine.block(self.engine.docker().kill_container(&self.id, Some(options)))
    }

    /// Does this to it, and returns once it is over.
    pub fn disturb(&self, disturbance: Disturbance) -> Result<(), EngineError> {
        let docker = self.engine.docker();
        let container = self.id.as_str();
        let done = match disturbance {
            Disturbance::Kill => self.signal("KILL"),
            Disturbance::Stop => self.signal("TERM"),
            Disturbance::Pause(millis) => self.engine.block(async {
                docker.pause_container(container).await?;
                rest(millis).await;
                docker.unpause_container(container).await
            }),
            Disturbance::CutNetwork(millis) => return self.cut_network(millis),
            // What is done to its pipes is not done here.
            Disturbance::KillAtStates(_)
            | Disturbance::BlockOutput(_)
            | Disturbance::CloseOutput => return Ok(()),
        };
        done.map_err(|error| self.engine.error("disturbing the container", error))
    }

    /// Takes its network away, and gives it back with the same address: with another one its
    /// connections would be dead for ever, which no cut of a network does.
    fn cut_network(&self, millis: u64) -> Result<(), EngineError> {
        let docker = self.engine.docker();
        let before = self.address_there();
        let cut = NetworkDisconnectRequest { container: self.id.clone(), force: Some(true) };
        let mend = NetworkConnectRequest { container: self.id.clone(), ..Default::default() };
        let done = self.engine.block(async {
            docker.disconnect_network(&self.network, cut).await?;
            rest(millis).await;
            docker.connect_network(&self.network, mend).await
        });
        done.map_err(|error| self.engine.error("cutting the container's network", error))?;
        if self.address_there() == before {
            return Ok(());
        }
        Err(EngineError::Refused {
            what: "cutting the container's network".to_owned(),
            why: "it came back with another address, which others had left meanwhile; try again \
                  with -j 1, and nothing else on that network"
                .to_owned(),
        })
    }

    /// Its address on its network.
    fn address_there(&self) -> Option<String> {
        let mut networks = self.inspected()?.network_settings?.networks?;
        networks.remove(&self.network)?.ip_address
    }

    /// The command lines of its processes; none where the engine cannot tell.
    #[must_use]
    pub fn processes(&self) -> Option<Vec<String>> {
        let options = TopOptions { ps_args: "-eo pid,stat,args".to_owned() };
        let top = self.engine.docker().top_processes(&self.id, Some(options));
        let rows = self.engine.block(top).ok()?.processes.unwrap_or_default();
        let alive =
            rows.into_iter().filter(|row| !row.get(1).is_some_and(|state| state.starts_with('Z')));
        Some(alive.filter_map(|row| row.last().cloned()).collect())
    }

    /// Whether it was ended for want of memory.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.inspected().and_then(|it| it.state?.oom_killed).unwrap_or(false)
    }

    /// What the engine knows of it; none where it cannot tell.
    fn inspected(&self) -> Option<ContainerInspectResponse> {
        let options = None::<InspectContainerOptions>;
        self.engine.block(self.engine.docker().inspect_container(&self.id, options)).ok()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let docker = self.engine.docker().clone();
        let id = std::mem::take(&mut self.id);
        self.engine.removes(async move {
            let options = RemoveContainerOptions { force: true, v: true, link: false };
            // What is left of the run is looked for once more in its end.
            let _ = docker.remove_container(&id, Some(options)).await;
        });
    }
}

fn body(recipe: Recipe, labels: HashMap<String, String>) -> ContainerCreateBody {
    let mounts = recipe.volumes.iter().map(|(name, volume)| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.clone()),
        target: Some(volume.folder.clone()),
        volume_options: Some(MountVolumeOptions {
            labels: Some(labels.clone()),
            ..Default::default()
        }),
        ..Default::default()
    });
    let memory = recipe.memory.and_then(|bytes| i64::try_from(bytes).ok());
    let tmpfs = recipe.tmpfs.iter();
    let owner = recipe.tmpfs_owner.map(|owner| match owner.split_once(':') {
        Some((user, group)) => format!(",uid={user},gid={group}"),
        None => format!(",uid={owner}"),
    });
    let owner = owner.unwrap_or_default();
    let tmpfs =
        tmpfs.map(|(folder, bytes)| (folder.clone(), format!("size={bytes},mode=1777{owner}")));
    let host = HostConfig {
        // A log of our own is kept; the engine's would cost more time than the connector.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        network_mode: recipe.network,
        binds: Some(recipe.binds),
        mounts: Some(mounts.collect()),
        tmpfs: Some(tmpfs.collect()),
        cap_drop: recipe.unprivileged.then(|| vec!["ALL".to_owned()]),
        security_opt: recipe.unprivileged.then(|| vec!["no-new-privileges".to_owned()]),
        init: Some(recipe.init),
        memory,
        // No swap: what is over the limit is over the limit.
        memory_swap: memory,
        readonly_rootfs: Some(recipe.read_only),
        ..Default::default()
    };
    ContainerCreateBody {
        image: Some(recipe.image),
        entrypoint: recipe.entrypoint,
        cmd: Some(recipe.args),
        env: Some(recipe.env),
        working_dir: recipe.workdir,
        user: recipe.user,
        labels: Some(labels),
        // What the engine would run beside the connector is none of its doing.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..Default::default()
        }),
        open_stdin: Some(recipe.attached),
        stdin_once: Some(recipe.attached),
        attach_stdin: Some(recipe.attached),
        attach_stdout: Some(recipe.attached),
        attach_stderr: Some(recipe.attached),
        host_config: Some(host),
        ..Default::default()
    }
}

/// A refusal to make or start a container: where it is about the program, that is said.
fn started_badly(engine: &Engine, error: Bollard, image: &str, program: &str) -> EngineError {
    let refused = engine.error("starting a container", error);
    let EngineError::Refused { why, .. } = &refused else {
        return refused;
    };
    let says = |words: &str| why.contains(words);
    let what = if says("chdir to cwd") || says("container-init") {
        // The place or the engine's own init is missing, not the program.
        return refused;
    } else if says("executable file not found") || says("no such file") {
        Unstartable::Missing
    } else if says("exec format error") {
        Unstartable::Foreign
    } else if says("permission denied") {
        Unstartable::Forbidden
    } else {
        return refused;
    };
    EngineError::Program { program: program.to_owned(), image: image.to_owned(), what }
}

/// Waits so long, or until the user has had enough.
async fn rest(millis: u64) {
    let mut left = Duration::from_millis(millis);
    while !left.is_zero() && !INTERRUPTED.load(Ordering::SeqCst) {
        let slice = left.min(Duration::from_millis(50));
        tokio::time::sleep(slice).await;
        left -= slice;
    }
}

fn archive(files: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        let is_folder = path.ends_with('/');
        header.set_mode(if is_folder { 0o777 } else { 0o644 });
        header.set_entry_type(if is_folder {
            tar::EntryType::Directory
        } else {
            tar::EntryType::Regular
        });
        tar.append_data(&mut header, path.trim_start_matches('/'), bytes.as_slice())?;
    }
    tar.into_inner()
}
