//! A log in memory, and how intake writes it.

use plumbline_engine::{History, HistoryError, Stop};
use plumbline_events::{
    ClockRecord, EventRecord, InputPosition, LogRecord, PlanRecord, RecordView, decode_record, encode_record,
};
use plumbline_simulator::Generated;
use plumbline_units::{Name, Seconds, Timestamp};

/// One partition of the log: records in the bytes of the topic; the offset is the position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryLog {
    records: Vec<Box<[u8]>>,
}

impl MemoryLog {
    /// Appends a record; hands back its offset.
    pub fn push(&mut self, record: &LogRecord) -> i64 {
        let mut bytes = Vec::new();
        encode_record(record, &mut bytes);
        self.records.push(bytes.into());
        self.len() - 1
    }

    /// The offset the next record will get.
    pub fn len(&self) -> i64 {
        self.records.len() as i64
    }

    /// Whether nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The record at `offset`.
    ///
    /// # Panics
    /// If there is none, or it cannot be decoded: the log was written by [`MemoryLog::push`].
    pub fn record(&self, offset: i64) -> RecordView<'_> {
        decode_record(&self.records[offset as usize]).expect("what was encoded decodes")
    }
}

impl History for &MemoryLog {
    fn replay(
        &mut self,
        upto: i64,
        each: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError> {
        for offset in 0..upto.min(self.len()) {
            each(offset, &self.record(offset)).map_err(Box::new)?;
        }
        Ok(())
    }
}

/// Writes a log as one intake instance would that reads one partition of each input and is never behind.
#[derive(Debug)]
pub struct LogWriter {
    log: MemoryLog,
    /// A clock record is due whenever a multiple of it passes.
    every: Seconds,
    clock: Option<Timestamp>,
    /// Events read so far, by topic.
    read: Vec<(Box<str>, i64)>,
}

impl LogWriter {
    /// An empty log with a clock record at every multiple of `every` (a minute in production; at most an hour,
    /// since larger steps need confirmation).
    pub fn new(every: Seconds) -> LogWriter {
        let read = ["crm.leads", "crm.opportunities", "ads.spend"].map(|topic| (topic.into(), 0)).to_vec();
        LogWriter { log: MemoryLog::default(), every, clock: None, read }
    }

    /// Puts a plan into the log.
    pub fn plan(&mut self, workspace: &Name, toml: &str, time: Timestamp, live_from: Timestamp) {
        let (workspace, toml) = (workspace.clone(), toml.into());
        self.log.push(&LogRecord::Plan(PlanRecord { workspace, time, toml, live_from }));
    }

    /// Appends an event, before it the clock records due until it was received.
    pub fn event(&mut self, event: Generated) {
        self.clock_until(event.received_at);
        let record: EventRecord = event.into_record();
        match self.read.iter_mut().find(|(topic, _)| *topic == record.input) {
            Some((_, read)) => *read += 1,
            None => self.read.push((record.input.clone(), 1)),
        }
        self.log.push(&LogRecord::Event(record));
    }

    /// Appends the clock records due until `now`; the first call only sets the clock.
    pub fn clock_until(&mut self, now: Timestamp) {
        let step = self.every.0.max(1) * 1000;
        let due = now.millis().div_euclid(step) * step;
        let mut at = self.clock.map_or(due, |last| last.millis() + step);
        while at <= due {
            self.clock = Some(Timestamp::clamped(at));
            let position = |(topic, read): &(Box<str>, i64)| InputPosition {
                topic: topic.clone(),
                partition: 0,
                next_offset: *read,
                at_end: true,
            };
            let inputs = self.read.iter().map(position).collect();
            self.log.push(&LogRecord::Clock(ClockRecord { time: Timestamp::clamped(at), inputs }));
            at += step;
        }
    }

    /// The finished log.
    pub fn finish(self) -> MemoryLog {
        self.log
    }
}
