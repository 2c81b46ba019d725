//! What happens to a service that runs: it is asked to end, starved, its disk fills, its clock jumps, its inputs are
//! full of rubbish.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plumbline_simulator::{Spec, generate, plan_toml};
use plumbline_tests::broker::free_ports;
use plumbline_tests::host::{Host, configured_plan};
use plumbline_tests::world::{World, eventually};
use plumbline_units::Timestamp;
use serde_json::json;

use crate::engine::{send_company, send_events, settled, topics_equal_backtest, trap};
use crate::support::{host, send_leads, world};

fn trap_world(test: &str, spec: &Spec) -> Option<World> {
    let mut world = world(test)?;
    world.config.plans = vec![configured_plan("default", &plan_toml(spec)).unwrap()];
    Some(world)
}

/// The program itself, beside ours; `cargo build` makes it.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_pipeline-host")).with_file_name("plumbline");
    assert!(program.exists(), "{} is missing: cargo build -p plumbline", program.display());
    program
}

/// The configuration file of the world.
fn configuration(world: &World, folder: &Path, plan: &str) -> PathBuf {
    let topics = &world.config.topics;
    let named = [
        ("leads", json!(topics.leads)),
        ("opportunities", json!(topics.opportunities)),
        ("spend", json!(topics.spend)),
        ("replay", json!(topics.replay)),
        ("log", json!(topics.log)),
        ("alerts", json!(topics.alerts)),
        ("aggregates", json!(topics.aggregates)),
        ("dead_letters", json!(topics.dead_letters)),
    ];
    let listen = free_ports().unwrap()[0];
    // JSON's strings and lists are TOML's, too.
    let mut text = format!(
        "plan = \"plan.toml\"\ninstance = {}\ngroup = {}\n[kafka]\n\"bootstrap.servers\" = {}\n\
         [intake]\nclock_every = \"1s\"\n[http]\nlisten = \"127.0.0.1:{listen}\"\n[topics]\n",
        json!(world.config.instance),
        json!(world.config.group),
        json!(world.config.kafka["bootstrap.servers"]),
    );
    for (key, value) in named {
        text += &format!("{key} = {value}\n");
    }
    std::fs::write(folder.join("plan.toml"), plan).unwrap();
    let path = folder.join("plumbline.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_service_asked_to_end_amid_a_backlog_ends_well_within_ten_seconds_and_loses_nothing() {
    let spec = Spec { leads_per_day: 250.0, ..trap() };
    let Some(world) = trap_world("sigterm", &spec) else { return };
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(&world, folder.path(), &plan_toml(&spec));
    let sent = send_company(&world, &spec);
    // First amid intake's backlog, then amid the engine's.
    for stage in ["intake", "engine"] {
        let service = Command::new(program())
            .args(["run", "--config"])
            .arg(&configuration)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut service = Ended(service);
        let before = world.committed_in_all(stage).unwrap();
        eventually("it is in the middle of the work", 60, || {
            assert!(service.0.try_wait().unwrap().is_none(), "it runs");
            Ok(world.committed_in_all(stage)? > before)
        })
        .unwrap();
        let (took, status) = terminate(&mut service.0);
        assert!(status.success(), "{status}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        let left = match stage {
            "engine" => world.log_ends().unwrap().iter().sum::<i64>(),
            _ => world.ends(&world.config.topics.leads[0], 3).unwrap().iter().sum(),
        } - world.committed_in_all(stage).unwrap();
        assert!(left > 1_000, "it was amid a backlog: {left} left");
        eprintln!("SIGTERM amid the backlog of {stage}: ended after {took:?}");
    }
    let last = host(&world.config, "all");
    settled(&world, &last, sent);
    assert!(last.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn terminate(service: &mut Child) -> (Duration, ExitStatus) {
    let asked = Instant::now();
    assert!(Command::new("kill").arg(service.id().to_string()).status().unwrap().success());
    let mut status = None;
    eventually("it ends", 60, || {
        status = service.try_wait()?;
        Ok(status.is_some())
    })
    .unwrap();
    (asked.elapsed(), status.unwrap())
}

#[test]
fn a_process_that_is_starved_or_sleeps_through_its_transaction_loses_and_doubles_nothing() {
    let spec = trap();
    let Some(mut world) = trap_world("starved", &spec) else { return };
    world.config.kafka.insert("transaction.timeout.ms".into(), "2000".into());
    world.config.intake.commit_messages = 300;
    world.config.engine.transaction_outputs = 3;
    let sent = send_company(&world, &spec);
    let mut running = host(&world.config, "all");
    eventually("it is at work", 60, || Ok(running.report().accepted > 300)).unwrap();
    let mut restarts = 0;
    let mut supervised = |running: &mut Host| {
        if !running.runs() {
            restarts += 1;
            *running = host(&world.config, "all");
        }
    };
    // A fifth of its time, and now and then longer asleep than a transaction may last; never longer than its session.
    for nap in [300, 300, 4_000, 300, 300, 300, 4_000, 300] {
        supervised(&mut running);
        let _ = running.signal("STOP");
        std::thread::sleep(Duration::from_millis(nap));
        let _ = running.signal("CONT");
        std::thread::sleep(Duration::from_millis(75));
    }
    eventually("all inputs are in the log", 120, || {
        supervised(&mut running);
        Ok(world.log_events()? >= sent)
    })
    .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    supervised(&mut running);
    settled(&world, &running, sent);
    assert!(running.stop().unwrap());
    eprintln!("started again {restarts} times");
    assert!(topics_equal_backtest(&world, sent) > 0);
}

#[test]
fn rubbish_in_bursts_reaches_the_dead_letters_once_each_and_does_not_hold_up_good_events() {
    const RUBBISH: usize = 20_000;
    let Some(mut world) = world("burst") else { return };
    world.config.intake.commit_messages = 1_000;
    let leads = world.config.topics.leads[0].clone();
    for burst in 0..4 {
        for n in 0..RUBBISH / 4 {
            let key = format!("L-{}", n % 100);
            world.send(&leads, key.as_bytes(), format!("{{\"burst\":{burst},{n}").as_bytes(), &[]).unwrap();
        }
        send_leads(&world, burst * 500..(burst + 1) * 500);
    }
    let begun = Instant::now();
    let first = host(&world.config, "all");
    eventually("it is in the middle of it", 60, || Ok(first.report().rejected > 3_000)).unwrap();
    first.kill().unwrap();
    let second = host(&world.config, "all");
    eventually("the good ones are in the log", 60, || Ok(world.log_events()? == 2_000)).unwrap();
    let took = begun.elapsed();
    eventually("everything is read", 60, || world.told_the_end(RUBBISH as u64 + 2_000)).unwrap();
    assert!(second.stop().unwrap());
    eprintln!("2,000 events behind {RUBBISH} pieces of rubbish, one kill between: {took:?}");
    let mut letters: BTreeMap<(i32, i64), u32> = BTreeMap::new();
    world
        .each(&world.config.topics.dead_letters, |letter| {
            let number = |name| letter.header(name).parse::<i64>().unwrap();
            let place = (number("plumbline.source.partition") as i32, number("plumbline.source.offset"));
            *letters.entry(place).or_default() += 1;
        })
        .unwrap();
    assert_eq!(letters.len(), RUBBISH);
    assert_eq!(letters.values().max(), Some(&1), "each once");
}

#[test]
fn a_clock_set_forwards_and_back_is_replayed_as_it_was_told_and_stops_nothing() {
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    let spec = trap();
    let Some(mut world) = trap_world("jumps", &spec) else { return };
    world.config.intake.clock_every = Duration::from_millis(500);
    let events: Vec<_> = generate(&spec).collect();
    let mut running = host(&world.config, "all");
    eventually("it is ready", 60, || Ok(running.report().ready)).unwrap();
    let mut sent = 0;
    let jumps = [0, 3 * HOUR, -26 * HOUR, HOUR / 2, -HOUR / 2, 0];
    for (jump, part) in jumps.into_iter().zip(events.chunks(events.len().div_ceil(jumps.len()))) {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
        let told = |clock: &Timestamp| (clock.millis() - now - jump).abs() < 10 * MINUTE;
        let so_far = world.clocks().unwrap().iter().filter(|at| told(at)).count();
        running.set_clock(jump).unwrap();
        sent += send_events(&world, part.iter().cloned());
        eventually("it goes on", 60, || Ok(world.log_events()? >= sent)).unwrap();
        eventually("the time is told as the clock now stands", 30, || {
            Ok(world.clocks()?.iter().filter(|at| told(at)).count() > so_far)
        })
        .unwrap();
    }
    settled(&world, &running, sent);
    assert!(running.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}

/// A small disk of its own, where mounting is allowed.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_disk_that_fills_while_the_service_runs_costs_checkpoints_and_nothing_else() {
    let Some(disk) = SmallDisk::mount() else {
        // Only root may mount one, and a container may forbid it even to root.
        eprintln!(
            "a small disk cannot be mounted here; files that may not grow stand for it in the next test"
        );
        return;
    };
    let filler = disk.0.path().join("filler");
    checkpoints_cannot_be_written("disk-full", disk.0.path(), |_, full| {
        if !full {
            return std::fs::remove_file(&filler).unwrap();
        }
        // To the last byte.
        let mut file = std::fs::File::create(&filler).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    });
}

#[test]
fn files_that_may_not_grow_cost_checkpoints_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    // Each is begun and torn.
    checkpoints_cannot_be_written("files-limited", folder.path(), |running, full| {
        running.limit_files(full.then_some(1_000)).unwrap();
    });
}

/// The service while `set_full` says that its checkpoints have no room, and after.
fn checkpoints_cannot_be_written(test: &str, folder: &Path, set_full: impl Fn(&Host, bool)) {
    let spec = trap();
    let Some(mut world) = trap_world(test, &spec) else { return };
    world.config.engine.checkpoints = Some(folder.to_owned().into());
    world.config.engine.checkpoint_every = Duration::from_millis(200);
    let events: Vec<_> = generate(&spec).collect();
    let mut parts = events.chunks(events.len().div_ceil(3));
    let mut send = || send_events(&world, parts.next().unwrap_or_default().iter().cloned());
    let mut sent = send();
    let running = host(&world.config, "all");
    let newest = || newest_checkpoint(folder);
    eventually("checkpoints are kept", 60, || Ok(newest() > 0)).unwrap();
    set_full(&running, true);
    let before = newest();
    sent += send();
    settled(&world, &running, sent);
    // One may have been written in the moment before.
    let stuck = newest();
    sent += send();
    settled(&world, &running, sent);
    assert_eq!(newest(), stuck, "none could be written (the last before was {before})");
    set_full(&running, false);
    eventually("checkpoints are kept again", 60, || Ok(newest() > stuck)).unwrap();
    running.kill().unwrap();
    let again = host(&world.config, "all");
    settled(&world, &again, sent);
    assert!(again.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > 0);
}

/// The highest position of all whole checkpoints; 0 where there is none.
fn newest_checkpoint(folder: &Path) -> i64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let positions = entries.map(|entry| match entry.path() {
        path if path.is_dir() => newest_checkpoint(&path),
        path if path.extension().is_some_and(|e| e == "checkpoint") => {
            path.file_stem().and_then(|s| s.to_str()?.parse().ok()).unwrap_or(0)
        }
        _ => 0,
    });
    positions.max().unwrap_or(0)
}
