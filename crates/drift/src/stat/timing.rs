//! How long conversions take, whatever their number: the ages of each cohort's conversions, given how many it has.
//!
//! Of a cohort of age A, k journeys have converted, d_a of them at age a. Given k, the ages are k draws from
//! f(a)/F(A), a ≤ A (right truncation; Kalbfleisch and Lawless 1989). Against every journey taking s times as long the
//! log likelihood ratio is `ℓ = Σ_a d_a·ln(f_s(a)/f(a)) − k·ln(F_s(A)/F(A))`.
//!
//! Given k, neither how many entered nor how many of them convert appears in it: both may change from one entry day
//! to the next without moving it. Weights across cohorts within a day of conversion (Cox 1975) would cancel only a
//! share common to all cohorts: after a conversion drop the young ones bring too few, which looks as if all had become
//! slower. Hence the onset scanned is a day of entry, as for conversions. On each day E exp ℓ = 1 at the planned lag.

use std::cell::OnceCell;
use std::sync::Arc;

use plumbline_units::Day;

use super::fast;
use super::grid::{GRID, Grid, Side};
use super::lag::{Curve, side_by_side};
use super::maximum::maximum;
use super::pace::{Clocks, read};
use super::scan::{Drawn, Said, Scores};
use super::series::{AgeSeries, ScopeSeries};

/// A day's share of the conversions is never read as less: one impossible conversion proves nothing.
pub(super) const LEAST: f64 = 1e-9;
/// Ages by which all but this share have come are one: nobody plans a lag's tail by the day, a table ends there, and
/// any slower lag would explain what comes still later a thousand times better.
const TAIL: f64 = 0.002;
/// Ages (days) up to which the hour of entry matters: beyond, the mean hour differs from all hours by less than
/// Var(hour)/(2·age²), 4 in 10,000 of the share.
const BY_HOUR: usize = 10;
/// Standard deviation of ln s in the estimate's prior: weak, but without data the plan stands.
const PRIOR: f64 = 0.5;
/// ln s is looked for within ± this: a thirtieth to thirty times the plan.
const REACH: f64 = 3.4;
/// The estimate of ln s is found within ± this.
const NEAR: f64 = 1e-4;
/// Logarithms taken together.
const LANES: usize = 8;

/// When the conversions of one pair of stages come.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    /// The stage entered.
    pub(crate) from: u8,
    /// The stage reached.
    pub(crate) to: u8,
    curve: Curve,
    clocks: Option<Clocks>,
    /// By weekday of entry, the age from which on ages are one.
    ends: [usize; 7],
    /// Where hours of entry matter, known paces: F of the young ages by hour of entry.
    young: Vec<(f64, Vec<[f64; 24]>)>,
    /// The paces of a scan.
    paces: Vec<Paces>,
    /// Where they do not, some paces against others.
    contrasts: Vec<((f64, f64), Arc<Ratios>)>,
    /// One over the conversions the lag was fitted to; 0 where it is a promise.
    doubt: f64,
}

/// What a timing says about the cohorts of a scan.
pub(crate) struct Timed {
    /// Likelihood ratios by cohort.
    pub(crate) scores: Scores,
    /// Expected log growth by now, were the pace at the critical effect.
    pub(crate) growth: f64,
    /// The same per conversion, once matured.
    pub(crate) growth_per_conversion: f64,
}

/// An estimated pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// ln ŝ: how many times as long as planned.
    pub(crate) log: f64,
    /// Variance of ln ŝ.
    pub(crate) variance: f64,
}

/// F by weekday of entry (one where it does not matter) and age.
pub(super) type Shares = Vec<Vec<f64>>;

impl Timing {
    /// `doubt`: one over the conversions the lag was fitted to; 0 where it is a promise.
    pub(crate) fn new(from: u8, to: u8, curve: Curve, doubt: f64) -> Timing {
        let clocks = match &curve {
            Curve::Daily(tables) => Some(Clocks::of(tables)),
            Curve::Hourly { .. } => None,
        };
        let ends = std::array::from_fn(|weekday| {
            let ages = 0..curve.ages().saturating_sub(1);
            ages.into_iter().find(|age| curve.by_day(weekday, *age) >= 1.0 - TAIL).unwrap_or(usize::MAX)
        });
        Timing { from, to, curve, clocks, ends, young: vec![], paces: vec![], contrasts: vec![], doubt }
    }

    /// Whether it is that of these stages, this lag and this doubt.
    pub(crate) fn is(&self, from: u8, to: u8, curve: &Curve, doubt: f64) -> bool {
        (self.from, self.to, &self.curve, self.doubt) == (from, to, curve, doubt)
    }

