//! Lag distributions in whole days per weekday of entry, worked out from the mechanism itself.
//!
//! # Method
//! The week is cut into quarters of an hour. The density of entries to the first stage over the week is known
//! (weekday factors × hour profile). The density of entries to the next stage is its circular convolution with
//! the lag distribution, after which the weekend's back-log is moved to Monday morning. Given the density within
//! a weekday, the share that converts by the end of the a-th day after the entry day is
//! `Σ_u π(u) · [F(a+1−u) − F(0)]`, with the same move. No simulation, hence no noise.
//!
//! # What it neglects
//! Growth of volume within the week, and the two weeks a year in which the clock changes.

use crate::{LagSpec, Spec};

/// Quarters of an hour in a day.
const SLOTS: usize = 96;
const WEEK: usize = 7 * SLOTS;
/// A table ends where no more than this converts later …
const TAIL: f64 = 2e-5;
/// … or after this many days: beyond the horizon nothing is judged.
const MAX_DAYS: usize = 400;
/// Monday 8 to 12, in slots.
const BACKLOG_SLOTS: std::ops::Range<usize> = 32..48;

/// Cumulative shares by whole days since the entry day, per transition and weekday of entry (Monday first). The
/// last element of each is 1.
#[derive(Clone, Debug, PartialEq)]
pub struct LagTables(pub [[Vec<f64>; 7]; 4]);

/// The tables of the mechanism before the onset.
pub fn lag_tables(spec: &Spec) -> LagTables {
    let mut density = arrivals(spec);
    LagTables(spec.lags.map(|lag| {
        let tables = day_tables(&lag, &density, spec.weekend_backlog);
        density = wait_for_monday(convolve(&lag, &density), spec.weekend_backlog);
        tables
    }))
}

/// Share of the arrivals by slot of the week.
fn arrivals(spec: &Spec) -> Vec<f64> {
    let (weekdays, hours) = (spec.weekday_factors(), spec.arrival.shares());
    let per_hour = SLOTS / 24;
    (0..WEEK).map(|s| weekdays[s / SLOTS] / 7.0 * hours[s % SLOTS / per_hour] / per_hour as f64).collect()
}

/// The log-normal distribution function of a lag in days.
fn cdf(lag: &LagSpec, days: f64) -> f64 {
    if days <= 0.0 {
        return 0.0;
    }
    let z = libm::log(days / lag.median_days) / lag.sigma;
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The density of the ends of lags that begin with `density`, without back-log.
fn convolve(lag: &LagSpec, density: &[f64]) -> Vec<f64> {
    // Mass of the lag in slots, folded to one week. What takes longer than 400 weeks is spread evenly.
    let edge = |slots: f64| cdf(lag, slots / SLOTS as f64);
    let mut folded = vec![0.0; WEEK];
    let mut before = 0.0;
    for slot in 0..400 * WEEK {
        let after = edge(slot as f64 + 0.5);
        folded[slot % WEEK] += after - before;
        before = after;
        if after > 1.0 - 1e-12 {
            break;
        }
    }
    folded.iter_mut().for_each(|mass| *mass += (1.0 - before) / WEEK as f64);
    let mut ends = vec![0.0; WEEK];
    for (start, share) in density.iter().enumerate() {
        for (slot, mass) in folded.iter().enumerate() {
            ends[(start + slot) % WEEK] += share * mass;
        }
    }
    ends
}

/// Moves `backlog` of what ends on Saturday and Sunday to Monday morning.
fn wait_for_monday(mut density: Vec<f64>, backlog: f64) -> Vec<f64> {
    let mut moved = 0.0;
    for mass in &mut density[5 * SLOTS..] {
        moved += *mass * backlog;
        *mass *= 1.0 - backlog;
    }
    for slot in BACKLOG_SLOTS {
        density[slot] += moved / BACKLOG_SLOTS.len() as f64;
    }
    density
}

/// Cumulative shares by day for entries spread within each weekday as `density` is.
fn day_tables(lag: &LagSpec, density: &[f64], backlog: f64) -> [Vec<f64>; 7] {
    let days = (1..MAX_DAYS).find(|d| cdf(lag, *d as f64 - 3.0) > 1.0 - TAIL).unwrap_or(MAX_DAYS);
    // raw[a][u]: what ends on the a-th day after one that entered in slot u of its day.
    let ends = |a: usize, slot: usize| cdf(lag, a as f64 + 1.0 - (slot as f64 + 0.5) / SLOTS as f64);
    let cumulative: Vec<Vec<f64>> = (0..days).map(|a| (0..SLOTS).map(|u| ends(a, u)).collect()).collect();
    std::array::from_fn(|weekday| {
        let within = &density[weekday * SLOTS..(weekday + 1) * SLOTS];
        let entries: f64 = within.iter().sum();
        let weight = |u: usize| if entries > 0.0 { within[u] / entries } else { 1.0 / SLOTS as f64 };
        let mut mass = vec![0.0; days + 2];
        let mut before = 0.0;
        for (a, row) in cumulative.iter().enumerate() {
            let by_now: f64 = row.iter().enumerate().map(|(u, share)| weight(u) * share).sum();
            let arrives = by_now - before;
            before = by_now;
            let wait = match (weekday + a) % 7 {
                5 => 2,
                6 => 1,
                _ => 0,
            };
            let moved = if wait > 0 { backlog * arrives } else { 0.0 };
            mass[a] += arrives - moved;
            mass[a + wait] += moved;
        }
        let mut sum = 0.0;
        let mut table: Vec<f64> = mass[..days]
            .iter()
            .map(|m| {
                sum += m;
                sum.min(1.0)
            })
            .collect();
        table[days - 1] = 1.0;
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_never_fall_and_end_with_everything() {
        let tables = lag_tables(&Spec::default());
        for table in tables.0.iter().flatten() {
            assert!(table.windows(2).all(|pair| pair[0] <= pair[1]));
            assert_eq!(table.last(), Some(&1.0));
        }
    }

    #[test]
    fn nothing_ends_on_a_weekend_when_all_of_it_waits() {
        let tables = lag_tables(&Spec { weekend_backlog: 1.0, ..Spec::default() });
        let friday = &tables.0[1][4];
        assert!(friday[0] > 0.0);
        assert_eq!((friday[0], friday[1]), (friday[1], friday[2]));
        assert!(friday[3] > friday[2] + 0.2);
    }

    #[test]
    fn without_backlog_and_with_arrivals_at_any_time_all_weekdays_are_alike() {
        let spec = Spec {
            arrival: crate::ArrivalProfile::Uniform,
            weekend_arrivals: 1.0,
            weekend_backlog: 0.0,
            ..Spec::default()
        };
        for tables in lag_tables(&spec).0 {
            for table in &tables[1..] {
                assert!(table.iter().zip(&tables[0]).all(|(a, b)| (a - b).abs() < 1e-9));
            }
        }
    }
}
