//! One transactional producer, and what its errors ask for.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use crate::client::{DeliveryContext, producer_config};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::metric;
use crate::stop::Stop;

/// How long one step of a transaction is tried again before the process gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one call into the client may block.
const CALL: Duration = Duration::from_secs(5);
/// The least it is given.
const LEAST: Duration = Duration::from_millis(500);
/// How long after being asked to end a process goes on trying, in all.
const LAST_PATIENCE: Duration = Duration::from_secs(7);

/// After so many transactions in a row that did not commit, something is wrong that retrying does not mend.
const MAX_ABORTS: u32 = 10;
/// The longest wait after a transaction that did not commit: a member that has lost its partitions without knowing
/// it hears so with one of the next heartbeats.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Transactions given up in a row.
#[derive(Default)]
pub(crate) struct Aborts(u32);

impl Aborts {
    /// One has committed.
    pub(crate) fn clear(&mut self) {
        self.0 = 0;
    }

    /// One was given up: waits a little longer each time, and fails where there were too many. A member that the
    /// group does not know any more fails at once, for it has to join again.
    pub(crate) fn count(
        &mut self,
        stage: &'static str,
        failure: Failure,
        stop: &Stop,
    ) -> Result<(), Failure> {
        metric::transaction_aborted(stage);
        if failure.kind() == Kind::Displaced {
            return Err(failure);
        }
        tracing::warn!(%failure, stage, "transaction given up and repeated");
        self.0 += 1;
        if self.0 >= MAX_ABORTS {
            return Err(failure.during(format!("{MAX_ABORTS} {stage} transactions in a row")));
        }
        stop.pause((Duration::from_millis(50) * 2_u32.pow(self.0)).min(LONGEST_PAUSE));
        Ok(())
    }
}

/// Why a transaction did not commit.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It was given up; nothing of it is visible. The same work may be tried again.
    Aborted(Failure),
    /// The producer can no longer be used.
    Fatal(Failure),
}

impl Broken {
    pub(crate) fn failure(self) -> Failure {
        match self {
            Broken::Aborted(failure) | Broken::Fatal(failure) => failure,
        }
    }
}

/// One record to write.
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Option<OwnedHeaders>,
    /// Milliseconds; `None` takes the client's clock.
    pub(crate) timestamp: Option<i64>,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(topic: &'a str, key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Outgoing<'a> {
        Outgoing { topic, partition: None, key, value, headers: None, timestamp: None }
    }
}

/// The transactional producer of a stage. It has its own polling thread: aborting does not poll.
pub(crate) struct Transactions {
    producer: ThreadedProducer<DeliveryContext>,
    deliveries: DeliveryContext,
    stop: Stop,
    open: bool,
}

impl Transactions {
    /// Takes over the stage's transactional id: from here on, a former holder is fenced and what it left open
    /// is aborted.
    pub(crate) fn take_over(config: &Config, stage: &str, stop: Stop) -> Result<Transactions, Failure> {
        let deliveries = DeliveryContext::default();
        let client = producer_config(config, stage);
        let producer = ThreadedProducer::from_config_and_context(&client, deliveries.clone())?;
        match patiently(&stop, |call| producer.init_transactions(call)) {
            Ok(()) => Ok(Transactions { producer, deliveries, stop, open: false }),
            Err(Step::Abort(failure) | Step::Fatal(failure)) => {
                Err(failure.during("taking over transactions"))
            }
        }
    }

