//! Asking the stages to end.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long after being asked to end anything is still waited for that the process can do without.
const LAST_PATIENCE: Duration = Duration::from_millis(8_500);

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

    /// Until when to wait for what one is ready to wait `time` for: no longer than the end allows.
    pub(crate) fn patience(&self, time: Duration) -> Instant {
        let until = Instant::now() + time;
        self.since().map_or(until, |asked| until.min(asked + LAST_PATIENCE))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_asked_to_end_waiting_ends_with_the_time_there_is() {
        let stop = Stop::default();
        let long = Duration::from_secs(60);
        assert!(stop.patience(long) > Instant::now() + LAST_PATIENCE);
        stop.set();
        assert_eq!(stop.patience(long), stop.since().unwrap() + LAST_PATIENCE);
        assert!(stop.patience(Duration::from_secs(1)) <= Instant::now() + Duration::from_secs(1));
    }
}
