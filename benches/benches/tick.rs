//! A daily tick of a whole plan: six targets in each scope over half a year of cohorts, 30 leads a day and scope, the
//! facts of each scope drawn from the plan: a few scopes drift by chance, as they do in service.
//!
//! "First" closes a tick with a judge that knows nothing; "next" the day after one, as a service does every night;
//! "fitted" the same where the plan's rates are estimates from [`FITTED`] entries each. Nothing is kept from one tick
//! to the next, so that the two cost alike, in proportion to the scopes: a planned lag goes on at every age of the
//! window, so that a cohort to which nothing happens says something else each day all the same. A sixth of a tick goes
//! into reading counts, two fifths into evidence, a fifth into projections (most of it the pace of cycle times) and an
//! eighth into what the few that drift look like.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use plumbline_drift::judge::{Facts, Judge, Leaf, Quantity, TickContext};
use plumbline_plan::{DimensionIndex, Plan, Scope, StageIndex};
use plumbline_units::{Day, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, LogNormal, Poisson};

/// Days of cohorts at the first tick.
const COHORTS: i32 = 180;
/// Days drawn: so many ticks follow the first before the story begins anew.
const DAYS: i32 = 220;
/// Share of a cohort that reaches the next stage, median days that takes and deviation of their logarithm.
const STEPS: [(f64, f64, f64); 4] = [(0.5, 1.5, 0.9), (0.4, 4.0, 0.8), (0.5, 5.0, 0.8), (0.4, 14.0, 1.15)];
/// Leads a day and scope.
const LEADS: f64 = 30.0;
/// Entries that an estimated rate comes from.
const FITTED: f64 = 5_000.0;

/// `fitted`: its rates are estimates.
fn plan(scopes: usize, fitted: bool) -> Plan {
    let names: Vec<String> = (0..scopes).map(|i| format!("\"s{i:04}\"")).collect();
    let step = |from: &str, to: &str, rate: f64, median: &str, p90: &str| {
        let error = (rate * (1.0 - rate) / FITTED).sqrt();
        let error = if fitted { format!("conversion_error = {error:.4}\n") } else { String::new() };
        format!(
            "[[transition]]\nfrom = \"{from}\"\nto = \"{to}\"\nconversion = {rate:.2}\n{error}\
             lag = {{ median = \"{median}\", p90 = \"{p90}\" }}\n\
             owners = [{{ function = \"marketing\", team = \"a\" }}, {{ function = \"sales\", team = \"b\" }}]\n"
        )
    };
    let owners =
        "owners = [{ function = \"marketing\", team = \"a\" }, { function = \"finance\", team = \"f\" }]\n";
    let target = |name: &str, metric: &str, rest: &str| {
        format!(
            "[[target]]\nname = \"{name}\"\nmetric = \"{metric}\"\n{owners}each = [\"segment\"]\n{rest}\n"
        )
    };
    let text = [
        "plan = \"bench\"\nrevision = 1\neffective_from = 2026-01-01\ntimezone = \"UTC\"\ncurrency = \"EUR\"\n\
         [funnel]\nstages = [\"lead\", \"mql\", \"sql\", \"opportunity\", \"won\"]\n\
         dimensions = [\"segment\"]\n"
            .to_string(),
        format!("[dimension.segment]\nvalues = [{}]\n", names.join(", ")),
        step("lead", "mql", 0.5, "1.5d", "4.8d"),
        step("mql", "sql", 0.4, "4d", "11.2d"),
        step("sql", "opportunity", 0.5, "5d", "13.9d"),
        step("opportunity", "won", 0.4, "14d", "61d"),
        target("lead-to-won", "conversion", "from = \"lead\"\nto = \"won\"\nwarn = \"-10%\"\ncritical = \"-30%\""),
        target("cac", "cac", "value = \"2500 EUR\"\nwarn = \"+20%\"\ncritical = \"+50%\"\ndepends_on = [\"lead-to-won below\"]"),
        target("lead-volume", "volume", "stage = \"lead\"\nvalue = \"30/day\"\nwarn = \"±25%\""),
        target("spend", "spend", "value = \"3000 EUR/day\"\nwarn = \"+25%\""),
        target("lead-handoff", "handoff", "from = \"lead\"\nto = \"mql\"\nwithin = \"7d\"\nvalue = 0.478\nwarn = \"-15%\""),
        target("sales-cycle", "velocity", "from = \"opportunity\"\nto = \"won\"\nvalue = \"14d\"\nwarn = \"+25%\""),
    ]
    .concat();
    match Plan::parse("plan.toml", &text) {
        Ok(parsed) => parsed.plan,
        Err(findings) => panic!("{findings:?}"),
    }
}

