//! What moves with every event and says nothing of the plan: how far the streams have come.

use plumbline_engine::WorkspaceState;
use plumbline_units::Timestamp;

use super::StreamView;

/// The part of a view that is taken anew at every look.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Passing {
    /// The time up to which everything has probably arrived.
    pub(crate) watermark: Option<Timestamp>,
    /// The streams of events.
    pub(crate) streams: Vec<StreamView>,
    /// Events of stages that the plan does not list, by stage.
    pub(crate) ignored_stages: Vec<(String, u64)>,
}

impl Passing {
    /// How far a workspace is now.
    pub(crate) fn of(state: &WorkspaceState) -> Passing {
        let streams = state.streams().iter().map(|(topic, source, stream)| StreamView {
            topic: topic.to_string(),
            source: source.to_string(),
            last_received: stream.last_received,
            watermark: stream.watermark,
        });
        let ignored = &state.fold().stats().counters.ignored_stages;
        Passing {
            watermark: state.watermark(),
            streams: streams.collect(),
            ignored_stages: ignored.iter().map(|(stage, count)| (stage.to_string(), *count)).collect(),
        }
    }
}
