//! The subject: the destination under test, and how to start it.
//!
//! [`process`] launches it once and records what happens; [`feed`] writes its input; [`output`]
//! reads what it prints, both through a [`pipe`]; its processes are a [`group`], and [`leftovers`]
//! finds those that outlive it. None of them judges.

pub mod command;
pub mod feed;
pub mod group;
pub mod leftovers;
pub mod output;
pub mod pipe;
pub mod process;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What a launch may take, and when it has to be broken off.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a subject may go without reading its input, or take to end after it.
    pub idle: Duration,
    /// The longest line of output that is kept, in bytes.
    pub line: u64,
    /// The most output of one launch that is kept, in bytes.
    pub output: u64,
    /// The most lines of one launch that are kept: a short one costs us more than its text.
    pub lines: u64,
    /// How long no state may come back before a gate is passed.
    pub gate: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(120),
            line: 64 << 20,
            output: 256 << 20,
            lines: 200_000,
            gate: Duration::from_secs(1),
        }
    }
}

/// Set once the user has asked the run to stop; every launch then ends its subject.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);
