//! Packing: scenarios that need not be alone travel in the same launches.
//!
//! Starting a connector costs seconds, judging costs nothing. The first syncs of all packed
//! scenarios become one sync, the second ones another, and so on; each scenario keeps its own
//! streams.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::names::{Names, change, edit};
use super::{Disturbance, Scenario, Sent, SentBody, Step};
use crate::protocol::catalog::Catalog;
use crate::protocol::message::{Descriptor, StateKind};

/// The trial that packed scenarios travel in.
pub const TOGETHER: &str = "together";

/// Launches that follow one another, and the scenarios that travel in them.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// Its name: the scenario's, or [`TOGETHER`].
    pub id: String,
    /// The scenarios in it.
    pub members: Vec<Member>,
    /// The syncs, in order.
    pub syncs: Vec<PackedSync>,
    /// How its launches differ from the usual.
    pub manner: Manner,
}

/// How the launches of a trial differ from the usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manner {
    /// Whether its syncs need not succeed.
    pub breaks: bool,
    /// Whether its syncs are launched at the same time.
    pub at_once: bool,
    /// Variables for its launches.
    pub env: Vec<(String, String)>,
    /// Whether what its launches write to this machine's disk is bounded.
    pub full_disk: bool,
}

/// A scenario within a trial.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// The scenario's name.
    pub scenario: String,
    /// Its streams, under the run's names.
    pub streams: Vec<Descriptor>,
    /// How many of the trial's syncs are its own.
    pub syncs: usize,
    /// The check whose matter it is.
    #[serde(default)]
    pub about: Option<String>,
    /// Whether its syncs were launched at the same time.
    #[serde(default)]
    pub at_once: bool,
}

/// One `write` of a trial.
#[derive(Debug, Clone)]
pub struct PackedSync {
    /// The catalog, as the subject gets it.
    pub catalog: String,
    /// The catalog, read.
    pub streams: Catalog,
    /// What is sent.
    pub steps: Vec<Step>,
    /// Whether the platform's `state.id`s are given to its states.
    pub state_ids: bool,
}

impl PackedSync {
    /// Whether it sends again what the sync before it left unacknowledged.
    #[must_use]
    pub fn replays(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Replay))
    }

    /// The sync with these steps wherever it replays the one before; its states are numbered, and
    /// told the source's counts, anew.
    pub fn replaying(self, missed: &[Step]) -> serde_json::Result<Self> {
        let Self { catalog, streams, steps, state_ids } = self;
        let missed = missed.iter().map(without_stats).collect::<serde_json::Result<Vec<_>>>()?;
        let steps = steps.into_iter().flat_map(|step| match step {
            Step::Replay => missed.clone(),
            step => vec![step],
        });
        let steps = platform_made(steps.map(|step| (state_ids, step)).collect())?;
        Ok(Self { catalog, streams, steps, state_ids })
    }
}

/// Packs scenarios into as few trials as they allow. With seed 0 the messages of packed scenarios
/// follow one another; any other seed draws an order in which they alternate.
pub fn pack(scenarios: &[Scenario], names: &Names, seed: u64) -> serde_json::Result<Vec<Trial>> {
    let (alone, packed): (Vec<_>, Vec<_>) = scenarios.iter().partition(|s| s.alone);
    let mut trials = Vec::new();
    if let [one] = packed[..] {
        trials.push(trial(&one.id, &[one], names, seed)?);
    } else if !packed.is_empty() {
        trials.push(trial(TOGETHER, &packed, names, seed)?);
    }
    for one in alone {
        trials.push(trial(&one.id, &[one], names, seed)?);
    }
    Ok(trials)
}

fn trial(id: &str, members: &[&Scenario], names: &Names, seed: u64) -> serde_json::Result<Trial> {
    let syncs = members.iter().map(|member| member.syncs.len()).max().unwrap_or(0);
    // A trial with a manner has one member: the loader sees to it.
    let manner = members.first().map(|member| Manner {
        breaks: member.breaks || member.disturbances().any(Disturbance::breaks),
        at_once: member.at_once,
        env: member.env.clone(),
        full_disk: member.full_disk,
    });
    Ok(Trial {
        manner: manner.unwrap_or_default(),
        id: id.to_owned(),
        members: members.iter().map(|member| self::member(member, names)).collect(),
        syncs: (0..syncs).map(|nth| packed(members, nth, names, seed)).collect::<Result<_, _>>()?,
    })
}

