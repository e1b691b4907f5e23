//! What differs from a reviewed snapshot, for a person at a terminal.

use std::io::{self, Write};

use similar::{ChangeTag, TextDiff};

use super::terminal::{DOUBT, FAILED, PASSED, STRONG};
use crate::snapshots::{Held, Snapshots, What};
use crate::spec::changes::{Changes, Class};

/// An answer beside the one that was reviewed.
#[derive(Debug)]
pub struct Shown {
    /// What it answers.
    pub what: What,
    /// What was reviewed.
    pub reviewed: Option<Held>,
    /// What there is now.
    pub held: Held,
    /// What has changed, where it is a spec, and there is one to compare with.
    pub changes: Option<Changes>,
}

impl Shown {
    /// Without what has changed.
    #[must_use]
    pub fn new(what: What, reviewed: Option<Held>, held: Held) -> Self {
        Self { what, reviewed, held, changes: None }
    }

    /// Whether it is not what was reviewed.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.reviewed.as_ref().is_none_or(|reviewed| reviewed.text != self.held.text)
    }
}

/// Writes the difference, and what it does to stored configurations.
pub fn show(shown: &Shown, snapshots: &Snapshots, to: &mut dyn Write) -> io::Result<()> {
    let name = shown.what.name();
    let file = snapshots.file(shown.what);
    match &shown.reviewed {
        _ if !shown.differs() => {
            writeln!(to, "{PASSED}{name}{PASSED:#}  as reviewed in {}", file.display())?;
        }
        Some(reviewed) => {
            writeln!(to, "{STRONG}{name}{STRONG:#}  differs from {}\n", file.display())?;
            diff(&reviewed.text, &shown.held.text, to)?;
        }
        None => {
            writeln!(
                to,
                "{STRONG}{name}{STRONG:#}  has not been reviewed: no {}\n",
                file.display()
            )?;
            diff("", &shown.held.text, to)?;
        }
    }
    match &shown.changes {
        Some(changes) if !changes.all.is_empty() => told(changes, to),
        _ => Ok(()),
    }
}

/// Writes what was decided.
pub fn decided(what: What, word: &str, to: &mut dyn Write) -> io::Result<()> {
    let name = what.name();
    let style = if word.starts_with("refused") { FAILED } else { STRONG };
    writeln!(to, "{STRONG}{name}{STRONG:#}  {style}{word}{style:#}")
}

fn diff(before: &str, now: &str, to: &mut dyn Write) -> io::Result<()> {
    let diff = TextDiff::from_lines(before, now);
    for (nth, group) in diff.grouped_ops(3).iter().enumerate() {
        if nth > 0 {
            writeln!(to, "  …")?;
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value().trim_end_matches('\n');
            match change.tag() {
                ChangeTag::Delete => writeln!(to, "{FAILED}- {line}{FAILED:#}")?,
                ChangeTag::Insert => writeln!(to, "{PASSED}+ {line}{PASSED:#}")?,
                ChangeTag::Equal => writeln!(to, "  {line}")?,
            }
        }
    }
    writeln!(to)
}

/// Writes each change with its class, and the version step.
pub fn told(changes: &Changes, to: &mut dyn Write) -> io::Result<()> {
    for change in &changes.all {
        let style = match change.class {
            Class::Breaking => FAILED,
            Class::Compatible => DOUBT,
            Class::Cosmetic => PASSED,
        };
        let class = change.class.name();
        writeln!(to, "{style}{class:<10}{style:#}  {}  {}", change.kind, change.pointer)?;
        writeln!(to, "            {}", change.reason)?;
    }
    if let Some(shown) = &changes.counterexample {
        writeln!(to, "            rejected  {}", shown.config)?;
        let at = if shown.pointer.is_empty() { "" } else { &shown.pointer };
        writeln!(
            to,
            "            why       {at}{}{}",
            if at.is_empty() { "" } else { ": " },
            shown.error
        )?;
    } else if changes.tried == 0 {
        writeln!(
            to,
            "            no config of the spec before could be drawn: keywords alone were compared"
        )?;
    } else {
        let tried = changes.tried;
        writeln!(
            to,
            "            {tried} configs drawn from the spec before are valid under this one"
        )?;
    }
    writeln!(to, "the version step that this asks for: {STRONG}{}{STRONG:#}", changes.step().name())
}
