//! A database of its own for each test, and the binary to drive against it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

pub struct Bench {
    pub folder: TempDir,
    fault: Option<&'static str>,
}

/// What a command printed, and how it ended.
pub struct Run {
    pub code: Option<i32>,
    pub lines: Vec<String>,
    pub stderr: String,
}

impl Run {
    pub fn messages(&self, kind: &str) -> Vec<Value> {
        let parsed = self.lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        parsed.filter(|message| message["type"] == kind).collect()
    }

    /// The lines of the states, whole.
    pub fn states(&self) -> Vec<&str> {
        let is_state = |line: &&String| line.starts_with(r#"{"type":"STATE""#);
        self.lines.iter().filter(is_state).map(String::as_str).collect()
    }

    pub fn error(&self) -> Value {
        let traces = self.messages("TRACE");
        traces.first().map(|trace| trace["trace"]["error"].clone()).unwrap_or_default()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout);
        Self {
            code: output.status.code(),
            lines: stdout.lines().map(str::to_owned).collect(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Bench {
    pub fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), fault: None };
        bench.configure(&json!({}));
        bench
    }

    /// A bench whose commands commit a fault from now on.
    pub fn faulty(fault: &'static str) -> Self {
        Self { fault: Some(fault), ..Self::new() }
    }

    pub fn set_fault(&mut self, fault: Option<&'static str>) {
        self.fault = fault;
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets the configuration: the database's path, and what is given.
    pub fn configure(&self, more: &Value) {
        let mut config = json!({"path": self.path("rows.db"), "passphrase": "canary"});
        // What is tested in the raw layout is tested again as a part of typed.rs.
        if module_path!().starts_with("typed::") {
            config["layout"] = json!("typed");
        }
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        self.put("config.json", &config.to_string());
    }

    pub fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn command(&self, command: &str) -> Command {
        let mut process = Command::new(env!("CARGO_BIN_EXE_reference-destination"));
        process
            .arg(command)
            .env_remove("FAULT")
            .env("DAWDLE_MS", "1")
            .env("LINGER_MS", "1")
            .current_dir(self.folder.path());
        if let Some(fault) = self.fault {
            process.args(["--fault", fault]);
        }
        if command != "spec" {
            process.args(["--config", "config.json"]);
        }
        process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        process
    }

    pub fn run(&self, command: &str) -> Run {
        self.command(command).output().unwrap().into()
    }

    pub fn start(&self, streams: &[Value]) -> Child {
        self.put("catalog.json", &json!({"streams": streams}).to_string());
        let mut command = self.command("write");
        command.args(["--catalog", "catalog.json"]).stdin(Stdio::piped()).spawn().unwrap()
    }

    /// A write whose files may not grow beyond 600 blocks.
    pub fn start_on_a_full_disk(&self, streams: &[Value]) -> Child {
        self.put("catalog.json", &json!({"streams": streams}).to_string());
        let write = self.command("write");
        Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 600; exec \"$@\"", "sh"])
            .arg(write.get_program())
            .args(write.get_args())
            .args(["--catalog", "catalog.json"])
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub fn write_bytes(&self, streams: &[Value], input: &[u8]) -> Run {
        let mut child = self.start(streams);
        // A destination that refuses stops reading, which is no failure of the test.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap().into()
    }

    pub fn write(&self, streams: &[Value], lines: &[String]) -> Run {
        self.write_bytes(streams, text(lines).as_bytes())
    }

    /// Writes, and demands success.
    pub fn good(&self, streams: &[Value], lines: &[String]) -> Run {
        let run = self.write(streams, lines);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{:?}", run.lines);
        run
    }

    /// The rows of a stream as they are printed.
    pub fn raw_rows(&self, name: &str, namespace: Option<&str>) -> Vec<String> {
        let mut command = self.command("read");
        command.args(["--stream", name]);
        if let Some(namespace) = namespace {
            command.args(["--namespace", namespace]);
        }
        let run = Run::from(command.output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        run.lines
    }

    pub fn rows(&self, name: &str) -> Vec<Value> {
        let lines = self.raw_rows(name, None);
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// One field of each row of a stream in the default namespace.
    pub fn column(&self, name: &str, field: &str) -> Vec<Value> {
        self.rows(name).iter().map(|row| row[field].clone()).collect()
    }
}

/// Lines as they are sent.
pub fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// A stream of a catalog: a name, a mode, and what else is given.
pub fn stream(name: &str, mode: &str, given: &Value) -> Value {
    let mut stream = json!({
        "stream": {"name": name, "json_schema": {"properties": {"id": {}, "v": {}}}},
        "sync_mode": "incremental",
        "destination_sync_mode": mode,
    });
    for (key, value) in given.as_object().unwrap() {
        stream[key] = value.clone();
    }
    stream
}

/// A deduplicated stream with the key `id` and the cursor `c`.
pub fn dedup(name: &str) -> Value {
    stream(name, "append_dedup", &json!({"primary_key": [["id"]], "cursor_field": ["c"]}))
}

pub fn record(stream: &str, emitted_at: u64, data: &str) -> String {
    format!(
        r#"{{"type":"RECORD","record":{{"stream":{},"data":{data},"emitted_at":{emitted_at}}}}}"#,
        Value::from(stream)
    )
}

/// A STREAM state whose blob has one number.
pub fn state(stream: &str, id: u64) -> String {
    format!(
        r#"{{"type":"STATE","state":{{"type":"STREAM","id":{id},"stream":{{"stream_descriptor":{{"name":"{stream}"}},"stream_state":{{"cursor":{id}}}}}}}}}"#
    )
}

pub fn status(stream: &str, status: &str) -> String {
    format!(
        r#"{{"type":"TRACE","trace":{{"type":"STREAM_STATUS","emitted_at":1.7E12,"stream_status":{{"stream_descriptor":{{"name":"{stream}","namespace":null}},"status":"{status}"}}}}}}"#
    )
}
