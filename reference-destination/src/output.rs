//! Everything that goes to stdout: one message a line, flushed when it is due.

mod mistakes;

use crate::error::Failure;
use crate::faults::{Fault, Faults};
use crate::protocol::Level;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The size of the buffer that C and Python put before a stdout that is a pipe, in bytes.
const STDIO_BLOCK: usize = 8192;

/// The way out for messages.
#[derive(Debug)]
pub struct Output {
    faults: Faults,
    started: Instant,
    /// Holds bytes back only under [`Fault::BufferStdout`].
    block: Vec<u8>,
}

#[derive(Serialize)]
struct Log<'a> {
    level: Level,
    message: &'a str,
}

impl Output {
    /// An output that commits the given faults.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        Self { faults, started: Instant::now(), block: Vec::new() }
    }

    /// Writes whole lines, and has them out when it returns.
    pub fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = self.write(lines);
        if self.faults.has(Fault::IgnoreBrokenPipe) { Ok(()) } else { written }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.faults.has(Fault::DropWhenBlocked) {
            return mistakes::write_what_fits(lines);
        }
        let mut stdout = io::stdout().lock();
        if self.faults.has(Fault::BufferStdout) {
            self.block.extend_from_slice(lines);
            let full = self.block.len() / STDIO_BLOCK * STDIO_BLOCK;
            stdout.write_all(&self.block[..full])?;
            self.block.drain(..full);
            return stdout.flush();
        }
        stdout.write_all(lines)?;
        stdout.flush()
    }

    /// Writes one message.
    pub fn message(&mut self, message: &Value) -> io::Result<()> {
        self.lines(format!("{message}\n").as_bytes())
    }

    /// Writes a log message.
    pub fn log(&mut self, level: Level, message: &str) -> io::Result<()> {
        let log = Log { level, message };
        self.message(&json!({"type": "LOG", "log": log}))
    }

    /// Tells which command has started. Everything that can go wrong in a log line does so here.
    pub fn greet(&mut self, command: &str) -> io::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("reference destination {version}: {command}");
        self.log(Level::Info, &text)?;

        let log = json!({"level": "INFO", "message": text});
        if self.faults.has(Fault::JoinMessages) {
            let message = json!({"type": "LOG", "log": log});
            self.lines(format!("{message}{message}\n").as_bytes())?;
        }
        if self.faults.has(Fault::UnknownMessageType) {
            self.message(&json!({"type": "METRIC", "metric": {"name": "starts", "value": 1}}))?;
        }
        if self.faults.has(Fault::LowerCaseType) {
            self.message(&json!({"type": "log", "log": log}))?;
        }
        if self.faults.has(Fault::MisnamedPayload) {
            self.message(&json!({"type": "LOG", "LOG": log}))?;
        }
        if self.faults.has(Fault::TextEmittedAt) {
            let analytics = json!({"type": "reference-destination-started", "value": command});
            let emitted_at = now_millis().to_string();
            self.message(&json!({
                "type": "TRACE",
                "trace": {"type": "ANALYTICS", "emitted_at": emitted_at, "analytics": analytics},
            }))?;
        }
        if self.faults.has(Fault::Latin1Log) {
            let start = br#"{"type":"LOG","log":{"level":"INFO","message":"pr"#;
            self.lines(&[start.as_slice(), b"\xeat\"}}\n"].concat())?;
        }
        if self.faults.has(Fault::NanInLog) {
            let text = r#"{"type":"LOG","log":{"level":"INFO","message":"rate","rate":NaN}}"#;
            self.lines(format!("{text}\n").as_bytes())?;
        }
        if self.faults.has(Fault::CarriageReturn) {
            let text = "{\"type\":\"LOG\",\r\"log\":{\"level\":\"INFO\",\"message\":\"ready\"}}";
            self.lines(format!("{text}\n").as_bytes())?;
        }
        if self.faults.has(Fault::LogWithoutLevel) {
            self.message(&json!({"type": "LOG", "log": {"message": "ready"}}))?;
        }
        Ok(())
    }

    /// Logs a config, under the one fault that does so.
    pub fn log_config(&mut self, config: &str) -> io::Result<()> {
        if self.faults.has(Fault::LogConfig) {
            self.log(Level::Info, &format!("config: {}", config.trim()))?;
        }
        Ok(())
    }

    /// Reports a failure in a TRACE ERROR.
    pub fn failure(&mut self, failure: &Failure) -> io::Result<()> {
        if self.faults.has(Fault::DieSilently) {
            eprintln!("error: {}", failure.internal);
            return Ok(());
        }
        let mut error = json!({
            "message": failure.message,
            "internal_message": failure.internal,
            "failure_type": failure.kind,
        });
        if let Some((namespace, name)) = &failure.stream {
            error["stream_descriptor"] = descriptor(namespace.as_deref(), name);
        }
        if self.faults.has(Fault::ErrorWithoutMessage) {
            error = json!({"internal_message": failure.internal});
        }
        self.message(&json!({
            "type": "TRACE",
            "trace": {"type": "ERROR", "emitted_at": now_millis(), "error": error},
        }))
    }

    /// Has everything out at the end of a command.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.faults.has(Fault::PrintTimings) {
            let took = format!("took {}ms\n", self.started.elapsed().as_millis());
            self.lines(took.as_bytes())?;
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&self.block).and_then(|()| stdout.flush());
        self.block.clear();
        if self.faults.has(Fault::IgnoreBrokenPipe) { Ok(()) } else { written }
    }
}

/// A stream descriptor; a null namespace is left out, since the schema has it as a string.
#[must_use]
pub fn descriptor(namespace: Option<&str>, name: &str) -> Value {
    namespace.map_or_else(
        || json!({"name": name}),
        |namespace| json!({"name": name, "namespace": namespace}),
    )
}

/// The time, in milliseconds since the epoch.
#[must_use]
pub fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
