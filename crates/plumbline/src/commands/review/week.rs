//! Weeks by ISO 8601: Monday to Sunday, named after the year that holds their Thursday.

use std::fmt;
use std::str::FromStr;

use plumbline_units::Day;

/// A week, as its Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Week(Day);

impl Week {
    /// The week that holds the day.
    pub(crate) fn of(day: Day) -> Week {
        Week(day.week_start())
    }

    /// Its Monday.
    pub(crate) fn first(self) -> Day {
        self.0
    }

    /// Its Sunday.
    pub(crate) fn last(self) -> Day {
        self.0.plus(6)
    }

    /// The week before.
    pub(crate) fn before(self) -> Week {
        Week(self.0.plus(-7))
    }

    pub(crate) fn holds(self, day: Day) -> bool {
        self.first() <= day && day <= self.last()
    }

    fn year_and_number(self) -> (i32, i32) {
        let thursday = self.0.plus(3);
        let (year, ..) = thursday.ymd();
        let january = Day::from_ymd(year, 1, 1).unwrap_or(thursday);
        (year, thursday.since(january) / 7 + 1)
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, number) = self.year_and_number();
        write!(f, "{year}-W{number:02}")
    }
}

impl FromStr for Week {
    type Err = String;

    fn from_str(text: &str) -> Result<Week, String> {
        let wrong = || format!("{text:?} is no week: write it as 2026-W47");
        let (year, number) = text.split_once("-W").ok_or_else(wrong)?;
        let year: i32 = year.parse().map_err(|_| wrong())?;
        let number: i32 = number.parse().map_err(|_| wrong())?;
        // The fourth of January lies in the first week.
        let first = Day::from_ymd(year, 1, 4).ok_or_else(wrong)?.week_start();
        let week = Week(first.plus(7 * (number - 1)));
        if number < 1 || week.year_and_number() != (year, number) {
            return Err(format!("{year} has no week {number}"));
        }
        Ok(week)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_named_by_the_year_of_their_thursday() {
        for (name, first, last) in [
            ("2026-W47", "2026-11-16", "2026-11-22"),
            ("2026-W01", "2025-12-29", "2026-01-04"),
            ("2026-W53", "2026-12-28", "2027-01-03"),
            ("2027-W01", "2027-01-04", "2027-01-10"),
            ("2024-W09", "2024-02-26", "2024-03-03"),
        ] {
            let week: Week = name.parse().unwrap();
            assert_eq!((week.first().to_string(), week.last().to_string()), (first.into(), last.into()));
            assert_eq!(week.to_string(), name);
            assert_eq!(Week::of(week.last()), week);
        }
    }

    #[test]
    fn what_is_no_week_is_refused_with_the_way_to_write_one() {
        for (text, word) in [
            ("2026-47", "2026-W47"),
            ("2025-W53", "no week 53"),
            ("2026-W00", "no week 0"),
            ("x-W1", "2026-W47"),
        ] {
            let why = text.parse::<Week>().unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}
