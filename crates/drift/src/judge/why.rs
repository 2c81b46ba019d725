//! Exact parts of a product's gap, in logarithms: ln(P₁/P₀) = Σ ln(p₁/p₀) over its factors.

use super::verdict::{Part, PartKind};
use crate::stat::Interval;

/// ln x, 0 where x is not a positive number: a factor of nothing explains nothing.
pub(crate) fn ln(x: f64) -> f64 {
    if x > 0.0 && x.is_finite() { libm::log(x) } else { 0.0 }
}

/// One factor of a product.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Factor {
    /// What it is called.
    pub(crate) part: String,
    /// Now over plan, with its interval where it is an estimate.
    pub(crate) ratio: f64,
    /// The ends of its interval.
    pub(crate) ends: Option<(f64, f64)>,
    /// +1 where it multiplies the product, −1 where it divides it.
    pub(crate) sign: f64,
}

impl Factor {
    /// An estimated factor: projected over planned.
    pub(crate) fn estimated(part: String, ratio: Interval, sign: f64) -> Factor {
        Factor { part, ratio: ratio.value, ends: Some((ratio.low, ratio.high)), sign }
    }

    /// What it adds to the logarithm of the product's gap.
    pub(crate) fn log(&self) -> f64 {
        self.sign * ln(self.ratio)
    }
}

/// Smaller logarithms are rounding: a factor that stands where the plan has it is no part of a gap.
const NOTHING: f64 = 1e-9;

/// The parts of a product's gap, largest share first. Their shares add up to 1; without a gap there are none.
pub(crate) fn product_parts(of: &str, factors: &[Factor]) -> Vec<Part> {
    let gap: f64 = factors.iter().map(Factor::log).sum();
    if gap.abs() < NOTHING {
        return Vec::new();
    }
    let mut parts: Vec<Part> = factors
        .iter()
        .filter(|factor| factor.log().abs() >= NOTHING)
        .map(|factor| Part {
            of: of.to_string(),
            kind: PartKind::Transition {
                factor: factor.ratio,
                low: factor.ends.map(|(low, _)| low),
                high: factor.ends.map(|(_, high)| high),
            },
            part: factor.part.clone(),
            share: factor.log() / gap,
        })
        .collect();
    parts.sort_by(|a, b| b.share.total_cmp(&a.share));
    parts
}

#[cfg(test)]
mod tests;
