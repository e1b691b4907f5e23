//! Writing a scenario as the folder that it could have been loaded from.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Scenario, Step};
use crate::protocol::message::Descriptor;

/// The folder of a scenario within that of its evidence.
pub const CASE: &str = "case";

impl Scenario {
    /// Writes its files into this folder, which is made.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let env = self.env.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        let env: Value = env.collect::<Map<_, _>>().into();
        let head = json!({
            "summary": self.summary,
            "alone": self.alone,
            "state_ids": self.state_ids,
            "statuses": self.statuses,
            "about": self.about,
            "needs": self.needs,
            "breaks": self.breaks,
            "default_namespace": self.default_namespace,
            "at_once": self.at_once,
            "env": env,
            "full_disk": self.full_disk,
            "failed": self.failed,
        });
        fs::write(folder.join("scenario.json"), format!("{head:#}\n"))?;
        for (nth, sync) in self.syncs.iter().enumerate() {
            let file = |kind: &str| folder.join(format!("{}.{kind}", nth + 1));
            fs::write(file("catalog.json"), format!("{}\n", sync.catalog))?;
            let lines: String = sync.steps.iter().map(|step| line(step) + "\n").collect();
            fs::write(file("messages.jsonl"), lines)?;
            if !sync.expected.is_empty() {
                let lines: String = sync.expected.iter().map(row).collect();
                fs::write(file("expected.jsonl"), lines)?;
            }
        }
        Ok(())
    }
}

/// A row that must have landed as a line of its file.
fn row((stream, data): &(Descriptor, Box<RawValue>)) -> String {
    format!("{},\"data\":{data}}}\n", stream.head())
}

/// A step as a line of a messages file.
fn line(step: &Step) -> String {
    let ours = |instruction: Value| json!({"touchdown": instruction}).to_string();
    match step {
        Step::Message(sent) => sent.line.clone(),
        Step::Bulk(bulk) => ours(json!({"bulk": bulk})),
        Step::Gate => ours(json!("gate")),
        Step::Disturb(disturbance) => ours(json!({"disturb": disturbance})),
        Step::Raw(text) => ours(json!({"raw": text})),
        Step::Pace(pace) => ours(json!({"pace": pace})),
        Step::Replay => ours(json!("replay")),
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::load;

    #[test]
    fn what_is_saved_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let all = load::built_in().unwrap();
        for scenario in &all {
            scenario.save(&folder.path().join(&scenario.id)).unwrap();
        }
        let again = load::from_folder(folder.path()).unwrap();
        assert_eq!(again.len(), all.len());
        for (mut scenario, again) in all.into_iter().zip(again) {
            // What ends a catalog's file says nothing.
            for sync in &mut scenario.syncs {
                sync.catalog = format!("{}\n", sync.catalog);
            }
            assert_eq!(format!("{again:?}"), format!("{scenario:?}"));
        }
    }
}
