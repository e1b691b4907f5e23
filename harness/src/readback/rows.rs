//! The rows that a read-back prints, sorted by stream; only so many of each are held in memory.
//!
//! All errors are in words for the author of the read-back.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::held::Held;
use crate::evidence::Rows;
use crate::protocol::line::shown;
use crate::protocol::message::Descriptor;

/// The rows of one stream: each line is one. Many go to the file `into`.
pub fn of_one(from: impl Read, into: &Path, count: &AtomicU64) -> Result<Rows, String> {
    let mut rows = sorted(from, &[into], count, |line| {
        let object: Result<IgnoredAny, _> = serde_json::from_slice(line);
        if object.is_err() || !line.starts_with(b"{") {
            return Err("no JSON object");
        }
        Ok((0, line))
    })?;
    Ok(rows.pop().unwrap_or(Rows::Lines(Vec::new())))
}

/// A row with the stream that it belongs to.
#[derive(Deserialize)]
struct Named<'a> {
    stream: String,
    namespace: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The rows of each of these streams, in any order: each line is a row and names its stream. Many of
/// one go to its file of `into`.
pub fn of_all(
    from: impl Read,
    streams: &[&Descriptor],
    into: &[impl AsRef<Path>],
    count: &AtomicU64,
) -> Result<Vec<Rows>, String> {
    let places: HashMap<Descriptor, usize> =
        streams.iter().enumerate().map(|(at, stream)| ((*stream).clone(), at)).collect();
    sorted(from, into, count, |line| {
        // An array would be taken for the object of its values.
        let row: Option<Named> =
            serde_json::from_slice(line).ok().filter(|_| line.starts_with(b"{"));
        let row = row.filter(|row| row.data.get().starts_with('{'));
        let row = row.ok_or(r#"no {"stream": NAME, "namespace": NS, "data": {…}}"#)?;
        let stream = Descriptor { name: row.stream, namespace: row.namespace };
        let place = places.get(&stream).ok_or("of a stream that was not asked for")?;
        Ok((*place, row.data.get().as_bytes()))
    })
}

/// Takes rows line by line, and counts them; `place` says which stream a line belongs to and what of
/// it is the row, or what the line is instead. Then there is no use in reading on.
fn sorted(
    from: impl Read,
    into: &[impl AsRef<Path>],
    count: &AtomicU64,
    place: impl Fn(&[u8]) -> Result<(usize, &[u8]), &'static str>,
) -> Result<Vec<Rows>, String> {
    let say = |error: io::Error| match error.kind() {
        ErrorKind::TimedOut => "a process that it left behind holds its output open".to_owned(),
        _ => error.to_string(),
    };
    let mut reader = BufReader::with_capacity(256 << 10, from);
    let mut streams: Vec<_> = into.iter().map(|path| Held::none(path.as_ref())).collect();
    let mut line = Vec::new();
    for nth in 1_u64.. {
        line.clear();
        // A row longer than this is none; the bound keeps a stream without newlines out of memory.
        let read = reader.by_ref().take(256 << 20).read_until(b'\n', &mut line).map_err(say)?;
        if read == 0 {
            break;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let (at, row) = place(text)
            .map_err(|what| format!("line {nth} of its output is {what}: {}", shown(text)))?;
        streams[at].add(row).map_err(say)?;
        count.store(nth, Ordering::SeqCst);
    }
    streams.into_iter().map(Held::rows).collect::<io::Result<_>>().map_err(say)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the streams n.a, a and b, made of these lines.
    fn rows(lines: &str) -> Result<Vec<Vec<String>>, String> {
        let folder = tempfile::tempdir().unwrap();
        let stream = |name: &str, namespace: Option<&str>| Descriptor {
            name: name.into(),
            namespace: namespace.map(Into::into),
        };
        let streams = [stream("a", Some("n")), stream("a", None), stream("b", None)];
        let files = ["0", "1", "2"].map(|name| folder.path().join(name));
        let streams: Vec<_> = streams.iter().collect();
        let rows = of_all(lines.as_bytes(), &streams, &files, &AtomicU64::new(0))?;
        let lines = |rows: &Rows| {
            let mut lines = Vec::new();
            rows.for_each(|row| lines.push(row.to_owned())).unwrap();
            lines
        };
        Ok(rows.iter().map(lines).collect())
    }

    #[test]
    fn rows_are_sorted_by_stream_and_kept_as_they_are() {
        let lines = r#"{"stream":"a","namespace":null,"data":{"n": 1.0}}
            {"data": { "x":"\ud800" },"namespace":"n","stream":"\u0061","more":1}

            {"stream":"a","data":{"n":1e400}}
        "#;
        let expected = [&["{ \"x\":\"\\ud800\" }"][..], &["{\"n\": 1.0}", "{\"n\":1e400}"], &[]];
        assert_eq!(rows(lines).unwrap(), expected);
        assert_eq!(rows("").unwrap(), [&[""; 0]; 3]);
    }

    #[test]
    fn a_line_that_is_no_row_is_told() {
        for line in [
            "hello",
            r#"{"n":1}"#,
            r#"["a",null,{}]"#,
            r#"{"stream":"a"}"#,
            r#"{"stream":"a","data":1}"#,
            r#"{"stream":"a","data":{}} {}"#,
        ] {
            let why = rows(&format!("{{\"stream\":\"a\",\"data\":{{}}}}\n{line}")).unwrap_err();
            assert!(why.contains("line 2 of its output is no {\"stream\""), "{why}");
            assert!(why.ends_with(line), "{why}");
        }
    }

    #[test]
    fn a_stream_that_was_not_asked_for_is_told() {
        for line in [r#"{"stream":"c","data":{}}"#, r#"{"stream":"b","namespace":"","data":{}}"#] {
            let why = rows(line).unwrap_err();
            assert!(
                why.contains("line 1 of its output is of a stream that was not asked"),
                "{why}"
            );
        }
    }
}
