//! Generated records and an independent reading of the log by the generated messages alone.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use plumbline_events::proto::{self, event_record, log_record};
use plumbline_events::{
    Body, ClockRecord, Command, CommandRecord, Envelope, EpochRecord, Event, EventRecord, InputPosition,
    LeadFact, LogRecord, OpportunityFact, PlanRecord, PublishedEpisode,
};
use plumbline_units::{Day, Micros, Money, Name, RecordId, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

/// 1990-01-01 and 2100-01-01.
const TIMES: std::ops::Range<i64> = 631_152_000_000..4_102_444_800_000;

pub fn time() -> impl Strategy<Value = Timestamp> {
    TIMES.prop_map(|millis| Timestamp::from_millis(millis).unwrap())
}

/// Text with everything that encodings stumble over, never blank and without white space at its ends.
pub fn text(max: usize) -> impl Strategy<Value = Box<str>> {
    let character = prop_oneof![
        8 => proptest::char::range('a', 'z'),
        1 => Just('"'), 1 => Just('\\'), 1 => Just('/'), 1 => Just('{'),
        1 => Just('\u{1}'), 1 => Just('\n'), 1 => Just('\u{2028}'),
        2 => any::<char>(),
    ];
    vec(character, 1..max).prop_map(|chars| {
        let text: String = chars.into_iter().collect();
        let end = text.floor_char_boundary(200);
        match text[..end].trim() {
            "" => "x".into(),
            trimmed => trimmed.into(),
        }
    })
}

pub fn id() -> impl Strategy<Value = RecordId> {
    text(20).prop_map(|text| RecordId::new(&text).unwrap())
}

pub fn name() -> impl Strategy<Value = Name> {
    text(12).prop_map(|text| {
        let plain: String = text.chars().filter(|c| !c.is_control()).collect();
        Name::new(&plain).unwrap_or_else(|_| Name::new("default").unwrap())
    })
}

fn money(micros: impl Strategy<Value = i64>) -> impl Strategy<Value = Money> {
    (micros, "[A-Z]{3}")
        .prop_map(|(micros, currency)| Money { micros: Micros(micros), currency: currency.parse().unwrap() })
}

fn lead_fact() -> impl Strategy<Value = LeadFact> {
    prop_oneof![
        Just(LeadFact::Created),
        name().prop_map(LeadFact::StageReached),
        of(text(30)).prop_map(LeadFact::Disqualified),
        Just(LeadFact::Reopened),
        Just(LeadFact::AttributesChanged),
        id().prop_map(LeadFact::Merged),
        Just(LeadFact::Deleted),
        Just(LeadFact::Restored),
        Just(LeadFact::Erased),
    ]
}

fn opportunity_fact() -> impl Strategy<Value = OpportunityFact> {
    prop_oneof![
        Just(OpportunityFact::Created),
        name().prop_map(OpportunityFact::StageReached),
        Just(OpportunityFact::AmountChanged),
        Just(OpportunityFact::Won),
        of(text(30)).prop_map(OpportunityFact::Lost),
        Just(OpportunityFact::Reopened),
        Just(OpportunityFact::Linked),
        Just(OpportunityFact::Deleted),
        Just(OpportunityFact::Restored),
    ]
}

fn opportunity() -> impl Strategy<Value = Body> {
    let amount = money(0..=Micros::MAX_AMOUNT.0);
    (id(), id(), any::<bool>(), amount, any::<bool>(), opportunity_fact()).prop_map(
        |(opportunity_id, lead, with_lead, amount, with_amount, fact)| Body::Opportunity {
            opportunity_id,
            lead_id: (with_lead || fact == OpportunityFact::Linked).then_some(lead),
            amount: (with_amount || fact == OpportunityFact::AmountChanged).then_some(amount),
            fact,
        },
    )
}

fn spend() -> impl Strategy<Value = Body> {
    let bound = Micros::MAX_AMOUNT.0;
    (id(), 0..7_000i32, 1..=400i32, money(-bound..=bound)).prop_map(|(spend_id, back, days, amount)| {
        // Before every generated occurred_at is settled in `event`.
        let period_start = Day::from_number(-back);
        Body::Spend { spend_id, period_start, period_end: period_start.plus(days), amount }
    })
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (id(), lead_fact()).prop_map(|(lead_id, fact)| Body::Lead { lead_id, fact }),
        opportunity(),
        spend(),
    ]
}

/// Any event that decoding could have accepted.
pub fn event() -> impl Strategy<Value = Event> {
    let attributes = btree_map(text(12), text(12), 0..5);
    (of(text(12)), time(), name(), of(text(12)), attributes, body()).prop_map(
        |(event_id, occurred_at, workspace, source, attributes, mut body)| {
            if let Body::Spend { period_start, period_end, .. } = &mut body {
                let days = period_end.since(*period_start);
                let today = (occurred_at.millis() / 86_400_000) as i32;
                *period_start = Day::from_number((today + period_start.number()).max(7_305));
                *period_end = period_start.plus(days);
            }
            Event { envelope: Envelope { event_id, occurred_at, workspace, source, attributes }, body }
        },
    )
}

pub fn event_record() -> impl Strategy<Value = EventRecord> {
    (event(), text(10), 0..100_000_000_000i64).prop_map(|(event, input, later)| EventRecord {
        received_at: Timestamp::clamped(event.envelope.occurred_at.millis() + later),
        input,
        event,
    })
}

