//! What kind of day it is: an ordinary one, one of rest, or a low one.
//!
//! A source that rests at weekends rests on public holidays, and as much: a day of rest brings what the quietest day
//! of the week brings, and seven working days a year are taken to be one until the source's own say otherwise. A
//! source that is as busy on Sundays as on Tuesdays knows no days of rest: they would be ordinary ones. Any source
//! may have days of a fifth of its usual arrivals; how often is learnt from its own days, and a source that never had
//! one is soon not expected to.
//!
//! Batches of five minutes saturate: rates are compared by the intensity that would fill as many of an hour's slots.

use serde::{Deserialize, Serialize};

/// Slots of an hour in which a batch may come.
pub(super) const SLOTS: f64 = 12.0;
/// Days of rest and days after which they were counted, before any was seen: seven a year. What one year shows says
/// little of the next, so these weigh a year.
const REST: [f64; 2] = [7.3, 365.0];
/// The same of low days.
const LOW: [f64; 2] = [0.05, 2.5];
/// Probability that a working day after a day of rest, and a day after a low one, is one too.
const REST_AGAIN: f64 = 0.15;
const LOW_AGAIN: f64 = 0.3;
/// Part of the usual arrivals that comes on a low day.
const LOW_RATE: f64 = 0.2;
/// Part of a weekday's arrivals that a day of rest brings at least, so that one stray arrival is possible.
const LEAST_RATE: f64 = 0.002;
/// A weekday that brings no more than a day of rest over this is one itself: it tells nothing of its kind.
const WORKING: f64 = 0.7;
/// What a week weighs beside the next, and what a day does in how often days are quiet.
const WEEK_MEMORY: f64 = 0.9;
const DAY_MEMORY: f64 = 0.998;
/// Variance of the batches of a day, over that of as many slots hit by chance, from which days are taken to vary.
const BY_CHANCE: f64 = 0.3;
/// Days that must have kept to a schedule before one is believed in: with 21 of them, chance looks like a schedule
/// once in more than a thousand sources (χ² with 21 degrees of freedom below 0.3 · 21).
const SCHEDULE_DAYS: f64 = 21.0;

/// Ordinary, rest, low.
pub(super) type Kinds = [f64; 3];

/// Arrivals an hour that fill `batches` of its slots on average.
pub(super) fn intensity(batches: f64) -> f64 {
    -SLOTS * libm::log(1.0 - batches.clamp(0.0, SLOTS - 0.5) / SLOTS)
}

/// Share of the slots filled by an intensity.
fn filled(intensity: f64) -> f64 {
    1.0 - libm::exp(-intensity / SLOTS)
}

/// The days of one pulse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Days {
    /// Weighted days and batches by weekday.
    weekdays: [[f64; 2]; 7],
    /// Part of each weekday's arrivals that a day of rest brings.
    rest: [f64; 7],
    /// Sums of squared differences of the batches of a day and of the variance chance would give them, and how many
    /// days are in them.
    dispersion: [f64; 3],
    today: f64,
    /// Some of today was missing or not watched.
    spoilt: bool,
    /// Days of rest and low days, each by its probability, and the days that were asked.
    seen: [[f64; 2]; 2],
}

impl Days {
    /// Batches of an hour of today.
    pub(super) fn add(&mut self, batches: u32) {
        self.today += f64::from(batches);
    }

    /// Today says nothing of what is usual.
    pub(super) fn spoil(&mut self) {
        self.spoilt = true;
    }

    /// Closes a day. `usual`: the usual batches of the hours of the week.
    pub(super) fn close(&mut self, weekday: usize, usual: &[f64]) {
        let batches = std::mem::take(&mut self.today);
        if std::mem::take(&mut self.spoilt) {
            return;
        }
        let day = self.weekdays[weekday];
        if day[0] >= 1.9 {
            // Of an hour's slots, hit independently: binomial. A busy hour fills nearly all and varies little.
            let chance = |usual: &f64| usual.min(SLOTS) * (1.0 - usual.min(SLOTS) / SLOTS);
            let today = &usual[weekday * 24..weekday * 24 + 24];
            let differs = batches - day[1] / day[0];
            let new = [differs * differs, today.iter().map(chance).sum(), 1.0];
            self.classify(weekday, today, batches);
            for (sum, new) in self.dispersion.iter_mut().zip(new) {
                *sum = *sum * 0.99 + new;
            }
        }
        self.weekdays[weekday] = [day[0] * WEEK_MEMORY + 1.0, day[1] * WEEK_MEMORY + batches];
        let of = |day: usize| usual[day * 24..day * 24 + 24].iter().map(|b| intensity(*b)).sum::<f64>();
        let all: [f64; 7] = std::array::from_fn(of);
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        self.rest = all.map(|day| if day > 0.0 { (least / day).clamp(LEAST_RATE, 1.0) } else { 1.0 });
    }

