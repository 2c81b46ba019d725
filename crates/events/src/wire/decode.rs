//! From bytes to records.

use prost::Message;

use super::cursor::Cursor;
use super::event;
use crate::proto;
use crate::{ClockRecord, CommandRecord, EpochRecord, EventView, LogRecord, PlanRecord};

/// Why bytes are not a log record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes are damaged, or no record of ours at all.
    #[error("unreadable log record: {0}")]
    Unreadable(&'static str),
    /// Written by a newer version: a kind of record, body or fact this one does not know. It must not be
    /// skipped: stop.
    #[error("the log record has {what} {number}, which only a newer version knows")]
    UnknownKind {
        /// Kind of record, type of event, …
        what: &'static str,
        /// Its number.
        number: i64,
    },
}

/// A log record; events are borrowed from the bytes.
#[derive(Clone, Debug)]
pub enum RecordView<'a> {
    /// An accepted event.
    Event(EventView<'a>),
    /// The time.
    Clock(ClockRecord),
    /// A revision of a plan.
    Plan(PlanRecord),
    /// A decision or note of a person.
    Command(CommandRecord),
    /// A change of the state machine's version.
    Epoch(EpochRecord),
}

/// Reads one record of the log. Events allocate nothing; other records at most 256 times the bytes' length.
pub fn decode_record(bytes: &[u8]) -> Result<RecordView<'_>, RecordError> {
    let mut cursor = Cursor::new(bytes);
    let Some((kind, value)) = cursor.field()? else {
        return Err(RecordError::Unreadable("it is empty"));
    };
    if !cursor.rest().is_empty() {
        return Err(RecordError::Unreadable("something follows the record"));
    }
    match kind {
        1 => event::read(value.bytes()?).map(RecordView::Event),
        2 => record::<proto::ClockRecord, _>(value.bytes()?).map(RecordView::Clock),
        3 => record::<proto::PlanRecord, _>(value.bytes()?).map(RecordView::Plan),
        4 => record::<proto::CommandRecord, _>(value.bytes()?).map(RecordView::Command),
        5 => record::<proto::EpochRecord, _>(value.bytes()?).map(RecordView::Epoch),
        number => Err(RecordError::UnknownKind { what: "kind", number: number.into() }),
    }
}

fn record<P, R>(bytes: &[u8]) -> Result<R, RecordError>
where
    P: Message + Default,
    R: TryFrom<P, Error = RecordError>,
{
    P::decode(bytes).map_err(|_| RecordError::Unreadable("the message inside is broken"))?.try_into()
}

impl RecordView<'_> {
    /// The record with everything copied.
    pub fn to_owned(&self) -> LogRecord {
        match self {
            RecordView::Event(event) => LogRecord::Event(event.to_record()),
            RecordView::Clock(record) => LogRecord::Clock(record.clone()),
            RecordView::Plan(record) => LogRecord::Plan(record.clone()),
            RecordView::Command(record) => LogRecord::Command(record.clone()),
            RecordView::Epoch(record) => LogRecord::Epoch(record.clone()),
        }
    }
}

impl LogRecord {
    /// The view of an owned record: events are borrowed, the rare others copied.
    pub fn view(&self) -> RecordView<'_> {
        match self {
            LogRecord::Event(record) => RecordView::Event(record.view()),
            LogRecord::Clock(record) => RecordView::Clock(record.clone()),
            LogRecord::Plan(record) => RecordView::Plan(record.clone()),
            LogRecord::Command(record) => RecordView::Command(record.clone()),
            LogRecord::Epoch(record) => RecordView::Epoch(record.clone()),
        }
    }
}
