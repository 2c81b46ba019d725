//! From an episode's change to the alert on the topic.

use std::collections::BTreeMap;

use plumbline_drift::judge::{
    self, Acknowledgement, Assessment, Episode, EpisodeChange, Interval as Numbers, TargetStatus, Verdict,
    WatchReason, e_value,
};
use plumbline_plan::{Owner, Plan, Severity};
use plumbline_units::{Name, Timestamp};
use sha2::{Digest, Sha256};

use super::causes::{coincident, handoff, in_reports, why};
use super::when::{notify_at, urgency};
use super::{
    AcknowledgementSide, Alert, Cost, Drift, EvidenceSide, Interval, MoneyInterval, MoneyRange, OnsetSide,
    OwnerSide, PerWeek, PlanSide, Projected, Related, Revision, RuledOut, SoFar,
};

pub(super) fn acknowledgement(said: &Acknowledgement) -> AcknowledgementSide {
    AcknowledgementSide {
        function: said.function.clone(),
        at: said.at,
        until: said.until,
        note: said.note.clone(),
    }
}

pub(super) fn revision(revised: &judge::Revision) -> Revision {
    Revision {
        field: revised.field.clone(),
        from: revised.from.clone(),
        to: revised.to.clone(),
        cause: revised.cause.clone(),
    }
}

const NOTE: &str = "pulled towards the plan while the sample is small: read the interval";
const DEFINED: &str = "excess_spend = spend since onset − projected customers × plan CAC; customers_short = \
    leads since onset × (plan − projected conversion); revenue_at_risk = customers_short × mean deal";

/// The alert of one change. `statuses` are the targets' last verdicts; those of the same scope become `related`.
pub fn build<'a>(
    workspace: &Name,
    plan: &Plan,
    change: &EpisodeChange,
    statuses: impl Iterator<Item = &'a TargetStatus>,
) -> Alert {
    let episode = &change.episode;
    let assessment = &episode.assessment;
    let urgency = urgency(&episode.subject.metric, episode.direction, episode.severity);
    let currency = plan.currency.as_str();
    Alert {
        workspace: workspace.to_string(),
        alert_id: id_of(workspace, episode),
        episode: episode.key.to_string(),
        sequence: episode.sequence,
        transition: change.transition.word().into(),
        state: episode.state.word().into(),
        severity: severity_word(episode.severity).into(),
        kind: "business".into(),
        urgency: urgency.into(),
        historical: episode.historical,
        detected_at: change.at,
        notify_at: notify_at(plan.zone, urgency, change.at),
        title: episode.title.clone(),
        summary: episode.summary.clone(),
        scope: episode.subject.scope_values.iter().map(|(d, v)| (d.to_string(), v.to_string())).collect(),
        pattern: episode.subject.pattern.as_ref().map(ToString::to_string),
        target: Some(episode.subject.target.to_string()),
        metric: Some(episode.subject.metric.clone()),
        plan: Some(PlanSide {
            value: rounded(assessment.plan.value),
            lower: assessment.plan.lower.map(rounded),
            upper: assessment.plan.upper.map(rounded),
            unit: assessment.plan.unit.word().into(),
            revision: episode.plan_revision,
            source: format!("{}:{}", plan.source, episode.subject.line),
        }),
        drift: Some(Drift {
            of: assessment.drift.of.clone(),
            relative: rounded(assessment.drift.relative.value),
            low: rounded(assessment.drift.relative.low),
            high: rounded(assessment.drift.relative.high),
            level: assessment.drift.level,
            label: assessment.drift.label.clone(),
        }),
        so_far: assessment.so_far.as_ref().map(|so_far| SoFar {
            entered: i64::try_from(so_far.entered).unwrap_or(i64::MAX),
            entered_what: format!("{} since {}", so_far.entered_what, so_far.since),
            expected_by_now: rounded(so_far.expected_by_now),
            actual: rounded(so_far.actual),
        }),
        projected: projected(assessment, currency),
        onset: assessment.onset.map(|onset| OnsetSide {
            estimate: onset.estimate,
            low: onset.low,
            high: onset.high,
            days: assessment.day.since(onset.estimate) + 1,
        }),
        evidence: assessment.evidence.map(|evidence| EvidenceSide {
            e_value: rounded(e_value(evidence.log_e)),
            threshold: rounded(evidence.threshold),
            false_alarms_per_year: evidence.false_alarms_per_year,
            says: format!(
                "a funnel on plan raises {} in this scope",
                budget_words(evidence.false_alarms_per_year)
            ),
        }),
        why: assessment.why.iter().map(why).collect(),
        ruled_out: change
            .ruled_out
            .iter()
            .map(|r| RuledOut { what: r.what.clone(), detail: r.detail.clone() })
            .collect(),
        coincident: assessment.coincident.iter().map(coincident).collect(),
        handoff: assessment.handoff.as_ref().map(|split| handoff(plan, split)),
        in_reports: assessment.in_reports.map(in_reports),
        cost: assessment.cost.map(|cost| Cost {
            currency: currency.into(),
            excess_spend: cost.excess_spend.map(money_range),
            customers_short: cost.customers_short.map(interval),
            revenue_at_risk: cost.revenue_at_risk.map(money_range),
            per_week: cost.customers_short_per_week.map(|customers| PerWeek {
                excess_spend: cost.excess_spend_per_week.map(money),
                customers_short: rounded(customers),
            }),
            defined: DEFINED.into(),
        }),
        owners: episode.owners.iter().map(owner).collect(),
        acknowledgements: episode.acknowledgements.iter().map(acknowledgement).collect(),
        asked_again: episode.asked_again,
        action: episode.action.clone(),
        runbook_url: episode.runbook_url.clone(),
        related: statuses.filter(|s| related_to(s, episode)).map(related).collect(),
        supersedes: episode.supersedes.iter().map(ToString::to_string).collect(),
        inhibited_by: episode.inhibited_by.as_ref().map(ToString::to_string),
        revision: change.revision.as_ref().map(revision),
        resolution: change.resolution().map(|r| r.word().into()),
        links: BTreeMap::new(),
    }
}

