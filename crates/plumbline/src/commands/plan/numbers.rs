//! All that is fitted to a history.

use plumbline_drift::fit::{
    Cohorts, FittedLag, FittedRate, Refusal, fit_lag, fit_rate, lag_differs, planned_shares,
};
use plumbline_plan::{DimensionIndex, Plan, Scope, StageIndex};
use plumbline_units::Name;

use super::history::History;
use super::levels::Levels;

/// A scope's own lag needs so many conversions.
const OWN_LAG: u64 = 300;
/// A scope that holds nearly all entries needs nothing of its own.
const WHOLE: f64 = 0.99;

/// What the history says of a plan.
pub(super) struct Numbers {
    /// In funnel order.
    pub(super) transitions: Vec<FittedTransition>,
    /// What happens per day, everywhere and by scope.
    pub(super) levels: Levels,
}

/// One transition, everywhere and by scope.
pub(super) struct FittedTransition {
    pub(super) from: StageIndex,
    pub(super) to: StageIndex,
    pub(super) lag: Result<FittedLag, Refusal>,
    pub(super) rate: Result<FittedRate, Refusal>,
    pub(super) scopes: Vec<FittedScope>,
    /// What was pooled, kept or refused, in words.
    pub(super) notes: Vec<String>,
}

/// A scope with a rate of its own.
pub(super) struct FittedScope {
    pub(super) scope: Scope,
    pub(super) rate: FittedRate,
    /// Where it clearly differs from the whole's.
    pub(super) lag: Option<FittedLag>,
}

impl FittedTransition {
    /// The rate in a scope: its own, else the whole's.
    pub(super) fn rate_in(&self, scope: &Scope) -> Option<&FittedRate> {
        let own = self.scopes.iter().find(|own| scope.implies(&own.scope)).map(|own| &own.rate);
        own.or(self.rate.as_ref().ok())
    }
}

impl Numbers {
    /// Fits every transition; `planned`: where a lag is refused, rates are fitted under the plan's own.
    pub(super) fn fit(plan: &Plan, planned: bool, scopes: &[Scope], history: &History) -> Numbers {
        let transitions = plan.last().0;
        let tests = usize::from(transitions) * (scopes.len() + 1);
        let fitted = (0..transitions).map(|from| {
            let pair = (StageIndex(from), StageIndex(from + 1));
            transition(plan, planned, pair, scopes, history, tests)
        });
        let transitions: Vec<FittedTransition> = fitted.collect();
        let levels = Levels::fit(plan, scopes, history, &transitions);
        Numbers { transitions, levels }
    }

    /// End-to-end conversion with its 90% interval.
    pub(super) fn end_to_end(&self) -> Option<(f64, f64, f64)> {
        let rates: Vec<&FittedRate> =
            self.transitions.iter().map(|t| t.rate.as_ref().ok()).collect::<Option<_>>()?;
        let rate: f64 = rates.iter().map(|r| r.rate).product();
        let variance: f64 = rates.iter().map(|r| (r.error / r.rate).powi(2)).sum();
        let half = (1.645 * variance.sqrt()).exp();
        Some((rate, rate / half, rate * half))
    }

    /// Whether anything could be fitted.
    pub(super) fn any(&self) -> bool {
        self.transitions.iter().any(|t| t.rate.is_ok())
    }
}

fn transition(
    plan: &Plan,
    planned: bool,
    pair: (StageIndex, StageIndex),
    scopes: &[Scope],
    history: &History,
    tests: usize,
) -> FittedTransition {
    let read = |scope: &Scope| Cohorts::read(history.cells(), scope, pair, (history.first, history.last));
    let whole = read(&Scope::default());
    let lag = fit_lag(&whole, tests);
    let mut notes = Vec::new();
    let under_plan = planned_shares(&plan.motion().transitions[usize::from(pair.0.0)].base.lag);
    let rate = match &lag {
        Ok(lag) => fit_rate(&whole, &|w, age| lag.share(w, age), plan.fiscal_year_start, tests),
        Err(_) if planned => fit_rate(&whole, &under_plan, plan.fiscal_year_start, tests),
        Err(refusal) => Err(refusal.clone()),
    };
    if let Err(refusal) = &lag {
        let kept = if planned { "the plan's stays" } else { "none is given" };
        notes.push(format!("no lag is fitted, {kept}: {refusal}"));
    }
    let mut own = Vec::new();
    if let (Ok(_), Ok(base)) = (&lag, &rate) {
        for scope in scopes {
            let cohorts = read(scope);
            if cohorts.entries() as f64 >= WHOLE * whole.entries() as f64 {
                continue;
            }
            match in_scope(&cohorts, lag.as_ref().ok(), base, plan.fiscal_year_start, tests) {
                Ok(fitted) => own.push(FittedScope { scope: scope.clone(), ..fitted }),
                Err(why) => notes.push(format!("{}: {why}", plan.scope_label(scope))),
            }
        }
        let lags = own.iter().filter(|s| s.lag.is_none()).count();
        if lags > 0 {
            notes.push(format!("{lags} of {} scopes share the lag of the whole", own.len()));
        }
    }
    FittedTransition { from: pair.0, to: pair.1, lag, rate, scopes: own, notes }
}

fn in_scope(
    cohorts: &Cohorts,
    whole: Option<&FittedLag>,
    base: &FittedRate,
    fiscal_year_start: (u32, u32),
    tests: usize,
) -> Result<FittedScope, String> {
    let Some(whole) = whole else { return Err("pooled with the whole".to_owned()) };
    let lag = (cohorts.conversions() >= OWN_LAG && lag_differs(cohorts, whole, tests))
        .then(|| fit_lag(cohorts, tests).ok())
        .flatten();
    let share = |w: usize, age: usize| lag.as_ref().unwrap_or(whole).share(w, age);
    let rate = fit_rate(cohorts, &share, fiscal_year_start, tests)
        .map_err(|refusal| format!("pooled with the whole: {refusal}"))?;
    // With few conversions its own rate is worse than the whole's unless the two disagree.
    if rate.conversions < 100 && rate.low < base.rate && base.rate < rate.high {
        return Err(format!(
            "pooled with the whole: {} conversions do not tell its rate from the whole's",
            rate.conversions
        ));
    }
    Ok(FittedScope { scope: Scope::default(), rate, lag })
}

/// All combinations of the declared values of dimensions.
pub(super) fn scopes_of(plan: &Plan, each: &[DimensionIndex]) -> Vec<Scope> {
    let mut scopes = vec![Scope::default()];
    for dimension in each {
        let values: &[Name] = &plan.dimensions[usize::from(dimension.0)].values;
        let with = |scope: &Scope, value: &Name| {
            let mut pairs = scope.0.clone();
            pairs.push((*dimension, value.clone()));
            pairs.sort();
            Scope(pairs)
        };
        scopes = scopes.iter().flat_map(|scope| values.iter().map(move |v| with(scope, v))).collect();
    }
    scopes.retain(|scope| !scope.0.is_empty());
    scopes
}

/// The scopes the plan's targets judge, the narrower first.
pub(super) fn judged_scopes(plan: &Plan) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = plan
        .targets
        .iter()
        .flat_map(|target| target.scopes.iter().map(|scoped| scoped.scope.clone()))
        .filter(|scope| !scope.0.is_empty())
        .collect();
    scopes.sort();
    scopes.dedup();
    scopes.sort_by_key(|scope| std::cmp::Reverse(scope.0.len()));
    scopes
}
