//! Where a rate will end up: the maximum a posteriori of a censored Bernoulli rate.
//!
//! Solve `(k+a)/p = Σ(n−k)F/(1−pF) + b/(1−p)` with a Beta(a, b) prior around the plan whose standard deviation is
//! 15% of it; information `I = (k+a)/p² + Σ(n−k)F²/(1−pF)² + b/(1−p)²`. Over transitions the logarithms add, so
//! the 90% interval of a product is `±1.645·√Σ 1/(p²I)` in logarithms.

use super::evidence::{Interval, PairProjection};
use super::pair::Pair;
use super::series::ScopeSeries;

/// z of the 95th percentile: both ends of a 90% interval.
pub(crate) const Z95: f64 = 1.644_853_626_951_472_2;

/// Standard deviation of the prior, relative to the plan.
const PRIOR_SPREAD: f64 = 0.15;

/// The prior counts as at least this many journeys, however certain the plan.
const LEAST_PRIOR: f64 = 2.0;

/// Newton steps before the solution is taken as it stands; a handful suffice.
const STEPS: usize = 40;

/// A projected rate with the variance of its logarithm.
pub(crate) struct Projected {
    /// What the alert shows.
    pub(crate) pair: PairProjection,
    /// Variance of ln p̂.
    pub(crate) log_variance: f64,
}

/// A point with its 90% interval from the variance of its logarithm.
pub(crate) fn interval(value: f64, log_variance: f64) -> Interval {
    let factor = libm::exp(Z95 * log_variance.max(0.0).sqrt());
    Interval { value, low: value / factor, high: value * factor }
}

/// Projects a pair from the cohorts at position `first` and after.
pub(crate) fn project(pair: &Pair, series: &ScopeSeries, first: usize) -> Projected {
    let plan = pair.rate.clamp(1e-9, 1.0 - 1e-9);
    let weight = ((1.0 - plan) / (PRIOR_SPREAD * PRIOR_SPREAD * plan) - 1.0).max(LEAST_PRIOR);
    let (a, b) = (plan * weight, (1.0 - plan) * weight);
    let (mut entered, mut converted, mut expected, mut hits) = (0.0, 0.0, 0.0, a);
    // (open journeys weighted by 1/φ, F) of each cohort.
    let mut open = Vec::with_capacity(series.len().saturating_sub(first));
    for cohort in pair.cohorts(series, first) {
        let spread = 1.0 / pair.spread(cohort.entered, cohort.matured);
        entered += cohort.entered;
        converted += cohort.converted;
        expected += cohort.entered * pair.rate * cohort.matured;
        hits += cohort.converted * spread;
        open.push(((cohort.entered - cohort.converted) * spread, cohort.matured));
    }
    let (rate, information) = solve(plan, hits, b, &open);
    let log_variance = 1.0 / (rate * rate * information);
    Projected {
        pair: PairProjection {
            from: pair.from,
            to: pair.to,
            plan: pair.rate,
            rate: capped(interval(rate, log_variance)),
            since: series.day(first),
            entered: entered as u64,
            converted: converted as u64,
            expected,
        },
        log_variance,
    }
}

/// A share is at most the whole.
pub(crate) fn capped(share: Interval) -> Interval {
    Interval { value: share.value.min(1.0), low: share.low.min(1.0), high: share.high.min(1.0) }
}

/// The root of the score in (0, 1) and the information there. The score falls from +∞ to −∞, so a bracket always
/// holds it and Newton steps that leave the bracket are halved.
pub(crate) fn solve(start: f64, hits: f64, misses: f64, open: &[(f64, f64)]) -> (f64, f64) {
    let at = |p: f64| {
        let (mut slope, mut information) =
            (hits / p - misses / (1.0 - p), hits / (p * p) + misses / ((1.0 - p) * (1.0 - p)));
        // Two cohorts side by side, as the narrowest vector takes them.
        let (mut pulls, mut bends) = ([0.0; 2], [0.0; 2]);
        for cohorts in open.chunks(2) {
            for ((n, share), (pulled, bent)) in cohorts.iter().zip(pulls.iter_mut().zip(&mut bends)) {
                let pull = share / (1.0 - p * share);
                *pulled += n * pull;
                *bent += n * pull * pull;
            }
        }
        slope -= pulls[0] + pulls[1];
        information += bends[0] + bends[1];
        (slope, information)
    };
    let (mut low, mut high, mut p) = (0.0, 1.0, start);
    let (mut slope, mut information) = at(p);
    for _ in 0..STEPS {
        if slope > 0.0 {
            low = p;
        } else {
            high = p;
        }
        let newton = p + slope / information;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        let done = (next - p).abs() <= 1e-12 * p;
        p = next;
        (slope, information) = at(p);
        if done {
            break;
        }
    }
    (p, information)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_data_the_plan_stands_with_fifteen_percent_around_it() {
        for plan in [0.04, 0.4] {
            let weight = (1.0 - plan) / (0.0225 * plan) - 1.0;
            let (rate, information) = solve(0.2, plan * weight, (1.0 - plan) * weight, &[]);
            assert!((rate - plan).abs() < 1e-9);
            assert!(((1.0 / (rate * rate * information)).sqrt() - 0.15).abs() < 0.02);
        }
    }

    #[test]
    fn much_mature_data_overrule_the_plan() {
        // 30,000 of 100,000 converted, F = 1.
        let (rate, _) = solve(0.4, 30_000.0 + 26.0, 40.0, &[(70_000.0, 1.0)]);
        assert!((rate - 0.3).abs() < 1e-3);
    }

    #[test]
    fn immature_cohorts_are_read_by_their_maturity() {
        // Half of a rate of 0.5 has come: 25% seen is on plan.
        let (rate, _) = solve(0.1, 25_000.0, 1.0, &[(75_000.0, 0.5)]);
        assert!((rate - 0.5).abs() < 1e-3, "{rate}");
    }
}
