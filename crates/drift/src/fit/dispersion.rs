//! Over-dispersion ρ of conversions within an entry day.

use super::cohorts::Cohorts;

/// A cohort counts as mature from this share on.
const MATURE: f64 = 0.5;

/// The moment estimate of ρ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dispersion {
    /// ρ̂, which chance makes negative as often as positive where there is none.
    pub rho: f64,
    /// Its standard error were ρ = 0.
    pub error: f64,
}

impl Dispersion {
    /// Whether it stands three standard errors above 0.
    pub fn is_shown(self) -> bool {
        self.rho > 3.0 * self.error
    }
}

/// Least squares of `z² − 1` on `g = (n−1)·F(1−p)/(1−pF)`, where `Var k = nq(1−q)(1 + ρg)` for q = pF, weighted by
/// the binomial variance of z². `expected` gives p and F of a cohort by its position and age; `parameters` were
/// fitted to the same cohorts.
pub(crate) fn dispersion(
    cohorts: &Cohorts,
    parameters: f64,
    expected: impl Fn(usize, usize) -> (f64, f64),
) -> Option<Dispersion> {
    let (mut sum, mut weights, mut count) = (0.0, 0.0, 0.0);
    let mut terms = Vec::new();
    for cohort in cohorts.each() {
        let (rate, share) = expected(cohort.index, cohort.age);
        let q = rate * share;
        let n = cohort.entered;
        if share < MATURE || n < 2.0 || q <= 0.0 || q >= 1.0 {
            continue;
        }
        let variance = n * q * (1.0 - q);
        let z = (cohort.converted - n * q) * (cohort.converted - n * q) / variance;
        let spread = 2.0 * (n - 1.0) / n + (1.0 - 4.0 * q * (1.0 - q)) / variance;
        let g = (n - 1.0) * share * (1.0 - rate) / (1.0 - q);
        terms.push((z, g, spread));
        count += 1.0;
    }
    if count < 20.0 + parameters {
        return None;
    }
    let lost = count / (count - parameters);
    for (z, g, spread) in terms {
        sum += g * (z * lost - 1.0) / spread;
        weights += g * g / spread;
    }
    (weights > 0.0).then(|| Dispersion { rho: sum / weights, error: 1.0 / weights.sqrt() })
}
