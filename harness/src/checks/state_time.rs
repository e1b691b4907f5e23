//! States in time: not before they were sent, and not only when all is over.

use super::state::name;
use super::{Check, Finding, Judge, Level, STATES_BACK, Verdict, WRITE};
use crate::evidence::{Facts, Launch};
use crate::scenario::{SentBody, Step};
use crate::transcript::{Gate, Output};

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
        on: STATES_BACK,
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
    let mut seen = false;
    let mut findings = Vec::new();
    for (came, sent) in launch.ledger().pairs() {
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

/// Within this, in seconds, the platform expects an acknowledgement, whatever the input does.
pub const PLATFORM_WAITS_S: f64 = 900.0;

/// A state that waits while input comes may wait for a destination that is busy with that input, and
/// how long depends on the machine. So a limit below the platform's own counts only the time in which
/// the input was held.
fn ack_starved(launch: &Launch, facts: &Facts) -> Verdict {
    let end = &launch.transcript.end;
    let gates = &launch.transcript.gates;
    let limit_s = facts.ack_within_s;
    let Some(closed) = end.stdin_closed.or(end.stdin_refused) else {
        return Verdict::inconclusive("its input was never closed");
    };
    let seconds = |micros: u64| micros as f64 / 1e6;
    let mut longest = None;
    let (mut kept, mut unsettled, mut waits) = (false, false, Vec::new());
    for sent in launch.ledger().written() {
        let written = sent.at.unwrap_or(0);
        // It waits until it comes, or until nothing is left that could make it come.
        let came = sent.came.first().map_or(u64::MAX, |line| launch.at(*line));
        let until = came.min(closed);
        let held = |gate: &Gate| until.min(gate.ended).saturating_sub(written.max(gate.began));
        let held = seconds(gates.iter().map(held).sum());
        let open = seconds(until.saturating_sub(written));
        let could_wait = seconds(closed.saturating_sub(written));
        if (held > limit_s || open > limit_s.max(PLATFORM_WAITS_S))
            && longest.as_ref().is_none_or(|(most, _)| open > *most)
        {
            longest = Some((open, &sent.state));
        }
        let waits_at = |gate: &Gate| written <= gate.began && came > gate.began;
        unsettled |= gates.iter().any(|gate| waits_at(gate) && came > gate.ended);
        kept |= gates.iter().any(waits_at) || could_wait > PLATFORM_WAITS_S;
        waits.push((written, came));
    }
    // One that came back before the gate after it began did not wait for what followed.
    kept |= gates.iter().zip(follow_a_state(launch)).any(|(gate, follows)| {
        let before = waits.iter().rev().find(|(written, _)| *written <= gate.began);
        follows && before.is_some_and(|(_, came)| *came <= gate.ended)
    });
    match longest {
        Some((waited, state)) => Verdict::Fail(vec![Finding::new(
            format!("{} had waited {waited:.1} s before the input went on or ended", name(state)),
            super::state::sent_line(state),
        )]),
        None if kept && !unsettled => Verdict::Pass,
        None => {
            let remedy = if limit_s > 5.0 { "; --ack-within 5 settles it" } else { "" };
            Verdict::inconclusive(format!("no sync was held for {limit_s} s after a state{remedy}"))
        }
    }
}

/// Of each gate, whether a state is the last that is written before it.
fn follow_a_state(launch: &Launch) -> Vec<bool> {
    let (mut is_state, mut gates) = (false, Vec::new());
    for step in &launch.steps {
        match step {
            Step::Message(sent) => is_state = matches!(sent.body, SentBody::State(_)),
            Step::Bulk(_) | Step::Raw(_) | Step::Replay => is_state = false,
            Step::Gate => gates.push(is_state),
            Step::Disturb(_) | Step::Pace(_) => {}
        }
    }
    gates
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
        let rest = transcript.stdout.iter().position(|output| output.at > gate.ended);
        let (Some(rest), true) = (rest, gate.states_back < gate.states_sent) else {
            continue;
        };
        let why = if gate.mid_line && gate.stdout_bytes.is_multiple_of(BUFFER_GRAIN) {
            format!("in the middle of a line, after exactly {} bytes", gate.stdout_bytes)
        } else if let Some(size) = filled_buffer(&transcript.stdout[..=rest]) {
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

/// The size of a buffer that takes whole lines, if every burst of output before the last line ended
/// where the next line would no longer have fit into one. At least three bursts have to say so: fewer
/// may do it by chance.
fn filled_buffer(lines: &[Output]) -> Option<usize> {
    let ends: Vec<usize> =
        (1..lines.len()).filter(|line| lines[*line].at != lines[line - 1].at).collect();
    if ends.len() < 3 {
        return None;
    }
    // The largest first: it has the fewest places to end at, so it says most.
    [65_536, 32_768, 16_384, 8192, 4096].into_iter().find(|size| {
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
mod tests;
