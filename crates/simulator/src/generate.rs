//! The stream of events in the order of their arrival.

use plumbline_events::{Event, EventRecord};
use plumbline_units::{Micros, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Beta, Distribution, Exp1, StandardNormal};

use crate::calendar::Calendar;
use crate::effect::{BURST_DAYS, Effects, SILENT_DAYS};
use crate::render::{Pending, Renderer, What};
use crate::spec::CRM;
use crate::{ScenarioKind, Spec};

const DAY: f64 = 86_400_000.0;
const HOUR: f64 = 3_600_000.0;
/// Days followed after the last lead; slower journeys never end.
const TAIL_DAYS: usize = 800;
/// Share of the leads that convert no further and are said to be disqualified (the others just stay silent).
const DISQUALIFIED: f64 = 0.6;
/// What a silent source held back arrives within this time.
const CATCH_UP: f64 = 2.0 * HOUR;
/// Standard deviation of the logarithm of deal amounts.
const DEAL_SIGMA: f64 = 0.5;
/// What each stream of random numbers is for.
mod purpose {
    pub(super) const LEADS: u64 = 1;
    pub(super) const SPEND: u64 = 2;
    pub(super) const RATE: u64 = 3;
}

/// An event and when it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// When intake gets to see it.
    pub received_at: Timestamp,
    /// What it says.
    pub event: Event,
}

impl Generated {
    /// The input topic such an event comes from.
    pub fn topic(&self) -> &'static str {
        match self.event.body {
            plumbline_events::Body::Lead { .. } => "crm.leads",
            plumbline_events::Body::Opportunity { .. } => "crm.opportunities",
            plumbline_events::Body::Spend { .. } => "ads.spend",
        }
    }

    /// As a record of the log.
    pub fn into_record(self) -> EventRecord {
        let input = self.topic().into();
        EventRecord { received_at: self.received_at, input, event: self.event }
    }
}

/// The events of `spec` in the order of arrival. Only facts not yet received are held in memory.
///
/// `spec` should pass [`Spec::check`]; numbers outside their range are drawn to its nearest end.
pub fn generate(spec: &Spec) -> impl Iterator<Item = Generated> + use<> {
    Generator::new(spec)
}

struct Generator {
    spec: Spec,
    effects: Effects,
    renderer: Renderer,
    calendar: Calendar,
    hours: [f64; 24],
    weekdays: [f64; 7],
    segment_shares: Vec<f64>,
    channel_shares: Vec<f64>,
    spend_shares: Vec<f64>,
    /// Silence of the silent source in milliseconds.
    silence: Option<(i64, i64)>,
    /// Facts by the day they are received; those of past days are empty.
    buckets: Vec<Vec<Pending>>,
    /// The day whose facts are handed out, last first.
    today: Vec<Pending>,
    next_day: usize,
    leads: u64,
    serial: u64,
}

impl Iterator for Generator {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        while self.today.is_empty() {
            if self.next_day == self.buckets.len() {
                return None;
            }
            self.fill_day();
        }
        let pending = self.today.pop()?;
        Some(Generated {
            received_at: Calendar::stamp(pending.received),
            event: self.renderer.event(&pending),
        })
    }
}

impl Generator {
    fn new(spec: &Spec) -> Generator {
        let days = spec.days as usize;
        let calendar = Calendar::new(spec.zone, spec.start, days + TAIL_DAYS);
        let silence = spec.onset_day().filter(|_| spec.kind.silences()).map(|onset| {
            let first = onset.since(spec.start).clamp(0, (calendar.len() as i32) - SILENT_DAYS) as usize;
            (calendar.start(first), calendar.start(first + SILENT_DAYS as usize))
        });
        Generator {
            effects: Effects::new(spec),
            renderer: Renderer::new(spec),
            hours: spec.arrival.shares(),
            weekdays: spec.weekday_factors(),
            segment_shares: spec.segment_shares(),
            channel_shares: spec.channel_shares(),
            spend_shares: spec.spend_shares(),
            silence,
            buckets: vec![Vec::new(); if spec.drain { calendar.len() } else { days }],
            today: Vec::new(),
            next_day: 0,
            leads: 0,
            serial: 0,
            spec: spec.clone(),
            calendar,
        }
    }

    /// Creates the leads and spend of the next day and takes out what is received on it. All facts received on
    /// a day come from leads created on it or before.
    fn fill_day(&mut self) {
        let index = self.next_day;
        self.next_day += 1;
        if index < self.spec.days as usize {
            self.create_leads(index);
            self.state_spend(index);
        }
        self.today = std::mem::take(&mut self.buckets[index]);
        self.today.sort_unstable_by_key(|p| std::cmp::Reverse((p.received, p.serial, p.again)));
    }

    fn rng(&self, purpose: u64, day: usize) -> StdRng {
        StdRng::seed_from_u64(mix(mix(self.spec.seed ^ mix(purpose)) ^ day as u64))
    }

