//! Reviewed answers of a connector, as files that insta and its tools can read: `spec.snap`, and
//! `spec.snap.new` for what has not been reviewed yet.

pub mod answers;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use insta::Snapshot;
use serde_json::Value;

use crate::spec::canonical::printed;

/// What can be reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The spec.
    Spec,
    /// What `check` says of configs.
    Check,
}

impl What {
    /// All of it, in the order in which it is shown.
    pub const ALL: [Self; 2] = [Self::Spec, Self::Check];

    /// As it is called, and its file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Check => "check",
        }
    }
}

/// By what a connector is known in its snapshots: what its users know it by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connector {
    title: String,
    documentation: String,
}

const BETWEEN: &str = " · ";

impl Connector {
    /// The connector that prints this spec.
    #[must_use]
    pub fn of(spec: &Value) -> Self {
        let text = |pointer: &str| {
            let found = spec.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            found.replace(['\n', '"', '\\'], " ")
        };
        Self {
            title: text("/connectionSpecification/title"),
            documentation: text("/documentationUrl"),
        }
    }

    fn parse(text: &str) -> Self {
        let (title, documentation) = text.rsplit_once(BETWEEN).unwrap_or((text, ""));
        Self { title: title.to_owned(), documentation: documentation.to_owned() }
    }

    fn shown(&self) -> String {
        format!("{}{BETWEEN}{}", self.title, self.documentation)
    }

    /// Whether nothing that is known of both is the same.
    fn is_other(&self, than: &Self) -> bool {
        let pairs = [(&self.title, &than.title), (&self.documentation, &than.documentation)];
        let known = pairs.iter().filter(|(one, other)| !one.is_empty() && !other.is_empty());
        let mut known = known.peekable();
        known.peek().is_some() && known.all(|(one, other)| one != other)
    }
}

/// Why snapshots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is no snapshot.
    #[error("{}: it is no snapshot: {why}", path.display())]
    NoSnapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// What it holds is not how we would have printed it.
    #[error(
        "{}: it was edited by hand: {why}\n(remove it, or restore it, and let touchdown write it)",
        path.display()
    )]
    Edited {
        /// The file.
        path: PathBuf,
        /// What gives it away.
        why: String,
    },
    /// It is another one than was shown.
    #[error("{}: it has changed since it was shown; nothing was accepted", path.display())]
    Meanwhile {
        /// The file.
        path: PathBuf,
    },
    /// It is that of another connector.
    #[error(
        "{}: it is a snapshot of another connector, {theirs}; this one is {ours}\n\
         (give each connector a folder of its own, by --snapshots; or remove the file, if it is the \
         same one with another title and other documentation)",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        theirs: String,
        /// Who was run.
        ours: String,
    },
}

/// A folder of snapshots.
#[derive(Debug, Clone)]
pub struct Snapshots {
    folder: PathBuf,
}

/// What a snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The text that is reviewed.
    pub text: String,
    /// Whose it is.
    pub connector: Connector,
}

impl Held {
    fn is_of(&self, connector: &Connector, file: &Path) -> Result<(), SnapshotError> {
        if !self.connector.is_other(connector) {
            return Ok(());
        }
        Err(SnapshotError::Other {
            path: file.to_owned(),
            theirs: self.connector.shown(),
            ours: connector.shown(),
        })
    }

    /// The spec, if that is what it holds.
    #[must_use]
    pub fn spec(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}

impl Snapshots {
    /// Those in this folder, which need not be there yet.
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The file of what was reviewed.
    #[must_use]
    pub fn file(&self, what: What) -> PathBuf {
        self.folder.join(format!("{}.snap", what.name()))
    }

    /// The file of what is to be reviewed.
    #[must_use]
    pub fn pending_file(&self, what: What) -> PathBuf {
        self.folder.join(format!("{}.snap.new", what.name()))
    }

    /// What was reviewed.
    pub fn reviewed(&self, what: What) -> Result<Option<Held>, SnapshotError> {
        Self::read(&self.file(what), what)
    }

    /// What is to be reviewed.
    pub fn pending(&self, what: What) -> Result<Option<Held>, SnapshotError> {
        Self::read(&self.pending_file(what), what)
    }

    /// What is to be reviewed, of this connector; another one's, or somebody's work, is an error.
    pub fn pending_of(
        &self,
        what: What,
        connector: &Connector,
    ) -> Result<Option<Held>, SnapshotError> {
        Self::read_of(connector, &self.pending_file(what), what)
    }

    /// What was reviewed, of this connector.
    pub fn reviewed_of(
        &self,
        what: What,
        connector: &Connector,
    ) -> Result<Option<Held>, SnapshotError> {
        Self::read_of(connector, &self.file(what), what)
    }

    fn read_of(
        connector: &Connector,
        file: &Path,
        what: What,
    ) -> Result<Option<Held>, SnapshotError> {
        let held = Self::read(file, what)?;
        held.iter().try_for_each(|held| held.is_of(connector, file))?;
        Ok(held)
    }

    /// Keeps a text to be reviewed.
    pub fn propose(&self, what: What, held: &Held) -> Result<(), SnapshotError> {
        let path = self.pending_file(what);
        self.pending_of(what, &held.connector)?;
        let fail = |error| SnapshotError::Io { path: path.clone(), error };
        fs::create_dir_all(&self.folder).map_err(fail)?;
        // All of it or nothing: what is there may be under review.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(fail)?;
        let (name, of) = (what.name(), held.connector.shown());
        let text = &held.text;
        let front =
            format!("---\nsource: touchdown\ndescription: \"{of}\"\nexpression: {name}\n---");
        writeln!(file, "{front}\n{text}").map_err(fail)?;
        file.persist(&path).map_err(|error| fail(error.error))?;
        Ok(())
    }

