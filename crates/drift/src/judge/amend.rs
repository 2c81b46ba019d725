//! Facts that arrive after a drift was told: the opening tick is looked at again.
//!
//! A closed tick is never decided anew. Looking at it again may revise what was published of it, or show that there
//! was nothing to tell; it never opens anything.

use std::sync::Arc;

use plumbline_plan::{Direction, Metric, Pattern, Scope};
use plumbline_units::Day;
use serde::{Deserialize, Serialize};

use super::assess::Case;
use super::build::{Story, drifting};
use super::cost::MeanDeal;
use super::episode::{Episode, EpisodeChange, EpisodeKey, Resolution, Revision};
use super::facts::Facts;
use super::life::{Moment, Published};
use super::measure::{Measured, back_inside, measure_opening};
use super::track::Latch;
use super::verdict::{Assessment, Verdict};
use super::{Judge, TickContext};
use crate::stat::Interval;

/// What one kind of late fact changed in the days an episode was opened by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amended {
    /// `late`, `merge`, `deletion`, `restatement`, `attribute`.
    pub cause: String,
    /// Counts moved.
    pub counts: u64,
    /// Millionths of the plan's currency moved.
    pub money: u64,
}

/// A published number that moves by more than this is published again.
const MOVED: f64 = 0.05;
/// A gap to the plan that grows or shrinks by more than this part of itself is told again.
const OUTGROWN: f64 = 0.5;

impl Judge {
    /// What late facts make of a target's live episode: a revision, its end, or nothing.
    pub(crate) fn amend(
        &mut self,
        case: &Case<'_>,
        label: &str,
        (mut episode, latch): (Episode, Latch),
        measured: &Measured,
        now: Moment<'_>,
    ) -> Vec<EpisodeChange> {
        let amended = news(now.ctx, &episode.key, made_of_money(case.target.metric));
        if amended.is_empty() {
            return self.unchanged(episode);
        }
        let key = (case.index, label.to_string());
        let Some(track) = self.tracks.get(&key).copied() else { return self.unchanged(episode) };
        let first_day = case.layout.first_day(case.facts, episode.opened_day);
        let series = case.layout.read(case.facts, case.leaves, first_day, episode.opened_day);
        // It keeps the name it has: the opening tick by itself knew less.
        let then = measure_opening(case.plan, case.target, case.model, &series, track.restart);
        let then = then.called(measured.label);
        let stood = stands(case, &then, latch.direction);
        // A drift that the facts of today show was told too early, not wrongly.
        if !stood && !stands(case, measured, latch.direction) {
            let (track, verdict) = track.withdrawn(&measured.reading);
            self.tracks.insert(key.clone(), track);
            if let Some(status) = self.statuses.get_mut(&key) {
                status.verdict = verdict.clone();
                status.direction = None;
                status.label = None;
            }
            let story = story(*case, measured, latch);
            let mut numbers = story.conclude(now.at, verdict, true);
            let cause = cause(&amended, case);
            numbers.summary =
                format!("Facts that came later ({cause}) leave nothing of it: it is withdrawn.");
            return vec![episode.resolve(Resolution::Retracted, Some(numbers), now)];
        }
        let cause = cause(&amended, case);
        // Nor is the mean deal that of today.
        let deals = MeanDeal::new();
        let case = Case { series: &series, deals: &deals, ..*case };
        let first = episode.assessment.day == episode.opened_day;
        // An opening that no longer stands by itself says nothing of how bad it is.
        let told = first && stood;
        let severity = if told { super::track::severity_of(&then.reading) } else { latch.severity };
        let mut latch = latch;
        latch.severity = severity;
        let numbers = story(case, &then, latch).publish(episode.opened_at, drifting(&latch));
        let Some(revision) = material(&episode.opening, &numbers.assessment, first, cause) else {
            return self.unchanged(episode);
        };
        if first && let Some(track) = self.tracks.get_mut(&key) {
            *track = track.latched(latch);
        }
        episode.opening = Box::new(numbers.assessment.clone());
        vec![self.keep(revise(episode, numbers, first, revision, now))]
    }

