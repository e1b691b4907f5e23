//! Memory: bounded, however long a stream is.

use super::{Check, Finding, Judge, Level, Scene, Verdict, WRITE};
use crate::evidence::{Facts, Launch};
use crate::ledger::SentState;
use crate::scenario::Step;

/// The rows of this family.
pub const CHECKS: &[Check] = &[Check {
    id: "write-memory-unbounded",
    level: Level::Should,
    since: "0.1.0",
    summary: "memory does not grow with the length of the stream",
    platform: "kills it for want of memory, at the same place each time",
    docs: include_str!("docs/write-memory-unbounded.md"),
    proved_by: "keep-all-records",
    companions: &[],
    on: WRITE,
    judge: Judge::Scenario { claims: &[], judge: memory_unbounded },
}];

fn memory_unbounded(scene: &Scene, _: &Facts) -> Verdict {
    let [short, long, ..] = scene.launches() else { return Verdict::Elsewhere };
    if long.transcript.end.out_of_memory {
        let message = "it was killed for want of memory in a long stream";
        return Verdict::Fail(vec![Finding::on_end(message, long)]);
    }
    if let Some(failed) = scene.failed_sync() {
        return failed;
    }
    let peaks = [short, long].map(|launch| launch.transcript.end.peak_rss);
    if peaks.contains(&0) {
        return Verdict::inconclusive(
            "how much memory it held is not known: of containers it is not, and --memory is the test",
        );
    }
    let (sent_before, _) = volumes(short);
    let (sent, held) = volumes(long);
    let grown = peaks[1].saturating_sub(peaks[0]);
    let more = sent.saturating_sub(sent_before);
    let mib = |bytes: u64| bytes >> 20;
    // What is kept takes at least what was sent; a cache that was not full before takes less.
    if grown < more / 4 * 3 {
        return Verdict::Pass;
    }
    // A batch that the short stream would have filled as well has no part in the growth.
    if held > sent_before {
        return Verdict::inconclusive(format!(
            "with {} MiB more input it held {} MiB more, and {} of {} MiB waited for their states \
             at one time: a batch may be as large; a smaller one settles it",
            mib(more),
            mib(grown),
            mib(held),
            mib(sent)
        ));
    }
    let message = format!(
        "with {} MiB more input it held {} MiB more, although no more than {} of {} MiB waited \
         for their states at one time",
        mib(more),
        mib(grown),
        mib(held),
        mib(sent)
    );
    Verdict::Fail(vec![Finding::on_end(message, long).of_launch(1)])
}

/// States that follow one another faster than this are of one batch: no destination reads and
/// stores so many bytes in a microsecond.
const FASTEST: u64 = 2000;

/// How many bytes of records were sent by recipes, and how many of them surely waited for their
/// states at one time: those not acknowledged when the input had ended, or those acknowledged in
/// one go, whichever are more.
fn volumes(launch: &Launch) -> (u64, u64) {
    let closed = launch.transcript.end.stdin_closed.unwrap_or(u64::MAX);
    let (mut sent, mut waiting, mut batch) = (0, 0, 0);
    for (step, _) in launch.begun() {
        let Step::Bulk(bulk) = step else { continue };
        let bytes = bulk.sent() * bulk.line as u64;
        let a_state = bytes / bulk.states().max(1);
        let of_bulk = |state: &&SentState| state.state.descriptor() == Some(&bulk.stream);
        let states = launch.ledger().written().filter(of_bulk);
        let came: Vec<_> = states.map(|state| Some(launch.at(*state.came.first()?))).collect();
        let late = came.iter().filter(|came| came.is_none_or(|at| at >= closed)).count() as u64;
        sent += bytes;
        waiting += a_state * late;
        batch = batch.max(a_state * longest_batch(came.into_iter().flatten(), a_state / FASTEST));
    }
    (sent, waiting.max(batch))
}

/// How many moments follow one another within so many microseconds each, at most.
fn longest_batch(moments: impl Iterator<Item = u64>, within: u64) -> u64 {
    let (mut longest, mut length, mut before) = (0, 0, None);
    for at in moments {
        let joins = before.is_some_and(|before| at.saturating_sub(before) < within);
        length = if joins { length + 1 } else { 1 };
        longest = longest.max(length);
        before = Some(at);
    }
    longest
}

#[cfg(test)]
mod tests;
