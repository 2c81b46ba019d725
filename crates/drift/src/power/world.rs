//! A funnel simulated straight into the arrays the detector reads.

use plumbline_plan::{Lag, Plan, Scope, StageIndex};
use plumbline_units::Day;

use super::Sampler;
use crate::stat::{HOURS_KEPT, PairSeries, ScopeSeries, StageEntries};

/// z of the 90th percentile of the normal distribution.
const Z90: f64 = 1.281_551_565_544_600_4;
const SECONDS_A_DAY: f64 = 86_400.0;

/// How a funnel works.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mechanism {
    /// The first stage of the path.
    pub(crate) from: u8,
    /// Rate and lag of each transition of the path.
    pub(crate) steps: Vec<(f64, Drawn)>,
    /// Mean entries by weekday, Monday first.
    pub(crate) entries: [f64; 7],
    /// Money spent by weekday, in millionths.
    pub(crate) spend: [i64; 7],
}

/// A lag ready to be drawn from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Drawn {
    /// Days: median and standard deviation of the logarithm.
    LogNormal { median: f64, sigma: f64 },
    /// Cumulative shares by whole days, per weekday of entry.
    Daily(Box<[Vec<f64>; 7]>),
}

impl Mechanism {
    /// The plan's funnel from one stage to another.
    pub(crate) fn new(plan: &Plan, scope: &Scope, (from, to): (StageIndex, StageIndex)) -> Mechanism {
        let steps = (usize::from(from.0)..usize::from(to.0))
            .map(|at| {
                let planned = plan.rate_and_lag(at, scope);
                (planned.conversion.as_f64(), Drawn::of(&planned.lag))
            })
            .collect();
        Mechanism { from: from.0, steps, entries: [0.0; 7], spend: [0; 7] }
    }

    /// The same with other rates, entries and spend: each times its factor.
    pub(crate) fn changed(&self, rate: f64, entries: f64, spend: f64) -> Mechanism {
        let steps = self.steps.iter().map(|(p, drawn)| ((p * rate).min(1.0), drawn.clone()));
        Mechanism {
            from: self.from,
            steps: steps.collect(),
            entries: self.entries.map(|n| n * entries),
            spend: self.spend.map(|micros| (micros as f64 * spend) as i64),
        }
    }
}

impl Drawn {
    fn of(lag: &Lag) -> Drawn {
        match lag {
            Lag::LogNormal { median, p90 } => {
                let median = median.0.max(1) as f64;
                let sigma = libm::log(p90.0.max(1) as f64 / median) / Z90;
                Drawn::LogNormal { median: median / SECONDS_A_DAY, sigma: sigma.max(0.0) }
            }
            Lag::Weekday(lags) => Drawn::Daily(Box::new(std::array::from_fn(|w| days(&lags[w])))),
            Lag::Days(_) => {
                let table = days(lag);
                Drawn::Daily(Box::new(std::array::from_fn(|_| table.clone())))
            }
        }
    }

    /// The time after `at` (days, counted from a Monday) at which a journey that converts does so.
    fn after(&self, at: f64, draw: &mut dyn Sampler) -> f64 {
        match self {
            Drawn::LogNormal { median, sigma } => at + median * libm::exp(sigma * draw.normal()),
            Drawn::Daily(tables) => {
                let table = &tables[at as usize % 7];
                let u = draw.uniform() * table.last().copied().unwrap_or(1.0);
                let days = table.partition_point(|share| *share <= u);
                // On the same day it comes later in the day.
                let hour = draw.uniform();
                if days == 0 {
                    at + (1.0 - at.fract()) * hour * 0.999
                } else {
                    at.floor() + days as f64 + hour
                }
            }
        }
    }
}

fn days(lag: &Lag) -> Vec<f64> {
    match lag {
        Lag::Days(shares) => shares.iter().map(|share| share.as_f64()).collect(),
        // Weekday tables are never nested, and hold day tables or log-normals.
        Lag::Weekday(lags) => days(&lags[0]),
        Lag::LogNormal { median, p90 } => {
            let median = median.0.max(1) as f64 / SECONDS_A_DAY;
            let sigma = (libm::log(p90.0.max(1) as f64 / SECONDS_A_DAY / median) / Z90).max(1e-6);
            let share = |age: f64| {
                0.5 * libm::erfc((libm::log(median) - libm::log(age)) / (sigma * std::f64::consts::SQRT_2))
            };
            // By the end of day a, an entry at noon is a + 1/2 days old.
            (0..400).map(|age| share(f64::from(age) + 0.5)).collect()
        }
    }
}

