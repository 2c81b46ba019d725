//! How clients are configured, and what their callbacks remember for the thread that polls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{NoCustomPartitioner, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Message, TopicPartitionList};

use crate::config::Config;
use crate::failure::{Failure, Kind};

/// Properties the guarantees rest on; what the configuration says about them is overruled.
pub const FORCED: [(&str, &str); 6] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("isolation.level", "read_committed"),
    ("auto.offset.reset", "error"),
    // Eager: a rebalance takes everything away and gives it back, so there is one path only.
    ("partition.assignment.strategy", "range"),
];

/// What a metadata, offset or watermark request may take.
pub(crate) const REQUEST: Duration = Duration::from_secs(30);

/// One partition of one topic.
pub(crate) type TopicPartition = (String, i32);

/// A reader without group membership: it is told where to read and never commits.
pub(crate) fn reader_config(config: &Config) -> ClientConfig {
    let mut client = base(config, "reader");
    client.set("group.id", format!("{}-reader", config.group));
    force(&mut client);
    client
}

/// A member of the group of a stage.
pub(crate) fn member_config(config: &Config, stage: &str) -> ClientConfig {
    let mut client = base(config, stage);
    // A restarted instance takes its partitions back at once instead of waiting for its former self to expire.
    default(&mut client, config, "group.instance.id", &format!("{}-{stage}", config.instance));
    default(&mut client, config, "session.timeout.ms", "15000");
    default(&mut client, config, "max.poll.interval.ms", "900000");
    default(&mut client, config, "statistics.interval.ms", "1000");
    client.set("group.id", group_id(config, stage));
    force(&mut client);
    client
}

/// The consumer group of a stage.
pub(crate) fn group_id(config: &Config, stage: &str) -> String {
    format!("{}-{stage}", config.group)
}

/// The transactional producer of a stage.
pub(crate) fn producer_config(config: &Config, stage: &str) -> ClientConfig {
    let mut client = base(config, stage);
    default(&mut client, config, "compression.type", "zstd");
    default(&mut client, config, "linger.ms", "5");
    default(&mut client, config, "queue.buffering.max.messages", "200000");
    default(&mut client, config, "transaction.timeout.ms", "10000");
    // A plan's text may have 1 MiB; an epoch record holds the open episodes.
    default(&mut client, config, "message.max.bytes", "8388608");
    client.set("transactional.id", format!("{}-{}-{stage}", config.group, config.instance));
    client.set("enable.idempotence", "true");
    // Where a null-keyed or foreign-keyed dead letter goes; log partitions are always named.
    client.set("partitioner", "murmur2_random");
    client
}

/// For administration.
pub(crate) fn admin_config(config: &Config) -> ClientConfig {
    base(config, "admin")
}

fn base(config: &Config, role: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("client.id", format!("{}-{role}", config.instance));
    for (key, value) in &config.kafka {
        client.set(key, value);
    }
    client
}

fn default(client: &mut ClientConfig, config: &Config, key: &str, value: &str) {
    if !config.kafka.contains_key(key) {
        client.set(key, value);
    }
}

fn force(client: &mut ClientConfig) {
    for (key, value) in FORCED {
        client.set(key, value);
    }
}

/// A change of a member's partitions, to be answered by its owner between polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rebalance {
    /// These are ours, once we call `assign`.
    Assigned(Vec<TopicPartition>),
    /// Everything is taken, once we call `unassign`.
    Revoked,
}

/// What librdkafka knows about a partition being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionStats {
    /// The end of the partition as of the last time the fetcher stood at it; negative if it never did.
    pub(crate) eof_offset: i64,
    /// Nothing that was fetched waits to be polled.
    pub(crate) drained: bool,
    /// The last stable offset.
    pub(crate) stable_end: i64,
}

/// Keeps rebalances and statistics for the polling thread. Callbacks run inside `poll`, where blocking is
/// forbidden; so they only remember.
#[derive(Default)]
pub(crate) struct MemberContext {
    rebalances: Mutex<VecDeque<Rebalance>>,
    stats: Mutex<BTreeMap<TopicPartition, PartitionStats>>,
    closing: AtomicBool,
}