    /// The same with these paces tabulated: two kilobytes each.
    pub(crate) fn at_paces(mut self, paces: impl IntoIterator<Item = f64>) -> Timing {
        if let Curve::Hourly { hours, .. } = &self.curve {
            let row = |age: usize, speed: f64| std::array::from_fn(|hour| by_hour(hours, age, hour, speed));
            let rows = |pace: f64| (pace, (0..BY_HOUR).map(|age| row(age, 1.0 / pace)).collect());
            self.young.extend(paces.into_iter().map(rows));
        }
        self
    }

    /// The same with what the effects of `grid` against these nulls come to tabulated.
    pub(crate) fn with(self, grid: &Grid, nulls: &[(f64, f64)]) -> Timing {
        let effects = grid.effects.iter().map(|effect| effect.factor);
        let mut timing = self.at_paces(effects.chain(nulls.iter().flat_map(|(down, up)| [*down, *up])));
        match &timing.curve {
            Curve::Hourly { hours, .. } => {
                let (ages, end) = (timing.curve.ages(), timing.ends[0]);
                // One to two megabytes a pair of nulls, which the scan of a fitted lag does not read.
                let nulls = if timing.doubt > 0.0 { &[] } else { nulls };
                timing.paces = nulls.iter().map(|nulls| Paces::new(hours, ages, end, grid, *nulls)).collect();
            }
            Curve::Daily(_) => {
                let against = |(down, up): &(f64, f64)| {
                    let null = |side| if side == Side::Down { *down } else { *up };
                    grid.effects.map(|effect| (effect.factor, null(effect.side)))
                };
                let tabulated = nulls.iter().flat_map(against).map(|(effect, null)| {
                    let shares = |pace| timing.shares(&[0.0; 24], pace);
                    let ratios = Ratios::of(&shares(effect), &shares(null));
                    ((effect, null), Arc::new(ratios))
                });
                timing.contrasts = tabulated.collect();
            }
        }
        timing
    }

    /// F for journeys that take `slower` times as long, entering at the hours of `profile`.
    pub(super) fn shares(&self, profile: &[f64; 24], slower: f64) -> Shares {
        self.young_shares(profile, slower, self.curve.ages())
    }

    /// The same up to so many ages.
    pub(super) fn young_shares(&self, profile: &[f64; 24], slower: f64, ages: usize) -> Shares {
        let ages = ages.min(self.curve.ages());
        let mut shares: Shares = match (&self.curve, &self.clocks) {
            (Curve::Hourly { hours, .. }, _) => {
                let (mean, speed) = (mean_hour(profile), 1.0 / slower);
                let known = self.young.iter().find(|(pace, _)| *pace == slower);
                let known = known.map_or(&[][..], |(_, rows)| rows);
                let young = known.iter().map(|row| side_by_side(|hour| profile[hour] * row[hour])).take(ages);
                let rest = (known.len()..ages).map(|age| by_profile(hours, profile, mean, age, speed));
                vec![young.chain(rest).collect()]
            }
            (Curve::Daily(_), Some(clocks)) => {
                (0..7).map(|w| (0..ages).map(|age| clocks.at(w, age, slower)).collect()).collect()
            }
            (Curve::Daily(tables), None) => tables.iter().map(|table| table[..ages].to_vec()).collect(),
        };
        for (table, end) in shares.iter_mut().zip(self.ends) {
            table.iter_mut().skip(end).for_each(|share| *share = 1.0);
        }
        shares
    }

    /// An age of a conversion as the shares are numbered by it.
    pub(super) fn folded(&self, weekday: usize, age: u16) -> usize {
        usize::from(age).min(self.ends[weekday]).min(self.curve.ages().saturating_sub(1))
    }

    pub(super) fn profile(&self, series: &ScopeSeries) -> [f64; 24] {
        profile(series, self.from)
    }

    /// One over the conversions the lag was fitted to; 0 where it is a promise.
    pub(super) fn doubt(&self) -> f64 {
        self.doubt
    }

    /// Weekday of entry, as the shares are numbered by it, and age of the cohort at a position.
    pub(super) fn place(&self, series: &ScopeSeries, index: usize) -> (usize, usize) {
        let age = (series.len() - 1 - index).min(self.curve.ages().saturating_sub(1));
        (self.weekday(series.first_day, index), age)
    }

    /// One of the shares.
    fn share(&self, profile: &[f64; 24], mean: f64, (weekday, age): (usize, usize), slower: f64) -> f64 {
        if age >= self.ends[weekday] {
            return 1.0;
        }
        match (&self.curve, &self.clocks) {
            (Curve::Hourly { hours, .. }, _) => by_profile(hours, profile, mean, age, 1.0 / slower),
            (Curve::Daily(_), Some(clocks)) => clocks.at(weekday, age, slower),
            (Curve::Daily(tables), None) => tables[weekday][age],
        }
    }

