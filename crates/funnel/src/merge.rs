//! Who was merged into whom.
//!
//! Each lead has one register: the latest of `merged` into another and `restored`. The leads that hang together
//! are one family with one journey. Its root is the lead that was merged into none; where the merges run in a
//! circle, the earliest of them (of one instant: the one into the smallest id) is taken as undone, which makes
//! the lead it belonged to the root.

use std::collections::BTreeMap;

use plumbline_units::Timestamp;

use crate::rows::NONE;

/// The register of one lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Merge {
    pub(crate) at: Timestamp,
    /// Row of the lead merged into; [`NONE`] after `restored`.
    pub(crate) into: u32,
    /// Its id, which decides between merges of one instant; empty after `restored`.
    pub(crate) id: Box<str>,
}

impl Merge {
    /// `merged` comes before `restored`, merges by the id they lead into.
    fn order(&self) -> (Timestamp, bool, &str) {
        (self.at, self.into == NONE, &self.id)
    }
}

/// All merges, by row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Families {
    pub(crate) merges: BTreeMap<u32, Merge>,
    children: BTreeMap<u32, Vec<u32>>,
}

impl Families {
    /// Whether `merge` replaces what `lead` has.
    pub(crate) fn takes(&self, lead: u32, merge: &Merge) -> bool {
        self.merges.get(&lead).is_none_or(|held| held.order() < merge.order())
    }

    /// Replaces the register of `lead`; returns the lead it was merged into before.
    pub(crate) fn set(&mut self, lead: u32, merge: Merge) -> Option<u32> {
        let into = merge.into;
        let before = self.remove(lead);
        if into != NONE {
            self.children.entry(into).or_default().push(lead);
        }
        self.merges.insert(lead, merge);
        before
    }

    /// Forgets the register of `lead`; returns the lead it was merged into.
    pub(crate) fn remove(&mut self, lead: u32) -> Option<u32> {
        let before = self.merges.remove(&lead).map(|merge| merge.into).filter(|&into| into != NONE)?;
        if let Some(children) = self.children.get_mut(&before) {
            children.retain(|&child| child != lead);
            if children.is_empty() {
                self.children.remove(&before);
            }
        }
        Some(before)
    }

    /// The lead that `lead` was last merged into.
    pub(crate) fn parent(&self, lead: u32) -> Option<u32> {
        self.merges.get(&lead).map(|merge| merge.into).filter(|&into| into != NONE)
    }

    pub(crate) fn has_children(&self, lead: u32) -> bool {
        self.children.contains_key(&lead)
    }

    /// The root of the family of `lead`.
    pub(crate) fn root(&self, lead: u32) -> u32 {
        let (mut slow, mut fast) = (lead, lead);
        loop {
            for _ in 0..2 {
                match self.parent(fast) {
                    Some(parent) => fast = parent,
                    None => return fast,
                }
            }
            slow = self.parent(slow).unwrap_or(slow);
            if slow == fast {
                return self.cut(slow);
            }
        }
    }

    /// The lead of the earliest merge in the circle through `start`.
    fn cut(&self, start: u32) -> u32 {
        let mut earliest = start;
        let mut lead = start;
        while let Some(next) = self.parent(lead).filter(|&next| next != start) {
            lead = next;
            if self.merges[&lead].order() < self.merges[&earliest].order() {
                earliest = lead;
            }
        }
        earliest
    }

    /// All leads of the family with this root, the root first.
    pub(crate) fn members(&self, root: u32, members: &mut Vec<u32>) {
        let start = members.len();
        members.push(root);
        let mut at = start;
        while at < members.len() {
            let children = self.children.get(&members[at]).map(Vec::as_slice).unwrap_or_default();
            members.extend(children.iter().filter(|&&child| child != root));
            at += 1;
        }
    }

    /// Bytes on the heap, about: a B-tree's node is some two thirds full.
    pub(crate) fn bytes(&self) -> usize {
        let merges: usize = self.merges.values().map(|m| m.id.len() + 16 + 60).sum();
        let children: usize = self.children.values().map(|c| c.capacity() * 4 + 16 + 42).sum();
        merges + children
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(merges: &[(u32, u32, i64)]) -> Families {
        let mut families = Families::default();
        for &(lead, into, at) in merges {
            let id = if into == NONE { Box::default() } else { format!("L-{into}").into() };
            let merge = Merge { at: Timestamp::clamped(at), into, id };
            if families.takes(lead, &merge) {
                families.set(lead, merge);
            }
        }
        families
    }

    #[test]
    fn a_chain_has_one_root_and_a_circle_is_cut_at_its_earliest_merge() {
        for (name, merges, root, size) in [
            ("chain", &[(1, 2, 10), (2, 3, 20)][..], 3, 3),
            ("latest merge wins", &[(1, 2, 10), (1, 3, 20), (2, 3, 5)], 3, 3),
            ("circle", &[(1, 2, 20), (2, 3, 10), (3, 1, 30)], 2, 3),
            ("circle of one instant: into the smallest id", &[(1, 2, 9), (2, 3, 9), (3, 1, 9)], 3, 3),
            ("circle with a tail", &[(1, 2, 5), (2, 3, 20), (3, 2, 10)], 3, 3),
            ("merged into itself", &[(1, 1, 10)], 1, 1),
            ("restored", &[(1, 2, 10), (1, NONE, 20)], 1, 1),
            ("restored before", &[(1, 2, 10), (1, NONE, 5)], 2, 2),
            ("restored at the same instant", &[(1, NONE, 10), (1, 2, 10)], 1, 1),
        ] {
            let families = family(merges);
            let mut members = Vec::new();
            families.members(families.root(1), &mut members);
            assert_eq!((families.root(1), members.len()), (root, size), "{name}");
        }
    }
}
