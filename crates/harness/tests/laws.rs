//! The laws, over simulated companies: one log gives one output, whatever happens to the task; one set of facts
//! gives one set of aggregates, whatever happens to their order.

#![allow(clippy::unwrap_used)]

use plumbline_engine::EngineConfig;
use plumbline_events::{record_from_json, record_to_json};
use plumbline_harness::{Faults, LogWriter, MemoryLog, Published, jittered, run, run_with_kills};
use plumbline_simulator::{Generated, ScenarioKind, Segment, Spec, generate, plan_toml};
use plumbline_units::Seconds;

fn company(kind: ScenarioKind, days: u32, seed: u64) -> Spec {
    let segments = [("smb", 0.7), ("mid", 0.3)].map(|(name, share)| Segment { name: name.to_owned(), share });
    Spec {
        kind,
        days,
        seed,
        leads_per_day: 60.0,
        segments: segments.to_vec(),
        late_share: 0.1,
        duplicate_share: 0.05,
        correction_share: 0.2,
        merge_share: 0.05,
        ..Spec::default()
    }
}

/// The log of `events` with the company's plan first and a last clock record ten days after the end.
fn log_of(spec: &Spec, events: impl IntoIterator<Item = Generated>, clock: Seconds) -> MemoryLog {
    let mut writer = LogWriter::new(clock);
    let start = spec.zone.start_of(spec.start);
    writer.plan(&spec.workspace, &plan_toml(spec), start, start);
    for event in events {
        writer.event(event);
    }
    writer.clock_until(spec.zone.start_of(spec.start.plus(spec.days as i32 + 10)));
    writer.finish()
}

fn published(log: &MemoryLog) -> Published {
    run(&EngineConfig::default(), log).unwrap()
}

#[test]
fn the_same_log_gives_the_same_output_twice() {
    for kind in ScenarioKind::ALL {
        let spec = company(kind, 100, 3);
        let log = log_of(&spec, generate(&spec), Seconds::HOUR);
        assert_eq!(published(&log).difference(&published(&log)), None, "{kind}");
    }
}

/// Folding is retroactive: the first plan counts as if it stood before the first event.
#[test]
fn a_plan_that_comes_after_the_events_says_the_same() {
    let spec = company(ScenarioKind::LeadQualityTrap, 150, 11);
    let first = log_of(&spec, generate(&spec), Seconds::HOUR);
    let mut late = MemoryLog::default();
    for offset in (1..first.len() - 100).chain([0]).chain(first.len() - 100..first.len()) {
        late.push(&first.record(offset).to_owned());
    }
    let (first, late) = (published(&first), published(&late));
    assert!(first.alerts().len() > 3);
    assert_eq!(late.alerts(), first.alerts());
    assert_eq!(late.aggregates_differ(&first), None);
}

/// A backtest over an exported log takes the same records as the run that wrote it.
#[test]
fn an_exported_log_reads_back_byte_for_byte() {
    let spec = company(ScenarioKind::LeadQualityTrap, 40, 9);
    let log = log_of(&spec, generate(&spec), Seconds::HOUR);
    let mut again = MemoryLog::default();
    for offset in 0..log.len() {
        let line = record_to_json(&log.record(offset).to_owned());
        again.push(&record_from_json(&line).unwrap());
    }
    assert!(again == log);
}

#[test]
fn kills_and_restarts_change_nothing_that_readers_see() {
    for (kind, days, clock) in [
        (ScenarioKind::LeadQualityTrap, 150, Seconds::HOUR),
        (ScenarioKind::SilentSource, 60, Seconds::HOUR),
        (ScenarioKind::Steady, 10, Seconds::MINUTE),
    ] {
        let spec = company(kind, days, 5);
        let log = log_of(&spec, generate(&spec), clock);
        let whole = published(&log);
        assert!(!whole.aggregates.is_empty());
        assert!(kind != ScenarioKind::LeadQualityTrap || whole.alerts().len() > 3);
        for seed in 0..4 {
            let per_record = 1.0 / log.len() as f64;
            let faults = Faults {
                seed,
                kill: 20.0 * per_record,
                max_kills: 12,
                commit: 0.02,
                checkpoint: 30.0 * per_record,
                lost_disk: 0.1,
            };
            let (survived, lives) = run_with_kills(&EngineConfig::default(), &log, faults).unwrap();
            assert!(lives.kills > 0 && lives.restored + lives.from_nothing == lives.kills, "{lives:?}");
            assert_eq!(survived.difference(&whole), None, "{kind}, seed {seed}, {lives:?}");
        }
    }
}

#[test]
fn order_and_repetition_do_not_change_the_aggregates() {
    let spec = company(ScenarioKind::LeadQualityTrap, 120, 7);
    let events: Vec<Generated> = generate(&spec).collect();
    let in_order = published(&log_of(&spec, events.iter().cloned(), Seconds::HOUR));
    for seed in 0..3 {
        let mixed = jittered(&events, seed, Seconds::days(2), 0.1);
        let other = published(&log_of(&spec, mixed, Seconds::HOUR));
        assert_eq!(other.aggregates_differ(&in_order), None, "seed {seed}");
    }
}
