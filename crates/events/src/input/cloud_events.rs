//! CloudEvents 1.0 in binary mode (Kafka protocol binding): attributes in headers, the event in the value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plumbline_units::{Money, Timestamp, TimestampError};

use super::header;
use crate::Rejection;
use crate::check::{Field, Fields};
use crate::kind::EventType;
use crate::rejection::cut;

/// The headers used; others are left alone.
pub(super) struct CloudEvent<'a> {
    id: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    event_type: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
}

impl<'a> CloudEvent<'a> {
    pub(super) fn of(headers: &[(&'a str, &'a [u8])]) -> CloudEvent<'a> {
        CloudEvent {
            id: header(headers, "ce_id"),
            source: header(headers, "ce_source"),
            event_type: header(headers, "ce_type"),
            time: header(headers, "ce_time"),
        }
    }

    /// Counted towards the event's size.
    pub(super) fn bytes(&self) -> usize {
        [self.id, self.source, self.event_type, self.time].iter().flatten().map(|value| value.len()).sum()
    }

    pub(super) fn event_type(&self) -> Result<Option<EventType>, Rejection> {
        let Some(name) = text(self.event_type, "ce_type")? else { return Ok(None) };
        EventType::parse_prefixed(name).map(Some).ok_or_else(|| Rejection::UnknownType(cut(name)))
    }

    fn time(&self) -> Result<Option<Timestamp>, Rejection> {
        let Some(time) = text(self.time, "ce_time")? else { return Ok(None) };
        time.parse().map(Some).map_err(|error: TimestampError| Rejection::bad_time("ce_time", &error))
    }
}

fn text<'a>(value: Option<&'a [u8]>, field: &'static str) -> Result<Option<&'a str>, Rejection> {
    let text = value.map(std::str::from_utf8).transpose();
    text.map_err(|_| Rejection::WrongKind { field, expected: "UTF-8 text" })
}

/// A body's fields; the envelope's where the body has none. What the body says goes first.
pub(super) struct Filled<'a, F> {
    pub(super) body: F,
    pub(super) envelope: &'a CloudEvent<'a>,
}

impl<F: Fields> Fields for Filled<'_, F> {
    fn event_type(&self) -> Result<Option<EventType>, Rejection> {
        match self.body.event_type()? {
            None => self.envelope.event_type(),
            stated => Ok(stated),
        }
    }

    fn occurred_at(&self) -> Result<Option<Timestamp>, Rejection> {
        match self.body.occurred_at()? {
            None => self.envelope.time(),
            stated => Ok(stated),
        }
    }

    fn text(&self, field: Field) -> Result<Option<Cow<'_, str>>, Rejection> {
        let (header, name) = match field {
            Field::EventId => (self.envelope.id, "ce_id"),
            Field::Source => (self.envelope.source, "ce_source"),
            _ => return self.body.text(field),
        };
        match self.body.text(field)?.filter(|text| !text.trim().is_empty()) {
            None => Ok(text(header, name)?.map(Cow::Borrowed)),
            stated => Ok(stated),
        }
    }

    fn amount(&self) -> Result<Option<Money>, Rejection> {
        self.body.amount()
    }

    fn attributes(&self, limit: usize) -> Result<BTreeMap<Box<str>, Box<str>>, Rejection> {
        self.body.attributes(limit)
    }
}
