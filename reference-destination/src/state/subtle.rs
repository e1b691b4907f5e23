//! The subtle fault that loses states.

use super::{Echo, Scope, line};
use crate::faults::Faults;
use std::collections::HashMap;

/// So many states of one stream have to wait before they are coalesced.
const CROWD: usize = 3;

/// `coalesce-states`: of a stream's states that wait at the same time only the last, with the
/// records of all. That looks like thrift, but the others are never heard of again.
pub fn coalesce(waiting: Vec<Echo>, faults: Faults) -> Vec<Echo> {
    // How many are yet to come, and the records of those that were dropped.
    let mut crowds: HashMap<Scope, (usize, u64)> = HashMap::new();
    for echo in waiting.iter().filter(|echo| matches!(echo.scope, Scope::Stream(..))) {
        crowds.entry(echo.scope.clone()).or_default().0 += 1;
    }
    crowds.retain(|_, (states, _)| *states >= CROWD);
    let mut kept = Vec::new();
    for mut echo in waiting {
        if let Some((to_come, records)) = crowds.get_mut(&echo.scope) {
            *to_come -= 1;
            *records += echo.count;
            if *to_come > 0 {
                continue;
            }
            echo.count = *records;
            echo.line = line(&echo.received, echo.count, faults);
        }
        kept.push(echo);
    }
    kept
}
