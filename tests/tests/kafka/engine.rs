//! Log to alerts: what the topics show equals the state machine over the exported log, whatever happened on the
//! way.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use plumbline_engine::{EngineConfig, Output};
use plumbline_events::record_from_json;
use plumbline_harness::{MemoryLog, Published, run};
use plumbline_pipeline::{Part, apply_plan, export_log};
use plumbline_simulator::{Generated, ScenarioKind, Spec, generate, plan_toml};
use plumbline_tests::host::{Host, configured_plan};
use plumbline_tests::world::{World, eventually};
use plumbline_units::Day;

use crate::support::{host, host_after_kills, world};

/// A company whose leads go bad on the first of July.
pub(crate) fn trap() -> Spec {
    Spec {
        kind: ScenarioKind::LeadQualityTrap,
        start: Day::from_ymd(2026, 4, 1).unwrap(),
        onset: Day::from_ymd(2026, 7, 1),
        days: 170,
        leads_per_day: 40.0,
        ..Spec::default()
    }
}

/// Sends the company's events to the input topics; hands back how many.
pub(crate) fn send_company(world: &World, spec: &Spec) -> u64 {
    send_events(world, generate(spec))
}

/// Sends events to the input topics in this order; hands back how many.
pub(crate) fn send_events(world: &World, events: impl Iterator<Item = Generated>) -> u64 {
    let topics = &world.config.topics;
    let mut count = 0;
    for generated in events {
        let topic = match generated.topic() {
            "crm.leads" => &topics.leads[0],
            "crm.opportunities" => &topics.opportunities[0],
            _ => &topics.spend[0],
        };
        let line = plumbline_events::to_json(&generated.into_record());
        world.send(topic, format!("{count}").as_bytes(), line.as_bytes(), &[]).unwrap();
        count += 1;
    }
    world.flush().unwrap();
    count
}

/// What the state machine says over the exported log partition, and how many events that holds.
fn over_exported_log(world: &World, part: &Part) -> (Published, u64) {
    let mut lines = Vec::new();
    export_log(&world.config, part, &mut lines).unwrap();
    // For looking at a failure: the log of the last comparison.
    if let Some(path) = std::env::var_os("PLUMBLINE_TEST_KEEP_LOG") {
        std::fs::write(path, &lines).unwrap();
    }
    let mut log = MemoryLog::default();
    let mut events = 0;
    for line in std::str::from_utf8(&lines).unwrap().lines() {
        let record = record_from_json(line).unwrap();
        events += u64::from(matches!(record, plumbline_events::LogRecord::Event(_)));
        log.push(&record);
    }
    (run(&EngineConfig::default(), &log).unwrap(), events)
}

