//! From a plan to the tables of each target and scope. Equal rates, lags and bounds make one table set, shared.

use std::sync::Arc;

use plumbline_plan::{Metric, Motion, Plan, RateAndLag, Scope, Strictness, Target, Transition, Value};
use plumbline_units::Seconds;

use super::contest::PACES;
use super::grid::{Bounds, Grid};
use super::lag::Curve;
use super::model::{Cac, Kind, Model, Rates, Twins, Velocity};
use super::pair::{Pair, PairSeason};
use super::table::PairTable;
use super::timing::Timing;

/// Days a scan reaches back at least, and at most.
pub(crate) const WINDOW: std::ops::RangeInclusive<usize> = 180..=400;

/// Table sets already built, with what they were built from.
#[derive(Default)]
pub(crate) struct Shared {
    sets: Vec<(Recipe, Arc<Rates>)>,
    timings: Vec<(Paced, Velocity)>,
    /// Of the plan built last.
    fiscal_year_start: (u32, u32),
}

/// What a cycle time's tables depend on.
#[derive(PartialEq)]
struct Paced {
    from: u8,
    path: Vec<RateAndLag>,
    median: Seconds,
    grid: Grid,
    strict: Option<Strictness>,
}

/// What a table set depends on.
#[derive(PartialEq)]
struct Recipe {
    from: u8,
    path: Vec<RateAndLag>,
    grid: Grid,
    strict: Option<Strictness>,
    promise: Promise,
    fiscal_year_start: (u32, u32),
}

/// What becomes of the path's tables.
#[derive(Clone, Copy, PartialEq)]
enum Promise {
    /// All of them, with their twins at this tolerance of lags.
    Conversion(f64),
    /// Of the end to end, what comes within so many days: this share; counted as that hand-off.
    Handoff { days: f64, share: f64, counted: u8 },
}

/// The model of one scope of a target; `None` if its metric is not judged or its value is of another kind.
pub(crate) fn model(plan: &Plan, target: &Target, scoped: usize, shared: &mut Shared) -> Option<Model> {
    let motion = plan.motions.first()?;
    shared.fiscal_year_start = plan.fiscal_year_start;
    let scoped = target.scopes.get(scoped)?;
    let bounds = |of: fn(_) -> Bounds| Grid::new(of(target.warn), target.critical.map(of));
    let promise = Promise::Conversion(target.lag_tolerance.unwrap_or(plan.lag_tolerance));
    let last = u8::try_from(motion.stages.len()).ok()?.checked_sub(1)?;
    let (kind, value, grid) = match (target.metric, scoped.value) {
        (Metric::Conversion { from, to }, Value::Share(share)) => {
            let grid = bounds(Bounds::with);
            let rates = shared.rates(motion, &scoped.scope, (from.0, to.0), &grid, target.strict, promise)?;
            (Kind::Conversion(rates), share.as_f64(), grid)
        }
        (Metric::Handoff { from, to, within }, Value::Share(share)) => {
            let grid = bounds(Bounds::with);
            let counted = plan.handoffs().iter().position(|h| *h == (from, to, within))?;
            let days = within.0 as f64 / 86_400.0;
            let counted = u8::try_from(counted).ok()?;
            let promise = Promise::Handoff { days, share: share.as_f64(), counted };
            let rates = shared.rates(motion, &scoped.scope, (from.0, to.0), &grid, target.strict, promise)?;
            (Kind::Conversion(rates), share.as_f64(), grid)
        }
        (Metric::Velocity { from, to }, Value::Duration(median)) => {
            let grid = bounds(Bounds::with);
            let paced = Paced {
                from: from.0,
                path: path(motion, &scoped.scope, (from.0, to.0))?,
                median,
                grid: grid.clone(),
                strict: target.strict,
            };
            (Kind::Velocity(shared.velocity(paced)?), median.0 as f64, grid)
        }
        (Metric::Cac, Value::Money(cac)) => {
            let grid = bounds(Bounds::against);
            let rates = shared.rates(motion, &scoped.scope, (0, last), &grid, target.strict, promise)?;
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
        season: target.season,
        fiscal_year_start: plan.fiscal_year_start,
        money_season: expected_leads_per_money,
    })
}

