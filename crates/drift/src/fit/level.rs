//! Volumes and spend per day: their level and what the calendar does to it.

use plumbline_plan::quarter_week;
use plumbline_units::Day;

use super::QUARTER_DAYS;
use super::homogeneity::{ChiSquare, chi_square_above};

/// Days whose mean is the level: whole weeks, recent enough to hold for the next.
const RECENT: usize = 91;
const LEAST_DAYS: usize = 28;
/// The newest four weeks alone are the level where they hold less than this share of what came before, or as many times
/// more: a channel that was shut off or opened goes on as it is, not as it was on average.
const STEP: f64 = 0.5;
/// Standard errors by which they then differ.
const CLEAR: f64 = 3.0;
/// Chance of a season where there is none.
const LEVEL: f64 = 1e-3;
/// z of a two-sided 90% interval.
const Z90: f64 = 1.644_853_626_951_472_7;

/// An amount per day.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Mean of the days used.
    pub per_day: f64,
    /// Lower end of its 90% interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How many of the newest days it is the mean of.
    pub days: usize,
    /// What it was per day before those, where it has halved or doubled since.
    pub before: Option<f64>,
    /// Multipliers by weekday, mean 1, where they clearly differ.
    pub weekday: Option<[f64; 7]>,
    /// Multipliers by week of the fiscal quarter, mean 1, where two years of history show them.
    pub quarter_week: Option<[f64; 13]>,
}

/// The level of daily amounts, the first of them on `first`; `None` from less than four weeks, or from nothing.
pub fn fit_level(first: Day, amounts: &[f64], fiscal_year_start: (u32, u32)) -> Option<Level> {
    let used = RECENT.min(amounts.len() / 7 * 7);
    if used < LEAST_DAYS {
        return None;
    }
    let day = |index: usize| first.plus(i32::try_from(index).unwrap_or(i32::MAX));
    let weekday = factors::<7>(amounts, |index| day(index).weekday());
    let unweek = |index: usize| weekday.map_or(1.0, |factors| factors[day(index).weekday()]).max(1e-6);
    let flat: Vec<f64> = amounts.iter().enumerate().map(|(i, amount)| amount / unweek(i)).collect();
    let week = |index: usize| quarter_week(day(index), fiscal_year_start);
    let quarter = (amounts.len() >= QUARTER_DAYS).then(|| factors::<13>(&flat, week)).flatten();
    // A rush that two years show to come each quarter is no step.
    let rush = |index: usize| quarter.map_or(1.0, |factors| factors[week(index)]).max(1e-6);
    let newest = amounts.len() - used..amounts.len();
    let calm: Vec<f64> = newest.map(|index| amounts[index] / rush(index)).collect();
    let before = before_step(&calm);
    let (used, recent) = match before {
        Some(_) => (LEAST_DAYS, &calm[calm.len() - LEAST_DAYS..]),
        None => (used, &amounts[amounts.len() - used..]),
    };
    let per_day = mean(recent);
    if per_day <= 0.0 {
        return None;
    }
    let offset = amounts.len() - used;
    let variance: f64 = recent
        .iter()
        .enumerate()
        .map(|(i, amount)| {
            let gap = amount - per_day * unweek(offset + i);
            gap * gap
        })
        .sum::<f64>()
        / (used - 1) as f64;
    let half = Z90 * (variance / used as f64).sqrt();
    Some(Level {
        per_day,
        low: (per_day - half).max(0.0),
        high: per_day + half,
        days: used,
        before,
        weekday,
        quarter_week: quarter,
    })
}

/// The mean of the days before the newest four weeks, where those clearly lie below half of it or above its double.
fn before_step(amounts: &[f64]) -> Option<f64> {
    let (before, since) = amounts.split_at(amounts.len().checked_sub(LEAST_DAYS)?);
    if before.len() < LEAST_DAYS {
        return None;
    }
    let (old, new) = (mean(before), mean(since));
    let stepped = new < STEP * old || old < STEP * new;
    let clear = CLEAR * (variance_of_mean(before) + variance_of_mean(since)).sqrt();
    (stepped && (new - old).abs() > clear).then_some(old)
}

fn mean(amounts: &[f64]) -> f64 {
    amounts.iter().sum::<f64>() / amounts.len().max(1) as f64
}

/// The variance of their mean.
fn variance_of_mean(amounts: &[f64]) -> f64 {
    let (mean, n) = (mean(amounts), amounts.len().max(2) as f64);
    amounts.iter().map(|amount| (amount - mean) * (amount - mean)).sum::<f64>() / (n - 1.0) / n
}

