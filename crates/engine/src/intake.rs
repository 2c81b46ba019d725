//! What intake decides around its inputs: where reading starts, how far it has come, and when time is told.
//! Whatever reads the inputs and writes the log, over Kafka or in memory, drives this.
//!
//! What has been read is exactly what the committed offsets say, so a killed, fenced or rebalanced instance leaves
//! each accepted input in the log once.

use plumbline_events::{ClockRecord, InputPosition, LogRecord};
use plumbline_units::{Seconds, Timestamp};

use crate::task::{Bounds, ResetFrom};

/// How far the inputs have been read, and what was made of them. Copied at each commit, and copied back where a
/// transaction is given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The input partitions that are ours.
    pub slots: Vec<Slot>,
    /// The last clock record.
    pub clock: Option<Timestamp>,
    /// Events put into the log.
    pub accepted: u64,
    /// Inputs sent to the dead letters.
    pub rejected: u64,
    /// Bytes read.
    pub input_bytes: u64,
    /// Bytes written to the log.
    pub log_bytes: u64,
    /// Where the last message came from: the next one most likely comes from there too.
    last: usize,
}

/// One input partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The offset to read next.
    pub next: i64,
    /// Where reading stood at the last clock record.
    pub told: i64,
    /// Events of it put into the log.
    pub accepted: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the log.
    Event {
        /// What it weighs there.
        bytes: usize,
    },
    /// It is in the dead letters.
    DeadLetter,
}

impl Slot {
    /// A partition to be read from `next`.
    pub fn new(topic: &str, partition: i32, next: i64) -> Slot {
        Slot { topic: topic.to_owned(), partition, next, told: next, accepted: 0 }
    }
}

impl Progress {
    /// The place of a partition, if it is ours.
    pub fn slot(&mut self, topic: &str, partition: i32) -> Option<usize> {
        let is = |slot: &Slot| slot.partition == partition && slot.topic == topic;
        if !self.slots.get(self.last).is_some_and(is) {
            self.last = self.slots.iter().position(is)?;
        }
        Some(self.last)
    }

    /// The message at `offset`, which weighs `bytes`, has been dealt with.
    pub fn took(&mut self, slot: usize, offset: i64, bytes: u64, sent: &Sent) {
        let slot = &mut self.slots[slot];
        slot.next = offset + 1;
        self.input_bytes += bytes;
        match sent {
            Sent::Event { bytes } => {
                slot.accepted += 1;
                self.accepted += 1;
                self.log_bytes += *bytes as u64;
            }
            Sent::DeadLetter => self.rejected += 1,
        }
    }

    /// Whether it is time for a clock record. A clock that was put back is told at once: it may have run days ahead
    /// before, and waiting for that time to come would stop the state machine's.
    pub fn clock_due(&self, now: Timestamp, every: Seconds) -> bool {
        self.clock.is_none_or(|last| now < last || now.millis_since(last) >= every.0 * 1000)
    }

    /// The clock record at `time`; `at_end` says whether a partition stood at its end.
    pub fn clock_record(&self, time: Timestamp, at_end: impl Fn(&Slot) -> bool) -> LogRecord {
        let inputs = self.slots.iter().map(|slot| InputPosition {
            topic: slot.topic.as_str().into(),
            partition: slot.partition,
            next_offset: slot.next,
            at_end: at_end(slot),
        });
        LogRecord::Clock(ClockRecord { time, inputs: inputs.collect() })
    }

    /// A clock record has been written to every log partition.
    pub fn told(&mut self, time: Timestamp) {
        self.slots.iter_mut().for_each(|slot| slot.told = slot.next);
        self.clock = Some(time);
    }
}

/// What a reader knows of a partition's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenEnd {
    /// The last end that was reached while fetching; -1 before the first.
    pub offset: i64,
    /// Whether everything fetched has been handed over.
    pub drained: bool,
}

