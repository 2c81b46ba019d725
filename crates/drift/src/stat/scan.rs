//! The scan over onset days: suffix sums of log likelihood ratios, mixed in log space.
//!
//! A(τ, r) = Σ_{e ≥ τ} ℓ_e(r) and M = Σ_τ Σ_r v_r exp A(τ, r): Shiryaev–Roberts with a mixture over effects
//! (Shin, Ramdas and Rinaldo 2023). While the table is on plan each exp A is a supermartingale, so
//! M(t) − #(onset days so far) is one, and the mean time to M ≥ c is at least c days.

use super::fast;
use super::grid::{EFFECTS, Effect, GRID, Side};

/// Terms this far (in logarithms) below the largest are nothing: 400 of them change a logarithm by less than 1e-11.
const NEGLIGIBLE: f64 = -32.0;

/// Share of the weights within an onset's interval. It is read when the evidence has just crossed its threshold, by
/// the table that crossed it: such days flatter themselves, and 95% of their weight cover the truth in 90% of runs.
const HULL: f64 = 0.95;

/// Standard errors that an estimated planned value lies off at most. Further out the parabola that stands for a
/// likelihood does not: where many more entered than the estimate came from, it would praise an absurd effect.
const ASTRAY: f64 = 4.0;

/// Effects taken together.
const LANES: usize = 2;

/// The log likelihood ratios of one table: element `[cohort][effect]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scores {
    rows: Vec<[f64; GRID]>,
    /// By cohort; none where the planned value is a promise.
    drawn: Vec<Drawn>,
    /// Variance of the logarithm of the planned value, where it was estimated itself.
    doubt: f64,
}

/// What a cohort says of the logarithm of the planned value: the derivative of its log likelihood, and its Fisher
/// information.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Drawn {
    /// At the plan.
    pub(crate) plan: Said,
    /// At each effect; none where the cohorts before an onset tell nothing of the planned value.
    pub(crate) moved: Option<[Said; GRID]>,
    /// The information still to come.
    pub(crate) unripe: f64,
}

/// Score and information at one value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) score: f64,
    pub(crate) information: f64,
}

impl std::ops::AddAssign for Said {
    fn add_assign(&mut self, more: Said) {
        self.score += more.score;
        self.information += more.information;
    }
}

/// ln of the parts of M_j.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parts {
    /// All down effects.
    pub(crate) down: f64,
    /// All up effects.
    pub(crate) up: f64,
    /// Down effects at or beyond critical.
    pub(crate) critical_down: f64,
    /// Up effects at or beyond critical.
    pub(crate) critical_up: f64,
}

/// The onset by one table: positions of cohorts in the scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peak {
    /// The likeliest.
    pub(crate) best: usize,
    /// First of the highest weights that make [`HULL`].
    pub(crate) low: usize,
    /// Last of them.
    pub(crate) high: usize,
}

impl Scores {
    /// Room for `cohorts`, oldest first, all without evidence.
    pub(crate) fn new(cohorts: usize) -> Scores {
        Scores { rows: vec![[0.0; GRID]; cohorts], drawn: Vec::new(), doubt: 0.0 }
    }

    /// The same against a planned value that is itself an estimate, with this variance of its logarithm.
    pub(crate) fn doubting(self, doubt: f64) -> Scores {
        let cohorts = if doubt > 0.0 { self.rows.len() } else { 0 };
        Scores { doubt, drawn: vec![Drawn::default(); cohorts], ..self }
    }

    /// What a cohort says about the logarithm of the value; asked only of an estimate.
    pub(crate) fn inform(&mut self, cohort: usize, drawn: impl FnOnce() -> Drawn) {
        if let Some(place) = self.drawn.get_mut(cohort) {
            *place = drawn();
        }
    }

    /// By how much evidence from all cohorts shrinks in [`Scores::accumulate`].
    pub(crate) fn kept(&self) -> f64 {
        1.0 / (1.0 + self.doubt * self.drawn.iter().map(|d| d.plan.information + d.unripe).sum::<f64>())
    }

    /// The likelihood ratios of a cohort.
    pub(crate) fn row(&mut self, cohort: usize) -> &mut [f64; GRID] {
        &mut self.rows[cohort]
    }

    /// Copies the cohorts behind the first `skipped` of another scan.
    pub(crate) fn copy_into(&self, other: &mut Scores, skipped: usize) {
        for (from, to) in self.rows.iter().zip(other.rows.iter_mut().skip(skipped)) {
            *to = *from;
        }
    }

