//! What the tests of the state machine share: a plan of two stages, and a log of it.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use plumbline_engine::{Engine, History, HistoryError, Output, Stop};
use plumbline_events::{
    ClockRecord, EventRecord, Limits, LogRecord, PlanRecord, RecordView, decode_json_line,
};
use plumbline_units::Timestamp;

/// A plan whose funnel is split by these dimensions; `rest` follows.
pub fn plan_toml(dimensions: &str, rest: &str) -> String {
    format!(
        r#"
plan = "p"
revision = 1
effective_from = 2026-01-01
timezone = "UTC"
currency = "EUR"
[funnel]
stages = ["lead", "won"]
dimensions = [{dimensions}]
{rest}
[[transition]]
from = "lead"
to = "won"
conversion = 0.1
lag = {{ median = "10d", p90 = "20d" }}
owners = [{{ function = "marketing", team = "growth" }}, {{ function = "sales", team = "ae" }}]
"#
    )
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The plan of a workspace, in force from `time` on.
pub fn plan_of(workspace: &str, toml: &str, time: Timestamp) -> LogRecord {
    let (workspace, toml) = (workspace.parse().unwrap(), toml.into());
    LogRecord::Plan(PlanRecord { workspace, time, toml, live_from: time })
}

pub fn plan(toml: &str, time: Timestamp) -> LogRecord {
    plan_of("default", toml, time)
}

/// An event as JSON without its time, which is also that of its arrival.
pub fn event(time: Timestamp, rest: &str) -> LogRecord {
    let line = format!(r#"{{"occurred_at":"{time}",{rest}}}"#);
    let event = decode_json_line(line.as_bytes(), &Limits::default()).unwrap().0;
    LogRecord::Event(EventRecord { received_at: time, input: "crm.leads".into(), event })
}

/// A new lead with one attribute.
pub fn lead(id: &str, (name, value): (&str, &str), time: Timestamp) -> LogRecord {
    let rest = format!(r#""type":"lead.created","lead_id":"{id}","attributes":{{"{name}":"{value}"}}"#);
    event(time, &rest)
}

pub fn clock(time: Timestamp) -> LogRecord {
    LogRecord::Clock(ClockRecord { time, inputs: Vec::new() })
}

/// The log as the engine reads it again.
pub struct Log<'a>(pub &'a [LogRecord]);

impl History for Log<'_> {
    fn replay(
        &mut self,
        upto: i64,
        each: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError> {
        for (record, offset) in self.0.iter().zip(0..upto) {
            each(offset, &record.view()).map_err(Box::new)?;
        }
        Ok(())
    }
}

/// Applies the records from `from` on.
pub fn play(engine: &mut Engine, log: &[LogRecord], from: usize) -> Vec<Output> {
    let mut out = Vec::new();
    for (offset, record) in log.iter().enumerate().skip(from) {
        engine.apply(offset as i64, &record.view(), &mut Log(log), &mut out).unwrap();
    }
    out
}

pub fn saved(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.save(&mut bytes);
    bytes
}
