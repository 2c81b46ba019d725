//! Reading events from producers' protobuf.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plumbline_units::{CurrencyError, Micros, Money, Timestamp};
use prost::Message;

use super::InputKind;
use crate::Rejection;
use crate::check::{Field, Fields};
use crate::kind::{EventType, LeadType, OpportunityType};
use crate::proto::google::protobuf::Timestamp as ProtoTimestamp;
use crate::proto::{
    self, LeadEvent, LeadEventType, OpportunityEvent, OpportunityEventType, SpendEvent, input_event,
};
use crate::rejection::printable;

const ENCODING: &str = "protobuf";

/// A producer's message.
pub(super) enum ProtobufFields {
    Lead(LeadEvent),
    Opportunity(OpportunityEvent),
    Spend(SpendEvent),
}

impl ProtobufFields {
    pub(super) fn parse(kind: InputKind, bytes: &[u8]) -> Result<ProtobufFields, Rejection> {
        Ok(match kind {
            InputKind::Leads => ProtobufFields::Lead(message(bytes)?),
            InputKind::Opportunities => ProtobufFields::Opportunity(message(bytes)?),
            InputKind::Spend => ProtobufFields::Spend(message(bytes)?),
            InputKind::Any => match message::<proto::InputEvent>(bytes)?.event {
                Some(input_event::Event::Lead(event)) => ProtobufFields::Lead(event),
                Some(input_event::Event::Opportunity(event)) => ProtobufFields::Opportunity(event),
                Some(input_event::Event::Spend(event)) => ProtobufFields::Spend(event),
                None => return Err(Rejection::MissingType),
            },
        })
    }

    fn attribute_map(&self) -> &BTreeMap<String, String> {
        match self {
            ProtobufFields::Lead(event) => &event.attributes,
            ProtobufFields::Opportunity(event) => &event.attributes,
            ProtobufFields::Spend(event) => &event.attributes,
        }
    }
}

/// The library's own message may name the generated type, never content; ours stays short and stable.
fn message<M: Message + Default>(bytes: &[u8]) -> Result<M, Rejection> {
    M::decode(bytes).map_err(|_| Rejection::unreadable(ENCODING, "the message is broken or of another type"))
}

