//! Launches of generated cases that failed, for tests.

use super::generated::Failed;
use crate::checks::{self, Level};
use crate::event::{Outcome, Row, Told};
use crate::generate::case::{Case, Ending, Event, Key, Mode, Stream, Sync};

/// Something that was found.
pub fn told(message: &str, evidence: &str) -> Told {
    let (message, evidence) = (message.to_owned(), evidence.to_owned());
    Told { message, evidence, mended: None, platform: String::new(), repeat: None }
}

/// A launch in which these checks failed, without cases or evidence.
pub fn failed(checks: &[&str]) -> Failed {
    let row = |check: &str| Row {
        check: check.to_owned(),
        scenario: "generated-0".to_owned(),
        level: checks::find(check).map_or(Level::Must, |check| check.level),
        outcome: Outcome::Failed,
        why: None,
        findings: vec![told("it failed", "")],
    };
    let checks = checks.iter().map(|check| ((*check).to_owned(), row(check))).collect();
    Failed { nth: 0, cases: Vec::new(), checks, evidence: None }
}

/// A case of one stream, with a state.
pub fn case(name: &str, ending: Ending) -> Case {
    let stream = Stream {
        name: name.to_owned(),
        namespace: None,
        mode: Mode::Append,
        key: Key::Id,
        fields: Vec::new(),
        wide: 0,
        generation: 1,
    };
    let events = vec![Event::State { stream: 0 }];
    let sync = Sync { events, refreshed: vec![false], ending, pace: None };
    Case { streams: vec![stream], syncs: vec![sync], global: false }
}