impl ClientContext for MemberContext {
    fn stats(&self, statistics: Statistics) {
        let mut stats = lock(&self.stats);
        for (topic, t) in statistics.topics {
            for (partition, p) in t.partitions {
                if partition >= 0 {
                    let seen = PartitionStats {
                        eof_offset: p.eof_offset,
                        drained: p.fetchq_cnt == 0,
                        stable_end: p.ls_offset,
                    };
                    stats.insert((topic.clone(), partition), seen);
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is what every reader strives for.
        if !matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            tracing::warn!(%error, reason, "kafka client");
        }
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // Nobody polls for the answer any more; closing waits for it.
            if let Err(error) = consumer.unassign() {
                tracing::debug!(%error, "unassign while closing");
            }
            return;
        }
        let event = match assigned {
            true => {
                let elements = list.elements();
                Rebalance::Assigned(elements.iter().map(|e| (e.topic().to_owned(), e.partition())).collect())
            }
            false => Rebalance::Revoked,
        };
        lock(&self.rebalances).push_back(event);
    }
}

/// A member of a consumer group.
pub(crate) struct Member {
    consumer: BaseConsumer<MemberContext>,
}

impl Member {
    pub(crate) fn join(config: &Config, stage: &str, topics: &[&str]) -> Result<Member, Failure> {
        let client = member_config(config, stage);
        let consumer = BaseConsumer::from_config_and_context(&client, MemberContext::default())?;
        consumer.subscribe(topics)?;
        Ok(Member { consumer })
    }

    pub(crate) fn consumer(&self) -> &BaseConsumer<MemberContext> {
        &self.consumer
    }

    /// Generation and member id as of now. Taken when partitions are assigned and kept for as long as they are:
    /// a member that has lost them meanwhile commits under its old generation and is refused, whatever its
    /// client has learnt in the background.
    pub(crate) fn group(&self) -> Result<ConsumerGroupMetadata, Failure> {
        self.consumer.group_metadata().ok_or_else(|| Failure::new(Kind::Unavailable, "not in a group yet"))
    }

    /// The oldest rebalance not yet [answered](Member::answered).
    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        lock(&self.consumer.context().rebalances).front().cloned()
    }

    /// The oldest rebalance is dealt with.
    pub(crate) fn answered(&self) {
        lock(&self.consumer.context().rebalances).pop_front();
    }

    /// Whether a rebalance waits for its answer, the one being answered included.
    pub(crate) fn rebalancing(&self) -> bool {
        !lock(&self.consumer.context().rebalances).is_empty()
    }

    pub(crate) fn stats(&self, partition: &TopicPartition) -> Option<PartitionStats> {
        lock(&self.consumer.context().stats).get(partition).copied()
    }

    /// What is known of a former assignment says nothing about the next one.
    pub(crate) fn forget_stats(&self) {
        lock(&self.consumer.context().stats).clear();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.consumer.context().closing.store(true, Ordering::Release);
    }
}

/// Counts what could not be delivered: `flush` returning Ok proves nothing.
#[derive(Clone, Default)]
pub(crate) struct DeliveryContext {
    failed: Arc<AtomicU64>,
    why: Arc<Mutex<Option<KafkaError>>>,
}

impl DeliveryContext {
    pub(crate) fn take_failed(&self) -> u64 {
        self.failed.swap(0, Ordering::AcqRel)
    }

    /// Why the last one failed.
    pub(crate) fn why(&self) -> String {
        lock(&self.why).as_ref().map_or_else(|| "no reason given".to_owned(), KafkaError::to_string)
    }
}

impl ClientContext for DeliveryContext {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client");
    }
}

impl ProducerContext<NoCustomPartitioner> for DeliveryContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            self.failed.fetch_add(1, Ordering::AcqRel);
            *lock(&self.why) = Some(error.clone());
            tracing::debug!(%error, topic = message.topic(), "not delivered");
        }
    }
}

/// The data under these locks is whole after every statement, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
