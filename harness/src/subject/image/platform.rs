//! Platform mode: as the platform runs a connector, `eval "$AIRBYTE_ENTRYPOINT …"` under a shell,
//! its three streams on named pipes in a folder that both sides see. Many times faster than
//! attaching, since nothing passes through the engine.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tempfile::TempDir;

use super::container::Container;
use super::engine::EngineError;
use super::say;
use crate::scenario::Disturbance;
use crate::subject::INTERRUPTED;
use crate::subject::drive::{Ended, Running, Started};
use crate::subject::output::since;

/// What runs in the container. Under process 1's rules a shell ignores SIGTERM, so it is passed on;
/// what the connector has left running is waited with, so that it can be named.
pub const SCRIPT: &str = include_str!("platform.sh");
/// The streams, the end that the script tells of, and what it waits for where something is left.
const PIPES: [&str; 5] = ["stdin", "stdout", "stderr", "exit", "release"];
/// The script's own exit code where the folder in the container is not ours.
const NOT_SHARED: i32 = 96;
/// What is in the command lines of processes that are none of the connector's.
const OURS: [&str; 2] = ["# touchdown:", "docker-init"];
/// How long a helper process may take to end after the connector.
const GRACE: Duration = Duration::from_secs(1);
/// How often something is looked for that nothing tells us of.
const TICK: Duration = Duration::from_millis(2);

/// The folder of a launch: its pipes, and its files.
pub struct Folder {
    path: PathBuf,
    /// The folder around it, where that is its own.
    _around: Option<TempDir>,
}

impl Folder {
    /// A folder with these files that every user of a container can use; the folder around it is
    /// ours alone.
    pub fn new(within: &Path, files: &[(&str, Vec<u8>)]) -> Result<Self, EngineError> {
        let around = tempfile::Builder::new().prefix("launch-").tempdir_in(within);
        let around = around.map_err(say("making a folder for the launch"))?;
        let folder = Self::within(around.path().join("place"), files)?;
        Ok(Self { _around: Some(around), ..folder })
    }

    /// The same, in a folder that is seen to by another.
    pub fn within(path: PathBuf, files: &[(&str, Vec<u8>)]) -> Result<Self, EngineError> {
        Self::made(&path, files).map_err(say("making a folder for the launch"))?;
        Ok(Self { path, _around: None })
    }

    fn made(inside: &Path, files: &[(&str, Vec<u8>)]) -> io::Result<()> {
        fs::create_dir(inside)?;
        fs::set_permissions(inside, Permissions::from_mode(0o777))?;
        for (name, bytes) in files {
            let path = inside.join(name);
            fs::write(&path, bytes)?;
            fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        }
        Ok(())
    }

    /// Makes the pipes of a launch in it.
    pub fn make_pipes(&self) -> Result<(), EngineError> {
        let make = |pipe| {
            let path = self.path.join(pipe);
            nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o666))?;
            fs::set_permissions(&path, Permissions::from_mode(0o666))
        };
        PIPES.into_iter().try_for_each(make).map_err(say("making pipes for the launch"))
    }

    /// As a container is given it, to be seen as `place` there.
    #[must_use]
    pub fn bound_to(&self, place: &str) -> String {
        bind(&self.path, place)
    }

    fn open(&self, pipe: &str, options: &mut OpenOptions) -> io::Result<File> {
        options.custom_flags(OFlag::O_NONBLOCK.bits()).open(self.path.join(pipe))
    }
}

/// A container that runs [`SCRIPT`].
pub struct Piped<'a> {
    container: Arc<Container>,
    folder: &'a Folder,
    /// How many processes the connector has left running.
    left: Arc<AtomicUsize>,
}

impl Running for Piped<'_> {
    fn kill(&self) {
        self.container.kill();
    }

    fn reap(&self) -> Vec<String> {
        if self.left.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let began = Instant::now();
        loop {
            // While one of them ends, the engine cannot tell of any.
            let nameless = || vec!["processes that the engine does not name".to_owned()];
            let (left, ours) = self.container.processes().map_or_else(
                || (nameless(), Vec::new()),
                |all| {
                    let is_ours = |line: &String| OURS.iter().any(|ours| line.contains(ours));
                    all.into_iter().partition(|line| !is_ours(line))
                },
            );
            // One that has only just been forked still bears our script's name.
            let title = SCRIPT.lines().next().unwrap_or(SCRIPT);
            let may_hide = ours.iter().filter(|line| line.contains(title)).count() > 1;
            if left.is_empty() && (!may_hide || began.elapsed() > GRACE) {
                // The script has waited for this; one that is gone needs no word.
                if let Ok(mut release) = self.folder.open("release", OpenOptions::new().write(true))
                {
                    let _ = release.write_all(b"\n");
                }
                return left;
            }
            if began.elapsed() > GRACE || INTERRUPTED.load(Ordering::SeqCst) {
                self.container.kill();
                return left;
            }
            thread::sleep(TICK * 5);
        }
    }

    fn disturb(&self, disturbance: Disturbance) -> io::Result<()> {
        self.container.disturb(disturbance).map_err(io::Error::other)
    }
}

/// Starts a container that was made for [`SCRIPT`], and opens its pipes; tells when the connector
/// began.
pub fn start(
    container: Container,
    folder: &Folder,
    limited: bool,
) -> Result<(Piped<'_>, Started, Instant), EngineError> {
    container.start()?;
    open(Arc::new(container), folder, limited)
}

