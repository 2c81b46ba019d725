//! The engine's findings as gauges.

use metrics::gauge;
use plumbline_drift::judge::{EpisodeKey, Interval, TargetStatus, Verdict};
use plumbline_engine::WorkspaceState;
use plumbline_engine::health::Kind;
use plumbline_plan::{Plan, Severity, Target};
use plumbline_units::{Name, Timestamp};

use crate::metric;

/// All verdict words: a target has one of them in a scope, and the others must fall back to 0.
const VERDICTS: [&str; 6] =
    ["on_plan", "watch", "drifting", "not_enough_evidence", "no_plan", "data_unhealthy"];

/// Sets the gauges of a workspace.
pub fn show(workspace: &WorkspaceState) {
    let name = workspace.name().to_string();
    let plan = workspace.plan();
    gauge!(metric::PLAN_INFO, "workspace" => name.clone(), "plan" => plan.name.to_string()).set(1.0);
    gauge!(metric::PLAN_REVISION, "workspace" => name.clone()).set(f64::from(plan.revision));
    if let Some(watermark) = workspace.watermark() {
        gauge!(metric::WATERMARK, "workspace" => name.clone()).set(seconds(watermark));
    }
    for status in workspace.judge().statuses() {
        show_status(&name, status);
    }
    for (subject, scope) in subjects(plan) {
        show_episode(&name, workspace, subject, &scope);
    }
    show_data(&name, workspace);
    show_fold(&name, workspace);
}

/// All series of all kinds are set, so that an alerting rule sees an episode end.
fn show_data(workspace: &str, state: &WorkspaceState) {
    for kind in Kind::ALL {
        for (critical, severity) in [(false, "warning"), (true, "critical")] {
            for (historical, notify) in [(false, "yes"), (true, "no")] {
                let counts = |e: &&plumbline_engine::health::DataEpisode| {
                    e.kind == kind && e.critical == critical && e.historical == historical
                };
                gauge!(
                    metric::DATA_EPISODES,
                    "workspace" => workspace.to_owned(),
                    "kind" => kind.word(),
                    "severity" => severity,
                    "notify" => notify
                )
                .set(state.data_episodes().filter(counts).count() as f64);
            }
        }
    }
}

/// Everything that can have an episode: targets in their scopes, patterns in those of their members.
fn subjects(plan: &Plan) -> Vec<(&Name, String)> {
    let of = |name, target: &Target| -> Vec<_> {
        target.scopes.iter().map(|scoped| (name, plan.scope_label(&scoped.scope))).collect()
    };
    let targets = plan.targets.iter().flat_map(|target| of(&target.name, target));
    let patterns = plan.patterns.iter().filter_map(|pattern| {
        let member = plan.targets.get(usize::from(pattern.all.first()?.target.0))?;
        Some(of(&pattern.name, member))
    });
    targets.chain(patterns.flatten()).collect()
}

/// All four series of a subject are set, so that an alerting rule sees an episode end.
fn show_episode(workspace: &str, state: &WorkspaceState, subject: &Name, scope: &str) {
    let episode = state.judge().episodes().get(&EpisodeKey::new(&state.plan().name, subject, scope));
    for (severity, word) in [(Severity::Warning, "warning"), (Severity::Critical, "critical")] {
        for notify in [true, false] {
            let holds = episode.is_some_and(|e| {
                e.severity == severity && notify != (e.historical || e.inhibited_by.is_some())
            });
            gauge!(
                metric::EPISODE,
                "workspace" => workspace.to_owned(),
                "name" => subject.to_string(),
                "scope" => scope.to_owned(),
                "severity" => word,
                "notify" => if notify { "yes" } else { "no" }
            )
            .set(f64::from(u8::from(holds)));
        }
    }
}

fn show_status(workspace: &str, status: &TargetStatus) {
    let labels = [
        ("workspace", workspace.to_owned()),
        ("target", status.name.clone()),
        ("scope", status.scope_label.clone()),
    ];
    let with = |key: &'static str, value: &'static str| {
        let mut all = labels.to_vec();
        all.push((key, value.to_owned()));
        all
    };
    for verdict in VERDICTS {
        let holds = status.verdict.word() == verdict;
        gauge!(metric::VERDICT, &with("verdict", verdict)).set(f64::from(u8::from(holds)));
    }
    if let Some(planned) = status.plan {
        gauge!(metric::PLANNED, &labels).set(planned.value);
    }
    if let Some(Interval { value, low, high }) = status.projected {
        for (bound, number) in [("value", value), ("low", low), ("high", high)] {
            gauge!(metric::PROJECTED, &with("bound", bound)).set(number);
        }
    }
    if let Some(observed) = status.observed {
        gauge!(metric::OBSERVED, &labels).set(observed);
    }
    if let Some(e_value) = status.e_value() {
        gauge!(metric::E_VALUE, &labels).set(e_value);
        gauge!(metric::THRESHOLD, &labels).set(status.threshold);
    }
    gauge!(metric::CLOSED, &labels).set(seconds(status.at));
    let (needed, due) = match status.verdict {
        Verdict::NotEnoughEvidence { needed, by } => {
            let wait = by.map(|by| f64::from(by.since(status.day)) * 86_400.0);
            (needed, wait.map_or(0.0, |wait| seconds(status.at) + wait))
        }
        _ => (0, 0.0),
    };
    gauge!(metric::NEEDED, &labels).set(needed as f64);
    gauge!(metric::DUE, &labels).set(due);
}

fn show_fold(workspace: &str, state: &WorkspaceState) {
    let stats = state.fold().stats();
    let workspace = || workspace.to_owned();
    gauge!(metric::JOURNEYS, "workspace" => workspace()).set(stats.journeys as f64);
    gauge!(metric::CELLS, "workspace" => workspace()).set(stats.cells as f64);
    gauge!(metric::LEAVES, "workspace" => workspace()).set(stats.leaves as f64);
    for (part, bytes) in [("journeys", stats.journey_bytes), ("cells", stats.cell_bytes)] {
        gauge!(metric::BYTES, "workspace" => workspace(), "part" => part).set(bytes as f64);
    }
    for (stage, count) in &stats.counters.ignored_stages {
        gauge!(metric::IGNORED, "workspace" => workspace(), "stage" => stage.to_string()).set(*count as f64);
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1_000.0
}
