//! One target in one scope: its tables, grid and threshold, and what can be asked of them.

use std::sync::Arc;

use plumbline_plan::{Direction, Plan, Season, TargetIndex};
use plumbline_units::{Day, Tolerance};

use super::build::{self, Shared};
use super::evidence::{Evidence, Interval};
use super::gate;
use super::grid::{Grid, Side};
use super::pair::Pair;
use super::series::ScopeSeries;
use super::table::PairTable;
use super::timing::Timing;
use super::{Projection, SpendReading};

/// Entries a day above which the null hypothesis is strict unless the plan says otherwise: a drift inside the
/// tolerance would otherwise be proven, and paged, some 20 times a year.
const STRICT_ABOVE: f64 = 500.0;

/// Days summed by a `spend` target.
const SPEND_DAYS: usize = 7;

/// Without a critical bound, the one at this power of the warn factor is meant.
const CRITICAL_POWER: f64 = 3.4;

/// The models of every target and scope of a plan; scopes with equal rates and lags share their tables.
#[derive(Clone, Debug)]
pub struct Models {
    targets: Vec<Vec<Option<Model>>>,
}

impl Models {
    /// Builds all tables. A scope whose value is of another kind than its metric has no model.
    pub fn new(plan: &Plan) -> Models {
        let mut shared = Shared::default();
        let targets = plan.targets.iter();
        let targets = targets
            .map(|t| (0..t.scopes.len()).map(|scoped| build::model(plan, t, scoped, &mut shared)).collect())
            .collect();
        Models { targets }
    }

    /// The model of the `scoped`-th of a target's scopes, if that target is judged.
    pub fn get(&self, target: TargetIndex, scoped: usize) -> Option<&Model> {
        self.targets.get(usize::from(target.0))?.get(scoped)?.as_ref()
    }
}

/// One target in one scope.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) kind: Kind,
    pub(crate) grid: Grid,
    pub(crate) value: f64,
    pub(crate) warn: Tolerance,
    pub(crate) critical: Option<Tolerance>,
    pub(crate) log_threshold: f64,
    pub(crate) effective_from: Day,
    /// Of the target itself (volume, spend).
    pub(crate) season: Season,
    /// Month and day on which the fiscal year starts.
    pub(crate) fiscal_year_start: (u32, u32),
    /// Planned leads per money by weekday, mean 1 (of `cac`).
    pub(crate) money_season: [f64; 7],
}

/// What is measured, with its tables.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Also of hand-offs, whose one pair counts what comes in time.
    Conversion(Arc<Rates>),
    Cac(Cac),
    Volume {
        stage: u8,
        per_day: f64,
    },
    Spend {
        per_day: f64,
    },
    Velocity(Velocity),
}

/// The cycle time between two stages.
#[derive(Clone, Debug)]
pub(crate) struct Velocity {
    /// The planned lag, its median the planned one.
    pub(crate) timing: Arc<Timing>,
    /// The planned share that converts: how many entries bring a conversion.
    pub(crate) rate: f64,
    /// Days the scan reaches back.
    pub(crate) window: usize,
    /// How far the null is moved towards the warn bound; `None` = by volume.
    pub(crate) strictness: Option<f64>,
}

/// Customer acquisition cost: the conversion tables and two of counts against money.
#[derive(Clone, Debug)]
pub(crate) struct Cac {
    pub(crate) rates: Arc<Rates>,
    /// Planned cost per lead: CAC × end-to-end conversion, so that the parts multiply to the whole.
    pub(crate) cost_per_lead: f64,
}

impl Cac {
    /// Variance of the logarithm of the planned cost per lead: CAC is a promise, what the planned conversion leaves of
    /// it errs as that does.
    pub(crate) fn doubt(&self) -> f64 {
        let error = self.rates.end_to_end().error;
        error * error
    }
}

/// The tables of a path of transitions.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    /// How many adjacent pairs; they come first in the tables.
    pub(crate) transitions: usize,
    /// Adjacent pairs, then cumulative ones; the last is end to end.
    pub(crate) plain: Arc<[PairTable]>,
    /// The same against the strict null, where volume decides.
    pub(crate) strict: Option<Arc<[PairTable]>>,
    /// Per transition, the p90 in days of the lag from the path's first stage to the transition's.
    pub(crate) upstream: Vec<usize>,
    /// Days the scan reaches back: max(180, 2 × p90 of the lag).
    pub(crate) window: usize,
    /// The same tables a little slower and quicker, and the ages that tell the two apart; not of hand-offs.
    pub(crate) twins: Option<Twins>,
}

