//! Verdicts and episodes.
//!
//! The [`Judge`] closes ticks: for each target and scope it reads the counts as of the tick, asks the statistics
//! for evidence, and moves the scope's episode. It keeps no count of its own; its state is what it has decided.

mod episode;
mod facts;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

use plumbline_plan::{Plan, TargetIndex};
use plumbline_units::{Day, Timestamp};
use serde::{Deserialize, Serialize};

pub use episode::{
    Acknowledgement, Episode, EpisodeChange, EpisodeKey, EpisodeState, Resolution, Revision, RuledOut,
    Subject, Transition,
};
pub use facts::{Facts, Leaf, Quantity};
pub use verdict::{
    Assessment, Cost, Effect, EvidenceNumbers, InReports, Interval, MEASURED_DAYS, OnsetInterval, Part,
    PartKind, Planned, SoFar, TargetStatus, Unit, Verdict, WatchReason, e_value,
};

/// What the caller knows of a tick beyond its counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickContext {
    /// The tick lies before the plan's `live_from`: its changes are shown, never paged. The first tick of a
    /// target that is not publishes each episode still open once more as carried.
    pub historical: bool,
    /// Why no business verdict of this target can be trusted now, if so. Its episodes stand still meanwhile.
    pub unhealthy: Option<String>,
    /// What is known not to be the cause; copied into the changes.
    pub ruled_out: Vec<RuledOut>,
}

/// Judges one workspace by one plan.
pub struct Judge {
    plan: Arc<Plan>,
    order: Vec<TargetIndex>,
    statuses: BTreeMap<(TargetIndex, String), TargetStatus>,
    episodes: BTreeMap<EpisodeKey, Episode>,
}

/// All that a [`Judge`] has decided. Floating-point numbers must survive storage to the last bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JudgeState {
    statuses: Vec<TargetStatus>,
    episodes: Vec<Episode>,
}

impl Judge {
    /// A judge that has decided nothing yet.
    pub fn new(plan: Arc<Plan>) -> Judge {
        let order = (0..plan.targets.len()).map(|i| TargetIndex(i as u16)).collect();
        Judge { plan, order, statuses: BTreeMap::new(), episodes: BTreeMap::new() }
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
    /// local midnight that ends the day. The days of a target must ascend; a day already closed changes nothing.
    pub fn close_target(
        &mut self,
        _target: TargetIndex,
        _day: Day,
        _at: Timestamp,
        _facts: &dyn Facts,
        _ctx: &TickContext,
    ) -> Vec<EpisodeChange> {
        Vec::new()
    }

    /// Closes the tick for a pattern (its position in the plan), after all its members have closed it.
    pub fn close_pattern(
        &mut self,
        _pattern: usize,
        _day: Day,
        _at: Timestamp,
        _facts: &dyn Facts,
        _ctx: &TickContext,
    ) -> Vec<EpisodeChange> {
        Vec::new()
    }

    /// Closes an hourly tick. Nothing is judged by the hour yet: every kind of target has its evidence by the day.
    pub fn close_hour(
        &mut self,
        _at: Timestamp,
        _facts: &dyn Facts,
        _ctx: &TickContext,
    ) -> Vec<EpisodeChange> {
        Vec::new()
    }

    /// How each target stood in each scope at its last closed tick, by target, then scope.
    pub fn statuses(&self) -> impl Iterator<Item = &TargetStatus> {
        self.statuses.values()
    }

    /// The live episodes by key.
    pub fn episodes(&self) -> &BTreeMap<EpisodeKey, Episode> {
        &self.episodes
    }

    /// A person says that the owners know. `None` where no such episode is live or nothing changes.
    pub fn acknowledge(
        &mut self,
        _episode: &EpisodeKey,
        _acknowledgement: Acknowledgement,
    ) -> Option<EpisodeChange> {
        None
    }

    /// Replaces the plan by a later revision: episodes of what it no longer promises end as
    /// [`Resolution::PlanRevised`], the others go on.
    pub fn revise(&mut self, plan: Arc<Plan>, _day: Day, _at: Timestamp) -> Vec<EpisodeChange> {
        self.plan = plan;
        Vec::new()
    }

    /// Takes the published episodes (key and last sequence) as the truth: sequences continue from them, and a
    /// live episode that was never published is handed back as opened. What was published and is not live is the
    /// caller's to resolve.
    pub fn adopt(
        &mut self,
        _published: &BTreeMap<EpisodeKey, u32>,
        _day: Day,
        _at: Timestamp,
    ) -> Vec<EpisodeChange> {
        Vec::new()
    }

    /// All that was decided.
    pub fn save(&self) -> JudgeState {
        JudgeState {
            statuses: self.statuses.values().cloned().collect(),
            episodes: self.episodes.values().cloned().collect(),
        }
    }

    /// A judge that goes on from `state`, exactly as the saved one would have under the same plan.
    pub fn load(plan: Arc<Plan>, state: JudgeState) -> Judge {
        let mut judge = Judge::new(plan);
        judge.statuses = state.statuses.into_iter().map(|s| ((s.target, s.scope_label.clone()), s)).collect();
        judge.episodes = state.episodes.into_iter().map(|e| (e.key.clone(), e)).collect();
        judge
    }
}
