use super::*;
use crate::protocol::Operation;
use crate::protocol::catalog::Catalog;
use crate::scenario::{Disturbance, Sent, Step};
use crate::transcript::{End, Gate, Transcript};

fn state(id: usize) -> String {
    format!(
        r#"{{"type":"STATE","state":{{"type":"STREAM","id":{id},"stream":{{"stream_descriptor":{{"name":"s"}},"stream_state":{{"c":{id}}}}}}}}}"#
    )
}

/// States sent at these times, come at those, and the input closed at the last.
fn launch(sent: &[u64], came: &[u64], closed: u64, gates: Vec<Gate>) -> Launch {
    let steps = (1..=sent.len()).map(|id| Step::Message(Sent::parse(&state(id)).unwrap()));
    let stdout = came
        .iter()
        .enumerate()
        .map(|(at, time)| Output { at: *time, bytes: state(at + 1).into_bytes() });
    let transcript = Transcript {
        stdout: stdout.collect(),
        written: sent.to_vec(),
        gates,
        end: End { stdin_closed: Some(closed), code: Some(0), ..End::default() },
        ..Transcript::default()
    };
    Launch::new(Operation::Write, None, Catalog::default(), steps.collect(), transcript)
}

#[test]
fn a_state_that_comes_before_it_was_sent_is_no_echo() {
    let facts = Facts::default();
    assert_eq!(before_input(&launch(&[5, 9], &[6, 9], 10, vec![]), &facts), Verdict::Pass);
    assert!(matches!(
        before_input(&launch(&[5, 9], &[6, 8], 10, vec![]), &facts),
        Verdict::Fail(_)
    ));
}

/// An input that was held between these moments, in seconds.
fn held(began: u64, ended: u64) -> Gate {
    let (began, ended) = (began * 1_000_000, ended * 1_000_000);
    Gate { began, ended, states_sent: 1, states_back: 0, stdout_bytes: 0, mid_line: false }
}

#[test]
fn starving_is_judged_only_where_the_input_was_held() {
    let facts = Facts { ack_within_s: 5.0, ..Facts::default() };
    let s = |seconds: u64| seconds * 1_000_000;
    let judge = |came: u64, gates: &[Gate], closed| {
        ack_starved(&launch(&[0], &[s(came)], s(closed), gates.to_vec()), &facts)
    };
    // It came before the input was held, or in a short hold; or the input was never held.
    assert_eq!(judge(3, &[held(1, 3)], 9), Verdict::Pass);
    assert!(matches!(judge(1, &[held(2, 3)], 9), Verdict::Inconclusive(_)));
    // Just before the input was held.
    assert!(matches!(judge(1, &[held(1, 2)], 9), Verdict::Inconclusive(_)));
    assert!(matches!(judge(6, &[held(1, 2)], 9), Verdict::Inconclusive(_)));
    assert!(matches!(judge(60, &[], 60), Verdict::Inconclusive(_)));
    assert!(matches!(judge(9, &[held(1, 7)], 8), Verdict::Fail(_)));
    // Busy with what came for longer than the platform waits.
    assert!(matches!(judge(901, &[], 1000), Verdict::Fail(_)));
    assert_eq!(judge(899, &[], 1000), Verdict::Pass);
    assert_eq!(judge(900, &[], 1000), Verdict::Pass);
    assert!(matches!(judge(899, &[], 900), Verdict::Inconclusive(_)));
    let own = Facts { ack_within_s: 2000.0, ..Facts::default() };
    assert_eq!(ack_starved(&launch(&[0], &[s(901)], s(1000), vec![]), &own), Verdict::Pass);
}

#[test]
fn a_state_that_beats_the_gate_after_it_is_not_starved() {
    let facts = Facts { ack_within_s: 60.0, ..Facts::default() };
    let judge = |steps: &[Step]| {
        let mut launch = launch(&[0, 0], &[1, 2], 9_000_000, vec![held(1, 2)]);
        let (first, last) = (launch.steps[0].clone(), launch.steps[1].clone());
        launch.steps = [&[first, last], steps].concat();
        launch.transcript.written.resize(launch.steps.len(), 3);
        ack_starved(&launch, &facts)
    };
    assert_eq!(judge(&[Step::Gate]), Verdict::Pass);
    assert_eq!(judge(&[Step::Disturb(Disturbance::Pause(1)), Step::Gate]), Verdict::Pass);
    // It may have come because more was written.
    let Verdict::Inconclusive(why) = judge(&[Step::Raw("x".to_owned()), Step::Gate]) else {
        panic!()
    };
    assert!(why.contains("--ack-within 5 settles it"), "{why}");
    let eager = Facts { ack_within_s: 5.0, ..Facts::default() };
    let launch = launch(&[0], &[1], 9_000_000, vec![]);
    let Verdict::Inconclusive(why) = ack_starved(&launch, &eager) else { panic!() };
    assert!(why.ends_with("held for 5 s after a state"), "{why}");
}

