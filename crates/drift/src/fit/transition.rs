//! One transition in one scope: its lag, its rate, and what the data cannot carry.

use std::fmt;

use plumbline_plan::{Lag, quarter_week};
use plumbline_units::Share;

use super::QUARTER_DAYS;
use super::cohorts::Cohorts;
use super::dispersion::{Dispersion, dispersion};
use super::homogeneity::{chi_square_above, follows};
use super::season::season_of_rate;
use super::table::{self, Tables};
use super::tail::rate;

/// Conversions a rate needs.
const LEAST_FOR_RATE: u64 = 30;
/// Conversions a lag needs.
const LEAST_FOR_LAG: u64 = 60;
/// z of a two-sided 90% interval.
const Z90: f64 = 1.644_853_626_951_472_7;
/// A table is cut where so few convert later, or, past [`LONG`] days, where so few do …
const REST: f64 = 0.002;
const LONG_REST: f64 = 0.01;
const LONG: usize = 150;

/// Why something is not fitted.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Too few journeys converted.
    TooFew {
        /// Journeys that entered.
        entries: u64,
        /// Journeys that converted.
        conversions: u64,
        /// Conversions needed.
        needed: u64,
    },
    /// The history ends before nine of ten have converted.
    TooShort {
        /// Age in days that enough cohorts have reached.
        reach: usize,
        /// Days until nine of ten have, by the log-normal that fits best.
        p90: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooFew { entries, conversions, needed } => write!(
                f,
                "{conversions} of {entries} entries converted; at least {needed} conversions are needed"
            ),
            Refusal::TooShort { reach, p90 } => write!(
                f,
                "nine of ten convert within about {p90} days, and a quarter of the entries are older than \
                 {reach} days: at least {} more days of history are needed",
                (p90 + 1).saturating_sub(*reach).max(1)
            ),
        }
    }
}

/// A fitted lag.
#[derive(Clone, Debug)]
pub struct FittedLag {
    /// One table, or one per weekday of entry: shares to five digits, cut where few convert later.
    pub lag: Lag,
    /// Days until half have converted, over weekdays.
    pub median: usize,
    /// Days until nine of ten have.
    pub p90: usize,
    /// The age in days beyond which the tail is extrapolated.
    pub reach: usize,
    /// The share of the conversions beyond it.
    pub tail: f64,
    tables: Tables,
}

/// A fitted rate.
#[derive(Clone, Debug)]
pub struct FittedRate {
    /// Journeys that entered.
    pub entries: u64,
    /// Journeys that converted by the last day.
    pub conversions: u64,
    /// The share that ever converts.
    pub rate: f64,
    /// Lower end of the 90% interval.
    pub low: f64,
    /// Upper end of the 90% interval.
    pub high: f64,
    /// Its standard error.
    pub error: f64,
    /// Factors on the rate by weekday of entry, where they clearly differ.
    pub weekday: Option<[f64; 7]>,
    /// Factors by week of the fiscal quarter of entry, where two years of history show them.
    pub quarter_week: Option<[f64; 13]>,
    /// Over-dispersion, where enough cohorts are mature.
    pub dispersion: Option<Dispersion>,
}

/// The lag of a transition. `tests` is the number of homogeneity tests made in all.
pub fn fit_lag(cohorts: &Cohorts, tests: usize) -> Result<FittedLag, Refusal> {
    let conversions = cohorts.conversions();
    if conversions < LEAST_FOR_LAG {
        return Err(Refusal::TooFew { entries: cohorts.entries(), conversions, needed: LEAST_FOR_LAG });
    }
    let tally = cohorts.tally();
    let reach = cohorts.reach();
    let mut tables = table::fit(&tally, &[1.0; 7], reach);
    let matured = |index: usize, age: usize| {
        let table = &tables.shares[cohorts.weekday(index)];
        table[age.min(table.len() - 1)]
    };
    if let Some(factors) = season_of_rate(cohorts, |index| cohorts.weekday(index), matured, tests) {
        tables = table::fit(&tally, &factors, reach);
    }
    let weights = tally.entered;
    let p90 = quantile(&tables, &weights, 0.9);
    if p90 > reach {
        return Err(Refusal::TooShort { reach, p90 });
    }
    Ok(FittedLag {
        lag: rounded(&tables),
        median: quantile(&tables, &weights, 0.5),
        p90,
        reach,
        tail: 1.0 - mean(&tables, &weights, reach),
        tables,
    })
}

