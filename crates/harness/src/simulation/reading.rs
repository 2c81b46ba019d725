//! The intake stage of an instance: inputs to log. What it decides is `engine::intake` and `events::decode`.

use std::collections::BTreeMap;

use plumbline_engine::intake::{InputRefusal, Progress, SeenEnd, Sent, Slot, first_offset, stood_at_end};
use plumbline_engine::task::{Bounds, ResetFrom, memo};
use plumbline_events::{
    EventRecord, Input, InputKind, Limits, LogRecord, RecordView, decode, decode_record, encode_record,
};
use plumbline_units::{Seconds, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;

use super::Count;
use super::broker::{Group, Record, Refused, Topic, TopicPartition};
use super::feed::INPUTS;
use super::process::{Ended, Step};
use super::world::World;

const CLOCK_EVERY: Seconds = Seconds(600);

/// The intake stage of an instance.
pub(super) struct Reading {
    id: String,
    member: u64,
    epoch: u32,
    generation: Option<u64>,
    now: Progress,
    committed: Progress,
    ends: BTreeMap<TopicPartition, SeenEnd>,
    clock_wanted: bool,
    step: Step,
}

impl Reading {
    pub(super) fn start(instance: usize, member: u64, world: &mut World) -> Reading {
        let id = format!("intake-{instance}");
        let epoch = world.broker.take_over(&id);
        Reading {
            id,
            member,
            epoch,
            generation: None,
            now: Progress::default(),
            committed: Progress::default(),
            ends: BTreeMap::new(),
            clock_wanted: false,
            step: Step::Closed,
        }
    }

    /// Whether all inputs are read.
    pub(super) fn is_done(&self, world: &World) -> bool {
        let read = |slot: &Slot| world.broker.read(place(slot), slot.next).is_none();
        let current = self.generation.is_some_and(|g| world.broker.is_current(Group::Intake, self.member, g));
        current && self.step == Step::Closed && self.now.slots.iter().all(read)
    }

    pub(super) fn act(
        &mut self,
        world: &mut World,
        rng: &mut StdRng,
        (heard, skew): (bool, i64),
        count: &mut Count,
    ) -> Result<(), Ended> {
        let given = world.broker.assignment(Group::Intake, self.member);
        if heard && self.generation != given.as_ref().map(|(generation, _)| *generation) {
            self.give_up(world)?;
            self.generation = None;
            self.now.slots.clear();
            self.committed = self.now.clone();
            return match given {
                Some((generation, partitions)) => self.assigned(generation, &partitions, world),
                None => Ok(()),
            };
        }
        let now = Timestamp::clamped(world.now.millis() + skew);
        if !self.now.slots.is_empty() && (self.clock_wanted || self.now.clock_due(now, CLOCK_EVERY)) {
            let told = self.tell_time(now, world);
            self.unless_refused(told, world, count)?;
        }
        if !self.now.slots.is_empty() {
            for _ in 0..rng.random_range(0..8) {
                let slot = rng.random_range(0..self.now.slots.len());
                let taken = self.take(slot, now, world);
                self.unless_refused(taken, world, count)?;
                if self.now.slots.is_empty() {
                    return Ok(());
                }
            }
        }
        if self.step != Step::Closed && rng.random_bool(0.5) {
            let at_once = rng.random_bool(0.7);
            self.commit(world, at_once, count)?;
        }
        Ok(())
    }

    /// Commits what was taken, as a member does that is asked to give its partitions back.
    pub(super) fn finish(&mut self, world: &mut World, count: &mut Count) -> Result<(), Ended> {
        if self.step != Step::Closed { self.commit(world, true, count) } else { Ok(()) }
    }

    fn assigned(
        &mut self,
        generation: u64,
        partitions: &[TopicPartition],
        world: &mut World,
    ) -> Result<(), Ended> {
        let Some(offsets) = world.broker.offsets(Group::Intake) else { return Ok(()) };
        let reset = world.reset.map(|_| ResetFrom::Earliest);
        let fresh = || Ok(!log_has_inputs(world));
        for at in partitions {
            let committed = offsets.get(at).map(|(next, _)| *next);
            let bounds = Bounds { low: 0, high: world.broker.end(*at) };
            let next = first_offset::<Undecided>(committed, bounds, !offsets.is_empty(), reset, fresh);
            let next = next.map_err(|Undecided(refusal)| Ended::Broken(format!("{refusal:?}")))?;
            self.now.slots.push(Slot::new(INPUTS[input(at.0)], at.1, next));
        }
        self.ends.clear();
        self.committed = self.now.clone();
        self.generation = Some(generation);
        self.clock_wanted = true;
        Ok(())
    }

    fn tell_time(&mut self, now: Timestamp, world: &mut World) -> Result<(), Refused> {
        let ends = &self.ends;
        let record = self.now.clock_record(now, |slot| {
            ends.get(&place(slot)).is_some_and(|end| stood_at_end(*end, slot.told, slot.next))
        });
        let value = encoded(&record);
        self.step = Step::Written;
        for partition in 0..world.log_partitions {
            let record = Record { value: Some(value.clone()), ..Record::default() };
            world.broker.send(&self.id, self.epoch, (Topic::Log, partition), record)?;
        }
        self.now.told(now);
        self.clock_wanted = false;
        Ok(())
    }

    fn take(&mut self, slot: usize, now: Timestamp, world: &mut World) -> Result<(), Refused> {
        let at = place(&self.now.slots[slot]);
        let Some((offset, message)) = world.broker.read(at, self.now.slots[slot].next) else {
            self.ends.insert(at, SeenEnd { offset: world.broker.end(at), drained: true });
            return Ok(());
        };
        let value = message.value.clone().unwrap_or_default();
        let kind = [InputKind::Leads, InputKind::Opportunities][input(at.0)];
        let cause = Some((at.0, at.1, offset));
        let decoded = decode(&Input { value: &value, headers: &[], kind }, now, &Limits::default());
        let (to, record, sent) = match decoded {
            Ok(event) => {
                let workspace = event.envelope.workspace.as_str().to_owned();
                let input = INPUTS[input(at.0)].into();
                let bytes = encoded(&LogRecord::Event(EventRecord { received_at: now, input, event }));
                let sent = Sent::Event { bytes: bytes.len() };
                let to = (Topic::Log, world.partition_of(&workspace));
                (to, Record { key: workspace.into_bytes(), value: Some(bytes), cause }, sent)
            }
            Err(rejection) => {
                let key = rejection.class().as_bytes().to_vec();
                ((Topic::DeadLetters, 0), Record { key, value: Some(value), cause }, Sent::DeadLetter)
            }
        };
        self.step = Step::Written;
        world.broker.send(&self.id, self.epoch, to, record)?;
        self.now.took(slot, offset, 0, &sent);
        Ok(())
    }

    fn commit(&mut self, world: &mut World, at_once: bool, count: &mut Count) -> Result<(), Ended> {
        if self.step == Step::Written {
            let member = (Group::Intake, self.generation.unwrap_or_default(), self.member);
            let offsets = self
                .now
                .slots
                .iter()
                .map(|slot| (place(slot), (slot.next, memo(world.log_partitions))))
                .collect();
            let told = world.broker.send_offsets((&self.id, self.epoch), member, offsets);
            self.step = Step::Told;
            self.unless_refused(told, world, count)?;
            if !at_once {
                return Ok(());
            }
        }
        if self.step == Step::Told {
            world.broker.commit(&self.id, self.epoch).map_err(|_| Ended::Fenced)?;
            self.step = Step::Closed;
            self.committed = self.now.clone();
            count.commits += 1;
        }
        Ok(())
    }

    fn give_up(&mut self, world: &mut World) -> Result<(), Ended> {
        if std::mem::replace(&mut self.step, Step::Closed) != Step::Closed {
            world.broker.abort(&self.id, self.epoch).map_err(|_| Ended::Fenced)?;
        }
        self.now = self.committed.clone();
        Ok(())
    }

    fn unless_refused(
        &mut self,
        outcome: Result<(), Refused>,
        world: &mut World,
        count: &mut Count,
    ) -> Result<(), Ended> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Refused::Fenced) => Err(Ended::Fenced),
            Err(Refused::Stale) => {
                count.aborts += 1;
                self.give_up(world)
            }
        }
    }
}

struct Undecided(InputRefusal);

impl From<InputRefusal> for Undecided {
    fn from(refusal: InputRefusal) -> Undecided {
        Undecided(refusal)
    }
}

fn input(topic: Topic) -> usize {
    match topic {
        Topic::Input(number) => usize::from(number),
        _ => 0,
    }
}

fn place(slot: &Slot) -> TopicPartition {
    let number = INPUTS.iter().position(|name| *name == slot.topic).unwrap_or_default();
    (Topic::Input(number as u8), slot.partition)
}

fn encoded(record: &LogRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    bytes
}

/// Whether the log holds an event or a clock record.
fn log_has_inputs(world: &World) -> bool {
    let of_intake =
        |value: &[u8]| matches!(decode_record(value), Ok(RecordView::Event(_) | RecordView::Clock(_)));
    (0..world.log_partitions).any(|partition| {
        let mut records = world.broker.committed_records((Topic::Log, partition));
        records.any(|(_, record)| of_intake(record.value.as_deref().unwrap_or_default()))
    })
}