/// Whether the partition has been read to its end at some moment since the last clock record, when reading stood
/// at `told`; it stands at `next` now. Under steady traffic the end moves on all the time, so that it was reached
/// within the minute is what counts. Control records hide between the last message and the end, hence `drained`.
pub fn stood_at_end(end: SeenEnd, told: i64, next: i64) -> bool {
    end.offset >= told.max(0) && (next >= end.offset || end.drained)
}

/// Why an input partition cannot be read before a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputRefusal {
    /// Retention has removed what was to be read next.
    Lost {
        /// The committed offset.
        next: i64,
        /// The oldest that is left.
        low: i64,
    },
    /// No committed offsets, but the log holds what intake wrote.
    Undecided,
}

/// Where reading of an input partition starts. A committed offset is always taken. Without one, the partition is read
/// from its start where that loses and repeats nothing: the log holds nothing of intake yet (`fresh`), or the group
/// reads other partitions already (`begun`) and this one is new. Otherwise a person must decide: committed offsets
/// have expired or the group was renamed.
pub fn first_offset<E: From<InputRefusal>>(
    committed: Option<i64>,
    bounds: Bounds,
    begun: bool,
    reset: Option<ResetFrom>,
    fresh: impl FnOnce() -> Result<bool, E>,
) -> Result<i64, E> {
    match committed {
        Some(next) if next < bounds.low => Err(InputRefusal::Lost { next, low: bounds.low }.into()),
        Some(next) => Ok(next),
        None if begun => Ok(bounds.low),
        None => match reset {
            Some(ResetFrom::Earliest) => Ok(bounds.low),
            Some(ResetFrom::Latest) => Ok(bounds.high),
            None | Some(ResetFrom::Checkpoint) => match fresh()? {
                true => Ok(bounds.low),
                false => Err(InputRefusal::Undecided.into()),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_at_its_end_once_everything_up_to_an_end_seen_since_the_last_clock_record_is_read() {
        for (name, offset, drained, told, next, at_end) in [
            ("never at an end", -1, true, 0, 500, false),
            ("an empty partition", 0, true, 0, 0, true),
            ("read to the end", 500, true, 100, 500, true),
            ("fetched to the end, not yet polled", 500, false, 100, 200, false),
            ("control records behind the last message", 502, true, 100, 500, true),
            ("beyond an end seen since", 500, false, 400, 700, true),
            ("beyond an end seen long ago", 500, false, 600, 700, false),
        ] {
            assert_eq!(stood_at_end(SeenEnd { offset, drained }, told, next), at_end, "{name}");
        }
    }

    #[test]
    fn time_is_told_each_minute_and_at_once_when_the_clock_is_put_back() {
        let at = |seconds: i64| Timestamp::clamped(1_700_000_000_000 + seconds * 1000);
        let mut progress = Progress::default();
        assert!(progress.clock_due(at(0), Seconds::MINUTE), "the first");
        progress.told(at(0));
        for (seconds, due) in
            [(0, false), (59, false), (60, true), (86_400, true), (-1, true), (-86_400, true)]
        {
            assert_eq!(progress.clock_due(at(seconds), Seconds::MINUTE), due, "{seconds}");
        }
    }

    #[test]
    fn reading_starts_where_nothing_is_lost_or_repeated_or_else_a_person_decides() {
        let bounds = Bounds { low: 10, high: 90 };
        let start = |committed, begun, reset, fresh| {
            first_offset::<InputRefusal>(committed, bounds, begun, reset, || Ok(fresh))
        };
        assert_eq!(start(Some(50), true, Some(ResetFrom::Latest), false), Ok(50));
        assert_eq!(start(Some(5), true, None, false), Err(InputRefusal::Lost { next: 5, low: 10 }));
        assert_eq!(start(None, true, None, false), Ok(10), "a new partition of a known group");
        assert_eq!(start(None, false, None, true), Ok(10), "the log's beginning");
        assert_eq!(start(None, false, None, false), Err(InputRefusal::Undecided));
        assert_eq!(start(None, false, Some(ResetFrom::Latest), false), Ok(90));
        assert_eq!(start(None, false, Some(ResetFrom::Earliest), false), Ok(10));
    }
}
