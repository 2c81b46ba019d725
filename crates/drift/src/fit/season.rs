//! Whether and how the rate depends on the weekday of entry.

use super::cohorts::Cohorts;
use super::homogeneity::{ChiSquare, chi_square_above};

/// Chance of seeing a season where there is none, over all tests of a fit.
const LEVEL: f64 = 0.01;

pub(crate) fn weekday_of(cohorts: &Cohorts, index: usize) -> usize {
    cohorts.weekday(index)
}

/// Factors on the rate by weekday of entry, entry-weighted mean 1, where a χ² test among `tests` rejects one rate
/// for all. Each weekday's rate is shrunk towards 1 by its own uncertainty.
pub(crate) fn season_of_rate(cohorts: &Cohorts, shares: &[Vec<f64>; 7], tests: usize) -> Option<[f64; 7]> {
    let (mut seen, mut matured, mut entered) = ([0.0; 7], [0.0; 7], [0.0; 7]);
    for cohort in cohorts.each() {
        let weekday = cohorts.weekday(cohort.index);
        let age = cohort.age.min(shares[weekday].len() - 1);
        seen[weekday] += cohort.converted;
        matured[weekday] += cohort.entered * shares[weekday][age];
        entered[weekday] += cohort.entered;
    }
    let rate = seen.iter().sum::<f64>() / matured.iter().sum::<f64>().max(1e-9);
    if rate <= 0.0 || rate >= 1.0 {
        return None;
    }
    // Variance of a cohort around its weekday's own rate, against the binomial's: over-dispersed days make
    // weekdays differ by chance.
    let own = |w: usize| (seen[w] / matured[w].max(1e-9)).clamp(1e-6, 1.0 - 1e-6);
    let (mut pearson, mut cohorts_counted) = (0.0, 0.0);
    for cohort in cohorts.each() {
        let weekday = cohorts.weekday(cohort.index);
        let q = own(weekday) * shares[weekday][cohort.age.min(shares[weekday].len() - 1)];
        let variance = cohort.entered * q * (1.0 - q);
        if variance > 1.0 {
            pearson += (cohort.converted - cohort.entered * q).powi(2) / variance;
            cohorts_counted += 1.0;
        }
    }
    let spread = if cohorts_counted > 30.0 { (pearson / (cohorts_counted - 7.0)).max(1.0) } else { 1.0 };
    let mut test = ChiSquare { value: 0.0, freedom: -1.0 };
    for w in (0..7).filter(|&w| matured[w] * rate >= 5.0) {
        let expected = rate * matured[w];
        test.value += (seen[w] - expected).powi(2) / (expected * (1.0 - rate) * spread);
        test.freedom += 1.0;
    }
    if chi_square_above(test) >= LEVEL / tests.max(1) as f64 {
        return None;
    }
    // Between-weekday variance of the relative rate by moments; each factor keeps its reliable part.
    let noise = |w: usize| (1.0 - rate) * spread / (rate * matured[w]).max(1e-9);
    let between = {
        let counted: Vec<usize> = (0..7).filter(|&w| matured[w] * rate >= 5.0).collect();
        let sum: f64 = counted.iter().map(|&w| (own(w) / rate - 1.0).powi(2) - noise(w)).sum();
        (sum / counted.len() as f64).max(1e-6)
    };
    let raw: [f64; 7] = std::array::from_fn(|w| {
        if matured[w] <= 0.0 { 1.0 } else { 1.0 + (own(w) / rate - 1.0) * between / (between + noise(w)) }
    });
    let mean = (0..7).map(|w| raw[w] * entered[w]).sum::<f64>() / entered.iter().sum::<f64>();
    Some(raw.map(|factor| factor / mean))
}
