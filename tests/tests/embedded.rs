//! The pipeline over the embedded broker, as far as that can carry it: it runs, and the trap is told. Nothing
//! about exactly-once, replay or retention is concluded from it.

use std::ops::ControlFlow;
use std::time::Duration;

use plumbline_pipeline::embedded::{Embedded, Feeder};
use plumbline_pipeline::{Config, Options, Pipeline, PlayedClock, StatusHandle, TimeSource, read_topic};
use plumbline_simulator::{ScenarioKind, Spec, plan_toml};
use plumbline_tests::host::configured_plan;
use plumbline_tests::player::{Sink, play};
use plumbline_tests::world::eventually;
use plumbline_units::{Day, Timestamp};

struct Fed<'a> {
    feeder: Feeder,
    status: &'a StatusHandle,
}

impl Sink for Fed<'_> {
    fn send(&self, topic: &'static str, json: &str, arrival: Timestamp) -> anyhow::Result<()> {
        Ok(self.feeder.send(topic, b"", json.as_bytes(), arrival.millis(), self.status)?)
    }

    fn flush(&self) -> anyhow::Result<()> {
        Ok(self.feeder.settle(self.status)?)
    }
}

#[test]
fn the_trap_is_told_through_the_embedded_broker() {
    let spec = Spec {
        kind: ScenarioKind::LeadQualityTrap,
        start: Day::from_ymd(2026, 3, 1).unwrap(),
        onset: Day::from_ymd(2026, 5, 1),
        days: 110,
        leads_per_day: 60.0,
        ..Spec::default()
    };
    let plans = vec![configured_plan("default", &plan_toml(&spec)).unwrap()];
    let mut config = Config { plans, ..Config::default() };
    config.intake.clock_every = Duration::from_secs(1800);
    let broker = Embedded::start(&mut config).unwrap();
    let clock = PlayedClock::new(spec.zone.start_of(spec.start));
    let options =
        Options { time: TimeSource::Played(clock.clone()), flows: broker.flows(), ..Options::default() };
    let pipeline = Pipeline::start(config.clone(), options).unwrap();
    let status = pipeline.status();
    eventually("it is ready", 30, || Ok(status.ready())).unwrap();
    let begun = std::time::Instant::now();
    let fed = Fed { feeder: broker.feeder().unwrap(), status: &status };
    let sent = play(&spec, &fed, &clock, &status).unwrap();
    eprintln!("{sent} events in {:?}", begun.elapsed());
    let opened = || {
        let mut opened = false;
        read_topic(&config, &config.topics.alerts, |record| {
            let text = String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned();
            opened |= text.contains("\"transition\":\"opened\"");
            ControlFlow::Continue(())
        })?;
        anyhow::Ok(opened)
    };
    eventually("the trap is told", 30, opened).unwrap();
    pipeline.stop().unwrap();
}
