//! Where a partition's state machine starts: from which checkpoint, and how far it must keep silent.

use std::ops::ControlFlow;

use plumbline_engine::{Engine, STATE_MACHINE_VERSION};
use plumbline_events::{RecordView, decode_record};
use rdkafka::consumer::Consumer;
use rdkafka::{Message, TopicPartitionList};

use super::position::Position;
use super::task::Task;
use crate::checkpoint::{Checkpoint, CheckpointStore, DirectoryStore, LastRecord};
use crate::client::{Member, REQUEST};
use crate::config::{Config, ResetFrom};
use crate::failure::{Failure, Kind};
use crate::metric;
use crate::read::{Bounds, Reader};

/// A task for the partition, restored as far as a checkpoint reaches.
pub(super) fn restore(
    config: &Config,
    member: &Member,
    reader: &Reader,
    partition: i32,
) -> Result<Task, Failure> {
    let log = config.topics.log.as_str();
    let bounds = reader.bounds(log, partition)?;
    let reset = config.engine.reset_from;
    let (committed, checkpoint) = match committed(log, member, partition)? {
        Some(position) if position.next > bounds.high => {
            return Err(beyond(log, partition, position.next, bounds));
        }
        Some(position) => (position, usable(config, reader, partition, position.next, bounds)?),
        None if reset == Some(ResetFrom::Checkpoint) => {
            let Some(checkpoint) = usable(config, reader, partition, bounds.high, bounds)? else {
                return Err(no_checkpoint(log, partition));
            };
            (Position::whole(checkpoint.position), Some(checkpoint))
        }
        // Whatever lies in the checkpoint folder belongs to another life of this log.
        None => (without_commit(config, reader, partition, bounds)?, None),
    };
    let loaded = checkpoint.and_then(|checkpoint| {
        match Engine::load(config.engine.machine.clone(), &checkpoint.state) {
            Ok(engine) => Some((engine, checkpoint.position, checkpoint.last)),
            Err(error) => {
                metric::checkpoint("unusable");
                tracing::warn!(partition, %error, "checkpoint passed over");
                None
            }
        }
    });
    let reaches = loaded.as_ref().map_or(0, |(_, position, _)| *position);
    // What lies below the log's start can neither be said nor be kept silent about.
    let committed = if committed.next < bounds.low { Position::whole(bounds.low) } else { committed };
    match loaded {
        Some((engine, position, last)) if position >= bounds.low => {
            tracing::info!(partition, position, committed = committed.next, "checkpoint restored");
            Ok(Task::new(partition, engine, position, Some(last), committed))
        }
        Some((engine, position, last)) if reset == Some(ResetFrom::Checkpoint) => {
            tracing::error!(partition, position, from = bounds.low, "the log records between are lost");
            Ok(Task::new(partition, engine, bounds.low, Some(last), committed))
        }
        _ if bounds.low == 0 || reset == Some(ResetFrom::Earliest) => {
            if bounds.low > 0 {
                tracing::error!(partition, from = bounds.low, "the log records before are lost");
            }
            let engine = Engine::new(config.engine.machine.clone());
            Ok(Task::new(partition, engine, bounds.low, None, committed))
        }
        _ => Err(trimmed(log, partition, reaches, bounds)),
    }
}

fn committed(log: &str, member: &Member, partition: i32) -> Result<Option<Position>, Failure> {
    let mut list = TopicPartitionList::new();
    list.add_partition(log, partition);
    let found = member.consumer().committed_offsets(list, REQUEST)?;
    match found.find_partition(log, partition) {
        Some(element) => Position::read(&element),
        None => Ok(None),
    }
}

/// No committed position: a log that no state machine has judged is judged from its start; otherwise a person
/// must say whether everything is to be said again.
fn without_commit(
    config: &Config,
    reader: &Reader,
    partition: i32,
    bounds: Bounds,
) -> Result<Position, Failure> {
    match config.engine.reset_from {
        Some(ResetFrom::Earliest) => return Ok(Position::whole(0)),
        Some(ResetFrom::Latest) => return Ok(Position::whole(bounds.high)),
        // Taken before: it needs no committed position.
        Some(ResetFrom::Checkpoint) | None => {}
    }
    let log = config.topics.log.as_str();
    let judged = reader.read(
        (log, partition),
        None,
        None,
        || {},
        |message| match decode_record(message.payload().unwrap_or_default()) {
            Ok(RecordView::Epoch(_)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        },
    )?;
    if judged.is_none() {
        return Ok(Position::whole(0));
    }
    let message = format!(
        "the group `{}-engine` has no committed position in {log}/{partition}, but this log has been judged before. \
         Start once with --reset-from earliest (publish every alert again), checkpoint (go on from the newest one) or \
         latest (replay silently, then speak)",
        config.group
    );
    Err(Failure::new(Kind::Data, message))
}

/// The newest checkpoint at or before the position that belongs to this very log.
fn usable(
    config: &Config,
    reader: &Reader,
    partition: i32,
    upto: i64,
    bounds: Bounds,
) -> Result<Option<Checkpoint>, Failure> {
    let Some(directory) = &config.engine.checkpoint_dir else { return Ok(None) };
    let log = config.topics.log.as_str();
    let store = DirectoryStore::new(directory, log);
    let checkpoint = match store.newest(partition, STATE_MACHINE_VERSION, upto) {
        Ok(Some(checkpoint)) => checkpoint,
        Ok(None) => return Ok(None),
        Err(error) => {
            metric::checkpoint("unusable");
            tracing::warn!(partition, %error, "checkpoints cannot be read; the log is replayed from its start");
            return Ok(None);
        }
    };
    let last = checkpoint.last;
    if last.offset < bounds.low {
        tracing::warn!(partition, "retention has removed the last record of the checkpoint; taken on trust");
        return Ok(Some(checkpoint));
    }
    let found = reader.read(
        (log, partition),
        Some(last.offset),
        Some(last.offset + 1),
        || {},
        |message| ControlFlow::Break(LastRecord::of(message.offset(), message.payload().unwrap_or_default())),
    )?;
    if found == Some(last) {
        return Ok(Some(checkpoint));
    }
    tracing::warn!(partition, position = checkpoint.position, "checkpoint of another log passed over");
    Ok(None)
}

fn beyond(log: &str, partition: i32, next: i64, bounds: Bounds) -> Failure {
    let message = format!(
        "{log}/{partition}: offset {next} is committed but the log ends at {}: it was made anew or has lost records. \
         Delete the group's offsets to judge it from its start",
        bounds.high
    );
    Failure::new(Kind::Data, message)
}

fn no_checkpoint(log: &str, partition: i32) -> Failure {
    let message = format!("{log}/{partition}: there is no whole checkpoint of this log to go on from");
    Failure::new(Kind::Data, message)
}

fn trimmed(log: &str, partition: i32, reaches: i64, bounds: Bounds) -> Failure {
    let message = format!(
        "{log}/{partition}: retention has removed everything below offset {} and the state is known up to {reaches} \
         only: what lies between cannot be rebuilt. Restore a later checkpoint, or start once with --reset-from \
         checkpoint (go on from the one there is) or earliest (judge what is left); keep retention.ms=-1 on the log",
        bounds.low
    );
    Failure::new(Kind::Data, message)
}
