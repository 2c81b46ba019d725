//! Closing a tick: measure, move the track, move the episode.

use std::sync::Arc;

use plumbline_plan::{Plan, Target, TargetIndex};
use plumbline_units::{Day, Timestamp};

use super::assess::Case;
use super::build::{Story, drifting};
use super::depend::Standing;
use super::episode::{Episode, EpisodeChange, EpisodeKey, Resolution, RuledOut, Transition};
use super::facts::{Facts, Leaf};
use super::life::Moment;
use super::measure::{Measured, dated, labelled, measure, planned};
use super::series::leaves_of;
use super::track::{Latch, Step, Track};
use super::verdict::{TargetStatus, Verdict};
use super::{Judge, TickContext};
use crate::stat::{Label, ScopeSeries};

/// Scopes whose counts are kept from one target to the next, some 20 kB each; further ones are read again.
const MAX_SHARED: usize = 2_048;

/// The counts of one scope as of one tick.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) series: ScopeSeries,
}

impl Judge {
    pub(crate) fn close_scope(
        &mut self,
        (index, scoped): (TargetIndex, usize),
        now: Moment<'_>,
        facts: &dyn Facts,
    ) -> Vec<EpisodeChange> {
        let plan = Arc::clone(&self.plan);
        let models = Arc::clone(&self.models);
        let Some(target) = plan.targets.get(usize::from(index.0)) else { return Vec::new() };
        let Some(scope) = target.scopes.get(scoped).map(|s| &s.scope) else { return Vec::new() };
        let key = (index, plan.scope_label(scope));
        let before = self.tracks.get(&key).copied().unwrap_or_default();
        if before.closed.is_some_and(|closed| closed >= now.day) {
            return Vec::new();
        }
        let said = self.statuses.get(&key).and_then(|status| status.label);
        let mut status = blank(&plan, (index, target), &key.1, scoped, now.day, now.at);
        let Some(model) = models.get(index, scoped) else {
            self.remember(key, Track { closed: Some(now.day), ..before }, status);
            return Vec::new();
        };
        status.plan = Some(planned(target, model));
        if let Some(why) = now.ctx.held(target.metric, scope) {
            status.verdict = Verdict::DataUnhealthy(why.to_string());
            status.direction = before.latch().map(|latch| latch.direction);
            status.label = said;
            self.remember(key, Track { closed: Some(now.day), ..before }, status);
            return Vec::new();
        }
        let counts = self.counts(facts, scope, now);
        let layout = self.layout.clone();
        let case = Case {
            plan: &plan,
            models: &models,
            layout: &layout,
            facts,
            index,
            target,
            scope,
            model,
            leaves: &counts.leaves,
            series: &counts.series,
        };
        let measured = measure(&plan, target, model, &counts.series, &before);
        let measured = labelled(measured, model, facts, &counts, &before, said);
        let (track, label) = before.label(said, measured.label);
        let measured = measured.called(label);
        let (after, step, verdict) = track.step(&measured.reading, now.day);
        let verdict = dated(verdict, target.metric, &counts.series);
        status.verdict = verdict.clone();
        status.direction = after.latch().map(|latch| latch.direction);
        status.label = measured.label.filter(|_| after.latch().is_some());
        status.projected = measured.heading();
        status.observed = measured.observed;
        status.log_e = measured.evidence.as_ref().map(|e| e.log_e);
        let label = key.1.clone();
        self.remember(key, after, status);
        let changes = self.follow(&case, &label, (before, after, step), verdict, &measured, now);
        ruling_out(changes, &measured)
    }

    fn remember(&mut self, key: (TargetIndex, String), track: Track, status: TargetStatus) {
        self.tracks.insert(key.clone(), track);
        self.statuses.insert(key, status);
    }

    /// Moves the target's own episode after its track has moved.
    fn follow(
        &mut self,
        case: &Case<'_>,
        label: &str,
        (before, after, step): (Track, Track, Step),
        verdict: Verdict,
        measured: &Measured,
        now: Moment<'_>,
    ) -> Vec<EpisodeChange> {
        let key = EpisodeKey::new(&case.plan.name, &case.target.name, label);
        let story = |latch: &Latch| Story {
            case: *case,
            pattern: None,
            measured,
            direction: latch.direction,
            severity: latch.severity,
            by_cac: false,
        };
        match (after.latch(), self.episodes.remove(&key)) {
            (None, None) => Vec::new(),
            (None, Some(episode)) => {
                let retracted = step == Step::Retracted;
                let resolution = if retracted { Resolution::Retracted } else { Resolution::Recovered };
                let numbers = before.latch().map(|latch| story(latch).conclude(now.at, verdict, retracted));
                vec![episode.resolve(resolution, numbers, now)]
            }
            (Some(latch), None) => {
                if self.standing_covers(case.index, label) {
                    return Vec::new();
                }
                let story = story(latch);
                let mut episode = story.episode(key, now.day, story.publish(now.at, drifting(latch)));
                episode.inhibited_by = self.inhibitor(case, measured, &episode, true, now);
                vec![self.keep(episode.open(now))]
            }
            (Some(latch), Some(episode)) => {
                let episode = episode.settle(latch.recovering, now.at);
                let by = self.inhibitor(case, measured, &episode, false, now);
                let transition = match step {
                    _ if episode.historical && !now.ctx.historical => Some(Transition::Carried),
                    Step::Worsened => Some(Transition::Escalated),
                    Step::Eased => Some(Transition::Deescalated),
                    _ => None,
                };
                let numbers = || story(latch).publish(now.at, drifting(latch));
                match transition {
                    Some(transition) => {
                        let mut episode = episode;
                        episode.inhibited_by = by;
                        vec![self.keep(episode.publish(transition, numbers(), now))]
                    }
                    None if by != episode.inhibited_by => {
                        vec![self.keep(episode.inhibit(by, numbers(), now))]
                    }
                    // What another episode explains is looked up there: its own label is no news.
                    None if by.is_none() && relabelled(&episode, measured.label) => {
                        vec![self.keep(episode.relabel(numbers(), now))]
                    }
                    None => self.amend(case, label, (episode, *latch), measured, now),
                }
            }
        }
    }

