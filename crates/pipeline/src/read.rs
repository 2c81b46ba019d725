//! Reading a stretch of a partition once, without a group.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use plumbline_engine::task::Bounds;
use rdkafka::config::ClientConfig;
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

/// How long a broker may take to be heard of before somebody is told.
const UNHEARD: Duration = Duration::from_secs(3);

/// A reader of stretches.
pub(crate) struct Reader {
    consumer: BaseConsumer,
    servers: String,
}

/// Nothing to do meanwhile.
pub(crate) fn nothing<B>() -> ControlFlow<B> {
    ControlFlow::Continue(())
}

impl Reader {
    pub(crate) fn new(config: &Config) -> Result<Reader, Failure> {
        Reader::of(config, &reader_config(config))
    }

    /// A reader that sees what is not committed, too.
    pub(crate) fn of_everything(config: &Config) -> Result<Reader, Failure> {
        Reader::of(config, reader_config(config).set("isolation.level", "read_uncommitted"))
    }

    /// A reader that may ask for what the group of a stage has committed, without being its member.
    pub(crate) fn onlooker(config: &Config, stage: &str) -> Result<Reader, Failure> {
        let mut client = reader_config(config);
        client.set("group.id", group_id(config, stage));
        Reader::of(config, &client)
    }

    fn of(config: &Config, client: &ClientConfig) -> Result<Reader, Failure> {
        let servers = config.kafka.get("bootstrap.servers").cloned().unwrap_or_default();
        Ok(Reader { consumer: client.create()?, servers })
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
        let first = self.consumer.fetch_metadata(Some(topic), UNHEARD);
        let metadata = first.or_else(|error| {
            let (servers, seconds) = (&self.servers, REQUEST.as_secs());
            tracing::warn!(%error, "no answer from Kafka at {servers} yet; trying for {seconds} s");
            self.consumer.fetch_metadata(Some(topic), REQUEST)
        });
        let metadata = metadata.map_err(|error| {
            Failure::from(error).during(format!("no answer from Kafka at {}", self.servers))
        })?;
        let found = metadata.topics().iter().find(|t| t.name() == topic && t.error().is_none());
        Ok(found.map_or(0, |t| t.partitions().len() as i32))
    }

    pub(crate) fn bounds(&self, topic: &str, partition: i32) -> Result<Bounds, Failure> {
        let (low, high) = self.consumer.fetch_watermarks(topic, partition, REQUEST)?;
        Ok(Bounds { low, high })
    }

    /// Waits until everything written so far is decided, committed or not: behind a transaction that another instance
    /// has open, what is committed cannot be read yet. `meanwhile` is called now and then and may break.
    pub(crate) fn wait_for_open_transactions<B>(
        &self,
        everything: &Reader,
        (topic, partition): (&str, i32),
        mut meanwhile: impl FnMut() -> ControlFlow<B>,
    ) -> Result<Option<B>, Failure> {
        let written = everything.bounds(topic, partition)?.high;
        let begun = Instant::now();
        while self.bounds(topic, partition)?.high < written {
            if begun.elapsed() > SILENCE {
                let message = format!("{topic}/{partition}: a transaction stays open");
                return Err(Failure::new(Kind::Unavailable, message));
            }
            if let ControlFlow::Break(found) = meanwhile() {
                return Ok(Some(found));
            }
            std::thread::sleep(MEANWHILE / 10);
        }
        Ok(None)
    }

