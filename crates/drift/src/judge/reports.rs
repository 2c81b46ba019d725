//! What reports by period show of a drift in cohorts: mostly what began before it.

use plumbline_plan::{Metric, StageIndex};
use plumbline_units::Day;

use super::assess::{Case, Frame};
use super::facts::Quantity;
use super::verdict::InReports;

/// Days of the period that reports would show: three weeks.
const REPORT_DAYS: i32 = 21;

impl Case<'_> {
    /// The wins of the last weeks as a report by closing day shows them.
    pub(crate) fn in_reports(&self, frame: Frame) -> Option<InReports> {
        let to_won = match self.target.metric {
            Metric::Conversion { to, .. } => to == self.last(),
            Metric::Cac => true,
            _ => false,
        };
        if !to_won {
            return None;
        }
        let last = self.series.last_day;
        let first = last.plus(1 - REPORT_DAYS);
        let (mut won, mut before) = (0i64, 0i64);
        for &leaf in self.leaves {
            let from = self.series.first_day;
            self.facts.by_event_days(leaf, Quantity::WonCount, from, first, last, &mut |entered, n| {
                won += n;
                before += if entered < frame.since { n } else { 0 };
            });
        }
        let per_day = match self.sibling(|m| m == Metric::Volume { stage: StageIndex(0) }) {
            Some(volume) => volume.plan_value(),
            None => self.usual_entries(frame.since)?,
        };
        Some(InReports {
            first,
            last,
            won: u64::try_from(won).unwrap_or(0),
            won_plan: per_day * self.plan_conversion(StageIndex(0), self.last()) * f64::from(REPORT_DAYS),
            won_from_before_onset: if won > 0 { before as f64 / won as f64 } else { 0.0 },
        })
    }

    /// First-stage entries per day in the 90 days before `since`.
    fn usual_entries(&self, since: Day) -> Option<f64> {
        let (from, to) = (self.series.from_day(since.plus(-90)), self.series.from_day(since));
        let total: u64 = (from..to).map(|i| u64::from(self.series.reached(0, i))).sum();
        (to > from).then(|| total as f64 / (to - from) as f64)
    }
}
