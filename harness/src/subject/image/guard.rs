//! The guard: a process of ours beside a run, which removes what the run has made when it can no
//! longer do so itself: killed, crashed, or out of patience.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::clean::{self, Run};
use super::engine::Engine;

/// What a run says to its guard when all is well.
const DONE: u8 = b'.';
/// How long the guard goes on trying where the engine does not answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run's guard; it goes to work unless it is told that all is done.
pub struct Guard {
    process: Child,
    /// Set once the run has cleaned up by itself.
    cleaned: Arc<AtomicBool>,
}

impl Guard {
    /// Starts a guard: this program, as `touchdown clean --guard`. `folder` is the run's own on this
    /// disk.
    pub fn start(engine: &Engine, run: &Run, folder: &Path) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["clean", "--engine", engine.address(), "--guard", &run.id, "--folder"]);
        command.arg(folder);
        // In a group of its own: Ctrl-C is not meant for it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { process: command.spawn()?, cleaned: engine.cleaned() })
    }

    /// Lets it go where nothing is left; otherwise it goes to work. Whether nothing is left.
    #[must_use]
    pub fn done(mut self) -> bool {
        let cleaned = self.cleaned.load(Ordering::SeqCst);
        if let Some(mut stdin) = self.process.stdin.take()
            && cleaned
        {
            // One that is no longer there has nothing to do either.
            let _ = stdin.write_all(&[DONE]);
        }
        if cleaned {
            let _ = self.process.wait();
        }
        cleaned
    }
}

/// The guard's own work: waits for the run's end, and cleans up unless that was done.
pub fn stand(address: &str, run: &str, folder: &Path) {
    let mut said = Vec::new();
    // An end is an end, however it came.
    let _ = io::stdin().read_to_end(&mut said);
    if said.first() == Some(&DONE) {
        return;
    }
    // There are configs in it, with their secrets.
    let _ = std::fs::remove_dir_all(folder);
    let began = Instant::now();
    let mut looks = 0;
    // A start that was under way may come to its end after a look that found nothing.
    while looks < 2 && began.elapsed() < PATIENCE {
        let is_gone = Engine::connect(Some(address), Run::new(run)).and_then(|engine| {
            clean::remove_run(&engine, run)?;
            // What another is just removing was not ours to remove, and holds on to its volumes.
            Ok(clean::left(&engine)?.iter().all(|left| left.run != run))
        });
        looks = if is_gone.unwrap_or(false) { looks + 1 } else { 0 };
        thread::sleep(Duration::from_millis(500));
    }
}
