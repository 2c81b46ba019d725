//! How far the inputs have been read, towards Kafka and the metrics.

use std::collections::BTreeMap;

use plumbline_engine::intake::Progress;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{Member, TopicPartition};
use crate::failure::Failure;
use crate::metric;

/// What is committed with a transaction: all partitions, moved or not; they are the fence. The text goes with
/// each.
pub(super) fn offsets(progress: &Progress, memo: &str) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::with_capacity(progress.slots.len());
    for slot in &progress.slots {
        let mut element = list.add_partition(&slot.topic, slot.partition);
        element.set_offset(Offset::Offset(slot.next))?;
        element.set_metadata(memo);
    }
    Ok(list)
}

pub(super) fn by_partition(progress: &Progress) -> BTreeMap<TopicPartition, i64> {
    progress.slots.iter().map(|slot| ((slot.topic.clone(), slot.partition), slot.next)).collect()
}

/// Counts into the metrics what came since `before`.
pub(super) fn report(progress: &Progress, before: &Progress, member: &Member) {
    let mut lags: BTreeMap<&str, i64> = BTreeMap::new();
    for (at, slot) in progress.slots.iter().enumerate() {
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
