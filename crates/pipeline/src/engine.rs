//! The engine stage: log to alerts and aggregates. One thread reads the log partitions the group gives it,
//! applies every record to the partition's state machine, and writes what it says in one transaction with the
//! log position.
//!
//! The committed position is (next record, how many outputs of that record are out already), the latter in the
//! offset's metadata: a record whose outputs fill several transactions resumes in its middle. State is not
//! committed: it is replayed, silently, from a checkpoint or the start of the log.
//!
//! A partition that a newer state machine has taken over is left to it: this one says so, is not ready, and goes on
//! with its other partitions.

mod checkpoints;
mod handover;
mod history;
mod publish;
mod standby;
mod start;
mod task;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::checkpoint::{self, CheckpointStore};
use crate::client::{Member, REQUEST, Rebalance, TopicPartition};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::layout::unchanged;
use crate::metric;
use crate::read::{Reader, is_fleeting};
use crate::rejoin::rejoin;
use crate::service::{Observer, Shared};
use crate::transaction::{Aborts, Transactions};
use checkpoints::Checkpoints;
use history::LogHistory;
use standby::Standby;
use start::Start;
use task::Task;

const STAGE: &str = "engine";
/// The longest wait for a record.
const POLL: Duration = Duration::from_millis(50);
/// Time between lines about a replay under way.
const TELL_EVERY: Duration = Duration::from_secs(10);

struct Stage<'a> {
    config: &'a Config,
    shared: &'a Shared,
    member: Rc<Member>,
    /// What the member was when it was given its partitions.
    group: Option<ConsumerGroupMetadata>,
    reader: Reader,
    transactions: Transactions,
    store: Option<Arc<dyn CheckpointStore>>,
    checkpoints: Option<Checkpoints>,
    standby: Option<Standby>,
    observer: Box<dyn Observer>,
    tasks: BTreeMap<i32, Task>,
    /// What the former owners have left open, as far as it was asked for.
    published: handover::Published,
    /// Assigned here and left to a newer program, and why.
    left: BTreeMap<i32, String>,
    log_partitions: i32,
    /// Records applied since the last commit.
    uncommitted: usize,
    committed_at: Instant,
    looked_at: Instant,
    told_at: Instant,
    alerts: u64,
    aborts: Aborts,
    assignments: u64,
}

/// Runs until asked to stop or unable to go on.
pub(crate) fn run(config: &Config, shared: &Shared, observer: Box<dyn Observer>) -> Result<(), Failure> {
    let reader = Reader::new(config)?;
    let log_partitions = reader.partitions(&config.topics.log)?;
    if log_partitions == 0 {
        let message = format!("the log topic `{}` does not exist", config.topics.log);
        return Err(Failure::new(Kind::Configuration, message));
    }
    let transactions = Transactions::take_over(config, STAGE, shared.stop.clone())?;
    let place = config.engine.checkpoints.as_ref();
    let store = place.map(|place| checkpoint::open(place, &config.topics.log)).transpose()?;
    let checkpoints = store.clone().map(Checkpoints::over).transpose()?;
    let standby = Standby::start(config, shared, store.clone(), log_partitions)?;
    let member = Rc::new(Member::join(config, STAGE, &[&config.topics.log])?);
    let mut stage = Stage {
        config,
        shared,
        member,
        group: None,
        reader,
        transactions,
        store,
        checkpoints,
        standby,
        observer,
        tasks: BTreeMap::new(),
        published: handover::Published::default(),
        left: BTreeMap::new(),
        log_partitions,
        uncommitted: 0,
        committed_at: Instant::now(),
        looked_at: Instant::now(),
        told_at: Instant::now(),
        alerts: 0,
        aborts: Aborts::default(),
        assignments: 0,
    };
    while !shared.stop.is_set() {
        match stage.turn() {
            Err(failure) if failure.kind() == Kind::Displaced => stage.rejoin()?,
            other => other?,
        }
    }
    stage.publish()?;
    stage.keep_checkpoints(true);
    if let Some(checkpoints) = stage.checkpoints.take() {
        checkpoints.finish(&shared.stop);
    }
    if let Some(standby) = stage.standby.take() {
        standby.finish(&shared.stop);
    }
    Ok(())
}

