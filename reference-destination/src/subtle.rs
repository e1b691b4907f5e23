//! The subtle faults that alter the values of a record. All work on text, and leave alone what
//! they do not mean.

use crate::faults::Fault;
use crate::json;
use crate::order::Decimal;
use crate::state::{number_length, string_length};
use serde_json::value::RawValue;

/// The bytes that a text column holds.
const TEXT_COLUMN: usize = 65_535;

/// The fields that a record may have.
const FIELDS: usize = 100;

/// From here on 64-bit floats have gaps between integers.
const GAPS: u128 = 1 << 53;

/// Letters with a mark of their own, by mark: the letter without, and the letter with it.
const COMPOSED: [(char, &str, &str); 7] = [
    ('\u{300}', "aeiouAEIOU", "àèìòùÀÈÌÒÙ"),
    ('\u{301}', "aeiouyAEIOUY", "áéíóúýÁÉÍÓÚÝ"),
    ('\u{302}', "aeiouAEIOU", "âêîôûÂÊÎÔÛ"),
    ('\u{303}', "anoANO", "ãñõÃÑÕ"),
    ('\u{308}', "aeiouAEIOU", "äëïöüÄËÏÖÜ"),
    ('\u{30a}', "aA", "åÅ"),
    ('\u{327}', "cC", "çÇ"),
];

/// A record's data as the fault would have it; none if it leaves the data alone. `decides` says
/// of a name, in quotes, whether it decides over the record.
pub fn change(data: &str, fault: Fault, decides: &dyn Fn(&str) -> bool) -> Option<String> {
    let spared =
        |name: &str, value: Option<&str>| value.filter(|_| !decides(name)).map(str::to_owned);
    match fault {
        Fault::AlterBeyond253 => scalars(data, &through_a_float),
        Fault::Float32 => scalars(data, &through_32_bits),
        Fault::LineEndsNormalised => texts(data, &|text| text.replace("\r\n", "\n")),
        Fault::Composed => texts(data, &compose),
        Fault::ArrayNullsDropped => Some(without_nulls(data)),
        Fault::CutOver64K => fields(data, &|_, value| {
            let text = Some(value).filter(|value| value.len() > TEXT_COLUMN).and_then(text)?;
            // A character that does not fit as a whole is left out.
            let end = (0..=TEXT_COLUMN.min(text.len())).rfind(|at| text.is_char_boundary(*at))?;
            (end < text.len()).then(|| json::quote(&text[..end]))
        }),
        Fault::EmptyTextIsNull => {
            fields(data, &|name, value| spared(name, (value == "\"\"").then_some("null")))
        }
        Fault::FalsyIsNull => fields(data, &|name, value| {
            let falsy = value == "false" || value.parse::<f64>() == Ok(0.0);
            spared(name, falsy.then_some("null"))
        }),
        Fault::OffsetDropped => fields(data, &|_, value| without_offset(value)),
        Fault::ColumnsOver100 => {
            let entries = json::entries(data).ok().filter(|entries| entries.len() > FIELDS)?;
            Some(json::object(&entries[..FIELDS]))
        }
        _ => None,
    }
}

/// `undeclared-order`: the values of a record under the names of the first one, if it has the
/// same in another order.
pub fn by_position(first: &[String], entries: &[(&str, &str)]) -> Option<String> {
    let names: Vec<_> = entries.iter().map(|(name, _)| *name).collect();
    let sorted = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.join(",")
    };
    let same = sorted(first.iter().map(String::as_str).collect()) == sorted(names.clone());
    let values = first.iter().zip(entries).map(|(name, (_, value))| (name, *value));
    (same && first != names).then(|| json::object(&values.collect::<Vec<_>>()))
}

/// Changes the values of an object, given their names in quotes.
fn fields(object: &str, how: &dyn Fn(&str, &str) -> Option<String>) -> Option<String> {
    let mut changed = false;
    let entries = json::entries(object).ok()?.into_iter().map(|(name, value)| {
        let new = how(name, value);
        changed |= new.is_some();
        (name, new.unwrap_or_else(|| value.to_owned()))
    });
    let entries: Vec<_> = entries.collect();
    changed.then(|| json::object(&entries))
}

/// Changes strings and numbers at any depth, but for the names of fields.
fn scalars(data: &str, how: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(first) = data.as_bytes().get(at) {
        // Outside of strings everything is ASCII, and a start is a boundary.
        let length = match first {
            b'"' => string_length(&data[at..]),
            b'-' | b'0'..=b'9' => number_length(&data[at..]),
            _ => {
                at += 1;
                continue;
            }
        };
        let (token, rest) = data[at..].split_at(length);
        if !rest.trim_start().starts_with(':')
            && let Some(new) = how(token)
        {
            out.push_str(&data[copied..at]);
            out.push_str(&new);
            copied = at + length;
        }
        at += length;
    }
    (copied > 0).then(|| out + &data[copied..])
}

/// Changes strings at any depth, but for the names of fields. What stays the same keeps its
/// spelling too.
fn texts(data: &str, how: &dyn Fn(&str) -> String) -> Option<String> {
    scalars(data, &|token| {
        let text = text(token)?;
        let changed = how(&text);
        (changed != text).then(|| json::quote(&changed))
    })
}

/// A string, decoded; none if no string type can hold it.
fn text(token: &str) -> Option<String> {
    token.starts_with('"').then(|| serde_json::from_str(token).ok()).flatten()
}

