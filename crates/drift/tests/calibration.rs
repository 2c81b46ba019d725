//! The statistic against simulated funnels: how soon it speaks, how often it is wrong.

mod support;

use std::sync::Arc;

use support::judge::{CONVERSION, COST, VOLUME, delays, pages_a_year};
use support::life::{Turn, lives};
use support::{Arrivals, Spec, log_normal_lags, measured_lags, plan};

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

/// The judge's whole way on a few seeds; `tests/measure.rs` measures it on many.
#[test]
fn the_judge_speaks_in_time_and_does_not_flap() {
    let live = |leads: f64, spec: &(dyn Fn(u64) -> Spec + Sync)| {
        let plan = Arc::new(plan(log_normal_lags(), leads, 0.0, None));
        lives(&plan, CONVERSION, 3, spec, |_, _| false)
    };
    for (leads, within) in [(30.0, 42), (200.0, 16)] {
        for life in live(leads, &move |seed| Spec::trap(leads, 120, 60, seed)) {
            assert!(life.delay().is_some_and(|days| days <= within), "{leads}: {:?}", life.turns);
        }
    }
    let scoring = |seed| Spec {
        rates: [0.8, 1.25, 1.0, 1.0],
        volume: 1.0,
        spend: 1.0,
        ..Spec::trap(200.0, 120, 60, seed)
    };
    for life in live(200.0, &scoring) {
        assert!(life.count(Turn::Opened, 120..180) <= 2, "{:?}", life.turns);
    }
}