    /// The weekday of entry as the shares are numbered by it.
    fn weekday(&self, first: Day, index: usize) -> usize {
        if self.clocks.is_some() { (first.weekday() + index) % 7 } else { 0 }
    }

    /// The cohorts from position `first` on with their conversions by age.
    fn cohorts<'a>(
        &'a self,
        series: &ScopeSeries,
        ages: &'a AgeSeries,
        first: usize,
    ) -> impl Iterator<Item = (usize, usize, usize, &'a [(u32, u16, u32)])> + 'a {
        let (day, len, longest) = (series.first_day, series.len(), self.curve.ages().saturating_sub(1));
        let from = ages.cells.partition_point(|(entry, ..)| (*entry as usize) < first);
        ages.cells[from..].chunk_by(|a, b| a.0 == b.0).filter_map(move |cells| {
            let index = cells.first()?.0 as usize;
            let age = len.checked_sub(index + 1)?.min(longest);
            Some((index, self.weekday(day, index), age, cells))
        })
    }

    /// Scores the cohorts from position `first` on, by the effects of both sides or of one; effects are factors on the
    /// time taken. `critical` is the effect whose growth is asked for.
    pub(crate) fn score(
        &self,
        series: &ScopeSeries,
        ages: &AgeSeries,
        first: usize,
        grid: &Grid,
        strictness: f64,
        (critical, only): (usize, Option<Side>),
    ) -> Timed {
        let profile = profile(series, self.from);
        let (down, up) = grid.nulls(strictness);
        let mean = mean_hour(&profile);
        let (null_down, null_up) = (OnceCell::new(), OnceCell::new());
        let ratios: [Option<Arc<Ratios>>; GRID] = grid.effects.map(|effect| {
            let wanted = only.is_none_or(|side| side == effect.side);
            let (null, shares) = if effect.side == Side::Down { (down, &null_down) } else { (up, &null_up) };
            let known = || self.contrasts.iter().find(|(paces, _)| *paces == (effect.factor, null));
            let reckoned = || {
                let null = shares.get_or_init(|| self.shares(&profile, null));
                Arc::new(Ratios::of(&self.shares(&profile, effect.factor), null))
            };
            wanted.then(|| known().map_or_else(reckoned, |(_, ratios)| Arc::clone(ratios)))
        });
        let expected = ratios[critical].as_ref().map_or(&[][..], |ratio| &ratio.growth);
        // A conversion of the window says as much of the pace as one of those the lag was fitted to.
        let mut scores = Scores::new(series.len().saturating_sub(first)).doubting(self.doubt);
        let mut growth = 0.0;
        for (index, weekday, age, cells) in self.cohorts(series, ages, first) {
            let total: f64 = cells.iter().map(|(.., n)| f64::from(*n)).sum();
            scores.inform(index - first, || {
                // Only that share of the history's conversions speaks of ages so young.
                let information = total / self.share(&profile, mean, (weekday, age), 1.0).max(LEAST);
                Drawn { plan: Said { score: 0.0, information }, ..Drawn::default() }
            });
            let row = scores.row(index - first);
            for (value, ratio) in row.iter_mut().zip(&ratios).filter_map(|(v, r)| Some((v, r.as_ref()?))) {
                let hits = cells
                    .iter()
                    .map(|(_, a, n)| f64::from(*n) * ratio.hits[weekday][self.folded(weekday, *a)]);
                *value = hits.sum::<f64>() - total * ratio.reached[weekday][age];
            }
            growth += expected.get(weekday).map_or(0.0, |growth| total * growth[age]);
        }
        let growth = growth * scores.kept();
        let of_all = |weekday: &Vec<f64>| weekday.last().copied().unwrap_or(0.0);
        let growth_per_conversion = expected.iter().map(of_all).sum::<f64>() / expected.len().max(1) as f64;
        Timed { scores, growth, growth_per_conversion }
    }

    /// The pace of the cohorts from position `first` on: the most likely ln s, with a weak prior around the plan.
    pub(crate) fn estimate(&self, series: &ScopeSeries, ages: &AgeSeries, first: usize) -> Pace {
        let profile = profile(series, self.from);
        let (weekdays, longest) = (if self.clocks.is_some() { 7 } else { 1 }, self.curve.ages());
        let mut hits = vec![vec![0.0; longest]; weekdays];
        let mut reached = vec![vec![0.0; longest]; weekdays];
        let mut conversions = 0.0;
        for (_, weekday, age, cells) in self.cohorts(series, ages, first) {
            for (_, a, n) in cells {
                conversions += f64::from(*n);
                hits[weekday][self.folded(weekday, *a)] += f64::from(*n);
                reached[weekday][age] += f64::from(*n);
            }
        }
        let seen =
            |(weekday, age): &(usize, usize)| hits[*weekday][*age] > 0.0 || reached[*weekday][*age] > 0.0;
        let places: Vec<(usize, usize)> = (0..weekdays)
            .flat_map(|weekday| (0..longest).map(move |age| (weekday, age)))
            .filter(seen)
            .collect();
        let mean = mean_hour(&profile);
        let mut terms: Vec<(f64, f64)> = Vec::with_capacity(2 * places.len());
        let mut likelihood = |log: f64| {
            let slower = libm::exp(log);
            let share = |place| self.share(&profile, mean, place, slower);
            let mut last = None;
            terms.clear();
            for &(weekday, age) in &places {
                let now = share((weekday, age));
                let (hits, reached) = (hits[weekday][age], reached[weekday][age]);
                if hits > 0.0 {
                    let before = match (last, age.checked_sub(1)) {
                        (_, None) => 0.0,
                        (Some((place, share)), Some(age)) if place == (weekday, age) => share,
                        (_, Some(age)) => share((weekday, age)),
                    };
                    terms.push((hits, (now - before).max(LEAST)));
                }
                if reached > 0.0 {
                    terms.push((-reached, now.max(LEAST)));
                }
                last = Some(((weekday, age), now));
            }
            let logs = |terms: &[(f64, f64)]| {
                let logs =
                    fast::ln::<LANES>(std::array::from_fn(|i| terms.get(i).map_or(1.0, |term| term.1)));
                terms.iter().zip(logs).map(|((n, _), log)| n * log).sum::<f64>()
            };
            terms.chunks(LANES).map(logs).sum::<f64>() - log * log / (2.0 * PRIOR * PRIOR)
        };
        let (log, most) = maximum(-REACH, REACH, NEAR, &mut likelihood);
        // A step wide enough to see through the tables' corners.
        let step = 0.1;
        let bend = 2.0 * most - likelihood(log + step) - likelihood(log - step);
        let information = (bend / (step * step)).max(1.0 / (PRIOR * PRIOR));
        Pace { log, variance: (1.0 + self.doubt * conversions) / information }
    }

    /// Per cohort, the log likelihood ratio of the plan against everything taking `still` times as long.
    pub(crate) fn ratios(
        &self,
        series: &ScopeSeries,
        ages: &AgeSeries,
        first: usize,
        still: f64,
    ) -> Vec<f64> {
        let profile = profile(series, self.from);
        let ratio = Ratios::of(&self.shares(&profile, 1.0), &self.shares(&profile, still));
        let mut out = vec![0.0; series.len().saturating_sub(first)];
        for (index, weekday, age, cells) in self.cohorts(series, ages, first) {
            out[index - first] = cells
                .iter()
                .map(|(_, a, n)| {
                    let hit = ratio.hits[weekday][self.folded(weekday, *a)];
                    f64::from(*n) * (hit - ratio.reached[weekday][age])
                })
                .sum();
        }
        out
    }
}

