//! What an assessment says: plain numbers, ready for an episode and an alert.

use plumbline_plan::Direction;
use plumbline_units::Day;
use serde::{Deserialize, Serialize};

use super::projection::Z95;

/// ln 10: a target is watched from M ≥ c/10.
pub(crate) const WATCHED: f64 = std::f64::consts::LN_10;

/// A table of evidence: what is counted against what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableId {
    /// Journeys that reached `to` among those that entered `from` (positions in the funnel).
    Pair {
        /// The stage entered.
        from: u8,
        /// The stage reached.
        to: u8,
    },
    /// First-stage entries per money spent.
    LeadsPerMoney,
    /// Won customers per money spent.
    WinsPerMoney,
    /// The time from one stage to another, of the journeys that get there.
    Velocity {
        /// The stage entered.
        from: u8,
        /// The stage reached.
        to: u8,
    },
    /// Journeys that reach the stage per day.
    Volume {
        /// The stage counted.
        stage: u8,
    },
}

impl TableId {
    /// Whether it is one factor of a product: a transition, or the cost per lead.
    pub fn is_part(self) -> bool {
        match self {
            TableId::Pair { from, to } => to == from + 1,
            TableId::LeadsPerMoney => true,
            TableId::WinsPerMoney | TableId::Volume { .. } | TableId::Velocity { .. } => false,
        }
    }
}

/// A point with the ends of its 90% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The point.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Every end times `factor` (positive).
    pub fn times(self, factor: f64) -> Interval {
        Interval { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }

    /// Standard deviation of the logarithm, of an interval that is even in logarithms.
    pub fn log_deviation(self) -> f64 {
        libm::log(self.high / self.low) / (2.0 * Z95)
    }

    /// Whether `value` lies in it, ends included.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// When a drift began: among the entries of which day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Onset {
    /// The likeliest day τ̂.
    pub estimate: Day,
    /// Lower end of the 90% interval, moved back by the p90 of the lag upstream of the leading table.
    pub low: Day,
    /// Upper end.
    pub high: Day,
}

/// The evidence of one table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableEvidence {
    /// Which table.
    pub table: TableId,
    /// ln of the part of M_j gathered for the target's metric lying below the plan.
    pub log_below: f64,
    /// The same for above.
    pub log_above: f64,
    /// The likeliest effect in the stronger direction, as a factor on the table's planned rate.
    pub effect: f64,
    /// Posterior probability that the table has left the plan since the onset, by its own evidence; 1 for what
    /// the leading table spans.
    pub moved: f64,
}

/// The evidence against "on plan" of one target in one scope as of one tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// ln M, the e-detector's value. Never infinite.
    pub log_e: f64,
    /// ln c with c = 365 / budget.
    pub log_threshold: f64,
    /// ln of the part of M for the metric below the plan.
    pub log_below: f64,
    /// ln of the part of M for the metric above the plan.
    pub log_above: f64,
    /// Where the metric went, by the larger part of M; where a drift stands, its own direction while that part of M is
    /// watched.
    pub direction: Direction,
    /// Posterior weight of the drift lying at or beyond the critical bound, 0 without one: the larger of the
    /// weight of such effects within that direction and (from M ≥ c/10 on) of such a projection since the onset.
    pub critical_weight: f64,
    /// The table with the most evidence in that direction.
    pub leading: TableId,
    /// Every table, in a fixed order.
    pub tables: Vec<TableEvidence>,
    /// When it began, by the leading table.
    pub onset: Onset,
    /// How far the null hypothesis was moved towards the warn bound: 0 = the plan, 1 = the bound itself (strict).
    pub strictness: f64,
    /// Entries into the target's first stage still missing until a critical effect would be expected to show;
    /// `None` when there are enough.
    pub needed: Option<u64>,
}

impl Evidence {
    /// Whether M ≥ c: "all tables on plan" is rejected.
    pub fn rejects(&self) -> bool {
        self.log_e >= self.log_threshold
    }

    /// The transition to name: the leading table, or, where that spans several, the one of them that says most by
    /// itself. The span leads where it tells new journeys from old ones, before its parts can.
    pub(crate) fn transition(&self) -> Option<(u8, u8)> {
        let TableId::Pair { from, to } = self.leading else { return None };
        let log = |table: &TableEvidence| match self.direction {
            Direction::Below => table.log_below,
            Direction::Above => table.log_above,
        };
        let within = self.tables.iter().filter_map(|table| match table.table {
            TableId::Pair { from: a, to: b } if b == a + 1 && from <= a && b <= to => {
                Some(((a, b), log(table)))
            }
            _ => None,
        });
        let most = within.reduce(|most, other| if other.1 > most.1 { other } else { most });
        Some(most.map_or((from, to), |(transition, _)| transition))
    }

