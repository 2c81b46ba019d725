//! What of a plan the fold depends on, compiled for it.

use std::hash::Hasher;

use plumbline_plan::{DimensionIndex, Plan, StageIndex, ValueClass};
use plumbline_units::{Currency, Day, Micros, Money, Seconds, Zone};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::measure::Measures;

pub(crate) const MAX_STAGES: usize = 12;
pub(crate) const MAX_DIMENSIONS: usize = 8;

/// A plan as the fold sees it.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    plan: Plan,
    pub(crate) stages: usize,
    pub(crate) dimensions: usize,
    /// From, to, within: as [`Plan::handoffs`].
    pub(crate) handoffs: Vec<(usize, usize, Seconds)>,
    pub(crate) measures: Measures,
}

impl Shape {
    /// The shape of a checked plan, which has 2 to 12 stages and at most 8 dimensions.
    pub(crate) fn of(plan: &Plan) -> Shape {
        let (stages, dimensions) = (plan.motion().stages.len(), plan.dimensions.len());
        assert!((2..=MAX_STAGES).contains(&stages), "a checked plan has 2 to 12 stages");
        assert!(dimensions <= MAX_DIMENSIONS, "a checked plan has at most 8 dimensions");
        let index = |stage: StageIndex| usize::from(stage.0);
        let handoffs: Vec<_> =
            plan.handoffs().into_iter().map(|(from, to, within)| (index(from), index(to), within)).collect();
        let measures =
            Measures { stages: stages as u8, pairs: watched_pairs(plan), handoffs: handoffs.len() as u8 };
        Shape { plan: plan.clone(), stages, dimensions, handoffs, measures }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn stage(&self, name: &str) -> Option<usize> {
        self.plan.stage(name).map(|stage| usize::from(stage.0))
    }

    /// The stage `opportunity.created` reaches.
    pub(crate) fn opportunity(&self) -> Option<usize> {
        self.plan.motion().opportunity.map(|stage| usize::from(stage.0))
    }

    pub(crate) fn last(&self) -> usize {
        self.stages - 1
    }

    pub(crate) fn zone(&self) -> Zone {
        self.plan.zone
    }

    pub(crate) fn currency(&self) -> Currency {
        self.plan.currency
    }

    pub(crate) fn exchange(&self, money: Money, on: Day) -> Option<Micros> {
        self.plan.exchange(money, on)
    }

    pub(crate) fn canonical<'a>(&'a self, dimension: usize, raw: &'a str) -> ValueClass<'a> {
        self.plan.canonical_value(DimensionIndex(dimension as u8), raw)
    }

    pub(crate) fn dimension_name(&self, dimension: usize) -> &str {
        self.plan.dimensions[dimension].name.as_str()
    }

    /// Whether the dimension declares its values.
    pub(crate) fn is_declared(&self, dimension: usize) -> bool {
        !self.plan.dimensions[dimension].values.is_empty()
    }

    /// Equal for plans that fold alike.
    pub(crate) fn fingerprint(&self) -> u128 {
        let plan = &self.plan;
        let parts = (
            (&plan.motion().stages, plan.motion().opportunity),
            (&plan.dimensions, plan.zone.name(), plan.currency, &plan.rates),
            (&self.measures.pairs, &self.handoffs),
        );
        let mut hasher = SipHasher24::new();
        hasher.write(format!("{parts:?}").as_bytes());
        hasher.finish128().as_u128()
    }
}

/// The plan's pairs, and from the start of each to every stage up to its end: evidence for a pair is gathered on
/// the way, too.
fn watched_pairs(plan: &Plan) -> Vec<(StageIndex, StageIndex)> {
    let through =
        |(from, to): (StageIndex, StageIndex)| (from.0 + 1..=to.0).map(move |n| (from, StageIndex(n)));
    let mut pairs: Vec<_> = plan.watched_pairs().into_iter().flat_map(through).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