/// A funnel's facts, simulated up to a day and already drawn beyond it for those who entered by then.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The arrays as of the last simulated day.
    pub(crate) series: ScopeSeries,
    from: u8,
    /// By stage: whether the events tell of it. One they do not is only inferred from those behind it.
    recorded: Vec<bool>,
    /// What is still to come, by event day.
    future: Vec<Vec<Fact>>,
    next: usize,
}

/// A journey reaches a stage.
#[derive(Clone, Copy, Debug)]
struct Fact {
    /// Steps done: 0 = the path's first stage.
    step: u8,
    hour: u8,
    /// Day of entry into the path.
    first: u32,
    /// Day of entry into the stage before.
    before: u32,
}

impl World {
    /// A funnel without a day, of the stages `recorded`, whose first day will be `first_day`, a Monday; nothing is
    /// followed beyond `days`.
    pub(crate) fn new(recorded: &[bool], mechanism: &Mechanism, first_day: Day, days: usize) -> World {
        let from = mechanism.from;
        let steps = u8::try_from(mechanism.steps.len()).unwrap_or(u8::MAX);
        let pair = |from, to| PairSeries { from, to, converted: Vec::new() };
        let mut pairs: Vec<PairSeries> = (0..steps).map(|s| pair(from + s, from + s + 1)).collect();
        pairs.extend((2..=steps).map(|s| pair(from, from + s)));
        World {
            series: ScopeSeries {
                first_day,
                last_day: first_day.plus(-1),
                stages: vec![StageEntries::default(); recorded.len()],
                pairs,
                spend: Vec::new(),
                won: Vec::new(),
                in_time: Vec::new(),
                ages: Vec::new(),
                unrecorded: Vec::new(),
            },
            from,
            recorded: recorded.to_vec(),
            future: vec![Vec::new(); days],
            next: 0,
        }
    }

    /// Simulates the next day: its entries by `mechanism`, and what happens on it to those of before.
    pub(crate) fn pass(&mut self, mechanism: &Mechanism, draw: &mut dyn Sampler) {
        let day = self.next;
        let weekday = day % 7;
        for _ in 0..draw.poisson(mechanism.entries[weekday]) {
            self.journey(day, mechanism, draw);
        }
        self.next += 1;
        self.series.last_day = self.series.last_day.plus(1);
        for stage in &mut self.series.stages {
            stage.counts.push(0);
            stage.inferred.push(0);
            stage.hours.push(Some([0; 24]));
            if stage.hours.len() > HOURS_KEPT {
                stage.hours.remove(0);
            }
        }
        for pair in &mut self.series.pairs {
            pair.converted.push(0);
        }
        self.series.spend.push(mechanism.spend[weekday]);
        self.series.won.push(0);
        let steps = mechanism.steps.len() as u8;
        for fact in self.future.get_mut(day).map(std::mem::take).unwrap_or_default() {
            self.happen(fact, steps);
        }
    }

    fn happen(&mut self, fact: Fact, steps: u8) {
        let stage = self.from + fact.step;
        let recorded = |stage: u8| self.recorded.get(usize::from(stage)).copied().unwrap_or(true);
        let (here, before) = (recorded(stage), stage == 0 || recorded(stage - 1));
        if let Some(entries) = self.series.stages.get_mut(usize::from(stage)) {
            let counts = if here { &mut entries.counts } else { &mut entries.inferred };
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
            if let Some(Some(hours)) = entries.hours.last_mut() {
                hours[usize::from(fact.hour)] += 1;
            }
        }
        if fact.step == 0 || !here {
            return;
        }
        for pair in &mut self.series.pairs {
            let day = match (pair.to == stage, pair.from) {
                (true, from) if from == self.from => fact.first,
                (true, from) if from + 1 == stage && before => fact.before,
                _ => continue,
            };
            pair.converted[day as usize] += 1;
        }
        if fact.step == steps {
            self.series.won[fact.first as usize] += 1;
        }
    }

    /// Draws a journey that enters on `day`, to its end.
    fn journey(&mut self, day: usize, mechanism: &Mechanism, draw: &mut dyn Sampler) {
        let mut at = day as f64 + draw.uniform();
        let mut before = day;
        for step in 0..=mechanism.steps.len() {
            let now = at as usize;
            let hour = ((at - at.floor()) * 24.0) as u8;
            let Some(facts) = self.future.get_mut(now) else { return };
            facts.push(Fact { step: step as u8, hour, first: day as u32, before: before as u32 });
            let Some((rate, lag)) = mechanism.steps.get(step) else { return };
            if draw.uniform() >= *rate {
                return;
            }
            before = now;
            at = lag.after(at, draw);
        }
    }
}
