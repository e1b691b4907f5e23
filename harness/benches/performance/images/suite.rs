//! All scenarios over the reference destination in containers: what touchdown adds to the time that
//! the engine takes to start them.

use acceptance::images;

use super::engine::{Starts, start_time, tag};
use crate::measure::{Row, Target, conformant};

const ROUNDS: usize = 3;
/// How many times the engine's own time may be taken.
const TIMES: f64 = 1.5;

/// Measures in turns, and takes the best of each.
pub fn run() -> anyhow::Result<Vec<Row>> {
    let mut attach = Suite::new("attach", "touchdown-bench/reference", &images::reference())?;
    let mut platform = Suite::new("platform", "touchdown-bench/with-shell", &images::with_shell())?;
    let mut command = f64::INFINITY;
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir()?;
        command = command.min(conformant(&["--reference", "--strict"], folder.path())?.seconds);
        attach.run()?;
        platform.run()?;
    }
    let mut rows = vec![Row::told("the suite by command", command, "s")];
    rows.extend(attach.rows(command));
    rows.extend(platform.rows(command));
    Ok(rows)
}

struct Suite {
    mode: &'static str,
    image: &'static str,
    /// The shortest time of a run, and of the engine for a container that does nothing.
    seconds: f64,
    start: f64,
    launches: f64,
    containers: usize,
}

impl Suite {
    fn new(mode: &'static str, image: &'static str, source: &str) -> anyhow::Result<Self> {
        tag(source, image)?;
        let [seconds, start] = [f64::INFINITY; 2];
        Ok(Self { mode, image, seconds, start, launches: 0.0, containers: 0 })
    }

    fn run(&mut self) -> anyhow::Result<()> {
        self.start = self.start.min(start_time(self.image)?);
        let folder = tempfile::tempdir()?;
        let starts = Starts::of(self.image)?;
        let ran = conformant(&["--image", self.image, "--strict"], folder.path())?;
        self.containers = starts.count()?;
        self.launches = ran.number("launches");
        self.seconds = self.seconds.min(ran.seconds);
        Ok(())
    }

    /// What remains above the suite by command, as a multiple of the engine's own time.
    fn rows(&self, command: f64) -> Vec<Row> {
        let told =
            |what: &str, value, unit| Row::told(format!("{}: {what}", self.mode), value, unit);
        let times = (self.seconds - command) / self.start;
        let containers = self.containers as f64;
        vec![
            told("the engine's own time for a container", self.start, "s"),
            told("the suite", self.seconds, "s"),
            told("launches", self.launches, ""),
            told("containers, read-backs included", containers, ""),
            Row::held(
                format!("{}: above the command, in starts a launch", self.mode),
                times / self.launches,
                "",
                Target::AtMost(TIMES),
            ),
            told("… in starts a container", times / containers, ""),
        ]
    }
}
