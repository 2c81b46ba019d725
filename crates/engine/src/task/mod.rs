//! One log partition being judged: its state machine, how far it has read, what is out, and what it has still to
//! say. Whatever reads the log and writes the outputs, over Kafka or in memory, drives this.
//!
//! What is said about a record goes out in order, with the position in the same transaction: (next record, how
//! many of its outputs are out), so one record may span transactions. State is not committed: it is replayed,
//! silently, from a checkpoint or the start of the log.

mod checkpoint;
mod handover;
mod held;
mod position;
mod share;
mod start;

use std::collections::VecDeque;

use plumbline_events::{LogRecord, RecordView, decode_record, encode_record};

use crate::{AggregateUpdate, Engine, History, Output, Stop};
pub use checkpoint::{Checkpoint, LastRecord};
pub use handover::{OpenEpisodes, PublishedError};
pub use held::{Held, Origin};
pub use position::{Former, Position, PositionError, memo, remembered_partitions};
pub use share::Share;
pub use start::{Bounds, Note, Refusal, ResetFrom, StartError, Surroundings, follow_from, restore};

/// Whether what the state machine says is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Silent up to the committed position: all of it is out.
    Replaying {
        /// Where replay began.
        from: i64,
        /// The committed position.
        until: i64,
    },
    /// Silent on episodes up to the record with which this version takes the log over: what concerns the records
    /// themselves is said.
    TakingOver {
        /// The version that has spoken last.
        former: u32,
    },
    /// Speaking.
    Live,
}

/// Something to publish: the `number`-th output of the record at `offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Where the record stands.
    pub offset: i64,
    /// The place among its outputs, from 1.
    pub number: u32,
    /// What to publish.
    pub output: Output,
    /// For a dead letter: the record itself, key and value.
    pub record: Option<(Option<Vec<u8>>, Vec<u8>)>,
}

/// A log partition being judged.
pub struct LogTask {
    engine: Engine,
    phase: Phase,
    position: i64,
    committed: Position,
    /// The record whose outputs were out in part before we came.
    resume: Option<Position>,
    last: Option<LastRecord>,
    origin: Origin,
    /// Whom this task has relieved.
    former: Option<Former>,
    outputs: VecDeque<Pending>,
    aggregates: VecDeque<AggregateUpdate>,
    /// Records of our own for the log, encoded.
    appends: Vec<Vec<u8>>,
    /// What has been appended once is not appended again by this task.
    epoch_appended: bool,
    scratch: Vec<Output>,
}

impl LogTask {
    /// A task that goes on from `held`, its words up to `committed` being out.
    pub fn new(held: Held, committed: Position) -> LogTask {
        let Held { engine, position, last, origin } = held;
        let mut task = LogTask {
            engine,
            phase: Phase::Replaying { from: position, until: committed.next },
            position,
            committed,
            resume: (committed.out > 0).then_some(committed),
            last,
            origin,
            former: None,
            outputs: VecDeque::new(),
            aggregates: VecDeque::new(),
            appends: Vec::new(),
            epoch_appended: false,
            scratch: Vec::new(),
        };
        if position >= committed.next {
            task.end_replay();
        }
        task
    }

    /// What a standby may go on from, where everything that the state holds is out.
    pub fn into_held(self) -> Option<Held> {
        let all_out =
            self.position <= self.committed.next && self.outputs.is_empty() && self.aggregates.is_empty();
        all_out.then_some(Held {
            engine: self.engine,
            position: self.position,
            last: self.last,
            origin: Origin::Standby,
        })
    }

    /// What its state was restored from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The state machine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The record to be read next.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// What is out.
    pub fn committed(&self) -> Position {
        self.committed
    }

    /// Whether it speaks, or why not.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it speaks.
    pub fn live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Number of outputs that are not out yet.
    pub fn pending(&self) -> usize {
        self.outputs.len()
    }

    /// Whether records of its own wait for the next transaction.
    pub fn has_appends(&self) -> bool {
        !self.appends.is_empty()
    }

    /// Applies the record at `offset`.
    pub fn apply(
        &mut self,
        offset: i64,
        key: Option<&[u8]>,
        value: &[u8],
        history: &mut dyn History,
    ) -> Result<(), Stop> {
        // Control records occupy offsets too, so the committed one may never come: any later one will do.
        if matches!(self.phase, Phase::Replaying { until, .. } if offset >= until) {
            self.end_replay();
        }
        let record = decode_record(value).map_err(|error| Stop::Unreadable { offset, error })?;
        let mut out = std::mem::take(&mut self.scratch);
        self.engine.apply(offset, &record, history, &mut out)?;
        if matches!(self.phase, Phase::TakingOver { .. }) && self.is_our_epoch(&record) {
            self.phase = Phase::Live;
        }
        if !matches!(self.phase, Phase::Replaying { .. }) {
            self.say(offset, &mut out, key, value);
        }
        out.clear();
        self.scratch = out;
        self.position = offset + 1;
        self.last = Some(LastRecord::of(offset, value));
        Ok(())
    }

    fn say(&mut self, offset: i64, out: &mut Vec<Output>, key: Option<&[u8]>, value: &[u8]) {
        let (already, mut owed_already) = match self.resume.take().filter(|resume| resume.next == offset) {
            Some(resume) if resume.version == self.engine.version() => (resume.out, 0),
            Some(resume) => {
                // Another version numbers its outputs otherwise: what all say is told by their number among these, and
                // committed from now on as we count.
                self.committed.out = 0;
                (0, resume.owed)
            }
            None => (0, 0),
        };
        let silent = self.phase != Phase::Live;
        for (number, output) in (1u32..).zip(out.drain(..)) {
            let owed = (silent || owed_already > 0) && LogTask::is_owed_by_all(&output);
            if number <= already || (silent && !owed) {
                continue;
            }
            if owed && owed_already > 0 {
                owed_already -= 1;
                self.committed.out = number;
                continue;
            }
            let record =
                matches!(output, Output::DeadLetter(_)).then(|| (key.map(<[u8]>::to_vec), value.to_vec()));
            self.outputs.push_back(Pending { offset, number, output, record });
        }
    }

    /// The end of the partition, as of now, has been read.
    pub fn reached_end(&mut self) {
        if matches!(self.phase, Phase::Replaying { .. }) {
            self.end_replay();
        }
    }

    fn end_replay(&mut self) {
        // Another version has spoken last: silent until the log itself says that we speak.
        self.former = self.former();
        self.phase = match self.former {
            Some(Former { version: former, .. }) => Phase::TakingOver { former },
            None => Phase::Live,
        };
    }

    fn is_our_epoch(&self, record: &RecordView<'_>) -> bool {
        matches!(record, RecordView::Epoch(epoch) if epoch.version == self.engine.version())
    }

    /// Puts a record of its own into the next transaction.
    pub fn append(&mut self, record: &LogRecord) {
        let mut bytes = Vec::new();
        encode_record(record, &mut bytes);
        self.appends.push(bytes);
    }

    /// Whether nothing is left to say about what has been applied.
    pub fn said_all(&self) -> bool {
        self.live()
            && self.outputs.is_empty()
            && self.aggregates.is_empty()
            && self.committed.next == self.position
            && self.committed.settled
    }

    /// A checkpoint, where everything is said: what is still to be said is not in a snapshot.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let last = self.last.filter(|_| self.said_all())?;
        let mut state = Vec::new();
        self.engine.save(&mut state);
        Some(Checkpoint { version: self.engine.version(), position: self.position, last, state })
    }
}
