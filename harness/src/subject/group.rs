//! The processes of a launch: a group of their own, ended as one, and known for as long as they
//! may be alive.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::scenario::Disturbance;

use super::INTERRUPTED;
use super::command::MARKER;
use super::leftovers::{self, Look};

/// How long a helper process may take to end after its parent.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is looked for.
const TICK: Duration = Duration::from_millis(10);

/// Markers of the launches going on, by process group.
static LIVING: Mutex<BTreeMap<i32, String>> = Mutex::new(BTreeMap::new());

fn living() -> MutexGuard<'static, BTreeMap<i32, String>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every process of every launch going on, for an exit that waits for none of them. From then
/// on nothing can be launched.
pub fn end_all() {
    let living = living();
    for (group, marker) in living.iter() {
        end(*group, marker);
    }
    // Whoever wants to launch waits for us to exit.
    std::mem::forget(living);
}

/// Waits until no launch is just being started: until it is another program, a process that is being
/// made holds all that is open here, the end of a pipe that was just closed among it.
pub fn wait_for_starts() {
    drop(living());
}

fn end(group: i32, marker: &str) {
    // It may have ended in this very moment. Only Linux lists processes; a group ends anywhere.
    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    leftovers::end(&leftovers::of_launch(group, marker).left);
}

/// The process group of one launch.
#[derive(Debug)]
pub struct Group {
    id: i32,
    marker: String,
}

impl Group {
    /// Starts a command in a group of its own.
    pub fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        let marker = marker();
        command.process_group(0).env(MARKER, &marker);
        // Held across the start: `end_all` must not miss what has just been started.
        let mut living = living();
        let child = command.spawn()?;
        let id = i32::try_from(child.id()).unwrap_or(i32::MAX);
        living.insert(id, marker.clone());
        Ok((child, Self { id, marker }))
    }

    /// The id of the group, which is that of its first process.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Ends the group at once.
    pub fn kill(&self) {
        // It may have ended in this very moment.
        let _ = killpg(Pid::from_raw(self.id), Signal::SIGKILL);
    }

    /// Signals the group, as a disturbance asks.
    pub fn disturb(&self, disturbance: Disturbance) -> io::Result<()> {
        let signal = |signal| Ok(killpg(Pid::from_raw(self.id), signal)?);
        match disturbance {
            Disturbance::Kill => signal(Signal::SIGKILL),
            Disturbance::Stop => signal(Signal::SIGTERM),
            Disturbance::Pause(millis) => {
                signal(Signal::SIGSTOP)?;
                let (began, pause) = (Instant::now(), Duration::from_millis(millis));
                while began.elapsed() < pause && !INTERRUPTED.load(Ordering::SeqCst) {
                    thread::sleep(TICK.min(pause));
                }
                signal(Signal::SIGCONT)
            }
            // What is done to its pipes is not done here.
            Disturbance::KillAtStates(_)
            | Disturbance::BlockOutput(_)
            | Disturbance::CloseOutput => Ok(()),
            Disturbance::CutNetwork(_) => {
                Err(io::Error::other("a command's network cannot be cut: only a container's"))
            }
        }
    }

    /// Ends what has outlived the first process, and names it. What ends by itself within the grace
    /// is not named.
    #[must_use]
    pub fn reap(&self) -> Vec<String> {
        let began = Instant::now();
        let mut looked = false;
        loop {
            let Look { left, is_unsure } = leftovers::of_launch(self.id, &self.marker);
            if left.is_empty() && (looked || !is_unsure) {
                // Elsewhere than on Linux nothing can be listed, but the group can be ended.
                self.kill();
                return Vec::new();
            }
            looked = left.is_empty();
            if began.elapsed() > GRACE || INTERRUPTED.load(Ordering::SeqCst) {
                leftovers::end(&left);
                return left.into_iter().map(|left| left.command).collect();
            }
            thread::sleep(TICK);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        living().remove(&self.id);
    }
}

/// A name for one launch, unlike any other on this machine.
fn marker() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nth = COUNT.fetch_add(1, Ordering::SeqCst);
    let nanos = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    format!("{}-{nth}-{nanos}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_known_while_it_lives() {
        let (mut child, group) = Group::spawn(Command::new("sleep").arg("62")).unwrap();
        let id = group.id;
        assert_eq!(living().get(&id), Some(&group.marker));
        end(id, &group.marker);
        assert!(!child.wait().unwrap().success());
        drop(group);
        assert_eq!(living().get(&id), None);
        assert!(Group::spawn(&mut Command::new("/no/such/thing")).is_err());
    }
}
