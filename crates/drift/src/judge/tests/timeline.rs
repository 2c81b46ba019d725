//! The table language.
//!
//! A story has settings and changes, one a line: `leads 60` (a day), `last 240` (the last day), `seed 1`,
//! `pattern` (the plan has the trap pattern), `by-channel` (it judges conversion as a whole and by channel instead),
//! `live 100` (ticks before that day are historical),
//! `sick 130 140` (ticks whose data cannot be trusted), `day 120: leads x1.2 mql>sql x0.7` (from then on;
//! `x1` puts it right again, `only search` hits that channel alone). What must be published is one line each, in order and complete:
//! `120..140 opened lead-to-won critical`, where the last word is the severity, or the resolution (`*` = any).

use std::sync::Arc;

use plumbline_plan::Scope;
use plumbline_units::{Day, Zone};

use super::super::{EpisodeChange, Hold, Judge, Spoils, TickContext, Transition, explain_by_patterns};
use super::world::{CHANNELS, Factors, World, by_channel, plan};

/// Day 0 of every story.
pub(crate) const START: &str = "2026-01-01";

#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) leads: f64,
    pub(crate) last: i32,
    pub(crate) seed: u64,
    pub(crate) pattern: bool,
    by_channel: bool,
    pub(crate) live: i32,
    sick: std::ops::Range<i32>,
    changes: Vec<(i32, Factors)>,
}

impl Story {
    pub(crate) fn parse(text: &str) -> Story {
        let mut story = Story {
            leads: 60.0,
            last: 200,
            seed: 1,
            pattern: false,
            by_channel: false,
            live: 0,
            sick: 0..0,
            changes: vec![(0, Factors::NONE)],
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| words[at].trim_end_matches(':').parse::<f64>().unwrap();
            match words[0] {
                "leads" => story.leads = number(1),
                "last" => story.last = number(1) as i32,
                "seed" => story.seed = number(1) as u64,
                "pattern" => story.pattern = true,
                "by-channel" => story.by_channel = true,
                "live" => story.live = number(1) as i32,
                "sick" => story.sick = number(1) as i32..number(2) as i32 + 1,
                "day" => {
                    let (_, mut factors) = *story.changes.last().unwrap();
                    for pair in words[2..].chunks(2) {
                        if pair[0] == "only" {
                            factors.only =
                                CHANNELS.iter().zip(0..).find(|(c, _)| **c == pair[1]).map(|c| c.1);
                            continue;
                        }
                        let factor: f64 = pair[1].trim_start_matches('x').parse().unwrap();
                        match pair[0] {
                            "leads" => factors.leads = factor,
                            "spend" => factors.spend = factor,
                            "lags" => factors.lags = factor,
                            "lead>mql" => factors.rates[0] = factor,
                            "mql>sql" => factors.rates[1] = factor,
                            "sql>opportunity" => factors.rates[2] = factor,
                            "opportunity>won" => factors.rates[3] = factor,
                            other => panic!("{other}"),
                        }
                    }
                    story.changes.push((number(1) as i32, factors));
                }
                other => panic!("{other}"),
            }
        }
        story
    }

    pub(crate) fn world(&self) -> World {
        let factors = |day: i32| self.changes.iter().rev().find(|(from, _)| *from <= day).unwrap().1;
        World::new(self.seed, self.leads, START.parse().unwrap(), self.last + 1, factors)
    }

    pub(crate) fn judge(&self) -> Judge {
        let plan = if self.by_channel { by_channel() } else { plan(self.leads, self.pattern) };
        Judge::new(Arc::new(plan))
    }

    /// Closes all targets and patterns for a day.
    pub(crate) fn tick(&self, judge: &mut Judge, world: &World, at: i32) -> Vec<EpisodeChange> {
        let plan = judge.plan();
        let hold = || Hold {
            spoils: Spoils { spend: true, ..Spoils::funnel(plan) },
            scope: Scope::default(),
            why: "crm silent".to_string(),
        };
        let holds = self.sick.contains(&at).then(hold).into_iter().collect();
        let ctx = TickContext {
            historical: at < self.live,
            holds,
            position: Some(i64::from(at)),
            ..TickContext::default()
        };
        self.tick_with(judge, world, at, ctx)
    }

    /// The same in a context of the caller's.
    pub(crate) fn tick_with(
        &self,
        judge: &mut Judge,
        world: &World,
        at: i32,
        ctx: TickContext,
    ) -> Vec<EpisodeChange> {
        let day = START.parse::<Day>().unwrap().plus(at);
        let instant = Zone::UTC.start_of(day.plus(1));
        let mut changes = Vec::new();
        for target in judge.order().to_vec() {
            changes.extend(judge.close_target(target, day, instant, world, &ctx));
        }
        for pattern in 0..usize::from(self.pattern) {
            changes.extend(judge.close_pattern(pattern, day, instant, world, &ctx));
        }
        explain_by_patterns(&mut changes);
        changes
    }
}

/// All that a story makes the judge publish.
pub(crate) fn play(text: &str) -> Vec<EpisodeChange> {
    let story = Story::parse(text);
    let (world, mut judge) = (story.world(), story.judge());
    (0..=story.last).flat_map(|at| story.tick(&mut judge, &world, at)).collect()
}

/// As [`play`], saving and loading the judge every `every` days.
pub(crate) fn play_restarting(text: &str, every: i32) -> Vec<EpisodeChange> {
    let story = Story::parse(text);
    let (world, mut judge) = (story.world(), story.judge());
    let mut changes = Vec::new();
    for at in 0..=story.last {
        changes.extend(story.tick(&mut judge, &world, at));
        if at % every == 0 {
            judge = Judge::load(Arc::clone(judge.plan()), judge.save());
        }
    }
    changes
}

/// One line per change: `133 opened lead-to-won critical`.
pub(crate) fn told(changes: &[EpisodeChange]) -> Vec<String> {
    let start: Day = START.parse().unwrap();
    let line = |c: &EpisodeChange| {
        let subject = c.episode.key.as_str().split('/').nth(1).unwrap().to_string();
        let last = match c.transition {
            Transition::Resolved => c.resolution().unwrap().word().to_string(),
            Transition::Revised => "revised".to_string(),
            _ => format!("{:?}", c.episode.severity).to_lowercase(),
        };
        let inhibited = if c.episode.inhibited_by.is_some() { " inhibited" } else { "" };
        let historical = if c.episode.historical { " historical" } else { "" };
        format!("{} {} {subject} {last}{inhibited}{historical}", c.day.since(start), c.transition.word())
    };
    changes.iter().map(line).collect()
}

/// Plays a story and compares.
#[track_caller]
pub(crate) fn check(story: &str, expected: &str) {
    let told = told(&play(story));
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let fits = |told: &str, expected: &str| {
        let (day, what) = told.split_once(' ').unwrap();
        let (days, wanted) = expected.split_once(' ').unwrap();
        let (from, to) = days.split_once("..").unwrap_or((days, days));
        let day: i32 = day.parse().unwrap();
        let same = |(a, b): (&str, &str)| b == "*" || a == b;
        let same = what.split(' ').count() == wanted.split(' ').count()
            && what.split(' ').zip(wanted.split(' ')).all(same);
        same && (from.parse().unwrap()..=to.parse().unwrap()).contains(&day)
    };
    let same = told.len() == expected.len() && told.iter().zip(&expected).all(|(t, e)| fits(t, e));
    assert!(same, "published:\n  {}\nexpected:\n  {}", told.join("\n  "), expected.join("\n  "));
}
