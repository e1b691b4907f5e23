//! What a sync has left unacknowledged: what the platform's next attempt sends again.

use std::collections::HashMap;

use crate::evidence::Launch;
use crate::protocol::message::Descriptor;
use crate::scenario::bulk::Bulk;
use crate::scenario::{SentBody, Step};

/// A place among steps: which of them, and for bulk input the number of the state in it.
type Place = (usize, u64);

/// The records and states of a sync that come after the last state of their stream that came back,
/// or after the last GLOBAL one; all, where none did.
#[must_use]
pub fn missed(launch: &Launch) -> Vec<Step> {
    let acknowledged = Acknowledged::of(launch);
    let steps = launch.steps.iter().enumerate();
    steps.filter_map(|(at, step)| acknowledged.rest(at, step)).collect()
}

/// Up to where a sync is acknowledged: by stream, and for all streams.
#[derive(Default)]
struct Acknowledged {
    streams: HashMap<Descriptor, Place>,
    all: Option<Place>,
}

impl Acknowledged {
    fn of(launch: &Launch) -> Self {
        let mut acknowledged = Self::default();
        // The ledger has the states in the order of the steps, those of bulk input included.
        let mut states = launch.ledger().sent.iter();
        for (at, step) in launch.steps.iter().enumerate() {
            let count = match step {
                Step::Message(sent) => u64::from(matches!(sent.body, SentBody::State(_))),
                Step::Bulk(bulk) => bulk.states(),
                _ => 0,
            };
            for nth in 0..count {
                let Some(sent) = states.next() else { break };
                if sent.came.is_empty() {
                    continue;
                }
                match sent.state.descriptor() {
                    Some(stream) => {
                        acknowledged.streams.insert(stream.clone(), (at, nth));
                    }
                    None => acknowledged.all = Some((at, nth)),
                }
            }
        }
        acknowledged
    }

    /// Whether a step of a stream is acknowledged, as a whole.
    fn covers(&self, stream: &Descriptor, at: usize) -> bool {
        let place = self.streams.get(stream).copied().max(self.all);
        place.is_some_and(|(last, _)| at <= last)
    }

    /// What of a step is to be sent again.
    fn rest(&self, at: usize, step: &Step) -> Option<Step> {
        match step {
            Step::Message(sent) => {
                let covered = match &sent.body {
                    SentBody::Record(record) => self.covers(&record.stream, at),
                    SentBody::State(state) => match state.descriptor() {
                        Some(stream) => self.covers(stream, at),
                        None => self.all.is_some_and(|(last, _)| at <= last),
                    },
                    // The platform makes its statuses anew.
                    SentBody::Status(_) | SentBody::Other => true,
                };
                (!covered).then(|| step.clone())
            }
            Step::Bulk(bulk) => self.rest_of_bulk(at, bulk).map(Step::Bulk),
            _ => None,
        }
    }

