//! A funnel simulated straight into arrays: Poisson leads, Bernoulli transitions, log-normal lags.

#![allow(dead_code, unreachable_pub, unused_imports, missing_docs, clippy::unwrap_used)]

pub mod judge;
pub mod life;
mod plan;

pub use plan::{fitted, plan};

use std::collections::BTreeMap;

use plumbline_drift::fit::Cohorts;
use plumbline_drift::stat::{AgeSeries, PairSeries, ScopeSeries, StageEntries};
use plumbline_plan::Lag;
use plumbline_units::{Day, Seconds, Share};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Poisson, StandardNormal};

/// Conversions of the four transitions.
pub const RATES: [f64; 4] = [0.5, 0.4, 0.5, 0.4];
/// Medians (days) and σ of their lags.
pub const LAGS: [(f64, f64); 4] = [(1.5, 0.9), (4.0, 0.8), (5.0, 0.8), (14.0, 1.15)];
/// Planned CAC.
pub const CAC: f64 = 2500.0;
const STAGES: usize = 5;

/// When leads arrive within the day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// Half evenly over the day, half in business hours.
    Mixed,
    /// 8 to 18 o'clock, busiest at noon.
    Business,
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Spec {
    pub days: usize,
    pub leads: f64,
    /// First day (position) of leads to which the change applies.
    pub onset: usize,
    /// First day of leads on plan again.
    pub fixed: usize,
    pub volume: f64,
    pub spend: f64,
    pub rates: [f64; 4],
    /// From a day on, until the fix, other factors on the rates.
    pub second: Option<(usize, [f64; 4])>,
    pub lag_factor: f64,
    /// On the lags of the drifted leads.
    pub slower: [f64; 4],
    /// Of the drifted leads that become MQL, a share that does so as many days later.
    pub late: (f64, f64),
    pub arrivals: Arrivals,
    /// Share of weekend transitions that slip to Monday.
    pub backlog: f64,
    /// Volume factor of Saturdays and Sundays.
    pub weekend: f64,
    /// Intra-day correlation of the outcomes of the first two transitions.
    pub rho: f64,
    /// Slow linear growth of volume over the run, e.g. 0.5.
    pub ramp: f64,
    pub seed: u64,
}

impl Spec {
    pub fn steady(leads: f64, days: usize, seed: u64) -> Spec {
        Spec {
            days,
            leads,
            onset: usize::MAX,
            fixed: usize::MAX,
            volume: 1.0,
            spend: 1.0,
            rates: [1.0; 4],
            second: None,
            lag_factor: 1.0,
            slower: [1.0; 4],
            late: (0.0, 0.0),
            arrivals: Arrivals::Mixed,
            backlog: 0.0,
            weekend: 1.0,
            rho: 0.0,
            ramp: 0.0,
            seed,
        }
    }

    /// Volume ×1.2, spend ×1.68, conversion −30%: 85% of the log loss at MQL→SQL, 15% at opportunity→won.
    pub fn trap(leads: f64, onset: usize, after: usize, seed: u64) -> Spec {
        let loss = libm::log(0.7);
        Spec {
            onset,
            volume: 1.2,
            spend: 1.68,
            rates: [1.0, libm::exp(0.85 * loss), 1.0, libm::exp(0.15 * loss)],
            ..Spec::steady(leads, onset + after, seed)
        }
    }
}

/// All facts of a run, by the day they happened.
pub struct Run {
    first_day: Day,
    entries: Vec<Vec<[u32; 24]>>,
    /// `[pair][event day]` → entry days.
    conversions: Vec<Vec<Vec<u32>>>,
    spend: Vec<i64>,
    /// By event day, the entry days of those who got from the first stage to the second in time.
    in_time: Vec<Vec<u32>>,
    aged: bool,
}

/// Days of the hand-off from the first stage to the second.
pub const HANDOFF_DAYS: f64 = 2.0;

const PAIRS: [(u8, u8); 7] = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 2), (0, 3), (0, 4)];

/// The pairs whose ages are kept: neighbours.
const TIMED: [usize; 4] = [0, 1, 2, 3];
/// The first day of every run: a Monday.
pub fn first_day() -> Day {
    "2024-01-01".parse().unwrap()
}

