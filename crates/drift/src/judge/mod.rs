//! Verdicts and episodes.
//!
//! The [`Judge`] closes ticks: for each target and scope it reads the counts as of the tick, asks the statistics
//! for evidence, and moves the scope's episode. It keeps no count of its own; its state is what it has decided.

mod adopt;
mod amend;
mod assess;
mod build;
mod causes;
mod cells;
mod close;
mod coincident;
mod cost;
mod depend;
mod episode;
mod facts;
mod handoff;
mod hierarchy;
mod hold;
mod life;
mod measure;
mod names;
mod pattern;
mod reports;
mod revise;
mod series;
mod split;
mod text;
mod track;
mod verdict;
mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plumbline_plan::{Metric, Plan, Scope, StageIndex, TargetIndex};
use plumbline_units::{Day, Timestamp};
use serde::{Deserialize, Serialize};

use self::close::{Shared, threshold};
use self::life::Moment;
use self::series::Layout;
use self::track::Track;
use crate::stat::Models;

pub use crate::stat::{Interval, Label, Onset};
pub use adopt::Told;
pub use amend::Amended;
pub use coincident::Coincidence;
pub use episode::{
    Acknowledgement, Episode, EpisodeChange, EpisodeKey, EpisodeState, Resolution, Revision, RuledOut,
    Subject, Transition,
};
pub use facts::{Facts, Leaf, Quantity};
pub use handoff::{Handoff, HandoffShares, HandoffVerdict, Rejection};
pub use hold::{Hold, Spoils};
pub use names::shown;
pub use pattern::explain_by_patterns;
pub use series::scope_series;
pub use verdict::{
    Assessment, Cost, Effect, EvidenceNumbers, InReports, MEASURED_DAYS, Part, PartKind, Planned, SoFar,
    TargetStatus, Unit, Verdict, WatchReason, e_value,
};

/// What the caller knows of a tick beyond its counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickContext {
    /// The tick lies before the plan's `live_from`: its changes are shown, never paged. The first tick of a
    /// target that is not publishes each episode still open once more as carried.
    pub historical: bool,
    /// Which verdicts cannot be trusted now. Their episodes stand still meanwhile.
    pub holds: Vec<Hold>,
    /// Stages that no event speaks of: what reached them is only inferred.
    pub unrecorded: Vec<StageIndex>,
    /// What is known not to be the cause; copied into the changes.
    pub ruled_out: Vec<RuledOut>,
    /// Position of the log record that made the tick due. Ticks closed at one position see the same counts, so
    /// targets share their reading; `None` reads them anew each time.
    pub position: Option<i64>,
    /// What facts that came late changed in the days that live episodes were opened by, since the last tick of each.
    pub amended: Arc<BTreeMap<EpisodeKey, Vec<Amended>>>,
}

impl TickContext {
    /// Why a target's verdict in a scope cannot be trusted now, if so.
    pub(crate) fn held(&self, metric: Metric, scope: &Scope) -> Option<&str> {
        self.holds.iter().find(|hold| hold.covers(metric, scope)).map(|hold| hold.why.as_str())
    }
}

/// A target in one of its scopes, by the scope's label.
pub(crate) type Key = (TargetIndex, String);

/// Judges one workspace by one plan.
pub struct Judge {
    plan: Arc<Plan>,
    models: Arc<Models>,
    layout: Arc<Layout>,
    order: Vec<TargetIndex>,
    /// By target and position of the scope.
    keys: Arc<[Vec<Key>]>,
    tracks: BTreeMap<Key, Track>,
    statuses: BTreeMap<Key, TargetStatus>,
    /// Live ones only: at most one per target or pattern and scope of the plan.
    episodes: BTreeMap<EpisodeKey, Episode>,
    /// By scope, how many leaves have been looked at and which lie in it. Not saved: it follows from the facts.
    leaves: BTreeMap<Scope, (usize, Vec<Leaf>)>,
    /// Nor is this: it is read anew at every log position.
    shared: Option<Shared>,
}

