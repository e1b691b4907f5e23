//! What can end a command before its time.

use crate::protocol::FailureType;
use std::fmt;
use std::io;

/// A failure that is told to the user in a TRACE ERROR.
#[derive(Debug)]
pub struct Failure {
    /// Who has to act on it.
    pub kind: FailureType,
    /// For the user: what is wrong, and where to look.
    pub message: String,
    /// For developers: what the code ran into.
    pub internal: String,
    /// The stream that it is about, if one: namespace and name.
    pub stream: Option<(Option<String>, String)>,
}

impl Failure {
    /// A failure that the user can mend.
    pub fn config(message: impl Into<String>, internal: impl fmt::Display) -> Self {
        Self::new(FailureType::Config, message, internal)
    }

    /// A failure that the user cannot mend.
    pub fn system(message: impl Into<String>, internal: impl fmt::Display) -> Self {
        Self::new(FailureType::System, message, internal)
    }

    /// A failure that may pass.
    pub fn transient(message: impl Into<String>, internal: impl fmt::Display) -> Self {
        Self::new(FailureType::Transient, message, internal)
    }

    fn new(kind: FailureType, message: impl Into<String>, internal: impl fmt::Display) -> Self {
        Self { kind, message: message.into(), internal: internal.to_string(), stream: None }
    }

    /// The same failure, with the stream that it is about.
    #[must_use]
    pub fn of_stream(mut self, namespace: Option<&str>, name: &str) -> Self {
        self.stream = Some((namespace.map(str::to_owned), name.to_owned()));
        self
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let (kind, message) = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (FailureType::Transient, "The database is locked by another program.")
            }
            Some(ErrorCode::DiskFull) => (FailureType::System, "The disk is full."),
            Some(ErrorCode::NotADatabase) => {
                (FailureType::Config, "The file at path is not a SQLite database.")
            }
            Some(ErrorCode::CannotOpen) => {
                (FailureType::Config, "The file at path cannot be opened or created.")
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                (FailureType::Config, "The database at path cannot be written to.")
            }
            _ => (FailureType::System, "The database reported an error."),
        };
        Self::new(kind, message, error)
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub enum Stop {
    /// Something that is to be reported.
    Failure(Failure),
    /// Nobody reads stdout any more, so that there is no one to report to.
    Stdout(io::Error),
    /// A panic, or what looks like one: stderr has been told, and the process ends with this code.
    Crash(u8),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failure(error.into())
    }
}

/// Only writing to stdout fails with a bare `io::Error`; other input and output says what it is.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Stdout(error)
    }
}
