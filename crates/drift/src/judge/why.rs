//! Exact parts of a gap.
//!
//! A product's gap splits in logarithms: ln(P₁/P₀) = Σ ln(p₁/p₀) over its factors. A weighted mean's gap splits into
//! mix and rate (Kitagawa, *Components of a difference between two rates*, JASA 1955):
//! Δ = Σ (w₁−w₀)(p₁+p₀)/2 + Σ (p₁−p₀)(w₁+w₀)/2. Both add up to the gap to the last bit of floating point.

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

/// A sub-segment before and since the onset: conversions and the entries that could have converted by now (each
/// weighted with the share of the lag it has had time for).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// Its value of the dimension.
    pub(crate) value: String,
    /// Conversions and ripe entries before.
    pub(crate) before: (f64, f64),
    /// Conversions and ripe entries since.
    pub(crate) since: (f64, f64),
}

impl Group {
    fn absorb(&mut self, other: &Group) {
        let add = |a: (f64, f64), b: (f64, f64)| (a.0 + b.0, a.1 + b.1);
        self.before = add(self.before, other.before);
        self.since = add(self.since, other.since);
    }

    fn rates(&self, fallback: (f64, f64)) -> (f64, f64) {
        let rate = |(k, n): (f64, f64), other: f64| if n > 0.0 { k / n } else { other };
        // A group that exists on one side only differs from nothing: its whole effect is mix.
        let before = rate(self.before, rate(self.since, fallback.0));
        (before, rate(self.since, rate(self.before, fallback.1)))
    }

    /// Whether a 90% interval around ln(p₁/p₀) excludes 0.
    fn rate_moved(&self) -> bool {
        let (k0, k1) = (self.before.0, self.since.0);
        if k0 <= 0.0 || self.before.1 <= 0.0 || self.since.1 <= 0.0 {
            return false;
        }
        let (p0, p1) = self.rates((0.0, 0.0));
        // Half a conversion keeps the logarithm and its variance finite when none came.
        let k1 = k1.max(0.5);
        let ratio = ln(k1 / self.since.1) - ln(p0);
        let variance = (1.0 - p0).max(0.0) / k0 + (1.0 - p1).clamp(0.0, 1.0) / k1;
        ratio * ratio > 1.645 * 1.645 * variance
    }
}

/// Where small sub-segments go.
pub(crate) const OTHERS: &str = "(others)";
/// A sub-segment with fewer expected conversions than this, before or since, is pooled.
const MIN_EXPECTED: f64 = 20.0;
/// A mix part smaller than this share of the gap is pooled.
const MIN_SHARE: f64 = 0.05;

/// Splits the gap of a transition's rate over the sub-segments of a dimension. The effects (in percentage points)
/// of all parts add up to the gap; what is too small or too uncertain to name stands under [`OTHERS`]. Empty
/// where nothing can be named.
pub(crate) fn mix_and_rate(of: &str, dimension: &str, groups: &[Group]) -> Vec<Part> {
    let groups = pooled(groups);
    let sum = |side: fn(&Group) -> (f64, f64)| {
        groups.iter().map(side).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
    };
    let (before, since) = (sum(|g| g.before), sum(|g| g.since));
    if before.1 <= 0.0 || since.1 <= 0.0 || groups.len() < 2 {
        return Vec::new();
    }
    let overall = (before.0 / before.1, since.0 / since.1);
    let gap = overall.1 - overall.0;
    if gap.abs() < 1e-9 {
        return Vec::new();
    }
    let mut named: Vec<Part> = Vec::new();
    let mut rest = (0.0, 0.0);
    let part = |kind: PartKind, value: &str, effect: f64| Part {
        of: of.to_string(),
        kind,
        part: value.to_string(),
        share: effect / gap,
    };
    for group in &groups {
        let (p0, p1) = group.rates(overall);
        let (w0, w1) = (group.before.1 / before.1, group.since.1 / since.1);
        // Mix is measured from the mean rate, which changes no sum (the weights' changes add up to nothing) and
        // says of each group what its own growth did.
        let mix = (w1 - w0) * ((p1 + p0) / 2.0 - (overall.0 + overall.1) / 2.0);
        let rate = (p1 - p0) * (w1 + w0) / 2.0;
        let dimension = dimension.to_string();
        if group.value != OTHERS && group.rate_moved() {
            let kind = PartKind::Rate {
                dimension: dimension.clone(),
                effect_points: rate * 100.0,
                before: p0,
                since: p1,
            };
            named.push(part(kind, &group.value, rate));
        } else {
            rest.0 += rate;
        }
        if group.value != OTHERS && (mix / gap).abs() >= MIN_SHARE {
            let kind = PartKind::Mix { dimension, effect_points: mix * 100.0, before: w0, since: w1 };
            named.push(part(kind, &group.value, mix));
        } else {
            rest.1 += mix;
        }
    }
    if named.is_empty() {
        return named;
    }
    named.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.part.cmp(&b.part)));
    let (before, since) = overall;
    let dimension = dimension.to_string();
    if rest.0 != 0.0 {
        let kind =
            PartKind::Rate { dimension: dimension.clone(), effect_points: rest.0 * 100.0, before, since };
        named.push(part(kind, OTHERS, rest.0));
    }
    if rest.1 != 0.0 {
        let kind = PartKind::Mix { dimension, effect_points: rest.1 * 100.0, before: 1.0, since: 1.0 };
        named.push(part(kind, OTHERS, rest.1));
    }
    named
}

/// The groups with those too small to speak of put together.
fn pooled(groups: &[Group]) -> Vec<Group> {
    let total = groups.iter().fold((0.0, 0.0), |a, g| (a.0 + g.before.0, a.1 + g.before.1));
    let mean = if total.1 > 0.0 { total.0 / total.1 } else { 0.0 };
    let (mut large, mut others) = (Vec::new(), Group { value: OTHERS.to_string(), ..Group::default() });
    for group in groups {
        if (group.before.1 * mean).min(group.since.1 * mean) < MIN_EXPECTED {
            others.absorb(group);
        } else {
            large.push(group.clone());
        }
    }
    if others.before.1 > 0.0 || others.since.1 > 0.0 {
        large.push(others);
    }
    large
}

#[cfg(test)]
mod tests;
