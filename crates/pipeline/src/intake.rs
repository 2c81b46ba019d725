//! Intake: inputs to log. One thread reads every input partition the group gives it, decides what each message
//! is, and writes events, clock records and dead letters in one transaction with the input offsets.
//!
//! It knows neither plan nor state. What it has read is exactly what its offsets say, so a killed, fenced or
//! rebalanced instance leaves each accepted input in the log once.

mod progress;
mod start;
mod translate;

use std::rc::Rc;
use std::time::{Duration, Instant};

use plumbline_engine::intake::{Progress, SeenEnd, Slot, stood_at_end};
use plumbline_engine::task::memo;
use plumbline_events::encode_record;
use plumbline_units::{Seconds, Timestamp};
use rdkafka::Message;
use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;

use crate::client::{Member, PartitionStats, Rebalance, TopicPartition};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::flow::weight;
use crate::metric;
use crate::read::{Reader, is_fleeting};
use crate::rejoin::rejoin;
use crate::service::Shared;
use crate::time::TimeSource;
use crate::transaction::{Aborts, Broken, Outgoing, Transactions};
use progress::{by_partition, offsets, report};
use translate::Translator;

const STAGE: &str = "intake";
/// The longest wait for a message.
const POLL: Duration = Duration::from_millis(100);

struct Intake<'a> {
    config: &'a Config,
    shared: &'a Shared,
    member: Rc<Member>,
    /// What the member was when it was given its partitions.
    group: Option<ConsumerGroupMetadata>,
    reader: Reader,
    transactions: Transactions,
    translator: Translator,
    log_partitions: i32,
    /// What goes with the committed offsets.
    memo: String,
    /// What has been read and told, the open transaction included; what counts once it commits.
    now: Progress,
    /// What counts already.
    committed: Progress,
    begun: Option<Instant>,
    messages: usize,
    /// A clock record is due whatever the clock says: at the start, and when inputs change hands.
    clock_wanted: bool,
    aborts: Aborts,
    assignments: u64,
    buffer: Vec<u8>,
}

/// Runs until asked to stop or unable to go on.
pub(crate) fn run(config: &Config, shared: &Shared) -> Result<(), Failure> {
    let reader = Reader::new(config)?;
    let log_partitions = reader.partitions(&config.topics.log)?;
    if log_partitions == 0 {
        let message = format!("the log topic `{}` does not exist", config.topics.log);
        return Err(Failure::new(Kind::Configuration, message));
    }
    // First the transactions: what a former self left open is settled before its offsets are asked for.
    let transactions = Transactions::take_over(config, STAGE, shared.stop.clone())?;
    let translator = Translator::new(config, log_partitions, shared.allowed.clone());
    let member = Rc::new(Member::join(config, STAGE, &translator.topics())?);
    let mut intake = Intake {
        config,
        shared,
        member,
        group: None,
        reader,
        transactions,
        translator,
        log_partitions,
        memo: memo(log_partitions),
        now: Progress::default(),
        committed: Progress::default(),
        begun: None,
        messages: 0,
        clock_wanted: false,
        aborts: Aborts::default(),
        assignments: 0,
        buffer: Vec::new(),
    };
    while !shared.stop.is_set() {
        match intake.turn() {
            Err(failure) if failure.kind() == Kind::Displaced => intake.rejoin()?,
            other => other?,
        }
    }
    intake.commit()
}

