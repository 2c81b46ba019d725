//! Alerts about the data itself.

use std::collections::BTreeMap;

use plumbline_plan::{Plan, Severity};
use plumbline_units::{Name, Timestamp};

use super::build::{acknowledgement, alert_id, revision, severity_word};
use super::when::notify_at;
use super::{Alert, OnsetSide, Related};
use crate::health::DataChange;

/// Targets named as held back.
const MAX_RELATED: usize = 20;

/// The alert of a data episode's change. `related` names the verdicts that it holds back.
pub fn data(workspace: &Name, plan: &Plan, change: &DataChange) -> Alert {
    let episode = &change.episode;
    let severity = if episode.critical { Severity::Critical } else { Severity::Warning };
    let since = plan.zone.day_of(episode.since);
    let resolved = change.resolution.is_some();
    // What spoils no verdict can wait for the morning.
    let urgency = if episode.critical { "page" } else { "working_hours" };
    let mut summary = episode.summary.clone();
    let related = if resolved { Vec::new() } else { held(plan, change) };
    if !related.is_empty() {
        let names: Vec<&str> = related.iter().map(|r| r.target.as_str()).collect();
        summary = format!("{} Verdicts held back meanwhile: {}.", summary, names.join(", "));
    }
    Alert {
        transition: change.transition.into(),
        state: match (resolved, episode.acknowledged()) {
            (true, _) => "resolved",
            (false, true) => "acknowledged",
            (false, false) => "open",
        }
        .into(),
        alert_id: episode
            .alert_id
            .as_ref()
            .map_or_else(|| alert_id(workspace, &episode.key, episode.opened_at), ToString::to_string),
        sequence: episode.sequence,
        severity: severity_word(severity).into(),
        urgency: urgency.into(),
        notify_at: notify_at(plan.zone, urgency, change.at),
        summary,
        scope: scope(plan, change),
        onset: Some(OnsetSide {
            estimate: since,
            low: since,
            high: since,
            days: plan.zone.day_of(change.at).since(since) + 1,
        }),
        acknowledgements: episode.acknowledgements.iter().map(acknowledgement).collect(),
        asked_again: 0,
        related,
        revision: change.revision.as_ref().map(revision),
        resolution: change.resolution.map(Into::into),
        ..blank(workspace, &episode.key, &episode.title, &episode.action, change.at, episode.historical)
    }
}

/// The one scope that is held, where there is only one.
fn scope(plan: &Plan, change: &DataChange) -> BTreeMap<String, String> {
    let [hold] = change.episode.holds.as_slice() else { return BTreeMap::new() };
    let name = |d: plumbline_plan::DimensionIndex| plan.dimensions[usize::from(d.0)].name.to_string();
    hold.scope.0.iter().map(|(dimension, value)| (name(*dimension), value.to_string())).collect()
}

fn held(plan: &Plan, change: &DataChange) -> Vec<Related> {
    let covered = |target: &&plumbline_plan::Target| {
        let holds = &change.episode.holds;
        target.scopes.iter().any(|s| holds.iter().any(|hold| hold.covers(target.metric, &s.scope)))
    };
    let unhealthy = |target: &plumbline_plan::Target| Related {
        target: target.name.to_string(),
        verdict: "data_unhealthy".into(),
        detail: None,
    };
    plan.targets.iter().filter(covered).take(MAX_RELATED).map(unhealthy).collect()
}

/// A notice about the data itself: opened once, for the people who run the pipes.
pub fn notice(
    workspace: &Name,
    plan: &Plan,
    what: &str,
    title: &str,
    mend: &str,
    at: Timestamp,
    historical: bool,
) -> Alert {
    let episode = format!("{}/data/{what}", plan.name);
    Alert {
        notify_at: notify_at(plan.zone, "working_hours", at),
        ..blank(workspace, &episode, title, mend, at, historical)
    }
}

/// A notice, with nothing of what a business alert says.
fn blank(workspace: &Name, episode: &str, title: &str, mend: &str, at: Timestamp, historical: bool) -> Alert {
    Alert {
        workspace: workspace.to_string(),
        alert_id: alert_id(workspace, episode, at),
        episode: episode.into(),
        sequence: 1,
        transition: "opened".into(),
        state: "notice".into(),
        severity: severity_word(Severity::Warning).into(),
        kind: "data".into(),
        urgency: "working_hours".into(),
        historical,
        detected_at: at,
        notify_at: at,
        title: title.into(),
        summary: title.into(),
        scope: BTreeMap::new(),
        pattern: None,
        target: None,
        metric: None,
        plan: None,
        drift: None,
        so_far: None,
        projected: None,
        onset: None,
        evidence: None,
        why: Vec::new(),
        ruled_out: Vec::new(),
        coincident: Vec::new(),
        handoff: None,
        in_reports: None,
        cost: None,
        owners: Vec::new(),
        acknowledgements: Vec::new(),
        asked_again: 0,
        action: Some(mend.into()),
        runbook_url: None,
        related: Vec::new(),
        supersedes: Vec::new(),
        inhibited_by: None,
        revision: None,
        resolution: None,
        links: BTreeMap::new(),
    }
}