    /// What a tick tells of an episode; where that is nothing, that it has outgrown what was told of it. `heading` is
    /// where its target is heading now, and `numbers` looks closer.
    pub(crate) fn or_outgrown(
        &mut self,
        changes: Vec<EpisodeChange>,
        key: &EpisodeKey,
        heading: Option<Interval>,
        numbers: impl FnOnce(&mut Judge) -> Option<Published>,
        now: Moment<'_>,
    ) -> Vec<EpisodeChange> {
        let told = self.episodes.get(key).map(|e| (e.assessment.projected, e.assessment.plan.value));
        let now_is = |(told, plan): (Option<Interval>, f64)| Some(apart(told?, heading?, plan));
        let suspected = changes.is_empty() && told.and_then(now_is).unwrap_or(false);
        let Some(numbers) = suspected.then(|| numbers(self)).flatten() else { return changes };
        let Some(episode) = self.episodes.remove(key) else { return changes };
        match outgrown(&episode.assessment, &numbers.assessment) {
            Some(revision) => vec![self.keep(episode.revise(revision, numbers, now))],
            None => self.unchanged(episode),
        }
    }

    /// Holds an episode of which nothing is to be told.
    fn unchanged(&mut self, episode: Episode) -> Vec<EpisodeChange> {
        self.episodes.insert(episode.key.clone(), episode);
        Vec::new()
    }

    /// The same of a pattern's live episode. It ends with its members only.
    pub(crate) fn amend_pattern(
        &mut self,
        pattern: &Pattern,
        scope: &Scope,
        mut episode: Episode,
        now: Moment<'_>,
        facts: &dyn Facts,
    ) -> Vec<EpisodeChange> {
        let metrics = pattern.all.iter().filter_map(|c| self.plan.targets.get(usize::from(c.target.0)));
        let money = metrics.into_iter().any(|target| made_of_money(target.metric));
        let amended = news(now.ctx, &episode.key, money);
        if amended.is_empty() {
            return self.unchanged(episode);
        }
        let opened = Moment { day: episode.opened_day, at: episode.opened_at, ctx: now.ctx };
        let told = self.with_story(pattern, scope, opened, facts, |story| {
            let verdict = Verdict::Drifting(pattern.severity);
            (story.publish(opened.at, verdict), cause(&amended, &story.case))
        });
        let Some((numbers, cause)) = told else { return self.unchanged(episode) };
        let first = episode.assessment.day == episode.opened_day;
        let Some(revision) = material(&episode.opening, &numbers.assessment, first, cause) else {
            return self.unchanged(episode);
        };
        episode.opening = Box::new(numbers.assessment.clone());
        vec![self.keep(revise(episode, numbers, first, revision, now))]
    }
}

fn made_of_money(metric: Metric) -> bool {
    matches!(metric, Metric::Cac | Metric::Spend)
}

/// What late facts changed of what an episode tells. To the funnel, money is no news: its statements come a day
/// later as a rule.
fn news(ctx: &TickContext, episode: &EpisodeKey, money: bool) -> Vec<Amended> {
    let amended = ctx.amended.get(episode).map_or(&[][..], Vec::as_slice);
    if money {
        return amended.to_vec();
    }
    let counts = amended.iter().filter(|a| a.counts > 0);
    counts.map(|a| Amended { money: 0, ..a.clone() }).collect()
}

fn story<'a>(case: Case<'a>, measured: &'a Measured, latch: Latch) -> Story<'a> {
    let Latch { direction, severity, .. } = latch;
    Story { case, pattern: None, measured, direction, severity, by_cac: false }
}

/// Numbers of a later tick stay as they are; those of the opening tick are replaced.
fn revise(
    episode: Episode,
    numbers: Published,
    first: bool,
    revision: Revision,
    now: Moment<'_>,
) -> (Episode, EpisodeChange) {
    let numbers = if first {
        numbers
    } else {
        Published {
            severity: episode.severity,
            assessment: episode.assessment.clone(),
            title: episode.title.clone(),
            summary: episode.summary.clone(),
        }
    };
    episode.revise(revision, numbers, now)
}

/// Whether a reading still shows a drift that was told: with the slack of everything that ends one.
fn stands(case: &Case<'_>, measured: &Measured, direction: Direction) -> bool {
    let reading = &measured.reading;
    let refuted = reading.rejects || reading.watches;
    let outside = measured.projection.as_ref().is_some_and(|projection| {
        !back_inside(case.target, direction, projection.value.value / projection.plan)
    });
    refuted && outside
}

