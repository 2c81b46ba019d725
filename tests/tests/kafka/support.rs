use std::path::Path;
use std::time::Duration;

use plumbline_pipeline::Config;
use plumbline_tests::broker;
use plumbline_tests::host::Host;
use plumbline_tests::world::{World, eventually};

/// A world for the test on the shared broker; `None` where there is no broker, which has been said.
pub(crate) fn world(test: &str) -> Option<World> {
    sized(test, 2)
}

/// The same with a log of so many partitions.
pub(crate) fn sized(test: &str, log_partitions: i32) -> Option<World> {
    let broker = broker::shared(test)?;
    let mut world = World::sized(broker.address(), test, log_partitions).unwrap();
    world.config.intake.clock_every = Duration::from_secs(1);
    Some(world)
}

pub(crate) fn host(config: &Config, stages: &str) -> Host {
    Host::start(Path::new(env!("CARGO_BIN_EXE_pipeline-host")), config, stages).unwrap()
}

/// Kills hosts in the middle of their work `kills` times, `after` each start's first progress, then lets one run.
pub(crate) fn host_after_kills(config: &Config, stages: &str, kills: u64) -> Host {
    for round in 0..kills {
        let host = host(config, stages);
        eventually("the host is ready", 60, || Ok(host.report().ready)).unwrap();
        // Another moment each time: within a transaction, between two, while committing.
        std::thread::sleep(Duration::from_millis(37 + 131 * round));
        host.kill().unwrap();
    }
    host(config, stages)
}

/// Sends leads `ids` in order, spread over the partitions, as fast as the broker takes them.
pub(crate) fn send_leads(world: &World, ids: std::ops::Range<u32>) {
    let topic = world.config.topics.leads[0].clone();
    for id in ids {
        let event = format!(
            r#"{{"event_id":"e{id}","type":"lead.created","occurred_at":"2026-03-02T09:15:00Z","lead_id":"L-{id}","source":"hubspot","attributes":{{"segment":"smb"}}}}"#
        );
        world.send(&topic, format!("L-{id}").as_bytes(), event.as_bytes(), &[]).unwrap();
    }
    world.flush().unwrap();
}
