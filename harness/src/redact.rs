//! Secrets never leave: what the config holds under properties marked `airbyte_secret` is replaced
//! by a marker in everything that is kept or shown.
//!
//! Replacing happens before anything is judged, so that a check finds a leak by its marker, in
//! evidence at hand as in evidence loaded from a folder.
//!
//! A secret is told as it is by a `print`, in a JSON string by a LOG, in a string within that
//! string by a LOG of a whole config; and every JSON library escapes in its own way. So a line is
//! searched as it is and with its escapes taken off, level by level.

use std::borrow::Cow;
use std::cmp::Reverse;

use memchr::memchr;
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::protocol::json::under;
use crate::transcript::{Output, Transcript};

/// What a marker begins with.
pub const MARKER: &str = "[touchdown: secret ";

/// Shorter values cannot be told from chance: they are not searched for.
const SHORTEST: usize = 8;

/// Shorter lines of a secret of many lines are not searched for by themselves.
const SHORTEST_LINE: usize = 16;

/// How many levels of JSON escapes are taken off.
const DEPTH: usize = 3;

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
    /// The value as it may appear where no escapes are left.
    forms: Vec<Finder<'static>>,
}

/// Where a secret stands in a text.
#[derive(Debug, Clone, Copy)]
struct Span<'a> {
    start: usize,
    end: usize,
    pointer: &'a str,
}

impl Secrets {
    /// The secrets of a config, by what the spec's `connectionSpecification` marks.
    #[must_use]
    pub fn of(config: &Value, connection_specification: &Value) -> Self {
        let mut all = Self::default();
        for (pointer, value) in marked(config, connection_specification) {
            if value.len() < SHORTEST {
                all.short.push(pointer);
            } else {
                all.secrets.push(Secret { pointer, forms: finders(&value) });
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

    /// The config without its secrets, the short ones and those told a second time included.
    #[must_use]
    pub fn config(&self, config: &Value) -> Value {
        let mut config = config.clone();
        each_string(&mut config, "", &mut |text, _| {
            if let Cow::Owned(without) = self.replaced(text.as_bytes()) {
                *text = String::from_utf8_lossy(&without).into_owned();
            }
        });
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
            if let Cow::Owned(without) = self.replaced(bytes) {
                *bytes = without;
            }
        }
    }

    /// Replaces secrets in a text.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.replaced(text.as_bytes())).into_owned()
    }

    fn replaced<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let spans = self.spans(text);
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = Vec::with_capacity(text.len());
        let mut from = 0;
        for Span { start, end, pointer } in spans {
            out.extend_from_slice(&text[from..start]);
            out.extend_from_slice(marker(pointer).as_bytes());
            from = end;
        }
        out.extend_from_slice(&text[from..]);
        Cow::Owned(out)
    }

    /// Where secrets stand in a text, whatever level of escapes they are found under; in order,
    /// and none over another.
    fn spans(&self, text: &[u8]) -> Vec<Span<'_>> {
        let mut levels = vec![Cow::Borrowed(text)];
        while levels.len() <= DEPTH
            && let Some(last) = levels.last()
            && memchr(b'\\', last).is_some()
        {
            levels.push(Cow::Owned(unescaped(last)));
        }
        let mut spans: Vec<Span> = Vec::new();
        for level in levels.iter().rev() {
            // What was found under this level's escapes is brought to where it stands in it.
            let mut place = Place { text: level, at: 0, said: 0 };
            for span in &mut spans {
                span.start = place.of(span.start);
                span.end = place.of(span.end);
            }
            for Secret { pointer, forms } in &self.secrets {
                for form in forms {
                    let length = form.needle().len();
                    spans.extend(form.find_iter(level).map(|start| Span {
                        start,
                        end: start + length,
                        pointer,
                    }));
                }
            }
            spans.sort_by_key(|span| (span.start, Reverse(span.end)));
            spans.dedup_by(|next, kept| {
                let over = next.start < kept.end;
                if over {
                    kept.end = kept.end.max(next.end);
                }
                over
            });
        }
        spans
    }
}

/// The config without any string that could be a secret, for where nobody said which are.
#[must_use]
pub fn without_strings(config: &Value) -> Value {
    let mut config = config.clone();
    each_string(&mut config, "", &mut |text, pointer| {
        if text.len() >= SHORTEST {
            *text = marker(pointer);
        }
    });
    config
}

/// Whether a `connectionSpecification` is one in which secrets could be marked.
#[must_use]
pub fn can_mark(connection_specification: &Value) -> bool {
    ["properties", "oneOf", "anyOf", "allOf"].iter().any(|key| {
        match &connection_specification[key] {
            Value::Object(properties) => !properties.is_empty(),
            Value::Array(variants) => !variants.is_empty(),
            _ => false,
        }
    })
}

