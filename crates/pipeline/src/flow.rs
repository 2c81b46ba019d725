//! Keeps a writer from running far ahead of the reader behind it, counted in bytes that are committed on one
//! side and not yet on the other. Real brokers need none of it; the embedded one forgets what overflows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::Message;

/// Bytes between a writer and a reader.
#[derive(Clone, Debug, Default)]
pub struct Flow(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    written: AtomicU64,
    read: AtomicU64,
}

impl Flow {
    /// Bytes were written.
    pub fn wrote(&self, bytes: u64) {
        self.0.written.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Bytes were read, and the reader's position committed.
    pub fn read(&self, bytes: u64) {
        self.0.read.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Bytes written and not yet read.
    pub fn ahead(&self) -> u64 {
        let read = self.0.read.load(Ordering::Acquire);
        self.0.written.load(Ordering::Acquire).saturating_sub(read)
    }
}

/// What a message weighs here: its key and its value.
pub(crate) fn weight(message: &impl Message) -> u64 {
    (message.payload().map_or(0, <[u8]>::len) + message.key().map_or(0, <[u8]>::len)) as u64
}

/// The two stretches an event travels: input topics, then the log.
#[derive(Clone, Debug, Default)]
pub struct Flows {
    /// From the player to intake.
    pub inputs: Flow,
    /// From intake to the engine.
    pub log: Flow,
    /// Intake waits while the log is further ahead than this.
    pub limit: Option<u64>,
}

impl Flows {
    pub(crate) fn log_is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.log.ahead() > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_waits_for_the_reader() {
        let flows = Flows { limit: Some(100), ..Flows::default() };
        flows.log.wrote(150);
        assert!(flows.log_is_full());
        flows.log.read(60);
        assert!(!flows.log_is_full());
        assert_eq!(flows.log.ahead(), 90);
    }
}
