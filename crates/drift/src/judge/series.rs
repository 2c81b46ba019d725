//! From cells to the arrays the statistics read.

use std::collections::BTreeMap;

use plumbline_plan::{DimensionIndex, Lag, Metric, Plan, Scope, StageIndex};
use plumbline_units::Day;

use super::facts::{Facts, Leaf, Quantity};
use crate::stat::{AgeSeries, HOURS_KEPT, PairSeries, ScopeSeries, StageEntries};

/// The shortest window of cohorts read.
const MIN_WINDOW: i32 = 180;
/// The longest: two years of cohorts and the slack bound a tick's work whatever the plan's lags.
const MAX_WINDOW: i32 = 760;
/// Days read before the window, so that what is compared with "before" has a before.
const SLACK: i32 = 90;

/// What is read at every tick of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    stages: u8,
    pairs: Vec<(StageIndex, StageIndex)>,
    handoffs: u8,
    timed: Vec<(u8, u8)>,
    window: i32,
}

impl Layout {
    /// Adjacent pairs, first→each and each target's own.
    pub(crate) fn new(plan: &Plan) -> Layout {
        let Some(motion) = plan.motions.first() else {
            return Layout {
                stages: 0,
                pairs: Vec::new(),
                handoffs: 0,
                timed: Vec::new(),
                window: MIN_WINDOW,
            };
        };
        let stages = u8::try_from(motion.stages.len()).unwrap_or(u8::MAX);
        let mut pairs = Vec::new();
        for to in 1..stages {
            pairs.push((StageIndex(to - 1), StageIndex(to)));
            pairs.push((StageIndex(0), StageIndex(to)));
        }
        let mut timed = Vec::new();
        for target in &plan.targets {
            match target.metric {
                Metric::Conversion { from, to } => pairs.push((from, to)),
                Metric::Velocity { from, to } => timed.push((from.0, to.0)),
                _ => {}
            }
        }
        timed.sort_unstable();
        timed.dedup();
        let handoffs = u8::try_from(plan.handoffs().len()).unwrap_or(u8::MAX);
        pairs.sort_unstable();
        pairs.dedup();
        let longest: i64 = motion
            .transitions
            .iter()
            .map(|t| {
                std::iter::once(&t.base).chain(t.scopes.iter().map(|(_, r)| r)).map(|r| p90(&r.lag)).max()
            })
            .map(|days| days.unwrap_or(0))
            .sum();
        let window = i32::try_from(2 * longest).unwrap_or(MAX_WINDOW).max(MIN_WINDOW) + SLACK;
        Layout { stages, pairs, handoffs, timed, window: window.min(MAX_WINDOW) }
    }

    /// The first day read at the tick that ends `tick`.
    pub(crate) fn first_day(&self, facts: &dyn Facts, tick: Day) -> Day {
        let reach = tick.plus(1 - self.window);
        facts.first_entry_day().map_or(tick, |day| day.max(reach)).min(tick)
    }

    /// The sums of the leaves as of the end of `tick`.
    pub(crate) fn read(&self, facts: &dyn Facts, leaves: &[Leaf], first: Day, tick: Day) -> ScopeSeries {
        let days = usize::try_from(tick.since(first) + 1).unwrap_or(0);
        let sum = |what, sums: &mut Vec<i64>| {
            sums.clear();
            sums.resize(days, 0);
            for &leaf in leaves {
                facts.by_entry_day(leaf, what, first, tick, &mut |day, value| {
                    if let Some(slot) = usize::try_from(day.since(first)).ok().and_then(|i| sums.get_mut(i)) {
                        *slot += value;
                    }
                });
            }
        };
        let (mut sums, mut inferred, mut spend) = (Vec::new(), Vec::new(), Vec::new());
        let mut counts = |what| {
            sum(what, &mut sums);
            sums.iter().map(|n| count(*n)).collect::<Vec<u32>>()
        };
        let pairs = self.pairs.iter().map(|&(from, to)| PairSeries {
            from: from.0,
            to: to.0,
            converted: counts(Quantity::Converted(from, to)),
        });
        let pairs = pairs.collect();
        let won = counts(Quantity::WonCount);
        let in_time = (0..self.handoffs).map(|h| counts(Quantity::InTime(h))).collect();
        let mut stages = Vec::with_capacity(usize::from(self.stages));
        for stage in (0..self.stages).map(StageIndex) {
            sum(Quantity::Inferred(stage), &mut inferred);
            sum(Quantity::Entered(stage), &mut sums);
            let seen = sums.iter().zip(&inferred).map(|(all, inferred)| count(all - inferred));
            let any = inferred.iter().any(|&n| n != 0);
            // Nobody leaves the last stage: no lag runs from its hours.
            let left = stage.0 + 1 < self.stages;
            stages.push(StageEntries {
                counts: seen.collect(),
                inferred: if any { inferred.iter().map(|n| count(*n)).collect() } else { Vec::new() },
                hours: if left { hours(facts, leaves, stage, first, tick) } else { Vec::new() },
            });
        }
        sum(Quantity::Spend, &mut spend);
        ScopeSeries {
            first_day: first,
            last_day: tick,
            stages,
            pairs,
            spend,
            won,
            in_time,
            ages: self.timed.iter().map(|&pair| ages(facts, leaves, pair, first, tick)).collect(),
            unrecorded: Vec::new(),
        }
    }
}

