//! The flags about images, and what they come to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::PlanError;
use crate::subject::image::clean::Run;
use crate::subject::image::engine::Engine;
use crate::subject::image::guard::Guard;
use crate::subject::image::info::Info;
use crate::subject::image::{Image, Io, Settings, Volume};

/// Flags about images.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Images")]
#[group(id = "image_flags")]
pub struct Args {
    /// Test an image, run in containers as the platform runs it; labels of the image may tell
    /// config, read-back and volumes (touchdown.config, …), so that no flag is needed
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["reference", "command", "words", "workdir"])]
    pub image: Option<String>,
    /// Where the engine listens: docker, podman, or an address (unix:, tcp:); found by itself
    #[arg(long, value_name = "ADDRESS")]
    engine: Option<String>,
    /// How containers are talked to: as the platform does (pipes under a shell), or by attaching;
    /// by itself: as the platform does where the image has a shell
    #[arg(long, value_name = "WAY", value_parser = io)]
    pub io: Option<Io>,
    /// A network that containers join, with the services that the destination needs
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// How much memory a container may take; the platform gives 2g
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
    /// Containers cannot write to their own root, only to /tmp
    #[arg(long)]
    read_only: bool,
    /// A folder that outlives a launch, for a destination that stores files; with a size it lies in
    /// memory, and can be full
    #[arg(long = "volume", value_name = "FOLDER[=SIZE]", value_parser = volume)]
    volumes: Vec<Volume>,
    /// Run spec and check in one container, to save starts; it is no clean room
    #[arg(long)]
    reuse: bool,
    /// An image in which the read-back runs, on the same network and with the same volumes
    #[arg(long, value_name = "IMAGE")]
    pub readback_image: Option<String>,
    /// A folder in memory of each launch's own, such as a small /tmp
    #[arg(long, value_name = "FOLDER=SIZE", value_parser = tmpfs)]
    tmpfs: Vec<(String, u64)>,
}

impl Args {
    /// For another destination: none for a command; for an image all else that was said of the one.
    pub fn with(&self, is_command: bool, image: &str) -> Self {
        match self.image {
            _ if is_command => Self::default(),
            Some(_) => Self { image: Some(image.to_owned()), readback_image: None, ..self.clone() },
            None => Self { image: Some(image.to_owned()), ..Self::default() },
        }
    }

    /// Flags that are about images mean nothing elsewhere, and are not to be passed over.
    pub fn refuse_without_image(&self) -> Result<(), PlanError> {
        let given = [
            ("--engine", self.engine.is_some()),
            ("--io", self.io.is_some()),
            ("--network", self.network.is_some()),
            ("--memory", self.memory.is_some()),
            ("--read-only", self.read_only),
            ("--volume", !self.volumes.is_empty()),
            ("--reuse", self.reuse),
            ("--readback-image", self.readback_image.is_some()),
            ("--tmpfs", !self.tmpfs.is_empty()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                Err(PlanError::Other(format!("{flag} is about images: it needs --image IMAGE")))
            }
            None => Ok(()),
        }
    }
}

fn io(text: &str) -> Result<Io, String> {
    [Io::Platform, Io::Attach]
        .into_iter()
        .find(|io| io.name() == text)
        .ok_or_else(|| "it is platform or attach".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['b', 'i']).trim_end_matches(['k', 'm', 'g']);
    let shift = match lower[digits.len()..].chars().next() {
        Some('k') => 10,
        Some('m') => 20,
        Some('g') => 30,
        _ => 0,
    };
    let number: Option<u64> = digits.parse().ok().filter(|number| *number > 0);
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "it is no size such as 512m or 2g".to_owned())
}

fn folder(text: &str) -> Result<String, String> {
    if text.starts_with('/') && text.len() > 1 {
        Ok(text.to_owned())
    } else {
        Err("it is no absolute path of a folder in the container".to_owned())
    }
}

