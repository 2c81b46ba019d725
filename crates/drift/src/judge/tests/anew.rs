//! A judge that goes on and one that reads everything anew at every tick decide alike, whatever becomes of the facts.

use std::sync::Arc;

use plumbline_plan::{Plan, StageIndex};
use plumbline_units::{Day, Share, Zone};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::series::Layout;
use super::super::{Judge, Leaf, Quantity, TickContext};
use super::timeline::{START, Story};
use super::world::{World, plan};
use crate::stat::ScopeSeries;

const LEAD: StageIndex = StageIndex(0);
const MQL: StageIndex = StageIndex(1);
const WON: StageIndex = StageIndex(4);

/// The day on which the plan is revised.
const REVISED: i32 = 120;

/// Some facts of days long closed come late, others are taken back, are erased with all that followed or turn out to
/// be another channel's.
fn rewrite(world: &mut World, rng: &mut StdRng, today: i32) {
    let start: Day = START.parse().unwrap();
    for _ in 0..rng.random_range(0..6) {
        let leaf = rng.random_range(0..2);
        let entry = start.plus(rng.random_range(0..=today));
        let event = entry.plus(rng.random_range(0..20));
        match rng.random_range(0..5) {
            0 => {
                world.add(leaf, Quantity::Entered(LEAD), entry, entry, 1);
                world.add(leaf, Quantity::Entered(MQL), event, event, 1);
                world.add(leaf, Quantity::Converted(LEAD, MQL), entry, event, 1);
            }
            1 => world.add(leaf, Quantity::Spend, entry, entry, rng.random_range(-900..900) * 1_000_000),
            2 => {
                let there = world.cells(leaf, Quantity::Converted(LEAD, WON));
                let (entry, event, _) = there[rng.random_range(0..there.len())];
                world.add(leaf, Quantity::Entered(LEAD), entry, entry, -1);
                for what in [Quantity::Entered(WON), Quantity::WonCount, Quantity::Converted(LEAD, WON)] {
                    let first = if what == Quantity::Entered(WON) { event } else { entry };
                    world.add(leaf, what, first, event, -1);
                }
            }
            kind => {
                let there = world.cells(leaf, Quantity::Converted(LEAD, MQL));
                let (entry, event, _) = there[rng.random_range(0..there.len())];
                let others: &[(Leaf, i64)] =
                    if kind == 3 { &[(leaf, -1)] } else { &[(leaf, -1), (1 - leaf, 1)] };
                for &(leaf, n) in others {
                    world.add(leaf, Quantity::Entered(LEAD), entry, entry, n);
                    world.add(leaf, Quantity::Entered(MQL), event, event, n);
                    world.add(leaf, Quantity::Converted(LEAD, MQL), entry, event, n);
                }
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
            if at == REVISED {
                let mut plan = Plan::clone(judge.plan());
                plan.revision += 1;
                plan.motions[0].transitions[1].base.conversion = Share::from_f64(0.35).unwrap();
                let day = START.parse::<Day>().unwrap().plus(at);
                told += judge.revise(Arc::new(plan), day, Zone::UTC.start_of(day)).len();
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
