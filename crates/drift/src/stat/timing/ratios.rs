//! Likelihood ratios of one pace against another.

use super::super::fast;
use super::{LANES, LEAST, Shares};

/// One pace against another, by weekday of entry and age.
#[derive(Clone, Debug)]
pub(super) struct Ratios {
    /// ln(f₁(a)/f₀(a)).
    pub(super) hits: Shares,
    /// ln(F₁(a)/F₀(a)).
    pub(super) reached: Shares,
    /// Expected log growth of one conversion of a cohort of that age, at the first pace.
    pub(super) growth: Shares,
}

impl Ratios {
    pub(super) fn of(effect: &Shares, null: &Shares) -> Ratios {
        let mut out = Ratios { hits: hits(effect, null), reached: Vec::new(), growth: Vec::new() };
        for ((effect, null), hits) in effect.iter().zip(null).zip(&out.hits) {
            let len = effect.len();
            let reached = logs(len, |age| at(effect, age).max(LEAST) / at(null, age).max(LEAST));
            let mut gained = 0.0;
            let growth = (0..len).map(|age| {
                gained += one_day(effect, age) * hits[age];
                (gained / effect[age].max(LEAST) - reached[age]).max(0.0)
            });
            let growth = growth.collect();
            out.reached.push(reached);
            out.growth.push(growth);
        }
        out
    }
}

/// ln(f₁(a)/f₀(a)) of one pace against another.
pub(in crate::stat) fn hits(effect: &Shares, null: &Shares) -> Shares {
    let of = |(effect, null): (&Vec<f64>, &Vec<f64>)| {
        logs(effect.len(), |age| one_day(effect, age) / one_day(null, age))
    };
    effect.iter().zip(null).map(of).collect()
}

fn at(shares: &[f64], age: usize) -> f64 {
    shares.get(age).copied().unwrap_or(1.0)
}

fn one_day(shares: &[f64], age: usize) -> f64 {
    let before = age.checked_sub(1).map_or(0.0, |before| at(shares, before));
    (at(shares, age) - before).max(LEAST)
}

/// The logarithms of so many numbers.
fn logs(len: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut logs = Vec::with_capacity(len.next_multiple_of(LANES));
    for first in (0..len).step_by(LANES) {
        logs.extend_from_slice(&fast::ln::<LANES>(std::array::from_fn(|i| of(first + i))));
    }
    logs.truncate(len);
    logs
}
