//! Reading the log again from its start.

use plumbline_events::RecordView;

use crate::Stop;

/// Reads the log again from its start: a plan that comes after events is folded as if it had stood first.
pub trait History {
    /// Calls `each` with offset and record of every log record before `upto`, in order.
    fn replay(
        &mut self,
        upto: i64,
        each: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError>;
}

/// Why the log could not be read again.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The reader failed.
    #[error("the log cannot be read again from its start: {0}")]
    Unreadable(String),
    /// A record stopped the replay.
    #[error(transparent)]
    Stop(#[from] Box<Stop>),
}

/// For logs that put the plan first: reading again is refused.
#[derive(Clone, Copy, Debug)]
pub struct NoHistory;

impl History for NoHistory {
    fn replay(
        &mut self,
        _: i64,
        _: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError> {
        let why = "this input can be read only once; put the plan before the events";
        Err(HistoryError::Unreadable(why.into()))
    }
}
