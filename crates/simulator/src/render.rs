//! From compact pending facts to canonical events.

use std::collections::BTreeMap;

use plumbline_events::{Body, Envelope, Event, LeadFact, OpportunityFact};
use plumbline_units::{Micros, Money, Name, RecordId, Timestamp};

use crate::spec::CRM;
use crate::{STAGES, ScenarioKind, Spec};

/// Why leads are turned down and deals are lost.
const REASONS: [&str; 4] = ["no budget", "no fit", "no answer", "competitor"];

/// Something that happened and has not been received yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    /// Milliseconds since the epoch.
    pub(crate) received: i64,
    /// Milliseconds since the epoch.
    pub(crate) occurred: i64,
    /// Names the fact; a second delivery has the same.
    pub(crate) serial: u64,
    /// Whether this is the second delivery.
    pub(crate) again: bool,
    pub(crate) segment: u16,
    pub(crate) channel: u16,
    pub(crate) what: What,
}

/// What happened. Leads are known by number; an opportunity has the number of its lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Created {
        lead: u64,
    },
    Stage {
        lead: u64,
        stage: u8,
    },
    Disqualified {
        lead: u64,
        reason: u8,
    },
    /// A second record of the lead, made by mistake.
    Copied {
        lead: u64,
    },
    /// The copy goes into the lead.
    Merged {
        lead: u64,
    },
    Opportunity {
        lead: u64,
        amount: Micros,
    },
    Amount {
        lead: u64,
        amount: Micros,
    },
    Won {
        lead: u64,
        amount: Micros,
    },
    Lost {
        lead: u64,
        reason: u8,
    },
    /// Spend of the day with this number.
    Spend {
        day: i32,
        amount: Micros,
    },
}

impl What {
    /// Number of distinct reasons.
    pub(crate) const REASONS: u8 = REASONS.len() as u8;
}

/// Turns facts into events, with the texts they share made once.
pub(crate) struct Renderer {
    seed: u64,
    workspace: Name,
    currency: plumbline_units::Currency,
    stages: [Name; 5],
    segments: Vec<Box<str>>,
    channels: Vec<(Box<str>, Box<str>)>,
    /// From this instant on (milliseconds) the CRM calls the first segment otherwise.
    renamed: Option<(i64, Box<str>)>,
}

impl Renderer {
    pub(crate) fn new(spec: &Spec) -> Renderer {
        Renderer {
            seed: spec.seed,
            workspace: spec.workspace.clone(),
            currency: spec.currency,
            stages: STAGES.map(|stage| Name::new(stage).expect("stage names are names")),
            segments: spec.segments.iter().map(|s| s.name.as_str().into()).collect(),
            channels: spec
                .channels
                .iter()
                .map(|c| (c.name.as_str().into(), c.account.as_deref().unwrap_or("none").into()))
                .collect(),
            renamed: spec.onset_day().filter(|_| spec.kind == ScenarioKind::RenamedValue).and_then(|onset| {
                let name = format!("{}-new", spec.segments.first()?.name);
                Some((spec.zone.start_of(onset).millis(), name.into()))
            }),
        }
    }

    pub(crate) fn event(&self, pending: &Pending) -> Event {
        let (segment, channel) = (usize::from(pending.segment), usize::from(pending.channel));
        let mut source: Box<str> = CRM.into();
        let mut attributes = BTreeMap::new();
        if matches!(pending.what, What::Created { .. } | What::Copied { .. } | What::Spend { .. }) {
            attributes.insert("segment".into(), self.segments[segment].clone());
            attributes.insert("channel".into(), self.channels[channel].0.clone());
        }
        let of_crm = !matches!(pending.what, What::Spend { .. });
        if let Some((from, name)) = &self.renamed
            && of_crm
            && segment == 0
            && pending.occurred >= *from
            && let Some(value) = attributes.get_mut("segment")
        {
            *value = name.clone();
        }
        let body = match pending.what {
            What::Created { lead } => Body::Lead { lead_id: id("L", lead), fact: LeadFact::Created },
            What::Copied { lead } => Body::Lead { lead_id: id("C", lead), fact: LeadFact::Created },
            What::Merged { lead } => {
                Body::Lead { lead_id: id("C", lead), fact: LeadFact::Merged(id("L", lead)) }
            }
            What::Stage { lead, stage } => {
                let stage = self.stages[usize::from(stage)].clone();
                Body::Lead { lead_id: id("L", lead), fact: LeadFact::StageReached(stage) }
            }
            What::Disqualified { lead, reason } => {
                Body::Lead { lead_id: id("L", lead), fact: LeadFact::Disqualified(Some(self.reason(reason))) }
            }
            What::Opportunity { lead, amount } => self.deal(lead, Some(amount), OpportunityFact::Created),
            What::Amount { lead, amount } => self.deal(lead, Some(amount), OpportunityFact::AmountChanged),
            What::Won { lead, amount } => self.deal(lead, Some(amount), OpportunityFact::Won),
            What::Lost { lead, reason } => {
                self.deal(lead, None, OpportunityFact::Lost(Some(self.reason(reason))))
            }
            What::Spend { day, amount } => {
                let day = plumbline_units::Day::from_number(day);
                source = self.channels[channel].1.clone();
                Body::Spend {
                    spend_id: record(&format!("{source}:acct-1:{}:{day}", statement_name(segment, channel))),
                    period_start: day,
                    period_end: day.plus(1),
                    amount: Money { micros: amount, currency: self.currency },
                }
            }
        };
        let envelope = Envelope {
            event_id: Some(format!("{}-{}", self.seed, pending.serial).into()),
            occurred_at: Timestamp::clamped(pending.occurred),
            workspace: self.workspace.clone(),
            source: Some(source),
            attributes,
        };
        Event { envelope, body }
    }

    fn deal(&self, lead: u64, amount: Option<Micros>, fact: OpportunityFact) -> Body {
        Body::Opportunity {
            opportunity_id: id("O", lead),
            lead_id: Some(id("L", lead)),
            amount: amount.map(|micros| Money { micros, currency: self.currency }),
            fact,
        }
    }

    fn reason(&self, reason: u8) -> Box<str> {
        REASONS[usize::from(reason) % REASONS.len()].into()
    }
}

/// Segments and channels by number: their names may be longer than an id.
fn statement_name(segment: usize, channel: usize) -> String {
    format!("s{segment}c{channel}")
}

fn id(prefix: &str, number: u64) -> RecordId {
    record(&format!("{prefix}-{number}"))
}

fn record(text: &str) -> RecordId {
    RecordId::new(text).expect("a prefix, a source of at most 128 bytes and numbers make an id")
}
