//! Every metric of the board, named in one place. Labels are bounded by the plan: workspaces, targets, patterns
//! and their scopes; never leaves, ids or free text. The pipeline's own metrics are named in its crate.

use metrics::{Unit, describe_gauge};

/// 1, with the program's version and the state machine's.
pub const BUILD_INFO: &str = "plumbline_build_info";
/// 1 for the plan in force, with its name.
pub const PLAN_INFO: &str = "plumbline_plan_info";
/// The revision in force: a value and no label, so that no former one stays behind.
pub const PLAN_REVISION: &str = "plumbline_plan_revision";
/// 1 for the verdict a target has in a scope, 0 for the others.
pub const VERDICT: &str = "plumbline_target_verdict";
/// What the plan promises.
pub const PLANNED: &str = "plumbline_target_planned";
/// Where the target is heading, with the ends of its 90% interval.
pub const PROJECTED: &str = "plumbline_target_projected";
/// What was measured, where that needs no waiting.
pub const OBSERVED: &str = "plumbline_target_observed";
/// The e-value against the plan.
pub const E_VALUE: &str = "plumbline_target_e_value";
/// The e-value that opens an episode.
pub const THRESHOLD: &str = "plumbline_target_e_value_threshold";
/// The end of the last day closed for the target.
pub const CLOSED: &str = "plumbline_target_closed_timestamp_seconds";
/// Entries still missing until a critical drift would be seen, 0 when there are enough.
pub const NEEDED: &str = "plumbline_target_entries_needed";
/// When the present volume will have brought them, 0 when there are enough or nobody can say.
pub const DUE: &str = "plumbline_target_evidence_due_timestamp_seconds";
/// 1 while an episode is open, 0 after.
pub const EPISODE: &str = "plumbline_episode_open";
/// Open data episodes by kind.
pub const DATA_EPISODES: &str = "plumbline_data_episodes_open";
/// Up to when everything has probably arrived.
pub const WATERMARK: &str = "plumbline_watermark_timestamp_seconds";
/// Open journeys.
pub const JOURNEYS: &str = "plumbline_funnel_journeys";
/// Non-zero cells.
pub const CELLS: &str = "plumbline_funnel_cells";
/// Segments seen.
pub const LEAVES: &str = "plumbline_funnel_leaves";
/// Memory of the fold.
pub const BYTES: &str = "plumbline_funnel_bytes";
/// Events that name a stage the plan does not list.
pub const IGNORED: &str = "plumbline_funnel_ignored_stage_events";

/// Describes all of them to the recorder; call once, after installing it.
pub fn describe() {
    describe_gauge!(BUILD_INFO, "1, by version and state_machine");
    describe_gauge!(PLAN_INFO, "1 for the plan in force, by workspace and plan");
    describe_gauge!(PLAN_REVISION, "The plan's revision in force, by workspace");
    describe_gauge!(VERDICT, "1 for the verdict, 0 for the others, by workspace, target, scope and verdict");
    describe_gauge!(PLANNED, "Planned value: share, money or number per day, by workspace, target and scope");
    describe_gauge!(PROJECTED, "Where the target is heading (bound: value, low, high of the 90% interval)");
    describe_gauge!(OBSERVED, "Measured over the last seven days, per day, for volume and spend");
    describe_gauge!(
        E_VALUE,
        "Evidence against the plan; a funnel on plan reaches c less than once in c days"
    );
    describe_gauge!(THRESHOLD, "The e-value that opens an episode");
    describe_gauge!(CLOSED, Unit::Seconds, "End of the last day closed for the target");
    describe_gauge!(NEEDED, "Entries missing until a critical drift would be seen, 0 when there are enough");
    describe_gauge!(DUE, Unit::Seconds, "When the present volume will have brought them, 0 for no such time");
    describe_gauge!(
        EPISODE,
        "1 while open, by workspace, name (target or pattern), scope, severity and notify (no: historical or explained by another)"
    );
    describe_gauge!(
        DATA_EPISODES,
        "Open episodes about the data itself, by workspace, kind, severity (critical: verdicts are held back) and \
         notify (no: historical)"
    );
    describe_gauge!(WATERMARK, Unit::Seconds, "Up to when everything has probably arrived, by workspace");
    describe_gauge!(JOURNEYS, "Open journeys, by workspace");
    describe_gauge!(CELLS, "Non-zero cells, by workspace");
    describe_gauge!(LEAVES, "Segments seen, by workspace");
    describe_gauge!(
        BYTES,
        Unit::Bytes,
        "Estimated memory of the fold, by workspace and part (journeys, cells)"
    );
    describe_gauge!(IGNORED, "Events that name a stage the plan does not list, by workspace and stage");
}
