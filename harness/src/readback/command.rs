//! Read-back by command: called as `… --config FILE --stream NAME [--namespace NS]`, it prints the
//! landed rows as JSON lines. A stream that does not exist has no rows.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::evidence::{Landed, Rows};
use crate::protocol::message::Descriptor;
use crate::redact::Secrets;
use crate::subject::INTERRUPTED;
use crate::subject::command::Subject;
use crate::subject::group::Group;
use crate::subject::output::Progress;
use crate::subject::pipe::Pipe;

/// How much of a failing read-back's stderr is shown.
const SHOWN: usize = 500;

/// How rows are read back.
#[derive(Debug, Clone)]
pub struct Readback {
    /// The command, with where and in what environment it runs: as the subject.
    pub command: Subject,
    /// How long it may go without printing a row, or take to end.
    pub within: Duration,
}

impl Readback {
    /// Reads one stream's rows into a file at this path.
    #[must_use]
    pub fn read(
        &self,
        config: &Path,
        stream: &Descriptor,
        into: &Path,
        secrets: &Secrets,
    ) -> Landed {
        let rows = self.rows(config, stream, into).map_err(|why| secrets.text(&why));
        Landed { stream: stream.clone(), rows }
    }

    /// The error is in words for the author of the read-back.
    fn rows(&self, config: &Path, stream: &Descriptor, into: &Path) -> Result<Rows, String> {
        let mut args: Vec<OsString> =
            vec!["--config".into(), config.into(), "--stream".into(), (&stream.name).into()];
        if let Some(namespace) = &stream.namespace {
            args.extend(["--namespace".into(), namespace.into()]);
        }
        let shown = self.command.shown();
        let (mut child, group) = Group::spawn(
            self.command
                .command(&args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        )
        .map_err(|error| format!("`{shown}` could not be started: {error}"))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (rows, progress) = (AtomicU64::new(0), Progress::default());
        let (copied, told, ended) = thread::scope(|scope| {
            let (rows, progress, group) = (&rows, &progress, &group);
            let told = scope.spawn(move || {
                let mut text = Vec::new();
                if let Some(stderr) = stderr {
                    // What cannot be read is not shown; the exit code still counts.
                    let _ = Pipe::new(stderr, progress).take(1 << 20).read_to_end(&mut text);
                }
                text
            });
            let copied = scope.spawn(move || {
                let copied = stdout
                    .map_or(Ok(()), |stdout| copy_rows(Pipe::new(stdout, progress), into, rows));
                if copied.is_err() {
                    // Nobody reads its output any more: it may wait for that for ever.
                    group.kill();
                }
                copied
            });
            let ended = watch(&mut child, group, self.within, rows);
            progress.end();
            // A process that stays behind may hold the pipes open: it goes before they are waited
            // for. It is no matter to report: the read-back is not what is tested.
            let _ = group.reap();
            let copied = copied.join().unwrap_or_else(|_| Err("its output was not read".into()));
            (copied, told.join().unwrap_or_default(), ended)
        });
        let status = ended.map_err(|why| format!("`{shown}` {why}"))?;
        copied.map_err(|why| format!("`{shown}`: {why}"))?;
        if !status.success() {
            let told = String::from_utf8_lossy(&told);
            let told = told.trim();
            let tail = told.char_indices().rev().nth(SHOWN).map_or(told, |(at, _)| &told[at..]);
            return Err(format!("`{shown}` ended with {status}: {tail}"));
        }
        Ok(Rows::File(into.to_owned()))
    }
}

/// Waits for a read-back to end, and ends one that goes without a row for so long. The error is why
/// it did not end by itself.
fn watch(
    child: &mut Child,
    group: &Group,
    within: Duration,
    rows: &AtomicU64,
) -> Result<ExitStatus, String> {
    let (mut seen, mut moved) = (0, Instant::now());
    let why = loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(error) => break format!("could not be waited for: {error}"),
        }
        let now = rows.load(Ordering::SeqCst);
        if now != seen {
            (seen, moved) = (now, Instant::now());
        }
        if INTERRUPTED.load(Ordering::SeqCst) {
            break "was ended: the run was interrupted".to_owned();
        }
        if moved.elapsed() > within {
            let limit = within.as_secs_f64();
            break format!("printed nothing for {limit} s, and did not end");
        }
        thread::sleep(Duration::from_millis(5));
    };
    group.kill();
    // What was killed is collected; there is nothing more to learn from it.
    let _ = child.wait();
    Err(why)
}

/// Copies rows to a file, line by line, and counts them. A line that is no JSON object ends it:
/// there is no use in reading on.
fn copy_rows(from: impl Read, into: &Path, rows: &AtomicU64) -> Result<(), String> {
    use std::io::BufRead;
    let say = |error: std::io::Error| match error.kind() {
        ErrorKind::TimedOut => "a process that it left behind holds its output open".to_owned(),
        _ => error.to_string(),
    };
    let mut reader = std::io::BufReader::with_capacity(256 << 10, from);
    let mut writer = BufWriter::with_capacity(256 << 10, File::create(into).map_err(say)?);
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
        let object: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(text);
        if object.is_err() || !text.starts_with(b"{") {
            let quoted = crate::protocol::line::shown(text);
            return Err(format!("line {nth} of its output is no JSON object: {quoted}"));
        }
        writer.write_all(text).and_then(|()| writer.write_all(b"\n")).map_err(say)?;
        rows.store(nth, Ordering::SeqCst);
    }
    writer.flush().map_err(say)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let readback = Readback {
            command: Subject {
                words: vec!["sh".into(), "-c".into(), script.into(), "read".into()],
                workdir: None,
                env: vec![],
            },
            within: Duration::from_secs(2),
        };
        let stream = Descriptor { name: "s 1".into(), namespace: Some("n".into()) };
        let into = folder.path().join("rows");
        let landed = readback.read(Path::new("c.json"), &stream, &into, &Secrets::default());
        let mut lines = Vec::new();
        landed.rows?.for_each(|line| lines.push(line.to_owned())).unwrap();
        Ok(lines)
    }

    #[test]
    fn rows_are_read_and_the_stream_is_named() {
        assert_eq!(
            read(r#"echo "{\"a\":\"$*\"}"; echo"#).unwrap(),
            [r#"{"a":"--config c.json --stream s 1 --namespace n"}"#]
        );
        assert_eq!(read("true").unwrap(), [""; 0]);
    }

    #[test]
    fn failures_say_what_happened() {
        let failed = read("echo boom >&2; exit 3").unwrap_err();
        assert!(failed.contains("boom") && failed.contains("exit status: 3"), "{failed}");
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
