//! The report for a person at a terminal: one line a check, each failure in full, summary last.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use indexmap::IndexMap;

use crate::checks::{self, Level};
use crate::event::{Generated, Outcome, Report, Row, Small, Trouble};

pub(super) const FAILED: Style = AnsiColor::Red.on_default().bold();
pub(super) const PASSED: Style = AnsiColor::Green.on_default();
pub(super) const DOUBT: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Style::new().dimmed();
pub(super) const STRONG: Style = Style::new().bold();

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Failed | Outcome::CouldNotRun | Outcome::UnexpectedPass | Outcome::Flaky => FAILED,
        Outcome::Passed | Outcome::ExpectedFailure => PASSED,
        Outcome::Inconclusive => DOUBT,
        Outcome::NotApplicable | Outcome::NotSelected => QUIET,
    }
}

/// Writes the whole report.
pub fn write(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let by_check = by_check(&report.results);
    writeln!(to, "{STRONG}touchdown {}{STRONG:#}  {}", report.touchdown, report.subject.command)?;
    if let Some(how) = &report.subject.how {
        writeln!(to, "{QUIET}{how}{QUIET:#}")?;
    }
    writeln!(to)?;
    for (check, rows) in &by_check {
        // What was not asked for is counted below, and not told line by line.
        if rows.iter().any(|row| row.outcome != Outcome::NotSelected) {
            line(check, rows, to)?;
        }
    }
    writeln!(to)?;
    failures(report, to)?;
    summary(report, &by_check, to)
}

/// Writes each failure in full, and what kept the subject from being run.
pub(super) fn failures(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    for row in report.results.iter().filter(|row| row.outcome == Outcome::Failed) {
        failure(row, to)?;
    }
    match &report.trouble {
        Some(Trouble::Subject(why)) => {
            writeln!(to, "{FAILED}The subject could not be run:{FAILED:#} {why}\n")?;
        }
        Some(Trouble::Readback(why)) => {
            writeln!(to, "{FAILED}The read-back does not work:{FAILED:#} {why}\n")?;
        }
        Some(Trouble::Evidence(why)) => {
            writeln!(to, "{FAILED}The evidence of failures could not be kept:{FAILED:#} {why}\n")?;
        }
        Some(Trouble::Interrupted) => {
            writeln!(to, "{FAILED}The run was interrupted.{FAILED:#}\n")?;
        }
        None => {}
    }
    Ok(())
}

fn by_check(results: &[Row]) -> IndexMap<&str, Vec<&Row>> {
    let mut by_check: IndexMap<&str, Vec<&Row>> = IndexMap::new();
    for row in results {
        by_check.entry(&row.check).or_default().push(row);
    }
    by_check
}

/// The outcome of a check over all its rows: a failure anywhere fails it, evidence anywhere
/// settles it.
fn over_all<'a>(rows: &[&'a Row]) -> Option<&'a Row> {
    rows.iter().min_by_key(|row| row.outcome).copied()
}

