//! All records of the log as JSON lines: what `log export` writes and file commands read back.

use plumbline_units::{Name, Timestamp};
use serde::{Deserialize, Serialize};

use super::read::JsonFields;
use super::write::{Object, write_event};
use crate::check;
use crate::{
    ClockRecord, Command, CommandRecord, EpochRecord, EventRecord, InputPosition, Limits, LogRecord,
    PlanRecord, PublishedEpisode, Rejection,
};

/// Why a line is no log record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordJsonError {
    /// The line is an event that is not accepted.
    #[error(transparent)]
    Event(#[from] Rejection),
    /// The line is another record and breaks.
    #[error("unreadable log record: {0}")]
    Unreadable(String),
    /// A kind of record this version does not know; it must not be skipped.
    #[error("unknown kind of log record {0:?}")]
    UnknownKind(String),
}

/// One log record as a JSON line, without a line feed. Events are canonical lines with `input` added.
pub fn record_to_json(record: &LogRecord) -> String {
    match record {
        LogRecord::Event(record) => {
            let mut object = Object::new();
            write_event(&mut object, &record.view(), record.event.envelope.event_id.as_deref());
            object.text("input", &record.input);
            object.finish()
        }
        LogRecord::Clock(record) => line(&Line::Clock(record.into())),
        LogRecord::Plan(record) => line(&Line::Plan(record.into())),
        LogRecord::Command(record) => line(&Line::Command(record.into())),
        LogRecord::Epoch(record) => line(&Line::Epoch(record.into())),
    }
}

/// Reads a line of [`record_to_json`] back to the same record.
///
/// A plain event line is taken, too: its `input` is `file`, its `received_at` its `occurred_at`.
pub fn record_from_json(text: &str) -> Result<LogRecord, RecordJsonError> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<std::borrow::Cow<'a, str>>,
    }
    let unreadable = |error: serde_json::Error| {
        RecordJsonError::Unreadable(format!("line {}, column {}", error.line(), error.column()))
    };
    let kind: Kind<'_> = serde_json::from_str(text).map_err(unreadable)?;
    match kind.kind.as_deref().and_then(|kind| kind.strip_prefix("log.")) {
        None => event(text).map_err(RecordJsonError::Event),
        Some("clock" | "plan" | "command" | "epoch") => {
            let line: Line = serde_json::from_str(text).map_err(unreadable)?;
            line.record().ok_or_else(|| RecordJsonError::Unreadable("`last_alert_hex` is not hex".into()))
        }
        Some(other) => Err(RecordJsonError::UnknownKind(crate::rejection::cut(other))),
    }
}

fn event(text: &str) -> Result<LogRecord, Rejection> {
    let fields = JsonFields::parse(text.as_bytes(), &Limits::NONE)?;
    let received_at = fields.received_at()?;
    let input = fields.input()?.map_or_else(|| "file".into(), |input| input.as_ref().into());
    let event = check::event(&fields, received_at, &Limits::NONE)?;
    let received_at = received_at.unwrap_or(event.envelope.occurred_at);
    Ok(LogRecord::Event(EventRecord { received_at, input, event }))
}

