//! What an image must be like, beside the program in it.
//!
//! Each condition alone is only launched where all of them at once did not work: a `spec` that
//! answered under all has answered under each.

mod entrypoint;

use super::{Check, Finding, IMAGE, Judge, Level, Verdict};
use crate::evidence::{Evidence, Facts, ImageFacts, Launch, WayTried};
use crate::protocol::Operation;
use crate::transcript::{Condition, Stop};
use entrypoint::Likeness;

/// The rows of this family.
pub const CHECKS: &[Check] = &[
    Check {
        id: "image-entrypoint-env",
        level: Level::Must,
        since: "0.1.0",
        summary: "AIRBYTE_ENTRYPOINT is set, and is the entrypoint",
        platform: "runs $AIRBYTE_ENTRYPOINT in place of the entrypoint: the connector does not \
                   start, or another program does",
        docs: include_str!("docs/image-entrypoint-env.md"),
        proved_by: "entrypoint-differs",
        companions: &[],
        on: IMAGE,
        judge: Judge::Trial(entrypoint_env),
    },
    Check {
        id: "image-no-shell",
        level: Level::Must,
        since: "0.1.0",
        summary: "the image has sh",
        platform: "runs it by sh -c 'eval \"$AIRBYTE_ENTRYPOINT …\"': without sh nothing starts",
        docs: include_str!("docs/image-no-shell.md"),
        proved_by: "no-shell",
        companions: &[],
        on: IMAGE,
        judge: Judge::Trial(no_shell),
    },
    Check {
        id: "image-needs-cwd",
        level: Level::Must,
        since: "0.1.0",
        summary: "it works in any working directory",
        platform: "starts it in a directory of its own, where it does not run",
        docs: include_str!("docs/image-needs-cwd.md"),
        proved_by: "entrypoint-relative",
        companions: &["image-entrypoint-env"],
        on: IMAGE,
        judge: Judge::Trial(needs_cwd),
    },
    Check {
        id: "image-needs-root",
        level: Level::Should,
        since: "0.1.0",
        summary: "it works as 1000:1000 with all capabilities dropped",
        platform: "runs it as 1000:1000 without capabilities, where it does not work",
        docs: include_str!("docs/image-needs-root.md"),
        proved_by: "needs-root",
        companions: &[],
        on: IMAGE,
        judge: Judge::Trial(needs_root),
    },
    Check {
        id: "image-not-pid1-safe",
        level: Level::Should,
        since: "0.1.0",
        summary: "it works as process 1 and as another",
        platform: "runs it below a shell, so that it is not process 1; whoever runs the image by \
                   itself makes it process 1",
        docs: include_str!("docs/image-not-pid1-safe.md"),
        proved_by: "needs-pid1",
        companions: &[],
        on: IMAGE,
        judge: Judge::Trial(not_pid1_safe),
    },
    Check {
        id: "image-runs-without-network",
        level: Level::Must,
        since: "0.1.0",
        summary: "spec works without a network",
        platform: "cannot register the connector where spec has no network",
        docs: include_str!("docs/image-runs-without-network.md"),
        proved_by: "needs-network",
        companions: &[],
        on: IMAGE,
        judge: Judge::Trial(runs_without_network),
    },
    Check {
        id: "image-labels",
        level: Level::Advice,
        since: "0.1.0",
        summary: "the labels io.airbyte.name and io.airbyte.version are set",
        platform: "does not read them; but who finds the image cannot tell what is in it",
        docs: include_str!("docs/image-labels.md"),
        proved_by: "no-labels",
        companions: &[],
        on: IMAGE,
        judge: Judge::Trial(labels),
    },
    Check {
        id: "image-not-amd64",
        level: Level::Advice,
        since: "0.1.0",
        summary: "the image is there for amd64",
        platform: "runs on amd64 unless told otherwise, where the program does not start",
        docs: include_str!("docs/image-not-amd64.md"),
        proved_by: "other-architecture",
        companions: &[],
        on: IMAGE,
        judge: Judge::Trial(not_amd64),
    },
];

fn entrypoint_env(evidence: &Evidence, facts: &Facts) -> Verdict {
    let Some(image) = &facts.image else { return no_image() };
    let entrypoint = format!("ENTRYPOINT {:?}", image.entrypoint);
    let Some(variable) = &image.airbyte_entrypoint else {
        return Verdict::Fail(vec![Finding::new("AIRBYTE_ENTRYPOINT is not set", entrypoint)]);
    };
    let both = format!("AIRBYTE_ENTRYPOINT={variable:?}, {entrypoint}");
    let likeness = entrypoint::compare(variable, &image.entrypoint);
    let mut findings = Vec::new();
    if likeness == Likeness::Different {
        let message = "AIRBYTE_ENTRYPOINT is another command than the entrypoint";
        findings.push(Finding::new(message, both.clone()));
    }
    // Of an argument only a failure tells that it is a path from the working directory.
    let relative = match own_directory_alone(image) {
        Some(_) => entrypoint::relative_path(variable),
        None => entrypoint::relative_program(variable),
    };
    if let Some(path) = relative {
        let message = format!("AIRBYTE_ENTRYPOINT holds a path that is not absolute: {path:?}");
        findings.push(Finding::new(message, both.clone()));
    }
    if let Some(way) = attached_alone(image) {
        let as_other = spec_under(evidence, Condition::OtherProcessOne);
        if findings.is_empty() && matches!(as_other, Spec::Silent(..)) {
            return Verdict::inconclusive(
                "it did not answer below a shell, where it is not process 1: see \
                 image-not-pid1-safe",
            );
        }
        let message = "run by AIRBYTE_ENTRYPOINT under sh, as the platform does, it did not \
                       answer; run by its entrypoint it did";
        findings.push(Finding::new(message, way.end.clone()));
    }
    if findings.is_empty() && likeness == Likeness::Unclear {
        return Verdict::inconclusive(format!(
            "one of the two is a script, so that they are to be compared by eye: {both}"
        ));
    }
    Verdict::from_findings(findings)
}

