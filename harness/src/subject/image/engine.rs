//! The container engine: docker, or podman by docker's interface. The one place with an async
//! runtime; everything around it blocks.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::errors::Error as Bollard;
use bollard::models::VolumeCreateRequest;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// How long the engine may take for an answer.
const WITHIN_S: u64 = 120;
/// How many containers are started at once: more of them only wait for each other.
const STARTS: usize = 4;

/// What went wrong with the engine or an image, in words for the user.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine answers.
    #[error(
        "no container engine was found: {tried}\n\
         (start docker or podman, or say where it listens: --engine ADDRESS, or DOCKER_HOST)"
    )]
    NotFound {
        /// Where it was looked for, and what happened there.
        tried: String,
    },
    /// The socket may not be used.
    #[error(
        "no permission to use the engine at {address}\n\
         (add yourself to its group, `sudo usermod -aG docker $USER`, and log in again)"
    )]
    Forbidden {
        /// The socket.
        address: String,
    },
    /// An address of a kind that is not known.
    #[error(
        "{given} {address:?}: it is no address such as unix:///path or tcp://host:port\n\
         (--engine takes the words docker and podman, too)"
    )]
    Address {
        /// Where it was given: a flag, or a variable.
        given: &'static str,
        /// As typed.
        address: String,
    },
    /// The engine is older than API 1.41.
    #[error("the engine at {address} speaks API {version}; touchdown needs 1.41 or later")]
    TooOld {
        /// Where it listens.
        address: String,
        /// Its version.
        version: String,
    },
    /// It does not answer any longer.
    #[error("the engine at {address} has gone away: {error}")]
    Gone {
        /// Where it listened.
        address: String,
        /// How that was noticed.
        error: String,
    },
    /// The image is not there.
    #[error("there is no image {image}, and it could not be pulled: {why}{hint}")]
    NoImage {
        /// Its name.
        image: String,
        /// What the engine says.
        why: String,
        /// Images of a similar name.
        hint: String,
    },
    /// The container's program cannot be started.
    #[error("{program} of the image {image} could not be started: {what}")]
    Program {
        /// The program.
        program: String,
        /// The image.
        image: String,
        /// Why.
        what: Unstartable,
    },
    /// The folder of a launch is not seen in its container.
    #[error(
        "the engine at {address} does not see this machine's folders, so the platform's way of \
         running an image is closed: say --io attach"
    )]
    NotShared {
        /// Where it listens.
        address: String,
    },
    /// Anything else that the engine refuses.
    #[error("{what}: {why}")]
    Refused {
        /// What was asked.
        what: String,
        /// What it says.
        why: String,
    },
    /// A file of ours.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
}

impl EngineError {
    /// Whether the image has no `sh`.
    #[must_use]
    pub fn is_no_shell(&self) -> bool {
        matches!(self, Self::Program { program, what: Unstartable::Missing, .. } if program == "sh")
    }
}

/// Why a program cannot be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstartable {
    /// It is not there.
    Missing,
    /// It may not be executed.
    Forbidden,
    /// It is no program of this machine.
    Foreign,
}

impl Unstartable {
    /// The exit code that a shell has for it.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Missing => 127,
            Self::Forbidden | Self::Foreign => 126,
        }
    }
}

impl std::fmt::Display for Unstartable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no such program in it",
            Self::Forbidden => "it may not be executed by its user",
            Self::Foreign => {
                "it is no program of this machine: the image is for another architecture, or it is \
                 a script without its first line, #!"
            }
        })
    }
}

/// A connection to an engine.
pub struct Engine {
    docker: Docker,
    runtime: Runtime,
    address: String,
    /// The labels of all that is made for this run.
    pub(super) run: super::clean::Run,
    starts: Arc<Semaphore>,
    /// Set once all that the run has made is gone.
    cleaned: Arc<AtomicBool>,
    /// Removals that go on while the run does.
    removals: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.address)
    }
}

