//! `touchdown replay CASE…`.

use std::path::{Path, PathBuf};

use super::Exit;
use super::drive::{self, Chosen, Known, drive};
use crate::checks;
use crate::config::{Generation, PlanError, Selection};
use crate::evidence::Purpose;
use crate::report::replayed::{Replayed, write};
use crate::scenario::{Scenario, load};

const EXAMPLES: &str = "\
Examples:
  touchdown replay touchdown-out/generated-data-lost --reference
  touchdown replay regressions/* --command \"python main.py\" \\
      --config secrets/config.json --readback \"python read.py\"";

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folders of cases: what --save-regressions has saved, or the evidence of a generated case
    #[arg(required = true, value_name = "CASE")]
    cases: Vec<PathBuf>,
    #[command(flatten)]
    drive: drive::Args,
}

/// Runs saved cases, and says of each whether it is fixed.
pub fn run(args: &Args) -> Exit {
    let scenarios = match load::saved(&args.cases) {
        Ok(scenarios) => scenarios,
        Err(error) => {
            super::complain(error);
            return Exit::Usage;
        }
    };
    let saved: Vec<_> = scenarios.iter().map(|one| (one.id.clone(), one.failed.clone())).collect();
    let chosen = selection(&scenarios).map(|selection| {
        let (is_brought, seed, generation) = (true, 0, Generation::default());
        let out = out(&args.drive.out, &args.cases);
        Chosen { scenarios, is_brought, selection, seed, generation, out, known: Known::default() }
    });
    let report = match drive(&args.drive, chosen) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    let cases: Vec<_> =
        saved.iter().map(|(id, failed)| Replayed::of(&report, id, failed)).collect();
    // A reader that has gone away is no error of ours.
    let _ = write(&report, &cases, &mut anstream::stdout());
    match drive::end(&args.drive, &report) {
        Exit::Conformant if cases.iter().any(Replayed::fails) => Exit::Broken,
        Exit::Conformant if !cases.iter().all(Replayed::is_fixed) => Exit::Nothing,
        exit => exit,
    }
}

/// Where failures are kept. A run clears its folder of what was kept before: no case may lie there.
fn out(within: &Path, cases: &[PathBuf]) -> PathBuf {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_free = |out: &PathBuf| {
        let out = whole(out);
        cases.iter().all(|case| !whole(case).starts_with(&out))
    };
    let first = within.join("replayed");
    let more = (2..).map(|nth| within.join(format!("replayed-{nth}")));
    std::iter::once(first.clone()).chain(more).find(is_free).unwrap_or(first)
}

/// All checks that look at syncs.
fn selection(scenarios: &[Scenario]) -> Result<Selection, PlanError> {
    let syncs = [Purpose::Write, Purpose::WriteBroken];
    let checks = checks::all().filter(|check| check.on.iter().any(|on| syncs.contains(on)));
    let checks: Vec<_> = checks.map(|check| check.id.to_owned()).collect();
    Selection::new(&checks, &[], scenarios)
}
