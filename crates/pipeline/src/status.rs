//! What the pipeline is doing, for health checks, progress bars and the feeder of a demonstration.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub use plumbline_engine::task::Origin;
use plumbline_units::Timestamp;

use crate::client::lock;

/// The state of the pipeline at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Intake, if it runs here.
    pub intake: Option<IntakeStatus>,
    /// The engine stage, if it runs here.
    pub engine: Option<EngineStatus>,
    /// Set once a stage has failed; the pipeline is then ending.
    pub failed: Option<String>,
}

/// What intake is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntakeStatus {
    /// Whether it has input partitions assigned (none are left over where instances outnumber partitions).
    pub joined: bool,
    /// Input partitions read here and the committed next offset of each.
    pub committed: BTreeMap<(String, i32), i64>,
    /// Events put into the log since the start.
    pub accepted: u64,
    /// Inputs sent to the dead letters since the start.
    pub rejected: u64,
    /// How often the group has given it partitions.
    pub assignments: u64,
    /// The last clock record.
    pub clock: Option<Timestamp>,
}

/// What the engine stage is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineStatus {
    /// Whether the group has given it its (possibly empty) share of the log.
    pub joined: bool,
    /// How often the group has given it partitions.
    pub assignments: u64,
    /// Log partitions judged here.
    pub partitions: BTreeMap<i32, PartitionStatus>,
    /// Log partitions assigned here that a newer program judges, and what it says of that. They are left to it.
    pub left: BTreeMap<i32, String>,
    /// Alert records published since the start.
    pub alerts: u64,
    /// Log partitions that others judge and whose state is kept here, too.
    pub standby: BTreeMap<i32, StandbyStatus>,
}

/// A log partition whose state follows that of its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandbyStatus {
    /// Next offset to apply.
    pub position: i64,
    /// What its owner has committed; the standby goes no further.
    pub committed: i64,
}

impl StandbyStatus {
    /// Offsets still to be read.
    pub fn lag(&self) -> i64 {
        (self.committed - self.position).max(0)
    }
}

/// One log partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionStatus {
    /// Whether it speaks; before that it replays silently.
    pub live: bool,
    /// Next offset to apply.
    pub position: i64,
    /// The committed next offset.
    pub committed: i64,
    /// While replaying: where the replay began and where it will end.
    pub replay: Option<(i64, i64)>,
    /// The end of the log as last seen.
    pub end: Option<i64>,
    /// What it was restored from.
    pub origin: Origin,
}

impl Status {
    /// Whether everything assigned is restored and running.
    pub fn ready(&self) -> bool {
        let intake = self.intake.as_ref().is_none_or(|i| i.joined);
        let judges =
            |e: &EngineStatus| e.joined && e.left.is_empty() && e.partitions.values().all(|p| p.live);
        let engine = self.engine.as_ref().is_none_or(judges);
        self.failed.is_none() && intake && engine
    }
}

/// Where the stages write their status and anyone may read it.
#[derive(Clone, Debug, Default)]
pub struct StatusHandle(Arc<Mutex<Status>>);

impl StatusHandle {
    /// A copy of the status now.
    pub fn get(&self) -> Status {
        lock(&self.0).clone()
    }

    /// Whether everything assigned is restored and running.
    pub fn ready(&self) -> bool {
        lock(&self.0).ready()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut lock(&self.0));
    }

    pub(crate) fn intake(&self, change: impl FnOnce(&mut IntakeStatus)) {
        change(lock(&self.0).intake.get_or_insert_default());
    }

    pub(crate) fn engine(&self, change: impl FnOnce(&mut EngineStatus)) {
        change(lock(&self.0).engine.get_or_insert_default());
    }
}