pub fn simulate(spec: &Spec) -> Run {
    let mut rng = StdRng::seed_from_u64(spec.seed);
    let mut run = Run {
        first_day: first_day(),
        entries: vec![vec![[0; 24]; spec.days]; STAGES],
        conversions: vec![vec![Vec::new(); spec.days]; PAIRS.len()],
        spend: vec![0; spec.days],
        in_time: vec![Vec::new(); spec.days],
        aged: false,
    };
    let conversion: f64 = RATES.iter().product();
    for day in 0..spec.days {
        let drifted = day >= spec.onset && day < spec.fixed;
        let weekday = day % 7;
        let growth = 1.0 + spec.ramp * day as f64 / spec.days as f64;
        let season = if weekday >= 5 { spec.weekend } else { 1.0 };
        let planned = spec.leads * growth * season;
        let mean = planned * if drifted { spec.volume } else { 1.0 };
        let money = planned * CAC * conversion * if drifted { spec.spend } else { 1.0 };
        run.spend[day] = (money * 1e6) as i64;
        let factors = match spec.second {
            Some((from, factors)) if day >= from => factors,
            _ => spec.rates,
        };
        let mut rates: [f64; 4] =
            std::array::from_fn(|i| (RATES[i] * if drifted { factors[i] } else { 1.0 }).min(1.0));
        if spec.rho > 0.0 {
            // A beta-binomial by entry day: Beta with intra-class correlation ρ.
            for rate in rates.iter_mut().take(2) {
                let weight = 1.0 / spec.rho - 1.0;
                let beta = rand_distr::Beta::new(*rate * weight, (1.0 - *rate) * weight).unwrap();
                *rate = rng.sample(beta);
            }
        }
        let count = if mean > 0.0 { rng.sample(Poisson::new(mean).unwrap()) as usize } else { 0 };
        for _ in 0..count {
            lead(spec, &mut run, &mut rng, day, &rates);
        }
    }
    run
}

fn lead(spec: &Spec, run: &mut Run, rng: &mut StdRng, day: usize, rates: &[f64; 4]) {
    let hour = match spec.arrivals {
        Arrivals::Mixed if rng.random::<bool>() => 24.0 * rng.random::<f64>(),
        _ => 8.0 + 5.0 * (rng.random::<f64>() + rng.random::<f64>()),
    };
    let mut at = day as f64 + hour / 24.0;
    let entered = at;
    let mut days = [day; STAGES];
    enter(run, 0, at);
    let drifted = day >= spec.onset && day < spec.fixed;
    for (i, rate) in rates.iter().enumerate() {
        if rng.random::<f64>() >= *rate {
            return;
        }
        let slower = if drifted { spec.slower[i] } else { 1.0 };
        at = step(rng, at, LAGS[i], spec.lag_factor * slower, spec.backlog);
        if i == 0 && drifted && spec.late.0 > 0.0 && rng.random::<f64>() < spec.late.0 {
            at += spec.late.1;
        }
        let stage = i + 1;
        days[stage] = at as usize;
        if days[stage] >= spec.days {
            return;
        }
        enter(run, stage, at);
        if stage == 1 && at - entered <= HANDOFF_DAYS {
            run.in_time[days[1]].push(days[0] as u32);
        }
        for (pair, (from, to)) in PAIRS.iter().enumerate() {
            if usize::from(*to) == stage {
                run.conversions[pair][days[stage]].push(days[usize::from(*from)] as u32);
            }
        }
    }
}

/// The time of the next stage: a log-normal lag; of those on a weekend a share slips to Monday, same hour.
fn step(rng: &mut StdRng, at: f64, (median, sigma): (f64, f64), factor: f64, backlog: f64) -> f64 {
    let next = at + median * factor * libm::exp(sigma * rng.sample::<f64, _>(StandardNormal));
    let weekday = next as usize % 7;
    if backlog > 0.0 && weekday >= 5 && rng.random::<f64>() < backlog {
        next + (7 - weekday) as f64
    } else {
        next
    }
}

fn enter(run: &mut Run, stage: usize, at: f64) {
    let day = at as usize;
    if let Some(hours) = run.entries[stage].get_mut(day) {
        hours[((at - day as f64) * 24.0) as usize] += 1;
    }
}

impl Run {
    /// Whether the series hold ages and hand-offs: most questions do without.
    pub fn with_ages(self, aged: bool) -> Run {
        Run { aged, ..self }
    }

    pub fn days(&self) -> usize {
        self.spend.len()
    }

