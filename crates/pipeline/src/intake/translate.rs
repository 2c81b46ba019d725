//! From an input message to a log record or a dead letter.

use std::collections::BTreeMap;

use plumbline_engine::intake::Sent;
use plumbline_events::{
    EventRecord, Input, InputKind, LogRecord, Rejection, dead_letter_header as header, dead_letter_value,
    decode, encode_record,
};
use plumbline_units::{IdHasher, Timestamp};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};

use crate::allowed::Allowed;
use crate::config::Config;
use crate::metric;
use crate::partitioner::partition_of;
use crate::transaction::{Broken, Outgoing, Transactions};

/// Of an input's own headers a dead letter keeps at most this many …
const KEPT_HEADERS: usize = 64;
/// … of at most this many bytes together; and this much of a key.
const KEPT_HEADER_BYTES: usize = 64 << 10;
/// The producer's time of a dead letter's input. It may be forged, and brokers refuse records from the future.
const SOURCE_TIMESTAMP: &str = "plumbline.source.timestamp";
/// How many headers were not kept.
const DROPPED_HEADERS: &str = "plumbline.headers.dropped";
/// Ids of people hash into one space, so that a lead keeps its pseudonym wherever it is named.
const PSEUDONYM_SPACE: u8 = 7;

pub(super) struct Translator {
    inputs: BTreeMap<String, InputKind>,
    log: String,
    log_partitions: i32,
    dead_letters: String,
    limits: plumbline_events::Limits,
    allowed: Allowed,
    pseudonyms: Option<IdHasher>,
    dead_letter_bytes: usize,
    buffer: Vec<u8>,
}

impl Translator {
    pub(super) fn new(config: &Config, log_partitions: i32, allowed: Allowed) -> Translator {
        let intake = &config.intake;
        Translator {
            inputs: config.topics.inputs(),
            log: config.topics.log.clone(),
            log_partitions,
            dead_letters: config.topics.dead_letters.clone(),
            limits: intake.limits.clone(),
            allowed,
            pseudonyms: intake.pseudonymise.map(IdHasher::new),
            dead_letter_bytes: intake.dead_letter_bytes,
            buffer: Vec::new(),
        }
    }

    pub(super) fn topics(&self) -> Vec<&str> {
        self.inputs.keys().map(String::as_str).collect()
    }

    pub(super) fn log_partitions(&self) -> i32 {
        self.log_partitions
    }

    /// Sends what the message is to where it belongs.
    pub(super) fn send(
        &mut self,
        message: &BorrowedMessage<'_>,
        arrival: Timestamp,
        out: &mut Transactions,
    ) -> Result<Sent, Broken> {
        let headers: Vec<(&str, &[u8])> = message
            .headers()
            .map(|headers| headers.iter().map(|h| (h.key, h.value.unwrap_or_default())).collect())
            .unwrap_or_default();
        let kind = self.inputs.get(message.topic()).copied().unwrap_or(InputKind::Any);
        let input = Input { value: message.payload().unwrap_or_default(), headers: &headers, kind };
        let mut event = match decode(&input, arrival, &self.limits) {
            Ok(event) => event,
            Err(rejection) => {
                metric::input_rejected(message.topic(), rejection.class());
                self.dead_letter(message, &headers, &rejection, arrival, out)?;
                return Ok(Sent::DeadLetter);
            }
        };
        if let Some(allowed) = &*self.allowed.names() {
            event.retain_attributes(|name| allowed.contains(name));
        }
        if let Some(hasher) = &self.pseudonyms {
            event.pseudonymise(&|id| format!("{:032x}", hasher.hash(PSEUDONYM_SPACE, id).0));
        }
        let workspace = event.envelope.workspace.clone();
        let record = EventRecord { received_at: arrival, input: message.topic().into(), event };
        self.buffer.clear();
        encode_record(&LogRecord::Event(record), &mut self.buffer);
        out.send(Outgoing {
            partition: Some(partition_of(workspace.as_str(), self.log_partitions)),
            timestamp: Some(arrival.millis()),
            ..Outgoing::new(&self.log, Some(workspace.as_str().as_bytes()), Some(&self.buffer))
        })?;
        Ok(Sent::Event { bytes: workspace.as_str().len() + self.buffer.len() })
    }

    fn dead_letter(
        &self,
        message: &BorrowedMessage<'_>,
        own: &[(&str, &[u8])],
        rejection: &Rejection,
        arrival: Timestamp,
        out: &mut Transactions,
    ) -> Result<(), Broken> {
        let (value, whole) = dead_letter_value(message.payload().unwrap_or_default(), self.dead_letter_bytes);
        let mut headers = kept_headers(own);
        let mut add = |key: &str, value: &str| {
            headers = std::mem::take(&mut headers).insert(Header { key, value: Some(value) });
        };
        add(header::CLASS, rejection.class());
        add(header::MESSAGE, &rejection.to_string());
        add(header::TOPIC, message.topic());
        add(header::PARTITION, &message.partition().to_string());
        add(header::OFFSET, &message.offset().to_string());
        if let Some((bytes, sha256)) = whole {
            add(header::LENGTH, &bytes.to_string());
            add(header::SHA256, &sha256);
        }
        let stamped = message.timestamp().to_millis();
        if let Some(millis) = stamped.filter(|millis| *millis > arrival.millis()) {
            add(SOURCE_TIMESTAMP, &millis.to_string());
        }
        let key = message.key().map(|key| &key[..key.len().min(KEPT_HEADER_BYTES)]);
        out.send(Outgoing {
            timestamp: Some(stamped.map_or(arrival.millis(), |millis| millis.clamp(0, arrival.millis()))),
            headers: Some(headers),
            ..Outgoing::new(&self.dead_letters, key, message.payload().map(|_| value))
        })
    }
}

/// The input's own headers as far as they fit, so that a dead letter always fits.
fn kept_headers(own: &[(&str, &[u8])]) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new();
    let (mut bytes, mut dropped) = (0, 0);
    for (at, (key, value)) in own.iter().enumerate() {
        bytes += key.len() + value.len();
        if at >= KEPT_HEADERS || bytes > KEPT_HEADER_BYTES {
            dropped += 1;
            continue;
        }
        headers = headers.insert(Header { key, value: Some(*value) });
    }
    match dropped {
        0 => headers,
        n => headers.insert(Header { key: DROPPED_HEADERS, value: Some(&format!("{n}")) }),
    }
}
