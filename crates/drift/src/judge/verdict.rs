//! What a tick finds for one target in one scope: the verdict with its reason and every number behind it.

use plumbline_plan::{Direction, Scope, Severity, StageIndex, TargetIndex};
use plumbline_units::{Day, Timestamp};
use serde::{Deserialize, Serialize};

use super::coincident::Coincidence;
use super::episode::RuledOut;
use super::handoff::Handoff;
use crate::stat::{Interval, Label, Onset};

/// How a target stands in a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval of the projection excludes the critical bound and there is no evidence against the plan.
    OnPlan,
    /// Something is to be seen, but nobody needs to act.
    Watch(WatchReason),
    /// The plan is refuted and the target is heading outside its tolerance.
    Drifting(Severity),
    /// A critical drift could not have been seen yet.
    NotEnoughEvidence {
        /// Entries into the target's first stage (days, of a measured target) still missing until a critical drift
        /// would be seen.
        needed: u64,
        /// The day at which the volume of the last four weeks will have brought them; `None` while there is none, or
        /// beyond ten years.
        by: Option<Day>,
    },
    /// The plan has no value for this scope.
    NoPlan,
    /// The data cannot be trusted; what is wrong with it.
    DataUnhealthy(String),
}

impl Verdict {
    /// The stable word of metrics and alerts.
    pub const fn word(&self) -> &'static str {
        match self {
            Verdict::OnPlan => "on_plan",
            Verdict::Watch(_) => "watch",
            Verdict::Drifting(_) => "drifting",
            Verdict::NotEnoughEvidence { .. } => "not_enough_evidence",
            Verdict::NoPlan => "no_plan",
            Verdict::DataUnhealthy(_) => "data_unhealthy",
        }
    }

    /// What is still missing for a verdict, in words.
    pub fn missing(&self) -> Option<String> {
        let Verdict::NotEnoughEvidence { needed, by } = self else { return None };
        let entries = if *needed == 1 { "entry" } else { "entries" };
        Some(match by {
            Some(day) => format!("{needed} more {entries} needed: at the present volume by {day}"),
            None => format!("{needed} more {entries} needed"),
        })
    }
}

/// Why a target is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchReason {
    /// The evidence has passed a tenth of the threshold.
    Evidence,
    /// A part of the funnel has left the plan, but the target as a whole stays inside its tolerance.
    Compensated {
        /// The part, such as `lead>mql`.
        table: String,
    },
    /// No evidence against the plan, but the projection's interval still reaches the critical bound.
    Uncertain,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share of one.
    Share,
    /// Units of the plan's currency.
    Money,
    /// Journeys per day.
    PerDay,
    /// Units of the plan's currency per day.
    MoneyPerDay,
    /// Seconds.
    Duration,
}

impl Unit {
    /// The stable word of alerts.
    pub const fn word(self) -> &'static str {
        match self {
            Unit::Share => "share",
            Unit::Money => "money",
            Unit::PerDay => "per_day",
            Unit::MoneyPerDay => "money_per_day",
            Unit::Duration => "duration",
        }
    }
}

/// What the plan says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The planned value; money in whole units of the plan's currency.
    pub value: f64,
    /// The lower edge of the warn tolerance, if it has one.
    pub lower: Option<f64>,
    /// The upper edge of the warn tolerance, if it has one.
    pub upper: Option<f64>,
    /// What the three count.
    pub unit: Unit,
}

/// How a target stood in a scope at its last closed tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// The target's position in the plan.
    pub target: TargetIndex,
    /// The target's name.
    pub name: String,
    /// `conversion`, `cac`, `volume`, `spend`, `velocity`, `handoff`.
    pub metric: String,
    /// Where.
    pub scope: Scope,
    /// The scope as text, `segment=smb`; empty for everything.
    pub scope_label: String,
    /// The day the tick closed.
    pub day: Day,
    /// The tick's instant.
    pub at: Timestamp,
    /// How it stands.
    pub verdict: Verdict,
    /// Which way it drifts; set exactly while the verdict is [`Verdict::Drifting`].
    pub direction: Option<Direction>,
    /// Whether the cause lies in how many convert or in how long they take; of conversions and CAC, while they drift.
    pub label: Option<Label>,
    /// What the plan says; `None` where the verdict is [`Verdict::NoPlan`].
    pub plan: Option<Planned>,
    /// Where it is heading, in the plan's unit.
    pub projected: Option<Interval>,
    /// Measured over the last [`MEASURED_DAYS`] days where that needs no waiting (volume, spend), per day.
    pub observed: Option<f64>,
    /// Natural logarithm of the e-value against the plan; `None` for measured targets.
    pub log_e: Option<f64>,
    /// The e-value that opens an episode (365 / budget).
    pub threshold: f64,
}

impl TargetStatus {
    /// The e-value, held below 10¹² so that it prints.
    pub fn e_value(&self) -> Option<f64> {
        self.log_e.map(e_value)
    }
}

/// Days of the trailing window of measured targets.
pub const MEASURED_DAYS: i32 = 7;

/// e to `log_e`, held below 10¹².
pub fn e_value(log_e: f64) -> f64 {
    libm::exp(log_e.min(27.6)).min(1e12)
}

