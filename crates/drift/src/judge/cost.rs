//! What a drift costs since its onset.

use std::sync::OnceLock;

use plumbline_plan::{Metric, StageIndex};

use super::assess::{Case, Frame};
use super::facts::{Leaf, Quantity};
use super::measure::entries;
use super::verdict::{Cost, MEASURED_DAYS};
use crate::stat::{Interval, Projection};

/// Wins below which a scope's mean deal is that of the whole workspace.
const MIN_DEALS: i64 = 5;

/// The mean deal of a whole workspace by the counts of a tick, reckoned once: it takes every leaf.
pub(crate) type MeanDeal = OnceLock<Option<f64>>;

/// What the cost is reckoned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ledger {
    /// Days from the onset to the tick, both counted.
    pub(crate) days: u32,
    /// First-stage entries on those days.
    pub(crate) entries: f64,
    /// Spend on those days.
    pub(crate) spend: f64,
    /// The planned conversion of those entries to customers.
    pub(crate) planned_conversion: f64,
    /// The projected one.
    pub(crate) conversion: Interval,
    /// The planned cost per customer, where the plan has one.
    pub(crate) planned_cac: Option<f64>,
    /// The mean deal, where there was one.
    pub(crate) mean_deal: Option<f64>,
}

impl Ledger {
    /// Excess spend = spend − projected customers × planned CAC; customers short = entries × (plan − projected);
    /// revenue at risk = customers short × mean deal. The ends come from the ends of the projection.
    pub(crate) fn cost(&self) -> Cost {
        let ends = |f: &dyn Fn(f64) -> f64| {
            // Each falls as the conversion rises: the interval's ends change places.
            Interval {
                value: f(self.conversion.value),
                low: f(self.conversion.high),
                high: f(self.conversion.low),
            }
        };
        let short = ends(&|p| self.entries * (self.planned_conversion - p));
        let excess = self
            .planned_cac
            .filter(|_| self.spend != 0.0)
            .map(|cac| ends(&|p| self.spend - self.entries * p * cac));
        let per_week = |value: f64| value / f64::from(self.days.max(1)) * 7.0;
        Cost {
            excess_spend: excess,
            customers_short: Some(short),
            revenue_at_risk: self.mean_deal.map(|deal| short.times(deal)),
            excess_spend_per_week: excess.map(|e| per_week(e.value)),
            customers_short_per_week: Some(per_week(short.value)),
        }
    }
}

impl Case<'_> {
    pub(crate) fn cost(&self, own: Option<&Projection>, cac_plan: Option<f64>, frame: Frame) -> Option<Cost> {
        let own = own?;
        let days = self.days(frame.since);
        let mean_deal = || self.mean_deal();
        let exactly = |value: f64| Interval { value, low: value, high: value };
        match self.target.metric {
            Metric::Conversion { .. } | Metric::Cac => {
                let (from, to) = match self.target.metric {
                    Metric::Conversion { from, to } => (from, to),
                    _ => (StageIndex(0), self.last()),
                };
                // Customers: what enters and comes through goes on as planned.
                let downstream = self.plan_conversion(to, self.last());
                let (now, before) = match own.conversion.filter(|_| self.target.metric == Metric::Cac) {
                    Some(conversion) => (conversion, self.plan_conversion(from, to)),
                    None => (own.value, own.plan),
                };
                let ledger = Ledger {
                    days,
                    entries: entries(self.series, from.0, frame.since) as f64,
                    spend: if from.0 == 0 { self.spend(frame.since) } else { 0.0 },
                    planned_conversion: before * downstream,
                    conversion: now.times(downstream),
                    planned_cac: cac_plan,
                    mean_deal: mean_deal(),
                };
                Some(ledger.cost())
            }
            Metric::Volume { stage } => {
                let missing = own.plan * f64::from(days) - entries(self.series, stage.0, frame.since) as f64;
                let short = exactly(missing * self.plan_conversion(stage, self.last()));
                Some(Cost {
                    excess_spend: None,
                    customers_short: Some(short),
                    revenue_at_risk: mean_deal().map(|deal| short.times(deal)),
                    excess_spend_per_week: None,
                    customers_short_per_week: Some(short.value / f64::from(days) * 7.0),
                })
            }
            Metric::Spend => {
                let per_day = own.value.value - own.plan;
                Some(Cost {
                    excess_spend: Some(exactly(per_day * f64::from(MEASURED_DAYS))),
                    customers_short: None,
                    revenue_at_risk: None,
                    excess_spend_per_week: Some(per_day * 7.0),
                    customers_short_per_week: None,
                })
            }
            Metric::Velocity { .. } | Metric::Handoff { .. } => None,
        }
    }

    /// The mean won amount, of the scope where it has enough wins.
    fn mean_deal(&self) -> Option<f64> {
        let mean = |leaves: &[Leaf], least: i64| {
            let (count, amount) =
                (self.sum(leaves, Quantity::WonCount), self.sum(leaves, Quantity::WonAmount));
            (count >= least && amount > 0).then(|| amount as f64 / 1e6 / count as f64)
        };
        mean(self.leaves, MIN_DEALS).or_else(|| *self.deals.get_or_init(|| mean(&self.facts.leaves(), 1)))
    }

    fn sum(&self, leaves: &[Leaf], what: Quantity) -> i64 {
        let mut total = 0;
        for &leaf in leaves {
            let (first, tick) = (self.series.first_day, self.series.last_day);
            self.facts.by_entry_day(leaf, what, first, tick, &mut |_, value| total += value);
        }
        total
    }
}
