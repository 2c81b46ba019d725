//! Local days as instants, and the weekend back-log.

use plumbline_units::{Day, Timestamp, Zone};

const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// The starts of consecutive local days, so that finding a day needs no zone look-up.
pub(crate) struct Calendar {
    first: Day,
    /// Start of each day in milliseconds since the epoch, and of the day after the last.
    starts: Vec<i64>,
}

impl Calendar {
    pub(crate) fn new(zone: Zone, first: Day, days: usize) -> Calendar {
        let starts = (0..=days).map(|i| zone.start_of(first.plus(i as i32)).millis()).collect();
        Calendar { first, starts }
    }

    /// Number of days covered.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn day(&self, index: usize) -> Day {
        self.first.plus(index as i32)
    }

    pub(crate) fn start(&self, index: usize) -> i64 {
        self.starts[index]
    }

    /// The position of the day in which `at` lies; `None` outside of the calendar.
    pub(crate) fn index_of(&self, at: i64) -> Option<usize> {
        let guess = (at - self.starts[0]).div_euclid(DAY_MILLIS);
        // Clock changes move a day's start by at most an hour or so, and they cancel over the year.
        let mut index = usize::try_from(guess.max(0)).ok()?.min(self.len().checked_sub(1)?);
        while index > 0 && at < self.starts[index] {
            index -= 1;
        }
        while index < self.len() && at >= self.starts[index + 1] {
            index += 1;
        }
        (at >= self.starts[0] && index < self.len()).then_some(index)
    }

    /// The instant at the given fraction (0 to 1) of a day, 0.5 being noon on all days without a clock change.
    pub(crate) fn within(&self, index: usize, fraction: f64) -> i64 {
        let length = (self.starts[index + 1] - self.starts[index]) as f64;
        self.starts[index] + ((fraction * length) as i64).min(length as i64 - 1)
    }

    /// Where a transition due on a weekend goes when it waits: the fraction `spread` (0 to 1) of Monday 8 to 12.
    /// `None` if `at` is no weekend, or Monday lies outside of the calendar.
    pub(crate) fn monday_after(&self, at: i64, spread: f64) -> Option<i64> {
        let index = self.index_of(at)?;
        let wait = match self.day(index).weekday() {
            5 => 2,
            6 => 1,
            _ => return None,
        };
        let monday = *self.starts.get(index + wait)?;
        Some(monday + 8 * HOUR_MILLIS + (spread * 4.0 * HOUR_MILLIS as f64) as i64)
    }

    /// As a timestamp.
    pub(crate) fn stamp(at: i64) -> Timestamp {
        Timestamp::clamped(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_found_on_both_sides_of_clock_changes() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let calendar = Calendar::new(zone, "2026-01-01".parse().unwrap(), 400);
        for hour in 0..400 * 24 {
            let at = calendar.start(0) + hour * HOUR_MILLIS + 1;
            let expected = zone.day_of(Timestamp::clamped(at));
            assert_eq!(calendar.index_of(at).map(|i| calendar.day(i)).unwrap_or(expected), expected);
        }
        assert_eq!(calendar.index_of(calendar.start(0) - 1), None);
        assert_eq!(calendar.index_of(calendar.start(400)), None);
    }

    #[test]
    fn a_weekend_waits_for_monday_morning_and_a_working_day_does_not() {
        let calendar = Calendar::new(Zone::UTC, "2026-01-05".parse().unwrap(), 30);
        let saturday = calendar.within(5, 0.3);
        let sunday = calendar.within(6, 0.99);
        assert_eq!(calendar.monday_after(saturday, 0.0), Some(calendar.start(7) + 8 * HOUR_MILLIS));
        assert_eq!(calendar.monday_after(sunday, 0.5), Some(calendar.start(7) + 10 * HOUR_MILLIS));
        assert_eq!(calendar.monday_after(calendar.within(4, 0.99), 0.5), None);
    }
}
