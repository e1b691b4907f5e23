//! Where a read-back runs: on this machine, or in a container.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::subject::command::Command;
use crate::subject::drive::{Running, Started};
use crate::subject::image::{Image, TOOL};
use crate::subject::process;

/// A read-back, as its author named it.
#[derive(Debug, Clone)]
pub enum Reader {
    /// A command on this machine.
    Command(Command),
    /// A command in an image, on the network and with the volumes of the subject.
    Image {
        /// The image.
        image: Arc<Image>,
        /// The command.
        words: Vec<String>,
    },
}

/// An argument of a read-back.
#[derive(Debug, Clone)]
pub enum Argument<'a> {
    /// A word.
    Word(&'a str),
    /// A file of this machine, of which a container gets a copy.
    File(&'a Path),
}

impl Reader {
    /// As a user would type it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Command(command) => command.shown(),
            Self::Image { image, words } => {
                format!("{} in {}", shell_words::join(words), image.name())
            }
        }
    }

    /// Starts it. The error is in words.
    pub fn start(&self, args: &[Argument]) -> Result<(Box<dyn Running>, Started), String> {
        match self {
            Self::Command(command) => {
                let args: Vec<OsString> = args
                    .iter()
                    .map(|arg| match arg {
                        Argument::Word(word) => word.into(),
                        Argument::File(path) => path.into(),
                    })
                    .collect();
                let (group, started) = process::start(command, &args, Instant::now())
                    .map_err(|error| error.to_string())?;
                Ok((Box::new(group), started))
            }
            Self::Image { image, words } => {
                let mut words = words.clone();
                let mut files: Vec<(String, PathBuf)> = Vec::new();
                for arg in args {
                    match arg {
                        Argument::Word(word) => words.push((*word).to_owned()),
                        Argument::File(path) => {
                            let name = (files.len() + 1).to_string();
                            words.push(format!("{TOOL}/{name}"));
                            files.push((name, path.to_path_buf()));
                        }
                    }
                }
                let (running, started) =
                    image.start_tool(words, &files).map_err(|error| error.to_string())?;
                Ok((Box::new(running), started))
            }
        }
    }
}