    /// Hands every committed record from `from` (`None`: the oldest) up to but not including offset `upto`
    /// (`None`: the end as it is now) to `each`, until it breaks. `meanwhile` is called now and then and may
    /// break, too. An end before `upto` is that of a broker which has not caught up yet, and is waited out.
    pub(crate) fn read<B>(
        &self,
        (topic, partition): (&str, i32),
        from: Option<i64>,
        upto: Option<i64>,
        mut meanwhile: impl FnMut() -> ControlFlow<B>,
        mut each: impl FnMut(&BorrowedMessage<'_>) -> ControlFlow<B>,
    ) -> Result<Option<B>, Failure> {
        // The client tells the end of a partition by an empty answer, which a busy one never gives.
        let (start, upto) = match (from, upto) {
            (Some(from), Some(upto)) => (from, upto),
            (from, upto) => {
                let bounds = self.bounds(topic, partition)?;
                (from.unwrap_or(bounds.low), upto.unwrap_or(bounds.high))
            }
        };
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, from.map_or(Offset::Beginning, Offset::Offset))?;
        self.consumer.assign(&list)?;
        let mut heard = Instant::now();
        let mut told = Instant::now();
        // Some end has been seen: from then on the client's position is one of this very stretch.
        let mut ended = false;
        let outcome = loop {
            if told.elapsed() > MEANWHILE {
                if let ControlFlow::Break(found) = meanwhile() {
                    break Ok(Some(found));
                }
                told = Instant::now();
            }
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if message.offset() >= upto {
                        break Ok(None);
                    }
                    if let ControlFlow::Break(found) = each(&message) {
                        break Ok(Some(found));
                    }
                }
                quiet @ (None | Some(Err(KafkaError::PartitionEOF(_)))) => {
                    ended |= quiet.is_some();
                    if ended && (start >= upto || self.position(topic, partition)? >= upto) {
                        break Ok(None);
                    }
                    if heard.elapsed() > SILENCE {
                        let seconds = SILENCE.as_secs();
                        let message = format!(
                            "{topic}/{partition}: not read up to {upto}, and nothing for {seconds} s"
                        );
                        break Err(Failure::new(Kind::Unavailable, message));
                    }
                }
                Some(Err(error)) if is_fleeting(&error) => {}
                Some(Err(error)) => {
                    break Err(Failure::from(error).during(format!("reading {topic}/{partition}")));
                }
            }
        };
        self.consumer.unassign()?;
        outcome
    }

    /// The offset behind what has been read of an assigned partition, control records included; negative before
    /// anything has.
    fn position(&self, topic: &str, partition: i32) -> Result<i64, Failure> {
        let position = self.consumer.position()?;
        Ok(match position.find_partition(topic, partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => -1,
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

    fn write(broker: &str, range: std::ops::Range<i64>) {
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", broker).create().expect("a producer");
        for number in range {
            producer.send(BaseRecord::<(), _>::to("log").payload(&number.to_string())).expect("room");
        }
        producer.flush(Duration::from_secs(10)).expect("written");
    }

    #[test]
    fn who_is_asked_to_end_waits_for_no_open_transaction() {
        let cluster = |records| {
            let cluster = MockCluster::new(1).expect("a mock cluster");
            cluster.create_topic("log", 1, 1).expect("a topic");
            write(&cluster.bootstrap_servers(), 0..records);
            cluster
        };
        // What is committed stays behind what is written.
        let (committed, written) = (cluster(1), cluster(3));
        let config = |cluster: &MockCluster<'_, _>| Config {
            kafka: [("bootstrap.servers".to_owned(), cluster.bootstrap_servers())].into(),
            ..Config::default()
        };
        let reader = Reader::new(&config(&committed)).unwrap();
        let everything = Reader::of_everything(&config(&written)).unwrap();
        let mut left = 3;
        let begun = Instant::now();
        let waited = reader.wait_for_open_transactions(&everything, ("log", 0), || {
            left -= 1;
            if left == 0 { ControlFlow::Break("asked to end") } else { ControlFlow::Continue(()) }
        });
        assert_eq!(waited.unwrap(), Some("asked to end"));
        assert!(begun.elapsed() < SILENCE / 4, "{:?}", begun.elapsed());
        let decided = Reader::of_everything(&config(&committed)).unwrap();
        let waited = reader.wait_for_open_transactions(&decided, ("log", 0), || ControlFlow::Break(()));
        assert_eq!(waited.unwrap(), None, "all is decided");
    }

    /// A broker that has just become leader may know less than what was committed.
    #[test]
    fn an_end_before_the_wanted_offset_is_waited_out() {
        let cluster = MockCluster::new(1).expect("a mock cluster");
        cluster.create_topic("log", 1, 1).expect("a topic");
        let broker = cluster.bootstrap_servers();
        write(&broker, 0..3);
        let kafka = [("bootstrap.servers".to_owned(), broker.clone())].into();
        let config = Config { kafka, ..Config::default() };
        let reader = Reader::new(&config).unwrap();
        let mut seen = Vec::new();
        let mut late = None;
        let begun = Instant::now();
        let outcome = reader.read::<()>(
            ("log", 0),
            Some(0),
            Some(5),
            || {
                if late.is_none() && begun.elapsed() > Duration::from_secs(2) {
                    write(&broker, 3..5);
                    late = Some(Instant::now());
                }
                ControlFlow::Continue(())
            },
            |message| {
                seen.push(message.offset());
                ControlFlow::Continue(())
            },
        );
        assert!(matches!(outcome, Ok(None)), "{outcome:?}");
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        assert!(late.is_some());
        // What is there already is not waited for, nor is an empty stretch.
        for (from, upto, expected) in [(Some(3), None, 2), (None, Some(2), 2), (Some(5), Some(5), 0)] {
            let mut count = 0;
            let each = |_: &BorrowedMessage<'_>| {
                count += 1;
                ControlFlow::<()>::Continue(())
            };
            reader.read(("log", 0), from, upto, nothing, each).unwrap();
            assert_eq!(count, expected, "{from:?} {upto:?}");
        }
    }
}
