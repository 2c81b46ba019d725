//! What the events show beside the plan: cohort rates as they will be, and the period ratio of the same days.

use plumbline_plan::{Plan, Scope, StageIndex};

use crate::stat::{Interval, ScopeSeries, censored_rate};

/// A rate estimated from its newest cohorts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CohortRate {
    /// The stage left.
    pub from: StageIndex,
    /// The stage reached.
    pub to: StageIndex,
    /// The planned rate.
    pub plan: f64,
    /// Where the cohorts are heading, without a word of the plan but its lag; `None` where nothing entered or an
    /// end is not recorded.
    pub rate: Option<Interval>,
    /// Journeys that entered.
    pub entered: u64,
    /// Of them converted by now.
    pub converted: u64,
    /// Of them expected by now, were they on plan.
    pub expected: f64,
}

/// The rate of every transition over the cohorts of the trailing `days`: the censored Bernoulli's maximum
/// likelihood, open journeys counted by how far the planned lag has matured them.
pub fn cohort_rates(plan: &Plan, scope: &Scope, series: &ScopeSeries, days: usize) -> Vec<CohortRate> {
    let transitions = plan.motion().transitions.iter();
    transitions.filter_map(|t| cohort_rate(plan, scope, series, (t.from, t.to), days)).collect()
}

/// The same of a path of transitions as a whole, from its ends alone. `None` where the path is empty.
pub fn cohort_rate(
    plan: &Plan,
    scope: &Scope,
    series: &ScopeSeries,
    (from, to): (StageIndex, StageIndex),
    days: usize,
) -> Option<CohortRate> {
    let first = series.len().saturating_sub(days);
    let path: Vec<_> = (from.0..to.0).map(|at| plan.rate_and_lag(usize::from(at), scope)).collect();
    let cohorts = censored_rate(from.0, &path, series, first, plan.fiscal_year_start)?;
    let recorded = series.records(from.0, first) && series.records(to.0, first);
    Some(CohortRate {
        from,
        to,
        plan: path.iter().map(|planned| planned.conversion.as_f64()).product(),
        rate: cohorts.rate.filter(|_| recorded),
        entered: cohorts.entered,
        converted: cohorts.converted,
        expected: cohorts.expected,
    })
}

/// What a report by period would show: the conversions of the days over the entries of the same days. They come
/// of older entries, so the ratio moves with the volume and lags behind the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodRatio {
    /// Entries into the first stage on the days.
    pub entered: u64,
    /// Entries into the last stage on the days.
    pub reached: u64,
}

impl PeriodRatio {
    /// The one over the other; `None` without entries.
    pub fn ratio(self) -> Option<f64> {
        (self.entered > 0).then(|| self.reached as f64 / self.entered as f64)
    }
}

/// The ratio between two stages over the trailing `days`.
pub fn period_ratio(series: &ScopeSeries, (from, to): (StageIndex, StageIndex), days: usize) -> PeriodRatio {
    let first = series.len().saturating_sub(days);
    let total = |stage: StageIndex| -> u64 {
        (first..series.len()).map(|i| u64::from(series.reached(stage.0, i))).sum()
    };
    PeriodRatio { entered: total(from), reached: total(to) }
}
