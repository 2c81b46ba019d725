//! The plan as the rest of the program sees it: names resolved to indexes, values checked, scopes enumerated.

use plumbline_units::{Currency, Day, Micros, Name, Seconds, Share, Timestamp, Tolerance, Zone};
use serde::{Deserialize, Serialize};

use crate::season::Season;

/// One revision of one workspace's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The plan's name; with the target and scope it makes an episode's key.
    pub name: Name,
    /// The name of the file it came from, for `source` in alerts.
    pub source: Box<str>,
    /// Grows with every change.
    pub revision: u32,
    /// SHA-256 of the text: with the revision it makes applying a plan idempotent.
    pub content_hash: [u8; 32],
    /// Cohorts and days before it are not judged by this revision.
    pub effective_from: Day,
    /// Ticks before it are historical; where absent, the time the plan is applied.
    pub live_from: Option<Timestamp>,
    /// Cuts instants into days.
    pub zone: Zone,
    /// All money is converted to it.
    pub currency: Currency,
    /// Month and day on which the fiscal year starts.
    pub fiscal_year_start: (u32, u32),
    /// Budget of false alarms per target and scope and year (365 / it = threshold of the e-detector).
    pub false_alarms_per_year: f64,
    /// The budget of the whole plan, where it is that which is given: then the one above is each one's share.
    pub false_alarms_per_year_total: Option<f64>,
    /// How much longer every lag may get before a drift of conversion is called one, whatever its cause (0.15).
    pub lag_tolerance: f64,
    /// How often its owners look at it together: a word that somebody knows, given without an end, holds that long.
    pub review_every: Seconds,
    /// The funnels. The short form `[funnel]` makes exactly one.
    pub motions: Vec<Motion>,
    /// What segments are made of; shared by all motions.
    pub dimensions: Vec<Dimension>,
    /// Dated exchange rates to `currency`, sorted by currency and day.
    pub rates: Vec<ExchangeRate>,
    /// What is judged.
    pub targets: Vec<Target>,
    /// Combinations of targets that tell a story.
    pub patterns: Vec<Pattern>,
}

/// Position of a stage in a motion's funnel; 0 is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StageIndex(pub u8);

/// Position of a dimension in [`Plan::dimensions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DimensionIndex(pub u8);

/// Position of a target in [`Plan::targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetIndex(pub u16);

/// A funnel with its own stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    /// `default` for the short form.
    pub name: Name,
    /// At least two, at most 12, first to last.
    pub stages: Vec<Name>,
    /// The stage `opportunity.created` reaches, if the funnel has one.
    pub opportunity: Option<StageIndex>,
    /// Adjacent transitions, one per neighbouring pair of stages, in funnel order.
    pub transitions: Vec<Transition>,
}

/// From one stage to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The stage left.
    pub from: StageIndex,
    /// The stage reached; `from + 1`.
    pub to: StageIndex,
    /// Rate and lag where no override matches.
    pub base: RateAndLag,
    /// Overrides by scope; the first whose selector the scope implies wins.
    pub scopes: Vec<(Scope, RateAndLag)>,
    /// Who owns it: at least two functions.
    pub owners: Vec<Owner>,
    /// What the plan prescribes when it drifts.
    pub action: Option<Box<str>>,
    /// Where to read on.
    pub runbook_url: Option<Box<str>>,
    /// Line of the transition in the plan's text.
    pub line: u32,
}

/// The planned share that converts and how long it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct RateAndLag {
    /// Share of the journeys that enter `from` and ever reach `to`.
    pub conversion: Share,
    /// Standard error of `conversion` where it was estimated from history; 0 where it is a promise.
    pub error: f64,
    /// Distribution of the time from `from` to `to` of those that do.
    pub lag: Lag,
    /// Over-dispersion ρ (intra-day correlation); 0 unless history shows it.
    pub dispersion: f64,
    /// Factors on the conversion by the day of entry into `from`, mean 1 over entries; flat where absent.
    pub season: Season,
}

/// A lag distribution.
#[derive(Clone, Debug, PartialEq)]
pub enum Lag {
    /// Log-normal: median and 90th percentile of the time since entry.
    LogNormal {
        /// Half have converted by then.
        median: Seconds,
        /// Nine of ten have; longer than the median.
        p90: Seconds,
    },
    /// Cumulative shares by whole calendar days since the entry day: element `a` is the share converted by the
    /// end of the `a`-th day after the entry day (element 0: the same day). Non-decreasing; the last is 1.
    Days(Vec<Share>),
    /// One distribution per weekday of entry, Monday first; never nested.
    Weekday(Box<[Lag; 7]>),
}

/// A team of a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// `marketing`, `sales`, `finance`, …
    pub function: Name,
    /// The team in it.
    pub team: Name,
}

/// A property of leads and spend that splits the funnel, read from the events' attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// The attribute's name.
    pub name: Name,
    /// Declared values; empty = any value, and the dimension only serves the why.
    pub values: Vec<Name>,
    /// Other spellings and the declared value each stands for; sorted.
    pub aliases: Vec<(Name, Name)>,
    /// Positions in `values` in the order of the names, for the search. Made by [`Dimension::new`].
    pub(crate) by_name: Vec<u16>,
}

