//! A simulated funnel under the judge itself: what opens, escalates, is withdrawn and ends, day by day.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use plumbline_drift::judge::{
    EpisodeChange, EpisodeState, Facts, Judge, Leaf, Quantity, Resolution, TickContext, Transition,
};
use plumbline_drift::stat::ScopeSeries;
use plumbline_plan::{DimensionIndex, Plan, Scope, Severity, StageIndex, TargetIndex};
use plumbline_units::{Day, Timestamp};

use super::{PAIRS, Run, Spec, simulate};

/// What became of a target's episode on a day of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Opened,
    Escalated,
    Retracted,
    Recovered,
}

/// What the judge said of one target over a run.
#[derive(Clone, Debug)]
pub struct Life {
    pub spec: Spec,
    /// Positions of days, ascending.
    pub turns: Vec<(usize, Turn)>,
    /// The onset interval of every opening, as positions of days.
    pub onsets: Vec<(usize, (i32, i32, i32))>,
    /// Whether what was published on a day was critical.
    pub levels: Vec<(usize, bool)>,
    /// The last verdict.
    pub verdict: String,
}

/// The facts of a run as of a day.
struct AsOf<'a> {
    run: &'a Run,
    series: &'a ScopeSeries,
}

impl AsOf<'_> {
    /// Sums of the newest tick by entry day.
    fn days(&self, what: Quantity) -> Box<dyn Fn(usize) -> i64 + '_> {
        let at = |values: &[u32], i: usize| values.get(i).map_or(0, |n| i64::from(*n));
        match what {
            Quantity::Entered(stage) => Box::new(move |i| at(self.series.entered(stage.0), i)),
            Quantity::Converted(from, to) => {
                Box::new(move |i| self.series.converted(from.0, to.0).map_or(0, |values| at(values, i)))
            }
            Quantity::WonCount => Box::new(move |i| at(&self.series.won, i)),
            Quantity::Spend => Box::new(move |i| self.series.spend.get(i).copied().unwrap_or(0)),
            _ => Box::new(|_| 0),
        }
    }
}

impl Facts for AsOf<'_> {
    fn leaves(&self) -> Vec<Leaf> {
        vec![0]
    }

    fn in_scope(&self, _: Leaf, _: &Scope) -> bool {
        true
    }

    fn value(&self, _: Leaf, _: DimensionIndex) -> &str {
        ""
    }

    fn first_entry_day(&self) -> Option<Day> {
        Some(self.series.first_day)
    }

    fn by_entry_day(&self, _: Leaf, what: Quantity, first: Day, tick: Day, each: &mut dyn FnMut(Day, i64)) {
        if tick < self.series.last_day && matches!(what, Quantity::WonCount | Quantity::Converted(..)) {
            // What converted later is not known yet.
            return self.by_event_days(0, what, first, self.series.first_day, tick, each);
        }
        let value = self.days(what);
        for i in self.series.from_day(first)..self.series.from_day(tick.plus(1)) {
            let n = value(i);
            if n != 0 {
                each(self.series.day(i), n);
            }
        }
    }

    fn rejections(&self, _: Leaf, _: StageIndex, _: Day, _: Day, _: &mut dyn FnMut(&str, Day, u16, i64)) {}

    fn by_event_days(
        &self,
        _: Leaf,
        what: Quantity,
        first: Day,
        from: Day,
        to: Day,
        each: &mut dyn FnMut(Day, i64),
    ) {
        let (from, to) = (self.series.from_day(from), self.series.from_day(to.plus(1)));
        let pair = match what {
            Quantity::WonCount => (0, super::STAGES as u8 - 1),
            Quantity::Converted(a, b) => (a.0, b.0),
            _ => return,
        };
        let Some(at) = PAIRS.iter().position(|p| *p == pair) else { return };
        let mut sums = std::collections::BTreeMap::new();
        for entry in self.run.conversions[at][from..to].iter().flatten() {
            *sums.entry(*entry as usize).or_insert(0) += 1;
        }
        let first = self.series.from_day(first);
        sums.into_iter().filter(|(i, _)| *i >= first).for_each(|(i, n)| each(self.series.day(i), n));
    }

    fn by_both_days(
        &self,
        _: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
        each: &mut dyn FnMut(Day, Day, i64),
    ) {
        let Quantity::Converted(from, to) = what else { return };
        let Some(at) = PAIRS.iter().position(|p| *p == (from.0, to.0)) else { return };
        let (first, end) = (self.series.from_day(first), self.series.from_day(tick.plus(1)));
        let mut sums = std::collections::BTreeMap::new();
        for (event, entries) in self.run.conversions[at][..end].iter().enumerate() {
            for entry in entries.iter().filter(|entry| **entry as usize >= first) {
                *sums.entry((*entry as usize, event)).or_insert(0) += 1;
            }
        }
        sums.into_iter().for_each(|((i, event), n)| each(self.series.day(i), self.series.day(event), n));
    }

    fn hours(&self, _: Leaf, stage: StageIndex, day: Day) -> Option<[u32; 24]> {
        self.run.entries[usize::from(stage.0)].get(self.series.from_day(day)).copied()
    }
}

