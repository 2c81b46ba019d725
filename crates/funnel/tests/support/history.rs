//! Generated histories: few ids, few instants, so that everything collides with everything.

use std::collections::BTreeMap;

use plumbline_events::{Body, Envelope, Event, LeadFact, OpportunityFact};
use plumbline_units::{Day, Micros, Money, Name, RecordId, Timestamp};
use proptest::prelude::*;

/// 2026-03-20, ten days before Berlin's clock change.
pub const START: i64 = 1_773_964_800_000;

fn id(kind: &'static str, n: u8) -> RecordId {
    RecordId::new(&format!("{kind}-{n}")).unwrap()
}

fn instant() -> impl Strategy<Value = Timestamp> {
    // Hours to weeks apart; sometimes the same second or the same millisecond.
    (
        0i64..14,
        prop_oneof![3 => Just(0i64), 1 => Just(1), 1 => Just(999), 1 => Just(1000), 1 => Just(50 * 60_000)],
    )
        .prop_map(|(step, ms)| Timestamp::clamped(START + step * step * 5 * 3_600_000 + ms))
}

fn stage() -> impl Strategy<Value = Name> {
    prop::sample::select(vec!["lead", "mql", "sql", "opportunity", "won", "demo"])
        .prop_map(|stage| Name::new(stage).unwrap())
}

fn reason() -> impl Strategy<Value = Option<Box<str>>> {
    prop::sample::select(vec![None, Some("price"), Some("no budget")]).prop_map(|r| r.map(Into::into))
}

fn attributes() -> impl Strategy<Value = BTreeMap<Box<str>, Box<str>>> {
    let segment = prop::sample::select(vec!["", "", "", "smb", "SMB", " mid ", "galactic", "  "]);
    let channel = prop::sample::select(vec!["", "", "", "search", "search ", "paid_social"]);
    (segment, channel).prop_map(|(segment, channel)| {
        let pairs = [("segment", segment), ("channel", channel), ("color", "red")];
        pairs.into_iter().filter(|p| !p.1.is_empty()).map(|(k, v)| (k.into(), v.into())).collect()
    })
}

fn money(signed: bool) -> impl Strategy<Value = Money> {
    let floor = if signed { -3i64 } else { 0 };
    (floor..4, prop::sample::select(vec!["EUR", "EUR", "USD"])).prop_map(|(units, currency)| Money {
        micros: Micros(units * 100_000_007),
        currency: currency.parse().unwrap(),
    })
}

fn lead_id() -> impl Strategy<Value = RecordId> {
    (0u8..5).prop_map(|n| id("L", n))
}

fn lead() -> impl Strategy<Value = Body> {
    let fact = prop_oneof![
        4 => Just(LeadFact::Created),
        5 => stage().prop_map(LeadFact::StageReached),
        2 => reason().prop_map(LeadFact::Disqualified),
        1 => Just(LeadFact::Reopened),
        2 => Just(LeadFact::AttributesChanged),
        4 => lead_id().prop_map(LeadFact::Merged),
        1 => Just(LeadFact::Deleted),
        1 => Just(LeadFact::Restored),
        1 => Just(LeadFact::Erased),
    ];
    (lead_id(), fact).prop_map(|(lead_id, fact)| Body::Lead { lead_id, fact })
}

fn opportunity() -> impl Strategy<Value = Body> {
    let fact = prop_oneof![
        3 => Just(OpportunityFact::Created),
        2 => stage().prop_map(OpportunityFact::StageReached),
        1 => Just(OpportunityFact::AmountChanged),
        4 => Just(OpportunityFact::Won),
        2 => reason().prop_map(OpportunityFact::Lost),
        2 => Just(OpportunityFact::Reopened),
        1 => Just(OpportunityFact::Linked),
        1 => Just(OpportunityFact::Deleted),
        1 => Just(OpportunityFact::Restored),
    ];
    let opportunity_id = (0u8..3).prop_map(|n| id("O", n));
    let amount = prop::option::weighted(0.5, money(false));
    (opportunity_id, prop::option::weighted(0.5, lead_id()), amount, fact).prop_map(
        |(opportunity_id, lead_id, amount, fact)| Body::Opportunity { opportunity_id, lead_id, amount, fact },
    )
}

fn spend() -> impl Strategy<Value = Body> {
    let first = Day::from_number(20_530);
    (0u8..2, 0i32..3, 1i32..40, money(true)).prop_map(move |(n, start, days, amount)| {
        let period_start = first.plus(start);
        Body::Spend { spend_id: id("S", n), period_start, period_end: period_start.plus(days), amount }
    })
}

pub fn event() -> impl Strategy<Value = Event> {
    let body = prop_oneof![6 => lead(), 6 => opportunity(), 1 => spend()];
    (instant(), attributes(), body).prop_map(|(occurred_at, attributes, body)| Event {
        envelope: Envelope {
            event_id: None,
            occurred_at,
            workspace: Name::new("default").unwrap(),
            source: None,
            attributes,
        },
        body,
    })
}

pub fn history(most: usize) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 0..most)
}

/// What takes everything back: deletions of every lead and opportunity, statements of nothing.
pub fn undoing() -> Vec<Event> {
    let at = Timestamp::clamped(START + 400 * 86_400_000);
    let leads = (0..5).map(|n| Body::Lead { lead_id: id("L", n), fact: LeadFact::Deleted });
    let opportunities = (0..3).map(|n| Body::Opportunity {
        opportunity_id: id("O", n),
        lead_id: None,
        amount: None,
        fact: OpportunityFact::Deleted,
    });
    let statements = (0..2).map(|n| Body::Spend {
        spend_id: id("S", n),
        period_start: Day::from_number(20_000),
        period_end: Day::from_number(20_001),
        amount: Money { micros: Micros(0), currency: "EUR".parse().unwrap() },
    });
    let envelope = |at| Envelope {
        event_id: None,
        occurred_at: at,
        workspace: Name::new("default").unwrap(),
        source: None,
        attributes: BTreeMap::new(),
    };
    let bodies = leads.chain(opportunities).chain(statements);
    bodies.map(|body| Event { envelope: envelope(at), body }).collect()
}
