//! How fast a container is fed, against `docker run -i` and against a pipe without a container.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use touchdown::protocol::Operation;
use touchdown::scenario::Step;
use touchdown::scenario::pack::Manner;
use touchdown::subject::drive::Stdin;
use touchdown::subject::image::clean::Run;
use touchdown::subject::image::engine::Engine;
use touchdown::subject::image::info::Info;
use touchdown::subject::image::{Image, Io, Settings, Way};
use touchdown::subject::{Call, Limits};
use touchdown::transcript::Condition;

use super::engine;
use crate::feeding::{Rates, pipe, recipe};
use crate::measure::{Row, Target};

const IMAGE: &str = "touchdown-bench/counter";
const ROUNDS: usize = 4;

/// Measures in turns, and takes the best of each: the ways differ in how many programs want the
/// cores, and whatever else the machine does costs each of them another share.
///
/// The same program counts at the end of each way, and the rate is the one that it sees. The start
/// of a container is no part of it, since it would decide: it takes as long as some hundred
/// megabytes do. The rates of whole launches are told beside. There is no network, which would take
/// as long again to set up.
pub fn run() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let counter = engine::counter(folder.path())?;
    engine::image(IMAGE, folder.path(), "counter")?;
    let engine = Engine::connect(None, Run::new("touchdown_bench"))?;
    let info = Info::of(&engine, IMAGE, &|_| {})?;
    let settings = Settings { network: Some("none".to_owned()), ..Settings::default() };
    let image = Image::new(Arc::new(engine), info, settings);
    let [mut plain, mut docker, mut platform, mut attach] = [Rates::default(); 4];
    for _ in 0..ROUNDS {
        plain = plain.max(piped(&counter, false)?);
        platform = platform.max(launch(&image, Io::Platform)?);
        plain = plain.max(piped(&counter, true)?);
        docker = docker.max(docker_run()?);
        attach = attach.max(launch(&image, Io::Attach)?);
    }
    let multiple = platform.reading / docker.reading;
    let share = platform.reading / plain.reading;
    let attached = attach.reading / docker.reading;
    Ok(vec![
        Row::told("the faster pipe, without a container", plain.reading, "GB/s"),
        Row::told("docker run -i", docker.reading, "GB/s"),
        Row::told("platform mode", platform.reading, "GB/s"),
        Row::held("… as a multiple of docker run -i", multiple, "", Target::AtLeast(5.0)),
        Row::held("… as a share of the faster pipe", share, "", Target::AtLeast(0.7)),
        Row::told("attach mode", attach.reading, "GB/s"),
        Row::held("… as a multiple of docker run -i", attached, "", Target::AtLeast(0.9)),
        Row::told("start and all: the faster pipe", plain.whole, "GB/s"),
        Row::told("start and all: docker run -i", docker.whole, "GB/s"),
        Row::told("start and all: platform mode", platform.whole, "GB/s"),
        Row::told("start and all: attach mode", attach.whole, "GB/s"),
    ])
}

fn launch(image: &Image, io: Io) -> anyhow::Result<Rates> {
    image.set_way(Way { io, own_workdir: true });
    let manner = Manner::default();
    let call = Call { operation: Operation::Write, config: None, catalog: None, manner: &manner };
    let steps = [Step::Bulk(recipe())];
    let began = Instant::now();
    let stdin = Stdin::Steps(&steps);
    let transcript = image.launch(call, Condition::Usual, stdin, Limits::default())?;
    let told = transcript.stdout.first().context("the counter has said nothing")?;
    Rates::of(began, &told.bytes)
}

fn piped(counter: &Path, wide: bool) -> anyhow::Result<Rates> {
    pipe(&mut Command::new(counter), wide)
}

fn docker_run() -> anyhow::Result<Rates> {
    let options = ["run", "-i", "--rm", "--log-driver=none", "--network=none", IMAGE];
    pipe(Command::new("docker").args(options), true)
}
