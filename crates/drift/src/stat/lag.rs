//! How long a transition takes: the share F(age) of the eventual conversions that has come by an age.
//!
//! A log-normal lag is kept by the hour, because a cohort's age at the tick depends on the hour of entry. A day
//! table already averages over the hours of entry and the working week of those who do the work; it is read as
//! it stands, by weekday of entry where there are seven of it.

use plumbline_plan::Lag;
use plumbline_units::Seconds;

/// z of the 90th percentile of the normal distribution.
const Z90: f64 = 1.281_551_565_544_600_4;

/// Ages at which a log-normal lag is evaluated within each hour.
const POINTS_PER_HOUR: usize = 4;

/// The distribution function of a lag, for ages up to a fixed number of days.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Curve {
    /// Element `n`: mean of F over ages between `n` and `n + 1` hours. Elements of `days`: the same over whole
    /// days, for entries spread evenly over theirs.
    Hourly {
        /// By the hour.
        hours: Vec<f64>,
        /// By the day.
        days: Vec<f64>,
    },
    /// By weekday of entry, Monday first: element `a` is the share converted by the end of the `a`-th day after
    /// the entry day.
    Daily(Box<[Vec<f64>; 7]>),
}

impl Curve {
    /// The curve of a planned lag for ages of `0..ages` days.
    pub(crate) fn of(lag: &Lag, ages: usize) -> Curve {
        match lag {
            Lag::LogNormal { median, p90 } => Curve::log_normal(*median, *p90, ages),
            Lag::Days(_) => {
                let days = day_table(lag, ages);
                Curve::Daily(Box::new(std::array::from_fn(|_| days.clone())))
            }
            Lag::Weekday(tables) => {
                Curve::Daily(Box::new(std::array::from_fn(|weekday| day_table(&tables[weekday], ages))))
            }
        }
    }

    /// μ = ln median, σ = ln(p90/median)/1.2816; a lag without spread is a step.
    fn log_normal(median: Seconds, p90: Seconds, ages: usize) -> Curve {
        let median = (median.0.max(1) as f64) / 3600.0;
        let sigma = (libm::log(p90.0.max(1) as f64 / 3600.0 / median) / Z90).max(1e-6);
        let mu = libm::log(median);
        let share = |age: f64| 0.5 * libm::erfc((mu - libm::log(age)) / (sigma * std::f64::consts::SQRT_2));
        let step = 1.0 / POINTS_PER_HOUR as f64;
        let hours = (0..ages * 24)
            .map(|n| {
                let total: f64 =
                    (0..POINTS_PER_HOUR).map(|i| share(n as f64 + (i as f64 + 0.5) * step)).sum();
                total * step
            })
            .collect();
        Curve::hourly(hours)
    }

    pub(crate) fn hourly(hours: Vec<f64>) -> Curve {
        let days = hours.chunks(24).map(|day| day.iter().sum::<f64>() / day.len() as f64).collect();
        Curve::Hourly { hours, days }
    }

    /// How many whole days of age it covers.
    pub(crate) fn ages(&self) -> usize {
        match self {
            Curve::Hourly { days, .. } => days.len(),
            Curve::Daily(tables) => tables[0].len(),
        }
    }

    /// F at the end of the `age`-th day after an entry day, for entries spread evenly over their day (log-normal)
    /// or as the table says. Beyond the last age, the last value.
    pub(crate) fn by_day(&self, weekday: usize, age: usize) -> f64 {
        let days = match self {
            Curve::Hourly { days, .. } => days,
            Curve::Daily(tables) => &tables[weekday],
        };
        days.get(age).or(days.last()).copied().unwrap_or(1.0)
    }

    /// F for entries of known hours: Σ_h n_h F(24(age+1) − h) / n, each hour's entries spread evenly over it.
    /// `None` where the curve does not look at hours.
    pub(crate) fn by_hour(&self, age: usize, entries: &[u32; 24]) -> Option<f64> {
        let Curve::Hourly { hours, .. } = self else { return None };
        let day: &[f64; 24] = hours.get(24 * age..24 * (age + 1))?.try_into().ok()?;
        // No hour has 2³¹ entries, and signed numbers convert at once.
        let n: [f64; 24] = entries.map(|n| f64::from((n & i32::MAX.unsigned_abs()) as i32));
        let total = side_by_side(|h| n[h]);
        (total > 0.0).then(|| side_by_side(|h| n[h] * day[23 - h]) / total)
    }

