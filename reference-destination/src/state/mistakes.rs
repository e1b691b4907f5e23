//! The faults that change a state's text.

use super::Scope;
use crate::faults::{Fault, Faults};
use crate::json;
use crate::order::Decimal;
use crate::protocol::StreamState;

/// The properties of a state that last year's class knows.
const KNOWN: [&str; 7] = [
    "\"type\"",
    "\"stream\"",
    "\"global\"",
    "\"data\"",
    "\"sourceStats\"",
    "\"destinationStats\"",
    "\"id\"",
];

/// The state as the run's fault would have it; none if it leaves the text alone.
pub fn rewrite(state: &str, faults: Faults, in_catalog: &dyn Fn(&Scope) -> bool) -> Option<String> {
    if faults.has(Fault::DropUnknownProperties) {
        let mut entries = json::entries(state).ok()?;
        entries.retain(|(key, _)| KNOWN.contains(key));
        return Some(json::object(&entries));
    }
    if faults.has(Fault::FloatStateId) {
        return change(state, &["id"], &|id| {
            Some(if id.parse::<i64>().is_ok() { format!("{id}.0") } else { id.to_owned() })
        });
    }
    if faults.has(Fault::FloatStateNumbers) {
        let whole = |text: &str| Some(through_floats(text));
        let blobs: [&[&str]; 4] = [
            &["stream", "stream_state"],
            &["global", "shared_state"],
            &["global", "stream_states"],
            &["data"],
        ];
        let start = state.to_owned();
        return Some(
            blobs.iter().fold(start, |state, path| change(&state, path, &whole).unwrap_or(state)),
        );
    }
    if faults.has(Fault::PruneForeignDescriptors) {
        return change(state, &["global", "stream_states"], &|states| {
            let states: Vec<&serde_json::value::RawValue> = serde_json::from_str(states).ok()?;
            let ours = states.into_iter().map(serde_json::value::RawValue::get).filter(|state| {
                serde_json::from_str::<StreamState>(state).is_ok_and(|state| {
                    let namespace = state.stream_descriptor.namespace.map(|n| n.0.into_owned());
                    let name = state.stream_descriptor.name.0.into_owned();
                    in_catalog(&Scope::Stream(namespace, name))
                })
            });
            Some(format!("[{}]", ours.collect::<Vec<_>>().join(",")))
        });
    }
    None
}

/// Changes the member of an object at the end of a path, and no other; none if it is not there.
pub fn change(object: &str, path: &[&str], how: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let Some((name, rest)) = path.split_first() else {
        return how(object);
    };
    let name = json::quote(name);
    let entries = json::entries(object).ok()?;
    let mut found = false;
    let mut changed = Vec::new();
    for (key, value) in entries {
        if key == name {
            found = true;
            changed.push((key, change(value, rest, how)?));
        } else {
            changed.push((key, value.to_owned()));
        }
    }
    found.then(|| json::object(&changed))
}

/// JSON text after a round trip of its numbers through floats. One that keeps its value keeps its
/// spelling too.
fn through_floats(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = if rest.starts_with('"') { string_length(rest) } else { number_length(rest) };
        let (token, after) = rest.split_at(length);
        out.push_str(&through_a_float(token).unwrap_or_else(|| token.to_owned()));
        rest = after;
    }
    out + rest
}

/// A number as it comes out of a float; none if it is the same, or no number.
fn through_a_float(token: &str) -> Option<String> {
    let float = token.parse::<f64>().ok().filter(|float| float.is_finite())?;
    let (shortest, all_digits) = (float.to_string(), format!("{float:.0}"));
    let number = Decimal::parse(token);
    let same = [&shortest, &all_digits].iter().any(|text| Decimal::parse(text) == number);
    let whole = float.fract() == 0.0;
    (!same).then_some(if whole { all_digits } else { shortest })
}

/// The length of the string that the text starts with, quotes included.
pub fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// The length of the number that the text starts with.
pub fn number_length(text: &str) -> usize {
    let outside = |c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
    text.find(outside).unwrap_or(text.len())
}

/// A stream's state with its id and its cursor moved on; none unless its source has told that
/// there is more to come, and both are integers.
pub fn moved(state: &str, by: i64) -> Option<String> {
    let add = |text: &str| text.parse::<i64>().ok().map(|number| (number + by).to_string());
    change(state, &["stream", "stream_state", "more"], &|more| {
        (more == "true").then(|| more.to_owned())
    })?;
    let state = change(state, &["id"], &add)?;
    change(&state, &["stream", "stream_state", "cursor"], &add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_no_float_holds_are_changed() {
        let text = r#"{"a":1,"b":1.0,"c":9223372036854775809,"d":"9223372036854775809\"","e":[0.1,-1e2,9007199254740993]}"#;
        let floats = r#"{"a":1,"b":1.0,"c":9223372036854775808,"d":"9223372036854775809\"","e":[0.1,-1e2,9007199254740992]}"#;
        assert_eq!(through_floats(text), floats);
    }

    #[test]
    fn a_prediction_moves_id_and_cursor() {
        let state =
            r#"{"id":1,"type":"STREAM","stream":{"stream_state":{"cursor":5,"more":true}}}"#;
        let next = r#"{"id":2,"type":"STREAM","stream":{"stream_state":{"cursor":6,"more":true}}}"#;
        assert_eq!(moved(state, 1).as_deref(), Some(next));
        assert_eq!(moved(&state.replace("true", "false"), 1), None);
    }
}
