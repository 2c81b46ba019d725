//! A bare judge over the statistic: opens, restarts, counts.

#![allow(clippy::unwrap_used)]

use plumbline_drift::stat::{Evidence, Model, Models, ScopeSeries, Window};
use plumbline_plan::{Plan, TargetIndex};

use super::{Run, Spec, log_normal_lags, plan, simulate};

/// Whether a tick opens an episode: M ≥ c and the projection since the onset lies beyond the warn bound.
pub fn opens(model: &Model, series: &ScopeSeries, restart: Option<plumbline_units::Day>) -> Option<Evidence> {
    let evidence = model.assess(series, restart)?;
    if !evidence.rejects() {
        return None;
    }
    let projection = model.project(series, &Window::SinceOnset(evidence.onset.estimate))?;
    model.outside_warn(projection.value.value).map(|_| evidence)
}

/// Positions of the ticks that open, each followed by a restart.
pub fn pages(model: &Model, run: &Run) -> Vec<usize> {
    let (mut pages, mut restart) = (Vec::new(), None);
    run.play(|day, series| {
        if opens(model, series, restart).is_some() {
            pages.push(day);
            restart = Some(series.last_day.plus(1));
        }
        true
    });
    pages
}

/// Days from the onset to the first opening, the onset's own counting 1; `None` if not within the run. Openings
/// before the onset restart the scan.
pub fn delay(model: &Model, run: &Run, onset: usize) -> Option<usize> {
    let (mut found, mut restart) = (None, None);
    run.play(|day, series| {
        if opens(model, series, restart).is_some() {
            if day >= onset {
                found = Some(day + 1 - onset);
            }
            restart = Some(series.last_day.plus(1));
        }
        found.is_none()
    });
    found
}

pub fn model(plan: &Plan, target: u16) -> Model {
    Models::new(plan).get(TargetIndex(target), 0).unwrap().clone()
}

/// (median, p90) of delays; a run without detection counts as the longest.
pub fn quantiles(mut delays: Vec<usize>) -> (usize, usize) {
    delays.sort_unstable();
    (delays[delays.len() / 2], delays[delays.len() * 9 / 10])
}

pub const CONVERSION: u16 = 0;
pub const COST: u16 = 1;
pub const VOLUME: u16 = 2;
pub const SPEND: u16 = 3;
pub const CYCLE: u16 = 4;
pub const FIRST_STEP: u16 = 5;
pub const HANDOFF: u16 = 6;

pub fn delays(leads: f64, runs: u64, target: u16, make: impl Fn(u64) -> Spec) -> (usize, usize) {
    let model = model(&plan(log_normal_lags(), leads, 0.0, None), target);
    let delays = (0..runs).map(|seed| {
        let spec = make(seed);
        let run = simulate(&spec).with_ages(target >= CYCLE);
        delay(&model, &run, spec.onset).unwrap_or(spec.days - spec.onset + 1)
    });
    quantiles(delays.collect())
}

pub fn pages_a_year(plan: &Plan, target: u16, runs: u64, make: impl Fn(u64) -> Spec) -> f64 {
    let model = model(plan, target);
    let (mut count, mut days) = (0, 0);
    for seed in 0..runs {
        let spec = make(seed);
        let run = simulate(&spec).with_ages(target >= CYCLE);
        count += pages(&model, &run).len();
        days += spec.days;
    }
    count as f64 * 365.0 / days as f64
}