/// Leads per money by weekday, relative to the mean, as the plan's volume and spend targets imply.
fn lead_season(plan: &Plan, target: &Target) -> [f64; 7] {
    let volume = plan.targets.iter().find(|t| matches!(t.metric, Metric::Volume { stage } if stage.0 == 0));
    let spend = plan.targets.iter().find(|t| t.metric == Metric::Spend);
    let of = |t: Option<&Target>, day: usize| t.map_or(1.0, |t| t.season.weekday[day]);
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
        promise: Promise,
    ) -> Option<Arc<Rates>> {
        let path = path(motion, scope, (from, to))?;
        let recipe = Recipe {
            from,
            path,
            grid: grid.clone(),
            strict,
            promise,
            fiscal_year_start: self.fiscal_year_start,
        };
        if let Some((_, rates)) = self.sets.iter().find(|(known, _)| *known == recipe) {
            return Some(Arc::clone(rates));
        }
        let rates = Arc::new(build(&recipe)?);
        self.sets.push((recipe, Arc::clone(&rates)));
        Some(rates)
    }

    fn velocity(&mut self, paced: Paced) -> Option<Velocity> {
        if let Some((_, velocity)) = self.timings.iter().find(|(known, _)| *known == paced) {
            return Some(velocity.clone());
        }
        let pair = end_to_end(&adjacent(paced.from, &paced.path, self.fiscal_year_start))?;
        // The lag's shape is the transitions', its median the target's own.
        let slower = paced.median.0 as f64 / 86_400.0 / pair.curve.median().max(1e-9);
        let curve = if (slower - 1.0).abs() < 1e-3 { pair.curve.clone() } else { pair.curve.scaled(slower) };
        let strict = paced.strict.map(strictness);
        // By volume, the null is the plan or the bound.
        let nulls = strict.map_or(vec![0.0, 1.0], |strict| vec![strict]);
        let nulls: Vec<_> = nulls.into_iter().map(|strict| paced.grid.nulls(strict)).collect();
        let window = (2 * curve.p90()).clamp(*WINDOW.start(), curve.ages().saturating_sub(1));
        // Rates differ from scope to scope, lags seldom do: what is tabulated depends on these alone.
        let alike = |(known, velocity): &&(Paced, Velocity)| {
            (&known.grid, known.strict) == (&paced.grid, paced.strict)
                && velocity.timing.is(pair.from, pair.to, &curve, pair.lag_doubt())
        };
        let timing = match self.timings.iter().find(alike) {
            Some((_, velocity)) => Arc::clone(&velocity.timing),
            None => {
                Arc::new(Timing::new(pair.from, pair.to, curve, pair.lag_doubt()).with(&paced.grid, &nulls))
            }
        };
        let velocity = Velocity { window, timing, rate: pair.rate, strictness: strict };
        self.timings.push((paced, velocity.clone()));
        Some(velocity)
    }
}

/// The rates and lags of a path in a scope.
fn path(motion: &Motion, scope: &Scope, (from, to): (u8, u8)) -> Option<Vec<RateAndLag>> {
    let transitions = motion.transitions.get(usize::from(from)..usize::from(to))?;
    Some(transitions.iter().map(|t| rate_and_lag(t, scope).clone()).collect())
}

const fn strictness(strict: Strictness) -> f64 {
    match strict {
        Strictness::Plan => 0.0,
        Strictness::Half => 0.5,
        Strictness::Strict => 1.0,
    }
}

/// The rate of a transition in a scope: the first override whose selector the scope implies, else the base.
fn rate_and_lag<'a>(transition: &'a Transition, scope: &Scope) -> &'a RateAndLag {
    let own = transition.scopes.iter().find(|(selector, _)| scope.implies(selector));
    own.map_or(&transition.base, |(_, rate)| rate)
}

