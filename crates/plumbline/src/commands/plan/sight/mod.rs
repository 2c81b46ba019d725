//! `plumbline plan check PLAN.toml --events FILE…`: what the plan can see at the volumes in the events, and what
//! the events hold beside the plan.

mod seen;
mod words;

use plumbline_drift::power::{
    CohortRate, PeriodRatio, Power, Sampler, Volume, cohort_rate, period_ratio, power,
};
use plumbline_drift::stat::{Model, Models};
use plumbline_plan::{Metric, Plan, StageIndex, TargetIndex};
use plumbline_units::Day;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Poisson, StandardNormal};

use self::seen::{Seen, Unknown};
use crate::args::PlanCheckArgs;
use crate::exit::Outcome;
use crate::progress::Progress;

/// Runs per simulation: the median of 40 lies within a tenth or so of its true place.
const RUNS: u64 = 40;
/// Scopes whose volumes differ by less than this factor share a simulation.
const ALIKE: f64 = 1.25;
/// Volumes above it are simulated at it: the days hardly shrink any more.
const MOST_A_DAY: f64 = 1_000.0;
/// Days of journeys that one check may simulate; they bound its time. Scopes beyond are not simulated, and it says so.
const MOST_WORK: f64 = 12e6;
/// Days of the period ratio, and of the cohorts beside it.
const PERIOD_DAYS: usize = 28;
const COHORT_DAYS: usize = 90;

/// What a plan can see, and what the events show beside it.
pub(super) struct Sight {
    days: (Day, Day),
    events: u64,
    rejected: u64,
    scopes: Vec<Seeing>,
    rates: Vec<Beside>,
    unknown: Vec<(Unknown, String, u64)>,
    /// Stages of the plan that no event names.
    silent: Vec<String>,
    /// The plan counts on spend and no event states any.
    spendless: bool,
    /// Only the ends of the funnel are recorded.
    ends_only: bool,
}

/// One target in one scope.
struct Seeing {
    target: TargetIndex,
    scope: String,
    /// Entries a day into the first stage of the target's path.
    per_day: f64,
    /// `None` where the metric is not simulated, or nothing enters.
    power: Option<Power>,
    /// It was left out to bound the time.
    skipped: bool,
}

/// A conversion target in one scope, by period and by cohort.
struct Beside {
    target: TargetIndex,
    scope: String,
    period: PeriodRatio,
    cohorts: CohortRate,
}

/// The numbers of `rand`, which the pure crates may not have.
struct Draws(StdRng);

impl Sampler for Draws {
    fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    fn normal(&mut self) -> f64 {
        self.0.sample(StandardNormal)
    }

    fn poisson(&mut self, mean: f64) -> u32 {
        Poisson::new(mean).map_or(0, |poisson| self.0.sample::<f64, _>(poisson) as u32)
    }
}

impl Sight {
    pub(super) fn look(args: &PlanCheckArgs, plan: &Plan, progress: Progress) -> Outcome<Sight> {
        let seen = Seen::read(args, plan, progress)?;
        let everything = seen.series(plan, &plumbline_plan::Scope::default());
        let stages = plan.motion().stages.iter().zip(0u8..);
        let reaches = |stage: u8| (0..everything.len()).any(|i| everything.reached(stage, i) > 0);
        let names = |stage: u8| seen.named.contains(&StageIndex(stage));
        let inner = 1..(plan.motion().stages.len() as u8).saturating_sub(1);
        Ok(Sight {
            days: seen.days,
            events: seen.events,
            rejected: seen.rejected,
            scopes: seeing(plan, &seen, progress),
            rates: beside(plan, &seen),
            silent: stages.filter(|(_, at)| !names(*at)).map(|(name, _)| name.to_string()).collect(),
            spendless: plan.targets.iter().any(|t| matches!(t.metric, Metric::Cac | Metric::Spend))
                && !seen.spend,
            ends_only: inner.into_iter().all(|stage| !everything.records(stage, 0) || !reaches(stage)),
            unknown: seen.unknown.into_iter().map(|((what, name), count)| (what, name, count)).collect(),
        })
    }
}

/// Simulates each target in each scope, equal tables at similar volumes once.
fn seeing(plan: &Plan, seen: &Seen, progress: Progress) -> Vec<Seeing> {
    let models = Models::new(plan);
    let mut known: Vec<(&Model, Volume, Option<Power>)> = Vec::new();
    let mut work = 0.0;
    let mut all = Vec::new();
    let places = plan.targets.iter().map(|target| target.scopes.len()).sum::<usize>();
    let bar = progress.count("simulating", Some(places as u64));
    for (target, index) in plan.targets.iter().zip(0u16..) {
        let index = TargetIndex(index);
        for (scoped, at) in target.scopes.iter().zip(0usize..) {
            bar.inc(1);
            let series = seen.series(plan, &scoped.scope);
            let volume = seen::volume(plan, &series, seen::path(plan, target.metric).0);
            let per_day = volume.per_day();
            let mut entry = Seeing {
                target: index,
                scope: plan.scope_label(&scoped.scope),
                per_day,
                power: None,
                skipped: false,
            };
            let model = models.get(index, at).filter(|_| per_day > 0.0);
            if let Some(model) = model {
                let shared = known.iter().find(|(other, at, _)| model.sees_like(other) && alike(at, &volume));
                entry.power = match shared {
                    Some((_, _, power)) => power.clone(),
                    None if work >= MOST_WORK => None,
                    None => {
                        let simulated = at_most(&volume, MOST_A_DAY);
                        work += cost(target.metric, simulated.per_day());
                        let seeds = (0..RUNS).map(|run| Draws(StdRng::seed_from_u64(run)));
                        let power = power(plan, target, scoped, model, &simulated, seeds);
                        known.push((model, volume, power.clone()));
                        power
                    }
                };
                entry.skipped = entry.power.is_none() && work >= MOST_WORK;
            }
            all.push(entry);
        }
    }
    bar.finish_and_clear();
    all
}

fn alike(one: &Volume, other: &Volume) -> bool {
    let ratio = one.per_day() / other.per_day();
    one.recorded == other.recorded && ratio < ALIKE && ratio > 1.0 / ALIKE
}

fn at_most(volume: &Volume, most: f64) -> Volume {
    let factor = (most / volume.per_day()).min(1.0);
    Volume { entries: volume.entries.map(|n| n * factor), recorded: volume.recorded.clone() }
}

/// Journeys to simulate, and for each day what scanning it costs in journeys.
fn cost(metric: Metric, per_day: f64) -> f64 {
    let days = 180.0 + 2.0 * 100.0;
    match metric {
        Metric::Spend => 0.0,
        _ => RUNS as f64 * days * (per_day + 30.0),
    }
}

fn beside(plan: &Plan, seen: &Seen) -> Vec<Beside> {
    let mut all = Vec::new();
    for (target, index) in plan.targets.iter().zip(0u16..) {
        let Metric::Conversion { from, to } = target.metric else { continue };
        for scoped in &target.scopes {
            let series = seen.series(plan, &scoped.scope);
            let Some(cohorts) = cohort_rate(plan, &scoped.scope, &series, (from, to), COHORT_DAYS) else {
                continue;
            };
            all.push(Beside {
                target: TargetIndex(index),
                scope: plan.scope_label(&scoped.scope),
                period: period_ratio(&series, (from, to), PERIOD_DAYS),
                cohorts,
            });
        }
    }
    all
}
