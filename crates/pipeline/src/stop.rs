//! Asking the stages to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once; every stage then commits what it has and ends.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the stages to end.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether they have been asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
