//! Waiting for a subject, by the time in which it was really waited for.

use std::time::{Duration, Instant};

/// Two looks are hardly ever farther apart, even on a busy machine.
const APART: Duration = Duration::from_millis(200);

/// How long something has been waited for. Where we stood still ourselves meanwhile, as after a
/// Ctrl-Z, the time is held against nobody: what came in it has not been looked at.
#[derive(Debug)]
pub struct Patience {
    waited: Duration,
    looked: Instant,
}

impl Patience {
    /// Begins to wait.
    #[must_use]
    pub fn begin() -> Self {
        Self { waited: Duration::ZERO, looked: Instant::now() }
    }

    /// For how long has been waited by now; to be asked many times a second.
    pub fn waited(&mut self) -> Duration {
        self.waited += self.looked.elapsed().min(APART);
        self.looked = Instant::now();
        self.waited
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn time_in_which_nobody_looked_hardly_counts() {
        let mut patience = Patience::begin();
        sleep(Duration::from_millis(20));
        let waited = patience.waited();
        assert!(waited >= Duration::from_millis(20), "{waited:?}");
        sleep(APART * 4);
        assert_eq!(patience.waited(), waited + APART);
        sleep(Duration::from_millis(20));
        assert!(patience.waited() >= waited + APART + Duration::from_millis(20));
    }
}
