//! A read-back while it runs: started, watched, and gone afterwards. What its output means is no
//! matter here.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::reader::{Argument, Reader};
use crate::subject::INTERRUPTED;
use crate::subject::drive::{Ended, Running, Wait};
use crate::subject::output::Progress;
use crate::subject::patience::Patience;
use crate::subject::pipe::Pipe;

/// How much of a failing read-back's stderr is shown.
const SHOWN: usize = 500;
/// How often it is looked whether it makes progress.
const TICK: Duration = Duration::from_millis(20);

/// Runs a read-back to its end, and gives what `take` makes of its stdout, while it counts the rows
/// that come. It is ended where it goes without a row for so long. The error is in words for its
/// author.
pub fn run<T: Send>(
    reader: &Reader,
    args: &[Argument],
    within: Duration,
    take: impl FnOnce(&mut dyn Read, &AtomicU64) -> Result<T, String> + Send,
) -> Result<T, String> {
    let shown = reader.shown();
    let (running, started) =
        reader.start(args).map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    let (stdout, stderr, wait) = started.without_input();
    let (rows, progress) = (AtomicU64::new(0), Progress::default());
    let (taken, told, ended) = thread::scope(|scope| {
        let (rows, progress, running) = (&rows, &progress, &*running);
        let told = scope.spawn(move || {
            let mut text = Vec::new();
            // What cannot be read is not shown; the exit code still counts.
            let _ = Pipe::new(stderr, progress).take(1 << 20).read_to_end(&mut text);
            text
        });
        let taken = scope.spawn(move || {
            let taken = take(&mut Pipe::new(stdout, progress), rows);
            if taken.is_err() {
                // Nobody reads its output any more: it may wait for that for ever.
                running.kill();
            }
            taken
        });
        let ended = watch(wait, running, within, rows);
        progress.end();
        // A process that stays behind may hold the pipes open: it goes before they are waited
        // for. It is no matter to report: the read-back is not what is tested.
        let _ = running.reap();
        let taken = taken.join().unwrap_or_else(|_| Err("its output was not read".into()));
        (taken, told.join().unwrap_or_default(), ended)
    });
    let ended = ended.map_err(|why| format!("`{shown}` {why}"))?;
    let taken = taken.map_err(|why| format!("`{shown}`: {why}"))?;
    if ended.code != Some(0) {
        let how = match (ended.code, ended.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or_default()),
        };
        let told = String::from_utf8_lossy(&told);
        let told = told.trim();
        let tail = told.char_indices().rev().nth(SHOWN).map_or(told, |(at, _)| &told[at..]);
        return Err(format!("`{shown}` ended with {how}: {tail}"));
    }
    Ok(taken)
}

/// Waits for a read-back to end, and ends one that goes without a row for so long. The error is why
/// it did not end by itself.
fn watch(
    wait: Wait,
    running: &dyn Running,
    within: Duration,
    rows: &AtomicU64,
) -> Result<Ended, String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Whoever has ended it does not listen any longer.
        let _ = sender.send(wait());
    });
    let (mut seen, mut patience) = (0, Patience::begin());
    let why = loop {
        match receiver.recv_timeout(TICK) {
            Ok(ended) => return ended.map_err(|error| format!("could not be waited for: {error}")),
            Err(RecvTimeoutError::Disconnected) => break "could not be waited for".to_owned(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = rows.load(Ordering::SeqCst);
        if now != seen {
            (seen, patience) = (now, Patience::begin());
        }
        if INTERRUPTED.load(Ordering::SeqCst) {
            break "was ended: the run was interrupted".to_owned();
        }
        if patience.waited() > within {
            let limit = within.as_secs_f64();
            break format!("printed nothing for {limit} s, and did not end");
        }
    };
    running.kill();
    // What was killed is collected; there is nothing more to learn from it.
    let _ = receiver.recv();
    Err(why)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::readback::rows;
    use crate::subject::command::Command;

    /// What a script has printed, as rows of one stream.
    fn read(script: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("rows");
        let words = vec!["sh".into(), "-c".into(), script.into()];
        let reader = Reader::Command(Command { words, workdir: None, env: vec![] });
        let within = Duration::from_secs(2);
        let rows = run(&reader, &[], within, |from, count| rows::of_one(from, &into, count))?;
        let mut lines = Vec::new();
        rows.for_each(|row| lines.push(row.to_owned())).unwrap();
        Ok(lines)
    }

    #[test]
    fn failures_say_what_happened() {
        let failed = read("echo boom >&2; exit 3").unwrap_err();
        assert!(failed.contains("boom") && failed.contains("exit code 3"), "{failed}");
        let text = read("echo hello; sleep 1").unwrap_err();
        assert!(text.contains("line 1 of its output is no JSON object: hello"), "{text}");
        let stuck = read("echo '{}'; sleep 60 & wait").unwrap_err();
        assert!(stuck.contains("printed nothing for 2 s"), "{stuck}");
    }

    #[test]
    fn a_process_left_behind_is_not_waited_for() {
        let began = Instant::now();
        assert_eq!(read("setsid sleep 63 & echo '{}'").unwrap(), ["{}"]);
        let hidden = read("env -i setsid sleep 15 & echo '{}'").unwrap_err();
        assert!(hidden.contains("holds its output open"), "{hidden}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
