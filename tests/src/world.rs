//! One test's own topics on a broker: what is written to them, what is read from them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use plumbline_events::{LogRecord, RecordView, decode_record};
use plumbline_pipeline::Config;
use plumbline_units::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// A test's topics, all under one prefix.
pub struct World {
    address: String,
    /// The configuration of a pipeline over these topics.
    pub config: Config,
    producer: ThreadedProducer<DefaultProducerContext>,
}

/// A record as a `read_committed` reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it stood.
    pub partition: i32,
    /// Where it stood.
    pub offset: i64,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value; empty for a tombstone.
    pub value: Vec<u8>,
    /// Its headers.
    pub headers: BTreeMap<String, Vec<u8>>,
}

impl Seen {
    /// A header as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or("")
    }
}

impl World {
    /// A world named after the test: input topics of 3, 2 and 1 partitions, a log of 2.
    pub fn new(address: &str, test: &str) -> anyhow::Result<World> {
        World::sized(address, test, 2)
    }

    /// The same with a log of so many partitions.
    pub fn sized(address: &str, test: &str, log_partitions: i32) -> anyhow::Result<World> {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let prefix = format!("{test}-{nanos:x}");
        let mut config =
            Config { instance: format!("{prefix}-a"), group: prefix.clone(), ..Config::default() };
        config.kafka = BTreeMap::from([("bootstrap.servers".to_owned(), address.to_owned())]);
        let topics = &mut config.topics;
        for name in topics.leads.iter_mut().chain(&mut topics.opportunities).chain(&mut topics.spend) {
            *name = format!("{prefix}.{name}");
        }
        for name in [
            &mut topics.replay,
            &mut topics.log,
            &mut topics.alerts,
            &mut topics.aggregates,
            &mut topics.dead_letters,
        ] {
            *name = format!("{prefix}.{name}");
        }
        topics.log_partitions = log_partitions;
        let inputs = [
            (topics.leads[0].clone(), 3),
            (topics.opportunities[0].clone(), 2),
            (topics.spend[0].clone(), 1),
        ];
        make_topics(address, &inputs)?;
        plumbline_pipeline::ensure_topics(&config)?;
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", address).set("linger.ms", "5").set("compression.type", "lz4");
        // A broker that dies must not make two of one.
        client.set("enable.idempotence", "true");
        Ok(World { address: address.to_owned(), config, producer: client.create()? })
    }

    /// Sends one message; waits while the client's queue is full.
    pub fn send(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        headers: &[(&str, &[u8])],
    ) -> anyhow::Result<()> {
        let mut own = OwnedHeaders::new();
        for (key, value) in headers {
            own = own.insert(Header { key, value: Some(*value) });
        }
        self.push(BaseRecord::to(topic).key(key).payload(value).headers(own))
    }

    /// Sends one message with a time of its own, in milliseconds.
    pub fn send_stamped(&self, topic: &str, key: &[u8], value: &[u8], timestamp: i64) -> anyhow::Result<()> {
        self.push(BaseRecord::to(topic).key(key).payload(value).timestamp(timestamp))
    }

