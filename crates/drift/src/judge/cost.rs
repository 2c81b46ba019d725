//! What a drift costs since its onset.

use super::verdict::Cost;
use crate::stat::Interval;

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
