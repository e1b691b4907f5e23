//! The way of states from their commit to stdout. Without a fault they go straight through.

use super::mistakes::moved;
use super::{Echo, Scope, line, subtle};
use crate::faults::{Fault, Faults};
use indexmap::IndexMap;
use serde_json::value::RawValue;

/// Passes states on, in order, each once.
#[derive(Debug)]
pub struct Relay {
    faults: Faults,
    /// States whose records are not durable yet.
    waiting: Vec<Echo>,
    /// The bytes that they hold.
    bytes: usize,
    /// The last state of each scope, for the faults that look back.
    last: IndexMap<Scope, Echo>,
    /// States that came before their stream's first record.
    early: Vec<Echo>,
    /// States that were held to the end.
    held: Vec<Echo>,
    /// States that were sent before they came, as text.
    foreseen: Vec<String>,
}

impl Relay {
    /// A relay that commits the given faults.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        let (waiting, early, held, foreseen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { faults, waiting, bytes: 0, last: IndexMap::new(), early, held, foreseen }
    }

    /// The bytes of the states that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no state waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a state that must wait for the next commit.
    pub fn wait(&mut self, echo: Echo) {
        let of_stream = matches!(echo.scope, Scope::Stream(..));
        if self.faults.has(Fault::SkipNullStates) && of_stream && echo.empty {
            return;
        }
        if self.faults.has(Fault::SwallowLegacyStates) && echo.scope == Scope::Legacy {
            return;
        }
        if self.faults.has(Fault::SkipFirstState) && of_stream && !echo.after_records {
            if !echo.empty {
                // Whether there will be records, and so whether it is lost, is not known yet.
                return self.early.push(echo);
            }
            self.release_early(&echo.scope);
        }
        self.bytes += echo.line.len();
        self.waiting.push(echo);
    }

    /// Forgets the states that wait, since what they cover is lost.
    pub fn discard(&mut self) {
        self.waiting.clear();
        self.early.clear();
    }

    /// Told of a stream's first record.
    pub fn first_record(&mut self, namespace: Option<&str>, name: &str) {
        if !self.early.is_empty() {
            let scope = Scope::Stream(namespace.map(str::to_owned), name.to_owned());
            self.early.retain(|echo| echo.scope != scope);
        }
    }

    fn release_early(&mut self, scope: &Scope) {
        self.waiting.extend(self.early.extract_if(.., |echo| echo.scope == *scope));
    }

    /// The lines that are due now that everything before them is durable.
    pub fn due(&mut self) -> Vec<u8> {
        self.bytes = 0;
        let mut lines = Vec::new();
        let mut waiting = std::mem::take(&mut self.waiting);
        if self.faults.has(Fault::CoalesceStates) {
            waiting = subtle::coalesce(waiting, self.faults);
        }
        for echo in waiting {
            self.pass(echo, &mut lines);
        }
        lines
    }

    /// The lines that are due at the end, after all others.
    pub fn rest(&mut self) -> Vec<u8> {
        self.waiting.append(&mut self.early);
        let mut lines = self.due();
        for echo in self.held.drain(..) {
            print(&echo.line, &mut lines);
        }
        if self.faults.has(Fault::RepeatLastStates) || self.faults.has(Fault::ReorderStates) {
            for (_, echo) in self.last.drain(..) {
                print(&echo.line, &mut lines);
            }
        }
        lines
    }

    fn pass(&mut self, echo: Echo, lines: &mut Vec<u8>) {
        let of_stream = matches!(echo.scope, Scope::Stream(..));
        if self.faults.has(Fault::HoldStatesToEnd) {
            return self.held.push(echo);
        }
        if self.faults.has(Fault::SwallowLastState) && echo.scope != Scope::Legacy {
            let scope = echo.scope.clone();
            // Only a state that covers records, and says something, is kept back.
            let keep = echo.after_records && !echo.empty;
            if let Some(before) = self.last.shift_remove(&scope) {
                print(&before.line, lines);
            }
            if keep {
                self.last.insert(scope, echo);
                return;
            }
        }
        if self.faults.has(Fault::ReorderStates) && of_stream {
            let Some(before) = self.last.shift_remove(&echo.scope) else {
                self.last.insert(echo.scope.clone(), echo);
                return;
            };
            print(&echo.line, lines);
            return print(&before.line, lines);
        }
        if self.faults.has(Fault::PredictNextState) && of_stream {
            return self.predict(&echo, lines);
        }
        print(&echo.line, lines);
        if self.faults.has(Fault::RepeatLastStates) && echo.scope != Scope::Legacy {
            self.last.insert(echo.scope.clone(), echo);
        }
    }

    /// Prints a state, and the one that is expected to follow it.
    fn predict(&mut self, echo: &Echo, lines: &mut Vec<u8>) {
        // Moved by nothing, a state has the same spelling as one that was foreseen.
        let this = moved(echo.received.get(), 0);
        if let Some(this) = this
            && let Some(known) = self.foreseen.iter().position(|state| *state == this)
        {
            self.foreseen.swap_remove(known);
            return;
        }
        print(&echo.line, lines);
        if let Some(next) = moved(echo.received.get(), 1)
            && let Ok(state) = RawValue::from_string(next.clone())
        {
            print(&line(&state, echo.count, self.faults), lines);
            self.foreseen.push(next);
        }
    }
}

fn print(line: &str, lines: &mut Vec<u8>) {
    lines.extend_from_slice(line.as_bytes());
    lines.push(b'\n');
}
