//! Where a partition's state machine starts: from which checkpoint, and how far it must keep silent.

use super::{Checkpoint, Held, LastRecord, LogTask, Origin, Position};
use crate::{Engine, EngineConfig};

/// A state so few records behind is gone on from without looking for a better one.
const NEARLY_THERE: i64 = 10_000;

/// First and next offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest record there is.
    pub low: i64,
    /// The offset the next record will get.
    pub high: i64,
}

/// A decision by the operator where committed offsets are gone, or the log's start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetFrom {
    /// Intake: read the inputs again from their start (duplicates are folded once). Engine: publish everything
    /// again.
    Earliest,
    /// Engine: go on from the newest checkpoint, though committed offsets are gone or retention has removed log
    /// records behind it; those are lost. Says nothing to intake.
    Checkpoint,
    /// Intake: skip what is on the inputs. Engine: replay silently to the end of the log, then speak.
    Latest,
}

/// What a start needs to know of the world.
pub trait Surroundings {
    /// Why it cannot be asked.
    type Error;

    /// The newest whole checkpoint of the version at or before `upto`.
    fn checkpoint(&mut self, version: u32, upto: i64) -> Result<Option<Checkpoint>, Self::Error>;

    /// The mark of the record at `offset` of the log, if there is one.
    fn mark(&mut self, offset: i64) -> Result<Option<LastRecord>, Self::Error>;

    /// Whether the log holds an epoch record.
    fn judged_before(&mut self) -> Result<bool, Self::Error>;

    /// Told what an operator should hear of.
    fn note(&mut self, note: Note);
}

/// What an operator should hear of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The state comes from a checkpoint or a standby.
    Restored {
        /// Which.
        origin: Origin,
        /// Its position.
        position: i64,
        /// What is committed.
        committed: i64,
    },
    /// A checkpoint cannot be used: why.
    Unusable(String),
    /// A checkpoint or standby belongs to another log of the same name.
    Foreign {
        /// Its position.
        position: i64,
    },
    /// Retention has removed the last record of the state, which is taken on trust.
    OnTrust,
    /// Log records below `from` are lost, by a person's decision.
    Lost {
        /// The oldest record that is left.
        from: i64,
    },
}

/// Why a partition cannot be judged before a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More is committed than the log holds: it was made anew or has lost records.
    Beyond {
        /// The committed offset.
        next: i64,
        /// The log's bounds.
        bounds: Bounds,
    },
    /// There is no checkpoint to go on from.
    NoCheckpoint,
    /// No committed position, but the log has been judged before.
    JudgedBefore,
    /// Retention has removed what the state would be rebuilt from.
    Trimmed {
        /// The state is known up to here.
        reaches: i64,
        /// The log's bounds.
        bounds: Bounds,
    },
}

/// Why a task did not start.
#[derive(Debug)]
pub enum StartError<E> {
    /// A person must decide.
    Refused(Refusal),
    /// The world could not be asked.
    World(E),
}

impl<E> From<E> for StartError<E> {
    fn from(error: E) -> Self {
        StartError::World(error)
    }
}

/// A task for a partition with these bounds and this committed position, restored as far as a standby (`warm`) or a
/// checkpoint reaches.
pub fn restore<W: Surroundings>(
    config: &EngineConfig,
    committed: Option<Position>,
    bounds: Bounds,
    reset: Option<ResetFrom>,
    warm: Option<Held>,
    world: &mut W,
) -> Result<LogTask, StartError<W::Error>> {
    let whole = |next| Position::whole(next).by(config.version);
    let (committed, held) = match committed {
        Some(position) if position.next > bounds.high => {
            return Err(StartError::Refused(Refusal::Beyond { next: position.next, bounds }));
        }
        Some(position) => (position, furthest(config, position.next, bounds, warm, world)?),
        None if reset == Some(ResetFrom::Checkpoint) => {
            let Some(held) = furthest(config, bounds.high, bounds, None, world)? else {
                return Err(StartError::Refused(Refusal::NoCheckpoint));
            };
            (whole(held.position), Some(held))
        }
        // Whatever lies among the checkpoints belongs to another life of this log.
        None => (whole(without_commit(bounds, reset, world)?), None),
    };
    let reaches = held.as_ref().map_or(0, |held| held.position);
    // What lies below the log's start can neither be said nor be kept silent about.
    let committed = if committed.next < bounds.low { whole(bounds.low) } else { committed };
    match held {
        Some(held) if held.position >= bounds.low => {
            let Held { origin, position, .. } = held;
            world.note(Note::Restored { origin, position, committed: committed.next });
            Ok(LogTask::new(held, committed))
        }
        Some(held) if reset == Some(ResetFrom::Checkpoint) => {
            world.note(Note::Lost { from: bounds.low });
            Ok(LogTask::new(Held { position: bounds.low, ..held }, committed))
        }
        _ if bounds.low == 0 || reset == Some(ResetFrom::Earliest) => {
            if bounds.low > 0 {
                world.note(Note::Lost { from: bounds.low });
            }
            Ok(LogTask::new(Held::fresh(config, bounds.low), committed))
        }
        _ => Err(StartError::Refused(Refusal::Trimmed { reaches, bounds })),
    }
}

