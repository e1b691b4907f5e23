//! The image under other conditions than usual: in one launch under all of them at once; only
//! where that fails, one by one, to see which it was.

use super::runner::Trialled;
use super::{Session, SessionError, trouble};
use crate::event::Trouble;
use crate::evidence::{Evidence, Launch, Purpose};
use crate::protocol::Operation;
use crate::scenario::Scenario;
use crate::subject::LaunchError;
use crate::subject::drive::Stdin;
use crate::transcript::Condition;

/// All at once, and then one at a time.
const CONDITIONS: [Condition; 5] = [
    Condition::All,
    Condition::Elsewhere,
    Condition::Unprivileged,
    Condition::Offline,
    Condition::OtherProcessOne,
];

impl Session<'_> {
    /// Launches the image under other conditions.
    pub fn conditions(&mut self, scenarios: &[Scenario]) -> Result<Option<Trouble>, SessionError> {
        if self.plan.subject.image().is_none() {
            return Ok(None);
        }
        let mut launches = Vec::new();
        let trouble = match self.under_conditions(scenarios, &mut launches)? {
            Ok(()) => None,
            Err(error) => Some(trouble(&error)),
        };
        self.evidence.push(Evidence::new("image", Purpose::Image, launches));
        Ok(trouble)
    }

    fn under_conditions(
        &self,
        scenarios: &[Scenario],
        launches: &mut Vec<Launch>,
    ) -> Result<Result<(), LaunchError>, SessionError> {
        let spec = |condition| {
            self.runner.plan(1);
            let none = Stdin::Steps(&[]);
            self.runner.bare("image", Operation::Spec, None, none, condition)
        };
        let answered = |launch: &Launch| launch.specs().next().is_some();
        for condition in CONDITIONS {
            match spec(condition) {
                Ok(launch) => {
                    let all_kept = condition == Condition::All && answered(&launch);
                    launches.push(launch);
                    if all_kept {
                        break;
                    }
                }
                // An engine may have no init, say; the others are tried all the same.
                Err(error) if error.is_refusal() => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        if self.plan.config.is_none() {
            return Ok(Ok(()));
        }
        // Only where it fails is it asked whether it would have worked as usual.
        for condition in [Condition::Unprivileged, Condition::Usual] {
            let Some(mut trial) = self.smallest(scenarios, "image")? else {
                break;
            };
            let Some(sync) = trial.syncs.pop() else { break };
            self.runner.plan(1);
            let file = format!("image-{}", launches.len());
            let (id, purpose, manner) = ("image", Purpose::Image, &trial.manner);
            let trial = Trialled { id, purpose, config: None, manner, condition };
            match self.runner.sync(id, &file, sync, &trial) {
                Ok(launch) => launches.push(launch),
                Err(error) => return Ok(Err(error)),
            }
            if launches.last().is_some_and(Launch::succeeded) {
                break;
            }
        }
        Ok(Ok(()))
    }
}
