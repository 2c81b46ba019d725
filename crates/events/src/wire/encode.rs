//! From records to bytes. Fields are written in the order of their numbers and attributes in the order of
//! their names, so that equal records are equal bytes.

use prost::Message;

use crate::proto;
use crate::{Body, Event, EventRecord, LogRecord};
use crate::{LeadFact, OpportunityFact};

/// Appends the record's canonical protobuf to `out`.
pub fn encode_record(record: &LogRecord, out: &mut Vec<u8>) {
    message(record).encode(out).expect("a vector takes any number of bytes");
}

fn message(record: &LogRecord) -> proto::LogRecord {
    use proto::log_record::Record;
    let record = match record {
        LogRecord::Event(record) => Record::Event(record.into()),
        LogRecord::Clock(record) => Record::Clock(record.into()),
        LogRecord::Plan(record) => Record::Plan(record.into()),
        LogRecord::Command(record) => Record::Command(record.into()),
        LogRecord::Epoch(record) => Record::Epoch(record.into()),
    };
    proto::LogRecord { record: Some(record) }
}

impl From<&EventRecord> for proto::EventRecord {
    fn from(record: &EventRecord) -> proto::EventRecord {
        let Event { envelope, body } = &record.event;
        proto::EventRecord {
            received_at_ms: record.received_at.millis(),
            input: record.input.to_string(),
            occurred_at_ms: envelope.occurred_at.millis(),
            workspace: envelope.workspace.to_string(),
            source: text(&envelope.source),
            event_id: text(&envelope.event_id),
            attributes: envelope
                .attributes
                .iter()
                .map(|(name, value)| proto::Attribute { name: name.to_string(), value: value.to_string() })
                .collect(),
            body: Some(body.into()),
        }
    }
}

impl From<&Body> for proto::event_record::Body {
    fn from(body: &Body) -> proto::event_record::Body {
        match body {
            Body::Lead { lead_id, fact } => {
                let mut message =
                    proto::LeadBody { lead_id: lead_id.as_str().to_string(), ..Default::default() };
                fill_lead(&mut message, fact);
                proto::event_record::Body::Lead(message)
            }
            Body::Opportunity { opportunity_id, lead_id, amount, fact } => {
                let mut message = proto::OpportunityBody {
                    opportunity_id: opportunity_id.as_str().to_string(),
                    lead_id: lead_id.as_ref().map_or_else(String::new, |id| id.as_str().to_string()),
                    amount_micros: amount.map_or(0, |amount| amount.micros.0),
                    currency: amount.map_or_else(String::new, |amount| amount.currency.to_string()),
                    ..Default::default()
                };
                fill_opportunity(&mut message, fact);
                proto::event_record::Body::Opportunity(message)
            }
            Body::Spend { spend_id, period_start, period_end, amount } => {
                proto::event_record::Body::Spend(proto::SpendBody {
                    spend_id: spend_id.as_str().to_string(),
                    period_start: period_start.number(),
                    period_end: period_end.number(),
                    amount_micros: amount.micros.0,
                    currency: amount.currency.to_string(),
                })
            }
        }
    }
}

fn fill_lead(message: &mut proto::LeadBody, fact: &LeadFact) {
    use proto::LeadEventType as Type;
    let kind = match fact {
        LeadFact::Created => Type::Created,
        LeadFact::StageReached(stage) => {
            message.stage = stage.to_string();
            Type::StageReached
        }
        LeadFact::Disqualified(reason) => {
            message.reason = text(reason);
            Type::Disqualified
        }
        LeadFact::Reopened => Type::Reopened,
        LeadFact::AttributesChanged => Type::AttributesChanged,
        LeadFact::Merged(into) => {
            message.into_lead_id = into.as_str().to_string();
            Type::Merged
        }
        LeadFact::Deleted => Type::Deleted,
        LeadFact::Restored => Type::Restored,
        LeadFact::Erased => Type::Erased,
    };
    message.set_type(kind);
}

fn fill_opportunity(message: &mut proto::OpportunityBody, fact: &OpportunityFact) {
    use proto::OpportunityEventType as Type;
    let kind = match fact {
        OpportunityFact::Created => Type::Created,
        OpportunityFact::StageReached(stage) => {
            message.stage = stage.to_string();
            Type::StageReached
        }
        OpportunityFact::AmountChanged => Type::AmountChanged,
        OpportunityFact::Won => Type::Won,
        OpportunityFact::Lost(reason) => {
            message.reason = text(reason);
            Type::Lost
        }
        OpportunityFact::Reopened => Type::Reopened,
        OpportunityFact::Linked => Type::Linked,
        OpportunityFact::Deleted => Type::Deleted,
        OpportunityFact::Restored => Type::Restored,
    };
    message.set_type(kind);
}

fn text(text: &Option<Box<str>>) -> String {
    text.as_deref().unwrap_or_default().to_string()
}
