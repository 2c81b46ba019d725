//! A daily tick of a whole plan: six targets in each scope over half a year of cohorts, 30 leads a day and scope.
//!
//! "First" closes a tick with a judge that knows nothing; "next" the day after one, as a service does every night.

use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use plumbline_drift::judge::{Facts, Judge, Leaf, Quantity, TickContext};
use plumbline_plan::{DimensionIndex, Plan, Scope, StageIndex};
use plumbline_units::{Day, Timestamp};

/// Days of cohorts.
const DAYS: i32 = 180;
/// Share of a cohort that reaches the next stage, and how many days that takes by spread.
const STEPS: [(f64, u16); 4] = [(0.5, 5), (0.4, 11), (0.5, 14), (0.4, 60)];
const LEADS: i64 = 30;

fn plan(scopes: usize) -> Plan {
    let names: Vec<String> = (0..scopes).map(|i| format!("\"s{i:04}\"")).collect();
    let step = |from: &str, to: &str, rate: f64, median: &str, p90: &str| {
        format!(
            "[[transition]]\nfrom = \"{from}\"\nto = \"{to}\"\nconversion = {rate:.2}\n\
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
        target("lead-handoff", "handoff", "from = \"lead\"\nto = \"mql\"\nwithin = \"7d\"\nvalue = 0.45\nwarn = \"-15%\""),
        target("sales-cycle", "velocity", "from = \"opportunity\"\nto = \"won\"\nvalue = \"14d\"\nwarn = \"+25%\""),
    ]
    .concat();
    match Plan::parse("plan.toml", &text) {
        Ok(parsed) => parsed.plan,
        Err(findings) => panic!("{findings:?}"),
    }
}

/// Cells of one leaf and measure: (entry day, days to the event, count), ascending.
type Cells = Vec<(Day, u16, i64)>;

/// Scopes with equal facts: the numbers matter little, their count does.
struct World {
    first: Day,
    scopes: Vec<String>,
    /// By from and to.
    converted: [[Cells; 5]; 5],
    entered: [Cells; 5],
    spend: Cells,
}

impl World {
    fn new(scopes: usize) -> World {
        let first: Day = "2026-01-01".parse().expect("a day");
        let days = || (0..=DAYS).map(|i| first.plus(i));
        let mut world = World {
            first,
            scopes: (0..scopes).map(|i| format!("s{i:04}")).collect(),
            converted: Default::default(),
            entered: Default::default(),
            spend: days().map(|day| (day, 0, 3_000_000_000)).collect(),
        };
        let mut reached = LEADS;
        for stage in 0..5usize {
            world.entered[stage] = days().map(|day| (day, 0, reached)).collect();
            let (mut count, mut spread) = (reached as f64, 0);
            for to in stage + 1..5 {
                count *= STEPS[to - 1].0;
                spread += STEPS[to - 1].1;
                // Of each cohort one event at a time, evenly over the days.
                let events = (count.round() as u16).max(1);
                let at = |i: u16| spread * i / events;
                world.converted[stage][to] =
                    days().flat_map(|day| (0..events).map(move |i| (day, at(i), 1))).collect();
            }
            reached = STEPS.get(stage).map_or(0, |s| ((reached as f64 * s.0).round() as i64).max(1));
        }
        world
    }

    fn cells(&self, what: Quantity) -> &[(Day, u16, i64)] {
        match what {
            Quantity::Entered(stage) => &self.entered[usize::from(stage.0)],
            Quantity::Converted(from, to) => &self.converted[usize::from(from.0)][usize::from(to.0)],
            Quantity::WonCount => &self.converted[0][4],
            Quantity::Spend => &self.spend,
            _ => &[],
        }
    }
}

impl Facts for World {
    fn leaves(&self) -> Vec<Leaf> {
        (0..self.scopes.len() as u32).collect()
    }

    fn in_scope(&self, leaf: Leaf, scope: &Scope) -> bool {
        scope.0.iter().all(|(_, value)| self.scopes[leaf as usize] == value.as_str())
    }

    fn value(&self, leaf: Leaf, _: DimensionIndex) -> &str {
        &self.scopes[leaf as usize]
    }

    fn first_entry_day(&self) -> Option<Day> {
        Some(self.first)
    }

    fn by_entry_day(&self, _: Leaf, what: Quantity, first: Day, tick: Day, each: &mut dyn FnMut(Day, i64)) {
        let cells = self.cells(what);
        let from = cells.partition_point(|cell| cell.0 < first);
        let mut sum = (first, 0);
        for (day, lag, n) in cells[from..].iter().take_while(|cell| cell.0 <= tick) {
            if day.plus(i32::from(*lag)) > tick {
                continue;
            }
            if sum.0 != *day {
                each(sum.0, sum.1);
                sum = (*day, 0);
            }
            sum.1 += n;
        }
        each(sum.0, sum.1);
    }

    fn by_event_days(&self, _: Leaf, _: Quantity, _: Day, _: Day, _: Day, _: &mut dyn FnMut(Day, i64)) {}

    fn rejections(&self, _: Leaf, _: StageIndex, _: Day, _: Day, _: &mut dyn FnMut(&str, Day, u16, i64)) {}

    fn by_both_days(
        &self,
        _: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
        each: &mut dyn FnMut(Day, Day, i64),
    ) {
        let cells = self.cells(what);
        let from = cells.partition_point(|cell| cell.0 < first);
        for (day, lag, n) in cells[from..].iter().take_while(|cell| cell.0 <= tick) {
            let event = day.plus(i32::from(*lag));
            if event <= tick {
                each(*day, event, *n);
            }
        }
    }

    fn hours(&self, _: Leaf, stage: StageIndex, _: Day) -> Option<[u32; 24]> {
        let mut hours = [0; 24];
        hours[12] = self.entered[usize::from(stage.0)][0].2 as u32;
        Some(hours)
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
    for scopes in [250, 500, 1000] {
        let plan = Arc::new(plan(scopes));
        let world = World::new(scopes);
        group.bench_with_input(BenchmarkId::new("first", scopes), &scopes, |b, _| {
            b.iter_batched(
                || Judge::new(Arc::clone(&plan)),
                |mut judge| close(&mut judge, &world, DAYS - 1),
                BatchSize::PerIteration,
            );
        });
        group.bench_with_input(BenchmarkId::new("next", scopes), &scopes, |b, _| {
            b.iter_batched(
                || {
                    let mut judge = Judge::new(Arc::clone(&plan));
                    close(&mut judge, &world, DAYS - 1);
                    judge
                },
                |mut judge| close(&mut judge, &world, DAYS),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, tick);
criterion_main!(benches);