/// The kind of fact that moved most, as a part of all there is.
fn cause(amended: &[Amended], case: &Case<'_>) -> String {
    let journeys: u64 = (0..case.series.len()).map(|i| u64::from(case.series.reached(0, i))).sum();
    let money: u64 = case.series.spend.iter().map(|s| s.unsigned_abs()).sum();
    let part = |moved: u64, of: u64| moved as f64 / of.max(1) as f64;
    let size = |a: &Amended| part(a.counts, journeys) + part(a.money, money);
    let largest = amended.iter().rev().max_by(|a, b| size(a).total_cmp(&size(b)));
    largest.map_or_else(|| "late".to_string(), |a| a.cause.clone())
}

/// The first published field that changed materially: severity, then the day of the onset, then a number that leaves
/// its interval or moves by more than 5%.
fn material(was: &Assessment, is: &Assessment, severity: bool, cause: String) -> Option<Revision> {
    let revision = |field: &str, from: String, to: String| {
        Some(Revision { field: field.to_string(), from, to, cause: cause.clone() })
    };
    let words = |verdict: &Verdict| match verdict {
        Verdict::Drifting(severity) => format!("{severity:?}").to_lowercase(),
        other => other.word().to_string(),
    };
    if severity && was.verdict != is.verdict {
        return revision("severity", words(&was.verdict), words(&is.verdict));
    }
    let onset = |a: &Assessment| a.onset.map_or_else(String::new, |onset| onset.estimate.to_string());
    if onset(was) != onset(is) {
        return revision("onset.estimate", onset(was), onset(is));
    }
    for ((field, from), (_, to)) in numbers(was).into_iter().zip(numbers(is)) {
        let text = |number: Option<Interval>| number.map_or_else(String::new, |n| significant(n.value));
        match (from, to) {
            (None, None) => {}
            (Some(a), Some(b)) if !moved(a, b) => {}
            _ => return revision(field, text(from), text(to)),
        }
    }
    None
}

/// Where the drift has outgrown what was told of it. A drift is told as soon as it is certain, when little is known of
/// its size; where it turns out to be another, people must not go on reading the first guess.
fn outgrown(was: &Assessment, is: &Assessment) -> Option<Revision> {
    let (from, to) = (was.drift.relative, is.drift.relative);
    let factor = |gap: Interval| significant(1.0 + gap.value);
    (was.drift.of == is.drift.of && apart(from, to, 0.0)).then(|| Revision {
        field: "drift.relative".to_string(),
        from: factor(from),
        to: factor(to),
        cause: "evidence".to_string(),
    })
}

/// Whether each of two values lies outside the other's interval, and the gap to the plan has grown or shrunk by more
/// than [`OUTGROWN`] from the one to the other.
fn apart(from: Interval, to: Interval, plan: f64) -> bool {
    let by = (to.value - from.value).abs();
    !from.contains(to.value) && !to.contains(from.value) && by > OUTGROWN * (from.value - plan).abs()
}

fn moved(from: Interval, to: Interval) -> bool {
    let certain = from.low == from.high;
    !certain && !from.contains(to.value) || (to.value - from.value).abs() > MOVED * from.value.abs()
}

/// What is published of a tick, by its name in the alert. A relative effect counts as its factor.
fn numbers(a: &Assessment) -> [(&'static str, Option<Interval>); 5] {
    let exactly = |value: f64| Interval { value, low: value, high: value };
    let Interval { value, low, high } = a.drift.relative;
    [
        ("drift.relative", Some(Interval { value: 1.0 + value, low: 1.0 + low, high: 1.0 + high })),
        ("projected.conversion", a.conversion),
        ("projected.cac", a.cac),
        ("so_far.entered", a.so_far.as_ref().map(|s| exactly(s.entered as f64))),
        ("so_far.actual", a.so_far.as_ref().map(|s| exactly(s.actual))),
    ]
}

/// Three significant digits.
fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_string();
    }
    let digits = 2 - libm::floor(libm::log10(value.abs())) as i32;
    format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
}

impl TickContext {
    /// What late facts changed since the episode's last tick.
    pub fn amend(&mut self, episode: EpisodeKey, amended: Vec<Amended>) {
        Arc::make_mut(&mut self.amended).insert(episode, amended);
    }
}

impl Episode {
    /// The last day whose facts its opening rests on: what changes them later is worth a second look.
    pub fn rests_on(&self) -> Day {
        self.opened_day
    }
}
