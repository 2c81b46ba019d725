//! Fitting: cohorts of any shape.

use plumbline_drift::fit::{Cohorts, FittedLag, fit_lag, fit_level, fit_rate, lag_differs};
use plumbline_units::Day;

/// More days take more time, with the square of their number; now and then there are eight quarters of them, from
/// which on the weeks of a quarter are looked at.
const DAYS: usize = 130;
const LONG: usize = 740;

/// Two bytes are the number of days, one the scale of the entries, one the greatest age; the others, over and over,
/// say how many entered and converted.
pub fn fit(data: &[u8]) {
    let [low, high, scale, ages, counts @ ..] = data else { return };
    if counts.is_empty() {
        return;
    }
    let days = if *high == 255 { LONG } else { usize::from(u16::from_le_bytes([*low, *high])) % DAYS + 1 };
    let mut next = counts.iter().copied().map(u32::from).cycle();
    let mut take = || next.next().unwrap_or_default();
    let first = Day::from_number(20_000);
    let entered: Vec<u32> = (0..days).map(|_| take() * (1 + u32::from(*scale) * 16)).collect();
    let converted: Vec<Vec<u32>> =
        (0..days).map(|_| (0..=*ages).map(|_| take() / (1 + u32::from(*ages) / 8)).collect()).collect();
    let amounts: Vec<f64> = entered.iter().map(|n| f64::from(*n)).collect();
    let cohorts = Cohorts::new(first, entered, converted);
    if let Ok(lag) = fit_lag(&cohorts, 3) {
        check_lag(&lag);
        let _ = lag_differs(&cohorts, &lag, 3);
        if let Ok(rate) = fit_rate(&cohorts, &|weekday, age| lag.share(weekday, age), (1, 1), 3) {
            let ends = [rate.low, rate.rate, rate.high, rate.error];
            assert!(ends.iter().all(|end| end.is_finite() && *end >= 0.0), "{rate:?}");
            assert!(rate.low <= rate.rate && rate.rate <= rate.high && rate.high <= 1.0, "{rate:?}");
        }
    }
    if let Some(level) = fit_level(first, &amounts, (1, 1)) {
        assert!(level.low <= level.per_day && level.per_day <= level.high, "{level:?}");
    }
}

fn check_lag(lag: &FittedLag) {
    assert!(lag.median <= lag.p90, "half is there before nine of ten");
    assert!((-1e-9..=1.0 + 1e-9).contains(&lag.tail), "{}", lag.tail);
    for weekday in 0..7 {
        let mut before = 0.0;
        for age in 0..160 {
            let share = lag.share(weekday, age);
            assert!(share >= before && share <= 1.0 + 1e-9, "weekday {weekday}, age {age}: {share}");
            before = share;
        }
    }
}
