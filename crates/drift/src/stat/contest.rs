//! Which explains a shortfall: that fewer convert, or that as many convert later?
//!
//! Fewer conversions lower all ages alike. Later ones are missing among the young cohorts and made good among the
//! old: of those still open more convert than planned. Both are put to the cohort × age table since the onset, n
//! entries of which d_a converted at age a and n − k are open at age A:
//! `ℓ = Σ_a d_a·ln(p₁f₁(a)/pf(a)) + (n−k)·ln((1−p₁F₁(A))/(1−pF(A)))`.
//! It falls into the number k and, given k, the ages, in which p cancels; each is tempered by how well its own
//! planned value is known. Later means that every journey takes s times as long, or that a share of them lies for
//! some days and then goes on as ever.

use std::ops::Range;

use super::evidence::Onset;
use super::grid::{Side, moved};
use super::model::Model;
use super::pair::{LEAST_MISS, Pair};
use super::scan::log_sum;
use super::series::{AgeSeries, ScopeSeries, at};
use super::timing::{LEAST, Shares, Timing, hits};

/// Factors on the rate where fewer convert; their inverses, on the odds, where more do.
const RATES: [f64; 5] = [0.9, 0.81, 0.7, 0.55, 0.35];
/// Factors on the time taken where journeys are slower; their inverses where they are quicker.
pub(super) const PACES: [f64; 6] = [1.07, 1.15, 1.3, 1.5, 2.0, 3.0];
/// Shares of the journeys that lie: while they do it looks as if so many fewer converted, at every one of [`RATES`] …
const LYING: [f64; RATES.len()] = [0.1, 0.19, 0.3, 0.45, 0.65];
/// … for so many days. Were they longer, no shortfall could be told from one that is made good after them.
const DAYS: [usize; 3] = [3, 7, 14];

/// Days by which the onset may lie before the evidence's: a delay that is made good leaves only its youngest cohorts
/// short, and the evidence's onset moves on with them.
const EARLIER: i32 = 14;

/// ln of the mean likelihood ratio against the plan, by onset: all transitions together.
#[derive(Clone, Copy, Default)]
struct Odds {
    rate: f64,
    time: f64,
}

impl Model {
    /// ln of the odds that another share converts against as many at another time, in the transitions of a path by
    /// the entries since the onset; `side`: which way the counts are off.
    pub(super) fn contest(
        &self,
        path: Range<u8>,
        side: Side,
        series: &ScopeSeries,
        ages: &[AgeSeries],
        onset: Onset,
    ) -> f64 {
        let Some((rates, twins)) = self.rates().and_then(|r| Some((r, r.twins.as_ref()?))) else {
            return 0.0;
        };
        let first = series.from_day(onset.low.plus(-EARLIER)).max(self.first(series, None));
        let onsets = (series.from_day(onset.high) + 1).min(series.len()).saturating_sub(first);
        let mut odds = vec![Odds::default(); onsets];
        for (pair, timing) in rates.adjacent().zip(&twins.timings).filter(|(p, _)| path.contains(&p.from)) {
            let recorded = series.records(pair.from, first) && series.records(pair.to, first);
            let ages = ages.iter().find(|a| (a.from, a.to) == (timing.from, timing.to));
            if let Some(ages) = ages.filter(|_| recorded) {
                Contest::new(pair, timing, side, series, first).weigh(series, ages, first, &mut odds);
            }
        }
        let sum = |of: fn(&Odds) -> f64| log_sum(odds.iter().map(of));
        if odds.is_empty() { 0.0 } else { sum(|odds| odds.rate) - sum(|odds| odds.time) }
    }
}

/// One transition and the ways in which it may have changed.
struct Contest<'a> {
    pair: &'a Pair,
    timing: &'a Timing,
    /// F by weekday of entry and age, as planned.
    planned: Shares,
    /// p of a day whose season is flat.
    rates: [f64; RATES.len()],
    slower: Vec<Lag>,
    lying: Vec<Lag>,
}

/// Another lag.
struct Lag {
    /// Its F.
    shares: Shares,
    /// ln of its share of each day over the plan's.
    hits: Shares,
}

/// The log likelihood ratios of one change, of the cohorts from one on.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: f64,
    ages: f64,
}

/// A cohort as of the tick.
struct Cohort<'a> {
    entered: f64,
    converted: f64,
    /// Planned share of its entry day.
    rate: f64,
    /// φ.
    spread: f64,
    weekday: usize,
    age: usize,
    cells: &'a [(u32, u16, u32)],
}

