//! A transcript as JSON lines, in the order in which things happened.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::evidence::Launch;
use crate::scenario::bulk::Bulk;
use crate::scenario::{Disturbance, Pace, Sent, Step};
use crate::transcript::{End, Gate, Micros, Output, Transcript};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// A line of input; without a time it was never written.
    Stdin {
        at: Option<Micros>,
        line: String,
    },
    /// Bulk input: what made it.
    StdinBulk {
        at: Option<Micros>,
        bulk: Bulk,
    },
    /// A gate in the input.
    StdinGate {
        at: Option<Micros>,
    },
    /// Something that is done to the subject.
    StdinDisturb {
        at: Option<Micros>,
        disturbance: Disturbance,
    },
    /// Input that need not be a line.
    StdinRaw {
        at: Option<Micros>,
        text: String,
    },
    /// From here on the input was written in pieces.
    StdinPace {
        at: Option<Micros>,
        pace: Pace,
    },
    /// How a gate was passed.
    Gate(Gate),
    Stdout(Text),
    Stderr(Text),
    End(End),
}

/// A line of output: text, or bytes where it is no UTF-8.
#[derive(Debug, Serialize, Deserialize)]
struct Text {
    at: Micros,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<u8>>,
}

impl From<&Output> for Text {
    fn from(output: &Output) -> Self {
        match std::str::from_utf8(&output.bytes) {
            Ok(line) => Self { at: output.at, line: Some(line.to_owned()), bytes: None },
            Err(_) => Self { at: output.at, line: None, bytes: Some(output.bytes.clone()) },
        }
    }
}

impl From<Text> for Output {
    fn from(text: Text) -> Self {
        let bytes = text.line.map_or(text.bytes.unwrap_or_default(), String::into_bytes);
        Self { at: text.at, bytes }
    }
}