impl Fields for ProtobufFields {
    fn event_type(&self) -> Result<Option<EventType>, Rejection> {
        match self {
            ProtobufFields::Lead(event) => lead_type(event.r#type),
            ProtobufFields::Opportunity(event) => opportunity_type(event.r#type),
            ProtobufFields::Spend(_) => Ok(Some(EventType::Spend)),
        }
    }

    fn occurred_at(&self) -> Result<Option<Timestamp>, Rejection> {
        match self {
            ProtobufFields::Lead(event) => time(event.occurred_at.as_ref()),
            ProtobufFields::Opportunity(event) => time(event.occurred_at.as_ref()),
            ProtobufFields::Spend(event) => time(event.occurred_at.as_ref()),
        }
    }

    fn text(&self, field: Field) -> Result<Option<Cow<'_, str>>, Rejection> {
        let text = match self {
            ProtobufFields::Lead(event) => match field {
                Field::LeadId => &event.lead_id,
                Field::IntoLeadId => &event.into_lead_id,
                Field::Stage => &event.stage,
                Field::Reason => &event.reason,
                Field::EventId => &event.event_id,
                Field::Workspace => &event.workspace,
                Field::Source => &event.source,
                _ => return Ok(None),
            },
            ProtobufFields::Opportunity(event) => match field {
                Field::OpportunityId => &event.opportunity_id,
                Field::LeadId => &event.lead_id,
                Field::Stage => &event.stage,
                Field::Reason => &event.reason,
                Field::EventId => &event.event_id,
                Field::Workspace => &event.workspace,
                Field::Source => &event.source,
                _ => return Ok(None),
            },
            ProtobufFields::Spend(event) => match field {
                Field::SpendId => &event.spend_id,
                Field::PeriodStart => &event.period_start,
                Field::PeriodEnd => &event.period_end,
                Field::EventId => &event.event_id,
                Field::Workspace => &event.workspace,
                Field::Source => &event.source,
                _ => return Ok(None),
            },
        };
        Ok((!text.is_empty()).then_some(Cow::Borrowed(text)))
    }

    fn amount(&self) -> Result<Option<Money>, Rejection> {
        let amount = match self {
            ProtobufFields::Lead(_) => None,
            ProtobufFields::Opportunity(event) => event.amount.as_ref(),
            ProtobufFields::Spend(event) => event.amount.as_ref(),
        };
        let Some(amount) = amount else { return Ok(None) };
        if amount.currency.is_empty() {
            return Err(Rejection::MissingField("amount.currency"));
        }
        let currency = amount
            .currency
            .parse()
            .map_err(|error: CurrencyError| Rejection::BadCurrency(printable(&error)))?;
        if amount.micros.unsigned_abs() > Micros::MAX_AMOUNT.0.unsigned_abs() {
            return Err(Rejection::BadAmount(format!(
                "{} millionths are beyond one trillion",
                amount.micros
            )));
        }
        Ok(Some(Money { micros: Micros(amount.micros), currency }))
    }

    fn attributes(&self, limit: usize) -> Result<BTreeMap<Box<str>, Box<str>>, Rejection> {
        let all = self.attribute_map();
        if all.len() > limit {
            return Err(Rejection::TooManyAttributes { count: all.len(), limit });
        }
        let stated = all.iter().filter(|(name, value)| !name.trim().is_empty() && !value.trim().is_empty());
        Ok(stated.map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect())
    }
}

fn lead_type(number: i32) -> Result<Option<EventType>, Rejection> {
    let kind = LeadEventType::try_from(number).map_err(|_| unknown(number))?;
    Ok(Some(EventType::Lead(match kind {
        LeadEventType::Unspecified => return Ok(None),
        LeadEventType::Created => LeadType::Created,
        LeadEventType::StageReached => LeadType::StageReached,
        LeadEventType::Disqualified => LeadType::Disqualified,
        LeadEventType::Reopened => LeadType::Reopened,
        LeadEventType::AttributesChanged => LeadType::AttributesChanged,
        LeadEventType::Merged => LeadType::Merged,
        LeadEventType::Deleted => LeadType::Deleted,
        LeadEventType::Restored => LeadType::Restored,
        LeadEventType::Erased => LeadType::Erased,
    })))
}

fn opportunity_type(number: i32) -> Result<Option<EventType>, Rejection> {
    let kind = OpportunityEventType::try_from(number).map_err(|_| unknown(number))?;
    Ok(Some(EventType::Opportunity(match kind {
        OpportunityEventType::Unspecified => return Ok(None),
        OpportunityEventType::Created => OpportunityType::Created,
        OpportunityEventType::StageReached => OpportunityType::StageReached,
        OpportunityEventType::AmountChanged => OpportunityType::AmountChanged,
        OpportunityEventType::Won => OpportunityType::Won,
        OpportunityEventType::Lost => OpportunityType::Lost,
        OpportunityEventType::Reopened => OpportunityType::Reopened,
        OpportunityEventType::Linked => OpportunityType::Linked,
        OpportunityEventType::Deleted => OpportunityType::Deleted,
        OpportunityEventType::Restored => OpportunityType::Restored,
    })))
}

fn unknown(number: i32) -> Rejection {
    Rejection::UnknownType(format!("number {number}"))
}

/// Cut to the millisecond, as in JSON.
fn time(stated: Option<&ProtoTimestamp>) -> Result<Option<Timestamp>, Rejection> {
    let Some(at) = stated else { return Ok(None) };
    let bad = || Rejection::BadTime {
        field: "occurred_at",
        detail: format!(
            "{} s and {} ns since 1970 is no time of the years 1900 to 2200",
            at.seconds, at.nanos
        ),
    };
    if !(0..1_000_000_000).contains(&at.nanos) {
        return Err(bad());
    }
    let millis = at.seconds.checked_mul(1000).and_then(|ms| ms.checked_add(i64::from(at.nanos) / 1_000_000));
    millis.and_then(|ms| Timestamp::from_millis(ms).ok()).map(Some).ok_or_else(bad)
}
