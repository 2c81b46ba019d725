//! Recovery, shown by evidence: the detector reversed on the funnel as it drifted.
//!
//! The null is "every part goes on as it has since the onset", the alternative the plan. A recovery among the entries
//! of day ρ is scanned from the day the episode opened on: `R = Σ_ρ exp Σ_j Σ_{e≥ρ} ln(L_j,e(plan)/L_j,e(r_j,ρ))`, a
//! Shiryaev–Roberts sum like M, over the adjacent transitions j (and the cost per lead) together, whose conversions
//! are independent given the entries. How far a part has drifted, r_j,ρ, is read from the days before ρ, onset to ρ:
//! k/(n·p·F) in all, shrunk towards the plan with the weight of [`PRIOR`] expected conversions and taken to the
//! nearest [`LEVELS`] on the plan's side. So it is predictable, each term is a likelihood ratio of what came after
//! it, and the null errs towards the plan: the less a part has moved, the less it says. A drift of one part is told
//! by that part; one spread evenly by all of them, none of which has left the plan far enough to tell alone.
//!
//! A part that refutes the plan by itself must not speak against the recovery, however loud the others are.

use plumbline_plan::Direction;
use plumbline_units::Day;

use super::counts::DayCount;
use super::evidence::TableId;
use super::fast;
use super::grid::{Side, moved};
use super::model::{Kind, Model, Rates};
use super::pair::{LEAST_MISS, Pair};
use super::scan::log_sum;
use super::series::ScopeSeries;

/// The drifts told apart, as powers of the warn bound's factor.
const LEVELS: [f64; 12] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 5.0, 7.5];

/// Expected conversions that the plan counts as.
const PRIOR: f64 = 30.0;

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
    const NONE: Self = Ratios { seen: 0.0, expected: 0.0, information: 0.0, logs: [0.0; N] };
}

impl Model {
    /// ln of the detector reversed: evidence among the entries since `since` (the day the episode opened) that the
    /// metric is no longer off plan in `direction`, as it has been from `onset` on; with the likeliest day of the
    /// recovery. None of the `refuting` tables may speak against it. Shown once it reaches
    /// [`super::RECOVERY_LOG_THRESHOLD`].
    pub fn recovering(
        &self,
        series: &ScopeSeries,
        direction: Direction,
        (onset, since): (Day, Day),
        refuting: &[TableId],
    ) -> (f64, Day) {
        let side = if self.direction(Side::Down) == direction { Side::Down } else { Side::Up };
        let warn = if side == Side::Down { self.grid.warn_down } else { self.grid.warn_up };
        let levels = LEVELS.map(|power| libm::pow(warn, power));
        let first = self.first(series, Some(onset.min(since)));
        let from = self.first(series, Some(since)).max(first) - first;
        let parts: Vec<(bool, Vec<f64>)> = self
            .parts(series, first)
            .into_iter()
            .map(|table| {
                let days = self.ratios(series, table, first, side, levels);
                (refuting.contains(&table), reversed(&days, &levels, side))
            })
            .collect();
        let together = |day: usize| {
            let of = |(_, logs): &(bool, Vec<f64>)| logs.get(day).copied().unwrap_or(0.0);
            let against = parts.iter().any(|part| part.0 && of(part) < 0.0);
            (!against).then(|| parts.iter().map(of).sum::<f64>())
        };
        let days = series.len().saturating_sub(first);
        let sums: Vec<(usize, f64)> = (from..days).filter_map(|day| Some((day, together(day)?))).collect();
        // Of equals the newest.
        let best = sums.iter().fold((days.saturating_sub(1), f64::MIN), |best, sum| match sum.1 >= best.1 {
            true => *sum,
            false => best,
        });
        (log_sum(sums.iter().map(|(_, log)| *log)), series.day(first + best.0))
    }

    /// The tables that multiply to the metric: independent given the entries.
    fn parts(&self, series: &ScopeSeries, first: usize) -> Vec<TableId> {
        let rates = |rates: &Rates| -> Vec<TableId> {
            let whole = rates.end_to_end();
            let recorded = (whole.from + 1..whole.to).all(|stage| series.records(stage, first));
            let pairs: Vec<_> = if recorded { rates.adjacent().collect() } else { vec![whole] };
            pairs.iter().map(|pair| TableId::Pair { from: pair.from, to: pair.to }).collect()
        };
        match &self.kind {
            Kind::Conversion(own) => rates(own),
            Kind::Cac(cac) => {
                let mut all = rates(&cac.rates);
                all.push(TableId::LeadsPerMoney);
                all
            }
            Kind::Volume { stage, .. } => vec![TableId::Volume { stage: *stage }],
            Kind::Spend { .. } | Kind::Velocity(_) => Vec::new(),
        }
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

/// By day ρ: ln of the likelihood of the plan over that of the drift seen before ρ, of what came from ρ on.
fn reversed<const N: usize>(days: &[Ratios<N>], levels: &[f64; N], side: Side) -> Vec<f64> {
    let (mut seen, mut expected) = (PRIOR, PRIOR);
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
    let mut running = [0.0; N];
    let mut logs = vec![0.0; days.len()];
    for ((day, level), log) in days.iter().zip(&level).zip(&mut logs).rev() {
        running.iter_mut().zip(&day.logs).for_each(|(sum, log)| *sum += log);
        *log = running[*level];
    }
    logs
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
            logs: {
                let misses = fast::ln(nulls.map(|null| open(pair.rate) / open(null)));
                std::array::from_fn(|l| (cohort.converted * hits[l] + missed * misses[l]) / spread)
            },
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
