use super::*;
use crate::stat::StageEntries;
use crate::stat::grid::Bounds;
use plumbline_plan::Lag;
use plumbline_units::{Seconds, Share};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};

/// By the end of the entry day 20%, of the next 70%, of the third all.
fn three_days() -> Timing {
    let shares = [0.2, 0.7, 1.0].map(|s| Share::from_f64(s).unwrap());
    Timing::new(0, 1, Curve::of(&Lag::Days(shares.to_vec()), 30), 0.0)
}

fn two_weeks() -> Timing {
    let lag = Lag::LogNormal { median: Seconds::days(14), p90: Seconds::days(40) };
    Timing::new(0, 1, Curve::of(&lag, 200), 0.0)
}

fn series(first: &str, len: i32) -> ScopeSeries {
    let first_day: Day = first.parse().unwrap();
    ScopeSeries {
        first_day,
        last_day: first_day.plus(len - 1),
        stages: vec![StageEntries::default(); 2],
        pairs: vec![],
        spend: vec![],
        won: vec![],
        in_time: vec![],
        ages: vec![],
        unrecorded: Vec::new(),
    }
}

fn aged(cells: &[(u32, u16, u32)]) -> AgeSeries {
    AgeSeries { from: 0, to: 1, cells: cells.to_vec() }
}

fn grid() -> Grid {
    Grid::new(Bounds::with("+25%".parse().unwrap()), None)
}

/// Every way in which three journeys, of which a share `p` converts at all, can have fared by the end of the day
/// after their entry: its probability and its log likelihood ratios.
fn outcomes(p: f64) -> Vec<(f64, [f64; GRID])> {
    let (timing, series, grid) = (three_days(), series("2026-03-02", 2), grid());
    let ways = [p * 0.2, p * 0.5, 1.0 - p * 0.7];
    let mut all = Vec::new();
    for way in 0..27 {
        let of = [way % 3, way / 3 % 3, way / 9];
        let count = |age: usize| of.iter().filter(|w| **w == age).count() as u32;
        let cells: Vec<_> =
            [(0, 0, count(0)), (0, 1, count(1))].into_iter().filter(|(.., n)| *n > 0).collect();
        let mut scores = timing.score(&series, &aged(&cells), 0, &grid, 0.0, (5, None)).scores;
        all.push((of.iter().map(|w| ways[*w]).product(), *scores.row(0)));
    }
    all
}

#[test]
fn at_the_planned_lag_the_likelihood_ratio_is_one_on_average_whatever_the_conversion() {
    for p in [0.05, 0.4, 0.9] {
        let all = outcomes(p);
        for r in 0..GRID {
            let mean: f64 = all.iter().map(|(chance, row)| chance * libm::exp(row[r])).sum();
            assert!((mean - 1.0).abs() < 1e-7, "{p}, effect {r}: {mean}");
        }
    }
}

#[test]
fn a_change_of_conversion_moves_the_evidence_only_by_how_much_of_it_there_is() {
    let mean = |p: f64, r: usize| outcomes(p).iter().map(|(chance, row)| chance * row[r]).sum::<f64>();
    for r in 0..GRID {
        assert!((mean(0.5, r) / 0.5 - mean(0.1, r) / 0.1).abs() < 1e-6);
        // At the planned lag what there is speaks against every other.
        assert!(mean(0.5, r) < 0.0);
    }
}

#[test]
fn the_score_agrees_with_the_definition() {
    let (timing, series) = (three_days(), series("2026-03-02", 3));
    // The newest day's cohort has one conversion, the one before two of each age, the oldest one of each.
    let cells = [(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 0, 2), (1, 1, 2), (2, 0, 1)];
    let mut scores = timing.score(&series, &aged(&cells), 0, &grid(), 0.0, (5, None)).scores;
    for (r, effect) in grid().effects.iter().enumerate() {
        let shares = &timing.shares(&[1.0 / 24.0; 24], effect.factor)[0];
        let f = |age: usize| (shares[age] - if age > 0 { shares[age - 1] } else { 0.0 }).max(LEAST);
        let planned = [0.2, 0.5, 0.3];
        let whole = |age: usize| planned[..=age].iter().sum::<f64>();
        let part = |age: usize, of: usize| libm::log(f(age) / shares[of] / (planned[age] / whole(of)));
        let expected = [part(0, 2) + part(1, 2) + part(2, 2), 2.0 * (part(0, 1) + part(1, 1)), 0.0];
        for (index, expected) in expected.iter().enumerate() {
            assert!((scores.row(index)[r] - expected).abs() < 1e-6, "effect {r}, cohort {index}");
        }
    }
}

