//! `touchdown lint-spec FILE`.

use std::path::PathBuf;

use serde_json::json;

use super::drive::refused;
use super::{Exit, against};
use crate::checks::{self, SPEC, spec_contract};
use crate::event::{Outcome, Report};
use crate::evidence::{Evidence, Facts, Launch, Purpose};
use crate::judging::{self, Places};
use crate::protocol::Operation;
use crate::protocol::catalog::Catalog;
use crate::report::terminal;
use crate::transcript::{End, Output, Transcript};

const EXAMPLES: &str = "\
Examples:
  touchdown lint-spec spec.json
  touchdown lint-spec --strict src/main/resources/spec.json
  python main.py spec > spec.jsonl && touchdown lint-spec spec.jsonl

The file holds a spec, or the SPEC message that a destination printed, as JSON.";

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The spec
    file: PathBuf,
    /// Rules of level `should` fail, too
    #[arg(long)]
    strict: bool,
}

/// The file is all there is.
struct File<'a>(&'a Args);

impl Places for File<'_> {
    fn place(&self, _: &str, _: usize) -> (String, Option<String>) {
        (self.0.file.display().to_string(), None)
    }
}

/// Judges a spec by what it says.
pub fn run(args: &Args) -> Exit {
    let spec = match against::of_file(&args.file) {
        Ok(spec) => spec,
        Err(error) => return refused(&error),
    };
    let line = json!({"type": "SPEC", "spec": spec}).to_string().into_bytes();
    let stdout = vec![Output { at: 0, bytes: line }];
    let end = End { code: Some(0), ..End::default() };
    let transcript = Transcript { stdout, end, ..Transcript::default() };
    let launch = Launch::new(Operation::Spec, None, Catalog::default(), Vec::new(), transcript);
    let evidence = Evidence::new("spec", Purpose::Spec, vec![launch]);
    let facts = Facts { spec: Some(spec), ..Facts::default() };
    // Those that need nothing but what was printed.
    let wanted = |id: &str| {
        let compares = spec_contract::CHECKS.iter().any(|check| check.id == id);
        let is_about_specs = checks::find(id).is_some_and(|check| check.on == SPEC);
        id.starts_with("spec-") && is_about_specs && !compares
    };
    let mut rows =
        judging::judge(std::slice::from_ref(&evidence), &facts, &wanted, &File(args)).rows;
    rows.retain(|row| row.scenario != "*" && row.outcome != Outcome::NotSelected);
    let report = Report::of_rows("file", args.file.display().to_string(), rows, args.strict);
    // A reader that has gone away is no error of ours.
    let _ = terminal::write(&report, &mut anstream::stdout());
    Exit::of(&report)
}