    /// Sums from the newest cohort back: row τ becomes A(τ, ·).
    ///
    /// A planned value estimated with variance s² of its logarithm is known only so well: its error θ is integrated
    /// out of the likelihoods of "moved at τ" and "never moved", each taken as normal in θ (Laplace). With U, I the
    /// score and information of all cohorts at the plan, U_r, I_r the same with those from τ on at the effect r,
    /// `A'(τ, r) = A(τ, r) + U_r²/2P_r − U²/2P + ½·ln(P/P_r)`, `P = 1/s² + I`, `P_r = 1/s² + I_r`, the summits U/P and
    /// U_r/P_r sought within [`ASTRAY`]:
    /// the cohorts before τ go on telling where the plan really lies, within its error, and what a short window shows
    /// counts nearly whole. Where they do not tell (cycle times), A/(1 + s²·I_τ) remains.
    ///
    /// A fitted lag errs most at its young ages: a table of counts rests at each age on the N entries of the fit, so
    /// that against n entries 1/(1 + n/N) would remain however young they are. n/N is s²·I_τ and s² times what is still
    /// to come from them; of that second part, as far as the table has it, `unripe` is taken off here.
    pub(crate) fn accumulate(mut self) -> Sums {
        let mut running = [0.0; GRID];
        if self.doubt <= 0.0 {
            for row in self.rows.iter_mut().rev() {
                running.iter_mut().zip(&*row).for_each(|(sum, value)| *sum += value);
                *row = running;
            }
            return Sums { rows: self.rows };
        }
        let mut all = Said { score: 0.0, information: 1.0 / self.doubt };
        self.drawn.iter().for_each(|drawn| all += drawn.plan);
        let (mut moved, mut informed, mut unripe) = ([all; GRID], 0.0, 0.0);
        let astray = ASTRAY * self.doubt.sqrt();
        let integrated = |said: &Said, log: f64| {
            let theta = (said.score / said.information).clamp(-astray, astray);
            theta * (said.score - 0.5 * theta * said.information) - 0.5 * log
        };
        let unmoved = integrated(&all, fast::ln([all.information])[0]);
        let learns = self.drawn.iter().any(|drawn| drawn.moved.is_some());
        for (row, drawn) in self.rows.iter_mut().zip(&self.drawn).rev() {
            informed += drawn.plan.information;
            unripe += drawn.unripe;
            running.iter_mut().zip(&*row).for_each(|(sum, value)| *sum += value);
            for (sum, at) in moved.iter_mut().zip(drawn.moved.iter().flatten()) {
                sum.score += at.score - drawn.plan.score;
                sum.information += at.information - drawn.plan.information;
            }
            if learns {
                let kept = 1.0 / (1.0 + self.doubt * unripe);
                let logs = fast::ln(moved.map(|said| said.information));
                *row =
                    std::array::from_fn(|r| (running[r] + integrated(&moved[r], logs[r]) - unmoved) * kept);
            } else {
                let kept = 1.0 / (1.0 + self.doubt * informed);
                *row = running.map(|sum| sum * kept);
            }
        }
        Sums { rows: self.rows }
    }
}

/// A(τ, r) of one table.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    rows: Vec<[f64; GRID]>,
}

impl Sums {
    /// Of these rows, by the cohort τ, oldest first.
    pub(crate) fn of(rows: Vec<[f64; GRID]>) -> Sums {
        Sums { rows }
    }

    #[cfg(test)]
    pub(crate) fn row(&self, cohort: usize) -> &[f64; GRID] {
        &self.rows[cohort]
    }

