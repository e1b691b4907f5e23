//! The aftermath: what had landed after each sync of a trial whose syncs did not all succeed.
//!
//! Right after a broken sync its rows may not be visible yet; after the sync that follows it and
//! succeeds, all that was acknowledged has to be there.

use std::collections::HashSet;

use crate::bounds::{Bounds, Breach, Due};
use crate::evidence::{Evidence, Facts};
use crate::protocol::message::Descriptor;

/// What had landed after each launch.
#[derive(Debug, Default)]
pub struct Aftermath {
    /// One entry a launch.
    pub after: Vec<After>,
}

/// What had landed after one launch.
#[derive(Debug, Default)]
pub struct After {
    /// Its streams, as far as their rows can be held against something.
    pub streams: Vec<Stream>,
    /// Why rows could not be read back, if they could not.
    pub unread: Option<String>,
}

/// What had landed of one stream.
#[derive(Debug)]
pub struct Stream {
    /// The stream.
    pub stream: Descriptor,
    /// Where its rows break their bounds.
    pub breaches: Vec<Breach>,
    /// The launches that rows which are there were first sent in.
    pub present: Vec<usize>,
    /// How many rows have to be there, since a launch that did not succeed acknowledged them; one
    /// entry a launch.
    pub acknowledged: Vec<usize>,
    /// How many different rows are there of a launch that succeeded, and not of another that has
    /// sent them again; one entry a launch.
    pub kept: Vec<usize>,
}

impl Aftermath {
    /// Holds all that was read back in a trial against its bounds.
    #[must_use]
    pub fn of(evidence: &Evidence, facts: &Facts) -> Self {
        let after = |nth: usize| {
            let mut after = After::default();
            for landed in &evidence.launches[nth].landed {
                let launches = &evidence.launches[..=nth];
                let Some(bounds) = Bounds::after(&landed.stream, launches, &facts.declared) else {
                    continue;
                };
                let acknowledged = |by| {
                    bounds
                        .due(|due| matches!(due, Due::Acknowledged { launch, .. } if launch == by))
                };
                let held = match &landed.rows {
                    Ok(rows) => bounds.hold(rows),
                    Err(why) => Err(why.clone()),
                };
                match held {
                    Ok(held) => after.streams.push(Stream {
                        stream: landed.stream.clone(),
                        breaches: held.breaches,
                        present: held.present.into_iter().collect(),
                        acknowledged: (0..=nth).map(acknowledged).collect(),
                        kept: held.kept,
                    }),
                    Err(why) => {
                        after.unread.get_or_insert_with(|| format!("{}: {why}", landed.stream));
                    }
                }
            }
            after
        };
        Self { after: (0..evidence.launches.len()).map(after).collect() }
    }
}

impl After {
    /// Rows that have to be there and are not, with their stream.
    pub fn missing(&self) -> impl Iterator<Item = (&Stream, &str, Due)> {
        self.streams.iter().flat_map(|stream| {
            stream.breaches.iter().filter_map(move |breach| match breach {
                Breach::Missing { row, due } => Some((stream, row.as_str(), *due)),
                Breach::Surplus { .. } | Breach::Unsent { .. } => None,
            })
        })
    }

    /// The same rows, to be looked up.
    #[must_use]
    pub fn gaps(&self) -> HashSet<(&Descriptor, &str)> {
        self.missing().map(|(stream, row, _)| (&stream.stream, row)).collect()
    }

    /// Rows that are there and were never sent, with their stream.
    pub fn unsent(&self) -> impl Iterator<Item = (&Stream, &str)> {
        self.streams.iter().flat_map(|stream| {
            stream.breaches.iter().filter_map(move |breach| match breach {
                Breach::Unsent { row } => Some((stream, row.as_str())),
                _ => None,
            })
        })
    }

    /// The stream of this name.
    #[must_use]
    pub fn stream(&self, of: &Descriptor) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.stream == *of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{broken, record_of, state, stream};

    #[test]
    fn each_launch_is_held_against_what_went_before_it() {
        let (one, two) = (r#"{"id":1}"#, r#"{"id":2}"#);
        let state = state(1, "a", "{}");
        let killed = format!(
            "< {}\n< {state}\n< {}\n> {state}\n! killed\n|",
            record_of("a", one),
            record_of("a", two)
        );
        let then = format!("< {}\n| a {one}\n| a {two}", record_of("a", two));
        let aftermath = Aftermath::of(&broken(&[killed, then.clone()]), &Facts::default());
        let [first, second] = &aftermath.after[..] else { panic!("{aftermath:?}") };
        let missing: Vec<_> = first.missing().map(|(_, row, due)| (row, due.launch())).collect();
        assert_eq!(missing, [(one, 0)]);
        let of = first.stream(&stream("a")).unwrap();
        assert_eq!((&of.acknowledged[..], &of.kept[..]), (&[1][..], &[0][..]));
        assert!(of.present.is_empty());
        assert_eq!(second.missing().count(), 0);
        let of = second.stream(&stream("a")).unwrap();
        assert_eq!((&of.acknowledged[..], &of.kept[..]), (&[1, 0][..], &[0, 1][..]));
        assert_eq!(of.present, [0]);
        // What could not be read is told, and the other streams are held all the same.
        let aftermath =
            Aftermath::of(&broken(&[format!("{then}\n|! b no such table")]), &Facts::default());
        assert_eq!(aftermath.after[0].unread.as_deref(), Some("b: no such table"));
        assert!(aftermath.after[0].stream(&stream("a")).is_some());
        // Without a read-back nothing is known.
        let aftermath = Aftermath::of(&broken(&["! killed".to_owned()]), &Facts::default());
        assert!(aftermath.after[0].streams.is_empty() && aftermath.after[0].unread.is_none());
    }
}