impl Stage<'_> {
    fn turn(&mut self) -> Result<(), Failure> {
        while let Some(change) = self.member.next_rebalance() {
            match change {
                Rebalance::Assigned(partitions) => self.assigned(&partitions)?,
                Rebalance::Revoked => self.revoked()?,
            }
            self.member.answered();
        }
        if self.due() {
            self.publish()?;
            self.keep_checkpoints(false);
        }
        if self.looked_at.elapsed() >= self.observer.every() {
            self.look();
        }
        let member = Rc::clone(&self.member);
        match member.consumer().poll(POLL) {
            None => Ok(()),
            Some(Ok(message)) => self.apply(&message),
            Some(Err(KafkaError::PartitionEOF(partition))) => self.reached_end(partition),
            Some(Err(error)) if is_fleeting(&error) => {
                tracing::debug!(%error, "reading the log");
                Ok(())
            }
            Some(Err(error)) => Err(Failure::from(error).during("reading the log")),
        }
    }

    fn due(&self) -> bool {
        let engine = &self.config.engine;
        let waiting = self.uncommitted > 0 || self.tasks.values().any(|task| task.log.has_appends());
        self.uncommitted >= engine.commit_records
            || (waiting && self.committed_at.elapsed() >= engine.commit_every)
            || self.tasks.values().any(|task| task.log.pending() >= engine.transaction_outputs)
    }

    fn apply(&mut self, message: &BorrowedMessage<'_>) -> Result<(), Failure> {
        let Some(task) = self.tasks.get_mut(&message.partition()) else { return Ok(()) };
        let mut history = LogHistory {
            reader: &self.reader,
            member: Some(&self.member),
            log: &self.config.topics.log,
            partition: message.partition(),
        };
        if let Err(failure) = task.apply(message, &mut history) {
            return match failure.kind() {
                // It was taken over while we stood still, and we have not heard of that yet.
                Kind::Outdated => self.leave(message.partition(), &failure),
                _ => Err(failure),
            };
        }
        self.uncommitted += usize::from(task.log.live());
        match task.passes_end() {
            true => self.reached_end(message.partition()),
            false => Ok(()),
        }
    }

    /// A newer program judges the partition: it is not read any further, until the group gives it to that one.
    fn leave(&mut self, partition: i32, failure: &Failure) -> Result<(), Failure> {
        tracing::error!(partition, %failure, "the partition is left to a newer program");
        if self.tasks.remove(&partition).is_some() {
            metric::engine_gone(partition);
            self.observer.gone(partition);
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.config.topics.log, partition);
            self.member.consumer().pause(&list)?;
        }
        self.left.insert(partition, failure.to_string());
        self.shared.status.engine(|status| {
            status.partitions.remove(&partition);
            status.left.clone_from(&self.left);
        });
        Ok(())
    }

    /// The partition has been read to an end that it had since the start.
    fn reached_end(&mut self, partition: i32) -> Result<(), Failure> {
        let Some(task) = self.tasks.get_mut(&partition) else { return Ok(()) };
        let before = task.log.phase();
        task.reached_end();
        let changed = task.log.phase() != before;
        let from = (self.config, &self.reader, &*self.member, &self.shared.stop);
        let (published, now) = (&mut self.published, self.shared.time.now());
        match handover::append_what_is_missing(task, published, from, self.log_partitions, now) {
            // The next owner takes it over.
            Err(_) if self.shared.stop.is_set() => return Ok(()),
            other => other?,
        }
        self.look_at(partition, changed, false);
        Ok(())
    }

    fn assigned(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.tasks.clear();
        self.published = handover::Published::default();
        self.left.clear();
        self.group = Some(self.member.group()?);
        self.assignments += 1;
        metric::rebalance(STAGE, "assigned");
        self.member.forget_stats();
        let mut every = TopicPartitionList::new();
        every.add_partition_range(&self.config.topics.log, 0, self.log_partitions - 1);
        let committed = self.member.consumer().committed_offsets(every, REQUEST)?;
        unchanged(self.config, &self.reader, self.log_partitions, &committed)?;
        let mut list = TopicPartitionList::new();
        let owned = partitions.iter().map(|(_, partition)| *partition).collect();
        let mut warm = self.standby.as_ref().map(|standby| standby.hand_over(owned)).unwrap_or_default();
        for (topic, partition) in partitions {
            let (reader, store) = (&self.reader, self.store.as_deref());
            let start = Start { config: self.config, reader, store, partition: *partition };
            let task = match start.restore(&self.member, warm.remove(partition)) {
                Err(failure) if failure.kind() == Kind::Outdated => {
                    self.leave(*partition, &failure)?;
                    continue;
                }
                other => other?,
            };
            list.add_partition_offset(topic, *partition, Offset::Offset(task.log.position()))?;
            self.tasks.insert(*partition, task);
        }
        self.member.consumer().assign(&list)?;
        self.uncommitted = 0;
        let assignments = self.assignments;
        self.shared.status.engine(|status| {
            status.joined = true;
            status.assignments = assignments;
            status.partitions.clear();
            status.left.clone_from(&self.left);
        });
        self.look();
        Ok(())
    }

    fn revoked(&mut self) -> Result<(), Failure> {
        // A lost assignment is somebody else's already: what was said about it would be refused anyway.
        if self.member.consumer().assignment_lost() {
            metric::rebalance(STAGE, "lost");
            tracing::warn!(
                partitions = self.tasks.len(),
                "the group has given the log partitions to another"
            );
        } else {
            self.publish()?;
            self.keep_checkpoints(true);
        }
        self.let_go();
        self.member.consumer().unassign()?;
        Ok(())
    }

    /// What is not committed is the next owner's to say.
    fn let_go(&mut self) {
        let mut held = BTreeMap::new();
        for (partition, task) in std::mem::take(&mut self.tasks) {
            metric::engine_gone(partition);
            self.observer.gone(partition);
            held.extend(task.log.into_held().map(|state| (partition, state)));
        }
        if let Some(standby) = &self.standby {
            standby.take_back(held);
        }
        self.left.clear();
        self.group = None;
        self.uncommitted = 0;
        self.shared.status.engine(|status| {
            status.joined = false;
            status.partitions.clear();
            status.left.clear();
        });
    }

    fn rejoin(&mut self) -> Result<(), Failure> {
        self.let_go();
        let topics = [self.config.topics.log.as_str()];
        let (transactions, stop) = (&mut self.transactions, &self.shared.stop);
        let member = rejoin(self.config, STAGE, &topics, &self.member, transactions, stop)?;
        self.member = Rc::new(member);
        Ok(())
    }

    /// Shows where everything stands.
    fn look(&mut self) {
        self.looked_at = Instant::now();
        let tell = self.told_at.elapsed() >= TELL_EVERY;
        if tell {
            self.told_at = self.looked_at;
        }
        let partitions: Vec<i32> = self.tasks.keys().copied().collect();
        partitions.into_iter().for_each(|partition| self.look_at(partition, false, tell));
    }

    /// Shows where a partition stands. Its end is reached with every record that comes alone: whoever looks on is
    /// shown that only as often as it wants to be, and at once only where there is `news`.
    fn look_at(&mut self, partition: i32, news: bool, tell: bool) {
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        task.count_applied();
        let stats = self.member.stats(&(self.config.topics.log.clone(), partition));
        let status = task.status(stats.map(|stats| stats.stable_end).filter(|end| *end >= 0));
        let lag = status.end.map(|end| (end - status.position).max(0));
        if let Some((from, until)) = status.replay.filter(|_| tell) {
            tracing::info!(partition, from, until, at = status.position, "replaying the log");
        }
        metric::engine_at(partition, status.position, lag, !status.live);
        // What a replay passes through is over: nobody is to be told of it as if it were now.
        if status.live && task.shows(news, self.observer.every()) {
            self.observer.observe(partition, task.engine());
        }
        let alerts = self.alerts;
        self.shared.status.engine(|engine| {
            engine.partitions.insert(partition, status);
            engine.alerts = alerts;
        });
    }

    /// Hands snapshots of the partitions that are due to the writer, as far as it has room: those that have waited
    /// longest first. Only a state all of whose words are out may be kept: what it has yet to say is not in a snapshot.
    fn keep_checkpoints(&mut self, all: bool) {
        let Some(checkpoints) = &self.checkpoints else { return };
        let every = if all { Duration::ZERO } else { self.config.engine.checkpoint_every };
        let mut due: Vec<(Instant, i32)> = self
            .tasks
            .iter()
            .filter_map(|(partition, task)| Some((task.checkpoint_due(every)?, *partition)))
            .collect();
        due.sort_unstable();
        let until = if all { self.shared.stop.patience(checkpoints::PATIENCE) } else { Instant::now() };
        for (_, partition) in due {
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            if !checkpoints.has_room(until) {
                task.no_room();
            } else if let Some(checkpoint) = task.checkpoint() {
                checkpoints.keep(partition, checkpoint);
            }
        }
    }
}
