//! A state machine with the log position it stands at, silent: restored, or kept warm beside its owner.

use std::fmt;

use plumbline_events::decode_record;

use super::{LastRecord, Position};
use crate::{Engine, EngineConfig, History, Stop};

/// What a partition's state was restored from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The start of the log.
    #[default]
    Log,
    /// A checkpoint.
    Checkpoint,
    /// A standby, or what this instance itself held before a rebalance.
    Standby,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Log => "the start of the log",
            Origin::Checkpoint => "a checkpoint",
            Origin::Standby => "a standby",
        })
    }
}

/// A state machine and the log position it stands at.
pub struct Held {
    /// The state machine.
    pub engine: Engine,
    /// Every record below this offset is in it.
    pub position: i64,
    /// The last of them.
    pub last: Option<LastRecord>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Held {
    /// A state machine that has read nothing yet.
    pub fn fresh(config: &EngineConfig, position: i64) -> Held {
        Held { engine: Engine::new(config.clone()), position, last: None, origin: Origin::Log }
    }

    /// Applies the record at `offset`, whose outputs are its owner's to say. A standby reads records below its
    /// owner's committed position only: so it owes nothing, and whoever takes over goes on from it exactly as from a
    /// checkpoint.
    pub fn follow(&mut self, offset: i64, value: &[u8], history: &mut dyn History) -> Result<(), Stop> {
        let record = decode_record(value).map_err(|error| Stop::Unreadable { offset, error })?;
        self.engine.apply(offset, &record, history, &mut Vec::new())?;
        self.position = offset + 1;
        self.last = Some(LastRecord::of(offset, value));
        self.origin = Origin::Standby;
        Ok(())
    }

    /// Everything below the committed position has been followed.
    pub fn caught_up(&mut self, committed: Position) {
        let version = self.engine.version();
        if self.position == committed.next && committed.settled && committed.version == version {
            // Its owner has published these, and has counted as we do.
            self.engine.aggregates();
        }
    }
}
