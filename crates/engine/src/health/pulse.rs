//! When something is usually heard, and how improbable its present silence is.
//!
//! Arrivals are counted as *batches*: five-minute slots with at least one arrival, so that a feed that delivers a
//! thousand statements at once is heard once. For each hour of the local week the pulse learns in which share of the
//! weeks that hour was not heard, with a memory of ten weeks; hours that were seen only a few times lean on the same
//! hour of the other working days (or of the other day of the weekend).
//!
//! The probability of the present silence is that of a chain over the kinds of days ([`super::days`]), which may
//! change at local midnight: on an ordinary day an hour passes in silence with its learnt share, on a quiet one with
//! that of its part of the usual arrivals. What was heard earlier in the day speaks for its kind: a source that was
//! as busy as ever this morning has no holiday. Sources whose number of batches a day does not vary run by a schedule
//! and have no quiet days. `nats` is minus its logarithm.
//!
//! A silence speaks once `nats ≥ ln(N / b)`, N = hours heard a year = how often a silence begins, b = the budget of
//! false pages a year: if the chain holds, N·exp(−ln(N/b)) = b of them are false. Where a silence longer than that
//! has ended by itself within the last year, the longest of them and a quarter more is needed.

use std::collections::VecDeque;

use plumbline_units::Timestamp;
use serde::{Deserialize, Serialize};

use super::Hour;
use super::days::{Days, Walk, intensity};

const HOUR: i64 = 3_600_000;
/// Arrivals within the same five minutes are one batch.
const SLOT: i64 = 300_000;
/// Hours of the week.
const WEEK: usize = 168;
/// What a week weighs beside the next.
const MEMORY: f64 = 0.9;
/// Days from the first arrival until silence may speak.
const LEARNING_DAYS: i64 = 14;
/// Hours in which something must have been heard by then.
const LEARNING_HOURS: u32 = 10;
/// What a bin leans on its neighbours with, in weeks.
const LEAN: f64 = 5.0;
/// Hours that may await their tick: while the clock awaits confirmation events run ahead of it.
const MAX_OPEN: usize = 100;
/// Days after which the longest silence is forgotten, half of it at a time.
const ERA_DAYS: i64 = 183;

/// Learnt of one hour of the week, in weighted weeks: hours, hours missed, batches, messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bin([f64; 4]);

/// What arrived within an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arrivals {
    pub(crate) hour: i64,
    pub(crate) batches: u32,
    pub(crate) messages: u32,
    /// Messages whose event happened in a silence that had been found.
    pub(crate) late: u32,
}

/// The silence since the last hour heard.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Gap {
    hours: u32,
    /// Nats one hour ago: what comes a few minutes past its hour is not late.
    before: f64,
    /// Hours not yet learnt as missed, because the silence had become suspicious.
    unlearnt: u32,
    /// Some hours of it were not watched.
    blind: bool,
}

impl Gap {
    const NONE: Gap = Gap { hours: 0, before: 0.0, unlearnt: 0, blind: false };
}

/// When something is usually heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pulse {
    bins: Vec<Bin>,
    days: Days,
    /// By the local clock, and by that of a week ago: a source may keep another zone's time.
    walks: [Walk; 2],
    first: i64,
    heard_hours: u32,
    pub(crate) last: Timestamp,
    open: VecDeque<Arrivals>,
    slot: i64,
    closed: i64,
    gap: Gap,
    /// Nats of the longest silence that ended by itself, of the former and the present half-year.
    longest: [f64; 2],
    era: i64,
}

impl Pulse {
    pub(crate) fn new(received: Timestamp) -> Pulse {
        let hour = received.millis().div_euclid(HOUR);
        Pulse {
            bins: vec![Bin::default(); WEEK],
            days: Days::default(),
            walks: [Walk::START; 2],
            first: hour,
            heard_hours: 0,
            last: received,
            open: VecDeque::new(),
            slot: i64::MIN,
            closed: hour - 1,
            gap: Gap::NONE,
            longest: [0.0; 2],
            era: hour.div_euclid(24 * ERA_DAYS),
        }
    }

