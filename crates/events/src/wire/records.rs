//! The rare records, by way of the generated messages.

use plumbline_units::{Name, Timestamp};

use super::RecordError;
use crate::proto::{self, command_record};
use crate::{ClockRecord, Command, CommandRecord, EpochRecord, InputPosition, PlanRecord, PublishedEpisode};

impl From<&ClockRecord> for proto::ClockRecord {
    fn from(record: &ClockRecord) -> proto::ClockRecord {
        let input = |input: &InputPosition| proto::InputPosition {
            topic: input.topic.to_string(),
            partition: input.partition,
            next_offset: input.next_offset,
            at_end: input.at_end,
        };
        proto::ClockRecord {
            time_ms: record.time.millis(),
            inputs: record.inputs.iter().map(input).collect(),
        }
    }
}

impl TryFrom<proto::ClockRecord> for ClockRecord {
    type Error = RecordError;

    fn try_from(message: proto::ClockRecord) -> Result<ClockRecord, RecordError> {
        let input = |input: proto::InputPosition| InputPosition {
            topic: input.topic.into(),
            partition: input.partition,
            next_offset: input.next_offset,
            at_end: input.at_end,
        };
        Ok(ClockRecord {
            time: time(message.time_ms)?,
            inputs: message.inputs.into_iter().map(input).collect(),
        })
    }
}

impl From<&PlanRecord> for proto::PlanRecord {
    fn from(record: &PlanRecord) -> proto::PlanRecord {
        proto::PlanRecord {
            workspace: record.workspace.to_string(),
            time_ms: record.time.millis(),
            toml: record.toml.to_string(),
            live_from_ms: record.live_from.millis(),
        }
    }
}

impl TryFrom<proto::PlanRecord> for PlanRecord {
    type Error = RecordError;

    fn try_from(message: proto::PlanRecord) -> Result<PlanRecord, RecordError> {
        Ok(PlanRecord {
            workspace: name(&message.workspace)?,
            time: time(message.time_ms)?,
            toml: message.toml.into(),
            live_from: time(message.live_from_ms)?,
        })
    }
}

impl From<&CommandRecord> for proto::CommandRecord {
    fn from(record: &CommandRecord) -> proto::CommandRecord {
        let command = match &record.command {
            Command::Acknowledge { episode, function, note, until } => {
                command_record::Command::Acknowledge(proto::Acknowledge {
                    episode: episode.to_string(),
                    function: function.to_string(),
                    note: note.to_string(),
                    until_ms: until.map(Timestamp::millis),
                })
            }
            Command::Note { episode, note } => command_record::Command::Note(proto::Note {
                episode: episode.to_string(),
                note: note.to_string(),
            }),
        };
        proto::CommandRecord {
            command_id: record.command_id.to_string(),
            workspace: record.workspace.to_string(),
            time_ms: record.time.millis(),
            command: Some(command),
        }
    }
}

impl TryFrom<proto::CommandRecord> for CommandRecord {
    type Error = RecordError;

    fn try_from(message: proto::CommandRecord) -> Result<CommandRecord, RecordError> {
        let command = match message.command {
            Some(command_record::Command::Acknowledge(acknowledge)) => Command::Acknowledge {
                episode: acknowledge.episode.into(),
                function: acknowledge.function.into(),
                note: acknowledge.note.into(),
                until: acknowledge.until_ms.map(time).transpose()?,
            },
            Some(command_record::Command::Note(note)) => {
                Command::Note { episode: note.episode.into(), note: note.note.into() }
            }
            // Absent, or of a kind that only newer versions know.
            None => return Err(RecordError::UnknownKind { what: "command", number: 0 }),
        };
        Ok(CommandRecord {
            command_id: message.command_id.into(),
            workspace: name(&message.workspace)?,
            time: time(message.time_ms)?,
            command,
        })
    }
}

impl From<&EpochRecord> for proto::EpochRecord {
    fn from(record: &EpochRecord) -> proto::EpochRecord {
        let published = |episode: &PublishedEpisode| proto::PublishedEpisode {
            workspace: episode.workspace.to_string(),
            episode: episode.episode.to_string(),
            last_alert: episode.last_alert.to_vec(),
        };
        proto::EpochRecord {
            version: record.version,
            position: record.position,
            published: record.published.iter().map(published).collect(),
        }
    }
}

impl TryFrom<proto::EpochRecord> for EpochRecord {
    type Error = RecordError;

    fn try_from(message: proto::EpochRecord) -> Result<EpochRecord, RecordError> {
        let published = |episode: proto::PublishedEpisode| {
            Ok(PublishedEpisode {
                workspace: name(&episode.workspace)?,
                episode: episode.episode.into(),
                last_alert: episode.last_alert.into(),
            })
        };
        Ok(EpochRecord {
            version: message.version,
            position: message.position,
            published: message.published.into_iter().map(published).collect::<Result<_, _>>()?,
        })
    }
}

fn time(millis: i64) -> Result<Timestamp, RecordError> {
    Timestamp::from_millis(millis).map_err(|_| RecordError::Unreadable("a time is out of range"))
}

fn name(text: &str) -> Result<Name, RecordError> {
    Name::new(text).map_err(|_| RecordError::Unreadable("a name is none"))
}