/// Where a standby begins that may read up to `upto`: at a checkpoint, or at the start of a whole log. `None` where
/// neither is left.
pub fn follow_from<W: Surroundings>(
    config: &EngineConfig,
    upto: i64,
    bounds: Bounds,
    world: &mut W,
) -> Result<Option<Held>, W::Error> {
    let held = furthest(config, upto, bounds, None, world)?.filter(|held| held.position >= bounds.low);
    Ok(held.or_else(|| (bounds.low == 0).then(|| Held::fresh(config, 0))))
}

/// The furthest state at or before `upto` that belongs to this very log: that of a standby, or a checkpoint. One
/// beyond it would never say what is still owed.
fn furthest<W: Surroundings>(
    config: &EngineConfig,
    upto: i64,
    bounds: Bounds,
    warm: Option<Held>,
    world: &mut W,
) -> Result<Option<Held>, W::Error> {
    let warm = match warm {
        Some(held) if held.position <= upto && of_this_log(held.position, held.last, bounds, world)? => {
            Some(held)
        }
        _ => None,
    };
    // A checkpoint is read only where it may be ahead: a standby that is nearly there needs none.
    if warm.as_ref().is_some_and(|held| upto - held.position < NEARLY_THERE) {
        return Ok(warm);
    }
    let Some(checkpoint) = world.checkpoint(config.version, upto)? else { return Ok(warm) };
    let Checkpoint { position, last, state, .. } = checkpoint;
    if warm.as_ref().is_some_and(|held| held.position >= position)
        || !of_this_log(position, Some(last), bounds, world)?
    {
        return Ok(warm);
    }
    match Engine::load(config.clone(), &state) {
        Ok(engine) => Ok(Some(Held { engine, position, last: Some(last), origin: Origin::Checkpoint })),
        Err(error) => {
            world.note(Note::Unusable(error.to_string()));
            Ok(warm)
        }
    }
}

/// No committed position: a log that no state machine has judged is judged from its start; otherwise a person
/// must say whether everything is to be said again.
fn without_commit<W: Surroundings>(
    bounds: Bounds,
    reset: Option<ResetFrom>,
    world: &mut W,
) -> Result<i64, StartError<W::Error>> {
    match reset {
        Some(ResetFrom::Earliest) => Ok(0),
        Some(ResetFrom::Latest) => Ok(bounds.high),
        // `Checkpoint` is taken before: it needs no committed position.
        Some(ResetFrom::Checkpoint) | None => match world.judged_before()? {
            true => Err(StartError::Refused(Refusal::JudgedBefore)),
            false => Ok(0),
        },
    }
}

/// Whether the last record of a state stands in the log as it did then.
fn of_this_log<W: Surroundings>(
    position: i64,
    last: Option<LastRecord>,
    bounds: Bounds,
    world: &mut W,
) -> Result<bool, W::Error> {
    let Some(last) = last else { return Ok(false) };
    if last.offset < bounds.low {
        world.note(Note::OnTrust);
        return Ok(true);
    }
    if world.mark(last.offset)? == Some(last) {
        return Ok(true);
    }
    world.note(Note::Foreign { position });
    Ok(false)
}