fn member(scenario: &Scenario, names: &Names) -> Member {
    let mut streams: Vec<Descriptor> = Vec::new();
    let names = &names.of(scenario);
    for stream in scenario.syncs.iter().flat_map(|sync| &sync.streams.streams) {
        let renamed = names.descriptor(&stream.descriptor());
        if !streams.contains(&renamed) {
            streams.push(renamed);
        }
    }
    Member {
        scenario: scenario.id.clone(),
        streams,
        syncs: scenario.syncs.len(),
        about: scenario.about.clone(),
        at_once: scenario.at_once,
    }
}

fn packed(
    members: &[&Scenario],
    nth: usize,
    names: &Names,
    seed: u64,
) -> serde_json::Result<PackedSync> {
    let mut catalogs: Vec<Box<RawValue>> = Vec::new();
    let mut queues = Vec::new();
    let mut complete = Vec::new();
    for member in members {
        let Some(sync) = member.syncs.get(nth) else {
            continue;
        };
        let names = &names.of(member);
        let renamed = names.catalog(&sync.catalog)?;
        edit(&renamed, |catalog| {
            catalogs.extend(serde_json::from_str::<Vec<_>>(catalog["streams"].get())?);
            Ok(())
        })?;
        let steps = sync.steps.iter().map(|step| rename(step, names));
        let steps = steps.collect::<serde_json::Result<Vec<_>>>()?;
        queues.push((member.state_ids, steps));
        if member.statuses {
            complete.extend(sync.streams.streams.iter().map(|s| names.descriptor(&s.descriptor())));
        }
    }
    let catalog = format!("{{\"streams\":{}}}", serde_json::to_string(&catalogs)?);
    let merged = merge(queues, seed);
    // What is sent again counts, and is not known yet.
    let replays = merged.iter().any(|(_, step)| matches!(step, Step::Replay));
    let mut steps = if replays {
        merged.into_iter().map(|(_, step)| step).collect()
    } else {
        platform_made(merged)?
    };
    let state_ids = members.iter().all(|member| member.state_ids);
    // The platform sends statuses after all data, and only if the source succeeded.
    steps.extend(complete.iter().map(|stream| {
        let emitted_at = 1_767_225_600_000.0;
        Step::Message(Sent::complete(stream, emitted_at))
    }));
    Ok(PackedSync { streams: serde_json::from_str(&catalog)?, catalog, steps, state_ids })
}

fn rename(step: &Step, names: &Names) -> serde_json::Result<Step> {
    Ok(match step {
        Step::Gate => Step::Gate,
        Step::Disturb(disturbance) => Step::Disturb(*disturbance),
        Step::Raw(text) => Step::Raw(text.clone()),
        Step::Pace(pace) => Step::Pace(*pace),
        Step::Replay => Step::Replay,
        Step::Bulk(bulk) => {
            let mut bulk = bulk.clone();
            bulk.stream = names.descriptor(&bulk.stream);
            Step::Bulk(bulk)
        }
        Step::Message(sent) => parsed(names.message(&sent.line)?)?,
    })
}

fn parsed(line: String) -> serde_json::Result<Step> {
    let sent = Sent::parse(&line).map_err(serde::de::Error::custom)?;
    Ok(Step::Message(Sent { line, body: sent.body }))
}

/// Merges the scenarios' steps, each scenario's in their order.
fn merge(queues: Vec<(bool, Vec<Step>)>, seed: u64) -> Vec<(bool, Step)> {
    let mut queues: Vec<_> = queues
        .into_iter()
        .map(|(ids, steps)| steps.into_iter().map(move |step| (ids, step)).collect::<Vec<_>>())
        .map(|steps| steps.into_iter().peekable())
        .collect();
    let mut merged = Vec::new();
    let mut random = seed;
    loop {
        queues.retain_mut(|queue| queue.peek().is_some());
        let Some(last) = queues.len().checked_sub(1) else {
            return merged;
        };
        let at = if seed == 0 { 0 } else { usize::try_from(draw(&mut random)).unwrap_or(0) };
        merged.extend(queues[at % (last + 1)].next());
    }
}

/// The next number of the splitmix64 sequence.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) >> 1
}

