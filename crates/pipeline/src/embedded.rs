//! A broker inside the process, for demonstrations and quick tests.
//!
//! It forgets what exceeds 5 MiB per partition, ignores aborts, fences nobody and compacts nothing: a bounded
//! ring for readers that keep up. Nothing about exactly-once, retention or replay may be concluded from it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::message::OwnedHeaders;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::flow::Flows;
use crate::status::StatusHandle;

/// How far a writer may run ahead of the reader behind it: well inside what a partition holds.
pub const AHEAD_BYTES: u64 = 2 << 20;

/// How often its clients learn how far they have read. A player that waits for three of these after
/// [`Feeder::settle`] is sure that intake knows it stands at the end of its inputs.
pub const STATISTICS: Duration = Duration::from_millis(20);

/// The broker; it ends when dropped.
pub struct Embedded {
    cluster: MockCluster<'static, DefaultProducerContext>,
    flows: Flows,
}

impl Embedded {
    /// Starts a broker and makes the topics of `config`, one partition each, which is pointed at it and made fit
    /// for it.
    pub fn start(config: &mut Config) -> Result<Embedded, Failure> {
        let cluster = MockCluster::new(1)?;
        config.kafka = BTreeMap::from([
            ("bootstrap.servers".to_owned(), cluster.bootstrap_servers()),
            // It knows no static members.
            ("group.instance.id".to_owned(), String::new()),
            // It answers a fetch when the wait is over, not when something comes.
            ("fetch.wait.max.ms".to_owned(), "5".to_owned()),
            // That a partition has been read to its end is known from the statistics.
            ("statistics.interval.ms".to_owned(), STATISTICS.as_millis().to_string()),
        ]);
        config.topics.create = false;
        config.topics.log_partitions = 1;
        config.intake.commit_every = Duration::from_millis(20);
        config.engine.commit_every = Duration::from_millis(20);
        config.engine.checkpoints = None;
        let inputs = config.topics.inputs();
        let own = config.topics.own();
        for topic in inputs.keys().map(String::as_str).filter(|name| !own.contains(name)).chain(own) {
            cluster.create_topic(topic, 1, 1)?;
        }
        Ok(Embedded { cluster, flows: Flows { limit: Some(AHEAD_BYTES), ..Flows::default() } })
    }

    /// Where clients connect.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// To hand to the pipeline, so that intake waits for the engine.
    pub fn flows(&self) -> Flows {
        self.flows.clone()
    }

    /// A producer for the inputs that waits for intake.
    pub fn feeder(&self) -> Result<Feeder, Failure> {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.bootstrap_servers()).set("linger.ms", "1");
        Ok(Feeder { producer: client.create()?, flows: self.flows.clone() })
    }
}

/// Feeds input topics no faster than intake takes them.
pub struct Feeder {
    producer: ThreadedProducer<DefaultProducerContext>,
    flows: Flows,
}

impl Feeder {
    /// Sends one message, stamped `timestamp` (milliseconds); waits while intake is too far behind. Fails when
    /// the pipeline has, or when nothing moves for half a minute.
    pub fn send(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        timestamp: i64,
        status: &StatusHandle,
    ) -> Result<(), Failure> {
        let bytes = (key.len() + value.len()) as u64;
        self.wait_until(status, |flows| flows.inputs.ahead() + bytes <= AHEAD_BYTES)?;
        let content = rdkafka::message::Header { key: "content-type", value: Some("application/json") };
        let headers = OwnedHeaders::new().insert(content);
        let record = BaseRecord::to(topic).key(key).payload(value).timestamp(timestamp).headers(headers);
        self.flows.inputs.wrote(bytes);
        self.producer.send(record).map_err(|(error, _)| error.into())
    }

    /// Waits until intake has taken all that was sent, and the engine all that intake wrote.
    pub fn settle(&self, status: &StatusHandle) -> Result<(), Failure> {
        self.producer.flush(Duration::from_secs(10))?;
        self.wait_until(status, |flows| flows.inputs.ahead() == 0)?;
        self.wait_until(status, |flows| flows.log.ahead() == 0)
    }

    fn wait_until(&self, status: &StatusHandle, reached: impl Fn(&Flows) -> bool) -> Result<(), Failure> {
        let patience = Instant::now() + Duration::from_secs(30);
        while !reached(&self.flows) {
            if let Some(failed) = status.get().failed {
                return Err(Failure::new(Kind::Unavailable, failed));
            }
            if Instant::now() > patience {
                return Err(Failure::new(Kind::Unavailable, "the embedded broker's readers do not move"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}
