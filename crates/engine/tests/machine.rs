//! The state machine by example: restarts, leaps of the clock, revisions of the plan.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::LazyLock;

use plumbline_engine::{Engine, EngineConfig};
use plumbline_events::{LogRecord, proto};
use plumbline_units::{Seconds, Timestamp};
use prost::Message;
use support::{at, clock, plan, play, saved};

static PLAN: LazyLock<String> = LazyLock::new(|| {
    let rest = r#"
[dimension.segment]
values = ["smb"]
[[target]]
name = "lead-volume"
metric = "volume"
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
stage = "lead"
value = "24/day"
warn = "±25%"
"#;
    support::plan_toml(r#""segment""#, rest)
});

fn hours(n: i64) -> Timestamp {
    at("2026-03-01T00:30:00Z").plus(Seconds::hours(n))
}

fn lead(id: &str, time: Timestamp) -> LogRecord {
    support::lead(id, ("segment", "smb"), time)
}

/// A lead and a clock record every hour, from hour `from` to hour `to`.
fn by_the_hour(log: &mut Vec<LogRecord>, from: i64, to: i64) {
    for n in from..to {
        log.push(clock(hours(n)));
        log.push(lead(&format!("L-{n}"), hours(n)));
    }
}

#[test]
fn a_machine_restored_anywhere_ends_in_the_same_state() {
    let mut log = vec![plan(&PLAN, at("2026-02-28T12:00:00Z"))];
    by_the_hour(&mut log, 0, 60);
    // A leap that no clock record confirms: its ticks must wait, restored or not.
    log.push(clock(hours(200)));
    log.push(lead("L-200", hours(200)));
    log.push(lead("L-201", hours(201)));
    let mut whole = Engine::new(EngineConfig::default());
    play(&mut whole, &log, 0);
    assert_eq!(whole.workspace("default").unwrap().next_day().unwrap().to_string(), "2026-03-03");
    for cut in 1..log.len() {
        let mut before = Engine::new(EngineConfig::default());
        play(&mut before, &log[..cut], 0);
        let mut after = Engine::load(EngineConfig::default(), &saved(&before)).unwrap();
        play(&mut after, &log, cut);
        assert!(saved(&after) == saved(&whole), "restored after {cut} records");
    }
}

#[test]
fn a_later_revision_closes_no_tick_that_the_clock_has_not_passed() {
    let mut log = vec![plan(&PLAN, at("2026-02-28T12:00:00Z"))];
    by_the_hour(&mut log, 0, 60);
    log.push(clock(hours(200)));
    log.push(lead("L-200", hours(200)));
    log.push(plan(&PLAN.replace("revision = 1", "revision = 2"), hours(200)));
    let mut engine = Engine::new(EngineConfig::default());
    play(&mut engine, &log, 0);
    assert_eq!(engine.workspace("default").unwrap().next_day().unwrap().to_string(), "2026-03-03");
}

#[test]
fn a_later_revision_makes_no_live_tick_historical_again() {
    let live = at("2026-02-28T12:00:00Z");
    let mut log = vec![plan(&PLAN, live)];
    by_the_hour(&mut log, 0, 30);
    let revised = PLAN.replace("revision = 1", "revision = 2");
    log.push(plan(&revised, hours(30)));
    let mut engine = Engine::new(EngineConfig::default());
    play(&mut engine, &log, 0);
    let source = |engine: &Engine| engine.workspace("default").unwrap().plan_source().live_from;
    assert_eq!(source(&engine), live);
    // What the author writes counts.
    let written = revised.replace("revision = 2", "revision = 3\nlive_from = 2026-04-01T00:00:00Z");
    log.push(plan(&written, hours(31)));
    play(&mut engine, &log, log.len() - 1);
    assert_eq!(source(&engine), at("2026-04-01T00:00:00Z"));
}

#[test]
fn a_revision_that_folds_otherwise_leaves_no_aggregate_under_an_old_key() {
    let mut log = vec![plan(&PLAN, at("2026-02-28T12:00:00Z"))];
    by_the_hour(&mut log, 0, 30);
    let mut engine = Engine::new(EngineConfig::default());
    play(&mut engine, &log, 0);
    let published = engine.aggregates();
    assert_eq!(published.len(), 2);
    let renamed = PLAN.replace("revision = 1", "revision = 2").replace("\"segment\"", "\"size\"");
    log.push(plan(&renamed.replace("dimension.segment", "dimension.size"), hours(30)));
    play(&mut engine, &log, log.len() - 1);
    // A restart between the two loses nothing.
    let mut engine = Engine::load(EngineConfig::default(), &saved(&engine)).unwrap();
    let now = engine.aggregates();
    for old in &published {
        let gone = now.iter().find(|update| update.key == old.key);
        assert!(gone.is_some_and(|update| update.value.is_none()), "no tombstone");
    }
    let name = |key: &[u8]| proto::AggregateKey::decode(key).unwrap().leaf[0].name.clone();
    assert_eq!(now.iter().filter(|u| u.value.is_some() && name(&u.key) == "size").count(), 2);
    assert!(engine.aggregates().is_empty());
}
