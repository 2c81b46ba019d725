//! Reading a stretch of a partition once, without a group.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use plumbline_engine::task::Bounds;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::client::{REQUEST, group_id, reader_config};
use crate::config::Config;
use crate::failure::{Failure, Kind};

/// How long a read may go without a message before it counts as stuck.
const SILENCE: Duration = Duration::from_secs(60);
/// Time between looks at what else there is to do.
const MEANWHILE: Duration = Duration::from_millis(500);

/// A reader of stretches.
pub(crate) struct Reader {
    consumer: BaseConsumer,
}

/// Nothing to do meanwhile.
pub(crate) fn nothing<B>() -> ControlFlow<B> {
    ControlFlow::Continue(())
}

impl Reader {
    pub(crate) fn new(config: &Config) -> Result<Reader, Failure> {
        Ok(Reader { consumer: reader_config(config).create()? })
    }

    /// A reader that may ask for what the group of a stage has committed, without being its member.
    pub(crate) fn onlooker(config: &Config, stage: &str) -> Result<Reader, Failure> {
        let mut client = reader_config(config);
        client.set("group.id", group_id(config, stage));
        Ok(Reader { consumer: client.create()? })
    }

    /// What the group has committed of these partitions; only for an [onlooker](Reader::onlooker).
    pub(crate) fn committed(
        &self,
        topic: &str,
        partitions: impl IntoIterator<Item = i32>,
        patience: Duration,
    ) -> Result<TopicPartitionList, Failure> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(topic, partition);
        }
        Ok(self.consumer.committed_offsets(list, patience)?)
    }

    /// Number of partitions of a topic; 0 where it does not exist.
    pub(crate) fn partitions(&self, topic: &str) -> Result<i32, Failure> {
        let metadata = self.consumer.fetch_metadata(Some(topic), REQUEST)?;
        let found = metadata.topics().iter().find(|t| t.name() == topic && t.error().is_none());
        Ok(found.map_or(0, |t| t.partitions().len() as i32))
    }

    pub(crate) fn bounds(&self, topic: &str, partition: i32) -> Result<Bounds, Failure> {
        let (low, high) = self.consumer.fetch_watermarks(topic, partition, REQUEST)?;
        Ok(Bounds { low, high })
    }

    /// Hands every committed record from `from` (`None`: the oldest) up to but not including offset `upto`
    /// (`None`: the end as it is now) to `each`, until it breaks. `meanwhile` is called now and then and may
    /// break, too.
    pub(crate) fn read<B>(
        &self,
        (topic, partition): (&str, i32),
        from: Option<i64>,
        upto: Option<i64>,
        mut meanwhile: impl FnMut() -> ControlFlow<B>,
        mut each: impl FnMut(&BorrowedMessage<'_>) -> ControlFlow<B>,
    ) -> Result<Option<B>, Failure> {
        // The client tells the end of a partition by an empty answer, which a busy one never gives.
        let upto = match upto {
            Some(offset) => offset,
            None => self.bounds(topic, partition)?.high,
        };
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, from.map_or(Offset::Beginning, Offset::Offset))?;
        self.consumer.assign(&list)?;
        let mut heard = Instant::now();
        let mut told = Instant::now();
        let outcome = loop {
            if told.elapsed() > MEANWHILE {
                if let ControlFlow::Break(found) = meanwhile() {
                    break Ok(Some(found));
                }
                told = Instant::now();
            }
            match self.consumer.poll(Duration::from_millis(100)) {
                None if heard.elapsed() > SILENCE => {
                    let message = format!("{topic}/{partition}: nothing read for {} s", SILENCE.as_secs());
                    break Err(Failure::new(Kind::Unavailable, message));
                }
                None => {}
                Some(Err(KafkaError::PartitionEOF(_))) => break Ok(None),
                Some(Err(error)) if is_fleeting(&error) => {}
                Some(Err(error)) => {
                    break Err(Failure::from(error).during(format!("reading {topic}/{partition}")));
                }
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if message.offset() >= upto {
                        break Ok(None);
                    }
                    if let ControlFlow::Break(found) = each(&message) {
                        break Ok(Some(found));
                    }
                }
            }
        };
        self.consumer.unassign()?;
        outcome
    }
}

/// Whether the client mends this error by itself.
pub(crate) fn is_fleeting(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        error,
        KafkaError::MessageConsumption(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::OperationTimedOut
                | Code::Resolve
                | Code::NotCoordinator
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::RequestTimedOut
                | Code::NetworkException
                | Code::OffsetNotAvailable
                | Code::PollExceeded
                | Code::RebalanceInProgress
                | Code::IllegalGeneration
                | Code::UnknownMemberId
        )
    )
}
