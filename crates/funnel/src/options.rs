//! Settings, answers and counters of the fold.

use std::collections::BTreeMap;

use plumbline_units::{Currency, Day, Seconds};

/// How the fold is bounded. All of one deployment's folds must agree on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldOptions {
    /// How long after its last event a journey is forgotten, and how old an event may be. `None`: never.
    pub horizon: Option<Seconds>,
    /// How long after entry a dimension value still counts for the leaf. Trade-off: longer waits for slow
    /// enrichment, but lets the outcome choose the segment.
    pub settle: Seconds,
    /// Leaves kept apart; further ones give up their undeclared values for `(other)`.
    pub max_leaves: usize,
    /// Leads and opportunities held; an event that needs a further one is rejected.
    pub max_journeys: usize,
    /// Statements of spend held; an event that needs a further one is rejected.
    pub max_statements: usize,
    /// Non-zero cells held; beyond them every event is rejected.
    pub max_cells: usize,
    /// Leads and opportunities of one journey; an event that would join more is rejected.
    pub max_members: usize,
    /// Distinct values per dimension and distinct reasons; further ones are `(other)`.
    pub max_values: usize,
    /// Key of the hashes that stand for ids.
    pub id_key: [u8; 16],
}

impl Default for FoldOptions {
    fn default() -> Self {
        FoldOptions {
            horizon: Some(Seconds::days(400)),
            settle: Seconds::hours(24),
            max_leaves: 10_000,
            max_journeys: 20_000_000,
            max_statements: 5_000_000,
            max_cells: 50_000_000,
            max_members: 10_000,
            max_values: 100_000,
            id_key: *b"plumbline: fold\0",
        }
    }
}

/// What an event did.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Some register moved.
    Changed,
    /// Nothing: said before, or outdated.
    Unchanged,
    /// It was taken, but its amount counts for nothing: why. Counted again once a plan has the rate.
    Unpriced(FoldRejection),
    /// It was not taken.
    Rejected(FoldRejection),
}

/// Why the fold does not take an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldRejection {
    /// It happened longer ago than the fold remembers.
    #[error("the event happened more than the horizon before the watermark")]
    BeyondHorizon,
    /// The plan has no exchange rate for the event's money on its day (or the result is beyond a trillion).
    #[error("the plan has no exchange rate for {currency} on {day}")]
    NoRate {
        /// The event's currency.
        currency: Currency,
        /// The day the rate is asked for.
        day: Day,
    },
    /// A limit of [`FoldOptions`] is reached. While it is in force, aggregates depend on the order of events.
    #[error("the limit of {maximum} {what} is reached")]
    Limit {
        /// Of what.
        what: LimitedThing,
        /// The limit.
        maximum: usize,
    },
}

impl FoldRejection {
    /// A stable, bounded label.
    pub const fn class(&self) -> &'static str {
        match self {
            FoldRejection::BeyondHorizon => "beyond_horizon",
            FoldRejection::NoRate { .. } => "no_rate",
            FoldRejection::Limit { .. } => "limit",
        }
    }
}

/// What a limit is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedThing {
    /// [`FoldOptions::max_journeys`].
    Journeys,
    /// [`FoldOptions::max_statements`].
    Statements,
    /// [`FoldOptions::max_cells`].
    Cells,
    /// [`FoldOptions::max_members`].
    Members,
}

impl std::fmt::Display for LimitedThing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            LimitedThing::Journeys => "leads and opportunities",
            LimitedThing::Statements => "statements of spend",
            LimitedThing::Cells => "cells",
            LimitedThing::Members => "leads and opportunities in one journey",
        })
    }
}

/// Sizes and counters of a fold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoldStats {
    /// Open journeys: leads, and opportunities without a lead.
    pub journeys: usize,
    /// Opportunities held.
    pub opportunities: usize,
    /// Statements of spend held.
    pub statements: usize,
    /// Non-zero cells.
    pub cells: usize,
    /// Leaves seen.
    pub leaves: usize,
    /// Bytes that hold journeys and statements, from capacities.
    pub journey_bytes: usize,
    /// Bytes that hold cells and leaves, from capacities.
    pub cell_bytes: usize,
    /// What happened so far.
    pub counters: Counters,
}

/// What happened so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that moved a register.
    pub changed: u64,
    /// Events that moved nothing: duplicates and outdated statements.
    pub duplicates: u64,
    /// Events taken without their amount.
    pub unpriced: u64,
    /// Events not taken.
    pub rejected: u64,
    /// Stage pairs in the cells whose second time lies on a day before the first; counted with no lag.
    pub clamped_lags: i64,
    /// Leads and opportunities first heard of by something other than their creation.
    pub orphans: u64,
    /// Journeys and statements forgotten.
    pub forgotten: u64,
    /// Values and reasons that gave way to `(other)`.
    pub overflowed: u64,
    /// Stages the plan does not list, by name; at most 64 names, further ones under `(other)`.
    pub ignored_stages: BTreeMap<Box<str>, u64>,
}

impl Counters {
    const MAX_STAGES: usize = 64;

    pub(crate) fn ignore_stage(&mut self, name: &str) {
        if let Some(count) = self.ignored_stages.get_mut(name) {
            *count += 1;
            return;
        }
        let name = if self.ignored_stages.len() < Self::MAX_STAGES { name } else { "(other)" };
        *self.ignored_stages.entry(name.into()).or_default() += 1;
    }
}