impl Engine {
    /// Connects to the engine at an address, or to the first that is found: `DOCKER_HOST`,
    /// docker's sockets, podman's. What is made through it carries the run's labels.
    pub fn connect(address: Option<&str>, run: super::clean::Run) -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| EngineError::Io { what: "starting a runtime".into(), error })?;
        let (mut tried, mut forbidden) = (Vec::new(), None);
        for candidate in candidates(address)? {
            match runtime.block_on(dial(&candidate)) {
                Ok(docker) => {
                    return Ok(Self {
                        docker,
                        runtime,
                        address: candidate,
                        run,
                        starts: Arc::new(Semaphore::new(STARTS)),
                        cleaned: Arc::default(),
                        removals: Mutex::default(),
                    });
                }
                // Another one may be open to us; but it has to be told in the end.
                Err(error @ EngineError::Forbidden { .. }) => {
                    forbidden.get_or_insert(error);
                }
                Err(EngineError::NotFound { tried: why }) => tried.push(why),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = forbidden {
            return Err(error);
        }
        let tried = if tried.is_empty() {
            "none of the usual sockets is there".to_owned()
        } else {
            tried.join("; ")
        };
        Err(EngineError::NotFound { tried })
    }

    /// Tells, once this engine is dropped, whether all that the run has made is gone.
    #[must_use]
    pub fn cleaned(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cleaned)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Waits for an answer.
    pub(super) fn block<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Lets something go on beside the run.
    pub(super) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.runtime.spawn(future)
    }

    /// Makes a volume; with a size it lies in memory, and is full after so many bytes.
    pub(super) fn make_volume(&self, name: &str, size: Option<u64>) -> Result<(), EngineError> {
        let options = size.map(|size| {
            let options = format!("size={size},mode=1777");
            [("type", "tmpfs"), ("device", "tmpfs"), ("o", options.as_str())]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into()
        });
        let made = self.block(self.docker.create_volume(VolumeCreateRequest {
            name: Some(name.to_owned()),
            driver: Some("local".to_owned()),
            driver_opts: options,
            labels: Some(self.run.labels()),
            ..VolumeCreateRequest::default()
        }));
        made.map(drop).map_err(|error| self.error("making a volume", error))
    }

    /// A place among those that start.
    pub(super) fn starts(&self) -> Arc<Semaphore> {
        Arc::clone(&self.starts)
    }

    /// Lets a removal go on beside the run; it is waited for in the end.
    pub(super) fn removes(&self, removal: impl Future<Output = ()> + Send + 'static) {
        let removal = self.runtime.spawn(removal);
        self.removals.lock().unwrap_or_else(PoisonError::into_inner).push(removal);
    }

    /// Waits until what is being removed is gone.
    pub(super) fn wait_for_removals(&self) {
        let removals =
            std::mem::take(&mut *self.removals.lock().unwrap_or_else(PoisonError::into_inner));
        self.runtime.block_on(async {
            for removal in removals {
                // Whatever it has left is found below.
                let _ = removal.await;
            }
        });
    }

    /// What an error of the engine comes to.
    pub(super) fn error(&self, what: &str, error: Bollard) -> EngineError {
        match error {
            Bollard::DockerResponseServerError { message, .. } => {
                EngineError::Refused { what: what.to_owned(), why: one_line(&message) }
            }
            Bollard::DockerStreamError { error } => {
                EngineError::Refused { what: what.to_owned(), why: one_line(&error) }
            }
            error => EngineError::Gone {
                address: self.address.clone(),
                error: format!("{what}: {}", cause(&error)),
            },
        }
    }
}

impl Drop for Engine {
    /// Waits for what is being removed, and removes the rest of the run.
    fn drop(&mut self) {
        self.wait_for_removals();
        // The guard, or `touchdown clean`, finds what an engine that has gone away still holds.
        let removed = super::clean::remove_run(self, &self.run.id);
        self.cleaned.store(removed.is_ok(), Ordering::SeqCst);
    }
}