/// Pointers and values of all secrets of a config, in order.
pub(crate) fn marked(config: &Value, connection_specification: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    find(config, connection_specification, "", &mut found);
    found.sort();
    found.dedup();
    found
}

fn marker(pointer: &str) -> String {
    format!("{MARKER}{pointer}]")
}

fn each_string(value: &mut Value, pointer: &str, change: &mut impl FnMut(&mut String, &str)) {
    match value {
        Value::String(text) => change(text, pointer),
        Value::Object(object) => {
            for (key, value) in object {
                each_string(value, &under(pointer, key), change);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                each_string(item, &format!("{pointer}/{at}"), change);
            }
        }
        _ => {}
    }
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
                    find(value, property, &under(pointer, key), found);
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

/// What a secret looks like where no escapes are left: itself, for a URL, for a shell, in base64,
/// and each of its lines, as they are printed one by one.
fn finders(secret: &str) -> Vec<Finder<'static>> {
    let url = utf8_percent_encode(secret, URL).to_string();
    let shell = shell_words::quote(secret);
    let shell = shell.strip_prefix('\'').and_then(|quoted| quoted.strip_suffix('\''));
    let mut forms = vec![secret.to_owned(), secret.trim().to_owned(), url.replace("%20", "+"), url];
    forms.extend(shell.map(str::to_owned));
    forms.extend(base64(secret.trim().as_bytes()));
    // A secret that is a JSON text, such as a service account, holds its key's lines escaped.
    let inner = String::from_utf8_lossy(&unescaped(secret.as_bytes())).into_owned();
    for text in [secret, &inner] {
        // The frame of a PEM key is no secret.
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        let long = lines.filter(|line| line.chars().count() >= SHORTEST_LINE);
        forms.extend(long.map(str::to_owned));
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort();
    forms.dedup();
    forms.iter().map(|form| Finder::new(form).into_owned()).collect()
}

/// What any base64 of a text around these bytes holds, in both alphabets: the digits that are
/// theirs alone, after none, one or two bytes before them.
fn base64(bytes: &[u8]) -> Vec<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut forms = Vec::new();
    for skipped in [0, 4, 2] {
        let (mut held, mut bits, mut form) = (0_u32, 0, String::new());
        for (nth, byte) in bytes.iter().enumerate() {
            held = held << 8 | u32::from(*byte);
            bits += if nth == 0 { 8 - skipped } else { 8 };
            while bits >= 6 {
                bits -= 6;
                form.push(char::from(DIGITS[(held >> bits & 63) as usize]));
            }
        }
        forms.push(form.replace('+', "-").replace('/', "_"));
        forms.push(form);
    }
    forms
}

/// A text with one level of JSON escapes taken off, wherever in it they are.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(plain) = memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..plain]);
        let (length, said) = escape(&rest[plain..]);
        out.extend_from_slice(said.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[plain + length..];
    }
    out.extend_from_slice(rest);
    out
}

/// The length of the escape that a text begins with, and what it says. A backslash that escapes
/// nothing says itself.
fn escape(text: &[u8]) -> (usize, char) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let all_hex = digits.iter().all(u8::is_ascii_hexdigit);
        all_hex.then(|| u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok())?
    };
    match text.get(1) {
        Some(b'n') => (2, '\n'),
        Some(b't') => (2, '\t'),
        Some(b'r') => (2, '\r'),
        Some(b'b') => (2, '\u{8}'),
        Some(b'f') => (2, '\u{c}'),
        Some(b'u') => {
            let units = [unit(0), unit(6)].into_iter().map_while(|unit| unit);
            match char::decode_utf16(units).next() {
                Some(Ok(said)) => (6 * said.len_utf16(), said),
                _ => (1, '\\'),
            }
        }
        Some(byte @ (b'"' | b'\\' | b'/' | b'\'')) => (2, char::from(*byte)),
        _ => (1, '\\'),
    }
}

/// A walk along a text to where what it says without escapes stands in it.
struct Place<'a> {
    text: &'a [u8],
    at: usize,
    /// How much was said up to there.
    said: usize,
}

impl Place<'_> {
    /// Where that which is said from `wanted` on stands; asked in order.
    fn of(&mut self, wanted: usize) -> usize {
        loop {
            let rest = &self.text[self.at..];
            let ahead = &rest[..rest.len().min(wanted.saturating_sub(self.said))];
            let plain = memchr(b'\\', ahead);
            let skipped = plain.unwrap_or(ahead.len());
            self.at += skipped;
            self.said += skipped;
            if plain.is_none() {
                return self.at;
            }
            let (length, said) = escape(&self.text[self.at..]);
            self.at += length;
            self.said += said.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests;