/// All that a [`Judge`] has decided. Floating-point numbers must survive storage to the last bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JudgeState {
    tracks: Vec<SavedTrack>,
    statuses: Vec<TargetStatus>,
    episodes: Vec<Episode>,
}

/// A track under names, so that it finds its place in another revision of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedTrack {
    target: String,
    scope: String,
    track: Track,
}

impl Judge {
    /// A judge that has decided nothing yet.
    pub fn new(plan: Arc<Plan>) -> Judge {
        let targets = plan.targets.iter().zip(0u16..);
        let keys = targets.map(|(target, at)| {
            target.scopes.iter().map(|s| (TargetIndex(at), plan.scope_label(&s.scope))).collect()
        });
        Judge {
            models: Arc::new(Models::new(&plan)),
            layout: Arc::new(Layout::new(&plan)),
            keys: keys.collect(),
            order: depend::order(&plan),
            plan,
            tracks: BTreeMap::new(),
            statuses: BTreeMap::new(),
            episodes: BTreeMap::new(),
            leaves: BTreeMap::new(),
            shared: None,
        }
    }

    /// The plan judged by.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The targets such that each comes after those it depends on; close them in this order, then the patterns.
    pub fn order(&self) -> &[TargetIndex] {
        &self.order
    }

    /// Closes the tick that ends `day` for a target in all its scopes. `at` is the tick's instant: the plan's
    /// local midnight that ends the day. The days of a target must ascend; a day already closed, or before the
    /// plan takes effect, changes nothing.
    pub fn close_target(
        &mut self,
        target: TargetIndex,
        day: Day,
        at: Timestamp,
        facts: &dyn Facts,
        ctx: &TickContext,
    ) -> Vec<EpisodeChange> {
        if day < self.plan.effective_from {
            return Vec::new();
        }
        let scopes = self.plan.targets.get(usize::from(target.0)).map_or(0, |t| t.scopes.len());
        let now = Moment { day, at, ctx };
        (0..scopes).flat_map(|scoped| self.close_scope((target, scoped), now, facts)).collect()
    }

    /// Closes the tick for a pattern (its position in the plan), after all its members have closed it.
    pub fn close_pattern(
        &mut self,
        pattern: usize,
        day: Day,
        at: Timestamp,
        facts: &dyn Facts,
        ctx: &TickContext,
    ) -> Vec<EpisodeChange> {
        let plan = Arc::clone(&self.plan);
        let Some(pattern) = plan.patterns.get(pattern) else { return Vec::new() };
        if day < plan.effective_from {
            return Vec::new();
        }
        let member = pattern.all.iter().find(|c| !c.negated);
        let member = member.and_then(|c| plan.targets.get(usize::from(c.target.0)));
        let scopes = member.map_or(&[][..], |target| &target.scopes);
        let now = Moment { day, at, ctx };
        scopes.iter().flat_map(|s| self.close_pattern_scope(pattern, &s.scope, now, facts)).collect()
    }

    /// How each target stood in each scope at its last closed tick, by target, then scope.
    pub fn statuses(&self) -> impl Iterator<Item = &TargetStatus> {
        self.statuses.values()
    }

    /// The live episodes by key.
    pub fn episodes(&self) -> &BTreeMap<EpisodeKey, Episode> {
        &self.episodes
    }

    /// A person says that one of the owning functions knows; `day` is the last closed one. `None` where no such episode
    /// is live, the function owns no part of it, or its word has run out before it was given.
    pub fn acknowledge(
        &mut self,
        episode: &EpisodeKey,
        acknowledgement: Acknowledgement,
        day: Day,
    ) -> Option<EpisodeChange> {
        let episode = self.episodes.get_mut(episode)?;
        let ctx = close::no_tick(episode.historical);
        let now = Moment { day, at: acknowledgement.at, ctx: &ctx };
        episode.acknowledge(acknowledgement, now)
    }

