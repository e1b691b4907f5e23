//! Configs drawn from the specs under `fixtures/specs`: how many a second, each held against its schema.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;
use touchdown::spec::draw::Configs;

use crate::measure::{Row, Target, median};

const ROUNDS: u64 = 5;
const DRAWN: usize = 20_000;

pub fn run() -> anyhow::Result<Vec<Row>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/specs");
    let mut files = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(fs::DirEntry::path);
    let mut rows = Vec::new();
    for file in files {
        let spec: Value = serde_json::from_str(&fs::read_to_string(file.path())?)?;
        let mut rates = Vec::new();
        for seed in 0..ROUNDS {
            let configs = Configs::of(&spec["connectionSpecification"], seed)?;
            let start = Instant::now();
            let drawn = configs.take(DRAWN).count();
            rates.push(DRAWN as f64 / start.elapsed().as_secs_f64());
            ensure!(drawn == DRAWN, "only {drawn} configs were drawn");
        }
        let path = file.path();
        let name = path.file_stem().context("a file without a name")?.to_string_lossy();
        let what = format!("configs a second, {name}");
        rows.push(Row::held(what, median(rates), "", Target::AtLeast(20_000.0)));
    }
    Ok(rows)
}
