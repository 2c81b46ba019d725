//! Which other drift explains this one.

use std::collections::BTreeMap;

use plumbline_plan::{Metric, Plan, Scope, Target, TargetIndex};

use super::episode::{Episode, EpisodeKey};
use super::track::Track;
use super::verdict::TargetStatus;
use super::why::ln;
use crate::stat::{Label, Projection};

/// Share of the gap from which a dependency explains a drift.
pub(crate) const EXPLAINS: f64 = 0.8;
/// Share below which it no longer does; the gap keeps inhibition from flickering.
pub(crate) const NO_LONGER: f64 = 0.6;

/// What a search for explanations reads.
pub(crate) struct Standing<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) tracks: &'a BTreeMap<(TargetIndex, String), Track>,
    pub(crate) episodes: &'a BTreeMap<EpisodeKey, Episode>,
    /// How each target stood at its last closed tick.
    pub(crate) statuses: &'a BTreeMap<(TargetIndex, String), TargetStatus>,
}

impl Standing<'_> {
    /// The first dependency whose drift explains enough of the target's gap, as the key of the episode that tells
    /// of it. `before` is what inhibited the target until now.
    pub(crate) fn inhibitor(
        &self,
        target: &Target,
        scope: &Scope,
        projection: Option<&Projection>,
        before: Option<&EpisodeKey>,
    ) -> Option<EpisodeKey> {
        let projection = projection?;
        let gap = ln(projection.value.value / projection.plan);
        for dependency in &target.depends_on {
            let Some(other) = self.plan.targets.get(usize::from(dependency.target.0)) else { continue };
            for scoped in other.scopes.iter().filter(|s| scope.implies(&s.scope)) {
                let label = self.plan.scope_label(&scoped.scope);
                let drifts = self
                    .tracks
                    .get(&(dependency.target, label.clone()))
                    .and_then(Track::latch)
                    .is_some_and(|latch| latch.direction == dependency.direction)
                    && !only_slower(self.statuses, dependency.target, &label);
                let Some(key) = drifts.then(|| self.told_by(dependency.target, &label)).flatten() else {
                    continue;
                };
                let enough = if before == Some(&key) { NO_LONGER } else { EXPLAINS };
                let part = self.part(target, other.metric, dependency.target, &label, projection);
                if gap.abs() > 1e-9 && part / gap >= enough {
                    return Some(key);
                }
            }
        }
        None
    }

    /// The part of the logarithm of the target's gap that the other metric's drift makes.
    fn part(
        &self,
        target: &Target,
        other: Metric,
        index: TargetIndex,
        label: &str,
        projection: &Projection,
    ) -> f64 {
        if let Metric::Conversion { from, to } = other {
            let logs = projection.pairs.iter().filter(|p| p.from >= from.0 && p.to <= to.0);
            let log: f64 = logs.map(|p| ln(p.rate.value / p.plan)).sum();
            return if target.metric == Metric::Cac { -log } else { log };
        }
        let heading = || {
            let status = self.statuses.get(&(index, label.to_string()))?;
            Some(status.projected?.value / status.plan?.value)
        };
        heading().map_or(0.0, ln)
    }

    /// The live episode that tells of a target's drift: its own, or that of a pattern it is a member of.
    pub(crate) fn told_by(&self, target: TargetIndex, label: &str) -> Option<EpisodeKey> {
        let name = &self.plan.targets.get(usize::from(target.0))?.name;
        let own = EpisodeKey::new(&self.plan.name, name, label);
        if self.episodes.contains_key(&own) {
            return Some(own);
        }
        self.covered_by(target, label)
    }

    /// The live episode of a pattern that has taken over the target's story.
    pub(crate) fn covered_by(&self, target: TargetIndex, label: &str) -> Option<EpisodeKey> {
        self.plan
            .patterns
            .iter()
            .filter(|p| p.all.iter().any(|c| c.target == target && !c.negated))
            .map(|p| EpisodeKey::new(&self.plan.name, &p.name, label))
            .find(|key| self.episodes.contains_key(key))
    }
}

/// Whether a target's drift is known to be one of pace: what comes later is not lost, and explains no other drift.
pub(crate) fn only_slower(
    statuses: &BTreeMap<(TargetIndex, String), TargetStatus>,
    target: TargetIndex,
    label: &str,
) -> bool {
    let status = statuses.get(&(target, label.to_string()));
    status.is_some_and(|status| status.label == Some(Label::Velocity))
}

/// The targets such that each comes after those it depends on, else in plan order. (Plans are acyclic; what a
/// cycle would leave comes last, in plan order.)
pub(crate) fn order(plan: &Plan) -> Vec<TargetIndex> {
    let mut order: Vec<TargetIndex> = Vec::new();
    let all: Vec<TargetIndex> = (0u16..).take(plan.targets.len()).map(TargetIndex).collect();
    loop {
        let ready = all.iter().zip(&plan.targets).find(|(index, target)| {
            !order.contains(index) && target.depends_on.iter().all(|d| order.contains(&d.target))
        });
        match ready {
            Some((&index, _)) => order.push(index),
            None => break,
        }
    }
    let rest: Vec<TargetIndex> = all.into_iter().filter(|index| !order.contains(index)).collect();
    order.extend(rest);
    order
}
