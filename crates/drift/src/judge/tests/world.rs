//! A small company for tests: journeys drawn by a seed, changed from given days on, read as the judge reads cells.

use std::collections::BTreeMap;

use plumbline_plan::{DimensionIndex, Plan, Scope, StageIndex};
use plumbline_units::Day;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, LogNormal, Poisson};

use super::super::{Facts, Leaf, Quantity};

/// Lead, MQL, SQL, opportunity, won.
const STAGES: usize = 5;
const RATES: [f64; 4] = [0.5, 0.4, 0.5, 0.4];
const LAGS: [(f64, f64); 4] = [(1.5, 0.9), (4.0, 0.8), (5.0, 0.8), (14.0, 1.15)];
/// Two channels, so that there is something to split by.
pub(crate) const CHANNELS: [&str; 2] = ["search", "paid_social"];
pub(crate) const DEAL: i64 = 11_800;

/// What the plan says: 30 leads of a day cost 3,000; 4% of them become customers for 2,500 each.
pub(crate) const PLAN: &str = r#"
plan = "p"
revision = 1
effective_from = 2026-01-01
timezone = "UTC"
currency = "EUR"
[funnel]
stages = ["lead", "mql", "sql", "opportunity", "won"]
dimensions = ["segment", "channel"]
[dimension.segment]
values = ["smb"]
[[transition]]
from = "lead"
to = "mql"
conversion = 0.50
lag = { median = "1.5d", p90 = "4.753d" }
owners = [{ function = "marketing", team = "demand-gen" }, { function = "sales", team = "sdr" }]
[[transition]]
from = "mql"
to = "sql"
conversion = 0.40
lag = { median = "4d", p90 = "11.15d" }
owners = [{ function = "marketing", team = "ops" }, { function = "sales", team = "sdr" }]
action = "Joint hand-off audit"
runbook_url = "https://runbooks.example.com/handoff-audit"
[[transition]]
from = "sql"
to = "opportunity"
conversion = 0.50
lag = { median = "5d", p90 = "13.94d" }
owners = [{ function = "sales", team = "sdr" }, { function = "sales-engineering", team = "presales" }]
[[transition]]
from = "opportunity"
to = "won"
conversion = 0.40
lag = { median = "14d", p90 = "61.12d" }
owners = [{ function = "sales", team = "ae" }, { function = "finance", team = "deal-desk" }]
[[target]]
name = "lead-to-won"
metric = "conversion"
from = "lead"
to = "won"
each = ["segment"]
warn = "-10%"
critical = "-30%"
[[target]]
name = "cac"
metric = "cac"
owners = [{ function = "marketing", team = "demand-gen" }, { function = "finance", team = "fpa" }]
value = "2500 EUR"
each = ["segment"]
warn = "+20%"
critical = "+50%"
depends_on = ["lead-to-won below"]
[[target]]
name = "lead-volume"
metric = "volume"
owners = [{ function = "marketing", team = "demand-gen" }, { function = "sales", team = "sdr" }]
stage = "lead"
values = { smb = "LEADS/day" }
each = ["segment"]
warn = "±25%"
[[target]]
name = "spend"
metric = "spend"
owners = [{ function = "marketing", team = "demand-gen" }, { function = "finance", team = "fpa" }]
values = { smb = "SPEND EUR/day" }
each = ["segment"]
warn = "+25%"
[[target]]
name = "sales-cycle"
metric = "velocity"
from = "opportunity"
to = "won"
value = "14d"
each = ["segment"]
warn = "+25%"
PATTERN
"#;

pub(crate) const TRAP: &str = r#"
[[pattern]]
name = "lead-quality-trap"
all = ["lead-volume not-below", "lead-to-won below", "cac above"]
severity = "critical"
owners = [{ function = "marketing", team = "demand-gen" }, { function = "sales", team = "sdr" }]
action = "Freeze incremental spend"
"#;

/// Conversion as a whole and by channel, nothing else.
pub(crate) const BY_CHANNEL: &str = r#"
[dimension.channel]
values = ["search", "paid_social"]
[[target]]
name = "total"
metric = "conversion"
from = "lead"
to = "won"
warn = "-10%"
critical = "-30%"
[[target]]
name = "by-channel"
metric = "conversion"
from = "lead"
to = "won"
each = ["channel"]
warn = "-10%"
critical = "-30%"
"#;

/// A plan with targets in a scope and in the narrower ones inside it.
pub(crate) fn by_channel() -> Plan {
    let head = PLAN.split("[[target]]").next().unwrap_or_default();
    parsed(&format!("{head}{BY_CHANNEL}"))
}

/// The plan of a company with so many leads a day, with or without the pattern.
pub(crate) fn plan(leads: f64, pattern: bool) -> Plan {
    parsed(&text(leads, pattern))
}

pub(crate) fn text(leads: f64, pattern: bool) -> String {
    PLAN.replace("LEADS", &format!("{leads}"))
        .replace("SPEND", &format!("{}", leads * 100.0))
        .replace("PATTERN", if pattern { TRAP } else { "" })
}

pub(crate) fn parsed(text: &str) -> Plan {
    match Plan::parse("plan.toml", text) {
        Ok(parsed) => parsed.plan,
        Err(findings) => panic!("{findings:?}"),
    }
}

/// Multipliers in force from a day on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factors {
    pub(crate) leads: f64,
    pub(crate) spend: f64,
    /// Of the four transitions.
    pub(crate) rates: [f64; 4],
    /// On all lags.
    pub(crate) lags: f64,
    /// The only channel hit; `None` = all.
    pub(crate) only: Option<Leaf>,
}

impl Factors {
    pub(crate) const NONE: Factors =
        Factors { leads: 1.0, spend: 1.0, rates: [1.0; 4], lags: 1.0, only: None };
}

