//! Reading an event without copying. Everything is checked here once, so that views are always well-formed.
//!
//! Stricter than protobuf asks: attributes must ascend, and the body stands once. Our encoder writes no other.

use std::str::FromStr;

use plumbline_units::{Currency, Day, Micros, Money, Name, RecordId, Timestamp};

use super::RecordError;
use super::cursor::{Cursor, Value};
use crate::proto::{LeadEventType, OpportunityEventType};
use crate::{Attributes, BodyView, EventView, LeadFactView, OpportunityFactView};

/// The number of `EventRecord.attributes`.
const ATTRIBUTES: u32 = 7;

/// Attributes inside the bytes of an event, checked when it was read.
#[derive(Clone, Copy, Debug)]
pub struct WireAttributes<'a> {
    /// From the first attribute's key to the end of the last; other fields may stand between.
    bytes: &'a [u8],
}

impl<'a> WireAttributes<'a> {
    /// The pairs, ascending by name.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs().filter_map(|(name, value)| Some((text(name)?, text(value)?)))
    }

    /// The value of that name.
    pub fn get(self, name: &str) -> Option<&'a str> {
        let (_, value) = self.pairs().find(|(known, _)| *known == name.as_bytes())?;
        text(value)
    }

    fn pairs(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut cursor = Cursor::new(self.bytes);
        std::iter::from_fn(move || {
            loop {
                // These bytes were read once before, so that errors cannot happen.
                let (number, value) = cursor.field().ok()??;
                if number == ATTRIBUTES {
                    return attribute(value, Value::bytes).ok();
                }
            }
        })
    }
}

/// Checked when the event was read.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

pub(super) fn read(bytes: &[u8]) -> Result<EventView<'_>, RecordError> {
    let (mut received_at, mut occurred_at) = (0, 0);
    let (mut input, mut workspace, mut source, mut event_id) = ("", "", "", "");
    let mut body = None;
    let mut attributes = None;
    let mut last_name = None;
    let mut cursor = Cursor::new(bytes);
    loop {
        let before = cursor.rest().len();
        let Some((number, value)) = cursor.field()? else { break };
        match number {
            1 => received_at = value.int64()?,
            2 => input = value.text()?,
            3 => occurred_at = value.int64()?,
            4 => workspace = value.text()?,
            5 => source = value.text()?,
            6 => event_id = value.text()?,
            ATTRIBUTES => {
                let (name, _) = attribute(value, Value::text)?;
                if last_name.is_some_and(|last| last >= name) {
                    return Err(RecordError::Unreadable("attributes do not ascend"));
                }
                last_name = Some(name);
                let start = attributes.map_or(bytes.len() - before, |(start, _)| start);
                attributes = Some((start, bytes.len() - cursor.rest().len()));
            }
            8..=10 if body.is_some() => return Err(RecordError::Unreadable("two bodies")),
            8 => body = Some(lead(value.bytes()?)?),
            9 => body = Some(opportunity(value.bytes()?)?),
            10 => body = Some(spend(value.bytes()?)?),
            _ => {}
        }
    }
    let (start, end) = attributes.unwrap_or((0, 0));
    Ok(EventView {
        received_at: time(received_at)?,
        input,
        occurred_at: time(occurred_at)?,
        workspace: name(workspace)?,
        source,
        event_id,
        attributes: Attributes::Wire(WireAttributes { bytes: &bytes[start..end] }),
        // The body may be of a kind that only newer versions know.
        body: body.ok_or(RecordError::UnknownKind { what: "body", number: 0 })?,
    })
}

/// Name and value, each as `take` takes it.
#[inline(always)]
fn attribute<'a, T: Default>(
    value: Value<'a>,
    take: impl Fn(Value<'a>) -> Result<T, RecordError>,
) -> Result<(T, T), RecordError> {
    let (mut name, mut text) = (T::default(), T::default());
    let mut cursor = Cursor::new(value.bytes()?);
    while let Some((number, value)) = cursor.field()? {
        match number {
            1 => name = take(value)?,
            2 => text = take(value)?,
            _ => {}
        }
    }
    Ok((name, text))
}

fn lead(bytes: &[u8]) -> Result<BodyView<'_>, RecordError> {
    let (mut lead_id, mut stage, mut reason, mut into) = ("", "", "", "");
    let mut kind = 0;
    let mut cursor = Cursor::new(bytes);
    while let Some((number, value)) = cursor.field()? {
        match number {
            1 => lead_id = value.text()?,
            2 => kind = value.int32()?,
            3 => stage = value.text()?,
            4 => reason = value.text()?,
            5 => into = value.text()?,
            _ => {}
        }
    }
    let fact = match LeadEventType::try_from(kind) {
        Ok(LeadEventType::Created) => LeadFactView::Created,
        Ok(LeadEventType::StageReached) => LeadFactView::StageReached(name(stage)?),
        Ok(LeadEventType::Disqualified) => LeadFactView::Disqualified(reason),
        Ok(LeadEventType::Reopened) => LeadFactView::Reopened,
        Ok(LeadEventType::AttributesChanged) => LeadFactView::AttributesChanged,
        Ok(LeadEventType::Merged) => LeadFactView::Merged(id(into)?),
        Ok(LeadEventType::Deleted) => LeadFactView::Deleted,
        Ok(LeadEventType::Restored) => LeadFactView::Restored,
        Ok(LeadEventType::Erased) => LeadFactView::Erased,
        Ok(LeadEventType::Unspecified) | Err(_) => {
            return Err(RecordError::UnknownKind { what: "lead event type", number: kind.into() });
        }
    };
    Ok(BodyView::Lead { lead_id: id(lead_id)?, fact })
}

