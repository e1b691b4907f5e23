//! What the benchmarks of images ask of docker beside touchdown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use acceptance::images;
use anyhow::{Context, ensure};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{
    CreateContainerOptions, RemoveContainerOptions, StartContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt;

use crate::measure::median;

/// How often the engine's own start time is taken.
const STARTS: usize = 9;

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} has ended with {}: {told}", output.status);
    Ok(())
}

/// Gives an image a name that nobody else uses, so that its containers can be told from others'.
pub fn tag(image: &str, name: &str) -> anyhow::Result<()> {
    run(Command::new("docker").args(["tag", image, name]))
}

/// Compiles a program that counts its input, and needs nothing of the system it runs on.
pub fn counter(folder: &Path) -> anyhow::Result<PathBuf> {
    let program = folder.join("counter");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/performance/images/counter.rs");
    run(Command::new(rustc)
        .args(["--edition=2024", "-O", "-Ctarget-feature=+crt-static", "-Cstrip=symbols", "-o"])
        .args([&program, Path::new(source)]))?;
    Ok(program)
}

/// An image that runs a program of this folder, and has a shell.
pub fn image(name: &str, folder: &Path, program: &str) -> anyhow::Result<()> {
    let base = images::with_shell();
    let dockerfile = format!(
        "FROM {base}\nCOPY {program} /{program}\n\
         ENV AIRBYTE_ENTRYPOINT=/{program}\nENTRYPOINT [\"/{program}\"]\n"
    );
    fs::write(folder.join("Dockerfile"), dockerfile)?;
    run(Command::new("docker").args(["build", "--quiet", "--tag", name]).arg(folder))
}

/// Counts the containers of an image that touchdown starts.
pub struct Starts(Child);

impl Starts {
    pub fn of(image: &str) -> anyhow::Result<Self> {
        let now = std::time::UNIX_EPOCH.elapsed()?.as_secs();
        let child = Command::new("docker")
            .args(["events", "--filter=event=start", "--format={{.ID}}"])
            // Those of touchdown: the second of `--since` may have seen others of ours.
            .arg("--filter=label=touchdown.run")
            .args([format!("--filter=image={image}"), format!("--since={now}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self(child))
    }

    pub fn count(mut self) -> anyhow::Result<usize> {
        self.0.kill()?;
        let told = self.0.wait_with_output()?;
        Ok(String::from_utf8_lossy(&told.stdout).lines().count())
    }
}

/// How long the engine takes for a container that does nothing: made, started, waited for and
/// removed. The median in seconds.
pub fn start_time(image: &str) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let docker = Docker::connect_with_defaults()?.negotiate_version().await?;
        let mut seconds = Vec::new();
        for _ in 0..STARTS {
            let began = Instant::now();
            empty(&docker, image).await?;
            seconds.push(began.elapsed().as_secs_f64());
        }
        Ok(median(seconds))
    })
}

async fn empty(docker: &Docker, image: &str) -> anyhow::Result<()> {
    let log = HostConfigLogConfig { typ: Some("none".to_owned()), config: None };
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec!["--help".to_owned()]),
        host_config: Some(HostConfig { log_config: Some(log), ..Default::default() }),
        ..Default::default()
    };
    let id = docker.create_container(None::<CreateContainerOptions>, body).await?.id;
    docker.start_container(&id, None::<StartContainerOptions>).await?;
    let ended = docker.wait_container(&id, None::<WaitContainerOptions>).next().await;
    docker.remove_container(&id, None::<RemoveContainerOptions>).await?;
    ended.context("its end was not seen")??;
    Ok(())
}
