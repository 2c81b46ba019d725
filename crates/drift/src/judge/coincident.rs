//! What else changed about when a drift began: steps in spend, cost per lead, volume or mix.
//!
//! Each is a series of days `a` against what goes with it, `b`. The eight weeks before give the usual ratio Σa/Σb,
//! the usual residual `a − ratio·b` by weekday and its spread, so that seasons of the week, and days that vary more
//! than counts should, are no news. A step at day d is measured by the mean residual from d on, in standard errors;
//! the likeliest day is the one where that is largest.

use plumbline_plan::{DimensionIndex, Metric, StageIndex};
use plumbline_units::Day;
use serde::{Deserialize, Serialize};

use super::assess::Case;
use super::facts::Quantity;
use super::names;
use super::series::groups_of;
use crate::stat::Onset;

/// A step near the onset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coincidence {
    /// `spend`, `cost per lead`, `lead volume`, `share of paid_social`.
    pub what: String,
    /// How much, relative to before (+0.4 = 40% more).
    pub relative: f64,
    /// The first day of it.
    pub day: Day,
}

/// Days before the search that say what is usual: whole weeks.
const USUAL: usize = 56;
/// Days on either side of the onset's interval that are searched.
const NEAR: i32 = 3;
/// Days from a step on that are looked at, at most.
const LONGEST: usize = 28;
/// Days a step must have lasted.
const SHORTEST: usize = 3;
/// Standard errors a step must measure. The best of many days is taken, hence more than three.
const CLEAR: f64 = 3.5;
/// The smallest step worth telling.
const NOTABLE: f64 = 0.10;
/// At most so many are told.
const MOST: usize = 3;
/// Sub-segments with less than this share of the entries before are not looked at one by one.
const MIN_SHARE: f64 = 0.05;
/// At most so many sub-segments are looked at per dimension.
const MAX_GROUPS: usize = 40;

/// The clear steps near the onset, the clearest first.
pub(crate) fn near(case: &Case<'_>, onset: Onset) -> Vec<Coincidence> {
    let series = case.series;
    let search = (series.from_day(onset.low.plus(-NEAR)), series.from_day(onset.high.plus(NEAR + 1)));
    let first = StageIndex(0);
    let leads: Vec<f64> = (0..series.len()).map(|i| f64::from(series.reached(0, i))).collect();
    // The last statements may be missing yet.
    let spent = series.spend.iter().rposition(|&s| s != 0).map_or(0, |at| at + 1);
    let spend: Vec<f64> = series.spend.iter().take(spent).map(|&s| s as f64 / 1e6).collect();
    let mut found: Vec<(f64, Coincidence)> = Vec::new();
    let mut look = |what: String, a: &[f64], b: Option<&[f64]>| {
        if let Some(step) = step(a, b, search) {
            let day = series.day(step.at);
            found.push((step.z.abs(), Coincidence { what, relative: step.relative, day }));
        }
    };
    if case.target.metric != (Metric::Volume { stage: first }) {
        look(format!("{} volume", names::stage(case.plan, first)), &leads, None);
    }
    look("spend".to_string(), &spend, None);
    look(names::COST_PER_LEAD.to_string(), &spend, Some(&leads));
    for (at, _) in case.plan.dimensions.iter().enumerate() {
        let Ok(at) = u8::try_from(at) else { break };
        let index = DimensionIndex(at);
        if case.scope.0.iter().any(|(fixed, _)| *fixed == index) {
            continue;
        }
        for (value, entered) in shares(case, index, search.0, &leads) {
            look(format!("share of {value}"), &entered, Some(&leads));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.what.cmp(&b.1.what)));
    found.into_iter().take(MOST).map(|(_, coincidence)| coincidence).collect()
}

