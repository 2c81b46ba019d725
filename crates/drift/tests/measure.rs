//! Longer measurements, run by hand: `cargo test -p plumbline-drift --features long --test measure -- --nocapture`.

mod support;

use plumbline_drift::stat::{RECOVERY_LOG_THRESHOLD, Window};
use support::judge::{CONVERSION, COST, VOLUME, delays, model, opens, pages_a_year, quantiles};
use support::{Arrivals, Spec, log_normal_lags, measured_lags, plan, simulate};

#[test]
fn delays_of_other_causes() {
    let even = libm::pow(0.7, 0.25);
    let r = delays(5.0, 200, CONVERSION, |s| Spec::trap(5.0, 180, 160, s));
    println!("trap 5/d: {r:?}");
    let r = delays(200.0, 40, CONVERSION, |s| Spec {
        volume: 1.0,
        spend: 1.0,
        rates: [even; 4],
        ..Spec::trap(200.0, 180, 60, s)
    });
    println!("even -30% 200/d: {r:?}");
    let half = Spec { volume: 1.0, spend: 1.0, rates: [1.0, 0.5, 1.0, 1.0], ..Spec::trap(30.0, 180, 60, 0) };
    let r = delays(30.0, 60, COST, |seed| Spec { seed, ..half.clone() });
    println!("cac doubled by mql>sql 30/d: {r:?}");
    let half = Spec { rates: [libm::pow(0.5, 0.85), 1.0, 1.0, libm::pow(0.5, 0.15)], ..half };
    let r = delays(30.0, 60, COST, |seed| Spec { seed, ..half.clone() });
    println!("cac doubled by lead>mql 30/d: {r:?}");
    let last = Spec { volume: 1.0, spend: 1.0, rates: [1.0, 1.0, 1.0, 0.7], ..Spec::trap(30.0, 180, 150, 0) };
    let r = delays(30.0, 40, CONVERSION, |seed| Spec { seed, ..last.clone() });
    println!("opp>won only 30/d: {r:?}");
    let drop = Spec { volume: 0.6, spend: 0.6, rates: [1.0; 4], ..Spec::trap(30.0, 180, 60, 0) };
    println!("volume x0.6 30/d: {:?}", delays(30.0, 60, VOLUME, |seed| Spec { seed, ..drop.clone() }));
}

#[test]
fn false_pages_of_harmless_changes() {
    for leads in [30.0, 200.0] {
        let lags = plan(log_normal_lags(), leads, 0.0, None);
        let base = |seed| Spec::steady(leads, 540, seed);
        let show = |what: &str, target, rate: f64| println!("{what} {leads}/d target {target}: {rate:.2}");
        for target in [CONVERSION, COST] {
            show("ramp", target, pages_a_year(&lags, target, 8, |s| Spec { ramp: 1.0, ..base(s) }));
            show(
                "weekend volume",
                target,
                pages_a_year(&lags, target, 8, |s| Spec { weekend: 0.3, ..base(s) }),
            );
            let spread = plan(log_normal_lags(), leads, 0.01, None);
            show(
                "rho .01 known",
                target,
                pages_a_year(&spread, target, 8, |s| Spec { rho: 0.01, ..base(s) }),
            );
            show(
                "rho .01 unknown",
                target,
                pages_a_year(&lags, target, 8, |s| Spec { rho: 0.01, ..base(s) }),
            );
        }
        let ten = Spec { onset: 0, rates: [1.0, 0.9, 1.0, 1.0], ..base(0) };
        show("true -10%", 0, pages_a_year(&lags, CONVERSION, 6, |seed| Spec { seed, ..ten.clone() }));
        let slow = Spec { onset: 200, lag_factor: 1.0, ..base(0) };
        show("same", 0, pages_a_year(&lags, CONVERSION, 2, |seed| Spec { seed, ..slow.clone() }));
        for backlog in [0.0, 0.8] {
            let week = Spec { backlog, weekend: 0.4, arrivals: Arrivals::Business, ..base(0) };
            let known = plan(measured_lags(&week), leads, 0.0, None);
            for target in [CONVERSION, COST] {
                show(
                    &format!("day tables, back-log {backlog}"),
                    target,
                    pages_a_year(&known, target, 8, |seed| Spec { seed, ..week.clone() }),
                );
                show(
                    &format!("log-normal, back-log {backlog}"),
                    target,
                    pages_a_year(&lags, target, 8, |seed| Spec { seed, ..week.clone() }),
                );
            }
        }
    }
}

