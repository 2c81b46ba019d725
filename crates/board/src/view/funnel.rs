//! The transitions of each scope, with the verdict of each.

use std::collections::BTreeMap;

use plumbline_drift::judge::{Episode, TargetStatus, Verdict, WatchReason, scope_series};
use plumbline_drift::power::cohort_rates;
use plumbline_engine::WorkspaceState;
use plumbline_plan::{Metric, Plan, Scope, StageIndex};
use plumbline_units::Day;

use super::workspace::span;
use super::{FunnelView, MAX_FUNNELS, StepDrift, StepView};

/// Days of cohorts behind the rate of a step.
const COHORT_DAYS: usize = 90;

pub(super) fn funnels(state: &WorkspaceState, day: Day, labels: &[String]) -> Vec<FunnelView> {
    let plan: &Plan = state.plan();
    let mut by_scope: BTreeMap<&str, Vec<&TargetStatus>> = BTreeMap::new();
    for status in state.judge().statuses() {
        by_scope.entry(&status.scope_label).or_default().push(status);
    }
    let funnel = |label: &String| {
        let scope = scope_of(plan, label)?;
        let series = scope_series(plan, state.fold().cells(), scope, day);
        let here = by_scope.get(label.as_str()).map_or(&[][..], Vec::as_slice);
        let steps = cohort_rates(plan, scope, &series, COHORT_DAYS).into_iter().map(|rate| StepView {
            from: plan.stage_name(rate.from).to_string(),
            to: plan.stage_name(rate.to).to_string(),
            verdict: verdict(state, (rate.from, rate.to), scope, here),
            plan: rate.plan,
            rate: rate.rate.map(span),
            entered: rate.entered,
            converted: rate.converted,
            expected: rate.expected,
            drift: named(state, (rate.from, rate.to), scope).map(|episode| StepDrift {
                since: episode.assessment.onset.map(|onset| onset.estimate),
                relative: span(episode.assessment.drift.relative),
            }),
        });
        Some(FunnelView { scope: label.clone(), steps: steps.collect() })
    };
    labels.iter().take(MAX_FUNNELS).filter_map(funnel).collect()
}

fn scope_of<'p>(plan: &'p Plan, label: &str) -> Option<&'p Scope> {
    let scoped = plan.targets.iter().flat_map(|target| &target.scopes);
    scoped.map(|scoped| &scoped.scope).find(|scope| plan.scope_label(scope) == label)
}

/// The verdict of a step: drifting where an episode names it or a target of its own drifts, watched where it is the
/// part that another balances; else what the targets whose journeys pass through it allow to say.
fn verdict(
    state: &WorkspaceState,
    step: (StageIndex, StageIndex),
    scope: &Scope,
    here: &[&TargetStatus],
) -> &'static str {
    let plan: &Plan = state.plan();
    let metric = |status: &TargetStatus| plan.target(status.target).metric;
    let passing: Vec<&TargetStatus> =
        here.iter().copied().filter(|status| passes(metric(status), step, plan)).collect();
    let any = |holds: &dyn Fn(&TargetStatus) -> bool| passing.iter().any(|status| holds(status));
    let own = |status: &TargetStatus| {
        let exactly = matches!(metric(status), Metric::Conversion { from, to } if (from, to) == step);
        exactly && matches!(status.verdict, Verdict::Drifting(_))
    };
    let table = format!("{}>{}", plan.stage_name(step.0), plan.stage_name(step.1));
    let balanced = |status: &TargetStatus| matches!(&status.verdict, Verdict::Watch(WatchReason::Compensated { table: part }) if *part == table);
    let knows = |status: &TargetStatus| {
        !matches!(status.verdict, Verdict::NotEnoughEvidence { .. } | Verdict::NoPlan)
    };
    if named(state, step, scope).is_some() || any(&own) {
        "drifting"
    } else if any(&|status| matches!(status.verdict, Verdict::DataUnhealthy(_))) {
        "data_unhealthy"
    } else if any(&balanced) {
        "watch"
    } else if any(&knows) {
        "on_plan"
    } else {
        "not_enough_evidence"
    }
}

/// The live episode whose largest effect is the step's.
fn named<'s>(
    state: &'s WorkspaceState,
    step: (StageIndex, StageIndex),
    scope: &Scope,
) -> Option<&'s Episode> {
    let mut live = state.judge().episodes().values();
    live.find(|e| e.subject.scope == *scope && e.assessment.drift.transition == Some(step))
}

/// Whether a target's journeys go through a step on their way.
fn passes(metric: Metric, (from, to): (StageIndex, StageIndex), plan: &Plan) -> bool {
    match metric {
        Metric::Conversion { from: a, to: b } => a <= from && to <= b,
        Metric::Cac => plan.first() <= from && to <= plan.last(),
        Metric::Velocity { .. } | Metric::Handoff { .. } | Metric::Volume { .. } | Metric::Spend => false,
    }
}
