//! Every metric of the board, named in one place. Labels are bounded by the plan: workspaces, targets, patterns,
//! their scopes and owners, and by the number of open episodes; never leaves, ids of leads or free text. The
//! pipeline's own metrics are named in its crate. `docs/metrics.md` lists them all; a test holds it to a scrape.

use metrics::describe_gauge;

/// A gauge of a workspace.
#[derive(Debug)]
pub struct Family {
    /// Its name, ending in its unit where it has one.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
}

macro_rules! families {
    ($($constant:ident $name:literal $help:literal)+) => {
        $(
            #[doc = $help]
            pub const $constant: Family = Family { name: concat!("plumbline_", $name), help: $help };
        )+
        /// All of them, in the order in which they are shown.
        pub const FAMILIES: &[Family] = &[$($constant),+];
    };
}

families! {
    PLAN_INFO "plan_info" "1 for the plan in force, with its currency and time zone"
    PLAN_REVISION "plan_revision" "The plan's revision in force"
    TARGET_INFO "target_info" "1, with what a target measures and the unit of its numbers"
    VERDICT "target_verdict" "1 for the verdict that holds, 0 for the others"
    PLANNED "target_planned" "What the plan promises, in the target's unit"
    LOWER "target_lower" "The lower edge of the tolerance, where it has one"
    UPPER "target_upper" "The upper edge of the tolerance, where it has one"
    PROJECTED "target_projected" "Where the target is heading: value, low and high of the 90% interval"
    OBSERVED "target_observed" "Measured over the last seven days, per day, for volume and spend"
    E_VALUE "target_e_value" "Evidence against the plan; a funnel on plan reaches c less than once in c days"
    THRESHOLD "target_e_value_threshold" "The e-value that opens an episode"
    CLOSED "target_closed_timestamp_seconds" "End of the last day closed for the target"
    NEEDED "target_entries_needed" "Entries missing until a critical drift would be seen, 0 when there are enough"
    DUE "target_evidence_due_timestamp_seconds" "When the present volume will have brought them, 0 for no such time"
    STEP_PLANNED "transition_planned_ratio" "The planned conversion of a transition"
    STEP_HEADING "transition_heading_ratio" "Where its cohorts of the last 90 days are heading: value, low and high of the 90% interval"
    STEP_ENTERED "transition_entered" "Journeys that entered it in the last 90 days"
    STEP_CONVERTED "transition_converted" "Of them converted by now"
    STEP_EXPECTED "transition_expected" "Of them expected to have converted by now"
    EPISODE_SEVERITY "episode_severity" "0 without an open episode, 1 for a warning, 2 for a critical one"
    EPISODE_INFO "episode_info" "1 for an open episode, with what it is and what explains it"
    EPISODE_OWNER "episode_owner_info" "1 for each owner of an open episode and each severity reached, unless the episode is history"
    EPISODE_ACKNOWLEDGED "episode_acknowledged" "1 once the owning function has acknowledged the open episode, else 0"
    EPISODE_ASKED_AGAIN "episode_asked_again" "How often all owners of the open episode knew until their words ran out and it had not recovered"
    EPISODE_OPENED "episode_opened_timestamp_seconds" "The tick that opened the open episode"
    EPISODE_ONSET "episode_onset_timestamp_seconds" "The estimated start of the drift"
    EPISODE_DRIFT "episode_drift_ratio" "The largest effect relative to the plan: value, low and high of its interval"
    EPISODE_EXCESS_SPEND "episode_excess_spend" "Spend since the onset beyond what the customers should have cost, in the plan's currency"
    EPISODE_CUSTOMERS_SHORT "episode_customers_short" "Customers that the plan promised since the onset and that will not come"
    EPISODE_REVENUE_AT_RISK "episode_revenue_at_risk" "Those customers times the mean deal, in the plan's currency"
    DATA_EPISODES "data_episodes_open" "Open episodes about the data itself; critical ones hold verdicts back; notify is no for history"
    WATERMARK "watermark_timestamp_seconds" "Up to when everything has probably arrived"
    JOURNEYS "funnel_journeys" "Open journeys"
    CELLS "funnel_cells" "Non-zero cells"
    LEAVES "funnel_leaves" "Segments seen"
    OVERFLOWED "funnel_overflowed_values" "Values, reasons and segments that gave way to (other) because there are more than are kept apart"
    BYTES "funnel_bytes" "Estimated memory of the fold, by part"
    IGNORED "funnel_ignored_stage_events" "Events that name a stage the plan does not list; at most 64 names, then (other)"
}

/// 1, with the program's version and the state machine's.
pub const BUILD_INFO: &str = "plumbline_build_info";

/// Describes what the recorder keeps; call once, after installing it.
pub fn describe() {
    describe_gauge!(BUILD_INFO, "1, with the version of the program and of its state machine");
}
