//! Where a read-back runs: on this machine, or in a container.

use std::ffi::OsString;
use std::path::Path;
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
                let args = words(args);
                let (group, started) = process::start(command, &args, Instant::now())
                    .map_err(|error| error.to_string())?;
                Ok((Box::new(group), started))
            }
            Self::Image { image, words } => {
                let (words, files) = in_container(words, args);
                let name = |(nth, file): (usize, &Path)| ((nth + 1).to_string(), file.to_owned());
                let files: Vec<_> = files.into_iter().enumerate().map(name).collect();
                let (running, started) =
                    image.start_tool(words, &files).map_err(|error| error.to_string())?;
                Ok((Box::new(running), started))
            }
        }
    }
    /// The shell line that calls it without us.
    #[must_use]
    pub fn shell_line(&self, args: &[Argument]) -> String {
        match self {
            Self::Command(command) => command.line(&words(args), &[], ""),
            Self::Image { image, words } => {
                let (words, files) = in_container(words, args);
                image.tool_line(&words, &files)
            }
        }
    }
}

fn words(args: &[Argument]) -> Vec<OsString> {
    let word = |arg: &Argument| match *arg {
        Argument::Word(word) => word.into(),
        Argument::File(path) => path.into(),
    };
    args.iter().map(word).collect()
}

/// The words of a call in a container, and the files that it gets: `/…/1`, `/…/2`.
fn in_container<'a>(words: &[String], args: &[Argument<'a>]) -> (Vec<String>, Vec<&'a Path>) {
    let (mut words, mut files) = (words.to_vec(), Vec::new());
    for arg in args {
        match *arg {
            Argument::Word(word) => words.push(word.to_owned()),
            Argument::File(path) => {
                files.push(path);
                words.push(format!("{TOOL}/{}", files.len()));
            }
        }
    }
    (words, files)
}