/// Writes the transcript of a launch, its input included.
pub fn write(launch: &Launch, to: &mut impl Write) -> io::Result<()> {
    let transcript = &launch.transcript;
    let times = transcript.written.iter().copied().map(Some).chain(std::iter::repeat(None));
    let input = launch.steps.iter().zip(times).filter_map(|(step, at)| {
        Some(match step {
            Step::Message(sent) => Entry::Stdin { at, line: sent.line.clone() },
            Step::Bulk(bulk) => Entry::StdinBulk { at, bulk: bulk.clone() },
            Step::Gate => Entry::StdinGate { at },
            Step::Disturb(disturbance) => Entry::StdinDisturb { at, disturbance: *disturbance },
            Step::Raw(text) => Entry::StdinRaw { at, text: text.clone() },
            Step::Pace(pace) => Entry::StdinPace { at, pace: *pace },
            // What was launched replays nothing any more.
            Step::Replay => return None,
        })
    });
    let mut entries: Vec<(Micros, Entry)> = input
        .map(|entry| {
            let at = match &entry {
                Entry::Stdin { at, .. }
                | Entry::StdinBulk { at, .. }
                | Entry::StdinGate { at }
                | Entry::StdinRaw { at, .. }
                | Entry::StdinPace { at, .. }
                | Entry::StdinDisturb { at, .. } => *at,
                _ => None,
            };
            (at.unwrap_or(Micros::MAX), entry)
        })
        .collect();
    entries.extend(transcript.gates.iter().map(|gate| (gate.ended, Entry::Gate(*gate))));
    entries.extend(transcript.stdout.iter().map(|o| (o.at, Entry::Stdout(o.into()))));
    entries.extend(transcript.stderr.iter().map(|o| (o.at, Entry::Stderr(o.into()))));
    // The sort is stable: each of the streams keeps its own order.
    entries.sort_by_key(|(at, _)| *at);
    entries.push((Micros::MAX, Entry::End(transcript.end.clone())));
    for (_, entry) in entries {
        serde_json::to_writer(&mut *to, &entry)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// Reads a transcript and the input that belongs to it. The error names the line.
pub fn read(text: &str) -> Result<(Vec<Step>, Transcript), String> {
    let mut steps = Vec::new();
    let mut transcript = Transcript::default();
    for (nth, line) in text.lines().enumerate() {
        let fail = |error: String| format!("line {}: {error}", nth + 1);
        let entry = serde_json::from_str(line).map_err(|error| fail(error.to_string()))?;
        let step = match entry {
            Entry::Stdin { at, line } => {
                Some((at, Step::Message(Sent::parse(&line).map_err(fail)?)))
            }
            Entry::StdinBulk { at, bulk } => Some((at, Step::Bulk(bulk))),
            Entry::StdinGate { at } => Some((at, Step::Gate)),
            Entry::StdinDisturb { at, disturbance } => Some((at, Step::Disturb(disturbance))),
            Entry::StdinRaw { at, text } => Some((at, Step::Raw(text))),
            Entry::StdinPace { at, pace } => Some((at, Step::Pace(pace))),
            Entry::Gate(gate) => {
                transcript.gates.push(gate);
                None
            }
            Entry::Stdout(text) => {
                transcript.stdout.push(text.into());
                None
            }
            Entry::Stderr(text) => {
                transcript.stderr.push(text.into());
                None
            }
            Entry::End(end) => {
                transcript.end = end;
                None
            }
        };
        if let Some((at, step)) = step {
            transcript.written.extend(at);
            steps.push(step);
        }
    }
    Ok((steps, transcript))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Operation;
    use crate::protocol::catalog::Catalog;
    use crate::scenario::load;

    #[test]
    fn what_is_written_is_read_again() {
        let output = |at, bytes: &[u8]| Output { at, bytes: bytes.to_vec() };
        let transcript = Transcript {
            stdout: vec![output(5, b"{\"a\":1e400}"), output(5, b"\xff")],
            stderr: vec![output(2, b"oh")],
            written: vec![1, 3],
            gates: vec![],
            end: End { code: Some(0), peak_rss: 7, cpu_s: 0.25, ..End::default() },
            ..Transcript::default()
        };
        let steps = [r#"{"n":1.50}"#, r#"{"n":2}"#, r#"{"n":3}"#]
            .map(|line| Step::Message(Sent::parse(line).unwrap()));
        let launch = Launch::new(
            Operation::Write,
            None,
            Catalog::default(),
            steps.to_vec(),
            transcript.clone(),
        );
        let mut text = Vec::new();
        write(&launch, &mut text).unwrap();
        let (again, read) = read(&String::from_utf8(text).unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{steps:?}"));
        assert_eq!(format!("{read:?}"), format!("{transcript:?}"));
    }

    #[test]
    fn every_kind_of_step_is_read_again() {
        let instructions = [
            r#"{"raw":"half a line, é, and a line\nof its own\n"}"#,
            r#"{"pace":{"bytes":7,"pause_ms":2}}"#,
            r#""gate""#,
            r#"{"disturb":{"kill-at-states":3}}"#,
            r#"{"disturb":{"block-output":1500}}"#,
            r#"{"bulk":{"stream":{"name":"a"},"records":9,"state_every":3,"state_line":200,"skip":3}}"#,
            r#"{"disturb":"kill"}"#,
        ];
        let step = |text: &str| load::step(&format!(r#"{{"touchdown":{text}}}"#)).unwrap();
        let mut steps = instructions.map(step).to_vec();
        steps.insert(1, Step::Message(Sent::parse(r#"{"n":1}"#).unwrap()));
        // Some of it was written, or all, or nothing.
        for count in [0, 3, steps.len()] {
            let written: Vec<Micros> = (1..).take(count).collect();
            let end = End { killed: Some(9), signal: Some(9), ..End::default() };
            let transcript = Transcript { written, end, ..Transcript::default() };
            let (again, read) = read(&text(&steps, &transcript)).unwrap();
            assert_eq!(format!("{again:?}"), format!("{steps:?}"));
            assert_eq!(format!("{read:?}"), format!("{transcript:?}"));
        }
        // What is replayed was other steps when it was launched.
        let replayed = text(&[Step::Replay], &Transcript::default());
        assert_eq!(read(&replayed).unwrap().0.len(), 0);
    }

    fn text(steps: &[Step], transcript: &Transcript) -> String {
        let catalog = Catalog::default();
        let launch =
            Launch::new(Operation::Write, None, catalog, steps.to_vec(), transcript.clone());
        let mut text = Vec::new();
        write(&launch, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }
}
