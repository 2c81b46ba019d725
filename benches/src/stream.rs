//! A company's events as canonical protobuf in memory, the same on every run.

use std::collections::BTreeMap;

use plumbline_events::{
    Body, Envelope, Event, EventRecord, LeadFact, LogRecord, OpportunityFact, encode_record,
};
use plumbline_units::{Micros, Money, Name, RecordId, Timestamp};

/// Encoded log records, one after the other.
#[derive(Default)]
pub struct Stream {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// What happens to a lead, in this order.
const STEPS: [(&str, u64, f64); 5] = [
    // Stage, chance in a thousand to reach it from the one before, mean days until then.
    ("lead", 1000, 0.0),
    ("mql", 500, 2.2),
    ("sql", 400, 5.5),
    ("opportunity", 500, 7.0),
    ("won", 400, 25.0),
];

/// First instant: 2026-01-05.
const START: i64 = 1_767_571_200_000;
const DAY: i64 = 86_400_000;

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Milliseconds with a mean of `days`.
    fn wait(&mut self, days: f64) -> i64 {
        let unit = ((self.next() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        (-unit.ln() * days * DAY as f64) as i64
    }
}

impl Stream {
    /// The events of `leads` leads, `per_day` a day, in the order of their times: as (events until the lead
    /// numbered `split` is created, the events from then on).
    pub fn of_leads(leads: u32, per_day: u32, split: u32) -> (Stream, Stream) {
        let mut random = Random(7);
        let mut steps = Vec::new();
        let mut splits_at = i64::MAX;
        for lead in 0..leads {
            let mut at = START + i64::from(lead) * DAY / i64::from(per_day);
            if lead == split {
                splits_at = at;
            }
            for (step, (_, chance, days)) in STEPS.iter().enumerate() {
                if random.below(1000) >= *chance {
                    break;
                }
                at += random.wait(*days);
                steps.push((at, lead, step));
            }
        }
        let until = START + i64::from(leads) * DAY / i64::from(per_day);
        steps.retain(|step| step.0 < until);
        steps.sort_unstable();
        let (mut before, mut after) = (Stream::default(), Stream::default());
        for (at, lead, step) in steps {
            let stream = if at < splits_at { &mut before } else { &mut after };
            stream.push(&event(at, lead, step));
        }
        (before, after)
    }

    fn push(&mut self, record: &LogRecord) {
        encode_record(record, &mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// The records' bytes.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

fn event(at: i64, lead: u32, step: usize) -> LogRecord {
    let id = |kind: &str| RecordId::new(&format!("{kind}-{lead:08}")).expect("a short id");
    let mut pick = Random(u64::from(lead));
    let segment = ["smb", "mid", "seg-00", "seg-01"][pick.below(4) as usize];
    let channel =
        ["paid_social", "search", "organic", "event", "partner", "outbound"][pick.below(6) as usize];
    let attributes: BTreeMap<Box<str>, Box<str>> = match step {
        0 => [("segment".into(), segment.into()), ("channel".into(), channel.into())].into(),
        _ => BTreeMap::new(),
    };
    let deal = |fact, amount: Option<Money>| Body::Opportunity {
        opportunity_id: id("O"),
        lead_id: Some(id("L")),
        amount,
        fact,
    };
    let money = |micros| Some(Money { micros: Micros(micros), currency: "EUR".parse().expect("a currency") });
    let fact = |fact| Body::Lead { lead_id: id("L"), fact };
    let body = match step {
        0 => fact(LeadFact::Created),
        3 => deal(OpportunityFact::Created, money(12_500_000_000)),
        4 => deal(OpportunityFact::Won, money(11_800_000_000)),
        _ => fact(LeadFact::StageReached(Name::new(STEPS[step].0).expect("a name"))),
    };
    let occurred_at = Timestamp::clamped(at);
    let envelope = Envelope {
        event_id: Some(format!("e{at}-{lead}").into()),
        occurred_at,
        workspace: Name::new("default").expect("a name"),
        source: Some("hubspot".into()),
        attributes,
    };
    let event = Event { envelope, body };
    LogRecord::Event(EventRecord { received_at: occurred_at, input: "crm.leads".into(), event })
}