    /// Replaces the plan by a later revision: episodes of what it no longer promises end as
    /// [`Resolution::PlanRevised`], the others go on with the owners it names. A target that promises something else under its old name
    /// begins anew. `day` is the last closed one.
    pub fn revise(&mut self, plan: Arc<Plan>, day: Day, at: Timestamp) -> Vec<EpisodeChange> {
        let (before, mut state) = (Arc::clone(&self.plan), self.save());
        let mut anew: BTreeSet<(String, String)> = BTreeSet::new();
        state.tracks.retain_mut(|saved| {
            let carried = revise::carried(saved.track, &saved.target, &before, &plan);
            match carried {
                Some(track) => saved.track = track,
                None => _ = anew.insert((saved.target.clone(), saved.scope.clone())),
            }
            carried.is_some()
        });
        *self = Judge::load(Arc::clone(&plan), state);
        let kept = revise::kept(&before, &plan, &anew);
        let (going_on, ended): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.episodes).into_iter().partition(|(key, _)| kept.contains(key));
        self.episodes = going_on;
        let end = |episode: Episode| {
            let ctx = close::no_tick(episode.historical);
            episode.resolve(Resolution::PlanRevised, None, Moment { day, at, ctx: &ctx })
        };
        let mut changes: Vec<EpisodeChange> = ended.into_values().map(end).collect();
        for episode in self.episodes.values_mut() {
            episode.plan_revision = plan.revision;
            let ctx = close::no_tick(episode.historical);
            let prescribed = build::prescribed_anew(&plan, episode);
            changes.extend(prescribed.and_then(|p| episode.reassign(p, Moment { day, at, ctx: &ctx })));
        }
        changes
    }

    /// All that was decided.
    pub fn save(&self) -> JudgeState {
        let name =
            |index: TargetIndex| self.plan.targets.get(usize::from(index.0)).map(|t| t.name.to_string());
        let tracks = self.tracks.iter().filter_map(|((target, scope), &track)| {
            Some(SavedTrack { target: name(*target)?, scope: scope.clone(), track })
        });
        JudgeState {
            tracks: tracks.collect(),
            statuses: self.statuses.values().cloned().collect(),
            episodes: self.episodes.values().cloned().collect(),
        }
    }

    /// A judge that goes on from `state`: exactly as the saved one would have under the same plan; under another
    /// revision with what still bears the same name. Episodes are all taken over (see [`Judge::revise`]).
    pub fn load(plan: Arc<Plan>, state: JudgeState) -> Judge {
        let mut judge = Judge::new(Arc::clone(&plan));
        let keys = Arc::clone(&judge.keys);
        let places: BTreeMap<(&str, &str), (&Key, usize)> = plan
            .targets
            .iter()
            .zip(keys.iter())
            .flat_map(|(target, keys)| keys.iter().zip(0..).map(move |(key, scoped)| (target, key, scoped)))
            .map(|(target, key, scoped)| ((target.name.as_str(), key.1.as_str()), (key, scoped)))
            .collect();
        for SavedTrack { target, scope, track } in state.tracks {
            if let Some((key, _)) = places.get(&(target.as_str(), scope.as_str())) {
                judge.tracks.insert((*key).clone(), track);
            }
        }
        for mut status in state.statuses {
            if let Some(&(key, scoped)) = places.get(&(status.name.as_str(), status.scope_label.as_str())) {
                let target = plan.target(key.0);
                status.target = key.0;
                status.metric = target.metric.word().to_string();
                status.scope = target.scopes[scoped].scope.clone();
                status.threshold = threshold(&plan, target);
                judge.statuses.insert(key.clone(), status);
            }
        }
        judge.episodes = state.episodes.into_iter().map(|e| (e.key.clone(), e)).collect();
        judge
    }
}

#[cfg(test)]
mod tests;