fn no_shell(_: &Evidence, facts: &Facts) -> Verdict {
    let Some(image) = &facts.image else { return no_image() };
    match (image.shell, &image.not_for_platform) {
        (Some(true), _) => Verdict::Pass,
        (Some(false), _) => {
            let message = "the image has no sh";
            let evidence = "a container that was to run sh could not be started";
            Verdict::Fail(vec![Finding::new(message, evidence)])
        }
        (None, Some(why)) => {
            Verdict::not_applicable(format!("it was not to be run as the platform does: {why}"))
        }
        (None, None) if image.airbyte_entrypoint.is_none() => Verdict::inconclusive(
            "nothing was run under sh, since AIRBYTE_ENTRYPOINT is not set: set it",
        ),
        (None, None) => Verdict::inconclusive(
            "nothing could be run under sh: use an engine that sees this machine's folders",
        ),
    }
}

fn needs_cwd(evidence: &Evidence, facts: &Facts) -> Verdict {
    let Some(image) = &facts.image else { return no_image() };
    if let Some(own) = own_directory_alone(image) {
        let tried = |way: &&WayTried| !way.own_workdir && way.under_shell == own.under_shell;
        let tried = image.ways.iter().find(tried);
        let end = tried.map_or("it could not be started there", |way| way.end.as_str());
        let message = "it only answered in the image's own working directory";
        // A launch of this trial that repeats it; the one that told is none of the trial's.
        let launch = match spec_under(evidence, Condition::Elsewhere) {
            Spec::Silent(nth, _) => Some(nth),
            _ => None,
        };
        return Verdict::Fail(vec![Finding { launch, ..Finding::new(message, end) }]);
    }
    judge_spec(
        evidence,
        facts,
        Condition::Elsewhere,
        "spec did not answer in a working directory that the image does not know",
    )
}

fn needs_root(evidence: &Evidence, facts: &Facts) -> Verdict {
    let spec = judge_spec(
        evidence,
        facts,
        Condition::Unprivileged,
        "spec did not answer as 1000:1000 with all capabilities dropped",
    );
    if spec != Verdict::Pass {
        return spec;
    }
    let write = unprivileged_write(evidence);
    // None of the rules was broken, and yet it did not work. Of all conditions it is the user that
    // goes worst with others, with a directory that is not its own above all.
    match together_alone(evidence) {
        Some(launch) if !matches!(write, Verdict::Fail(_)) => Verdict::inconclusive(format!(
            "spec answered under each condition alone, but not under all at once: another \
             directory, 1000:1000, no network, the other role as to process 1 ({})",
            launch.describe_end()
        )),
        _ => write,
    }
}

fn unprivileged_write(evidence: &Evidence) -> Verdict {
    let written = |condition| launches(evidence, Operation::Write, condition).next();
    let Some((nth, unprivileged)) = written(Condition::Unprivileged) else {
        return Verdict::inconclusive("only spec was run as 1000:1000, no write: give --config");
    };
    if unprivileged.succeeded() {
        return Verdict::Pass;
    }
    match written(Condition::Usual) {
        Some((_, usual)) if usual.succeeded() => {
            let message = "a write failed as 1000:1000 with all capabilities dropped, and \
                           succeeded as the image's own user";
            fail_on_end(message, nth, unprivileged)
        }
        Some((_, usual)) => Verdict::inconclusive(format!(
            "the write failed as usual, too ({}): see the other checks",
            usual.describe_end()
        )),
        None => Verdict::inconclusive(format!(
            "the write failed as 1000:1000 ({}), and was not tried as usual",
            unprivileged.describe_end()
        )),
    }
}

fn not_pid1_safe(evidence: &Evidence, facts: &Facts) -> Verdict {
    let Some(image) = &facts.image else { return no_image() };
    let under_shell = image.ways.iter().any(|way| way.answered && way.under_shell);
    let message = if under_shell {
        "spec did not answer as process 1"
    } else {
        "spec did not answer where it is not process 1"
    };
    let verdict = judge_spec(evidence, facts, Condition::OtherProcessOne, message);
    // Below a shell it is the variable that is run, and as process 1 the entrypoint.
    let variable = image.airbyte_entrypoint.as_deref().unwrap_or_default();
    let is_same = || entrypoint::compare(variable, &image.entrypoint) == Likeness::Same;
    if matches!(verdict, Verdict::Fail(_)) && under_shell && !is_same() {
        return Verdict::inconclusive(
            "as process 1 the entrypoint did not answer, but it need not be the same program: see \
             image-entrypoint-env",
        );
    }
    verdict
}