/// What tells a slower cycle from fewer conversions.
#[derive(Clone, Debug)]
pub(crate) struct Twins {
    /// Every lag longer by the tolerance.
    pub(crate) slow: Arc<Rates>,
    /// Every lag shorter by it.
    pub(crate) quick: Arc<Rates>,
    /// Of the adjacent pairs, in funnel order.
    pub(crate) timings: Vec<Timing>,
    /// The tolerance, 0.15 for 15%.
    pub(crate) tolerance: f64,
}

impl Rates {
    /// The adjacent pairs in funnel order.
    pub(crate) fn adjacent(&self) -> impl ExactSizeIterator<Item = &Pair> {
        self.plain[..self.transitions].iter().map(|table| &*table.pair)
    }

    /// The pair from the first stage of the path to its last.
    pub(crate) fn end_to_end(&self) -> &Pair {
        let last = self.plain.last().expect("a path has at least one transition");
        &last.pair
    }

    /// The pair between two stages, if there is a table of it.
    pub(crate) fn pair(&self, from: u8, to: u8) -> Option<&Pair> {
        self.plain.iter().map(|table| &*table.pair).find(|pair| pair.from == from && pair.to == to)
    }

    /// The tables by the volume at the path's first stage since position `first`.
    pub(crate) fn tables(&self, series: &ScopeSeries, first: usize) -> &[PairTable] {
        match &self.strict {
            Some(strict) if busy(series, self.end_to_end().from, first) => strict,
            _ => &self.plain,
        }
    }

    /// The days by which a drift among the path's first entries may precede the one seen in `from`'s entries.
    pub(crate) fn lead_time(&self, from: u8) -> usize {
        let position = from.checked_sub(self.end_to_end().from).map(usize::from);
        position.and_then(|p| self.upstream.get(p)).copied().unwrap_or(0)
    }
}

impl Model {
    /// The tables of conversions, of `conversion` and `cac`.
    pub(crate) fn rates(&self) -> Option<&Rates> {
        match &self.kind {
            Kind::Conversion(rates) => Some(rates),
            Kind::Cac(cac) => Some(&cac.rates),
            Kind::Volume { .. } | Kind::Spend { .. } | Kind::Velocity(_) => None,
        }
    }

    /// The first position used: not before the plan, the restart, or the window.
    pub(crate) fn first(&self, series: &ScopeSeries, restart: Option<Day>) -> usize {
        let window = match &self.kind {
            Kind::Velocity(velocity) => velocity.window,
            _ => self.rates().map_or(*build::WINDOW.start(), |rates| rates.window),
        };
        let from = restart.map_or(self.effective_from, |day| day.max(self.effective_from));
        series.from_day(from).max(series.len().saturating_sub(window))
    }

    /// Which way the metric goes when its tables go `side`.
    pub(crate) fn direction(&self, side: Side) -> Direction {
        match (side, matches!(self.kind, Kind::Cac(_))) {
            (Side::Down, false) | (Side::Up, true) => Direction::Below,
            (Side::Up, false) | (Side::Down, true) => Direction::Above,
        }
    }

    /// The trailing seven days of a `spend` target; `None` for other metrics and while there are fewer days.
    pub fn spend(&self, series: &ScopeSeries) -> Option<SpendReading> {
        let Kind::Spend { per_day } = self.kind else { return None };
        let first = series.len().checked_sub(SPEND_DAYS)?;
        if series.day(first) < self.effective_from {
            return None;
        }
        let spend: i64 = series.spend.get(first..).unwrap_or(&[]).iter().sum();
        let plan: f64 = (first..series.len()).map(|i| per_day * self.seasonal(series.day(i))).sum();
        Some(SpendReading { since: series.day(first), spend: spend as f64 / 1e6, plan })
    }