impl Intake<'_> {
    fn turn(&mut self) -> Result<(), Failure> {
        while let Some(change) = self.member.next_rebalance() {
            match change {
                Rebalance::Assigned(partitions) => self.assigned(&partitions)?,
                Rebalance::Revoked => self.revoked()?,
            }
            self.member.answered();
        }
        let told = self.tell_time(self.shared.time.now());
        self.unless_broken(told)?;
        if self.due() {
            self.commit()?;
        }
        if self.shared.flows.log_is_full() {
            self.commit()?;
            std::thread::sleep(Duration::from_millis(2));
            return Ok(());
        }
        let every = self.config.intake.commit_every;
        let wait = self.begun.map_or(POLL, |begun| every.saturating_sub(begun.elapsed()).min(POLL));
        let member = Rc::clone(&self.member);
        match member.consumer().poll(wait) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => Ok(()),
            Some(Ok(message)) => {
                let taken = self.take(&message);
                self.unless_broken(taken)
            }
            Some(Err(error)) if is_fleeting(&error) => {
                tracing::debug!(%error, "reading the inputs");
                Ok(())
            }
            Some(Err(error)) => Err(Failure::from(error).during("reading the inputs")),
        }
    }

    fn due(&self) -> bool {
        let old = self.begun.is_some_and(|begun| begun.elapsed() >= self.config.intake.commit_every);
        old || self.messages >= self.config.intake.commit_messages
    }

    fn begin(&mut self) -> Result<(), Broken> {
        self.transactions.begin().map_err(Broken::Fatal)?;
        self.begun.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Takes one message: into the log or to the dead letters.
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), Broken> {
        let Some(slot) = self.now.slot(message.topic(), message.partition()) else {
            // Left over from an assignment that is no longer ours.
            return Ok(());
        };
        let arrival = self.shared.time.arrival(message.timestamp().to_millis());
        self.tell_time(arrival)?;
        self.begin()?;
        let sent = self.translator.send(message, arrival, &mut self.transactions)?;
        self.now.took(slot, message.offset(), weight(message), &sent);
        self.messages += 1;
        Ok(())
    }

    /// Writes the clock records that are due at `now` to every log partition.
    fn tell_time(&mut self, now: Timestamp) -> Result<(), Broken> {
        if self.now.slots.is_empty() {
            return Ok(());
        }
        let every =
            Seconds(i64::try_from(self.config.intake.clock_every.as_secs()).unwrap_or(i64::MAX).max(1));
        match (self.now.clock, &self.shared.time) {
            (None, _) => self.clock_record(now),
            // A recording's clock leaps; the state machine is told every step, as it would have been live.
            (Some(last), TimeSource::Played(_)) => {
                let mut next = last.plus(every);
                while next <= now {
                    self.clock_record(next)?;
                    next = next.plus(every);
                }
                Ok(())
            }
            (Some(_), TimeSource::Wall | TimeSource::Shifted(_)) => {
                let due = self.now.clock_due(now, every) || self.clock_wanted;
                if due { self.clock_record(now) } else { Ok(()) }
            }
        }
    }

    fn clock_record(&mut self, time: Timestamp) -> Result<(), Broken> {
        self.begin()?;
        let stats = |slot: &Slot| self.member.stats(&(slot.topic.clone(), slot.partition));
        let record = self.now.clock_record(time, |slot| at_end(stats(slot), slot));
        self.buffer.clear();
        encode_record(&record, &mut self.buffer);
        for partition in 0..self.log_partitions {
            let outgoing = Outgoing {
                partition: Some(partition),
                timestamp: Some(time.millis()),
                ..Outgoing::new(&self.config.topics.log, None, Some(&self.buffer))
            };
            self.transactions.send(outgoing)?;
            self.now.log_bytes += self.buffer.len() as u64;
        }
        metric::clock_record();
        self.now.told(time);
        self.clock_wanted = false;
        Ok(())
    }

    /// Commits what has been read since the last commit, if anything.
    fn commit(&mut self) -> Result<(), Failure> {
        let Some(begun) = self.begun.take() else { return Ok(()) };
        self.messages = 0;
        let Some(group) = &self.group else { return Ok(()) };
        match self.transactions.commit(&offsets(&self.now, &self.memo)?, group) {
            Ok(()) => {
                self.aborts.clear();
                metric::transaction_committed(STAGE, begun.elapsed());
                self.publish_progress();
                self.committed = self.now.clone();
                Ok(())
            }
            Err(broken) => self.unless_broken(Err(broken)),
        }
    }

    fn publish_progress(&mut self) {
        report(&self.now, &self.committed, &self.member);
        self.shared.flows.inputs.read(self.now.input_bytes - self.committed.input_bytes);
        self.shared.flows.log.wrote(self.now.log_bytes - self.committed.log_bytes);
        let assignments = self.assignments;
        self.shared.status.intake(|status| {
            status.joined = true;
            status.assignments = assignments;
            status.committed = by_partition(&self.now);
            status.accepted = self.now.accepted;
            status.rejected = self.now.rejected;
            status.clock = self.now.clock;
        });
    }

    /// Where a transaction was given up, reading goes on from what is committed.
    fn unless_broken(&mut self, outcome: Result<(), Broken>) -> Result<(), Failure> {
        let failure = match outcome {
            Ok(()) => return Ok(()),
            Err(Broken::Fatal(failure)) => return Err(failure.during("intake transaction")),
            Err(Broken::Aborted(failure)) => failure,
        };
        self.aborts.count(STAGE, failure, &self.shared.stop)?;
        self.begun = None;
        self.messages = 0;
        self.now = self.committed.clone();
        if !self.member.rebalancing() && !self.now.slots.is_empty() {
            self.member.consumer().assign(&offsets(&self.now, &self.memo)?)?;
        }
        Ok(())
    }

    fn assigned(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.group = Some(self.member.group()?);
        self.assignments += 1;
        metric::rebalance(STAGE, "assigned");
        self.member.forget_stats();
        self.now.slots = start::slots(self.config, &self.member, &self.reader, &self.translator, partitions)?;
        self.committed = self.now.clone();
        self.member.consumer().assign(&offsets(&self.now, &self.memo)?)?;
        self.clock_wanted = true;
        tracing::info!(partitions = partitions.len(), "intake reads its inputs");
        self.publish_progress();
        Ok(())
    }

    fn revoked(&mut self) -> Result<(), Failure> {
        // Lost partitions are somebody else's already, and what was taken of them is being taken there.
        if self.member.consumer().assignment_lost() {
            metric::rebalance(STAGE, "lost");
            tracing::warn!(partitions = self.now.slots.len(), "the group has given the inputs to another");
            self.transactions.abort()?;
        } else {
            self.commit()?;
        }
        self.let_go();
        self.member.consumer().unassign()?;
        Ok(())
    }

    /// What is not committed is the next owner's to take.
    fn let_go(&mut self) {
        self.begun = None;
        self.messages = 0;
        self.committed.slots.clear();
        self.now = self.committed.clone();
        self.group = None;
        self.shared.status.intake(|status| status.joined = false);
    }

    fn rejoin(&mut self) -> Result<(), Failure> {
        self.let_go();
        let (transactions, stop) = (&mut self.transactions, &self.shared.stop);
        let topics = self.translator.topics();
        let member = rejoin(self.config, STAGE, &topics, &self.member, transactions, stop)?;
        self.member = Rc::new(member);
        Ok(())
    }
}

