//! Borrowed views of events: what the fold reads. Decoding a log record into a view allocates nothing.

use std::collections::BTreeMap;

use plumbline_units::{Day, Money, Name, RecordId, Timestamp};

use crate::{Body, Envelope, Event, EventRecord, LeadFact, OpportunityFact};

/// An accepted event with its arrival, borrowed from wire bytes or from an [`EventRecord`]: always well-formed.
/// Whoever makes one by hand answers for its ids and names being ones.
#[derive(Clone, Copy, Debug)]
pub struct EventView<'a> {
    /// Intake's clock when it appended the event.
    pub received_at: Timestamp,
    /// The input topic; `file` for files.
    pub input: &'a str,
    /// When it happened, as the source says.
    pub occurred_at: Timestamp,
    /// The tenant.
    pub workspace: &'a str,
    /// The system that said it; empty where unnamed.
    pub source: &'a str,
    /// The source's id of the event, for tracing only; empty where unstated.
    pub event_id: &'a str,
    /// Dimension values and allow-listed attributes.
    pub attributes: Attributes<'a>,
    /// What happened.
    pub body: BodyView<'a>,
}

/// The attributes of an event.
#[derive(Clone, Copy, Debug)]
pub enum Attributes<'a> {
    /// Of an owned event.
    Map(&'a BTreeMap<Box<str>, Box<str>>),
    /// The bytes of the protobuf message that holds them.
    Wire(crate::WireAttributes<'a>),
}

/// What happened, and to what. Fields as in [`Body`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum BodyView<'a> {
    Lead {
        lead_id: &'a str,
        fact: LeadFactView<'a>,
    },
    Opportunity {
        opportunity_id: &'a str,
        lead_id: Option<&'a str>,
        amount: Option<Money>,
        fact: OpportunityFactView<'a>,
    },
    Spend {
        spend_id: &'a str,
        period_start: Day,
        period_end: Day,
        amount: Money,
    },
}

/// What happened to a lead. Variants as in [`LeadFact`]; an absent reason is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LeadFactView<'a> {
    Created,
    StageReached(&'a str),
    Disqualified(&'a str),
    Reopened,
    AttributesChanged,
    Merged(&'a str),
    Deleted,
    Restored,
    Erased,
}

/// What happened to an opportunity. Variants as in [`OpportunityFact`]; an absent reason is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OpportunityFactView<'a> {
    Created,
    StageReached(&'a str),
    AmountChanged,
    Won,
    Lost(&'a str),
    Reopened,
    Linked,
    Deleted,
    Restored,
}

impl<'a> Attributes<'a> {
    /// The pairs, ascending by name.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (map, wire) = match self {
            Attributes::Map(map) => (Some(map), None),
            Attributes::Wire(wire) => (None, Some(wire)),
        };
        let pairs = map.into_iter().flatten().map(|(name, value)| (name.as_ref(), value.as_ref()));
        pairs.chain(wire.into_iter().flat_map(crate::WireAttributes::iter))
    }

    /// The value of that name.
    pub fn get(self, name: &str) -> Option<&'a str> {
        match self {
            Attributes::Map(map) => map.get(name).map(AsRef::as_ref),
            Attributes::Wire(wire) => wire.get(name),
        }
    }
}

impl EventView<'_> {
    /// The event and how it arrived, with everything copied.
    ///
    /// # Panics
    ///
    /// Where a view made by hand holds an id or a name that is none.
    pub fn to_record(&self) -> EventRecord {
        let attributes = self.attributes.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let envelope = Envelope {
            event_id: present(self.event_id),
            occurred_at: self.occurred_at,
            workspace: name(self.workspace),
            source: present(self.source),
            attributes,
        };
        let event = Event { envelope, body: self.body.to_body() };
        EventRecord { received_at: self.received_at, input: self.input.into(), event }
    }
}

impl BodyView<'_> {
    fn to_body(self) -> Body {
        match self {
            BodyView::Lead { lead_id, fact } => Body::Lead { lead_id: id(lead_id), fact: fact.to_fact() },
            BodyView::Opportunity { opportunity_id, lead_id, amount, fact } => Body::Opportunity {
                opportunity_id: id(opportunity_id),
                lead_id: lead_id.map(id),
                amount,
                fact: fact.to_fact(),
            },
            BodyView::Spend { spend_id, period_start, period_end, amount } => {
                Body::Spend { spend_id: id(spend_id), period_start, period_end, amount }
            }
        }
    }
}

