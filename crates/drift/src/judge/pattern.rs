//! Patterns: several targets of one scope that together tell one story.
//!
//! A pattern opens when all its conditions hold. It recovers when every member it needs has: until then the members
//! that still drift would only page again for what is being mended. It is retracted with the first member that is:
//! then the story never was true, and what still drifts speaks for itself again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plumbline_plan::{Condition, Metric, Pattern, Plan, Scope, TargetIndex};
use plumbline_units::Day;

use super::Judge;
use super::assess::Case;
use super::build::Story;
use super::close::{relabelled, ruling_out};
use super::depend::only_slower;
use super::episode::{EpisodeChange, EpisodeKey, Resolution, Transition};
use super::facts::Facts;
use super::life::{Moment, Published};
use super::measure::{Measured, labelled, measure};
use super::verdict::Verdict;

impl Judge {
    pub(crate) fn close_pattern_scope(
        &mut self,
        pattern: &Pattern,
        scope: &Scope,
        now: Moment<'_>,
        facts: &dyn Facts,
    ) -> Vec<EpisodeChange> {
        let label = self.plan.scope_label(scope);
        let key = EpisodeKey::new(&self.plan.name, &pattern.name, &label);
        match self.episodes.remove(&key) {
            None => {
                if self.held(pattern, scope, now) || !self.all_hold(pattern, &label, now.day) {
                    return Vec::new();
                }
                self.open_pattern(pattern, scope, key, now, facts)
            }
            Some(mut episode) => {
                if let Some((resolution, why)) = self.ended(pattern, scope, &label) {
                    let numbers = self.tell(pattern, scope, now, facts).map(|mut numbers| {
                        numbers.summary = why;
                        numbers
                    });
                    return vec![episode.resolve(resolution, numbers, now)];
                }
                let recovering = pattern.all.iter().filter(|c| !c.negated).any(|c| {
                    let track = self.tracks.get(&(c.target, label.clone()));
                    track.and_then(|t| t.latch()).is_some_and(|latch| latch.recovering)
                });
                let run_out = episode.run_out(now.at);
                let episode = episode.settle(recovering, now.at);
                if episode.historical
                    && !now.ctx.historical
                    && let Some(numbers) = self.tell(pattern, scope, now, facts)
                {
                    return vec![self.keep(episode.publish(Transition::Carried, numbers, now))];
                }
                let led_by = leader(&self.plan, pattern, scope).map(|(index, ..)| (index, label));
                let status = led_by.and_then(|key| self.statuses.get(&key));
                let (now_is, heading) = (status.and_then(|s| s.label), status.and_then(|s| s.projected));
                if relabelled(&episode, now_is)
                    && let Some(numbers) = self.tell(pattern, scope, now, facts)
                {
                    return vec![self.keep(episode.relabel(numbers, now))];
                }
                let changes = self.amend_pattern(pattern, scope, episode, now, facts);
                let numbers = |judge: &mut Judge| judge.tell(pattern, scope, now, facts);
                let changes = self.or_outgrown(changes, &key, heading, numbers, now);
                self.or_run_out(changes, &key, run_out, now)
            }
        }
    }

    /// Whether some member cannot be trusted now.
    fn held(&self, pattern: &Pattern, scope: &Scope, now: Moment<'_>) -> bool {
        let members = pattern.all.iter().filter_map(|c| metric(&self.plan, c));
        members.into_iter().any(|metric| now.ctx.held(metric, scope).is_some())
    }

    /// Whether all conditions hold as of `day`. Members that wait for less may have closed later days already: a
    /// drift that they found after `day` does not count yet.
    fn all_hold(&self, pattern: &Pattern, label: &str, day: Day) -> bool {
        let later = |c: &Condition| {
            let track = self.tracks.get(&(c.target, label.to_string()));
            track.and_then(|t| t.latch()).is_some_and(|latch| latch.since > day)
        };
        let trusted = pattern.all.iter().all(|c| {
            let status = self.statuses.get(&(c.target, label.to_string()));
            !status.is_some_and(|s| matches!(s.verdict, Verdict::DataUnhealthy(_)))
        });
        trusted
            && pattern.all.iter().any(|c| !c.negated)
            && pattern.all.iter().all(|c| {
                let slower = only_slower(&self.statuses, c.target, label);
                (self.drifts(c, label) && !later(c) && !slower) != c.negated
            })
    }

    /// Whether a live pattern is over, how, and why in one sentence. It stands and is withdrawn with the member that
    /// leads it: were it to end with each of the others, a drift that lasts would be told as over and opened anew
    /// because one of its costs came back inside the tolerance.
    fn ended(&self, pattern: &Pattern, scope: &Scope, label: &str) -> Option<(Resolution, String)> {
        let needed = || pattern.all.iter().filter(|c| !c.negated);
        let withdrawn = |c: &&Condition| {
            let track = self.tracks.get(&(c.target, label.to_string())).copied().unwrap_or_default();
            !self.drifts(c, label) && track.ended_by_retraction
        };
        let leading = leader(&self.plan, pattern, scope).map(|(.., condition)| condition);
        if let Some(condition) = leading.filter(withdrawn) {
            let name = self.plan.target(condition.target).name.as_str();
            let why =
                format!("Later events brought {name} back inside its tolerance: the pattern never held.");
            return Some((Resolution::Retracted, why));
        }
        let over = needed().all(|c| !self.drifts(c, label));
        over.then(|| {
            (Resolution::Recovered, "The evidence since shows every member back on plan.".to_string())
        })
    }

