//! Values as bytes, in such a way that the order of the bytes is the order of the values.
//!
//! SQLite compares BLOBs byte by byte, so that a cursor stored like this is compared exactly:
//! null comes first, then booleans, numbers by value (of any size and precision), strings by code
//! point, and last what has no order of its own. Equal values have equal bytes (`1`, `1.0`, `10e-1`),
//! so that the same encoding tells keys apart.

use crate::json::Bytes;
use serde_json::value::RawValue;
use std::cmp::Ordering;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const STRING: u8 = 4;
const OTHER: u8 = 5;

/// Appends the bytes of a value; an absent one counts as null.
pub fn encode(value: Option<&RawValue>, bytes: &mut Vec<u8>) {
    let text = value.map_or("null", RawValue::get);
    match text.as_bytes() {
        b"null" => bytes.push(NULL),
        b"false" => bytes.push(FALSE),
        b"true" => bytes.push(TRUE),
        [b'"', plain @ .., b'"'] if memchr::memchr(b'\\', plain).is_none() => {
            bytes.push(STRING);
            bytes.extend_from_slice(plain);
        }
        [b'"', ..] => match serde_json::from_str::<Bytes>(text) {
            Ok(string) => {
                bytes.push(STRING);
                bytes.extend_from_slice(&string.0);
            }
            Err(_) => other(text, bytes),
        },
        [b'-' | b'0'..=b'9', ..] => {
            bytes.push(NUMBER);
            Decimal::parse(text).encode(bytes);
        }
        _ => other(text, bytes),
    }
}

fn other(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(OTHER);
    bytes.extend_from_slice(text.as_bytes());
}

/// A number of any size: 0.d₁d₂d₃… × 10^exponent, with d₁ and the last digit not 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    exponent: i64,
    /// ASCII digits; none for zero.
    digits: Vec<u8>,
}

impl Decimal {
    /// Reads a JSON number.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let Some(first) = all.iter().position(|digit| *digit != b'0') else {
            return Self { negative: false, exponent: 0, digits: Vec::new() };
        };
        let last = all.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
        // A power beyond i64 has no number that anybody could mean.
        let beyond = if power.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
        let power = power.parse::<i64>().unwrap_or(beyond);
        let shift = i64::try_from(whole.len()).unwrap_or(0) - i64::try_from(first).unwrap_or(0);
        let digits = all[first..=last].to_vec();
        Self { negative, exponent: power.saturating_add(shift), digits }
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        let sign = match (self.digits.is_empty(), self.negative) {
            (true, _) => return bytes.push(1),
            (false, true) => 0,
            (false, false) => 2,
        };
        bytes.push(sign);
        let start = bytes.len();
        // With the top bit flipped, signed integers sort as unsigned ones.
        let exponent = self.exponent.cast_unsigned() ^ (1 << 63);
        bytes.extend_from_slice(&exponent.to_be_bytes());
        bytes.extend_from_slice(&self.digits);
        bytes.push(0);
        if self.negative {
            for byte in &mut bytes[start..] {
                *byte = !*byte;
            }
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        self.encode(&mut ours);
        other.encode(&mut theirs);
        ours.cmp(&theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let raw = RawValue::from_string(text.to_owned()).unwrap();
        let mut bytes = Vec::new();
        encode(Some(&raw), &mut bytes);
        bytes
    }

    #[test]
    fn bytes_are_in_the_order_of_the_values() {
        let ascending = [
            "null",
            "false",
            "true",
            "-1e400",
            "-9223372036854775809",
            "-9223372036854775808",
            "-12",
            "-1.5",
            "-1.25",
            "-1",
            "-0.1",
            "-1e-400",
            "0",
            "1e-400",
            "0.1",
            "0.12",
            "1",
            "1.25",
            "2",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e20",
            "1e400",
            "\"\"",
            "\"10\"",
            "\"9\"",
            "\"Z\"",
            "\"a\"",
            "\"\\u00e9\"",
            "\"\\ud800\"",
            "\"\u{ff5e}\"",
            "\"\u{1f600}\"",
            "[]",
        ];
        for pair in ascending.windows(2) {
            assert!(bytes(pair[0]) < bytes(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn equal_values_have_equal_bytes_however_they_are_written() {
        for pair in
            [["1", "1.0"], ["10e-1", "1"], ["-0.0", "0"], ["1e2", "100"], ["\"a\"", "\"\\u0061\""]]
        {
            assert_eq!(bytes(pair[0]), bytes(pair[1]), "{pair:?}");
        }
    }
}
