//! Whether weekdays of entry differ: χ² tests.

use super::cohorts::Tally;
use super::table::{Tables, hazards};
use super::waiting::at_risk;

/// A statistic and its degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChiSquare {
    pub(crate) value: f64,
    pub(crate) freedom: f64,
}

/// P(χ² > value), by the cube root (Wilson and Hilferty 1931); 1 without degrees of freedom.
pub(crate) fn chi_square_above(test: ChiSquare) -> f64 {
    if test.freedom < 1.0 || test.value <= 0.0 {
        return 1.0;
    }
    let width = 2.0 / (9.0 * test.freedom);
    let z = (libm::cbrt(test.value / test.freedom) - (1.0 - width)) / width.sqrt();
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// Conversions by weekday of entry and age against those of a common table among as many conversions: the shape
/// alone, so that a rate that differs by weekday does not look like a lag that does.
pub(crate) fn shapes_differ(tally: &Tally, common: &Tables) -> ChiSquare {
    let hazard = hazards(&common.shares[0]);
    let bins = bins(tally);
    let mut test = ChiSquare { value: 0.0, freedom: 0.0 };
    let mut weekdays = 0.0;
    for weekday in 0..7 {
        let seen: f64 = tally.conversions(weekday);
        if seen < 5.0 * bins.len() as f64 {
            continue;
        }
        let risk = at_risk(tally, &common.shares[weekday], common.rates[weekday], weekday);
        let expected: Vec<f64> =
            bins.iter().map(|&(start, end)| (start..end).map(|a| risk[a] * hazard[a]).sum()).collect();
        let scale = seen / expected.iter().sum::<f64>().max(1e-9);
        for (&(start, end), expected) in bins.iter().zip(&expected) {
            let hits: f64 = tally.hits[weekday][start..end].iter().sum();
            let expected = (expected * scale).max(0.5);
            test.value += (hits - expected) * (hits - expected) / expected;
        }
        weekdays += 1.0;
    }
    test.freedom = (weekdays - 1.0_f64).max(0.0) * (bins.len() as f64 - 1.0).max(0.0);
    test
}

/// Conversions by the weekday they fall on against those of a common table: a back-log shows there first.
pub(crate) fn days_differ(tally: &Tally, common: &Tables) -> ChiSquare {
    let hazard = hazards(&common.shares[0]);
    let (mut seen, mut expected) = ([0.0; 7], [0.0; 7]);
    for weekday in 0..7 {
        let risk = at_risk(tally, &common.shares[weekday], common.rates[weekday], weekday);
        for (age, at_risk) in risk.iter().enumerate() {
            seen[(weekday + age) % 7] += tally.hits[weekday][age];
            expected[(weekday + age) % 7] += at_risk * hazard[age];
        }
    }
    let scale = seen.iter().sum::<f64>() / expected.iter().sum::<f64>().max(1e-9);
    let mut test = ChiSquare { value: 0.0, freedom: 6.0 };
    for (seen, expected) in seen.iter().zip(expected) {
        let expected = (expected * scale).max(0.5);
        test.value += (seen - expected) * (seen - expected) / expected;
    }
    test
}

/// Ages in bins of at least 70 conversions, at most 20 bins; the last takes the rest.
fn bins(tally: &Tally) -> Vec<(usize, usize)> {
    let (hits, _) = tally.pooled();
    let ages = tally.ages.min(super::tail::HORIZON);
    let total: f64 = hits[..ages].iter().sum();
    let least = (total / 20.0).max(70.0);
    let mut bins = Vec::new();
    let (mut start, mut sum) = (0, 0.0);
    for (age, n) in hits[..ages].iter().enumerate() {
        sum += n;
        if sum >= least {
            bins.push((start, age + 1));
            (start, sum) = (age + 1, 0.0);
        }
    }
    match bins.last_mut() {
        Some(last) => last.1 = ages,
        None => bins.push((0, ages)),
    }
    bins
}

/// Conversions by age against given tables among as many conversions.
pub(crate) fn follows(tally: &Tally, tables: &Tables) -> ChiSquare {
    let bins = bins(tally);
    let mut expected = vec![0.0; bins.len()];
    for weekday in 0..7 {
        let hazard = hazards(&tables.shares[weekday]);
        let risk = at_risk(tally, &tables.shares[weekday], tables.rates[weekday], weekday);
        for (slot, &(start, end)) in expected.iter_mut().zip(&bins) {
            *slot += (start..end).map(|age| risk[age] * hazard[age]).sum::<f64>();
        }
    }
    let (hits, _) = tally.pooled();
    let scale = hits.iter().sum::<f64>() / expected.iter().sum::<f64>().max(1e-9);
    let mut test = ChiSquare { value: 0.0, freedom: bins.len() as f64 - 1.0 };
    for (&(start, end), expected) in bins.iter().zip(&expected) {
        let seen: f64 = hits[start..end].iter().sum();
        let expected = (expected * scale).max(0.5);
        test.value += (seen - expected) * (seen - expected) / expected;
    }
    test
}