fn gate(states_sent: u64, states_back: u64, bytes: u64, mid_line: bool) -> Gate {
    Gate { began: 0, ended: 1000, states_sent, states_back, stdout_bytes: bytes, mid_line }
}

#[test]
fn a_buffer_shows_where_it_is_cut() {
    let facts = Facts::default();
    let judge = |gate, came: &[u64]| not_flushed(&launch(&[0, 0], came, 9999, vec![gate]), &facts);
    assert_eq!(judge(gate(2, 2, 200, false), &[5, 5]), Verdict::Pass);
    let Verdict::Fail(findings) = judge(gate(2, 1, 8192, true), &[5, 2000]) else { panic!() };
    assert!(findings[0].evidence.starts_with("stdout line 2: "), "{findings:?}");
    // All states were out, or none was sent; and what came as the input went on came by itself.
    assert_eq!(judge(gate(2, 2, 8192, true), &[5, 2000]), Verdict::Pass);
    assert!(matches!(judge(gate(0, 0, 0, false), &[]), Verdict::Inconclusive(_)));
    assert!(matches!(judge(gate(2, 1, 8192, true), &[5, 1000]), Verdict::Inconclusive(_)));
    // A line that is just being written, or a batch, is no buffer.
    assert!(matches!(judge(gate(2, 1, 8000, true), &[5, 2000]), Verdict::Inconclusive(_)));
    assert!(matches!(judge(gate(2, 1, 8192, false), &[5, 2000]), Verdict::Inconclusive(_)));
}

#[test]
fn a_buffer_of_whole_lines_shows_in_its_bursts() {
    let burst = |at, lines: usize, length: usize| {
        (0..lines).map(move |_| Output { at, bytes: vec![b'x'; length - 1] })
    };
    let full = burst(1, 25, 325).chain(burst(2, 40, 200)).chain(burst(3, 25, 325));
    let full: Vec<_> = full.chain(burst(4, 2, 300)).collect();
    assert_eq!(filled_buffer(&full), Some(8192));
    // To the byte, newlines included.
    for (lines, length) in [(4096, 2), (8192, 1)] {
        let exact: Vec<_> = (1..=4).flat_map(|at| burst(at, lines, length)).collect();
        assert_eq!(filled_buffer(&exact), Some(8192));
    }
    // Twice it may be chance; more often it is none.
    let bursts = |count| (1..=count).flat_map(|at| burst(at, 4096, 2)).collect::<Vec<_>>();
    assert_eq!((filled_buffer(&bursts(3)), filled_buffer(&bursts(6))), (None, Some(8192)));
    let batches: Vec<_> =
        (1..=5).flat_map(|at| burst(at, 10, 300 + usize::try_from(at).unwrap())).collect();
    assert_eq!(filled_buffer(&batches), None);
}

#[test]
fn without_evidence_of_time_nothing_is_said() {
    let facts = Facts { ack_within_s: 1.0, ..Facts::default() };
    let silent = || launch(&[5], &[], 3_000_000, vec![held(1, 3)]);
    assert!(matches!(before_input(&silent(), &facts), Verdict::Inconclusive(_)));
    assert_eq!(not_flushed(&launch(&[5], &[], 9, vec![]), &facts), Verdict::Elsewhere);
    let mut open = silent();
    open.transcript.end.stdin_closed = None;
    assert!(matches!(ack_starved(&open, &facts), Verdict::Inconclusive(_)));
    // It closed its input itself, and had given nothing back until then.
    open.transcript.end.stdin_refused = Some(3_000_000);
    assert!(matches!(ack_starved(&open, &facts), Verdict::Fail(_)));
    let none = launch(&[], &[], 3_000_000, vec![]);
    assert!(matches!(ack_starved(&none, &facts), Verdict::Inconclusive(_)));
}

#[test]
fn a_state_that_was_never_written_cannot_come_back() {
    let mut cut = launch(&[5, 9], &[6, 12], 20, vec![]);
    cut.transcript.written.pop();
    let Verdict::Fail(findings) = before_input(&cut, &Facts::default()) else { panic!() };
    assert_eq!(findings[0].message, "a state of s (id 2) came and was never sent");
}

#[test]
fn the_longest_wait_is_told() {
    let facts = Facts { ack_within_s: 1.0, ..Facts::default() };
    let late = launch(&[0, 1_500_000], &[2_900_000, 2_950_000], 3_000_000, vec![held(0, 3)]);
    let Verdict::Fail(findings) = ack_starved(&late, &facts) else { panic!() };
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.starts_with("a state of s (id 1) had waited 2.9 s"));
    // The second may be the one; and the first of two alike.
    for (came, told) in [([2, 8], "(id 2) had waited 7.0 s"), ([4, 5], "(id 1) had waited 4.0 s")] {
        let came = came.map(|seconds| seconds * 1_000_000);
        let late = launch(&[0, 1_000_000], &came, 9_000_000, vec![held(0, 9)]);
        let Verdict::Fail(findings) = ack_starved(&late, &facts) else { panic!() };
        assert!(findings[0].message.contains(told), "{}", findings[0].message);
    }
}
