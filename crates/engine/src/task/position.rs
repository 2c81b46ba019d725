//! The committed position of a log partition.

use crate::STATE_MACHINE_VERSION;

const LOG_PARTITIONS: &str = "log_partitions=";

/// What is out: everything of the records below `next`, and the first `out` outputs of the record at `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The record to be judged next.
    pub next: i64,
    /// How many of its outputs are out already.
    pub out: u32,
    /// How many of these are owed whoever judges: another version may number the others otherwise.
    pub owed: u32,
    /// The newest state machine that has judged or taken over the partition: none before it may.
    pub version: u32,
    /// The version it has taken the partition over from, while records before the epoch record are owed.
    pub former: Option<Former>,
    /// Whether the aggregates of everything below `next` are out, too: whoever stands exactly there owes none.
    pub settled: bool,
}

/// A version that has been relieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// Which.
    pub version: u32,
    /// Where it left: of the records from here on it has said nothing.
    pub left: i64,
}

const SETTLED: &str = "settled";
const FORMER: &str = "former=";

/// Why a committed position cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// A newer program has judged the log.
    #[error(
        "the log is judged by state machine version {log} and this program has version {own}: upgrade it"
    )]
    Newer {
        /// The log's version.
        log: u32,
        /// This program's.
        own: u32,
    },
    /// The text beside the offset is spoilt.
    #[error("offset metadata `{0}` is not ours")]
    Foreign(String),
}

impl Position {
    /// Everything below `next` is out.
    pub fn whole(next: i64) -> Position {
        Position { next, out: 0, owed: 0, version: STATE_MACHINE_VERSION, former: None, settled: false }
    }

    /// The same position as the state machine `version` counts it.
    pub fn by(self, version: u32) -> Position {
        Position { version, ..self }
    }

    /// The text that goes with the offset, in a log of so many partitions.
    pub fn metadata(&self, log_partitions: i32) -> String {
        let settled = if self.settled { SETTLED } else { "owing" };
        let former = |Former { version, left }| format!("{FORMER}{version}@{left} ");
        let former = self.former.map_or_else(String::new, former);
        let Position { version, out, owed, .. } = self;
        format!("version={version} out={out} owed={owed} {settled} {former}{}", memo(log_partitions))
    }

    /// Reads a committed offset and its text for a program of version `own`. An offset set by an administrator
    /// has no metadata and stands for a whole position.
    pub fn read(next: i64, metadata: &str, own: u32) -> Result<Position, PositionError> {
        let mut position = Position::whole(next).by(own);
        let mut owed = None;
        for word in metadata.split_whitespace() {
            let number = |text: &str| text.parse().map_err(|_| PositionError::Foreign(metadata.to_owned()));
            if let Some(text) = word.strip_prefix("version=") {
                position.version = number(text)?;
            } else if let Some(text) = word.strip_prefix("out=") {
                position.out = number(text)?;
            } else if let Some(text) = word.strip_prefix(FORMER) {
                let (version, left) = text.split_once('@').unwrap_or((text, ""));
                let left = left.parse().unwrap_or(next);
                position.former = Some(Former { version: number(version)?, left });
            } else if let Some(text) = word.strip_prefix("owed=") {
                owed = Some(number(text)?);
            } else if word == SETTLED {
                position.settled = true;
            }
        }
        // Versions that do not say how many say what is owed first.
        position.owed = owed.unwrap_or(position.out);
        if position.version > own {
            return Err(PositionError::Newer { log: position.version, own });
        }
        Ok(position)
    }
}

/// What goes with a committed offset: the log's number of partitions, which must never change.
pub fn memo(log_partitions: i32) -> String {
    format!("{LOG_PARTITIONS}{log_partitions}")
}

/// The number of partitions that the text of a committed offset remembers.
pub fn remembered_partitions(metadata: &str) -> Option<i32> {
    metadata.split_whitespace().find_map(|word| word.strip_prefix(LOG_PARTITIONS)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = STATE_MACHINE_VERSION;

    #[test]
    fn a_position_survives_its_metadata() {
        let cut = Position { out: 3, owed: 1, ..Position::whole(77) };
        let taken_over = Position { former: Some(Former { version: 2, left: 70 }), ..cut };
        let settled = Position { settled: true, ..Position::whole(77) };
        for position in [cut, taken_over, Position::whole(77), settled] {
            assert_eq!(Position::read(77, &position.metadata(4), OWN).unwrap(), position);
        }
    }

    #[test]
    fn an_offset_set_by_hand_is_a_whole_position_and_a_spoilt_one_is_refused() {
        assert_eq!(Position::read(5, "", OWN).unwrap(), Position::whole(5));
        assert_eq!(Position::read(5, "moved by ops", OWN).unwrap(), Position::whole(5));
        assert!(Position::read(5, "version=1 out=many", OWN).is_err());
    }

    #[test]
    fn a_position_of_a_newer_state_machine_is_refused() {
        let newer = Position::whole(5).by(OWN + 1).metadata(1);
        assert_eq!(Position::read(5, &newer, OWN), Err(PositionError::Newer { log: OWN + 1, own: OWN }));
        assert!(Position::read(5, &newer, OWN + 1).is_ok());
    }

    #[test]
    fn the_number_of_partitions_is_found_among_other_words() {
        for (metadata, found) in [
            (memo(4).as_str(), Some(4)),
            ("version=1 out=0 log_partitions=12", Some(12)),
            ("version=1 out=0", None),
            ("", None),
            ("log_partitions=many", None),
        ] {
            assert_eq!(remembered_partitions(metadata), found, "{metadata}");
        }
    }
}