/// Plays a run under a plan with every tick of `target` closed, until `stop` (a day's position and what was said so
/// far) says it has seen enough.
pub fn live(plan: &Arc<Plan>, target: u16, spec: &Spec, stop: impl Fn(usize, &Life) -> bool) -> Life {
    let run = simulate(spec);
    let mut judge = Judge::new(Arc::clone(plan));
    let mut life = Life {
        spec: spec.clone(),
        turns: Vec::new(),
        onsets: Vec::new(),
        levels: Vec::new(),
        verdict: String::new(),
    };
    run.play(|day, series| {
        let facts = AsOf { run: &run, series };
        let ctx = TickContext { position: Some(day as i64), ..TickContext::default() };
        let at = Timestamp::clamped((i64::from(series.last_day.number()) + 1) * 86_400_000);
        for change in judge.close_target(TargetIndex(target), series.last_day, at, &facts, &ctx) {
            life.note(day, &change, series.first_day);
        }
        !stop(day, &life)
    });
    life.verdict = judge.statuses().map(|s| format!("{:?}", s.verdict)).next().unwrap_or_default();
    life
}

/// Runs `make(0..runs)` on every core.
pub fn lives(
    plan: &Arc<Plan>,
    target: u16,
    runs: u64,
    make: impl Fn(u64) -> Spec + Sync,
    stop: impl Fn(usize, &Life) -> bool + Sync,
) -> Vec<Life> {
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let (make, stop) = (&make, &stop);
    std::thread::scope(|scope| {
        let each: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || -> Vec<Life> {
                    (0..runs)
                        .filter(|seed| seed % workers == worker)
                        .map(|seed| live(plan, target, &make(seed), stop))
                        .collect()
                })
            })
            .collect();
        each.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

impl Life {
    fn note(&mut self, day: usize, change: &EpisodeChange, first: Day) {
        self.levels.push((day, change.episode.severity == Severity::Critical));
        let turn = match (change.transition, &change.episode.state) {
            (Transition::Opened, _) => Turn::Opened,
            (Transition::Escalated, _) => Turn::Escalated,
            (_, EpisodeState::Resolved(Resolution::Retracted)) => Turn::Retracted,
            (_, EpisodeState::Resolved(Resolution::Recovered)) => Turn::Recovered,
            _ => return,
        };
        if let (Turn::Opened, Some(onset)) = (turn, change.episode.assessment.onset) {
            let at = |day: Day| day.since(first);
            self.onsets.push((day, (at(onset.low), at(onset.estimate), at(onset.high))));
        }
        self.turns.push((day, turn));
    }

    /// How often a turn happened within days.
    pub fn count(&self, turn: Turn, days: std::ops::Range<usize>) -> usize {
        self.turns.iter().filter(|(day, t)| *t == turn && days.contains(day)).count()
    }

    /// Whether an episode stands at the end of a day.
    pub fn stands(&self, day: usize) -> bool {
        let last = self.turns.iter().take_while(|(at, _)| *at <= day).last();
        last.is_some_and(|(_, turn)| matches!(turn, Turn::Opened | Turn::Escalated))
    }

    /// Whether an episode stands at the end of a day and is critical.
    pub fn critical(&self, day: usize) -> bool {
        let last = self.levels.iter().take_while(|(at, _)| *at <= day).last();
        self.stands(day) && last.is_some_and(|(_, critical)| *critical)
    }

    /// Days from the onset to the first opening, the onset's own counting 1.
    pub fn delay(&self) -> Option<usize> {
        let onset = self.spec.onset;
        let found = self.turns.iter().find(|(day, turn)| *turn == Turn::Opened && *day >= onset);
        found.map(|(day, _)| day + 1 - onset)
    }
}
