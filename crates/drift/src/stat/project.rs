//! The projection of a target: its transitions multiplied, the cost per lead divided by them.

use plumbline_units::Day;

use super::evidence::{CostProjection, Interval, PairProjection, Projection, TableId, Window};
use super::model::{Cac, Kind, Model, Rates};
use super::projection::{self, capped, interval};
use super::series::{ScopeSeries, at};

/// Days a quiet transition is read over.
const TRAILING_DAYS: usize = 90;

/// Days a quiet volume is read over.
const TRAILING_VOLUME_DAYS: usize = 28;

impl Model {
    /// Where the metric will end up; `None` for `spend`, before any entry, and for `cac` before any spend.
    pub fn project(&self, series: &ScopeSeries, window: &Window) -> Option<Projection> {
        match &self.kind {
            Kind::Conversion(rates) => {
                let (conversion, _, pairs) = self.conversion(rates, series, window)?;
                Some(Projection {
                    plan: self.value,
                    value: conversion,
                    conversion: Some(conversion),
                    pairs,
                    cost_per_lead: None,
                })
            }
            Kind::Cac(cac) => self.project_cac(cac, series, window),
            Kind::Volume { stage, per_day } => self.project_volume(*stage, *per_day, series, window),
            Kind::Velocity(velocity) => self.project_cycle(velocity, series, window),
            Kind::Spend { .. } => None,
        }
    }

    /// The product over transitions with the variance of its logarithm. Where a stage between is not recorded,
    /// the pair from end to end speaks alone.
    fn conversion(
        &self,
        rates: &Rates,
        series: &ScopeSeries,
        window: &Window,
    ) -> Option<(Interval, f64, Vec<PairProjection>)> {
        let earliest = self.first(series, None);
        if earliest >= series.len() {
            return None;
        }
        let whole = rates.end_to_end();
        let recorded = (whole.from + 1..whole.to).all(|stage| series.records(stage, earliest));
        let pairs: Vec<_> = if recorded { rates.adjacent().collect() } else { vec![whole] };
        let (mut value, mut variance, mut shown) = (1.0, 0.0, Vec::with_capacity(pairs.len()));
        for pair in pairs {
            let first = self.window_start(rates, pair.from, series, window);
            let projected = projection::project(pair, series, first);
            value *= projected.pair.rate.value;
            variance += projected.log_variance;
            shown.push(projected.pair);
        }
        Some((capped(interval(value, variance)), variance, shown))
    }

    /// The first position from which the transition leaving `from` is read.
    fn window_start(&self, rates: &Rates, from: u8, series: &ScopeSeries, window: &Window) -> usize {
        let trailing = |not_before: Option<Day>| {
            let first = self.first(series, not_before);
            first.max(series.len().saturating_sub(TRAILING_DAYS))
        };
        match *window {
            Window::SinceOnset(onset) => self.first(series, Some(onset)),
            Window::Trailing { not_before } => trailing(not_before),
            Window::Display { onset, named: Some((named, _)), .. } if named == from => {
                self.first(series, Some(onset))
            }
            Window::Display { onset, leading, .. } => {
                let alarmed = match leading {
                    TableId::Pair { from, .. } => from,
                    _ => rates.end_to_end().from,
                };
                if from < alarmed {
                    return trailing(None);
                }
                let lag = rates.lead_time(from).saturating_sub(rates.lead_time(alarmed));
                self.first(series, Some(onset.plus(i32::try_from(lag).unwrap_or(i32::MAX))))
            }
        }
    }

    /// CAC = (spend / leads) ÷ Π p̂; the logarithm's variance gains φ/n for the leads.
    fn project_cac(&self, cac: &Cac, series: &ScopeSeries, window: &Window) -> Option<Projection> {
        let (conversion, variance, pairs) = self.conversion(&cac.rates, series, window)?;
        let first = match *window {
            Window::SinceOnset(onset) | Window::Display { onset, .. } => self.first(series, Some(onset)),
            Window::Trailing { not_before } => {
                self.first(series, not_before).max(series.len().saturating_sub(TRAILING_DAYS))
            }
        };
        let spread = self.leads_spread(cac, series);
        let entered = series.entered(cac.rates.end_to_end().from);
        let leads: u64 = (first..series.len()).map(|index| u64::from(at(entered, index))).sum();
        let spend: i64 = (first..series.len()).map(|index| at(&series.spend, index)).sum();
        if leads == 0 || spend <= 0 {
            return None;
        }
        let spend = spend as f64 / 1e6;
        let cost = spend / leads as f64;
        let cost_variance = spread / leads as f64;
        Some(Projection {
            plan: self.value,
            value: interval(cost / conversion.value, variance + cost_variance),
            conversion: Some(conversion),
            pairs,
            cost_per_lead: Some(CostProjection {
                plan: cac.cost_per_lead,
                cost: interval(cost, cost_variance),
                since: series.day(first),
                leads,
                spend,
            }),
        })
    }

    /// The level of the days: plan × ΣN/Σμ.
    fn project_volume(
        &self,
        stage: u8,
        per_day: f64,
        series: &ScopeSeries,
        window: &Window,
    ) -> Option<Projection> {
        let first = match *window {
            Window::SinceOnset(onset) | Window::Display { onset, .. } => self.first(series, Some(onset)),
            Window::Trailing { not_before } => {
                self.first(series, not_before).max(series.len().saturating_sub(TRAILING_VOLUME_DAYS))
            }
        };
        let days = self.volume_days(stage, per_day, series, first)?;
        let count: f64 = days.iter().map(|d| d.count).sum();
        let expected: f64 = days.iter().map(|d| d.expected).sum();
        if expected <= 0.0 {
            return None;
        }
        // Half an event keeps the interval of an empty window finite.
        let variance = self.volume_spread(stage, per_day, series) / count.max(0.5);
        let mut value = interval(self.value * count.max(0.5) / expected, variance);
        value.value = self.value * count / expected;
        Some(Projection { plan: self.value, value, conversion: None, pairs: Vec::new(), cost_per_lead: None })
    }
}