    /// Takes an arrival.
    pub(crate) fn heard(&mut self, received: Timestamp, late: bool) {
        self.last = self.last.max(received);
        let hour = received.millis().div_euclid(HOUR).max(self.closed + 1);
        let slot = received.millis().div_euclid(SLOT);
        let known = self.open.iter().rposition(|open| open.hour == hour);
        let at = known.unwrap_or_else(|| {
            if self.open.len() < MAX_OPEN {
                self.open.push_back(Arrivals { hour, ..Arrivals::default() });
            }
            self.open.len() - 1
        });
        let open = &mut self.open[at];
        open.batches = open.batches.saturating_add(u32::from(slot != self.slot));
        open.messages = open.messages.saturating_add(1);
        open.late = open.late.saturating_add(u32::from(late));
        self.slot = slot;
    }

    /// What arrived in the hour about to be closed.
    pub(crate) fn arrived(&self, hour: i64) -> Arrivals {
        let of = |open: &&Arrivals| open.hour == hour;
        self.open.iter().find(of).copied().unwrap_or(Arrivals { hour, ..Arrivals::default() })
    }

    /// Closes an hour. `flow` is the part of its usual arrivals that the hour could have had: 1, or less where the
    /// source itself said less than usual. `outage`: the present silence has been found not to be a usual one.
    pub(crate) fn close(&mut self, hour: &Hour<'_>, flow: f64, outage: bool, suspicious: f64) {
        if hour.number <= self.closed {
            return;
        }
        let arrived = self.arrived(hour.number);
        self.closed = hour.number;
        self.open.retain(|open| open.hour > hour.number);
        let era = hour.number.div_euclid(24 * ERA_DAYS);
        if era > self.era {
            self.longest = [if era == self.era + 1 { self.longest[1] } else { 0.0 }, 0.0];
            self.era = era;
        }
        if hour.midnight {
            self.begin_day(hour);
        }
        if outage || hour.blind {
            self.days.spoil();
        }
        if arrived.messages > 0 {
            self.end_gap(hour, outage);
            self.hear(hour, flow, arrived.batches);
            self.heard_hours = self.heard_hours.saturating_add(1);
            if !hour.blind && !outage {
                self.learn(hour.bin, Some(arrived));
                self.days.add(arrived.batches);
            }
        } else if hour.blind {
            self.gap.blind = true;
        } else {
            self.miss(hour, flow);
            if outage || self.nats() >= suspicious {
                self.gap.unlearnt = self.gap.unlearnt.saturating_add(1);
            } else if flow > 0.0 {
                self.learn(hour.bin, None);
            }
        }
    }

    fn hear(&mut self, hour: &Hour<'_>, flow: f64, batches: u32) {
        let usual = hour.bins().map(|bin| intensity(self.expected(bin).1) * flow);
        for ((walk, bin), usual) in self.walks.iter_mut().zip(hour.bins()).zip(usual) {
            walk.heard(&self.days, bin / 24, usual, batches);
        }
    }

    fn miss(&mut self, hour: &Hour<'_>, flow: f64) {
        self.gap.before = self.nats();
        self.gap.hours += 1;
        let by_chance = self.days.varies();
        for (at, bin) in hour.bins().into_iter().enumerate() {
            let (missed, batches) = self.expected(bin);
            let usual = intensity(batches);
            // What comes by chance is missed no more seldom than its mean says: a few lucky weeks prove little.
            let missed = if by_chance { missed.max(libm::exp(-usual)) } else { missed };
            let ordinary = libm::exp(flow * libm::log(missed));
            self.walks[at].missed(&self.days, bin / 24, usual * flow, ordinary);
        }
    }

    fn nats(&self) -> f64 {
        self.walks[0].nats.min(self.walks[1].nats)
    }

    /// Something was heard: a suspicious silence that no outage explains was a usual one after all.
    fn end_gap(&mut self, hour: &Hour<'_>, outage: bool) {
        if !outage && self.gap.unlearnt > 0 && !self.gap.blind {
            if self.knows(hour.number) {
                self.longest[1] = self.longest[1].max(self.nats());
            }
            for back in (1..=self.gap.unlearnt.min(WEEK as u32) as usize).rev() {
                self.learn((hour.bin + WEEK - back % WEEK) % WEEK, None);
            }
        }
        self.gap = Gap::NONE;
    }

