//! One container for all launches of spec and check, which are run in it one after the other. It
//! saves their starts, and is no clean room: what one leaves, the next one finds.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, PoisonError};

use nix::sys::stat::Mode;
use tempfile::TempDir;

use super::call::{arguments, files};
use super::container::{Container, Recipe};
use super::engine::EngineError;
use super::platform::{self, Folder, SCRIPT};
use super::{Image, say};
use crate::subject::drive::{Stdin, drive};
use crate::subject::{Call, Limits};
use crate::transcript::Transcript;

/// Where the container finds a folder for each launch.
const PLACE: &str = "/config";
/// The pipe that keeps it alive: nobody ever writes to it.
const HOLD: &str = "hold";

/// A container that waits for launches.
#[derive(Debug)]
pub struct Live {
    container: Arc<Container>,
    root: TempDir,
    launches: usize,
}

impl Image {
    /// Launches spec or check in the container that is there, which is started the first time.
    pub(super) fn launch_in_live(
        &self,
        call: Call,
        recipe: Recipe,
        stdin: Stdin,
        limits: Limits,
    ) -> Result<Transcript, EngineError> {
        // Held for the whole launch: what runs beside it could not be told from what it leaves.
        let mut place = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let limited = recipe.memory.is_some();
        let mut live = match place.take() {
            Some(live) => live,
            None => self.start_live(recipe)?,
        };
        live.launches += 1;
        let inside = format!("{PLACE}/{}", live.launches);
        let within = live.root.path().join(live.launches.to_string());
        let folder = Folder::within(within, &files(call)?)?;
        folder.make_pipes()?;
        let args = arguments(call, &inside).join(" ");
        live.container.exec(&["sh", "-c", SCRIPT, &inside, &args], PLACE)?;
        let (running, started, began) =
            platform::open(Arc::clone(&live.container), &folder, limited)?;
        let driven = drive(&running, started, stdin, limits, began);
        let transcript = driven.map_err(say("running in the container"))?;
        // One that had to be ended was ended with its container.
        if transcript.end.stopped.is_none() && transcript.end.left_behind.is_empty() {
            *place = Some(live);
        }
        Ok(transcript)
    }

    fn start_live(&self, mut recipe: Recipe) -> Result<Live, EngineError> {
        let root = (|| {
            let root =
                tempfile::Builder::new().prefix("live-").tempdir_in(self.settings.folder())?;
            std::fs::set_permissions(root.path(), Permissions::from_mode(0o777))?;
            let hold = root.path().join(HOLD);
            nix::unistd::mkfifo(&hold, Mode::from_bits_truncate(0o666))?;
            std::fs::set_permissions(hold, Permissions::from_mode(0o666))?;
            std::io::Result::Ok(root)
        })()
        .map_err(say("making a folder for the container"))?;
        recipe.binds.push(platform::bind(root.path(), PLACE));
        let wait = "# touchdown: waits for launches\n\
                    while [ -p \"$0\" ]; do read -r line < \"$0\" && break; done";
        recipe.entrypoint = Some(vec!["sh".into(), "-c".into(), wait.into()]);
        recipe.args = vec![format!("{PLACE}/{HOLD}")];
        let permit = self.engine.block(self.engine.starts().acquire_owned());
        let container = self.container(recipe, "sh")?;
        container.start()?;
        drop(permit);
        Ok(Live { container: Arc::new(container), root, launches: 0 })
    }
}
