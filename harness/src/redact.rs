//! Secrets never leave: what the config holds under properties marked `airbyte_secret` is replaced
//! by a marker in everything that is kept or shown.
//!
//! Replacing happens before anything is judged, so that a check finds a leak by its marker, in
//! evidence at hand as in evidence loaded from a folder.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::transcript::{Output, Transcript};

/// What a marker begins with.
pub const MARKER: &str = "[touchdown: secret ";

/// Shorter values cannot be told from chance: they are not searched for.
const SHORTEST: usize = 8;

/// The secrets of a config.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    secrets: Vec<Secret>,
    /// Pointers of secrets too short to be searched for.
    pub short: Vec<String>,
}

/// What stands in a URL as it is.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Debug, Clone)]
struct Secret {
    pointer: String,
    /// The value as it may appear: plain, escaped for JSON, encoded for a URL.
    forms: Vec<Vec<u8>>,
}

impl Secrets {
    /// The secrets of a config, by what the spec's `connectionSpecification` marks.
    #[must_use]
    pub fn of(config: &Value, connection_specification: &Value) -> Self {
        let mut found = Vec::new();
        find(config, connection_specification, "", &mut found);
        found.sort();
        found.dedup();
        let mut all = Self::default();
        for (pointer, value) in found {
            if value.len() < SHORTEST {
                all.short.push(pointer);
            } else {
                all.secrets.push(Secret { pointer, forms: forms(&value) });
            }
        }
        all
    }

    /// These secrets and those of another config.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.secrets.extend(other.secrets);
        self.short.extend(other.short);
        self.short.sort();
        self.short.dedup();
        self
    }

    /// Pointers of the secrets that are searched for.
    #[must_use]
    pub fn searched(&self) -> Vec<String> {
        let pointers = self.secrets.iter().map(|secret| secret.pointer.clone());
        let mut pointers: Vec<_> = pointers.collect();
        pointers.sort();
        pointers.dedup();
        pointers
    }

    /// The config without its secrets, the short ones included.
    #[must_use]
    pub fn config(&self, config: &Value) -> Value {
        let mut config = config.clone();
        let pointers = self.secrets.iter().map(|secret| &secret.pointer).chain(&self.short);
        for pointer in pointers {
            if let Some(value) = config.pointer_mut(pointer) {
                *value = Value::from(marker(pointer));
            }
        }
        config
    }

    /// Replaces secrets in all output of a transcript.
    pub fn redact(&self, transcript: &mut Transcript) {
        if self.secrets.is_empty() {
            return;
        }
        for Output { bytes, .. } in transcript.stdout.iter_mut().chain(&mut transcript.stderr) {
            for secret in &self.secrets {
                for form in &secret.forms {
                    if let Cow::Owned(without) = replace(bytes, form, &marker(&secret.pointer)) {
                        *bytes = without;
                    }
                }
            }
        }
    }

    /// Replaces secrets in a text.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut transcript = Transcript {
            stdout: vec![Output { at: 0, bytes: text.as_bytes().to_vec() }],
            ..Transcript::default()
        };
        self.redact(&mut transcript);
        transcript
            .stdout
            .pop()
            .map(|line| String::from_utf8_lossy(&line.bytes).into_owned())
            .unwrap_or_default()
    }
}

fn marker(pointer: &str) -> String {
    format!("{MARKER}{pointer}]")
}

/// The config's values under properties that a schema, or any of its variants, marks.
fn find(config: &Value, schema: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    if schema["airbyte_secret"] == true {
        match config {
            Value::String(text) => found.push((pointer.to_owned(), text.clone())),
            Value::Number(number) => found.push((pointer.to_owned(), number.to_string())),
            _ => {}
        }
    }
    for variants in ["oneOf", "anyOf", "allOf"] {
        for variant in schema[variants].as_array().into_iter().flatten() {
            find(config, variant, pointer, found);
        }
    }
    match config {
        Value::Object(object) => {
            for (key, value) in object {
                if let Some(property) = schema["properties"].get(key) {
                    let step = key.replace('~', "~0").replace('/', "~1");
                    find(value, property, &format!("{pointer}/{step}"), found);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                find(item, &schema["items"], &format!("{pointer}/{at}"), found);
            }
        }
        _ => {}
    }
}

fn forms(secret: &str) -> Vec<Vec<u8>> {
    let json = Value::from(secret).to_string();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(&json);
    let json = json.to_owned();
    let url = utf8_percent_encode(secret, URL).to_string();
    let mut forms = vec![secret.to_owned(), json, url];
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms.into_iter().map(String::into_bytes).collect()
}

fn replace<'a>(text: &'a [u8], what: &[u8], with: &str) -> Cow<'a, [u8]> {
    let mut places = memchr::memmem::find_iter(text, what).peekable();
    if places.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in places {
        out.extend_from_slice(&text[from..at]);
        out.extend_from_slice(with.as_bytes());
        from = at + what.len();
    }
    out.extend_from_slice(&text[from..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secrets() -> Secrets {
        let schema = json!({"properties": {
            "user": {"type": "string"},
            "auth": {"oneOf": [
                {"properties": {"password": {"airbyte_secret": true}}},
                {"properties": {"pin": {"airbyte_secret": true}}},
            ]},
        }});
        let config =
            json!({"user": "someone-long", "auth": {"password": "p@ss \"word\"", "pin": "1"}});
        Secrets::of(&config, &schema)
    }

    #[test]
    fn secrets_are_found_in_variants_and_short_ones_are_named() {
        assert_eq!(secrets().searched(), ["/auth/password"]);
        assert_eq!(secrets().short, ["/auth/pin"]);
    }

    #[test]
    fn every_form_is_replaced() {
        for leak in [r#"login p@ss "word""#, r#"login p@ss \"word\""#, "login p%40ss%20%22word%22"]
        {
            assert_eq!(secrets().text(leak), "login [touchdown: secret /auth/password]", "{leak}");
        }
        assert_eq!(secrets().text("nothing 1"), "nothing 1");
    }

    #[test]
    fn the_config_is_kept_without_them() {
        let config = json!({"user": "someone-long", "auth": {"pin": "1"}});
        assert_eq!(
            secrets().config(&config),
            json!({"user": "someone-long", "auth": {"pin": "[touchdown: secret /auth/pin]"}})
        );
    }
}
