//! From the fields of any encoding to an [`Event`]: the one place where inputs are checked.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plumbline_units::{Day, Money, Name, RecordId, RecordIdError, Seconds, Timestamp};

use crate::kind::{EventType, LeadType, OpportunityType};
use crate::rejection::{cut, printable};
use crate::{Body, Envelope, Event, LeadFact, OpportunityFact, Rejection};

/// 1990-01-01T00:00:00Z: earlier times come from clocks that were never set.
const EARLIEST: Timestamp = Timestamp::clamped(631_152_000_000);
/// The longest period one statement of spend may cover, in days.
const MAX_PERIOD_DAYS: i32 = 400;
/// The longest source, event id and reason, in bytes.
const MAX_TEXT: usize = 256;

/// Bounds on one input. What lies beyond them is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an event: its value and the CloudEvents headers used. Checked before anything is parsed.
    pub event_bytes: usize,
    /// Attributes of an event.
    pub attributes: usize,
    /// Of files: no time may lie after it. Callers set it to the end of their input plus one day.
    pub latest: Timestamp,
}

impl Default for Limits {
    /// 64 KiB, 64 attributes, any time.
    fn default() -> Limits {
        Limits { event_bytes: 64 * 1024, attributes: 64, latest: Timestamp::MAX }
    }
}

impl Limits {
    /// For records that have been accepted before.
    pub(crate) const NONE: Limits =
        Limits { event_bytes: usize::MAX, attributes: usize::MAX, latest: Timestamp::MAX };
}

/// The text fields of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    EventId,
    Workspace,
    Source,
    LeadId,
    OpportunityId,
    SpendId,
    IntoLeadId,
    Stage,
    Reason,
    PeriodStart,
    PeriodEnd,
}

impl Field {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Field::EventId => "event_id",
            Field::Workspace => "workspace",
            Field::Source => "source",
            Field::LeadId => "lead_id",
            Field::OpportunityId => "opportunity_id",
            Field::SpendId => "spend_id",
            Field::IntoLeadId => "into_lead_id",
            Field::Stage => "stage",
            Field::Reason => "reason",
            Field::PeriodStart => "period_start",
            Field::PeriodEnd => "period_end",
        }
    }
}

/// What an encoding offers. Only the fields an event's type needs are asked for, so that others do not matter.
pub(crate) trait Fields {
    fn event_type(&self) -> Result<Option<EventType>, Rejection>;
    fn occurred_at(&self) -> Result<Option<Timestamp>, Rejection>;
    fn text(&self, field: Field) -> Result<Option<Cow<'_, str>>, Rejection>;
    fn amount(&self) -> Result<Option<Money>, Rejection>;
    fn attributes(&self, limit: usize) -> Result<BTreeMap<Box<str>, Box<str>>, Rejection>;
}

/// Checks the fields and makes the event; `arrived` is the time no claim may exceed by more than a day (by
/// default its own `occurred_at`).
pub(crate) fn event(
    fields: &impl Fields,
    arrived: Option<Timestamp>,
    limits: &Limits,
) -> Result<Event, Rejection> {
    let kind = fields.event_type()?.ok_or(Rejection::MissingType)?;
    let occurred_at = fields.occurred_at()?.ok_or(Rejection::MissingField("occurred_at"))?;
    let arrived = arrived.unwrap_or(occurred_at);
    check_time("occurred_at", occurred_at, arrived)?;
    if occurred_at > limits.latest {
        return Err(Rejection::Future("occurred_at"));
    }
    let body = match kind {
        EventType::Lead(kind) => {
            Body::Lead { lead_id: id(fields, Field::LeadId)?, fact: lead_fact(fields, kind)? }
        }
        EventType::Opportunity(kind) => opportunity(fields, kind)?,
        EventType::Spend => spend(fields, arrived)?,
    };
    let envelope = Envelope {
        event_id: short_text(fields, Field::EventId)?,
        occurred_at,
        workspace: optional_name(fields, Field::Workspace)?.unwrap_or_else(default_workspace),
        source: short_text(fields, Field::Source)?,
        attributes: fields.attributes(limits.attributes)?,
    };
    Ok(Event { envelope, body })
}

/// Not before 1990 and not more than a day after the arrival.
pub(crate) fn check_time(field: &'static str, at: Timestamp, arrived: Timestamp) -> Result<(), Rejection> {
    if at < EARLIEST {
        Err(Rejection::Before1990(field))
    } else if at > arrived.plus(Seconds::DAY) {
        Err(Rejection::Future(field))
    } else {
        Ok(())
    }
}

fn lead_fact(fields: &impl Fields, kind: LeadType) -> Result<LeadFact, Rejection> {
    Ok(match kind {
        LeadType::Created => LeadFact::Created,
        LeadType::StageReached => LeadFact::StageReached(name(fields, Field::Stage)?),
        LeadType::Disqualified => LeadFact::Disqualified(reason(fields)?),
        LeadType::Reopened => LeadFact::Reopened,
        LeadType::AttributesChanged => LeadFact::AttributesChanged,
        LeadType::Merged => LeadFact::Merged(id(fields, Field::IntoLeadId)?),
        LeadType::Deleted => LeadFact::Deleted,
        LeadType::Restored => LeadFact::Restored,
        LeadType::Erased => LeadFact::Erased,
    })
}

