//! Settings of the state machine. All instances of one deployment must agree on them: they are part of the
//! function that turns a log into alerts.

use plumbline_funnel::FoldOptions;
use plumbline_units::Seconds;

use crate::STATE_MACHINE_VERSION;

/// Settings of the state machine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The state machine's version; tests of upgrades play others.
    pub version: u32,
    /// Horizon, settle window, limits and id key of each workspace's fold.
    pub fold: FoldOptions,
    /// How much later than newer events an event of the same stream may come and still be in time for its tick.
    pub lateness: Seconds,
    /// The same for statements of spend, from the end of their period.
    pub spend_lateness: Seconds,
    /// A stream without events for this long, on inputs that are read to their end, no longer holds ticks back.
    pub idle_after: Seconds,
    /// Workspaces per log partition; records of further ones go to the dead letters.
    pub max_workspaces: usize,
    /// Streams (input topic, source) per workspace; further ones share one stream named `(other)`.
    pub max_streams: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            version: STATE_MACHINE_VERSION,
            fold: FoldOptions::default(),
            lateness: Seconds::HOUR,
            spend_lateness: Seconds::hours(12),
            idle_after: Seconds::hours(6),
            max_workspaces: 1_000,
            max_streams: 256,
        }
    }
}