impl<'a> Contest<'a> {
    fn new(
        pair: &'a Pair,
        timing: &'a Timing,
        side: Side,
        series: &ScopeSeries,
        first: usize,
    ) -> Contest<'a> {
        let profile = timing.profile(series);
        let turned = |factor: f64| if side == Side::Down { factor } else { 1.0 / factor };
        // No cohort is older.
        let at_pace = |slower: f64| timing.young_shares(&profile, slower, series.len() - first);
        let planned = at_pace(1.0);
        let lag = |shares: Shares| Lag { hits: hits(&shares, &planned), shares };
        let slower = PACES.iter().map(|slower| lag(at_pace(turned(*slower)))).collect();
        // Nothing is done before it would have been.
        let ways = LYING.iter().flat_map(|part| DAYS.map(|days| (*part, days)));
        let ways = ways.filter(|_| side == Side::Down);
        let lying = ways.map(|(part, days)| lag(lying(&planned, part, days))).collect();
        let rates = RATES.map(|factor| moved(pair.rate, side, turned(factor)));
        Contest { pair, timing, planned, rates, slower, lying }
    }

    /// Adds this transition to the odds of each onset from position `first` on; it may also not have changed.
    fn weigh(&self, series: &ScopeSeries, ages: &AgeSeries, first: usize, odds: &mut [Odds]) {
        let mut rates = [Sum::default(); RATES.len()];
        let (mut slower, mut lying) =
            (vec![Sum::default(); self.slower.len()], vec![Sum::default(); self.lying.len()]);
        let (mut known, mut paced) = (0.0, 0.0);
        let mut cells = ages.cells.as_slice();
        for index in (first..series.len()).rev() {
            let (older, own) = cells.split_at(cells.partition_point(|(entry, ..)| (*entry as usize) < index));
            cells = older;
            if let Some(cohort) = self.cohort(series, index, own) {
                let planned = self.planned[cohort.weekday][cohort.age];
                let season = cohort.rate / self.pair.rate;
                for (sum, rate) in rates.iter_mut().zip(&self.rates) {
                    sum.count += cohort.count(rate * season, planned, planned);
                }
                let lags = self.slower.iter().chain(&self.lying);
                for (sum, lag) in slower.iter_mut().chain(&mut lying).zip(lags) {
                    sum.count += cohort.count(cohort.rate, lag.shares[cohort.weekday][cohort.age], planned);
                    sum.ages += cohort.ages(self.timing, lag, planned);
                }
                let by_now = cohort.rate * planned;
                known += cohort.entered * by_now / (1.0 - by_now).max(LEAST_MISS) / cohort.spread;
                paced += cohort.converted / planned.max(LEAST);
            }
            if let Some(odds) = odds.get_mut(index - first) {
                let kept = 1.0 / (1.0 + self.pair.error * self.pair.error * known);
                let kept_ages = 1.0 / (1.0 + self.timing.doubt() * paced);
                let mean =
                    |sums: &[Sum]| mean_log(sums.iter().map(|sum| sum.count * kept + sum.ages * kept_ages));
                let ways = [mean(&slower), mean(&lying)];
                let ways = if lying.is_empty() { &ways[..1] } else { &ways };
                odds.rate += mean_log([mean(&rates), 0.0].into_iter());
                odds.time += mean_log([mean_log(ways.iter().copied()), 0.0].into_iter());
            }
        }
    }

    fn cohort<'c>(
        &self,
        series: &ScopeSeries,
        index: usize,
        cells: &'c [(u32, u16, u32)],
    ) -> Option<Cohort<'c>> {
        let entered = f64::from(at(series.entered(self.pair.from), index));
        let (weekday, age) = self.timing.place(series, index);
        (entered > 0.0).then(|| Cohort {
            entered,
            converted: cells.iter().map(|(.., n)| f64::from(*n)).sum::<f64>().min(entered),
            rate: self.pair.rate * self.pair.factor(series.day(index)),
            spread: self.pair.spread(entered, self.planned[weekday][age]),
            weekday,
            age,
            cells,
        })
    }
}

impl Cohort<'_> {
    /// ln of the chance of its number of conversions at a rate and share against the plan's.
    fn count(&self, rate: f64, share: f64, planned: f64) -> f64 {
        let (hit, miss) = (rate * share, 1.0 - rate * share);
        let (planned_hit, planned_miss) = (self.rate * planned, 1.0 - self.rate * planned);
        let hit = libm::log(hit.max(LEAST) / planned_hit.max(LEAST));
        let miss = libm::log(miss.max(LEAST_MISS) / planned_miss.max(LEAST_MISS));
        (self.converted * hit + (self.entered - self.converted) * miss) / self.spread
    }

    /// ln of the chance of their ages, given their number.
    fn ages(&self, timing: &Timing, lag: &Lag, planned: f64) -> f64 {
        let hit = |(_, age, n): &(u32, u16, u32)| {
            f64::from(*n) * lag.hits[self.weekday][timing.folded(self.weekday, *age)]
        };
        let reached = lag.shares[self.weekday][self.age].max(LEAST) / planned.max(LEAST);
        self.cells.iter().map(hit).sum::<f64>() - self.converted * libm::log(reached)
    }
}

/// ln of the mean of exp.
fn mean_log(logs: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let count = logs.len() as f64;
    log_sum(logs) - libm::log(count.max(1.0))
}

/// A lag of which a share lies for some days first.
fn lying(planned: &Shares, part: f64, days: usize) -> Shares {
    let late = |table: &[f64], age: usize| age.checked_sub(days).map_or(0.0, |age| table[age]);
    let of = |table: &Vec<f64>| {
        (0..table.len()).map(|age| (1.0 - part) * table[age] + part * late(table, age)).collect()
    };
    planned.iter().map(of).collect()
}

#[cfg(test)]
mod tests;
