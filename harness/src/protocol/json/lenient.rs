//! Reading what is JSON by its grammar and more than `serde_json` takes into a [`Value`]: values
//! nested deeper than 128 levels, and escapes of half a character such as `\ud800`, which Java and
//! JavaScript print where they cut a text. A destination that echoes them does nothing wrong.

use std::borrow::Cow;
use std::fmt::Write;

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

/// Deeper values are not read: to walk them would take more stack than a thread is sure to have.
const DEEPEST: usize = 512;

/// A JSON text as a value; half characters are kept apart from all others (see [`mend`]). `None`
/// if it is no JSON, or nested too deep.
#[must_use]
pub fn read(text: &str) -> Option<Value> {
    let text = mend(text);
    match serde_json::from_str(&text) {
        Ok(value) => Some(value),
        Err(_) if depth(&text) > DEEPEST => None,
        Err(_) => nested(&text),
    }
}

/// How deep a JSON text is nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Reads level by level: raw values have no limit.
fn nested(text: &str) -> Option<Value> {
    match text.trim_start().as_bytes().first()? {
        b'{' => {
            let fields: IndexMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let fields = fields.into_iter().map(|(key, raw)| Some((key, nested(raw.get())?)));
            Some(Value::Object(fields.collect::<Option<_>>()?))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let items = items.into_iter().map(|raw| nested(raw.get()));
            Some(Value::Array(items.collect::<Option<_>>()?))
        }
        _ => serde_json::from_str(text).ok(),
    }
}

/// A JSON text with each escape of half a character replaced by the last codepoint of all, which
/// is no character, and the half's number: `\ud800` becomes `\udbff\udfffd800`.
#[must_use]
pub fn mend(text: &str) -> Cow<'_, str> {
    let mut mended = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &text.as_bytes()[at..]) {
        at += found;
        match (half(text, at), half(text, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(lone), _) => {
                mended.push_str(&text[copied..at]);
                // Writing to a string cannot fail.
                let _ = write!(mended, "\\udbff\\udfff{lone:x}");
                at += 6;
                copied = at;
            }
            (None, _) => at += 2,
        }
        if at >= text.len() {
            break;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(mended)
}

/// The half of a character whose escape stands at this place.
fn half(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    let half = u16::from_str_radix(digits, 16).ok()?;
    (0xd800..=0xdfff).contains(&half).then_some(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_characters_are_told_apart_and_pairs_left_alone() {
        for (text, mended) in [
            (r#""\ud83e\udd80 \\ud800 \n \u00e9""#, None),
            (r#""\uD800""#, Some(r#""\udbff\udfffd800""#)),
            (r#""\udc00\ud800""#, Some(r#""\udbff\udfffdc00\udbff\udfffd800""#)),
            (r#""\ud83e\ud83e\udd80""#, Some(r#""\udbff\udfffd83e\ud83e\udd80""#)),
            (r#""\\\ud800x""#, Some(r#""\\\udbff\udfffd800x""#)),
            (r#"{"\udfff":"é\"#, Some(r#"{"\udbff\udfffdfff":"é\"#)),
            ("\"\\u+80é", None),
        ] {
            assert_eq!(mend(text), mended.unwrap_or(text));
            assert_eq!(mend(&mend(text)), mend(text));
        }
        assert_ne!(read(r#""\ud800""#), read(r#""\ud801""#));
        assert_ne!(read(r#""\ud800""#), read(r#""\ufffd""#));
        assert_eq!(read(r#""\ud83e\udd80""#), Some(Value::from("🦀")));
    }

    #[test]
    fn deep_values_are_read_up_to_a_limit() {
        for (levels, is_read) in [(1, true), (127, true), (128, true), (511, true), (512, false)] {
            let text =
                format!("{}{{\"a\":[1.50]}}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
            let value = read(&text);
            assert_eq!(value.is_some(), is_read, "{levels}");
            let again = value.map(|value| value.to_string());
            assert!(again.is_none_or(|again| again == text));
        }
        assert_eq!(read(&"[".repeat(1_000_000)), None);
        assert_eq!(read(&format!("{}1,{}", "[".repeat(200), "]".repeat(200))), None);
        assert_eq!(read("{} {}"), None);
        assert_eq!(read(""), None);
    }
}
