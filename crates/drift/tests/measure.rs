//! The calibration of the judge, measured: how soon it speaks, how often it is wrong, how its episodes live.
//!
//! Run by hand: `cargo test -p plumbline-drift --features long --test measure -- --nocapture --test-threads 1`. Each
//! test prints its rows as *what, runs, measured, required, pass* and fails if one does. Delays count 1 on the day
//! of the onset; runs in which an episode already stands on that day are counted apart.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use plumbline_plan::{Plan, Strictness};
use support::judge::{CONVERSION, COST, quantiles};
use support::life::{Life, Turn, lives};
use support::{Arrivals, Spec, log_normal_lags, measured_lags, plan};

/// Day of the onset: half a year of history.
const ONSET: usize = 180;

fn planned(leads: f64) -> Arc<Plan> {
    Arc::new(plan(log_normal_lags(), leads, 0.0, None))
}

/// Prints rows and remembers whether all passed.
#[derive(Default)]
struct Table {
    failed: Vec<String>,
}

impl Table {
    fn row(&mut self, what: &str, runs: usize, measured: String, required: String, pass: bool) {
        let pass_word = if pass { "pass" } else { "FAIL" };
        println!("{what:<44} n={runs:<4} {measured:<34} {required:<22} {pass_word}");
        if !pass {
            self.failed.push(what.to_string());
        }
    }

    /// Median and p90 of the delays against what is required; `usize::MAX` requires nothing.
    fn delays(&mut self, what: &str, lives: &[Life], onset: usize, required: (usize, usize)) {
        let (apart, kept): (Vec<&Life>, Vec<&Life>) = lives.iter().partition(|l| l.stands(onset - 1));
        let (median, p90) = quantiles(kept.iter().map(|l| l.delay().unwrap_or(999)).collect());
        let measured = format!("{median} / {p90} ({} apart)", apart.len());
        let pass = median <= required.0 && p90 <= required.1;
        self.row(what, kept.len(), measured, format!("<= {} / {}", required.0, required.1), pass);
    }

    /// A share of runs, at least or at most what is required.
    fn share(&mut self, what: &str, (hits, runs): (usize, usize), required: f64, at_least: bool) {
        let share = hits as f64 / runs.max(1) as f64;
        let pass = if at_least { share >= required } else { share <= required };
        let sign = if at_least { ">=" } else { "<=" };
        let measured = format!("{hits} = {:.1}%", share * 100.0);
        self.row(what, runs, measured, format!("{sign} {:.0}%", required * 100.0), pass);
    }

    fn done(self) {
        assert!(self.failed.is_empty(), "{:?}", self.failed);
    }
}

fn until_found(_: usize, life: &Life) -> bool {
    life.delay().is_some()
}

fn to_the_end(_: usize, _: &Life) -> bool {
    false
}

#[test]
fn delays() {
    let mut table = Table::default();
    for (leads, runs, after, required) in [
        (5.0, 200, 200, (65, 115)),
        (30.0, 200, 120, (25, 42)),
        (200.0, 60, 60, (13, 16)),
        (2000.0, 40, 30, (8, 10)),
    ] {
        let make = |s| Spec::trap(leads, ONSET, after, s);
        let lives = lives(&planned(leads), CONVERSION, runs, make, until_found);
        table.delays(&format!("trap, {leads}/d"), &lives, ONSET, required);
        // The interval is that of the opening.
        let kept: Vec<&Life> = lives.iter().filter(|l| !l.stands(ONSET - 1) && l.delay().is_some()).collect();
        let holds = |l: &&&Life| {
            l.onsets.last().is_some_and(|(_, (low, _, high))| (*low..=*high).contains(&(ONSET as i32)))
        };
        let covered = kept.iter().filter(holds).count();
        let required = if leads < 10.0 { 0.85 } else { 0.9 };
        table.share(&format!("onset interval covers, {leads}/d"), (covered, kept.len()), required, true);
    }
    let even = libm::pow(0.7, 0.25);
    let cost = |rates: [f64; 4]| Spec { volume: 1.0, spend: 1.0, rates, ..Spec::trap(30.0, ONSET, 90, 0) };
    let split = [libm::pow(0.5, 0.85), 1.0, 1.0, libm::pow(0.5, 0.15)];
    let rows: [(&str, f64, u16, u64, Spec, (usize, usize)); 4] = [
        ("even -30%", 200.0, CONVERSION, 60, Spec { leads: 200.0, ..cost([even; 4]) }, (21, 30)),
        ("cac in the trap", 30.0, COST, 100, Spec::trap(30.0, ONSET, 60, 0), (5, 9)),
        ("cac doubled by mql>sql", 30.0, COST, 60, cost([1.0, 0.5, 1.0, 1.0]), (19, 25)),
        ("cac doubled by lead>mql, opp>won", 30.0, COST, 60, cost(split), (19, 25)),
    ];
    for (what, leads, target, runs, spec, required) in rows {
        let make = |seed| Spec { seed, ..spec.clone() };
        let lives = lives(&planned(leads), target, runs, make, until_found);
        table.delays(&format!("{what}, {leads}/d"), &lives, ONSET, required);
    }
    table.done();
}