fn opportunity(bytes: &[u8]) -> Result<BodyView<'_>, RecordError> {
    let (mut opportunity_id, mut stage, mut reason, mut lead_id, mut currency) = ("", "", "", "", "");
    let (mut kind, mut micros) = (0, 0);
    let mut cursor = Cursor::new(bytes);
    while let Some((number, value)) = cursor.field()? {
        match number {
            1 => opportunity_id = value.text()?,
            2 => kind = value.int32()?,
            3 => stage = value.text()?,
            4 => reason = value.text()?,
            5 => lead_id = value.text()?,
            6 => micros = value.sint64()?,
            7 => currency = value.text()?,
            _ => {}
        }
    }
    let lead_id = if lead_id.is_empty() { None } else { Some(id(lead_id)?) };
    let amount = if currency.is_empty() { None } else { Some(money(micros, currency)?) };
    let fact = match OpportunityEventType::try_from(kind) {
        Ok(OpportunityEventType::Created) => OpportunityFactView::Created,
        Ok(OpportunityEventType::StageReached) => OpportunityFactView::StageReached(name(stage)?),
        Ok(OpportunityEventType::AmountChanged) => OpportunityFactView::AmountChanged,
        Ok(OpportunityEventType::Won) => OpportunityFactView::Won,
        Ok(OpportunityEventType::Lost) => OpportunityFactView::Lost(reason),
        Ok(OpportunityEventType::Reopened) => OpportunityFactView::Reopened,
        Ok(OpportunityEventType::Linked) => OpportunityFactView::Linked,
        Ok(OpportunityEventType::Deleted) => OpportunityFactView::Deleted,
        Ok(OpportunityEventType::Restored) => OpportunityFactView::Restored,
        Ok(OpportunityEventType::Unspecified) | Err(_) => {
            return Err(RecordError::UnknownKind { what: "opportunity event type", number: kind.into() });
        }
    };
    Ok(BodyView::Opportunity { opportunity_id: id(opportunity_id)?, lead_id, amount, fact })
}

fn spend(bytes: &[u8]) -> Result<BodyView<'_>, RecordError> {
    let (mut spend_id, mut currency) = ("", "");
    let (mut start, mut end, mut micros) = (0, 0, 0);
    let mut cursor = Cursor::new(bytes);
    while let Some((number, value)) = cursor.field()? {
        match number {
            1 => spend_id = value.text()?,
            2 => start = value.sint32()?,
            3 => end = value.sint32()?,
            4 => micros = value.sint64()?,
            5 => currency = value.text()?,
            _ => {}
        }
    }
    if end.checked_sub(start).is_none_or(|days| days < 1) {
        return Err(RecordError::Unreadable("a period ends before it starts"));
    }
    Ok(BodyView::Spend {
        spend_id: id(spend_id)?,
        period_start: Day::from_number(start),
        period_end: Day::from_number(end),
        amount: money(micros, currency)?,
    })
}

fn time(millis: i64) -> Result<Timestamp, RecordError> {
    Timestamp::from_millis(millis).map_err(|_| RecordError::Unreadable("a time is out of range"))
}

fn money(micros: i64, currency: &str) -> Result<Money, RecordError> {
    let currency = Currency::from_str(currency).map_err(|_| RecordError::Unreadable("a currency is none"))?;
    if micros.unsigned_abs() > Micros::MAX_AMOUNT.0.unsigned_abs() {
        return Err(RecordError::Unreadable("an amount is out of range"));
    }
    Ok(Money { micros: Micros(micros), currency })
}

/// As [`RecordId::new`], without the copy.
fn id(text: &str) -> Result<&str, RecordError> {
    // A first byte that is no white space settles it for nearly all ids.
    let blank = !text.as_bytes().first().is_some_and(u8::is_ascii_graphic) && text.trim().is_empty();
    if blank || text.len() > RecordId::MAX_BYTES {
        return Err(RecordError::Unreadable("an id is blank or too long"));
    }
    Ok(text)
}

/// As [`Name::new`], without the copy.
fn name(text: &str) -> Result<&str, RecordError> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic()) && (1..=Name::MAX_BYTES).contains(&text.len());
    if plain || Name::new(text).is_ok() {
        return Ok(text);
    }
    Err(RecordError::Unreadable("a name is none"))
}
