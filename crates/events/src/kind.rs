//! The names of event types, and which body each one makes.

use crate::{BodyView, LeadFactView, OpportunityFactView};

/// `type` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventType {
    Lead(LeadType),
    Opportunity(OpportunityType),
    Spend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeadType {
    Created,
    StageReached,
    Disqualified,
    Reopened,
    AttributesChanged,
    Merged,
    Deleted,
    Restored,
    Erased,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpportunityType {
    Created,
    StageReached,
    AmountChanged,
    Won,
    Lost,
    Reopened,
    Linked,
    Deleted,
    Restored,
}

const TYPES: [(&str, EventType); 19] = {
    use EventType::{Lead, Opportunity, Spend};
    [
        ("lead.created", Lead(LeadType::Created)),
        ("lead.stage_reached", Lead(LeadType::StageReached)),
        ("lead.disqualified", Lead(LeadType::Disqualified)),
        ("lead.reopened", Lead(LeadType::Reopened)),
        ("lead.attributes_changed", Lead(LeadType::AttributesChanged)),
        ("lead.merged", Lead(LeadType::Merged)),
        ("lead.deleted", Lead(LeadType::Deleted)),
        ("lead.restored", Lead(LeadType::Restored)),
        ("lead.erased", Lead(LeadType::Erased)),
        ("opportunity.created", Opportunity(OpportunityType::Created)),
        ("opportunity.stage_reached", Opportunity(OpportunityType::StageReached)),
        ("opportunity.amount_changed", Opportunity(OpportunityType::AmountChanged)),
        ("opportunity.won", Opportunity(OpportunityType::Won)),
        ("opportunity.lost", Opportunity(OpportunityType::Lost)),
        ("opportunity.reopened", Opportunity(OpportunityType::Reopened)),
        ("opportunity.linked", Opportunity(OpportunityType::Linked)),
        ("opportunity.deleted", Opportunity(OpportunityType::Deleted)),
        ("opportunity.restored", Opportunity(OpportunityType::Restored)),
        ("spend.reported", Spend),
    ]
};

impl EventType {
    /// The type of that exact name.
    pub(crate) fn parse(name: &str) -> Option<EventType> {
        TYPES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// As [`EventType::parse`]; a reverse-domain prefix may stand before it, as CloudEvents recommends.
    pub(crate) fn parse_prefixed(name: &str) -> Option<EventType> {
        let is = |known: &str| {
            name.strip_suffix(known).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        };
        TYPES.iter().find(|(known, _)| is(known)).map(|(_, kind)| *kind)
    }
}

impl BodyView<'_> {
    /// The event type's name, such as `lead.created`.
    pub fn type_name(&self) -> &'static str {
        match self {
            BodyView::Lead { fact, .. } => match fact {
                LeadFactView::Created => "lead.created",
                LeadFactView::StageReached(_) => "lead.stage_reached",
                LeadFactView::Disqualified(_) => "lead.disqualified",
                LeadFactView::Reopened => "lead.reopened",
                LeadFactView::AttributesChanged => "lead.attributes_changed",
                LeadFactView::Merged(_) => "lead.merged",
                LeadFactView::Deleted => "lead.deleted",
                LeadFactView::Restored => "lead.restored",
                LeadFactView::Erased => "lead.erased",
            },
            BodyView::Opportunity { fact, .. } => match fact {
                OpportunityFactView::Created => "opportunity.created",
                OpportunityFactView::StageReached(_) => "opportunity.stage_reached",
                OpportunityFactView::AmountChanged => "opportunity.amount_changed",
                OpportunityFactView::Won => "opportunity.won",
                OpportunityFactView::Lost(_) => "opportunity.lost",
                OpportunityFactView::Reopened => "opportunity.reopened",
                OpportunityFactView::Linked => "opportunity.linked",
                OpportunityFactView::Deleted => "opportunity.deleted",
                OpportunityFactView::Restored => "opportunity.restored",
            },
            BodyView::Spend { .. } => "spend.reported",
        }
    }
}
