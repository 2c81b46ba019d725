//! M of a table walked forwards in plain numbers: R ← (R + 1)·exp ℓ_e over the cohorts, oldest first.
//!
//! Where cohorts count in whole journeys, exp ℓ = (p₁/p₀)^k · ((1−p₁F)/(1−p₀F))^(n−k) needs neither logarithms nor
//! exponentials, and the walk ends at Σ_τ exp A(τ, r): the suffix sums of the scan without keeping any. That is all
//! a quiet scope is asked for, and most are quiet. Numbers leave the range of floating point where evidence is
//! overwhelming; the scan in logarithms serves there.

use super::fast;
use super::grid::{EFFECTS, Effect, GRID, Side};
use super::scan::Parts;

/// Where a walk ends must lie within ± this, in logarithms: beyond, steps on the way may have been rounded to nothing.
const RANGE: f64 = 600.0;

/// Largest logarithm of either factor of exp ℓ, so that neither loses digits where they meet.
pub(crate) const FACTOR: f64 = 300.0;

/// Σ_τ exp A(τ, r) of the cohorts walked over so far, by effect.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    sums: [f64; GRID],
}

impl Walk {
    /// Before the first cohort.
    pub(crate) const START: Walk = Walk { sums: [0.0; GRID] };

    /// A day without evidence, on which a drift may begin all the same.
    #[inline(always)]
    pub(crate) fn idle(&mut self) {
        self.sums.iter_mut().for_each(|sum| *sum += 1.0);
    }

    /// A cohort with these factors of exp ℓ by effect.
    #[inline(always)]
    pub(crate) fn step(&mut self, hits: &[f64; GRID], misses: &[f64; GRID]) {
        for r in 0..GRID {
            self.sums[r] = (self.sums[r] + 1.0) * (hits[r] * misses[r]);
        }
    }

    /// ln of the parts of M_j; `None` where the numbers have left the range that keeps their digits.
    pub(crate) fn parts(&self, effects: &[Effect; GRID]) -> Option<Parts> {
        let (least, most) = (libm::exp(-RANGE), libm::exp(RANGE));
        // Also of what is not a number.
        if !self.sums.iter().all(|sum| (least..=most).contains(sum)) {
            return None;
        }
        let weights = fast::exp(effects.map(|effect| effect.log_weight));
        let terms: [f64; GRID] = std::array::from_fn(|r| weights[r] * self.sums[r]);
        let over = |side: Side, critical: bool| {
            let of_side = if side == Side::Down { 0 } else { EFFECTS };
            let own = terms[of_side..].iter().zip(&effects[of_side..]).take(EFFECTS);
            own.filter(|(_, effect)| effect.critical || !critical).map(|(term, _)| term).sum::<f64>()
        };
        let log = |sum: f64| if sum > 0.0 { libm::log(sum) } else { f64::MIN };
        Some(Parts {
            down: log(over(Side::Down, false)),
            up: log(over(Side::Up, false)),
            critical_down: log(over(Side::Down, true)),
            critical_up: log(over(Side::Up, true)),
        })
    }
}

/// Each of `base` to the power `n` of at most `BITS` binary digits, by repeated squaring. Nothing depends on the digits
/// but what is multiplied, so that compilers take several effects at a time.
#[inline(always)]
pub(crate) fn power<const BITS: usize>(base: &[f64; GRID], n: u32) -> [f64; GRID] {
    const ONES: [f64; GRID] = [1.0; GRID];
    let (mut square, mut out) = (*base, ONES);
    for bit in 0..BITS {
        let factor = if n >> bit & 1 == 1 { &square } else { &ONES };
        let product: [f64; GRID] = std::array::from_fn(|r| out[r] * factor[r]);
        square = std::array::from_fn(|r| square[r] * square[r]);
        out = product;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stat::grid::{Bounds, Grid};
    use crate::stat::scan::Scores;

    fn effects() -> [Effect; GRID] {
        let bounds = |text: &str| Bounds::with(text.parse().unwrap());
        Grid::new(bounds("-10%"), Some(bounds("-30%"))).effects
    }

    /// Walks and scans the same likelihood ratios.
    fn both(days: usize, log: impl Fn(usize, usize) -> f64) -> (Option<Parts>, Parts) {
        let (mut walk, mut scores) = (Walk::START, Scores::new(days));
        for day in 0..days {
            let logs: [f64; GRID] = std::array::from_fn(|r| log(day, r));
            *scores.row(day) = logs;
            match logs == [0.0; GRID] {
                true => walk.idle(),
                false => {
                    walk.step(&logs.map(|log| libm::exp(0.3 * log)), &logs.map(|log| libm::exp(0.7 * log)))
                }
            }
        }
        (walk.parts(&effects()), scores.accumulate().parts(&effects()))
    }

    #[test]
    fn a_walk_ends_where_the_scan_does() {
        for scale in [0.0, 0.01, 0.3, 2.0] {
            let log = |day: usize, r: usize| {
                if day.is_multiple_of(5) { 0.0 } else { scale * libm::sin((7 * day + r) as f64) }
            };
            let (walked, scanned) = both(200, log);
            let walked = walked.unwrap();
            for (walked, scanned) in [
                (walked.down, scanned.down),
                (walked.up, scanned.up),
                (walked.critical_down, scanned.critical_down),
                (walked.critical_up, scanned.critical_up),
            ] {
                assert!((walked - scanned).abs() < 1e-10, "{scale}: {walked} against {scanned}");
            }
        }
    }

    #[test]
    fn what_numbers_cannot_hold_is_left_to_logarithms() {
        for log in [50.0, -650.0, f64::NAN] {
            assert!(both(30, |_, _| log).0.is_none(), "{log}");
        }
        // Overwhelming evidence that was refuted again is none.
        assert!(both(60, |day, _| if day < 30 { 50.0 } else { -50.0 }).0.is_none());
    }

    #[test]
    fn a_power_is_the_product() {
        let base: [f64; GRID] = std::array::from_fn(|r| 0.3 + 0.2 * r as f64);
        for n in [0, 1, 2, 7, 30, 64, 129] {
            for (power, base) in power::<8>(&base, n).iter().zip(base) {
                assert!((power / libm::pow(base, f64::from(n)) - 1.0).abs() < 1e-13, "{base}^{n}");
            }
        }
    }
}
