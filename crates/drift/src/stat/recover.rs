//! Recovery, shown by evidence: the detector reversed on the paged table.
//!
//! The null is "still drifting": the rate at the warn factor to the power 2.118 (0.8 for 10%), the alternative
//! the plan; their likelihood ratio stands still about on the warn bound. Onsets of the recovery are scanned from
//! the day the episode opened.

use plumbline_plan::Direction;
use plumbline_units::Day;

use super::counts::{self, DayCount};
use super::evidence::TableId;
use super::grid::{Side, moved};
use super::model::{Kind, Model};
use super::pair::Pair;
use super::scan::log_sum;
use super::series::{ScopeSeries, at};

/// ln 0.8 / ln 0.9.
const STILL_DRIFTING: f64 = 2.118;

impl Model {
    /// ln of the detector reversed on the paged table: evidence, since `since` (the day the episode opened),
    /// that the table is no longer off plan in `direction` (of the target's metric). Shown once it reaches
    /// [`super::RECOVERY_LOG_THRESHOLD`].
    pub fn recovering(&self, series: &ScopeSeries, paged: TableId, direction: Direction, since: Day) -> f64 {
        let side = if self.direction(Side::Down) == direction { Side::Down } else { Side::Up };
        let warn = if side == Side::Down { self.grid.warn_down } else { self.grid.warn_up };
        let still = libm::pow(warn, STILL_DRIFTING);
        let first = self.first(series, Some(since));
        let ratios = match (paged, &self.kind) {
            (TableId::Pair { from, to }, Kind::Conversion(rates)) => {
                self.pair_ratios(rates.pair(from, to), series, first, side, still)
            }
            (TableId::Pair { from, to }, Kind::Cac(cac)) => {
                self.pair_ratios(cac.rates.pair(from, to), series, first, side, still)
            }
            (TableId::LeadsPerMoney, Kind::Cac(cac)) => {
                count_ratios(&self.leads_per_money(cac, series, first), still, 1.0)
            }
            (TableId::WinsPerMoney, Kind::Cac(cac)) => {
                let pair = cac.rates.end_to_end();
                let leads = self.leads_per_money(cac, series, first);
                let wins: Vec<DayCount> = leads
                    .iter()
                    .zip(first..)
                    .map(|(day, index)| DayCount {
                        count: f64::from(at(&series.won, index)),
                        expected: day.expected * pair.rate * pair.matured(series, index),
                    })
                    .collect();
                count_ratios(&wins, still, pair.rate)
            }
            (TableId::Volume { stage }, Kind::Volume { per_day, .. }) => {
                let days = self.volume_days(stage, *per_day, series, first);
                count_ratios(&days.unwrap_or_default(), still, 1.0)
            }
            _ => Vec::new(),
        };
        let mut running = 0.0;
        let sums: Vec<f64> = ratios
            .iter()
            .rev()
            .map(|ratio| {
                running += ratio;
                running
            })
            .collect();
        log_sum(sums.into_iter())
    }

    fn pair_ratios(
        &self,
        pair: Option<&Pair>,
        series: &ScopeSeries,
        first: usize,
        side: Side,
        still: f64,
    ) -> Vec<f64> {
        let Some(pair) = pair else { return Vec::new() };
        let null = moved(pair.rate, side, still);
        let hit = libm::log(pair.rate / null);
        let mut ratios = vec![0.0; series.len().saturating_sub(first)];
        for cohort in pair.cohorts(series, first) {
            let open = |p: f64| (1.0 - p * cohort.matured).max(1e-9);
            let miss = libm::log(open(pair.rate) / open(null));
            let missed = cohort.entered - cohort.converted;
            ratios[cohort.index - first] =
                (cohort.converted * hit + missed * miss) / pair.spread(cohort.entered, cohort.matured);
        }
        ratios
    }
}

/// Counts at plan against counts at `still` times it; over-dispersion is thinned by `kept`.
fn count_ratios(days: &[DayCount], still: f64, kept: f64) -> Vec<f64> {
    let spread = 1.0 + (counts::dispersion(days) - 1.0) * kept;
    let hit = -libm::log(still);
    days.iter().map(|day| (day.count * hit - (1.0 - still) * day.expected) / spread).collect()
}
