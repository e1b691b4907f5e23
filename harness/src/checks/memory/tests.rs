use super::*;
use crate::testing::{assert_verdict, scene_verdict, write};

const MIB: u64 = 1 << 20;

/// A sync of so many MiB, a state after each, whose states came so many microseconds after the
/// launch; it held so much.
fn sync(mib: u64, peak_mib: u64, came: &[u64]) -> Launch {
    let recipe = format!(
        r#"{{"stream":{{"name":"a"}},"records":{},"state_every":1024,"line":1024}}"#,
        mib * 1024
    );
    let mut launch = write(&format!("<* {recipe}"));
    let Step::Bulk(bulk) = &launch.steps[0] else { panic!() };
    let lines = came.iter().enumerate().map(|(nth, at)| crate::transcript::Output {
        at: *at,
        bytes: bulk.state(nth as u64).into_bytes(),
    });
    launch.transcript.stdout = lines.collect();
    launch.transcript.end.stdin_closed = Some(CLOSED);
    launch.transcript.end.peak_rss = peak_mib * MIB;
    launch
}

/// When all input had been written.
const CLOSED: u64 = 1_000_000;

/// So many states that come one by one, as they are sent.
fn steadily(count: u64) -> Vec<u64> {
    (0..count).map(|nth| 10_000 + nth * 5000).collect()
}

/// So many states, so many of them at once.
fn in_batches(count: u64, of: u64) -> Vec<u64> {
    (0..count).map(|nth| 10_000 + nth / of * 100_000 + nth % of * 10).collect()
}

#[test]
fn what_grows_with_the_stream_is_unbounded() {
    let short = || sync(32, 50, &steadily(32));
    for (wanted, long) in [
        ("pass", sync(128, 52, &steadily(128))),
        // As much more as is less than half of what was sent more.
        ("pass", sync(128, 97, &steadily(128))),
        ("fail: with 96 MiB more input it held 100 MiB more", sync(128, 150, &steadily(128))),
        ("fail: no more than 28 of 128 MiB waited", sync(128, 150, &steadily(100))),
        // Batches that the short stream would have filled as well.
        ("fail: no more than 20 of 128 MiB waited", sync(128, 150, &in_batches(128, 20))),
        // A large batch is no leak, whether its states come at its end or have yet to come.
        ("inconclusive: 100 of 128 MiB waited", sync(128, 150, &in_batches(128, 100))),
        ("inconclusive: 128 of 128 MiB waited", sync(128, 190, &[])),
        ("inconclusive: 128 of 128 MiB", sync(128, 190, &[CLOSED + 1; 128])),
        ("pass", sync(128, 60, &in_batches(128, 128))),
        ("inconclusive: is not known", sync(128, 0, &steadily(128))),
    ] {
        let verdict =
            scene_verdict("write-memory-unbounded", vec![short(), long], &Facts::default());
        assert_verdict("write-memory-unbounded", wanted, &verdict);
    }
}

#[test]
fn a_stream_that_did_not_come_to_its_end_tells_its_end() {
    let ended = |change: fn(&mut Launch)| {
        let mut long = sync(128, 60, &steadily(5));
        change(&mut long);
        vec![sync(32, 50, &steadily(32)), long]
    };
    for (wanted, launches) in [
        (
            "fail: killed for want of memory",
            ended(|long| {
                long.transcript.end.out_of_memory = true;
                (long.transcript.end.code, long.transcript.end.signal) = (None, Some(9));
            }),
        ),
        ("fail: the sync failed", ended(|long| long.transcript.end.code = Some(1))),
        (
            "inconclusive: see hangs",
            ended(|long| {
                long.transcript.end.stopped = Some(crate::transcript::Stop::TimeLimit(30));
            }),
        ),
        ("elsewhere", vec![sync(32, 50, &steadily(32))]),
    ] {
        let verdict = scene_verdict("write-memory-unbounded", launches, &Facts::default());
        assert_verdict("write-memory-unbounded", wanted, &verdict);
    }
}
