//! Who does what next, and what goes wrong: all of it drawn from the seed.

use plumbline_units::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::broker::{Broker, Group, Topic};
use super::disk::Disk;
use super::feed::{Feed, Heard, INPUTS};
use super::plan::plan;
use super::process::{Ended, Process};
use super::program::Program;
use super::world::World;
use super::{Count, Sabotage, Size};

const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// A schedule being played.
pub(super) struct Play {
    pub(super) world: World,
    pub(super) rng: StdRng,
    pub(super) feed: Feed,
    /// By instance; none where it is down.
    pub(super) processes: Vec<Option<Process>>,
    /// What each instance starts.
    pub(super) programs: Vec<Program>,
    /// Decides on upgrades, where there are any.
    pub(super) upgrades: Option<StdRng>,
    /// Decides who speaks of which alert.
    pub(super) people: StdRng,
    /// Former holders of a name that do not know it yet.
    pub(super) doubles: Vec<Process>,
    pub(super) members: u64,
    pub(super) intake_down: u32,
    pub(super) engine_down: u32,
    pub(super) storm: u32,
    pub(super) slow: u32,
    pub(super) count: Count,
}

/// Plays the seed's schedule to its end.
pub(super) fn play(seed: u64, size: Size) -> Result<(World, Heard, Count), String> {
    let mut play = Play::new(seed, size);
    play.rebalance(false)?;
    for _ in 0..size.turns {
        play.turn()?;
    }
    play.settle()?;
    play.count.inputs = play.feed.sent as u32;
    let alerts = 0..play.world.broker.partitions(Topic::Alerts);
    let alerts = alerts.map(|p| play.world.broker.committed_records((Topic::Alerts, p)).count() as u32);
    play.count.alerts = alerts.sum();
    Ok((play.world, play.feed.heard, play.count))
}

impl Play {
    fn new(seed: u64, size: Size) -> Play {
        let mut rng = StdRng::seed_from_u64(seed);
        let start: Timestamp = "2026-03-02T00:00:00Z".parse().expect("a time in its text form");
        let mut broker = Broker::default();
        for number in 0..INPUTS.len() as u8 {
            broker.create(Topic::Input(number), rng.random_range(1..4));
        }
        let log_partitions = rng.random_range(1..4);
        broker.create(Topic::Log, log_partitions);
        broker.create(Topic::Alerts, rng.random_range(1..3));
        broker.create(Topic::Aggregates, 1);
        broker.create(Topic::DeadLetters, 1);
        broker.unfenced = size.sabotage == Some(Sabotage::Unfenced);
        broker.offsets_apart = size.sabotage == Some(Sabotage::OffsetsApart);
        let workspaces: Vec<String> = (0..rng.random_range(1..4)).map(|n| format!("w{n}")).collect();
        let instances = rng.random_range(1..4);
        let disks = vec![Disk::default(); if rng.random_bool(0.5) { 1 } else { instances }];
        let world = World {
            broker,
            disks,
            workspaces: workspaces.clone(),
            log_partitions,
            plan: plan(),
            now: start,
            sabotage: size.sabotage,
            reset: None,
            standby: rng.random_bool(0.5),
            words: Vec::new(),
            slow: false,
        };
        let drop_from = Timestamp::clamped(start.millis() + rng.random_range(2..8) * 24 * HOUR);
        let feed = Feed::new(StdRng::seed_from_u64(seed ^ 0x5eed), workspaces, start, drop_from);
        let mut play = Play {
            world,
            rng,
            feed,
            processes: (0..instances).map(|_| None).collect(),
            programs: vec![if size.upgrades { Program::Older } else { Program::Newer }; instances],
            upgrades: size.upgrades.then(|| StdRng::seed_from_u64(seed ^ 0x0b_501e)),
            people: StdRng::seed_from_u64(seed ^ 0x00ac_ce97),
            doubles: Vec::new(),
            members: 0,
            intake_down: 0,
            engine_down: 0,
            storm: 0,
            slow: 0,
            count: Count::default(),
        };
        (0..instances).for_each(|instance| play.start(instance));
        play
    }

    pub(super) fn start(&mut self, instance: usize) {
        self.members += 1;
        self.processes[instance] =
            Some(Process::start(instance, self.members, self.programs[instance], &mut self.world));
    }

    pub(super) fn pass(&mut self, millis: i64) {
        self.world.now = Timestamp::clamped(self.world.now.millis() + millis);
        self.feed.until(self.world.now, &mut self.world.broker);
    }

