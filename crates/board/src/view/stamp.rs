//! Whether a view made before still shows the state.

use plumbline_engine::WorkspaceState;
use plumbline_units::{Day, Timestamp};

/// What changes whenever a page would: cheap to take, so that views are made only when something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    revision: u32,
    watermark: Option<Timestamp>,
    next_day: Option<Day>,
    closed: Option<Timestamp>,
    episodes: Vec<u32>,
    data: Vec<u32>,
}

impl Stamp {
    /// The stamp of a workspace now.
    pub(crate) fn of(state: &WorkspaceState) -> Stamp {
        Stamp {
            revision: state.plan().revision,
            watermark: state.watermark(),
            next_day: state.next_day(),
            closed: state.judge().statuses().map(|status| status.at).max(),
            episodes: state.judge().episodes().values().map(|episode| episode.sequence).collect(),
            data: state.data_episodes().map(|episode| episode.sequence).collect(),
        }
    }
}
