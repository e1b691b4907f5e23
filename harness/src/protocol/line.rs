//! One line of a subject's output, taken apart.

use serde_json::value::RawValue;

use super::json;
use super::message::{self, Message, Object, TypeFault};

/// What keeps a line from being one JSON object as the protocol wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Bytes that are not UTF-8; the first of them stands at this offset.
    NotUtf8(usize),
    /// No JSON; with the reader's own words.
    NotJson(String),
    /// JSON, but no object.
    NotObject,
    /// A second value after the first, starting at this offset.
    Several(usize),
    /// What JSON does not allow and some writers print: what it is.
    NotStrict(String),
    /// `type` is missing or unknown.
    Type(TypeFault),
}

/// A line, read.
#[derive(Debug, Clone)]
pub struct Line {
    /// The text; what is no UTF-8 is replaced.
    pub text: String,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
    /// The message that can be read from it all the same.
    pub message: Option<Message>,
}

impl Line {
    /// Takes a line apart. The bytes come without their newline.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut faults = Vec::new();
        if let Err(error) = std::str::from_utf8(bytes) {
            faults.push(Fault::NotUtf8(error.valid_up_to()));
        }
        let text = String::from_utf8_lossy(bytes).into_owned();
        let message = read_message(&text, &mut faults);
        Self { text, faults, message }
    }

    /// Whether the line holds nothing: readers skip it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// A line as it can be shown: on one line, not too long.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = String::from_utf8_lossy(bytes).replace('\r', "\\r");
    if text.len() <= LONGEST {
        return text;
    }
    let cut = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}… ({} bytes)", &text[..cut], bytes.len())
}

fn read_message(text: &str, faults: &mut Vec<Fault>) -> Option<Message> {
    if text.trim().is_empty() {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let first = match values.next()? {
        Ok(first) => first.get(),
        Err(error) => {
            faults.push(match json::foreign_number(text) {
                Some(token) if text.trim_start().starts_with('{') => {
                    Fault::NotStrict(format!("{token} is no JSON number"))
                }
                _ => Fault::NotJson(error.to_string()),
            });
            return None;
        }
    };
    let end = values.byte_offset();
    if !text[end..].trim().is_empty() {
        if first.starts_with('{') {
            faults.push(Fault::Several(end));
        } else {
            // `3 rows written` begins with a JSON value, yet is plain text.
            faults.push(Fault::NotJson("text that is not JSON".to_owned()));
            return None;
        }
    }
    // Half characters are JSON, and the platform reads them.
    let first = json::mend(first);
    let Ok(object) = serde_json::from_str::<Object>(&first) else {
        faults.push(Fault::NotObject);
        return None;
    };
    if let Some(key) = json::duplicate_key(&first) {
        faults.push(Fault::NotStrict(format!("the key \"{key}\" stands twice in one object")));
    }
    match message::parse(&object) {
        Ok(message) => Some(message),
        Err(fault) => {
            faults.push(Fault::Type(fault));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(line: &str) -> Vec<Fault> {
        Line::read(line.as_bytes()).faults
    }

    #[test]
    fn each_way_to_spoil_a_line_has_its_name() {
        assert!(matches!(faults("took 3ms")[..], [Fault::NotJson(_)]));
        assert!(matches!(faults("3 rows written")[..], [Fault::NotJson(_)]));
        assert_eq!(faults("[1]"), [Fault::NotObject]);
        assert_eq!(faults(r#"{"a":1}"#), [Fault::Type(TypeFault::Missing)]);
        assert_eq!(
            faults(r#"{"type":"METRIC"}"#),
            [Fault::Type(TypeFault::Unknown("METRIC".into()))]
        );
        assert!(matches!(
            faults(r#"{"type":"LOG","log":{"rate":NaN}}"#)[..],
            [Fault::NotStrict(_)]
        ));
        assert!(matches!(
            faults(r#"{"type":"LOG","log":{"level":"INFO","level":"INFO","message":""}}"#)[..],
            [Fault::NotStrict(_)]
        ));
        assert_eq!(
            Line::read(b"{\"type\":\"LOG\",\"log\":{\"message\":\"\xe9\"}}").faults.len(),
            1
        );
    }

    #[test]
    fn the_first_of_two_messages_is_read() {
        let log = r#"{"type":"LOG","log":{"level":"INFO","message":"m"}}"#;
        let line = Line::read(format!("{log}{log}").as_bytes());
        assert_eq!(line.faults, [Fault::Several(log.len())]);
        assert!(line.message.is_some());
    }

    #[test]
    fn what_the_platform_reads_is_read() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for log in [
            r#"{"level":"INFO","message":"half \ud83e"}"#.to_owned(),
            r#"{"level":"INFO","message":"m","\udd80":1}"#.to_owned(),
            format!(r#"{{"level":"INFO","message":"m","context":{deep}}}"#),
        ] {
            let line = Line::read(format!("{{\"type\":\"LOG\",\"log\":{log}}}\r").as_bytes());
            assert_eq!(line.faults, []);
            let Some(message::Body::Log(log)) = line.message.map(|message| message.body) else {
                panic!("no log")
            };
            assert!(log.message.is_some());
        }
    }

    #[test]
    fn blank_lines_are_no_fault() {
        assert!(faults("").is_empty());
        assert!(faults(" \r").is_empty());
    }
}
