//! The types that fields of generated records have, each with values at and around its edges.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A text.
    Text,
    /// An integer.
    Integer,
    /// A number.
    Number,
    /// true or false.
    Boolean,
    /// A date.
    Date,
    /// A date and time with a zone.
    Moment,
    /// The same without.
    LocalMoment,
    /// A time of day with a zone.
    Time,
    /// The same without.
    LocalTime,
    /// An array.
    List,
    /// An object.
    Object,
    /// A text or an integer.
    Union,
}

/// A length that a column of 64 KiB does not hold.
const LONG: usize = 70_000;
/// One that a buffer of a megabyte does not.
const LONGER: usize = 1_060_000;

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Text,
        Self::Integer,
        Self::Number,
        Self::Boolean,
        Self::Date,
        Self::Moment,
        Self::LocalMoment,
        Self::Time,
        Self::LocalTime,
        Self::List,
        Self::Object,
        Self::Union,
    ];

    /// Its word, as it is told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Moment => "timestamp with time zone",
            Self::LocalMoment => "timestamp without time zone",
            Self::Time => "time with time zone",
            Self::LocalTime => "time without time zone",
            Self::List => "array",
            Self::Object => "object",
            Self::Union => "union",
        }
    }

    /// As the stream's schema declares it.
    #[must_use]
    pub fn schema(self) -> Value {
        let text = |format: &str, airbyte: &str| json!({"type": ["null", "string"], "format": format, "airbyte_type": airbyte});
        match self {
            Self::Text => json!({"type": ["null", "string"]}),
            Self::Integer => json!({"type": ["null", "integer"]}),
            Self::Number => json!({"type": ["null", "number"]}),
            Self::Boolean => json!({"type": ["null", "boolean"]}),
            Self::Date => json!({"type": ["null", "string"], "format": "date"}),
            Self::Moment => text("date-time", "timestamp_with_timezone"),
            Self::LocalMoment => text("date-time", "timestamp_without_timezone"),
            Self::Time => text("time", "time_with_timezone"),
            Self::LocalTime => text("time", "time_without_timezone"),
            Self::List => json!({"type": ["null", "array"]}),
            Self::Object => json!({"type": ["null", "object"]}),
            Self::Union => json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}),
        }
    }

    /// Its values as JSON, the simplest first, but for those that are long.
    fn short(self) -> &'static [&'static str] {
        match self {
            Self::Text => &[
                "\"a\"",
                "null",
                "\"\"",
                "\" a \"",
                r#""a\r\nb""#,
                r#""a\tb\\\"c""#,
                "\"it's; --\"",
                "\"null\"",
                "\"0012\"",
                "\"1e3\"",
                "\"{\\\"a\\\":1}\"",
                "\"é\"",
                "\"e\u{301}\"",
                "\"日本語\"",
                "\"🦀\"",
                "\"true\"",
            ],
            Self::Integer => &[
                "1",
                "null",
                "0",
                "-1",
                "2147483648",
                "9007199254740993",
                "-9007199254740993",
                "9223372036854775807",
                "-9223372036854775808",
            ],
            Self::Number => &[
                "1.5",
                "null",
                "0",
                "-0.5",
                "0.1",
                "1234567.891",
                "3",
                "1e-6",
                "123456789.123456",
                "1e15",
            ],
            Self::Boolean => &["true", "null", "false"],
            Self::Date => &["\"2026-01-15\"", "null", "\"2024-02-29\"", "\"1999-12-31\""],
            Self::Moment => &[
                "\"2026-01-15T08:30:00Z\"",
                "null",
                "\"2026-01-15T08:30:00.123456Z\"",
                "\"2026-01-15T08:30:00+02:00\"",
                "\"2026-07-01T23:59:59.999999-11:30\"",
            ],
            Self::LocalMoment => {
                &["\"2026-01-15T08:30:00\"", "null", "\"2026-01-15T08:30:00.123456\""]
            }
            Self::Time => &["\"08:30:00Z\"", "null", "\"08:30:00+05:45\"", "\"23:59:59.999999Z\""],
            Self::LocalTime => &["\"08:30:00\"", "null", "\"23:59:59.999999\""],
            Self::List => &[
                "[1]",
                "null",
                "[]",
                "[null]",
                r#"["a",null,"b"]"#,
                r#"[[1],{"a":[true]}]"#,
                "[9007199254740993]",
            ],
            Self::Object => &[
                r#"{"a":1}"#,
                "null",
                "{}",
                r#"{"a":{"b":[1,null]}}"#,
                r#"{"é":"ü"}"#,
                r#"{"a":"","b":false,"c":0}"#,
                r#"{"a":9007199254740993}"#,
            ],
            Self::Union => &["\"a\"", "null", "1", "\"1\"", "\"\"", "9007199254740993"],
        }
    }

    /// How many values it has.
    #[must_use]
    pub fn count(self) -> usize {
        self.short().len() + if self == Self::Text { 3 } else { 0 }
    }

    /// Whether its value of this number is a long one.
    #[must_use]
    pub fn is_long(self, nth: usize) -> bool {
        nth >= self.short().len()
    }

    /// The number of the text that is long, and of characters of three bytes: of three cuts that a
    /// reader makes after 64 KiB each, two go through a character, wherever it begins.
    #[must_use]
    pub fn wide_text() -> usize {
        Self::Text.short().len() + 1
    }

    /// Its value of this number, as JSON.
    #[must_use]
    pub fn value(self, nth: usize) -> Cow<'static, str> {
        let short = self.short();
        match (short.get(nth), nth - short.len().min(nth)) {
            (Some(value), _) => Cow::Borrowed(value),
            (None, 0) => Cow::Owned(format!("\"{}\"", "x".repeat(LONG))),
            (None, 1) => Cow::Owned(format!("\"{}\"", "日".repeat(LONG))),
            (None, _) => Cow::Owned(format!("\"{}\"", "y".repeat(LONGER))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::json;

    #[test]
    fn a_wide_text_is_cut_within_a_character_wherever_it_begins() {
        let text = Kind::Text.value(Kind::wide_text());
        for begin in 0..1 << 16 {
            let mut cuts = (1..).map(|nth| (nth << 16) - begin).take_while(|at| *at < text.len());
            assert!(cuts.any(|at| !text.is_char_boundary(at)), "{begin}");
        }
    }

    #[test]
    fn every_value_is_of_its_type() {
        for kind in Kind::ALL {
            let schema = kind.schema();
            let validator = jsonschema::validator_for(&schema).unwrap();
            let mut seen = Vec::new();
            for nth in 0..kind.count() {
                let value = json::read(&kind.value(nth)).unwrap();
                let is_null_of_union = kind == Kind::Union && value.is_null();
                assert!(is_null_of_union || validator.is_valid(&value), "{kind:?} {value}");
                assert!(!seen.contains(&value), "{kind:?} {value}");
                seen.push(value);
            }
        }
    }
}
