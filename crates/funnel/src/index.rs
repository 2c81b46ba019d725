//! From the hash of an id to its row: open addressing with linear probing, four bytes a slot.
//!
//! A slot holds a row's number and seven bits of its hash, so that a look-up touches two cache lines: the slot's
//! and the row's. With a million rows everything else is waiting for memory.

const ROW_BITS: u32 = 25;
const ROW_MASK: u32 = (1 << ROW_BITS) - 1;
const SMALLEST: usize = 64;

/// Rows by the lower 64 bits of their ids' hashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// 0 = empty; else row + 1 below the tag. The length is a power of two, or zero.
    slots: Vec<u32>,
    len: usize,
}

fn tag(hash: u64) -> u32 {
    (hash >> 57) as u32
}

impl Index {
    /// The most rows it can tell apart.
    pub(crate) const MAX: usize = ROW_MASK as usize - 1;

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The row with this hash for which `is` holds.
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.place(hash, is).map(|at| (self.slots[at] & ROW_MASK) - 1)
    }

    fn place(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            if slot >> ROW_BITS == tag(hash) && is((slot & ROW_MASK) - 1) {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    /// Takes a row that is not there yet. When the table is three quarters full it doubles, and `all` (the rows
    /// taken before, with their hashes) enters again.
    pub(crate) fn insert(&mut self, hash: u64, row: u32, all: impl Iterator<Item = (u64, u32)>) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.slots = vec![0; (self.slots.len() * 2).max(SMALLEST)];
            all.for_each(|(hash, row)| self.put(hash, row));
        }
        self.put(hash, row);
        self.len += 1;
    }

    fn put(&mut self, hash: u64, row: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = tag(hash) << ROW_BITS | (row + 1);
    }

    /// Takes a row out and closes the gap behind it; `hash_of` gives the hash of any row in the table.
    pub(crate) fn remove(&mut self, hash: u64, row: u32, hash_of: impl Fn(u32) -> u64) {
        let Some(mut gap) = self.place(hash, |held| held == row) else { return };
        let mask = self.slots.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let slot = self.slots[at];
            if slot == 0 {
                break;
            }
            let home = hash_of((slot & ROW_MASK) - 1) as usize & mask;
            // It may move back into the gap unless its home lies behind the gap.
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.slots[gap] = slot;
                gap = at;
            }
        }
        self.slots[gap] = 0;
        self.len -= 1;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Hashes from a small set, so that they share homes, tags and both.
        #[test]
        fn an_index_is_a_map(steps in prop::collection::vec((0u64..90, any::<bool>()), 0..600)) {
            let hash_of = |row: u32| u64::from(row % 7) | u64::from(row % 3) << 57 | u64::from(row / 40) << 32;
            let mut index = Index::default();
            let mut model = BTreeMap::new();
            for (row, insert) in steps {
                let row = row as u32;
                if insert && !model.contains_key(&row) {
                    let all: Vec<_> = model.keys().map(|&row| (hash_of(row), row)).collect();
                    index.insert(hash_of(row), row, all.into_iter());
                    model.insert(row, ());
                } else if !insert && model.remove(&row).is_some() {
                    index.remove(hash_of(row), row, hash_of);
                }
                prop_assert_eq!(index.len(), model.len());
            }
            for row in 0..90 {
                let found = index.find(hash_of(row), |held| held == row);
                prop_assert_eq!(found, model.contains_key(&row).then_some(row));
            }
        }
    }
}
