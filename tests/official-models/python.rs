//! The official models: Python scripts, asked in one batch.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use acceptance::venv;
use serde::{Deserialize, Serialize};

/// A JSON text and the model that it is meant to be an instance of.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    pub model: &'static str,
    pub text: String,
}

/// What the official models make of a case: the error of each where it refuses.
#[derive(Debug, Deserialize)]
pub struct Judgement {
    pub pydantic: Option<String>,
    pub dataclasses: Option<String>,
    /// The text again as the model writes it, its nulls included.
    pub dump: Option<String>,
}

/// Holds the cases against the official models, in order.
pub fn judge(cases: &[Case]) -> Vec<Judgement> {
    // A file and not a pipe: nobody has to write and read at once.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cases.jsonl");
    let mut file = File::create(&path).unwrap();
    for case in cases {
        writeln!(file, "{}", serde_json::to_string(case).unwrap()).unwrap();
    }
    let answers: Vec<Judgement> = run("judge.py", Stdio::from(File::open(&path).unwrap()))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), cases.len(), "an answer a case");
    answers
}

/// What the script prints.
pub fn run(script: &str, stdin: Stdio) -> String {
    let scripts: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("official-models");
    let python = venv::python("official-models", &scripts.join("requirements.txt"));
    let output = Command::new(python).arg(scripts.join(script)).stdin(stdin).output().unwrap();
    assert!(
        output.status.success(),
        "{script} failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