    /// Σ_τ exp(A(τ, r) − max) of the effect at `AT` and the next: two, as the narrowest vector takes them.
    fn pair<const AT: usize>(&self, max: &[f64; GRID]) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        for row in &self.rows {
            let below: [f64; LANES] = [row[AT] - max[AT], row[AT + 1] - max[AT + 1]];
            if below[0] > NEGLIGIBLE || below[1] > NEGLIGIBLE {
                sums.iter_mut().zip(fast::exp(below)).for_each(|(sum, term)| *sum += term);
            }
        }
        sums
    }

    /// ln of the parts of M_j = Σ_τ Σ_r v_r exp A(τ, r).
    pub(crate) fn parts(&self, effects: &[Effect; GRID]) -> Parts {
        let mut max = [f64::MIN; GRID];
        for row in &self.rows {
            max.iter_mut().zip(row).for_each(|(max, value)| *max = max.max(*value));
        }
        let sums = [self.pair::<0>(&max), self.pair::<2>(&max), self.pair::<4>(&max), self.pair::<6>(&max)];
        let sums: [f64; GRID] = std::array::from_fn(|r| sums[r / LANES][r % LANES]);
        // Σ_r v_r·exp(max_r)·sum_r, with the greatest maximum of the side outside.
        let over = |side: Side| {
            let of_side = if side == Side::Down { 0 } else { EFFECTS };
            let own = |of: [f64; GRID]| -> [f64; EFFECTS] { std::array::from_fn(|i| of[of_side + i]) };
            let (max, sums) = (own(max), own(sums));
            let most = max.iter().fold(f64::MIN, |most, max| most.max(*max));
            let scales = fast::exp(max.map(|max| max - most));
            let weights = fast::exp(own(effects.map(|effect| effect.log_weight)));
            let terms: [f64; EFFECTS] = std::array::from_fn(|i| weights[i] * scales[i] * sums[i]);
            let critical = terms.iter().zip(&effects[of_side..]).filter(|(_, e)| e.critical);
            let log = |sum: f64| if sum > 0.0 { most + libm::log(sum) } else { f64::MIN };
            (log(terms.iter().sum()), log(critical.map(|(term, _)| term).sum()))
        };
        let ((down, critical_down), (up, critical_up)) = (over(Side::Down), over(Side::Up));
        Parts { down, up, critical_down, critical_up }
    }

    /// The likeliest onset by one side's effects, and the hull of the highest weights. `None` if empty.
    pub(crate) fn peak(&self, effects: &[Effect; GRID], side: Side) -> Option<Peak> {
        let of_side = if side == Side::Down { 0 } else { EFFECTS };
        let logs = |row: &[f64; GRID]| -> [f64; EFFECTS] {
            std::array::from_fn(|i| row[of_side + i] + effects[of_side + i].log_weight)
        };
        let max = self.rows.iter().flat_map(logs).fold(f64::MIN, f64::max);
        let weigh = |row: &[f64; GRID]| fast::exp(logs(row).map(|log| log - max)).iter().sum::<f64>();
        hull(&self.rows.iter().map(weigh).collect::<Vec<f64>>())
    }

    /// Posterior probability that the table moved at the onset `cohort`, either way alike, rather than not at all.
    pub(crate) fn moved(&self, effects: &[Effect; GRID], cohort: usize) -> f64 {
        let Some(row) = self.rows.get(cohort) else { return 0.0 };
        let side = |side: Side| {
            let of_side = || effects.iter().zip(row).filter(move |(e, _)| e.side == side);
            log_sum(of_side().map(|(e, a)| e.log_weight + a)) - log_sum(of_side().map(|(e, _)| e.log_weight))
        };
        let odds = log_sum([side(Side::Down), side(Side::Up)].into_iter()) - std::f64::consts::LN_2;
        1.0 / (1.0 + libm::exp(-odds))
    }

    /// The factor of the effect with the greatest v·exp A at any onset, on one side.
    pub(crate) fn likeliest(&self, effects: &[Effect; GRID], side: Side) -> f64 {
        let mut best = (f64::MIN, 1.0);
        for (r, effect) in effects.iter().enumerate().filter(|(_, e)| e.side == side) {
            let max = self.rows.iter().fold(f64::MIN, |max, row| max.max(row[r])) + effect.log_weight;
            if max > best.0 {
                best = (max, effect.factor);
            }
        }
        best.1
    }
}

/// The cohort of the greatest weight, and the hull of the highest weights that make [`HULL`] of all. `None` of none.
pub(crate) fn hull(weights: &[f64]) -> Option<Peak> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    // Ties go to the later day: the shorter drift is claimed.
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(b.cmp(&a)));
    let best = *order.first()?;
    let total: f64 = weights.iter().sum();
    let (mut low, mut high, mut held) = (best, best, 0.0);
    for &i in &order {
        (low, high) = (low.min(i), high.max(i));
        held += weights[i];
        if held >= HULL * total {
            break;
        }
    }
    Some(Peak { best, low, high })
}