    /// The distribution of this lag followed by `next`.
    pub(crate) fn then(&self, next: &Curve) -> Curve {
        match (self, next) {
            (Curve::Hourly { hours: first, .. }, Curve::Hourly { hours: second, .. }) => {
                convolve_hours(first, second)
            }
            _ => convolve_days(self, next),
        }
    }

    /// The distribution of this lag followed by `next`, whose conversions vary by weekday of its entry; and by
    /// weekday of this entry, the factor on the conversions that makes: Σ_i P(A = i | w) · season(w + i).
    pub(crate) fn then_seasonal(&self, next: &Curve, season: &[f64; 7]) -> (Curve, [f64; 7]) {
        let tables: [Vec<f64>; 7] = std::array::from_fn(|weekday| {
            (0..next.ages()).map(|age| season[weekday] * next.by_day(weekday, age)).collect()
        });
        let Curve::Daily(mut joined) = convolve_days(self, &Curve::Daily(Box::new(tables))) else {
            return (self.then(next), [1.0; 7]);
        };
        let ends = std::array::from_fn(|weekday| {
            let mut before = 0.0;
            let (mut sum, mut come) = (0.0, 0.0);
            for age in 0..self.ages() {
                let by_now = self.by_day(weekday, age);
                sum += (by_now - before) * season[(weekday + age) % 7];
                come += by_now - before;
                before = by_now;
            }
            if come > 0.0 && sum > 0.0 { sum / come } else { 1.0 }
        });
        for (table, end) in joined.iter_mut().zip(&ends) {
            table.iter_mut().for_each(|share| *share = (*share / end).min(1.0));
        }
        (Curve::Daily(joined), ends)
    }

    /// The age in whole days by which nine of ten have come, over weekdays on average; the last age if later.
    pub(crate) fn p90(&self) -> usize {
        let mean = |age: usize| (0..7).map(|w| self.by_day(w, age)).sum::<f64>() / 7.0;
        (0..self.ages()).find(|&age| mean(age) >= 0.9).unwrap_or(self.ages().saturating_sub(1))
    }
}

