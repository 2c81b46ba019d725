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
    /// The machine's, set forwards and back; for tests of a clock that jumps.
    Shifted(ClockShift),
}

/// How far a clock is off, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct ClockShift(Arc<AtomicI64>);

impl ClockShift {
    /// Sets the clock so far ahead of the machine's, or behind it.
    pub fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::Release);
    }
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
            TimeSource::Shifted(ClockShift(off)) => {
                Timestamp::clamped(wall().millis().saturating_add(off.load(Ordering::Acquire)))
            }
        }
    }

    /// The time at which a record that its producer stamped `stamped` arrives. Only a recording believes the stamp,
    /// and does so whatever else was read before: partitions are read in any order, and a day that is played in a
    /// blink would else seem to have arrived within its last minute.
    pub(crate) fn arrival(&self, stamped: Option<i64>) -> Timestamp {
        match (self, stamped) {
            (TimeSource::Played(clock), Some(millis)) => {
                let at = Timestamp::clamped(millis);
                clock.advance(at);
                at
            }
            _ => self.now(),
        }
    }
}

/// The machine's clock.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::clamped(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_played_record_arrives_when_it_was_stamped_in_whatever_order_it_is_read() {
        let clock = PlayedClock::new(Timestamp::clamped(1_000));
        let time = TimeSource::Played(clock.clone());
        for stamp in [9_000, 4_000] {
            assert_eq!(time.arrival(Some(stamp)), Timestamp::clamped(stamp));
            assert_eq!(clock.now(), Timestamp::clamped(9_000));
        }
        assert_eq!(time.arrival(None), Timestamp::clamped(9_000));
    }
}