impl LeadFactView<'_> {
    fn to_fact(self) -> LeadFact {
        match self {
            LeadFactView::Created => LeadFact::Created,
            LeadFactView::StageReached(stage) => LeadFact::StageReached(name(stage)),
            LeadFactView::Disqualified(reason) => LeadFact::Disqualified(present(reason)),
            LeadFactView::Reopened => LeadFact::Reopened,
            LeadFactView::AttributesChanged => LeadFact::AttributesChanged,
            LeadFactView::Merged(into) => LeadFact::Merged(id(into)),
            LeadFactView::Deleted => LeadFact::Deleted,
            LeadFactView::Restored => LeadFact::Restored,
            LeadFactView::Erased => LeadFact::Erased,
        }
    }
}

impl OpportunityFactView<'_> {
    fn to_fact(self) -> OpportunityFact {
        match self {
            OpportunityFactView::Created => OpportunityFact::Created,
            OpportunityFactView::StageReached(stage) => OpportunityFact::StageReached(name(stage)),
            OpportunityFactView::AmountChanged => OpportunityFact::AmountChanged,
            OpportunityFactView::Won => OpportunityFact::Won,
            OpportunityFactView::Lost(reason) => OpportunityFact::Lost(present(reason)),
            OpportunityFactView::Reopened => OpportunityFact::Reopened,
            OpportunityFactView::Linked => OpportunityFact::Linked,
            OpportunityFactView::Deleted => OpportunityFact::Deleted,
            OpportunityFactView::Restored => OpportunityFact::Restored,
        }
    }
}

fn present(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| text.into())
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).expect("views hold checked ids")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("views hold checked names")
}

impl EventRecord {
    /// The view of an owned event.
    pub fn view(&self) -> EventView<'_> {
        let envelope = &self.event.envelope;
        EventView {
            received_at: self.received_at,
            input: &self.input,
            occurred_at: envelope.occurred_at,
            workspace: envelope.workspace.as_str(),
            source: envelope.source.as_deref().unwrap_or(""),
            event_id: envelope.event_id.as_deref().unwrap_or(""),
            attributes: Attributes::Map(&envelope.attributes),
            body: self.event.body.view(),
        }
    }
}

impl Body {
    /// The view of an owned body.
    pub fn view(&self) -> BodyView<'_> {
        match self {
            Body::Lead { lead_id, fact } => BodyView::Lead { lead_id: lead_id.as_str(), fact: fact.view() },
            Body::Opportunity { opportunity_id, lead_id, amount, fact } => BodyView::Opportunity {
                opportunity_id: opportunity_id.as_str(),
                lead_id: lead_id.as_ref().map(|id| id.as_str()),
                amount: *amount,
                fact: fact.view(),
            },
            Body::Spend { spend_id, period_start, period_end, amount } => BodyView::Spend {
                spend_id: spend_id.as_str(),
                period_start: *period_start,
                period_end: *period_end,
                amount: *amount,
            },
        }
    }
}

impl LeadFact {
    fn view(&self) -> LeadFactView<'_> {
        match self {
            LeadFact::Created => LeadFactView::Created,
            LeadFact::StageReached(stage) => LeadFactView::StageReached(stage.as_str()),
            LeadFact::Disqualified(reason) => LeadFactView::Disqualified(reason.as_deref().unwrap_or("")),
            LeadFact::Reopened => LeadFactView::Reopened,
            LeadFact::AttributesChanged => LeadFactView::AttributesChanged,
            LeadFact::Merged(into) => LeadFactView::Merged(into.as_str()),
            LeadFact::Deleted => LeadFactView::Deleted,
            LeadFact::Restored => LeadFactView::Restored,
            LeadFact::Erased => LeadFactView::Erased,
        }
    }
}

impl OpportunityFact {
    fn view(&self) -> OpportunityFactView<'_> {
        match self {
            OpportunityFact::Created => OpportunityFactView::Created,
            OpportunityFact::StageReached(stage) => OpportunityFactView::StageReached(stage.as_str()),
            OpportunityFact::AmountChanged => OpportunityFactView::AmountChanged,
            OpportunityFact::Won => OpportunityFactView::Won,
            OpportunityFact::Lost(reason) => OpportunityFactView::Lost(reason.as_deref().unwrap_or("")),
            OpportunityFact::Reopened => OpportunityFactView::Reopened,
            OpportunityFact::Linked => OpportunityFactView::Linked,
            OpportunityFact::Deleted => OpportunityFactView::Deleted,
            OpportunityFact::Restored => OpportunityFactView::Restored,
        }
    }
}
