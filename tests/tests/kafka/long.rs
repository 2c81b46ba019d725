//! Runs that can be as long as one likes: `PLUMBLINE_TEST_EVENTS` says over how many events, `PLUMBLINE_TEST_ROUNDS`
//! through how many rounds of faults, `PLUMBLINE_SEED` which of them when. The usual run is short.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plumbline_pipeline::{Config, ResetFrom};
use plumbline_simulator::{Generated, Spec, generate, plan_toml};
use plumbline_tests::broker::Broker;
use plumbline_tests::host::{Host, configured_plan};
use plumbline_tests::world::{World, eventually};

use crate::engine::{send_events, settled, topics_equal_backtest, trap};
use crate::many::EVENTS_PER_LEAD;
use crate::network::own_brokers;
use crate::support::host;

const LOG_PARTITIONS: i32 = 8;

fn number(name: &str, fallback: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(fallback)
}

/// So many companies with so many events together, each event's neighbours from others.
fn companies(world: &mut World, workspaces: u64, events: u64) -> impl Iterator<Item = Generated> + use<> {
    let leads = events as f64 / EVENTS_PER_LEAD / f64::from(trap().days) / workspaces as f64;
    let mut streams = Vec::new();
    for n in 0..workspaces {
        let workspace = format!("tenant-{n}").parse().unwrap();
        let spec = Spec { workspace, seed: n, leads_per_day: leads, ..trap() };
        world.config.plans.push(configured_plan(spec.workspace.as_str(), &plan_toml(&spec)).unwrap());
        streams.push(generate(&spec).collect::<Vec<_>>().into_iter());
    }
    let mut at = 0;
    std::iter::from_fn(move || {
        for _ in 0..streams.len() {
            at = (at + 1) % streams.len();
            if let Some(event) = streams[at].next() {
                return Some(event);
            }
        }
        None
    })
}

/// One after another, from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    BrokerCrash,
    /// A third instance comes, and goes once it has its share: two rebalances at least.
    ComeAndGo,
    /// Longer than its session, until the other has its share, too; then it comes back: two rebalances at least.
    Sleep,
}

/// In each round ten kills, a broker crash, an instance that comes and goes, and one that sleeps.
fn faults(dice: &mut Dice, rounds: usize) -> Vec<Fault> {
    let kinds = [(Fault::Kill, 10), (Fault::BrokerCrash, 1), (Fault::ComeAndGo, 1), (Fault::Sleep, 1)];
    let mut faults: Vec<Fault> = kinds.iter().flat_map(|(fault, n)| vec![*fault; n * rounds]).collect();
    for at in (1..faults.len()).rev() {
        faults.swap(at, dice.below(at as u64 + 1) as usize);
    }
    faults
}

/// Instances under a supervisor that starts again whatever has ended.
struct Supervised(Vec<(Config, Host)>);

impl Supervised {
    fn start(configs: impl IntoIterator<Item = Config>) -> Supervised {
        Supervised(configs.into_iter().map(|config| (config.clone(), host(&config, "all"))).collect())
    }

    fn look(&mut self) {
        for (config, running) in &mut self.0 {
            if !running.runs() {
                *running = host(config, "all");
            }
        }
    }

    /// Waits until this one has a share of the log and judges it.
    fn is_at_work(&mut self, at: usize) {
        eventually("it has a share of the log", 240, || {
            self.look();
            let report = self.0[at].1.report();
            Ok(report.ready && report.partitions[1] > 0)
        })
        .unwrap();
    }

    /// Waits until this one has the whole log.
    fn is_alone(&mut self, at: usize) {
        eventually("it has the whole log", 240, || {
            self.look();
            let report = self.0[at].1.report();
            Ok(report.ready && report.partitions[1] == LOG_PARTITIONS as usize)
        })
        .unwrap();
    }

    /// How often the group has given this one log partitions, since its process was started.
    fn given(&self, at: usize) -> u64 {
        self.0[at].1.report().assignments[1]
    }

    fn own_everything(&mut self) -> bool {
        self.look();
        let reports = self.0.iter().map(|(_, host)| host.report());
        let (ready, owned) = reports.fold((true, 0), |(ready, n), r| (ready && r.ready, n + r.partitions[1]));
        ready && owned == LOG_PARTITIONS as usize
    }
}