    /// Where the metric is heading over its plan, by the `projection` since the onset of the evidence: parts of the
    /// funnel count as far as the evidence says that they moved. Gates and withdraws pages.
    pub fn heading(&self, projection: &Projection, evidence: &Evidence) -> Interval {
        gate::heading(projection, evidence)
    }

    /// The season's factor of a day, of volume and spend.
    pub(crate) fn seasonal(&self, day: Day) -> f64 {
        self.season.factor(day, self.fiscal_year_start)
    }

    /// Which side of the warn bound a value of the metric lies beyond, if any.
    pub fn outside_warn(&self, value: f64) -> Option<Direction> {
        outside(value / self.value, self.warn)
    }

    /// Which side of the critical bound a value of the metric lies beyond, if any.
    pub fn outside_critical(&self, value: f64) -> Option<Direction> {
        outside(value / self.value, self.critical?)
    }

    /// Whether the projection's interval excludes the critical bounds (without one: the warn bounds to the power
    /// 3.4): only then is a quiet target "on plan".
    pub fn excludes_critical(&self, projection: &Projection) -> bool {
        let relative = projection.relative();
        let beyond = |factor: f64| libm::pow(factor, CRITICAL_POWER);
        let (below, above) = match self.critical {
            Some(critical) => (critical.below().map(|w| 1.0 - w), critical.above().map(|w| 1.0 + w)),
            None => (self.warn.below().map(|w| beyond(1.0 - w)), self.warn.above().map(|w| beyond(1.0 + w))),
        };
        below.is_none_or(|bound| relative.low > bound) && above.is_none_or(|bound| relative.high < bound)
    }

    /// The planned value: a share, units of currency per customer, journeys or units of currency per day, seconds.
    pub fn plan_value(&self) -> f64 {
        self.value
    }

    /// Planned journeys by weekday, of `volume`.
    pub(crate) fn planned_volume(&self) -> Option<[f64; 7]> {
        let Kind::Volume { per_day, .. } = self.kind else { return None };
        Some(self.season.weekday.map(|factor| per_day * factor))
    }

    /// Planned money per first-stage entry by weekday, of `cac`.
    pub(crate) fn planned_cost_per_lead(&self) -> Option<[f64; 7]> {
        let Kind::Cac(cac) = &self.kind else { return None };
        Some(self.money_season.map(|leads| if leads > 0.0 { cac.cost_per_lead / leads } else { 0.0 }))
    }

    /// Whether another model judges by the same tables, bounds and threshold: at equal volume both see the same.
    pub fn sees_like(&self, other: &Model) -> bool {
        let tables = match (&self.kind, &other.kind) {
            (Kind::Conversion(own), Kind::Conversion(its)) => Arc::ptr_eq(own, its),
            (Kind::Cac(own), Kind::Cac(its)) => {
                Arc::ptr_eq(&own.rates, &its.rates) && self.money_season == other.money_season
            }
            (Kind::Volume { .. }, Kind::Volume { .. }) | (Kind::Spend { .. }, Kind::Spend { .. }) => {
                self.value == other.value && self.season == other.season
            }
            _ => false,
        };
        let bounds = (self.warn, self.critical) == (other.warn, other.critical);
        tables && bounds && self.log_threshold == other.log_threshold
    }

    /// ln c, the threshold of the e-detector: c = 365 / budget.
    pub fn log_threshold(&self) -> f64 {
        self.log_threshold
    }
}

/// Whether so many enter a stage, from position `first` on, that the null is strict by default.
pub(crate) fn busy(series: &ScopeSeries, stage: u8, first: usize) -> bool {
    let days = series.entered(stage).get(first..).unwrap_or(&[]).iter().skip_while(|n| **n == 0);
    let (count, total) = days.fold((0u64, 0u64), |(c, t), n| (c + 1, t + u64::from(*n)));
    total as f64 > STRICT_ABOVE * count as f64
}

/// Which edge of a tolerance a relative value lies beyond.
fn outside(relative: f64, tolerance: Tolerance) -> Option<Direction> {
    if tolerance.below().is_some_and(|w| relative < 1.0 - w) {
        Some(Direction::Below)
    } else if tolerance.above().is_some_and(|w| relative > 1.0 + w) {
        Some(Direction::Above)
    } else {
        None
    }
}