fn volume(text: &str) -> Result<Volume, String> {
    Ok(match text.split_once('=') {
        Some((path, bytes)) => Volume { folder: folder(path)?, size: Some(size(bytes)?) },
        None => Volume { folder: folder(text)?, size: None },
    })
}

fn tmpfs(text: &str) -> Result<(String, u64), String> {
    let (path, bytes) =
        text.split_once('=').ok_or_else(|| "it is not of the form FOLDER=SIZE".to_owned())?;
    Ok((folder(path)?, size(bytes)?))
}

/// An image, ready to be run.
pub struct Prepared {
    /// The image.
    pub image: Arc<Image>,
    /// What is to be told once the run has cleaned up.
    pub guard: Option<Guard>,
    /// The config that its label brings, as a file.
    pub config: Option<PathBuf>,
    /// The unreachable config that its label brings, as a file.
    pub unreachable: Option<PathBuf>,
}

/// Tells somebody who waits of a pull, which has no bar of its own.
pub fn pulling(name: &str) {
    use std::io::{IsTerminal, Write};
    if !std::io::stderr().is_terminal() {
        return;
    }
    let _ = writeln!(anstream::stderr(), "pulling {name} …");
}

/// Finds the engine and the image. `folder` takes the configs that the image brings.
pub fn prepare(
    args: &Args,
    name: &str,
    env: &[(String, String)],
    run: &str,
    folder: &Path,
) -> Result<Prepared, PlanError> {
    let run = Run::new(run);
    let engine = Arc::new(Engine::connect(args.engine.as_deref(), run.clone())?);
    let info = Info::of(&engine, name, &pulling)?;
    // Without a guard the run cleans up by itself all the same, if it can.
    let guard = Guard::start(&engine, &run, folder).ok();
    let write = |label: &str, file: &str, json: Option<&str>| {
        let Some(json) = json else { return Ok::<_, PlanError>(None) };
        let path = folder.join(file);
        let other = |error: String| {
            PlanError::Other(format!("the label touchdown.{label} of {name}: {error}"))
        };
        let value: serde_json::Value =
            serde_json::from_str(json).map_err(|error| other(format!("no JSON: {error}")))?;
        std::fs::write(&path, value.to_string()).map_err(|error| other(error.to_string()))?;
        Ok(Some(path))
    };
    let config = write("config", "config.json", info.says_config())?;
    let unreachable = write("unreachable-config", "unreachable.json", info.says_unreachable())?;
    let mut tmpfs = args.tmpfs.clone();
    if args.read_only {
        tmpfs.push(("/tmp".to_owned(), 1 << 30));
    }
    let volumes = if args.volumes.is_empty() {
        let folders = info.says_volumes().into_iter();
        folders.map(|folder| Volume { folder, size: None }).collect()
    } else {
        args.volumes.clone()
    };
    let stored = |(folder, _): &&(String, u64)| volumes.iter().any(|it| it.folder == *folder);
    if let Some((folder, _)) = tmpfs.iter().find(stored) {
        return Err(PlanError::Other(format!(
            "--tmpfs {folder}: what is stored there would be gone after each launch, and the \
             destination be accused of it (--volume {folder}=SIZE lies in memory, too, and stays)"
        )));
    }
    let settings = Settings {
        env: env.to_vec(),
        network: args.network.clone(),
        memory: args.memory,
        read_only: args.read_only,
        folder: Some(folder.to_owned()),
        volumes,
        tmpfs,
        reuse: args.reuse,
    };
    let image = Arc::new(Image::new(engine, info, settings));
    Ok(Prepared { image, guard, config, unreachable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("2g"), Ok(2 << 30));
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("100"), Ok(100));
        assert!(size("g").is_err() && size("-1").is_err() && size("0").is_err());
        assert!(size("99999999999g").is_err());
        assert_eq!(tmpfs("/local=1m"), Ok(("/local".to_owned(), 1 << 20)));
        assert!(tmpfs("local=1m").is_err());
    }
}
