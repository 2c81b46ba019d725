//! The whole service under seeded faults.
//!
//! `PLUMBLINE_SIMULATION_SEED=17` replays one schedule; `PLUMBLINE_SIMULATION_SCHEDULES=10000` plays that many, from
//! `PLUMBLINE_SIMULATION_FIRST` on.

#![allow(clippy::unwrap_used)]

use plumbline_harness::simulation::{Count, Sabotage, Size, simulate};

/// Schedules of a usual run.
const USUAL: u64 = 30;
/// Seeds of schedules in which something was wrong once.
const FOUND: [u64; 8] = [48, 154, 190, 203, 286, 1631, 3742, 4104];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

/// Plays the seeds, each twice; hands back what happened.
fn play(seeds: impl Iterator<Item = u64>) -> Count {
    let mut sum = Count::default();
    let mut wrong = Vec::new();
    for seed in seeds {
        match (simulate(seed, Size::default()), simulate(seed, Size::default())) {
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
        println!("{:#?}", play(seed..=seed));
        return;
    }
    let first = number("PLUMBLINE_SIMULATION_FIRST").unwrap_or(1);
    let schedules = number("PLUMBLINE_SIMULATION_SCHEDULES").unwrap_or(USUAL);
    let sum = play((first..first + schedules).chain(FOUND));
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
