//! Folders of evidence: what is kept of a trial in which something failed.
//!
//! ```text
//! touchdown-out/together/
//!   trial.json            which trial, which scenarios, what the run knew
//!   config.json           the config, its secrets replaced
//!   1.catalog.json        what the first launch was given …
//!   1.messages.jsonl      … and sent, ready to be piped into the connector
//!   1.transcript.jsonl    every line in and out, with its time; how it ended
//!   1.landed.jsonl        the rows read back after it
//!   verdicts.json         the results
//!   streams.jsonl         its streams
//!   expected.jsonl        the rows that had to be there in the end, where that is known
//!   repeat.sh             does it again without touchdown, and shows what has landed
//!   case/                 of a generated case: what is left of it, as a scenario
//! ```
//!
//! [`save`] writes one, [`load`] reads one: the same checks give the same verdicts.

mod lines;
pub mod load;
pub mod save;
pub mod script;

use serde::{Deserialize, Serialize};

use crate::event::Row;
use crate::evidence::{Facts, Purpose};
use crate::protocol::Operation;
use crate::scenario::pack::{Manner, Member};
use crate::transcript::Condition;

/// The file that makes a folder one of ours.
pub const TRIAL: &str = "trial.json";
/// The results.
pub const VERDICTS: &str = "verdicts.json";

/// `trial.json`.
#[derive(Debug, Serialize, Deserialize)]
struct TrialFile {
    touchdown: String,
    trial: String,
    purpose: Purpose,
    config_note: Option<String>,
    members: Vec<Member>,
    #[serde(default)]
    manner: Manner,
    #[serde(default)]
    explained: bool,
    launches: Vec<LaunchFile>,
    facts: Facts,
}

#[derive(Debug, Serialize, Deserialize)]
struct LaunchFile {
    operation: Operation,
    #[serde(default)]
    condition: Condition,
    repeat: String,
}

/// `verdicts.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verdicts {
    /// The rows of this trial.
    pub results: Vec<Row>,
}
