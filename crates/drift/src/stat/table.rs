//! A pair's likelihood ratios against one null hypothesis, tabulated by age and weekday of entry.

use std::sync::Arc;

use super::fast;
use super::grid::{GRID, Grid, Side, moved};
use super::lag::Curve;
use super::pair::{LEAST_MISS, Pair, weekday};
use super::scan::{Drawn, Said, Scores};
use super::series::{HOURS_KEPT, ScopeSeries};
use super::walk::{self, Walk, power};

/// A fitted table leans on a log-normal: below an age its two parameters err with about a third of the variance that
/// the conversions counted until that age would have alone.
const SMOOTHED: f64 = 1.0 / 3.0;

/// The highest share that may convert on a day, under any effect, where the rate has a season.
const HIGHEST: f64 = 0.98;

/// A pair's likelihood ratios against one null hypothesis, tabulated by age and weekday of entry.
#[derive(Clone, Debug)]
pub(crate) struct PairTable {
    /// The pair.
    pub(crate) pair: Arc<Pair>,
    /// How far the null is moved towards the warn bound.
    pub(crate) strictness: f64,
    /// (p₀, p₁) per effect.
    rates: [(f64, f64); GRID],
    /// Position of the critical effect.
    critical: usize,
    /// ln(p₁/p₀).
    hits: [f64; GRID],
    /// (p₁/p₀)^k by k.
    powers: Vec<[f64; GRID]>,
    /// ln((1−p₁F)/(1−p₀F)) at `[weekday · ages + age]`; one weekday where F knows none.
    misses: Vec<[f64; GRID]>,
    /// What a walk reads instead.
    open: Vec<Open>,
    ages: usize,
    weekdays: usize,
    /// Most entries of a cohort whose likelihood ratios keep their digits out of logarithms.
    plain: u32,
}

/// What an entry of one weekday and age says.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// (1−p₁F)/(1−p₀F), while it is open.
    ratios: [f64; GRID],
    /// Expected log growth, were the rate at the critical effect.
    growth: f64,
}

/// Numbers of conversions whose factor of the likelihood ratio is tabulated.
const POWERS: u32 = 64;

/// What a table says about the cohorts of a scan.
pub(crate) struct Scored {
    /// Likelihood ratios by cohort.
    pub(crate) scores: Scores,
    /// Expected log growth by now, were the rate at the critical effect.
    pub(crate) growth: f64,
}

impl PairTable {
    /// Tabulates a pair.
    pub(crate) fn new(pair: Arc<Pair>, grid: &Grid, strictness: f64) -> PairTable {
        let (down, up) = grid.nulls(strictness);
        // On no day may an effect make a conversion more than certain.
        let most = if pair.season.is_flat() { 1.0 } else { HIGHEST / pair.season.highest() };
        let rates = grid.effects.map(|effect| {
            let null = if effect.side == Side::Down { down } else { up };
            let moved = |factor| moved(pair.rate, effect.side, factor).min(most);
            (moved(null), moved(effect.factor))
        });
        let ages = pair.curve.ages();
        let by_weekday = matches!(pair.curve, Curve::Daily(_)) || !pair.season.is_weekday_flat();
        let weekdays = if by_weekday { 7 } else { 1 };
        let matured = |i: usize| pair.season.weekday[i / ages] * pair.curve.by_day(i / ages, i % ages);
        let shares: Vec<f64> = (0..weekdays * ages).map(matured).collect();
        let hits = rates.map(|(null, effect)| libm::log(effect / null));
        let ratios = rates.map(|(null, effect)| effect / null);
        let powers = (0..POWERS).map(|k| power::<32>(&ratios, k)).collect();
        let said = pair.error <= 0.0 && pair.dispersion <= 0.0 && pair.season.quarters.is_empty();
        let surest = fast::ln(ratios_of(&rates, pair.season.highest()));
        let loudest = surest.iter().chain(&hits).fold(0.0_f64, |most, log| most.max(log.abs()));
        let plain = if said { (walk::FACTOR / loudest) as u32 } else { 0 };
        let misses: Vec<[f64; GRID]> =
            shares.iter().map(|share| fast::ln(ratios_of(&rates, *share))).collect();
        let critical = grid.critical_effect();
        let mut table = PairTable {
            pair,
            strictness,
            rates,
            critical,
            hits,
            powers,
            misses,
            open: Vec::new(),
            ages,
            weekdays,
            plain,
        };
        let open = |(share, logs): (&f64, &[f64; GRID])| Open {
            ratios: ratios_of(&table.rates, *share),
            growth: table.growth(*share, logs[critical]),
        };
        table.open = shares.iter().zip(&table.misses).map(open).collect();
        table
    }

    /// Where the cohort at a position stands in what is tabulated by weekday and age.
    #[inline(always)]
    fn place(&self, series: &ScopeSeries, index: usize) -> usize {
        let weekday = if self.weekdays == 1 { 0 } else { weekday(series.first_day, index) };
        weekday * self.ages + (series.len() - 1 - index).min(self.ages - 1)
    }

