//! Transcripts: all that happened in one launch, with its times.
//!
//! Input is not kept a second time: a transcript holds when each step was written, and the steps
//! hold what. All times are microseconds since the launch.

use serde::{Deserialize, Serialize};

/// Microseconds since the launch.
pub type Micros = u64;

/// What one launch left behind.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    /// The lines of stdout.
    pub stdout: Vec<Output>,
    /// The lines of stderr.
    pub stderr: Vec<Output>,
    /// When the writing of each step began; steps that were never written are missing at the end.
    pub written: Vec<Micros>,
    /// The gates that the input passed.
    pub gates: Vec<Gate>,
    /// How it ended.
    pub end: End,
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// When its last byte was read.
    pub at: Micros,
    /// The line without its newline.
    pub bytes: Vec<u8>,
}

/// A gate: the input was held until all states had come back, or a deadline was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// When the waiting began: all before the gate was written.
    pub began: Micros,
    /// When it was over.
    pub ended: Micros,
    /// How many states had been sent by then.
    pub states_sent: u64,
    /// How many lines that look like states had come back by its end.
    pub states_back: u64,
    /// How many bytes of output had been read by its end.
    pub stdout_bytes: u64,
    /// Whether the output had stopped in the middle of a line.
    pub mid_line: bool,
}

/// How a launch ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// When the input was closed by us, after all of it had been written.
    pub stdin_closed: Option<Micros>,
    /// When the subject was found to have closed its input before that.
    pub stdin_refused: Option<Micros>,
    /// When stdout reached its end.
    pub stdout_closed: Option<Micros>,
    /// When the process ended.
    pub exited: Micros,
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Why we ended it, if we did.
    pub stopped: Option<Stop>,
    /// Processes that outlived it and had to be ended.
    pub left_behind: Vec<String>,
    /// User and system time, in seconds.
    pub cpu_s: f64,
    /// The largest resident set, in bytes; never less than ours was at the launch.
    pub peak_rss: u64,
}

/// Why a subject was ended by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It did not read, or did not end, within so many seconds.
    TimeLimit(u64),
    /// It printed a line longer than so many bytes.
    LineLimit(u64),
    /// It printed more than so many bytes in all.
    OutputLimit(u64),
    /// It printed more lines than this.
    TooManyLines(u64),
    /// The run was interrupted.
    Interrupted,
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimeLimit(s) => write!(f, "it made no progress for {s} s"),
            Self::LineLimit(bytes) => {
                write!(f, "it printed more than {} MiB without a newline", bytes >> 20)
            }
            Self::OutputLimit(bytes) => write!(f, "it printed more than {} MiB", bytes >> 20),
            Self::TooManyLines(lines) => write!(f, "it printed more than {lines} lines"),
            Self::Interrupted => f.write_str("the run was interrupted"),
        }
    }
}

impl End {
    /// Whether it exited by itself with code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0) && self.stopped.is_none()
    }

    /// In words: `exit code 1`, `signal 9`, or why we ended it.
    #[must_use]
    pub fn describe(&self) -> String {
        match (self.stopped, self.code, self.signal) {
            (Some(stop), _, _) => format!("{stop} and was killed"),
            (None, Some(code), _) => format!("exit code {code}"),
            (None, None, Some(signal)) => format!("signal {signal}"),
            (None, None, None) => "an end that was not seen".to_owned(),
        }
    }
}
