//! Targets of cycle time.

use std::cell::OnceCell;

use plumbline_plan::Direction;
use plumbline_units::Day;

use super::assess::{Line, Lines, Rows};
use super::evidence::{Projection, TableId, Window};
use super::grid::Side;
use super::model::{Kind, Model, Velocity, busy};
use super::projection::interval;
use super::scan::log_sum;
use super::series::ScopeSeries;

/// ln 0.8 / ln 0.9: "still drifting" stands as far beyond the warn bound as for conversions.
const STILL_DRIFTING: f64 = 2.118;

/// Days a quiet cycle is read over at least; the longest lags need more.
const TRAILING_DAYS: usize = 90;

impl Model {
    /// The ages of the conversions against the planned lag.
    pub(super) fn cycle<'a>(
        &self,
        velocity: &'a Velocity,
        series: &ScopeSeries,
        first: usize,
    ) -> Option<Lines<'a>> {
        let timing = &velocity.timing;
        series.entered(timing.from).get(first..)?.iter().find(|n| **n > 0)?;
        let ages = series.ages(timing.from, timing.to)?;
        let by_volume = || f64::from(u8::from(busy(series, timing.from, first)));
        let strictness = velocity.strictness.unwrap_or_else(by_volume);
        let table = TableId::Velocity { from: timing.from, to: timing.to };
        let critical = self.grid.critical_effect();
        let lines = |line: Line<'a>, growth: f64, per_conversion: f64| Lines {
            lines: vec![line],
            tables: 1,
            growth,
            growth_per_entry: velocity.rate * per_conversion,
            strictness,
        };
        let walked = timing.walk(series, ages, first, self.grid.nulls(strictness), critical);
        let parted = walked.and_then(|walked| Some((walked.walk.parts(&self.grid.effects)?, walked)));
        if let Some((parts, walked)) = parted {
            let line = Line { table, parts, rows: Rows::Paced(timing, strictness, OnceCell::new()) };
            return Some(lines(line, walked.growth, walked.growth_per_conversion));
        }
        let timed = timing.score(series, ages, first, &self.grid, strictness, (critical, None));
        Some(lines(self.line(table, timed.scores.accumulate()), timed.growth, timed.growth_per_conversion))
    }

    /// The planned median times the estimated pace of the entries of the window.
    pub(super) fn project_cycle(
        &self,
        velocity: &Velocity,
        series: &ScopeSeries,
        window: &Window,
    ) -> Option<Projection> {
        let timing = &velocity.timing;
        let first = match *window {
            Window::SinceOnset(onset) | Window::Display { onset, .. } => self.first(series, Some(onset)),
            // Half the scan: the p90 of the lag.
            Window::Trailing { not_before } => self
                .first(series, not_before)
                .max(series.len().saturating_sub(TRAILING_DAYS.max(velocity.window / 2))),
        };
        let ages = series.ages(timing.from, timing.to)?;
        if first >= series.len() {
            return None;
        }
        let pace = timing.estimate(series, ages, first);
        Some(Projection {
            plan: self.value,
            value: interval(self.value * libm::exp(pace.log), pace.variance),
            conversion: None,
            pairs: Vec::new(),
            cost_per_lead: None,
        })
    }

    /// ln of the detector reversed on a cycle time: evidence, among the entries since `since`, that it is no longer
    /// off plan in `direction`. As [`Model::recovering`].
    pub fn cycle_recovering(&self, series: &ScopeSeries, direction: Direction, since: Day) -> f64 {
        let Kind::Velocity(velocity) = &self.kind else { return f64::MIN };
        let Some(ages) = series.ages(velocity.timing.from, velocity.timing.to) else { return f64::MIN };
        let side = if self.direction(Side::Down) == direction { Side::Down } else { Side::Up };
        let warn = if side == Side::Down { self.grid.warn_down } else { self.grid.warn_up };
        let first = self.first(series, Some(since));
        let mut running = 0.0;
        let mut sums = velocity.timing.ratios(series, ages, first, libm::pow(warn, STILL_DRIFTING));
        for sum in sums.iter_mut().rev() {
            running += *sum;
            *sum = running;
        }
        log_sum(sums.into_iter())
    }
}
