//! The engine stage of an instance: log to alerts and aggregates. Everything it decides is `engine::task`.

use std::collections::BTreeMap;

use plumbline_engine::task::{
    Bounds, Held, LogTask, Note, OpenEpisodes, Origin, Phase, Position, PositionError, Refusal, ResetFrom,
    Share, StartError, follow_from, restore,
};
use plumbline_engine::{Output, Stop};
use plumbline_events::{LogRecord, PlanRecord};
use plumbline_units::Name;
use rand::Rng;
use rand::rngs::StdRng;

use super::broker::{Group, Record, Refused, Topic};
use super::process::{Ended, Step};
use super::program::Program;
use super::world::{Asked, LogOf, World, alerts_partition};
use super::{Count, Sabotage};

/// The engine stage of an instance.
pub(super) struct Judging {
    id: String,
    instance: usize,
    member: u64,
    epoch: u32,
    program: Program,
    generation: Option<u64>,
    tasks: BTreeMap<i32, Own>,
    standby: BTreeMap<i32, Held>,
    step: Step,
    shares: Vec<(i32, Share)>,
}

struct Own {
    log: LogTask,
    plans_checked: bool,
}

impl Judging {
    pub(super) fn start(instance: usize, member: u64, program: Program, world: &mut World) -> Judging {
        let id = format!("engine-{instance}");
        let epoch = world.broker.take_over(&id);
        Judging {
            id,
            instance,
            member,
            epoch,
            program,
            generation: None,
            tasks: BTreeMap::new(),
            standby: BTreeMap::new(),
            step: Step::Closed,
            shares: Vec::new(),
        }
    }

    /// Whether everything up to the end of the log is said.
    pub(super) fn is_done(&self, world: &World) -> bool {
        let at_end = |(partition, own): (&i32, &Own)| {
            own.log.said_all() && world.broker.read((Topic::Log, *partition), own.log.position()).is_none()
        };
        let current = self.generation.is_some_and(|g| world.broker.is_current(Group::Engine, self.member, g));
        current && self.step == Step::Closed && self.tasks.iter().all(at_end)
    }

    pub(super) fn act(
        &mut self,
        world: &mut World,
        rng: &mut StdRng,
        heard: bool,
        count: &mut Count,
    ) -> Result<(), Ended> {
        let given = world.broker.assignment(Group::Engine, self.member);
        if heard && self.generation != given.as_ref().map(|(generation, _)| *generation) {
            self.let_go(world)?;
            return match given {
                Some((generation, partitions)) => {
                    let partitions = partitions.into_iter().map(|(_, partition)| partition);
                    self.assigned(generation, partitions.collect(), world, count)
                }
                None => Ok(()),
            };
        }
        if self.step != Step::Closed {
            let at_once = rng.random_bool(0.6);
            return self.go_on(world, at_once, count);
        }
        match rng.random_range(0..10) {
            0..6 => self.read(world, rng, count)?,
            6..9 => self.begin(world, rng)?,
            _ if world.standby => self.follow(world)?,
            _ => {}
        }
        if rng.random_bool(0.1) {
            self.keep(world, count);
        }
        Ok(())
    }

    /// Publishes what there is, as a member does that is asked to give its partitions back.
    pub(super) fn finish(
        &mut self,
        world: &mut World,
        rng: &mut StdRng,
        count: &mut Count,
    ) -> Result<(), Ended> {
        for _ in 0..1000 {
            if !self.generation.is_some_and(|g| world.broker.is_current(Group::Engine, self.member, g)) {
                return self.abort(world);
            }
            if self.step == Step::Closed {
                self.begin(world, rng)?;
            }
            if self.step == Step::Closed {
                break;
            }
            self.go_on(world, true, count)?;
        }
        self.keep(world, count);
        Ok(())
    }

    fn keep(&mut self, world: &mut World, count: &mut Count) {
        for (partition, own) in &self.tasks {
            if let Some(checkpoint) = own.log.checkpoint() {
                world.disk(self.instance).save(*partition, &checkpoint);
                count.checkpoints += 1;
            }
        }
    }

    fn abort(&mut self, world: &mut World) -> Result<(), Ended> {
        if std::mem::replace(&mut self.step, Step::Closed) != Step::Closed {
            self.shares.clear();
            world.broker.abort(&self.id, self.epoch).map_err(|_| Ended::Fenced)?;
        }
        Ok(())
    }

    /// What is not committed is the next owner's to say.
    fn let_go(&mut self, world: &mut World) -> Result<(), Ended> {
        self.abort(world)?;
        self.generation = None;
        for (partition, own) in std::mem::take(&mut self.tasks) {
            if let Some(held) = own.log.into_held().filter(|_| world.standby) {
                self.standby.insert(partition, held);
            }
        }
        Ok(())
    }

