//! The paces of a scan side by side, where the hour of entry matters: what all scopes with one lag share.

use super::super::grid::{GRID, Grid, Side};
use super::super::series::{AgeSeries, ScopeSeries};
use super::super::walk::{self, Walk};
use super::{BY_HOUR, LEAST, Ratios, Timing, by_hour, mean_hour};

/// F at the pace of each effect, and at that of its null.
type Row = [[f64; GRID]; 2];

/// The effects of a grid against one pair of nulls.
#[derive(Clone, Debug)]
pub(super) struct Paces {
    nulls: (f64, f64),
    /// Element `[hour of entry][age]`.
    rows: Vec<Vec<Row>>,
}

/// A cycle time's walk.
pub(crate) struct Walked {
    /// M of the cohorts.
    pub(crate) walk: Walk,
    /// Expected log growth by now, were the pace at the critical effect.
    pub(crate) growth: f64,
    /// The same per conversion, once matured.
    pub(crate) growth_per_conversion: f64,
}

impl Paces {
    /// Tabulates them; `end` is the age from which on ages are one.
    pub(super) fn new(hours: &[f64], ages: usize, end: usize, grid: &Grid, nulls: (f64, f64)) -> Paces {
        let speeds = [
            grid.effects.map(|effect| 1.0 / effect.factor),
            grid.effects.map(|effect| 1.0 / if effect.side == Side::Down { nulls.0 } else { nulls.1 }),
        ];
        let row = |hour: usize, age: usize| -> Row {
            let share = |speed: f64| if age >= end { 1.0 } else { by_hour(hours, age, hour, speed) };
            speeds.map(|speeds| speeds.map(share))
        };
        Paces { nulls, rows: (0..24).map(|hour| (0..ages).map(|age| row(hour, age)).collect()).collect() }
    }

    /// F by age for entries at the hours of `profile`: young cohorts hour by hour, old ones at the mean hour.
    fn shares(&self, profile: &[f64; 24]) -> Vec<Row> {
        let mean = mean_hour(profile);
        let hour = (mean as usize).min(23);
        let part = mean - hour as f64;
        let (early, late) = (&self.rows[hour], &self.rows[(hour + 1).min(23)]);
        let mut shares: Vec<Row> = early
            .iter()
            .zip(late)
            .map(|(early, late)| {
                std::array::from_fn(|of| {
                    std::array::from_fn(|r| early[of][r] + (late[of][r] - early[of][r]) * part)
                })
            })
            .collect();
        for (age, share) in shares.iter_mut().take(BY_HOUR).enumerate() {
            *share = [[0.0; GRID]; 2];
            for (n, rows) in profile.iter().zip(&self.rows) {
                share
                    .as_flattened_mut()
                    .iter_mut()
                    .zip(rows[age].as_flattened())
                    .for_each(|(sum, share)| *sum += n * share);
            }
        }
        shares
    }
}

/// A factor of exp ℓ that keeps its digits where it meets another.
fn plain(factors: &[f64; GRID]) -> bool {
    let (least, most) = (libm::exp(-walk::FACTOR), libm::exp(walk::FACTOR));
    factors.iter().all(|factor| (least..=most).contains(factor))
}

impl Timing {
    /// M of the cohorts from position `first` on; `None` where it takes logarithms or the paces are not tabulated.
    pub(crate) fn walk(
        &self,
        series: &ScopeSeries,
        ages: &AgeSeries,
        first: usize,
        nulls: (f64, f64),
        critical: usize,
    ) -> Option<Walked> {
        let paces = self.paces.iter().find(|paces| paces.nulls == nulls).filter(|_| self.doubt <= 0.0)?;
        let shares = paces.shares(&self.profile(series));
        let mut before: Row = [[0.0; GRID]; 2];
        let (mut hits, mut reached) = (Vec::with_capacity(shares.len()), Vec::with_capacity(shares.len()));
        for row in &shares {
            let ([effect, null], [effect_before, null_before]) = (row, &before);
            hits.push(std::array::from_fn::<f64, GRID, _>(|r| {
                (effect[r] - effect_before[r]).max(LEAST) / (null[r] - null_before[r]).max(LEAST)
            }));
            reached.push(std::array::from_fn::<f64, GRID, _>(|r| null[r].max(LEAST) / effect[r].max(LEAST)));
            before = *row;
        }
        let column = |of: usize| vec![shares.iter().map(|row| row[of][critical]).collect::<Vec<f64>>()];
        let expected = Ratios::of(&column(0), &column(1)).growth.pop()?;
        let (mut walk, mut growth, mut next) = (Walk::START, 0.0, first);
        for (index, _, age, cells) in self.cohorts(series, ages, first) {
            (next..index).for_each(|_| walk.idle());
            next = index + 1;
            let (mut seen, mut total) = ([1.0; GRID], 0);
            for (_, age, n) in cells {
                let factor = raised(&hits[self.folded(0, *age)], *n);
                seen = std::array::from_fn(|r| seen[r] * factor[r]);
                total += *n;
            }
            let by_now = raised(&reached[age], total);
            if !plain(&seen) || !plain(&by_now) {
                return None;
            }
            walk.step(&seen, &by_now);
            growth += f64::from(total) * expected[age];
        }
        (next..series.len()).for_each(|_| walk.idle());
        Some(Walked { walk, growth, growth_per_conversion: expected.last().copied().unwrap_or(0.0) })
    }
}

/// Each to the power `n`, which is seldom more than a few.
fn raised(base: &[f64; GRID], n: u32) -> [f64; GRID] {
    match n {
        1 => *base,
        2..=3 => walk::power::<2>(base, n),
        4..=15 => walk::power::<4>(base, n),
        _ => walk::power::<32>(base, n),
    }
}
