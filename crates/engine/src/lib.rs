//! The deterministic state machine: log records in, alerts and aggregates out.
//!
//! [`Engine`] is the state of one log partition. Its output after a log prefix is a function of that prefix
//! and of [`STATE_MACHINE_VERSION`]: it reads no clock, no file and no randomness, and time reaches it only
//! as records. Replay, backtest and the running service are the same code.

mod aggregate;
pub mod alert;
mod amend;
mod clock;
mod command;
mod config;
mod engine;
mod epoch;
pub mod health;
mod history;
pub mod intake;
mod limits;
mod output;
mod schedule;
mod snapshot;
mod streams;
pub mod task;
mod trend;
mod workspace;

pub use aggregate::AggregateUpdate;
pub use clock::EngineClock;
pub use command::MAX_NOTE;
pub use config::EngineConfig;
pub use engine::{Engine, Stop};
pub use history::{History, HistoryError, NoHistory};
pub use snapshot::SnapshotError;
pub use streams::{Needs, Stream};
pub use trend::{DAYS as TREND_DAYS, TrendPoint};
pub use workspace::{PlanSource, WorkspaceState};

/// Raised whenever the same log would give other output; a pinned fingerprint fails the tests otherwise.
pub const STATE_MACHINE_VERSION: u32 = 9;

/// What the engine says while it applies one record, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// For the alerts topic.
    Alert(AlertRecord),
    /// The record being applied goes to the dead letters.
    DeadLetter(DeadLetterOut),
}

/// One record of the alerts topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRecord {
    /// workspace/episode.
    pub key: String,
    /// The alert as JSON.
    pub value: Vec<u8>,
    /// CloudEvents attributes and the content type.
    pub headers: Vec<(String, String)>,
}

/// Why the record being applied goes to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterOut {
    /// A stable, bounded label.
    pub class: &'static str,
    /// For a person.
    pub message: String,
}