    /// Begins a transaction, unless one is open.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        if !self.open {
            self.producer.begin_transaction()?;
            self.deliveries.take_failed();
            self.open = true;
        }
        Ok(())
    }

    /// Adds a record to the open transaction; waits while the client's queue is full.
    pub(crate) fn send(&mut self, record: Outgoing<'_>) -> Result<(), Broken> {
        let mut outgoing: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(record.topic);
        outgoing.partition = record.partition;
        outgoing.key = record.key;
        outgoing.payload = record.value;
        outgoing.headers = record.headers;
        outgoing.timestamp = record.timestamp;
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < patience =>
                {
                    outgoing = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(self.give_up(error.into())),
            }
        }
    }

    /// Commits the open transaction together with the consumer's offsets. `group` is what the member was when it
    /// was given the partitions: it fences a member that has lost them.
    pub(crate) fn commit(
        &mut self,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), Broken> {
        let steps = self.try_commit(offsets, group);
        self.settle(steps)
    }

    /// Commits the open transaction of a producer that consumes nothing.
    pub(crate) fn commit_alone(&mut self) -> Result<(), Broken> {
        let steps = self
            .flush()
            .map_err(Step::Abort)
            .and_then(|()| patiently(&self.stop, |call| self.producer.commit_transaction(call)));
        self.settle(steps)
    }

    fn settle(&mut self, steps: Result<(), Step>) -> Result<(), Broken> {
        match steps {
            Ok(()) => {
                self.open = false;
                Ok(())
            }
            Err(Step::Abort(failure)) => Err(self.give_up(failure)),
            Err(Step::Fatal(failure)) => {
                self.open = false;
                Err(Broken::Fatal(failure))
            }
        }
    }

    fn try_commit(&self, offsets: &TopicPartitionList, group: &ConsumerGroupMetadata) -> Result<(), Step> {
        self.flush().map_err(Step::Abort)?;
        patiently(&self.stop, |call| self.producer.send_offsets_to_transaction(offsets, group, call))?;
        patiently(&self.stop, |call| self.producer.commit_transaction(call))
    }

    /// Waits until everything sent is delivered or has failed.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        let flushed = patiently(&self.stop, |call| self.producer.flush(call));
        flushed.map_err(|(Step::Abort(failure) | Step::Fatal(failure))| failure)?;
        match self.deliveries.take_failed() {
            0 => Ok(()),
            n => {
                let message = format!("{n} records could not be delivered: {}", self.deliveries.why());
                Err(Failure::new(Kind::Unavailable, message))
            }
        }
    }

    /// Aborts the open transaction, if any.
    pub(crate) fn abort(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        match patiently(&self.stop, |call| self.producer.abort_transaction(call)) {
            Ok(()) => Ok(()),
            Err(Step::Abort(failure) | Step::Fatal(failure)) => Err(failure.during("aborting")),
        }
    }

    /// Whether the transactional id is ours: its coordinator is asked to take offsets, which are then given up.
    /// Fails with [`Kind::Fenced`] where somebody else has taken it over.
    pub(crate) fn still_ours(
        &mut self,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), Failure> {
        self.abort()?;
        self.begin()?;
        match patiently(&self.stop, |call| self.producer.send_offsets_to_transaction(offsets, group, call)) {
            Ok(()) | Err(Step::Abort(_)) => self.abort(),
            Err(Step::Fatal(failure)) => {
                self.open = false;
                Err(failure)
            }
        }
    }

    fn give_up(&mut self, failure: Failure) -> Broken {
        if failure.kind() == Kind::Fenced {
            self.open = false;
            return Broken::Fatal(failure);
        }
        match self.abort() {
            Ok(()) => Broken::Aborted(failure),
            Err(second) => Broken::Fatal(second),
        }
    }
}

enum Step {
    Abort(Failure),
    Fatal(Failure),
}

/// Repeats a call while the client says that repeating it helps. The call is told how long it may block.
fn patiently(stop: &Stop, mut call: impl FnMut(Duration) -> KafkaResult<()>) -> Result<(), Step> {
    let begun = Instant::now();
    loop {
        let until = stop.since().map_or(begun + PATIENCE, |asked| asked + LAST_PATIENCE);
        // Asked to end long ago, it is tried once all the same.
        let left = until.saturating_duration_since(Instant::now());
        let error = match call(left.clamp(LEAST, CALL)) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let again = match &error {
            KafkaError::Transaction(e) if e.is_fatal() => return Err(Step::Fatal(error.into())),
            KafkaError::Transaction(e) if e.txn_requires_abort() => return Err(Step::Abort(error.into())),
            KafkaError::Transaction(e) => e.is_retriable(),
            KafkaError::Flush(code) => *code == RDKafkaErrorCode::OperationTimedOut,
            _ => false,
        };
        if !again || Instant::now() > until {
            return Err(Step::Fatal(error.into()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
