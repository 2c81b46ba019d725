//! Which sub-segments a transition's gap comes from.

use plumbline_plan::{DimensionIndex, StageIndex};
use plumbline_units::Day;

use super::assess::Case;
use super::facts::Leaf;
use super::names;
use super::series::groups_of;
use super::split::{Group, OTHERS, Split, Tally, mix_and_rate};
use super::verdict::Part;
use crate::stat::{ScopeSeries, Window};

/// Days before the onset that "before" is measured on.
const BEFORE: i32 = 90;
/// Sub-segments looked at per dimension; the smaller ones are pooled.
const MAX_GROUPS: usize = 40;

/// What the dimensions a scope leaves open say of a transition's change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Causes {
    /// Mix and rate, the dimension that tells the most first.
    pub(crate) parts: Vec<Part>,
    /// Dimensions whose mix has no notable part in the change; empty if any other's has.
    pub(crate) mix_ruled_out: Vec<String>,
}

/// Mix and rate of a transition since `onset` against the 90 days before it.
pub(crate) fn of_transition(case: &Case<'_>, transition: (StageIndex, StageIndex), onset: Day) -> Causes {
    let of = names::transition(case.plan, transition.0, transition.1);
    let mut splits: Vec<(&str, Split)> = Vec::new();
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
        let name = dimension.name.as_str();
        splits.extend(mix_and_rate(&of, name, &groups).map(|split| (name, split)));
    }
    splits.sort_by(|a, b| b.1.telling.total_cmp(&a.1.telling));
    let nil = splits.iter().all(|(_, split)| split.mix_is_nil);
    let mix_ruled_out = splits.iter().filter(|_| nil).map(|(name, _)| (*name).to_string()).collect();
    Causes { parts: splits.into_iter().flat_map(|(_, split)| split.parts).collect(), mix_ruled_out }
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
    let since = tally(case, &series, (from, to), onset);
    let cut = series.from_day(onset);
    if let Some(entries) = series.stages.get_mut(usize::from(from.0)) {
        entries.counts.iter_mut().skip(cut).for_each(|n| *n = 0);
    }
    for pair in &mut series.pairs {
        pair.converted.iter_mut().skip(cut).for_each(|n| *n = 0);
    }
    Group { value, since, before: tally(case, &series, (from, to), onset.plus(-BEFORE)) }
}

/// The entries since a day, those ripe among them, and their conversions.
fn tally(case: &Case<'_>, series: &ScopeSeries, (from, to): (StageIndex, StageIndex), since: Day) -> Tally {
    let projection = case.model.project(series, &Window::SinceOnset(since));
    let pair = projection.as_ref().and_then(|p| p.pairs.iter().find(|p| (p.from, p.to) == (from.0, to.0)));
    pair.filter(|p| p.plan > 0.0).map_or_else(Tally::default, |p| Tally {
        entered: p.entered as f64,
        converted: p.converted as f64,
        ripe: p.expected / p.plan,
    })
}
