//! Kafka at the edge: inputs to log, log to alerts and aggregates, each exactly once.
//!
//! [`Pipeline`] runs two stages, each in its own thread. *Intake* decodes, validates and stamps what comes on
//! the input topics and appends it to the log. The *engine* stage applies the log to the state machine of
//! `plumbline-engine` and publishes what that says. Both read in consumer groups, write in transactions that
//! carry their offsets, and keep no truth of their own: killed at any moment, a stage goes on from what was
//! committed.
//!
//! Nothing here decides anything about plans or drift. rdkafka appears in this crate alone.

mod admin;
mod allowed;
mod append;
mod checkpoint;
mod client;
mod config;
mod doctor;
pub mod embedded;
mod engine;
mod export;
mod failure;
mod feed;
mod flow;
mod intake;
mod layout;
mod metric;
mod partitioner;
mod read;
mod rejoin;
mod service;
mod status;
mod stop;
mod time;
mod transaction;

pub use admin::ensure_topics;
pub use allowed::AllowHandle;
pub use append::{Acknowledge, acknowledge, apply_plan, plans_in_log};
pub use checkpoint::{Checkpoint, CheckpointStore, DirectoryStore, LastRecord};
pub use client::FORCED;
pub use config::{
    CheckpointPlace, Config, ConfiguredPlan, EngineStage, IntakeConfig, ResetFrom, Stages, Topics,
};
pub use doctor::{Check, Outcome, check as doctor};
pub use export::{Exported, Part, TopicRecord, export_log, read_topic};
pub use failure::{Failure, Kind};
pub use feed::{DeadLetter, Feed, Told, follow_alerts, follow_dead_letters};
pub use flow::{Flow, Flows};
pub use metric::{describe as describe_metrics, plan_reload};
pub use partitioner::partition_of;
pub use service::{Observer, Options, Pipeline};
pub use status::{EngineStatus, IntakeStatus, Origin, PartitionStatus, StandbyStatus, Status, StatusHandle};
pub use stop::Stop;
pub use time::{ClockShift, PlayedClock, TimeSource};
