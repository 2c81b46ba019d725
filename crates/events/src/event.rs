//! Canonical events: what a CRM or an ad account says happened.

use std::collections::BTreeMap;

use plumbline_units::{Day, Money, Name, RecordId, Timestamp};

/// One accepted event. Everything in it has been checked; nothing in it needs the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What all events carry.
    pub envelope: Envelope,
    /// What happened.
    pub body: Body,
}

impl Event {
    /// Drops every attribute whose name `keep` refuses.
    pub fn retain_attributes(&mut self, keep: impl Fn(&str) -> bool) {
        self.envelope.attributes.retain(|name, _| keep(name));
    }

    /// Puts `hash` of it in place of every id that may lead to a person: of leads, of opportunities, and of the
    /// event itself. Statements of spend keep theirs.
    ///
    /// `hash` gives 1 to 256 bytes; what is longer is cut.
    pub fn pseudonymise(&mut self, hash: &dyn Fn(&str) -> String) {
        let replace = |id: &mut RecordId| *id = replacement(hash(id.as_str()));
        if let Some(id) = &mut self.envelope.event_id {
            *id = hash(id).into();
        }
        match &mut self.body {
            Body::Lead { lead_id, fact } => {
                replace(lead_id);
                if let LeadFact::Merged(into) = fact {
                    replace(into);
                }
            }
            Body::Opportunity { opportunity_id, lead_id, .. } => {
                replace(opportunity_id);
                lead_id.iter_mut().for_each(replace);
            }
            Body::Spend { .. } => {}
        }
    }
}

/// Never the original: a hash that is no id becomes one.
fn replacement(hash: String) -> RecordId {
    let end = hash.floor_char_boundary(RecordId::MAX_BYTES);
    RecordId::new(&hash[..end]).unwrap_or_else(|_| RecordId::new("(blank)").expect("a word is an id"))
}

/// What all events carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The source's id of the event, for tracing only: CRM ids are not unique and are never identity.
    pub event_id: Option<Box<str>>,
    /// When it happened, as the source says.
    pub occurred_at: Timestamp,
    /// The tenant. `default` where the producer names none.
    pub workspace: Name,
    /// The system that said it, such as `hubspot`; free text.
    pub source: Option<Box<str>>,
    /// Dimension values and allow-listed attributes. A JSON null is an absent key.
    pub attributes: BTreeMap<Box<str>, Box<str>>,
}

/// What happened, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// To a lead.
    Lead {
        /// Which lead.
        lead_id: RecordId,
        /// What.
        fact: LeadFact,
    },
    /// To an opportunity.
    Opportunity {
        /// Which opportunity.
        opportunity_id: RecordId,
        /// Its lead, wherever the source knows it; any event may carry it.
        lead_id: Option<RecordId>,
        /// The deal's amount as of this event, where stated; never negative.
        amount: Option<Money>,
        /// What.
        fact: OpportunityFact,
    },
    /// A statement of spend over `period_start..period_end` (exclusive), days of the plan's zone.
    Spend {
        /// The natural key of the statement; a later statement of the same key replaces the earlier one.
        spend_id: RecordId,
        /// First day.
        period_start: Day,
        /// First day after; at least one day after `period_start`, at most 400.
        period_end: Day,
        /// The money of the whole period; may be negative (a refund).
        amount: Money,
    },
}

/// What happened to a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadFact {
    /// `lead.created`: reaches the plan's first stage.
    Created,
    /// `lead.stage_reached`.
    StageReached(Name),
    /// `lead.disqualified`, with the reason where stated.
    Disqualified(Option<Box<str>>),
    /// `lead.reopened`.
    Reopened,
    /// `lead.attributes_changed`: only the envelope's attributes matter.
    AttributesChanged,
    /// `lead.merged` into another lead.
    Merged(RecordId),
    /// `lead.deleted`.
    Deleted,
    /// `lead.restored`: undoes deletion and merge.
    Restored,
    /// `lead.erased`: a request to forget the person, not the count.
    Erased,
}

/// What happened to an opportunity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpportunityFact {
    /// `opportunity.created`: reaches the stage named `opportunity`, or the plan's `[funnel] opportunity`.
    Created,
    /// `opportunity.stage_reached`.
    StageReached(Name),
    /// `opportunity.amount_changed`: the body's amount is present.
    AmountChanged,
    /// `opportunity.won`: reaches the plan's last stage.
    Won,
    /// `opportunity.lost`, with the reason where stated.
    Lost(Option<Box<str>>),
    /// `opportunity.reopened`.
    Reopened,
    /// `opportunity.linked`: the body's lead id is present.
    Linked,
    /// `opportunity.deleted`.
    Deleted,
    /// `opportunity.restored`.
    Restored,
}
