//! Lags by weekday of entry from few numbers: what becomes ready on a day is done that day with a chance that
//! depends on the weekday, else it waits for the next.
//!
//! Weekend back-log makes the lag tables of the seven weekdays differ in a way two causes explain: a lag that
//! knows no weekday, and seven chances of being served. Both are fitted from all weekdays together by EM over
//! the unseen: whether an open journey will ever convert (never-converters stay in the risk set; Sy and Taylor
//! 2000), when it became ready, and on which days it waited.

use super::cohorts::Tally;
use super::table::{leaning, near, of_group};
use super::tail::HORIZON;

/// Days a ready journey is thought to have waited at most.
const LONGEST_WAIT: usize = 10;
const ROUNDS: usize = 250;

/// The two causes.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// P(ready at age a | not before), for `0..HORIZON`.
    ready: Vec<f64>,
    /// P(served on the day | ready or waiting), Monday first.
    served: [f64; 7],
}

/// Sums of one E-step.
struct Expected {
    ready: Vec<f64>,
    not_ready: Vec<f64>,
    exposed: [f64; 7],
    done: [f64; 7],
}

impl Waiting {
    /// Fits the causes; from age `reach` on the hazard is the log-normal's (`lean`).
    pub(crate) fn fit(tally: &Tally, rates: &[f64; 7], lean: &[f64], reach: usize) -> Waiting {
        let mut model = Waiting { ready: lean.to_vec(), served: first_guess(tally, rates, lean) };
        let mut rates = *rates;
        let total: f64 = tally.entered.iter().sum();
        // A rate that differs by weekday is the caller's to say; else one rate moves with the lag.
        let shared = rates.iter().all(|rate| *rate == rates[0]);
        for _ in 0..ROUNDS {
            let tables: [Vec<f64>; 7] = std::array::from_fn(|weekday| model.table(weekday));
            if shared {
                let converts: f64 = (0..7).map(|w| soft(tally, &tables[w], rates[w], w)).sum();
                rates = [(converts / total.max(1.0)).clamp(1e-6, 1.0 - 1e-6); 7];
            }
            let expected = model.expect(tally, &tables, &rates);
            let mut left: f64 = expected.ready.iter().chain(&expected.not_ready).sum();
            let mut at_risk = Vec::with_capacity(expected.ready.len());
            for (ready, not_ready) in expected.ready.iter().zip(&expected.not_ready) {
                at_risk.push(left);
                left -= ready + not_ready;
            }
            let weights = leaning(&expected.ready, &at_risk, lean);
            for (age, lean) in lean.iter().enumerate().take(tally.ages.min(HORIZON).min(reach)) {
                let near = near(&expected.ready, age);
                let (ready, at_risk) = (expected.ready[near.clone()].iter(), at_risk[near].iter());
                let (ready, at_risk): (f64, f64) = (ready.sum(), at_risk.sum());
                let weight = of_group(&weights, age);
                model.ready[age] = ((ready + weight * lean) / (at_risk + weight).max(1e-9)).clamp(0.0, 1.0);
            }
            for day in 0..7 {
                if expected.exposed[day] > 0.0 {
                    model.served[day] = (expected.done[day] / expected.exposed[day]).clamp(0.001, 0.999);
                }
            }
        }
        model
    }

    /// F by age for entries of a weekday.
    pub(crate) fn table(&self, weekday: usize) -> Vec<f64> {
        let (mut coming, mut waiting, mut share) = (1.0, 0.0, 0.0);
        let step = |(age, hazard): (usize, &f64)| {
            let ready = coming * hazard;
            coming -= ready;
            let done = self.served[(weekday + age) % 7] * (waiting + ready);
            waiting += ready - done;
            share += done;
            share
        };
        self.ready.iter().enumerate().map(step).collect()
    }

    fn expect(&self, tally: &Tally, tables: &[Vec<f64>; 7], rates: &[f64; 7]) -> Expected {
        let ages = tally.ages.min(HORIZON);
        let mut expected = Expected {
            ready: vec![0.0; ages],
            not_ready: vec![0.0; ages],
            exposed: [0.0; 7],
            done: [0.0; 7],
        };
        // Mass that becomes ready at each age, and what is still to come after it.
        let mut coming = 1.0;
        let mut masses = Vec::with_capacity(ages);
        let mut to_come = Vec::with_capacity(ages);
        for hazard in &self.ready[..ages] {
            masses.push(coming * hazard);
            coming *= 1.0 - hazard;
            to_come.push(coming);
        }
        for weekday in 0..7 {
            for age in 0..ages {
                let hits = tally.hits[weekday][age];
                if hits > 0.0 {
                    let waited = self.waited(&masses, weekday, age, 1.0);
                    expected.spread(&waited, weekday, age, hits, 0.0);
                    expected.done[(weekday + age) % 7] += hits;
                }
                let open = tally.open[weekday][age];
                let left = rates[weekday] * (1.0 - tables[weekday][age]);
                let converts = open * left / (1.0 - rates[weekday] + left).max(1e-12);
                if converts > 0.0 {
                    let unserved = 1.0 - self.served[(weekday + age) % 7];
                    let waited = self.waited(&masses, weekday, age, unserved);
                    expected.spread(&waited, weekday, age, converts, to_come[age]);
                }
            }
        }
        expected
    }

