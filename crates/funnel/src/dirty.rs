//! Which aggregate keys moved since they were last taken.

use plumbline_units::Day;

use crate::leaves::LeafId;

/// A list that is thinned out whenever it has doubled: marking is an append, memory stays within twice the keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dirty {
    marks: Vec<(LeafId, Day)>,
    thinned: usize,
}

const SMALLEST: usize = 4096;

impl Dirty {
    pub(crate) fn mark(&mut self, leaf: LeafId, day: Day) {
        if self.marks.last() == Some(&(leaf, day)) {
            return;
        }
        if self.marks.len() >= (2 * self.thinned).max(SMALLEST) {
            self.thin();
        }
        self.marks.push((leaf, day));
    }

    fn thin(&mut self) {
        self.marks.sort_unstable();
        self.marks.dedup();
        self.thinned = self.marks.len();
    }

    /// The keys marked, each once, by number of the leaf; none are marked any more.
    pub(crate) fn take(&mut self) -> Vec<(LeafId, Day)> {
        self.thin();
        self.thinned = 0;
        std::mem::take(&mut self.marks)
    }

    /// The keys marked, each once, by number of the leaf.
    pub(crate) fn keys(&self) -> Vec<(LeafId, Day)> {
        let mut keys = self.marks.clone();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}
