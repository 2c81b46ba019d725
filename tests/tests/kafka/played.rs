//! A company played through real topics at its own time: alerts come as they would have come live.

use std::time::Duration;

use plumbline_pipeline::{Options, Pipeline, PlayedClock, TimeSource};
use plumbline_simulator::plan_toml;
use plumbline_tests::host::configured_plan;
use plumbline_tests::player::{Sink, play};
use plumbline_tests::world::{World, eventually};
use plumbline_units::Timestamp;

use crate::engine::{topics_equal_backtest, trap};
use crate::support::world;

struct Inputs<'a>(&'a World);

impl Sink for Inputs<'_> {
    fn send(&self, topic: &'static str, json: &str, arrival: Timestamp) -> anyhow::Result<()> {
        let topics = &self.0.config.topics;
        let topic = match topic {
            "crm.leads" => &topics.leads[0],
            "crm.opportunities" => &topics.opportunities[0],
            _ => &topics.spend[0],
        };
        self.0.send_stamped(topic, b"", json.as_bytes(), arrival.millis())
    }

    fn flush(&self) -> anyhow::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_company_that_falls_into_the_trap_is_told_so_in_its_own_time() {
    let spec = trap();
    let Some(mut world) = world("played") else { return };
    world.config.plans = vec![configured_plan("default", &plan_toml(&spec)).unwrap()];
    world.config.intake.clock_every = Duration::from_secs(1800);
    world.config.intake.commit_every = Duration::from_millis(20);
    let clock = PlayedClock::new(spec.zone.start_of(spec.start));
    let options = Options { time: TimeSource::Played(clock.clone()), ..Options::default() };
    let pipeline = Pipeline::start(world.config.clone(), options).unwrap();
    let status = pipeline.status();
    eventually("it is ready", 60, || Ok(status.ready())).unwrap();
    let sent = play(&spec, &Inputs(&world), &clock, &status).unwrap();
    eventually("the trap is told", 60, || {
        let alerts = world.read(&world.config.topics.alerts)?;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Ok(alerts.iter().any(|alert| text(&alert.value).contains("\"transition\":\"opened\"")))
    })
    .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    pipeline.stop().unwrap();
    let alerts = topics_equal_backtest(&world, sent);
    assert!(alerts > 0);
    for alert in world.read(&world.config.topics.alerts).unwrap() {
        let value: serde_json::Value = serde_json::from_slice(&alert.value).unwrap();
        assert!(!alert.header("plumbline.log.offset").is_empty());
        let detected = value["detected_at"].as_str().unwrap();
        assert!(detected > "2026-04-01" && detected < "2026-10-01", "in its own time: {detected}");
    }
}