    /// A silence that had been taken for an outage was a usual one: nothing had been held back.
    pub(crate) fn was_usual(&mut self, nats: f64) {
        self.longest[1] = self.longest[1].max(nats);
    }

    fn learn(&mut self, bin: usize, arrived: Option<Arrivals>) {
        let seen = match arrived {
            Some(a) => [1.0, 0.0, f64::from(a.batches), f64::from(a.messages)],
            None => [1.0, 1.0, 0.0, 0.0],
        };
        let usual = self.usual(bin, 3);
        let mut seen = seen;
        if self.bins[bin].0[0] > 1.5 {
            // A list import is no sign of what is usual.
            seen[3] = seen[3].min(50.0 + 5.0 * usual);
        }
        for (learnt, new) in self.bins[bin].0.iter_mut().zip(seen) {
            *learnt = *learnt * MEMORY + new;
        }
    }

    /// The day ended when the local hour 0 began; what is usual is known of its hours.
    fn begin_day(&mut self, hour: &Hour<'_>) {
        let usual: Vec<f64> = (0..WEEK).map(|bin| self.usual(bin, 2)).collect();
        self.days.close((hour.bin / 24 + 6) % 7, &usual);
        for walk in &mut self.walks {
            walk.begin_day(&self.days, hour.bin / 24);
        }
    }

    /// Share of the weeks in which an hour is not heard, and its usual number of batches.
    fn expected(&self, bin: usize) -> (f64, f64) {
        let (day, hour) = (bin / 24, bin % 24);
        let class = if day < 5 { 0..5 } else { 5..7 };
        let rest = class.filter(|d| *d != day).map(|d| self.bins[d * 24 + hour].0);
        let [hours, missed, batches, _] =
            rest.fold([0.0; 4], |sum, bin| [0, 1, 2, 3].map(|at| sum[at] + bin[at]));
        let own = self.bins[bin].0;
        if own[0] + hours < 1.9 {
            return (1.0, 0.0);
        }
        // Beta(0.1, 0.02): what never failed seldom does, what never came hardly will.
        let prior = (missed + 0.1) / (hours + 0.12);
        let unlike = own[0] > 1.5 && hours > 0.0 && (own[1] / own[0] - missed / hours).abs() > 0.5;
        let lean = if unlike { LEAN / 10.0 } else { LEAN };
        let rate = if hours > 0.0 { batches / hours } else { 0.0 };
        let with = |seen: f64, prior: f64| (seen + lean * prior) / (own[0] + lean);
        (with(own[1], prior).min(1.0), with(own[2], rate))
    }

    /// Usual number of batches (2) or messages (3) in an hour of the week.
    pub(crate) fn usual(&self, bin: usize, what: usize) -> f64 {
        let bin = self.bins[bin].0;
        if bin[0] > 0.0 { bin[what] / bin[0] } else { 0.0 }
    }

    /// Usual number of messages in a week.
    pub(crate) fn weekly(&self) -> f64 {
        (0..WEEK).map(|bin| self.usual(bin, 3)).sum()
    }

    /// Whether enough was learnt for silence to mean something.
    pub(crate) fn knows(&self, hour: i64) -> bool {
        hour >= self.first + 24 * LEARNING_DAYS && self.heard_hours >= LEARNING_HOURS
    }

    /// Nats of the present silence: those that count, and those up to now. Of a schedule count those of an hour ago:
    /// what comes a few minutes past its hour is not late.
    pub(crate) fn silence(&self) -> (f64, f64) {
        let now = self.nats();
        (if self.days.varies() { now } else { self.gap.before.min(now) }, now)
    }

    /// Hours of the present silence that were watched.
    pub(crate) fn silent_hours(&self) -> u32 {
        self.gap.hours
    }

    /// Nats from which silence speaks, at `budget` false pages a year.
    pub(crate) fn threshold(&self, budget: f64) -> f64 {
        let heard = |bin: &Bin| if bin.0[0] > 0.0 { 1.0 - bin.0[1] / bin.0[0] } else { 0.0 };
        let a_year: f64 = self.bins.iter().map(heard).sum::<f64>() * 365.25 / 7.0;
        let longest = self.longest[0].max(self.longest[1]);
        let threshold = libm::log((a_year / budget).max(2.0));
        if longest > threshold { 1.25 * longest } else { threshold }
    }
}