proptest! {
    #[test]
    fn the_same_ages_on_other_days_give_the_same_evidence(
        cells in proptest::collection::btree_map((0u32..40, 0u16..40), 1u32..5, 0..60),
        shift in 0i32..400,
        older in 0u32..30,
    ) {
        let cells: Vec<_> = cells
            .into_iter()
            .filter(|((entry, age), _)| entry + u32::from(*age) < 40)
            .map(|((entry, age), n)| (entry, age, n))
            .collect();
        let moved: Vec<_> = cells.iter().map(|(entry, age, n)| (entry + older, *age, *n)).collect();
        let (timing, grid) = (two_weeks(), grid());
        let here = series("2026-03-02", 40);
        let mut there = series("2026-03-02", 40 + older as i32);
        there.first_day = there.first_day.plus(shift);
        there.last_day = there.last_day.plus(shift);
        let mut one = timing.score(&here, &aged(&cells), 0, &grid, 0.0, (5, None));
        let mut other = timing.score(&there, &aged(&moved), older as usize, &grid, 0.0, (5, None));
        prop_assert_eq!(one.growth, other.growth);
        for cohort in 0..40 {
            prop_assert_eq!(*one.scores.row(cohort), *other.scores.row(cohort));
        }
    }
}

#[test]
fn the_pace_is_estimated_from_young_cohorts_without_bias() {
    let mut rng = rand::rngs::StdRng::seed_from_u64(11);
    let sigma = libm::log(40.0 / 14.0) / 1.281_551_6;
    for slower in [0.7, 1.0, 1.5] {
        let mut cells = std::collections::BTreeMap::new();
        for entry in 0..60u32 {
            // Ever fewer convert: that must not matter.
            for _ in 0..(200 - 3 * entry) {
                let hour: f64 = rng.random();
                let normal: f64 = rng.sample(rand_distr::StandardNormal);
                let age = (hour + 14.0 * slower * libm::exp(sigma * normal)) as u32;
                if entry + age < 60 {
                    *cells.entry((entry, age as u16)).or_insert(0u32) += 1;
                }
            }
        }
        let cells: Vec<_> = cells.into_iter().map(|((entry, age), n)| (entry, age, n)).collect();
        let pace = two_weeks().estimate(&series("2026-03-02", 60), &aged(&cells), 0);
        let off = (pace.log - libm::log(slower)) / libm::sqrt(pace.variance);
        assert!(off.abs() < 2.5 && pace.variance < 0.01, "{slower}: {pace:?}");
    }
    let nothing = two_weeks().estimate(&series("2026-03-02", 60), &aged(&[]), 0);
    assert!(nothing.log.abs() < 1e-3 && (nothing.variance - PRIOR * PRIOR).abs() < 1e-3);
}

/// Of a table that ends on its third day, slower paces reach beyond; journeys so late are no matter of pace.
#[test]
fn what_comes_after_the_end_of_a_table_says_no_more_than_what_comes_at_its_end() {
    let (timing, series) = (three_days(), series("2026-03-02", 28));
    let row = |age: u16| {
        let mut scores = timing.score(&series, &aged(&[(0, age, 1)]), 0, &grid(), 0.0, (5, None)).scores;
        *scores.row(0)
    };
    for late in [3, 9, 27] {
        assert_eq!(row(late), row(2));
    }
    let pace = |late: u16| {
        let cells = [(0, 0, 20), (0, 1, 50), (0, 2, 30 - 3), (0, late, 3)];
        timing.estimate(&series, &aged(&cells[..if late == 2 { 3 } else { 4 }]), 0).log
    };
    assert!((pace(9) - pace(2)).abs() < 0.05, "{} {}", pace(9), pace(2));
}

#[test]
fn of_ages_so_young_a_fitted_lag_knows_less() {
    let shares = [0.2, 0.7, 1.0].map(|s| Share::from_f64(s).unwrap());
    let fitted = Timing::new(0, 1, Curve::of(&Lag::Days(shares.to_vec()), 30), 0.01);
    let kept = |cohort: u32| {
        let aged = aged(&[(cohort, 0, 40)]);
        fitted.score(&series("2026-03-02", 10), &aged, 0, &grid(), 0.0, (5, None)).scores.kept()
    };
    assert!((kept(0) - 1.0 / 1.4).abs() < 1e-9);
    // Of the history's hundred conversions twenty were of the entry day.
    assert!((kept(9) - 1.0 / 3.0).abs() < 1e-9);
}

#[test]
fn a_pace_known_beforehand_is_read_as_any_other() {
    let (plain, known) = (two_weeks(), two_weeks().at_paces([1.3, 0.8]));
    let mut profile = [0.0; 24];
    (9..18).for_each(|hour| profile[hour] = 0.1 + 0.01 * hour as f64);
    for pace in [1.3, 0.8, 1.0] {
        assert_eq!(plain.shares(&profile, pace), known.shares(&profile, pace));
        assert_eq!(plain.young_shares(&profile, pace, 4), known.young_shares(&profile, pace, 4));
    }
}

#[test]
fn one_side_alone_is_scored_as_beside_the_other() {
    let (timing, grid, series) = (two_weeks().with(&grid(), &[(1.0, 1.0)]), grid(), series("2026-03-02", 60));
    let ages = aged(&[(0, 3, 2), (0, 9, 1), (5, 20, 4), (40, 1, 3)]);
    let both = timing.score(&series, &ages, 0, &grid, 0.0, (5, None)).scores.accumulate();
    for side in [Side::Down, Side::Up] {
        let one = timing.score(&series, &ages, 0, &grid, 0.0, (5, Some(side))).scores.accumulate();
        assert_eq!(one.peak(&grid.effects, side), both.peak(&grid.effects, side));
        assert_eq!(one.likeliest(&grid.effects, side), both.likeliest(&grid.effects, side));
    }
}
