//! A log partition being judged, read from Kafka: when it was kept last, and how much it has read.

use std::time::{Duration, Instant};

use plumbline_engine::Engine;
use plumbline_engine::task::{Checkpoint, LogTask, Phase};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use super::history::LogHistory;
use crate::failure::Failure;
use crate::flow::weight;
use crate::metric;
use crate::status::PartitionStatus;

/// A log partition being judged.
pub(super) struct Task {
    partition: i32,
    pub(super) log: LogTask,
    pub(super) plans_checked: bool,
    /// Where the partition ended at the start, until that has been read.
    end: Option<i64>,
    checkpointed: Instant,
    /// The checkpoint that is due has been counted as one without room.
    skipped: bool,
    shown: Option<Instant>,
    applied: u64,
    pub(super) bytes: u64,
}

impl Task {
    /// A task of a partition that ends at `end` now.
    pub(super) fn new(partition: i32, log: LogTask, end: i64) -> Task {
        let task = Task {
            partition,
            log,
            plans_checked: false,
            end: Some(end),
            checkpointed: Instant::now(),
            skipped: false,
            shown: None,
            applied: 0,
            bytes: 0,
        };
        task.tell_unless(Phase::Replaying { from: -1, until: -1 });
        task
    }

    pub(super) fn partition(&self) -> i32 {
        self.partition
    }

    pub(super) fn engine(&self) -> &Engine {
        self.log.engine()
    }

    /// Applies the next record.
    pub(super) fn apply(
        &mut self,
        message: &BorrowedMessage<'_>,
        history: &mut LogHistory<'_>,
    ) -> Result<(), Failure> {
        let before = self.log.phase();
        let value = message.payload().unwrap_or_default();
        self.log
            .apply(message.offset(), message.key(), value, history)
            .map_err(|stop| Failure::from(stop).during(format!("log partition {}", self.partition)))?;
        if before != Phase::Live && self.log.live() {
            self.count_applied();
        }
        self.tell_unless(before);
        self.applied += 1;
        self.bytes += weight(message);
        Ok(())
    }

    /// True once, when the end that the partition had at the start has been read. A busy one is never read to its
    /// end as of now.
    pub(super) fn passes_end(&mut self) -> bool {
        self.end.take_if(|end| self.log.position() >= *end).is_some()
    }

    /// An end of the partition has been read.
    pub(super) fn reached_end(&mut self) {
        self.end = None;
        let before = self.log.phase();
        if before != Phase::Live {
            self.count_applied();
        }
        self.log.reached_end();
        self.tell_unless(before);
    }

    fn tell_unless(&self, before: Phase) {
        let phase = self.log.phase();
        if phase != before && !matches!(phase, Phase::Replaying { .. }) {
            let position = self.log.position();
            tracing::info!(partition = self.partition, position, ?phase, "replay is done");
        }
    }

    /// Since when a checkpoint is due, where everything is said: what waits longest is kept first.
    pub(super) fn checkpoint_due(&self, every: Duration) -> Option<Instant> {
        let due = self.checkpointed + every;
        (due <= Instant::now() && self.log.said_all()).then_some(due)
    }

    /// A checkpoint, which will be kept.
    pub(super) fn checkpoint(&mut self) -> Option<Checkpoint> {
        let checkpoint = self.log.checkpoint()?;
        self.checkpointed = Instant::now();
        self.skipped = false;
        Some(checkpoint)
    }

    /// The checkpoint that is due found no room: it stays due, and counts once.
    pub(super) fn no_room(&mut self) {
        if !std::mem::replace(&mut self.skipped, true) {
            metric::checkpoint("skipped");
        }
    }

    /// Whether to show it now: there is news, or it was shown last before `every`.
    pub(super) fn shows(&mut self, news: bool, every: Duration) -> bool {
        let due = news || self.shown.is_none_or(|shown| shown.elapsed() >= every);
        if due {
            self.shown = Some(Instant::now());
        }
        due
    }

    pub(super) fn count_applied(&mut self) {
        let phase = if self.log.live() { "live" } else { "replay" };
        metric::records_applied(phase, std::mem::take(&mut self.applied));
    }

    pub(super) fn status(&self, end: Option<i64>) -> PartitionStatus {
        PartitionStatus {
            live: self.log.live(),
            position: self.log.position(),
            committed: self.log.committed().next,
            replay: match self.log.phase() {
                Phase::Replaying { from, until } => Some((from, until)),
                _ => None,
            },
            end,
            origin: self.log.origin(),
        }
    }
}
