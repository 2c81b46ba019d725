//! A judge that goes on and one that reads everything anew at every tick decide alike, whatever becomes of the facts.

use std::sync::Arc;

use plumbline_plan::StageIndex;
use plumbline_units::Day;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::series::Layout;
use super::super::{Judge, Quantity, TickContext};
use super::timeline::{START, Story};
use super::world::{World, plan};
use crate::stat::ScopeSeries;

const LEAD: StageIndex = StageIndex(0);
const MQL: StageIndex = StageIndex(1);

/// Some facts of days long closed come late, others are taken back.
fn rewrite(world: &mut World, rng: &mut StdRng, today: i32) {
    let start: Day = START.parse().unwrap();
    for _ in 0..rng.random_range(0..6) {
        let leaf = rng.random_range(0..2);
        let entry = start.plus(rng.random_range(0..=today));
        let event = entry.plus(rng.random_range(0..20));
        match rng.random_range(0..3) {
            0 => {
                world.add(leaf, Quantity::Entered(LEAD), entry, entry, 1);
                world.add(leaf, Quantity::Entered(MQL), event, event, 1);
                world.add(leaf, Quantity::Converted(LEAD, MQL), entry, event, 1);
            }
            1 => world.add(leaf, Quantity::Spend, entry, entry, rng.random_range(-900..900) * 1_000_000),
            _ => {
                let there = world.cells(leaf, Quantity::Converted(LEAD, MQL));
                let (entry, event, _) = there[rng.random_range(0..there.len())];
                world.add(leaf, Quantity::Entered(LEAD), entry, entry, -1);
                world.add(leaf, Quantity::Entered(MQL), event, event, -1);
                world.add(leaf, Quantity::Converted(LEAD, MQL), entry, event, -1);
            }
        }
    }
}

#[test]
fn going_on_and_reading_everything_anew_are_the_same_whatever_becomes_of_the_facts() {
    let mut told = 0;
    for (seed, story) in (0..).zip([
        "leads 60\nlast 160\nseed 1\npattern\nday 100: leads x1.2 spend x1.68 mql>sql x0.74",
        "leads 20\nlast 160\nseed 2\nday 90: lead>mql x0.6\nday 130: lead>mql x1",
        "leads 40\nlast 140\nseed 3\nby-channel\nday 90: mql>sql x0.5 only search",
        "leads 30\nlast 140\nseed 4\nday 90: lags x1.6",
    ]) {
        let story = Story::parse(story);
        let (mut world, mut judge) = (story.world(), story.judge());
        let mut rng = StdRng::seed_from_u64(seed);
        let mut position = 0;
        for at in 0..=story.last {
            // Now and then the clock leaps, and two days close at one position.
            if rng.random_range(0..9) > 0 {
                position += 1;
                rewrite(&mut world, &mut rng, at);
            }
            let ctx = TickContext { position: Some(position), ..TickContext::default() };
            let mut anew = Judge::load(Arc::clone(judge.plan()), judge.save());
            let fresh = story.tick_with(&mut anew, &world, at, TickContext::default());
            let changes = story.tick_with(&mut judge, &world, at, ctx);
            assert_eq!(changes, fresh, "day {at} of story {seed}");
            assert!(judge.statuses().eq(anew.statuses()), "day {at} of story {seed}");
            assert_eq!(judge.save(), anew.save(), "day {at} of story {seed}");
            told += changes.len();
        }
    }
    assert!(told > 10, "only {told} changes told");
}

/// Bytes on the heap.
fn bytes(series: &ScopeSeries) -> usize {
    fn of<T>(values: &Vec<T>) -> usize {
        values.capacity() * size_of::<T>()
    }
    let stages = series.stages.iter().map(|s| of(&s.counts) + of(&s.inferred) + of(&s.hours));
    let days = of(&series.spend) + of(&series.won) + series.in_time.iter().map(of).sum::<usize>();
    let pairs = series.pairs.iter().map(|p| of(&p.converted)).sum::<usize>();
    stages.sum::<usize>() + days + pairs + series.ages.iter().map(|a| of(&a.cells)).sum::<usize>()
}

#[test]
fn what_is_kept_of_a_scope_from_one_target_to_the_next_takes_some_forty_kilobytes() {
    let story = Story::parse("leads 60\nlast 399");
    let (world, layout) = (story.world(), Layout::new(&plan(60.0, true)));
    let today = START.parse::<Day>().unwrap().plus(399);
    let series = layout.read(&world, &[0, 1], layout.first_day(&world, today), today);
    assert!(series.len() > 250, "{}", series.len());
    assert!((20_000..45_000).contains(&bytes(&series)), "{}", bytes(&series));
}