    /// The cohorts of the four transitions as of the end of day `days − 1`.
    pub fn cohorts(&self, days: usize) -> [Cohorts; 4] {
        std::array::from_fn(|pair| {
            let entered: Vec<u32> =
                self.entries[pair][..days].iter().map(|hours| hours.iter().sum()).collect();
            let mut converted: Vec<Vec<u32>> = (0..days).map(|day| vec![0; days - day]).collect();
            for (day, entries) in self.conversions[pair][..days].iter().enumerate() {
                entries.iter().for_each(|entry| converted[*entry as usize][day - *entry as usize] += 1);
            }
            Cohorts::new(self.first_day, entered, converted)
        })
    }

    /// Calls `each` with the series as of the end of every day, until it answers `false`.
    pub fn play(&self, mut each: impl FnMut(usize, &ScopeSeries) -> bool) {
        let mut series = ScopeSeries {
            first_day: self.first_day,
            last_day: self.first_day,
            stages: vec![StageEntries::default(); STAGES],
            pairs: PAIRS
                .iter()
                .map(|(from, to)| PairSeries { from: *from, to: *to, converted: vec![] })
                .collect(),
            spend: Vec::new(),
            won: Vec::new(),
            in_time: vec![Vec::new()],
            ages: Vec::new(),
            unrecorded: Vec::new(),
        };
        let mut ages = vec![BTreeMap::<(u32, u16), u32>::new(); TIMED.len()];
        for day in 0..self.days() {
            series.last_day = self.first_day.plus(day as i32);
            for (entries, all) in series.stages.iter_mut().zip(&self.entries) {
                entries.counts.push(all[day].iter().sum());
                entries.hours.push(Some(all[day]));
                if entries.hours.len() > 30 {
                    entries.hours.remove(0);
                }
            }
            series.spend.push(self.spend[day]);
            for (pair, conversions) in series.pairs.iter_mut().zip(&self.conversions) {
                pair.converted.push(0);
                for entry in &conversions[day] {
                    pair.converted[*entry as usize] += 1;
                }
            }
            series.won.clone_from(&series.pairs[6].converted);
            if self.aged {
                series.in_time[0].push(0);
                self.in_time[day].iter().for_each(|entry| series.in_time[0][*entry as usize] += 1);
                series.ages = TIMED
                    .iter()
                    .zip(&mut ages)
                    .map(|(pair, cells)| {
                        for entry in &self.conversions[*pair][day] {
                            *cells.entry((*entry, (day - *entry as usize) as u16)).or_default() += 1;
                        }
                        let (from, to) = PAIRS[*pair];
                        AgeSeries { from, to, cells: cells.iter().map(|((e, a), n)| (*e, *a, *n)).collect() }
                    })
                    .collect();
            }
            if !each(day, &series) {
                break;
            }
        }
    }
}

/// The lags of the plan as log-normals.
pub fn log_normal_lags() -> [Lag; 4] {
    LAGS.map(|(median, sigma)| Lag::LogNormal {
        median: Seconds((median * 86_400.0) as i64),
        p90: Seconds((median * 86_400.0 * libm::exp(1.281_551_6 * sigma)) as i64),
    })
}

/// Day tables by weekday of entry, measured on the mechanism itself: what a fit of long history would give.
pub fn measured_lags(spec: &Spec) -> [Lag; 4] {
    let mut rng = StdRng::seed_from_u64(999);
    let ages = 400;
    let mut tables = vec![vec![vec![0u32; ages]; 7]; 4];
    for draw in 0..700_000usize {
        let hour = match spec.arrivals {
            Arrivals::Mixed if rng.random::<bool>() => 24.0 * rng.random::<f64>(),
            _ => 8.0 + 5.0 * (rng.random::<f64>() + rng.random::<f64>()),
        };
        let weekend = (draw % 7) >= 5;
        if weekend && rng.random::<f64>() >= spec.weekend {
            continue;
        }
        let mut at = (draw % 7) as f64 + hour / 24.0;
        for (i, lag) in LAGS.iter().enumerate() {
            let next = step(&mut rng, at, *lag, 1.0, spec.backlog);
            let age = next as usize - at as usize;
            tables[i][at as usize % 7][age.min(ages - 1)] += 1;
            at = next;
        }
    }
    std::array::from_fn(|i| {
        Lag::Weekday(Box::new(std::array::from_fn(|weekday| {
            let counts = &tables[i][weekday];
            let total: u32 = counts.iter().sum();
            let mut so_far = 0;
            Lag::Days(
                counts
                    .iter()
                    .map(|n| {
                        so_far += n;
                        Share::from_f64(f64::from(so_far) / f64::from(total)).unwrap()
                    })
                    .collect(),
            )
        })))
    })
}
