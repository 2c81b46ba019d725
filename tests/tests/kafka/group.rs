//! Several instances: partitions move with their state, and whoever has lost them is refused.

use std::time::Duration;

use plumbline_pipeline::Config;
use plumbline_simulator::{Generated, Spec, generate, plan_toml};
use plumbline_tests::host::{Host, configured_plan};
use plumbline_tests::world::{World, eventually};

use crate::engine::{send_events, settled, topics_equal_backtest, trap};
use crate::support::{host, sized};

const WORKSPACES: usize = 16;
const LOG_PARTITIONS: i32 = 4;
/// Leads, opportunities, spend and replay.
const INPUT_PARTITIONS: usize = 3 + 2 + 1 + 1;

/// Companies of different sizes under one roof; their events in one order.
fn companies(world: &mut World) -> Vec<Generated> {
    let specs = (0..WORKSPACES).map(|n| Spec {
        workspace: format!("tenant-{n}").parse().unwrap(),
        seed: n as u64,
        leads_per_day: if n % 8 == 0 { 25.0 } else { 3.0 },
        ..trap()
    });
    let mut events = Vec::new();
    for spec in specs {
        world.config.plans.push(configured_plan(spec.workspace.as_str(), &plan_toml(&spec)).unwrap());
        events.extend(generate(&spec));
    }
    events.sort_by_key(|generated| generated.received_at);
    events
}

/// A world in which a dead instance is missed after six seconds, the least a broker allows.
fn roof(test: &str) -> Option<(World, Vec<Generated>, tempfile::TempDir)> {
    let mut world = sized(test, LOG_PARTITIONS)?;
    let events = companies(&mut world);
    let folder = tempfile::tempdir().unwrap();
    world.config.kafka.insert("session.timeout.ms".into(), "6000".into());
    world.config.kafka.insert("heartbeat.interval.ms".into(), "1000".into());
    world.config.intake.commit_messages = 500;
    world.config.engine.transaction_outputs = 20;
    world.config.engine.checkpoint_every = Duration::from_millis(500);
    Some((world, events, folder))
}

/// The configuration of one of the instances.
fn named(world: &World, folder: &tempfile::TempDir, name: &str) -> Config {
    let mut config = world.config.clone();
    config.instance = format!("{}-{name}", config.group);
    config.engine.checkpoint_dir = Some(folder.path().join(name));
    config
}

fn owns_everything(host: &Host) -> bool {
    host.report().ready && host.report().partitions == [INPUT_PARTITIONS, LOG_PARTITIONS as usize]
}

/// Waits until the two share everything and both are restored.
fn shared(a: &Host, b: &Host) {
    eventually("the two share the partitions", 90, || {
        let (a, b) = (a.report(), b.report());
        let both = |stage: usize, all: usize| {
            a.partitions[stage] > 0
                && b.partitions[stage] > 0
                && a.partitions[stage] + b.partitions[stage] == all
        };
        Ok(a.ready && b.ready && both(0, INPUT_PARTITIONS) && both(1, LOG_PARTITIONS as usize))
    })
    .unwrap();
}

#[test]
fn instances_come_die_and_go_and_every_workspace_is_judged_as_by_one() {
    let Some((world, events, folder)) = roof("group") else { return };
    let (one, two) = (named(&world, &folder, "one"), named(&world, &folder, "two"));
    let mut parts = events.chunks(events.len().div_ceil(4));
    let mut send = || send_events(&world, parts.next().unwrap_or_default().iter().cloned());
    let mut sent = send();
    let a = host(&one, "all");
    eventually("the first is at work", 60, || Ok(a.report().accepted > 500)).unwrap();
    let b = host(&two, "all");
    shared(&a, &b);
    sent += send();
    eventually("the second is at work", 60, || Ok(b.report().accepted > 500)).unwrap();
    a.kill().unwrap();
    eventually("the second takes over", 60, || Ok(owns_everything(&b))).unwrap();
    sent += send();
    let a = host(&one, "all");
    shared(&a, &b);
    sent += send();
    assert!(b.stop().unwrap(), "it ends well in the middle of the work");
    eventually("the first is alone again", 60, || Ok(owns_everything(&a))).unwrap();
    settled(&world, &a, sent);
    assert!(a.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}

#[test]
fn a_rolling_restart_moves_no_partition() {
    let Some((mut world, _, folder)) = roof("rolling") else { return };
    world.config.kafka.insert("session.timeout.ms".into(), "30000".into());
    let configs = [named(&world, &folder, "one"), named(&world, &folder, "two")];
    let mut hosts = configs.each_ref().map(|config| Some(host(config, "all")));
    let both = |hosts: &[Option<Host>; 2]| {
        if let [Some(a), Some(b)] = hosts {
            shared(a, b);
        }
    };
    both(&hosts);
    let partitions = hosts.each_ref().map(|host| host.as_ref().unwrap().report().partitions);
    for restarted in [0, 1] {
        let stays = 1 - restarted;
        let before = hosts[stays].as_ref().unwrap().report();
        assert!(hosts[restarted].take().unwrap().stop().unwrap());
        hosts[restarted] = Some(host(&configs[restarted], "all"));
        both(&hosts);
        let report = hosts[stays].as_ref().unwrap().report();
        assert_eq!(report.assignments, before.assignments, "the other has noticed nothing");
        let back = hosts[restarted].as_ref().unwrap().report();
        assert_eq!(back.assignments, [1, 1]);
        assert_eq!(back.partitions, partitions[restarted], "it has its own again");
    }
}

#[test]
fn an_instance_that_wakes_after_its_partitions_were_given_away_says_and_spoils_nothing() {
    let Some((world, events, folder)) = roof("asleep") else { return };
    let (one, two) = (named(&world, &folder, "one"), named(&world, &folder, "two"));
    let mut parts = events.chunks(events.len().div_ceil(4));
    let mut send = || send_events(&world, parts.next().unwrap_or_default().iter().cloned());
    let mut a = host(&one, "all");
    let b = host(&two, "all");
    shared(&a, &b);
    let mut sent = 0;
    // Asleep in the middle of a transaction, and with nothing to do.
    for busy in [true, false] {
        let accepted = a.report().accepted;
        sent += send();
        if busy {
            eventually("it is at work", 60, || Ok(a.report().accepted > accepted)).unwrap();
        } else {
            eventually("all is taken", 120, || Ok(world.log_events()? >= sent)).unwrap();
        }
        a.signal("STOP").unwrap();
        eventually("the other takes over", 90, || Ok(owns_everything(&b))).unwrap();
        sent += send();
        eventually("all is taken", 120, || Ok(world.log_events()? >= sent)).unwrap();
        a.signal("CONT").unwrap();
        // It joins again, or ends where its transaction was ended for it: then it is started again, as a
        // supervisor would.
        eventually("it is back", 90, || {
            if !a.runs() {
                a = host(&one, "all");
            }
            Ok(a.report().ready && a.report().partitions.iter().all(|n| *n > 0) && !owns_everything(&b))
        })
        .unwrap();
        shared(&a, &b);
    }
    assert!(a.stop().unwrap());
    eventually("the other is alone", 60, || Ok(owns_everything(&b))).unwrap();
    settled(&world, &b, sent);
    assert!(b.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}