/// Means of groups over the mean of all, their own mean 1, where an analysis of variance tells the groups apart.
fn factors<const N: usize>(amounts: &[f64], group: impl Fn(usize) -> usize) -> Option<[f64; N]> {
    let (mut count, mut sum) = ([0.0; N], [0.0; N]);
    for (index, amount) in amounts.iter().enumerate() {
        count[group(index)] += 1.0;
        sum[group(index)] += amount;
    }
    if count.iter().any(|n| *n < 3.0) {
        return None;
    }
    let mean: [f64; N] = std::array::from_fn(|g| sum[g] / count[g]);
    let whole = mean.iter().sum::<f64>() / N as f64;
    if whole <= 0.0 || mean.iter().any(|mean| *mean < 0.0) {
        return None;
    }
    let within: f64 = amounts
        .iter()
        .enumerate()
        .map(|(index, amount)| (amount - mean[group(index)]) * (amount - mean[group(index)]))
        .sum();
    let variance = within / (amounts.len() as f64 - N as f64).max(1.0);
    let between: f64 = (0..N).map(|g| count[g] * (mean[g] - whole) * (mean[g] - whole)).sum();
    if variance > 0.0 {
        let test = ChiSquare { value: between / variance, freedom: N as f64 - 1.0 };
        if chi_square_above(test) >= LEVEL {
            return None;
        }
    } else if between <= 0.0 {
        return None;
    }
    Some(mean.map(|mean| mean / whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_week_is_found_and_a_level_is_the_mean_of_recent_weeks() {
        let first: Day = "2026-01-05".parse().unwrap();
        let amounts: Vec<f64> =
            (0..200).map(|i| f64::from(if i % 7 < 5 { 12 } else { 5 } + i % 3 - 1)).collect();
        let level = fit_level(first, &amounts, (1, 1)).unwrap();
        assert!((level.per_day - 10.0).abs() < 0.1, "{level:?}");
        assert_eq!(level.days, 91);
        let weekday = level.weekday.unwrap();
        assert!((weekday[0] - 1.2).abs() < 0.03 && (weekday[6] - 0.5).abs() < 0.03, "{weekday:?}");
        assert_eq!(level.quarter_week, None);
    }

    #[test]
    fn equal_days_have_no_season_and_too_few_have_no_level() {
        let first: Day = "2026-01-05".parse().unwrap();
        let wobble = |i: usize| 10.0 + (i * 37 % 11) as f64;
        let level = fit_level(first, &(0..200).map(wobble).collect::<Vec<_>>(), (1, 1)).unwrap();
        assert_eq!(level.weekday, None);
        assert_eq!(fit_level(first, &[1.0; 27], (1, 1)), None);
        assert_eq!(fit_level(first, &[0.0; 60], (1, 1)), None);
    }

    #[test]
    fn a_level_that_halved_or_doubled_is_that_of_the_newest_weeks() {
        let first: Day = "2026-01-05".parse().unwrap();
        let level = |step: f64| {
            let amount = |i: usize| (10.0 + (i * 37 % 11) as f64) * if i < 120 { 1.0 } else { step };
            fit_level(first, &(0..148).map(amount).collect::<Vec<_>>(), (1, 1)).unwrap()
        };
        for (step, days, newest) in [(1.0, 91, 15.0), (0.7, 91, 13.6), (0.1, 28, 1.5), (3.0, 28, 45.0)] {
            let level = level(step);
            assert_eq!(level.days, days, "{step}: {level:?}");
            assert!((level.per_day / newest - 1.0).abs() < 0.05, "{step}: {level:?}");
            assert_eq!(level.before.is_some(), days == 28, "{step}: {level:?}");
        }
    }

    #[test]
    fn two_years_show_the_weeks_of_the_quarter() {
        let first: Day = "2024-01-01".parse().unwrap();
        let amount = |i: usize| {
            let week = quarter_week(first.plus(i as i32), (1, 1));
            let base = if week == 12 { 20.0 } else { 10.0 };
            base + (i * 37 % 11) as f64 * 0.1
        };
        let level = fit_level(first, &(0..800).map(amount).collect::<Vec<_>>(), (1, 1)).unwrap();
        let quarter = level.quarter_week.unwrap();
        assert!(quarter[12] > 1.7 && quarter[0] < 1.0, "{quarter:?}");
    }

    #[test]
    fn the_rush_at_a_quarters_end_is_no_step_once_two_years_show_it() {
        let first: Day = "2024-01-01".parse().unwrap();
        let last: Day = "2025-12-31".parse().unwrap();
        let amount = |i: usize| {
            let rush = quarter_week(first.plus(i as i32), (1, 1)) >= 9;
            (10.0 + (i * 37 % 11) as f64 * 0.1) * if rush { 4.0 } else { 1.0 }
        };
        let days: Vec<f64> = (0..usize::try_from(last.since(first) + 1).unwrap()).map(amount).collect();
        assert_eq!(fit_level(first, &days, (1, 1)).unwrap().before, None);
        // The same quarter by itself looks like one.
        assert!(fit_level(last.plus(-90), &days[days.len() - 91..], (1, 1)).unwrap().before.is_some());
    }
}