/// What went wrong with a request, in words: the innermost error tells it, those around it tell
/// which library noticed.
pub(super) fn cause(error: &Bollard) -> String {
    if matches!(error, Bollard::RequestTimeoutError) {
        return format!("no answer within {WITHIN_S} s");
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// The first line of what an engine says; the rest is often a stack.
fn one_line(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().to_owned()
}

/// Where an engine may listen, in the order in which it is looked for.
fn candidates(address: Option<&str>) -> Result<Vec<String>, EngineError> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let unix = |path: PathBuf| format!("unix://{}", path.display());
    let docker = || {
        let mut paths = vec![PathBuf::from("/var/run/docker.sock")];
        paths.extend(set("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("docker.sock")));
        paths.extend(set("HOME").map(|home| PathBuf::from(home).join(".docker/run/docker.sock")));
        paths
    };
    let podman = || {
        let mut paths = Vec::new();
        paths.extend(
            set("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("podman/podman.sock")),
        );
        paths.push(PathBuf::from("/run/podman/podman.sock"));
        paths
    };
    let existing = |paths: Vec<PathBuf>| {
        paths.into_iter().filter(|path| path.exists()).map(unix).collect::<Vec<_>>()
    };
    match address {
        Some("docker") => Ok(existing(docker())),
        Some("podman") => Ok(set("CONTAINER_HOST").into_iter().chain(existing(podman())).collect()),
        Some(path) if path.starts_with('/') => Ok(vec![format!("unix://{path}")]),
        Some(address) if is_address(address) => Ok(vec![address.to_owned()]),
        Some(address) => {
            Err(EngineError::Address { given: "--engine", address: address.to_owned() })
        }
        None => match set("DOCKER_HOST") {
            Some(address) if is_address(&address) => Ok(vec![address]),
            Some(address) => Err(EngineError::Address { given: "DOCKER_HOST", address }),
            None => Ok(existing(docker()).into_iter().chain(existing(podman())).collect()),
        },
    }
}

fn is_address(address: &str) -> bool {
    ["unix://", "tcp://", "http://"].iter().any(|scheme| address.starts_with(scheme))
}

/// Connects to one address, and agrees on a version.
async fn dial(address: &str) -> Result<Docker, EngineError> {
    let not_found = |error: &dyn std::fmt::Display| EngineError::NotFound {
        tried: format!("{address}: {error}"),
    };
    let docker = if let Some(path) = address.strip_prefix("unix://") {
        // Its own error tells less than that of opening it.
        if let Err(error) = std::os::unix::net::UnixStream::connect(path) {
            return Err(match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    EngineError::Forbidden { address: address.to_owned() }
                }
                _ => not_found(&error),
            });
        }
        Docker::connect_with_socket(path, WITHIN_S, API_DEFAULT_VERSION)
    } else {
        Docker::connect_with_http(address, WITHIN_S, API_DEFAULT_VERSION)
    };
    let docker = docker.map_err(|error| not_found(&error))?;
    let answer = tokio::time::timeout(Duration::from_secs(10), docker.negotiate_version()).await;
    let docker = match answer {
        Ok(Ok(docker)) => docker,
        Ok(Err(
            Bollard::DockerResponseServerError { .. }
            | Bollard::JsonDataError { .. }
            | Bollard::APIVersionParseError {},
        )) => return Err(not_found(&"what answers there is no engine")),
        Ok(Err(error)) => return Err(not_found(&cause(&error))),
        Err(_) => return Err(not_found(&"no answer within 10 s")),
    };
    let version = docker.client_version();
    if (version.major_version, version.minor_version) < (1, 41) {
        return Err(EngineError::TooOld {
            address: address.to_owned(),
            version: format!("{}.{}", version.major_version, version.minor_version),
        });
    }
    Ok(docker)
}