/// The sum over the hours of a day, in four sums side by side: one waits for itself.
#[inline(always)]
pub(crate) fn side_by_side(of: impl Fn(usize) -> f64) -> f64 {
    let mut sums = [0.0; 4];
    for first in [0, 4, 8, 12, 16, 20] {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += of(first + i);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// The day table of a lag, of `ages` days; its last share serves beyond its end.
fn day_table(lag: &Lag, ages: usize) -> Vec<f64> {
    match lag {
        Lag::Days(shares) => {
            let share = |age: usize| shares.get(age).or(shares.last()).map_or(1.0, |s| s.as_f64());
            (0..ages).map(share).collect()
        }
        Lag::LogNormal { median, p90 } => {
            let curve = Curve::log_normal(*median, *p90, ages);
            (0..ages).map(|age| curve.by_day(0, age)).collect()
        }
        // Weekday tables are never nested; were they, Monday's would serve.
        Lag::Weekday(tables) => day_table(&tables[0], ages),
    }
}

/// P(A + B ≤ n) = Σ_i P(A in hour i) · mean of F_B over ages between n−i−1 and n−i.
fn convolve_hours(first: &[f64], second: &[f64]) -> Curve {
    let len = first.len();
    // F_A on whole hours, from its means over the hours on either side.
    let on_hour = |i: usize| if i == 0 { 0.0 } else { 0.5 * (first[i - 1] + first[i.min(len - 1)]) };
    let mut cumulative = vec![0.0; len + 1];
    for i in 0..len {
        let mass = on_hour(i + 1) - on_hour(i);
        for (out, share) in cumulative[i + 1..].iter_mut().zip(second) {
            *out += mass * share;
        }
    }
    Curve::hourly(cumulative.windows(2).map(|ends| 0.5 * (ends[0] + ends[1])).collect())
}

/// P(A + B ≤ a | entry on weekday w) = Σ_i P(A = i | w) · F_B(a − i | weekday w + i).
fn convolve_days(first: &Curve, second: &Curve) -> Curve {
    let ages = first.ages().min(second.ages());
    Curve::Daily(Box::new(std::array::from_fn(|weekday| {
        let mut out = vec![0.0; ages];
        for i in 0..ages {
            let before = if i == 0 { 0.0 } else { first.by_day(weekday, i - 1) };
            let mass = first.by_day(weekday, i) - before;
            for (age, value) in out.iter_mut().enumerate().skip(i) {
                *value += mass * second.by_day((weekday + i) % 7, age - i);
            }
        }
        out
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_units::Share;

    fn log_normal(median_h: i64, p90_h: i64) -> Lag {
        Lag::LogNormal { median: Seconds::hours(median_h), p90: Seconds::hours(p90_h) }
    }

    fn days(shares: &[f64]) -> Lag {
        Lag::Days(shares.iter().map(|s| Share::from_f64(*s).unwrap()).collect())
    }

    #[test]
    fn a_log_normal_reads_half_at_its_median_and_nine_tenths_at_its_p90() {
        let curve = Curve::of(&log_normal(96, 269), 200);
        let Curve::Hourly { hours, .. } = &curve else { panic!("hourly") };
        assert!(((hours[95] + hours[96]) / 2.0 - 0.5).abs() < 1e-3);
        assert!(((hours[268] + hours[269]) / 2.0 - 0.9).abs() < 1e-3);
        assert_eq!(curve.p90(), 11);
    }

    #[test]
    fn the_hour_of_entry_decides_the_age_at_the_tick() {
        let curve = Curve::of(&log_normal(12, 40), 30);
        let mut early = [0; 24];
        early[0] = 5;
        let mut late = [0; 24];
        late[23] = 5;
        let (e, l) = (curve.by_hour(0, &early).unwrap(), curve.by_hour(0, &late).unwrap());
        assert!(e > 0.7 && l < 0.01, "{e} {l}");
        let even = curve.by_hour(3, &[1; 24]).unwrap();
        assert!((even - curve.by_day(0, 3)).abs() < 1e-12);
        assert_eq!(curve.by_hour(0, &[0; 24]), None);
    }

    #[test]
    fn a_convolution_of_log_normals_agrees_with_simulation() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let lags = [(36.0, 0.9), (96.0, 0.8), (120.0, 0.8)];
        let draw = |rng: &mut rand::rngs::StdRng| {
            let normal = rand_distr::StandardNormal;
            lags.iter()
                .map(|(m, s): &(f64, f64)| m * libm::exp(s * rng.sample::<f64, _>(normal)))
                .sum::<f64>()
        };
        let totals: Vec<f64> = (0..200_000).map(|_| draw(&mut rng)).collect();
        let curve = lags
            .iter()
            .map(|(m, s)| Lag::LogNormal {
                median: Seconds((m * 3600.0) as i64),
                p90: Seconds((m * 3600.0 * libm::exp(s * Z90)) as i64),
            })
            .map(|lag| Curve::of(&lag, 200))
            .reduce(|a, b| a.then(&b))
            .unwrap();
        let Curve::Hourly { hours, .. } = curve else { panic!("hourly") };
        for at in [100, 300, 600, 1500] {
            let seen = totals.iter().filter(|t| **t <= at as f64 + 0.5).count() as f64 / totals.len() as f64;
            assert!((hours[at] - seen).abs() < 0.004, "{at}: {} against {seen}", hours[at]);
        }
    }

    #[test]
    fn weekday_tables_convolve_from_the_weekday_of_the_second_entry() {
        // The first step takes a day; the second waits for Monday.
        let to_monday = |w: usize| {
            let wait = (7 - w) % 7;
            days(&(0..7).map(|a| if a >= wait { 1.0 } else { 0.0 }).collect::<Vec<_>>())
        };
        let first = Curve::of(&days(&[0.0, 1.0]), 20);
        let second = Curve::of(&Lag::Weekday(Box::new(std::array::from_fn(to_monday))), 20);
        let both = first.then(&second);
        // Entry on a Thursday (3): the second step starts on Friday and ends on Monday, 4 days after Thursday.
        assert_eq!((both.by_day(3, 3), both.by_day(3, 4)), (0.0, 1.0));
        // Entry on a Sunday (6): the second starts on Monday and ends there.
        assert_eq!((both.by_day(6, 0), both.by_day(6, 1)), (0.0, 1.0));
    }
}
