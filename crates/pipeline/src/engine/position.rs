//! The committed position of a log partition.

use plumbline_engine::STATE_MACHINE_VERSION;
use rdkafka::Offset;
use rdkafka::topic_partition_list::TopicPartitionListElem;

use crate::failure::{Failure, Kind};
use crate::layout::memo;

/// What is out: everything of the records below `next`, and the first `out` outputs of the record at `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) next: i64,
    pub(super) out: u32,
    /// The state machine that counted `out`.
    pub(super) version: u32,
}

impl Position {
    /// Everything below `next` is out.
    pub(super) fn whole(next: i64) -> Position {
        Position { next, out: 0, version: STATE_MACHINE_VERSION }
    }

    /// The text that goes with the offset, in a log of so many partitions.
    pub(super) fn metadata(&self, log_partitions: i32) -> String {
        format!("version={} out={} {}", self.version, self.out, memo(log_partitions))
    }

    /// Reads a committed offset; `None` where there is none. An offset set by an administrator has no metadata
    /// and stands for a whole position.
    pub(super) fn read(element: &TopicPartitionListElem<'_>) -> Result<Option<Position>, Failure> {
        let Offset::Offset(next) = element.offset() else { return Ok(None) };
        let position = Position::parse(next, element.metadata())?;
        if position.version > STATE_MACHINE_VERSION {
            let message = format!(
                "the log is judged by state machine version {} and this program has version {STATE_MACHINE_VERSION}: \
                 upgrade it",
                position.version
            );
            return Err(Failure::new(Kind::Data, message));
        }
        Ok(Some(position))
    }

    fn parse(next: i64, metadata: &str) -> Result<Position, Failure> {
        let mut position = Position::whole(next);
        for word in metadata.split_whitespace() {
            let number = |text: &str| {
                let unreadable =
                    || Failure::new(Kind::Data, format!("offset metadata `{metadata}` is not ours"));
                text.parse().map_err(|_| unreadable())
            };
            if let Some(text) = word.strip_prefix("version=") {
                position.version = number(text)?;
            } else if let Some(text) = word.strip_prefix("out=") {
                position.out = number(text)?;
            }
        }
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_metadata() {
        let position = Position { next: 77, out: 3, version: STATE_MACHINE_VERSION };
        assert_eq!(Position::parse(77, &position.metadata(4)).unwrap(), position);
    }

    #[test]
    fn an_offset_set_by_hand_is_a_whole_position_and_a_spoilt_one_is_refused() {
        assert_eq!(Position::parse(5, "").unwrap(), Position::whole(5));
        assert_eq!(Position::parse(5, "moved by ops").unwrap(), Position::whole(5));
        assert!(Position::parse(5, "version=1 out=many").is_err());
    }
}
