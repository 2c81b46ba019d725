//! The rate a transition's cohorts are heading for, without a prior.

use plumbline_plan::RateAndLag;

use super::evidence::Interval;
use super::lag::Curve;
use super::pair::Pair;
use super::projection::{capped, interval, solve};
use super::series::ScopeSeries;

/// The maximum likelihood of a censored Bernoulli rate with what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CensoredRate {
    /// The rate with its 90% interval; `None` where no entry could have converted yet.
    pub(crate) rate: Option<Interval>,
    /// Entries.
    pub(crate) entered: u64,
    /// Conversions.
    pub(crate) converted: u64,
    /// Conversions expected by now at the planned rate.
    pub(crate) expected: f64,
}

/// The rate of a path of transitions that leaves stage `from`, of the cohorts at position `first` and after; of the
/// plan only the lags are believed. `None` for an empty path.
///
/// Solves `k/p = Σ(n−k)F/(1−pF)`. The interval is normal in logarithms by the information there; without any
/// conversion it reaches from 0 to −ln(0.05)/ΣnF, the exact bound of a Poisson count of none.
pub(crate) fn censored_rate(
    from: u8,
    path: &[&RateAndLag],
    series: &ScopeSeries,
    first: usize,
) -> Option<CensoredRate> {
    let ages = series.len().saturating_sub(first).max(1);
    let pairs = path.iter().zip(from..).map(|(planned, from)| Pair {
        from,
        to: from + 1,
        rate: planned.conversion.as_f64(),
        dispersion: planned.dispersion,
        curve: Curve::of(&planned.lag, ages),
    });
    let pair = pairs.reduce(|path, next| path.then(&next))?;
    let rate = pair.rate;
    let (mut entered, mut converted, mut matured, mut hits) = (0.0, 0.0, 0.0, 0.0);
    let mut open = Vec::with_capacity(ages);
    for cohort in pair.cohorts(series, first) {
        let spread = 1.0 / pair.spread(cohort.entered, cohort.matured);
        entered += cohort.entered;
        converted += cohort.converted;
        matured += cohort.entered * cohort.matured;
        hits += cohort.converted * spread;
        open.push(((cohort.entered - cohort.converted) * spread, cohort.matured));
    }
    let estimate = if matured <= 0.0 {
        None
    } else if hits <= 0.0 {
        Some(Interval { value: 0.0, low: 0.0, high: (-libm::log(0.05) / matured).min(1.0) })
    } else {
        // All of them converted: the rate is 1, less than a millionth short of which no number must be.
        let start = (converted / matured.max(converted)).clamp(1e-6, 1.0 - 1e-6);
        let (value, information) = solve(start, hits, 0.0, &open);
        let variance = 1.0 / (value * value * information);
        Some(capped(interval(value, variance)))
    };
    Some(CensoredRate {
        rate: estimate,
        entered: entered as u64,
        converted: converted as u64,
        expected: matured * rate,
    })
}
