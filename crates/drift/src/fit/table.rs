//! Lag tables: one for all weekdays of entry, or seven.

use super::cohorts::Tally;
use super::homogeneity::{chi_square_above, days_differ, shapes_differ};
use super::tail::{HORIZON, LogNormal};
use super::waiting::{Waiting, at_risk, soft};

/// Ages whose departure from the prior is weighed together: `[start, end)`.
const GROUPS: [(usize, usize); 5] = [(0, 1), (1, 2), (2, 4), (4, 10), (10, HORIZON)];
/// Pseudo-conversions tried for each group.
const WEIGHTS: [f64; 8] = [3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 1e5];
const ROUNDS: usize = 40;
/// Conversions that make a hazard.
const ENOUGH: f64 = 20.0;
/// A hazard is read from no further off than this part of its age.
const NEAR: f64 = 0.3;
/// Weekdays are told apart where chance alone would do it once in a thousand.
pub(crate) const LEVEL: f64 = 1e-3;

/// Cumulative shares by age, `0..HORIZON`, and the rates that belong to them.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    /// Whether weekdays of entry differ; else the seven are equal.
    pub(crate) by_weekday: bool,
    /// By weekday of entry.
    pub(crate) shares: [Vec<f64>; 7],
    /// p by weekday of entry.
    pub(crate) rates: [f64; 7],
}

/// Fits the tables; `factors` say how the rate differs by weekday of entry. From age `reach` on they follow the
/// log-normal tail.
pub(crate) fn fit(tally: &Tally, factors: &[f64; 7], reach: usize) -> Tables {
    let (hits, open) = tally.pooled();
    let lean = LogNormal::fit(&hits, &open).hazards();
    let single = single(tally, factors, &lean, reach);
    let tests = [shapes_differ(tally, &single), days_differ(tally, &single)];
    if tests.into_iter().all(|test| chi_square_above(test) >= LEVEL) {
        return single;
    }
    let waiting = Waiting::fit(tally, &single.rates, &lean, reach);
    let prior: [Vec<f64>; 7] = std::array::from_fn(|weekday| waiting.table(weekday));
    let hazards: [Vec<f64>; 7] = std::array::from_fn(|weekday| hazards(&prior[weekday]));
    let mut tables = Tables { by_weekday: true, shares: prior, rates: single.rates };
    for _ in 0..ROUNDS {
        tables.rates = rates(tally, &tables.shares, &tables.rates, factors);
        let risk: [Vec<f64>; 7] = std::array::from_fn(|weekday| {
            at_risk(tally, &tables.shares[weekday], tables.rates[weekday], weekday)
        });
        let weights = GROUPS.map(|group| {
            let heights =
                |weight| (0..7).map(|w| height(&tally.hits[w], &risk[w], &hazards[w], group, weight)).sum();
            likeliest(heights)
        });
        for weekday in 0..7 {
            let mut own = hazards[weekday].clone();
            for (&(start, end), weight) in GROUPS.iter().zip(&weights) {
                for age in start..end.min(reach).min(risk[weekday].len()) {
                    let (hit, at_risk) = (tally.hits[weekday][age], risk[weekday][age]);
                    own[age] = ((hit + weight * own[age]) / (at_risk + weight)).clamp(0.0, 1.0);
                }
            }
            tables.shares[weekday] = cumulative(&own);
        }
    }
    tables
}

/// The ages a hazard is read from: around `age`, as few as hold [`ENOUGH`] conversions, and no further than where a
/// lag's hazard is about the same. A few conversions a day would else make a table of teeth, against which every
/// other pace looks likelier.
pub(crate) fn near(hits: &[f64], age: usize) -> std::ops::Range<usize> {
    let furthest = (age as f64 * NEAR) as usize;
    let (mut from, mut to, mut held) = (age, age + 1, hits[age]);
    while held < ENOUGH && age - from < furthest {
        from -= 1;
        held += hits[from];
        if to < hits.len() {
            held += hits[to];
            to += 1;
        }
    }
    from..to
}

