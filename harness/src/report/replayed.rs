//! What came of cases that were run again, for a person at a terminal.

use std::io::{self, Write};

use super::terminal::{self, DOUBT, FAILED, PASSED, STRONG};
use crate::event::{Outcome, Report};

/// A saved case that was run again.
#[derive(Debug)]
pub struct Replayed<'a> {
    case: &'a str,
    /// Those of its checks that still fail.
    still: Vec<&'a str>,
    /// Others that fail in it now, and that fail a run.
    news: Vec<&'a str>,
    /// Those of its checks that neither passed nor failed, with why.
    unseen: Vec<String>,
}

impl<'a> Replayed<'a> {
    /// What a run has shown of a case, in which these checks failed once.
    #[must_use]
    pub fn of(report: &'a Report, case: &'a str, failed: &'a [String]) -> Self {
        let rows = || report.results.iter().filter(|row| row.scenario == case);
        let fails =
            |check: &str| rows().any(|row| row.check == check && row.outcome == Outcome::Failed);
        let passes =
            |check: &str| rows().any(|row| row.check == check && row.outcome == Outcome::Passed);
        let known = || failed.iter().map(String::as_str);
        let news = report.failures().filter(|row| row.scenario == case);
        let news =
            news.map(|row| row.check.as_str()).filter(|check| known().all(|one| one != *check));
        let why = |check: &str| {
            let of = |scenario: &str| {
                let rows = report.results.iter().filter(|row| row.check == check);
                rows.filter(|row| row.scenario == scenario).find_map(|row| row.why.clone())
            };
            of(case).or(of("*")).unwrap_or_else(|| "it was not seen".to_owned())
        };
        let unseen = known().filter(|check| !fails(check) && !passes(check));
        let mut unseen: Vec<String> =
            unseen.map(|check| format!("{check} ({})", why(check))).collect();
        if failed.is_empty() && !rows().any(|row| row.outcome == Outcome::Passed) {
            unseen.push("it was not run".to_owned());
        }
        Self {
            case,
            still: known().filter(|check| fails(check)).collect(),
            news: news.collect(),
            unseen,
        }
    }

    /// Whether something fails in it.
    #[must_use]
    pub fn fails(&self) -> bool {
        !self.still.is_empty() || !self.news.is_empty()
    }

    /// Whether all that failed was seen to pass, and nothing else fails.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        !self.fails() && self.unseen.is_empty()
    }
}

/// Writes the failures in full, and a line for each case.
pub fn write(report: &Report, cases: &[Replayed], to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{STRONG}touchdown {}{STRONG:#}  {}\n", report.touchdown, report.subject.command)?;
    terminal::failures(report, to)?;
    for Replayed { case, still, news, unseen } in cases {
        let list = |checks: &[&str]| checks.join(", ");
        match (still.is_empty(), news.is_empty(), unseen.is_empty()) {
            (false, ..) => {
                writeln!(to, "{FAILED}still failing{FAILED:#}  {case}: {}", list(still))?;
            }
            (_, false, _) => {
                writeln!(
                    to,
                    "{FAILED}      failing{FAILED:#}  {case}, otherwise than before: {}",
                    list(news)
                )?;
            }
            (.., false) => {
                writeln!(to, "{DOUBT}  not settled{DOUBT:#}  {case}: {}", unseen.join(", "))?;
            }
            _ => writeln!(to, "{PASSED}        fixed{PASSED:#}  {case}")?,
        }
    }
    let fixed = cases.iter().filter(|case| case.is_fixed()).count();
    writeln!(to, "\n{fixed} of {} fixed", cases.len())
}
