//! One process of the service: both stages, and what befalls them together.

use rand::Rng;
use rand::rngs::StdRng;

use super::Count;
use super::judging::Judging;
use super::program::Program;
use super::reading::Reading;
use super::world::World;

/// How far a stage's transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// None is open.
    Closed,
    /// Records are written.
    Written,
    /// Offsets are written, too.
    Told,
}

/// Why a process ended by itself.
#[derive(Debug)]
pub(super) enum Ended {
    /// Another has taken over. Its supervisor starts it again.
    Fenced,
    /// What must not happen.
    Broken(String),
}

/// One process of the service.
pub(super) struct Process {
    /// Names this life in its groups.
    pub(super) member: u64,
    /// Does nothing for so many turns.
    pub(super) stalled: u32,
    /// How wrong its clock is, in milliseconds.
    pub(super) skew: i64,
    reading: Reading,
    judging: Judging,
}

impl Process {
    pub(super) fn start(instance: usize, member: u64, program: Program, world: &mut World) -> Process {
        Process {
            member,
            stalled: 0,
            skew: 0,
            reading: Reading::start(instance, member, world),
            judging: Judging::start(instance, member, program, world),
        }
    }

    pub(super) fn act(
        &mut self,
        world: &mut World,
        rng: &mut StdRng,
        (intake, engine): (bool, bool),
        count: &mut Count,
    ) -> Result<(), Ended> {
        // News of the group come with a heartbeat, sooner or later.
        let heard = rng.random_bool(0.7);
        if intake {
            self.reading.act(world, rng, (heard, self.skew), count)?;
        }
        if engine {
            self.judging.act(world, rng, heard, count)?;
        }
        Ok(())
    }

    /// Commits what is under way, before partitions move or the process ends.
    pub(super) fn finish(
        &mut self,
        world: &mut World,
        rng: &mut StdRng,
        count: &mut Count,
    ) -> Result<(), Ended> {
        self.reading.finish(world, count)?;
        self.judging.finish(world, rng, count)
    }

    pub(super) fn is_done(&self, world: &World) -> bool {
        self.reading.is_done(world) && self.judging.is_done(world)
    }
}
