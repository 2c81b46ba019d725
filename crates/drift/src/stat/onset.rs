//! Since when: the posterior of the onset on the leading table.
//!
//! The detector's own effects start at twice the warn bound, because only what leaves the plan for good pays for its
//! place among them. A drift spread over many parts is weaker in each, and read by effects too strong for it τ̂ is
//! the best of its bad weeks. So the onset is weighed by weaker effects as well: with all effects r alike likely, a
//! day τ has the weight `Σ_r exp A(τ, r)`, A(τ, r) = Σ_{e ≥ τ} ℓ_e(r), and the interval is the hull of the highest
//! weights.

use super::assess::Line;
use super::evidence::TableId;
use super::grid::{EFFECTS, Side};
use super::model::{Kind, Model};
use super::scan::{Peak, hull};
use super::series::ScopeSeries;
use super::{counts, fast};

/// Effects weaker than the detector's, as powers of the warn bound's factor.
const WEAKER: [f64; 3] = [0.5, 1.0, 1.5];

/// All effects looked at.
const LEVELS: usize = WEAKER.len() + EFFECTS;

impl Model {
    /// The likeliest onset of a drift of `line` to `side` among the entries from position `first` on, counted from
    /// there; `only` where the line's sums of one side are enough. `None` without any day.
    pub(super) fn peak(
        &self,
        line: &Line<'_>,
        (side, only): (Side, Option<Side>),
        series: &ScopeSeries,
        first: usize,
    ) -> Option<Peak> {
        let warn = if side == Side::Down { self.grid.warn_down } else { self.grid.warn_up };
        let strong =
            self.grid.effects.iter().filter(|effect| effect.side == side).map(|effect| effect.factor);
        let mut levels = [1.0; LEVELS];
        let weaker = WEAKER.iter().map(|power| libm::pow(warn, *power));
        levels.iter_mut().zip(weaker.chain(strong)).for_each(|(level, factor)| *level = factor);
        let weigh_up = |logs: Vec<[f64; LEVELS]>| {
            let max = logs.iter().flatten().fold(f64::MIN, |max, log| max.max(*log));
            let weigh = |row: &[f64; LEVELS]| fast::exp(row.map(|log| log - max)).iter().sum::<f64>();
            hull(&logs.iter().map(weigh).collect::<Vec<f64>>())
        };
        if let (Kind::Cac(cac), TableId::LeadsPerMoney) = (&self.kind, line.table)
            && cac.doubt() > 0.0
        {
            let (days, spread) = (self.leads_per_money(cac, series, first), self.leads_spread(cac, series));
            return weigh_up(counts::doubted(&days, levels.map(|level| (level, 1.0)), spread, cac.doubt()));
        }
        let days = self.ratios(series, line.table, first, side, levels);
        if days.is_empty() {
            return self.sums(line, only, series, first).peak(&self.grid.effects, side);
        }
        let doubt = self.doubt(line.table);
        let (mut running, mut informed) = ([0.0; LEVELS], 0.0);
        let mut logs = vec![[0.0; LEVELS]; days.len()];
        for (day, row) in days.iter().zip(&mut logs).rev() {
            informed += day.information;
            let kept = 1.0 / (1.0 + doubt * informed);
            // The ratios are those of the plan over the drift.
            running.iter_mut().zip(&day.logs).for_each(|(sum, log)| *sum -= log);
            *row = running.map(|sum| sum * kept);
        }
        weigh_up(logs)
    }
}