/// Cells of one scope and measure: (entry day, days to the event, count), ascending.
type Cells = Vec<(u16, u16, u32)>;

/// The facts of one scope: its journeys drawn from the plan, each with its own luck.
#[derive(Default)]
struct ScopeFacts {
    /// By from and to.
    converted: [[Cells; 5]; 5],
    in_time: Cells,
    /// By hour, and in all.
    entered: [Vec<([u32; 24], u32)>; 5],
    spend: Vec<i64>,
}

struct World {
    first: Day,
    names: Vec<String>,
    scopes: Vec<ScopeFacts>,
}

impl ScopeFacts {
    fn new(seed: u64) -> ScopeFacts {
        let mut rng = StdRng::seed_from_u64(seed);
        let leads = Poisson::new(LEADS).expect("a mean");
        let lags = STEPS.map(|(_, median, sigma)| LogNormal::new(median.ln(), sigma).expect("a deviation"));
        let mut facts = ScopeFacts::default();
        let mut sums: BTreeMap<(usize, usize, u16, u16), u32> = BTreeMap::new();
        for entered in &mut facts.entered {
            entered.resize(DAYS as usize, ([0; 24], 0));
        }
        for day in 0..DAYS {
            facts.spend.push((100e6 * leads.sample(&mut rng)) as i64);
            for _ in 0..leads.sample(&mut rng) as u32 {
                let mut times = vec![f64::from(day) + rng.random::<f64>()];
                for ((rate, ..), lag) in STEPS.iter().zip(&lags) {
                    if rng.random::<f64>() >= *rate {
                        break;
                    }
                    times.push(times[times.len() - 1] + lag.sample(&mut rng));
                }
                let days: Vec<u16> = times.iter().map(|time| *time as u16).collect();
                for (stage, time) in times.iter().enumerate() {
                    if let Some((hours, all)) = facts.entered[stage].get_mut(usize::from(days[stage])) {
                        hours[(time.fract() * 24.0) as usize] += 1;
                        *all += 1;
                    }
                    for before in [0, stage.saturating_sub(1)].iter().take(stage) {
                        let lag = days[stage] - days[*before];
                        *sums.entry((*before, stage, days[*before], lag)).or_default() += 1;
                    }
                }
                if let [from, to, ..] = times[..]
                    && to - from <= 7.0
                {
                    *sums.entry((0, 0, days[0], days[1] - days[0])).or_default() += 1;
                }
            }
        }
        for ((from, to, day, lag), n) in sums {
            let cells = if to == 0 { &mut facts.in_time } else { &mut facts.converted[from][to] };
            cells.push((day, lag, n));
        }
        facts
    }
}

impl World {
    fn new(scopes: usize) -> World {
        World {
            first: "2026-01-01".parse().expect("a day"),
            names: (0..scopes).map(|i| format!("s{i:04}")).collect(),
            scopes: (0..scopes as u64).map(ScopeFacts::new).collect(),
        }
    }

    /// Position of a day; days before the first are at 0.
    fn at(&self, day: Day) -> usize {
        usize::try_from(day.since(self.first)).unwrap_or(0)
    }

    /// The conversions from entry day `first` on that came by `tick`: positions of both days, count.
    fn events(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
    ) -> impl Iterator<Item = (u16, u16, u32)> {
        let facts = &self.scopes[leaf as usize];
        let events = match what {
            Quantity::Converted(from, to) => &facts.converted[usize::from(from.0)][usize::from(to.0)],
            Quantity::InTime(_) => &facts.in_time,
            Quantity::WonCount => &facts.converted[0][4],
            _ => &[][..],
        };
        let (first, last) = (self.at(first) as u16, self.at(tick) as u16);
        let start = events.partition_point(|cell| cell.0 < first);
        let events = events[start..].iter().take_while(move |cell| cell.0 <= last);
        events.map(|(entry, lag, n)| (*entry, entry + lag, *n)).filter(move |cell| cell.1 <= last)
    }
}

impl Facts for World {
    fn leaves(&self) -> Vec<Leaf> {
        (0..self.scopes.len() as u32).collect()
    }

    fn in_scope(&self, leaf: Leaf, scope: &Scope) -> bool {
        scope.0.iter().all(|(_, value)| self.names[leaf as usize] == value.as_str())
    }

