//! The aggregates topic: what the funnel holds, by leaf and day of entry.

use std::collections::BTreeSet;

use plumbline_events::proto;
use plumbline_funnel::{Cell, Cells, LeafId, Measure};
use plumbline_plan::{Metric, Plan, StageIndex};
use plumbline_units::Day;
use prost::Message;

use crate::workspace::WorkspaceState;

/// The newest value of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateUpdate {
    /// An encoded `AggregateKey`.
    pub key: Vec<u8>,
    /// An encoded `AggregateValue`; none (a tombstone) once all cells are zero.
    pub value: Option<Vec<u8>>,
}

/// The aggregates of `workspace` dirtied since the last call; first the tombstones of keys that another plan's
/// fold held and this one's does not.
pub(crate) fn updates(workspace: &mut WorkspaceState) -> Vec<AggregateUpdate> {
    let dirty = workspace.fold.take_dirty();
    let mut retired = std::mem::take(&mut workspace.retired);
    let (plan, cells) = (&workspace.plan, workspace.fold.cells());
    let update = |(leaf, entry): (LeafId, Day)| AggregateUpdate {
        key: key(workspace.name.as_str(), plan, cells, leaf, entry).encode_to_vec(),
        value: value(plan, cells, leaf, entry).map(|value| value.encode_to_vec()),
    };
    let newest: Vec<AggregateUpdate> = dirty.into_iter().map(update).collect();
    for update in &newest {
        retired.remove(&update.key);
    }
    retired.into_iter().map(|key| AggregateUpdate { key, value: None }).chain(newest).collect()
}

/// The keys of all aggregates that `workspace` has published or is about to.
pub(crate) fn keys(workspace: &mut WorkspaceState) -> BTreeSet<Vec<u8>> {
    let mut keys: BTreeSet<(LeafId, Day)> = workspace.fold.take_dirty().into_iter().collect();
    let (plan, cells) = (&workspace.plan, workspace.fold.cells());
    for leaf in cells.leaves() {
        for measure in cells.measures(leaf).into_iter().chain(cells.reasons(leaf)) {
            keys.extend(cells.series(leaf, measure).map(|(entry, _, _)| (leaf, entry)));
        }
    }
    let encoded = |(leaf, entry)| key(workspace.name.as_str(), plan, cells, leaf, entry).encode_to_vec();
    keys.into_iter().map(encoded).collect()
}

fn key(workspace: &str, plan: &Plan, cells: &Cells, leaf: LeafId, entry: Day) -> proto::AggregateKey {
    let dimension = |(dimension, value): (&plumbline_plan::Dimension, &plumbline_funnel::LeafValue)| {
        proto::DimensionValue { name: dimension.name.to_string(), value: value.as_str().to_string() }
    };
    proto::AggregateKey {
        workspace: workspace.to_string(),
        leaf: plan.dimensions.iter().zip(cells.leaf_values(leaf)).map(dimension).collect(),
        entry_day: entry.number(),
    }
}

fn value(plan: &Plan, cells: &Cells, leaf: LeafId, entry: Day) -> Option<proto::AggregateValue> {
    let mut published: Vec<proto::Cell> = Vec::new();
    for cell in cells.at(leaf, entry) {
        let next = published_cell(plan, cells, cell);
        // Of entries the cells are kept by the hour; the public value is the day's.
        match published.last_mut() {
            Some(last) if same_place(last, &next) => last.value += next.value,
            _ => published.push(next),
        }
    }
    // Reasons are numbered as they come; their names give an order that does not depend on that.
    published.sort_by(|a, b| place(a).cmp(&place(b)));
    (!published.is_empty()).then_some(proto::AggregateValue { cells: published })
}

fn place(cell: &proto::Cell) -> (i32, &str, &str, &str, i32) {
    (cell.measure, &cell.stage, &cell.to_stage, &cell.reason, cell.lag_days)
}

fn same_place(a: &proto::Cell, b: &proto::Cell) -> bool {
    place(a) == place(b)
}

fn published_cell(plan: &Plan, cells: &Cells, cell: Cell) -> proto::Cell {
    let stage = |s: StageIndex| plan.stage_name(s).to_string();
    let mut published =
        proto::Cell { lag_days: i32::from(cell.lag), value: cell.sum, ..proto::Cell::default() };
    let measure = match cell.measure {
        Measure::Entered(s) | Measure::Inferred(s) => {
            published.stage = stage(s);
            published.lag_days = 0;
            if matches!(cell.measure, Measure::Entered(_)) {
                proto::Measure::Entered
            } else {
                proto::Measure::Inferred
            }
        }
        Measure::Converted { from, to } | Measure::Skipped { from, to } => {
            published.stage = stage(from);
            published.to_stage = stage(to);
            if matches!(cell.measure, Measure::Converted { .. }) {
                proto::Measure::Converted
            } else {
                proto::Measure::Skipped
            }
        }
        Measure::Lost { stage: s, reason } | Measure::Disqualified { stage: s, reason } => {
            published.stage = stage(s);
            published.reason = cells.reason(reason).to_string();
            if matches!(cell.measure, Measure::Lost { .. }) {
                proto::Measure::Lost
            } else {
                proto::Measure::Disqualified
            }
        }
        Measure::Reached(handoff) => {
            if let Some((name, from, to)) = handoff_target(plan, handoff) {
                published.stage = stage(from);
                published.to_stage = stage(to);
                published.reason = name;
            }
            proto::Measure::ReachedWithin
        }
        Measure::WonCount => proto::Measure::WonCount,
        Measure::WonAmount => proto::Measure::WonAmount,
        Measure::Spend => proto::Measure::Spend,
    };
    published.measure = measure.into();
    published
}

/// The hand-off target with this number among the plan's distinct hand-offs.
fn handoff_target(plan: &Plan, handoff: u8) -> Option<(String, StageIndex, StageIndex)> {
    let key = *plan.handoffs().get(usize::from(handoff))?;
    plan.targets.iter().find_map(|target| match target.metric {
        Metric::Handoff { from, to, within } if (from, to, within) == key => {
            Some((target.name.to_string(), from, to))
        }
        _ => None,
    })
}
