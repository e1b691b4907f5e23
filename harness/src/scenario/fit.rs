//! Cutting a scenario down to what a connector offers: streams in other sync modes are left out of
//! it, and what is left travels as ever.

use serde_json::value::{RawValue, to_raw_value};

use super::names::edit;
use super::{Scenario, SentBody, Step, Sync};
use crate::protocol::catalog::{Catalog, ConfiguredStream, SyncMode};
use crate::protocol::message::Descriptor;

impl Scenario {
    /// The scenario without the streams whose sync mode is not offered; none, if that would leave
    /// nothing of a sync that had streams.
    #[must_use]
    pub fn fitted(&self, offers: impl Fn(SyncMode) -> bool) -> Option<Self> {
        let mut fitted = self.clone();
        for sync in &mut fitted.syncs {
            let fits = |stream: &ConfiguredStream| offers(stream.destination_sync_mode);
            if sync.streams.streams.iter().all(fits) {
                continue;
            }
            *sync = without_others(sync, &fits)?;
            if sync.streams.streams.is_empty() {
                return None;
            }
        }
        Some(fitted)
    }
}

fn without_others(sync: &Sync, fits: &dyn Fn(&ConfiguredStream) -> bool) -> Option<Sync> {
    let streams = &sync.streams.streams;
    let gone: Vec<Descriptor> =
        streams.iter().filter(|stream| !fits(stream)).map(ConfiguredStream::descriptor).collect();
    let stays = |of: &Descriptor| !gone.contains(of);
    let catalog = edit(&sync.catalog, |catalog| {
        let Some(list) = catalog.get("streams") else { return Ok(()) };
        let list: Vec<Box<RawValue>> = serde_json::from_str(list.get())?;
        let kept = list.iter().zip(streams).filter(|(_, stream)| fits(stream));
        let kept: Vec<_> = kept.map(|(text, _)| text).collect();
        catalog.insert("streams".to_owned(), to_raw_value(&kept)?);
        Ok(())
    });
    let kept = streams.iter().filter(|stream| fits(stream)).cloned().collect();
    let concerns = |step: &&Step| match step {
        Step::Message(sent) => match &sent.body {
            SentBody::Record(record) => stays(&record.stream),
            SentBody::State(state) => state.descriptor().is_none_or(stays),
            SentBody::Status(status) => stays(&status.stream),
            SentBody::Other => true,
        },
        Step::Bulk(bulk) => stays(&bulk.stream),
        _ => true,
    };
    let expected = sync.expected.iter().filter(|(of, _)| stays(of)).cloned().collect();
    Some(Sync {
        catalog: catalog.ok()?,
        streams: Catalog { streams: kept },
        steps: sync.steps.iter().filter(concerns).cloned().collect(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;

    #[test]
    fn what_is_not_offered_is_left_out_and_nothing_else() {
        let all = load::built_in().unwrap();
        let whole = |one: &Scenario| one.fitted(|_| true).unwrap();
        for scenario in &all {
            assert_eq!(format!("{:?}", whole(scenario)), format!("{scenario:?}"));
        }
        let find = |id: &str| all.iter().find(|scenario| scenario.id == id).unwrap();
        let append_only = |mode: SyncMode| mode == SyncMode::Append;
        assert!(find("dedup").fitted(append_only).is_none());
        let keys = find("refresh-finished");
        let fitted = keys.fitted(append_only).unwrap();
        for (sync, before) in fitted.syncs.iter().zip(&keys.syncs) {
            let modes = sync.streams.streams.iter().map(|s| s.destination_sync_mode);
            assert!(modes.clone().count() > 0 && modes.clone().all(append_only));
            let again: Catalog = serde_json::from_str(&sync.catalog).unwrap();
            assert_eq!(again.streams.len(), sync.streams.streams.len());
            assert!(sync.steps.len() < before.steps.len() && sync.steps.len() > 2);
        }
    }
}
