//! The whole service in memory: several instances with both stages over a faulty log service, in schedules drawn
//! from a seed.
//!
//! What is real: decoding, the intake's progress, clock and start, the engine's task (silence, positions, how outputs
//! are cut into transactions, epochs, first plans, checkpoints, standbys, starts) and the state machine; all of it is
//! the code the service runs. What is played: the log service with its transactions and groups, the client library,
//! disks and clocks, and the order in which everything happens.
//!
//! After each schedule: every input is in the log or among the dead letters once; alerts, dead letters and aggregates
//! are byte for byte what the plain run over that log says; no alert is said twice; no source that
//! spoke is called silent; consumers who key alerts by their id see the very episodes open that are,
//! and whatever people acknowledged is told.
//!
//! Where a newer version of the program replaces an older one meanwhile, what each partition has said is what the older
//! says of the log up to some point, and what the newer says of it from its epoch record on.

mod broker;
mod check;
mod disk;
mod faults;
mod feed;
mod judging;
mod people;
mod plain;
mod plan;
mod process;
mod program;
mod reading;
mod schedule;
mod world;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use broker::Topic;

/// What is broken on purpose, to see that the checks notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The log service takes what anybody writes, whoever owns the id or the partition.
    Unfenced,
    /// Offsets count at once, not with the transaction.
    OffsetsApart,
    /// A checkpoint is restored though it is ahead of what is committed.
    CheckpointAhead,
    /// How many outputs of a record are out is not taken from the committed position.
    ForgetsWhatIsOut,
}

/// How large the schedules are.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Turns of the instances under faults.
    pub turns: u32,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
    /// Whether all begins with an older version of the program, which a newer one replaces instance by instance.
    pub upgrades: bool,
}

impl Default for Size {
    fn default() -> Size {
        Size { turns: 500, sabotage: None, upgrades: false }
    }
}

/// What happened in a schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Count {
    /// Processes killed.
    pub kills: u32,
    /// Processes that stalled, lost their partitions and went on.
    pub zombies: u32,
    /// Processes started under the name of one that still ran.
    pub doubles: u32,
    /// Transactions that timed out.
    pub timeouts: u32,
    /// Transactions given up since the group had moved on.
    pub aborts: u32,
    /// Times that partitions moved.
    pub rebalances: u32,
    /// Processes that another had fenced.
    pub fenced: u32,
    /// Checkpoints written.
    pub checkpoints: u32,
    /// Checkpoints lost, torn, foreign, of another version or ahead of the commit.
    pub damaged: u32,
    /// Jumps of a clock.
    pub jumps: u32,
    /// Days without intake, without the engine, or without both.
    pub outages: u32,
    /// Times that committed offsets expired.
    pub expiries: u32,
    /// Bursts of poison.
    pub bursts: u32,
    /// Plan revisions.
    pub revisions: u32,
    /// Alerts acknowledged.
    pub words: u32,
    /// Instances that went over to the other version of the program …
    pub upgrades: u32,
    /// … partitions that a newer version began to take over from an older …
    pub takeovers: u32,
    /// … and partitions that an older one was given and left to a newer.
    pub left: u32,
    /// State machines started …
    pub starts: u32,
    /// … from a checkpoint …
    pub restored: u32,
    /// … and from a standby.
    pub warm: u32,
    /// Checkpoints of another log passed over.
    pub foreign: u32,
    /// Transactions committed.
    pub commits: u32,
    /// Records whose outputs filled several transactions.
    pub split: u32,
    /// Inputs sent.
    pub inputs: u32,
    /// Alerts published.
    pub alerts: u32,
    /// Sources called silent.
    pub silences: u32,
}

impl Count {
    /// Adds another schedule's.
    pub fn add(&mut self, other: &Count) {
        let Count {
            kills,
            zombies,
            doubles,
            timeouts,
            aborts,
            rebalances,
            fenced,
            checkpoints,
            damaged,
            jumps,
            outages,
            expiries,
            bursts,
            revisions,
            words,
            upgrades,
            takeovers,
            left,
            starts,
            restored,
            warm,
            foreign,
            commits,
            split,
            inputs,
            alerts,
            silences,
        } = other;
        for (sum, more) in [
            (&mut self.kills, kills),
            (&mut self.zombies, zombies),
            (&mut self.doubles, doubles),
            (&mut self.timeouts, timeouts),
            (&mut self.aborts, aborts),
            (&mut self.rebalances, rebalances),
            (&mut self.fenced, fenced),
            (&mut self.checkpoints, checkpoints),
            (&mut self.damaged, damaged),
            (&mut self.jumps, jumps),
            (&mut self.outages, outages),
            (&mut self.expiries, expiries),
            (&mut self.bursts, bursts),
            (&mut self.revisions, revisions),
            (&mut self.words, words),
            (&mut self.upgrades, upgrades),
            (&mut self.takeovers, takeovers),
            (&mut self.left, left),
            (&mut self.starts, starts),
            (&mut self.restored, restored),
            (&mut self.warm, warm),
            (&mut self.foreign, foreign),
            (&mut self.commits, commits),
            (&mut self.split, split),
            (&mut self.inputs, inputs),
            (&mut self.alerts, alerts),
            (&mut self.silences, silences),
        ] {
            *sum = sum.saturating_add(*more);
        }
    }
}

/// A schedule that held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of everything written and everything that happened.
    pub fingerprint: u64,
    /// What happened.
    pub count: Count,
}

/// Plays the schedule of the seed and checks what came of it; what is wrong, in words, where anything is.
pub fn simulate(seed: u64, size: Size) -> Result<Held, String> {
    let (world, heard, mut count) =
        schedule::play(seed, size).map_err(|wrong| format!("seed {seed}: {wrong}"))?;
    count.silences = check::check(&world, &heard, count.expiries > 0)
        .map_err(|wrong| format!("seed {seed}: {wrong}; {count:?}"))?;
    let mut hasher = DefaultHasher::new();
    count.hash(&mut hasher);
    let logs = (0..world.log_partitions).map(|partition| (Topic::Log, partition));
    let alerts = (0..world.broker.partitions(Topic::Alerts)).map(|partition| (Topic::Alerts, partition));
    for at in logs.chain(alerts).chain([(Topic::DeadLetters, 0), (Topic::Aggregates, 0)]) {
        for (offset, record) in world.broker.committed_records(at) {
            (offset, record).hash(&mut hasher);
        }
    }
    Ok(Held { fingerprint: hasher.finish(), count })
}
