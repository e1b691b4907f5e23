//! The faults that read a line in a way of their own.

use crate::json;
use crate::protocol::Envelope;
use serde_json::value::RawValue;

const ENVELOPE: [&str; 10] = [
    "\"type\"",
    "\"log\"",
    "\"spec\"",
    "\"connectionStatus\"",
    "\"catalog\"",
    "\"record\"",
    "\"state\"",
    "\"trace\"",
    "\"control\"",
    "\"destination_catalog\"",
];

const RECORD: [&str; 6] =
    ["\"namespace\"", "\"stream\"", "\"data\"", "\"emitted_at\"", "\"meta\"", "\"file_reference\""];

/// `deny-unknown-properties`: the first property of a RECORD's line that is not known today.
pub fn unknown_property(line: &[u8]) -> Option<String> {
    let envelope = json::entries(std::str::from_utf8(line).ok()?).ok()?;
    let (_, record) = envelope.iter().find(|(key, _)| *key == "\"record\"")?;
    let record = json::entries(record).ok()?;
    let strange = |known: &[&str], entries: &[(&str, &str)]| {
        entries.iter().map(|(key, _)| *key).find(|key| !known.contains(key)).map(str::to_owned)
    };
    strange(&ENVELOPE, &envelope).or_else(|| strange(&RECORD, &record))
}

/// `strict-integers`: what of a line is an integer with an exponent.
pub fn exponent(line: &[u8]) -> Option<&'static str> {
    let envelope: Envelope = serde_json::from_slice(line).ok()?;
    let has_exponent = |payload: Option<&RawValue>, path: &[&str]| {
        let path: Vec<_> = path.iter().map(|name| (*name).to_owned()).collect();
        let number = payload.and_then(|payload| json::at(payload, &path)).map(RawValue::get);
        number.is_some_and(|number| !number.starts_with('"') && number.contains(['e', 'E']))
    };
    let in_trace = has_exponent(envelope.trace, &["emitted_at"]);
    let in_state = has_exponent(envelope.state, &["sourceStats", "recordCount"]);
    in_trace.then_some("emitted_at").or(in_state.then_some("recordCount"))
}

/// `drop-lone-surrogates`: whether an escape stands for half a character.
pub fn has_lone_surrogate(json: &str) -> bool {
    let mut rest = json;
    while let Some(start) = rest.find('\\') {
        let (unit, after) = unit(&rest[start..]);
        rest = after;
        let second = || self::unit(after).0.is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        match unit {
            Some(0xd800..0xdc00) if second() => rest = self::unit(after).1,
            Some(0xd800..0xe000) => return true,
            _ => {}
        }
    }
    false
}

/// The code unit of the escape that the text starts with, if it is one of a code unit, and the
/// text after it.
fn unit(text: &str) -> (Option<u32>, &str) {
    let digits = text.strip_prefix("\\u").and_then(|rest| rest.split_at_checked(4));
    match digits {
        Some((digits, rest)) => (u32::from_str_radix(digits, 16).ok(), rest),
        // Two characters, the second of which may be a backslash too.
        None => (None, text.get(2..).unwrap_or_default()),
    }
}

/// `locale-encoding`: a record's data as it is decoded where the locale is C; none if it is not.
pub fn in_locale(data: &RawValue) -> Option<Box<RawValue>> {
    let locale = std::env::var("LC_ALL").unwrap_or_default();
    if !matches!(locale.as_str(), "C" | "POSIX") || data.get().is_ascii() {
        return None;
    }
    let ascii = data.get().bytes().map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' });
    RawValue::from_string(ascii.collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_half_a_character_is_a_lone_surrogate() {
        for text in [r#""\ud83e\udd80""#, r#""\\ud800""#, r#""\n\u00e9\"""#, r#""é""#] {
            assert!(!has_lone_surrogate(text), "{text}");
        }
        for text in [r#""\ud800""#, r#""\ud800\ud800\udc00""#, r#""\uDC00""#, r#""\\\udfff""#] {
            assert!(has_lone_surrogate(text), "{text}");
        }
    }
}
