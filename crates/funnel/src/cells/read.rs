//! Reading cells.

use plumbline_plan::{Scope, StageIndex};
use plumbline_units::Day;

use super::{Cells, Halves, Key, NO_HOUR, Series};
use crate::leaves::{LeafId, LeafValue};
use crate::measure::{Measure, ReasonId, Slot};

/// One non-zero cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What is counted.
    pub measure: Measure,
    /// The entry day.
    pub entry: Day,
    /// Days from the entry day to the event day; [`Cells::ANY_LAG`] where the event day is no longer kept.
    pub lag: u16,
    /// The sum: a count, or millionths of the plan's currency.
    pub sum: i64,
}

enum Found<'a> {
    Count(&'a Series<u32>),
    Money(&'a Series<Halves>),
    None,
}

/// One of three iterators of the same item.
enum Either<A, B> {
    Count(A),
    Money(B),
    None,
}

impl<T, A: Iterator<Item = T>, B: Iterator<Item = T>> Iterator for Either<A, B> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        match self {
            Either::Count(a) => a.next(),
            Either::Money(b) => b.next(),
            Either::None => None,
        }
    }
}

impl Cells {
    /// The lag of sums whose event day is no longer kept, because the entry day lies past the horizon.
    pub const ANY_LAG: u16 = Key::FOLDED;

    /// All leaves seen, ascending. Some may have lost all their cells again.
    pub fn leaves(&self) -> impl Iterator<Item = LeafId> + use<> {
        (0..self.leaves.len() as u32).map(LeafId)
    }

    /// The leaf's value of each dimension, in the plan's order.
    pub fn leaf_values(&self, leaf: LeafId) -> &[LeafValue] {
        self.leaves.values(leaf)
    }

    /// Whether the leaf has the scope's values.
    pub fn in_scope(&self, leaf: LeafId, scope: &Scope) -> bool {
        self.leaves.in_scope(leaf, scope)
    }

    /// The text of a reason; empty where the source gave none.
    pub fn reason(&self, reason: ReasonId) -> &str {
        self.reasons.text(reason.0)
    }

    /// The measures with cells in the leaf, in a fixed order; those with reasons by stage and the reason's text.
    pub fn measures(&self, leaf: LeafId) -> Vec<Measure> {
        let Some(cells) = self.by_leaf.get(leaf.index()) else { return Vec::new() };
        let counts = cells.counts.iter().enumerate().filter(|(_, s)| !s.is_empty());
        let money = cells.money.iter().enumerate().filter(|(_, s)| !s.is_empty());
        let mut slots: Vec<Slot> = counts.map(|(n, _)| Slot::Count(n as u16)).collect();
        slots.extend(money.map(|(n, _)| Slot::Money(n as u16)));
        let mut all: Vec<Measure> = slots.into_iter().map(|s| self.measures.measure(s)).collect();
        all.extend(self.reasons(leaf));
        all
    }

    /// The measures `Lost` and `Disqualified` with cells in the leaf, by kind, stage and the reason's text.
    pub fn reasons(&self, leaf: LeafId) -> Vec<Measure> {
        let Some(cells) = self.by_leaf.get(leaf.index()) else { return Vec::new() };
        let slots = cells.reasons.iter().map(|(n, _)| self.measures.measure(Slot::Reason(*n)));
        let mut all: Vec<Measure> = slots.collect();
        all.sort_by_key(|measure| match *measure {
            Measure::Lost { stage, reason } => (0, stage, self.reason(reason)),
            Measure::Disqualified { stage, reason } => (1, stage, self.reason(reason)),
            _ => (2, StageIndex(0), ""),
        });
        all
    }

