//! Which sub-segments of a dimension a change of a rate comes from.
//!
//! A weighted mean's change splits into mix and rate (Kitagawa, *Components of a difference between two rates*,
//! JASA 1955): Δ = Σ (w₁−w₀)·p₀ + Σ (p₁−p₀)·w₁. The mix is measured with the rates of before, so it needs entries
//! only and is known with no lag; what the rates of since did falls to the rate parts, and the two add up to Δ. The
//! weights are shares of the entries, the rates conversions over entries that have had their time.

use super::verdict::{Part, PartKind};
use crate::stat::Interval;

/// One side of a sub-segment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) entered: f64,
    pub(crate) converted: f64,
    /// The entries, each weighted with the share of the lag it has had time for.
    pub(crate) ripe: f64,
}

impl Tally {
    fn plus(self, other: Tally) -> Tally {
        Tally {
            entered: self.entered + other.entered,
            converted: self.converted + other.converted,
            ripe: self.ripe + other.ripe,
        }
    }

    fn rate(self) -> Option<f64> {
        (self.ripe > 0.0).then(|| self.converted / self.ripe)
    }

    /// Variance of the rate: of `entered` journeys each has had time for the share ripe / entered of its lag. Half
    /// a conversion keeps it from vanishing where none or all came.
    fn variance(self) -> f64 {
        if self.ripe <= 0.0 {
            return 0.0;
        }
        let rate = (self.converted + 0.5) / (self.ripe + 1.0);
        let seen = rate * (self.ripe / self.entered.max(self.ripe));
        rate * (1.0 - seen).max(0.0) / self.ripe
    }
}

/// A sub-segment before and since the onset.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// Its value of the dimension.
    pub(crate) value: String,
    pub(crate) before: Tally,
    pub(crate) since: Tally,
}

/// Where small sub-segments go.
pub(crate) const OTHERS: &str = "(others)";
/// With fewer expected conversions than this before, a sub-segment is pooled; with fewer since, its rate is.
const MIN_EXPECTED: f64 = 20.0;
/// A mix part smaller than this share of the change is pooled.
const MIN_SHARE: f64 = 0.05;
/// z of a 90% interval.
const Z: f64 = 1.644_853_626_951_472_2;
/// The mix is ruled out where even the end of its interval makes less than this share of the change.
const NIL: f64 = 0.25;

/// What a dimension explains.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Split {
    /// Named parts by share, then what is left of rate and mix. Empty where nothing can be named.
    pub(crate) parts: Vec<Part>,
    /// How unlike the sub-segments changed, in standard deviations: what all share is not this dimension's doing.
    pub(crate) telling: f64,
    /// The mix has no notable part in the change.
    pub(crate) mix_is_nil: bool,
}

/// What one sub-segment does, in shares of one.
struct Effect<'a> {
    value: &'a str,
    weights: (f64, f64),
    rates: (f64, f64),
    mix: f64,
    mix_variance: f64,
    rate: f64,
    rate_variance: f64,
    rate_can_be_named: bool,
}

/// Splits the change of a rate over the sub-segments of a dimension; `None` without two sub-segments or a change.
/// The effects of all parts (percentage points) add up to the change; what is too small or too uncertain to name
/// stands under [`OTHERS`].
pub(crate) fn mix_and_rate(of: &str, dimension: &str, groups: &[Group]) -> Option<Split> {
    let groups = pooled(groups);
    let total = groups
        .iter()
        .fold((Tally::default(), Tally::default()), |(b, s), g| (b.plus(g.before), s.plus(g.since)));
    if groups.len() < 2 || total.0.ripe <= 0.0 || total.1.ripe <= 0.0 {
        return None;
    }
    let effects = effects(&groups, total);
    let gap: f64 = effects.iter().map(|e| e.mix + e.rate).sum();
    if gap.abs() < 1e-9 {
        return None;
    }
    let (mix, mix_variance) = effects.iter().fold((0.0, 0.0), |(m, v), e| (m + e.mix, v + e.mix_variance));
    Some(Split {
        parts: parts(of, dimension, &effects, gap),
        telling: unlike(&effects).max((mix * mix / mix_variance.max(1e-18) - 1.0) / std::f64::consts::SQRT_2),
        mix_is_nil: mix.abs() + Z * mix_variance.sqrt() < NIL * gap.abs(),
    })
}

fn effects<'a>(groups: &'a [Group], total: (Tally, Tally)) -> Vec<Effect<'a>> {
    let all = total.0.converted / total.0.ripe;
    let effect = |group: &'a Group| {
        let (before, since) = (group.before, group.since);
        let w0 = before.entered / total.0.entered;
        let w1 = since.entered / total.1.entered;
        // One that did not exist before is compared with what there was.
        let p0 = before.rate().unwrap_or(all);
        let p1 = since.rate().unwrap_or(p0);
        let (v0, v1) = (before.variance(), since.variance());
        let drawn = w0 * (1.0 - w0) / total.0.entered + w1 * (1.0 - w1) / total.1.entered;
        Effect {
            value: &group.value,
            weights: (w0, w1),
            rates: (p0, p1),
            // Measured from the mean rate, which changes no sum (the weights' changes add up to nothing) and says
            // of each what its own growth did.
            mix: (w1 - w0) * (p0 - all),
            mix_variance: (p0 - all) * (p0 - all) * drawn + (w1 - w0) * (w1 - w0) * v0,
            rate: (p1 - p0) * w1,
            rate_variance: w1 * w1 * (v0 + v1),
            rate_can_be_named: group.value != OTHERS && since.ripe * p0 >= MIN_EXPECTED,
        }
    };
    groups.iter().map(effect).collect()
}