/// Whether a partition stood at its end since the last clock record. The client notes an end where an answer of the
/// broker is empty, which under traffic none is; then the end that the last statistics saw is known to be passed.
fn at_end(stats: Option<PartitionStats>, slot: &Slot) -> bool {
    stats.is_some_and(|stats| {
        let empty = SeenEnd { offset: stats.eof_offset, drained: stats.drained };
        let seen = SeenEnd { offset: stats.stable_end, drained: false };
        [empty, seen].into_iter().any(|end| stood_at_end(end, slot.told, slot.next))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_partition_that_never_gives_an_empty_answer_is_at_its_end_all_the_same() {
        for (name, eof_offset, stable_end, told, next, expected) in [
            ("what was there a moment ago is read", -1001, 690, 600, 700, true),
            ("behind", -1001, 710, 600, 700, false),
            ("what was there before the last clock record is read", -1001, 500, 600, 700, false),
            ("nothing known yet", -1001, -1001, 0, 0, false),
            ("an empty answer", 700, 900, 600, 700, true),
        ] {
            let stats = PartitionStats { eof_offset, drained: false, stable_end };
            let slot = Slot { told, ..Slot::new("leads", 0, next) };
            assert_eq!(at_end(Some(stats), &slot), expected, "{name}");
        }
        assert!(!at_end(None, &Slot::new("leads", 0, 0)));
    }
}
