//! Which sub-segments a transition's gap comes from.

use plumbline_plan::{DimensionIndex, StageIndex};
use plumbline_units::Day;

use super::assess::Case;
use super::facts::Leaf;
use super::names;
use super::series::groups_of;
use super::verdict::Part;
use super::why::{Group, OTHERS, mix_and_rate};
use crate::stat::{ScopeSeries, Window};

/// Days before the onset that "before" is measured on.
const BEFORE: i32 = 90;
/// Sub-segments looked at per dimension; the smaller ones are pooled.
const MAX_GROUPS: usize = 40;

/// Mix and rate of a transition since `onset` against the 90 days before it, for each dimension the scope leaves
/// open that can name anything.
pub(crate) fn of_transition(case: &Case<'_>, transition: (StageIndex, StageIndex), onset: Day) -> Vec<Part> {
    let of = names::transition(case.plan, transition.0, transition.1);
    let mut parts = Vec::new();
    for (at, dimension) in case.plan.dimensions.iter().enumerate() {
        let Ok(at) = u8::try_from(at) else { break };
        let index = DimensionIndex(at);
        if case.scope.0.iter().any(|(fixed, _)| *fixed == index) {
            continue;
        }
        let groups: Vec<Group> = grouped(case, index, transition.0)
            .into_iter()
            .map(|(value, leaves)| group(case, value, &leaves, transition, onset))
            .collect();
        parts.extend(mix_and_rate(&of, dimension.name.as_str(), &groups));
    }
    parts
}

/// The sub-segments of a dimension, the largest by their own name, the others together.
fn grouped(case: &Case<'_>, dimension: DimensionIndex, stage: StageIndex) -> Vec<(String, Vec<Leaf>)> {
    let mut groups: Vec<(String, Vec<Leaf>)> =
        groups_of(case.facts, case.leaves, dimension).into_iter().collect();
    if groups.len() > MAX_GROUPS {
        let size = |leaves: &[Leaf]| {
            let mut total = 0;
            let (first, tick) = (case.series.first_day, case.series.last_day);
            for &leaf in leaves {
                let what = super::facts::Quantity::Entered(stage);
                case.facts.by_entry_day(leaf, what, first, tick, &mut |_, n| total += n);
            }
            total
        };
        groups.sort_by_cached_key(|(value, leaves)| (-size(leaves), value.clone()));
        let others: Vec<Leaf> = groups.drain(MAX_GROUPS - 1..).flat_map(|(_, leaves)| leaves).collect();
        groups.push((OTHERS.to_string(), others));
    }
    groups
}

fn group(
    case: &Case<'_>,
    value: String,
    leaves: &[Leaf],
    (from, to): (StageIndex, StageIndex),
    onset: Day,
) -> Group {
    let mut series = case.layout.read(case.facts, leaves, case.series.first_day, case.series.last_day);
    // Only the transition is asked for; a cost model would refuse to speak of a group without spend.
    series.spend = vec![1_000_000; series.len()];
    let since = ripe(case, &series, (from, to), onset);
    let cut = series.from_day(onset);
    if let Some(entries) = series.stages.get_mut(usize::from(from.0)) {
        entries.counts.iter_mut().skip(cut).for_each(|n| *n = 0);
    }
    for pair in &mut series.pairs {
        pair.converted.iter_mut().skip(cut).for_each(|n| *n = 0);
    }
    Group { value, since, before: ripe(case, &series, (from, to), onset.plus(-BEFORE)) }
}

/// Conversions since a day, and the entries weighted with the share of the lag they have had time for.
fn ripe(
    case: &Case<'_>,
    series: &ScopeSeries,
    (from, to): (StageIndex, StageIndex),
    since: Day,
) -> (f64, f64) {
    let projection = case.model.project(series, &Window::SinceOnset(since));
    let pair = projection.as_ref().and_then(|p| p.pairs.iter().find(|p| (p.from, p.to) == (from.0, to.0)));
    pair.filter(|p| p.plan > 0.0).map_or((0.0, 0.0), |p| (p.converted as f64, p.expected / p.plan))
}
