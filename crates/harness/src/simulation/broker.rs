//! A log service in memory with the semantics of Kafka that exactly-once rests on: transactions whose records and
//! offsets become visible together or not at all, fenced by producer epoch and by group generation; readers that see
//! committed records only, and none beyond an open transaction; control records that occupy offsets.

use std::collections::BTreeMap;

/// A topic of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Topic {
    /// An input, by number.
    Input(u8),
    /// The event log.
    Log,
    /// Alerts.
    Alerts,
    /// Aggregates.
    Aggregates,
    /// Dead letters.
    DeadLetters,
}

/// A topic and a partition of it.
pub(super) type TopicPartition = (Topic, i32);

/// A consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// Over the inputs.
    Intake,
    /// Over the log.
    Engine,
}

/// A record as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Record {
    /// Its key.
    pub(super) key: Vec<u8>,
    /// Its value; `None` is a tombstone.
    pub(super) value: Option<Vec<u8>>,
    /// The record it was made from: topic, partition, offset.
    pub(super) cause: Option<(Topic, i32, i64)>,
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Somebody else has taken the transactional id over, or the transaction has timed out: the producer is dead.
    Fenced,
    /// The group has moved on: the transaction must be given up.
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Committed,
    Aborted,
}

struct Entry {
    /// None: a control record.
    record: Option<Record>,
    transaction: Option<usize>,
}

struct Transaction {
    state: State,
    producer: String,
    first: BTreeMap<TopicPartition, i64>,
    offsets: Vec<(Group, TopicPartition, (i64, String))>,
}

#[derive(Default)]
struct Producer {
    epoch: u32,
    open: Option<usize>,
}

#[derive(Default)]
struct Membership {
    generation: u64,
    members: Vec<u64>,
    assignment: BTreeMap<TopicPartition, u64>,
    offsets: BTreeMap<TopicPartition, (i64, String)>,
    /// All that were ever committed, in order.
    past: Vec<(TopicPartition, (i64, String))>,
}

/// The service.
#[derive(Default)]
pub(super) struct Broker {
    partitions: BTreeMap<TopicPartition, Vec<Entry>>,
    transactions: Vec<Transaction>,
    open: Vec<usize>,
    producers: BTreeMap<String, Producer>,
    groups: BTreeMap<Group, Membership>,
    /// Takes whatever anybody writes: for tests of the checkers.
    pub(super) unfenced: bool,
    /// Offsets count at once, not with the transaction: likewise.
    pub(super) offsets_apart: bool,
}

impl Broker {
    /// Makes a topic.
    pub(super) fn create(&mut self, topic: Topic, partitions: i32) {
        for partition in 0..partitions {
            self.partitions.insert((topic, partition), Vec::new());
        }
    }

    /// The partitions of a topic.
    pub(super) fn partitions(&self, topic: Topic) -> i32 {
        self.partitions.keys().filter(|(t, _)| *t == topic).count() as i32
    }

    fn log(&mut self, at: TopicPartition) -> &mut Vec<Entry> {
        self.partitions.entry(at).or_default()
    }

    /// Appends outside of any transaction.
    pub(super) fn append(&mut self, at: TopicPartition, record: Record) {
        self.log(at).push(Entry { record: Some(record), transaction: None });
    }

    /// Takes a transactional id over: a former holder is fenced and what it left open is aborted.
    pub(super) fn take_over(&mut self, id: &str) -> u32 {
        let producer = self.producers.entry(id.to_owned()).or_default();
        producer.epoch += 1;
        let (epoch, open) = (producer.epoch, producer.open.take());
        if let Some(open) = open {
            self.finish(open, State::Aborted);
        }
        epoch
    }

    /// The open transactions, by the id of who opened them.
    pub(super) fn open_transactions(&self) -> Vec<String> {
        self.open.iter().map(|open| self.transactions[*open].producer.clone()).collect()
    }

    /// The coordinator gives up on a transaction that has been open for too long.
    pub(super) fn time_out(&mut self, id: &str) {
        self.take_over(id);
    }

    fn own(&mut self, id: &str, epoch: u32) -> Result<usize, Refused> {
        let next = self.transactions.len();
        let producer = self.producers.entry(id.to_owned()).or_default();
        if producer.epoch != epoch && !self.unfenced {
            return Err(Refused::Fenced);
        }
        if let Some(open) = producer.open {
            return Ok(open);
        }
        producer.open = Some(next);
        let (state, producer) = (State::Open, id.to_owned());
        self.transactions.push(Transaction { state, producer, first: BTreeMap::new(), offsets: Vec::new() });
        self.open.push(next);
        Ok(next)
    }

    /// Writes a record in the producer's transaction.
    pub(super) fn send(
        &mut self,
        id: &str,
        epoch: u32,
        at: TopicPartition,
        record: Record,
    ) -> Result<(), Refused> {
        let open = self.own(id, epoch)?;
        let log = self.log(at);
        let offset = log.len() as i64;
        log.push(Entry { record: Some(record), transaction: Some(open) });
        self.transactions[open].first.entry(at).or_insert(offset);
        Ok(())
    }

