//! Recovery, shown by evidence: the detector reversed on the paged table.
//!
//! The null is "still drifting": the rate at the warn factor to the power 2.118 (0.8 for 10%), the alternative
//! the plan; their likelihood ratio stands still about on the warn bound. Onsets of the recovery are scanned from
//! the day the episode opened.

use plumbline_plan::Direction;
use plumbline_units::Day;

use super::counts::DayCount;
use super::evidence::TableId;
use super::grid::{Side, moved};
use super::model::{Kind, Model};
use super::pair::{LEAST_MISS, Pair};
use super::scan::log_sum;
use super::series::ScopeSeries;

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
        let mut running = 0.0;
        let mut sums = self.ratios(series, paged, first, side, still);
        for sum in sums.iter_mut().rev() {
            running += *sum;
            *sum = running;
        }
        log_sum(sums.into_iter())
    }

    /// Per cohort, the log likelihood ratio of the plan against a rate at `still` times it.
    fn ratios(&self, series: &ScopeSeries, paged: TableId, first: usize, side: Side, still: f64) -> Vec<f64> {
        match (paged, &self.kind) {
            (TableId::Pair { from, to }, _) => {
                let pair = self.rates().and_then(|rates| rates.pair(from, to));
                pair.map_or(Vec::new(), |pair| pair_ratios(pair, series, first, side, still))
            }
            (TableId::LeadsPerMoney, Kind::Cac(cac)) => {
                count_ratios(&self.leads_per_money(cac, series, first), still, self.leads_spread(cac, series))
            }
            (TableId::WinsPerMoney, Kind::Cac(cac)) => {
                count_ratios(&self.wins_per_money(cac, series, first), still, self.wins_spread(cac, series))
            }
            (TableId::Volume { stage }, Kind::Volume { per_day, .. }) => {
                let days = self.volume_days(stage, *per_day, series, first).unwrap_or_default();
                count_ratios(&days, still, self.volume_spread(stage, *per_day, series))
            }
            _ => Vec::new(),
        }
    }
}

fn pair_ratios(pair: &Pair, series: &ScopeSeries, first: usize, side: Side, still: f64) -> Vec<f64> {
    let null = moved(pair.rate, side, still);
    let hit = libm::log(pair.rate / null);
    let mut ratios = vec![0.0; series.len().saturating_sub(first)];
    for cohort in pair.cohorts(series, first) {
        let open = |p: f64| (1.0 - p * cohort.matured).max(LEAST_MISS);
        let miss = libm::log(open(pair.rate) / open(null));
        let missed = cohort.entered - cohort.converted;
        ratios[cohort.index - first] =
            (cohort.converted * hit + missed * miss) / pair.spread(cohort.entered, cohort.matured);
    }
    ratios
}

/// Counts at plan against counts at `still` times it, with over-dispersion φ.
fn count_ratios(days: &[DayCount], still: f64, spread: f64) -> Vec<f64> {
    let hit = -libm::log(still);
    days.iter().map(|day| (day.count * hit - (1.0 - still) * day.expected) / spread).collect()
}
