//! Past the limits: what is no longer taken or kept apart is said, once.

#![allow(clippy::unwrap_used)]

mod support;

use plumbline_engine::{Engine, EngineConfig, Output};
use plumbline_events::LogRecord;
use plumbline_funnel::FoldOptions;
use plumbline_units::{Seconds, Timestamp};
use support::{at, event, lead, plan, plan_of, plan_toml, play, saved};

fn start() -> Timestamp {
    at("2026-03-01T00:00:00Z")
}

/// A plan, split by an undeclared dimension, and what follows it.
fn log_of(records: impl IntoIterator<Item = LogRecord>) -> Vec<LogRecord> {
    let plan = plan(&plan_toml(r#""campaign""#, ""), start());
    std::iter::once(plan).chain(records).collect()
}

fn config(fold: FoldOptions) -> EngineConfig {
    EngineConfig { fold, ..EngineConfig::default() }
}

/// Leads, each of a campaign of its own.
fn leads(number: i64, every: Seconds) -> impl Iterator<Item = LogRecord> {
    let at = move |n: i64| start().plus(Seconds(n * every.0));
    (0..number).map(move |n| lead(&format!("L-{n}"), ("campaign", &format!("c{n}")), at(n)))
}

fn run(fold: FoldOptions, records: impl IntoIterator<Item = LogRecord>) -> (Engine, Vec<Output>) {
    let mut engine = Engine::new(config(fold));
    let out = play(&mut engine, &log_of(records), 0);
    (engine, out)
}

/// The titles of notices about a limit.
fn told(out: &[Output], name: &str) -> Vec<String> {
    let of = |output: &Output| match output {
        Output::Alert(alert) if alert.key.contains(name) => {
            let alert: serde_json::Value = serde_json::from_slice(&alert.value).unwrap();
            assert_eq!(alert["kind"], "data");
            Some(alert["title"].as_str().unwrap().to_owned())
        }
        _ => None,
    };
    out.iter().filter_map(of).collect()
}

fn letters(out: &[Output], class: &str) -> usize {
    out.iter().filter(|o| matches!(o, Output::DeadLetter(l) if l.class == class)).count()
}

#[test]
fn past_a_limit_events_are_dead_letters_and_a_notice_says_what_is_no_longer_guaranteed() {
    let fold = FoldOptions::default;
    let minute = |n: i64| start().plus(Seconds(n * 60));
    let spend = |n: i64| {
        let rest = r#""period_start":"2026-02-27","period_end":"2026-02-28","amount":{"value":"1","currency":"EUR"}"#;
        event(minute(n), &format!(r#""type":"spend.reported","spend_id":"s-{n}",{rest}"#))
    };
    let merge = |n: i64| {
        let ids = format!(r#""lead_id":"L-{n}","into_lead_id":"L-0""#);
        event(minute(100 + n), &format!(r#""type":"lead.merged",{ids}"#))
    };
    let cases: [(&str, FoldOptions, Vec<LogRecord>, usize, &str); 4] = [
        (
            "journeys",
            FoldOptions { max_journeys: 3, ..fold() },
            leads(100, Seconds::MINUTE).collect(),
            97,
            "3 leads and opportunities is",
        ),
        (
            "statements",
            FoldOptions { max_statements: 2, ..fold() },
            (0..9).map(spend).collect(),
            7,
            "2 statements of spend",
        ),
        (
            "members",
            FoldOptions { max_members: 4, ..fold() },
            leads(10, Seconds::MINUTE).chain((1..10).map(merge)).collect(),
            // A merge that would make it four is one too many.
            7,
            "4 leads and opportunities in one journey",
        ),
        (
            "cells",
            FoldOptions { max_cells: 20, ..fold() },
            leads(50, Seconds::MINUTE).collect(),
            30,
            "20 cells",
        ),
    ];
    for (name, fold, records, expected, words) in cases {
        let (engine, out) = run(fold, records);
        assert_eq!(letters(&out, "limit"), expected, "{name}");
        let notices = told(&out, &format!("/data/limit/{name}"));
        assert_eq!(notices.len(), 1, "{name}: {notices:?}");
        assert!(notices[0].contains(words), "{name}: {notices:?}");
        assert!(notices[0].contains("aggregates now depend on the order"), "{name}: {notices:?}");
        let stats = engine.workspace("default").unwrap().fold().stats();
        assert!(stats.journeys <= 50 && stats.cells <= 100, "{name}: {stats:?}");
    }
}

#[test]
fn a_limit_that_stays_in_force_is_told_again_each_week() {
    let fold = FoldOptions { max_journeys: 3, ..FoldOptions::default() };
    let (engine, out) = run(fold, leads(20, Seconds::DAY));
    assert_eq!(told(&out, "/data/limit/journeys").len(), 3, "in force for 17 days");
    assert_eq!(engine.workspace("default").unwrap().fold().stats().journeys, 3);
}

#[test]
fn values_past_the_limit_are_counted_together_and_a_notice_says_so() {
    let fold = FoldOptions { max_leaves: 10, max_values: 50, ..FoldOptions::default() };
    let (engine, out) = run(fold, leads(1_000, Seconds(30)));
    let stats = engine.workspace("default").unwrap().fold().stats();
    assert!(stats.leaves <= 20, "{}", stats.leaves);
    assert_eq!(stats.journeys, 1_000, "every lead is counted");
    assert_eq!(told(&out, "/data/limit/values").len(), 1);
}

/// A million distinct values: the state stays as large as that of the values kept apart. Each is earlier than what
/// its lead had before, so that each moves a lead.
#[test]
fn a_million_distinct_values_take_no_more_memory_than_the_limit() {
    const LEADS: i64 = 1_000;
    let fold = FoldOptions { max_values: 50_000, ..FoldOptions::default() };
    let entry = start().plus(Seconds::days(20));
    let value = |n: i64| {
        let ids = format!(r#""lead_id":"L-{}","attributes":{{"campaign":"c{n}"}}"#, n % LEADS);
        event(entry.minus(Seconds(n)), &format!(r#""type":"lead.attributes_changed",{ids}"#))
    };
    let size = |number: i64| {
        let mut engine = Engine::new(config(fold.clone()));
        play(&mut engine, &log_of([]), 0);
        let created =
            (0..LEADS).map(|n| event(entry, &format!(r#""type":"lead.created","lead_id":"L-{n}""#)));
        let mut refused = 0;
        for record in created.chain((0..number).map(value)) {
            refused += letters(&play(&mut engine, &[record], 0), "limit");
        }
        let stats = engine.workspace("default").unwrap().fold().stats();
        assert_eq!((refused, stats.journeys), (0, LEADS as usize), "every event is taken");
        assert_eq!(stats.counters.changed, (LEADS + number) as u64, "every value moves its lead");
        assert_eq!(stats.counters.overflowed, (number - 50_000) as u64, "further values are (other)");
        // Those of the journeys hold the texts of the values.
        (saved(&engine).len(), stats.cell_bytes + stats.journey_bytes)
    };
    let (few, many) = (size(200_000), size(1_000_000));
    println!("saved and held bytes: {few:?}, {many:?}");
    assert!(many.0 <= few.0 + few.0 / 20 && many.1 <= few.1 + few.1 / 20, "{few:?} {many:?}");
    assert!(many.1 > 50_000 * 16, "the texts are among them");
}

/// With or without a plan: what one partition holds is bounded, and who knocks in vain is told why.
#[test]
fn workspaces_past_the_limit_are_dead_letters() {
    let mut engine = Engine::new(EngineConfig { max_workspaces: 3, ..EngineConfig::default() });
    let toml = plan_toml(r#""campaign""#, "");
    let planned = (0..5).map(|n| plan_of(&format!("planned-{n}"), &toml, start()));
    let stranger = |n| {
        let rest = format!(r#""type":"lead.created","lead_id":"L","workspace":"stranger-{n}""#);
        event(start(), &rest)
    };
    let log: Vec<LogRecord> = planned.chain((0..5).map(stranger)).collect();
    let out = play(&mut engine, &log, 0);
    assert_eq!(letters(&out, "too_many_workspaces"), 2 + 5);
    assert_eq!((engine.workspaces().count(), engine.unplanned().count()), (3, 0));
    let Some(Output::DeadLetter(letter)) = out.first() else { panic!("{out:?}") };
    assert!(letter.message.contains("raise limits.workspaces"), "{}", letter.message);
    // Those that are there go on: a revision of theirs is taken.
    let revised = plan_of("planned-0", &toml.replace("revision = 1", "revision = 2"), start());
    assert!(play(&mut engine, &[revised], 0).is_empty());
    assert_eq!(engine.has_plan("planned-0").unwrap().0, 2);
}
