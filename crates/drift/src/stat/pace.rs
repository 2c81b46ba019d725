//! A lag at another speed, and a lag cut off at a deadline.
//!
//! At speed s every journey takes s times as long: F_s(age) = F(age/s). A day table holds the working week as well,
//! which does not slow down with the journeys: each weekday's table is read as a clock that tells the age at which the
//! mean over weekdays has come as far, and that clock is slowed. Where the table stands still over a weekend, the
//! slowed one does too.

use super::lag::Curve;

/// A share from which on a day table holds nothing more.
const COMPLETE: f64 = 1e-9;

/// Day tables as one mean curve and a clock per weekday of entry.
#[derive(Clone, Debug)]
pub(crate) struct Clocks {
    /// Mean over weekdays of the share by the end of each day.
    pub(crate) mean: Vec<f64>,
    /// Element `[weekday][age]`: where the mean stands as that weekday's table does after `age` days.
    pub(crate) ages: [Vec<f64>; 7],
}

impl Clocks {
    /// Reads the tables by weekday of entry.
    pub(crate) fn of(tables: &[Vec<f64>; 7]) -> Clocks {
        let len = tables[0].len();
        let mean: Vec<f64> =
            (0..len).map(|age| tables.iter().map(|table| table[age]).sum::<f64>() / 7.0).collect();
        let whole = mean.last().copied().unwrap_or(1.0);
        let ages = std::array::from_fn(|weekday| {
            let mut before = 0.0;
            let tell = |share: &f64| {
                let place = inverse(&mean, *share);
                // When all have come, time goes on all the same.
                before = if *share >= whole - COMPLETE { place.max(before + 1.0) } else { place };
                before
            };
            tables[weekday].iter().map(tell).collect()
        });
        Clocks { mean, ages }
    }

    /// The share by the end of the `age`-th day at speed `slower`.
    pub(crate) fn at(&self, weekday: usize, age: usize, slower: f64) -> f64 {
        read(&self.mean, self.ages[weekday][age] / slower)
    }
}

impl Curve {
    /// The same lag with every journey taking `slower` times as long.
    pub(crate) fn scaled(&self, slower: f64) -> Curve {
        match self {
            Curve::Hourly { hours, .. } => {
                Curve::hourly((0..hours.len()).map(|n| read(hours, (n as f64 + 0.5) / slower)).collect())
            }
            Curve::Daily(tables) => {
                let clocks = Clocks::of(tables);
                Curve::Daily(Box::new(std::array::from_fn(|weekday| {
                    (0..tables[weekday].len()).map(|age| clocks.at(weekday, age, slower)).collect()
                })))
            }
        }
    }

    /// The age in days by which half have come.
    pub(crate) fn median(&self) -> f64 {
        match self {
            Curve::Hourly { hours, .. } => inverse(hours, 0.5) / 24.0,
            Curve::Daily(tables) => inverse(&Clocks::of(tables).mean, 0.5),
        }
    }

    /// Of those that come within `days` of their entry, the share that has by each age: F(min(age, W))/F(W).
    /// A day table does not know hours; entry and arrival are taken as spread evenly over their days.
    pub(crate) fn within(&self, days: f64) -> Curve {
        match self {
            Curve::Hourly { hours, .. } => {
                let deadline = days * 24.0;
                let edge = read(hours, deadline);
                let cut = hours.iter().enumerate().map(|(n, share)| match edge > 0.0 {
                    true => share.min(edge) / edge,
                    false => f64::from(u8::from(n as f64 >= deadline)),
                });
                Curve::hourly(cut.collect())
            }
            Curve::Daily(tables) => {
                Curve::Daily(Box::new(std::array::from_fn(|weekday| cut(&tables[weekday], days))))
            }
        }
    }
}

/// One day table cut off after `days` = d + f: of the arrivals on the d-th day after entry those count that come in
/// time, 1 − (1−f)²/2 of them (on the entry day itself, 1 − (1−f)²), of the next day's f²/2.
fn cut(table: &[f64], days: f64) -> Vec<f64> {
    let last = days as usize;
    let part = days - last as f64;
    let open = (1.0 - part) * (1.0 - part);
    let share = |age: usize| table.get(age).or(table.last()).copied().unwrap_or(1.0);
    let before = if last == 0 { 0.0 } else { share(last - 1) };
    let counted = if last == 0 { 1.0 - open } else { 1.0 - open / 2.0 };
    let on_last = before + counted * (share(last) - before);
    let edge = on_last + part * part / 2.0 * (share(last + 1) - share(last));
    let of = |age: usize| match age.cmp(&last) {
        std::cmp::Ordering::Less => share(age),
        std::cmp::Ordering::Equal => on_last,
        std::cmp::Ordering::Greater => edge,
    };
    let step = |age: usize| f64::from(u8::from(age > last));
    (0..table.len()).map(|age| if edge > 0.0 { of(age) / edge } else { step(age) }).collect()
}

