//! Whether a view made before still shows the state.

use std::hash::{DefaultHasher, Hash, Hasher};

use plumbline_drift::judge::{Interval, TargetStatus, Verdict, WatchReason};
use plumbline_engine::WorkspaceState;
use plumbline_units::Timestamp;

/// What changes whenever anything judged would look different: the plan, a status, an episode. Cheap to take, so
/// that views are made only when something happened. What moves with every event is not in it; see
/// [`super::Passing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    plan: ([u8; 32], Timestamp),
    statuses: u64,
    episodes: u64,
    data: u64,
}

impl Stamp {
    /// The stamp of a workspace now.
    pub(crate) fn of(state: &WorkspaceState) -> Stamp {
        let episodes = state.judge().episodes();
        Stamp {
            plan: (state.plan().content_hash, state.plan_source().live_from),
            statuses: of_all(state.judge().statuses(), status),
            episodes: of_all(episodes, |(key, episode), hash| {
                let explained_by = episode.inhibited_by.as_ref().map(|by| by.as_str());
                (key.as_str(), episode.sequence, explained_by, episode.historical).hash(hash);
            }),
            data: of_all(state.data_episodes(), |episode, hash| {
                (&episode.key, episode.sequence, episode.critical).hash(hash);
                (&episode.title, &episode.summary).hash(hash);
            }),
        }
    }
}

fn of_all<T>(all: impl IntoIterator<Item = T>, each: impl Fn(T, &mut DefaultHasher)) -> u64 {
    let mut hash = DefaultHasher::new();
    all.into_iter().for_each(|one| each(one, &mut hash));
    hash.finish()
}

fn status(status: &TargetStatus, hash: &mut DefaultHasher) {
    let interval = |of: Option<Interval>| of.map(|of| [of.value, of.low, of.high].map(f64::to_bits));
    (status.day, status.at, status.verdict.word(), status.direction.map(|d| d as u8)).hash(hash);
    (status.label.map(|label| label as u8)).hash(hash);
    match &status.verdict {
        Verdict::OnPlan | Verdict::NoPlan => {}
        Verdict::Watch(WatchReason::Compensated { table }) => table.hash(hash),
        Verdict::Watch(WatchReason::Evidence) => 0.hash(hash),
        Verdict::Watch(WatchReason::Uncertain) => 1.hash(hash),
        Verdict::Drifting(severity) => (*severity as u8).hash(hash),
        Verdict::NotEnoughEvidence { needed, by } => (needed, by).hash(hash),
        Verdict::DataUnhealthy(why) => why.hash(hash),
    }
    (interval(status.projected), status.observed.map(f64::to_bits), status.log_e.map(f64::to_bits))
        .hash(hash);
}
