//! A workspace's view.

use plumbline_drift::judge::{Interval, Label, TargetStatus, Verdict, WatchReason, shown};
use plumbline_engine::WorkspaceState;
use plumbline_plan::{Direction, Owner, Plan, Severity};

use super::funnel::funnels;
use super::{DataView, PlanView, PlannedView, Span, StreamView, TargetView, TransitionView, WorkspaceView};

/// Shows a workspace as it stands.
pub(crate) fn view(state: &WorkspaceState) -> WorkspaceView {
    let plan = state.plan();
    let mut scopes: Vec<String> = Vec::new();
    for scoped in plan.targets.iter().flat_map(|target| &target.scopes) {
        let label = plan.scope_label(&scoped.scope);
        if !scopes.contains(&label) {
            scopes.push(label);
        }
    }
    let targets: Vec<TargetView> = state.judge().statuses().map(|status| target(state, status)).collect();
    let closed = targets.iter().map(|target| target.day).max();
    let streams = state.streams().iter().map(|(topic, source, stream)| StreamView {
        topic: topic.to_string(),
        source: source.to_string(),
        last_received: stream.last_received,
        watermark: stream.watermark,
    });
    let data = state.data_episodes().map(|episode| DataView {
        episode: episode.key.clone(),
        kind: episode.kind.word(),
        title: episode.title.clone(),
        summary: episode.summary.clone(),
        action: episode.action.clone(),
        since: episode.since,
        critical: episode.critical,
    });
    let ignored = &state.fold().stats().counters.ignored_stages;
    WorkspaceView {
        workspace: state.name().to_string(),
        plan: plan_view(state),
        closed,
        watermark: state.watermark(),
        funnels: closed.map(|day| funnels(state, day, &scopes)).unwrap_or_default(),
        scopes,
        targets,
        data: data.collect(),
        streams: streams.collect(),
        ignored_stages: ignored.iter().map(|(stage, count)| (stage.to_string(), *count)).collect(),
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

fn target(state: &WorkspaceState, status: &TargetStatus) -> TargetView {
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
        trend: state.trend(&status.name, &status.scope_label).collect(),
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