    fn rest_of_bulk(&self, at: usize, bulk: &Bulk) -> Option<Bulk> {
        let own = self.streams.get(&bulk.stream).filter(|(last, _)| *last == at);
        match own {
            Some((_, nth)) if self.all.is_none_or(|(last, _)| last < at) => {
                Some(bulk.after_state(*nth)).filter(|rest| rest.sent() > 0)
            }
            _ => (!self.covers(&bulk.stream, at)).then(|| bulk.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{global, record, state, status, stream, write};

    /// The lines that are sent again after a sync that went as the script says.
    fn lines(script: &str) -> Vec<String> {
        let step = |step: Step| match step {
            Step::Message(sent) => sent.line,
            other => panic!("{other:?}"),
        };
        missed(&write(script)).into_iter().map(step).collect()
    }

    #[test]
    fn a_stream_goes_on_after_its_last_acknowledged_state() {
        let [a, b] = ["a", "b"].map(record);
        let [a1, a2, b1] =
            [state(1, "a", r#"{"n":1}"#), state(2, "a", r#"{"n":2}"#), state(3, "b", "{}")];
        let sent = format!("< {a}\n< {b}\n< {a1}\n< {a}\n< {a2}\n< {b1}\n< {a}");
        assert_eq!(lines(&format!("{sent}\n> {a1}")), [&*b, &a, &a2, &b1, &a]);
        assert_eq!(lines(&format!("{sent}\n> {a2}\n> {b1}")), [&*a]);
        assert_eq!(lines(&sent).len(), 7);
    }

    #[test]
    fn a_global_state_speaks_for_every_stream() {
        let [a, b] = ["a", "b"].map(record);
        let both = global(1, &[("a", "{}"), ("b", "{}")]);
        let sent = format!("< {a}\n< {b}\n< {both}\n< {b}");
        assert_eq!(lines(&format!("{sent}\n> {both}")), [&*b]);
        assert_eq!(lines(&sent).len(), 4);
    }

    #[test]
    fn a_recipe_goes_on_after_its_last_acknowledged_state() {
        let bulk = Bulk {
            before: 0,
            stream: stream("a"),
            records: 8,
            state_every: 3,
            first_state_id: Some(1),
            line: 0,
            state_line: 0,
            skip: 0,
        };
        let recipe = serde_json::to_string(&bulk).unwrap();
        let (b, all) = (state(3, "b", "{}"), global(4, &[("a", "{}"), ("b", "{}")]));
        let rest = |came: &str| {
            let script = format!("~ {{\"bulk\":{recipe}}}\n< {b}\n< {all}\n{came}");
            let skipped = |step: Step| match step {
                Step::Bulk(bulk) => Some(bulk.skip),
                _ => None,
            };
            missed(&write(&script)).into_iter().find_map(skipped)
        };
        let [first, second] = [0, 1].map(|nth| format!("> {}", bulk.state(nth)));
        assert_eq!(rest(""), Some(0));
        assert_eq!(rest(&first), Some(3));
        assert_eq!(rest(&second), Some(6));
        assert_eq!(rest(&format!("{second}\n{first}")), Some(6));
        // Another stream's state says nothing of it, a GLOBAL one all.
        assert_eq!(rest(&format!("> {b}")), Some(0));
        assert_eq!(rest(&format!("> {all}")), None);
        assert_eq!(rest(&format!("{first}\n> {all}")), None);
        // All of it is acknowledged, down to its last record.
        let whole = Bulk { records: 6, ..bulk.clone() };
        let recipe = serde_json::to_string(&whole).unwrap();
        assert!(missed(&write(&format!("~ {{\"bulk\":{recipe}}}\n{second}"))).is_empty());
        // Its own states are among it, numbered anew where it is sent.
        assert_eq!(bulk.after_state(0).states(), 1);
    }

    #[test]
    fn no_namespace_is_null_and_not_another() {
        let null = |line: &str, key: &str| line.replace(key, &format!(r#"{key},"namespace":null"#));
        let row = record("a");
        let own = state(1, "a", "{}");
        let (row_null, own_null) = (null(&row, r#""stream":"a""#), null(&own, r#""name":"a""#));
        let there = row.replace(r#""stream":"a""#, r#""stream":"a","namespace":"n""#);
        let sent = format!("< {row}\n< {row_null}\n< {there}\n< {own_null}");
        assert_eq!(lines(&format!("{sent}\n> {own}")), [&*there]);
        assert_eq!(lines(&format!("{sent}\n> {own_null}")), [&*there]);
    }

    #[test]
    fn neither_statuses_nor_what_is_done_to_it_is_sent_again() {
        let (row, complete) = (record("a"), status("a", "COMPLETE"));
        let script =
            format!("< {row}\n~ {{\"raw\":\"x\"}}\n< {complete}\n~ kill\nx< {row}\n! killed");
        // What was never written is due all the same.
        assert_eq!(lines(&script), [&*row, &row]);
    }
}
