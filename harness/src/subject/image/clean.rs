//! Leaving nothing behind: all that a run makes carries its labels, and is found by them, by the
//! run itself, by its guard, or by `touchdown clean`.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use bollard::query_parameters::{
    ListContainersOptions, ListNetworksOptions, ListVolumesOptions, RemoveContainerOptions,
    RemoveVolumeOptions,
};

use super::engine::{Engine, EngineError};

/// The label that names the run.
pub const RUN: &str = "touchdown.run";
/// The label that names the process of the run.
pub const PROCESS: &str = "touchdown.process";

/// A run, as labels name it.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id: `touchdown_<date>_<id>`.
    pub id: String,
    /// The process that carries it out.
    pub process: String,
}

impl Run {
    /// A run of this process.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), process: identity(std::process::id()).unwrap_or_default() }
    }

    /// The labels of all that it makes.
    #[must_use]
    pub fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (RUN.to_owned(), self.id.clone()),
            (PROCESS.to_owned(), self.process.clone()),
        ])
    }
}

/// Which process this is, on any machine: the machine's boot, the process's namespace, its number
/// and when it was started. None where the system does not tell.
fn identity(pid: u32) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; the start is the 22nd field.
    let started = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.to_owned();
    Some(format!("{} {} {pid} {started}", boot.trim(), space.display()))
}

/// Whether the process of a run is still there; none where that cannot be told from here.
fn is_alive(process: &str) -> Option<bool> {
    let ours = identity(std::process::id())?;
    let place = |identity: &str| identity.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
    if place(process) != place(&ours) {
        return None;
    }
    let pid = process.split(' ').nth(2)?.parse().ok()?;
    Some(identity(pid).as_deref() == Some(process))
}

/// What was removed, or found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many containers.
    pub containers: usize,
    /// How many networks.
    pub networks: usize,
    /// How many volumes.
    pub volumes: usize,
}

impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |n: usize, what: &str| match n {
            0 => None,
            1 => Some(format!("1 {what}")),
            n => Some(format!("{n} {what}s")),
        };
        let parts = [
            count(self.containers, "container"),
            count(self.networks, "network"),
            count(self.volumes, "volume"),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// What a run has left.
#[derive(Debug)]
pub struct Left {
    /// The run's id.
    pub run: String,
    /// Whether its process is still there; none where that cannot be told from here.
    pub alive: Option<bool>,
}

/// The runs that have left something.
pub fn left(engine: &Engine) -> Result<Vec<Left>, EngineError> {
    let mut runs = BTreeMap::new();
    for things in found(engine, RUN)? {
        let run = things.labels.get(RUN).cloned().unwrap_or_default();
        let process = things.labels.get(PROCESS).cloned().unwrap_or_default();
        runs.insert(run, process);
    }
    Ok(runs.into_iter().map(|(run, process)| Left { run, alive: is_alive(&process) }).collect())
}

/// Removes all that a run has made.
pub fn remove_run(engine: &Engine, run: &str) -> Result<Removed, EngineError> {
    let (mut removed, mut failed) = (Removed::default(), None);
    let docker = engine.docker();
    for thing in found(engine, &format!("{RUN}={run}"))? {
        let gone = engine.block(async {
            match thing.kind {
                Kind::Container => {
                    let options = RemoveContainerOptions { force: true, v: true, link: false };
                    docker.remove_container(&thing.name, Some(options)).await
                }
                Kind::Network => docker.remove_network(&thing.name).await,
                Kind::Volume => {
                    let options = RemoveVolumeOptions { force: true };
                    docker.remove_volume(&thing.name, Some(options)).await
                }
            }
        });
        match gone {
            Ok(()) => match thing.kind {
                Kind::Container => removed.containers += 1,
                Kind::Network => removed.networks += 1,
                Kind::Volume => removed.volumes += 1,
            },
            // Somebody else was faster: the guard of the run, or its own removal.
            Err(bollard::errors::Error::DockerResponseServerError {
                status_code: 404 | 409,
                ..
            }) => {}
            // The others may go all the same.
            Err(error) => {
                failed.get_or_insert(engine.error(&format!("removing {}", thing.name), error));
            }
        }
    }
    failed.map_or(Ok(removed), Err)
}

#[derive(Clone, Copy)]
enum Kind {
    Container,
    Network,
    Volume,
}

struct Thing {
    kind: Kind,
    name: String,
    labels: HashMap<String, String>,
}

/// What carries a label: containers first, since they hold on to the others.
fn found(engine: &Engine, label: &str) -> Result<Vec<Thing>, EngineError> {
    let docker = engine.docker();
    let filters = Some(HashMap::from([("label".to_owned(), vec![label.to_owned()])]));
    let listed = engine.block(async {
        let options =
            ListContainersOptions { all: true, filters: filters.clone(), ..Default::default() };
        let containers = docker.list_containers(Some(options)).await?;
        let options = ListNetworksOptions { filters: filters.clone() };
        let networks = docker.list_networks(Some(options)).await?;
        let options = ListVolumesOptions { filters: filters.clone() };
        let volumes = docker.list_volumes(Some(options)).await?;
        Ok((containers, networks, volumes.volumes.unwrap_or_default()))
    });
    let (containers, networks, volumes) =
        listed.map_err(|error| engine.error("listing what runs have left", error))?;
    let thing = |kind, name: Option<String>, labels: Option<HashMap<String, String>>| {
        Some(Thing { kind, name: name?, labels: labels.unwrap_or_default() })
    };
    let containers = containers.into_iter().filter_map(|c| thing(Kind::Container, c.id, c.labels));
    let networks = networks.into_iter().filter_map(|n| thing(Kind::Network, n.id, n.labels));
    let volumes =
        volumes.into_iter().filter_map(|v| thing(Kind::Volume, Some(v.name), Some(v.labels)));
    Ok(containers.chain(networks).chain(volumes).collect())
}
