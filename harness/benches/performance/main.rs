//! What touchdown costs, each time as a ratio measured within one run: the machine may be shared,
//! and seconds measured at another time mean little.
//!
//! ```text
//! cargo bench -p touchdown                          all but the last
//! cargo bench -p touchdown -- feeding memory        some of them
//! cargo bench -p touchdown -- --enforce             exit code 1 if a target is missed
//! cargo bench -p touchdown -- faults                the last: twenty minutes and more
//! ```
//!
//! [`feeding`] is held against a plain pipe, [`write`] against `cat` into the same destination,
//! [`memory`] against a hundredth of the input, [`scenarios`], [`generated`] and [`configs`] against the clock,
//! [`images`] against `docker run` and the engine's own time, and [`faults`] against what a reader
//! would put up with. The destinations that cost nothing themselves are this
//! program again, see [`sink`].

mod configs;
mod faults;
mod feeding;
mod generated;
mod images;
mod measure;
mod memory;
mod scenarios;
mod sink;
mod write;

use std::process::ExitCode;

use anyhow::bail;

use measure::Row;

type Benchmark = fn() -> anyhow::Result<Vec<Row>>;

const ALL: [(&str, Benchmark); 8] = [
    ("feeding", feeding::run),
    ("write", write::run),
    ("memory", memory::run),
    ("scenarios", scenarios::run),
    ("images", images::run),
    ("generated", generated::run),
    ("configs", configs::run),
    (LONG, faults::run),
];
/// Run by its name alone.
const LONG: &str = "faults";

fn main() -> anyhow::Result<ExitCode> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == sink::WORD) {
        return sink::run(&args[1..]);
    }
    // `cargo bench` says so; `cargo test --all-targets` does not, and must not take minutes.
    if !remove(&mut args, "--bench") {
        return Ok(ExitCode::SUCCESS);
    }
    let enforce = remove(&mut args, "--enforce");
    if let Some(unknown) = args.iter().find(|arg| ALL.iter().all(|(name, _)| name != arg)) {
        bail!("{unknown:?} is no benchmark: there are {:?}", ALL.map(|(name, _)| name));
    }
    let mut missed = 0;
    println!("{:<9}  {:<52}  {:>13}  target", "", "", "measured");
    for (name, run) in ALL {
        if !(args.is_empty() && name != LONG || args.iter().any(|arg| arg == name)) {
            continue;
        }
        for row in run()? {
            println!("{name:<9}  {row}");
            missed += u32::from(row.missed());
        }
    }
    Ok(match missed {
        0 => ExitCode::SUCCESS,
        _ if !enforce => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn remove(args: &mut Vec<String>, flag: &str) -> bool {
    let before = args.len();
    args.retain(|arg| arg != flag);
    args.len() < before
}