    fn push(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> anyhow::Result<()> {
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// Waits until everything sent is on its topic.
    pub fn flush(&self) -> anyhow::Result<()> {
        Ok(self.producer.flush(Duration::from_secs(60))?)
    }

    /// Everything committed on a topic, by partition and offset.
    pub fn read(&self, topic: &str) -> anyhow::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        self.each(topic, |record| seen.push(record))?;
        Ok(seen)
    }

    /// Hands everything committed on a topic to `each`.
    pub fn each(&self, topic: &str, mut each: impl FnMut(Seen)) -> anyhow::Result<()> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .set("group.id", "reader")
            // The end is told by an empty answer; the clock's records must leave room for one.
            .set("fetch.wait.max.ms", "20")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .create()?;
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30))?;
        let partitions = metadata.topics().first().context("no such topic")?.partitions().len() as i32;
        for partition in 0..partitions {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
            consumer.assign(&list)?;
            loop {
                match consumer.poll(Duration::from_secs(30)) {
                    Some(Ok(message)) => each(Seen {
                        partition,
                        offset: message.offset(),
                        key: message.key().unwrap_or_default().to_vec(),
                        value: message.payload().unwrap_or_default().to_vec(),
                        headers: message
                            .headers()
                            .map(|h| {
                                h.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec()))
                            })
                            .map(Iterator::collect)
                            .unwrap_or_default(),
                    }),
                    Some(Err(KafkaError::PartitionEOF(_))) => break,
                    Some(Err(error)) => return Err(error.into()),
                    None => bail!("{topic}/{partition}: nothing for 30 s"),
                }
            }
        }
        Ok(())
    }

    /// The times that the log's clock records tell.
    pub fn clocks(&self) -> anyhow::Result<Vec<Timestamp>> {
        let mut times = Vec::new();
        self.each(&self.config.topics.log, |seen| {
            if let Ok(RecordView::Clock(clock)) = decode_record(&seen.value) {
                times.push(clock.time);
            }
        })?;
        Ok(times)
    }

    /// The sum of what the group of a stage has committed: the engine's in the log, intake's in the leads.
    pub fn committed_in_all(&self, stage: &str) -> anyhow::Result<i64> {
        let topics = &self.config.topics;
        let (topic, partitions) = match stage {
            "engine" => (&topics.log, topics.log_partitions),
            _ => (&topics.leads[0], 3),
        };
        (0..partitions).map(|partition| self.committed(stage, topic, partition)).sum()
    }

    /// What intake has committed in all inputs: as many as they held messages, once all are read.
    pub fn intake_committed(&self) -> anyhow::Result<i64> {
        let topics = &self.config.topics;
        let mut sum = 0;
        for (topic, partitions) in
            [(&topics.leads[0], 3), (&topics.opportunities[0], 2), (&topics.spend[0], 1)]
        {
            for partition in 0..partitions {
                sum += self.committed("intake", topic, partition)?;
            }
        }
        Ok(sum)
    }

    /// Where each partition of the log ends.
    pub fn log_ends(&self) -> anyhow::Result<Vec<i64>> {
        self.ends(&self.config.topics.log, self.config.topics.log_partitions)
    }

    /// Where each of so many partitions of a topic ends.
    pub fn ends(&self, topic: &str, partitions: i32) -> anyhow::Result<Vec<i64>> {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &self.address).create()?;
        let end = |partition| consumer.fetch_watermarks(topic, partition, Duration::from_secs(30));
        (0..partitions).map(|partition| Ok(end(partition)?.1)).collect()
    }

    /// What the group of a stage has committed in a partition; 0 where nothing.
    pub fn committed(&self, stage: &str, topic: &str, partition: i32) -> anyhow::Result<i64> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .set("group.id", format!("{}-{stage}", self.config.group))
            // Otherwise it would wait for the end of a dead member's transaction.
            .set("isolation.level", "read_uncommitted")
            .create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let found = consumer.committed_offsets(list, Duration::from_secs(30))?;
        let element = found.find_partition(topic, partition).context("the partition")?;
        Ok(match element.offset() {
            Offset::Offset(next) => next,
            _ => 0,
        })
    }

    /// The aggregates topic as compaction leaves it.
    pub fn aggregates(&self) -> anyhow::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut aggregates = BTreeMap::new();
        self.each(&self.config.topics.aggregates, |seen| {
            match seen.value.is_empty() {
                true => aggregates.remove(&seen.key),
                false => aggregates.insert(seen.key, seen.value),
            };
        })?;
        Ok(aggregates)
    }

    /// How many events the log holds.
    pub fn log_events(&self) -> anyhow::Result<u64> {
        let mut count = 0;
        self.each(&self.config.topics.log, |seen| {
            count += u64::from(matches!(decode_record(&seen.value), Ok(RecordView::Event(_))));
        })?;
        Ok(count)
    }

    /// Whether the log has been told that `sent` inputs are read and that those are all: only then do ticks close.
    pub fn told_the_end(&self, sent: u64) -> anyhow::Result<bool> {
        let mut told = false;
        self.each(&self.config.topics.log, |seen| {
            if let Ok(RecordView::Clock(clock)) = decode_record(&seen.value) {
                let read: i64 = clock.inputs.iter().map(|input| input.next_offset).sum();
                told |= read as u64 >= sent && clock.inputs.iter().all(|input| input.at_end);
            }
        })?;
        Ok(told)
    }

    /// The log's records.
    pub fn log(&self) -> anyhow::Result<Vec<LogRecord>> {
        let records = self.read(&self.config.topics.log)?;
        records.iter().map(|record| Ok(decode_record(&record.value)?.to_owned())).collect()
    }
}

/// Makes topics with these numbers of partitions.
pub fn make_topics(address: &str, topics: &[(String, i32)]) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", address).create()?;
    let wanted: Vec<NewTopic<'_>> =
        topics.iter().map(|(name, n)| NewTopic::new(name, *n, TopicReplication::Fixed(1))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for made in runtime.block_on(admin.create_topics(&wanted, &AdminOptions::new()))? {
        made.map_err(|(topic, code)| anyhow::anyhow!("{topic}: {code}"))?;
    }
    Ok(())
}

/// Calls `done` until it holds; fails with `what` after `seconds`.
pub fn eventually(
    what: &str,
    seconds: u64,
    mut done: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(seconds);
    while !done()? {
        if Instant::now() > until {
            bail!("not within {seconds} s: {what}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
