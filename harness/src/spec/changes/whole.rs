//! What a spec says beside its schema.

use serde_json::Value;

use super::{Change, Class};
use crate::protocol::json::{Numbers, equal, under};

const MODES: &str = "supported_destination_sync_modes";
const FLAGS: [&str; 3] = ["supportsIncremental", "supportsNormalization", "supportsDBT"];

/// The changes outside `connectionSpecification`.
pub fn compared(old: &Value, new: &Value) -> Vec<Change> {
    let mut all = Vec::new();
    let change = |class, kind, key: &str, reason: String| Change {
        class,
        kind,
        pointer: under("", key),
        reason,
    };
    let modes = |spec: &Value| -> Vec<String> {
        let listed = spec.get(MODES).and_then(Value::as_array).into_iter().flatten();
        listed.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (had, has) = (modes(old), modes(new));
    for gone in had.iter().filter(|mode| !has.contains(mode)) {
        let reason = format!("the sync mode {gone} is withdrawn: connections that use it stop");
        all.push(change(Class::Breaking, "sync-mode-withdrawn", MODES, reason));
    }
    for added in has.iter().filter(|mode| !had.contains(mode)) {
        let reason = format!("the sync mode {added} is offered");
        all.push(change(Class::Compatible, "sync-mode-added", MODES, reason));
    }
    for flag in FLAGS {
        let is = |spec: &Value| spec.get(flag) == Some(&Value::Bool(true));
        match (is(old), is(new)) {
            (true, false) => {
                let reason = format!("{flag} is no longer true: connections that rely on it stop");
                all.push(change(Class::Breaking, "feature-withdrawn", flag, reason));
            }
            (false, true) => {
                let reason = format!("{flag} is true now");
                all.push(change(Class::Compatible, "feature-added", flag, reason));
            }
            _ => {}
        }
    }
    let rest: [(&str, Class, &str); 4] = [
        ("protocol_version", Class::Compatible, "the platform reads it anew with each version"),
        ("advanced_auth", Class::Compatible, "what users have logged in to is stored already"),
        ("documentationUrl", Class::Cosmetic, "a link of the form"),
        ("changelogUrl", Class::Cosmetic, "a link of the form"),
    ];
    let (whole_old, whole_new) = (old, new);
    let [old, new] = [old, new].map(|spec| move |key: &str| spec.get(key).unwrap_or(&Value::Null));
    for (key, class, why) in rest.iter().copied() {
        if !equal(old(key), new(key), Numbers::ByValue) {
            all.push(change(class, "spec-changed", key, format!("{key} has changed: {why}")));
        }
    }
    let told = || FLAGS.into_iter().chain([MODES]).chain(rest.iter().map(|(key, ..)| *key));
    let keys = |spec: &Value| {
        spec.as_object().map(|spec| spec.keys().cloned().collect()).unwrap_or_default()
    };
    let (had, mut has): (Vec<String>, Vec<String>) = (keys(whole_old), keys(whole_new));
    has.retain(|key| !had.contains(key));
    for key in had.iter().chain(&has).filter(|key| *key != "connectionSpecification") {
        if told().all(|known| known != key) && !equal(old(key), new(key), Numbers::ByValue) {
            let reason = format!("{key} has changed, of which the platform knows nothing");
            all.push(change(Class::Cosmetic, "spec-changed", key, reason));
        }
    }
    all
}
