//! Restoring a partition's state machine: what its start asks of Kafka and of the checkpoints.

use std::ops::ControlFlow;

use plumbline_engine::task::{
    Bounds, Checkpoint, Held, LastRecord, Note, Position, Refusal, StartError, Surroundings, follow_from,
    restore,
};
use plumbline_events::{RecordView, decode_record};
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::task::Task;
use crate::checkpoint::CheckpointStore;
use crate::client::{Member, REQUEST};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::metric;
use crate::read::{Reader, nothing};

/// What is needed to start a partition.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) config: &'a Config,
    pub(super) reader: &'a Reader,
    pub(super) store: Option<&'a dyn CheckpointStore>,
    pub(super) partition: i32,
}

impl Start<'_> {
    /// A task for the partition, restored as far as a standby (`warm`) or a checkpoint reaches.
    pub(super) fn restore(mut self, member: &Member, warm: Option<Held>) -> Result<Task, Failure> {
        let Start { config, reader, partition, .. } = self;
        let log = config.topics.log.as_str();
        let bounds = reader.bounds(log, partition)?;
        let machine = &config.engine.machine;
        let committed = committed(log, member, partition, machine.version)?;
        match restore(machine, committed, bounds, config.engine.reset_from, warm, &mut self) {
            Ok(task) => {
                self.forget_former_life(bounds);
                Ok(Task::new(partition, task, bounds.high))
            }
            Err(StartError::World(failure)) => Err(failure),
            Err(StartError::Refused(refusal)) => Err(refused(config, partition, refusal)),
        }
    }

    /// Checkpoints beyond the end of the log are of another one that had its name.
    fn forget_former_life(&self, bounds: Bounds) {
        let (Some(store), partition) = (self.store, self.partition) else { return };
        match store.forget_beyond(partition, bounds.high) {
            Ok(0) => {}
            Ok(forgotten) => {
                let end = bounds.high;
                tracing::warn!(partition, forgotten, end, "checkpoints beyond the log's end deleted");
            }
            Err(error) => {
                tracing::warn!(partition, %error, "checkpoints beyond the log's end cannot be deleted for now");
            }
        }
    }

    /// Where a standby begins that may read up to `upto`.
    pub(super) fn follow(mut self, upto: i64) -> Result<Held, Failure> {
        let (log, partition) = (self.config.topics.log.as_str(), self.partition);
        let bounds = self.reader.bounds(log, partition)?;
        follow_from(&self.config.engine.machine, upto, bounds, &mut self)?.ok_or_else(|| {
            let low = bounds.low;
            let message = format!(
                "{log}/{partition} begins at {low} and no checkpoint reaches that far: it cannot be followed"
            );
            Failure::new(Kind::Data, message)
        })
    }
}

fn committed(log: &str, member: &Member, partition: i32, own: u32) -> Result<Option<Position>, Failure> {
    let mut list = TopicPartitionList::new();
    list.add_partition(log, partition);
    let found = member.consumer().committed_offsets(list, REQUEST)?;
    found.find_partition(log, partition).map_or(Ok(None), |element| position(&element, own))
}

/// The position that a committed offset stands for, to a program of version `own`.
pub(super) fn position(element: &TopicPartitionListElem<'_>, own: u32) -> Result<Option<Position>, Failure> {
    match element.offset() {
        Offset::Offset(next) => Ok(Some(Position::read(next, element.metadata(), own)?)),
        _ => Ok(None),
    }
}

impl Surroundings for Start<'_> {
    type Error = Failure;

    fn checkpoint(&mut self, version: u32, upto: i64) -> Result<Option<Checkpoint>, Failure> {
        let Some(store) = self.store else { return Ok(None) };
        Ok(store.newest(self.partition, version, upto).unwrap_or_else(|error| {
            metric::checkpoint("unusable");
            let partition = self.partition;
            tracing::warn!(partition, %error, "checkpoints cannot be read; the log is replayed from its start");
            None
        }))
    }

    fn mark(&mut self, offset: i64) -> Result<Option<LastRecord>, Failure> {
        let log = (self.config.topics.log.as_str(), self.partition);
        self.reader.read(log, Some(offset), Some(offset + 1), nothing, |message| {
            let value = message.payload().unwrap_or_default();
            ControlFlow::Break(LastRecord::of(message.offset(), value))
        })
    }

    fn judged_before(&mut self) -> Result<bool, Failure> {
        let log = (self.config.topics.log.as_str(), self.partition);
        let found = self.reader.read(log, None, None, nothing, |message| {
            match decode_record(message.payload().unwrap_or_default()) {
                Ok(RecordView::Epoch(_)) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })?;
        Ok(found.is_some())
    }

    fn note(&mut self, note: Note) {
        let partition = self.partition;
        match note {
            Note::Restored { origin, position, committed } => {
                tracing::info!(partition, position, committed, from = %origin, "restored");
            }
            Note::Unusable(error) => {
                metric::checkpoint("unusable");
                tracing::warn!(partition, %error, "checkpoint passed over");
            }
            Note::Foreign { position } => {
                tracing::warn!(partition, position, "state of another log passed over");
            }
            Note::OnTrust => tracing::warn!(
                partition,
                "retention has removed the last record of the state; taken on trust"
            ),
            Note::Lost { from } => {
                tracing::error!(partition, from, "log records before are lost, as --reset-from allows");
            }
        }
    }
}

fn refused(config: &Config, partition: i32, refusal: Refusal) -> Failure {
    let (log, group) = (config.topics.log.as_str(), &config.group);
    let message = match refusal {
        Refusal::Beyond { next, bounds: Bounds { high, .. } } => format!(
            "{log}/{partition}: offset {next} is committed but the log ends at {high}: it was made anew or has lost \
             records. Delete the group's offsets to judge it from its start"
        ),
        Refusal::NoCheckpoint => {
            format!("{log}/{partition}: there is no whole checkpoint of this log to go on from")
        }
        Refusal::JudgedBefore => format!(
            "the group `{group}-engine` has no committed position in {log}/{partition}, but this log has been judged \
             before. Start once with --reset-from earliest (publish every alert again), checkpoint (go on from the \
             newest one) or latest (replay silently, then speak)"
        ),
        Refusal::Trimmed { reaches, bounds: Bounds { low, .. } } => format!(
            "{log}/{partition}: retention has removed everything below offset {low} and the state is known up to \
             {reaches} only: what lies between cannot be rebuilt. Restore a later checkpoint, or start once with \
             --reset-from checkpoint (go on from the one there is) or earliest (judge what is left); keep \
             retention.ms=-1 on the log"
        ),
    };
    Failure::new(Kind::Data, message)
}
