//! The engine's findings as samples. They are made anew whenever something changed, so that what is no longer there
//! (a scope that a revision dropped, an episode that ended) is no longer told.

use plumbline_drift::judge::{Episode, EpisodeKey, Interval, TargetStatus, Verdict};
use plumbline_engine::WorkspaceState;
use plumbline_engine::alert::urgency;
use plumbline_engine::health::{DataEpisode, Kind};
use plumbline_plan::{Direction, Plan, Severity, Target};
use plumbline_units::{Name, Timestamp};

use crate::metric;
use crate::samples::Samples;
use crate::view::{FunnelView, Span, WorkspaceView};

/// All verdict words: a target has one of them in a scope, and the others are 0.
const VERDICTS: [&str; 6] =
    ["on_plan", "watch", "drifting", "not_enough_evidence", "no_plan", "data_unhealthy"];

/// What was judged: changes with a tick, an episode or a plan.
pub(crate) fn judged(state: &WorkspaceState, view: &WorkspaceView) -> Samples {
    let mut samples = Samples::default();
    let (name, plan) = (state.name().as_str(), state.plan());
    let (currency, zone) = (plan.currency.as_str(), plan.zone.to_string());
    samples.set(
        &metric::PLAN_INFO,
        &[("workspace", name), ("plan", plan.name.as_str()), ("currency", currency), ("timezone", &zone)],
        1.0,
    );
    samples.set(&metric::PLAN_REVISION, &[("workspace", name)], f64::from(plan.revision));
    for target in &plan.targets {
        let (metric, unit) = (target.metric.word(), unit(target, currency));
        let labels =
            [("workspace", name), ("target", target.name.as_str()), ("metric", metric), ("unit", &unit)];
        samples.set(&metric::TARGET_INFO, &labels, 1.0);
    }
    for status in state.judge().statuses() {
        target(&mut samples, name, status);
    }
    view.funnels.iter().for_each(|funnel| steps(&mut samples, name, funnel));
    for (subject, scope) in subjects(plan) {
        let episode = state.judge().episodes().get(&EpisodeKey::new(&plan.name, subject, &scope));
        let labels = [("workspace", name), ("name", subject.as_str()), ("scope", &scope)];
        let level = episode.map_or(0.0, |episode| match episode.severity {
            Severity::Warning => 1.0,
            Severity::Critical => 2.0,
        });
        samples.set(&metric::EPISODE_SEVERITY, &labels, level);
        if let Some(episode) = episode {
            open(&mut samples, state, &labels, episode);
        }
    }
    data(&mut samples, state);
    samples
}

/// How far the workspace is and what the fold holds: changes with every event.
pub(crate) fn folded(state: &WorkspaceState) -> Samples {
    let mut samples = Samples::default();
    let stats = state.fold().stats();
    let workspace = ("workspace", state.name().as_str());
    if let Some(watermark) = state.watermark() {
        samples.set(&metric::WATERMARK, &[workspace], seconds(watermark));
    }
    for (family, count) in
        [(&metric::JOURNEYS, stats.journeys), (&metric::CELLS, stats.cells), (&metric::LEAVES, stats.leaves)]
    {
        samples.set(family, &[workspace], count as f64);
    }
    samples.set(&metric::OVERFLOWED, &[workspace], stats.counters.overflowed as f64);
    for (part, bytes) in [("journeys", stats.journey_bytes), ("cells", stats.cell_bytes)] {
        samples.set(&metric::BYTES, &[workspace, ("part", part)], bytes as f64);
    }
    for (stage, count) in &stats.counters.ignored_stages {
        samples.set(&metric::IGNORED, &[workspace, ("stage", stage)], *count as f64);
    }
    samples
}