    /// Whether M ≥ c/10.
    pub fn watches(&self) -> bool {
        self.log_e >= self.log_threshold - WATCHED
    }
}

/// Which entries a projection is estimated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Every transition from the onset estimate on: gates and withdraws pages.
    SinceOnset(Day),
    /// For display during a drift: the alarmed transition from its onset on, those below it from the onset plus
    /// the p90 of the lag upstream, the others over the trailing 90 days.
    Display {
        /// The onset estimate.
        onset: Day,
        /// The leading table of the evidence.
        leading: TableId,
        /// The transition that the drift is named by, read since the onset.
        named: Option<(u8, u8)>,
    },
    /// Every transition over the trailing 90 days, none before the given day.
    Trailing {
        /// First day used, e.g. the day a drift had recovered.
        not_before: Option<Day>,
    },
}

/// The projected final rate of one transition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairProjection {
    /// The stage left.
    pub from: u8,
    /// The stage reached.
    pub to: u8,
    /// The planned rate.
    pub plan: f64,
    /// The projected rate with its 90% interval.
    pub rate: Interval,
    /// First entry day used.
    pub since: Day,
    /// Journeys that entered since.
    pub entered: u64,
    /// Of them converted by the tick.
    pub converted: u64,
    /// Of them expected by the tick, were they on plan.
    pub expected: f64,
}

/// The projected money per first-stage entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostProjection {
    /// The planned cost per lead: planned CAC × planned end-to-end conversion.
    pub plan: f64,
    /// The measured one with its 90% interval, in units of the plan's currency.
    pub cost: Interval,
    /// First day used.
    pub since: Day,
    /// Leads since.
    pub leads: u64,
    /// Spend since, in units of the plan's currency.
    pub spend: f64,
}

/// Where a target's metric will end up, with its 90% interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// The planned value: a share, units of the plan's currency per customer, journeys per day or seconds.
    pub plan: f64,
    /// The projected one.
    pub value: Interval,
    /// The end-to-end conversion (of `conversion` and `cac`).
    pub conversion: Option<Interval>,
    /// Per adjacent transition, in funnel order.
    pub pairs: Vec<PairProjection>,
    /// Of `cac`.
    pub cost_per_lead: Option<CostProjection>,
}

impl Projection {
    /// Projected over planned.
    pub fn relative(&self) -> Interval {
        self.value.times(1.0 / self.plan)
    }
}

/// The state of a `spend` target: measured, not sampled, so it has no e-value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpendReading {
    /// First day of the trailing seven.
    pub since: Day,
    /// Spend of the days, in units of the plan's currency.
    pub spend: f64,
    /// Planned spend of the days.
    pub plan: f64,
}

impl SpendReading {
    /// Spend over plan.
    pub fn ratio(&self) -> f64 {
        self.spend / self.plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_span_is_named_by_the_transition_within_that_says_most() {
        let table = |(from, to): (u8, u8), below: f64, above: f64| TableEvidence {
            table: TableId::Pair { from, to },
            log_below: below,
            log_above: above,
            effect: 1.0,
            moved: 1.0,
        };
        let day: Day = "2026-03-02".parse().unwrap();
        let of = |leading: TableId, direction| Evidence {
            log_e: 9.0,
            log_threshold: 5.9,
            log_below: 9.0,
            log_above: 1.0,
            direction,
            critical_weight: 0.0,
            leading,
            tables: vec![
                table((0, 1), -3.4, 2.0),
                table((1, 2), 4.2, -1.0),
                table((2, 3), 6.0, 0.0),
                table((0, 2), 7.9, 0.0),
            ],
            onset: Onset { estimate: day, low: day, high: day },
            strictness: 0.0,
            needed: None,
        };
        let pair = |from, to| TableId::Pair { from, to };
        for (leading, direction, named) in [
            (pair(0, 2), Direction::Below, Some((1, 2))),
            (pair(0, 2), Direction::Above, Some((0, 1))),
            (pair(0, 3), Direction::Below, Some((2, 3))),
            (pair(0, 1), Direction::Below, Some((0, 1))),
            // Where nothing between is recorded, the span speaks alone.
            (pair(4, 6), Direction::Below, Some((4, 6))),
            (TableId::LeadsPerMoney, Direction::Below, None),
        ] {
            assert_eq!(of(leading, direction).transition(), named, "{leading:?} {direction:?}");
        }
    }
}
