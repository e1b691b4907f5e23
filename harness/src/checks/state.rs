//! States: which come back, how often, and in which order.

use std::collections::{HashMap, HashSet};

use super::{Check, Finding, Judge, Level, STATES_BACK, Verdict, WRITE};
use crate::evidence::{Facts, Launch};
use crate::ledger::{Kind, SentState};
use crate::protocol::message::{Body, Descriptor, Kind as MessageKind, State, StateKind};

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "state-invented",
        level: Level::Must,
        since: "0.1.0",
        summary: "only states that were received come back",
        platform: "stores a point that the source never gave; the next sync starts there",
        docs: include_str!("docs/state-invented.md"),
        proved_by: "invent-final-state",
        companions: &[],
        on: STATES_BACK,
        judge: Judge::Launch(invented),
    },
    Check {
        id: "state-lost",
        level: Level::Must,
        since: "0.1.0",
        summary: "on success every state comes back",
        platform: "does not know what is safe, and sends the same data again and again",
        docs: include_str!("docs/state-lost.md"),
        proved_by: "swallow-last-state",
        companions: &[],
        on: STATES_BACK,
        judge: Judge::Launch(lost),
    },
    Check {
        id: "state-repeated",
        level: Level::Should,
        since: "0.1.0",
        summary: "each state comes back once",
        platform: "warns of a state that it does not expect, and counts a mismatch",
        docs: include_str!("docs/state-repeated.md"),
        proved_by: "repeat-last-states",
        companions: &[],
        on: STATES_BACK,
        judge: Judge::Launch(repeated),
    },
    Check {
        id: "state-reordered",
        level: Level::Must,
        since: "0.1.0",
        summary: "states of a stream come back in the order they went in",
        platform: "stores an older point over a newer one, or loses what lies between",
        docs: include_str!("docs/state-reordered.md"),
        proved_by: "reorder-states",
        companions: &[],
        on: STATES_BACK,
        judge: Judge::Launch(reordered),
    },
    Check {
        id: "state-null-blob-rejected",
        level: Level::Must,
        since: "0.1.0",
        summary: "a null, absent or empty stream_state is taken and echoed",
        platform: "cannot clear a stream: the job fails each time",
        docs: include_str!("docs/state-null-blob-rejected.md"),
        proved_by: "skip-null-states",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(null_blob_rejected),
    },
    Check {
        id: "state-first-rejected",
        level: Level::Must,
        since: "0.1.0",
        summary: "a state before any record is taken",
        platform: "waits for a state that never comes",
        docs: include_str!("docs/state-first-rejected.md"),
        proved_by: "skip-first-state",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(first_rejected),
    },
    Check {
        id: "state-legacy-rejected",
        level: Level::Advice,
        since: "0.1.0",
        summary: "LEGACY and untyped states are echoed",
        platform: "sends none any more; older platforms lose their place",
        docs: include_str!("docs/state-legacy-rejected.md"),
        proved_by: "swallow-legacy-states",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(legacy_rejected),
    },
    Check {
        id: "state-global-descriptor-rejected",
        level: Level::Must,
        since: "0.1.0",
        summary: "a GLOBAL state may name streams outside the catalog",
        platform: "loses the place of the streams that were left out",
        docs: include_str!("docs/state-global-descriptor-rejected.md"),
        proved_by: "prune-foreign-descriptors",
        companions: &[],
        on: WRITE,
        judge: Judge::Launch(global_descriptor_rejected),
    },
];

/// How a state is named in a finding.
#[must_use]
pub fn name(state: &State) -> String {
    let id = state.id.as_ref().map(|id| format!(" (id {id})")).unwrap_or_default();
    match (state.kind, state.descriptor()) {
        (_, Some(stream)) => format!("a state of {stream}{id}"),
        (StateKind::Global, None) => format!("a GLOBAL state{id}"),
        _ => format!("a LEGACY state{id}"),
    }
}

/// Evidence of a sent state.
#[must_use]
pub fn sent_line(state: &State) -> String {
    format!("sent: {}", super::shown(state.whole.get().as_bytes()))
}

