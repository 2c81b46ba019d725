//! Asking the stages to end.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Set once; every stage then commits what it has and ends.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<OnceLock<Instant>>);

impl Stop {
    /// Asks the stages to end.
    pub fn set(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// Waits, but not beyond being asked to end.
    pub(crate) fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_set() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
    }

    /// Whether they have been asked.
    pub fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// When they were asked.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}