/// The first-stage entries by day of the larger sub-segments of a dimension.
fn shares(
    case: &Case<'_>,
    dimension: DimensionIndex,
    until: usize,
    leads: &[f64],
) -> Vec<(String, Vec<f64>)> {
    let series = case.series;
    let from = until.saturating_sub(USUAL);
    let all: f64 = leads[from..until.min(leads.len())].iter().sum();
    let groups = groups_of(case.facts, case.leaves, dimension).into_iter().map(|(value, leaves)| {
        let mut days = vec![0.0; series.len()];
        let what = Quantity::Entered(StageIndex(0));
        for leaf in leaves {
            case.facts.by_entry_day(leaf, what, series.first_day, series.last_day, &mut |day, n| {
                if let Some(slot) = days.get_mut(series.from_day(day)) {
                    *slot += n as f64;
                }
            });
        }
        (days[from..until].iter().sum::<f64>(), value, days)
    });
    let mut groups: Vec<_> = groups.filter(|(before, _, _)| *before > MIN_SHARE * all).collect();
    groups.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    groups.into_iter().take(MAX_GROUPS).map(|(_, value, days)| (value, days)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    at: usize,
    z: f64,
    relative: f64,
}

/// The clearest step of `a` against `b` (or against its own weekdays) that begins at a position inside `search`; `None`
/// where none is clear, or where it lies at the edge and so began elsewhere.
fn step(a: &[f64], b: Option<&[f64]>, search: (usize, usize)) -> Option<Step> {
    let from = search.0.checked_sub(USUAL)?;
    let weekly: Vec<f64>;
    let b = match b {
        Some(b) => b,
        None => {
            let means = by_weekday(a.get(from..)?, USUAL)?;
            weekly = (0..a.len()).map(|i| means[(i + 7 - from % 7) % 7]).collect();
            &weekly
        }
    };
    if a.len() <= search.0 || b.len() < a.len() {
        return None;
    }
    let usual = from..search.0;
    let total = |x: &[f64], range: std::ops::Range<usize>| x[range].iter().sum::<f64>();
    let ratio = total(a, usual.clone()) / total(b, usual.clone());
    if !(ratio.is_finite() && ratio > 0.0) {
        return None;
    }
    let residuals: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - ratio * b).collect();
    let means = by_weekday(&residuals[from..], USUAL)?;
    let residual = |i: usize| residuals[i] - means[(i + 7 - from % 7) % 7];
    // Seven means are taken from the 56 days.
    let variance = usual.clone().map(|i| residual(i) * residual(i)).sum::<f64>() / (USUAL - 7) as f64;
    // Nothing at all varies less than counts do, though the weeks before may happen to.
    let variance = variance.max(1e-9 * ratio * total(b, usual.clone()));
    let mut best: Option<Step> = None;
    for at in search.0..search.1.min(a.len()) {
        let end = a.len().min(at + LONGEST);
        if end - at < SHORTEST {
            break;
        }
        let days = (end - at) as f64;
        let sum: f64 = (at..end).map(residual).sum();
        let z = sum / (variance * days * (1.0 + days / USUAL as f64)).sqrt();
        if best.is_none_or(|best| z.abs() > best.z.abs()) {
            let relative = total(a, at..end) / total(b, at..end) / ratio - 1.0;
            best = Some(Step { at, z, relative });
        }
    }
    best.filter(|s| s.z.abs() >= CLEAR && s.relative.abs() >= NOTABLE && s.relative.is_finite())
        .filter(|s| s.relative * s.z > 0.0 && s.at > search.0)
}

/// Means of the first `days` (whole weeks) by their place in the week; `None` where there are fewer.
fn by_weekday(values: &[f64], days: usize) -> Option<[f64; 7]> {
    let values = values.get(..days)?;
    let mut means = [0.0; 7];
    values.iter().enumerate().for_each(|(i, value)| means[i % 7] += value);
    Some(means.map(|sum| sum / (days / 7) as f64))
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use rand_distr::{Distribution, Poisson};

    use super::*;

    /// 100 days of counts with weekends of a quarter, `factor` from day 80 on.
    fn counts(seed: u64, factor: f64) -> Vec<f64> {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..100)
            .map(|day| {
                let week = if day % 7 < 5 { 1.0 } else { 0.25 };
                let mean = 40.0 * week * if day >= 80 { factor } else { 1.0 };
                Poisson::new(mean).unwrap().sample(&mut rng)
            })
            .collect()
    }

    const SEARCH: (usize, usize) = (72, 88);

    #[test]
    fn a_step_is_found_on_its_day_with_its_size() {
        let mut errors = Vec::new();
        for seed in 0..50 {
            let step = step(&counts(seed, 1.4), None, SEARCH).expect("a step of 40% is clear");
            errors.push((step.at as i32 - 80).abs());
            assert!((step.relative - 0.4).abs() < 0.2, "{step:?}");
        }
        errors.sort_unstable();
        assert!(errors[25] <= 1 && errors[45] <= 4, "{errors:?}");
    }

    #[test]
    fn weeks_alone_are_no_step() {
        let false_ones = (0..200).filter(|&seed| step(&counts(seed, 1.0), None, SEARCH).is_some()).count();
        assert!(false_ones <= 10, "{false_ones} of 200");
    }

    #[test]
    fn cost_per_lead_is_seen_whatever_the_volume_does() {
        let mut rng = StdRng::seed_from_u64(3);
        let leads = counts(7, 1.3);
        let spend = |rng: &mut StdRng, factor: f64| -> Vec<f64> {
            let cost = |day: usize| if day >= 80 { 100.0 * factor } else { 100.0 };
            leads.iter().enumerate().map(|(i, n)| n * cost(i) * (0.9 + 0.2 * rng.random::<f64>())).collect()
        };
        assert_eq!(step(&spend(&mut rng, 1.0), Some(&leads), SEARCH), None);
        let found = step(&spend(&mut rng, 1.4), Some(&leads), SEARCH).unwrap();
        assert!((found.relative - 0.4).abs() < 0.05 && (79..=81).contains(&found.at), "{found:?}");
    }

    #[test]
    fn what_began_before_the_search_or_has_no_before_is_not_told() {
        let level = |from: usize| -> Vec<f64> {
            (0..100).map(|i| if i >= from { 20.0 } else { 10.0 } + (i % 3) as f64).collect()
        };
        assert!(step(&level(80), None, SEARCH).is_some());
        assert_eq!(step(&level(60), None, SEARCH), None);
        assert_eq!(step(&level(80), None, (50, 90)), None);
        assert_eq!(step(&[], None, SEARCH), None);
    }
}