/// Adds to states what the platform adds: ids that rise by one, and the source's counts.
fn platform_made(steps: Vec<(bool, Step)>) -> serde_json::Result<Vec<Step>> {
    let mut next_id = 1_u64;
    let mut counts: HashMap<Descriptor, u64> = HashMap::new();
    let mut since_global = 0_u64;
    let mut made = Vec::with_capacity(steps.len());
    for (ids, step) in steps {
        made.push(match step {
            Step::Gate => Step::Gate,
            Step::Disturb(disturbance) => Step::Disturb(disturbance),
            step @ (Step::Raw(_) | Step::Pace(_) | Step::Replay) => step,
            Step::Bulk(mut bulk) => {
                bulk.first_state_id = ids.then_some(next_id);
                next_id += if ids { bulk.states() } else { 0 };
                since_global += bulk.sent();
                let since_state = counts.entry(bulk.stream.clone()).or_default();
                bulk.before = *since_state;
                *since_state = match bulk.states() {
                    0 => *since_state + bulk.sent(),
                    _ => bulk.records % bulk.state_every,
                };
                Step::Bulk(bulk)
            }
            Step::Message(sent) => match &sent.body {
                SentBody::Record(record) => {
                    *counts.entry(record.stream.clone()).or_default() += 1;
                    since_global += 1;
                    Step::Message(sent)
                }
                SentBody::Status(_) | SentBody::Other => Step::Message(sent),
                SentBody::State(state) => {
                    let count = match (state.kind, state.descriptor()) {
                        (StateKind::Stream, Some(stream)) => {
                            counts.insert(stream.clone(), 0).unwrap_or(0)
                        }
                        _ => std::mem::take(&mut since_global),
                    };
                    let id = ids.then_some(next_id);
                    next_id += u64::from(ids);
                    let line = edit(&sent.line, |message| {
                        change(message, "state", |state| with_platforms(state, id, count))
                    })?;
                    parsed(line)?
                }
            },
        });
    }
    Ok(made)
}

/// A step that was sent, as its source would send it again.
fn without_stats(step: &Step) -> serde_json::Result<Step> {
    match step {
        Step::Message(sent) if matches!(sent.body, SentBody::State(_)) => {
            parsed(edit(&sent.line, |message| {
                change(message, "state", |state| {
                    edit(state, |state| {
                        state.shift_remove("sourceStats");
                        Ok(())
                    })
                })
            })?)
        }
        step => Ok(step.clone()),
    }
}

fn with_platforms(state: &str, id: Option<u64>, count: u64) -> serde_json::Result<String> {
    edit(state, |state| {
        let raw = |text: String| RawValue::from_string(text);
        if let Some(id) = id {
            state.insert("id".into(), raw(id.to_string())?);
        }
        if !state.contains_key("sourceStats") {
            state.insert("sourceStats".into(), raw(format!("{{\"recordCount\":{count}.0}}"))?);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::*;

    fn names() -> Names {
        Names { run: "run".into(), namespaces: true, default: false }
    }

    fn all(seed: u64) -> Vec<Trial> {
        pack(&load::built_in().unwrap(), &names(), seed).unwrap()
    }

    fn lines(sync: &PackedSync) -> Vec<&str> {
        sync.steps
            .iter()
            .filter_map(|step| match step {
                Step::Message(sent) => Some(sent.line.as_str()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn few_launches() {
        let launches: usize = all(0).iter().map(|trial| trial.syncs.len()).sum();
        assert!(launches <= 31, "{launches} launches");
    }

    #[test]
    fn ids_rise_by_one_in_each_sync() {
        for seed in [0, 7] {
            for sync in all(seed).into_iter().flat_map(|trial| trial.syncs) {
                let sync = if sync.replays() { sync.replaying(&[]).unwrap() } else { sync };
                let ids: Vec<u64> = sync
                    .steps
                    .iter()
                    .flat_map(|step| match step {
                        Step::Message(Sent { body: SentBody::State(s), .. }) => {
                            s.id.iter().map(|id| id.parse().unwrap()).collect()
                        }
                        Step::Bulk(bulk) => {
                            let first = bulk.first_state_id.unwrap();
                            (first..first + bulk.states()).collect()
                        }
                        _ => vec![],
                    })
                    .collect();
                assert!(ids.iter().copied().eq(1..=ids.len() as u64), "{ids:?}");
            }
        }
    }

    #[test]
    fn a_seed_changes_the_order_and_nothing_else() {
        let count = |trials: &[Trial]| -> usize {
            trials.iter().flat_map(|t| &t.syncs).map(|s| s.steps.len()).sum()
        };
        let (straight, mixed) = (all(0), all(7));
        assert_eq!(count(&straight), count(&mixed));
        assert_ne!(lines(&straight[0].syncs[0]), lines(&mixed[0].syncs[0]));
        assert_eq!(lines(&all(7)[0].syncs[0]), lines(&mixed[0].syncs[0]));
    }
}