    /// Whether the condition's target drifts in its direction, whoever tells of it.
    fn drifts(&self, condition: &Condition, label: &str) -> bool {
        let track = self.tracks.get(&(condition.target, label.to_string()));
        track.and_then(|t| t.latch()).is_some_and(|latch| latch.direction == condition.direction)
    }

    fn open_pattern(
        &mut self,
        pattern: &Pattern,
        scope: &Scope,
        key: EpisodeKey,
        now: Moment<'_>,
        facts: &dyn Facts,
    ) -> Vec<EpisodeChange> {
        let Some((opened, measured)) = self.with_story(pattern, scope, now, facts, |story| {
            let verdict = Verdict::Drifting(pattern.severity);
            let episode = story.episode(key, now.day, story.publish(now.at, verdict));
            (episode, story.measured.clone())
        }) else {
            return Vec::new();
        };
        let label = self.plan.scope_label(scope);
        let plan = Arc::clone(&self.plan);
        let members = pattern.all.iter().filter(|c| !c.negated);
        let superseded: Vec<_> = members
            .filter_map(|c| {
                let target = plan.targets.get(usize::from(c.target.0))?;
                self.episodes.remove(&EpisodeKey::new(&plan.name, &target.name, &label))
            })
            .collect();
        let mut episode = opened;
        episode.supersedes = superseded.iter().map(|e| e.key.clone()).collect();
        let mut changes = vec![self.keep(episode.open(now))];
        changes = ruling_out(changes, &measured);
        changes.extend(superseded.into_iter().map(|e| e.resolve(Resolution::Superseded, None, now)));
        changes
    }

    fn tell(
        &mut self,
        pattern: &Pattern,
        scope: &Scope,
        now: Moment<'_>,
        facts: &dyn Facts,
    ) -> Option<Published> {
        let verdict = Verdict::Drifting(pattern.severity);
        self.with_story(pattern, scope, now, facts, |story| story.publish(now.at, verdict))
    }

    /// Measures the member that leads the pattern and hands its story to `tell`.
    pub(crate) fn with_story<T>(
        &mut self,
        pattern: &Pattern,
        scope: &Scope,
        now: Moment<'_>,
        facts: &dyn Facts,
        tell: impl FnOnce(&Story<'_>) -> T,
    ) -> Option<T> {
        let plan = Arc::clone(&self.plan);
        let models = Arc::clone(&self.models);
        let layout = Arc::clone(&self.layout);
        let (index, scoped, condition) = leader(&plan, pattern, scope)?;
        let target = plan.targets.get(usize::from(index.0))?;
        let model = models.get(index, scoped)?;
        let counts = self.counts(facts, scope, now);
        let track = self.tracks.get(&(index, plan.scope_label(scope))).copied().unwrap_or_default();
        let said = self.statuses.get(&(index, plan.scope_label(scope))).and_then(|status| status.label);
        let measured: Measured = measure(&plan, target, model, &counts.series, &track);
        let measured = labelled(measured, model, facts, &counts, &track, said);
        let label = said.or(measured.label);
        let measured = measured.called(label);
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
        let has_cac = |c: &Condition| metric(&plan, c) == Some(Metric::Cac);
        Some(tell(&Story {
            case,
            pattern: Some(pattern),
            measured: &measured,
            direction: condition.direction,
            severity: pattern.severity,
            by_cac: pattern.all.iter().any(|c| !c.negated && has_cac(c)),
        }))
    }
}

/// One page per cause: a member that opened at the very tick at which the pattern took its story over is explained
/// by it from the first. `changes` are all of a day's, in the order in which they are published.
pub fn explain_by_patterns(changes: &mut [EpisodeChange]) {
    let opens = |c: &EpisodeChange| c.transition == Transition::Opened;
    let taken: BTreeMap<_, _> = changes
        .iter()
        .filter(|c| opens(c))
        .flat_map(|c| {
            c.episode.supersedes.iter().map(|member| ((member.clone(), c.at), c.episode.key.clone()))
        })
        .collect();
    let here: BTreeSet<_> =
        changes.iter().filter(|c| opens(c)).map(|c| (c.episode.key.clone(), c.at)).collect();
    for change in changes {
        let which = (change.episode.key.clone(), change.at);
        if let Some(pattern) = taken.get(&which).filter(|_| here.contains(&which)) {
            change.episode.inhibited_by = Some(pattern.clone());
        }
    }
}

/// The member whose numbers lead the pattern: the first conversion that must drift, else the first that must.
fn leader<'a>(
    plan: &Plan,
    pattern: &'a Pattern,
    scope: &Scope,
) -> Option<(TargetIndex, usize, &'a Condition)> {
    let needed = || pattern.all.iter().filter(|c| !c.negated);
    let is_conversion = |c: &&Condition| matches!(metric(plan, c), Some(Metric::Conversion { .. }));
    let condition = needed().find(is_conversion).or_else(|| needed().next())?;
    let target = plan.targets.get(usize::from(condition.target.0))?;
    let scoped = target.scopes.iter().position(|s| s.scope == *scope)?;
    Some((condition.target, scoped, condition))
}

fn metric(plan: &Plan, condition: &Condition) -> Option<Metric> {
    plan.targets.get(usize::from(condition.target.0)).map(|t| t.metric)
}
