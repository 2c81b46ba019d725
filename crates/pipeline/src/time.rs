//! Where intake's clock comes from: the machine's, or that of a played recording.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use plumbline_units::Timestamp;

/// Intake's clock.
#[derive(Clone, Debug, Default)]
pub enum TimeSource {
    /// The machine's.
    #[default]
    Wall,
    /// That of a recording; for demonstrations and tests.
    Played(PlayedClock),
}

/// The clock of a recording: it stands where the player has put it, or later where a played record is stamped
/// later. It never goes back.
#[derive(Clone, Debug)]
pub struct PlayedClock(Arc<AtomicI64>);

impl PlayedClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> PlayedClock {
        PlayedClock(Arc::new(AtomicI64::new(start.millis())))
    }

    /// Moves the clock on to `time`, if that is later.
    pub fn advance(&self, time: Timestamp) {
        self.0.fetch_max(time.millis(), Ordering::AcqRel);
    }

    /// Where it stands.
    pub fn now(&self) -> Timestamp {
        Timestamp::clamped(self.0.load(Ordering::Acquire))
    }
}

impl TimeSource {
    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            TimeSource::Wall => wall(),
            TimeSource::Played(clock) => clock.now(),
        }
    }

    /// The time at which a record that its producer stamped `stamped` arrives. Only a played clock believes the
    /// stamp.
    pub(crate) fn arrival(&self, stamped: Option<i64>) -> Timestamp {
        if let (TimeSource::Played(clock), Some(millis)) = (self, stamped) {
            clock.advance(Timestamp::clamped(millis));
        }
        self.now()
    }
}

/// The machine's clock.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::clamped(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