/// The counts of a scope as of the end of `day`, as the judge reads them.
pub fn scope_series(plan: &Plan, facts: &dyn Facts, scope: &Scope, day: Day) -> ScopeSeries {
    let layout = Layout::new(plan);
    let leaves = leaves_of(facts, &facts.leaves(), scope);
    layout.read(facts, &leaves, layout.first_day(facts, day), day)
}

/// The leaves of a scope among `leaves`, in their order.
pub(crate) fn leaves_of(facts: &dyn Facts, leaves: &[Leaf], scope: &Scope) -> Vec<Leaf> {
    leaves.iter().copied().filter(|&leaf| facts.in_scope(leaf, scope)).collect()
}

/// The leaves of a scope by their value of a dimension, by value.
pub(crate) fn groups_of(
    facts: &dyn Facts,
    leaves: &[Leaf],
    dimension: DimensionIndex,
) -> BTreeMap<String, Vec<Leaf>> {
    let mut groups: BTreeMap<String, Vec<Leaf>> = BTreeMap::new();
    for &leaf in leaves {
        groups.entry(facts.value(leaf, dimension).to_string()).or_default().push(leaf);
    }
    groups
}

/// The conversions of a pair by entry day and age.
pub(crate) fn ages(
    facts: &dyn Facts,
    leaves: &[Leaf],
    (from, to): (u8, u8),
    first: Day,
    tick: Day,
) -> AgeSeries {
    let mut cells: Vec<(u32, u16, i64)> = Vec::new();
    for &leaf in leaves {
        let what = Quantity::Converted(StageIndex(from), StageIndex(to));
        facts.by_both_days(leaf, what, first, tick, &mut |entry, event, n| {
            let place = u32::try_from(entry.since(first)).ok().zip(u16::try_from(event.since(entry)).ok());
            cells.extend(place.map(|(entry, age)| (entry, age, n)));
        });
    }
    // Those of one leaf are in order already.
    if leaves.len() > 1 {
        cells.sort_unstable_by_key(|(entry, age, _)| (*entry, *age));
    }
    let alike = cells.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    let sums = alike.map(|cells| (cells[0].0, cells[0].1, cells.iter().map(|cell| cell.2).sum::<i64>()));
    let cells = sums.filter(|(.., n)| *n > 0).map(|(entry, age, n)| (entry, age, count(n)));
    AgeSeries { from, to, cells: cells.collect() }
}

fn hours(
    facts: &dyn Facts,
    leaves: &[Leaf],
    stage: StageIndex,
    first: Day,
    tick: Day,
) -> Vec<Option<[u32; 24]>> {
    let from = first.max(tick.plus(1 - HOURS_KEPT as i32));
    (0..=tick.since(from))
        .map(|i| {
            let mut total: Option<[u32; 24]> = None;
            for &leaf in leaves {
                if let Some(hours) = facts.hours(leaf, stage, from.plus(i)) {
                    let sums = total.get_or_insert([0; 24]);
                    sums.iter_mut().zip(hours).for_each(|(sum, n)| *sum = sum.saturating_add(n));
                }
            }
            total
        })
        .collect()
}

fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// Days by which nine of ten have converted, rounded up.
fn p90(lag: &Lag) -> i64 {
    match lag {
        Lag::LogNormal { p90, .. } => p90.0.div_euclid(86_400) + 1,
        Lag::Days(shares) => {
            shares.iter().position(|share| share.as_f64() >= 0.9).unwrap_or(shares.len()) as i64 + 1
        }
        Lag::Weekday(lags) => lags.iter().map(p90).max().unwrap_or(0),
    }
}