    fn assigned(
        &mut self,
        generation: u64,
        partitions: Vec<i32>,
        world: &mut World,
        count: &mut Count,
    ) -> Result<(), Ended> {
        // Unknown while a transaction with offsets is open: asked again at the next turn.
        let Some(offsets) = world.broker.offsets(Group::Engine).cloned() else { return Ok(()) };
        for partition in partitions {
            let at = (Topic::Log, partition);
            let committed = match offsets.get(&at) {
                Some((next, metadata)) => match self.position(*next, metadata, world)? {
                    Some(position) => Some(position),
                    None => {
                        count.left += 1;
                        continue;
                    }
                },
                None => None,
            };
            let bounds = Bounds { low: 0, high: world.broker.end(at) };
            let warm = self.standby.remove(&partition);
            let disk = world.disk(self.instance).clone();
            let (program, sabotage, broker, notes) =
                (self.program, world.sabotage, &world.broker, Vec::new());
            let machine = program.machine();
            let mut asked = Asked { broker, disk: &disk, partition, program, sabotage, notes };
            let mut started = restore(&machine, committed, bounds, world.reset, warm, &mut asked);
            if let Err(StartError::Refused(Refusal::NoCheckpoint)) = started {
                started = restore(&machine, committed, bounds, Some(ResetFrom::Latest), None, &mut asked);
            }
            for note in asked.notes {
                match note {
                    Note::Restored { origin: Origin::Standby, .. } => count.warm += 1,
                    Note::Restored { .. } => count.restored += 1,
                    Note::Foreign { .. } => count.foreign += 1,
                    other => return Err(Ended::Broken(format!("{other:?}"))),
                }
            }
            let log =
                started.map_err(|error| Ended::Broken(format!("log partition {partition}: {error:?}")))?;
            count.starts += 1;
            self.tasks.insert(partition, Own { log, plans_checked: false });
        }
        self.generation = Some(generation);
        Ok(())
    }

    /// `None` where a newer program has taken the partition over.
    fn position(&self, next: i64, metadata: &str, world: &World) -> Result<Option<Position>, Ended> {
        let position = match Position::read(next, metadata, self.program.machine().version) {
            Err(PositionError::Newer { .. }) => return Ok(None),
            other => other.map_err(|error| Ended::Broken(error.to_string()))?,
        };
        Ok(Some(match world.sabotage {
            Some(Sabotage::ForgetsWhatIsOut) => Position { out: 0, ..position },
            _ => position,
        }))
    }

    fn read(&mut self, world: &mut World, rng: &mut StdRng, count: &mut Count) -> Result<(), Ended> {
        let Some(place) = (!self.tasks.is_empty()).then(|| rng.random_range(0..self.tasks.len())) else {
            return Ok(());
        };
        let (partition, own) = self.tasks.iter_mut().nth(place).expect("the place is below their number");
        let most = if world.slow { 1 } else { rng.random_range(1..60) };
        for _ in 0..most {
            let (partition, program) = (*partition, self.program);
            let mut history = LogOf { broker: &world.broker, partition, program };
            let Some((offset, record)) = world.broker.read((Topic::Log, partition), own.log.position())
            else {
                return self.reached_end(place, world, count);
            };
            let value = program.read(record.value.as_deref().unwrap_or_default());
            match own.log.apply(offset, Some(&record.key), &value, &mut history) {
                Ok(()) => {}
                // Taken over while it hung.
                Err(Stop::HigherEpoch { .. }) => {
                    count.left += 1;
                    self.tasks.remove(&partition);
                    return Ok(());
                }
                Err(stop) => return Err(Ended::Broken(stop.to_string())),
            }
        }
        Ok(())
    }

