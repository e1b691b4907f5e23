//! Read-back by command, called in one of two ways. A stream that does not exist has no rows.
//!
//! Once a stream, as `… --config FILE --stream NAME [--namespace NS]`, it prints the stream's rows
//! as JSON lines. Once a sync, as `… --config FILE --streams FILE`, it prints those of all streams
//! that the file names, each with its stream: where a start takes long, that is paid once.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::{Argument, Reader};
use super::{process, rows};
use crate::evidence::{Landed, Rows};
use crate::protocol::message::Descriptor;
use crate::redact::Secrets;

/// How rows are read back.
#[derive(Debug, Clone)]
pub struct Readback {
    /// The command, and where it runs.
    pub reader: Reader,
    /// Whether it is called once for all streams of a sync.
    pub once: bool,
    /// How long it may go without printing a row, or take to end.
    pub within: Duration,
}

impl Readback {
    /// Reads the rows of these streams; many of one go to a file, whose path begins with `into`.
    #[must_use]
    pub fn read(
        &self,
        config: &Path,
        streams: &[&Descriptor],
        into: &Path,
        secrets: &Secrets,
    ) -> Vec<Landed> {
        if streams.is_empty() {
            return Vec::new();
        }
        let files: Vec<_> =
            (0..streams.len()).map(|at| extended(into, &format!("-{at}.landed.jsonl"))).collect();
        let read: Vec<Result<Rows, String>> = if self.once {
            let list = extended(into, ".streams.jsonl");
            match self.all(config, streams, &list, &files) {
                Ok(all) => all.into_iter().map(Ok).collect(),
                Err(why) => streams.iter().map(|_| Err(why.clone())).collect(),
            }
        } else {
            let each = streams.iter().zip(&files);
            each.map(|(stream, file)| self.one(config, stream, file)).collect()
        };
        let landed = |(stream, rows): (&&Descriptor, Result<Rows, String>)| Landed {
            stream: (*stream).clone(),
            rows: rows.map_err(|why| secrets.text(&why)),
        };
        streams.iter().zip(read).map(landed).collect()
    }

    /// The shell lines that read these streams back without us; `list` is the file that names them.
    #[must_use]
    pub fn shell_lines(&self, config: &Path, streams: &[Descriptor], list: &Path) -> Vec<String> {
        if self.once {
            return vec![self.reader.shell_line(&of_all(config, list))];
        }
        streams.iter().map(|stream| self.reader.shell_line(&of_one(config, stream))).collect()
    }

    fn one(&self, config: &Path, stream: &Descriptor, into: &Path) -> Result<Rows, String> {
        let args = of_one(config, stream);
        process::run(&self.reader, &args, self.within, |from, count| {
            rows::of_one(from, into, count)
        })
    }

    fn all(
        &self,
        config: &Path,
        streams: &[&Descriptor],
        list: &Path,
        into: &[PathBuf],
    ) -> Result<Vec<Rows>, String> {
        let lines = streams.iter().map(|stream| format!("{}}}\n", stream.head()));
        fs::write(list, lines.collect::<String>())
            .map_err(|error| format!("writing {}: {error}", list.display()))?;
        let args = of_all(config, list);
        process::run(&self.reader, &args, self.within, |from, count| {
            rows::of_all(from, streams, into, count)
        })
    }
}

fn of_one<'a>(config: &'a Path, stream: &'a Descriptor) -> Vec<Argument<'a>> {
    let mut args = vec![
        Argument::Word("--config"),
        Argument::File(config),
        Argument::Word("--stream"),
        Argument::Word(&stream.name),
    ];
    if let Some(namespace) = &stream.namespace {
        args.extend([Argument::Word("--namespace"), Argument::Word(namespace)]);
    }
    args
}

fn of_all<'a>(config: &'a Path, list: &'a Path) -> [Argument<'a>; 4] {
    [
        Argument::Word("--config"),
        Argument::File(config),
        Argument::Word("--streams"),
        Argument::File(list),
    ]
}

/// The path with this at its end.
fn extended(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::command::Command;

    fn read(once: bool, script: &str) -> Vec<Result<Vec<String>, String>> {
        let folder = tempfile::tempdir().unwrap();
        let readback = Readback {
            reader: Reader::Command(Command {
                words: vec!["sh".into(), "-c".into(), script.into(), "read".into()],
                workdir: None,
                env: vec![],
            }),
            once,
            within: Duration::from_secs(2),
        };
        let named = Descriptor { name: "s 1".into(), namespace: Some("n".into()) };
        let plain = Descriptor { name: "t".into(), namespace: None };
        let (config, into) = (Path::new("c.json"), folder.path().join("0.x"));
        let landed = readback.read(config, &[&named, &plain], &into, &Secrets::default());
        let lines = |landed: Landed| {
            let mut lines = Vec::new();
            landed.rows?.for_each(|line| lines.push(line.to_owned())).unwrap();
            Ok(lines)
        };
        landed.into_iter().map(lines).collect()
    }

    #[test]
    fn rows_are_read_and_the_stream_is_named() {
        let landed = read(false, r#"echo "{\"a\":\"$*\"}"; echo"#);
        let named = r#"{"a":"--config c.json --stream s 1 --namespace n"}"#;
        let plain = r#"{"a":"--config c.json --stream t"}"#;
        assert_eq!(landed, [Ok(vec![named.to_owned()]), Ok(vec![plain.to_owned()])]);
        assert_eq!(read(false, "true"), [Ok(vec![]), Ok(vec![])]);
    }

    #[test]
    fn rows_of_all_streams_are_read_at_once() {
        // Each line of the list comes back as a row.
        let landed = read(
            true,
            r#"[ "$1 $2 $3" = "--config c.json --streams" ] || exit 1
            sed 's/\(.*\)}$/\1,"data":{"asked":\1}}}/' "$4""#,
        );
        let named = r#"{"asked":{"stream":"s 1","namespace":"n"}}"#;
        let plain = r#"{"asked":{"stream":"t","namespace":null}}"#;
        assert_eq!(landed, [Ok(vec![named.to_owned()]), Ok(vec![plain.to_owned()])]);
        assert_eq!(read(true, "true"), [Ok(vec![]), Ok(vec![])]);
    }

    #[test]
    fn what_fails_for_all_streams_is_told_of_each() {
        let landed = read(true, "echo boom >&2; exit 3");
        assert!(landed.iter().all(|landed| landed.as_ref().unwrap_err().contains("boom")));
        assert_eq!(landed.len(), 2);
    }
}
