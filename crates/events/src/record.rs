//! Log records: everything the state machine ever sees, in one order per log partition.

use plumbline_units::{Name, Timestamp};

use crate::Event;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRecord {
    /// An accepted event.
    Event(EventRecord),
    /// The time, and how far the inputs have been read.
    Clock(ClockRecord),
    /// A revision of a workspace's plan.
    Plan(PlanRecord),
    /// A decision or note of a person.
    Command(CommandRecord),
    /// A change of the state machine's version.
    Epoch(EpochRecord),
}

/// An event and how it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Intake's clock when it appended the event (for files: the file's `received_at`, else `occurred_at`).
    pub received_at: Timestamp,
    /// The input topic, which with the source names the event's stream; `file` for files.
    pub input: Box<str>,
    /// What was said.
    pub event: Event,
}

/// Written once a minute by each intake instance to every log partition, for all workspaces in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRecord {
    /// Intake's clock.
    pub time: Timestamp,
    /// The input partitions this instance reads.
    pub inputs: Vec<InputPosition>,
}

/// How far one input partition has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPosition {
    /// The input topic.
    pub topic: Box<str>,
    /// The partition.
    pub partition: i32,
    /// The offset that will be read next.
    pub next_offset: i64,
    /// Whether that was the end of the partition.
    pub at_end: bool,
}

/// A plan as its author wrote it. The content's hash and the revision make it idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRecord {
    /// The tenant it is for.
    pub workspace: Name,
    /// When it was put into the log.
    pub time: Timestamp,
    /// The plan file's text, at most 1 MiB.
    pub toml: Box<str>,
    /// Ticks before it are historical: the plan's own `live_from`, else `time`.
    pub live_from: Timestamp,
}

/// A decision or note of a person about an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// Dedupes retries within the workspace.
    pub command_id: Box<str>,
    /// The tenant it is for.
    pub workspace: Name,
    /// When it was put into the log.
    pub time: Timestamp,
    /// What was decided.
    pub command: Command,
}

/// What a person can decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The owners know; with an optional date until which the acknowledgement holds.
    Acknowledge {
        /// The episode's key.
        episode: Box<str>,
        /// The function (one of the owners') that acknowledges.
        function: Box<str>,
        /// Free text.
        note: Box<str>,
        /// Until when, if limited.
        until: Option<Timestamp>,
    },
    /// A remark on an episode.
    Note {
        /// The episode's key.
        episode: Box<str>,
        /// Free text.
        note: Box<str>,
    },
}

/// From this record on, the log is judged by state machine `version`; the published episodes are the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochRecord {
    /// The new version.
    pub version: u32,
    /// Where the version before has left the log: of the records from here on it has said nothing.
    pub position: i64,
    /// Episodes open on the alerts topic at this moment: key and last alert as published.
    pub published: Vec<PublishedEpisode>,
}

/// The last published state of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEpisode {
    /// The tenant.
    pub workspace: Name,
    /// The episode's key.
    pub episode: Box<str>,
    /// The last alert record, exactly as on the topic.
    pub last_alert: Box<[u8]>,
}