    /// Weights of having become ready 0, 1, … days before `age` and not been served since, before that day;
    /// `today` is the weight of the day itself.
    fn waited(&self, masses: &[f64], weekday: usize, age: usize, today: f64) -> [f64; LONGEST_WAIT] {
        let mut weights = [0.0; LONGEST_WAIT];
        let mut unserved = today;
        for (back, weight) in weights.iter_mut().enumerate().take(age + 1) {
            *weight = masses[age - back] * unserved;
            if age > back {
                unserved *= 1.0 - self.served[(weekday + age - back - 1) % 7];
            }
        }
        weights
    }
}

impl Expected {
    /// Spreads `count` journeys over when they became ready, and over not yet.
    fn spread(
        &mut self,
        waited: &[f64; LONGEST_WAIT],
        weekday: usize,
        age: usize,
        count: f64,
        not_ready: f64,
    ) {
        let total = waited.iter().sum::<f64>() + not_ready;
        if total <= 0.0 {
            // Nothing the model knows explains it: ready on the day.
            self.ready[age] += count;
            self.exposed[(weekday + age) % 7] += count;
            return;
        }
        let scale = count / total;
        self.not_ready[age] += not_ready * scale;
        let mut exposed = 0.0;
        for back in (0..LONGEST_WAIT.min(age + 1)).rev() {
            exposed += waited[back] * scale;
            self.ready[age - back] += waited[back] * scale;
            self.exposed[(weekday + age - back) % 7] += exposed;
        }
    }
}

/// Eventual conversions among a weekday's entries: those seen and those still to come.
pub(crate) fn soft(tally: &Tally, table: &[f64], rate: f64, weekday: usize) -> f64 {
    let to_come =
        tally.open[weekday].iter().enumerate().filter(|(_, open)| **open > 0.0).map(|(age, open)| {
            let left = rate * (1.0 - table[age.min(table.len() - 1)]);
            open * left / (1.0 - rate + left).max(1e-12)
        });
    tally.conversions(weekday) + to_come.sum::<f64>()
}

/// Eventual conversions at risk by age, of a weekday's entries.
pub(crate) fn at_risk(tally: &Tally, table: &[f64], rate: f64, weekday: usize) -> Vec<f64> {
    let ages = tally.ages.min(HORIZON);
    let mut risk = vec![0.0; ages];
    let mut sum = 0.0;
    for age in (0..tally.ages).rev() {
        let left = rate * (1.0 - table[age.min(table.len() - 1)]);
        sum += tally.hits[weekday][age] + tally.open[weekday][age] * left / (1.0 - rate + left).max(1e-12);
        if age < ages {
            risk[age] = sum;
        }
    }
    risk
}

/// Conversions on each weekday against those expected if weekdays did not matter.
fn first_guess(tally: &Tally, rates: &[f64; 7], lean: &[f64]) -> [f64; 7] {
    let mut share = 0.0;
    let table: Vec<f64> = lean
        .iter()
        .map(|hazard| {
            share += (1.0 - share) * hazard;
            share
        })
        .collect();
    let (mut seen, mut expected) = ([0.0; 7], [0.0; 7]);
    for weekday in 0..7 {
        let risk = at_risk(tally, &table, rates[weekday], weekday);
        for (age, at_risk) in risk.iter().enumerate() {
            seen[(weekday + age) % 7] += tally.hits[weekday][age];
            expected[(weekday + age) % 7] += at_risk * lean[age];
        }
    }
    let ratio: [f64; 7] =
        std::array::from_fn(|day| if expected[day] > 0.0 { seen[day] / expected[day] } else { 1.0 });
    // The day after a back-log stands out above; the usual day is the yardstick.
    let mut sorted = ratio;
    sorted.sort_by(f64::total_cmp);
    ratio.map(|r| (r / sorted[3].max(0.05)).clamp(0.05, 0.98))
}
