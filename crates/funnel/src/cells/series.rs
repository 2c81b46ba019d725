//! The cells of one leaf and measure: a sorted sequence of (entry day, lag or hour) → sum.
//!
//! Eight bytes per count, twelve per amount of money, in blocks of at most [`BLOCK`] cells, so that a cell put in
//! the middle moves at most half a kilobyte. Blocks grow by a few cells at a time and fill from the end, where
//! most new cells fall; a cell that returns to zero is taken out.

use plumbline_units::Day;

const BLOCK: usize = 64;
const GROWTH: usize = 8;

/// Where a cell stands in its series: the entry day in the upper 17 bits, the lag in days or the hour of the day
/// in the lower 15. Keys order by day, then lag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) u32);

impl Key {
    /// The day all keys count from: 1900-01-01.
    const BASE: i32 = -25_567;
    const LAST_DAY: i32 = (1 << 17) - 1;
    /// The largest lag; also stands for "folded: the event day is no longer kept".
    pub(crate) const FOLDED: u16 = (1 << 15) - 1;

    pub(crate) fn new(entry: Day, low: u16) -> Key {
        let day = (entry.number() - Self::BASE).clamp(0, Self::LAST_DAY) as u32;
        Key(day << 15 | u32::from(low.min(Self::FOLDED)))
    }

    pub(crate) fn entry(self) -> Day {
        Day::from_number((self.0 >> 15) as i32 + Self::BASE)
    }

    pub(crate) fn low(self) -> u16 {
        (self.0 & u32::from(Self::FOLDED)) as u16
    }
}

/// A sum kept in a cell. Sums wrap, so they stay a group whatever is added and taken away.
pub(crate) trait Sum: Copy {
    const ZERO: Self;
    fn plus(self, amount: i64) -> Self;
    fn value(self) -> i64;
    fn is_zero(self) -> bool {
        self.value() == 0
    }
}

impl Sum for u32 {
    const ZERO: u32 = 0;
    fn plus(self, amount: i64) -> u32 {
        self.wrapping_add(amount as u32)
    }
    fn value(self) -> i64 {
        i64::from(self)
    }
}

/// Money in two halves: twelve bytes with its key instead of sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Halves([u32; 2]);

impl Sum for Halves {
    const ZERO: Halves = Halves([0, 0]);
    fn plus(self, amount: i64) -> Halves {
        let sum = self.value().wrapping_add(amount) as u64;
        Halves([sum as u32, (sum >> 32) as u32])
    }
    fn value(self) -> i64 {
        (u64::from(self.0[0]) | u64::from(self.0[1]) << 32) as i64
    }
}

#[derive(Clone, Debug)]
struct Block<S> {
    first: Key,
    cells: Vec<(Key, S)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Series<S> {
    blocks: Vec<Block<S>>,
}

impl<S> Default for Series<S> {
    fn default() -> Self {
        Series { blocks: Vec::new() }
    }
}

impl<S: Sum> Series<S> {
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Adds `amount` at `key`; returns by how much the number of cells changed.
    pub(crate) fn add(&mut self, key: Key, amount: i64) -> isize {
        // Most cells that move are among the newest.
        let at = match self.blocks.last() {
            Some(last) if last.first <= key => self.blocks.len() - 1,
            _ => match self.blocks.partition_point(|b| b.first <= key).checked_sub(1) {
                Some(at) => at,
                None => return self.insert(0, 0, key, amount),
            },
        };
        let block = &mut self.blocks[at];
        let place = match block.cells.last() {
            Some(last) if last.0 == key => Ok(block.cells.len() - 1),
            Some(last) if last.0 < key => Err(block.cells.len()),
            _ => block.cells.binary_search_by_key(&key, |c| c.0),
        };
        match place {
            Err(place) => self.insert(at, place, key, amount),
            Ok(place) => {
                let sum = &mut block.cells[place].1;
                *sum = sum.plus(amount);
                if !sum.is_zero() {
                    return 0;
                }
                self.remove(at, place);
                -1
            }
        }
    }

    fn insert(&mut self, mut at: usize, mut place: usize, key: Key, amount: i64) -> isize {
        let sum = S::ZERO.plus(amount);
        if sum.is_zero() {
            return 0;
        }
        if self.blocks.get(at).is_none_or(|b| b.cells.len() >= BLOCK) {
            (at, place) = self.make_room(at, place, key);
        }
        let block = &mut self.blocks[at];
        if block.cells.len() == block.cells.capacity() {
            block.cells.reserve_exact(GROWTH.min(BLOCK - block.cells.len()));
        }
        block.cells.insert(place, (key, sum));
        block.first = block.cells[0].0;
        1
    }