/// Compares what a reader of the topics sees with what each exported log partition says; hands back the number of
/// alerts.
pub(crate) fn topics_equal_backtest(world: &World, sent: u64) -> usize {
    let seen = world.read(&world.config.topics.alerts).unwrap();
    let (mut events, mut alerts, mut letters) = (0, 0, 0);
    let mut aggregates = BTreeMap::new();
    for partition in 0..world.config.topics.log_partitions {
        let (expected, found) = over_exported_log(world, &Part::Partition(partition));
        events += found;
        letters += expected.dead_letters();
        let name = partition.to_string();
        let told: Vec<(&str, &str)> = seen
            .iter()
            .filter(|seen| seen.header("plumbline.log.partition") == name)
            .map(|seen| (text(&seen.key), text(&seen.value)))
            .collect();
        let backtested: Vec<(&str, &str)> = expected
            .said
            .iter()
            .filter_map(|said| match &said.output {
                Output::Alert(alert) => Some((alert.key.as_str(), text(&alert.value))),
                Output::DeadLetter(_) => None,
            })
            .collect();
        for (at, (seen, wanted)) in told.iter().zip(&backtested).enumerate() {
            assert_eq!(seen, wanted, "alert {at} of log partition {partition}");
        }
        assert_eq!(told.len(), backtested.len(), "alerts of log partition {partition}");
        alerts += told.len();
        aggregates.extend(expected.aggregates);
    }
    assert_eq!(events, sent, "each input is in the log once");
    assert_eq!(seen.len(), alerts, "every alert names its log partition");
    let told = world.aggregates().unwrap();
    assert_eq!(told.len(), aggregates.len());
    assert!(told == aggregates, "the same last value of every aggregate key");
    assert_eq!(world.read(&world.config.topics.dead_letters).unwrap().len(), letters);
    alerts
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Waits until the host has taken everything and said what there is to say.
pub(crate) fn settled(world: &World, host: &Host, sent: u64) {
    eventually("all inputs are in the log", 240, || Ok(world.log_events()? >= sent)).unwrap();
    eventually("the log is told so", 60, || world.told_the_end(sent)).unwrap();
    // Markers of the last transactions stay behind the last record for ever; the next clock records come behind them.
    let ends = world.log_ends().unwrap();
    eventually("the engine has judged them", 120, || {
        for (partition, end) in (0..).zip(&ends) {
            if world.committed("engine", &world.config.topics.log, partition)? < *end {
                return Ok(false);
            }
        }
        Ok(host.report().engine_lag.is_some_and(|lag| lag <= 4))
    })
    .unwrap();
}

fn trap_world(test: &str, spec: &Spec) -> Option<World> {
    let mut world = world(test)?;
    world.config.plans = vec![configured_plan("default", &plan_toml(spec)).unwrap()];
    Some(world)
}

#[test]
fn alerts_and_aggregates_equal_a_backtest_over_the_exported_log() {
    let spec = trap();
    let Some(world) = trap_world("quiet", &spec) else { return };
    let sent = send_company(&world, &spec);
    let host = host(&world.config, "all");
    settled(&world, &host, sent);
    assert!(host.stop().unwrap());
    let alerts = topics_equal_backtest(&world, sent);
    assert!(alerts > 0, "the trap is seen");
}

#[test]
fn no_alert_is_said_twice_or_lost_though_everything_is_killed_again_and_again() {
    let spec = trap();
    let Some(mut world) = trap_world("killed", &spec) else { return };
    let checkpoints = tempfile::tempdir().unwrap();
    world.config.engine.checkpoints = Some(checkpoints.path().to_owned().into());
    world.config.engine.checkpoint_every = Duration::from_millis(300);
    // Few outputs to a transaction, so that many records' outputs are cut in the middle.
    world.config.engine.transaction_outputs = 3;
    world.config.intake.commit_messages = 1_000;
    let sent = send_company(&world, &spec);
    let host = host_after_kills(&world.config, "all", 6);
    settled(&world, &host, sent);
    assert!(host.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
    assert!(has_checkpoint(checkpoints.path()), "checkpoints were kept");
}

fn has_checkpoint(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.into_iter().any(|entry| match entry.path() {
        path if path.is_dir() => has_checkpoint(&path),
        path => path.extension().is_some_and(|extension| extension == "checkpoint"),
    })
}

#[test]
fn a_plan_that_comes_after_the_events_is_folded_as_if_it_had_stood_first() {
    let spec = trap();
    let Some(mut world) = world("late-plan") else { return };
    let sent = send_company(&world, &spec);
    let first = host(&world.config, "all");
    settled(&world, &first, sent);
    assert!(first.stop().unwrap());
    world.config.plans = vec![configured_plan("default", &plan_toml(&spec)).unwrap()];
    let second = host(&world.config, "all");
    eventually("the alerts come", 60, || Ok(!world.read(&world.config.topics.alerts)?.is_empty())).unwrap();
    settled(&world, &second, sent);
    assert!(second.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}

#[test]
fn a_revision_that_folds_differently_is_folded_from_the_start_of_the_log_and_leaves_no_old_aggregate() {
    let spec = trap();
    let Some(world) = trap_world("revised", &spec) else { return };
    let sent = send_company(&world, &spec);
    let host = host(&world.config, "all");
    settled(&world, &host, sent);
    let before = world.aggregates().unwrap().len();
    let revised = plan_toml(&spec)
        .replace("revision = 1", "revision = 2")
        .replace(r#"dimensions = ["segment", "channel"]"#, r#"dimensions = ["segment"]"#);
    let plan = configured_plan("default", &revised).unwrap();
    // Twice: the same revision again changes nothing.
    apply_plan(&world.config, &plan).unwrap();
    apply_plan(&world.config, &plan).unwrap();
    let whole = Part::Workspace("default".parse().unwrap());
    eventually("the aggregates are those of the revision", 60, || {
        let now = world.aggregates()?;
        Ok(now.len() < before && now == over_exported_log(&world, &whole).0.aggregates)
    })
    .unwrap();
    assert!(host.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}
