//! A million records into the reference destination: the whole of `touchdown run`, transcript and
//! judging included, against `cat` of the very same messages.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::json;
use tempfile::TempDir;
use touchdown::scenario::names::Names;
use touchdown::scenario::pack::{PackedSync, pack};
use touchdown::scenario::{Step, load};

use crate::measure::{Row, TOUCHDOWN, Target, benchmarks, conformant, median};
use crate::sink::{self, Launched};

const SCENARIO: &str = "bulk-1m";
const RECORDS: f64 = 1e6;
const ROUNDS: usize = 6;

/// Measures in turns, each of both first as often, so that what else the machine does falls on both
/// alike.
pub fn run() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let input = Input::make(folder.path())?;
    let (mut direct, mut whole, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let ours = || Place::new()?.touchdown(&Place::command(&[]), &[]);
        let (cat, run) = if round % 2 == 0 {
            (input.cat()?, ours()?)
        } else {
            let run = ours()?;
            (input.cat()?, run)
        };
        direct.push(cat);
        whole.push(run);
        ratios.push(run / cat);
    }
    let (direct, whole) = (median(direct), median(whole));
    let mut rows = vec![
        Row::told("cat into the reference destination", direct, "s"),
        Row::told("… records a second", RECORDS / direct, ""),
        Row::told("touchdown run, all launches and all checks", whole, "s"),
        Row::ratio("… as a multiple of cat", ratios, Target::AtMost(1.1)),
    ];
    rows.extend(phases("one run", false)?);
    rows.extend(phases("with --readback", true)?);
    Ok(rows)
}

/// What the destination is given without touchdown.
struct Input {
    catalog: PathBuf,
    messages: PathBuf,
}

impl Input {
    /// Writes down the messages that touchdown sends.
    fn make(folder: &Path) -> anyhow::Result<Self> {
        let mut scenarios = load::from_folder(&benchmarks())?;
        scenarios.retain(|scenario| scenario.id == SCENARIO);
        let run = "touchdown_20260101_000000".into();
        let names = Names { run, namespaces: true, default: false };
        let trial = pack(&scenarios, &names, 0)?.pop();
        let sync = trial.and_then(|mut trial| trial.syncs.pop());
        let PackedSync { catalog, steps, .. } = sync.context("the benchmark has no sync")?;
        let input =
            Self { catalog: folder.join("catalog.json"), messages: folder.join("messages.jsonl") };
        fs::write(&input.catalog, catalog)?;
        let mut file = BufWriter::new(File::create(&input.messages)?);
        for step in &steps {
            match step {
                Step::Message(sent) => writeln!(file, "{}", sent.line)?,
                Step::Bulk(bulk) => bulk.write(|bytes, _| file.write_all(bytes))?,
                Step::Raw(text) => file.write_all(text.as_bytes())?,
                Step::Gate | Step::Disturb(_) | Step::Pace(_) | Step::Replay => {}
            }
        }
        // What is still on its way to the disk would get in the way of the destination's own.
        file.into_inner()?.sync_all()?;
        Ok(input)
    }

    fn cat(&self) -> anyhow::Result<f64> {
        let place = Place::new()?;
        let began = Instant::now();
        let status = Command::new("sh")
            .args(["-c", r#"cat "$1" | "$2" reference write --config "$3" --catalog "$4""#, "sh"])
            .args([&self.messages, Path::new(TOUCHDOWN), &place.config, &self.catalog])
            .stdout(Stdio::null())
            .status()?;
        let seconds = began.elapsed().as_secs_f64();
        ensure!(status.success(), "the reference destination has ended with {status}");
        Ok(seconds)
    }
}

/// A new database, and a config for it.
struct Place {
    folder: TempDir,
    config: PathBuf,
}

impl Place {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("config.json");
        let path = folder.path().join("reference.sqlite");
        fs::write(&config, json!({"path": path}).to_string())?;
        Ok(Self { folder, config })
    }

    /// The reference destination's command, as a word for touchdown, after words of a wrapper.
    fn command(wrapper: &[&str]) -> String {
        let words = wrapper.iter().copied().chain([TOUCHDOWN, "reference"]);
        shell_words::join(words)
    }

    fn touchdown(&self, command: &str, more: &[&str]) -> anyhow::Result<f64> {
        let config = self.config.to_string_lossy();
        let benchmarks = benchmarks();
        let scenarios = benchmarks.to_string_lossy();
        let mut args = vec!["--command", command, "--config", &config];
        args.extend(["--scenarios", &scenarios, "--run", SCENARIO]);
        args.extend(more);
        Ok(conformant(&args, self.folder.path())?.seconds)
    }
}

/// Where the time of one run goes: the subject's launches write down when they were alive.
fn phases(title: &str, readback: bool) -> anyhow::Result<Vec<Row>> {
    let place = Place::new()?;
    let log = place.folder.path().join("launches");
    let own = std::env::current_exe()?;
    let (own, file) = (own.to_string_lossy(), log.to_string_lossy());
    let command = Place::command(&[&own, sink::WORD, sink::TIMED, &file]);
    let reader = format!("{command} read");
    let more: &[&str] = if readback { &["--readback", &reader] } else { &[] };
    let began = sink::now();
    let whole = place.touchdown(&command, more)?;
    let ended = sink::now();
    let launches = Launched::all(&log)?;
    let alive = |is: &dyn Fn(&Launched) -> bool| -> f64 {
        launches.iter().filter(|launched| is(launched)).map(Launched::seconds).sum()
    };
    let longest = launches
        .iter()
        .filter(|launched| launched.operation == "write")
        .map(Launched::seconds)
        .fold(0.0, f64::max);
    let all = alive(&|_| true);
    let read = alive(&|launched| launched.operation == "read");
    let last = launches.iter().map(|launched| launched.ended).fold(began, f64::max);
    let judging = ended - last;
    let row = |what: &str, seconds| Row::told(format!("{title}: {what}"), seconds, "s");
    let mut rows = vec![
        row("wall clock", whole),
        row("the write", longest),
        row("spec, check and the write that must fail", all - longest - read),
    ];
    if readback {
        rows.push(row("the reader, and our copy of its rows", read));
    }
    rows.extend([
        row("judging, after the last launch", judging),
        row("the rest", whole - all - judging),
    ]);
    Ok(rows)
}