    fn reached_end(&mut self, place: usize, world: &mut World, count: &mut Count) -> Result<(), Ended> {
        let (partition, own) = self.tasks.iter_mut().nth(place).expect("the place is below their number");
        own.log.reached_end();
        let ours = *partition;
        let taking_over = matches!(own.log.phase(), Phase::TakingOver { .. });
        let mut alerts = (0..world.broker.partitions(Topic::Alerts)).map(|p| (Topic::Alerts, p));
        // Behind what others have open, what is committed cannot be read yet.
        if taking_over && alerts.any(|at| world.broker.stable_end(at) < world.broker.end(at)) {
            return Ok(());
        }
        let published = || {
            let mut open = OpenEpisodes::default();
            for alerts in 0..world.broker.partitions(Topic::Alerts) {
                for (_, record) in world.broker.committed_records((Topic::Alerts, alerts)) {
                    if record.cause.is_some_and(|(_, partition, _)| partition == ours) {
                        let taken = open.take(&record.key, record.value.as_deref().unwrap_or_default());
                        taken.map_err(|error| Ended::Broken(error.to_string()))?;
                    }
                }
            }
            Ok(open)
        };
        let appends = own.log.appends().len();
        own.log.append_epoch(published)?;
        count.takeovers += u32::from(taking_over && own.log.appends().len() > appends);
        if own.log.live() && !std::mem::replace(&mut own.plans_checked, true) {
            for name in world.workspaces.iter().filter(|name| world.partition_of(name) == ours) {
                if own.log.engine().has_plan(name).is_none() {
                    let workspace: Name = name.parse().map_err(|_| Ended::Broken("workspace".into()))?;
                    let (time, toml) = (world.now, world.plan.as_str().into());
                    own.log.append(&LogRecord::Plan(PlanRecord { workspace, time, toml, live_from: time }));
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, world: &mut World, rng: &mut StdRng) -> Result<(), Ended> {
        let mut room = rng.random_range(1..40);
        let share = |(partition, own): (&i32, &mut Own)| Some((*partition, own.log.share(&mut room)?));
        self.shares = self.tasks.iter_mut().filter_map(share).collect();
        if self.shares.is_empty() {
            return Ok(());
        }
        self.step = Step::Written;
        let sent = self.send(world);
        self.unless_refused(sent, world)
    }

    fn send(&self, world: &mut World) -> Result<(), Refused> {
        let alerts = world.broker.partitions(Topic::Alerts);
        let mut send = |at, record| world.broker.send(&self.id, self.epoch, at, record);
        for (partition, share) in &self.shares {
            let task = &self.tasks[partition].log;
            for bytes in task.appends() {
                let value = Some(bytes.clone());
                send((Topic::Log, *partition), Record { value, ..Record::default() })?;
            }
            for pending in task.outputs(share) {
                let cause = Some((Topic::Log, *partition, pending.offset));
                match &pending.output {
                    Output::Alert(alert) => {
                        let record = Record {
                            key: alert.key.clone().into_bytes(),
                            value: Some(alert.value.clone()),
                            cause,
                        };
                        send((Topic::Alerts, alerts_partition(&record.key, alerts)), record)?;
                    }
                    Output::DeadLetter(letter) => {
                        let value = pending.record.as_ref().map(|(_, value)| value.clone());
                        let key = letter.class.as_bytes().to_vec();
                        send((Topic::DeadLetters, 0), Record { key, value, cause })?;
                    }
                }
            }
            for update in task.aggregates(share) {
                let record = Record { key: update.key.clone(), value: update.value.clone(), cause: None };
                send((Topic::Aggregates, 0), record)?;
            }
        }
        Ok(())
    }

    fn go_on(&mut self, world: &mut World, at_once: bool, count: &mut Count) -> Result<(), Ended> {
        if self.step == Step::Written {
            let offsets = self.shares.iter().map(|(partition, share)| {
                let text = share.position.metadata(world.log_partitions);
                ((Topic::Log, *partition), (share.position.next, text))
            });
            let member = (Group::Engine, self.generation.unwrap_or_default(), self.member);
            let told = world.broker.send_offsets((&self.id, self.epoch), member, offsets.collect());
            self.step = Step::Told;
            self.unless_refused(told, world)?;
            if !at_once {
                return Ok(());
            }
        }
        if self.step == Step::Told {
            world.broker.commit(&self.id, self.epoch).map_err(|_| Ended::Fenced)?;
            self.step = Step::Closed;
            count.commits += 1;
            for (partition, share) in std::mem::take(&mut self.shares) {
                count.split += u32::from(share.position.out > 0);
                if let Some(own) = self.tasks.get_mut(&partition) {
                    own.log.confirm(&share);
                }
            }
        }
        Ok(())
    }

    fn unless_refused(&mut self, outcome: Result<(), Refused>, world: &mut World) -> Result<(), Ended> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Refused::Fenced) => Err(Ended::Fenced),
            Err(Refused::Stale) => self.abort(world),
        }
    }

    /// Keeps the states of the others' partitions near what they have committed.
    fn follow(&mut self, world: &mut World) -> Result<(), Ended> {
        let Some(offsets) = world.broker.offsets(Group::Engine).cloned() else { return Ok(()) };
        for partition in (0..world.log_partitions).filter(|partition| !self.tasks.contains_key(partition)) {
            let at = (Topic::Log, partition);
            let Some((next, metadata)) = offsets.get(&at) else { continue };
            let Some(committed) = self.position(*next, metadata, world)? else {
                self.standby.remove(&partition);
                continue;
            };
            let kept = self.standby.remove(&partition).filter(|held| held.position <= committed.next);
            let disk = world.disk(self.instance).clone();
            let (program, sabotage, broker, notes) =
                (self.program, world.sabotage, &world.broker, Vec::new());
            let mut asked = Asked { broker, disk: &disk, partition, program, sabotage, notes };
            let bounds = Bounds { low: 0, high: broker.end(at) };
            let held = match kept {
                Some(held) => Some(held),
                None => follow_from(&program.machine(), committed.next, bounds, &mut asked)
                    .map_err(Ended::Broken)?,
            };
            let Some(mut held) = held else { continue };
            while let Some((offset, record)) =
                broker.read(at, held.position).filter(|(o, _)| *o < committed.next)
            {
                let value = program.read(record.value.as_deref().unwrap_or_default());
                let followed = held.follow(offset, &value, &mut LogOf { broker, partition, program });
                followed.map_err(|stop| Ended::Broken(stop.to_string()))?;
            }
            // Control records alone may lie between.
            held.position = held.position.max(committed.next);
            held.caught_up(committed);
            self.standby.insert(partition, held);
        }
        Ok(())
    }
}
