//! Asks a destination what it says of itself and of configs, and judges nothing.

use super::runner::Runner;
use super::{Listener, Session, SessionError};
use crate::config::Plan;
use crate::event::{Event, Trouble};
use crate::evidence::{Evidence, Launch, Purpose};
use crate::snapshots::answers::Checked;

/// What it has answered.
#[derive(Debug)]
pub struct Asked {
    /// Its spec.
    pub spec: serde_json::Value,
    /// What `check` has said of each config.
    pub checks: Vec<Checked>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Something of our own went wrong.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The destination could not be run.
    #[error("the subject could not be run: {0}")]
    Subject(String),
    /// The user has ended it.
    #[error("interrupted")]
    Interrupted,
    /// It is not one spec that came.
    #[error("{0}")]
    Spec(String),
}

/// Asks for the spec; and, if `checks` says so, what `check` makes of the working config, of some that
/// violate the spec, and of one that points nowhere.
pub fn ask(plan: &Plan, listener: &Listener, checks: bool) -> Result<Asked, Unanswered> {
    listener(&Event::Started { subject: &plan.subject.shown() });
    let runner = Runner::new(plan, listener)?;
    let mut session = Session::new(plan, &runner);
    told(session.spec())?;
    let first = session.evidence.first().and_then(|first| first.launches.first());
    let specs = first.map_or(0, |launch| launch.specs().count());
    let how = first.map(Launch::describe_end).unwrap_or_default();
    let Some(spec) = session.facts.spec.clone().filter(|_| specs == 1) else {
        return Err(Unanswered::Spec(match specs {
            0 => format!("spec printed no SPEC message: {how}"),
            _ => {
                format!("spec printed {specs} SPEC messages: which of them counts, nobody promises")
            }
        }));
    };
    session.secrets();
    session.evidence.clear();
    if checks {
        let mut jobs = session.check_jobs()?;
        jobs.retain(|job| job.purpose != Purpose::CheckSparse);
        told(session.carry_out(jobs))?;
    }
    let checks = session.evidence.iter().map(checked).collect();
    Ok(Asked { spec, checks })
}

fn told(trouble: Option<Trouble>) -> Result<(), Unanswered> {
    match trouble {
        None => Ok(()),
        Some(Trouble::Interrupted) => Err(Unanswered::Interrupted),
        Some(Trouble::Subject(why) | Trouble::Readback(why) | Trouble::Evidence(why)) => {
            Err(Unanswered::Subject(why))
        }
    }
}

fn checked(evidence: &Evidence) -> Checked {
    let config = evidence.config_note.clone().unwrap_or_else(|| "the working config".to_owned());
    let mut answer = Vec::new();
    for launch in &evidence.launches {
        let statuses = launch.statuses().map(|(_, status)| match &status.message {
            Some(message) => format!("{}: {message}", status.status),
            None => status.status.clone(),
        });
        answer.extend(statuses);
        let errors = launch.errors().filter_map(|(_, error)| error);
        let errors = errors.map(|error| {
            let kind = error.failure_type.as_deref().unwrap_or("error");
            format!("{kind}: {}", error.message.as_deref().unwrap_or_default())
        });
        answer.extend(errors);
        if !launch.succeeded() {
            answer.push(launch.describe_end());
        }
    }
    Checked { config, answer }
}
