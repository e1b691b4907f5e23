//! Attach mode: the container's streams over the engine's connection, as `docker run -i` does it.
//! For images without a shell, and for engines on other machines.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use bollard::container::{AttachContainerResults, LogOutput};
use futures_util::StreamExt;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;

use super::container::Container;
use super::engine::{Engine, EngineError};
use super::platform::Folder;
use crate::scenario::Disturbance;
use crate::subject::drive::{Ended, Running, Started};
use crate::subject::output::since;

/// How much is handed to the connection at once.
const CHUNK: usize = 256 << 10;

/// A container that is attached to.
pub struct Attached {
    container: Arc<Container>,
    /// What it was given, gone with it.
    _folder: Option<Folder>,
}

impl Attached {
    /// Keeps a folder for as long as this lasts.
    #[must_use]
    pub fn with(self, folder: Option<Folder>) -> Self {
        Self { _folder: folder, ..self }
    }
}

impl Running for Attached {
    fn kill(&self) {
        self.container.kill();
    }

    /// Whatever its first process has left is ended with it.
    fn reap(&self) -> Vec<String> {
        Vec::new()
    }

    fn disturb(&self, disturbance: Disturbance) -> io::Result<()> {
        self.container.disturb(disturbance).map_err(io::Error::other)
    }
}

/// Starts a container, its streams relayed to pipes of ours.
pub fn start(
    engine: &Arc<Engine>,
    container: Container,
    limited: bool,
) -> Result<(Attached, Started, Instant), EngineError> {
    let container = Arc::new(container);
    let streams = container.attach()?;
    container.start()?;
    // What the engine took for the start is no time of the connector's.
    let began = Instant::now();
    let ended = container.ended();
    let say = |error| EngineError::Io { what: "making pipes".into(), error };
    let (stdin, stdout, stderr) = relay(engine, streams).map_err(say)?;
    let waited = Arc::clone(&container);
    let wait = move || {
        let code = ended.recv().map_err(io::Error::other)??;
        Ok(Ended {
            at: since(began),
            code: Some(code),
            out_of_memory: limited && code == 137 && waited.is_out_of_memory(),
            ..Ended::default()
        })
    };
    Ok((
        Attached { container, _folder: None },
        Started { stdin, stdout, stderr, wait: Box::new(wait) },
        began,
    ))
}

/// Pipes to and from a container's streams, moved along beside the launch.
fn relay(engine: &Engine, streams: AttachContainerResults) -> io::Result<(File, File, File)> {
    let (stdin_theirs, stdin) = io::pipe()?;
    let (stdout, stdout_theirs) = io::pipe()?;
    let (stderr, stderr_theirs) = io::pipe()?;
    let AttachContainerResults { mut input, mut output } = streams;
    let (from, out, err) = engine.block(async {
        io::Result::Ok((receiver(stdin_theirs)?, sender(stdout_theirs)?, sender(stderr_theirs)?))
    })?;
    engine.spawn(async move {
        let mut from = BufReader::with_capacity(CHUNK, from);
        // An error is that the container is gone; dropping the pipe tells the feeder.
        if tokio::io::copy_buf(&mut from, &mut input).await.is_ok() {
            let _ = input.shutdown().await;
        }
    });
    engine.spawn(async move {
        let (mut out, mut err) = (out, err);
        while let Some(Ok(frame)) = output.next().await {
            // A reader that has gone away has given up on this launch.
            let written = match frame {
                LogOutput::StdErr { message } => err.write_all(&message).await,
                LogOutput::StdOut { message }
                | LogOutput::Console { message }
                | LogOutput::StdIn { message } => out.write_all(&message).await,
            };
            if written.is_err() {
                break;
            }
        }
    });
    Ok((file(stdin), file(stdout), file(stderr)))
}

fn receiver(end: PipeReader) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(end.into())
}

fn sender(end: PipeWriter) -> io::Result<pipe::Sender> {
    pipe::Sender::from_owned_fd(end.into())
}

fn file(end: impl Into<OwnedFd>) -> File {
    File::from(end.into())
}