    fn create_leads(&mut self, index: usize) {
        let mut rng = self.rng(purpose::LEADS, index);
        let day = self.calendar.day(index);
        let base = self.spec.leads_per_day * self.weekdays[day.weekday()] * self.effects.year(day);
        let mut arrivals = Vec::new();
        for (segment, in_segment) in self.segment_shares.iter().enumerate() {
            for (channel, in_channel) in self.channel_shares.iter().enumerate() {
                let volume = self.effects.at(day, segment, channel).volume;
                for _ in 0..poisson(&mut rng, base * in_segment * in_channel * volume) {
                    let hour = pick(&self.hours, &mut rng);
                    let at = self.calendar.within(index, (hour as f64 + rng.random::<f64>()) / 24.0);
                    arrivals.push((at, segment, channel));
                }
            }
        }
        arrivals.sort_unstable();
        if self.spec.kind == ScenarioKind::ImportBurst && self.spec.onset_day() == Some(day) {
            self.import_list(&mut rng, index);
        }
        for (at, segment, channel) in arrivals {
            self.leads += 1;
            Journey { lead: self.leads, segment, channel, created_day: index, rng: &mut rng }.play(self, at);
        }
    }

    /// A list of leads of which nothing comes, created from ten o'clock on.
    fn import_list(&mut self, rng: &mut StdRng, index: usize) {
        for _ in 0..((self.spec.leads_per_day * BURST_DAYS) as u64).max(200) {
            self.leads += 1;
            let at = self.calendar.within(index, (10.0 + 0.8 * rng.random::<f64>()) / 24.0);
            let place = (pick(&self.segment_shares, rng), pick(&self.channel_shares, rng));
            self.tell(rng, place, at, What::Created { lead: self.leads });
        }
    }

    /// Yesterday's spend is stated at four in the morning.
    fn state_spend(&mut self, index: usize) {
        let mut rng = self.rng(purpose::SPEND, index);
        let day = self.calendar.day(index);
        let base = self.spec.leads_per_day * self.weekdays[day.weekday()] * self.effects.year(day);
        for segment in 0..self.segment_shares.len() {
            for channel in 0..self.channel_shares.len() {
                let share = self.segment_shares[segment] * self.spend_shares[channel];
                let factor = self.effects.at(day, segment, channel).spend;
                let amount = cents(base * share * factor * self.spec.spend_per_lead);
                if amount == Micros::ZERO {
                    continue;
                }
                let at = self.calendar.start(index + 1) + 4 * HOUR as i64;
                let spend = |amount| What::Spend { day: day.number(), amount };
                self.tell(&mut rng, (segment, channel), at, spend(amount));
                if rng.random::<f64>() < self.spec.correction_share {
                    let corrected = cents(amount.units() * (1.0 + 0.02 * normal(&mut rng)));
                    self.tell(&mut rng, (segment, channel), at + 6 * DAY as i64, spend(corrected));
                }
            }
        }
    }

    /// Puts a fact, and perhaps its second delivery, where it will be received.
    fn tell(&mut self, rng: &mut StdRng, (segment, channel): (usize, usize), occurred: i64, what: What) {
        self.serial += 1;
        let mut delay = rng.random_range(500.0..20_000.0);
        if rng.random::<f64>() < self.spec.late_share {
            delay += (12.0 * HOUR * exponential(rng)).min(5.0 * DAY);
        }
        let again =
            (rng.random::<f64>() < self.spec.duplicate_share).then(|| (6.0 * HOUR * exponential(rng)) as i64);
        let silent = self.silence.is_some() && self.is_silenced(channel, what);
        let first = occurred + delay as i64;
        for (received, again) in
            [Some(first), again.map(|wait| first + wait)].into_iter().flatten().zip([false, true])
        {
            let received = if silent { self.held_back(received) } else { received };
            let bucket = self.calendar.index_of(received).and_then(|day| self.buckets.get_mut(day));
            // What would be received after the end never is.
            if let Some(bucket) = bucket {
                let (segment, channel) = (segment as u16, channel as u16);
                bucket.push(Pending {
                    received,
                    occurred,
                    serial: self.serial,
                    again,
                    segment,
                    channel,
                    what,
                });
            }
        }
    }

    fn is_silenced(&self, channel: usize, what: What) -> bool {
        if self.spec.kind == ScenarioKind::StoppedType {
            return matches!(what, What::Stage { .. });
        }
        let account = self.spec.channels[channel].account.as_deref();
        let source = if matches!(what, What::Spend { .. }) { account.unwrap_or_default() } else { CRM };
        source == self.spec.silent_source
    }

    /// What would arrive during the silence arrives after it, in the same order.
    fn held_back(&self, received: i64) -> i64 {
        match self.silence {
            Some((from, until)) if (from..until).contains(&received) => {
                let place = (received - from) as f64 / (until - from) as f64;
                until + (place * CATCH_UP) as i64
            }
            _ => received,
        }
    }