    fn find(&self, leaf: LeafId, measure: Measure) -> Found<'_> {
        let Some(cells) = self.by_leaf.get(leaf.index()) else { return Found::None };
        match self.measures.slot(measure) {
            Some(Slot::Count(n)) => Found::Count(&cells.counts[usize::from(n)]),
            Some(Slot::Money(n)) => Found::Money(&cells.money[usize::from(n)]),
            Some(Slot::Reason(key)) => match cells.reasons.binary_search_by_key(&key, |r| r.0) {
                Ok(at) => Found::Count(&cells.reasons[at].1),
                Err(_) => Found::None,
            },
            None => Found::None,
        }
    }

    fn range(&self, leaf: LeafId, measure: Measure, from: Key, to: Key) -> impl Iterator<Item = (Key, i64)> {
        match self.find(leaf, measure) {
            Found::Count(series) => Either::Count(series.range(from, to)),
            Found::Money(series) => Either::Money(series.range(from, to)),
            Found::None => Either::None,
        }
    }

    fn by_hour(measure: Measure) -> bool {
        matches!(measure, Measure::Entered(_) | Measure::Inferred(_))
    }

    /// The sum over all cells of an entry day.
    pub fn total(&self, leaf: LeafId, measure: Measure, entry: Day) -> i64 {
        self.range(leaf, measure, Key::new(entry, 0), Key::new(entry, Key::FOLDED))
            .fold(0, |sum, (_, value)| sum.wrapping_add(value))
    }

    /// The sum over the cells of an entry day whose event day is not after `as_of`. Where the event days are no
    /// longer kept: all or nothing, by the entry day.
    pub fn as_of(&self, leaf: LeafId, measure: Measure, entry: Day, as_of: Day) -> i64 {
        let lag = as_of.since(entry);
        if lag < 0 {
            return 0;
        }
        if Self::by_hour(measure) || entry < self.lags_from {
            return self.total(leaf, measure, entry);
        }
        let lag = lag.min(i32::from(Key::FOLDED)) as u16;
        self.range(leaf, measure, Key::new(entry, 0), Key::new(entry, lag))
            .fold(0, |sum, (_, value)| sum.wrapping_add(value))
    }

    /// The cells of an entry day as (days from entry to event, sum), ascending; lag 0 for entries and spend,
    /// [`Cells::ANY_LAG`] where the event days are no longer kept.
    pub fn run(&self, leaf: LeafId, measure: Measure, entry: Day) -> impl Iterator<Item = (u16, i64)> {
        let total = Self::by_hour(measure).then(|| (0, self.total(leaf, measure, entry)));
        let cells = total.is_none().then(|| {
            self.range(leaf, measure, Key::new(entry, 0), Key::new(entry, Key::FOLDED))
                .map(|(key, sum)| (key.low(), sum))
        });
        total.filter(|t| t.1 != 0).into_iter().chain(cells.into_iter().flatten())
    }

    /// All cells of a measure as (entry day, days from entry to event, sum), ascending: one pass over everything.
    pub fn series(&self, leaf: LeafId, measure: Measure) -> impl Iterator<Item = (Day, u16, i64)> {
        self.keyed(leaf, measure, Key(0), Key(u32::MAX))
    }

    /// As [`Cells::series`], for the entry days from `first` to `last` only.
    pub fn between(
        &self,
        leaf: LeafId,
        measure: Measure,
        first: Day,
        last: Day,
    ) -> impl Iterator<Item = (Day, u16, i64)> {
        self.keyed(leaf, measure, Key::new(first, 0), Key::new(last, Key::FOLDED))
    }

    fn keyed(
        &self,
        leaf: LeafId,
        measure: Measure,
        from: Key,
        to: Key,
    ) -> impl Iterator<Item = (Day, u16, i64)> {
        let by_hour = Self::by_hour(measure);
        let mut cells = self.range(leaf, measure, from, to).peekable();
        std::iter::from_fn(move || {
            let (key, mut sum) = cells.next()?;
            let entry = key.entry();
            if !by_hour {
                return Some((entry, key.low(), sum));
            }
            while let Some((_, more)) = cells.next_if(|(next, _)| next.entry() == entry) {
                sum = sum.wrapping_add(more);
            }
            Some((entry, 0, sum))
        })
    }

    /// Entries seen (not inferred) by the hour of the day in the plan's zone; `None` for days older than those
    /// kept by the hour.
    pub fn hours(&self, leaf: LeafId, stage: StageIndex, entry: Day) -> Option<[u32; 24]> {
        if entry < self.hours_from {
            return None;
        }
        let mut hours = [0i64; 24];
        for (measure, sign) in [(Measure::Entered(stage), 1), (Measure::Inferred(stage), -1)] {
            for (key, sum) in self.range(leaf, measure, Key::new(entry, 0), Key::new(entry, NO_HOUR)) {
                hours[usize::from(key.low()).min(23)] += sign * sum;
            }
        }
        Some(hours.map(|n| n.max(0) as u32))
    }

    /// Days before it keep no hours.
    pub fn hours_from(&self) -> Day {
        self.hours_from
    }

    /// The first day any journey entered a stage or money was spent.
    pub fn first_entry_day(&self) -> Option<Day> {
        self.by_leaf.iter().filter_map(|cells| cells.bounds(|s| s.first(), |s| s.first()).min()).min()
    }

    /// The last such day.
    pub fn last_entry_day(&self) -> Option<Day> {
        self.by_leaf.iter().filter_map(|cells| cells.bounds(|s| s.last(), |s| s.last()).max()).max()
    }

    /// The first and last entry day with a cell of the measure.
    pub fn entry_days(&self, leaf: LeafId, measure: Measure) -> Option<(Day, Day)> {
        let (first, last) = match self.find(leaf, measure) {
            Found::Count(series) => (series.first()?, series.last()?),
            Found::Money(series) => (series.first()?, series.last()?),
            Found::None => return None,
        };
        Some((first.entry(), last.entry()))
    }

    /// The cells of one leaf and entry day, in a fixed order: what the aggregates topic publishes. Empty when all
    /// are zero.
    pub fn at(&self, leaf: LeafId, entry: Day) -> Vec<Cell> {
        let measures = self.measures(leaf);
        let cells = measures.into_iter().flat_map(|measure| {
            self.run(leaf, measure, entry).map(move |(lag, sum)| Cell { measure, entry, lag, sum })
        });
        cells.collect()
    }

    /// Number of non-zero cells.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether every cell is zero.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes on the heap, from capacities.
    pub fn bytes(&self) -> usize {
        let leaf = |cells: &super::LeafCells| {
            cells.counts.iter().map(Series::bytes).sum::<usize>()
                + cells.counts.capacity() * size_of::<Series<u32>>()
                + cells.money.iter().map(Series::bytes).sum::<usize>()
                + cells.reasons.iter().map(|(_, s)| s.bytes()).sum::<usize>()
                + cells.reasons.capacity() * size_of::<(u32, Series<u32>)>()
        };
        self.by_leaf.iter().map(leaf).sum::<usize>()
            + self.by_leaf.capacity() * size_of::<super::LeafCells>()
            + self.leaves.bytes()
            + self.reasons.bytes()
    }
}

impl super::LeafCells {
    fn bounds<'a>(
        &'a self,
        count: impl Fn(&'a Series<u32>) -> Option<Key> + 'a,
        money: impl Fn(&'a Series<Halves>) -> Option<Key> + 'a,
    ) -> impl Iterator<Item = Day> + 'a {
        let counts = self.counts.iter().filter_map(count);
        counts.chain(self.money.iter().filter_map(money)).map(Key::entry)
    }
}
