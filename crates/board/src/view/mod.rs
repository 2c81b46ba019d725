//! What the pages and the API show: plain data made from the state machine between records.
//!
//! A view is made in the engine's thread and then shared; whoever reads it never waits for the engine.

mod funnel;
mod passing;
mod stamp;
mod workspace;

use std::sync::Arc;

use plumbline_units::{Day, Timestamp};
use serde::Serialize;

pub(crate) use passing::Passing;
pub(crate) use stamp::Stamp;
pub(crate) use workspace::view;
#[cfg(test)]
pub(crate) use workspace::worst_scope;

/// One workspace as of its last closed tick. What takes long to make is shared, so that a view in which only
/// [`Passing`] differs costs little.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WorkspaceView {
    /// The tenant.
    pub(crate) workspace: Arc<str>,
    /// The plan in force.
    pub(crate) plan: Arc<PlanView>,
    /// The last day judged; `null` before the first.
    pub(crate) closed: Option<Day>,
    /// Labels of the scopes judged, in plan order; empty for everything.
    pub(crate) scopes: Arc<[String]>,
    /// The scope whose targets need somebody most.
    pub(crate) worst_scope: Arc<str>,
    /// Every target in every scope.
    pub(crate) targets: Arc<[TargetView]>,
    /// The transitions scope by scope, the first [`MAX_FUNNELS`] scopes.
    pub(crate) funnels: Arc<[FunnelView]>,
    /// What is wrong with the data now.
    pub(crate) data: Arc<[DataView]>,
    /// What moves with every event.
    pub(crate) passing: Passing,
}

/// Scopes whose funnel is drawn; further ones have their targets only.
pub(crate) const MAX_FUNNELS: usize = 50;

/// The plan in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PlanView {
    /// Its name.
    pub(crate) name: String,
    /// Its revision.
    pub(crate) revision: u32,
    /// Cohorts and days before it are not judged by this revision.
    pub(crate) effective_from: Day,
    /// Ticks before it are history.
    pub(crate) live_from: Timestamp,
    /// Of all money.
    pub(crate) currency: String,
    /// Cuts instants into days.
    pub(crate) timezone: String,
    /// Budget per target and scope.
    pub(crate) false_alarms_per_year: f64,
    /// First to last.
    pub(crate) stages: Vec<String>,
    /// The hand-overs, in funnel order.
    pub(crate) transitions: Vec<TransitionView>,
}

/// A transition and who owns it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TransitionView {
    /// The stage left.
    pub(crate) from: String,
    /// The stage reached.
    pub(crate) to: String,
    /// `function/team`, of at least two functions.
    pub(crate) owners: Vec<String>,
    /// What the plan prescribes.
    pub(crate) action: Option<String>,
}

/// A value with its 90% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Span {
    /// The estimate.
    pub(crate) value: f64,
    /// Lower end.
    pub(crate) low: f64,
    /// Upper end.
    pub(crate) high: f64,
}

/// What the plan promises, in the target's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct PlannedView {
    /// The value.
    pub(crate) value: f64,
    /// The lower edge of the warn tolerance.
    pub(crate) lower: Option<f64>,
    /// The upper edge of the warn tolerance.
    pub(crate) upper: Option<f64>,
}

/// A target in a scope.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TargetView {
    /// The target's name.
    pub(crate) target: String,
    /// conversion, cac, volume, spend, velocity, handoff.
    pub(crate) metric: &'static str,
    /// Label of the scope; empty for everything.
    pub(crate) scope: String,
    /// on_plan, watch, drifting, not_enough_evidence, no_plan, data_unhealthy.
    pub(crate) verdict: &'static str,
    /// warning, critical; of a drift.
    pub(crate) severity: Option<&'static str>,
    /// below, above; of a drift.
    pub(crate) direction: Option<&'static str>,
    /// Why the verdict, where it needs a reason.
    pub(crate) reason: Option<String>,
    /// share, money, per_day, money_per_day, duration (seconds).
    pub(crate) unit: Option<&'static str>,
    /// What the plan promises.
    pub(crate) plan: Option<PlannedView>,
    /// Where it is heading.
    pub(crate) projected: Option<Span>,
    /// What was measured over the last week, where that needs no waiting.
    pub(crate) observed: Option<f64>,
    /// Evidence against the plan.
    pub(crate) e_value: Option<f64>,
    /// The e-value that opens an episode.
    pub(crate) threshold: f64,
    /// The last day closed.
    pub(crate) day: Day,
    /// `function/team`.
    pub(crate) owners: Vec<String>,
    /// Its last days, oldest first.
    #[serde(skip)]
    pub(crate) trend: Arc<[plumbline_engine::TrendPoint]>,
}

