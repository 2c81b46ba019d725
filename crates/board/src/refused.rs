//! The newest dead letters: where they are and why, never what was in them.

use std::collections::{BTreeMap, VecDeque};

use plumbline_units::Timestamp;
use serde::Serialize;

/// Dead letters kept; the topic has all.
const KEPT: usize = 1_000;
/// Classes counted by name. The program has some thirty; whatever else is written to the topic is `(other)`.
const CLASSES: usize = 64;

/// A dead letter as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its partition on the dead-letter topic.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// When the input came.
    pub time: Timestamp,
    /// Why it was refused, as a stable word.
    pub class: String,
    /// `topic-partition@offset` of what was refused.
    pub of: String,
}

/// Those that are listed, and how many there were.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeadLetters {
    /// The newest last.
    pub(crate) newest: VecDeque<DeadLetter>,
    /// By class, of all that were read here.
    pub(crate) classes: BTreeMap<String, u64>,
    /// Whether the topic has been read to its end.
    pub(crate) complete: bool,
    /// By partition, the last offset read: after an error letters may come again.
    read: BTreeMap<i32, i64>,
}

impl DeadLetters {
    /// Takes a letter; false where it was known.
    pub(crate) fn take(&mut self, letter: DeadLetter) -> bool {
        if self.read.get(&letter.partition).is_some_and(|read| *read >= letter.offset) {
            return false;
        }
        self.read.insert(letter.partition, letter.offset);
        let class = if self.classes.len() < CLASSES || self.classes.contains_key(&letter.class) {
            letter.class.clone()
        } else {
            "(other)".to_owned()
        };
        *self.classes.entry(class).or_default() += 1;
        if self.newest.len() >= KEPT {
            self.newest.pop_front();
        }
        self.newest.push_back(letter);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(partition: i32, offset: i64, class: &str) -> DeadLetter {
        let (time, of) = (Timestamp::clamped(offset), format!("crm.leads-0@{offset}"));
        DeadLetter { partition, offset, time, class: class.to_owned(), of }
    }

    #[test]
    fn the_newest_are_kept_each_is_counted_once_and_foreign_classes_are_bounded() {
        let mut letters = DeadLetters::default();
        for offset in 0..3_000 {
            assert!(letters.take(letter(0, offset, &format!("class-{}", offset % 500))));
            assert!(!letters.take(letter(0, offset, "again")));
        }
        assert!(letters.take(letter(1, 7, "class-0")), "another partition");
        assert_eq!((letters.newest.len(), letters.newest[0].offset), (KEPT, 2_001));
        assert_eq!(letters.classes.len(), CLASSES + 1);
        assert_eq!(letters.classes.values().sum::<u64>(), 3_001);
        assert_eq!(letters.classes["class-0"], 7);
    }
}