/// What the numbers of a target count, for people: `ratio`, `EUR`, `per day`, `EUR per day`, `seconds`.
fn unit(target: &Target, currency: &str) -> String {
    match target.metric.word() {
        "cac" => currency.to_owned(),
        "volume" => "per day".to_owned(),
        "spend" => format!("{currency} per day"),
        "velocity" => "seconds".to_owned(),
        _ => "ratio".to_owned(),
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

fn target(samples: &mut Samples, workspace: &str, status: &TargetStatus) {
    let labels = [("workspace", workspace), ("target", &status.name), ("scope", &status.scope_label)];
    for verdict in VERDICTS {
        let holds = f64::from(u8::from(status.verdict.word() == verdict));
        samples.set(&metric::VERDICT, &with(labels, ("verdict", verdict)), holds);
    }
    let planned = status.plan;
    for (family, number) in [
        (&metric::PLANNED, planned.map(|planned| planned.value)),
        (&metric::LOWER, planned.and_then(|planned| planned.lower)),
        (&metric::UPPER, planned.and_then(|planned| planned.upper)),
        (&metric::OBSERVED, status.observed),
        (&metric::E_VALUE, status.e_value()),
        (&metric::THRESHOLD, status.log_e.map(|_| status.threshold)),
        (&metric::CLOSED, Some(seconds(status.at))),
    ] {
        if let Some(number) = number {
            samples.set(family, &labels, number);
        }
    }
    interval(samples, &metric::PROJECTED, labels, status.projected);
    let (needed, due) = match status.verdict {
        Verdict::NotEnoughEvidence { needed, by } => {
            let wait = by.map(|by| f64::from(by.since(status.day)) * 86_400.0);
            (needed, wait.map_or(0.0, |wait| seconds(status.at) + wait))
        }
        _ => (0, 0.0),
    };
    samples.set(&metric::NEEDED, &labels, needed as f64);
    samples.set(&metric::DUE, &labels, due);
}

/// How the transitions of a scope stand.
fn steps(samples: &mut Samples, workspace: &str, funnel: &FunnelView) {
    for step in &funnel.steps {
        let transition = format!("{}>{}", step.from, step.to);
        let labels = [("workspace", workspace), ("scope", &*funnel.scope), ("transition", &*transition)];
        samples.set(&metric::STEP_PLANNED, &labels, step.plan);
        samples.set(&metric::STEP_ENTERED, &labels, step.entered as f64);
        samples.set(&metric::STEP_CONVERTED, &labels, step.converted as f64);
        samples.set(&metric::STEP_EXPECTED, &labels, step.expected);
        let heading = step.rate.map(|Span { value, low, high }| Interval { value, low, high });
        interval(samples, &metric::STEP_HEADING, labels, heading);
    }
}

/// What is known of an open episode.
fn open(samples: &mut Samples, state: &WorkspaceState, labels: &[(&str, &str); 3], episode: &Episode) {
    let plan = state.plan();
    let (metric, assessment) = (episode.subject.metric.as_str(), &episode.assessment);
    let direction = match episode.direction {
        Direction::Below => "below",
        Direction::Above => "above",
    };
    let of_plan = format!("{}/", plan.name);
    let explained_by = episode.inhibited_by.as_ref().map_or("", |key| {
        let key = key.as_str();
        key.strip_prefix(&of_plan).unwrap_or(key)
    });
    let alert_id = plumbline_engine::alert::id_of(state.name(), episode);
    let what = [("target", episode.subject.target.as_str()), ("metric", metric), ("direction", direction)];
    let info = [
        ("severity", severity(episode.severity)),
        ("urgency", urgency(metric, episode.direction, episode.severity)),
        ("state", episode.state.word()),
        ("historical", if episode.historical { "yes" } else { "no" }),
        ("explained_by", explained_by),
        ("runbook_url", episode.runbook_url.as_deref().unwrap_or_default()),
        ("alert_id", &alert_id),
    ];
    samples.set(&metric::EPISODE_INFO, &[&labels[..], &what, &info].concat(), 1.0);
    let reached = [Severity::Warning, Severity::Critical].into_iter().filter(|s| *s <= episode.severity);
    for reached in reached.filter(|_| !episode.historical) {
        for owner in &episode.owners {
            let owned = [
                ("severity", severity(reached)),
                ("urgency", urgency(metric, episode.direction, reached)),
                ("owner", owner.function.as_str()),
                ("team", owner.team.as_str()),
            ];
            samples.set(&metric::EPISODE_OWNER, &[&labels[..], &what, &owned].concat(), 1.0);
        }
    }
    let mut functions: Vec<&str> = episode.owners.iter().map(|owner| owner.function.as_str()).collect();
    functions.sort_unstable();
    functions.dedup();
    for function in functions {
        let known = episode.acknowledgements.iter().any(|said| said.function == function);
        let known = f64::from(u8::from(known));
        samples.set(&metric::EPISODE_ACKNOWLEDGED, &with(*labels, ("owner", function)), known);
    }
    let onset = assessment.onset.map(|onset| seconds(plan.zone.start_of(onset.estimate)));
    let cost = |of: fn(&plumbline_drift::judge::Cost) -> Option<Interval>| {
        assessment.cost.as_ref().and_then(of).map(|interval| interval.value)
    };
    for (family, number) in [
        (&metric::EPISODE_ASKED_AGAIN, Some(f64::from(episode.asked_again))),
        (&metric::EPISODE_OPENED, Some(seconds(episode.opened_at))),
        (&metric::EPISODE_ONSET, onset),
        (&metric::EPISODE_EXCESS_SPEND, cost(|cost| cost.excess_spend)),
        (&metric::EPISODE_CUSTOMERS_SHORT, cost(|cost| cost.customers_short)),
        (&metric::EPISODE_REVENUE_AT_RISK, cost(|cost| cost.revenue_at_risk)),
    ] {
        if let Some(number) = number {
            samples.set(family, labels, number);
        }
    }
    interval(samples, &metric::EPISODE_DRIFT, *labels, Some(assessment.drift.relative));
}

/// All series of all kinds are told, so that a rate or a comparison sees one end.
fn data(samples: &mut Samples, state: &WorkspaceState) {
    for kind in Kind::ALL {
        for critical in [false, true] {
            for historical in [false, true] {
                let counts =
                    |e: &&DataEpisode| e.kind == kind && e.critical == critical && e.historical == historical;
                let labels = [
                    ("workspace", state.name().as_str()),
                    ("kind", kind.word()),
                    ("severity", if critical { "critical" } else { "warning" }),
                    ("notify", if historical { "no" } else { "yes" }),
                ];
                samples.set(
                    &metric::DATA_EPISODES,
                    &labels,
                    state.data_episodes().filter(counts).count() as f64,
                );
            }
        }
    }
}

fn interval(
    samples: &mut Samples,
    family: &metric::Family,
    labels: [(&str, &str); 3],
    interval: Option<Interval>,
) {
    let Some(Interval { value, low, high }) = interval else { return };
    for (bound, number) in [("value", value), ("low", low), ("high", high)] {
        samples.set(family, &with(labels, ("bound", bound)), number);
    }
}

fn with<'a>([a, b, c]: [(&'a str, &'a str); 3], d: (&'a str, &'a str)) -> [(&'a str, &'a str); 4] {
    [a, b, c, d]
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1_000.0
}