/// One table for all weekdays: Kaplan–Meier among those who convert, leaning on the log-normal.
fn single(tally: &Tally, factors: &[f64; 7], lean: &[f64], reach: usize) -> Tables {
    let mut shares: [Vec<f64>; 7] = std::array::from_fn(|_| cumulative(lean));
    let mut rates_now = *factors;
    let converted: f64 = (0..7).map(|weekday| tally.conversions(weekday)).sum();
    let entered: f64 = tally.entered.iter().sum();
    rates_now.iter_mut().for_each(|rate| *rate *= converted / entered.max(1.0));
    for _ in 0..ROUNDS * 4 {
        rates_now = rates(tally, &shares, &rates_now, factors);
        let mut own = lean.to_vec();
        let risk: [Vec<f64>; 7] =
            std::array::from_fn(|weekday| at_risk(tally, &shares[weekday], rates_now[weekday], weekday));
        let ages = reach.min(risk[0].len());
        let hits: Vec<f64> = (0..ages).map(|age| tally.hits.iter().map(|row| row[age]).sum()).collect();
        let at_risk: Vec<f64> = (0..ages).map(|age| risk.iter().map(|row| row[age]).sum()).collect();
        let weights = leaning(&hits, &at_risk, lean);
        for (age, hazard) in own.iter_mut().enumerate().take(ages) {
            let near = near(&hits, age);
            let (hits, at_risk) = (hits[near.clone()].iter(), at_risk[near].iter());
            let (hits, at_risk): (f64, f64) = (hits.sum(), at_risk.sum());
            let lean = of_group(&weights, age);
            *hazard = ((hits + lean * *hazard) / (at_risk + lean)).clamp(0.0, 1.0);
        }
        let table = cumulative(&own);
        shares = std::array::from_fn(|_| table.clone());
    }
    Tables { by_weekday: false, shares, rates: rates_now }
}

/// One EM step of the rate: those who converted or will, of those who entered, in the proportion of `factors`.
fn rates(tally: &Tally, shares: &[Vec<f64>; 7], rates: &[f64; 7], factors: &[f64; 7]) -> [f64; 7] {
    let converts: f64 = (0..7).map(|w| soft(tally, &shares[w], rates[w], w)).sum();
    let entered: f64 = (0..7).map(|w| tally.entered[w] * factors[w]).sum();
    factors.map(|factor| (factor * converts / entered.max(1.0)).clamp(1e-6, 1.0 - 1e-6))
}

/// By group, the pseudo-conversions of the prior under which the conversions are likeliest (empirical Bayes).
pub(crate) fn leaning(hits: &[f64], risk: &[f64], prior: &[f64]) -> [f64; GROUPS.len()] {
    GROUPS.map(|group| likeliest(|weight| height(hits, risk, prior, group, weight)))
}

fn likeliest(height: impl Fn(f64) -> f64) -> f64 {
    let mut best = (WEIGHTS[WEIGHTS.len() - 1], f64::NEG_INFINITY);
    for weight in WEIGHTS {
        let height = height(weight);
        if height > best.1 {
            best = (weight, height);
        }
    }
    best.0
}

/// ln of the marginal of a group's conversions: binomials whose hazards are Beta around the prior's.
fn height(hits: &[f64], risk: &[f64], prior: &[f64], (start, end): (usize, usize), weight: f64) -> f64 {
    let mut sum = 0.0;
    for age in start..end.min(risk.len()).min(hits.len()) {
        let (hits, at_risk) = (hits[age], risk[age]);
        let hazard = prior[age].clamp(1e-7, 1.0 - 1e-7);
        if at_risk > 0.5 {
            let (a, b) = (weight * hazard, weight * (1.0 - hazard));
            sum += ln_beta(a + hits, b + (at_risk - hits).max(0.0)) - ln_beta(a, b);
        }
    }
    sum
}

/// The weight of the group of an age.
pub(crate) fn of_group(weights: &[f64; GROUPS.len()], age: usize) -> f64 {
    let group = GROUPS.iter().position(|(start, end)| (*start..*end).contains(&age));
    weights[group.unwrap_or(GROUPS.len() - 1)]
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// F from hazards.
pub(crate) fn cumulative(hazards: &[f64]) -> Vec<f64> {
    let mut share = 0.0;
    hazards
        .iter()
        .map(|hazard| {
            share += (1.0 - share) * hazard;
            share
        })
        .collect()
}

/// Hazards from F.
pub(crate) fn hazards(shares: &[f64]) -> Vec<f64> {
    let mut before = 0.0;
    shares
        .iter()
        .map(|share| {
            let left: f64 = 1.0 - before;
            let hazard = if left > 1e-9 { ((share - before) / left).clamp(0.0, 1.0) } else { 1.0 };
            before = *share;
            hazard
        })
        .collect()
}
