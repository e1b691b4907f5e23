//! The spec that another is compared with: from a file, an image, or a command.

use std::path::Path;

use serde_json::Value;

use super::drive::{Args, Chosen, Known, with_plan};
use crate::config::{Generation, PlanError, Selection};
use crate::session::ask::{Unanswered, ask};
use crate::snapshots::{Snapshots, What};

/// Reads a spec from a file, or asks what is named for it: a name with a blank in it, or of a program
/// that is there, is a command, any other an image.
pub fn spec(args: &Args, named: &str) -> Result<Value, PlanError> {
    let path = Path::new(named);
    if path.is_file() && !is_program(path) {
        return of_file(path);
    }
    let fail = |why: String| PlanError::Other(format!("--against {named}: {why}"));
    let looks_like_a_file = named.starts_with(['.', '/']) || is_named_as_data(path);
    if path.is_dir() {
        return Err(fail("it is a folder".to_owned()));
    }
    if looks_like_a_file && !named.contains(' ') && !path.exists() {
        return Err(fail("there is no such file".to_owned()));
    }
    let is_command = named.contains(' ') || path.is_file() || is_on_path(named);
    let other = args.of_another(is_command, named);
    let asked = with_plan(&other, for_spec(), |plan, listener| ask(plan, listener, false));
    match asked.map_err(|error| fail(error.to_string()))? {
        Ok(asked) => Ok(asked.spec),
        Err(Unanswered::Interrupted) => Err(PlanError::Other("interrupted".to_owned())),
        Err(error) => Err(fail(error.to_string())),
    }
}

/// A spec alone is to be had.
pub fn for_spec() -> Result<Chosen, PlanError> {
    Ok(Chosen {
        scenarios: Vec::new(),
        is_brought: false,
        selection: Selection::new(&["spec-*".to_owned()], &[], &[])?,
        seed: 0,
        generation: Generation::default(),
        out: "touchdown-out".into(),
        known: Known::default(),
    })
}

/// The spec in a file: by itself, in a SPEC message, or as a snapshot.
pub fn of_file(path: &Path) -> Result<Value, PlanError> {
    let fail = |why: String| PlanError::Other(format!("{}: {why}", path.display()));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".snap") || name.ends_with(".snap.new") {
        let held = Snapshots::read(path, What::Spec)?;
        return held.and_then(|held| held.spec()).ok_or_else(|| fail("it holds no spec".into()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}');
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => printed_spec(text).map_err(|specs| {
            fail(match specs {
                0 => format!("it is no JSON, which a spec is read as: {error}"),
                _ => format!("there are {specs} SPEC messages in it"),
            })
        })?,
    };
    let spec = value.get("spec").cloned().unwrap_or(value);
    if spec.get("connectionSpecification").is_none() {
        return Err(fail("it is no spec: there is no connectionSpecification in it".to_owned()));
    }
    Ok(spec)
}

/// The one SPEC message among the lines that a destination has printed; or how many there are.
fn printed_spec(text: &str) -> Result<Value, usize> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut specs: Vec<Value> = lines.filter(|message| message["type"] == "SPEC").collect();
    match (specs.pop(), specs.len()) {
        (Some(spec), 0) => Ok(spec),
        (last, others) => Err(others + usize::from(last.is_some())),
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o111 != 0)
        && !is_named_as_data(path)
}

fn is_named_as_data(path: &Path) -> bool {
    let known = ["json", "jsonl", "snap", "yaml", "yml"];
    path.extension().is_some_and(|extension| known.iter().any(|one| extension == *one))
}

fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    !name.contains('/') && std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