/// Any record of the log.
pub fn log_record() -> impl Strategy<Value = LogRecord> {
    let position = (text(10), any::<i32>(), any::<i64>(), any::<bool>()).prop_map(
        |(topic, partition, next_offset, at_end)| InputPosition { topic, partition, next_offset, at_end },
    );
    let clock = (time(), vec(position, 0..4)).prop_map(|(time, inputs)| ClockRecord { time, inputs });
    let plan = (name(), time(), text(200), time())
        .prop_map(|(workspace, time, toml, live_from)| PlanRecord { workspace, time, toml, live_from });
    let command = prop_oneof![
        (text(10), text(10), text(30), of(time())).prop_map(|(episode, function, note, until)| {
            Command::Acknowledge { episode, function, note, until }
        }),
        (text(10), text(30)).prop_map(|(episode, note)| Command::Note { episode, note }),
    ];
    let command = (text(10), name(), time(), command).prop_map(|(command_id, workspace, time, command)| {
        CommandRecord { command_id, workspace, time, command }
    });
    let alert = prop_oneof![text(60).prop_map(|text| text.as_bytes().to_vec()), vec(any::<u8>(), 0..40)];
    let published = (name(), text(10), alert).prop_map(|(workspace, episode, last_alert)| PublishedEpisode {
        workspace,
        episode,
        last_alert: last_alert.into(),
    });
    let epoch = (any::<u32>(), any::<i64>(), vec(published, 0..4))
        .prop_map(|(version, position, published)| EpochRecord { version, position, published });
    prop_oneof![
        4 => event_record().prop_map(LogRecord::Event),
        1 => clock.prop_map(LogRecord::Clock),
        1 => plan.prop_map(LogRecord::Plan),
        1 => command.prop_map(LogRecord::Command),
        1 => epoch.prop_map(LogRecord::Epoch),
    ]
}

/// The event in a log record as the generated messages alone have it; `None` where it is none.
pub fn event_by_generated_code(bytes: &[u8]) -> Option<EventRecord> {
    let message: proto::LogRecord = prost::Message::decode(bytes).ok()?;
    let log_record::Record::Event(event) = message.record? else { return None };
    let present = |text: &str| (!text.is_empty()).then(|| Box::from(text));
    let id = |text: &str| RecordId::new(text).unwrap();
    let name = |text: &str| Name::new(text).unwrap();
    let money =
        |micros, currency: &str| Money { micros: Micros(micros), currency: currency.parse().unwrap() };
    let body = match event.body? {
        event_record::Body::Lead(lead) => {
            use proto::LeadEventType as Type;
            let fact = match lead.r#type() {
                Type::Unspecified => return None,
                Type::Created => LeadFact::Created,
                Type::StageReached => LeadFact::StageReached(name(&lead.stage)),
                Type::Disqualified => LeadFact::Disqualified(present(&lead.reason)),
                Type::Reopened => LeadFact::Reopened,
                Type::AttributesChanged => LeadFact::AttributesChanged,
                Type::Merged => LeadFact::Merged(id(&lead.into_lead_id)),
                Type::Deleted => LeadFact::Deleted,
                Type::Restored => LeadFact::Restored,
                Type::Erased => LeadFact::Erased,
            };
            Body::Lead { lead_id: id(&lead.lead_id), fact }
        }
        event_record::Body::Opportunity(deal) => {
            use proto::OpportunityEventType as Type;
            let fact = match deal.r#type() {
                Type::Unspecified => return None,
                Type::Created => OpportunityFact::Created,
                Type::StageReached => OpportunityFact::StageReached(name(&deal.stage)),
                Type::AmountChanged => OpportunityFact::AmountChanged,
                Type::Won => OpportunityFact::Won,
                Type::Lost => OpportunityFact::Lost(present(&deal.reason)),
                Type::Reopened => OpportunityFact::Reopened,
                Type::Linked => OpportunityFact::Linked,
                Type::Deleted => OpportunityFact::Deleted,
                Type::Restored => OpportunityFact::Restored,
            };
            Body::Opportunity {
                opportunity_id: id(&deal.opportunity_id),
                lead_id: present(&deal.lead_id).map(|lead| id(&lead)),
                amount: present(&deal.currency).map(|currency| money(deal.amount_micros, &currency)),
                fact,
            }
        }
        event_record::Body::Spend(spend) => Body::Spend {
            spend_id: id(&spend.spend_id),
            period_start: Day::from_number(spend.period_start),
            period_end: Day::from_number(spend.period_end),
            amount: money(spend.amount_micros, &spend.currency),
        },
    };
    let envelope = Envelope {
        event_id: present(&event.event_id),
        occurred_at: Timestamp::from_millis(event.occurred_at_ms).unwrap(),
        workspace: name(&event.workspace),
        source: present(&event.source),
        attributes: event
            .attributes
            .iter()
            .map(|a| (a.name.as_str().into(), a.value.as_str().into()))
            .collect(),
    };
    Some(EventRecord {
        received_at: Timestamp::from_millis(event.received_at_ms).unwrap(),
        input: event.input.into(),
        event: Event { envelope, body },
    })
}
