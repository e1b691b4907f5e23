//! `touchdown list`.

use std::fmt::Write;

use serde_json::json;

use super::{Exit, complain, print};
use crate::checks;
use crate::scenario::load;

/// Flags.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Prints all checks and scenarios.
pub fn run(args: &Args) -> Exit {
    let scenarios = match load::built_in() {
        Ok(scenarios) => scenarios,
        Err(error) => {
            complain(error);
            return Exit::Bug;
        }
    };
    let mut text = String::new();
    if args.json {
        let checks: Vec<_> = checks::all()
            .map(|check| {
                json!({"id": check.id, "level": check.level, "since": check.since,
                    "summary": check.summary, "platform": check.platform,
                    "proved_by": check.proved_by, "companions": check.companions})
            })
            .collect();
        let scenarios: Vec<_> =
            scenarios.iter().map(|s| json!({"id": s.id, "summary": s.summary})).collect();
        text = format!("{:#}\n", json!({"checks": checks, "scenarios": scenarios}));
    } else {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "checks:");
        for check in checks::all() {
            let _ =
                writeln!(text, "  {:<34} {:<6}  {}", check.id, check.level.name(), check.summary);
        }
        let _ = writeln!(text, "\nscenarios:");
        for scenario in &scenarios {
            let _ = writeln!(text, "  {:<34}         {}", scenario.id, scenario.summary);
        }
    }
    print(&text);
    Exit::Conformant
}
