//! What goes wrong.

use plumbline_engine::task::{Checkpoint, Held, ResetFrom};
use plumbline_events::{LogRecord, PlanRecord, encode_record};
use rand::Rng;

use super::broker::{Group, Record, Topic};
use super::disk::Damage;
use super::plan::plan;
use super::process::Ended;
use super::program::Program;
use super::schedule::{HOUR, Play};
use super::world::LogOf;

impl Play {
    /// Something goes wrong.
    pub(super) fn fault(&mut self) -> Result<(), String> {
        let at = self.rng.random_range(0..self.processes.len());
        match self.rng.random_range(0..16) {
            0..=2 => self.kill(at),
            3 | 4 => self.stall(at)?,
            5 => self.double(at),
            6 => self.time_out(),
            7 => self.storm = self.rng.random_range(2..8),
            8 => self.damage(),
            9 => self.jump(at),
            10 => {
                self.count.bursts += 1;
                self.feed.poison(&mut self.world.broker);
            }
            11 => self.outage(true, false)?,
            12 => self.outage(false, true)?,
            13 if self.upgrades.is_none() && self.count.expiries == 0 && self.rng.random_bool(0.3) => {
                self.all_down()?
            }
            14 if self.count.revisions == 0 => self.revise(),
            _ => self.slow = self.rng.random_range(5..60),
        }
        Ok(())
    }

    /// An instance goes over to the newer program, now and then back; in good order, or killed.
    pub(super) fn upgrade(&mut self) -> Result<(), String> {
        let Some(dice) = &mut self.upgrades else { return Ok(()) };
        if !dice.random_bool(0.012) {
            return Ok(());
        }
        let at = dice.random_range(0..self.processes.len());
        let (back, orderly) = (dice.random_bool(0.25), dice.random_bool(0.5));
        let program = if back { Program::Older } else { Program::Newer };
        if self.programs[at] == program {
            return Ok(());
        }
        self.count.upgrades += 1;
        self.programs[at] = program;
        if orderly && let Some(process) = self.processes[at].as_mut().filter(|p| p.stalled == 0) {
            match process.finish(&mut self.world, &mut self.rng, &mut self.count) {
                Ok(()) | Err(Ended::Fenced) => {}
                Err(Ended::Broken(wrong)) => return Err(wrong),
            }
        }
        self.processes[at] = None;
        Ok(())
    }

    fn kill(&mut self, at: usize) {
        self.count.kills += u32::from(self.processes[at].is_some());
        self.processes[at] = None;
    }

    /// It hangs for longer than its session: the group gives its partitions to others.
    fn stall(&mut self, at: usize) -> Result<(), String> {
        let turns = self.rng.random_range(3..30);
        if let Some(process) = self.processes[at].as_mut() {
            process.stalled = turns;
            self.count.zombies += 1;
            self.rebalance(false)?;
        }
        Ok(())
    }

    /// Another is started under its name while it hangs; then it goes on.
    fn double(&mut self, at: usize) {
        if let Some(mut process) = self.processes[at].take() {
            process.stalled = self.rng.random_range(0..10);
            self.doubles.push(process);
            self.count.doubles += 1;
            self.start(at);
        }
    }

    pub(super) fn time_out(&mut self) {
        let open = self.world.broker.open_transactions();
        if !open.is_empty() {
            let id = &open[self.rng.random_range(0..open.len())];
            self.world.broker.time_out(id);
            self.count.timeouts += 1;
        }
    }

    fn damage(&mut self) {
        let partition = self.rng.random_range(0..self.world.log_partitions);
        let damage = match self.rng.random_range(0..6) {
            0 => Damage::Lost,
            1 => Damage::Torn(self.rng.random_range(0..1000)),
            2 => Damage::Flipped(self.rng.random_range(0..1000)),
            3 => Damage::OtherVersion,
            4 => Damage::Foreign,
            _ => return self.checkpoint_ahead(partition),
        };
        let at = self.rng.random_range(0..self.world.disks.len());
        self.count.damaged += u32::from(self.world.disk(at).damage(partition, damage));
    }