/// A selector: these dimensions have these values. Sorted by dimension, each at most once; empty = everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope(pub Vec<(DimensionIndex, Name)>);

impl Scope {
    /// Whether everything in `self` lies in `selector`.
    pub fn implies(&self, selector: &Scope) -> bool {
        selector.0.iter().all(|pair| self.0.contains(pair))
    }
}

/// A dated exchange rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRate {
    /// The foreign currency.
    pub currency: Currency,
    /// First day it holds; until the next of the same currency.
    pub from: Day,
    /// Units of the plan's currency for one of `currency`.
    pub rate: Micros,
}

/// Something the plan promises, per scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Unique in the plan, also among patterns.
    pub name: Name,
    /// What is measured.
    pub metric: Metric,
    /// The scopes judged with the planned value of each; enumerated from `each` over declared values.
    pub scopes: Vec<ScopedValue>,
    /// The dimensions of `each`, in plan order.
    pub each: Vec<DimensionIndex>,
    /// Beyond it the target is drifting.
    pub warn: Tolerance,
    /// Beyond it the drift is critical; at least as wide as `warn` on each of its edges.
    pub critical: Option<Tolerance>,
    /// Multipliers by day (for volume, spend); flat where absent.
    pub season: Season,
    /// Inhibited while such a drift explains at least 80% of this one.
    pub depends_on: Vec<Dependency>,
    /// The target's own owners, else those of its transitions; at least two functions.
    pub owners: Vec<Owner>,
    /// The target's own action, else none (the drifting transition's is used).
    pub action: Option<Box<str>>,
    /// Where to read on.
    pub runbook_url: Option<Box<str>>,
    /// Overrides the plan's budget.
    pub false_alarms_per_year: Option<f64>,
    /// Overrides the plan's tolerance of lags.
    pub lag_tolerance: Option<f64>,
    /// Which null hypothesis: `None` = by volume (strict above 500 entries a day).
    pub strict: Option<Strictness>,
    /// Line of the target in the plan's text.
    pub line: u32,
}

/// What a target measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of journeys that entered `from` and reach `to`.
    Conversion {
        /// The stage entered.
        from: StageIndex,
        /// The stage reached.
        to: StageIndex,
    },
    /// Spend per won customer.
    Cac,
    /// Journeys that reach the stage per day.
    Volume {
        /// The stage counted.
        stage: StageIndex,
    },
    /// Spend per day.
    Spend,
    /// Median time from `from` to `to` of those that get there.
    Velocity {
        /// The stage entered.
        from: StageIndex,
        /// The stage reached.
        to: StageIndex,
    },
    /// Share of journeys that entered `from` and reach `to` in time.
    Handoff {
        /// The stage entered.
        from: StageIndex,
        /// The stage reached.
        to: StageIndex,
        /// In time means within this.
        within: Seconds,
    },
}

impl Metric {
    /// The word used in plans and alerts.
    pub const fn word(self) -> &'static str {
        match self {
            Metric::Conversion { .. } => "conversion",
            Metric::Cac => "cac",
            Metric::Volume { .. } => "volume",
            Metric::Spend => "spend",
            Metric::Velocity { .. } => "velocity",
            Metric::Handoff { .. } => "handoff",
        }
    }
}

/// A scope with its planned value.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopedValue {
    /// Where.
    pub scope: Scope,
    /// How much.
    pub value: Value,
}

/// A planned value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Of `conversion` and `handoff`.
    Share(Share),
    /// Of `cac`, in the plan's currency.
    Money(Micros),
    /// Of `volume`: journeys per day, in millionths.
    PerDay(Micros),
    /// Of `spend`: money per day in the plan's currency.
    MoneyPerDay(Micros),
    /// Of `velocity`.
    Duration(Seconds),
}

/// Which null hypothesis the evidence is gathered against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// The plan's value itself.
    Plan,
    /// Half-way to the warn bound.
    Half,
    /// The warn bound: no page inside the tolerance is guaranteed.
    Strict,
}

/// Which way a target drifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Under the plan.
    Below,
    /// Over the plan.
    Above,
}

/// `"lead-to-won below"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The target depended on.
    pub target: TargetIndex,
    /// Its drift that explains.
    pub direction: Direction,
}

/// A named combination of targets' states in one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Unique in the plan, also among targets.
    pub name: Name,
    /// All must hold; the members share their `each`.
    pub all: Vec<Condition>,
    /// Of the episode it opens.
    pub severity: Severity,
    /// At least two functions.
    pub owners: Vec<Owner>,
    /// What the plan prescribes.
    pub action: Option<Box<str>>,
    /// Where to read on.
    pub runbook_url: Option<Box<str>>,
    /// Line of the pattern in the plan's text.
    pub line: u32,
}

/// One condition of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The target.
    pub target: TargetIndex,
    /// `below`, `above`: drifts that way, inhibited or not. With `negated` (`not-below`): no evidence that it does.
    pub direction: Direction,
    /// `not-`.
    pub negated: bool,
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Beyond the warn bound.
    Warning,
    /// Beyond the critical bound.
    Critical,
}
