//! The state machine's clock: driven by clock records, never going back, and slow to believe a leap.
//!
//! Before the first clock record (in files there may be none) an event's arrival serves as one. Once clock
//! records come, only they count. A step of more than [`LEAP`] is believed when clock records spanning
//! [`CONFIRMATION`] agree on it: one instance with a wrong clock cannot close a week of ticks, yet after a
//! real outage time moves on within ten minutes.

use plumbline_units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

/// A longer step of the clock needs confirmation.
pub(crate) const LEAP: Seconds = Seconds::HOUR;
/// Clock records must agree on a leap for this long.
pub(crate) const CONFIRMATION: Seconds = Seconds(600);

/// The state machine's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EngineClock {
    /// Nothing has been read.
    #[default]
    Unset,
    /// No clock record yet: the latest arrival.
    Events(Timestamp),
    /// The latest believed clock record, and a leap that awaits confirmation.
    Records {
        /// The time.
        now: Timestamp,
        /// The unconfirmed leap.
        leap: Option<Leap>,
    },
}

/// Clock records that agree with one another and lie more than [`LEAP`] ahead of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leap {
    since: Timestamp,
    latest: Timestamp,
}

impl EngineClock {
    /// The time, once anything has been read.
    pub fn now(&self) -> Option<Timestamp> {
        match self {
            EngineClock::Unset => None,
            EngineClock::Events(now) | EngineClock::Records { now, .. } => Some(*now),
        }
    }

    /// Takes an event's arrival.
    pub fn on_event(&mut self, received_at: Timestamp) {
        match self {
            EngineClock::Unset => *self = EngineClock::Events(received_at),
            EngineClock::Events(now) => *now = (*now).max(received_at),
            EngineClock::Records { .. } => {}
        }
    }

    /// Takes a clock record's time; says whether it confirmed a leap, so that nobody knows what the hours between
    /// should have brought.
    pub fn on_record(&mut self, time: Timestamp) -> bool {
        let EngineClock::Records { now, leap } = self else {
            let now = self.now().map_or(time, |now| now.max(time));
            *self = EngineClock::Records { now, leap: None };
            return false;
        };
        if time <= now.plus(LEAP) {
            *now = (*now).max(time);
            *leap = None;
            return false;
        }
        let agreed = match *leap {
            Some(Leap { since, latest }) if time >= since && time <= latest.plus(LEAP) => {
                Leap { since, latest: latest.max(time) }
            }
            _ => Leap { since: time, latest: time },
        };
        let confirmed = agreed.latest >= agreed.since.plus(CONFIRMATION);
        if confirmed {
            *now = agreed.latest;
        }
        *leap = if confirmed { None } else { Some(agreed) };
        confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: i64 = 1_700_000_000_000;

    fn minute(n: i64) -> Timestamp {
        Timestamp::clamped(T0 + n * 60_000)
    }

    /// Plays clock records at these minutes and returns the clock's minute after each.
    fn play(minutes: &[i64]) -> Vec<i64> {
        let mut clock = EngineClock::default();
        minutes
            .iter()
            .map(|m| {
                clock.on_record(minute(*m));
                (clock.now().unwrap().millis() - T0) / 60_000
            })
            .collect()
    }

    #[test]
    fn time_follows_clock_records_never_goes_back_and_believes_a_leap_after_ten_minutes() {
        for (name, records, expected) in [
            ("minute by minute", vec![0, 1, 2], vec![0, 1, 2]),
            ("backwards is ignored", vec![5, 3, 6], vec![5, 5, 6]),
            ("an hour is no leap", vec![0, 60], vec![0, 60]),
            ("one wrong clock", vec![0, 5000, 1, 5001, 2], vec![0, 0, 1, 1, 2]),
            ("after an outage", vec![0, 3000, 3005, 3009, 3010, 3011], vec![0, 0, 0, 0, 3010, 3011]),
            ("a leap on top of a leap starts again", vec![0, 100, 5000, 5010], vec![0, 0, 0, 5010]),
        ] {
            assert_eq!(play(&records), expected, "{name}");
        }
    }

    #[test]
    fn arrivals_serve_as_time_until_the_first_clock_record() {
        let mut clock = EngineClock::default();
        assert_eq!(clock.now(), None);
        clock.on_event(minute(0));
        clock.on_event(minute(100_000));
        clock.on_event(minute(50));
        assert_eq!(clock.now(), Some(minute(100_000)));
        clock.on_record(minute(300_000));
        assert_eq!(clock.now(), Some(minute(300_000)));
        clock.on_event(minute(300_010));
        assert_eq!(clock.now(), Some(minute(300_000)));
    }
}
