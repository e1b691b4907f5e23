//! States in time: not before they were sent, and not only when all is over.

use super::state::name;
use super::{Check, Finding, Judge, Level, Verdict, WRITE};
use crate::evidence::{Facts, Launch};
use crate::transcript::Output;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "state-before-input",
        level: Level::Must,
        since: "0.1.0",
        summary: "no state comes out before it went in",
        platform: "stores a point whose records were never delivered",
        docs: include_str!("docs/state-before-input.md"),
        proved_by: "predict-next-state",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(before_input),
    },
    Check {
        id: "state-ack-starved",
        level: Level::Should,
        since: "0.1.0",
        summary: "a long sync acknowledges on its way, not only at its end",
        platform: "fails a sync that acknowledges nothing for hours; all of it is sent again",
        docs: include_str!("docs/state-ack-starved.md"),
        proved_by: "hold-states-to-end",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(ack_starved),
    },
    Check {
        id: "state-not-flushed",
        level: Level::Should,
        since: "0.1.0",
        summary: "an acknowledgement is flushed when it is due",
        platform: "sees acknowledgements late, and those in the buffer of a crash never",
        docs: include_str!("docs/state-not-flushed.md"),
        proved_by: "buffer-stdout",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(not_flushed),
    },
];

/// Buffers that nobody flushes empty themselves at multiples of this, in every runtime.
const BUFFER_GRAIN: u64 = 4096;

fn before_input(launch: &Launch, _: &Facts) -> Verdict {
    let ledger = launch.ledger();
    let mut seen = false;
    let mut findings = Vec::new();
    for came in &ledger.came {
        let Some(sent) = came.sent.map(|at| &ledger.sent[at]) else {
            continue;
        };
        seen = true;
        let at = launch.at(came.line);
        let message = match sent.at {
            Some(written) if at < written => format!(
                "{} came {:.1} ms before it was sent",
                name(&sent.state),
                (written - at) as f64 / 1000.0
            ),
            None => format!("{} came and was never sent", name(&sent.state)),
            Some(_) => continue,
        };
        findings.push(Finding::on_stdout(message, launch, came.line));
    }
    if !seen {
        return Verdict::inconclusive("no state that was sent came back");
    }
    Verdict::from_findings(findings)
}

fn ack_starved(launch: &Launch, facts: &Facts) -> Verdict {
    let end = &launch.transcript.end;
    let limit_s = facts.ack_within_s;
    let Some(closed) = end.stdin_closed.or(end.stdin_refused) else {
        return Verdict::inconclusive("its input was never closed");
    };
    let mut longest = None;
    let mut waited_long = false;
    for (_, sent) in launch.ledger().written() {
        let written = sent.at.unwrap_or(0);
        // It waits until it comes, or until nothing is left that could make it come.
        let came = sent.came.first().map_or(u64::MAX, |line| launch.at(*line));
        let waited = came.min(closed).saturating_sub(written) as f64 / 1e6;
        waited_long |= closed.saturating_sub(written) as f64 / 1e6 > limit_s;
        if waited > limit_s && longest.as_ref().is_none_or(|(most, _)| waited > *most) {
            longest = Some((waited, &sent.state));
        }
    }
    match longest {
        Some((waited, state)) => Verdict::Fail(vec![Finding::new(
            format!(
                "{} had waited {waited:.1} s when the input ended",
                name(state)
            ),
            super::state::sent_line(state),
        )]),
        None if waited_long => Verdict::Pass,
        None => Verdict::inconclusive(format!(
            "no sync stayed open for {limit_s} s after a state; --ack-within 5 settles it"
        )),
    }
}

fn not_flushed(launch: &Launch, _: &Facts) -> Verdict {
    let transcript = &launch.transcript;
    if transcript.gates.is_empty() {
        return Verdict::Elsewhere;
    }
    let mut findings = Vec::new();
    let mut flushed = false;
    for gate in &transcript.gates {
        flushed |= gate.states_sent > 0 && gate.states_back >= gate.states_sent;
        let rest = transcript
            .stdout
            .iter()
            .position(|output| output.at > gate.ended);
        let (Some(rest), true) = (rest, gate.states_back < gate.states_sent) else {
            continue;
        };
        let why = if gate.mid_line && gate.stdout_bytes.is_multiple_of(BUFFER_GRAIN) {
            format!(
                "in the middle of a line, after exactly {} bytes",
                gate.stdout_bytes
            )
        } else if let Some(size) = filled_buffer(&transcript.stdout) {
            format!("each time where the next line no longer fit into {size} bytes")
        } else {
            continue;
        };
        let message = format!(
            "with {} of {} states out, the output stood still for {:.1} s, {why}: a buffer that \
             is flushed when it is full, and whose rest came only with more input",
            gate.states_back,
            gate.states_sent,
            (gate.ended - gate.began) as f64 / 1e6,
        );
        findings.push(Finding::on_stdout(message, launch, rest));
    }
    if findings.is_empty() && !flushed {
        return Verdict::inconclusive("not all states came while the input was held: it may batch");
    }
    Verdict::from_findings(findings)
}

