//! All scenarios that come with touchdown, over the reference destination.

use crate::measure::{Row, Target, median, touchdown};

const ROUNDS: usize = 5;

pub fn run() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let mut seconds = Vec::new();
    let mut last = None;
    for _ in 0..ROUNDS {
        let ran = touchdown(&["--reference", "--no-generate"], folder.path())?;
        seconds.push(ran.seconds);
        last = Some(ran);
    }
    let mut rows =
        vec![Row::held("touchdown run --reference", median(seconds), "s", Target::AtMost(15.0))];
    if let Some(ran) = last {
        rows.push(Row::held("launches", ran.number("launches"), "", Target::AtMost(40.0)));
        rows.push(Row::told("results that failed", ran.count("failed") as f64, ""));
        rows.push(Row::told("results that passed", ran.count("passed") as f64, ""));
    }
    Ok(rows)
}
