//! The alert as it stands on the topic: JSON, one record per transition of an episode.
//!
//! Shapes: shares and relative effects are numbers (0.26 = 26%), money is decimal text in the plan's
//! currency, days are dates in the plan's zone, instants are RFC 3339 in UTC. What cannot be filled from
//! data is null or an empty list, never invented.

mod build;
mod causes;
mod data;
mod text;
mod when;

use plumbline_units::{Day, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) use build::alert_id;
pub use build::{build, id_of};
pub use data::{data, notice};
pub use text::render_text;
pub(crate) use when::notify_at;
pub use when::urgency;

/// One alert record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Alert {
    pub workspace: String,
    /// 128-bit hash of workspace, episode and opening tick, in hex; kept where another version of the state machine
    /// takes over and dates the opening otherwise. With `sequence` it dedupes.
    pub alert_id: String,
    /// plan/target-or-pattern/scope.
    pub episode: String,
    /// 1 for the opening record, then counting up within the episode.
    pub sequence: u32,
    /// opened, carried, escalated, deescalated, revised, acknowledged, resolved.
    pub transition: String,
    /// The episode's state after the transition.
    pub state: String,
    /// warning, critical.
    pub severity: String,
    /// business, data.
    pub kind: String,
    /// page, working_hours, review.
    pub urgency: String,
    /// The tick lies before the plan's `live_from`: shown, never paged.
    pub historical: bool,
    /// The tick's instant.
    pub detected_at: Timestamp,
    /// When somebody should hear of it.
    pub notify_at: Timestamp,
    pub title: String,
    pub summary: String,
    pub scope: BTreeMap<String, String>,
    pub pattern: Option<String>,
    pub target: Option<String>,
    pub metric: Option<String>,
    pub plan: Option<PlanSide>,
    pub drift: Option<Drift>,
    pub so_far: Option<SoFar>,
    pub projected: Option<Projected>,
    pub onset: Option<OnsetSide>,
    pub evidence: Option<EvidenceSide>,
    pub why: Vec<Why>,
    pub ruled_out: Vec<RuledOut>,
    /// What else changed about when the drift began.
    #[serde(default)]
    pub coincident: Vec<Coincident>,
    /// What became of the journeys handed over.
    #[serde(default)]
    pub handoff: Option<Handoff>,
    pub in_reports: Option<InReports>,
    pub cost: Option<Cost>,
    pub owners: Vec<OwnerSide>,
    /// Which of the owning functions know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledgements: Vec<AcknowledgementSide>,
    /// How often all of them knew until their words ran out, and it had not begun to recover.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asked_again: u32,
    pub action: Option<String>,
    pub runbook_url: Option<String>,
    pub related: Vec<Related>,
    /// Episodes that this one's opening resolved.
    pub supersedes: Vec<String>,
    /// The episode that explains this one; then nobody is paged.
    pub inhibited_by: Option<String>,
    pub revision: Option<Revision>,
    /// recovered, superseded, retracted, plan_revised, accepted, recomputed.
    pub resolution: Option<String>,
    pub links: BTreeMap<String, String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Alert {
    /// Whether it is told once, and nothing is to follow.
    pub fn is_notice(&self) -> bool {
        self.state == "notice"
    }

    /// The functions that own it and have not acknowledged it, by name.
    pub fn unspoken(&self) -> Vec<&str> {
        let mut functions: Vec<&str> = self.owners.iter().map(|owner| owner.function.as_str()).collect();
        functions.sort_unstable();
        functions.dedup();
        functions.retain(|function| self.acknowledgements.iter().all(|word| word.function != *function));
        functions
    }
}

/// What the plan says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PlanSide {
    pub value: f64,
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    /// share, money, per_day, money_per_day.
    pub unit: String,
    pub revision: u32,
    /// file:line.
    pub source: String,
}

/// The effect, relative to the plan, with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Drift {
    /// A transition (`mql>sql`) or the target's metric.
    pub of: String,
    pub relative: f64,
    pub low: f64,
    pub high: f64,
    pub level: f64,
    pub label: String,
}

/// What came, and what was expected by now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SoFar {
    pub entered: i64,
    pub entered_what: String,
    pub expected_by_now: f64,
    pub actual: f64,
}

/// Where the funnel is heading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Projected {
    pub conversion: Option<Interval>,
    pub cac: Option<MoneyInterval>,
    pub note: Option<String>,
}

/// A value with its 90% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Money with its 90% interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct MoneyInterval {
    pub value: String,
    pub low: String,
    pub high: String,
    pub currency: String,
}

/// Since when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct OnsetSide {
    pub estimate: Day,
    pub low: Day,
    pub high: Day,
    /// Days from the estimate to the tick, the estimate's day counted.
    pub days: i32,
}

/// How sure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct EvidenceSide {
    pub e_value: f64,
    pub threshold: f64,
    pub false_alarms_per_year: f64,
    pub says: String,
}

/// One part of the explanation. Parts of one `of` and kind add up to its gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Why {
    pub of: String,
    /// transition, rate, mix.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<String>,
    pub part: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_points: Option<f64>,
    pub share: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Of a rate: the sub-segment's before the onset; of a mix: its share of the entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// The same since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<f64>,
}

/// A step near the onset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Coincident {
    /// spend, cost per lead, lead volume, share of paid_social.
    pub what: String,
    /// Relative to before.
    pub relative: f64,
    /// Its first day.
    pub day: Day,
}

/// What became of the journeys older than the hand-off clock, since the onset and before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Handoff {
    /// The transition.
    pub of: String,
    /// The clock, such as `7d`.
    pub older_than: String,
    pub now: HandoffSide,
    pub before: HandoffSide,
    /// Why journeys were rejected since, the commonest first.
    pub reasons: Vec<HandoffReason>,
    /// quality, follow-up; null where neither share moved clearly.
    pub says: Option<String>,
    pub sentence: String,
}

/// Shares of those that entered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct HandoffSide {
    pub entered: i64,
    pub advanced: f64,
    pub rejected: f64,
    pub untouched: f64,
}

/// A reason for rejections, as shares of those that entered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct HandoffReason {
    pub reason: String,
    pub now: f64,
    pub before: f64,
}

/// What it is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RuledOut {
    pub what: String,
    pub detail: String,
}

/// Why period reports still look fine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InReports {
    /// first/last day.
    pub period: String,
    pub won: i64,
    pub won_plan: f64,
    pub won_from_before_onset: f64,
    pub says: String,
}

/// What it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Cost {
    pub currency: String,
    pub excess_spend: Option<MoneyRange>,
    pub customers_short: Option<Interval>,
    pub revenue_at_risk: Option<MoneyRange>,
    pub per_week: Option<PerWeek>,
    /// The formulas.
    pub defined: String,
}

/// Money with its 90% interval, in the currency named beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct MoneyRange {
    pub value: String,
    pub low: String,
    pub high: String,
}

/// The cost of each further week at the present pace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PerWeek {
    pub excess_spend: Option<String>,
    pub customers_short: f64,
}

/// Who owns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct OwnerSide {
    pub function: String,
    pub team: String,
}

/// A function's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AcknowledgementSide {
    pub function: String,
    pub at: Timestamp,
    /// Until when it holds, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// How the scope's other targets stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Related {
    pub target: String,
    pub verdict: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A published number that later facts changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Revision {
    pub field: String,
    pub from: String,
    pub to: String,
    pub cause: String,
}
