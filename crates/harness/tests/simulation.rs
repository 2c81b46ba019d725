//! The whole service under seeded faults.
//!
//! `PLUMBLINE_SIMULATION_SEED=17` replays one schedule; `PLUMBLINE_SIMULATION_SCHEDULES=10000` plays that many, from
//! `PLUMBLINE_SIMULATION_FIRST` on. `PLUMBLINE_SIMULATION_UPGRADES=1` replays the one with a program that is replaced
//! meanwhile.

#![allow(clippy::unwrap_used)]

use plumbline_harness::simulation::{Count, Sabotage, Size, simulate};

/// Schedules of a usual run.
const USUAL: u64 = 30;
/// Seeds of schedules in which something was wrong once.
const FOUND: [u64; 8] = [48, 154, 190, 203, 286, 1631, 3742, 4104];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

fn size() -> Size {
    Size { upgrades: number("PLUMBLINE_SIMULATION_UPGRADES").is_some_and(|n| n > 0), ..Size::default() }
}

/// The seeds asked for, or so many.
fn drawn_from(usual: u64) -> std::ops::Range<u64> {
    let first = number("PLUMBLINE_SIMULATION_FIRST").unwrap_or(1);
    first..first + number("PLUMBLINE_SIMULATION_SCHEDULES").unwrap_or(usual)
}

/// Plays the seeds, each twice; hands back what happened.
fn play(seeds: impl Iterator<Item = u64>, size: Size) -> Count {
    let mut sum = Count::default();
    let mut wrong = Vec::new();
    for seed in seeds {
        match (simulate(seed, size), simulate(seed, size)) {
            (Ok(once), Ok(again)) => {
                assert_eq!(once.fingerprint, again.fingerprint, "PLUMBLINE_SIMULATION_SEED={seed}");
                sum.add(&once.count);
            }
            (once, again) => {
                wrong.push(format!("PLUMBLINE_SIMULATION_SEED={seed}: {once:?}"));
                assert_eq!(once, again, "PLUMBLINE_SIMULATION_SEED={seed}: the two runs differ");
            }
        }
        assert!(wrong.len() < 5, "{wrong:#?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    sum
}

#[test]
fn whatever_happens_to_the_instances_everything_is_said_once_and_as_the_log_has_it() {
    if let Some(seed) = number("PLUMBLINE_SIMULATION_SEED") {
        println!("{:#?}", play(seed..=seed, size()));
        return;
    }
    let sum = play(drawn_from(USUAL).chain(FOUND), Size::default());
    println!("{sum:#?}");
    // A fault that is never drawn proves nothing.
    let drawn = [sum.kills, sum.zombies, sum.doubles, sum.timeouts, sum.rebalances, sum.damaged, sum.jumps];
    let more = [
        sum.silences,
        sum.outages,
        sum.expiries,
        sum.bursts,
        sum.revisions,
        sum.restored,
        sum.warm,
        sum.split,
    ];
    assert!(drawn.iter().chain(&more).all(|count| *count > 0), "{sum:#?}");
}

#[test]
fn a_newer_program_takes_over_from_an_older_whatever_happens_and_no_alert_is_orphaned_or_repeated() {
    if number("PLUMBLINE_SIMULATION_SEED").is_some() {
        return;
    }
    let sum = play(drawn_from(24), Size { upgrades: true, ..Size::default() });
    println!("{sum:#?}");
    assert!([sum.takeovers, sum.left, sum.alerts, sum.words].iter().all(|count| *count > 0), "{sum:#?}");
}

#[test]
fn a_broken_rule_is_noticed() {
    for sabotage in
        [Sabotage::Unfenced, Sabotage::OffsetsApart, Sabotage::CheckpointAhead, Sabotage::ForgetsWhatIsOut]
    {
        let size = Size { sabotage: Some(sabotage), ..Size::default() };
        let noticed = (1..=60).find_map(|seed| simulate(seed, size).err());
        assert!(noticed.is_some(), "{sabotage:?} was not noticed");
        println!("{sabotage:?}: {}", noticed.unwrap());
    }
}
