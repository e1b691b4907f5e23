//! What touchdown costs where the destination is an image. Needs docker.

mod engine;
mod feeding;
mod suite;

use crate::measure::Row;

pub fn run() -> anyhow::Result<Vec<Row>> {
    if acceptance::images::engine_or_skip().is_none() {
        return Ok(Vec::new());
    }
    let mut rows = feeding::run()?;
    rows.extend(suite::run()?);
    Ok(rows)
}
