//! An engine task that is killed, restored and goes on.
//!
//! # Model
//! The task publishes in transactions. A transaction holds outputs, the newest value of each aggregate changed
//! since the last one, and the position: the next record and how many of its outputs are out already, so one
//! record may span transactions. A kill loses whatever is not committed. The next life restores the newest
//! checkpoint that is not ahead of the committed position (or starts from nothing), replays up to it without a
//! word, and then speaks.

use plumbline_engine::{Engine, EngineConfig, SnapshotError, Stop};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::MemoryLog;
use crate::published::{Published, Said};

/// How often what happens. All chances are per record.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Reproduces the run.
    pub seed: u64,
    /// Chance of a kill after a record, or in the middle of its outputs.
    pub kill: f64,
    /// At most this many kills; then the task lives to the end.
    pub max_kills: u32,
    /// Chance that a transaction is committed after a record, or between two outputs of one.
    pub commit: f64,
    /// Chance of a checkpoint after a record.
    pub checkpoint: f64,
    /// Chance that a restart finds no checkpoint.
    pub lost_disk: f64,
}

/// What happened to the task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lives {
    /// Kills.
    pub kills: u32,
    /// Restarts from a checkpoint.
    pub restored: u32,
    /// Restarts from the log's beginning.
    pub from_nothing: u32,
    /// Commits in the middle of a record's outputs.
    pub split_records: u32,
}

/// Why a task could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The engine stopped.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// A checkpoint written by this very program was not read back.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// The next record, and how many of its outputs are out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    offset: i64,
    outputs: usize,
}

struct Task<'a> {
    config: &'a EngineConfig,
    log: &'a MemoryLog,
    faults: Faults,
    rng: StdRng,
    published: Published,
    committed: Position,
    /// Snapshots with the offset of the next record; the last two.
    checkpoints: Vec<(i64, Vec<u8>)>,
    lives: Lives,
}

enum Fate {
    Killed,
    Done,
}

/// Runs the log to its end through kills and restarts; hands back what readers see and what happened.
pub fn run_with_kills(
    config: &EngineConfig,
    log: &MemoryLog,
    faults: Faults,
) -> Result<(Published, Lives), TaskError> {
    let mut task = Task {
        config,
        log,
        faults,
        rng: StdRng::seed_from_u64(faults.seed),
        published: Published::default(),
        committed: Position::default(),
        checkpoints: Vec::new(),
        lives: Lives::default(),
    };
    while let Fate::Killed = task.live()? {
        task.lives.kills += 1;
    }
    Ok((task.published, task.lives))
}

impl Task<'_> {
    fn live(&mut self) -> Result<Fate, TaskError> {
        let (mut engine, first) = self.restore()?;
        let mut pending: Vec<Said> = Vec::new();
        let mut out = Vec::new();
        for offset in first..self.log.len() {
            engine.apply(offset, &self.log.record(offset), &mut { self.log }, &mut out)?;
            let skip = match offset.cmp(&self.committed.offset) {
                std::cmp::Ordering::Less => out.len(),
                std::cmp::Ordering::Equal => self.committed.outputs,
                std::cmp::Ordering::Greater => 0,
            };
            let silent = offset < self.committed.offset;
            for (number, output) in out.drain(..).enumerate().skip(skip) {
                pending.push(Said { offset, output });
                if self.chance(self.faults.kill * 0.2) && self.may_die() {
                    return Ok(Fate::Killed);
                }
                if self.chance(self.faults.commit) {
                    self.lives.split_records += 1;
                    self.commit(&mut engine, &mut pending, Position { offset, outputs: number + 1 });
                }
            }
            if silent {
                continue;
            }
            let next = Position { offset: offset + 1, outputs: 0 };
            if self.chance(self.faults.commit) {
                self.commit(&mut engine, &mut pending, next);
            }
            if self.chance(self.faults.checkpoint) {
                self.checkpoint(&engine, next.offset);
            }
            if self.chance(self.faults.kill) && self.may_die() {
                return Ok(Fate::Killed);
            }
        }
        let end = Position { offset: self.log.len(), outputs: 0 };
        self.commit(&mut engine, &mut pending, end);
        Ok(Fate::Done)
    }

    fn restore(&mut self) -> Result<(Engine, i64), TaskError> {
        let lost = self.chance(self.faults.lost_disk);
        if lost {
            self.checkpoints.clear();
        }
        // One ahead of what is committed would never say what is still owed.
        self.checkpoints.retain(|(offset, _)| *offset <= self.committed.offset);
        match self.checkpoints.last() {
            Some((offset, snapshot)) => {
                self.lives.restored += 1;
                Ok((Engine::load(self.config.clone(), snapshot)?, *offset))
            }
            None => {
                self.lives.from_nothing += u32::from(self.lives.kills > 0);
                Ok((Engine::new(self.config.clone()), 0))
            }
        }
    }

    fn commit(&mut self, engine: &mut Engine, pending: &mut Vec<Said>, position: Position) {
        self.published.said.append(pending);
        self.published.compact(engine.aggregates());
        self.committed = position;
    }

    fn checkpoint(&mut self, engine: &Engine, offset: i64) {
        let mut snapshot = Vec::new();
        engine.save(&mut snapshot);
        self.checkpoints.push((offset, snapshot));
        if self.checkpoints.len() > 2 {
            self.checkpoints.remove(0);
        }
    }

    fn may_die(&self) -> bool {
        self.lives.kills < self.faults.max_kills
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random::<f64>() < probability
    }
}
