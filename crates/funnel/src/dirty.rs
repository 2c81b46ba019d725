//! Which aggregate keys moved since they were last taken.

use plumbline_units::Day;

use crate::leaves::LeafId;

/// One bit per leaf and day: marking costs the same however often a key moves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dirty {
    leaves: Vec<Days>,
}

/// Days marked, in words of 64.
#[derive(Clone, Debug, Default)]
struct Days {
    /// Number of the first word.
    first: i32,
    words: Vec<u64>,
}

impl Days {
    fn mark(&mut self, day: i32) {
        let word = day.div_euclid(64);
        if self.words.is_empty() {
            self.first = word;
        }
        if word < self.first {
            let missing = (self.first - word) as usize;
            self.words.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = word;
        }
        let at = (word - self.first) as usize;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        self.words[at] |= 1 << day.rem_euclid(64);
    }

    fn iter(&self) -> impl Iterator<Item = Day> + '_ {
        let bits = |word: u64| (0..64).filter(move |bit| word >> bit & 1 == 1);
        let words = self.words.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(move |(at, word)| {
            bits(*word).map(move |bit| Day::from_number((self.first + at as i32) * 64 + bit))
        })
    }
}

impl Dirty {
    pub(crate) fn mark(&mut self, leaf: LeafId, day: Day) {
        if self.leaves.len() <= leaf.index() {
            self.leaves.resize_with(leaf.index() + 1, Days::default);
        }
        self.leaves[leaf.index()].mark(day.number());
    }

    /// The keys marked, by number of the leaf, then day.
    pub(crate) fn keys(&self) -> Vec<(LeafId, Day)> {
        let leaves = self.leaves.iter().enumerate();
        leaves.flat_map(|(leaf, days)| days.iter().map(move |day| (LeafId(leaf as u32), day))).collect()
    }

    /// The keys marked; none are marked any more.
    pub(crate) fn take(&mut self) -> Vec<(LeafId, Day)> {
        let keys = self.keys();
        self.leaves.iter_mut().for_each(|days| days.words.clear());
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_once_and_in_order() {
        let mut dirty = Dirty::default();
        let key = |leaf, day| (LeafId(leaf), Day::from_number(day));
        for (leaf, day) in [key(1, 20_000), key(0, 3), key(1, -70), key(1, 20_000), key(1, 19_936)] {
            dirty.mark(leaf, day);
        }
        assert_eq!(dirty.take(), [key(0, 3), key(1, -70), key(1, 19_936), key(1, 20_000)]);
        assert_eq!(dirty.take(), []);
        dirty.mark(LeafId(1), Day::from_number(-1));
        assert_eq!(dirty.take(), [key(1, -1)]);
    }
}