/// Openings per scope and year.
fn pages(lives: &[Life]) -> f64 {
    let days: usize = lives.iter().map(|l| l.spec.days).sum();
    let pages: usize = lives.iter().map(|l| l.count(Turn::Opened, 0..l.spec.days)).sum();
    pages as f64 * 365.0 / days as f64
}

#[test]
fn false_pages() {
    let mut table = Table::default();
    let mut row = |what: &str, plan: &Plan, target: u16, runs: u64, spec: Spec| {
        let plan = Arc::new(plan.clone());
        let lives = lives(&plan, target, runs, |seed| Spec { seed, ..spec.clone() }, to_the_end);
        let rate = pages(&lives);
        let what = format!("{what}, {}/d, {}", spec.leads, if target == COST { "cac" } else { "conversion" });
        table.row(&what, lives.len(), format!("{rate:.2} pages a year"), "<= 1.00".to_string(), rate <= 1.0);
    };
    for (leads, runs) in [(5.0, 40), (30.0, 40), (200.0, 20), (2000.0, 4)] {
        for target in [CONVERSION, COST] {
            row("steady", &planned(leads), target, runs, Spec::steady(leads, 730, 0));
        }
    }
    for leads in [30.0, 200.0] {
        let lags = plan(log_normal_lags(), leads, 0.0, None);
        let spread = plan(log_normal_lags(), leads, 0.01, None);
        let base = || Spec::steady(leads, 540, 0);
        let week = Spec { backlog: 0.8, weekend: 0.4, arrivals: Arrivals::Business, ..base() };
        let by_weekday = plan(measured_lags(&week), leads, 0.0, None);
        for target in [CONVERSION, COST] {
            row("ramp", &lags, target, 10, Spec { ramp: 1.0, ..base() });
            row("business hours", &lags, target, 10, Spec { arrivals: Arrivals::Business, ..base() });
            row("quiet weekends", &lags, target, 10, Spec { weekend: 0.3, ..base() });
            row("over-dispersed .01", &spread, target, 10, Spec { rho: 0.01, ..base() });
            row("weekend back-log", &by_weekday, target, 10, week.clone());
        }
    }
    table.done();
}

#[test]
fn life_of_an_episode() {
    let mut table = Table::default();
    let (onset, fixed) = (120, 220);
    for (leads, runs, required) in [(30.0, 120, usize::MAX), (200.0, 80, 10), (2000.0, 10, usize::MAX)] {
        let make = |s| Spec { fixed, ..Spec::trap(leads, onset, 220, s) };
        let lives = lives(&planned(leads), CONVERSION, runs, make, to_the_end);
        let kept: Vec<&Life> = lives.iter().filter(|l| !l.stands(onset - 1)).collect();
        let falsely = kept.iter().filter(|l| l.count(Turn::Recovered, onset..fixed) > 0).count();
        table.share(
            &format!("recovered within 100 d of drift, {leads}/d"),
            (falsely, kept.len()),
            0.05,
            false,
        );
        let over = |l: &&&Life| {
            let ended =
                |(day, t): &&(usize, Turn)| *day >= fixed && matches!(t, Turn::Recovered | Turn::Retracted);
            l.turns.iter().find(ended).map_or(999, |(day, _)| day + 1 - fixed)
        };
        let standing: Vec<&Life> = kept.iter().copied().filter(|l| l.stands(fixed - 1)).collect();
        let (median, p90) = quantiles(standing.iter().map(|l| over(&l)).collect());
        let pass = median <= required;
        let wanted = if required == usize::MAX { "-".to_string() } else { format!("<= {required}") };
        table.row(&format!("recovery, {leads}/d"), standing.len(), format!("{median} / {p90}"), wanted, pass);
    }
    for (leads, runs) in [(200.0, 60), (500.0, 30), (2000.0, 12)] {
        let flat = Spec { volume: 1.0, spend: 1.0, ..Spec::trap(leads, onset, 60, 0) };
        let rows = [
            ("scoring x.8, x1.25", CONVERSION, Spec { rates: [0.8, 1.25, 1.0, 1.0], ..flat.clone() }),
            ("cost x1.5, rate x1.5", COST, Spec { rates: [1.0, 1.5, 1.0, 1.0], spend: 1.5, ..flat.clone() }),
            ("true drift", CONVERSION, Spec::trap(leads, onset, 60, 0)),
        ];
        for (what, target, spec) in rows {
            let make = |seed| Spec { seed, ..spec.clone() };
            let lives = lives(&planned(leads), target, runs, make, to_the_end);
            let kept: Vec<&Life> = lives.iter().filter(|l| !l.stands(onset - 1)).collect();
            let stands = kept.iter().filter(|l| l.stands(onset + 29)).count();
            let what = format!("{what}, {leads}/d");
            let day30 = format!("{what}: open on day 30");
            if target == CONVERSION && spec.volume > 1.0 {
                table.share(&day30, (stands, kept.len()), 0.98, true);
            } else {
                table.share(&day30, (stands, kept.len()), 0.25, false);
            }
            let flaps = kept.iter().filter(|l| l.count(Turn::Opened, onset..onset + 60) > 2).count();
            table.share(&format!("{what}: opened three times"), (flaps, kept.len()), 0.0, false);
        }
    }
    table.done();
}

