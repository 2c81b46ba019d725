//! The statistic against simulated funnels: how soon it speaks, how often it is wrong.

mod support;

use plumbline_drift::stat::{Evidence, Model, Models, ScopeSeries, Window};
use plumbline_plan::{Plan, TargetIndex};
use support::{Arrivals, Run, Spec, log_normal_lags, measured_lags, plan, simulate};

/// Whether a tick opens an episode: M ≥ c and the projection since the onset lies beyond the warn bound.
fn opens(model: &Model, series: &ScopeSeries, restart: Option<plumbline_units::Day>) -> Option<Evidence> {
    let evidence = model.assess(series, restart)?;
    if !evidence.rejects() {
        return None;
    }
    let projection = model.project(series, &Window::SinceOnset(evidence.onset.estimate))?;
    model.outside_warn(projection.value.value).map(|_| evidence)
}

/// Positions of the ticks that open, each followed by a restart.
fn pages(model: &Model, run: &Run) -> Vec<usize> {
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
fn delay(model: &Model, run: &Run, onset: usize) -> Option<usize> {
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

fn model(plan: &Plan, target: u16) -> Model {
    Models::new(plan).get(TargetIndex(target), 0).unwrap().clone()
}

/// (median, p90) of delays; a run without detection counts as the longest.
fn quantiles(mut delays: Vec<usize>) -> (usize, usize) {
    delays.sort_unstable();
    (delays[delays.len() / 2], delays[delays.len() * 9 / 10])
}

const CONVERSION: u16 = 0;
const COST: u16 = 1;
const VOLUME: u16 = 2;

fn delays(leads: f64, runs: u64, target: u16, make: impl Fn(u64) -> Spec) -> (usize, usize) {
    let model = model(&plan(log_normal_lags(), leads, 0.0, None), target);
    let delays = (0..runs).map(|seed| {
        let spec = make(seed);
        delay(&model, &simulate(&spec), spec.onset).unwrap_or(spec.days - spec.onset + 1)
    });
    quantiles(delays.collect())
}

fn pages_a_year(plan: &Plan, target: u16, runs: u64, make: impl Fn(u64) -> Spec) -> f64 {
    let model = model(plan, target);
    let (mut count, mut days) = (0, 0);
    for seed in 0..runs {
        let spec = make(seed);
        count += pages(&model, &simulate(&spec)).len();
        days += spec.days;
    }
    count as f64 * 365.0 / days as f64
}

#[test]
fn the_trap_at_30_a_day_is_found_within_25_days() {
    let (median, p90) = delays(30.0, 40, CONVERSION, |seed| Spec::trap(30.0, 180, 90, seed));
    println!("trap 30/d: {median} / {p90}");
    assert!(median <= 25 && p90 <= 42, "{median} / {p90}");
}

#[test]
fn the_trap_at_200_a_day_is_found_within_13_days() {
    let (median, p90) = delays(200.0, 20, CONVERSION, |seed| Spec::trap(200.0, 180, 60, seed));
    println!("trap 200/d: {median} / {p90}");
    assert!(median <= 13 && p90 <= 16, "{median} / {p90}");
}

#[test]
fn the_trap_at_2000_a_day_is_found_within_8_days() {
    let (median, p90) = delays(2000.0, 10, CONVERSION, |seed| Spec::trap(2000.0, 180, 30, seed));
    println!("trap 2000/d: {median} / {p90}");
    assert!(median <= 8 && p90 <= 10, "{median} / {p90}");
}

#[test]
fn cost_per_customer_speaks_within_5_days_of_the_trap() {
    let (median, p90) = delays(30.0, 40, COST, |seed| Spec::trap(30.0, 180, 60, seed));
    println!("cac in the trap 30/d: {median} / {p90}");
    assert!(median <= 5 && p90 <= 9, "{median} / {p90}");
}

#[test]
fn a_steady_funnel_pages_less_than_once_a_year() {
    for (leads, arrivals, runs) in
        [(30.0, Arrivals::Mixed, 12), (30.0, Arrivals::Business, 12), (200.0, Arrivals::Business, 8)]
    {
        let plan = plan(log_normal_lags(), leads, 0.0, None);
        for target in [CONVERSION, COST, VOLUME] {
            let rate =
                pages_a_year(&plan, target, runs, |seed| Spec { arrivals, ..Spec::steady(leads, 730, seed) });
            println!("steady {leads}/d {arrivals:?} target {target}: {rate:.2} a year");
            assert!(rate <= 1.0, "{leads} {arrivals:?} {target}: {rate}");
        }
    }
}

#[test]
fn a_weekend_back_log_is_on_plan_when_the_lags_are_known_by_weekday() {
    let base =
        Spec { backlog: 0.8, weekend: 0.4, arrivals: Arrivals::Business, ..Spec::steady(200.0, 730, 0) };
    let plan = plan(measured_lags(&base), 200.0, 0.0, None);
    let rate = pages_a_year(&plan, CONVERSION, 6, |seed| Spec { seed, ..base.clone() });
    println!("weekend back-log 200/d: {rate:.2} a year");
    assert!(rate <= 1.0, "{rate}");
}
