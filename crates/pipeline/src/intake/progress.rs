//! How far the inputs have been read, and what was made of them.

use std::collections::BTreeMap;

use plumbline_units::Timestamp;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::translate::Sent;
use crate::client::{Member, TopicPartition};
use crate::failure::Failure;
use crate::flow::weight;
use crate::metric;

/// Copied at each commit, and copied back where a transaction is given up.
#[derive(Clone, Default)]
pub(super) struct Progress {
    pub(super) slots: Vec<Slot>,
    pub(super) clock: Option<Timestamp>,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) input_bytes: u64,
    pub(super) log_bytes: u64,
    /// Where the last message came from: the next one most likely comes from there too.
    last: usize,
}

/// One input partition.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The offset to read next.
    pub(super) next: i64,
    /// Where reading stood at the last clock record.
    pub(super) told: i64,
    pub(super) accepted: u64,
}

impl Progress {
    /// The place of a partition, if it is ours.
    pub(super) fn slot(&mut self, topic: &str, partition: i32) -> Option<usize> {
        let is = |slot: &Slot| slot.partition == partition && slot.topic == topic;
        if !self.slots.get(self.last).is_some_and(is) {
            self.last = self.slots.iter().position(is)?;
        }
        Some(self.last)
    }

    pub(super) fn took(&mut self, slot: usize, message: &BorrowedMessage<'_>, sent: &Sent) {
        let slot = &mut self.slots[slot];
        slot.next = message.offset() + 1;
        self.input_bytes += weight(message);
        match sent {
            Sent::Event { bytes } => {
                slot.accepted += 1;
                self.accepted += 1;
                self.log_bytes += *bytes as u64;
            }
            Sent::DeadLetter => self.rejected += 1,
        }
    }

    /// What is committed with a transaction: all partitions, moved or not; they are the fence. The text goes with
    /// each.
    pub(super) fn offsets(&self, memo: &str) -> Result<TopicPartitionList, Failure> {
        let mut list = TopicPartitionList::with_capacity(self.slots.len());
        for slot in &self.slots {
            let mut element = list.add_partition(&slot.topic, slot.partition);
            element.set_offset(Offset::Offset(slot.next))?;
            element.set_metadata(memo);
        }
        Ok(list)
    }

    pub(super) fn by_partition(&self) -> BTreeMap<TopicPartition, i64> {
        self.slots.iter().map(|slot| ((slot.topic.clone(), slot.partition), slot.next)).collect()
    }

    /// Counts into the metrics what came since `before`.
    pub(super) fn report(&self, before: &Progress, member: &Member) {
        let mut lags: BTreeMap<&str, i64> = BTreeMap::new();
        for (at, slot) in self.slots.iter().enumerate() {
            let then = before.slots.get(at).map_or(0, |b| b.accepted);
            if slot.accepted > then {
                metric::events_accepted(&slot.topic, slot.accepted - then);
            }
            if let Some(stats) = member.stats(&(slot.topic.clone(), slot.partition)) {
                *lags.entry(&slot.topic).or_default() += (stats.stable_end - slot.next).max(0);
            }
        }
        for (topic, lag) in lags {
            metric::intake_lag(topic, lag);
        }
    }
}
