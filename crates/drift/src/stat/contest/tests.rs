use super::*;
use crate::stat::lag::Curve;
use crate::stat::pair::PairSeason;
use crate::stat::{PairSeries, StageEntries};
use plumbline_plan::{Lag, Season};
use plumbline_units::{Day, Share};

const DAYS: usize = 40;

/// Half convert, a tenth of them on each of the first ten days.
fn transition(error: f64) -> (Pair, Timing) {
    let shares = (1..=10).map(|tenths| Share::from_f64(f64::from(tenths) / 10.0).unwrap()).collect();
    let pair = Pair {
        from: 0,
        to: 1,
        rate: 0.5,
        error,
        dispersion: 0.0,
        curve: Curve::of(&Lag::Days(shares), 60),
        in_time: None,
        season: PairSeason::of(&Season::FLAT, (1, 1)),
    };
    let timing = Timing::new(0, 1, pair.curve.clone(), pair.lag_doubt());
    (pair, timing)
}

/// A hundred enter a day; of the cohorts from the 20th day on, `of_age` convert on each day of age.
fn cohorts(of_age: impl Fn(usize) -> u32) -> (ScopeSeries, AgeSeries) {
    let first_day: Day = "2026-03-02".parse().unwrap();
    let mut ages = AgeSeries { from: 0, to: 1, cells: vec![] };
    for entry in 0..DAYS {
        for age in 0..DAYS - entry {
            let count = if entry < 20 { u32::from(age < 10) * 5 } else { of_age(age) };
            if count > 0 {
                ages.cells.push((entry as u32, age as u16, count));
            }
        }
    }
    let stage = |count| StageEntries { counts: vec![count; DAYS], inferred: vec![], hours: vec![] };
    let series = ScopeSeries {
        first_day,
        last_day: first_day.plus(DAYS as i32 - 1),
        stages: vec![stage(100), stage(50)],
        pairs: vec![PairSeries { from: 0, to: 1, converted: vec![] }],
        spend: vec![],
        won: vec![],
        in_time: vec![],
        ages: vec![],
        unrecorded: vec![],
    };
    (series, ages)
}

/// The odds of another rate against another time, with the onset known.
fn odds(error: f64, side: Side, of_age: impl Fn(usize) -> u32) -> f64 {
    let ((pair, timing), (series, ages)) = (transition(error), cohorts(of_age));
    let mut odds = [Odds::default()];
    Contest::new(&pair, &timing, side, &series, 20).weigh(&series, &ages, 20, &mut odds);
    odds[0].rate - odds[0].time
}

#[test]
fn what_is_made_good_is_later_and_what_is_short_at_all_ages_is_fewer() {
    let early = |age| u32::from(age < 10);
    let lying = |age| 3 * early(age) + if age >= 7 { 2 * u32::from(age < 17) } else { 0 };
    type OfAge<'a> = &'a dyn Fn(usize) -> u32;
    let cases: [(&str, Side, OfAge, f64); 5] = [
        ("all ages short", Side::Down, &|age| 3 * early(age), 1.0),
        ("twice as slow", Side::Down, &|age| if age < 20 { 2 + u32::from(age % 2 == 0) } else { 0 }, -1.0),
        ("two in five lie for a week", Side::Down, &lying, -1.0),
        ("all ages more", Side::Up, &|age| 8 * early(age), 1.0),
        ("twice as quick", Side::Up, &|age| if age < 5 { 10 } else { 0 }, -1.0),
    ];
    for (what, side, of_age, sign) in cases {
        let odds = odds(0.0, side, of_age);
        assert!(odds * sign > 5.0, "{what}: {odds}");
    }
}

#[test]
fn as_planned_decides_nothing_and_an_uncertain_plan_decides_less() {
    let planned = odds(0.0, Side::Down, |age| 5 * u32::from(age < 10));
    assert!(planned.abs() < 1.0, "{planned}");
    let short = |age| 3 * u32::from(age < 10);
    let (known, fitted) = (odds(0.0, Side::Down, short), odds(0.1, Side::Down, short));
    assert!(fitted > 0.0 && fitted < 0.7 * known, "{known} {fitted}");
}

#[test]
fn nothing_is_done_before_it_would_have_been() {
    let planned = vec![vec![0.2, 0.6, 1.0, 1.0]];
    for (age, (share, expected)) in lying(&planned, 0.5, 2)[0].iter().zip([0.1, 0.3, 0.6, 0.8]).enumerate() {
        assert!((share - expected).abs() < 1e-12, "{age}");
    }
}