/// The pairs of neighbours on a path, with as many days of age as their tables need.
fn adjacent(from: u8, path: &[RateAndLag], fiscal_year_start: (u32, u32)) -> Vec<Arc<Pair>> {
    // A first look at the lags decides how many.
    let longest: usize = path.iter().map(|t| Curve::of(&t.lag, *WINDOW.end()).p90()).sum();
    let window = (2 * longest).clamp(*WINDOW.start(), *WINDOW.end());
    path.iter()
        .zip(from..)
        .map(|(t, from)| {
            Arc::new(Pair {
                from,
                to: from + 1,
                rate: t.conversion.as_f64(),
                error: t.error / t.conversion.as_f64().max(1e-9),
                dispersion: t.dispersion,
                curve: Curve::of(&t.lag, window + 1),
                in_time: None,
                season: PairSeason::of(&t.season, fiscal_year_start),
            })
        })
        .collect()
}

/// The pairs from the path's first stage to each but its second.
fn cumulative(adjacent: &[Arc<Pair>]) -> Vec<Arc<Pair>> {
    let mut pairs: Vec<Arc<Pair>> = Vec::new();
    for next in adjacent.iter().skip(1) {
        if let Some(before) = pairs.last().or(adjacent.first()) {
            pairs.push(Arc::new(before.then(next)));
        }
    }
    pairs
}

fn end_to_end(adjacent: &[Arc<Pair>]) -> Option<Arc<Pair>> {
    cumulative(adjacent).pop().or_else(|| adjacent.first().cloned())
}

fn build(recipe: &Recipe) -> Option<Rates> {
    let neighbours = adjacent(recipe.from, &recipe.path, recipe.fiscal_year_start);
    match recipe.promise {
        Promise::Handoff { days, share, counted } => {
            let whole = end_to_end(&neighbours)?;
            let curve = whole.curve.within(days);
            let pair = Pair { rate: share, error: 0.0, curve, in_time: Some(counted), ..(*whole).clone() };
            assemble(recipe, vec![Arc::new(pair)], Vec::new())
        }
        Promise::Conversion(tolerance) => {
            let all = cumulative(&neighbours);
            let twin = |slower: f64| {
                let slowed = |pairs: &[Arc<Pair>]| pairs.iter().map(|p| Arc::new(p.slowed(slower))).collect();
                assemble(recipe, slowed(&neighbours), slowed(&all)).map(Arc::new)
            };
            let paces = || PACES.into_iter().flat_map(|pace| [pace, 1.0 / pace]).chain([1.0]);
            let twins = Twins {
                slow: twin(1.0 + tolerance)?,
                quick: twin(1.0 / (1.0 + tolerance))?,
                timings: neighbours
                    .iter()
                    .map(|p| Timing::new(p.from, p.to, p.curve.clone(), p.lag_doubt()).at_paces(paces()))
                    .collect(),
                tolerance,
            };
            Some(Rates { twins: Some(twins), ..assemble(recipe, neighbours, all)? })
        }
    }
}

/// The tables of adjacent pairs, then of cumulative ones: first→each from the first stage, else only the target's own.
fn assemble(recipe: &Recipe, adjacent: Vec<Arc<Pair>>, mut cumulative: Vec<Arc<Pair>>) -> Option<Rates> {
    let upstream = (0..adjacent.len()).map(|i| match i {
        0 => 0,
        1 => adjacent[0].curve.p90(),
        _ => cumulative[i - 2].curve.p90(),
    });
    let upstream = upstream.collect();
    let end_to_end = cumulative.last().or(adjacent.first())?;
    let window =
        (2 * end_to_end.curve.p90()).clamp(*WINDOW.start(), end_to_end.curve.ages().saturating_sub(1));
    if recipe.from != 0 {
        cumulative.drain(..cumulative.len().saturating_sub(1));
    }
    let pairs: Vec<Arc<Pair>> = adjacent.iter().cloned().chain(cumulative).collect();
    let tables = |strictness: f64| -> Arc<[PairTable]> {
        pairs.iter().map(|pair| PairTable::new(Arc::clone(pair), &recipe.grid, strictness)).collect()
    };
    let (plain, strict) = match recipe.strict {
        None => (tables(0.0), Some(tables(1.0))),
        Some(strict) => (tables(strictness(strict)), None),
    };
    Some(Rates { transitions: adjacent.len(), plain, strict, upstream, window, twins: None })
}
