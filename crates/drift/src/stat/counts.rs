//! Poisson tables: counts against an exposure (days, or money spent).
//!
//! Against an expected count μ, an effect r scores `ℓ = [N·ln(r/s) − (r−s)·μ] / φ`, where s = 1 puts the null at
//! the plan and s = the warn factor at the bound. φ ≥ 1 is the over-dispersion of daily counts.

use super::grid::{GRID, Grid, Side};
use super::scan::Scores;

/// Median of χ²₆/6: what a week's dispersion is compared with.
const MEDIAN_OF_A_WEEK: f64 = 0.891_355_2;

/// Standard error of the median of one such week; of m weeks, this over √m.
const ERROR_OF_A_WEEK: f64 = 0.72;

/// A day's count and its planned exposure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct DayCount {
    /// Events N.
    pub(crate) count: f64,
    /// Planned events μ.
    pub(crate) expected: f64,
}

/// Scores the days; `spread` is φ and `nulls` the factors s below and above.
pub(crate) fn score(days: &[DayCount], grid: &Grid, nulls: (f64, f64), spread: f64) -> Scores {
    let terms = terms(grid, nulls, spread);
    let mut scores = Scores::new(days.len());
    for (i, day) in days.iter().enumerate() {
        for (value, (per_event, per_expected)) in scores.row(i).iter_mut().zip(&terms) {
            *value = day.count * per_event - day.expected * per_expected;
        }
    }
    scores
}

/// The scores with each day saying at most half of the log threshold: a day is one observation, however many events it
/// counts, and a holiday that the plan does not know is one. Taking away from a likelihood ratio leaves it a
/// supermartingale.
pub(crate) fn by_more_than_two_days(mut scores: Scores, days: &[DayCount], log_threshold: f64) -> Scores {
    for day in 0..days.len() {
        scores.row(day).iter_mut().for_each(|value| *value = value.min(0.5 * log_threshold));
    }
    scores
}

/// Per effect: score of one event, and of one expected event (to be taken away).
fn terms(grid: &Grid, (down, up): (f64, f64), spread: f64) -> [(f64, f64); GRID] {
    grid.effects.map(|effect| {
        let null = if effect.side == Side::Down { down } else { up };
        (libm::log(effect.factor / null) / spread, (effect.factor - null) / spread)
    })
}

/// Expected log growth per planned event, were the rate at the effect `critical`.
pub(crate) fn growth(grid: &Grid, nulls: (f64, f64), spread: f64, critical: usize) -> f64 {
    let (per_event, per_expected) = terms(grid, nulls, spread)[critical];
    grid.effects[critical].factor * per_event - per_expected
}

/// φ of daily counts from history, the first of them on `first_weekday`: per whole calendar week the Pearson
/// statistic of its seven days around the week's own rate; the median over weeks, which one drifting week cannot
/// move. 1 unless it stands three standard errors above. Before the first whole week, the days there are.
pub(crate) fn dispersion(days: &[DayCount], first_weekday: usize) -> f64 {
    let to_monday = (7 - first_weekday % 7) % 7;
    let whole = days.get(to_monday..).unwrap_or(&[]);
    let mut weeks: Vec<f64> = whole.chunks_exact(7).filter_map(block_dispersion).collect();
    if weeks.is_empty() {
        return block_dispersion(days).unwrap_or(1.0).max(1.0);
    }
    weeks.sort_by(f64::total_cmp);
    let middle = weeks.len() / 2;
    let median = if weeks.len() % 2 == 1 { weeks[middle] } else { 0.5 * (weeks[middle - 1] + weeks[middle]) };
    let spread = median / MEDIAN_OF_A_WEEK;
    if spread > 1.0 + 3.0 * ERROR_OF_A_WEEK / (weeks.len() as f64).sqrt() { spread } else { 1.0 }
}

/// Σ (N − λμ)² / (λμ) / (days − 1) around the block's own λ = ΣN/Σμ; none without counts or exposure.
fn block_dispersion(block: &[DayCount]) -> Option<f64> {
    let count: f64 = block.iter().map(|d| d.count).sum();
    let expected: f64 = block.iter().map(|d| d.expected.max(0.0)).sum();
    if count <= 0.0 || expected <= 0.0 || block.len() < 2 {
        return None;
    }
    let level = count / expected;
    let total: f64 = block
        .iter()
        .map(|day| {
            let fitted = (level * day.expected).max(0.5);
            (day.count - fitted) * (day.count - fitted) / fitted
        })
        .sum();
    Some(total / (block.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    fn days(counts: impl Iterator<Item = f64>) -> Vec<DayCount> {
        counts.map(|count| DayCount { count, expected: 30.0 }).collect()
    }

    #[test]
    fn poisson_days_are_not_taken_for_over_dispersed() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(3);
        let poisson = rand_distr::Poisson::new(30.0).unwrap();
        let seen =
            (0..200).filter(|_| dispersion(&days((0..180).map(|_| rng.sample(poisson))), 0) > 1.0).count();
        assert!(seen <= 4, "{seen} of 200");
    }

    #[test]
    fn a_working_week_the_plan_does_not_know_widens_the_spread() {
        let spread = dispersion(&days((0..70).map(|i| if i % 7 < 5 { 40.0 } else { 5.0 })), 0);
        assert!(spread > 5.0, "{spread}");
    }

    #[test]
    fn one_drifting_week_does_not_move_the_spread() {
        let steady = (0..70).map(|i| if i % 2 == 0 { 30.0 } else { 26.0 });
        let stepped = days(steady.clone().enumerate().map(|(i, n)| if i >= 66 { n * 3.0 } else { n }));
        assert_eq!(dispersion(&days(steady), 2), dispersion(&stepped, 2));
    }

    #[test]
    fn a_count_at_the_null_gathers_no_evidence_on_average() {
        use crate::stat::grid::Bounds;
        let grid = Grid::new(Bounds::with("±25%".parse().unwrap()), None);
        let nulls = grid.nulls(1.0);
        for critical in 0..GRID {
            assert!(growth(&grid, nulls, 1.0, critical) > 0.0);
        }
        // A supermartingale step: E exp ℓ = 1 at the null for a Poisson count.
        let mu = 20.0;
        for (effect, (per_event, per_expected)) in grid.effects.iter().zip(terms(&grid, nulls, 1.0)) {
            let null = if effect.side == Side::Down { nulls.0 } else { nulls.1 };
            let log_mean = null * mu * (libm::exp(per_event) - 1.0) - mu * per_expected;
            assert!(log_mean.abs() < 1e-9, "{effect:?}: {log_mean}");
        }
    }
}
