//! What a plan can see, by simulation, against delays known from simulating every lead apart.

// Helpers outside the tests' own functions may panic as well.
#![allow(clippy::unwrap_used)]

mod support;

use plumbline_drift::power::{Days, Sampler, Volume, power};
use plumbline_drift::stat::Models;
use plumbline_plan::{Plan, TargetIndex};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Poisson, StandardNormal};
use support::judge::{CONVERSION, COST, VOLUME};
use support::{log_normal_lags, plan};

struct Draws(StdRng);

impl Sampler for Draws {
    fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    fn normal(&mut self) -> f64 {
        self.0.sample(StandardNormal)
    }

    fn poisson(&mut self, mean: f64) -> u32 {
        if mean > 0.0 { self.0.sample(Poisson::new(mean).unwrap()) as u32 } else { 0 }
    }
}

/// Median and 90th percentile of the days to notice the critical drift.
fn critical(plan: &Plan, target: u16, leads: f64, recorded: [bool; 5], runs: u64) -> (Days, Days) {
    let models = Models::new(plan);
    let judged = &plan.targets[usize::from(target)];
    let model = models.get(TargetIndex(target), 0).unwrap();
    let volume = Volume { entries: [leads; 7], recorded: recorded.to_vec() };
    let seeds = (0..runs).map(|run| Draws(StdRng::seed_from_u64(run)));
    let seen = power(plan, judged, &judged.scopes[0], model, &volume, seeds).unwrap();
    assert!(seen.false_pages_per_year < 2.0, "{seen:?}");
    let notice = seen.critical.or(seen.warn).unwrap();
    (notice.median, notice.p90)
}

const ALL: [bool; 5] = [true; 5];
const ENDS: [bool; 5] = [true, false, false, false, true];

#[test]
fn an_even_loss_is_noticed_about_when_simulating_leads_says() {
    let plan = plan(log_normal_lags(), 200.0, 0.0, None);
    // −30% spread evenly at 200 a day: 17 days, nine of ten within 26.
    let (median, p90) = critical(&plan, CONVERSION, 200.0, ALL, 24);
    assert!((Days::Within(13)..=Days::Within(22)).contains(&median), "{median:?}");
    assert!(median <= p90 && p90 <= Days::Within(36), "{p90:?}");
}

#[test]
fn more_volume_and_more_stages_see_sooner() {
    let plan = plan(log_normal_lags(), 30.0, 0.0, None);
    let (at_30, _) = critical(&plan, CONVERSION, 30.0, ALL, 12);
    let (at_200, _) = critical(&plan, CONVERSION, 200.0, ALL, 12);
    let (ends_only, _) = critical(&plan, CONVERSION, 30.0, ENDS, 12);
    assert!(at_200 < at_30 && at_30 < ends_only, "{at_200:?} {at_30:?} {ends_only:?}");
    assert!(ends_only >= Days::Within(45), "{ends_only:?}");
}

#[test]
fn costs_and_volumes_have_their_own_days() {
    let plan = plan(log_normal_lags(), 30.0, 0.0, None);
    let (cost, _) = critical(&plan, COST, 30.0, ALL, 12);
    assert!((Days::Within(20)..=Days::Within(80)).contains(&cost), "{cost:?}");
    let (volume, _) = critical(&plan, VOLUME, 30.0, ALL, 12);
    assert!((Days::Within(2)..=Days::Within(20)).contains(&volume), "{volume:?}");
}

#[test]
fn the_same_draws_give_the_same_days() {
    let plan = plan(log_normal_lags(), 200.0, 0.0, None);
    let run = || critical(&plan, CONVERSION, 200.0, ALL, 4);
    assert_eq!(run(), run());
}