/// Of an instance that was given partitions so often before and after; one that was started anew meanwhile counts from
/// nothing, so that this is the least there were.
fn rebalances_since(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

#[test]
fn nothing_is_lost_or_doubled_through_rounds_of_kills_broker_crashes_rebalances_and_sleeps() {
    if !own_brokers("rounds") {
        return;
    }
    let (events, seed) = (number("PLUMBLINE_TEST_EVENTS", 60_000), number("PLUMBLINE_SEED", 1));
    let rounds = number("PLUMBLINE_TEST_ROUNDS", 1);
    eprintln!("{events} events, {rounds} rounds, PLUMBLINE_SEED={seed}");
    let begun = Instant::now();
    let mut broker = Broker::start_own().unwrap();
    let mut world = World::sized(broker.address(), "long", LOG_PARTITIONS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    world.config.intake.clock_every = Duration::from_secs(1);
    world.config.kafka.insert("session.timeout.ms".into(), "6000".into());
    world.config.kafka.insert("heartbeat.interval.ms".into(), "1000".into());
    world.config.engine.standby_partitions = LOG_PARTITIONS as usize;
    world.config.engine.checkpoint_every = Duration::from_secs(2);
    let mut stream = companies(&mut world, 16, events);
    let named = |name: &str| {
        let mut config = world.config.clone();
        config.instance = format!("{}-{name}", config.group);
        config.engine.checkpoints = Some(folder.path().join(name).into());
        config
    };
    let mut dice = Dice(seed);
    let faults = faults(&mut dice, rounds as usize);
    let slice = events as usize / faults.len();
    let mut running = Supervised::start([named("a"), named("b")]);
    let (mut sent, mut rebalances) = (0, 0);
    for (number, fault) in faults.iter().enumerate() {
        sent += send_events(&world, stream.by_ref().take(slice));
        std::thread::sleep(Duration::from_millis(200 + dice.below(2_000)));
        running.look();
        let victim = dice.below(2) as usize;
        match fault {
            Fault::Kill => {
                // One that has no work yet would lose nothing.
                running.is_at_work(victim);
                let (config, victim) = running.0.remove(victim);
                victim.kill().unwrap();
                running.0.push((config.clone(), host(&config, "all")));
            }
            Fault::BrokerCrash => broker.crash_and_restart().unwrap(),
            Fault::ComeAndGo => {
                running.is_at_work(0);
                let before = running.given(0);
                running.0.push((named("c"), host(&named("c"), "all")));
                running.is_at_work(2);
                if let Some((_, third)) = running.0.pop() {
                    assert!(third.stop().unwrap());
                }
                eventually("its share is taken over", 240, || Ok(running.own_everything())).unwrap();
                rebalances += rebalances_since(before, running.given(0));
            }
            Fault::Sleep => {
                running.is_at_work(victim);
                let other = 1 - victim;
                let before = running.given(other);
                running.0[victim].1.signal("STOP").unwrap();
                running.is_alone(other);
                running.0[victim].1.signal("CONT").unwrap();
                // It still says what it had: the other knows when it has given up some.
                eventually("its share comes back", 240, || {
                    running.look();
                    Ok(running.0[other].1.report().partitions[1] < LOG_PARTITIONS as usize)
                })
                .unwrap();
                eventually("both are at work", 240, || Ok(running.own_everything())).unwrap();
                rebalances += rebalances_since(before, running.given(other));
            }
        }
        if number % 10 == 9 {
            eprintln!("{} faults after {:?}, {sent} events", number + 1, begun.elapsed());
        }
    }
    sent += send_events(&world, stream);
    eprintln!(
        "all {} faults, at least {rebalances} rebalances, done after {:?}",
        faults.len(),
        begun.elapsed()
    );
    eventually("everything is in the log", 1_200, || {
        running.look();
        Ok(world.intake_committed()? == sent as i64)
    })
    .unwrap();
    // A clock record tells of the inputs of one instance: the last one's tells of all.
    while running.0.len() > 1 {
        running.look();
        if let Some((_, second)) = running.0.pop() {
            assert!(second.stop().unwrap());
        }
    }
    eventually("one has everything", 120, || Ok(running.own_everything())).unwrap();
    for (_, last) in running.0 {
        settled(&world, &last, sent);
        assert!(last.stop().unwrap());
    }
    eprintln!("settled after {:?}; comparing", begun.elapsed());
    let alerts = topics_equal_backtest(&world, sent);
    assert!(alerts > 0);
    eprintln!(
        "{sent} events, {alerts} alerts: none lost, none doubled, equal to backtest; {:?}",
        begun.elapsed()
    );
}

/// The same log judged by one instance and by two.
#[test]
fn two_instances_judge_a_log_of_64_workspaces_as_one_does() {
    if !own_brokers("scaling") {
        return;
    }
    let events = number("PLUMBLINE_TEST_EVENTS", 60_000);
    // A new group waits for all its members, so that none has judged everything before the next is there.
    let together = "group.initial.rebalance.delay.ms=3000\n";
    let broker = Broker::start_with(&[], |_, _| Ok(together.to_owned())).unwrap();
    let mut world = World::sized(broker.address(), "scale", LOG_PARTITIONS).unwrap();
    world.config.intake.clock_every = Duration::from_secs(1);
    let stream = companies(&mut world, 64, events);
    let sent = send_events(&world, stream);
    let intake = host(&world.config, "intake");
    let begun = Instant::now();
    eventually("everything is in the log", 1_200, || Ok(world.intake_committed()? == sent as i64)).unwrap();
    eprintln!("intake: {sent} events in {:?}", begun.elapsed());
    eventually("and the log is told so", 60, || world.told_the_end(sent)).unwrap();
    assert!(intake.stop().unwrap());
    // Once for the plans and the epoch, which the first judge writes into the log.
    let first = host(&world.config, "engine");
    judged(&world, &[&first]);
    assert!(first.stop().unwrap());
    let mut outcomes = Vec::new();
    for instances in [1, 2] {
        let mut other = World::sized(broker.address(), &format!("by-{instances}"), LOG_PARTITIONS).unwrap();
        other.config.topics.log.clone_from(&world.config.topics.log);
        other.config.plans.clone_from(&world.config.plans);
        other.config.engine.reset_from = Some(ResetFrom::Earliest);
        let hosts: Vec<Host> = (0..instances)
            .map(|n| {
                host(&Config { instance: format!("by-{instances}-{n}"), ..other.config.clone() }, "engine")
            })
            .collect();
        let each_has_a_share = || hosts.iter().all(|host| host.report().partitions[1] > 0);
        eventually("each has a share of the log", 120, || Ok(each_has_a_share())).unwrap();
        let begun = Instant::now();
        judged(&other, &hosts.iter().collect::<Vec<_>>());
        let took = begun.elapsed();
        assert!(each_has_a_share(), "to the end");
        let alerts: Vec<u64> = hosts.iter().map(|host| host.report().alerts).collect();
        assert!(alerts.iter().all(|alerts| *alerts > 0), "each has judged: {alerts:?} alerts");
        eprintln!("{instances} instances: {:.0} records/s, {took:?}", sent as f64 / took.as_secs_f64());
        for host in hosts {
            assert!(host.stop().unwrap());
        }
        let mut alerts: Vec<_> = other.read(&other.config.topics.alerts).unwrap();
        alerts.iter_mut().for_each(|seen| (seen.partition, seen.offset) = (0, 0));
        // In the order of each log partition; a stable sort keeps it.
        alerts.sort_by_key(|seen| seen.header("plumbline.log.partition").to_owned());
        outcomes.push((alerts, other.aggregates().unwrap()));
    }
    assert!(!outcomes[0].0.is_empty());
    let [one, two] = &outcomes[..] else { panic!("two outcomes") };
    assert_eq!(one.0.len(), two.0.len(), "alerts");
    for (one, two) in one.0.iter().zip(&two.0) {
        assert_eq!(one, two, "alerts byte for byte");
    }
    assert!(one.1 == two.1, "aggregates byte for byte");
    eprintln!("{} alerts and {} aggregates are equal", outcomes[0].0.len(), outcomes[0].1.len());
}

/// Waits until the last record of each partition is judged; markers of transactions may stand behind it.
fn judged(world: &World, hosts: &[&Host]) {
    let mut last = BTreeMap::new();
    world.each(&world.config.topics.log, |seen| _ = last.insert(seen.partition, seen.offset)).unwrap();
    eventually("everything is judged", 1_200, || {
        for (partition, offset) in &last {
            if world.committed("engine", &world.config.topics.log, *partition)? <= *offset {
                return Ok(false);
            }
        }
        Ok(hosts.iter().all(|host| host.report().ready))
    })
    .unwrap();
}
