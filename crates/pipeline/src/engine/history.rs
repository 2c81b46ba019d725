//! The log read again from its start, for a plan that changes how events are folded.

use std::ops::ControlFlow;
use std::time::Duration;

use plumbline_engine::{History, HistoryError, Stop};
use plumbline_events::{RecordView, decode_record};
use rdkafka::Message;
use rdkafka::consumer::Consumer;

use crate::client::Member;
use crate::read::Reader;

/// Reads with a second consumer; the member is paused and still polled, so that the group does not take it for
/// dead however long the log is.
pub(super) struct LogHistory<'a> {
    pub(super) reader: &'a Reader,
    pub(super) member: &'a Member,
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
        let consumer = self.member.consumer();
        let assignment = consumer.assignment().map_err(|e| unreadable(e.to_string()))?;
        consumer.pause(&assignment).map_err(|e| unreadable(e.to_string()))?;
        let mut strayed = false;
        let outcome = self.reader.read(
            (self.log, self.partition),
            Some(0),
            Some(upto),
            || strayed |= matches!(consumer.poll(Duration::ZERO), Some(Ok(_))),
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
        consumer.resume(&assignment).map_err(|e| unreadable(e.to_string()))?;
        match outcome.map_err(|e| unreadable(e.to_string()))? {
            Some(stopped) => Err(stopped),
            None if strayed => Err(unreadable("a paused partition went on".to_owned())),
            None => Ok(()),
        }
    }
}
