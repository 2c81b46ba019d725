//! A log-normal lag with never-converters: what the tail beyond the history is taken from, and what sparse ages
//! lean on.

/// Hours of entry a day's share is averaged over, for ages (days) below [`CURVED`].
const POINTS: usize = 8;
const CURVED: usize = 15;

/// Ages of the tables.
pub(crate) const HORIZON: usize = 400;

/// The fitted log-normal lag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LogNormal {
    /// ln of the median in days.
    pub(crate) mu: f64,
    /// Standard deviation of ln lag.
    pub(crate) sigma: f64,
}

impl LogNormal {
    /// Share converted by the end of the `age`-th day after the entry day, for entries spread evenly over theirs.
    pub(crate) fn share(&self, age: usize) -> f64 {
        let at = |days: f64| {
            let z = (libm::log(days) - self.mu) / self.sigma;
            0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
        };
        // Later the share is nearly straight within a day.
        let points = if age < CURVED { POINTS } else { 1 };
        let within = |i: usize| at(age as f64 + (i as f64 + 0.5) / points as f64);
        (0..points).map(within).sum::<f64>() / points as f64
    }

    /// P(age = a | age ≥ a) for `0..HORIZON`.
    pub(crate) fn hazards(&self) -> Vec<f64> {
        let mut before = 0.0;
        (0..HORIZON)
            .map(|age| {
                let share = self.share(age);
                let left = 1.0 - before;
                let hazard = if left > 1e-9 { ((share - before) / left).clamp(0.0, 1.0) } else { 1.0 };
                before = share;
                hazard
            })
            .collect()
    }

    /// Greatest likelihood of `hits` by age and `open` by last age, the rate profiled out: a grid that closes in.
    pub(crate) fn fit(hits: &[f64], open: &[f64]) -> LogNormal {
        let likelihood = |candidate: &LogNormal| {
            let shares: Vec<f64> = (0..hits.len()).map(|age| candidate.share(age)).collect();
            let rate = rate(hits.iter().sum(), open.iter().copied().zip(shares.iter().copied()));
            let mut sum = 0.0;
            let mut before = 0.0;
            for (age, share) in shares.iter().enumerate() {
                if hits[age] > 0.0 {
                    sum += hits[age] * libm::log((rate * (share - before)).max(1e-12));
                }
                if open[age] > 0.0 {
                    sum += open[age] * libm::log((1.0 - rate * share).max(1e-12));
                }
                before = *share;
            }
            sum
        };
        let mut best = LogNormal { mu: libm::log(4.0), sigma: 1.0 };
        let mut height = f64::NEG_INFINITY;
        let (mut step_mu, mut step_sigma) = (1.0, 0.35);
        for round in 0..12 {
            let (centre, reach) = (best, if round == 0 { 4 } else { 2 });
            for i in -reach..=reach {
                for j in -reach..=reach {
                    let candidate = LogNormal {
                        mu: centre.mu + f64::from(i) * step_mu,
                        sigma: (centre.sigma + f64::from(j) * step_sigma).clamp(0.05, 3.0),
                    };
                    let at = likelihood(&candidate);
                    if at > height {
                        (best, height) = (candidate, at);
                    }
                }
            }
            step_mu *= 0.6;
            step_sigma *= 0.6;
        }
        best
    }
}

/// The rate of greatest likelihood given the shares F at which open journeys stand: k/p = Σ open·F/(1−pF).
pub(crate) fn rate(converted: f64, open: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    if converted <= 0.0 {
        return 0.0;
    }
    let slope =
        |p: f64| converted / p - open.clone().map(|(n, f)| n * f / (1.0 - p * f).max(1e-9)).sum::<f64>();
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if slope(middle) > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}
