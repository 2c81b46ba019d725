//! Failover: who takes a dead owner's partition over, how soon, and from where.

use std::time::{Duration, Instant};

use plumbline_pipeline::{Config, partition_of};
use plumbline_simulator::{Spec, generate, plan_toml};
use plumbline_tests::host::configured_plan;
use plumbline_tests::world::{World, eventually};

use crate::engine::{send_events, settled, topics_equal_backtest, trap};
use crate::many::EVENTS_PER_LEAD;
use crate::support::{host, sized};

/// A company of so many events on one log partition; two instances judge it, and the owner is killed.
fn failover(test: &str, events: f64, standby_partitions: usize) {
    let Some(mut world) = sized(test, 1) else { return };
    let spec = trap();
    let spec = Spec { leads_per_day: events / EVENTS_PER_LEAD / f64::from(spec.days), ..spec };
    world.config.plans = vec![configured_plan("default", &plan_toml(&spec)).unwrap()];
    world.config.intake.clock_every = Duration::from_millis(200);
    world.config.kafka.insert("session.timeout.ms".into(), "6000".into());
    world.config.kafka.insert("heartbeat.interval.ms".into(), "1000".into());
    world.config.engine.standby_partitions = standby_partitions;
    let named = |name: &str| Config { instance: format!("{test}-{name}"), ..world.config.clone() };
    let intake = host(&named("in"), "intake");
    let mut owner = host(&named("a"), "engine");
    eventually("the first owns the partition", 60, || Ok(owner.report().partitions[1] == 1)).unwrap();
    let mut other = host(&named("b"), "engine");
    let mut events: Vec<_> = generate(&spec).collect();
    let rest = events.split_off(events.len() * 9 / 10);
    let mut sent = send_events(&world, events.into_iter());
    eventually("the second has joined", 60, || Ok(other.report().assignments[1] > 0)).unwrap();
    // The group decides which of the two is the owner.
    eventually("one owns the partition", 60, || {
        Ok(owner.report().partitions[1] + other.report().partitions[1] == 1)
    })
    .unwrap();
    if owner.report().partitions[1] == 0 {
        std::mem::swap(&mut owner, &mut other);
    }
    // What it said while it was the owner is said.
    let said = other.report().alerts;
    settled(&world, &owner, sent);
    if standby_partitions > 0 {
        eventually("the standby is near", 120, || {
            let (kept, lag) = other.report().standby;
            Ok(kept == 1 && lag < 100)
        })
        .unwrap();
    }
    assert_eq!(other.report().alerts, said, "a standby says nothing");
    let killed = Instant::now();
    owner.kill().unwrap();
    // What it had under way when it died is settled, and its session is not over yet.
    std::thread::sleep(Duration::from_secs(1));
    let before = world.committed_in_all("engine").unwrap();
    // Judged by nobody until the other has it.
    sent += send_events(&world, rest.into_iter());
    let mut given = None;
    eventually("the other has committed", 120, || {
        let report = other.report();
        if report.partitions[1] == 1 {
            given.get_or_insert_with(|| killed.elapsed());
        }
        Ok(world.committed_in_all("engine")? > before)
    })
    .unwrap();
    let committed = killed.elapsed();
    eventually("it says from where it went on: the standby, where there is one", 10, || {
        let report = other.report();
        Ok(report.partitions[1] == 1 && report.warm == standby_partitions.min(1))
    })
    .unwrap();
    settled(&world, &other, sent);
    assert!(other.stop().unwrap());
    assert!(intake.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
    let given = given.unwrap_or(committed);
    eprintln!(
        "{test}: {sent} events; the other had the partition after {given:?} and committed after {committed:?}"
    );
}

/// As many as `PLUMBLINE_TEST_EVENTS` says.
fn events() -> f64 {
    std::env::var("PLUMBLINE_TEST_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000.0)
}

#[test]
fn a_standby_goes_on_where_the_dead_owner_had_committed() {
    failover("standby", events(), 1);
}

#[test]
fn without_a_standby_the_log_is_replayed() {
    failover("cold", events(), 0);
}

/// Its partitions are taken away and given back by every rebalance: what it held is what it goes on from.
#[test]
fn an_instance_keeps_its_state_through_a_rebalance() {
    let Some(mut world) = sized("kept", 2) else { return };
    world.config.engine.standby_partitions = 2;
    let named = |world: &World, name: &str| {
        let instance = format!("{}-{name}", world.config.group);
        Config { instance, ..world.config.clone() }
    };
    world.config.kafka.insert("heartbeat.interval.ms".into(), "500".into());
    // Of two companies, so that each partition has something to keep.
    let mut companies = Vec::new();
    for partition in 0..2 {
        let mut names = (0..).map(|n| format!("tenant-{n}"));
        let name = names.find(|name| partition_of(name, 2) == partition).unwrap();
        let spec = Spec { workspace: name.parse().unwrap(), ..trap() };
        world.config.plans.push(configured_plan(&name, &plan_toml(&spec)).unwrap());
        companies.push(spec);
    }
    world.config.intake.clock_every = Duration::from_millis(500);
    let first = host(&named(&world, "one"), "all");
    let sent = companies.iter().map(|spec| crate::engine::send_company(&world, spec)).sum();
    settled(&world, &first, sent);
    let second = host(&named(&world, "two"), "engine");
    eventually("each has one", 60, || {
        let (a, b) = (first.report(), second.report());
        Ok(a.ready && b.ready && a.partitions[1] == 1 && b.partitions[1] == 1)
    })
    .unwrap();
    eventually("the first has kept its own", 10, || Ok(first.report().warm == 1)).unwrap();
    eventually("each follows the other's", 60, || {
        Ok(first.report().standby.0 == 1 && second.report().standby.0 == 1)
    })
    .unwrap();
    assert!(second.stop().unwrap());
    eventually("the first has both", 60, || Ok(first.report().ready && first.report().warm == 2)).unwrap();
    settled(&world, &first, sent);
    assert!(first.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}
