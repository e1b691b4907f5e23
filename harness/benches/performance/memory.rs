//! What touchdown keeps of ten million records: their recipe.
//!
//! Both scenarios have as many states, which are evidence and are kept: what differs is the
//! records alone.

use serde_json::json;

use crate::measure::{Row, Target, benchmarks, conformant};
use crate::sink;

/// The target, in MiB.
const PEAK: f64 = 64.0;

pub fn run() -> anyhow::Result<Vec<Row>> {
    let (few, _) = peak("bulk-100k")?;
    let (many, seconds) = peak("bulk-10m")?;
    Ok(vec![
        Row::told("peak with 100,000 records and 1000 states", few, "MiB"),
        Row::held(
            "peak with 10,000,000 records and 1000 states",
            many,
            "MiB",
            Target::AtMost(PEAK),
        ),
        Row::held("… as a multiple of that with 100,000", many / few, "", Target::AtMost(1.1)),
        Row::told("wall clock of the run with 10,000,000", seconds, "s"),
    ])
}

/// The peak of a run with a sink, and its wall clock.
fn peak(scenario: &str) -> anyhow::Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.json");
    std::fs::write(&config, json!({}).to_string())?;
    let own = std::env::current_exe()?;
    let command = shell_words::join([own.to_string_lossy().as_ref(), sink::WORD]);
    let benchmarks = benchmarks();
    let args = [
        "--command",
        &command,
        "--config",
        &config.to_string_lossy(),
        "--scenarios",
        &benchmarks.to_string_lossy(),
        "--run",
        scenario,
    ];
    let ran = conformant(&args, folder.path())?;
    Ok((ran.peak_mib, ran.seconds))
}
