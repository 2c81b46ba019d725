//! One log partition: its state machine, how far it has read, and what it has still to say.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use plumbline_engine::{AggregateUpdate, Engine, Output, STATE_MACHINE_VERSION};
use plumbline_events::{RecordView, decode_record};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use super::history::LogHistory;
use super::position::Position;
use crate::checkpoint::{Checkpoint, LastRecord};
use crate::failure::{Failure, Kind};
use crate::flow::weight;
use crate::metric;
use crate::status::PartitionStatus;

/// Whether what the state machine says is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Silent up to the committed position: all of it is out.
    Replaying { from: i64, until: i64 },
    /// Silent up to the record with which this version takes the log over.
    TakingOver,
    /// Speaking.
    Live,
}

/// Something to publish: the `number`-th output of the record at `offset`.
pub(super) struct Pending {
    pub(super) offset: i64,
    pub(super) number: u32,
    pub(super) output: Output,
    /// For a dead letter: the record itself.
    pub(super) record: Option<(Option<Vec<u8>>, Vec<u8>)>,
}

/// A log partition being judged.
pub(super) struct Task {
    partition: i32,
    engine: Engine,
    phase: Phase,
    position: i64,
    pub(super) committed: Position,
    /// Outputs of this record that were out before we came, and how many.
    resume: Option<(i64, u32)>,
    last: Option<LastRecord>,
    pub(super) outputs: VecDeque<Pending>,
    pub(super) aggregates: VecDeque<AggregateUpdate>,
    /// Records of our own for the log, encoded.
    pub(super) appends: Vec<Vec<u8>>,
    /// What has been appended once is not appended again by this task.
    pub(super) epoch_appended: bool,
    pub(super) plans_checked: bool,
    checkpointed: Instant,
    applied: u64,
    pub(super) bytes: u64,
    scratch: Vec<Output>,
}

impl Task {
    /// A task whose state machine stands at `position` and whose words up to `committed` are out.
    pub(super) fn new(
        partition: i32,
        engine: Engine,
        position: i64,
        last: Option<LastRecord>,
        committed: Position,
    ) -> Task {
        let mut task = Task {
            partition,
            engine,
            phase: Phase::Replaying { from: position, until: committed.next },
            position,
            committed,
            resume: (committed.out > 0).then_some((committed.next, committed.out)),
            last,
            outputs: VecDeque::new(),
            aggregates: VecDeque::new(),
            appends: Vec::new(),
            epoch_appended: false,
            plans_checked: false,
            checkpointed: Instant::now(),
            applied: 0,
            bytes: 0,
            scratch: Vec::new(),
        };
        if position >= committed.next {
            task.end_replay();
        }
        task
    }

    pub(super) fn partition(&self) -> i32 {
        self.partition
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn position(&self) -> i64 {
        self.position
    }

    pub(super) fn live(&self) -> bool {
        self.phase == Phase::Live
    }

    pub(super) fn pending(&self) -> usize {
        self.outputs.len()
    }

    pub(super) fn has_appends(&self) -> bool {
        !self.appends.is_empty()
    }

    /// Applies the next record.
    pub(super) fn apply(
        &mut self,
        message: &BorrowedMessage<'_>,
        history: &mut LogHistory<'_>,
    ) -> Result<(), Failure> {
        let offset = message.offset();
        // Control records occupy offsets too, so the committed one may never come: any later one will do.
        if matches!(self.phase, Phase::Replaying { until, .. } if offset >= until) {
            self.end_replay();
        }
        let value = message.payload().unwrap_or_default();
        let stop =
            |what: String| Failure::new(Kind::Data, what).during(format!("log partition {}", self.partition));
        let record = decode_record(value)
            .map_err(|e| stop(format!("record at offset {offset} is not readable: {e}")))?;
        let mut out = std::mem::take(&mut self.scratch);
        self.engine.apply(offset, &record, history, &mut out).map_err(|e| stop(e.to_string()))?;
        if self.phase == Phase::TakingOver && is_our_epoch(&record) {
            tracing::info!(partition = self.partition, version = STATE_MACHINE_VERSION, "took the log over");
            self.phase = Phase::Live;
        }
        if self.phase == Phase::Live {
            self.say(offset, &mut out, message);
        }
        out.clear();
        self.scratch = out;
        self.position = offset + 1;
        self.last = Some(LastRecord::of(offset, value));
        self.applied += 1;
        self.bytes += weight(message);
        Ok(())
    }

    fn say(&mut self, offset: i64, out: &mut Vec<Output>, message: &BorrowedMessage<'_>) {
        let already = match self.resume.take() {
            Some((at, count)) if at == offset => count,
            _ => 0,
        };
        for (number, output) in (1u32..).zip(out.drain(..)) {
            if number <= already {
                continue;
            }
            let record = matches!(output, Output::DeadLetter(_))
                .then(|| (message.key().map(<[u8]>::to_vec), message.payload().unwrap_or_default().to_vec()));
            self.outputs.push_back(Pending { offset, number, output, record });
        }
    }

    /// The end of the partition, as of now, has been read.
    pub(super) fn reached_end(&mut self) {
        if matches!(self.phase, Phase::Replaying { .. }) {
            self.end_replay();
        }
    }

    fn end_replay(&mut self) {
        self.count_applied();
        // Another version has spoken last: silent until the log itself says that we speak.
        let foreign = self.engine.last_epoch().is_some_and(|epoch| epoch < STATE_MACHINE_VERSION);
        self.phase = if foreign { Phase::TakingOver } else { Phase::Live };
        tracing::info!(partition = self.partition, position = self.position, phase = ?self.phase, "replay is done");
    }

    /// Takes the newest values of the aggregates changed since the last time.
    pub(super) fn collect_aggregates(&mut self) {
        if self.aggregates.is_empty() {
            self.aggregates = self.engine.aggregates().into();
        }
    }

    /// Whether nothing is left to say about what has been applied.
    pub(super) fn said_all(&self) -> bool {
        self.live()
            && self.outputs.is_empty()
            && self.aggregates.is_empty()
            && self.committed.next == self.position
    }

    pub(super) fn checkpoint_due(&self, every: Duration) -> bool {
        self.checkpointed.elapsed() >= every
    }

    /// A snapshot, where everything is said.
    pub(super) fn checkpoint(&mut self) -> Option<Checkpoint> {
        let last = self.last.filter(|_| self.said_all())?;
        self.checkpointed = Instant::now();
        let mut state = Vec::new();
        self.engine.save(&mut state);
        Some(Checkpoint { version: STATE_MACHINE_VERSION, position: self.position, last, state })
    }

    pub(super) fn count_applied(&mut self) {
        let phase = if self.live() { "live" } else { "replay" };
        metric::records_applied(phase, std::mem::take(&mut self.applied));
    }

    pub(super) fn status(&self, end: Option<i64>) -> PartitionStatus {
        PartitionStatus {
            live: self.live(),
            position: self.position,
            committed: self.committed.next,
            replay: match self.phase {
                Phase::Replaying { from, until } => Some((from, until)),
                _ => None,
            },
            end,
        }
    }
}

fn is_our_epoch(record: &RecordView<'_>) -> bool {
    matches!(record, RecordView::Epoch(epoch) if epoch.version == STATE_MACHINE_VERSION)
}
