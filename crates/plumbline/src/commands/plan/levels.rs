//! Volume, spend and what follows from them, per scope.

use std::fmt::Write as _;

use plumbline_drift::fit::{Level, fit_level};
use plumbline_funnel::Measure;
use plumbline_plan::{Plan, Scope, StageIndex};
use plumbline_units::Day;

use super::history::History;
use super::numbers::FittedTransition;

/// z of a two-sided 90% interval.
const Z90: f64 = 1.644_853_626_951_472_7;

/// Everywhere first, then by scope.
pub(super) struct Levels(pub(super) Vec<ScopeLevels>);

/// What happens per day in a scope.
pub(super) struct ScopeLevels {
    pub(super) scope: Scope,
    /// Journeys that reach each stage, in funnel order.
    pub(super) stages: Vec<Option<Level>>,
    /// Spend in units of the plan's currency.
    pub(super) spend: Option<Level>,
    /// Spend per won customer with its 90% interval: spend per entry over the end-to-end conversion.
    pub(super) cac: Option<(f64, f64, f64)>,
}

impl Levels {
    pub(super) fn fit(
        plan: &Plan,
        scopes: &[Scope],
        history: &History,
        transitions: &[FittedTransition],
    ) -> Levels {
        let everywhere = Scope::default();
        let all = std::iter::once(&everywhere).chain(scopes);
        Levels(all.map(|scope| in_scope(plan, scope, history, transitions)).collect())
    }

    pub(super) fn of(&self, scope: &Scope) -> Option<&ScopeLevels> {
        self.0.iter().find(|levels| levels.scope == *scope)
    }
}

fn in_scope(plan: &Plan, scope: &Scope, history: &History, transitions: &[FittedTransition]) -> ScopeLevels {
    let fiscal = plan.fiscal_year_start;
    let level = |measure| fit_level(history.first, &daily(history, scope, measure), fiscal);
    let stages: Vec<Option<Level>> =
        (0..=plan.last().0).map(|stage| level(Measure::Entered(StageIndex(stage)))).collect();
    let spend = level(Measure::Spend).map(|level| Level {
        per_day: level.per_day / 1e6,
        low: level.low / 1e6,
        high: level.high / 1e6,
        before: level.before.map(|before| before / 1e6),
        ..level
    });
    let cac = match (&spend, &stages[0]) {
        (Some(spend), Some(leads)) => cac(spend, leads, scope, transitions),
        _ => None,
    };
    ScopeLevels { scope: scope.clone(), stages, spend, cac }
}

fn cac(
    spend: &Level,
    leads: &Level,
    scope: &Scope,
    transitions: &[FittedTransition],
) -> Option<(f64, f64, f64)> {
    let rates: Option<Vec<_>> = transitions.iter().map(|t| t.rate_in(scope)).collect();
    let rates = rates?;
    let conversion: f64 = rates.iter().map(|rate| rate.rate).product();
    let relative = |level: &Level| (level.high - level.low) / (2.0 * Z90 * level.per_day);
    let variance: f64 = rates.iter().map(|rate| (rate.error / rate.rate).powi(2)).sum::<f64>()
        + relative(spend).powi(2)
        + relative(leads).powi(2);
    let value = spend.per_day / leads.per_day / conversion;
    let half = (Z90 * variance.sqrt()).exp();
    (conversion > 0.0).then_some((value, value / half, value * half))
}

/// Sums by day, from the first to the last complete one.
fn daily(history: &History, scope: &Scope, measure: Measure) -> Vec<f64> {
    let days = usize::try_from(history.days()).unwrap_or(0);
    let mut sums = vec![0.0; days];
    let position = |day: Day| usize::try_from(day.since(history.first)).unwrap_or(usize::MAX);
    let cells = history.cells();
    for leaf in cells.leaves().filter(|&leaf| cells.in_scope(leaf, scope)) {
        for (day, _, sum) in cells.between(leaf, measure, history.first, history.last) {
            if let Some(slot) = sums.get_mut(position(day)) {
                *slot += sum as f64;
            }
        }
    }
    sums
}

impl ScopeLevels {
    /// The scope in words.
    pub(super) fn place(&self, plan: &Plan) -> String {
        if self.scope.0.is_empty() { "everywhere".to_owned() } else { plan.scope_label(&self.scope) }
    }

    /// Lines for comments.
    pub(super) fn in_words(&self, plan: &Plan) -> Vec<String> {
        let place = self.place(plan);
        let mut lines = Vec::new();
        if let Some(Some(level)) = self.stages.first() {
            lines.push(format!(
                "{place}: {:.2} {} a day (90% interval {:.2} to {:.2}) over the last {} days{}{}",
                level.per_day,
                plan.stage_name(plan.first()),
                level.low,
                level.high,
                level.days,
                step_in_words(level),
                season_in_words(level)
            ));
        }
        match &self.spend {
            Some(level) => lines.push(format!(
                "{place}: spend {:.2} {} a day ({:.2} to {:.2}) over the last {} days{}{}",
                level.per_day,
                plan.currency,
                level.low,
                level.high,
                level.days,
                step_in_words(level),
                season_in_words(level)
            )),
            None => lines.push(format!("{place}: no spend, or too few days of it: no CAC, no cost per lead")),
        }
        if let (Some(spend), Some(Some(leads))) = (&self.spend, self.stages.first()) {
            let mut line = format!(
                "{place}: cost per {} {:.2} {}",
                plan.stage_name(plan.first()),
                spend.per_day / leads.per_day,
                plan.currency
            );
            if let Some((value, low, high)) = self.cac {
                let _ = write!(line, "; CAC {value:.2} {} ({low:.2} to {high:.2})", plan.currency);
            }
            lines.push(line);
        }
        lines
    }
}

/// That the level is another than it was.
fn step_in_words(level: &Level) -> String {
    level.before.map_or(String::new(), |before| format!(" (before that {before:.2})"))
}

fn season_in_words(level: &Level) -> &'static str {
    match (level.weekday, level.quarter_week) {
        (None, None) => "; weekdays do not differ",
        (Some(_), None) => "; weekdays differ",
        (None, Some(_)) => "; weeks of the quarter differ",
        (Some(_), Some(_)) => "; weekdays and weeks of the quarter differ",
    }
}
