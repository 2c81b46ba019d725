//! Closing a tick: measure, move the track, move the episode.

use std::collections::BTreeMap;
use std::sync::Arc;

use plumbline_plan::{Direction, Plan, Scope, Target, TargetIndex};
use plumbline_units::Day;

use super::assess::Case;
use super::build::{Story, drifting};
use super::cost::MeanDeal;
use super::depend::Standing;
use super::episode::{Episode, EpisodeChange, EpisodeKey, Resolution, Revision, RuledOut, Transition};
use super::facts::{Facts, Leaf};
use super::life::Moment;
use super::measure::{Measured, dated, labelled, measure, planned};
use super::series::leaves_of;
use super::track::{Latch, Step, Track};
use super::verdict::{Planned, TargetStatus, Verdict};
use super::{Judge, Key, TickContext};
use crate::stat::{Interval, Label, ScopeSeries};

/// Scopes whose counts are kept from one target to the next, some 40 kB each (110 kB with the longest lags); further
/// ones are read again.
const MAX_SHARED: usize = 2_048;

/// What the ticks closed at one log position share.
pub(crate) struct Shared {
    /// The position and the day; `None` shares nothing.
    at: Option<(i64, Day)>,
    /// The first day read.
    first: Day,
    leaves: Arc<[Leaf]>,
    deals: Arc<MeanDeal>,
    counts: BTreeMap<Scope, Arc<Counts>>,
}

