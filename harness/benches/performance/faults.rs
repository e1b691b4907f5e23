//! How far generated cases reach: each subtle fault of the reference destination, by many seeds.
//! Twenty minutes and more, so it is run by its name alone.

use std::sync::Mutex;
use std::thread;

use reference_destination::faults::{Fault, Kind};
use serde_json::Value;

use crate::measure::{Ran, Row, Target, median, touchdown};

const SEEDS: u64 = 20;
/// Most faults show in the first cases, which are the same; the rest get the second number.
const EXAMPLES: [&str; 2] = ["100", "300"];
/// Runs at a time.
const AT_ONCE: usize = 2;
/// What a small case may have: streams, and messages.
const SMALL: (u64, u64) = (2, 10);

/// What a small case may have at the most where the fault needs many.
fn needed(fault: Fault) -> (u64, u64) {
    match fault {
        Fault::LoseEvery1000th | Fault::IdleStreamEvicted => (SMALL.0, 1000 + 3),
        Fault::TwentiethStreamUnflushed => (21, SMALL.1),
        _ => SMALL,
    }
}

/// The same, where another check needs more to show it.
fn allowed(fault: Fault) -> (u64, u64) {
    match fault {
        // An older version is written once a hundred are held, and the newer one is not.
        Fault::TwentiethStreamUnflushed => (21, 100 + 3),
        _ => needed(fault),
    }
}

/// What came of one fault and one seed.
struct Tried {
    fault: Fault,
    seed: u64,
    small: Vec<Small>,
}

struct Small {
    launches: f64,
    streams: u64,
    messages: u64,
}

pub fn run() -> anyhow::Result<Vec<Row>> {
    let subtle = Fault::ALL.iter().copied().filter(|fault| fault.kind() == Kind::Subtle);
    let all = subtle.clone().flat_map(|fault| (1..=SEEDS).map(move |seed| (fault, seed)));
    let queue = Mutex::new(all);
    let tried = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            while let Some((fault, seed)) = queue.lock().ok().and_then(|mut all| all.next()) {
                let one = attempt(fault, seed)?;
                if let Ok(mut tried) = tried.lock() {
                    tried.push(one);
                }
            }
            Ok(())
        };
        let started: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        started.into_iter().try_for_each(|one| {
            one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a run was not seen to its end")))
        })
    })?;
    let tried = tried.into_inner().unwrap_or_default();
    let (mut rows, mut faults, mut small) = (Vec::new(), 0, 0);
    for fault in subtle {
        let of_fault: Vec<&Tried> = tried.iter().filter(|one| one.fault == fault).collect();
        rows.extend(told(fault, &of_fault));
        faults += 1;
        small += usize::from(of_fault.iter().all(|one| one.has_small()));
    }
    rows.push(Row::held(
        "faults with a small case by each seed, for one check at least",
        small as f64,
        "",
        Target::AtLeast(f64::from(faults)),
    ));
    let launches = tried.iter().flat_map(|one| &one.small).map(|small| small.launches).collect();
    rows.push(Row::held(
        "launches to a small case, median",
        median(launches),
        "",
        Target::AtMost(200.0),
    ));
    Ok(rows)
}

impl Tried {
    /// Whether one of its cases has no more than the fault needs.
    fn has_small(&self) -> bool {
        let (streams, messages) = needed(self.fault);
        self.small.iter().any(|one| one.streams <= streams && one.messages <= messages)
    }
}

fn attempt(fault: Fault, seed: u64) -> anyhow::Result<Tried> {
    let folder = tempfile::tempdir()?;
    let (set, number) = (format!("FAULT={}", fault.name()), seed.to_string());
    let mut small = Vec::new();
    for examples in EXAMPLES {
        let args = ["--reference", "--strict", "--no-fixed", "--examples", examples];
        let more = ["--seed", &number, "--env", &set];
        let Ran { report, .. } = touchdown(&[&args[..], &more].concat(), folder.path())?;
        let none = Vec::new();
        let found = report["generated"]["small"].as_array().unwrap_or(&none);
        small = found.iter().map(Small::of).collect();
        if !small.is_empty() {
            break;
        }
    }
    eprintln!(
        "{} with seed {seed}: {}",
        fault.name(),
        if small.is_empty() { "not found" } else { "found" }
    );
    Ok(Tried { fault, seed, small })
}

impl Small {
    fn of(one: &Value) -> Self {
        let number = |key: &str| one[key].as_u64().unwrap_or(u64::MAX);
        Self {
            launches: one["launches"].as_f64().unwrap_or(f64::NAN),
            streams: number("streams"),
            messages: number("messages"),
        }
    }
}

/// By how many seeds a fault was found, and how large the largest small case is.
fn told(fault: Fault, tried: &[&Tried]) -> Vec<Row> {
    let missed = tried.iter().filter(|one| one.small.is_empty());
    let missed: Vec<_> = missed.map(|one| one.seed.to_string()).collect();
    let found = tried.len() - missed.len();
    let most = |of: fn(&Small) -> u64| {
        tried.iter().flat_map(|one| &one.small).map(of).max().unwrap_or(0) as f64
    };
    let (streams, messages) = allowed(fault);
    let name = fault.name();
    let not = if missed.is_empty() { String::new() } else { format!(", not {}", missed.join(" ")) };
    vec![
        Row::held(format!("{name}: seeds{not}"), found as f64, "", Target::AtLeast(SEEDS as f64)),
        Row::held("… most streams", most(|one| one.streams), "", Target::AtMost(streams as f64)),
        Row::held("… most messages", most(|one| one.messages), "", Target::AtMost(messages as f64)),
    ]
}