    /// M of the cohorts from position `first` on, with their expected log growth were the rate at the critical
    /// effect; `None` where it takes logarithms.
    pub(crate) fn walk(&self, series: &ScopeSeries, first: usize) -> Option<(Walk, f64)> {
        let entered = series.entered(self.pair.from).get(first..series.len())?;
        let converted = self.pair.conversions(series)?.get(first..series.len())?;
        let most = entered.iter().fold(0, |most, n| *n.max(&most));
        if most > self.plain {
            return None;
        }
        let counts = (entered, converted);
        Some(match u32::BITS - most.leading_zeros() {
            0..=3 => self.walk_over::<3>(series, counts),
            4 => self.walk_over::<4>(series, counts),
            5 => self.walk_over::<5>(series, counts),
            6 => self.walk_over::<6>(series, counts),
            7 | 8 => self.walk_over::<8>(series, counts),
            _ => self.walk_over::<32>(series, counts),
        })
    }

    /// The same of the newest days with these entries and conversions, each below 2^`BITS`.
    fn walk_over<const BITS: usize>(
        &self,
        series: &ScopeSeries,
        (entered, converted): (&[u32], &[u32]),
    ) -> (Walk, f64) {
        let (len, first) = (series.len(), series.len() - entered.len());
        let (mut walk, mut growth, flat) = (Walk::START, 0.0, self.pair.season.is_flat());
        // Of cohorts read by the hour: entries, F and the critical effect's ratio.
        let mut young = [(0.0, 0.0, 1.0); HOURS_KEPT];
        for ((index, &n), &k) in (first..len).zip(entered).zip(converted) {
            if n == 0 {
                walk.idle();
                continue;
            }
            let k = k.min(n);
            let many;
            let hits = match self.powers.get(k as usize) {
                Some(hits) => hits,
                None => {
                    many = power::<32>(&self.powers[1], k);
                    &many
                }
            };
            match self.pair.by_hour(series, index) {
                Some(share) => {
                    let matured =
                        if flat { share } else { share * self.pair.season.factor(series.day(index)) };
                    let ratios = ratios_of(&self.rates, matured);
                    walk.step(hits, &power::<BITS>(&ratios, n - k));
                    young[len - 1 - index] = (f64::from(n), matured, ratios[self.critical]);
                }
                None => {
                    let open = &self.open[self.place(series, index)];
                    walk.step(hits, &power::<BITS>(&open.ratios, n - k));
                    growth += f64::from(n) * open.growth;
                }
            }
        }
        for cohorts in young.chunks(GRID) {
            let logs = fast::ln::<GRID>(std::array::from_fn(|i| cohorts.get(i).map_or(1.0, |c| c.2)));
            growth += cohorts
                .iter()
                .zip(logs)
                .map(|((n, matured, _), log)| n * self.growth(*matured, log))
                .sum::<f64>();
        }
        (walk, growth)
    }

    /// Scores the cohorts from position `first` on.
    pub(crate) fn score(&self, series: &ScopeSeries, first: usize) -> Scored {
        let len = series.len();
        let doubt = self.pair.error * self.pair.error;
        let mut scores = Scores::new(len.saturating_sub(first)).doubting(doubt);
        let (mut growth, tabulated) = (0.0, self.pair.season.quarters.is_empty());
        for cohort in self.pair.cohorts(series, first) {
            let misses = if cohort.by_hour || !tabulated {
                fast::ln(ratios_of(&self.rates, cohort.matured))
            } else {
                self.misses[self.place(series, cohort.index)]
            };
            let spread = 1.0 / self.pair.spread(cohort.entered, cohort.matured);
            let missed = cohort.entered - cohort.converted;
            let row = scores.row(cohort.index - first);
            for (r, value) in row.iter_mut().enumerate() {
                *value = (cohort.converted * self.hits[r] + missed * misses[r]) * spread;
            }
            let on_plan = self.pair.rate * cohort.matured;
            scores.inform(cohort.index - first, || {
                let said = |q: f64| {
                    let open = spread / (1.0 - q).max(LEAST_MISS);
                    let score = (cohort.converted - cohort.entered * q) * open;
                    Said { score, information: cohort.entered * q * open }
                };
                let (plan, ripe) = (said(on_plan), said(self.pair.rate));
                Drawn {
                    plan,
                    moved: Some(self.rates.map(|(_, effect)| said(effect * cohort.matured))),
                    unripe: SMOOTHED * (ripe.information - plan.information).max(0.0),
                }
            });
            growth += cohort.entered * self.growth(cohort.matured, misses[self.critical]) * spread;
        }
        let growth = growth * scores.kept();
        Scored { scores, growth }
    }

    /// Expected log growth per entry once matured, were the rate at the critical effect.
    pub(crate) fn mature_growth(&self) -> f64 {
        self.growth(1.0, fast::ln(ratios_of(&self.rates, 1.0))[self.critical])
    }

