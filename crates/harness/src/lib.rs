//! Development only: runs the state machine over a log in memory, under seeded faults, and checks the laws.
//!
//! - [`MemoryLog`] holds records encoded as on the topic; [`LogWriter`] writes events and clock records to it as
//!   intake would.
//! - [`run`] is the plain run: every record once. [`run_with_kills`] plays an engine task that is killed at
//!   seeded points, restores a checkpoint, replays silently and goes on; what it published must be the same.
//! - [`simulation`] plays the whole service: several instances, both stages, over a faulty log service.
//! - [`jittered`] changes the order of events and doubles some, for the law of convergence.
//!
//! A failing check names its seed; the seed reproduces it.
//!
//! # What this crate does not do
//! No broker, no threads, no real clock: faults of Kafka itself are tested over a real one, elsewhere.

mod jitter;
mod log;
mod published;
pub mod simulation;
mod task;

pub use jitter::jittered;
pub use log::{LogWriter, MemoryLog};
pub use published::{Published, Said, judge, run};
pub use task::{Faults, Lives, TaskError, run_with_kills};