fn line(line: &Line) -> String {
    serde_json::to_string(line).expect("texts, numbers and lists have a JSON form")
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type")]
enum Line {
    #[serde(rename = "log.clock")]
    Clock(ClockLine),
    #[serde(rename = "log.plan")]
    Plan(PlanLine),
    #[serde(rename = "log.command")]
    Command(CommandLine),
    #[serde(rename = "log.epoch")]
    Epoch(EpochLine),
}

#[derive(Serialize, Deserialize)]
struct ClockLine {
    time: Timestamp,
    inputs: Vec<InputLine>,
}

#[derive(Serialize, Deserialize)]
struct InputLine {
    topic: Box<str>,
    partition: i32,
    next_offset: i64,
    at_end: bool,
}

#[derive(Serialize, Deserialize)]
struct PlanLine {
    workspace: Name,
    time: Timestamp,
    live_from: Timestamp,
    toml: Box<str>,
}

#[derive(Serialize, Deserialize)]
struct CommandLine {
    command_id: Box<str>,
    workspace: Name,
    time: Timestamp,
    #[serde(flatten)]
    command: CommandKind,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum CommandKind {
    Acknowledge {
        episode: Box<str>,
        function: Box<str>,
        note: Box<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    Note {
        episode: Box<str>,
        note: Box<str>,
    },
}

#[derive(Serialize, Deserialize)]
struct EpochLine {
    version: u32,
    position: i64,
    published: Vec<PublishedLine>,
}

#[derive(Serialize, Deserialize)]
struct PublishedLine {
    workspace: Name,
    episode: Box<str>,
    #[serde(flatten)]
    last_alert: AlertBytes,
}

/// Alerts are JSON, so their bytes are text; should they ever not be, hexadecimal digits keep them whole.
#[derive(Serialize, Deserialize)]
enum AlertBytes {
    #[serde(rename = "last_alert")]
    Text(Box<str>),
    #[serde(rename = "last_alert_hex")]
    Hex(Box<str>),
}

impl Line {
    /// `None` where hexadecimal digits are none.
    fn record(self) -> Option<LogRecord> {
        Some(match self {
            Line::Clock(line) => LogRecord::Clock(line.into()),
            Line::Plan(PlanLine { workspace, time, live_from, toml }) => {
                LogRecord::Plan(PlanRecord { workspace, time, toml, live_from })
            }
            Line::Command(line) => LogRecord::Command(line.into()),
            Line::Epoch(line) => LogRecord::Epoch(EpochRecord {
                version: line.version,
                position: line.position,
                published: line.published.into_iter().map(PublishedLine::episode).collect::<Option<_>>()?,
            }),
        })
    }
}

impl From<&ClockRecord> for ClockLine {
    fn from(record: &ClockRecord) -> ClockLine {
        let input = |input: &InputPosition| InputLine {
            topic: input.topic.clone(),
            partition: input.partition,
            next_offset: input.next_offset,
            at_end: input.at_end,
        };
        ClockLine { time: record.time, inputs: record.inputs.iter().map(input).collect() }
    }
}

impl From<ClockLine> for ClockRecord {
    fn from(line: ClockLine) -> ClockRecord {
        let input = |InputLine { topic, partition, next_offset, at_end }| InputPosition {
            topic,
            partition,
            next_offset,
            at_end,
        };
        ClockRecord { time: line.time, inputs: line.inputs.into_iter().map(input).collect() }
    }
}

impl From<&PlanRecord> for PlanLine {
    fn from(record: &PlanRecord) -> PlanLine {
        PlanLine {
            workspace: record.workspace.clone(),
            time: record.time,
            live_from: record.live_from,
            toml: record.toml.clone(),
        }
    }
}

impl From<&CommandRecord> for CommandLine {
    fn from(record: &CommandRecord) -> CommandLine {
        let command = match record.command.clone() {
            Command::Acknowledge { episode, function, note, until } => {
                CommandKind::Acknowledge { episode, function, note, until }
            }
            Command::Note { episode, note } => CommandKind::Note { episode, note },
        };
        CommandLine {
            command_id: record.command_id.clone(),
            workspace: record.workspace.clone(),
            time: record.time,
            command,
        }
    }
}

impl From<CommandLine> for CommandRecord {
    fn from(line: CommandLine) -> CommandRecord {
        let command = match line.command {
            CommandKind::Acknowledge { episode, function, note, until } => {
                Command::Acknowledge { episode, function, note, until }
            }
            CommandKind::Note { episode, note } => Command::Note { episode, note },
        };
        CommandRecord { command_id: line.command_id, workspace: line.workspace, time: line.time, command }
    }
}

impl From<&EpochRecord> for EpochLine {
    fn from(record: &EpochRecord) -> EpochLine {
        let published = |episode: &PublishedEpisode| PublishedLine {
            workspace: episode.workspace.clone(),
            episode: episode.episode.clone(),
            last_alert: match std::str::from_utf8(&episode.last_alert) {
                Ok(text) => AlertBytes::Text(text.into()),
                Err(_) => AlertBytes::Hex(hex(&episode.last_alert).into()),
            },
        };
        EpochLine {
            version: record.version,
            position: record.position,
            published: record.published.iter().map(published).collect(),
        }
    }
}

impl PublishedLine {
    fn episode(self) -> Option<PublishedEpisode> {
        let last_alert = match self.last_alert {
            AlertBytes::Text(text) => text.into_boxed_bytes(),
            AlertBytes::Hex(digits) => unhex(&digits)?.into(),
        };
        Some(PublishedEpisode { workspace: self.workspace, episode: self.episode, last_alert })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(value(*high)? * 16 + value(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}
