//! A workspace's view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plumbline_drift::judge::{Interval, Label, TargetStatus, Verdict, WatchReason, shown};
use plumbline_engine::{TrendPoint, WorkspaceState};
use plumbline_plan::{Direction, Owner, Plan, Severity};

use super::funnel::funnels;
use super::{DataView, Passing, PlanView, PlannedView, Span, TargetView, TransitionView, WorkspaceView};

/// Shows a workspace as it stands. Of the view `before` it takes the lines that have not changed.
pub(crate) fn view(state: &WorkspaceState, before: Option<&WorkspaceView>) -> WorkspaceView {
    let plan = state.plan();
    let mut scopes: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for scope in plan.targets.iter().flat_map(|target| &target.scopes).map(|scoped| &scoped.scope) {
        if known.insert(scope) {
            scopes.push(plan.scope_label(scope));
        }
    }
    let lines = Lines::of(before);
    let targets: Arc<[TargetView]> =
        state.judge().statuses().map(|status| target(state, status, &lines)).collect();
    let closed = targets.iter().map(|target| target.day).max();
    let data = state.data_episodes().map(|episode| DataView {
        episode: episode.key.clone(),
        kind: episode.kind.word(),
        title: episode.title.clone(),
        summary: episode.summary.clone(),
        action: episode.action.clone(),
        since: episode.since,
        critical: episode.critical,
    });
    WorkspaceView {
        workspace: state.name().as_str().into(),
        plan: Arc::new(plan_view(state)),
        closed,
        funnels: closed.map(|day| funnels(state, day, &scopes)).unwrap_or_default().into(),
        worst_scope: worst_scope(&scopes, &targets).into(),
        scopes: scopes.into(),
        targets,
        data: data.collect(),
        passing: Passing::of(state),
    }
}

/// The scope whose targets need somebody most; the first one in the plan among equals.
pub(crate) fn worst_scope(scopes: &[String], targets: &[TargetView]) -> String {
    let mut weights: BTreeMap<&str, u32> = BTreeMap::new();
    for target in targets {
        *weights.entry(&target.scope).or_default() += u32::from(target.urgency()).pow(3);
    }
    let weight = |scope: &String| weights.get(scope.as_str()).copied().unwrap_or_default();
    // `max_by_key` takes the last one among equals.
    scopes.iter().rev().max_by_key(|scope| weight(scope)).cloned().unwrap_or_default()
}

/// The lines of a former view, by target and scope.
struct Lines<'v>(BTreeMap<(&'v str, &'v str), &'v Arc<[TrendPoint]>>);

impl<'v> Lines<'v> {
    fn of(before: Option<&'v WorkspaceView>) -> Lines<'v> {
        let targets = before.into_iter().flat_map(|view| view.targets.iter());
        Lines(targets.map(|t| ((t.target.as_str(), t.scope.as_str()), &t.trend)).collect())
    }

    /// The line as it is now: the former one where it is the same still.
    fn now(&self, state: &WorkspaceState, status: &TargetStatus) -> Arc<[TrendPoint]> {
        let line = || state.trend(&status.name, &status.scope_label);
        match self.0.get(&(status.name.as_str(), status.scope_label.as_str())) {
            Some(former) if line().eq(former.iter().copied()) => Arc::clone(former),
            _ => line().collect(),
        }
    }
}

fn plan_view(state: &WorkspaceState) -> PlanView {
    let plan = state.plan();
    let transitions = plan.motion().transitions.iter().map(|t| TransitionView {
        from: plan.stage_name(t.from).to_string(),
        to: plan.stage_name(t.to).to_string(),
        owners: owners(&t.owners),
        action: t.action.as_deref().map(str::to_owned),
    });
    PlanView {
        name: plan.name.to_string(),
        revision: plan.revision,
        effective_from: plan.effective_from,
        live_from: state.plan_source().live_from,
        currency: plan.currency.to_string(),
        timezone: plan.zone.to_string(),
        false_alarms_per_year: plan.false_alarms_per_year,
        stages: plan.motion().stages.iter().map(ToString::to_string).collect(),
        transitions: transitions.collect(),
    }
}

fn owners(owners: &[Owner]) -> Vec<String> {
    owners.iter().map(|owner| format!("{}/{}", owner.function, owner.team)).collect()
}

fn target(state: &WorkspaceState, status: &TargetStatus, lines: &Lines<'_>) -> TargetView {
    let plan: &Plan = state.plan();
    let promised = plan.target(status.target);
    let severity = match status.verdict {
        Verdict::Drifting(Severity::Warning) => Some("warning"),
        Verdict::Drifting(Severity::Critical) => Some("critical"),
        _ => None,
    };
    TargetView {
        target: status.name.clone(),
        metric: promised.metric.word(),
        scope: status.scope_label.clone(),
        verdict: status.verdict.word(),
        severity,
        direction: status.direction.map(|direction| match direction {
            Direction::Below => "below",
            Direction::Above => "above",
        }),
        reason: reason(status),
        unit: status.plan.map(|planned| planned.unit.word()),
        plan: status.plan.map(|p| PlannedView { value: p.value, lower: p.lower, upper: p.upper }),
        projected: status.projected.map(span),
        observed: status.observed,
        e_value: status.e_value(),
        threshold: status.threshold,
        day: status.day,
        owners: owners(&promised.owners),
        trend: lines.now(state, status),
    }
}

/// Why the verdict, in words.
fn reason(status: &TargetStatus) -> Option<String> {
    match &status.verdict {
        Verdict::OnPlan | Verdict::NoPlan => None,
        Verdict::Watch(WatchReason::Evidence) => Some("evidence against the plan is gathering".to_owned()),
        Verdict::Watch(WatchReason::Compensated { table }) => {
            Some(format!("{} has left the plan; the target as a whole has not", shown(table)))
        }
        Verdict::Watch(WatchReason::Uncertain) => Some(
            "on plan as far as can be seen, but the interval still reaches the critical bound".to_owned(),
        ),
        Verdict::Drifting(_) => status.label.map(|label| {
            let words = match label {
                Label::Conversion => "fewer convert, in the planned time",
                Label::Velocity => "as many convert, but later",
                Label::ConversionOrVelocity => "fewer or later: too early to tell which",
            };
            words.to_owned()
        }),
        Verdict::NotEnoughEvidence { .. } => status.verdict.missing(),
        Verdict::DataUnhealthy(why) => Some(why.clone()),
    }
}

pub(super) fn span(interval: Interval) -> Span {
    Span { value: interval.value, low: interval.low, high: interval.high }
}