/// Whether a STREAM state's blob is null, absent or `{}`.
#[must_use]
pub fn has_empty_blob(state: &State) -> bool {
    state.kind == StateKind::Stream
        && state.streams.first().is_some_and(|stream| match &stream.blob {
            None => true,
            Some(blob) => {
                let inner = blob.get().strip_prefix('{').and_then(|b| b.strip_suffix('}'));
                inner.is_some_and(|inner| inner.trim().is_empty())
            }
        })
}

/// Which check has the loss of a state for its matter.
#[derive(Clone, Copy, PartialEq)]
enum Matter {
    Legacy,
    NullBlob,
    First,
    Any,
}

fn matter(sent: &SentState, launch: &Launch) -> Matter {
    if sent.state.kind == StateKind::Legacy {
        Matter::Legacy
    } else if has_empty_blob(&sent.state) {
        Matter::NullBlob
    } else if sent.before_records && a_later_one_came(sent, launch) {
        Matter::First
    } else {
        Matter::Any
    }
}

/// Whether a later state of the same stream came: then it was not states as such that were lost.
fn a_later_one_came(first: &SentState, launch: &Launch) -> bool {
    let same = |other: &&SentState| {
        other.state.kind == first.state.kind && other.state.descriptor() == first.state.descriptor()
    };
    let after = launch.ledger().sent.iter().filter(same).skip_while(|o| !std::ptr::eq(*o, first));
    after.skip(1).any(|other| !other.came.is_empty() && !other.before_records)
}

/// Judges that all states of one kind came back.
fn came_back(launch: &Launch, of: Matter, why_none: &str) -> Verdict {
    let mut sent = launch
        .ledger()
        .sent
        .iter()
        .filter(|sent| {
            matter(sent, launch) == of
                || of == Matter::First
                    && sent.before_records
                    && !has_empty_blob(&sent.state)
                    && sent.state.kind != StateKind::Legacy
        })
        .peekable();
    if sent.peek().is_none() {
        return Verdict::Inconclusive(why_none.to_owned());
    }
    let mut any_came = false;
    let lost: Vec<_> = sent
        .inspect(|sent| any_came |= !sent.came.is_empty())
        .filter(|s| s.came.is_empty() && matter(s, launch) == of)
        .collect();
    if lost.is_empty() && !any_came {
        return Verdict::inconclusive("no state came back at all, which is another check's matter");
    }
    if lost.is_empty() {
        return Verdict::Pass;
    }
    if !launch.succeeded() {
        return Verdict::inconclusive(format!("the sync failed: {}", launch.describe_end()));
    }
    if launch.broken_off() {
        return Verdict::inconclusive("it was broken off before they were due");
    }
    Verdict::from_findings(
        lost.into_iter()
            .map(|lost| {
                let message = format!("{} never came back", name(&lost.state));
                Finding::new(message, sent_line(&lost.state))
            })
            .collect(),
    )
}

fn lost(launch: &Launch, _: &Facts) -> Verdict {
    // What is about a check of its own has that one look at its states, too.
    let about = launch.about.as_deref().and_then(super::find);
    let has_one = |check: &Check| {
        matches!(check.judge, Judge::Scenario { .. }) || check.id == "broken-stdout-ignored"
    };
    if about.is_some_and(has_one) {
        return Verdict::Elsewhere;
    }
    came_back(launch, Matter::Any, "no state was sent")
}

fn null_blob_rejected(launch: &Launch, _: &Facts) -> Verdict {
    let verdict = came_back(launch, Matter::NullBlob, "no state without a blob was sent");
    let ledger = launch.ledger();
    let changed = ledger.came.iter().filter_map(|came| {
        let sent = &ledger.sent[came.sent?].state;
        let mut differences = came.differences.iter().flatten();
        let differs = differences.any(|difference| difference.kind == Kind::NullBlob);
        differs.then(|| {
            let message = format!("{} came back with another blob than the empty one", name(sent));
            Finding::on_stdout(message, launch, came.line)
        })
    });
    verdict.and(match Verdict::from_findings(changed.collect()) {
        Verdict::Pass => Verdict::Elsewhere,
        fail => fail,
    })
}

