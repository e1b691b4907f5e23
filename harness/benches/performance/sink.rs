//! Destinations that cost next to nothing, and a wrapper that tells when another one was alive:
//! this program, started again with [`WORD`] first.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::UNIX_EPOCH;

use anyhow::{Context, bail};
use memchr::{memchr, memchr_iter, memmem, memrchr};

#[path = "images/counter.rs"]
mod counter;

/// The first argument of a process that is to be a sink.
pub const WORD: &str = "sink";

/// Counts the bytes of its input, see [`counter`].
pub const COUNT: &str = "count";

/// Runs a command, and appends to a file when it was alive: `timed FILE COMMAND…`.
pub const TIMED: &str = "timed";

/// How much is read at once.
const READ: usize = 256 << 10;

/// Carries out a sink's command: [`COUNT`], [`TIMED`], or an operation of a destination.
pub fn run(args: &[String]) -> anyhow::Result<ExitCode> {
    match args.first().map(String::as_str) {
        Some(COUNT) => counter::main()?,
        Some(TIMED) => return timed(&args[1..]),
        Some("spec") => println!(
            r#"{{"type":"SPEC","spec":{{"protocol_version":"0.2.0","documentationUrl":"https://example.com","connectionSpecification":{{"$schema":"http://json-schema.org/draft-07/schema#","title":"A sink","type":"object","properties":{{}},"additionalProperties":true}},"supportsIncremental":true,"supported_destination_sync_modes":["append"]}}}}"#
        ),
        Some("check") => {
            println!(
                r#"{{"type":"CONNECTION_STATUS","connectionStatus":{{"status":"SUCCEEDED"}}}}"#
            );
        }
        Some("write") => write()?,
        other => bail!("{other:?} is nothing that a sink can do"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Throws records away and gives states back. It trusts that only a STATE has `"STATE"` in it.
fn write() -> io::Result<()> {
    let state = memmem::Finder::new(b"\"STATE\"");
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut buffer = vec![0; READ];
    // The bytes of a line whose end has not been read yet.
    let mut kept = 0;
    let mut records = 0;
    loop {
        if kept == buffer.len() {
            buffer.resize(kept * 2, 0);
        }
        let read = input.read(&mut buffer[kept..])?;
        if read == 0 {
            return Ok(());
        }
        let filled = kept + read;
        let whole = memrchr(b'\n', &buffer[..filled]).map_or(0, |at| at + 1);
        let mut rest = &buffer[..whole];
        while let Some(at) = state.find(rest) {
            let start = memrchr(b'\n', &rest[..at]).map_or(0, |at| at + 1);
            let end = memchr(b'\n', &rest[at..]).map_or(rest.len(), |length| at + length);
            records += memchr_iter(b'\n', &rest[..start]).count();
            output.write_all(&rest[start..end - 2])?;
            writeln!(output, r#","destinationStats":{{"recordCount":{records}.0}}}}}}"#)?;
            output.flush()?;
            records = 0;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        records += memchr_iter(b'\n', rest).count();
        buffer.copy_within(whole..filled, 0);
        kept = filled - whole;
    }
}

fn timed(args: &[String]) -> anyhow::Result<ExitCode> {
    let [log, program, rest @ ..] = args else {
        bail!("timed FILE COMMAND…");
    };
    let began = now();
    let status = Command::new(program).args(rest).status()?;
    let ended = now();
    let known = ["spec", "check", "write", "read"];
    let operation = rest.iter().find(|word| known.contains(&word.as_str()));
    let operation = operation.map_or("other", String::as_str);
    let mut log = File::options().create(true).append(true).open(log)?;
    log.write_all(format!("{operation} {began} {ended}\n").as_bytes())?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Seconds since 1970.
pub fn now() -> f64 {
    UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64())
}

/// A launch, as [`TIMED`] has written it down.
pub struct Launched {
    pub operation: String,
    pub began: f64,
    pub ended: f64,
}

impl Launched {
    /// All launches of a file.
    pub fn all(log: &Path) -> anyhow::Result<Vec<Self>> {
        let text = fs::read_to_string(log).context("no launch was written down")?;
        text.lines()
            .map(|line| {
                let [operation, began, ended] = line.split(' ').collect::<Vec<_>>()[..] else {
                    bail!("{line:?} is no launch");
                };
                Ok(Self {
                    operation: operation.to_owned(),
                    began: began.parse()?,
                    ended: ended.parse()?,
                })
            })
            .collect()
    }

    /// How long it was alive.
    pub fn seconds(&self) -> f64 {
        self.ended - self.began
    }
}