/// The `alert_id` under which an episode is told.
pub fn id_of(workspace: &Name, episode: &Episode) -> String {
    let own = || alert_id(workspace, episode.key.as_str(), episode.opened_at);
    episode.alert_id.as_ref().map_or_else(own, ToString::to_string)
}

/// 128 bits of SHA-256 over workspace, episode and opening instant, in hex.
pub(crate) fn alert_id(workspace: &Name, episode: &str, opened_at: Timestamp) -> String {
    let mut hash = Sha256::new();
    hash.update(workspace.as_str());
    hash.update([0]);
    hash.update(episode);
    hash.update([0]);
    hash.update(opened_at.millis().to_be_bytes());
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn projected(assessment: &Assessment, currency: &str) -> Option<Projected> {
    let conversion = assessment.conversion.map(interval);
    let cac = assessment.cac.map(|cac| MoneyInterval {
        value: money(cac.value),
        low: money(cac.low),
        high: money(cac.high),
        currency: currency.into(),
    });
    (conversion.is_some() || cac.is_some()).then(|| Projected { conversion, cac, note: Some(NOTE.into()) })
}

fn related_to(status: &TargetStatus, episode: &Episode) -> bool {
    status.scope == episode.subject.scope && status.name != episode.subject.target.as_str()
}

fn related(status: &TargetStatus) -> Related {
    let heading =
        status.projected.or(status.observed.map(|value| Numbers { value, low: value, high: value }));
    let relative = |plan: f64| heading.filter(|_| plan != 0.0).map(|h| (h.value / plan - 1.0) * 100.0);
    let detail = match (&status.verdict, status.plan) {
        (Verdict::NotEnoughEvidence { .. }, _) => status.verdict.missing(),
        (Verdict::Watch(WatchReason::Compensated { table }), _) => {
            Some(format!("{table} moved, the whole is on plan"))
        }
        (Verdict::NoPlan, _) | (_, None) => None,
        (_, Some(plan)) => relative(plan.value).map(|percent| format!("{percent:+.0}%")),
    };
    Related { target: status.name.clone(), verdict: status.verdict.word().into(), detail }
}

fn owner(owner: &Owner) -> OwnerSide {
    OwnerSide { function: owner.function.to_string(), team: owner.team.to_string() }
}

pub(super) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn budget_words(per_year: f64) -> String {
    if (per_year - 1.0).abs() < 1e-9 {
        "fewer than one such alert a year".into()
    } else {
        format!("at most {per_year} such alerts a year")
    }
}

fn interval(numbers: Numbers) -> Interval {
    Interval { value: rounded(numbers.value), low: rounded(numbers.low), high: rounded(numbers.high) }
}

fn money_range(numbers: Numbers) -> MoneyRange {
    MoneyRange { value: money(numbers.value), low: money(numbers.low), high: money(numbers.high) }
}

/// An estimate of money as whole units with three significant digits.
fn money(units: f64) -> String {
    let size = units.abs();
    let step = [1e12, 1e11, 1e10, 1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3].iter().find(|s| size >= **s);
    let step = step.map_or(1.0, |s| s / 100.0);
    let whole = (units / step).round() * step;
    // No negative zero.
    format!("{:.0}", if whole == 0.0 { 0.0 } else { whole })
}

/// Four significant digits: what an estimate can carry, and what prints the same everywhere.
pub(crate) fn rounded(value: f64) -> f64 {
    if !value.is_finite() {
        return 0.0;
    }
    format!("{value:.3e}").parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_carry_three_or_four_digits() {
        for (units, text) in
            [(44_812.7, "44800"), (-0.2, "0"), (999.4, "999"), (1_234_567.0, "1230000"), (-2512.0, "-2510")]
        {
            assert_eq!(money(units), text);
        }
        assert_eq!(rounded(-0.264_449), -0.2644);
        assert_eq!(rounded(123_456.0), 123_500.0);
        assert_eq!(rounded(f64::NAN), 0.0);
    }
}
