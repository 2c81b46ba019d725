//! Factors by place in the calendar.

use plumbline_units::Day;

/// Multipliers of mean 1 by weekday and by week of the fiscal quarter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Season {
    /// Monday first.
    pub weekday: [f64; 7],
    /// Weeks 1 to 13 of the fiscal quarter; the days beyond the 91st belong to the last.
    pub quarter_week: [f64; 13],
}

impl Season {
    /// All days alike.
    pub const FLAT: Season = Season { weekday: [1.0; 7], quarter_week: [1.0; 13] };

    /// Whether all weekdays are alike.
    pub fn is_weekday_flat(&self) -> bool {
        self.weekday.iter().all(|factor| *factor == 1.0)
    }

    /// Whether all weeks of the quarter are alike.
    pub fn is_quarter_flat(&self) -> bool {
        self.quarter_week.iter().all(|factor| *factor == 1.0)
    }

    /// The factor of a day.
    pub fn factor(&self, day: Day, fiscal_year_start: (u32, u32)) -> f64 {
        let weekday = self.weekday[day.weekday()];
        if self.is_quarter_flat() { weekday } else { weekday * self.quarter_factor(day, fiscal_year_start) }
    }

    /// The factor of a day's week of the quarter alone.
    pub fn quarter_factor(&self, day: Day, fiscal_year_start: (u32, u32)) -> f64 {
        self.quarter_week[quarter_week(day, fiscal_year_start)]
    }
}

/// The week of the fiscal quarter a day lies in, 0 to 12. Quarters start three months apart, on the day of the
/// month the fiscal year starts on, or on the last of a shorter month.
pub fn quarter_week(day: Day, (month, start): (u32, u32)) -> usize {
    let (year, this_month, _) = day.ymd();
    // The newest of the quarter starts in the last three months, this one included, that is not later.
    let begins = (0..=3).find_map(|back| {
        let months = i64::from(year) * 12 + i64::from(this_month) - 1 - back;
        let (y, m) = (months.div_euclid(12), months.rem_euclid(12));
        if (m - i64::from(month) + 1).rem_euclid(3) != 0 {
            return None;
        }
        let first = |d: u32| Day::from_ymd(i32::try_from(y).ok()?, u32::try_from(m).ok()? + 1, d);
        (28..=start.max(28))
            .rev()
            .chain([start])
            .filter(|d| *d <= start)
            .find_map(first)
            .filter(|b| *b <= day)
    });
    begins.map_or(0, |begins| (usize::try_from(day.since(begins)).unwrap_or(0) / 7).min(12))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(day: &str, fiscal: (u32, u32)) -> usize {
        quarter_week(day.parse().unwrap(), fiscal) + 1
    }

    #[test]
    fn weeks_are_counted_from_the_start_of_the_fiscal_quarter() {
        for (day, fiscal, expected) in [
            ("2026-01-01", (1, 1), 1),
            ("2026-01-07", (1, 1), 1),
            ("2026-01-08", (1, 1), 2),
            ("2026-03-31", (1, 1), 13),
            ("2026-12-31", (1, 1), 13),
            ("2026-01-31", (2, 1), 13),
            ("2026-02-01", (2, 1), 1),
            ("2026-04-05", (4, 6), 13),
            ("2026-04-06", (4, 6), 1),
            ("2026-07-05", (4, 6), 13),
            ("2026-02-28", (11, 30), 1),
            ("2026-02-27", (11, 30), 13),
        ] {
            assert_eq!(week(day, fiscal), expected, "{day} {fiscal:?}");
        }
    }

    #[test]
    fn a_days_factor_is_that_of_its_weekday_times_that_of_its_week() {
        let mut season = Season::FLAT;
        season.weekday[0] = 1.5;
        season.quarter_week[1] = 0.5;
        let monday: Day = "2026-01-12".parse().unwrap();
        assert_eq!(season.factor(monday, (1, 1)), 0.75);
        assert_eq!(Season::FLAT.factor(monday, (1, 1)), 1.0);
    }
}
