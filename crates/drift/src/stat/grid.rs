//! The effects tried: how far, in which direction, with which prior weight.
//!
//! Any weights that sum to 1 keep the guarantee; they share out the wait. Against the plan a true effect r gathers
//! D(r) = r·ln r − r + 1 per expected event (of a Poisson count, or of a share while it is small), so that its place
//! among the others costs ln(1/v_r)/D(r) expected events of waiting, |1−r| of each of which are lost meanwhile (or
//! come in excess). Equal weights would have mild effects pay nearly all: they gather slowly. The greatest loss of any
//! effect, max_r |1−r|·ln(1/v_r)/D(r), is least where all are equal: v_r = exp(−x·D(r)/|1−r|), with x such that they
//! sum to 1. For .81, .7, .55 and .35 that is .49, .31, .15 and .05, and sharing costs each of them 7 lost events;
//! with ¼ each it would cost the mildest 14 and the severest 3.

use plumbline_units::Tolerance;

/// Effects per direction.
pub(crate) const EFFECTS: usize = 4;

/// Effects in both directions.
pub(crate) const GRID: usize = 2 * EFFECTS;

/// Which way a table's rate is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Fewer than planned.
    Down,
    /// More than planned.
    Up,
}

/// One alternative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effect {
    /// Which way.
    pub(crate) side: Side,
    /// Down: the factor r < 1 on the rate. Up: the factor above 1, on the odds for shares, on the rate for counts.
    pub(crate) factor: f64,
    /// ln of its prior weight within the table; all weights of a grid sum to 1.
    pub(crate) log_weight: f64,
    /// Whether it lies at or beyond the critical bound.
    pub(crate) critical: bool,
}

/// The alternatives of a target, in terms of its tables' rates: element 0..4 down, 4..8 up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid {
    /// The effects.
    pub(crate) effects: [Effect; GRID],
    /// The factor on a table's rate at the lower warn bound.
    pub(crate) warn_down: f64,
    /// The factor at the upper warn bound.
    pub(crate) warn_up: f64,
    /// The factor of the critical bound (or the second effect, without one), on the bad side.
    pub(crate) critical: f64,
    /// The side with most of the mass.
    pub(crate) bad: Side,
}

/// The bounds of a metric as factors on the tables' rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    /// Below 1.
    pub(crate) down: Option<f64>,
    /// Above 1.
    pub(crate) up: Option<f64>,
}

impl Bounds {
    /// Of a metric that moves with its tables (conversion, volume).
    pub(crate) fn with(tolerance: Tolerance) -> Bounds {
        Bounds { down: tolerance.below().map(|w| 1.0 - w), up: tolerance.above().map(|w| 1.0 + w) }
    }

    /// Of a metric that moves against its tables (CAC: fewer wins per money cost more).
    pub(crate) fn against(tolerance: Tolerance) -> Bounds {
        Bounds {
            down: tolerance.above().map(|w| 1.0 / (1.0 + w)),
            up: tolerance.below().map(|w| 1.0 / (1.0 - w)),
        }
    }
}

impl Grid {
    /// Per side: the square of the warn factor (its likelihood ratio against the plan stands still about on the
    /// bound), the critical factor, and two beyond at 1.68 and 2.94 times its logarithm (for 10% / 30%: .81, .7,
    /// .55, .35). Three quarters of the mass lie on the bad side, half on each where both are bounded, shared among
    /// its effects by [`shares`]; a side without a bound mirrors the other.
    pub(crate) fn new(warn: Bounds, critical: Option<Bounds>) -> Grid {
        let mirror = |factor: f64| 1.0 / factor;
        let warn_down = warn.down.or(warn.up.map(mirror)).unwrap_or(0.9);
        let warn_up = warn.up.or(warn.down.map(mirror)).unwrap_or(1.0 / 0.9);
        let (mass_down, bad) = match (warn.down, warn.up) {
            (Some(_), None) => (0.75, Side::Down),
            (None, Some(_)) => (0.25, Side::Up),
            _ => (0.5, Side::Down),
        };
        let critical = critical.unwrap_or(Bounds { down: None, up: None });
        let effects = |side: Side, warn: f64, bound: Option<f64>, mass: f64| -> [Effect; EFFECTS] {
            let warn = libm::log(warn);
            let at_bound = bound.map_or(3.4 * warn, libm::log);
            let logs = [2.0 * warn, at_bound, 1.676 * at_bound, 2.943 * at_bound];
            let shares = shares(logs.map(libm::exp));
            std::array::from_fn(|i| Effect {
                side,
                factor: libm::exp(logs[i]),
                log_weight: libm::log(mass) + shares[i],
                critical: bound.is_some() && logs[i].abs() >= at_bound.abs() * (1.0 - 1e-9),
            })
        };
        let down = effects(Side::Down, warn_down, critical.down.or(critical.up.map(mirror)), mass_down);
        let up = effects(Side::Up, warn_up, critical.up.or(critical.down.map(mirror)), 1.0 - mass_down);
        let mut all = [down[0]; GRID];
        all[..EFFECTS].copy_from_slice(&down);
        all[EFFECTS..].copy_from_slice(&up);
        let critical = if bad == Side::Down { down[1].factor } else { up[1].factor };
        Grid { effects: all, warn_down, warn_up, critical, bad }
    }