#[test]
fn onset_and_projection_cover_the_truth() {
    for (leads, runs, after) in [(30.0, 100, 100), (200.0, 40, 100), (2000.0, 10, 80)] {
        let model = model(&plan(log_normal_lags(), leads, 0.0, None), CONVERSION);
        let cost = support::judge::model(&plan(log_normal_lags(), leads, 0.0, None), COST);
        let truth = 0.04 * 0.7;
        let cac = 2500.0 * 1.4 / 0.7;
        let (mut found, mut covered, mut held, mut cac_held, mut late, mut late_held) = (0, 0, 0, 0, 0, 0);
        let (mut errors, mut lengths, mut points, mut standing) = (vec![], vec![], vec![], 0);
        for seed in 0..runs {
            let spec = Spec::trap(leads, 180, after, seed);
            let (mut opened, mut first) = (false, true);
            simulate(&spec).play(|day, series| {
                if day < 180 {
                    return true;
                }
                if !opened && opens(&model, series, None).is_some() {
                    opened = true;
                }
                if !opened {
                    return true;
                }
                let e = model.assess(series, None).unwrap();
                let at = (day == 180 + 60) || first;
                if at {
                    let p = model
                        .project(series, &Window::Display { onset: e.onset.estimate, leading: e.leading })
                        .unwrap();
                    let c = cost
                        .project(series, &Window::Display { onset: e.onset.estimate, leading: e.leading })
                        .unwrap();
                    if first {
                        found += 1;
                        let true_onset = series.first_day.plus(180);
                        covered += u32::from(e.onset.low <= true_onset && true_onset <= e.onset.high);
                        errors.push(e.onset.estimate.since(true_onset).unsigned_abs() as usize);
                        lengths.push(e.onset.high.since(e.onset.low) as usize);
                        points.push((p.value.value / 0.04 * 100.0) as usize);
                        held += u32::from(p.value.contains(truth));
                        cac_held += u32::from(c.value.contains(cac));
                    } else {
                        late += 1;
                        late_held += u32::from(p.value.contains(truth));
                        let gate = model.project(series, &Window::SinceOnset(e.onset.estimate)).unwrap();
                        standing += u32::from(model.outside_warn(gate.value.value).is_some());
                    }
                    first = false;
                }
                true
            });
        }
        println!(
            "{leads}/d found {found}/{runs}; onset covered {covered}, error {:?}, length {:?}; at alarm conv held {held}, cac held {cac_held}, point {:?}%; at 60 d held {late_held}/{late}, standing {standing}",
            quantiles(errors),
            quantiles(lengths),
            quantiles(points)
        );
    }
}

#[test]
fn recovery_is_shown_soon_and_seldom_falsely() {
    for (leads, runs) in [(30.0, 60), (200.0, 30), (2000.0, 8)] {
        let model = model(&plan(log_normal_lags(), leads, 0.0, None), CONVERSION);
        // The trap of days 120 to 200 ends; what is said before the fix is false.
        let (mut delays, mut falsely) = (vec![], 0);
        for seed in 0..runs {
            let trap = Spec { fixed: 220, ..Spec::trap(leads, 120, 220, seed) };
            let (mut opened, mut early, mut found) = (None, false, None);
            simulate(&trap).play(|day, series| {
                if day < 120 {
                    return true;
                }
                if opened.is_none() {
                    opened = opens(&model, series, None).map(|e| (e.leading, e.direction, series.last_day));
                } else if let Some((leading, direction, since)) = opened {
                    let shown = model.recovering(series, leading, direction, since) >= RECOVERY_LOG_THRESHOLD;
                    early |= shown && day < 220;
                    if shown && day >= 220 {
                        found = Some(day + 1 - 220);
                    }
                }
                found.is_none()
            });
            falsely += u32::from(early);
            if !early {
                delays.push(found.unwrap_or(120));
            }
        }
        println!("{leads}/d recovery {:?}, falsely {falsely}/{runs} in 100 d", quantiles(delays));
    }
}

#[test]
fn long_calibration() {
    for (leads, runs) in [(5.0, 30), (30.0, 40), (200.0, 20), (2000.0, 4)] {
        let steady = plan(log_normal_lags(), leads, 0.0, None);
        for target in [CONVERSION, COST] {
            let arrivals = Arrivals::Business;
            let rate = pages_a_year(&steady, target, runs, |seed| Spec {
                arrivals,
                ..Spec::steady(leads, 730, 500 + seed)
            });
            println!("steady {leads}/d target {target}: {rate:.2} a year");
        }
    }
    println!("cac in the trap 30/d: {:?}", delays(30.0, 150, COST, |seed| Spec::trap(30.0, 180, 40, seed)));
    println!("trap 30/d: {:?}", delays(30.0, 150, CONVERSION, |seed| Spec::trap(30.0, 180, 90, seed)));
    println!("trap 200/d: {:?}", delays(200.0, 100, CONVERSION, |seed| Spec::trap(200.0, 180, 40, seed)));
}
