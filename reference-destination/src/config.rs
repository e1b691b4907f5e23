//! The configuration: read, held against the spec's schema, and typed.

use crate::error::Failure;
use crate::spec;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How many records are committed together where the configuration does not say.
const BATCH_RECORDS: u64 = 10_000;

/// What a user has configured. It has no `Debug`, so that no secret is ever printed by accident.
pub struct Config {
    /// The database file.
    pub path: PathBuf,
    /// Protects the database against being written by somebody else's sync.
    pub passphrase: Option<String>,
    /// Where the streams without a namespace go.
    pub default_namespace: String,
    /// Whether a commit waits for the disk.
    pub durability: Durability,
    /// How new tables keep the fields of records.
    pub layout: Layout,
    /// The most records that are committed together.
    pub batch_records: u64,
    /// The configuration as it was given.
    pub source: Value,
}

/// What a commit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk: it survives a power cut.
    Full,
    /// With the operating system: it survives the end of the process.
    Normal {
        /// After how many pages of the log SQLite moves them into the database.
        checkpoint_pages: Option<u64>,
    },
}

/// How a table keeps the fields of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As the text that they came as.
    Raw,
    /// Each declared one in a column of its own.
    Typed,
}

/// Reads a configuration file as text.
pub fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let message = format!("The configuration file {} cannot be read.", path.display());
        Failure::config(message, error)
    })
}

impl Config {
    /// Reads a configuration; the failure names the property that is wrong, and quotes no value.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let source: Value = serde_json::from_str(text).map_err(|error| {
            // serde's own text may quote what it met, which may be a secret.
            let at = format!("line {}, column {}", error.line(), error.column());
            Failure::config("The configuration is not valid JSON.", format!("at {at}"))
        })?;
        validate(&source)?;
        let text =
            |pointer: &str| source.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let durability = match text("/durability/mode").as_deref() {
            Some("normal") => {
                let checkpoint_pages = count(&source, "/durability/checkpoint_pages");
                Durability::Normal { checkpoint_pages }
            }
            _ => Durability::Full,
        };
        let path = text("/path").unwrap_or_default();
        Ok(Self {
            // Absolute, so that SQLite's special names (`:memory:`) are files like any other.
            path: std::path::absolute(path)
                .map_err(|error| Failure::config("The path cannot be resolved.", error))?,
            passphrase: text("/passphrase"),
            default_namespace: text("/default_namespace").unwrap_or_else(|| "main".to_owned()),
            durability,
            layout: match text("/layout").as_deref() {
                Some("typed") => Layout::Typed,
                _ => Layout::Raw,
            },
            batch_records: count(&source, "/flush/batch_records").unwrap_or(BATCH_RECORDS),
            source,
        })
    }
}

/// An integer property, which JSON Schema lets be written as `5.0` too.
fn count(source: &Value, pointer: &str) -> Option<u64> {
    let number = source.pointer(pointer)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    number.as_u64().or_else(|| number.as_f64().map(|float| float as u64))
}

fn validate(config: &Value) -> Result<(), Failure> {
    let validator = jsonschema::draft7::new(&spec::schema())
        .map_err(|error| Failure::system("The spec of this connector is broken.", error))?;
    let Err(error) = validator.validate(config) else {
        return Ok(());
    };
    let at = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    // Masked: the message says what is expected, and not what was found there.
    let mut what = error.masked().to_string();
    if matches!(error.kind(), ValidationErrorKind::OneOfNotValid { .. }) {
        "value matches none of the forms that it may have".clone_into(&mut what);
    }
    let message = if at.is_empty() {
        format!("The configuration is invalid: {what}")
    } else {
        format!("The configuration is invalid at \"{at}\": {what}")
    };
    Err(Failure::config(message, format!("violates {}", error.schema_path())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Config::parse(text).err().map(|failure| failure.message).unwrap_or_default()
    }

    #[test]
    fn a_missing_property_is_named() {
        assert!(message("{}").contains("\"path\""), "{}", message("{}"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_not_quoted() {
        let message = message(r#"{"path": "a.db", "passphrase": 918273}"#);
        assert!(message.contains("\"passphrase\"") && !message.contains("918273"), "{message}");
    }

    #[test]
    fn what_is_not_json_is_not_quoted_either() {
        let failure = Config::parse("{\"passphrase\": canary}").err().unwrap();
        assert!(!format!("{failure:?}").contains("canary"));
    }

    #[test]
    fn integers_may_be_written_with_a_decimal_point() {
        let config = Config::parse(r#"{"path": "a.db", "flush": {"batch_records": 5.0}}"#);
        assert_eq!(config.ok().map(|config| config.batch_records), Some(5));
    }

    #[test]
    fn each_form_of_durability_is_told_apart() {
        let text = r#"{"path": "a", "durability": {"mode": "normal", "checkpoint_pages": 9}}"#;
        let normal = Durability::Normal { checkpoint_pages: Some(9) };
        assert_eq!(Config::parse(text).ok().map(|config| config.durability), Some(normal));
        assert!(message(r#"{"path": "a", "durability": {"mode": "odd"}}"#).contains("durability"));
    }
}
