//! The subject: the destination under test, and how to start it.
//!
//! It is a [`command`] on this machine, launched as a [`process`] whose helpers are a [`group`]
//! ([`leftovers`] finds those that outlive it), or an [`image`]. However it was started, [`drive`]
//! takes it to its end: [`feed`] writes its input; [`output`] reads what it prints, both through a
//! [`pipe`]. None of them judges.

pub mod command;
pub mod drive;
pub mod feed;
pub mod group;
pub mod image;
pub mod leftovers;
pub mod output;
pub mod patience;
pub mod pipe;
pub mod process;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::protocol::Operation;
use crate::scenario::pack::Manner;
use crate::scenario::{Disturbance, Scenario};
use crate::transcript::{Condition, Transcript};
use command::Command;
use drive::Stdin;
use image::Image;
use image::engine::EngineError;

/// The destination under test.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A command on this machine.
    Command(Command),
    /// An image, run in containers.
    Image(Arc<Image>),
}

/// Why a launch came to nothing: it could not be started, or its end was not seen.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// In words.
    #[error("{0}")]
    Failed(String),
    /// The engine, or what it says of the image.
    #[error(transparent)]
    Engine(EngineError),
}

impl LaunchError {
    /// Whether the image has no `sh`.
    #[must_use]
    pub fn is_no_shell(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_no_shell())
    }

    /// Whether the engine refuses what it was asked, and might not refuse something else.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Refused { .. }))
    }

    /// Whether the engine does not see this machine's folders.
    #[must_use]
    pub fn is_not_shared(&self) -> bool {
        matches!(self, Self::Engine(EngineError::NotShared { .. }))
    }
}

/// What a launch asks of the subject; the files are ours, on this machine.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What it is asked.
    pub operation: Operation,
    /// The config's file; none for spec.
    pub config: Option<&'a Path>,
    /// The catalog's file; only for write.
    pub catalog: Option<&'a Path>,
    /// How the launch differs from the usual.
    pub manner: &'a Manner,
}

impl Subject {
    /// As a user would type it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Command(command) => command.shown(),
            Self::Image(image) => image.name().to_owned(),
        }
    }

    /// The image, if it is one.
    #[must_use]
    pub fn image(&self) -> Option<&Image> {
        match self {
            Self::Command(_) => None,
            Self::Image(image) => Some(image),
        }
    }

    /// Launches it once, under a condition that only an image can be put under.
    pub fn launch(
        &self,
        call: Call,
        condition: Condition,
        stdin: Stdin,
        limits: Limits,
    ) -> Result<Transcript, LaunchError> {
        match self {
            Self::Command(command) => {
                let told = command.in_manner(call.manner);
                process::launch(&told, &Command::arguments(call), stdin, limits).map_err(|error| {
                    let shown = command.shown();
                    LaunchError::Failed(match error.kind() {
                        std::io::ErrorKind::NotFound => format!(
                            "`{shown}` could not be started: no such command, or no such --workdir"
                        ),
                        _ => format!("`{shown}` could not be started: {error}"),
                    })
                })
            }
            Self::Image(image) => {
                image.launch(call, condition, stdin, limits).map_err(LaunchError::Engine)
            }
        }
    }

    /// One shell line that makes a launch without us, `input` on its stdin.
    #[must_use]
    pub fn shell_line(&self, call: Call, condition: Condition, input: Option<&Path>) -> String {
        match self {
            Self::Command(command) => command.shell_line(call, input, ""),
            Self::Image(image) => image.shell_line(call, condition, input, None),
        }
    }

    /// The same where it is to be killed: a line that becomes the subject's own process, and one
    /// that kills what the shell has started as `$pid`.
    #[must_use]
    pub fn shell_line_to_kill(&self, call: Call, input: &Path) -> (String, String) {
        match self {
            Self::Command(command) => {
                // With a group of its own, what it has started dies with it.
                let line = command.shell_line(call, Some(input), "exec $(command -v setsid) ");
                (line, "kill -9 \"-$pid\" 2>/dev/null || kill -9 \"$pid\"".to_owned())
            }
            Self::Image(image) => {
                let name = "touchdown-repeat";
                let line = image.shell_line(call, Condition::Usual, Some(input), Some(name));
                // It is there only once the engine has made it.
                let running = format!("docker inspect -f '{{{{.State.Running}}}}' {name}");
                let wait = format!(
                    "until [ \"$({running} 2> /dev/null)\" = true ] || ! kill -0 $pid; do sleep 1; done"
                );
                (format!("exec {line}"), format!("{wait}; docker kill {name}"))
            }
        }
    }

    /// Why something that a scenario asks for cannot be done to this subject, in words that follow
    /// the scenario's name. Of an image that has not been run yet only that is known which it says
    /// of itself.
    #[must_use]
    pub fn cannot_bear(&self, scenario: &Scenario) -> Option<String> {
        match self {
            Self::Command(_) => scenario
                .disturbances()
                .any(|disturbance| matches!(disturbance, Disturbance::CutNetwork(_)))
                .then(|| {
                    "cuts the network, and only a container's can be cut: give --image".to_owned()
                }),
            Self::Image(image) => image.cannot_bear(scenario),
        }
    }
}

/// What a launch may take, and when it has to be broken off.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a subject may go without reading its input, or take to end after it.
    pub idle: Duration,
    /// The longest line of output that is kept, in bytes.
    pub line: u64,
    /// The most output of one launch that is kept, in bytes.
    pub output: u64,
    /// The most lines of one launch that are kept: a short one costs us more than its text.
    pub lines: u64,
    /// How long no state may come back before a gate is passed.
    pub gate: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(120),
            line: 64 << 20,
            output: 256 << 20,
            lines: 200_000,
            gate: Duration::from_secs(1),
        }
    }
}

/// Set once the user has asked the run to stop; every launch then ends its subject.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);