fn runs_without_network(evidence: &Evidence, facts: &Facts) -> Verdict {
    judge_spec(evidence, facts, Condition::Offline, "spec did not answer without a network")
}

fn labels(_: &Evidence, facts: &Facts) -> Verdict {
    let Some(image) = &facts.image else { return no_image() };
    let missing = ["io.airbyte.name", "io.airbyte.version"].into_iter().filter_map(|label| {
        match image.labels.get(label) {
            Some(value) if !value.trim().is_empty() => None,
            Some(_) => Some(format!("the label {label} is empty")),
            None => Some(format!("there is no label {label}")),
        }
    });
    let names: Vec<_> = image.labels.keys().map(String::as_str).collect();
    let seen = format!("its labels: {}", names.join(", "));
    Verdict::from_findings(missing.map(|message| Finding::new(message, seen.clone())).collect())
}

fn not_amd64(_: &Evidence, facts: &Facts) -> Verdict {
    let Some(image) = &facts.image else { return no_image() };
    if image.architectures.iter().any(|architecture| architecture == "amd64") {
        return Verdict::Pass;
    }
    if image.architectures.is_empty() {
        return Verdict::inconclusive("the engine does not tell what the image is made for");
    }
    let held = image.architectures.join(", ");
    let message = format!("the engine here holds it for {held} alone; publish it for amd64, too");
    Verdict::Fail(vec![Finding::new(message, format!("architectures: {held}"))])
}

fn no_image() -> Verdict {
    Verdict::not_applicable("the destination is no image")
}

/// The way that worked, where the image was run in vain in the platform's directory before.
fn own_directory_alone(image: &ImageFacts) -> Option<&WayTried> {
    image.ways.iter().find(|way| way.answered && way.own_workdir)
}

/// The last way under a shell, where the image only answered attached to. Whatever a directory
/// had to do with that, it was the same one for both.
fn attached_alone(image: &ImageFacts) -> Option<&WayTried> {
    let attached = image.ways.iter().find(|way| way.answered && !way.under_shell)?;
    image.ways.iter().find(|way| way.under_shell && way.own_workdir == attached.own_workdir)
}

/// What came of `spec` under a condition.
enum Spec<'a> {
    Answered,
    /// The launch, and which of the trial's it is.
    Silent(usize, &'a Launch),
    /// There was no such launch.
    Unseen,
}

fn judge_spec(evidence: &Evidence, facts: &Facts, condition: Condition, message: &str) -> Verdict {
    if facts.spec.is_none() {
        return Verdict::inconclusive("spec does not answer as usual, either: see spec-missing");
    }
    match spec_under(evidence, condition) {
        Spec::Answered => Verdict::Pass,
        Spec::Silent(nth, launch) => fail_on_end(message, nth, launch),
        Spec::Unseen => Verdict::inconclusive(format!(
            "spec was not seen {}: the launch could not be made, or was interrupted",
            condition.describe()
        )),
    }
}

fn spec_under(evidence: &Evidence, condition: Condition) -> Spec<'_> {
    let answered = |launch: &Launch| launch.specs().next().is_some();
    let specs = |condition| launches(evidence, Operation::Spec, condition);
    if specs(Condition::All).any(|(_, launch)| answered(launch)) {
        return Spec::Answered;
    }
    match specs(condition).next() {
        Some((_, launch)) if answered(launch) => Spec::Answered,
        Some((nth, launch)) => Spec::Silent(nth, launch),
        None => Spec::Unseen,
    }
}

/// The launch under all conditions at once, where it is silent and none of them explains it.
fn together_alone(evidence: &Evidence) -> Option<&Launch> {
    let Spec::Silent(_, all) = spec_under(evidence, Condition::All) else { return None };
    let single = [
        Condition::Elsewhere,
        Condition::Unprivileged,
        Condition::Offline,
        Condition::OtherProcessOne,
    ];
    let explains = |condition| matches!(spec_under(evidence, condition), Spec::Silent(..));
    (!single.into_iter().any(explains)).then_some(all)
}

/// The launches of an operation under a condition, with their number. What we broke off ourselves
/// is no evidence.
fn launches(
    evidence: &Evidence,
    operation: Operation,
    condition: Condition,
) -> impl Iterator<Item = (usize, &Launch)> {
    evidence.launches.iter().enumerate().filter(move |(_, launch)| {
        launch.operation == operation
            && launch.transcript.condition == condition
            && launch.transcript.end.stopped != Some(Stop::Interrupted)
    })
}

fn fail_on_end(message: &str, nth: usize, launch: &Launch) -> Verdict {
    Verdict::Fail(vec![Finding::on_end(message, launch).of_launch(nth)])
}

#[cfg(test)]
mod tests;
