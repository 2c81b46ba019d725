//! Days and hours of the plan's zone, remembered: a look-up in the zone's tables per fact would be the most
//! expensive step of the fold.

use plumbline_units::{Day, Timestamp, Zone};

use crate::stamp::Second;

const SLOTS: usize = 2048;

/// The offset of one day of Coordinated Universal Time: it changes at most once within it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    day: i32,
    /// Second of the day at which the later offset begins.
    change: i32,
    before: i32,
    after: i32,
}

/// Cuts seconds into days and hours of a zone.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    zone: Zone,
    slots: Box<[Slot]>,
}

impl Calendar {
    pub(crate) fn new(zone: Zone) -> Calendar {
        let empty = Slot { day: i32::MIN, change: 0, before: 0, after: 0 };
        Calendar { zone, slots: vec![empty; SLOTS].into() }
    }

    pub(crate) fn day_and_hour(&mut self, at: Second) -> (Day, u8) {
        let unix = at.unix();
        let (day, second) = (unix.div_euclid(86_400) as i32, unix.rem_euclid(86_400) as i32);
        let place = day as usize % SLOTS;
        if self.slots[place].day != day {
            self.slots[place] = read(self.zone, day);
        }
        let slot = &self.slots[place];
        let local = unix + i64::from(if second < slot.change { slot.before } else { slot.after });
        (Day::from_number(local.div_euclid(86_400) as i32), (local.rem_euclid(86_400) / 3_600) as u8)
    }

    pub(crate) fn day(&mut self, at: Second) -> Day {
        self.day_and_hour(at).0
    }
}

fn read(zone: Zone, day: i32) -> Slot {
    let offset = |second: i32| {
        let millis = (i64::from(day) * 86_400 + i64::from(second)) * 1000;
        zone.offset_seconds(Timestamp::clamped(millis))
    };
    let (before, after) = (offset(0), offset(86_399));
    // The smallest second with the later offset.
    let (mut low, mut high) = (0, 86_399);
    while before != after && low + 1 < high {
        let middle = (low + high) / 2;
        if offset(middle) == before { low = middle } else { high = middle }
    }
    Slot { day, change: if before == after { 0 } else { high }, before, after }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_and_hours_are_the_zones_own_around_every_change_of_the_clock() {
        for name in ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Beirut", "Pacific/Apia"] {
            let zone: Zone = name.parse().unwrap();
            let mut calendar = Calendar::new(zone);
            // Every half hour of the years 2009 to 2013, and each last second before it.
            for step in 0..5 * 365 * 48 {
                for second in [1_230_768_000 + step * 1800, 1_230_768_000 + step * 1800 - 1] {
                    let at = Timestamp::clamped(second * 1000);
                    let found = calendar.day_and_hour(Second::floor(at.millis()));
                    assert_eq!(found, zone.day_and_hour(at), "{name} {at}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_instant_from_1970_on_falls_on_its_day(millis in 0i64..4_294_967_000_000) {
            let zone: Zone = "America/Sao_Paulo".parse().unwrap();
            let at = Timestamp::clamped(millis);
            let found = Calendar::new(zone).day_and_hour(Second::floor(millis));
            prop_assert_eq!(found, zone.day_and_hour(at));
        }
    }
}
