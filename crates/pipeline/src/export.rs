//! Log records as JSON lines.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;

use plumbline_events::{LogRecord, decode_record, record_to_json};
use plumbline_units::Name;
use rdkafka::Message;

use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::partitioner::partition_of;
use crate::read::{Reader, nothing};

/// Which part of the log.
#[derive(Clone, Debug)]
pub enum Part {
    /// The partition that holds a workspace.
    Workspace(Name),
    /// One partition.
    Partition(i32),
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The log partition.
    pub partition: i32,
    /// How many the log has.
    pub partitions: i32,
    /// Records written.
    pub records: u64,
    /// The workspaces they speak of.
    pub workspaces: BTreeSet<Name>,
}

/// Writes every committed record of the part, oldest first, up to the end as it is when reached. `backtest` over these
/// lines gives what the running service said.
pub fn export_log(config: &Config, part: &Part, out: &mut dyn Write) -> Result<Exported, Failure> {
    let reader = Reader::new(config)?;
    let log = config.topics.log.as_str();
    let partitions = reader.partitions(log)?;
    let partition = match part {
        Part::Workspace(name) => partition_of(name.as_str(), partitions),
        Part::Partition(number) => *number,
    };
    if !(0..partitions).contains(&partition) {
        let message = format!("`{log}` has {partitions} partitions; there is no partition {partition}");
        return Err(Failure::new(Kind::Configuration, message));
    }
    let mut exported = Exported { partition, partitions, records: 0, workspaces: BTreeSet::new() };
    let stopped = reader.read((log, partition), None, None, nothing, |message| {
        let offset = message.offset();
        let record = match decode_record(message.payload().unwrap_or_default()) {
            Ok(record) => record.to_owned(),
            Err(error) => {
                let message = format!("log record at offset {offset} cannot be read: {error}");
                return ControlFlow::Break(Failure::new(Kind::Data, message));
            }
        };
        exported.records += 1;
        if let Some(name) = workspace(&record).filter(|name| !exported.workspaces.contains(*name)) {
            exported.workspaces.insert(name.clone());
        }
        match writeln!(out, "{}", record_to_json(&record)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error.into()),
        }
    })?;
    match stopped {
        Some(failure) => Err(failure),
        None => Ok(exported),
    }
}

/// Whom a record is for; clocks and epochs are for all.
fn workspace(record: &LogRecord) -> Option<&Name> {
    match record {
        LogRecord::Event(record) => Some(&record.event.envelope.workspace),
        LogRecord::Plan(record) => Some(&record.workspace),
        LogRecord::Command(record) => Some(&record.workspace),
        LogRecord::Clock(_) | LogRecord::Epoch(_) => None,
    }
}

/// A record of a topic as `explain` and others read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Hands every committed record of a topic to `each`, partition by partition, until it breaks.
pub fn read_topic(
    config: &Config,
    topic: &str,
    mut each: impl FnMut(TopicRecord) -> ControlFlow<()>,
) -> Result<(), Failure> {
    use rdkafka::message::Headers;
    let reader = Reader::new(config)?;
    for partition in 0..reader.partitions(topic)? {
        let stopped = reader.read((topic, partition), None, None, nothing, |message| {
            let headers = message.headers().map(|headers| {
                headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
            });
            each(TopicRecord {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers.unwrap_or_default(),
            })
        })?;
        if stopped.is_some() {
            break;
        }
    }
    Ok(())
}
