//! Many events: a hundred thousand, a million where `CI` is set, or as many as `PLUMBLINE_TEST_EVENTS` says.

use plumbline_engine::EngineConfig;
use plumbline_events::{LogRecord, PlanRecord};
use plumbline_harness::{MemoryLog, Published, jittered, run};
use plumbline_simulator::{Generated, Spec, generate, plan_toml};
use plumbline_tests::broker::Broker;
use plumbline_tests::host::configured_plan;
use plumbline_tests::world::{World, eventually};
use plumbline_units::Seconds;

use crate::engine::{send_events, settled, topics_equal_backtest, trap};
use crate::support::{host, world};

/// Events of a lead's life in the simulated company, on average.
pub(crate) const EVENTS_PER_LEAD: f64 = 2.55;

fn company() -> Spec {
    let fallback = if std::env::var_os("CI").is_some() { 1_000_000.0 } else { 100_000.0 };
    let wanted = std::env::var("PLUMBLINE_TEST_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(fallback);
    let spec = trap();
    Spec { leads_per_day: wanted / EVENTS_PER_LEAD / f64::from(spec.days), ..spec }
}

/// What the state machine makes of the events as they are, the plan first.
fn in_order(spec: &Spec, events: &[Generated]) -> Published {
    let mut log = MemoryLog::default();
    log.push(&LogRecord::Plan(PlanRecord {
        workspace: spec.workspace.clone(),
        time: events[0].received_at,
        toml: plan_toml(spec).into(),
        live_from: events[0].received_at,
    }));
    for event in events {
        log.push(&LogRecord::Event(event.clone().into_record()));
    }
    run(&EngineConfig::default(), &log).unwrap()
}

#[test]
fn a_shuffled_doubled_and_killed_run_gives_the_aggregates_of_the_files_and_the_alerts_of_its_own_log() {
    let spec = company();
    let Some(mut world) = world("many") else { return };
    world.config.plans = vec![configured_plan("default", &plan_toml(&spec)).unwrap()];
    let events: Vec<Generated> = generate(&spec).collect();
    let sent = send_events(&world, jittered(&events, 7, Seconds::days(2), 0.01).into_iter());
    for _ in 0..2 {
        let host = host(&world.config, "all");
        eventually("it is in the middle of the work", 60, || Ok(host.report().accepted > sent / 5)).unwrap();
        host.kill().unwrap();
    }
    let last = host(&world.config, "all");
    settled(&world, &last, sent);
    assert!(last.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
    let expected = in_order(&spec, &events).aggregates;
    assert!(world.aggregates().unwrap() == expected, "the aggregates of the files as they are");
}

#[test]
fn a_broker_that_dies_in_the_middle_loses_and_doubles_nothing() {
    // Its own broker: the shared one is needed by others. Where there is none, the shared one has said so.
    if world("broker-check").is_none() || std::env::var_os("PLUMBLINE_TEST_KAFKA").is_some() {
        return;
    }
    let mut broker = Broker::start_own().unwrap();
    let mut world = World::new(broker.address(), "crash").unwrap();
    let spec = trap();
    world.config.plans = vec![configured_plan("default", &plan_toml(&spec)).unwrap()];
    world.config.intake.commit_messages = 500;
    let sent = send_events(&world, generate(&spec));
    let mut running = host(&world.config, "all");
    eventually("it is in the middle of the work", 60, || Ok(running.report().accepted > 1_000)).unwrap();
    broker.crash_and_restart().unwrap();
    // It outlives the broker, or ends because the broker has forgotten half of its joining: then it is started
    // again, as a supervisor would.
    eventually("all inputs are in the log", 120, || {
        if !running.runs() {
            running = host(&world.config, "all");
        }
        Ok(world.log_events()? >= sent)
    })
    .unwrap();
    if !running.runs() {
        running = host(&world.config, "all");
    }
    settled(&world, &running, sent);
    assert!(running.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}