fn opportunity(fields: &impl Fields, kind: OpportunityType) -> Result<Body, Rejection> {
    let opportunity_id = id(fields, Field::OpportunityId)?;
    let lead_id = optional_id(fields, Field::LeadId)?;
    let amount = fields.amount()?;
    if amount.is_some_and(|amount| amount.micros.0 < 0) {
        return Err(Rejection::NegativeAmount);
    }
    let fact = match kind {
        OpportunityType::Created => OpportunityFact::Created,
        OpportunityType::StageReached => OpportunityFact::StageReached(name(fields, Field::Stage)?),
        OpportunityType::AmountChanged if amount.is_none() => return Err(Rejection::MissingField("amount")),
        OpportunityType::AmountChanged => OpportunityFact::AmountChanged,
        OpportunityType::Won => OpportunityFact::Won,
        OpportunityType::Lost => OpportunityFact::Lost(reason(fields)?),
        OpportunityType::Reopened => OpportunityFact::Reopened,
        OpportunityType::Linked if lead_id.is_none() => return Err(Rejection::MissingId("lead_id")),
        OpportunityType::Linked => OpportunityFact::Linked,
        OpportunityType::Deleted => OpportunityFact::Deleted,
        OpportunityType::Restored => OpportunityFact::Restored,
    };
    Ok(Body::Opportunity { opportunity_id, lead_id, amount, fact })
}

fn spend(fields: &impl Fields, arrived: Timestamp) -> Result<Body, Rejection> {
    let spend_id = id(fields, Field::SpendId)?;
    let period_start = day(fields, Field::PeriodStart)?;
    let stated_end = day(fields, Field::PeriodEnd)?;
    // An end equal to the start is the common way to name a single day.
    let period_end = if stated_end == period_start { period_start.plus(1) } else { stated_end };
    let days = period_end.since(period_start);
    if !(1..=MAX_PERIOD_DAYS).contains(&days) {
        return Err(Rejection::BadPeriod(format!("{days} days; 1 to {MAX_PERIOD_DAYS} are taken")));
    }
    check_time("period_start", Timestamp::clamped(i64::from(period_start.number()) * 86_400_000), arrived)?;
    let amount = fields.amount()?.ok_or(Rejection::MissingField("amount"))?;
    Ok(Body::Spend { spend_id, period_start, period_end, amount })
}

fn day(fields: &impl Fields, field: Field) -> Result<Day, Rejection> {
    let text = fields.text(field)?.ok_or(Rejection::MissingField(field.name()))?;
    // Fixed width first: the parser behind it takes more spellings than the contract names.
    if text.len() != 10 {
        return Err(Rejection::BadPeriod(format!("`{}` is not a date such as 2026-03-02", cut(&text))));
    }
    text.parse().map_err(|error: plumbline_units::DayError| Rejection::BadPeriod(printable(&error)))
}

fn id(fields: &impl Fields, field: Field) -> Result<RecordId, Rejection> {
    optional_id(fields, field)?.ok_or(Rejection::MissingId(field.name()))
}

fn optional_id(fields: &impl Fields, field: Field) -> Result<Option<RecordId>, Rejection> {
    let Some(text) = fields.text(field)? else { return Ok(None) };
    match RecordId::new(&text) {
        Ok(id) => Ok(Some(id)),
        Err(RecordIdError::Empty) => Ok(None),
        Err(error) => Err(Rejection::BadId { field: field.name(), error }),
    }
}

fn name(fields: &impl Fields, field: Field) -> Result<Name, Rejection> {
    optional_name(fields, field)?.ok_or(Rejection::MissingField(field.name()))
}

fn optional_name(fields: &impl Fields, field: Field) -> Result<Option<Name>, Rejection> {
    let Some(text) = fields.text(field)? else { return Ok(None) };
    if text.trim().is_empty() {
        return Ok(None);
    }
    Name::new(&text).map(Some).map_err(|_| Rejection::BadName(field.name()))
}

/// `default`.
pub(crate) fn default_workspace() -> Name {
    Name::new("default").expect("`default` is a name")
}

/// A text of the envelope; blank is absent.
fn short_text(fields: &impl Fields, field: Field) -> Result<Option<Box<str>>, Rejection> {
    let Some(text) = fields.text(field)?.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    if text.len() > MAX_TEXT {
        return Err(Rejection::TooLong { field: field.name(), bytes: text.len(), limit: MAX_TEXT });
    }
    Ok(Some(text.as_ref().into()))
}

/// Free text of a person: cut, since an event is worth more than the end of a remark.
fn reason(fields: &impl Fields) -> Result<Option<Box<str>>, Rejection> {
    let text = fields.text(Field::Reason)?;
    let text = text.as_deref().unwrap_or_default();
    let end = text.floor_char_boundary(MAX_TEXT);
    let text = text[..end].trim();
    Ok((!text.is_empty()).then(|| text.into()))
}
