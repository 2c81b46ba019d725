//! Packed registers: when a fact happened, with a small number saying what.

use plumbline_units::Timestamp;

/// The instant of a fact in milliseconds and the interned number of its value, in eight bytes. Only instants
/// compare as numbers: of equal ones the values' *texts* decide, because numbers follow the order of arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

const VALUE_BITS: u32 = 20;

// Three centuries of milliseconds and the empty mark fit the other 44 bits.
const _: () = assert!(Timestamp::MAX.millis() - Timestamp::MIN.millis() + 1 < 1 << (64 - VALUE_BITS));

impl Stamp {
    /// No fact.
    pub(crate) const EMPTY: Stamp = Stamp(0);
    /// The largest number of a value.
    pub(crate) const MAX_VALUE: u32 = (1 << VALUE_BITS) - 1;

    pub(crate) fn new(at: Timestamp, value: u32) -> Stamp {
        let time = (at.millis() - Timestamp::MIN.millis() + 1) as u64;
        Stamp(time << VALUE_BITS | u64::from(value.min(Self::MAX_VALUE)))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Orders by instant; the empty stamp lies before all.
    pub(crate) fn time(self) -> u64 {
        self.0 >> VALUE_BITS
    }

    pub(crate) fn value(self) -> u32 {
        (self.0 & u64::from(Self::MAX_VALUE)) as u32
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(self) -> i64 {
        self.time() as i64 - 1 + Timestamp::MIN.millis()
    }

    pub(crate) fn second(self) -> Second {
        Second::floor(self.millis())
    }

    pub(crate) const fn to_words(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }

    pub(crate) const fn from_words(words: [u32; 2]) -> Stamp {
        Stamp(words[0] as u64 | (words[1] as u64) << 32)
    }
}

/// A second between 1970 and 2106, or none. Enough for a minimum: rounding down keeps the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Second(pub(crate) u32);

impl Second {
    /// Never.
    pub(crate) const NEVER: Second = Second(0);

    pub(crate) fn floor(millis: i64) -> Second {
        Second((millis.div_euclid(1000).clamp(0, i64::from(u32::MAX) - 1) + 1) as u32)
    }

    /// The first whole second not before `at`.
    pub(crate) fn ceil(at: Timestamp) -> Second {
        Second::floor(at.millis() + 999)
    }

    pub(crate) fn is_never(self) -> bool {
        self.0 == 0
    }

    /// Seconds since 1970.
    pub(crate) fn unix(self) -> i64 {
        i64::from(self.0) - 1
    }

    /// The earlier of the two that exist.
    pub(crate) fn earlier(self, other: Second) -> Second {
        // `NEVER` is zero: moved down by one it wraps to the latest of all.
        if self.0.wrapping_sub(1) <= other.0.wrapping_sub(1) { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_its_instant_to_the_millisecond_and_its_value() {
        for millis in [Timestamp::MIN.millis(), -1, 0, 1_772_000_000_123, Timestamp::MAX.millis()] {
            let stamp = Stamp::new(Timestamp::from_millis(millis).unwrap(), 77);
            assert_eq!((stamp.millis(), stamp.value(), stamp.is_empty()), (millis, 77, false));
            assert_eq!(Stamp::from_words(stamp.to_words()), stamp);
        }
    }

    #[test]
    fn the_earlier_second_wins_and_never_loses_to_all() {
        let (a, b) = (Second::floor(5_000), Second::floor(6_999));
        assert_eq!(a.earlier(b), a);
        assert_eq!(b.earlier(a), a);
        assert_eq!(Second::NEVER.earlier(b), b);
        assert_eq!(b.earlier(Second::NEVER), b);
        assert_eq!((b.unix(), Second::ceil(Timestamp::clamped(6_001)).unix()), (6, 7));
    }
}
