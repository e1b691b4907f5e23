//! How fast a subject is fed with records made on the fly, against a plain pipe.

use std::convert::Infallible;
use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use touchdown::protocol::message::Descriptor;
use touchdown::scenario::Step;
use touchdown::scenario::bulk::Bulk;
use touchdown::subject::Limits;
use touchdown::subject::command;
use touchdown::subject::process::{self, Stdin};

use crate::measure::{LINE, Row, Target, median};
use crate::sink;

const RECORDS: u64 = 10_000_000;
const ROUNDS: usize = 7;

/// Measures in turns, so that what else the machine does falls on all alike.
///
/// A pipe of 64 KiB loses up to three quarters of its rate while another process wants the cores;
/// one of 1 MiB, as the launch has it, does not. Each launch is therefore held against the faster
/// of both pipes of its round: a peer that has a bad moment must not flatter it.
pub fn run() -> anyhow::Result<Vec<Row>> {
    let [mut plain, mut wide, mut made, mut fed, mut shares] = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        let round = (piped(false)?.whole, launch()?, piped(true)?.whole);
        plain.push(round.0);
        fed.push(round.1);
        wide.push(round.2);
        shares.push(round.1 / round.0.max(round.2));
        made.push(make());
    }
    let [plain, wide, made, fed] = [plain, wide, made, fed].map(median);
    Ok(vec![
        Row::told("a prepared buffer through a plain pipe", plain, "GB/s"),
        Row::told("the same through a pipe of 1 MiB", wide, "GB/s"),
        Row::told("making records, and writing them nowhere", made, "GB/s"),
        Row::told("a launch fed with records made on the fly", fed, "GB/s"),
        Row::ratio("… as a share of the faster pipe", shares, Target::AtLeast(0.5)),
    ])
}

/// What is sent: 2 GiB of records.
pub fn recipe() -> Bulk {
    Bulk {
        before: 0,
        stream: Descriptor {
            name: "bulk_customers".into(),
            namespace: Some("touchdown_20260101_000000".into()),
        },
        records: RECORDS,
        state_every: 0,
        first_state_id: None,
        line: LINE,
        state_line: 0,
        skip: 0,
    }
}

/// How much that is.
fn bytes() -> usize {
    LINE * usize::try_from(RECORDS).unwrap_or(0)
}

/// So much of it a second, in GB.
fn rate(seconds: f64) -> f64 {
    bytes() as f64 / 1e9 / seconds
}

/// How fast a program that counts was fed, in GB/s.
#[derive(Clone, Copy, Default)]
pub struct Rates {
    /// From its start to its end, with all that it takes to start it.
    pub whole: f64,
    /// From its first byte to the end of its input, as it says itself.
    pub reading: f64,
}

impl Rates {
    /// Those of a program that was started then and has just ended, with these words.
    pub fn of(began: Instant, told: &[u8]) -> anyhow::Result<Self> {
        let whole = rate(began.elapsed().as_secs_f64());
        let told = String::from_utf8_lossy(told);
        let (count, seconds) = told.trim().split_once(' ').context("the sink has not counted")?;
        ensure!(count == bytes().to_string(), "the sink has got {count} bytes");
        Ok(Self { whole, reading: rate(seconds.parse()?) })
    }

    /// The better of two, each rate by itself.
    pub fn max(self, other: Self) -> Self {
        Self { whole: self.whole.max(other.whole), reading: self.reading.max(other.reading) }
    }
}

fn launch() -> anyhow::Result<f64> {
    let own = std::env::current_exe()?;
    let subject = command::Command {
        words: vec![own.into(), sink::WORD.into(), sink::COUNT.into()],
        workdir: None,
        env: Vec::new(),
    };
    let steps = [Step::Bulk(recipe())];
    let began = Instant::now();
    let transcript = process::launch(&subject, &[], Stdin::Steps(&steps), Limits::default())?;
    let told = transcript.stdout.first().context("the sink has said nothing")?;
    Ok(Rates::of(began, &told.bytes)?.whole)
}

fn piped(wide: bool) -> anyhow::Result<Rates> {
    pipe(Command::new(std::env::current_exe()?).args([sink::WORD, sink::COUNT]), wide)
}

/// A prepared buffer through a pipe into a command that counts.
pub fn pipe(command: &mut Command, wide: bool) -> anyhow::Result<Rates> {
    let buffer = vec![b'x'; 1000 * LINE];
    let began = Instant::now();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("the sink has no stdin")?;
    if wide {
        widen(&input);
    }
    for _ in 0..bytes() / buffer.len() {
        input.write_all(&buffer)?;
    }
    drop(input);
    let output = child.wait_with_output()?;
    Rates::of(began, &output.stdout)
}

fn widen(pipe: &impl std::os::fd::AsFd) {
    #[cfg(target_os = "linux")]
    {
        // A narrow pipe is measured twice, then.
        let _ = nix::fcntl::fcntl(pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(1 << 20));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}

fn make() -> f64 {
    let began = Instant::now();
    let Ok(()) = recipe().write(|bytes, _| {
        black_box(bytes);
        Ok::<_, Infallible>(())
    });
    rate(began.elapsed().as_secs_f64())
}
