//! `touchdown judge FOLDER`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Exit, complain};
use crate::event::{Outcome, Report, Row};
use crate::folder::load;
use crate::judging;
use crate::report::terminal;

/// Flags.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder that a run has kept, such as touchdown-out/together
    folder: PathBuf,
    /// Rules of level `should` fail, too
    #[arg(long)]
    strict: bool,
}

/// Judges a folder's evidence again, and says so if the verdicts differ from those kept.
pub fn run(args: &Args) -> Exit {
    let loaded = match load::load(&args.folder) {
        Ok(loaded) => loaded,
        Err(error) => {
            complain(format!("{error}\n(a folder of evidence holds trial.json and transcripts)"));
            return Exit::Usage;
        }
    };
    let evidence = std::slice::from_ref(&loaded.evidence);
    let mut rows = judging::judge(evidence, &loaded.facts, &|_| true, &loaded).rows;
    // One trial is not the whole run: what it could not show is no news.
    rows.retain(|row| row.scenario != "*");
    let differ = loaded.verdicts.as_ref().map(|kept| differing(&kept.results, &rows));
    let report = Report::of_rows("folder", args.folder.display().to_string(), rows, args.strict);
    let report = Report { run: loaded.evidence.trial.clone(), ..report };
    // A reader that has gone away is no error of ours.
    let _ = terminal::write(&report, &mut anstream::stdout());
    match differ {
        Some(differ) if !differ.is_empty() => {
            anstream::println!("verdicts that differ from those kept: {}", differ.join(", "));
        }
        Some(_) => anstream::println!("the verdicts are those that were kept"),
        None => {}
    }
    Exit::of(&report)
}

/// The checks whose verdicts are not the same: another outcome, or other findings.
fn differing(kept: &[Row], now: &[Row]) -> Vec<String> {
    let essence = |rows: &[Row]| -> BTreeMap<(String, String), (Outcome, Vec<String>)> {
        rows.iter()
            .map(|row| {
                let findings = row.findings.iter().map(|told| told.message.clone()).collect();
                ((row.check.clone(), row.scenario.clone()), (row.outcome, findings))
            })
            .collect()
    };
    let (kept, now) = (essence(kept), essence(now));
    // Of checks that were judged then; others were not wanted.
    let judged = |check: &String| kept.keys().any(|(other, _)| other == check);
    let news = now.keys().filter(|place| !kept.contains_key(*place) && judged(&place.0));
    let news = news.map(|(check, scenario)| format!("{check} in {scenario}"));
    kept.iter()
        // A check that was not wanted then was not judged then.
        .filter(|(_, (outcome, _))| *outcome != Outcome::NotSelected)
        .filter(|(place, verdict)| now.get(*place) != Some(verdict))
        .map(|((check, scenario), _)| format!("{check} in {scenario}"))
        .chain(news)
        .collect()
}
