//! Reading events from JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plumbline_units::{Currency, CurrencyError, Micros, Money, Timestamp, TimestampError};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::check::{self, Field, Fields};
use crate::kind::EventType;
use crate::rejection::{cut, printable};
use crate::{Event, Limits, Rejection};

const ENCODING: &str = "JSON";

/// The fields as they stand: numbers keep their text, and what an event's type does not use is never looked at.
#[derive(Deserialize)]
pub(crate) struct JsonFields<'a> {
    #[serde(borrow, rename = "type")]
    event_type: Raw<'a>,
    #[serde(borrow)]
    event_id: Raw<'a>,
    #[serde(borrow)]
    occurred_at: Raw<'a>,
    #[serde(borrow)]
    received_at: Raw<'a>,
    #[serde(borrow)]
    workspace: Raw<'a>,
    #[serde(borrow)]
    source: Raw<'a>,
    #[serde(borrow)]
    attributes: Raw<'a>,
    #[serde(borrow)]
    lead_id: Raw<'a>,
    #[serde(borrow)]
    opportunity_id: Raw<'a>,
    #[serde(borrow)]
    spend_id: Raw<'a>,
    #[serde(borrow)]
    into_lead_id: Raw<'a>,
    #[serde(borrow)]
    stage: Raw<'a>,
    #[serde(borrow)]
    reason: Raw<'a>,
    #[serde(borrow)]
    amount: Raw<'a>,
    #[serde(borrow)]
    period_start: Raw<'a>,
    #[serde(borrow)]
    period_end: Raw<'a>,
    /// Of log exports: the input topic.
    #[serde(borrow)]
    input: Raw<'a>,
}

/// A value's text, or nothing; `null` is nothing.
type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct RawAmount<'a> {
    #[serde(borrow)]
    value: Raw<'a>,
    #[serde(borrow)]
    currency: Raw<'a>,
}

/// Whether these bytes are to be read as JSON: they begin with an object. No protobuf of ours does.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    without_mark(bytes).trim_ascii_start().first() == Some(&b'{')
}

/// Spreadsheets and editors put a byte order mark before text.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reads one canonical line of a file: the event, and the line's own `received_at` where it has one.
///
/// Only files may claim when an event was received; there, no time may lie after `limits.latest`. What is
/// allocated is at most 64 times `limits.event_bytes`.
pub fn decode_json_line(line: &[u8], limits: &Limits) -> Result<(Event, Option<Timestamp>), Rejection> {
    let fields = JsonFields::parse(line, limits)?;
    let received_at = fields.received_at()?;
    if let Some(at) = received_at {
        check::check_time("received_at", at, at)?;
        if at > limits.latest {
            return Err(Rejection::Future("received_at"));
        }
    }
    Ok((check::event(&fields, received_at, limits)?, received_at))
}

impl<'a> JsonFields<'a> {
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<JsonFields<'a>, Rejection> {
        if bytes.len() > limits.event_bytes {
            return Err(Rejection::TooLarge { bytes: bytes.len(), limit: limits.event_bytes });
        }
        let text = std::str::from_utf8(without_mark(bytes)).map_err(|error| {
            Rejection::unreadable(ENCODING, format!("not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        // Arrays would be taken for structs by position.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(Rejection::unreadable(ENCODING, "not an object"));
        }
        serde_json::from_str(text).map_err(|error| Rejection::unreadable(ENCODING, place(&error)))
    }

    pub(crate) fn received_at(&self) -> Result<Option<Timestamp>, Rejection> {
        time(self.received_at, "received_at")
    }

    pub(crate) fn input(&self) -> Result<Option<Cow<'_, str>>, Rejection> {
        text(self.input, "input")
    }

    fn raw(&self, field: Field) -> Raw<'a> {
        match field {
            Field::EventId => self.event_id,
            Field::Workspace => self.workspace,
            Field::Source => self.source,
            Field::LeadId => self.lead_id,
            Field::OpportunityId => self.opportunity_id,
            Field::SpendId => self.spend_id,
            Field::IntoLeadId => self.into_lead_id,
            Field::Stage => self.stage,
            Field::Reason => self.reason,
            Field::PeriodStart => self.period_start,
            Field::PeriodEnd => self.period_end,
        }
    }
}

