//! `touchdown list`.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{Exit, complain, print};
use crate::checks::{self, Check, Level};
use crate::generate::GENERATED;
use crate::scenario::capability::Capability;
use crate::scenario::{Scenario, load};

const LEVELS: [Level; 3] = [Level::Must, Level::Should, Level::Advice];

/// Flags.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Prints all checks, scenarios and declarations.
pub fn run(args: &Args) -> Exit {
    let scenarios = match load::built_in() {
        Ok(scenarios) => scenarios,
        Err(error) => {
            complain(error);
            return Exit::Bug;
        }
    };
    let text = if args.json { as_json(&scenarios) } else { as_text(&scenarios) };
    print(&text);
    Exit::Conformant
}

/// One object: the checks by family and level, the scenarios, what can be declared.
fn as_json(scenarios: &[Scenario]) -> String {
    let check = |check: &&Check| {
        json!({"id": check.id, "level": check.level, "since": check.since,
            "summary": check.summary, "platform": check.platform,
            "proved_by": check.proved_by, "companions": check.companions})
    };
    let families: Vec<_> = checks::families()
        .iter()
        .map(|(family, checks)| {
            let of = |level| checks.iter().filter(move |check| check.level == level);
            let by_level: Map<String, Value> = LEVELS
                .iter()
                .map(|level| (level.name().to_owned(), of(*level).map(check).collect()))
                .collect();
            json!({"family": family, "checks": by_level})
        })
        .collect();
    let scenarios: Vec<_> = scenarios
        .iter()
        .map(|one| json!({"id": one.id, "summary": one.summary, "about": one.about}))
        .collect();
    let declarations: Vec<_> = Capability::ALL
        .iter()
        .map(|one| json!({"name": one.name(), "values": one.values(), "about": one.about()}))
        .collect();
    let all = json!({"families": families, "scenarios": scenarios, "declarations": declarations});
    format!("{all:#}\n")
}

fn as_text(scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for (family, mut checks) in checks::families() {
        let _ = writeln!(text, "checks of {family}:");
        checks.sort_by_key(|check| check.level);
        for check in checks {
            let _ =
                writeln!(text, "  {:<31} {:<6}  {}", check.id, check.level.name(), check.summary);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "scenarios:");
    for scenario in scenarios {
        let _ = writeln!(text, "  {:<31} {}", scenario.id, scenario.summary);
    }
    let _ = writeln!(text, "  {GENERATED:<31} cases that nobody wrote, new ones with each --seed");
    let _ = writeln!(text, "\ndeclarations (--declare NAME=VALUE; the first is taken else):");
    for one in Capability::ALL {
        let _ = writeln!(text, "  {:<31} {}", one.name(), one.about());
        let _ = writeln!(text, "  {:<31} {}", "", one.values().join(", "));
    }
    text
}