    /// Position of the effect the evidence still missing is reckoned by: the critical one on the bad side.
    pub(crate) fn critical_effect(&self) -> usize {
        if self.bad == Side::Down { 1 } else { EFFECTS + 1 }
    }

    /// The factors the null hypothesis is moved to, per side, at strictness 0 (plan) to 1 (warn bound).
    pub(crate) fn nulls(&self, strictness: f64) -> (f64, f64) {
        (1.0 - strictness * (1.0 - self.warn_down), 1.0 + strictness * (self.warn_up - 1.0))
    }
}

/// ln of the weights v_r of a side's effects, so that sharing costs none of them more than another (see the module).
fn shares(factors: [f64; EFFECTS]) -> [f64; EFFECTS] {
    // What an expected event gathers, over what of it is lost: its square's half, where the effect is tiny.
    let gathers = factors.map(|r| {
        let gone = (1.0 - r).abs();
        if gone < 1e-4 { 0.5 * gone } else { (r * libm::log(r) - r + 1.0) / gone }
    });
    let total = |x: f64| gathers.iter().map(|d| libm::exp(-x * d)).sum::<f64>();
    // Σ v_r falls in x: at 0 it is their number, where the slowest has 1 over that, at most 1.
    let slowest = gathers.iter().fold(f64::MAX, |least, d| least.min(*d));
    let (mut low, mut high) = (0.0, libm::log(EFFECTS as f64) / slowest);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if total(middle) > 1.0 { low = middle } else { high = middle }
    }
    let rest = libm::log(total(low));
    gathers.map(|d| -low * d - rest)
}

/// The odds of `p` times `factor`, as a probability: ρp/(1−p+ρp).
pub(crate) fn raise_odds(p: f64, factor: f64) -> f64 {
    factor * p / (1.0 - p + factor * p)
}

/// A rate `p` moved by `factor` on a side.
pub(crate) fn moved(p: f64, side: Side, factor: f64) -> f64 {
    match side {
        Side::Down => p * factor,
        Side::Up => raise_odds(p, factor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_and_thirty_percent_make_the_published_grid() {
        let bounds = |text: &str| Bounds::with(text.parse().unwrap());
        let grid = Grid::new(bounds("-10%"), Some(bounds("-30%")));
        for (effect, expected) in grid.effects.iter().zip([0.81, 0.7, 0.55, 0.35]) {
            assert!((effect.factor - expected).abs() < 0.005, "{effect:?}");
        }
        let mass: f64 = grid.effects.iter().map(|e| libm::exp(e.log_weight)).sum();
        assert!((mass - 1.0).abs() < 1e-12);
        assert_eq!(grid.effects.map(|e| e.critical), [false, true, true, true, false, true, true, true]);
        assert_eq!(grid.bad, Side::Down);
    }

    #[test]
    fn sharing_a_side_costs_each_effect_as_much() {
        for factors in [[0.81, 0.7, 0.55, 0.35], [1.23, 1.43, 1.82, 2.86], [0.56, 0.38, 0.19, 0.06]] {
            let logs = shares(factors);
            let loss = |(r, log): (f64, f64)| -log * (1.0 - r).abs() / (r * libm::log(r) - r + 1.0);
            let losses: Vec<f64> = factors.into_iter().zip(logs).map(loss).collect();
            assert!(losses.iter().all(|loss| (loss / losses[0] - 1.0).abs() < 1e-9), "{losses:?}");
            assert!((logs.iter().map(|log| libm::exp(*log)).sum::<f64>() - 1.0).abs() < 1e-12);
        }
        for (log, expected) in shares([0.81, 0.7, 0.55, 0.35]).into_iter().zip([0.49, 0.31, 0.15, 0.05]) {
            assert!((libm::exp(log) - expected).abs() < 0.005, "{}", libm::exp(log));
        }
    }

    #[test]
    fn every_tolerance_makes_finite_weights() {
        for (warn, critical) in
            [("-0.0001%", None), ("-0.0001%", Some("-99.9999%")), ("+1000%", Some("+1000%"))]
        {
            let bounds = |text: &str| Bounds::with(text.parse().unwrap());
            let grid = Grid::new(bounds(warn), critical.map(bounds));
            assert!(grid.effects.iter().all(|e| e.log_weight.is_finite()), "{grid:?}");
            let mass: f64 = grid.effects.iter().map(|e| libm::exp(e.log_weight)).sum();
            assert!((mass - 1.0).abs() < 1e-9, "{mass}");
        }
    }

    #[test]
    fn a_cost_above_plan_is_a_rate_below_it() {
        let grid = Grid::new(Bounds::against("+20%".parse().unwrap()), None);
        assert!((grid.warn_down - 1.0 / 1.2).abs() < 1e-12);
        assert_eq!(grid.bad, Side::Down);
    }

    #[test]
    fn raised_odds_never_pass_one() {
        for p in [0.01, 0.5, 0.99] {
            assert!(raise_odds(p, 3.0) < 1.0);
            assert!((raise_odds(p, 1.0) - p).abs() < 1e-15);
        }
    }
}
