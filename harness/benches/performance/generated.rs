//! Generated cases: how fast they are run, where a start costs nothing and where it costs two
//! seconds.

use std::fs;

use anyhow::ensure;
use serde_json::json;

use crate::measure::{Row, TOUCHDOWN, Target, conformant, median};

const ROUNDS: u64 = 3;
const CASES: usize = 1000;
/// A destination that is written in another language, on a cold machine.
const SLOW: &str = "#!/bin/sh\nsleep 2\nexec \"$TOUCHDOWN\" reference \"$@\"\n";

pub fn run() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let mut rates = Vec::new();
    for seed in 1..=ROUNDS {
        let (cases, seed) = (CASES.to_string(), seed.to_string());
        let args = ["--reference", "--no-fixed", "-j", "2", "--examples", &cases, "--seed", &seed];
        let ran = conformant(&args, folder.path())?;
        ensure!(ran.report["generated"]["cases"] == CASES, "not all cases were run");
        rates.push(CASES as f64 / ran.seconds);
    }
    let slow = folder.path().join("slow.sh");
    fs::write(&slow, SLOW)?;
    let config = folder.path().join("config.json");
    let path = folder.path().join("slow.sqlite");
    fs::write(&config, json!({"path": path, "passphrase": "open sesame"}).to_string())?;
    let command = format!("sh {}", slow.display());
    let readback = format!("{TOUCHDOWN} reference read");
    let own = format!("TOUCHDOWN={TOUCHDOWN}");
    let config = config.display().to_string();
    let args = ["--no-fixed", "-j", "2", "--examples", "100", "--env", &own];
    let target = ["--command", &command, "--config", &config, "--readback-once", &readback];
    let declared = ["--declare", "refreshes", "--declare", "numbers=exact"];
    let ran = conformant(&[&args[..], &target, &declared].concat(), folder.path())?;
    ensure!(ran.report["generated"]["cases"] == 100, "not all cases were run");
    Ok(vec![
        Row::held("cases a second, by command, -j 2", median(rates), "", Target::AtLeast(100.0)),
        Row::held(
            "100 cases, where a start takes 2 s, -j 2",
            ran.seconds,
            "s",
            Target::AtMost(60.0),
        ),
        Row::told("… launches", ran.number("launches"), ""),
    ])
}