/// `alter-beyond-2-53`.
fn through_a_float(token: &str) -> Option<String> {
    let digits = token.trim_start_matches('-');
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than 128 bits hold are certainly beyond.
    let beyond = whole && digits.parse().map_or(true, |integer: u128| integer > GAPS);
    let float = token.parse::<f64>().ok().filter(|float| beyond && float.is_finite())?;
    Some(format!("{float:.0}"))
}

/// `float-32`. A number that is printed as it was keeps its spelling.
fn through_32_bits(token: &str) -> Option<String> {
    if token.starts_with('"') || !token.contains(['.', 'e', 'E']) {
        return None;
    }
    let float = token.parse::<f32>().ok().filter(|float| float.is_finite())?;
    let printed = float.to_string();
    (Decimal::parse(&printed) != Decimal::parse(token)).then_some(printed)
}

/// `offset-dropped`: a time in quotes as if it were UTC, if it is not.
fn without_offset(value: &str) -> Option<String> {
    let time = value.strip_prefix('"')?.strip_suffix('"').filter(|text| text.is_ascii())?;
    let (local, offset) = time.split_at_checked(time.len().checked_sub(6)?)?;
    let shaped = |text: &str, shape: &str| {
        text.len() >= shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'+' => byte == b'+' || byte == b'-',
                _ => byte == form,
            })
    };
    let is_time = shaped(local, "0000-00-00T00:00:00") && shaped(offset, "+00:00");
    (is_time && offset[1..] != *"00:00").then(|| format!("\"{local}Z\""))
}

/// `array-nulls-dropped`.
fn without_nulls(value: &str) -> String {
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(value) {
        let kept = items.into_iter().map(RawValue::get).filter(|item| *item != "null");
        return format!("[{}]", kept.map(without_nulls).collect::<Vec<_>>().join(","));
    }
    let Ok(entries) = json::entries(value) else {
        return value.to_owned();
    };
    let entries: Vec<_> =
        entries.into_iter().map(|(name, value)| (name, without_nulls(value))).collect();
    json::object(&entries)
}

/// `composed`: letters and the marks that follow them as one character.
fn compose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for next in text.chars() {
        let composed = out.chars().next_back().and_then(|letter| {
            let (_, plain, marked) = COMPOSED.iter().find(|(mark, ..)| *mark == next)?;
            marked.chars().nth(plain.chars().position(|plain| plain == letter)?)
        });
        if composed.is_some() {
            out.pop();
        }
        out.push(composed.unwrap_or(next));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(fault: Fault, before: &str, after: Option<&str>) {
        assert_eq!(change(before, fault, &|name| name == "\"id\"").as_deref(), after);
    }

    #[test]
    fn numbers_change_where_a_float_cannot_hold_them() {
        let before = r#"{"9007199254740993":"9007199254740993","a":[-9007199254740993,1.5,9007199254740992]}"#;
        let after = r#"{"9007199254740993":"9007199254740993","a":[-9007199254740992,1.5,9007199254740992]}"#;
        becomes(Fault::AlterBeyond253, before, Some(after));
        becomes(Fault::AlterBeyond253, r#"{"a":1e30,"b":12}"#, None);
        becomes(Fault::Float32, r#"{"a":0.1,"b":1.0,"c":16777217}"#, None);
        becomes(Fault::Float32, r#"{"a":1234567.891}"#, Some(r#"{"a":1234567.9}"#));
    }

    #[test]
    fn text_changes_where_it_has_what_the_fault_is_about() {
        becomes(
            Fault::LineEndsNormalised,
            r#"{"a":["x\r\ny\\r\\n\r"]}"#,
            Some(r#"{"a":["x\ny\\r\\n\r"]}"#),
        );
        becomes(Fault::LineEndsNormalised, r#"{"a\r\n":"x\n","id":1}"#, None);
        becomes(
            Fault::Composed,
            "{\"a\":\"e\u{301}x\u{301}\"}",
            Some("{\"a\":\"\u{e9}x\u{301}\"}"),
        );
        becomes(Fault::Composed, r#"{"a":"n\u0303"}"#, Some("{\"a\":\"\u{f1}\"}"));
        becomes(
            Fault::EmptyTextIsNull,
            r#"{"id":"","a":"","b":[""]}"#,
            Some(r#"{"id":"","a":null,"b":[""]}"#),
        );
        let times = r#"{"a":"2024-01-01T00:00:00.5+02:00","b":"2024-01-01T00:00:00+00:00","c":"x+02:00","d":"2024-01-01"}"#;
        becomes(Fault::OffsetDropped, times, Some(&times.replace(".5+02:00", ".5Z")));
    }

    #[test]
    fn other_values_change_where_they_have_what_the_fault_is_about() {
        let falsy = r#"{"id":0,"a":0,"b":-0.0,"c":false,"d":"0","e":[0],"f":null}"#;
        let after = r#"{"id":0,"a":null,"b":null,"c":null,"d":"0","e":[0],"f":null}"#;
        becomes(Fault::FalsyIsNull, falsy, Some(after));
        let nulls = r#"{"a":null,"b":[null,1,{"c":[null]}]}"#;
        becomes(Fault::ArrayNullsDropped, nulls, Some(r#"{"a":null,"b":[1,{"c":[]}]}"#));
    }

    #[test]
    fn only_another_order_of_the_same_fields_is_misread() {
        let first = ["a".to_owned(), "b".to_owned()];
        let read = |entries: &[(&str, &str)]| by_position(&first, entries);
        assert_eq!(read(&[("a", "1"), ("b", "2")]), None);
        assert_eq!(read(&[("a", "1")]), None);
        assert_eq!(read(&[("c", "1"), ("b", "2")]), None);
        assert_eq!(read(&[("b", "2"), ("a", "1")]).as_deref(), Some("{a:2,b:1}"));
    }
}