fn first_rejected(launch: &Launch, _: &Facts) -> Verdict {
    came_back(launch, Matter::First, "no state was sent before the first record")
}

fn legacy_rejected(launch: &Launch, _: &Facts) -> Verdict {
    if launch.ledger().sent.iter().all(|sent| sent.state.kind != StateKind::Legacy) {
        return Verdict::Elsewhere;
    }
    came_back(launch, Matter::Legacy, "no LEGACY state was sent")
}

fn invented(launch: &Launch, _: &Facts) -> Verdict {
    let ledger = launch.ledger();
    // What is sent can be read: a state that cannot is none of those.
    let unread = launch.messages().filter(|(_, message)| {
        message.kind == MessageKind::State
            && matches!(message.body, Body::Unreadable)
            && message.filled.iter().any(|key| key == "state")
    });
    let unread = unread.map(|(line, _)| (line, "a STATE came that covers nothing".to_owned()));
    let strange = ledger.came.iter().filter(|came| came.sent.is_none());
    let strange = strange.map(|came| {
        let message = format!("{} came that was never sent", name(&came.state));
        (came.line, message)
    });
    let findings: Vec<_> = strange
        .chain(unread)
        .map(|(line, message)| Finding::on_stdout(message, launch, line))
        .collect();
    if findings.is_empty() && ledger.came.is_empty() {
        return Verdict::inconclusive("no state came");
    }
    Verdict::from_findings(findings)
}

fn repeated(launch: &Launch, _: &Facts) -> Verdict {
    let ledger = launch.ledger();
    if ledger.came.is_empty() {
        return Verdict::inconclusive("no state came");
    }
    let findings = ledger.sent.iter().filter_map(|sent| {
        let again = *sent.came.get(1)?;
        let message = format!("{} came {} times", name(&sent.state), sent.came.len());
        Some(Finding::on_stdout(message, launch, again))
    });
    Verdict::from_findings(findings.collect())
}

fn reordered(launch: &Launch, _: &Facts) -> Verdict {
    let ledger = launch.ledger();
    let mut last: HashMap<Option<&Descriptor>, usize> = HashMap::new();
    let mut seen = HashSet::new();
    let mut any_pair = false;
    let mut findings = Vec::new();
    for came in &ledger.came {
        let Some(at) = came.sent.filter(|at| seen.insert(*at)) else {
            continue;
        };
        // STREAM states keep their order within the stream, GLOBAL ones among themselves.
        let latest = last.entry(ledger.sent[at].state.descriptor()).or_insert(at);
        any_pair |= *latest != at;
        if *latest > at {
            let message = format!(
                "{} came after {}, which had been sent later",
                name(&ledger.sent[at].state),
                name(&ledger.sent[*latest].state)
            );
            findings.push(Finding::on_stdout(message, launch, came.line));
        }
        *latest = at.max(*latest);
    }
    if !any_pair {
        return Verdict::inconclusive("no two states of one stream came back");
    }
    Verdict::from_findings(findings)
}

fn global_descriptor_rejected(launch: &Launch, _: &Facts) -> Verdict {
    let ledger = launch.ledger();
    let foreign = |state: &State| {
        state.kind == StateKind::Global
            && state.streams.iter().any(|s| launch.streams.find(&s.descriptor).is_none())
    };
    if !ledger.sent.iter().any(|sent| foreign(&sent.state)) {
        return Verdict::Elsewhere;
    }
    let mut judged = false;
    let mut findings = Vec::new();
    for came in &ledger.came {
        let Some(sent) = came.sent.map(|at| &ledger.sent[at].state).filter(|s| foreign(s)) else {
            continue;
        };
        judged = true;
        for difference in came.differences.iter().flatten() {
            if difference.kind == Kind::ForeignStream {
                let message = format!("{}: {}", name(sent), difference.what);
                findings.push(Finding::on_stdout(message, launch, came.line));
            }
        }
    }
    if !judged {
        return Verdict::inconclusive("no GLOBAL state that names a foreign stream came back");
    }
    Verdict::from_findings(findings)
}

#[cfg(test)]
mod tests;