/// Heterogeneity of the rates' changes: χ² of p₁ against c·p₀ with one c for all, standardised.
fn unlike(effects: &[Effect<'_>]) -> f64 {
    let sum = |f: fn(&Effect<'_>) -> f64| effects.iter().map(f).sum::<f64>();
    let expected = sum(|e| e.weights.1 * e.rates.0);
    if expected <= 0.0 {
        return 0.0;
    }
    let common = sum(|e| e.weights.1 * e.rates.1) / expected;
    let (mut chi, mut count) = (0.0, 0.0);
    for effect in effects.iter().filter(|e| e.weights.1 > 0.0 && e.rate_variance > 0.0) {
        let off = effect.weights.1 * (effect.rates.1 - common * effect.rates.0);
        chi += off * off / effect.rate_variance;
        count += 1.0;
    }
    if count < 2.0 { 0.0 } else { (chi - (count - 1.0)) / (2.0 * (count - 1.0)).sqrt() }
}

fn parts(of: &str, dimension: &str, effects: &[Effect<'_>], gap: f64) -> Vec<Part> {
    let points = |value: f64, variance: f64| {
        let half = Z * variance.sqrt();
        let (value, half) = (value * 100.0, half * 100.0);
        Interval { value, low: value - half, high: value + half }
    };
    let rate = |(effect, variance): (f64, f64), (before, since): (f64, f64), value: &str| Part {
        of: of.to_string(),
        kind: PartKind::Rate {
            dimension: dimension.to_string(),
            effect_points: points(effect, variance),
            before,
            since,
        },
        part: value.to_string(),
        share: effect / gap,
    };
    let mix = |(effect, variance): (f64, f64), (before, since): (f64, f64), value: &str| Part {
        of: of.to_string(),
        kind: PartKind::Mix {
            dimension: dimension.to_string(),
            effect_points: points(effect, variance),
            before,
            since,
        },
        part: value.to_string(),
        share: effect / gap,
    };
    let sure = |effect: f64, variance: f64| effect * effect > Z * Z * variance;
    let mut named: Vec<Part> = Vec::new();
    let (mut rates, mut mixes) = (Rest::default(), Rest::default());
    for e in effects {
        if e.rate_can_be_named && sure(e.rate, e.rate_variance) {
            named.push(rate((e.rate, e.rate_variance), e.rates, e.value));
        } else {
            let w1 = e.weights.1;
            rates.add((e.rate, e.rate_variance), (w1 * e.rates.0, w1 * e.rates.1), w1);
        }
        if e.value != OTHERS && (e.mix / gap).abs() >= MIN_SHARE && sure(e.mix, e.mix_variance) {
            named.push(mix((e.mix, e.mix_variance), e.weights, e.value));
        } else {
            mixes.add((e.mix, e.mix_variance), e.weights, 1.0);
        }
    }
    if named.is_empty() {
        return named;
    }
    named.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.part.cmp(&b.part)));
    if rates.effect.0 != 0.0 && rates.weight > 0.0 {
        let (before, since) = rates.sides;
        named.push(rate(rates.effect, (before / rates.weight, since / rates.weight), OTHERS));
    }
    if mixes.effect.0 != 0.0 {
        named.push(mix(mixes.effect, mixes.sides, OTHERS));
    }
    named
}

/// What is not named, taken together.
#[derive(Default)]
struct Rest {
    effect: (f64, f64),
    sides: (f64, f64),
    weight: f64,
}

impl Rest {
    fn add(&mut self, effect: (f64, f64), sides: (f64, f64), weight: f64) {
        self.effect = (self.effect.0 + effect.0, self.effect.1 + effect.1);
        self.sides = (self.sides.0 + sides.0, self.sides.1 + sides.1);
        self.weight += weight;
    }
}

/// The groups with those that were too small before to speak of put together.
fn pooled(groups: &[Group]) -> Vec<Group> {
    let (mut large, mut others) = (Vec::new(), Group { value: OTHERS.to_string(), ..Group::default() });
    for group in groups {
        if group.before.converted < MIN_EXPECTED {
            others.before = others.before.plus(group.before);
            others.since = others.since.plus(group.since);
        } else {
            large.push(group.clone());
        }
    }
    if others.before.entered > 0.0 || others.since.entered > 0.0 {
        large.push(others);
    }
    large
}

#[cfg(test)]
mod tests;