    /// Opens a new block at the end for a key past the last cell, else splits the full block `at`.
    fn make_room(&mut self, at: usize, place: usize, key: Key) -> (usize, usize) {
        let fresh = || Block { first: key, cells: Vec::new() };
        if at == self.blocks.len() {
            self.blocks.push(fresh());
            return (at, 0);
        }
        if at + 1 == self.blocks.len() && place == self.blocks[at].cells.len() {
            self.blocks.push(fresh());
            return (at + 1, 0);
        }
        let cells = &mut self.blocks[at].cells;
        let mut upper = Vec::new();
        upper.reserve_exact(BLOCK / 2 + GROWTH);
        upper.extend_from_slice(&cells[BLOCK / 2..]);
        cells.truncate(BLOCK / 2);
        cells.shrink_to(BLOCK / 2 + GROWTH);
        self.blocks.insert(at + 1, Block { first: upper[0].0, cells: upper });
        if place > BLOCK / 2 { (at + 1, place - BLOCK / 2) } else { (at, place) }
    }

    fn remove(&mut self, at: usize, place: usize) {
        let block = &mut self.blocks[at];
        block.cells.remove(place);
        match block.cells.first() {
            None => {
                self.blocks.remove(at);
                if self.blocks.is_empty() {
                    self.blocks = Vec::new();
                }
            }
            Some(first) => {
                block.first = first.0;
                if block.cells.capacity() > block.cells.len() + 2 * GROWTH {
                    block.cells.shrink_to(block.cells.len() + GROWTH);
                }
            }
        }
    }

    /// The cells whose keys lie in `from..=to`, in order.
    pub(crate) fn range(&self, from: Key, to: Key) -> impl Iterator<Item = (Key, i64)> {
        let at = self.blocks.partition_point(|b| b.first <= from).saturating_sub(1);
        let place = self.blocks.get(at).map_or(0, |b| b.cells.partition_point(|c| c.0 < from));
        let blocks = self.blocks.get(at..).unwrap_or_default();
        blocks
            .iter()
            .enumerate()
            .flat_map(move |(n, b)| &b.cells[if n == 0 { place } else { 0 }..])
            .take_while(move |c| c.0 <= to)
            .map(|c| (c.0, c.1.value()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, i64)> {
        self.blocks.iter().flat_map(|b| &b.cells).map(|c| (c.0, c.1.value()))
    }

    pub(crate) fn first(&self) -> Option<Key> {
        self.blocks.first().map(|b| b.first)
    }

    pub(crate) fn last(&self) -> Option<Key> {
        self.blocks.last().and_then(|b| b.cells.last()).map(|c| c.0)
    }

    /// Sums the cells of each entry day before `before` into one under `mark`; returns by how much the number of
    /// cells changed.
    pub(crate) fn fold_before(&mut self, before: Key, mark: u16) -> isize {
        if self.iter().take_while(|c| c.0 < before).all(|c| c.0.low() == mark) {
            return 0;
        }
        let old = std::mem::take(self);
        let mut change = 0;
        for (key, value) in old.iter() {
            change -= 1;
            let key = if key < before { Key::new(key.entry(), mark) } else { key };
            change += self.add(key, value);
        }
        change
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let cells: usize = self.blocks.iter().map(|b| b.cells.capacity()).sum();
        self.blocks.capacity() * size_of::<Block<S>>() + cells * size_of::<(Key, S)>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_count_takes_eight_bytes_and_money_twelve() {
        assert_eq!((size_of::<(Key, u32)>(), size_of::<(Key, Halves)>()), (8, 12));
    }

    #[test]
    fn keys_hold_every_day_of_three_centuries() {
        for day in ["1900-01-01", "1970-01-01", "2199-12-31"] {
            let day: Day = day.parse().unwrap();
            let key = Key::new(day, 7);
            assert_eq!((key.entry(), key.low()), (day, 7));
        }
        assert_eq!(Key::new(Day::from_number(0), u16::MAX).low(), Key::FOLDED);
    }

    proptest! {
        #[test]
        fn a_series_is_a_map_from_keys_to_sums_without_zeros(
            steps in prop::collection::vec((0i32..40, 0u16..40, -3i64..4), 0..1500),
            floor in 0i32..40,
        ) {
            let mut series = Series::<Halves>::default();
            let mut model = BTreeMap::new();
            let mut cells = 0;
            for (day, low, amount) in steps {
                let key = Key::new(Day::from_number(day), low);
                cells += series.add(key, amount);
                *model.entry(key).or_insert(0) += amount;
                model.retain(|_, sum| *sum != 0);
            }
            prop_assert_eq!(series.iter().collect::<Vec<_>>(), model.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(cells as usize, model.len());
            let (from, to) = (Key::new(Day::from_number(10), 5), Key::new(Day::from_number(20), 5));
            let ranged: Vec<_> = model.range(from..=to).map(|(k, v)| (*k, *v)).collect();
            prop_assert_eq!(series.range(from, to).collect::<Vec<_>>(), ranged);

            let mut folded = BTreeMap::new();
            for (key, sum) in model {
                let day = key.entry().number();
                let low = if day < floor { Key::FOLDED } else { key.low() };
                *folded.entry(Key::new(key.entry(), low)).or_insert(0) += sum;
            }
            folded.retain(|_, sum| *sum != 0);
            cells += series.fold_before(Key::new(Day::from_number(floor), 0), Key::FOLDED);
            prop_assert_eq!(cells as usize, folded.len());
            prop_assert_eq!(series.iter().collect::<Vec<_>>(), folded.into_iter().collect::<Vec<_>>());
        }
    }
}