/// The counts of one scope as of one tick.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) series: ScopeSeries,
    /// Of the whole workspace.
    pub(crate) deals: Arc<MeanDeal>,
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
        let keys = Arc::clone(&self.keys);
        let Some(key) = keys.get(usize::from(index.0)).and_then(|keys| keys.get(scoped)) else {
            return Vec::new();
        };
        let before = self.tracks.get(key).copied().unwrap_or_default();
        if before.closed.is_some_and(|closed| closed >= now.day) {
            return Vec::new();
        }
        // Nothing is called anything unless it drifts.
        let said = before.latch().and_then(|_| self.statuses.get(key)?.label);
        let episode = EpisodeKey::new(&plan.name, &target.name, &key.1);
        let Some(model) = models.get(index, scoped) else {
            self.remember((key, scoped), Track { closed: Some(now.day), ..before }, Found::NO_PLAN, now);
            return self.run_out(&episode, now);
        };
        let plan_value = Some(planned(target, model));
        if let Some(why) = now.ctx.held(target.metric, scope) {
            let found = Found {
                verdict: Verdict::DataUnhealthy(why.to_string()),
                direction: before.latch().map(|latch| latch.direction),
                label: said,
                plan: plan_value,
                ..Found::NO_PLAN
            };
            self.remember((key, scoped), Track { closed: Some(now.day), ..before }, found, now);
            return self.run_out(&episode, now);
        }
        let counts = self.counts(facts, scope, now);
        let measured = measure(&plan, target, model, &counts.series, &before);
        let measured = labelled(measured, model, facts, &counts, &before, said);
        let (track, label) = before.label(said, measured.label);
        let measured = measured.called(label);
        let (after, step, verdict) = track.step(&measured.reading, now.day);
        let verdict = dated(verdict, target.metric, &counts.series);
        let found = Found {
            verdict: verdict.clone(),
            direction: after.latch().map(|latch| latch.direction),
            label: measured.label.filter(|_| after.latch().is_some()),
            plan: plan_value,
            projected: measured.heading(),
            observed: measured.observed,
            log_e: measured.evidence.as_ref().map(|e| e.log_e),
        };
        self.remember((key, scoped), after, found, now);
        let layout = Arc::clone(&self.layout);
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
            deals: &counts.deals,
        };
        let changes = self.follow(&case, &key.1, (before, after, step), verdict, &measured, now);
        ruling_out(changes, &measured)
    }

    fn remember(&mut self, (key, scoped): (&Key, usize), track: Track, found: Found, now: Moment<'_>) {
        match self.tracks.get_mut(key) {
            Some(known) => *known = track,
            None => _ = self.tracks.insert(key.clone(), track),
        }
        if let Some(status) = self.statuses.get_mut(key) {
            found.tell(status, now);
        } else if let Some(mut status) = blank(&self.plan, key, scoped, now) {
            found.tell(&mut status, now);
            self.statuses.insert(key.clone(), status);
        }
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
            (Some(latch), Some(mut episode)) => {
                let run_out = episode.run_out(now.at);
                let episode = episode.settle(latch.recovering, now.at);
                let by = self.inhibitor(case, measured, &episode, false, now);
                let transition = match step {
                    _ if episode.historical && !now.ctx.historical => Some(Transition::Carried),
                    Step::Worsened => Some(Transition::Escalated),
                    Step::Eased => Some(Transition::Deescalated),
                    _ => None,
                };
                let numbers = || story(latch).publish(now.at, drifting(latch));
                let changes = match transition {
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
                    None => {
                        // What another episode explains tells its numbers there.
                        let heading = measured.heading().filter(|_| by.is_none());
                        let changes = self.amend(case, label, (episode, *latch), measured, now);
                        self.or_outgrown(changes, &key, heading, |_| Some(numbers()), now)
                    }
                };
                self.or_run_out(changes, &key, run_out, now)
            }
        }
    }

    /// What a tick tells of an episode; where that is nothing, that its acknowledgement has run out.
    pub(crate) fn or_run_out(
        &mut self,
        mut changes: Vec<EpisodeChange>,
        key: &EpisodeKey,
        run_out: Option<Revision>,
        now: Moment<'_>,
    ) -> Vec<EpisodeChange> {
        if changes.is_empty()
            && let (Some(episode), Some(revision)) = (self.episodes.get_mut(key), run_out)
        {
            changes.push(episode.tell(revision, now));
        }
        changes
    }

    /// Lets the words on an episode run out that otherwise stands still.
    fn run_out(&mut self, key: &EpisodeKey, now: Moment<'_>) -> Vec<EpisodeChange> {
        let run_out = self.episodes.get_mut(key).and_then(|episode| episode.run_out(now.at));
        self.or_run_out(Vec::new(), key, run_out, now)
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
    fn leaves_of(&mut self, facts: &dyn Facts, all: &[Leaf], scope: &Scope) -> Vec<Leaf> {
        if !self.leaves.contains_key(scope) {
            self.leaves.insert(scope.clone(), (0, Vec::new()));
        }
        let Some((seen, found)) = self.leaves.get_mut(scope) else { return Vec::new() };
        found.extend(leaves_of(facts, all.get(*seen..).unwrap_or(&[]), scope));
        *seen = all.len();
        found.clone()
    }

    /// The counts of a scope as of the tick, shared by the ticks closed at one log position.
    pub(crate) fn counts(&mut self, facts: &dyn Facts, scope: &Scope, now: Moment<'_>) -> Arc<Counts> {
        let at = now.ctx.position.map(|position| (position, now.day));
        let shared = match self.shared.take().filter(|shared| at.is_some() && shared.at == at) {
            Some(shared) => shared,
            None => Shared {
                at,
                first: self.layout.first_day(facts, now.day),
                leaves: facts.leaves().into(),
                deals: Arc::default(),
                counts: BTreeMap::new(),
            },
        };
        let shared = self.shared.insert(shared);
        if let Some(counts) = shared.counts.get(scope) {
            return Arc::clone(counts);
        }
        let (all, first, deals) = (Arc::clone(&shared.leaves), shared.first, Arc::clone(&shared.deals));
        let leaves = self.leaves_of(facts, &all, scope);
        let mut series = self.layout.read(facts, &leaves, first, now.day);
        series.unrecorded.clone_from(&now.ctx.unrecorded);
        let counts = Arc::new(Counts { leaves, series, deals });
        if let Some(shared) = self.shared.as_mut().filter(|s| s.counts.len() < MAX_SHARED) {
            shared.counts.insert(scope.clone(), Arc::clone(&counts));
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

/// What a tick finds of one target in one scope, for its status.
struct Found {
    verdict: Verdict,
    direction: Option<Direction>,
    label: Option<Label>,
    plan: Option<Planned>,
    projected: Option<Interval>,
    observed: Option<f64>,
    log_e: Option<f64>,
}

impl Found {
    const NO_PLAN: Found = Found {
        verdict: Verdict::NoPlan,
        direction: None,
        label: None,
        plan: None,
        projected: None,
        observed: None,
        log_e: None,
    };

    /// Tells it in a status, whose names stay as they are.
    fn tell(self, status: &mut TargetStatus, now: Moment<'_>) {
        let Found { verdict, direction, label, plan, projected, observed, log_e } = self;
        (status.day, status.at) = (now.day, now.at);
        (status.verdict, status.direction, status.label) = (verdict, direction, label);
        (status.plan, status.projected) = (plan, projected);
        (status.observed, status.log_e) = (observed, log_e);
    }
}

/// A status with everything but what a tick finds.
fn blank(plan: &Plan, (index, label): &Key, scoped: usize, now: Moment<'_>) -> Option<TargetStatus> {
    let target = plan.targets.get(usize::from(index.0))?;
    Some(TargetStatus {
        target: *index,
        name: target.name.to_string(),
        metric: target.metric.word().to_string(),
        scope: target.scopes.get(scoped)?.scope.clone(),
        scope_label: label.clone(),
        day: now.day,
        at: now.at,
        verdict: Verdict::NoPlan,
        direction: None,
        label: None,
        plan: None,
        projected: None,
        observed: None,
        log_e: None,
        threshold: threshold(plan, target),
    })
}

/// The e-value that opens an episode of the target.
pub(crate) fn threshold(plan: &Plan, target: &Target) -> f64 {
    365.0 / target.false_alarms_per_year.unwrap_or(plan.false_alarms_per_year).max(1e-6)
}

/// A context for changes that no tick makes.
pub(crate) fn no_tick(historical: bool) -> TickContext {
    TickContext { historical, ..TickContext::default() }
}