    /// Puts offsets into the producer's transaction, for a member of the group as of a generation.
    pub(super) fn send_offsets(
        &mut self,
        (id, epoch): (&str, u32),
        (group, generation, member): (Group, u64, u64),
        offsets: Vec<(TopicPartition, (i64, String))>,
    ) -> Result<(), Refused> {
        let open = self.own(id, epoch)?;
        let membership = self.groups.entry(group).or_default();
        let known = membership.generation == generation && membership.members.contains(&member);
        if !known && !self.unfenced {
            return Err(Refused::Stale);
        }
        if self.offsets_apart {
            membership.offsets.extend(offsets);
            return Ok(());
        }
        let offsets = offsets.into_iter().map(|(at, offset)| (group, at, offset));
        self.transactions[open].offsets.extend(offsets);
        Ok(())
    }

    /// Commits the producer's transaction.
    pub(super) fn commit(&mut self, id: &str, epoch: u32) -> Result<(), Refused> {
        let open = self.own(id, epoch)?;
        self.finish(open, State::Committed);
        Ok(())
    }

    /// Aborts the producer's transaction, if any.
    pub(super) fn abort(&mut self, id: &str, epoch: u32) -> Result<(), Refused> {
        let open = self.own(id, epoch)?;
        self.finish(open, State::Aborted);
        Ok(())
    }

    fn finish(&mut self, open: usize, state: State) {
        self.open.retain(|other| *other != open);
        let transaction = &mut self.transactions[open];
        transaction.state = state;
        if let Some(producer) = self.producers.get_mut(&transaction.producer) {
            producer.open = None;
        }
        for at in transaction.first.keys() {
            let marker = Entry { record: None, transaction: None };
            self.partitions.entry(*at).or_default().push(marker);
        }
        if state == State::Committed {
            for (group, at, offset) in std::mem::take(&mut transaction.offsets) {
                let membership = self.groups.entry(group).or_default();
                membership.past.push((at, offset.clone()));
                membership.offsets.insert(at, offset);
            }
        }
    }

    /// The offset the next record will get.
    pub(super) fn end(&self, at: TopicPartition) -> i64 {
        self.partitions.get(&at).map_or(0, |log| log.len() as i64)
    }

    /// The offset that readers of committed records may read up to.
    pub(super) fn stable_end(&self, at: TopicPartition) -> i64 {
        let end = self.end(at);
        let open = self.open.iter().filter_map(|open| self.transactions[*open].first.get(&at));
        open.copied().min().map_or(end, |first| first.min(end))
    }

    /// The next committed record at or behind `from`.
    pub(super) fn read(&self, at: TopicPartition, from: i64) -> Option<(i64, &Record)> {
        let log = self.partitions.get(&at)?;
        let end = self.stable_end(at);
        (from.max(0)..end).find_map(|offset| {
            let Entry { record, transaction } = &log[offset as usize];
            let aborted = transaction.is_some_and(|t| self.transactions[t].state != State::Committed);
            record.as_ref().filter(|_| !aborted).map(|record| (offset, record))
        })
    }

    /// Every committed record of a partition.
    pub(super) fn committed_records(&self, at: TopicPartition) -> impl Iterator<Item = (i64, &Record)> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let found = self.read(at, next)?;
            next = found.0 + 1;
            Some(found)
        })
    }

    /// What the group has committed; `None` while an open transaction holds offsets of the group, whose fate is not
    /// known.
    pub(super) fn offsets(&self, group: Group) -> Option<&BTreeMap<TopicPartition, (i64, String)>> {
        let holds = |open: &usize| self.transactions[*open].offsets.iter().any(|(g, ..)| *g == group);
        let empty = const { &BTreeMap::new() };
        (!self.open.iter().any(holds)).then(|| self.groups.get(&group).map_or(empty, |g| &g.offsets))
    }

    /// What the group has ever committed of a partition, in order.
    pub(super) fn past_offsets(
        &self,
        group: Group,
        at: TopicPartition,
    ) -> impl DoubleEndedIterator<Item = &(i64, String)> {
        let past = self.groups.get(&group).map(|membership| membership.past.as_slice()).unwrap_or_default();
        past.iter().filter(move |(of, _)| *of == at).map(|(_, offset)| offset)
    }

    /// Nobody was in the group for longer than offsets are kept.
    pub(super) fn forget_offsets(&mut self, group: Group) {
        self.groups.entry(group).or_default().offsets.clear();
    }

    /// Gives every partition of the topics to one of the members, `turn` places further than in their order.
    pub(super) fn rebalance(&mut self, group: Group, members: Vec<u64>, topics: &[Topic], turn: usize) {
        let all: Vec<TopicPartition> =
            self.partitions.keys().copied().filter(|(topic, _)| topics.contains(topic)).collect();
        let membership = self.groups.entry(group).or_default();
        membership.generation += 1;
        membership.assignment.clear();
        for (place, at) in all.into_iter().enumerate() {
            if !members.is_empty() {
                membership.assignment.insert(at, members[(place + turn) % members.len()]);
            }
        }
        membership.members = members;
    }

    /// The group's generation and what it has given to the member.
    pub(super) fn assignment(&self, group: Group, member: u64) -> Option<(u64, Vec<TopicPartition>)> {
        let membership = self.groups.get(&group)?;
        let ours = membership.assignment.iter().filter(|(_, owner)| **owner == member).map(|(at, _)| *at);
        membership.members.contains(&member).then(|| (membership.generation, ours.collect()))
    }

    /// Whether the member is one of this generation.
    pub(super) fn is_current(&self, group: Group, member: u64, generation: u64) -> bool {
        let is = |m: &Membership| m.generation == generation && m.members.contains(&member);
        self.groups.get(&group).is_some_and(is)
    }
}