/// A change from day 120 on, a second from day 200 on.
#[test]
fn a_drift_after_another_change() {
    let mut table = Table::default();
    let (first, second) = (120, 200);
    for (leads, runs) in [(30.0, 40), (200.0, 20)] {
        for (what, early, late, required) in [
            ("compensated, then mql>sql -30%", [0.8, 1.25, 1.0, 1.0], [0.8, 0.875, 1.0, 1.0], 40),
            ("compensated, then sql>opp -30%", [0.8, 1.25, 1.0, 1.0], [0.8, 1.25, 0.7, 1.0], 60),
            ("lead>mql -18%, then sql>opp -25%", [0.82, 1.0, 1.0, 1.0], [0.82, 1.0, 0.75, 1.0], 60),
        ] {
            let base = Spec { rates: early, volume: 1.0, spend: 1.0, ..Spec::trap(leads, first, 200, 0) };
            let make = |seed| Spec { seed, second: Some((second, late)), ..base.clone() };
            let lives = lives(&planned(leads), CONVERSION, runs, make, to_the_end);
            let told = |l: &Life| {
                let news =
                    |(day, t): &&(usize, Turn)| *day >= second && matches!(t, Turn::Opened | Turn::Escalated);
                l.turns.iter().find(news).map_or(999, |(day, _)| day + 1 - second)
            };
            // One that is critical already has nothing worse to tell.
            let kept: Vec<&Life> = lives.iter().filter(|l| !l.critical(second - 1)).collect();
            let (median, p90) = quantiles(kept.iter().map(|l| told(l)).collect());
            let required = if leads < 100.0 { usize::MAX } else { required };
            let wanted = if required == usize::MAX { "-".to_string() } else { format!("<= {required}") };
            let what = format!("{what}, {leads}/d: told");
            table.row(&what, kept.len(), format!("{median} / {p90}"), wanted, median <= required);
        }
    }
    table.done();
}

/// What the documentation of the strict null says.
#[test]
fn a_true_loss_on_the_warn_bound() {
    for leads in [30.0, 200.0, 2000.0] {
        for strict in [Some(Strictness::Plan), Some(Strictness::Half), Some(Strictness::Strict)] {
            let plan = Arc::new(plan(log_normal_lags(), leads, 0.0, strict));
            let spec = Spec { onset: 0, rates: [1.0, 0.9, 1.0, 1.0], ..Spec::steady(leads, 540, 0) };
            let runs = if leads > 1000.0 { 3 } else { 10 };
            let drifting = lives(&plan, CONVERSION, runs, |seed| Spec { seed, ..spec.clone() }, to_the_end);
            let steep = Spec::trap(leads, ONSET, 90, 0);
            let trap = lives(&plan, CONVERSION, 2 * runs, |seed| Spec { seed, ..steep.clone() }, until_found);
            let kept = trap.iter().filter(|l| !l.stands(ONSET - 1)).map(|l| l.delay().unwrap_or(999));
            println!(
                "{strict:?} {leads}/d: -10% {:.1} pages a year, trap {:?}",
                pages(&drifting),
                quantiles(kept.collect())
            );
        }
    }
}