/// The rate of a transition given a lag: F by weekday of entry and age.
pub fn fit_rate(
    cohorts: &Cohorts,
    lag: &dyn Fn(usize, usize) -> f64,
    fiscal_year_start: (u32, u32),
    tests: usize,
) -> Result<FittedRate, Refusal> {
    let (entries, conversions) = (cohorts.entries(), cohorts.conversions());
    if conversions < LEAST_FOR_RATE {
        return Err(Refusal::TooFew { entries, conversions, needed: LEAST_FOR_RATE });
    }
    let share = |index: usize, age: usize| lag(cohorts.weekday(index), age);
    let weekday = season_of_rate(cohorts, |index| cohorts.weekday(index), share, tests);
    let by_weekday = |index: usize| weekday.map_or(1.0, |factors: [f64; 7]| factors[cohorts.weekday(index)]);
    let week = |index: usize| quarter_week(cohorts.day(index), fiscal_year_start);
    let quarter_week: Option<[f64; 13]> = (cohorts.days() >= QUARTER_DAYS)
        .then(|| season_of_rate(cohorts, week, |i, age| by_weekday(i) * share(i, age), tests))
        .flatten();
    let factor = |i: usize| by_weekday(i) * quarter_week.map_or(1.0, |factors| factors[week(i)]);
    let seen: Vec<Seen> = cohorts
        .each()
        .map(|cohort| Seen {
            entered: cohort.entered,
            converted: cohort.converted,
            share: share(cohort.index, cohort.age),
            factor: factor(cohort.index),
        })
        .collect();
    let open = seen.iter().map(|s| (s.entered - s.converted, s.factor * s.share));
    let rate = rate(conversions as f64, open);
    let parameters = 1.0 + if weekday.is_some() { 6.0 } else { 0.0 } + quarter_week.map_or(0.0, |_| 12.0);
    let dispersion =
        dispersion(cohorts, parameters, |index, age| ((rate * factor(index)).min(1.0), share(index, age)));
    let rho = dispersion.filter(|d| d.is_shown()).map_or(0.0, |d| d.rho);
    let information: f64 = seen.iter().map(|cohort| cohort.information(rate, rho)).sum();
    let error = 1.0 / information.max(1e-12).sqrt();
    let half = Z90 * error / rate;
    Ok(FittedRate {
        entries,
        conversions,
        rate,
        error,
        low: rate * libm::exp(-half),
        high: (rate * libm::exp(half)).min(1.0),
        weekday,
        quarter_week,
        dispersion,
    })
}

/// A cohort with the share of its conversions that has come, and its season's factor.
struct Seen {
    entered: f64,
    converted: f64,
    share: f64,
    factor: f64,
}

impl Seen {
    /// Observed Fisher information on p, divided by φ.
    fn information(&self, rate: f64, rho: f64) -> f64 {
        let p = rate * self.factor;
        let q = (p * self.share).clamp(0.0, 1.0 - 1e-9);
        let phi = 1.0 + (self.entered - 1.0).max(0.0) * rho * self.share * (1.0 - p).max(0.0) / (1.0 - q);
        let missed = self.share * self.factor / (1.0 - q);
        (self.converted / (rate * rate) + (self.entered - self.converted) * missed * missed) / phi
    }
}

impl FittedLag {
    /// F by weekday of entry and age.
    pub fn share(&self, weekday: usize, age: usize) -> f64 {
        let table = &self.tables.shares[weekday % 7];
        table.get(age).or(table.last()).copied().unwrap_or(1.0)
    }
}

fn mean(tables: &Tables, weights: &[f64; 7], age: usize) -> f64 {
    let total: f64 = weights.iter().sum();
    let at = |w: usize| tables.shares[w].get(age).or(tables.shares[w].last()).copied().unwrap_or(1.0);
    (0..7).map(|w| weights[w] * at(w)).sum::<f64>() / total.max(1e-9)
}

fn quantile(tables: &Tables, weights: &[f64; 7], share: f64) -> usize {
    (0..tables.shares[0].len())
        .find(|&age| mean(tables, weights, age) >= share)
        .unwrap_or(tables.shares[0].len())
}

fn rounded(tables: &Tables) -> Lag {
    let days = |shares: &[f64]| {
        let few =
            |(age, share): (usize, &f64)| 1.0 - share <= REST || (age >= LONG && 1.0 - share <= LONG_REST);
        let end = shares.iter().enumerate().position(few).unwrap_or(shares.len());
        let digit = |share: &f64| {
            let parts = ((share * 1e5).round() as u32).min(100_000) * 10_000;
            Share::from_parts_per_billion(parts).unwrap_or(Share::ONE)
        };
        let mut rounded: Vec<Share> = shares[..end].iter().map(digit).collect();
        rounded.push(Share::ONE);
        Lag::Days(rounded)
    };
    if tables.by_weekday {
        Lag::Weekday(Box::new(std::array::from_fn(|w| days(&tables.shares[w]))))
    } else {
        days(&tables.shares[0])
    }
}

/// F of a planned lag by weekday of entry and age in days.
pub fn planned_shares(lag: &Lag) -> impl Fn(usize, usize) -> f64 + use<> {
    let curve = crate::stat::lag::Curve::of(lag, super::tail::HORIZON);
    move |weekday, age| curve.by_day(weekday, age)
}

/// Whether a scope's lag clearly differs from the one fitted to the whole.
pub fn lag_differs(cohorts: &Cohorts, whole: &FittedLag, tests: usize) -> bool {
    let tally = cohorts.tally();
    chi_square_above(follows(&tally, &whole.tables)) < 0.01 / tests.max(1) as f64
}
