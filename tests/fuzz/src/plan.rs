//! A plan's text: parsed, checked, and, where it is accepted, judged by.

use std::collections::BTreeMap;
use std::str;

use plumbline_engine::{Engine, EngineConfig, NoHistory};
use plumbline_events::{
    Body, ClockRecord, Envelope, Event, EventRecord, LeadFact, LogRecord, OpportunityFact, PlanRecord,
};
use plumbline_plan::{Plan, check_report};
use plumbline_units::{Micros, Money, Name, RecordId, Seconds, Timestamp};

const START: Timestamp = Timestamp::clamped(1_772_323_200_000);
/// Hours of a company that the plan judges.
const HOURS: i64 = 24 * 2 + 6;

pub fn plan(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Plan::parse("plan.toml", text) {
        Err(findings) => {
            assert!(!findings.is_empty(), "a refusal says why");
            findings.iter().for_each(|finding| assert!(!finding.to_string().is_empty()));
        }
        Ok(parsed) => {
            let plan = parsed.plan;
            check_report(&plan, &parsed.warnings);
            plan.arithmetic().iter().for_each(|line| drop(plan.arithmetic_text(line)));
            assert!(plan.folds_like(&plan));
            // What a large plan does is the small ones' matter many times over.
            if plan.targets.iter().map(|target| target.scopes.len()).sum::<usize>() <= 12 {
                judge(&plan, text);
            }
        }
    }
}

/// Two days of leads, deals and spend under the plan; then the state survives a restart.
fn judge(plan: &Plan, text: &str) {
    let workspace = Name::new("default").expect("a name");
    let mut engine = Engine::new(EngineConfig::default());
    let mut out = Vec::new();
    let mut offset = 0;
    let mut take = |engine: &mut Engine, record: LogRecord| {
        engine.apply(offset, &record.view(), &mut NoHistory, &mut out).expect("the plan stands first");
        offset += 1;
        out.clear();
    };
    let record = PlanRecord { workspace, time: START, toml: text.into(), live_from: START };
    take(&mut engine, LogRecord::Plan(record));
    for hour in 0..HOURS {
        let at = START.plus(Seconds::hours(hour));
        take(&mut engine, LogRecord::Clock(ClockRecord { time: at, inputs: Vec::new() }));
        for body in bodies(plan, hour, at) {
            take(&mut engine, event(plan, hour, at, body));
        }
    }
    let saved = |engine: &Engine| {
        let mut bytes = Vec::new();
        engine.save(&mut bytes);
        bytes
    };
    let state = saved(&engine);
    let again = Engine::load(EngineConfig::default(), &state).expect("what was saved is loaded");
    assert!(saved(&again) == state, "a loaded state is saved as it was");
}

/// What the lead of this hour and those before it do.
fn bodies(plan: &Plan, hour: i64, at: Timestamp) -> Vec<Body> {
    let id = |kind: &str, n: i64| RecordId::new(&format!("{kind}-{n}")).expect("a short id");
    let money = Money { micros: Micros(1_000_000_000), currency: plan.currency };
    let mut bodies = vec![Body::Lead { lead_id: id("L", hour), fact: LeadFact::Created }];
    let stages = &plan.motion().stages;
    if let Some(stage) = stages.get(hour as usize % stages.len()) {
        let fact = LeadFact::StageReached(stage.clone());
        bodies.push(Body::Lead { lead_id: id("L", hour / 2), fact });
    }
    if hour % 3 == 0 {
        let fact = if hour % 2 == 0 { OpportunityFact::Won } else { OpportunityFact::Created };
        let (opportunity_id, lead_id) = (id("O", hour / 2), Some(id("L", hour / 3)));
        bodies.push(Body::Opportunity { opportunity_id, lead_id, amount: Some(money), fact });
    }
    if hour % 24 == 5 {
        let day = plan.zone.day_of(at);
        let (period_start, period_end) = (day.plus(-1), day);
        bodies.push(Body::Spend { spend_id: id("S", hour), period_start, period_end, amount: money });
    }
    bodies
}

fn event(plan: &Plan, hour: i64, at: Timestamp, body: Body) -> LogRecord {
    let value = |values: &[Name]| match values.len() {
        0 => Some("any".into()),
        n => values.get(hour as usize % (n + 1)).map(|value| value.as_str().into()),
    };
    let attributes: BTreeMap<Box<str>, Box<str>> = plan
        .dimensions
        .iter()
        .filter_map(|dimension| Some((dimension.name.as_str().into(), value(&dimension.values)?)))
        .collect();
    let envelope = Envelope {
        event_id: None,
        occurred_at: at,
        workspace: Name::new("default").expect("a name"),
        source: Some("crm".into()),
        attributes,
    };
    let event = Event { envelope, body };
    LogRecord::Event(EventRecord { received_at: at, input: "crm.leads".into(), event })
}
