//! Recovery, shown by evidence: the detector reversed on a table that drifted.
//!
//! The null is "still drifting", the alternative the plan. A recovery among the entries of day ρ is scanned from
//! the day the episode opened on: `R = Σ_ρ exp Σ_{e≥ρ} ln(L_e(plan)/L_e(r_ρ))`, a Shiryaev–Roberts sum like M. The
//! drift r_ρ is read from the days before ρ, onset to ρ: k/(n·p·F) in all, shrunk towards 0.8 with the weight of
//! [`PRIOR`] expected conversions and taken to the nearest [`LEVELS`] on the plan's side, so it is predictable
//! and each term a likelihood ratio of what came after it. A drift known to be large is told from the plan by far
//! fewer entries than one of 0.8, which is the null of every drift that is no larger; 0.8 (for a warn bound of
//! 10%) because its likelihood ratio against the plan stands still about on the bound.

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

/// The drifts told apart, as powers of the least.
const LEVELS: [f64; 8] = [1.0, 1.15, 1.3, 1.45, 1.6, 2.0, 2.5, 3.5];

/// Expected conversions that the least drift counts as.
const PRIOR: f64 = 60.0;

/// What a table says of one entry day, against drifts of N sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ratios<const N: usize> {
    /// What came.
    seen: f64,
    /// What the plan expects to have come.
    expected: f64,
    /// About the logarithm of what the table estimates.
    pub(super) information: f64,
    /// ln of the likelihood of the plan over that of each level.
    pub(super) logs: [f64; N],
}

impl<const N: usize> Ratios<N> {
    const NONE: Ratios<N> = Ratios { seen: 0.0, expected: 0.0, information: 0.0, logs: [0.0; N] };
}

impl Model {
    /// ln of the detector reversed on a table: evidence among the entries since `since` (the day the episode
    /// opened) that the table is no longer off plan in `direction` (of the target's metric), as it has been from
    /// `onset` on; with the likeliest day of the recovery. Shown once it reaches
    /// [`super::RECOVERY_LOG_THRESHOLD`].
    pub fn recovering(
        &self,
        series: &ScopeSeries,
        table: TableId,
        direction: Direction,
        (onset, since): (Day, Day),
    ) -> (f64, Day) {
        let side = if self.direction(Side::Down) == direction { Side::Down } else { Side::Up };
        let warn = if side == Side::Down { self.grid.warn_down } else { self.grid.warn_up };
        let levels = LEVELS.map(|power| libm::pow(warn, STILL_DRIFTING * power));
        let first = self.first(series, Some(onset.min(since)));
        let from = self.first(series, Some(since)).max(first) - first;
        let days = self.ratios(series, table, first, side, levels);
        let (mut seen, mut expected) = (PRIOR * levels[0], PRIOR);
        let level: Vec<usize> = days
            .iter()
            .map(|day| {
                let drift = seen / expected;
                seen += day.seen;
                expected += day.expected;
                let reached = |l: &f64| if side == Side::Down { drift <= *l } else { drift >= *l };
                levels.iter().take_while(|l| reached(l)).count().saturating_sub(1)
            })
            .collect();
        let mut running = [0.0; LEVELS.len()];
        let mut sums = Vec::with_capacity(days.len().saturating_sub(from));
        for (day, level) in days.iter().zip(&level).skip(from).rev() {
            running.iter_mut().zip(&day.logs).for_each(|(sum, log)| *sum += log);
            sums.push(running[*level]);
        }
        // Newest first; of equals the newest.
        let newest_first = sums.iter().enumerate();
        let best = newest_first
            .fold((0, f64::MIN), |best, (back, log)| if *log > best.1 { (back, *log) } else { best });
        let day = series.last_day.plus(-i32::try_from(best.0).unwrap_or(0));
        (log_sum(sums.into_iter()), day)
    }

    /// What a table says of each day from position `first` on against drifts by these factors; of cycle times nothing.
    pub(super) fn ratios<const N: usize>(
        &self,
        series: &ScopeSeries,
        table: TableId,
        first: usize,
        side: Side,
        levels: [f64; N],
    ) -> Vec<Ratios<N>> {
        let counts = |days: &[DayCount], spread: f64| count_ratios(days, levels, spread);
        match (table, &self.kind) {
            (TableId::Pair { from, to }, _) => {
                let pair = self.rates().and_then(|rates| rates.pair(from, to));
                pair.map_or(Vec::new(), |pair| pair_ratios(pair, series, first, side, levels))
            }
            (TableId::LeadsPerMoney, Kind::Cac(cac)) => {
                counts(&self.leads_per_money(cac, series, first), self.leads_spread(cac, series))
            }
            (TableId::WinsPerMoney, Kind::Cac(cac)) => {
                counts(&self.wins_per_money(cac, series, first), self.wins_spread(cac, series))
            }
            (TableId::Volume { stage }, Kind::Volume { per_day, .. }) => {
                let days = self.volume_days(stage, *per_day, series, first).unwrap_or_default();
                let mut ratios = vec![Ratios::NONE; series.len() - first - days.len()];
                ratios.extend(counts(&days, self.volume_spread(stage, *per_day, series)));
                ratios
            }
            _ => Vec::new(),
        }
    }

    /// Variance of the logarithm of what the plan says of a table, where it was estimated.
    pub(super) fn doubt(&self, table: TableId) -> f64 {
        let TableId::Pair { from, to } = table else { return 0.0 };
        let pair = self.rates().and_then(|rates| rates.pair(from, to));
        pair.map_or(0.0, |pair| pair.error * pair.error)
    }
}

fn pair_ratios<const N: usize>(
    pair: &Pair,
    series: &ScopeSeries,
    first: usize,
    side: Side,
    levels: [f64; N],
) -> Vec<Ratios<N>> {
    let nulls = levels.map(|level| moved(pair.rate, side, level));
    let hits = nulls.map(|null| libm::log(pair.rate / null));
    let mut ratios = vec![Ratios::NONE; series.len().saturating_sub(first)];
    for cohort in pair.cohorts(series, first) {
        let open = |p: f64| (1.0 - p * cohort.matured).max(LEAST_MISS);
        let missed = cohort.entered - cohort.converted;
        let spread = pair.spread(cohort.entered, cohort.matured);
        let expected = cohort.entered * pair.rate * cohort.matured / spread;
        ratios[cohort.index - first] = Ratios {
            seen: cohort.converted / spread,
            expected,
            information: expected / open(pair.rate),
            logs: std::array::from_fn(|l| {
                let miss = libm::log(open(pair.rate) / open(nulls[l]));
                (cohort.converted * hits[l] + missed * miss) / spread
            }),
        };
    }
    ratios
}

/// Counts at plan against counts at each level times it, with over-dispersion φ.
fn count_ratios<const N: usize>(days: &[DayCount], levels: [f64; N], spread: f64) -> Vec<Ratios<N>> {
    let of = |day: &DayCount| Ratios {
        information: day.expected / spread,
        seen: day.count / spread,
        expected: day.expected / spread,
        logs: levels.map(|level| (-day.count * libm::log(level) - (1.0 - level) * day.expected) / spread),
    };
    days.iter().map(of).collect()
}
