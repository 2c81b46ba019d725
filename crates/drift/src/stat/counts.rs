//! Poisson tables: counts against an exposure (days, or money spent).
//!
//! Against an expected count μ, an effect r scores `ℓ = [N·ln(r/s) − (r−s)·μ] / φ`, where s = 1 puts the null at
//! the plan and s = the warn factor at the bound. φ ≥ 1 is the over-dispersion of daily counts.

use super::fast;
use super::grid::{GRID, Grid, Side};
use super::scan::{Scores, Sums};

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

/// A(τ, r) of the days; `doubt` is the variance of the logarithm of what is planned per exposure, 0 of a promise.
pub(crate) fn sums(days: &[DayCount], grid: &Grid, nulls: (f64, f64), spread: f64, doubt: f64) -> Sums {
    match doubt > 0.0 {
        true => {
            let factors = grid.effects.map(|effect| (effect.factor, null_of(effect.side, nulls)));
            Sums::of(doubted(days, factors, spread, doubt))
        }
        false => score(days, grid, nulls, spread).accumulate(),
    }
}

/// A(τ, r) of effects r against nulls s where μ is itself an estimate, `doubt` > 0 being the variance of its logarithm.
///
/// Its error is integrated out: with a factor on all μ drawn from the gamma distribution of mean 1 and shape
/// a = 1/doubt, the likelihoods of "moved to r at τ" and "moved to s" are negative binomial, and with N and μ over φ
/// `A(τ, r) = N_τ·ln(r/s) − (a + N)·ln[(a + μ + (r−1)·μ_τ) / (a + μ + (s−1)·μ_τ)]`, where N and μ are of all days, N_τ
/// and μ_τ of those from τ on. The days before τ tell where the plan really lies.
pub(crate) fn doubted<const N: usize>(
    days: &[DayCount],
    factors: [(f64, f64); N],
    spread: f64,
    doubt: f64,
) -> Vec<[f64; N]> {
    let shape = 1.0 / doubt;
    let total = |of: fn(&DayCount) -> f64| days.iter().map(of).sum::<f64>() / spread;
    let (counted, expected) = (total(|day| day.count), total(|day| day.expected).max(0.0));
    let per_event = factors.map(|(effect, null)| libm::log(effect / null));
    let mut rows = vec![[0.0; N]; days.len()];
    let (mut count_since, mut expected_since) = (0.0, 0.0);
    for (row, day) in rows.iter_mut().zip(days).rev() {
        count_since += day.count / spread;
        expected_since += day.expected / spread;
        // Refunds may leave less in all than since then: never a share below none or above all.
        let since = expected_since.clamp(0.0, expected);
        let at = |factor: f64| shape + expected + (factor - 1.0) * since;
        let logs = fast::ln(factors.map(|(effect, null)| at(effect) / at(null)));
        *row = std::array::from_fn(|r| count_since * per_event[r] - (shape + counted) * logs[r]);
    }
    rows
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
fn terms(grid: &Grid, nulls: (f64, f64), spread: f64) -> [(f64, f64); GRID] {
    grid.effects.map(|effect| {
        let null = null_of(effect.side, nulls);
        (libm::log(effect.factor / null) / spread, (effect.factor - null) / spread)
    })
}

fn null_of(side: Side, (down, up): (f64, f64)) -> f64 {
    if side == Side::Down { down } else { up }
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

    /// The factor on μ drawn from its distribution, numerically.
    #[test]
    fn the_error_of_an_estimated_level_is_integrated_out() {
        use crate::stat::grid::{Bounds, EFFECTS};
        let grid = Grid::new(Bounds::with("±25%".parse().unwrap()), None);
        let days = days([31.0, 36.0, 40.0, 22.0, 19.0, 25.0].into_iter());
        let (nulls, spread, doubt) = ((0.9, 1.1), 1.3, 0.02);
        let sums = sums(&days, &grid, nulls, spread, doubt);
        for from in 0..days.len() {
            let likelihood = |factor: f64| {
                let step = 1e-3;
                let density = |level: f64| {
                    let log: f64 = days
                        .iter()
                        .enumerate()
                        .map(|(i, day)| {
                            let mean = level * day.expected * if i >= from { factor } else { 1.0 };
                            (day.count * libm::log(mean) - mean) / spread
                        })
                        .sum();
                    libm::exp(log + (libm::log(level) - level) / doubt - libm::log(level) - 300.0)
                };
                libm::log((1..9_000).map(|i| density(f64::from(i) * step) * step).sum::<f64>())
            };
            for (r, effect) in grid.effects.iter().enumerate() {
                let null = if r < EFFECTS { nulls.0 } else { nulls.1 };
                let direct = likelihood(effect.factor) - likelihood(null);
                let row = sums.row(from)[r];
                assert!((row - direct).abs() < 1e-6, "{from} {r}: {row} {direct}");
            }
        }
    }

    #[test]
    fn a_level_known_for_sure_is_the_limit_of_an_estimated_one() {
        use crate::stat::grid::Bounds;
        let grid = Grid::new(Bounds::with("±25%".parse().unwrap()), None);
        let days = days((0..40).map(|i| if i < 30 { 30.0 } else { 22.0 }));
        let known = sums(&days, &grid, (1.0, 1.0), 1.0, 0.0);
        let doubted = sums(&days, &grid, (1.0, 1.0), 1.0, 1e-9);
        for day in 0..days.len() {
            for (known, doubted) in known.row(day).iter().zip(doubted.row(day)) {
                assert!((known - doubted).abs() < 1e-4 * known.abs().max(1.0), "{day}: {known} {doubted}");
            }
        }
    }

    /// The days before tell where a level that is off by two standard errors really lies.
    #[test]
    fn a_level_misjudged_within_its_error_is_no_drift_and_hides_none() {
        use crate::stat::grid::Bounds;
        let grid = Grid::new(Bounds::with("-10%".parse().unwrap()), None);
        let most = |counts: Vec<f64>, doubt: f64| {
            sums(&days(counts.into_iter()), &grid, (1.0, 1.0), 1.0, doubt).parts(&grid.effects).down
        };
        let steady = || vec![24.0; 180];
        let (sure, doubting) = (most(steady(), 0.0), most(steady(), 0.01));
        assert!(sure > 20.0 && doubting < libm::log(365.0), "{sure} {doubting}");
        // Planned a fifth too low, it would hide most of a drift by a third.
        let drifted = || [vec![36.0; 170], vec![24.0; 10]].concat();
        let (sure, doubting) = (most(drifted(), 0.0), most(drifted(), 0.01));
        assert!(doubting > sure + 10.0, "{sure} {doubting}");
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
