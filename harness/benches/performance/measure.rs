//! Measuring a run of touchdown from outside, and showing what came of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;
use wait4::Wait4;

/// The length of every record's line, with its newline: that of the figures in the design.
pub const LINE: usize = 219;

/// One line of the table.
pub struct Row {
    what: String,
    measured: f64,
    unit: &'static str,
    target: Option<Target>,
}

/// What a measured value has to reach.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    /// A value that is only told.
    pub fn told(what: impl Into<String>, measured: f64, unit: &'static str) -> Self {
        Self { what: what.into(), measured, unit, target: None }
    }

    /// A value with a target.
    pub fn held(
        what: impl Into<String>,
        measured: f64,
        unit: &'static str,
        target: Target,
    ) -> Self {
        Self { target: Some(target), ..Self::told(what, measured, unit) }
    }

    /// A value measured several times: the median with a target, and how far the others lie apart.
    pub fn ratio(what: &str, measured: Vec<f64>, target: Target) -> Self {
        let low = measured.iter().copied().fold(f64::INFINITY, f64::min);
        let high = measured.iter().copied().fold(0.0, f64::max);
        let what = format!("{what} ({low:.2} to {high:.2})");
        Self::held(what, median(measured), "", target)
    }

    /// Whether there was a target and it was missed.
    pub fn missed(&self) -> bool {
        match self.target {
            None => false,
            Some(Target::AtLeast(target)) => self.measured < target,
            Some(Target::AtMost(target)) => self.measured > target,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self.measured {
            whole if whole.fract() == 0.0 => format!("{whole}"),
            large if large >= 100.0 => format!("{large:.0}"),
            small => format!("{small:.2}"),
        };
        let (sign, target) = match self.target {
            None => return write!(f, "{:<52}  {number:>8} {}", self.what, self.unit),
            Some(Target::AtLeast(target)) => ('≥', target),
            Some(Target::AtMost(target)) => ('≤', target),
        };
        let word = if self.missed() { "MISSED" } else { "met" };
        write!(f, "{:<52}  {number:>8} {:<4}  {sign} {target}  {word}", self.what, self.unit)
    }
}

/// The value in the middle, or between the two that are.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    let half = values.len() / 2;
    if values.len() % 2 == 1 {
        middle(half)
    } else {
        f64::midpoint(middle(half.saturating_sub(1)), middle(half))
    }
}

/// `touchdown`, as this benchmark was built with it.
pub const TOUCHDOWN: &str = env!("CARGO_BIN_EXE_touchdown");

/// The scenarios of this benchmark.
pub fn benchmarks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/benchmarks")
}

/// One whole run of touchdown.
pub struct Ran {
    /// Wall clock seconds, from start to exit.
    pub seconds: f64,
    /// The largest resident set of touchdown or of any subject of it, in MiB.
    pub peak_mib: f64,
    pub status: ExitStatus,
    pub report: Value,
}

impl Ran {
    /// The number of outcomes of this kind.
    pub fn count(&self, outcome: &str) -> u64 {
        self.report["summary"][outcome].as_u64().unwrap_or(0)
    }

    /// A number of the report.
    pub fn number(&self, key: &str) -> f64 {
        self.report[key].as_f64().unwrap_or(f64::NAN)
    }
}

/// Runs `touchdown run` with these arguments; what it keeps goes into the folder.
pub fn touchdown(args: &[&str], folder: &Path) -> anyhow::Result<Ran> {
    let json = folder.join("report.json");
    let began = Instant::now();
    let usage = Command::new(TOUCHDOWN)
        .arg("run")
        .args(args)
        .arg("--report-json")
        .arg(&json)
        .arg("--out")
        .arg(folder.join("out"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .and_then(|mut child| child.wait4())
        .context("running touchdown")?;
    let seconds = began.elapsed().as_secs_f64();
    let report = std::fs::read_to_string(&json).context("touchdown has left no report")?;
    Ok(Ran {
        seconds,
        peak_mib: usage.rusage.maxrss as f64 / f64::from(1 << 20),
        status: usage.status,
        report: serde_json::from_str(&report)?,
    })
}

/// The same, and everything that was judged has to be well: what fails is also kept, which takes
/// time and is not what is measured.
pub fn conformant(args: &[&str], folder: &Path) -> anyhow::Result<Ran> {
    let ran = touchdown(args, folder)?;
    ensure!(ran.status.success(), "touchdown {args:?} has ended with {}", ran.status);
    Ok(ran)
}