    /// Counts a day by how likely it was a quiet one.
    fn classify(&mut self, weekday: usize, usual: &[f64], batches: f64) {
        let rates = self.rates(weekday);
        let expected = rates
            .map(|rate| usual.iter().map(|b| SLOTS * filled(rate * intensity(*b))).sum::<f64>().max(0.01));
        let often = self.often();
        let prior = [1.0 - often[0] - often[1], often[0], often[1]];
        let nats: Kinds = std::array::from_fn(|kind| {
            (batches * libm::log(expected[kind] / expected[0]) - expected[kind] + expected[0]) / self.spread()
        });
        let most = nats.iter().copied().fold(0.0, f64::max);
        let weights: Kinds = std::array::from_fn(|kind| prior[kind] * libm::exp(nats[kind] - most));
        let sum: f64 = weights.iter().sum();
        for (kind, seen) in self.seen.iter_mut().enumerate() {
            if kind == 1 || rates[1] < WORKING {
                *seen = [seen[0] * DAY_MEMORY + weights[kind + 1] / sum, seen[1] * DAY_MEMORY + 1.0];
            }
        }
    }

    /// How often a day is one of rest, and a low one.
    fn often(&self) -> [f64; 2] {
        let share = |prior: [f64; 2], seen: [f64; 2]| (prior[0] + seen[0]) / (prior[1] + seen[1]);
        [share(REST, self.seen[0]), share(LOW, self.seen[1])]
    }

    /// Part of a weekday's usual arrivals that comes on a day of each kind.
    fn rates(&self, weekday: usize) -> Kinds {
        let rest = self.rest[weekday];
        [1.0, if rest > 0.0 { rest } else { LOW_RATE }, LOW_RATE]
    }

    /// Whether the number of batches varies from day to day by more than a schedule's.
    pub(super) fn varies(&self) -> bool {
        self.dispersion[2] < SCHEDULE_DAYS || self.dispersion[0] > BY_CHANCE * self.dispersion[1]
    }

    /// Variance of the batches of a day over that of chance, at least 1.
    fn spread(&self) -> f64 {
        let known = self.dispersion[2] >= SCHEDULE_DAYS && self.dispersion[1] > 0.0;
        if known { (self.dispersion[0] / self.dispersion[1]).max(1.0) } else { 1.0 }
    }
}

/// A path through the kinds of days: the probability of being in each now, and the improbability of the silence so
/// far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Walk {
    now: Kinds,
    pub(super) nats: f64,
}

impl Walk {
    pub(super) const START: Walk = Walk { now: [0.96, 0.02, 0.02], nats: 0.0 };

    /// A new day begins. One of rest lasts through the weekend: Good Friday is remembered on Easter Monday.
    pub(super) fn begin_day(&mut self, days: &Days, weekday: usize) {
        let [rest, low] = days.often();
        let next = |now: f64, often: f64, again: f64| now * again + (1.0 - now) * often;
        if days.rates(weekday)[1] < WORKING {
            self.now[1] = next(self.now[1], rest, REST_AGAIN);
        }
        self.now[2] = next(self.now[2], low, LOW_AGAIN);
        self.now[0] = (1.0 - self.now[1] - self.now[2]).max(1e-9);
    }

    /// `batches` came within an hour that usually brings `usual` arrivals.
    pub(super) fn heard(&mut self, days: &Days, weekday: usize, usual: f64, batches: u32) {
        let rates = days.rates(weekday);
        let (hit, free) = (f64::from(batches).min(SLOTS), (SLOTS - f64::from(batches)).max(0.0));
        let nats = rates.map(|rate| {
            let share = filled(rate * usual.max(0.02));
            (hit * libm::log(share) + free * libm::log(1.0 - share)) / days.spread()
        });
        let most = nats.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.take(nats.map(|nats| libm::exp(nats - most)));
        self.nats = 0.0;
    }

    /// Nothing came within such an hour, which on an ordinary day has this probability.
    pub(super) fn missed(&mut self, days: &Days, weekday: usize, usual: f64, ordinary: f64) {
        let quiet = |rate: f64| if days.varies() { libm::exp(-rate * usual).max(ordinary) } else { ordinary };
        let [_, rest, low] = days.rates(weekday);
        self.nats -= libm::log(self.take([ordinary, quiet(rest), quiet(low)]).max(1e-12));
    }

    /// Weighs the kinds by the probability each gave to what happened; its mean.
    fn take(&mut self, likelihood: Kinds) -> f64 {
        let weights: Kinds = std::array::from_fn(|kind| self.now[kind] * likelihood[kind]);
        let sum: f64 = weights.iter().sum();
        self.now = weights.map(|weight| (weight / sum.max(1e-300)).max(1e-9));
        sum
    }
}
