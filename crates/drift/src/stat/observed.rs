//! The rate a transition's cohorts are heading for, without a prior.

use plumbline_plan::RateAndLag;

use super::evidence::Interval;
use super::lag::Curve;
use super::pair::{Pair, PairSeason};
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
    fiscal_year_start: (u32, u32),
) -> Option<CensoredRate> {
    let ages = series.len().saturating_sub(first).max(1);
    let pairs = path.iter().zip(from..).map(|(planned, from)| Pair {
        from,
        to: from + 1,
        rate: planned.conversion.as_f64(),
        error: 0.0,
        dispersion: planned.dispersion,
        season: PairSeason::of(&planned.season, fiscal_year_start),
        in_time: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stat::{PairSeries, StageEntries};
    use plumbline_plan::{Lag, Season};
    use plumbline_units::Share;

    fn series(entered: &[u32], converted: &[u32]) -> ScopeSeries {
        let first_day = "2026-01-05".parse().unwrap();
        let stage = |counts: &[u32]| StageEntries { counts: counts.to_vec(), ..StageEntries::default() };
        ScopeSeries {
            first_day,
            last_day: first_day.plus(entered.len() as i32 - 1),
            stages: vec![stage(entered), stage(&[])],
            pairs: vec![PairSeries { from: 0, to: 1, converted: converted.to_vec() }],
            spend: vec![],
            won: vec![],
            in_time: vec![],
            ages: vec![],
            unrecorded: Vec::new(),
        }
    }

    fn planned(conversion: f64, shares: &[f64]) -> RateAndLag {
        let share = |s: f64| Share::from_f64(s).unwrap();
        RateAndLag {
            conversion: share(conversion),
            lag: Lag::Days(shares.iter().map(|s| share(*s)).collect()),
            dispersion: 0.0,
            error: 0.0,
            season: Season::FLAT,
        }
    }

    #[test]
    fn mature_cohorts_show_their_own_share_and_open_ones_count_by_their_maturity() {
        // planned share by day, entered, converted → rate
        for (shares, entered, converted, rate) in [
            (&[1.0][..], &[100, 100][..], &[30, 50][..], 0.4),
            // The younger cohort is half mature: 30 of 100 and 15 of 100 are the same rate.
            (&[0.5, 1.0], &[100, 100], &[30, 15], 0.3),
            (&[1.0], &[10, 10], &[10, 10], 1.0),
        ] {
            let planned = planned(0.9, shares);
            let seen = censored_rate(0, &[&planned], &series(entered, converted), 0, (1, 1)).unwrap();
            let value = seen.rate.unwrap();
            assert!((value.value - rate).abs() < 1e-3, "{shares:?}: {value:?}");
            assert!(value.low <= value.value && value.value <= value.high, "{value:?}");
        }
    }

    #[test]
    fn no_conversion_bounds_the_rate_by_the_rule_of_three() {
        let planned = planned(0.5, &[1.0]);
        let seen =
            censored_rate(0, &[&planned], &series(&[200, 100], &[0, 0]), 0, (1, 1)).unwrap().rate.unwrap();
        assert_eq!((seen.value, seen.low), (0.0, 0.0));
        assert!((seen.high - 2.9957 / 300.0).abs() < 1e-5, "{seen:?}");
    }

    #[test]
    fn where_nothing_could_have_converted_there_is_no_rate() {
        let late = planned(0.5, &[0.0, 0.0, 0.0, 1.0]);
        let seen = censored_rate(0, &[&late], &series(&[10, 10], &[0, 0]), 0, (1, 1)).unwrap();
        assert_eq!((seen.rate, seen.entered), (None, 20));
        assert_eq!(censored_rate(0, &[], &series(&[1], &[0]), 0, (1, 1)), None);
    }
}