    /// Takes what is pending as reviewed, if it is still what was shown.
    pub fn accept(&self, what: What, shown: &Held) -> Result<(), SnapshotError> {
        let path = self.pending_file(what);
        if self.pending(what)?.is_none_or(|held| held.text != shown.text) {
            return Err(SnapshotError::Meanwhile { path });
        }
        fs::rename(&path, self.file(what)).map_err(|error| SnapshotError::Io { path, error })
    }

    /// Takes what is pending away, if anything is.
    pub fn reject(&self, what: What) -> Result<(), SnapshotError> {
        let path = self.pending_file(what);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SnapshotError::Io { path, error })
            }
            _ => Ok(()),
        }
    }

    /// What a file holds, if it is there.
    pub fn read(path: &Path, what: What) -> Result<Option<Held>, SnapshotError> {
        match fs::metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SnapshotError::Io { path: path.to_owned(), error }),
        }
        let no = |why: String| SnapshotError::NoSnapshot { path: path.to_owned(), why };
        let snapshot = Snapshot::from_file(path).map_err(|error| no(error.to_string()))?;
        let contents = snapshot.as_text().ok_or_else(|| no("it holds no text".to_owned()))?;
        let (text, metadata) = (contents.to_string(), snapshot.metadata());
        let named = metadata.expression().unwrap_or_default();
        if named != what.name() {
            let what = what.name();
            return Err(no(format!("its expression is {named:?}, where {what:?} would be ours")));
        }
        let edited =
            |why: &str| SnapshotError::Edited { path: path.to_owned(), why: why.to_owned() };
        if what == What::Spec {
            let spec: Value = serde_json::from_str(&text)
                .map_err(|error| edited(&format!("it holds no JSON any more: {error}")))?;
            if printed(&spec) != text {
                return Err(edited(
                    "its keys or spaces are not in the order that touchdown prints",
                ));
            }
        }
        let connector = Connector::parse(metadata.description().unwrap_or_default());
        Ok(Some(Held { text, connector }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(title: &str, url: &str) -> Value {
        json!({"documentationUrl": url, "connectionSpecification": {"type": "object", "title": title}})
    }

    fn held(spec: &Value) -> Held {
        Held { text: printed(spec), connector: Connector::of(spec) }
    }

    #[test]
    fn what_is_proposed_is_accepted_or_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let all = Snapshots::within(&folder.path().join("not/yet/there"));
        let one = spec("A \"quoted\" title", "https://a.example");
        assert_eq!(all.reviewed(What::Spec).unwrap(), None);
        all.propose(What::Spec, &held(&one)).unwrap();
        assert_eq!(all.pending(What::Spec).unwrap().unwrap(), held(&one));
        all.accept(What::Spec, &all.pending(What::Spec).unwrap().unwrap()).unwrap();
        assert_eq!(all.pending(What::Spec).unwrap(), None);
        let reviewed = all.reviewed_of(What::Spec, &Connector::of(&one)).unwrap().unwrap();
        assert_eq!(reviewed.spec().unwrap(), one);
        all.propose(What::Spec, &held(&spec("B", "https://a.example"))).unwrap();
        all.reject(What::Spec).unwrap();
        all.reject(What::Spec).unwrap();
        assert_eq!(all.pending(What::Spec).unwrap(), None);
        assert_eq!(all.reviewed(What::Spec).unwrap().unwrap(), held(&one));
    }

    #[test]
    fn a_snapshot_of_another_connector_is_none_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let all = Snapshots::within(folder.path());
        all.propose(What::Spec, &held(&spec("A", "https://a.example"))).unwrap();
        all.accept(What::Spec, &all.pending(What::Spec).unwrap().unwrap()).unwrap();
        let of =
            |title: &str, url: &str| all.reviewed_of(What::Spec, &Connector::of(&spec(title, url)));
        assert!(of("A", "https://b.example").is_ok());
        assert!(of("B", "https://a.example").is_ok());
        let told = of("B", "https://b.example").unwrap_err().to_string();
        assert!(told.contains("another connector, A · https://a.example; this one is B"), "{told}");
        assert!(of("B", "").unwrap_err().to_string().contains("another connector"));
        assert!(of("", "").is_ok());
    }

    #[test]
    fn what_was_edited_by_hand_is_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let all = Snapshots::within(folder.path());
        all.propose(What::Spec, &held(&spec("A", "https://a.example"))).unwrap();
        all.accept(What::Spec, &all.pending(What::Spec).unwrap().unwrap()).unwrap();
        let file = all.file(What::Spec);
        let good = fs::read_to_string(&file).unwrap();
        for (bad, why) in [
            (good.replace("  \"title\": \"A\"", "\"title\": \"A\""), "edited by hand: its keys or"),
            (good.replace("\"A\"", "A"), "edited by hand: it holds no JSON"),
            (good.replace("expression: spec", "expression: other"), "no snapshot: its expression"),
            (good.replace("description: ", "description: ["), "no snapshot: "),
        ] {
            assert_ne!(bad, good);
            fs::write(&file, &bad).unwrap();
            let told = all.reviewed(What::Spec).unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
            assert_eq!(fs::read_to_string(&file).unwrap(), bad);
        }
    }
}