    /// Holds an episode that goes on.
    pub(crate) fn keep(&mut self, (episode, change): (Episode, EpisodeChange)) -> EpisodeChange {
        self.episodes.insert(episode.key.clone(), episode);
        change
    }

    /// The episode that explains this one: a dependency's, or that of a scope around or inside it. Never one that is
    /// itself explained by this one: somebody must speak.
    fn inhibitor(
        &mut self,
        case: &Case<'_>,
        measured: &Measured,
        episode: &Episode,
        opening: bool,
        now: Moment<'_>,
    ) -> Option<EpisodeKey> {
        let before = episode.inhibited_by.as_ref();
        let dependency =
            self.standing().inhibitor(case.target, case.scope, measured.projection.as_ref(), before);
        dependency
            .or_else(|| self.kin_inhibitor(case, measured, before, opening, now))
            .filter(|key| !self.leads_to(key, &episode.key))
    }

    pub(crate) fn standing(&self) -> Standing<'_> {
        Standing {
            plan: &self.plan,
            tracks: &self.tracks,
            episodes: &self.episodes,
            statuses: &self.statuses,
        }
    }

    fn standing_covers(&self, target: TargetIndex, label: &str) -> bool {
        self.standing().covered_by(target, label).is_some()
    }

    /// The leaves of a scope, ascending. Only those that are new since the last look are asked: else each tick would
    /// try every leaf on every scope.
    fn leaves_of(&mut self, facts: &dyn Facts, scope: &plumbline_plan::Scope) -> Vec<Leaf> {
        let all = facts.leaves();
        let (seen, found) = self.leaves.entry(scope.clone()).or_default();
        found.extend(leaves_of(facts, all.get(*seen..).unwrap_or(&[]), scope));
        *seen = all.len();
        found.clone()
    }

    /// The counts of a scope as of the tick, shared by the ticks closed at one log position.
    pub(crate) fn counts(
        &mut self,
        facts: &dyn Facts,
        scope: &plumbline_plan::Scope,
        now: Moment<'_>,
    ) -> Arc<Counts> {
        let at = now.ctx.position.map(|position| (position, now.day));
        if self.shared_at != at {
            self.shared.clear();
            self.shared_at = at;
        }
        if let Some(counts) = self.shared.get(scope) {
            return Arc::clone(counts);
        }
        let leaves = self.leaves_of(facts, scope);
        let first = self.layout.first_day(facts, now.day);
        let series = self.layout.read(facts, &leaves, first, now.day);
        let counts = Arc::new(Counts { leaves, series });
        if at.is_some() && self.shared.len() < MAX_SHARED {
            self.shared.insert(scope.clone(), Arc::clone(&counts));
        }
        counts
    }
}

/// Whether an episode's published label no longer holds.
pub(crate) fn relabelled(episode: &Episode, label: Option<Label>) -> bool {
    let all = [Label::Conversion, Label::Velocity, Label::ConversionOrVelocity];
    let published = episode.assessment.drift.label.as_str();
    label.is_some_and(|label| label.word() != published && all.iter().any(|known| known.word() == published))
}

/// The changes with what the cycle times rule out.
pub(crate) fn ruling_out(mut changes: Vec<EpisodeChange>, measured: &Measured) -> Vec<EpisodeChange> {
    let known = || RuledOut { what: "velocity".to_string(), detail: "cycle times on plan".to_string() };
    for change in changes.iter_mut().filter(|_| measured.on_pace) {
        change.ruled_out.push(known());
    }
    changes
}

/// A status with everything but what the tick finds.
fn blank(
    plan: &Plan,
    (index, target): (TargetIndex, &Target),
    label: &str,
    scoped: usize,
    day: Day,
    at: Timestamp,
) -> TargetStatus {
    TargetStatus {
        target: index,
        name: target.name.to_string(),
        metric: target.metric.word().to_string(),
        scope: target.scopes[scoped].scope.clone(),
        scope_label: label.to_string(),
        day,
        at,
        verdict: Verdict::NoPlan,
        direction: None,
        label: None,
        plan: None,
        projected: None,
        observed: None,
        log_e: None,
        threshold: 365.0 / target.false_alarms_per_year.unwrap_or(plan.false_alarms_per_year).max(1e-6),
    }
}

/// A context for changes that no tick makes.
pub(crate) fn no_tick(historical: bool) -> TickContext {
    TickContext { historical, ..TickContext::default() }
}
