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
    config.engine.checkpoints = Some(folder.path().join(name).into());
    config
}

fn owns_everything(host: &Host) -> bool {
    host.report().ready && host.report().partitions == [INPUT_PARTITIONS, LOG_PARTITIONS as usize]
}

/// Starts the instance again if it has ended, as a supervisor would: on a busy machine a transaction may take longer
/// than its broker allows.
fn supervised<'a>(host: &'a mut Host, config: &Config) -> &'a Host {
    if !host.runs() {
        *host = crate::support::host(config, "all");
    }
    host
}

/// Waits until the one owns everything.
fn alone((host, config): (&mut Host, &Config)) {
    eventually("it is alone", 120, || Ok(owns_everything(supervised(host, config)))).unwrap();
}

/// Waits until the two share everything and both are restored.
fn shared((a, one): (&mut Host, &Config), (b, two): (&mut Host, &Config)) {
    eventually("the two share the partitions", 120, || {
        let (a, b) = (supervised(a, one).report(), supervised(b, two).report());
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
    let mut a = host(&one, "all");
    eventually("the first is at work", 120, || Ok(supervised(&mut a, &one).report().accepted > 500)).unwrap();
    let mut b = host(&two, "all");
    shared((&mut a, &one), (&mut b, &two));
    sent += send();
    eventually("the second is at work", 120, || Ok(supervised(&mut b, &two).report().accepted > 500))
        .unwrap();
    a.kill().unwrap();
    alone((&mut b, &two));
    sent += send();
    let mut a = host(&one, "all");
    shared((&mut a, &one), (&mut b, &two));
    sent += send();
    b.stop().unwrap();
    alone((&mut a, &one));
    settled(&world, supervised(&mut a, &one), sent);
    assert!(a.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}

#[test]
fn a_rolling_restart_moves_no_partition() {
    let Some((mut world, _, folder)) = roof("rolling") else { return };
    world.config.kafka.insert("session.timeout.ms".into(), "30000".into());
    let configs = [named(&world, &folder, "one"), named(&world, &folder, "two")];
    let [one, two] = &configs;
    let mut hosts = configs.each_ref().map(|config| host(config, "all"));
    let both = |hosts: &mut [Host; 2]| {
        let [a, b] = hosts;
        shared((a, one), (b, two));
    };
    both(&mut hosts);
    let before = hosts.each_ref().map(|host| host.report().partitions);
    for restarted in [0, 1] {
        let assignments = hosts[1 - restarted].report().assignments;
        assert!(hosts[restarted].end().unwrap());
        hosts[restarted] = host(&configs[restarted], "all");
        both(&mut hosts);
        assert_eq!(hosts[1 - restarted].report().assignments, assignments, "the other has noticed nothing");
        let back = hosts[restarted].report();
        assert_eq!(back.assignments, [1, 1]);
        assert_eq!(back.partitions, before[restarted], "it has its own again");
    }
}

#[test]
fn an_instance_that_wakes_after_its_partitions_were_given_away_says_and_spoils_nothing() {
    let Some((world, events, folder)) = roof("asleep") else { return };
    let (one, two) = (named(&world, &folder, "one"), named(&world, &folder, "two"));
    let mut parts = events.chunks(events.len().div_ceil(4));
    let mut send = || send_events(&world, parts.next().unwrap_or_default().iter().cloned());
    let mut a = host(&one, "all");
    let mut b = host(&two, "all");
    shared((&mut a, &one), (&mut b, &two));
    let mut sent = 0;
    // Asleep in the middle of a transaction, and with nothing to do.
    for busy in [true, false] {
        sent += send();
        if !busy {
            eventually("all is taken", 120, || Ok(world.log_events()? >= sent)).unwrap();
        }
        a.signal("STOP").unwrap();
        alone((&mut b, &two));
        sent += send();
        eventually("all is taken", 120, || Ok(world.log_events()? >= sent)).unwrap();
        a.signal("CONT").unwrap();
        // It joins again, or ends where its transaction was ended for it: then it is started again.
        eventually("the other has given up some", 120, || {
            supervised(&mut a, &one);
            Ok(!owns_everything(supervised(&mut b, &two)))
        })
        .unwrap();
        shared((&mut a, &one), (&mut b, &two));
    }
    a.stop().unwrap();
    alone((&mut b, &two));
    settled(&world, supervised(&mut b, &two), sent);
    assert!(b.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}
