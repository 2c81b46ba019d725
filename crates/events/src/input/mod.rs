//! Intake's whole decision: from the bytes and headers of a message to an event or a reason.

mod cloud_events;
mod protobuf;

use plumbline_units::Timestamp;

use self::cloud_events::{CloudEvent, Filled};
use crate::check::{self, Fields};
use crate::json::{JsonFields, is_json};
use crate::kind::EventType;
use crate::{Event, Limits, Rejection};

/// What a topic carries. It decides how bare protobuf is read; JSON says for itself what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// `LeadEvent`.
    Leads,
    /// `OpportunityEvent`.
    Opportunities,
    /// `SpendEvent`.
    Spend,
    /// `InputEvent`, unless the headers name one of the others.
    Any,
}

/// One message of an input topic.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The message's value.
    pub value: &'a [u8],
    /// Its headers, in order; of equal keys the last one counts.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// What its topic carries.
    pub kind: InputKind,
}

/// Decodes one input: by its `content-type` header, else by its first byte. The headers of a CloudEvent in
/// binary mode (`ce_id`, `ce_source`, `ce_type`, `ce_time`) fill what the body lacks.
///
/// `received_at` is intake's clock; a `received_at` in the input is not believed. What is allocated is at most
/// 64 times `limits.event_bytes`.
pub fn decode(input: &Input<'_>, received_at: Timestamp, limits: &Limits) -> Result<Event, Rejection> {
    let envelope = CloudEvent::of(input.headers);
    let bytes = input.value.len() + envelope.bytes();
    if bytes > limits.event_bytes {
        return Err(Rejection::TooLarge { bytes, limit: limits.event_bytes });
    }
    if input.value.is_empty() {
        return Err(Rejection::unreadable("message", "it is empty"));
    }
    match encoding(input)? {
        Encoding::Json => finish(JsonFields::parse(input.value, limits)?, &envelope, received_at, limits),
        Encoding::Protobuf(message) => {
            let message = message.unwrap_or_else(|| message_of(input.kind, &envelope));
            let fields = protobuf::ProtobufFields::parse(message, input.value)?;
            finish(fields, &envelope, received_at, limits)
        }
    }
}

fn finish(
    body: impl Fields,
    envelope: &CloudEvent<'_>,
    received_at: Timestamp,
    limits: &Limits,
) -> Result<Event, Rejection> {
    check::event(&Filled { body, envelope }, Some(received_at), limits)
}

/// How the value is to be read.
enum Encoding {
    Json,
    /// With the message's type where the content type names it.
    Protobuf(Option<InputKind>),
}

fn encoding(input: &Input<'_>) -> Result<Encoding, Rejection> {
    let content_type = header(input.headers, "content-type").unwrap_or_default();
    let mut parts = content_type.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    match media_type.as_slice() {
        b"application/cloudevents+json" => {
            return Err(Rejection::UnsupportedEncoding("CloudEvents in structured mode are not read yet"));
        }
        b"application/json" | b"text/json" => return Ok(Encoding::Json),
        b"application/protobuf" | b"application/x-protobuf" | b"application/vnd.google.protobuf" => {
            return Ok(Encoding::Protobuf(parts.find_map(message_parameter)));
        }
        other if other.ends_with(b"+json") => return Ok(Encoding::Json),
        // Most producers say nothing, or `text/plain`, or `application/octet-stream`.
        _ => {}
    }
    if is_json(input.value) {
        Ok(Encoding::Json)
    } else if input.value.first() == Some(&0) {
        // No protobuf begins with a zero byte; the framing of schema registries does.
        Err(Rejection::UnsupportedEncoding("the framing of a schema registry is not read yet"))
    } else if looks_like_text(input.value) {
        Err(Rejection::unreadable("JSON", "not an object"))
    } else {
        Ok(Encoding::Protobuf(None))
    }
}

/// All printable: a message of ours begins with a number's key (8) or the key of an id (18), which are not.
fn looks_like_text(value: &[u8]) -> bool {
    value.iter().take(16).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
}

/// `proto=plumbline.v1.LeadEvent`, as protobuf over HTTP has it (also `messageType=`, and in quotes).
fn message_parameter(parameter: &[u8]) -> Option<InputKind> {
    let at = parameter.iter().position(|b| *b == b'=')?;
    let (name, value) = (&parameter[..at], &parameter[at + 1..]);
    if !name.eq_ignore_ascii_case(b"proto") && !name.eq_ignore_ascii_case(b"messagetype") {
        return None;
    }
    let value = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    match value.strip_prefix(b"plumbline.v1.")? {
        b"LeadEvent" => Some(InputKind::Leads),
        b"OpportunityEvent" => Some(InputKind::Opportunities),
        b"SpendEvent" => Some(InputKind::Spend),
        b"InputEvent" => Some(InputKind::Any),
        _ => None,
    }
}

/// A topic that carries everything leaves it to the CloudEvents type, where there is one.
fn message_of(kind: InputKind, envelope: &CloudEvent<'_>) -> InputKind {
    match (kind, envelope.event_type()) {
        (InputKind::Any, Ok(Some(EventType::Lead(_)))) => InputKind::Leads,
        (InputKind::Any, Ok(Some(EventType::Opportunity(_)))) => InputKind::Opportunities,
        (InputKind::Any, Ok(Some(EventType::Spend))) => InputKind::Spend,
        _ => kind,
    }
}

/// The last header of that name.
fn header<'a>(headers: &[(&'a str, &'a [u8])], name: &str) -> Option<&'a [u8]> {
    headers.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}