/// Opens the pipes of a script that runs in a container.
pub fn open(
    container: Arc<Container>,
    folder: &Folder,
    limited: bool,
) -> Result<(Piped<'_>, Started, Instant), EngineError> {
    let say = say("opening the launch's pipes");
    // The shell opens its outputs first: once its input is open, so are they, and an end of
    // theirs is one.
    let stdout = folder.open("stdout", OpenOptions::new().read(true)).map_err(say)?;
    let stderr = folder.open("stderr", OpenOptions::new().read(true)).map_err(say)?;
    // Open on both sides: it must not end before something was written.
    let exit = folder.open("exit", OpenOptions::new().read(true).write(true)).map_err(say)?;
    let ended = container.ended();
    let stdin = loop {
        match folder.open("stdin", OpenOptions::new().write(true)) {
            Ok(stdin) => break stdin,
            // Nobody reads it yet.
            Err(error) if error.raw_os_error() == Some(nix::libc::ENXIO) => {}
            Err(error) => return Err(say(error)),
        }
        match ended.try_recv() {
            Ok(Ok(code)) => return Err(container.over_early(code)),
            Ok(Err(error)) => return Err(say(error)),
            Err(_) if INTERRUPTED.load(Ordering::SeqCst) => {
                return Err(EngineError::Refused {
                    what: "starting a container".into(),
                    why: "the run was interrupted".into(),
                });
            }
            Err(_) => thread::sleep(TICK),
        }
    };
    // What the engine took for the start is no time of the connector's.
    let began = Instant::now();
    let left = Arc::new(AtomicUsize::new(0));
    let (told, waited) = (Arc::clone(&left), Arc::clone(&container));
    let wait = move || {
        let mut end = wait(exit, &ended, &told)?;
        end.at = since(began);
        if limited && end.code == Some(137) && !end.out_of_memory {
            // The engine tells of it only once the shell has ended, too.
            let _ = ended.recv_timeout(GRACE);
            end.out_of_memory = waited.is_out_of_memory();
        }
        Ok(end)
    };
    let running = Piped { container, folder, left };
    Ok((running, Started { stdin, stdout, stderr, wait: Box::new(wait) }, began))
}

impl Container {
    fn over_early(&self, code: i32) -> EngineError {
        if code == NOT_SHARED {
            return EngineError::NotShared { address: self.address().to_owned() };
        }
        EngineError::Refused {
            what: "starting the connector under sh".into(),
            why: format!("the shell ended at once, with exit code {code}"),
        }
    }
}

/// A folder of this machine, to be seen as `place` in a container.
#[must_use]
pub fn bind(folder: &Path, place: &str) -> String {
    // Relabelled where SELinux keeps containers apart; elsewhere that means nothing.
    format!("{}:{place}:z", folder.display())
}

/// Waits for what the script tells of the connector's end, or for the container's.
fn wait(
    mut exit: File,
    ended: &Receiver<io::Result<i32>>,
    left: &AtomicUsize,
) -> io::Result<Ended> {
    const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let mut told = String::new();
    loop {
        // Whatever this comes to, both are looked at.
        let _ = poll(&mut [PollFd::new(&exit, PollFlags::IN)], Some(&PATIENCE));
        let code = ended.try_recv();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = exit.read(&mut buffer) {
            told.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        if let Some(end) = read_end(&told, left) {
            return Ok(end);
        }
        match code {
            Ok(code) => return Ok(Ended { code: Some(code?), ..Ended::default() }),
            Err(TryRecvError::Disconnected) => {
                return Err(io::Error::other("its end was not seen"));
            }
            Err(TryRecvError::Empty) => {}
        }
    }
}

/// Reads `CODE LEFT KILLED`, the two lines of `times`, and `end`. `KILLED` is how many processes were
/// ended for want of memory.
fn read_end(told: &str, left: &AtomicUsize) -> Option<Ended> {
    let told = told.strip_suffix("end\n")?;
    let mut lines = told.lines();
    let mut counts = lines.next()?.split(' ').map(str::parse::<i32>);
    let mut next = || counts.next()?.ok();
    let (code, count, killed) = (next()?, next()?, next()?);
    left.store(usize::try_from(count).unwrap_or(0), Ordering::SeqCst);
    let out_of_memory = killed > 0 && code != 0;
    let children = lines.next_back().unwrap_or_default();
    let cpu_s = children.split_whitespace().filter_map(seconds).sum();
    Some(Ended { code: Some(code), cpu_s, out_of_memory, ..Ended::default() })
}

/// Reads `0m1.25s`.
fn seconds(text: &str) -> Option<f64> {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m')?;
    let seconds: f64 = seconds.replace(',', ".").parse().ok()?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_once_it_is_whole() {
        let left = AtomicUsize::new(9);
        assert!(read_end("0 0 0\n0m0.00s 0m0.00s\n", &left).is_none());
        let end = read_end("3 1 0\n0m0.00s 0m0.00s\n1m0.50s 0m0.25s\nend\n", &left).unwrap();
        assert_eq!((end.code, end.cpu_s, left.into_inner()), (Some(3), 60.75, 1));
    }
}
