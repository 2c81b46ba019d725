//! Where intake starts to read: what the decision asks of Kafka.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use plumbline_engine::intake::{InputRefusal, Slot, first_offset};
use plumbline_events::{RecordView, decode_record};
use rdkafka::consumer::Consumer;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::translate::Translator;
use crate::client::{Member, REQUEST, TopicPartition};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::layout::unchanged;
use crate::read::{Reader, nothing};

/// The assigned partitions with the offset each is read from.
pub(super) fn slots(
    config: &Config,
    member: &Member,
    reader: &Reader,
    translator: &Translator,
    assigned: &[TopicPartition],
) -> Result<Vec<Slot>, Failure> {
    let mut every = TopicPartitionList::new();
    for topic in translator.topics() {
        for partition in 0..reader.partitions(topic)? {
            every.add_partition(topic, partition);
        }
    }
    let committed = member.consumer().committed_offsets(every.clone(), REQUEST)?;
    unchanged(config, reader, translator.log_partitions(), &committed)?;
    let any = |committed: &TopicPartitionList| {
        committed.elements().iter().any(|e| matches!(e.offset(), Offset::Offset(_)))
    };
    let begun = any(&committed);
    // Asked at most once, and only where it matters.
    let fresh = OnceCell::new();
    let is_fresh = || {
        if let Some(known) = fresh.get() {
            return Ok(*known);
        }
        // Another instance may have begun the log since its offsets were asked for: then it has committed some in
        // the same transaction.
        let found = !log_has_inputs(config, reader)?
            || any(&member.consumer().committed_offsets(every.clone(), REQUEST).map_err(Failure::from)?);
        Ok(*fresh.get_or_init(|| found))
    };
    let mut slots = Vec::with_capacity(assigned.len());
    for (topic, partition) in assigned {
        let bounds = reader.bounds(topic, *partition)?;
        let known = committed.find_partition(topic, *partition).and_then(|e| match e.offset() {
            Offset::Offset(next) => Some(next),
            _ => None,
        });
        let next = first_offset(known, bounds, begun, config.intake.reset_from, is_fresh);
        let next = next.map_err(|refused| match refused {
            Refused::Kafka(failure) => failure,
            Refused::Input(InputRefusal::Lost { next, low }) => lost(topic, *partition, next, low),
            Refused::Input(InputRefusal::Undecided) => undecided(config),
        })?;
        slots.push(Slot::new(topic, *partition, next));
    }
    Ok(slots)
}

enum Refused {
    Kafka(Failure),
    Input(InputRefusal),
}

impl From<InputRefusal> for Refused {
    fn from(refusal: InputRefusal) -> Refused {
        Refused::Input(refusal)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Kafka(failure)
    }
}

fn lost(topic: &str, partition: i32, next: i64, low: i64) -> Failure {
    let message = format!(
        "{topic}/{partition}: retention has removed offsets {next} to {} before they were read. Restore them, or \
         accept the loss by committing offset {low} for the group",
        low - 1
    );
    Failure::new(Kind::Data, message)
}

fn undecided(config: &Config) -> Failure {
    let message = format!(
        "the group `{}-intake` has no committed offsets, but the log `{}` already holds what intake wrote. Start \
         once with --reset-from earliest (read the inputs again; duplicates are folded once) or latest (skip what \
         is on them)",
        config.group, config.topics.log
    );
    Failure::new(Kind::Data, message)
}

/// Whether the log holds an event or a clock record. A plan may have been applied before anything ran.
fn log_has_inputs(config: &Config, reader: &Reader) -> Result<bool, Failure> {
    let log = config.topics.log.as_str();
    for partition in 0..reader.partitions(log)? {
        if reader.bounds(log, partition)?.low > 0 {
            return Ok(true);
        }
        let found = reader.read((log, partition), None, None, nothing, |message| {
            match decode_record(message.payload().unwrap_or_default()) {
                Ok(RecordView::Event(_) | RecordView::Clock(_)) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