/// A scope's transitions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FunnelView {
    /// Label of the scope.
    pub(crate) scope: String,
    /// In funnel order.
    pub(crate) steps: Vec<StepView>,
}

/// How a transition stands in a scope.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StepView {
    /// The stage left.
    pub(crate) from: String,
    /// The stage reached.
    pub(crate) to: String,
    /// on_plan, watch, drifting, not_enough_evidence, data_unhealthy.
    pub(crate) verdict: &'static str,
    /// The planned conversion.
    pub(crate) plan: f64,
    /// Where the cohorts of the last 90 days are heading, by their own numbers and the planned lag.
    pub(crate) rate: Option<Span>,
    /// Journeys that entered in these days.
    pub(crate) entered: u64,
    /// Of them converted by now.
    pub(crate) converted: u64,
    /// Of them expected by now.
    pub(crate) expected: f64,
    /// What an open episode says of it.
    pub(crate) drift: Option<StepDrift>,
}

/// By how much a transition drifts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct StepDrift {
    /// The onset.
    pub(crate) since: Option<Day>,
    /// Relative to the plan.
    pub(crate) relative: Span,
}

/// Trouble with the data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DataView {
    /// The episode's key.
    pub(crate) episode: String,
    /// silent-source, stopped-type, …
    pub(crate) kind: &'static str,
    /// One line.
    pub(crate) title: String,
    /// One sentence.
    pub(crate) summary: String,
    /// What to do.
    pub(crate) action: String,
    /// Since when.
    pub(crate) since: Timestamp,
    /// It holds verdicts back.
    pub(crate) critical: bool,
}

/// A stream of events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StreamView {
    /// The input topic.
    pub(crate) topic: String,
    /// Who speaks on it.
    pub(crate) source: String,
    /// Its newest arrival.
    pub(crate) last_received: Timestamp,
    /// Up to when it has probably told everything.
    pub(crate) watermark: Timestamp,
}

impl WorkspaceView {
    /// Whether a target drifts.
    pub(crate) fn drifts(&self) -> bool {
        self.targets.iter().any(|target| target.verdict == "drifting")
    }

    /// A target in a scope.
    pub(crate) fn target(&self, name: &str, scope: &str) -> Option<&TargetView> {
        self.targets.iter().find(|t| t.target == name && t.scope == scope)
    }
}

impl TargetView {
    /// What the board shows as its present number.
    pub(crate) fn now(&self) -> Option<f64> {
        match self.metric {
            "volume" | "spend" => self.observed.or(self.projected.map(|p| p.value)),
            _ => self.projected.map(|p| p.value).or(self.observed),
        }
    }

    /// The present number over the planned one.
    pub(crate) fn of_plan(&self) -> Option<f64> {
        let planned = self.plan.filter(|plan| plan.value > 0.0)?;
        Some(self.now()? / planned.value)
    }

    /// The worse, the higher: what needs somebody comes first.
    pub(crate) fn urgency(&self) -> u8 {
        match (self.verdict, self.severity) {
            ("drifting", Some("critical")) => 6,
            ("drifting", _) => 5,
            ("data_unhealthy", _) => 4,
            ("watch", _) => 3,
            ("not_enough_evidence", _) => 2,
            ("no_plan", _) => 1,
            _ => 0,
        }
    }
}
