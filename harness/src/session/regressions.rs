//! Cases that failed, saved as fixtures that later runs replay first.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::DirEntry;
use std::path::Path;
use std::{fs, io};

use serde_json::value::RawValue;

use crate::model::{self, Input};
use crate::protocol::catalog::ConfiguredStream;
use crate::scenario::Scenario;

/// Notes the rows that must have landed after each sync, where each has to succeed.
pub fn expect(scenario: &mut Scenario) {
    let syncs: Vec<Input> =
        scenario.syncs.iter().map(|sync| (&sync.streams, sync.steps.as_slice())).collect();
    let after = |nth: usize| {
        let streams = scenario.syncs[nth].streams.streams.iter().map(ConfiguredStream::descriptor);
        let rows = streams.flat_map(|stream| {
            let expected = model::expected(&stream, &syncs[..=nth]);
            let raw = |row: &str| RawValue::from_string(row.to_owned()).ok();
            let rows = expected.rows().filter_map(|(row, _)| raw(&row));
            rows.map(|row| (stream.clone(), row)).collect::<Vec<_>>()
        });
        rows.collect()
    };
    if !scenario.breaks {
        let expected: Vec<Vec<_>> = (0..syncs.len()).map(after).collect();
        for (sync, expected) in scenario.syncs.iter_mut().zip(expected) {
            sync.expected = expected;
        }
    }
}

/// Saves a case that fails a check; whole, or not at all, and not the same one twice. Others of that
/// check stay.
pub fn save(scenario: &Scenario, check: &str, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let made = tempfile::tempdir_in(folder)?;
    scenario.save(made.path())?;
    let ours = files(made.path())?;
    let name = |nth: u32| match nth {
        1 => format!("regression-{check}"),
        nth => format!("regression-{check}-{nth}"),
    };
    let is_ours = |place: &Path| files(place).is_ok_and(|theirs| theirs == ours);
    let mut places = (1..).map(|nth| folder.join(name(nth)));
    match places.find(|place| !place.exists() || is_ours(place)) {
        Some(place) if !place.exists() => fs::rename(made.keep(), place),
        _ => Ok(()),
    }
}

/// The files of a folder, with what is in them.
fn files(folder: &Path) -> io::Result<BTreeMap<OsString, Vec<u8>>> {
    let named = |entry: io::Result<DirEntry>| {
        let entry = entry?;
        Ok((entry.file_name(), fs::read(entry.path())?))
    };
    fs::read_dir(folder)?.map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::case::Mode;
    use crate::generate::strategy::{Offer, batch};

    #[test]
    fn the_same_case_is_saved_once() {
        let folder = tempfile::tempdir().unwrap();
        let offer = Offer { modes: vec![Mode::Append], namespaces: true, refreshes: false };
        let cases = batch(&offer, 1, 0, 2);
        let mut names = Vec::new();
        for case in [&cases[0], &cases[0], &cases[1], &cases[1], &cases[0]] {
            let scenario = case.written("data-lost").unwrap();
            save(&scenario, "data-lost", folder.path()).unwrap();
            names =
                fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        }
        names.sort();
        assert_eq!(names, ["regression-data-lost", "regression-data-lost-2"]);
    }
}