/// ln Σ exp of the values, in the order given; `f64::MIN` of none.
pub(crate) fn log_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = values.clone().fold(f64::MIN, f64::max);
    let mut sum = 0.0;
    for value in values {
        if value - max > NEGLIGIBLE {
            sum += libm::exp(value - max);
        }
    }
    if sum > 0.0 && max > f64::MIN { max + libm::log(sum) } else { f64::MIN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stat::grid::{Bounds, Grid};

    fn effects() -> [Effect; GRID] {
        let bounds = |text: &str| Bounds::with(text.parse().unwrap());
        Grid::new(bounds("-10%"), Some(bounds("-30%"))).effects
    }

    #[test]
    fn without_evidence_m_counts_the_onset_days() {
        let parts = Scores::new(40).accumulate().parts(&effects());
        let m = libm::exp(log_sum([parts.down, parts.up].into_iter()));
        assert!((m - 40.0).abs() < 1e-9);
        assert!((libm::exp(parts.down) - 30.0).abs() < 1e-9);
    }

    #[test]
    fn the_sums_agree_with_the_definition() {
        let mut scores = Scores::new(6);
        for e in 0..6 {
            for r in 0..GRID {
                scores.row(e)[r] = 0.3 * e as f64 - 0.2 * r as f64;
            }
        }
        let raw = scores.clone();
        let parts = scores.accumulate().parts(&effects());
        let mut direct = 0.0;
        for tau in 0..6 {
            for (r, effect) in effects().iter().enumerate() {
                let a: f64 = (tau..6).map(|e| raw.rows[e][r]).sum();
                direct += libm::exp(a + effect.log_weight);
            }
        }
        assert!((log_sum([parts.down, parts.up].into_iter()) - libm::log(direct)).abs() < 1e-12);
    }

    /// Cohorts of normal likelihoods whose shift θ is itself drawn with variance s²: integrated by the trapezium rule.
    #[test]
    fn the_error_of_an_estimated_plan_is_integrated_out() {
        let shifts: [f64; GRID] = std::array::from_fn(|r| 0.1 * r as f64 - 0.35);
        let said = |e: usize, at: f64| {
            let information = 20.0 + 7.0 * e as f64;
            Said { score: [2.0, -3.5, -1.0, -9.0][e] - information * at, information }
        };
        let variance: f64 = 0.002;
        let mut scores = Scores::new(4).doubting(variance);
        for e in 0..4 {
            let Said { score, information } = said(e, 0.0);
            *scores.row(e) = shifts.map(|shift| score * shift - 0.5 * information * shift * shift);
            let moved = Some(shifts.map(|shift| said(e, shift)));
            scores.inform(e, || Drawn { plan: said(e, 0.0), moved, unripe: 0.0 });
        }
        let sums = scores.accumulate();
        let integrate = |moved_by: f64, from: usize| {
            let step = 1e-4;
            let density = |theta: f64| {
                let log: f64 = (0..4)
                    .map(|e| {
                        let at = theta + if e >= from { moved_by } else { 0.0 };
                        let Said { score, information } = said(e, 0.0);
                        score * at - 0.5 * information * at * at
                    })
                    .sum();
                libm::exp(log - 0.5 * theta * theta / variance)
            };
            (-6000..=6000).map(|i| density(f64::from(i) * step) * step).sum::<f64>()
        };
        for from in 0..4 {
            for (r, shift) in shifts.iter().enumerate() {
                let direct = libm::log(integrate(*shift, from) / integrate(0.0, from));
                assert!((sums.rows[from][r] - direct).abs() < 1e-6, "{from} {r}: {direct}");
            }
        }
    }

    #[test]
    fn the_peak_is_the_day_from_which_the_evidence_points_one_way() {
        let mut scores = Scores::new(30);
        for e in 0..30 {
            *scores.row(e) = [if e >= 20 { 1.0 } else { -0.5 }; GRID];
        }
        let peak = scores.accumulate().peak(&effects(), Side::Down).unwrap();
        assert_eq!(peak.best, 20);
        assert!(peak.low <= 20 && peak.high >= 20 && peak.high - peak.low < 12);
    }

    #[test]
    fn a_table_moved_by_the_odds_of_its_own_likelihoods_at_the_onset() {
        let mut scores = Scores::new(2);
        *scores.row(1) = std::array::from_fn(|r| if r < GRID / 2 { 2.0 } else { -1.0 });
        let sums = scores.accumulate();
        let odds = 0.5 * libm::exp(2.0) + 0.5 * libm::exp(-1.0);
        assert!((sums.moved(&effects(), 1) - odds / (1.0 + odds)).abs() < 1e-12);
        assert!((Scores::new(1).accumulate().moved(&effects(), 0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn huge_and_absent_evidence_stay_finite() {
        let mut scores = Scores::new(3);
        *scores.row(2) = [5_000.0; GRID];
        let parts = scores.accumulate().parts(&effects());
        assert!(parts.down.is_finite() && parts.down > 4_999.0);
        assert_eq!(Scores::new(0).accumulate().parts(&effects()).down, f64::MIN);
    }
}