    /// The same at F, where an open entry scores `miss`.
    fn growth(&self, matured: f64, miss: f64) -> f64 {
        let q = self.rates[self.critical].1 * matured;
        q * self.hits[self.critical] + (1.0 - q) * miss
    }
}

/// (1−p₁F)/(1−p₀F) per effect.
fn ratios_of(rates: &[(f64, f64); GRID], matured: f64) -> [f64; GRID] {
    std::array::from_fn(|r| {
        let (null, effect) = rates[r];
        (1.0 - effect * matured).max(LEAST_MISS) / (1.0 - null * matured).max(LEAST_MISS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stat::grid::Bounds;
    use crate::stat::pair::PairSeason;
    use crate::stat::{PairSeries, StageEntries};
    use plumbline_plan::{Lag, Season};
    use plumbline_units::{Seconds, Share};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Half a year of up to `most` entries a day, some days without, the newest by the hour.
    fn series(most: u32, rng: &mut StdRng) -> ScopeSeries {
        let first_day = "2026-01-07".parse().unwrap();
        let entered: Vec<u32> = (0..180).map(|_| rng.random_range(0..=most)).collect();
        let converted = entered.iter().map(|n| rng.random_range(0..=n / 2 + 1)).collect();
        let hours = entered.iter().skip(150).map(|n| {
            let mut hours = [0; 24];
            (0..*n).for_each(|_| hours[rng.random_range(0..24)] += 1);
            Some(hours)
        });
        let hours = hours.collect();
        ScopeSeries {
            first_day,
            last_day: first_day.plus(179),
            stages: vec![StageEntries { counts: entered, inferred: vec![], hours }, StageEntries::default()],
            pairs: vec![PairSeries { from: 0, to: 1, converted }],
            spend: vec![],
            won: vec![],
            in_time: vec![],
            ages: vec![],
            unrecorded: vec![],
        }
    }

    #[test]
    fn a_table_walked_comes_to_what_it_comes_to_scanned() {
        let mut rng = StdRng::seed_from_u64(11);
        let days = |a: u32| Share::from_f64(f64::from(a + 1) / 40.0).unwrap();
        let lags = [
            Lag::LogNormal { median: Seconds::hours(96), p90: Seconds::hours(300) },
            Lag::Days((0..40).map(days).collect()),
        ];
        let grid = Grid::new(Bounds::with("-10%".parse().unwrap()), None);
        for (lag, weekday) in lags.iter().flat_map(|lag| [(lag, 1.0), (lag, 0.8)]) {
            let season = Season { weekday: [1.0, 1.1, 1.0, 1.0, 1.0, weekday, 1.0], ..Season::FLAT };
            let pair = Pair {
                from: 0,
                to: 1,
                rate: 0.3,
                error: 0.0,
                dispersion: 0.0,
                curve: Curve::of(lag, 181),
                in_time: None,
                season: PairSeason::of(&season, (1, 1)),
            };
            let table = PairTable::new(Arc::new(pair), &grid, 0.5);
            for most in [1, 5, 14, 30, 60, 200] {
                let series = series(most, &mut rng);
                let scored = table.score(&series, 10);
                let scanned = scored.scores.accumulate().parts(&grid.effects);
                let (walk, growth) = table.walk(&series, 10).unwrap();
                assert!((growth / scored.growth - 1.0).abs() < 1e-9, "{growth} {}", scored.growth);
                let Some(walked) = walk.parts(&grid.effects) else { continue };
                for (walked, scanned) in [(walked.down, scanned.down), (walked.up, scanned.up)] {
                    assert!((walked - scanned).abs() < 1e-9, "{most}: {walked} against {scanned}");
                }
            }
        }
    }

    #[test]
    fn far_more_entries_than_an_estimate_came_from_praise_no_absurd_effect() {
        let grid = Grid::new(Bounds::with("-10%".parse().unwrap()), None);
        let pair = Pair {
            from: 0,
            to: 1,
            rate: 0.5,
            // Of 5,000 entries; 180,000 came since.
            error: 0.0141,
            dispersion: 0.0,
            curve: Curve::of(&Lag::Days(vec![Share::from_f64(1.0).unwrap()]), 181),
            in_time: None,
            season: PairSeason::of(&Season::FLAT, (1, 1)),
        };
        let table = PairTable::new(Arc::new(pair), &grid, 0.0);
        let mut on_plan = series(1, &mut StdRng::seed_from_u64(1));
        let days = StageEntries { counts: vec![1_000; 180], inferred: vec![], hours: vec![] };
        on_plan.stages = vec![days, StageEntries::default()];
        on_plan.pairs = vec![PairSeries { from: 0, to: 1, converted: vec![500; 180] }];
        let parts = table.score(&on_plan, 0).scores.accumulate().parts(&grid.effects);
        assert!(parts.down < libm::log(365.0) && parts.up < libm::log(365.0), "{parts:?}");
    }
}
