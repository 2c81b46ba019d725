//! From a plan to the tables of each target and scope. Equal rates, lags and bounds make one table set, shared.

use std::sync::Arc;

use plumbline_plan::{Metric, Motion, Plan, RateAndLag, Scope, Strictness, Target, Transition, Value};

use super::grid::{Bounds, Grid};
use super::lag::Curve;
use super::model::{Cac, Kind, Model, Rates};
use super::pair::{Pair, PairTable};

/// Days a scan reaches back at least, and at most.
pub(crate) const WINDOW: std::ops::RangeInclusive<usize> = 180..=400;

/// Table sets already built, with what they were built from.
#[derive(Default)]
pub(crate) struct Shared {
    sets: Vec<(Recipe, Arc<Rates>)>,
}

/// What a table set depends on.
#[derive(PartialEq)]
struct Recipe {
    from: u8,
    path: Vec<RateAndLag>,
    grid: Grid,
    strict: Option<Strictness>,
}

/// The model of one scope of a target; `None` if its metric is not judged or its value is of another kind.
pub(crate) fn model(plan: &Plan, target: &Target, scoped: usize, shared: &mut Shared) -> Option<Model> {
    let motion = plan.motions.first()?;
    let scoped = target.scopes.get(scoped)?;
    let bounds = |of: fn(_) -> Bounds| Grid::new(of(target.warn), target.critical.map(of));
    let last = u8::try_from(motion.stages.len()).ok()?.checked_sub(1)?;
    let (kind, value, grid) = match (target.metric, scoped.value) {
        (Metric::Conversion { from, to }, Value::Share(share)) => {
            let grid = bounds(Bounds::with);
            let rates = shared.rates(motion, &scoped.scope, (from.0, to.0), &grid, target.strict)?;
            (Kind::Conversion(rates), share.as_f64(), grid)
        }
        (Metric::Cac, Value::Money(cac)) => {
            let grid = bounds(Bounds::against);
            let rates = shared.rates(motion, &scoped.scope, (0, last), &grid, target.strict)?;
            let per_lead = cac.units() * rates.end_to_end().rate;
            (Kind::Cac(Cac { rates, cost_per_lead: per_lead }), cac.units(), grid)
        }
        (Metric::Volume { stage }, Value::PerDay(per_day)) => {
            (Kind::Volume { stage: stage.0, per_day: per_day.units() }, per_day.units(), bounds(Bounds::with))
        }
        (Metric::Spend, Value::MoneyPerDay(money)) => {
            (Kind::Spend { per_day: money.units() }, money.units(), bounds(Bounds::with))
        }
        _ => return None,
    };
    let budget = target.false_alarms_per_year.unwrap_or(plan.false_alarms_per_year).max(1e-6);
    let expected_leads_per_money = lead_season(plan, target);
    Some(Model {
        kind,
        grid,
        value,
        warn: target.warn,
        critical: target.critical,
        log_threshold: libm::log(365.0 / budget),
        effective_from: plan.effective_from,
        season: target.weekday,
        money_season: expected_leads_per_money,
    })
}

/// Leads per money by weekday, relative to the mean, as the plan's volume and spend targets imply.
fn lead_season(plan: &Plan, target: &Target) -> [f64; 7] {
    let volume = plan.targets.iter().find(|t| matches!(t.metric, Metric::Volume { stage } if stage.0 == 0));
    let spend = plan.targets.iter().find(|t| t.metric == Metric::Spend);
    let of = |t: Option<&Target>, day: usize| t.map_or(1.0, |t| t.weekday[day]);
    if target.metric != Metric::Cac {
        return [1.0; 7];
    }
    std::array::from_fn(|day| {
        let money = of(spend, day);
        if money > 0.0 { of(volume, day) / money } else { 1.0 }
    })
}

impl Shared {
    fn rates(
        &mut self,
        motion: &Motion,
        scope: &Scope,
        (from, to): (u8, u8),
        grid: &Grid,
        strict: Option<Strictness>,
    ) -> Option<Arc<Rates>> {
        let path: Vec<RateAndLag> = motion
            .transitions
            .get(usize::from(from)..usize::from(to))?
            .iter()
            .map(|t| rate_and_lag(t, scope).clone())
            .collect();
        let recipe = Recipe { from, path, grid: grid.clone(), strict };
        if let Some((_, rates)) = self.sets.iter().find(|(known, _)| *known == recipe) {
            return Some(Arc::clone(rates));
        }
        let rates = Arc::new(build(&recipe)?);
        self.sets.push((recipe, Arc::clone(&rates)));
        Some(rates)
    }
}

/// The rate of a transition in a scope: the first override whose selector the scope implies, else the base.
fn rate_and_lag<'a>(transition: &'a Transition, scope: &Scope) -> &'a RateAndLag {
    let own = transition.scopes.iter().find(|(selector, _)| scope.implies(selector));
    own.map_or(&transition.base, |(_, rate)| rate)
}

/// The adjacent pairs, then the cumulative ones: first→each from the first stage, else only the target's own.
fn build(recipe: &Recipe) -> Option<Rates> {
    // A first look at the lags decides how many days of age the tables need.
    let longest: usize = recipe.path.iter().map(|t| Curve::of(&t.lag, *WINDOW.end()).p90()).sum();
    let window = (2 * longest).clamp(*WINDOW.start(), *WINDOW.end());
    let adjacent: Vec<Arc<Pair>> = recipe
        .path
        .iter()
        .zip(recipe.from..)
        .map(|(t, from)| {
            Arc::new(Pair {
                from,
                to: from + 1,
                rate: t.conversion.as_f64(),
                dispersion: t.dispersion,
                curve: Curve::of(&t.lag, window + 1),
            })
        })
        .collect();
    let mut cumulative: Vec<Arc<Pair>> = Vec::new();
    for next in adjacent.iter().skip(1) {
        let before = cumulative.last().or(adjacent.first())?;
        cumulative.push(Arc::new(before.then(next)));
    }
    let upstream = (0..adjacent.len()).map(|i| match i {
        0 => 0,
        1 => adjacent[0].curve.p90(),
        _ => cumulative[i - 2].curve.p90(),
    });
    let upstream = upstream.collect();
    let end_to_end = cumulative.last().or(adjacent.first())?;
    let window = (2 * end_to_end.curve.p90()).clamp(*WINDOW.start(), window);
    if recipe.from != 0 {
        cumulative.drain(..cumulative.len().saturating_sub(1));
    }
    let pairs: Vec<Arc<Pair>> = adjacent.iter().cloned().chain(cumulative).collect();
    let tables = |strictness: f64| -> Arc<[PairTable]> {
        pairs.iter().map(|pair| PairTable::new(Arc::clone(pair), &recipe.grid, strictness)).collect()
    };
    let (plain, strict) = match recipe.strict {
        None => (tables(0.0), Some(tables(1.0))),
        Some(Strictness::Plan) => (tables(0.0), None),
        Some(Strictness::Half) => (tables(0.5), None),
        Some(Strictness::Strict) => (tables(1.0), None),
    };
    Some(Rates { transitions: adjacent.len(), plain, strict, upstream, window })
}
