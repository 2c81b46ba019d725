//! Whether and how the rate depends on the day of entry: by weekday, by week of the fiscal quarter.

use super::cohorts::Cohorts;
use super::homogeneity::{ChiSquare, chi_square_above};

/// Chance of seeing a season where there is none, over all tests of a fit.
const LEVEL: f64 = 0.01;
/// Conversions a group must be expected to have to be counted.
const LEAST: f64 = 5.0;
/// Shares of either side of the interval within which a rate may lie.
const EDGE: f64 = 1e-6;

/// Factors on the rate by group of the entry day, entry-weighted mean 1, where a χ² test among `tests` rejects one
/// rate for all. `matured` is what a cohort at a position, of an age, is expected to show for a rate of 1. Each
/// group's rate is shrunk towards the whole's by its own uncertainty.
pub(crate) fn season_of_rate<const N: usize>(
    cohorts: &Cohorts,
    group: impl Fn(usize) -> usize,
    matured: impl Fn(usize, usize) -> f64,
    tests: usize,
) -> Option<[f64; N]> {
    let (mut seen, mut exposed, mut entered) = ([0.0; N], [0.0; N], [0.0; N]);
    for cohort in cohorts.each() {
        let g = group(cohort.index);
        seen[g] += cohort.converted;
        exposed[g] += cohort.entered * matured(cohort.index, cohort.age);
        entered[g] += cohort.entered;
    }
    let rate = seen.iter().sum::<f64>() / exposed.iter().sum::<f64>().max(1e-9);
    if rate <= 0.0 || rate >= 1.0 {
        return None;
    }
    let own = |g: usize| (seen[g] / exposed[g].max(1e-9)).clamp(EDGE, 1.0 - EDGE);
    let spread = spread(cohorts, |index, age| own(group(index)) * matured(index, age), N as f64);
    let counted: Vec<usize> = (0..N).filter(|&g| exposed[g] * rate >= LEAST).collect();
    let mut test = ChiSquare { value: 0.0, freedom: counted.len() as f64 - 1.0 };
    for &g in &counted {
        let gap = seen[g] - rate * exposed[g];
        test.value += gap * gap / (rate * exposed[g] * (1.0 - rate) * spread);
    }
    if chi_square_above(test) >= LEVEL / tests.max(1) as f64 {
        return None;
    }
    // The variance between groups by moments; each factor keeps its reliable part.
    let noise = |g: usize| (1.0 - rate) * spread / (rate * exposed[g]).max(1e-9);
    let gap = |g: usize| own(g) / rate - 1.0;
    let between: f64 = counted.iter().map(|&g| gap(g) * gap(g) - noise(g)).sum();
    let between = (between / counted.len() as f64).max(1e-6);
    let raw: [f64; N] = std::array::from_fn(|g| {
        if exposed[g] <= 0.0 { 1.0 } else { 1.0 + gap(g) * between / (between + noise(g)) }
    });
    let mean = (0..N).map(|g| raw[g] * entered[g]).sum::<f64>() / entered.iter().sum::<f64>();
    Some(raw.map(|factor| factor / mean))
}

/// Variance of cohorts around what is expected of them, against the binomial's, at least 1: over-dispersed days
/// make groups of days differ by chance.
fn spread(cohorts: &Cohorts, expected: impl Fn(usize, usize) -> f64, parameters: f64) -> f64 {
    let (mut pearson, mut counted) = (0.0, 0.0);
    for cohort in cohorts.each() {
        let q = expected(cohort.index, cohort.age).clamp(0.0, 1.0);
        let variance = cohort.entered * q * (1.0 - q);
        if variance > 1.0 {
            let gap = cohort.converted - cohort.entered * q;
            pearson += gap * gap / variance;
            counted += 1.0;
        }
    }
    if counted > parameters + 20.0 { (pearson / (counted - parameters)).max(1.0) } else { 1.0 }
}
