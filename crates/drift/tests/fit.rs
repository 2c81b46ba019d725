//! Estimators against closed forms and against populations of which the truth is known.

#![allow(clippy::unwrap_used)]

use plumbline_drift::fit::{Cohorts, Refusal, fit_lag, fit_rate};
use plumbline_simulator::{Spec, lag_tables};
use plumbline_units::Day;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Beta, Binomial, Distribution, Poisson};

/// Cohorts of one transition: daily entries by weekday, a rate, cumulative tables by weekday of entry, and the
/// intra-day correlation.
fn simulate(
    rng: &mut StdRng,
    days: usize,
    entries: &[f64; 7],
    rate: &[f64; 7],
    tables: &[Vec<f64>; 7],
    rho: f64,
) -> Cohorts {
    let first = Day::from_ymd(2025, 1, 6).unwrap();
    let mut entered = Vec::new();
    let mut converted = Vec::new();
    for day in 0..days {
        let weekday = day % 7;
        let n = Poisson::new(entries[weekday].max(1e-9)).unwrap().sample(rng) as u32;
        let p = if rho > 0.0 {
            let scale = 1.0 / rho - 1.0;
            Beta::new(rate[weekday] * scale, (1.0 - rate[weekday]) * scale).unwrap().sample(rng)
        } else {
            rate[weekday]
        };
        let mut row = vec![0; days - day];
        let k = Binomial::new(u64::from(n), p).unwrap().sample(rng);
        for _ in 0..k {
            let at: f64 = rng.random();
            let age = tables[weekday].partition_point(|share| *share <= at);
            if let Some(slot) = row.get_mut(age) {
                *slot += 1;
            }
        }
        entered.push(n);
        converted.push(row);
    }
    Cohorts::new(first, entered, converted)
}

#[test]
fn tables_of_the_simulated_mechanism_are_recovered() {
    let tables = lag_tables(&Spec::default()).0;
    let volumes = [30.0, 15.0, 6.0, 3.0];
    let rates = [0.5, 0.4, 0.5, 0.4];
    for (scale, worst_rate, worst_share) in [(1.0, 0.10, 0.10), (200.0 / 30.0, 0.05, 0.05)] {
        for transition in 0..4 {
            let mut error = 0.0;
            let mut rate_error = 0.0;
            let mut bias = 0.0;
            let seeds = 8;
            for seed in 0..seeds {
                let mut rng = StdRng::seed_from_u64(seed * 10 + transition as u64);
                let v = volumes[transition] * scale;
                // The first stage's arrivals; the back-log moves later ones to Mondays.
                let weekend = if transition == 0 { 0.29 } else { 0.23 };
                let monday = if transition == 0 { 1.29 } else { 2.1 };
                let entries = [v * monday, v * 1.15, v * 1.15, v * 1.15, v * 1.15, v * weekend, v * weekend];
                let cohorts = simulate(
                    &mut rng,
                    200 - 5 * transition,
                    &entries,
                    &[rates[transition]; 7],
                    &tables[transition],
                    0.0,
                );
                let lag = fit_lag(&cohorts, 4).unwrap();
                let fitted = fit_rate(&cohorts, &|w, a| lag.share(w, a), (1, 1), 4).unwrap();
                let off = fitted.rate / rates[transition] - 1.0;
                rate_error += off * off;
                // p·F by age, over weekdays by their entries: what evidence is gathered against.
                let total: f64 = entries.iter().sum();
                let mut worst: f64 = 0.0;
                for age in 1..120 {
                    let mean =
                        |f: &dyn Fn(usize) -> f64| (0..7).map(|w| entries[w] * f(w)).sum::<f64>() / total;
                    let truth =
                        mean(&|w| rates[transition] * tables[transition][w].get(age).copied().unwrap_or(1.0));
                    let seen = mean(&|w| fitted.rate * lag.share(w, age));
                    if truth > 0.1 * rates[transition] {
                        worst = worst.max((seen - truth).abs() / rates[transition]);
                        bias += (seen - truth) / rates[transition] / 120.0;
                    }
                }
                error += worst;
            }
            let n = seeds as f64;
            let (error, rate_error, bias) = (error / n, (rate_error / n).sqrt(), bias / n);
            println!(
                "scale {scale:.1} transition {transition}: worst pF {error:.4} rate {rate_error:.4} bias {bias:.4}"
            );
            assert!(
                rate_error < worst_rate,
                "scale {scale} transition {transition}: rate off by {rate_error}"
            );
            assert!(error < worst_share, "scale {scale} transition {transition}: pF off by {error}");
        }
    }
}