    /// One turn: time passes, perhaps something goes wrong, somebody acts.
    fn turn(&mut self) -> Result<(), String> {
        let minutes = self.rng.random_range(1..45);
        self.pass(minutes * MINUTE);
        if self.rng.random_bool(0.06) {
            self.fault()?;
        }
        self.upgrade()?;
        self.acknowledge();
        for down in [&mut self.intake_down, &mut self.engine_down, &mut self.slow] {
            *down = down.saturating_sub(1);
        }
        self.world.slow = self.slow > 0;
        if self.storm > 0 || self.processes.iter().any(Option::is_none) && self.rng.random_bool(0.2) {
            self.storm = self.storm.saturating_sub(1);
            self.start_what_is_down();
            let graceful = self.rng.random_bool(0.5);
            self.rebalance(graceful)?;
        }
        for at in 0..self.processes.len() {
            if self.rng.random_bool(0.7) {
                self.act(at)?;
            }
        }
        self.doubles_act()
    }

    pub(super) fn start_what_is_down(&mut self) {
        for instance in 0..self.processes.len() {
            if self.processes[instance].is_none() {
                self.start(instance);
            }
        }
    }

    pub(super) fn act(&mut self, at: usize) -> Result<(), String> {
        let stages = (self.intake_down == 0, self.engine_down == 0);
        let Some(process) = self.processes[at].as_mut() else { return Ok(()) };
        if process.stalled > 0 {
            process.stalled -= 1;
            return Ok(());
        }
        match process.act(&mut self.world, &mut self.rng, stages, &mut self.count) {
            Ok(()) => Ok(()),
            Err(Ended::Fenced) => {
                self.count.fenced += 1;
                self.processes[at] = None;
                Ok(())
            }
            Err(Ended::Broken(wrong)) => Err(wrong),
        }
    }

    fn doubles_act(&mut self) -> Result<(), String> {
        for mut double in std::mem::take(&mut self.doubles) {
            if double.stalled > 0 {
                double.stalled -= 1;
                self.doubles.push(double);
                continue;
            }
            match double.act(&mut self.world, &mut self.rng, (true, true), &mut self.count) {
                Ok(()) => self.doubles.push(double),
                Err(Ended::Fenced) => self.count.fenced += 1,
                Err(Ended::Broken(wrong)) => return Err(wrong),
            }
        }
        Ok(())
    }

    /// The group gives its partitions out anew. Asked members commit first; otherwise they learn of it later.
    pub(super) fn rebalance(&mut self, graceful: bool) -> Result<(), String> {
        self.count.rebalances += 1;
        if graceful {
            for at in 0..self.processes.len() {
                let Some(process) = self.processes[at].as_mut().filter(|p| p.stalled == 0) else { continue };
                match process.finish(&mut self.world, &mut self.rng, &mut self.count) {
                    Ok(()) => {}
                    Err(Ended::Fenced) => self.processes[at] = None,
                    Err(Ended::Broken(wrong)) => return Err(wrong),
                }
            }
        }
        let well = self.processes.iter().flatten().filter(|process| process.stalled == 0);
        let members: Vec<u64> = well.map(|process| process.member).collect();
        let inputs: Vec<Topic> = (0..INPUTS.len() as u8).map(Topic::Input).collect();
        let turn = self.rng.random_range(0..8);
        self.world.broker.rebalance(Group::Intake, members.clone(), &inputs, turn);
        self.world.broker.rebalance(Group::Engine, members, &[Topic::Log], turn);
        Ok(())
    }

    /// All faults end; everything is read and said, by the newer program.
    fn settle(&mut self) -> Result<(), String> {
        for (program, process) in self.programs.iter_mut().zip(&mut self.processes) {
            if std::mem::replace(program, Program::Newer) == Program::Older {
                *process = None;
            }
        }
        self.come_to_rest(true)?;
        // The last day's ticks close.
        for _ in 0..60 {
            self.pass(HOUR / 2);
            for at in 0..self.processes.len() {
                self.act(at)?;
            }
        }
        self.come_to_rest(true)
    }

    pub(super) fn come_to_rest(&mut self, doubles: bool) -> Result<(), String> {
        (self.intake_down, self.engine_down, self.storm, self.slow) = (0, 0, 0, 0);
        self.world.slow = false;
        for process in self.processes.iter_mut().flatten() {
            (process.stalled, process.skew) = (0, 0);
        }
        if doubles {
            self.doubles.iter_mut().for_each(|double| double.stalled = 0);
        }
        for round in 0..20_000 {
            if self.processes.iter().any(Option::is_none) || round == 0 {
                self.start_what_is_down();
                self.rebalance(false)?;
            }
            for at in 0..self.processes.len() {
                self.act(at)?;
            }
            if doubles {
                self.doubles_act()?;
            }
            // What former holders left open is given up in the end.
            if round % 50 == 49 {
                self.time_out();
            }
            let done = |process: &Option<Process>| process.as_ref().is_some_and(|p| p.is_done(&self.world));
            if self.processes.iter().all(done) && self.world.broker.open_transactions().is_empty() {
                return Ok(());
            }
        }
        Err("the service does not come to rest".into())
    }
}