    /// The rate of a transition for those who enter it on a day: the plan's, or drawn around it.
    fn base_rate(&self, transition: usize, segment: usize, entered: i64) -> f64 {
        let (p, rho) = (self.spec.rates[transition], self.spec.overdispersion);
        if rho <= 0.0 || p <= 0.0 || p >= 1.0 {
            return p;
        }
        let Some(day) = self.calendar.index_of(entered) else { return p };
        let cell = (transition + 4 * segment) as u64;
        let mut rng =
            StdRng::seed_from_u64(mix(mix(mix(self.spec.seed ^ mix(purpose::RATE)) ^ cell) ^ day as u64));
        let strength = 1.0 / rho - 1.0;
        Beta::new(p * strength, (1.0 - p) * strength).map_or(p, |beta| beta.sample(&mut rng))
    }
}

/// One lead on its way.
struct Journey<'a> {
    lead: u64,
    segment: usize,
    channel: usize,
    created_day: usize,
    rng: &'a mut StdRng,
}

impl Journey<'_> {
    fn play(mut self, world: &mut Generator, created: i64) {
        let lead = self.lead;
        let effect = world.effects.at(world.calendar.day(self.created_day), self.segment, self.channel);
        self.tell(world, created, What::Created { lead });
        if self.chance(world.spec.merge_share) {
            let copied = created + (self.rng.random_range(1.0..120.0) * HOUR) as i64;
            let merged = copied + (self.rng.random_range(1.0..48.0) * HOUR) as i64;
            self.tell(world, copied, What::Copied { lead });
            self.tell(world, merged, What::Merged { lead });
        }
        let mut amount = self.deal(world.spec.mean_deal);
        let mut entered = created;
        for transition in 0..4 {
            let rate = world.base_rate(transition, self.segment, entered) * effect.rates[transition];
            let lag = world.spec.lags[transition];
            let days = lag.median_days * effect.lags * libm::exp(lag.sigma * normal(self.rng));
            let converts = self.chance(rate);
            let mut at = entered + (days.min(1e5) * DAY) as i64;
            if self.chance(world.spec.weekend_backlog) {
                let spread = self.rng.random::<f64>();
                at = world.calendar.monday_after(at, spread).unwrap_or(at);
            }
            let corrected = transition == 3 && self.chance(world.spec.correction_share);
            if corrected {
                amount = cents(amount.units() * (0.8 + 0.3 * self.rng.random::<f64>()));
                let when = entered + ((at - entered) as f64 * self.rng.random::<f64>()) as i64;
                self.tell(world, when, What::Amount { lead, amount });
            }
            if !converts {
                return self.fail(world, transition, at);
            }
            let what = match transition {
                0 | 1 => What::Stage { lead, stage: transition as u8 + 1 },
                2 => What::Opportunity { lead, amount },
                _ => What::Won { lead, amount },
            };
            self.tell(world, at, what);
            entered = at;
        }
    }

    /// A deal not won is lost; a lead that goes no further is perhaps disqualified.
    fn fail(&mut self, world: &mut Generator, transition: usize, at: i64) {
        let reason = self.rng.random_range(0..What::REASONS);
        let lead = self.lead;
        if transition == 3 {
            self.tell(world, at, What::Lost { lead, reason });
        } else if self.chance(DISQUALIFIED) {
            self.tell(world, at, What::Disqualified { lead, reason });
        }
    }

    fn tell(&mut self, world: &mut Generator, at: i64, what: What) {
        world.tell(self.rng, (self.segment, self.channel), at, what);
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random::<f64>() < probability
    }

    /// A log-normal amount with the given mean.
    fn deal(&mut self, mean: f64) -> Micros {
        cents(mean * libm::exp(DEAL_SIGMA * normal(self.rng) - DEAL_SIGMA * DEAL_SIGMA / 2.0))
    }
}

fn normal(rng: &mut StdRng) -> f64 {
    StandardNormal.sample(rng)
}

fn exponential(rng: &mut StdRng) -> f64 {
    Exp1.sample(rng)
}

/// Arrivals of a Poisson process with unit gaps: exact, and no dearer than the leads it makes.
fn poisson(rng: &mut StdRng, mean: f64) -> u32 {
    let (mut count, mut time) = (0, exponential(rng));
    while time < mean {
        count += 1;
        time += exponential(rng);
    }
    count
}

/// A position drawn by its share.
fn pick(shares: &[f64], rng: &mut StdRng) -> usize {
    let mut left = rng.random::<f64>();
    for (at, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return at;
        }
    }
    shares.len() - 1
}

/// Money in whole cents, at most the largest amount.
fn cents(units: f64) -> Micros {
    Micros((units.clamp(0.0, 1e11) * 100.0).round() as i64 * 10_000)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): unrelated seeds from neighbouring numbers.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