impl Fields for JsonFields<'_> {
    fn event_type(&self) -> Result<Option<EventType>, Rejection> {
        let Some(name) = text(self.event_type, "type")? else { return Ok(None) };
        EventType::parse(&name).map(Some).ok_or_else(|| Rejection::UnknownType(cut(&name)))
    }

    fn occurred_at(&self) -> Result<Option<Timestamp>, Rejection> {
        time(self.occurred_at, "occurred_at")
    }

    fn text(&self, field: Field) -> Result<Option<Cow<'_, str>>, Rejection> {
        let raw = self.raw(field);
        match field {
            // Many systems number their records.
            Field::EventId | Field::LeadId | Field::OpportunityId | Field::SpendId | Field::IntoLeadId => {
                text_or_number(raw, field.name())
            }
            _ => text(raw, field.name()),
        }
    }

    fn amount(&self) -> Result<Option<Money>, Rejection> {
        let Some(raw) = present(self.amount) else { return Ok(None) };
        let wrong =
            || Rejection::WrongKind { field: "amount", expected: r#"{"value":"1234.50","currency":"EUR"}"# };
        if !raw.starts_with('{') {
            return Err(wrong());
        }
        let amount: RawAmount<'_> = serde_json::from_str(raw).map_err(|_| wrong())?;
        let value =
            text_or_number(amount.value, "amount.value")?.ok_or(Rejection::MissingField("amount.value"))?;
        let currency =
            text(amount.currency, "amount.currency")?.ok_or(Rejection::MissingField("amount.currency"))?;
        let micros =
            Micros::parse_decimal(&value).map_err(|error| Rejection::BadAmount(printable(&error)))?;
        let currency: Currency =
            currency.parse().map_err(|error: CurrencyError| Rejection::BadCurrency(printable(&error)))?;
        Ok(Some(Money { micros, currency }))
    }

    fn attributes(&self, limit: usize) -> Result<BTreeMap<Box<str>, Box<str>>, Rejection> {
        let Some(raw) = present(self.attributes) else { return Ok(BTreeMap::new()) };
        let wrong = || Rejection::WrongKind { field: "attributes", expected: "an object of texts" };
        let all: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(raw).map_err(|_| wrong())?;
        if all.len() > limit {
            return Err(Rejection::TooManyAttributes { count: all.len(), limit });
        }
        let mut attributes = BTreeMap::new();
        for (name, value) in &all {
            let value = match value.get() {
                "true" | "false" => Some(Cow::Borrowed(value.get())),
                _ => text_or_number(Some(value), "attributes").map_err(|_| wrong())?,
            };
            if let Some(value) = value.filter(|value| !value.trim().is_empty() && !name.trim().is_empty()) {
                attributes.insert(name.as_ref().into(), value.as_ref().into());
            }
        }
        Ok(attributes)
    }
}

fn present(raw: Raw<'_>) -> Option<&str> {
    raw.map(RawValue::get).filter(|text| *text != "null")
}

fn text<'a>(raw: Raw<'a>, field: &'static str) -> Result<Option<Cow<'a, str>>, Rejection> {
    let Some(raw) = present(raw) else { return Ok(None) };
    let wrong = || Rejection::WrongKind { field, expected: "text" };
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(wrong)?;
    if !inner.contains('\\') {
        return Ok(Some(Cow::Borrowed(inner)));
    }
    serde_json::from_str(raw).map(|text: String| Some(Cow::Owned(text))).map_err(|_| wrong())
}

fn text_or_number<'a>(raw: Raw<'a>, field: &'static str) -> Result<Option<Cow<'a, str>>, Rejection> {
    match present(raw) {
        Some(number) if number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            Ok(Some(Cow::Borrowed(number)))
        }
        _ => text(raw, field).map_err(|_| Rejection::WrongKind { field, expected: "text or a number" }),
    }
}

fn time(raw: Raw<'_>, field: &'static str) -> Result<Option<Timestamp>, Rejection> {
    let Some(text) = text(raw, field)? else { return Ok(None) };
    text.parse().map(Some).map_err(|error: TimestampError| Rejection::bad_time(field, &error))
}

/// What is wrong and where, without the text itself, which may name a person.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "a field stands twice",
        _ => "not JSON",
    };
    format!("{what} at line {}, column {}", error.line(), error.column())
}
