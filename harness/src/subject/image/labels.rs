//! Labels by which an image tells how it is tested, so that `--image NAME` is all there is to say.
//! A flag outranks a label.

use super::info::Info;

/// The image is not for the platform, and is talked to by attaching.
const IO: &str = "touchdown.io";
/// Folders that outlive a launch, with commas between them.
const VOLUME: &str = "touchdown.volume";
/// The working config, as JSON.
const CONFIG: &str = "touchdown.config";
/// A config that fits the spec and points nowhere, as JSON.
const UNREACHABLE: &str = "touchdown.unreachable-config";
/// The read-back, a command in the image.
const READBACK: &str = "touchdown.readback";
/// The read-back that reads all streams at once, a command in the image.
const READBACK_ONCE: &str = "touchdown.readback-once";

/// The inventory, a command in the image.
const INVENTORY: &str = "touchdown.inventory";
/// What the connector declares of itself, with commas between.
const DECLARE: &str = "touchdown.declare";

impl Info {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Whether it says that it is talked to by attaching.
    #[must_use]
    pub fn says_attach(&self) -> bool {
        self.label(IO) == Some("attach")
    }

    /// The folders that it says outlive a launch.
    #[must_use]
    pub fn says_volumes(&self) -> Vec<String> {
        let folders = self.label(VOLUME).unwrap_or_default().split(',').map(str::trim);
        folders.filter(|folder| !folder.is_empty()).map(str::to_owned).collect()
    }

    /// The inventory that it brings.
    #[must_use]
    pub fn says_inventory(&self) -> Option<&str> {
        self.label(INVENTORY)
    }

    /// What it declares of the connector.
    #[must_use]
    pub fn says_declared(&self) -> Vec<String> {
        let declared = self.label(DECLARE).unwrap_or_default().split(',').map(str::trim);
        declared.filter(|one| !one.is_empty()).map(str::to_owned).collect()
    }

    /// The working config that it brings.
    #[must_use]
    pub fn says_config(&self) -> Option<&str> {
        self.label(CONFIG)
    }

    /// The unreachable config that it brings.
    #[must_use]
    pub fn says_unreachable(&self) -> Option<&str> {
        self.label(UNREACHABLE)
    }

    /// The read-back that it brings, and whether it reads all streams at once.
    #[must_use]
    pub fn says_readback(&self) -> Option<(&str, bool)> {
        let once = self.label(READBACK_ONCE).map(|command| (command, true));
        once.or_else(|| self.label(READBACK).map(|command| (command, false)))
    }
}