    fn value(&self, leaf: Leaf, _: DimensionIndex) -> &str {
        &self.names[leaf as usize]
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
        let facts = &self.scopes[leaf as usize];
        let days = self.at(first)..self.at(tick) + 1;
        let day = |at: usize| self.first.plus(at as i32);
        match what {
            // As in service, entries have their hours for 30 days.
            Quantity::Entered(stage) => days.clone().for_each(|at| {
                let (hours, all) = &facts.entered[usize::from(stage.0)][at];
                let all = if at + 30 >= days.end { hours.iter().sum() } else { *all };
                each(day(at), i64::from(all));
            }),
            Quantity::Spend => days.for_each(|at| each(day(at), facts.spend[at])),
            _ => {
                let mut sum: Option<(u16, u32)> = None;
                for (entry, _, n) in self.events(leaf, what, first, tick) {
                    match &mut sum {
                        Some((known, total)) if *known == entry => *total += n,
                        other => {
                            if let Some((known, total)) = other.replace((entry, n)) {
                                each(day(usize::from(known)), i64::from(total));
                            }
                        }
                    }
                }
                if let Some((known, total)) = sum {
                    each(day(usize::from(known)), i64::from(total));
                }
            }
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
        let from = self.at(from) as u16;
        let events = self.events(leaf, what, first, to).filter(|(_, event, _)| from <= *event);
        events.for_each(|(entry, _, n)| each(self.first.plus(i32::from(entry)), i64::from(n)));
    }

    fn rejections(&self, _: Leaf, _: StageIndex, _: Day, _: Day, _: &mut dyn FnMut(&str, Day, u16, i64)) {}

    fn by_both_days(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
        each: &mut dyn FnMut(Day, Day, i64),
    ) {
        let day = |at: u16| self.first.plus(i32::from(at));
        let events = self.events(leaf, what, first, tick);
        events.for_each(|(entry, event, n)| each(day(entry), day(event), i64::from(n)));
    }

    fn hours(&self, leaf: Leaf, stage: StageIndex, day: Day) -> Option<[u32; 24]> {
        let day = usize::try_from(day.since(self.first)).ok()?;
        self.scopes[leaf as usize].entered[usize::from(stage.0)].get(day).map(|(hours, _)| *hours)
    }
}

fn close(judge: &mut Judge, world: &World, day: i32) -> usize {
    let ctx = TickContext { position: Some(i64::from(day)), ..TickContext::default() };
    let day = world.first.plus(day);
    let at = Timestamp::clamped((i64::from(day.number()) + 1) * 86_400_000);
    let order = judge.order().to_vec();
    order.into_iter().map(|target| judge.close_target(target, day, at, world, &ctx).len()).sum()
}

fn tick(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick");
    group.sample_size(10);
    for (scopes, fitted) in [(250, false), (500, false), (1000, false), (250, true)] {
        let plan = Arc::new(plan(scopes, fitted));
        let world = World::new(scopes);
        let of = if fitted { "fitted " } else { "" };
        group.bench_with_input(BenchmarkId::new(format!("{of}first"), scopes), &scopes, |b, _| {
            b.iter_batched(
                || Judge::new(Arc::clone(&plan)),
                |mut judge| close(&mut judge, &world, COHORTS),
                BatchSize::PerIteration,
            );
        });
        group.bench_with_input(BenchmarkId::new(format!("{of}next"), scopes), &scopes, |b, _| {
            b.iter_custom(|ticks| {
                let mut judge = Judge::new(Arc::clone(&plan));
                let mut day = COHORTS;
                close(&mut judge, &world, day);
                let mut taken = Duration::ZERO;
                for _ in 0..ticks {
                    day += 1;
                    if day == DAYS {
                        (judge, day) = (Judge::new(Arc::clone(&plan)), COHORTS + 1);
                        close(&mut judge, &world, COHORTS);
                    }
                    let start = Instant::now();
                    black_box(close(&mut judge, &world, day));
                    taken += start.elapsed();
                }
                taken
            });
        });
        let mut judge = Judge::new(Arc::clone(&plan));
        (COHORTS..COHORTS + 10).for_each(|day| _ = close(&mut judge, &world, day));
        println!("{scopes} scopes: {} of {} targets drift", judge.episodes().len(), judge.statuses().count());
    }
    group.finish();
}

criterion_group!(benches, tick);
criterion_main!(benches);