#[test]
fn a_population_is_fitted_by_its_own_table() {
    // So many entries that every count is its expectation: F is 0.5, 0.8, 0.95, 1 and p is 0.4.
    let shares: [f64; 4] = [0.5, 0.8, 0.95, 1.0];
    let days = 60usize;
    let n = 1_000_000u32;
    let converted = (0..days)
        .map(|_| {
            let mut before = 0.0;
            shares
                .iter()
                .map(|share| {
                    let count = (f64::from(n) * 0.4 * (share - before)).round() as u32;
                    before = *share;
                    count
                })
                .collect()
        })
        .collect();
    let cohorts = Cohorts::new(Day::from_ymd(2025, 1, 6).unwrap(), vec![n; days], converted);
    let lag = fit_lag(&cohorts, 1).unwrap();
    for (age, share) in shares.iter().enumerate() {
        for weekday in 0..7 {
            assert!((lag.share(weekday, age) - share).abs() < 1e-3, "{age}: {}", lag.share(weekday, age));
        }
    }
    let rate = fit_rate(&cohorts, &|w, a| lag.share(w, a), (1, 1), 1).unwrap();
    assert!((rate.rate - 0.4).abs() < 1e-3 && rate.low < rate.rate && rate.rate < rate.high, "{rate:?}");
    assert!(rate.weekday.is_none() && !rate.dispersion.unwrap().is_shown());
}

/// Kullback–Leibler divergence of two lags, per conversion within 180 days.
fn divergence(truth: impl Fn(usize) -> f64, fitted: impl Fn(usize) -> f64) -> f64 {
    let day = |share: &dyn Fn(usize) -> f64, age: usize| {
        (share(age) - age.checked_sub(1).map_or(0.0, share)).max(1e-9) / share(179)
    };
    (0..180).map(|age| day(&truth, age) * libm::log(day(&truth, age) / day(&fitted, age))).sum()
}

#[test]
fn where_few_convert_a_log_normal_lag_is_known_as_well_as_its_two_numbers() {
    // Entries spread evenly over their days.
    let share = |age: usize| {
        let at = |i: usize| {
            let days = age as f64 + (i as f64 + 0.5) / 16.0;
            0.5 * libm::erfc(-libm::log(days / 14.0) / 1.15 / std::f64::consts::SQRT_2)
        };
        (0..16).map(at).sum::<f64>() / 16.0
    };
    let tables: [Vec<f64>; 7] = std::array::from_fn(|_| (0..400).map(share).collect());
    let seeds = 20;
    let mut sum = 0.0;
    for seed in 0..seeds {
        let cohorts = simulate(&mut StdRng::seed_from_u64(seed), 200, &[3.0; 7], &[0.4; 7], &tables, 0.0);
        let lag = fit_lag(&cohorts, 8).unwrap();
        sum += cohorts.conversions() as f64 * divergence(share, |age| lag.share(0, age));
    }
    // Of two numbers fitted to as many conversions it is one; some are cut off, and the days' own hazards add some.
    let mean = sum / seeds as f64;
    println!("divergence times conversions: {mean:.2}");
    assert!(mean < 4.5, "{mean}");
}

