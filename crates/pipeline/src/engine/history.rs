//! The log read again from its start, for a plan that changes how events are folded.

use std::ops::ControlFlow;
use std::time::Duration;

use plumbline_engine::{History, HistoryError, Stop};
use plumbline_events::{RecordView, decode_record};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Message, TopicPartitionList};

use crate::client::{Member, MemberContext};
use crate::read::Reader;

/// Reads with a second consumer; the member, where there is one, is paused and still polled, so that the group does
/// not take it for dead however long the log is.
pub(super) struct LogHistory<'a> {
    pub(super) reader: &'a Reader,
    pub(super) member: Option<&'a Member>,
    pub(super) log: &'a str,
    pub(super) partition: i32,
}

impl History for LogHistory<'_> {
    fn replay(
        &mut self,
        upto: i64,
        each: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError> {
        let unreadable = |what: String| HistoryError::Unreadable(what);
        let bounds = self.reader.bounds(self.log, self.partition).map_err(|e| unreadable(e.to_string()))?;
        if bounds.low > 0 {
            return Err(unreadable(format!("retention has removed its first {} records", bounds.low)));
        }
        let held = self.member.map(|member| Paused::pause(member.consumer())).transpose();
        let held = held.map_err(|e| unreadable(e.to_string()))?;
        let mut strayed = false;
        let outcome = self.reader.read(
            (self.log, self.partition),
            Some(0),
            Some(upto),
            || {
                strayed |= held.as_ref().is_some_and(Paused::poll);
                ControlFlow::Continue(())
            },
            |message| match decode_record(message.payload().unwrap_or_default()) {
                Ok(record) => match each(message.offset(), &record) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(stop) => ControlFlow::Break(HistoryError::Stop(Box::new(stop))),
                },
                Err(error) => {
                    let stop = Stop::Unreadable { offset: message.offset(), error };
                    ControlFlow::Break(HistoryError::Stop(Box::new(stop)))
                }
            },
        );
        held.map_or(Ok(()), Paused::resume).map_err(|e| unreadable(e.to_string()))?;
        match outcome.map_err(|e| unreadable(e.to_string()))? {
            Some(stopped) => Err(stopped),
            None if strayed => Err(unreadable("a paused partition went on".to_owned())),
            None => Ok(()),
        }
    }
}

/// A member whose partitions are paused.
pub(super) struct Paused<'a> {
    consumer: &'a BaseConsumer<MemberContext>,
    assignment: TopicPartitionList,
}

impl<'a> Paused<'a> {
    pub(super) fn pause(consumer: &'a BaseConsumer<MemberContext>) -> KafkaResult<Paused<'a>> {
        let assignment = consumer.assignment()?;
        consumer.pause(&assignment)?;
        Ok(Paused { consumer, assignment })
    }

    /// True where a record came though none may.
    pub(super) fn poll(&self) -> bool {
        matches!(self.consumer.poll(Duration::ZERO), Some(Ok(_)))
    }

    pub(super) fn resume(self) -> KafkaResult<()> {
        self.consumer.resume(&self.assignment)
    }
}
