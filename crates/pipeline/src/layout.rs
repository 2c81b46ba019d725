//! The log's number of partitions, which must never change: a workspace lives in the partition its name hashes to,
//! and with another number its events would go on elsewhere, away from its state. Both groups remember the number
//! beside their committed offsets.

use plumbline_engine::task::remembered_partitions;
use rdkafka::TopicPartitionList;

use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::read::Reader;

/// Fails where the log has another number of partitions than at the start, or than what is committed remembers.
pub(crate) fn unchanged(
    config: &Config,
    reader: &Reader,
    at_start: i32,
    committed: &TopicPartitionList,
) -> Result<(), Failure> {
    let now = reader.partitions(&config.topics.log)?;
    let remembered =
        committed.elements().iter().find_map(|e| remembered_partitions(e.metadata()).filter(|n| *n != now));
    match remembered.or((at_start != now).then_some(at_start)) {
        None => Ok(()),
        Some(then) => Err(changed(config, then, now)),
    }
}

fn changed(config: &Config, then: i32, now: i32) -> Failure {
    let message = format!(
        "the log `{}` was begun with {then} partitions and has {now}: events of a workspace would be judged apart from \
         its past. Kafka takes no partition away again: name a new log ([topics] log) and a new `group`, and let intake \
         read the inputs again into it; `plumbline log export` prints what the inputs no longer hold",
        config.topics.log
    );
    Failure::new(Kind::Data, message)
}