/// The value at `place`, where element n stands at n + ½; straight between, from nothing at 0, level beyond.
#[inline(always)]
pub(crate) fn read(values: &[f64], place: f64) -> f64 {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return 1.0 };
    let place = place - 0.5;
    if place <= 0.0 {
        return first * (1.0 + 2.0 * place).max(0.0);
    }
    // No table has 2³¹ elements, and signed numbers convert at once.
    let low = place as i32;
    match values.get(low as usize..).and_then(<[f64]>::first_chunk) {
        Some([a, b]) => a + (b - a) * (place - f64::from(low)),
        _ => *last,
    }
}

/// The least place at which [`read`] gives `share`; the end, where nothing does.
fn inverse(values: &[f64], share: f64) -> f64 {
    let high = values.partition_point(|value| *value < share);
    let Some(&above) = values.get(high) else { return values.len() as f64 - 0.5 };
    match high.checked_sub(1).map(|low| values[low]) {
        Some(below) => high as f64 - 0.5 + (share - below) / (above - below),
        None if above > 0.0 => 0.5 * share / above,
        None => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_plan::Lag;
    use plumbline_units::{Seconds, Share};

    fn log_normal(median_h: f64) -> Curve {
        let seconds = |h: f64| Seconds((h * 3600.0) as i64);
        Curve::of(&Lag::LogNormal { median: seconds(median_h), p90: seconds(median_h * 2.8) }, 200)
    }

    fn weekdays(of: impl Fn(usize, usize) -> f64) -> Curve {
        let table = |w| Lag::Days((0..60).map(|a| Share::from_f64(of(w, a)).unwrap()).collect());
        Curve::of(&Lag::Weekday(Box::new(std::array::from_fn(table))), 60)
    }

    #[test]
    fn a_scaled_log_normal_is_the_log_normal_of_the_scaled_median() {
        let (scaled, direct) = (log_normal(96.0).scaled(1.15), log_normal(96.0 * 1.15));
        for age in 0..100 {
            assert!((scaled.by_day(0, age) - direct.by_day(0, age)).abs() < 2e-4, "{age}");
        }
        assert!((log_normal(96.0).median() - 4.0).abs() < 0.01);
    }

    #[test]
    fn at_its_own_speed_a_day_table_is_itself_and_slowed_it_keeps_its_weekends() {
        // Nobody works from Saturday on; of a working day's open ones a fifth are done.
        let table =
            |w: usize, a: usize| 1.0 - libm::pow(0.8, (0..=a).filter(|d| (w + d) % 7 < 5).count() as f64);
        let curve = weekdays(table);
        let (same, slow) = (curve.scaled(1.0), curve.scaled(1.5));
        for weekday in 0..7 {
            for age in 1..50 {
                assert!((same.by_day(weekday, age) - table(weekday, age)).abs() < 1e-6);
                assert!(slow.by_day(weekday, age) <= table(weekday, age) + 1e-9);
                if (weekday + age) % 7 >= 5 {
                    assert!((slow.by_day(weekday, age) - slow.by_day(weekday, age - 1)).abs() < 1e-9);
                }
            }
        }
        assert!((slow.median() / curve.median() - 1.5).abs() < 0.1);
    }

    #[test]
    fn a_slowed_table_is_complete_in_the_end() {
        let curve = weekdays(|_, a| (a as f64 / 10.0).min(1.0));
        assert!(curve.scaled(2.0).by_day(3, 30) > 1.0 - 1e-9);
    }

    #[test]
    fn within_the_deadline_all_have_come_by_the_deadline() {
        let curve = log_normal(36.0);
        let cut = curve.within(7.0);
        assert!((cut.by_day(0, 8) - 1.0).abs() < 1e-12);
        let at_deadline = read(
            &(0..200 * 24)
                .map(|n| match &curve {
                    Curve::Hourly { hours, .. } => hours[n],
                    Curve::Daily(_) => 0.0,
                })
                .collect::<Vec<_>>(),
            168.0,
        );
        assert!((cut.by_day(0, 3) - curve.by_day(0, 3) / at_deadline).abs() < 1e-9);
    }

    #[test]
    fn a_day_table_is_cut_where_even_hours_would_cut_it() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(2);
        // Arrivals spread evenly over the days 0, 1 and 2 after entry, at an even hour (on day 0, after entry).
        for days in [0.5, 1.0, 1.25, 2.0] {
            let (mut hits, mut by_day) = (0.0, [0.0; 4]);
            for _ in 0..300_000 {
                let entry: f64 = rng.random();
                let day = rng.random_range(0..3);
                let hour = if day == 0 { entry + (1.0 - entry) * rng.random::<f64>() } else { rng.random() };
                let lag: f64 = f64::from(day) + hour - entry;
                if lag <= days {
                    hits += 1.0;
                    by_day[day as usize] += 1.0;
                }
            }
            let shares = cut(&[1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0], days);
            let seen = (by_day[0] + by_day[1]) / hits;
            // On the entry day arrivals lie closer to their entry than two even hours do.
            assert!((shares[1] - seen).abs() < 0.08, "{days}: {} against {seen}", shares[1]);
        }
    }
}