fn line(check: &str, rows: &[&Row], to: &mut dyn Write) -> io::Result<()> {
    let Some(row) = over_all(rows) else {
        return Ok(());
    };
    let outcome = row.outcome;
    let style = style(outcome);
    let word = match (outcome, row.level) {
        (Outcome::Failed, Level::Must) => "FAILED",
        // A rule that does not fail the run is told in a lower voice.
        (Outcome::Failed, Level::Should) => "failed",
        (Outcome::Failed, Level::Advice) => "advice",
        _ => outcome.name(),
    };
    let summary = checks::find(check).map(|check| check.summary).unwrap_or_default();
    write!(to, "{style}{word:>14}{style:#}  {check:<34}  {QUIET}{summary}{QUIET:#}")?;
    writeln!(to)?;
    if let (Outcome::Inconclusive | Outcome::NotApplicable | Outcome::CouldNotRun, Some(why)) =
        (outcome, &row.why)
    {
        writeln!(to, "{:14}  {QUIET}because {}{QUIET:#}", "", shorten(why))?;
    }
    Ok(())
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(240) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn failure(row: &Row, to: &mut dyn Write) -> io::Result<()> {
    const TOLD: usize = 5;
    writeln!(to, "{FAILED}{}{FAILED:#}  {} in {}", row.check, row.level.name(), row.scenario)?;
    if let Some(why) = row.why.as_ref().filter(|_| row.findings.len() <= TOLD) {
        // What is told in passing need not be told at length.
        let messages = row.findings.iter().map(|told| told.message.as_str());
        return writeln!(
            to,
            "  {}\n    note      {why}\n",
            messages.collect::<Vec<_>>().join("; ")
        );
    }
    for told in row.findings.iter().take(TOLD) {
        writeln!(to, "  {STRONG}{}{STRONG:#}", told.message)?;
        writeln!(to, "    evidence  {}", told.evidence.replace('\n', "\n              "))?;
        if let Some(mended) = &told.mended {
            writeln!(to, "    mended    {mended}")?;
        }
    }
    if row.findings.len() > TOLD {
        let more = row.findings.len() - TOLD;
        match &row.why {
            Some(kept) => writeln!(to, "    … and more: {kept}")?,
            None => writeln!(to, "    … and {more} more findings")?,
        }
    }
    if let Some(first) = row.findings.first() {
        writeln!(to, "    platform  {}", first.platform)?;
        if let Some(repeat) = &first.repeat {
            writeln!(to, "    repeat    {repeat}")?;
        }
    }
    writeln!(to, "    rule      touchdown explain {}\n", row.check)
}

fn summary(
    report: &Report,
    by_check: &IndexMap<&str, Vec<&Row>>,
    to: &mut dyn Write,
) -> io::Result<()> {
    let mut counts: Vec<(Outcome, usize)> = Vec::new();
    for rows in by_check.values() {
        let Some(row) = over_all(rows) else { continue };
        match counts.iter_mut().find(|(outcome, _)| *outcome == row.outcome) {
            Some((_, count)) => *count += 1,
            None => counts.push((row.outcome, 1)),
        }
    }
    counts.sort_unstable();
    let counted = counts.iter().map(|(outcome, count)| {
        let style = style(*outcome);
        format!("{style}{count} {}{style:#}", outcome.name())
    });
    writeln!(to, "{} checks: {}", by_check.len(), counted.collect::<Vec<_>>().join(", "))?;
    // Evidence that is judged again was launched by an earlier run.
    if report.launches > 0 {
        let Report { launches, wall_s, seed, run, .. } = report;
        writeln!(to, "{launches} launches in {wall_s:.1} s, seed {seed}, namespace {run}")?;
    }
    if let Some(generated) = &report.generated {
        generation(generated, to)?;
    }
    if let Some(kept) = &report.kept {
        writeln!(to, "evidence of failures: {}", kept.display())?;
    }
    let verdict = if report.failures().next().is_some() {
        format!("{FAILED}not conformant{FAILED:#}")
    } else if report.trouble.is_some() {
        format!("{FAILED}not settled{FAILED:#}")
    } else if report.is_silent() {
        format!("{DOUBT}nothing was seen{DOUBT:#}: no rule was kept or broken before our eyes")
    } else if report.results.iter().any(|row| row.outcome == Outcome::Failed) {
        format!(
            "{PASSED}conformant{PASSED:#}, with rules below `must` broken (--strict fails on `should`)"
        )
    } else {
        format!("{PASSED}conformant{PASSED:#} in all that was seen")
    };
    writeln!(to, "{verdict}")
}

fn generation(of: &Generated, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{} generated cases", of.cases)?;
    if let Some(why) = &of.why {
        writeln!(to, "  {DOUBT}none were sent{DOUBT:#}: {why}")?;
    }
    let listed = |names: &BTreeSet<String>| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.join(", ")
    };
    for small in &of.small {
        let Small { check, launches, syncs, streams, messages } = small;
        writeln!(
            to,
            "  {check}: made small in {launches} launches: {}, {}, {}",
            counted(*syncs as u64, "sync"),
            counted(*streams as u64, "stream"),
            counted(*messages, "message")
        )?;
    }
    if of.is_cut {
        let why = "the time for it (--shrink-time) or its launches were used up";
        writeln!(to, "  {DOUBT}not all are as small as they may be{DOUBT:#}: {why}")?;
    }
    if !of.also.is_empty() {
        writeln!(to, "  failed in them, too, maybe by the same cause: {}", listed(&of.also))?;
    }
    if !of.unrepeated.is_empty() {
        let listed = listed(&of.unrepeated);
        writeln!(to, "  failed, but not each time that the same was sent: {listed}")?;
    }
    let never: Vec<_> = of.never().collect();
    if !never.is_empty() {
        writeln!(to, "  {DOUBT}never exercised{DOUBT:#} in them: {}", never.join(", "))?;
    }
    Ok(())
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
