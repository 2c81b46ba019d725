//! What is played: the built-in story of a company whose leads turn bad, or a user's own plan and events.

use std::path::{Path, PathBuf};

use plumbline_events::{Body, EventRecord, LogRecord, decode_record, to_json};
use plumbline_plan::Plan;
use plumbline_simulator::{ScenarioKind, Segment, Spec, generate, plan_toml};
use plumbline_units::{Day, Seconds, Timestamp};

use crate::args::Order;
use crate::commands::{load_plan, now};
use crate::exit::{Kind, OrFail, Outcome};
use crate::input::{Records, Request};
use crate::progress::Progress;

/// The company as it was before the trap: long enough for steady numbers.
const QUIET_DAYS: i32 = 60;
/// The story ends here even if nobody has noticed.
const TRAP_DAYS: i32 = 45;

/// A plan and what happens under it.
pub(super) struct Story {
    pub(super) plan: Plan,
    pub(super) toml: String,
    /// Just before the first event.
    pub(super) begins: Timestamp,
    /// How many days it has, roughly.
    pub(super) days: u32,
    /// The day the trap opens, where it is known.
    pub(super) trap: Option<Trap>,
    messages: Messages,
}

/// What is known of the built-in story.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trap {
    /// The first day of bad leads.
    pub(super) onset: Day,
    /// The instant it begins.
    pub(super) begins: Timestamp,
}

/// A message for an input topic.
pub(super) struct Message {
    /// When it arrives.
    pub(super) at: Timestamp,
    pub(super) topic: &'static str,
    pub(super) key: String,
    pub(super) value: String,
}

enum Messages {
    Generated(Box<dyn Iterator<Item = EventRecord>>),
    Read { records: Box<Records>, buffer: Vec<u8>, first: Option<EventRecord> },
}

impl Story {
    /// From an ordinary day on, one channel brings more leads, at a higher price, and sales cannot close them.
    pub(super) fn trap(seed: u64) -> Outcome<Story> {
        let start = Day::from_ymd(2026, 1, 5).unwrap_or_default();
        let onset = start.plus(QUIET_DAYS);
        let spec = Spec {
            kind: ScenarioKind::LeadQualityTrap,
            start,
            days: (QUIET_DAYS + TRAP_DAYS) as u32,
            onset: Some(onset),
            onset_segment: Some("smb".to_owned()),
            leads_per_day: 120.0,
            segments: vec![
                Segment { name: "smb".to_owned(), share: 0.75 },
                Segment { name: "mid".to_owned(), share: 0.25 },
            ],
            seed,
            ..Spec::default()
        };
        spec.check().or_fail(Kind::Internal)?;
        let toml = plan_toml(&spec);
        let parsed = Plan::parse("demo-plan.toml", &toml)
            .map_err(|found| Kind::Internal.says(found.first().map_or(String::new(), ToString::to_string)))?;
        let zone = parsed.plan.zone;
        let records = generate(&spec).map(|generated| generated.into_record());
        Ok(Story {
            begins: zone.start_of(start),
            plan: parsed.plan,
            toml,
            days: spec.days,
            trap: Some(Trap { onset, begins: zone.start_of(onset) }),
            messages: Messages::Generated(Box::new(records)),
        })
    }

    /// A user's plan and events, in the order of their arrival.
    pub(super) fn of_files(plan: &Path, events: &[PathBuf], progress: Progress) -> Outcome<Story> {
        let (plan, toml) = load_plan(plan)?;
        let request = Request { files: events, order: Order::Received, until: now(), progress };
        let mut records = Records::open(&request)?;
        if records.is_export() {
            return Err(Kind::Arguments.says("the demo plays events; an exported log is for `backtest`"));
        }
        for line in records.tally().report() {
            eprintln!("{line}");
        }
        let days = records.days_spanned().unwrap_or(1);
        let mut buffer = Vec::new();
        let first = next_event(&mut records, &mut buffer)?
            .ok_or_else(|| Kind::Input.says("the files hold no event that could be played"))?;
        Ok(Story {
            begins: first.received_at.minus(Seconds::HOUR),
            plan,
            toml,
            days,
            trap: None,
            messages: Messages::Read { records: Box::new(records), buffer, first: Some(first) },
        })
    }

    /// What arrives next.
    pub(super) fn next_message(&mut self) -> Outcome<Option<Message>> {
        let record = match &mut self.messages {
            Messages::Generated(records) => records.next(),
            Messages::Read { records, buffer, first } => match first.take() {
                Some(first) => Some(first),
                None => next_event(records, buffer)?,
            },
        };
        Ok(record.map(|record| Message::of(&record)))
    }
}

fn next_event(records: &mut Records, buffer: &mut Vec<u8>) -> Outcome<Option<EventRecord>> {
    while records.next(buffer)? {
        if let LogRecord::Event(event) = decode_record(buffer).or_fail(Kind::Internal)?.to_owned() {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

impl Message {
    fn of(record: &EventRecord) -> Message {
        let (topic, key) = match &record.event.body {
            Body::Lead { lead_id, .. } => ("crm.leads", lead_id),
            Body::Opportunity { opportunity_id, .. } => ("crm.opportunities", opportunity_id),
            Body::Spend { spend_id, .. } => ("ads.spend", spend_id),
        };
        Message { at: record.received_at, topic, key: key.as_str().to_owned(), value: to_json(record) }
    }
}
