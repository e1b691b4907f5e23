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
    /// Under which condition it was launched.
    pub condition: Condition,
}

/// Under which condition a container was started; a command knows only the usual one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// In the platform's working directory, as the image's own user, on a network.
    #[default]
    Usual,
    /// All of the others at once.
    All,
    /// In a working directory that the image does not know.
    Elsewhere,
    /// As 1000:1000, with all capabilities dropped.
    Unprivileged,
    /// Without a network.
    Offline,
    /// As process 1 where it usually is not, or the other way round.
    OtherProcessOne,
}

impl Condition {
    /// Whether the working directory is another than usual.
    #[must_use]
    pub fn is_elsewhere(self) -> bool {
        matches!(self, Self::All | Self::Elsewhere)
    }

    /// Whether it is run as a user without any rights.
    #[must_use]
    pub fn is_unprivileged(self) -> bool {
        matches!(self, Self::All | Self::Unprivileged)
    }

    /// Whether there is no network.
    #[must_use]
    pub fn is_offline(self) -> bool {
        matches!(self, Self::All | Self::Offline)
    }

    /// Whether it is process 1 where it usually is not, or the other way round.
    #[must_use]
    pub fn swaps_process_one(self) -> bool {
        matches!(self, Self::All | Self::OtherProcessOne)
    }

    /// In words, for a report: `in another working directory`.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Usual => "as usual",
            Self::All => "under all of these conditions at once",
            Self::Elsewhere => "in a working directory that it does not know",
            Self::Unprivileged => "as 1000:1000 with all capabilities dropped",
            Self::Offline => "without a network",
            Self::OtherProcessOne => "in the other role as to process 1",
        }
    }
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
    /// When stdout reached its end, or was closed by us where the scenario asks for that.
    pub stdout_closed: Option<Micros>,
    /// When it was killed as the scenario asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<Micros>,
    /// When the process ended.
    pub exited: Micros,
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Why we ended it, if we did.
    pub stopped: Option<Stop>,
    /// Whether it was ended by the engine, since it took more memory than it was given.
    #[serde(default)]
    pub out_of_memory: bool,
    /// Processes that outlived it and had to be ended.
    pub left_behind: Vec<String>,
    /// User and system time, in seconds.
    pub cpu_s: f64,
    /// The largest resident set, in bytes, with all that it started; looked at every few
    /// milliseconds. 0 where it is not known: of a container, or of a launch that was too short.
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
            (None, code, _) if self.out_of_memory => {
                let code = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
                format!("it took more memory than --memory gives, and was killed{code}")
            }
            (Some(stop), _, _) => format!("{stop} and was killed"),
            (None, Some(code), _) => format!("exit code {code}"),
            (None, None, Some(signal)) => format!("signal {signal}"),
            (None, None, None) => "an end that was not seen".to_owned(),
        }
    }
}