/// At which hours of the day a stage is entered, by the newest days; evenly where that is not known. Hours are
/// averaged over, not looked up per cohort: its conversions then follow the averaged lag, and old cohorts, whose
/// hours are gone, are read as the young ones.
fn profile(series: &ScopeSeries, stage: u8) -> [f64; 24] {
    let days = series.stages.get(usize::from(stage)).map_or(&[][..], |s| s.hours.as_slice());
    let mut sums = [0.0; 24];
    for hours in days.iter().flatten() {
        sums.iter_mut().zip(hours).for_each(|(sum, n)| *sum += f64::from(*n));
    }
    let total: f64 = sums.iter().sum();
    if total > 0.0 { sums.map(|n| n / total) } else { [1.0 / 24.0; 24] }
}

/// The mean hour of entry.
fn mean_hour(profile: &[f64; 24]) -> f64 {
    profile.iter().zip(0u8..).map(|(n, h)| n * f64::from(h)).sum()
}

/// F at the end of the `age`-th day after entry at `hour`, at `speed` (one over how many times as long it takes).
#[inline(always)]
fn by_hour(hours: &[f64], age: usize, hour: usize, speed: f64) -> f64 {
    read(hours, (24.0 * (age as f64 + 1.0) - 0.5 - hour as f64) * speed)
}

/// The same for entries at the hours of `profile`, whose mean hour is `mean`.
fn by_profile(hours: &[f64], profile: &[f64; 24], mean: f64, age: usize, speed: f64) -> f64 {
    if age >= BY_HOUR {
        return read(hours, (24.0 * (age as f64 + 1.0) - 0.5 - mean) * speed);
    }
    side_by_side(|hour| profile[hour] * by_hour(hours, age, hour, speed))
}

mod paces;
mod ratios;

use paces::Paces;
use ratios::Ratios;
pub(super) use ratios::hits;

#[cfg(test)]
mod tests;
