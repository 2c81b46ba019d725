//! Cells: (leaf, measure, entry day, event day) → sum. All that is judged or shown is a sum of cells.
//!
//! Because both days are kept, any past day can be looked at with today's knowledge, lags can be fitted and
//! cohorts are exact. Sums are integers that wrap, a commutative group: what was added can be taken away again.

mod read;
mod series;

use plumbline_units::Day;

use crate::intern::Interner;
use crate::leaves::{LeafId, Leaves};
use crate::measure::{Measures, Slot};

pub use read::Cell;
pub(crate) use series::{Halves, Key, Series, Sum};

/// Marks the hours of a day that is no longer kept by the hour.
pub(crate) const NO_HOUR: u16 = 31;

/// The aggregates of one workspace.
#[derive(Clone, Debug)]
pub struct Cells {
    pub(crate) measures: Measures,
    pub(crate) leaves: Leaves,
    pub(crate) reasons: Interner,
    pub(crate) by_leaf: Vec<LeafCells>,
    /// Entry days before it keep no hours.
    pub(crate) hours_from: Day,
    /// Entry days before it keep no event days.
    pub(crate) lags_from: Day,
    pub(crate) count: usize,
}

/// The cells of one leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeafCells {
    pub(crate) counts: Vec<Series<u32>>,
    pub(crate) money: [Series<Halves>; Measures::MONEY],
    /// Counts by stage and reason, sorted by slot key; empty series are taken out.
    pub(crate) reasons: Vec<(u32, Series<u32>)>,
}

impl Cells {
    pub(crate) fn new(measures: Measures, leaves: Leaves, reasons: Interner) -> Cells {
        let never = Day::from_number(i32::MIN / 2);
        let (hours_from, lags_from) = (never, never);
        Cells { measures, leaves, reasons, by_leaf: Vec::new(), hours_from, lags_from, count: 0 }
    }

    /// Adds `amount` to one cell. `low` is the hour of the day of measures kept by the hour, else the lag in days.
    pub(crate) fn add(&mut self, leaf: LeafId, slot: Slot, entry: Day, low: u16, amount: i64) {
        let low = if self.measures.by_hour(slot) {
            if entry < self.hours_from { NO_HOUR } else { low }
        } else if entry < self.lags_from {
            Key::FOLDED
        } else {
            low.min(Key::FOLDED - 1)
        };
        let key = Key::new(entry, low);
        let counts = self.measures.counts();
        while self.by_leaf.len() <= leaf.index() {
            self.by_leaf.push(LeafCells { counts: vec![Series::default(); counts], ..LeafCells::default() });
        }
        let cells = &mut self.by_leaf[leaf.index()];
        let change = match slot {
            Slot::Count(n) => cells.counts[usize::from(n)].add(key, amount),
            Slot::Money(n) => cells.money[usize::from(n)].add(key, amount),
            Slot::Reason(n) => cells.add_reason(n, key, amount),
        };
        self.count = self.count.wrapping_add_signed(change);
    }

    /// From now on days before `day` keep no hours.
    pub(crate) fn fold_hours(&mut self, day: Day) {
        if day <= self.hours_from {
            return;
        }
        self.hours_from = day;
        let (stages, before) = (2 * usize::from(self.measures.stages), Key::new(day, 0));
        let mut change = 0;
        for series in self.by_leaf.iter_mut().flat_map(|l| &mut l.counts[..stages]) {
            change += series.fold_before(before, NO_HOUR);
        }
        self.count = self.count.wrapping_add_signed(change);
    }

    /// From now on entry days before `day` keep no event days. Returns the keys that read differently since.
    pub(crate) fn fold_lags(&mut self, day: Day) -> Vec<(LeafId, Day)> {
        let mut keys = Vec::new();
        if day <= self.lags_from {
            return keys;
        }
        let (since, before) = (Key::new(self.lags_from, 0), Key::new(day, 0));
        self.lags_from = day;
        let stages = 2 * usize::from(self.measures.stages);
        let mut change = 0;
        for (number, cells) in self.by_leaf.iter_mut().enumerate() {
            let mut days = Vec::new();
            let counts = cells.counts[stages..].iter_mut().chain(cells.reasons.iter_mut().map(|r| &mut r.1));
            for series in counts {
                change += fold(series, since, before, &mut days);
            }
            for series in &mut cells.money {
                change += fold(series, since, before, &mut days);
            }
            days.sort_unstable();
            days.dedup();
            keys.extend(days.into_iter().map(|day| (LeafId(number as u32), day)));
        }
        self.count = self.count.wrapping_add_signed(change);
        keys
    }
}

fn fold<S: Sum>(series: &mut Series<S>, since: Key, before: Key, days: &mut Vec<Day>) -> isize {
    let keys = series.range(since, before).map(|(key, _)| key).take_while(|key| *key < before);
    days.extend(keys.map(Key::entry));
    series.fold_before(before, Key::FOLDED)
}

impl LeafCells {
    fn add_reason(&mut self, slot: u32, key: Key, amount: i64) -> isize {
        let at = match self.reasons.binary_search_by_key(&slot, |r| r.0) {
            Ok(at) => at,
            Err(at) => {
                self.reasons.insert(at, (slot, Series::default()));
                at
            }
        };
        let change = self.reasons[at].1.add(key, amount);
        if self.reasons[at].1.is_empty() {
            self.reasons.remove(at);
        }
        change
    }
}