    /// A checkpoint of everything that can be read, said or not.
    fn checkpoint_ahead(&mut self, partition: i32) {
        let mut held = Held::fresh(&Program::Newer.machine(), 0);
        for (offset, record) in self.world.broker.committed_records((Topic::Log, partition)) {
            let value = record.value.as_deref().unwrap_or_default();
            let mut history = LogOf { broker: &self.world.broker, partition, program: Program::Newer };
            if held.follow(offset, value, &mut history).is_err() {
                return;
            }
        }
        let Some(last) = held.last else { return };
        let mut state = Vec::new();
        held.engine.save(&mut state);
        let checkpoint = Checkpoint { version: held.engine.version(), position: held.position, last, state };
        let at = self.rng.random_range(0..self.world.disks.len());
        self.world.disk(at).save(partition, &checkpoint);
        self.count.damaged += 1;
    }

    fn jump(&mut self, at: usize) {
        let hours = match self.rng.random_range(0..4) {
            0 => self.rng.random_range(-72..0),
            1 => self.rng.random_range(1..72),
            _ => 0,
        };
        if let Some(process) = self.processes[at].as_mut() {
            process.skew = hours * HOUR;
            self.count.jumps += 1;
        }
    }

    /// A stage is down for hours or days.
    fn outage(&mut self, intake: bool, engine: bool) -> Result<(), String> {
        self.count.outages += 1;
        let turns = self.rng.random_range(5..80);
        if intake {
            self.intake_down = turns;
        }
        if engine {
            self.engine_down = turns;
        }
        let hours = self.rng.random_range(0..60);
        for _ in 0..hours {
            self.pass(HOUR);
            for at in 0..self.processes.len() {
                self.act(at)?;
            }
        }
        Ok(())
    }

    /// All instances end in good order and are away for longer than offsets are kept. The operator goes on from the
    /// checkpoints that all share, or else silently from the end.
    fn all_down(&mut self) -> Result<(), String> {
        self.come_to_rest(false)?;
        self.rebalance(true)?;
        self.processes.iter_mut().for_each(|process| *process = None);
        self.doubles.clear();
        self.count.expiries += 1;
        self.count.outages += 1;
        self.world.broker.forget_offsets(Group::Intake);
        self.world.broker.forget_offsets(Group::Engine);
        // An instance whose own disk is older than another's would say what that one has said.
        let shared = self.world.disks.len() == 1;
        self.world.reset = Some(if shared { ResetFrom::Checkpoint } else { ResetFrom::Latest });
        let days = self.rng.random_range(7..10);
        self.pass(days * 24 * HOUR);
        self.start_what_is_down();
        self.rebalance(false)?;
        // The engine first, until it has committed the end as it was left.
        self.intake_down = u32::MAX;
        let partitions = self.world.log_partitions as usize;
        while self.world.broker.offsets(Group::Engine).is_none_or(|offsets| offsets.len() < partitions) {
            for at in 0..self.processes.len() {
                self.act(at)?;
            }
        }
        self.intake_down = 0;
        Ok(())
    }

    /// A plan revision that folds the log anew comes.
    fn revise(&mut self) {
        self.count.revisions += 1;
        let name = self.world.workspaces[self.rng.random_range(0..self.world.workspaces.len())].clone();
        let toml = plan().replace("revision = 1", "revision = 2").replace("[\"smb\", \"mid\"]", "[\"smb\"]");
        let (partition, time) = (self.world.partition_of(&name), self.world.now);
        let Ok(workspace) = name.parse() else { return };
        let record = PlanRecord { workspace, time, toml: toml.into(), live_from: time };
        let mut bytes = Vec::new();
        encode_record(&LogRecord::Plan(record), &mut bytes);
        let record = Record { value: Some(bytes), ..Record::default() };
        self.world.broker.append((Topic::Log, partition), record);
    }
}