/// Every number of an alert. All money is in whole units of the plan's currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The day of the tick.
    pub day: Day,
    /// The tick's instant.
    pub at: Timestamp,
    /// How the target stands.
    pub verdict: Verdict,
    /// What the plan says of the target.
    pub plan: Planned,
    /// The largest effect: of the leading transition, or of the target itself.
    pub drift: Effect,
    /// What came since the onset, and what was expected by now.
    pub so_far: Option<SoFar>,
    /// Where the target is heading, in the plan's unit.
    pub projected: Option<Interval>,
    /// Where the end-to-end conversion (or the target's pair) is heading.
    pub conversion: Option<Interval>,
    /// Where the cost per won customer is heading.
    pub cac: Option<Interval>,
    /// What the plan says of the cost per won customer.
    pub cac_plan: Option<f64>,
    /// Since when; `None` for targets that are measured.
    pub onset: Option<Onset>,
    /// How sure; `None` for targets that are measured.
    pub evidence: Option<EvidenceNumbers>,
    /// Exact parts of the gap: transitions first, then mix and rate per dimension.
    pub why: Vec<Part>,
    /// What the numbers themselves rule out as a cause.
    pub ruled_out: Vec<RuledOut>,
    /// What else changed about when the drift began, the clearest first.
    pub coincident: Vec<Coincidence>,
    /// What became of the journeys handed over, now and before; `None` where it cannot be told.
    pub handoff: Option<Handoff>,
    /// Why period reports still look fine.
    pub in_reports: Option<InReports>,
    /// What it costs.
    pub cost: Option<Cost>,
}

/// An effect relative to the plan (−0.26 = 26% below), with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// `mql>sql` for a transition, `cost per lead`, else the target's metric.
    pub of: String,
    /// The transition meant, if it is one.
    pub transition: Option<(StageIndex, StageIndex)>,
    /// Relative to the plan.
    pub relative: Interval,
    /// Coverage of the interval, 0.9.
    pub level: f64,
    /// The word of the [`Label`], where there is one; else the metric's.
    pub label: String,
}

/// What came since a day, and what was expected by now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoFar {
    /// How many entered (days for measured targets).
    pub entered: u64,
    /// What entered: a stage's name, `won`, `leads`, …
    pub entered_what: String,
    /// The first day counted.
    pub since: Day,
    /// What the plan expects to have come of them by now.
    pub expected_by_now: f64,
    /// What came.
    pub actual: f64,
}

/// How sure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceNumbers {
    /// Natural logarithm of the e-value.
    pub log_e: f64,
    /// The e-value that opens an episode.
    pub threshold: f64,
    /// The budget the threshold follows from.
    pub false_alarms_per_year: f64,
    /// Posterior weight of effects at or beyond the critical bound, 0 to 1.
    pub critical_weight: f64,
}

/// One part of the explanation. The parts of one `of` and kind add up to its whole gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What is explained: `cac`, `conversion`, `mql>sql`.
    pub of: String,
    /// How.
    pub kind: PartKind,
    /// `cost per lead`, `mql>sql`, or a dimension's value.
    pub part: String,
    /// Share of the whole gap; shares of one explanation add up to 1 (parts that work against it are negative).
    pub share: f64,
}

impl Part {
    /// The dimension that splits, of mix and rate.
    pub fn dimension(&self) -> Option<&str> {
        match &self.kind {
            PartKind::Transition { .. } => None,
            PartKind::Rate { dimension, .. } | PartKind::Mix { dimension, .. } => Some(dimension),
        }
    }
}

/// What kind of part it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PartKind {
    /// A factor of a product; logarithms add up.
    Transition {
        /// Projected over plan, with its interval.
        factor: f64,
        /// Lower end, where it is an estimate.
        low: Option<f64>,
        /// Upper end, where it is an estimate.
        high: Option<f64>,
    },
    /// A sub-segment converts differently than before.
    Rate {
        /// The dimension that splits.
        dimension: String,
        /// Its effect in percentage points, with its 90% interval.
        effect_points: Interval,
        /// The sub-segment's rate before the onset.
        before: f64,
        /// Its rate since.
        since: f64,
    },
    /// A sub-segment's share of the entries has changed.
    Mix {
        /// The dimension that splits.
        dimension: String,
        /// Its effect in percentage points, with its 90% interval.
        effect_points: Interval,
        /// The sub-segment's share before the onset.
        before: f64,
        /// Its share since.
        since: f64,
    },
}

/// The wins that a period report shows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InReports {
    /// First day of the period.
    pub first: Day,
    /// Last day of the period.
    pub last: Day,
    /// Wins on those days.
    pub won: u64,
    /// Wins the plan expects on as many days.
    pub won_plan: f64,
    /// Share of the wins whose journey began before the onset.
    pub won_from_before_onset: f64,
}

/// What the drift costs since its onset.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Spend since the onset − projected customers × planned CAC.
    pub excess_spend: Option<Interval>,
    /// Entries since the onset × (plan − projected conversion).
    pub customers_short: Option<Interval>,
    /// Customers short × mean deal.
    pub revenue_at_risk: Option<Interval>,
    /// Excess spend of each further week at the pace since the onset.
    pub excess_spend_per_week: Option<f64>,
    /// Customers short of each further week at the pace since the onset.
    pub customers_short_per_week: Option<f64>,
}