type Sums = BTreeMap<(Leaf, Quantity), BTreeMap<Day, BTreeMap<Day, i64>>>;

/// Everything that will have happened; the judge asks for it as of a day.
pub(crate) struct World {
    sums: Sums,
    hours: BTreeMap<(Leaf, StageIndex, Day), [u32; 24]>,
    first: Day,
}

impl World {
    /// `days` days from `first` on, with the factors in force on each day.
    pub(crate) fn new(
        seed: u64,
        leads: f64,
        first: Day,
        days: i32,
        factors: impl Fn(i32) -> Factors,
    ) -> World {
        let mut world = World { sums: BTreeMap::new(), hours: BTreeMap::new(), first };
        let mut rng = StdRng::seed_from_u64(seed);
        for at in 0..days {
            let now = factors(at);
            for leaf in 0..2 {
                let now = if now.only.is_some_and(|only| only != leaf) { Factors::NONE } else { now };
                let mean = leads * now.leads / 2.0;
                let count = Poisson::new(mean.max(1e-9)).unwrap().sample(&mut rng) as u32;
                for _ in 0..count {
                    world.journey(&mut rng, leaf, f64::from(at), &now);
                }
                let spend = (leads * now.spend * 50.0 * 1e6) as i64;
                world.add(leaf, Quantity::Spend, first.plus(at), first.plus(at), spend);
            }
        }
        world
    }

    fn journey(&mut self, rng: &mut StdRng, leaf: Leaf, day: f64, now: &Factors) {
        let day_of = |t: f64| self.first.plus(t.floor() as i32);
        let mut times = vec![day + rng.random::<f64>()];
        for (stage, (median, sigma)) in LAGS.iter().enumerate() {
            if rng.random::<f64>() >= RATES[stage] * now.rates[stage] {
                break;
            }
            let lag = LogNormal::new(libm::log(*median * now.lags), *sigma).unwrap().sample(rng);
            times.push(times[stage] + lag);
        }
        let days: Vec<Day> = times.iter().map(|&t| day_of(t)).collect();
        for (stage, (&t, &d)) in times.iter().zip(&days).enumerate() {
            let stage = StageIndex(stage as u8);
            self.add(leaf, Quantity::Entered(stage), d, d, 1);
            let hour = ((t - t.floor()) * 24.0) as usize;
            self.hours.entry((leaf, stage, d)).or_default()[hour.min(23)] += 1;
            if stage.0 > 0 {
                let before = StageIndex(stage.0 - 1);
                self.add(leaf, Quantity::Converted(before, stage), days[usize::from(before.0)], d, 1);
                if stage.0 > 1 {
                    self.add(leaf, Quantity::Converted(StageIndex(0), stage), days[0], d, 1);
                }
            }
        }
        if days.len() == STAGES {
            self.add(leaf, Quantity::WonCount, days[0], days[4], 1);
            self.add(leaf, Quantity::WonAmount, days[0], days[4], DEAL * 1_000_000);
        }
    }

    /// Moves a count behind everybody's back: a fact that comes late, or is taken back.
    pub(crate) fn add(&mut self, leaf: Leaf, what: Quantity, entry: Day, event: Day, value: i64) {
        *self.sums.entry((leaf, what)).or_default().entry(entry).or_default().entry(event).or_default() +=
            value;
    }
}

impl World {
    /// All counts there are: entry day, event day, how many.
    pub(crate) fn cells(&self, leaf: Leaf, what: Quantity) -> Vec<(Day, Day, i64)> {
        let days = self.sums.get(&(leaf, what)).into_iter().flatten();
        days.flat_map(|(&entry, events)| events.iter().map(move |(&event, &n)| (entry, event, n)))
            .filter(|(.., n)| *n > 0)
            .collect()
    }
}

impl Facts for World {
    fn leaves(&self) -> Vec<Leaf> {
        vec![0, 1]
    }

    fn in_scope(&self, leaf: Leaf, scope: &Scope) -> bool {
        scope.0.iter().all(|(d, value)| self.value(leaf, *d) == value.as_str())
    }

    fn value(&self, leaf: Leaf, dimension: DimensionIndex) -> &str {
        if dimension.0 == 0 { "smb" } else { CHANNELS[leaf as usize] }
    }

    fn first_entry_day(&self) -> Option<Day> {
        Some(self.first)
    }

    fn by_entry_day(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
        each: &mut dyn FnMut(Day, i64),
    ) {
        for (&entry, events) in self.sums.get(&(leaf, what)).into_iter().flat_map(|s| s.range(first..=tick)) {
            each(entry, events.range(..=tick).map(|(_, n)| n).sum());
        }
    }

    fn by_event_days(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        from: Day,
        to: Day,
        each: &mut dyn FnMut(Day, i64),
    ) {
        for (&entry, events) in self.sums.get(&(leaf, what)).into_iter().flat_map(|s| s.range(first..=to)) {
            each(entry, events.range(from..=to).map(|(_, n)| n).sum());
        }
    }

    fn by_both_days(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
        each: &mut dyn FnMut(Day, Day, i64),
    ) {
        for (&entry, events) in self.sums.get(&(leaf, what)).into_iter().flat_map(|s| s.range(first..=tick)) {
            events.range(..=tick).for_each(|(&event, &n)| each(entry, event, n));
        }
    }
    fn rejections(&self, _: Leaf, _: StageIndex, _: Day, _: Day, _: &mut dyn FnMut(&str, Day, u16, i64)) {}

    fn hours(&self, leaf: Leaf, stage: StageIndex, day: Day) -> Option<[u32; 24]> {
        Some(self.hours.get(&(leaf, stage, day)).copied().unwrap_or_default())
    }
}
