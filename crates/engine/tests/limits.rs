//! Past the limits: what is no longer taken or kept apart is said, once.

#![allow(clippy::unwrap_used)]

use plumbline_engine::{Engine, EngineConfig, NoHistory, Output};
use plumbline_events::{EventRecord, Limits, LogRecord, PlanRecord, decode_json_line};
use plumbline_funnel::FoldOptions;
use plumbline_units::{Seconds, Timestamp};

const PLAN: &str = r#"
plan = "p"
revision = 1
effective_from = 2026-01-01
timezone = "UTC"
currency = "EUR"
[funnel]
stages = ["lead", "won"]
dimensions = ["campaign"]
[[transition]]
from = "lead"
to = "won"
conversion = 0.1
lag = { median = "10d", p90 = "20d" }
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
"#;

fn play(fold: FoldOptions, leads: u64, every: Seconds) -> (Engine, Vec<Output>) {
    let mut engine = Engine::new(EngineConfig { fold, ..EngineConfig::default() });
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let plan = LogRecord::Plan(PlanRecord {
        workspace: "default".parse().unwrap(),
        time: start,
        toml: PLAN.into(),
        live_from: start,
    });
    let mut out = Vec::new();
    engine.apply(0, &plan.view(), &mut NoHistory, &mut out).unwrap();
    for n in 0..leads {
        let at = start.plus(Seconds(n as i64 * every.0));
        let line = format!(
            r#"{{"type":"lead.created","occurred_at":"{at}","lead_id":"L-{n}","attributes":{{"campaign":"c{n}"}}}}"#
        );
        let event = decode_json_line(line.as_bytes(), &Limits::default()).unwrap().0;
        let record = LogRecord::Event(EventRecord { received_at: at, input: "crm.leads".into(), event });
        engine.apply(n as i64 + 1, &record.view(), &mut NoHistory, &mut out).unwrap();
    }
    (engine, out)
}

/// The titles of notices about a limit.
fn told(out: &[Output], name: &str) -> Vec<String> {
    let of = |output: &Output| match output {
        Output::Alert(alert) if alert.key.contains(name) => {
            let alert: serde_json::Value = serde_json::from_slice(&alert.value).unwrap();
            Some(alert["title"].as_str().unwrap().to_owned())
        }
        _ => None,
    };
    out.iter().filter_map(of).collect()
}

#[test]
fn past_the_limit_of_journeys_events_are_dead_letters_and_one_notice_a_week_says_so() {
    let fold = FoldOptions { max_journeys: 3, ..FoldOptions::default() };
    let (engine, out) = play(fold.clone(), 100, Seconds::MINUTE);
    let letters = out.iter().filter(|o| matches!(o, Output::DeadLetter(l) if l.class == "limit")).count();
    assert_eq!(letters, 97);
    let notices = told(&out, "/data/limit/journeys");
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("limit of 3 leads and opportunities is reached"), "{notices:?}");
    assert_eq!(engine.workspace("default").unwrap().fold().stats().journeys, 3);
    let (_, out) = play(fold, 20, Seconds::DAY);
    assert_eq!(told(&out, "/data/limit/journeys").len(), 3, "in force for 17 days");
}

#[test]
fn values_past_the_limit_are_counted_together_and_a_notice_says_so() {
    let fold = FoldOptions { max_leaves: 10, max_values: 50, ..FoldOptions::default() };
    let (engine, out) = play(fold, 1_000, Seconds(30));
    let stats = engine.workspace("default").unwrap().fold().stats();
    assert!(stats.leaves <= 20, "{}", stats.leaves);
    assert_eq!(stats.journeys, 1_000, "every lead is counted");
    assert_eq!(told(&out, "/data/limit/values").len(), 1);
}

/// A million distinct values: the state stays as large as that of the values kept apart.
#[test]
fn a_million_distinct_values_take_no_more_memory_than_the_limit() {
    let fold = FoldOptions { max_journeys: 1_000, max_cells: 100_000, ..FoldOptions::default() };
    let size = |leads| {
        let (engine, _) = play(fold.clone(), leads, Seconds(0));
        let mut state = Vec::new();
        engine.save(&mut state);
        let stats = engine.workspace("default").unwrap().fold().stats();
        (state.len(), stats.cell_bytes + stats.journey_bytes)
    };
    let (few, many) = (size(200_000), size(1_000_000));
    println!("saved and held bytes: {few:?}, {many:?}");
    assert!(many.0 <= few.0 + few.0 / 20 && many.1 <= few.1 + few.1 / 20, "{few:?} {many:?}");
}
