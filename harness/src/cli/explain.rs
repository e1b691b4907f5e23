//! `touchdown explain ID`.

use super::{Exit, complain, print};
use crate::checks;

/// Flags.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The check's id, as `touchdown list` shows it
    id: String,
}

/// Prints a check's page.
pub fn run(args: &Args) -> Exit {
    if let Some(check) = checks::find(&args.id) {
        print(check.docs);
        return Exit::Conformant;
    }
    let guess = checks::all()
        .map(|check| (strsim::jaro_winkler(check.id, &args.id), check.id))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(likeness, _)| *likeness > 0.8)
        .map(|(_, id)| format!("; did you mean {id:?}?"))
        .unwrap_or_default();
    complain(format!("there is no check {:?}{guess}\n(touchdown list shows all)", args.id));
    Exit::Usage
}
