//! Likelihood ratios of one pace against another.

use super::super::fast;
use super::{LANES, LEAST, Shares};

/// One pace against another, by weekday of entry and age.
#[derive(Clone, Debug)]
pub(in crate::stat) struct Ratios {
    /// ln(f₁(a)/f₀(a)).
    pub(in crate::stat) hits: Shares,
    /// ln(F₁(a)/F₀(a)).
    pub(super) reached: Shares,
    /// Expected log growth of one conversion of a cohort of that age, at the first pace.
    pub(super) growth: Shares,
}

impl Ratios {
    pub(in crate::stat) fn of(effect: &Shares, null: &Shares) -> Ratios {
        let mut out = Ratios { hits: Vec::new(), reached: Vec::new(), growth: Vec::new() };
        for (effect, null) in effect.iter().zip(null) {
            let at = |of: &Vec<f64>, age: usize| of.get(age).copied().unwrap_or(1.0);
            let one_day = |of: &Vec<f64>, age: usize| {
                let before = age.checked_sub(1).map_or(0.0, |before| at(of, before));
                (at(of, age) - before).max(LEAST)
            };
            let len = effect.len();
            let (mut hits, mut reached) = (Vec::with_capacity(len), Vec::with_capacity(len));
            for first in (0..len).step_by(LANES) {
                let lanes = LANES.min(len - first);
                let of = |i: usize| one_day(effect, first + i) / one_day(null, first + i);
                hits.extend_from_slice(&fast::ln::<LANES>(std::array::from_fn(of))[..lanes]);
                let of = |i: usize| at(effect, first + i).max(LEAST) / at(null, first + i).max(LEAST);
                reached.extend_from_slice(&fast::ln::<LANES>(std::array::from_fn(of))[..lanes]);
            }
            let mut gained = 0.0;
            let growth = (0..len).map(|age| {
                gained += one_day(effect, age) * hits[age];
                (gained / effect[age].max(LEAST) - reached[age]).max(0.0)
            });
            let growth = growth.collect();
            out.hits.push(hits);
            out.reached.push(reached);
            out.growth.push(growth);
        }
        out
    }
}