/// The size of a buffer that takes whole lines, if every burst of output but the last ended where
/// the next line would no longer have fit into one. At least three bursts have to say so: fewer
/// may do it by chance.
fn filled_buffer(lines: &[Output]) -> Option<usize> {
    let ends: Vec<usize> = (1..lines.len())
        .filter(|line| lines[*line].at != lines[line - 1].at)
        .collect();
    if ends.len() < 3 {
        return None;
    }
    // The largest first: it has the fewest places to end at, so it says most.
    [65_536, 32_768, 16_384, 8192, 4096]
        .into_iter()
        .find(|size| {
            // A burst may be several full buffers, read together.
            let mut held = 0;
            let full = lines.iter().enumerate().filter_map(|(nth, line)| {
                held += line.bytes.len() + 1;
                if held <= *size {
                    return None;
                }
                held = line.bytes.len() + 1;
                Some(nth)
            });
            let full: Vec<usize> = full.collect();
            ends.iter().all(|end| full.contains(end))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Operation;
    use crate::protocol::catalog::Catalog;
    use crate::scenario::{Sent, Step};
    use crate::transcript::{End, Gate, Transcript};

    fn state(id: usize) -> String {
        format!(
            r#"{{"type":"STATE","state":{{"type":"STREAM","id":{id},"stream":{{"stream_descriptor":{{"name":"s"}},"stream_state":{{"c":{id}}}}}}}}}"#
        )
    }

    /// States sent at these times, come at those, and the input closed at the last.
    fn launch(sent: &[u64], came: &[u64], closed: u64, gates: Vec<Gate>) -> Launch {
        let steps = (1..=sent.len()).map(|id| Step::Message(Sent::parse(&state(id)).unwrap()));
        let stdout = came.iter().enumerate().map(|(at, time)| Output {
            at: *time,
            bytes: state(at + 1).into_bytes(),
        });
        let transcript = Transcript {
            stdout: stdout.collect(),
            written: sent.to_vec(),
            gates,
            end: End {
                stdin_closed: Some(closed),
                code: Some(0),
                ..End::default()
            },
            ..Transcript::default()
        };
        Launch::new(
            Operation::Write,
            None,
            Catalog::default(),
            steps.collect(),
            transcript,
        )
    }

    #[test]
    fn a_state_that_comes_before_it_was_sent_is_no_echo() {
        let facts = Facts::default();
        assert_eq!(
            before_input(&launch(&[5, 9], &[6, 9], 10, vec![]), &facts),
            Verdict::Pass
        );
        assert!(matches!(
            before_input(&launch(&[5, 9], &[6, 8], 10, vec![]), &facts),
            Verdict::Fail(_)
        ));
    }

    #[test]
    fn starving_is_judged_only_where_there_was_time() {
        let facts = Facts {
            ack_within_s: 1.0,
            ..Facts::default()
        };
        let judge = |came: &[u64], closed| ack_starved(&launch(&[0], came, closed, vec![]), &facts);
        assert!(matches!(
            judge(&[900_000], 900_000),
            Verdict::Inconclusive(_)
        ));
        assert_eq!(judge(&[900_000], 3_000_000), Verdict::Pass);
        assert!(matches!(judge(&[3_000_001], 3_000_000), Verdict::Fail(_)));
    }

    fn gate(states_sent: u64, states_back: u64, bytes: u64, mid_line: bool) -> Gate {
        Gate {
            began: 0,
            ended: 1000,
            states_sent,
            states_back,
            stdout_bytes: bytes,
            mid_line,
        }
    }

    #[test]
    fn a_buffer_shows_where_it_is_cut() {
        let facts = Facts::default();
        let judge =
            |gate, came: &[u64]| not_flushed(&launch(&[0, 0], came, 9999, vec![gate]), &facts);
        assert_eq!(judge(gate(2, 2, 200, false), &[5, 5]), Verdict::Pass);
        assert!(matches!(
            judge(gate(2, 1, 8192, true), &[5, 2000]),
            Verdict::Fail(_)
        ));
        // A line that is just being written, or a batch, is no buffer.
        assert!(matches!(
            judge(gate(2, 1, 8000, true), &[5, 2000]),
            Verdict::Inconclusive(_)
        ));
        assert!(matches!(
            judge(gate(2, 1, 8192, false), &[5, 2000]),
            Verdict::Inconclusive(_)
        ));
    }

    #[test]
    fn a_buffer_of_whole_lines_shows_in_its_bursts() {
        let burst = |at, lines: usize, length: usize| {
            (0..lines).map(move |_| Output {
                at,
                bytes: vec![b'x'; length - 1],
            })
        };
        let full = burst(1, 25, 325)
            .chain(burst(2, 40, 200))
            .chain(burst(3, 25, 325));
        let full: Vec<_> = full.chain(burst(4, 2, 300)).collect();
        assert_eq!(filled_buffer(&full), Some(8192));
        let batches: Vec<_> = (1..=5)
            .flat_map(|at| burst(at, 10, 300 + usize::try_from(at).unwrap()))
            .collect();
        assert_eq!(filled_buffer(&batches), None);
    }
}