#[test]
fn where_many_convert_a_lag_that_is_no_log_normal_is_kept() {
    // Half within three days, half after a month.
    let share = |age: usize| (age as f64 / 6.0).min(0.5) + ((age as f64 - 27.0) / 12.0).clamp(0.0, 0.5);
    let tables: [Vec<f64>; 7] = std::array::from_fn(|_| (0..60).map(share).collect());
    let cohorts = simulate(&mut StdRng::seed_from_u64(3), 200, &[200.0; 7], &[0.4; 7], &tables, 0.0);
    let lag = fit_lag(&cohorts, 8).unwrap();
    for age in 0..40 {
        assert!((lag.share(0, age) - share(age)).abs() < 0.03, "{age}: {}", lag.share(0, age));
    }
}

#[test]
fn over_dispersion_is_recovered_and_none_is_not_made_up() {
    let tables: [Vec<f64>; 7] = std::array::from_fn(|_| vec![0.5, 0.8, 0.95, 1.0]);
    for rho in [0.0, 0.01, 0.05] {
        let (mut sum, mut shown) = (0.0, 0);
        let seeds = 40;
        for seed in 0..seeds {
            let mut rng = StdRng::seed_from_u64(seed);
            let cohorts = simulate(&mut rng, 200, &[100.0; 7], &[0.4; 7], &tables, rho);
            let rate =
                fit_rate(&cohorts, &|w, a| tables[w].get(a).copied().unwrap_or(1.0), (1, 1), 1).unwrap();
            let dispersion = rate.dispersion.unwrap();
            sum += dispersion.rho;
            shown += u32::from(dispersion.is_shown());
        }
        let mean = sum / f64::from(seeds as u32);
        assert!((mean - rho).abs() < 0.0008 + 0.1 * rho, "{rho}: {mean}");
        assert!(if rho > 0.0 { shown == 40 } else { shown <= 1 }, "{rho}: shown in {shown} of 40");
    }
}

#[test]
fn a_weekday_season_of_the_rate_is_found_only_where_there_is_one() {
    let tables: [Vec<f64>; 7] = std::array::from_fn(|_| vec![0.5, 0.8, 0.95, 1.0]);
    let share = |w: usize, a: usize| tables[w].get(a).copied().unwrap_or(1.0);
    let mut rng = StdRng::seed_from_u64(5);
    let seasonal = [0.48, 0.44, 0.4, 0.4, 0.4, 0.3, 0.3];
    let cohorts = simulate(&mut rng, 200, &[80.0; 7], &seasonal, &tables, 0.0);
    let factors = fit_rate(&cohorts, &share, (1, 1), 4).unwrap().weekday.expect("a season");
    let mean = seasonal.iter().sum::<f64>() / 7.0;
    for (factor, rate) in factors.iter().zip(seasonal) {
        assert!((factor - rate / mean).abs() < 0.08, "{factors:?}");
    }
    let found = (0..50)
        .filter(|seed| {
            let mut rng = StdRng::seed_from_u64(*seed);
            let rho = if seed % 2 == 0 { 0.01 } else { 0.0 };
            let cohorts = simulate(&mut rng, 200, &[80.0; 7], &[0.4; 7], &tables, rho);
            fit_rate(&cohorts, &share, (1, 1), 1).unwrap().weekday.is_some()
        })
        .count();
    assert!(found <= 3, "{found} of 50");
}

#[test]
fn what_the_data_cannot_carry_is_refused_in_words() {
    let first = Day::from_ymd(2025, 1, 6).unwrap();
    let few = Cohorts::new(first, vec![10; 30], vec![vec![1]; 30]);
    assert!(matches!(fit_lag(&few, 1), Err(Refusal::TooFew { entries: 300, conversions: 30, .. })));
    // Half of those that convert do so after 40 days, and the history is 60 days long.
    let tables: [Vec<f64>; 7] =
        std::array::from_fn(|_| (1..=200).map(|a| 1.0 - libm::exp(-f64::from(a) / 60.0)).collect());
    let cohorts = simulate(&mut StdRng::seed_from_u64(1), 60, &[100.0; 7], &[0.5; 7], &tables, 0.0);
    let refusal = fit_lag(&cohorts, 1).unwrap_err();
    assert!(matches!(refusal, Refusal::TooShort { .. }), "{refusal}");
    assert!(refusal.to_string().contains("more days of history"), "{refusal}");
}
